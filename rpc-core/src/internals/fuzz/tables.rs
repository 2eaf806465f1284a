//! Owns the fuzz target of the protocol's tables: one end of a session, whose peer may say anything at any time. What two ends that keep the
//! rules do together is the simulation's.

use super::table_of_streams::{Known, with_streams};
use crate::id::{CallId, ExportId};
use crate::limits::{PeerLimits, Size, TABLES_COST_MAX};
use crate::proto::{CallArrival, Connection, Grant, Pool, Rule};
use crate::wire::{ChunkOf, DefineMethod};

const CALLS: u32 = 4;
const EXPORTS: u32 = 6;
const MESSAGE_BYTES: u64 = 1_000;
const WINDOW: u64 = 2_000 + TABLES_COST_MAX;

/// Any bytes as a list of what the peer says and what this end does, four bytes each. Whatever comes, no table grows beyond its limit, no window beyond
/// its size, what is refused changes nothing, and a session that ends leaves nothing.
///
/// # Panics
///
/// When one of these does not hold.
pub fn tables(data: &[u8]) {
    let limits = with_streams(PeerLimits {
        calls_in_flight: CALLS,
        exports: EXPORTS,
        message_bytes: MESSAGE_BYTES,
        call_window: WINDOW,
        return_window: WINDOW,
        definitions: 3,
        ..PeerLimits::MINIMUM
    });
    let mut end = End::new(Connection::new(limits, limits, 20, None));
    for step in data.chunks_exact(4) {
        end.step([step[0], step[1], step[2], step[3]]);
        end.check();
        if end.tables.is_spent() {
            break;
        }
    }
    end.tables.close();
    let tables = &end.tables;
    let left = [tables.questions.len(), tables.answers.len(), tables.exports.len(), tables.imports.len()];
    let pieces = tables.call_pieces.len() + tables.return_pieces.len();
    assert_eq!((left, pieces, tables.streams.len()), ([0; 4], 0, 0), "something is left after the end");
}

/// One end, and what its shell knows beside the tables.
struct End {
    tables: Connection,
    /// Messages that are arriving or have arrived, with what they cost, until they are taken out.
    incoming: Vec<(ChunkOf, CallId, u64)>,
    /// Those that are here in full.
    complete: Vec<(ChunkOf, CallId, u64)>,
    asked: Vec<CallId>,
    /// Exports by the references that the peer holds.
    sent: Vec<(ExportId, u64)>,
    releases: Vec<(ExportId, u32)>,
    streams: Known,
}

impl End {
    fn new(tables: Connection) -> Self {
        Self {
            tables,
            incoming: Vec::new(),
            complete: Vec::new(),
            asked: Vec::new(),
            sent: Vec::new(),
            releases: Vec::new(),
            streams: Known::default(),
        }
    }

    fn step(&mut self, [what, a, b, c]: [u8; 4]) {
        let call = CallId { index: u32::from(a & 15), generation: u32::from(a >> 6) };
        let export = ExportId { index: u32::from(a & 7), generation: u32::from(a >> 6) };
        let size = Size::new(length(b), usize::from(c) * 16, usize::from(c & 3));
        // The last part of the last round, so that older inputs mean what they meant.
        if what >= 234 {
            return self.stream([what - 234, a, b, c]);
        }
        match what % 18 {
            0 => self.hear(
                |tables| tables.handle_call(call, size, length(c).min(size.total)),
                |end, arrival| end.call_arrived(call, size, arrival),
            ),
            1 => self.hear(
                |tables| tables.handle_return(call, size, length(c).min(size.total)),
                |end, complete| end.arrived(ChunkOf::Return, call, size.cost, complete),
            ),
            2 | 3 => {
                let of = if what % 18 == 2 { ChunkOf::Call } else { ChunkOf::Return };
                self.hear(|tables| tables.handle_chunk(of, call, length(b)), |end, complete| end.piece_arrived(of, call, complete));
            }
            4 => self.hear(|tables| tables.handle_finish(call, b & 1 == 0), |_, _| {}),
            5 => self.hear(|tables| tables.exports.release(export, u32::from(b)), |end, gone| end.released(export, b, gone)),
            6 => self.hear(|tables| tables.imports.receive(export), |end, ()| end.releases.push((export, 1))),
            7 => self.hear(|tables| tables.peer.define_interface(u32::from(a & 3), "an::Interface"), |_, ()| {}),
            8 => {
                let method = DefineMethod { number: u32::from(a & 3), name: "method", fingerprint: 1, signature: "", structure: &[a, b] };
                self.hear(|tables| tables.peer.define_method(u32::from(b & 3), &method), |_, ()| {});
            }
            9 => self.hear(
                |tables| tables.questions.depart(u64::from(a)),
                |end, late| end.asked.retain(|id| !late.iter().any(|(late, _)| late == id)),
            ),
            10 => self.tables.handle_call_credit(length(b)),
            11 => self.tables.handle_return_credit(length(b)),
            12 => self.ask(if a & 1 == 0 { Pool::Root } else { Pool::Nested }, size, b),
            13 => self.answer(call, size, b),
            14 => self.take(usize::from(a)),
            15 => self.export(u64::from(a & 15)),
            16 => self.tables.imports.give_back(&mut self.releases),
            _ => match a & 3 {
                0 => self.tables.answers.batch_written(),
                1 => drop(self.tables.answers.depart()),
                _ => drop(self.tables.questions.cancel(call)),
            },
        }
    }

    /// Hands a frame of the peer's in. One that is refused costs the peer of its budget, and moves nothing but windows.
    fn hear<R>(&mut self, handle: impl FnOnce(&mut Connection) -> Result<R, Rule>, taken: impl FnOnce(&mut Self, R)) {
        let before = self.sizes();
        match handle(&mut self.tables) {
            Ok(result) => taken(self, result),
            Err(_) => {
                assert_eq!(self.sizes(), before, "a frame that was refused changed a table");
                let goes_on = self.tables.refuse();
                assert_eq!(goes_on, !self.tables.is_spent());
            }
        }
    }

    fn stream(&mut self, [what, a, b, c]: [u8; 4]) {
        let before = self.tables.streams.clone();
        if self.streams.step(&mut self.tables.streams, what, [a, b, c]).is_err() {
            assert!(self.tables.streams == before, "a frame that was refused changed the table of streams");
            let goes_on = self.tables.refuse();
            assert_eq!(goes_on, !self.tables.is_spent());
        }
    }

    fn sizes(&self) -> [usize; 6] {
        let Connection { questions, answers, exports, imports, call_pieces, return_pieces, .. } = &self.tables;
        [questions.len(), answers.len(), exports.len(), imports.len(), call_pieces.len(), return_pieces.len()]
    }

    fn call_arrived(&mut self, call: CallId, size: Size, arrival: CallArrival) {
        let complete = matches!(arrival, CallArrival::Complete | CallArrival::Departed { complete: true });
        self.arrived(ChunkOf::Call, call, size.cost, complete);
    }

    fn arrived(&mut self, of: ChunkOf, call: CallId, cost: u64, complete: bool) {
        let message = (of, call, cost);
        if complete { self.complete.push(message) } else { self.incoming.push(message) }
    }

    fn piece_arrived(&mut self, of: ChunkOf, call: CallId, complete: bool) {
        let at = self.incoming.iter().position(|message| (message.0, message.1) == (of, call));
        let at = at.expect("a piece of a message that never began was taken");
        if complete {
            let message = self.incoming.swap_remove(at);
            self.complete.push(message);
        }
    }

    /// The shell takes a message out.
    fn take(&mut self, which: usize) {
        if self.complete.is_empty() {
            return;
        }
        let (of, call, cost) = self.complete.swap_remove(which % self.complete.len());
        let granted = match of {
            ChunkOf::Call => self.tables.call_consumed(cost),
            ChunkOf::Return => {
                // A go-away may have closed the question meanwhile.
                let question = self.tables.questions.close(call);
                assert_eq!(question.is_ok(), self.asked.contains(&call), "a return closed a call that was not open");
                self.asked.retain(|id| *id != call);
                self.tables.return_consumed(cost)
            }
        };
        assert!(granted.is_none_or(|bytes| bytes > 0 && bytes <= 2 * WINDOW), "{granted:?} bytes of credit");
    }

    fn ask(&mut self, pool: Pool, size: Size, token: u8) {
        if size.total > MESSAGE_BYTES || !self.tables.questions.is_open() || !self.tables.has_room(pool, size.cost) {
            return;
        }
        let id = self.tables.call(pool, size.cost, u32::from(token));
        assert!(!self.asked.contains(&id), "an id is given to two calls");
        if token & 7 == 0 { self.tables.take_call_back(id, size.cost) } else { self.asked.push(id) }
    }

    fn answer(&mut self, call: CallId, size: Size, holds: u8) {
        if self.tables.answers.is_running(call) && self.tables.return_credit(size.cost) {
            assert!(self.tables.answers.returned(call, holds & 1 == 0), "a call that runs cannot return");
            assert!(!self.tables.answers.returned(call, true), "a call returns twice");
        }
    }

    fn export(&mut self, object: u64) {
        let Some(exported) = self.tables.exports.send(Grant { object, interface: 1 }) else { return };
        match self.sent.iter_mut().find(|(id, _)| *id == exported.id) {
            Some((_, count)) => *count += 1,
            None => self.sent.push((exported.id, 1)),
        }
        assert_eq!(self.tables.exports.get(exported.id).map(|grant| grant.object), Some(object), "an export names another object");
    }

    fn released(&mut self, export: ExportId, count: u8, gone: Option<Grant>) {
        let at = self.sent.iter().position(|(id, _)| *id == export).expect("what was never sent was released");
        let left = self.sent[at].1.checked_sub(u64::from(count)).expect("more was released than was sent");
        self.sent[at].1 = left;
        assert_eq!(gone.is_some(), left == 0, "an object is let go at another moment than its last reference");
        if left == 0 {
            self.sent.swap_remove(at);
        }
    }

    fn check(&self) {
        let Connection { questions, answers, exports, imports, call_pieces, return_pieces, .. } = &self.tables;
        let calls = CALLS as usize;
        assert_eq!(questions.len(), self.asked.len(), "calls in flight do not add up");
        assert!(questions.len() <= 2 * calls && answers.running() <= 2 * calls && answers.len() <= 2 * calls, "too many calls");
        assert!(call_pieces.len() <= 2 * calls && return_pieces.len() <= 2 * calls, "too many messages that are arriving");
        assert!(imports.len() <= EXPORTS as usize && exports.len() <= EXPORTS as usize, "too many objects");
        assert_eq!(exports.references(), self.sent.iter().map(|(_, count)| count).sum::<u64>(), "references do not add up");
        for of in [ChunkOf::Call, ChunkOf::Return] {
            let here = self.incoming.iter().chain(&self.complete).filter(|message| message.0 == of);
            let cost: u64 = here.map(|message| message.2).sum();
            assert!(cost <= WINDOW, "{cost} bytes are here, more than the window");
        }
        self.streams.check(&self.tables.streams);
        assert!(self.tables == self.tables.clone(), "a copy differs");
    }
}

/// Lengths that mean something, from a byte.
fn length(byte: u8) -> u64 {
    match byte {
        0..=199 => u64::from(byte) * 6,
        200..=239 => MESSAGE_BYTES - 20 + u64::from(byte - 200),
        240..=247 => WINDOW - 4 + u64::from(byte - 240),
        248..=251 => 1 << 60,
        _ => u64::MAX - u64::from(255 - byte),
    }
}
