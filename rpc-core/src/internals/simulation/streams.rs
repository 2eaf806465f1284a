//! Owns the simulation of streams: two ends of a session with the real table of streams, the frames between them, and programs that open,
//! send, read and close as a seed says. After each step everything is checked: nothing is lost, doubled or out of order before a close,
//! credit is conserved, and an honest side is never refused; in the end nothing is left.

use std::collections::{BTreeMap, VecDeque};

use super::rng::Choices;
use crate::id::StreamId;
use crate::limits::{ITEM_COST, PeerLimits, streams_window_min};
use crate::proto::{Allowance, Half, Kind, Rule, Streams, Taken, item_max};

const WINDOW: u64 = 65_536;
const STEPS: usize = 600;

const LIMITS: PeerLimits =
    PeerLimits { streams: 3, stream_window: WINDOW, streams_window: streams_window_min(WINDOW), ..PeerLimits::MINIMUM };

#[derive(Clone, Debug)]
enum Sent {
    Open(StreamId, Half, Kind),
    /// The number of the item, its bytes, and what it cost.
    Data(StreamId, u64, u64, u64),
    Close(StreamId, bool),
    Credit(StreamId, u64),
    SessionCredit(u64),
}

/// What a program and a shell keep of a stream.
#[derive(Debug)]
struct Known {
    half: Half,
    kind: Kind,
    /// Items sent, or read, so far.
    count: u64,
    /// Items that arrived and were not read: number and cost.
    waiting: VecDeque<(u64, u64)>,
    /// What was read and not given back.
    owed: u64,
    /// This side's program has closed its half.
    closed: bool,
}

struct End {
    streams: Streams,
    known: BTreeMap<StreamId, Known>,
    frames: VecDeque<Sent>,
    parcels: VecDeque<Sent>,
    wire: VecDeque<Sent>,
    /// Streams whose sender said that they are complete, and how many items had been sent.
    sent: BTreeMap<StreamId, u64>,
}

struct World {
    ends: [End; 2],
    choices: Choices<'static>,
    reads: usize,
}

/// What was come across.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Items read.
    pub reads: usize,
}

/// Runs one seed.
///
/// # Errors
///
/// The first rule that was broken, in words.
pub fn run(seed: u64) -> Result<Seen, String> {
    let mut world = World::new(seed);
    for step in 0..STEPS {
        world.step().and_then(|()| world.check()).map_err(|error| format!("step {step}: {error}"))?;
    }
    world.read_all()?;
    world.settle()?;
    Ok(Seen { reads: world.reads })
}

impl End {
    fn new(dialled: bool) -> Self {
        let mut streams = Streams::new(LIMITS, LIMITS);
        streams.set_dialled(dialled);
        let empty = VecDeque::new;
        Self { streams, known: BTreeMap::new(), frames: empty(), parcels: empty(), wire: empty(), sent: BTreeMap::new() }
    }

    fn close(&mut self, id: StreamId) {
        if let Some(half) = self.streams.close(id) {
            self.parcels.push_back(Sent::Close(id, half == Half::Receiving));
        }
    }

    /// The program reads nothing more: what waits is given back.
    fn drop_waiting(&mut self, id: StreamId) {
        let Some(known) = self.known.get_mut(&id) else { return };
        let cost = known.owed + known.waiting.drain(..).map(|(_, cost)| cost).sum::<u64>();
        known.owed = 0;
        self.give_back(id, cost);
    }

    fn give_back(&mut self, id: StreamId, cost: u64) {
        if cost == 0 {
            return;
        }
        self.streams.consumed(id, cost);
    }

    fn forget(&mut self, id: StreamId) {
        if !self.streams.is_open(id) && self.known.get(&id).is_some_and(|known| known.half == Half::Sending) {
            self.known.remove(&id);
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self { ends: [End::new(true), End::new(false)], choices: Choices::Seed(seed), reads: 0 }
    }

    fn pick(&mut self, below: usize) -> usize {
        self.choices.below(below)
    }

    fn pick_stream(&mut self, end: usize, half: Half) -> Option<StreamId> {
        let ids: Vec<_> = self.ends[end].known.iter().filter(|(_, known)| known.half == half).map(|(&id, _)| id).collect();
        if ids.is_empty() { None } else { Some(ids[self.pick(ids.len())]) }
    }

    fn step(&mut self) -> Result<(), String> {
        let end = self.pick(2);
        match self.pick(12) {
            0 => self.open(end),
            1..=3 => self.send(end),
            4..=5 => self.read(end)?,
            6 => {
                let half = if self.pick(2) == 0 { Half::Sending } else { Half::Receiving };
                if let (0, Some(id)) = (self.pick(4), self.pick_stream(end, half)) {
                    self.close(end, id);
                }
            }
            7..=8 => self.leave(end),
            _ => return self.arrive(end),
        }
        Ok(())
    }

    fn open(&mut self, end: usize) {
        let half = if self.pick(2) == 0 { Half::Sending } else { Half::Receiving };
        let kind = [Kind::Items(0), Kind::Items(1), Kind::Items(5), Kind::Bytes][self.pick(4)];
        let Some(id) = self.ends[end].streams.open(half, kind) else { return };
        self.ends[end].known.insert(id, known(half, kind));
        self.ends[end].frames.push_back(Sent::Open(id, half, kind));
    }

    fn send(&mut self, end: usize) {
        let Some(id) = self.pick_stream(end, Half::Sending) else { return };
        let bytes = [1, 100, 20_000, 49_000][self.pick(4)];
        let side = &mut self.ends[end];
        let Some(known) = side.known.get_mut(&id).filter(|known| !known.closed) else { return };
        let taken = match known.kind {
            Kind::Bytes => side.streams.take_bytes(id, bytes),
            _ => side.streams.take_item(id, bytes, 0),
        };
        if let Taken::Credit(cost) = taken {
            let bytes = if known.kind == Kind::Bytes { cost } else { bytes };
            side.parcels.push_back(Sent::Data(id, known.count, bytes, cost));
            known.count += 1;
        }
    }

    fn read(&mut self, end: usize) -> Result<(), String> {
        self.pick_stream(end, Half::Receiving).map_or(Ok(()), |id| self.read_one(end, id))
    }

    fn read_one(&mut self, end: usize, id: StreamId) -> Result<(), String> {
        let side = &mut self.ends[end];
        let Some(known) = side.known.get_mut(&id) else { return Ok(()) };
        let Some((number, cost)) = known.waiting.pop_front() else { return Ok(()) };
        if number != known.count {
            return Err(format!("item {number} of {id:?} was read where {} belongs", known.count));
        }
        known.count += 1;
        known.owed += cost;
        self.reads += 1;
        if known.owed >= side.streams.reader_step() {
            let owed = std::mem::take(&mut known.owed);
            side.give_back(id, owed);
        }
        Ok(())
    }

    fn close(&mut self, end: usize, id: StreamId) {
        let side = &mut self.ends[end];
        let Some(known) = side.known.get_mut(&id) else { return };
        known.closed = true;
        if known.half == Half::Sending && side.streams.is_open_there(id) {
            side.sent.insert(id, known.count);
        }
        let receives = known.half == Half::Receiving;
        side.close(id);
        if receives {
            side.drop_waiting(id);
            side.known.remove(&id);
        }
    }

    /// Frames go ahead of parcels, as they do in a batch.
    fn leave(&mut self, end: usize) {
        let side = &mut self.ends[end];
        while let Some(grant) = side.streams.next_grant() {
            side.frames.push_back(match grant {
                Allowance::Stream(id, bytes) => Sent::Credit(id, bytes),
                Allowance::All(bytes) => Sent::SessionCredit(bytes),
            });
        }
        side.wire.append(&mut side.frames);
        if let Some(parcel) = side.parcels.pop_front() {
            if let Sent::Close(id, _) = parcel {
                side.streams.close_left(id);
                side.forget(id);
            }
            side.wire.push_back(parcel);
        }
    }

    fn arrive(&mut self, from: usize) -> Result<(), String> {
        let Some(frame) = self.ends[from].wire.pop_front() else { return Ok(()) };
        let said = format!("{frame:?}");
        self.handle(1 - from, from, frame).map_err(|rule| format!("{said} was refused: {rule}"))?
    }

    fn handle(&mut self, end: usize, from: usize, frame: Sent) -> Result<Result<(), String>, Rule> {
        let side = &mut self.ends[end];
        match frame {
            Sent::Open(id, half, kind) => {
                side.streams.accept(id, half.other(), kind)?;
                side.known.insert(id, known(half.other(), kind));
            }
            Sent::Data(id, number, bytes, cost) => {
                let items = side.known.get(&id).is_none_or(|known| known.kind != Kind::Bytes) && bytes != cost;
                let data = side.streams.handle_data(id, bytes, 0, items)?;
                if data.cost != cost {
                    return Ok(Err(format!("it cost {} here and {cost} there", data.cost)));
                }
                match side.known.get_mut(&id) {
                    Some(known) if data.wanted => known.waiting.push_back((number, cost)),
                    _ => side.streams.give_back(cost),
                }
            }
            Sent::Credit(id, bytes) => side.streams.handle_credit(id, bytes)?,
            Sent::SessionCredit(bytes) => side.streams.handle_session_credit(bytes)?,
            Sent::Close(id, by_receiver) => {
                let closed = side.streams.handle_close(id, by_receiver)?;
                if closed.answer {
                    side.close(id);
                }
                side.forget(id);
                let arrived = side.known.get(&id).map(|known| known.count + known.waiting.len() as u64);
                let complete = self.ends[from].sent.remove(&id);
                if let (false, Some(sent), Some(arrived), true) = (by_receiver, complete, arrived, closed.answer)
                    && sent != arrived
                {
                    return Ok(Err(format!("{arrived} of {sent} items of {id:?} had arrived at its end")));
                }
            }
        }
        Ok(Ok(()))
    }

    /// What may be sent, is on its way, waits, or is owed adds up to the window.
    fn check(&self) -> Result<(), String> {
        for (end, other) in [(0, 1), (1, 0)] {
            let (sender, receiver) = (&self.ends[end], &self.ends[other]);
            let sent = || sender.parcels.iter().chain(&sender.wire);
            let granted = || receiver.frames.iter().chain(&receiver.wire);
            for (&id, known) in sender.known.iter().filter(|(_, known)| known.half == Half::Sending && !known.closed) {
                let Some(there) = receiver.known.get(&id) else { continue };
                let both_open = sender.streams.is_open_there(id) && receiver.streams.is_open_there(id);
                let Some(credit) = sender.streams.credit(id).filter(|_| both_open) else { continue };
                let on_its_way: u64 =
                    sent().map(|sent| if let Sent::Data(of, _, _, cost) = sent { cost * u64::from(*of == id) } else { 0 }).sum();
                let coming_back: u64 =
                    granted().map(|sent| if let Sent::Credit(of, bytes) = sent { bytes * u64::from(*of == id) } else { 0 }).sum();
                let waiting: u64 = there.waiting.iter().map(|(_, cost)| cost).sum();
                let sum = credit + on_its_way + coming_back + waiting + there.owed + receiver.streams.owed(id);
                if sum != WINDOW {
                    return Err(format!("{sum} of {WINDOW} are accounted for on {id:?}, {:?}", known.kind));
                }
            }
            let (credit, ..) = sender.streams.credits();
            let on_its_way: u64 = sent().map(|sent| if let Sent::Data(_, _, _, cost) = sent { *cost } else { 0 }).sum();
            let coming_back: u64 = granted().map(|sent| if let Sent::SessionCredit(bytes) = sent { *bytes } else { 0 }).sum();
            let (_, _, owed) = receiver.streams.credits();
            let waiting: u64 =
                receiver.known.values().map(|known| known.owed + known.waiting.iter().map(|(_, cost)| cost).sum::<u64>()).sum();
            let sum = credit + on_its_way + coming_back + waiting + owed;
            if sum != LIMITS.streams_window {
                return Err(format!("{sum} of {} are accounted for on all streams", LIMITS.streams_window));
            }
        }
        Ok(())
    }

    /// Lets everything arrive and be read, while nothing is sent or closed: then the largest item finds credit on every stream.
    fn read_all(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            for end in 0..2 {
                self.leave(end);
                self.arrive(end)?;
                for id in self.ends[end].known.keys().copied().collect::<Vec<_>>() {
                    self.read_one(end, id)?;
                }
            }
            self.check()?;
        }
        for side in &self.ends {
            for (&id, known) in side.known.iter().filter(|(_, known)| known.half == Half::Sending && !known.closed) {
                let mut streams = side.streams.clone();
                let most = item_max(WINDOW) - ITEM_COST;
                let taken = if known.kind == Kind::Bytes { streams.take_bytes(id, most) } else { streams.take_item(id, most, 0) };
                if taken == Taken::Nothing || known.kind == Kind::Bytes && taken != Taken::Closed && taken != Taken::Credit(most) {
                    let credits = (side.streams.credit(id), side.streams.credits());
                    return Err(format!(
                        "everything was read, and there is no credit for an item of {id:?}, {:?}: {credits:?}",
                        known.kind
                    ));
                }
            }
        }
        Ok(())
    }

    /// Closes everything, lets everything arrive, and looks at what is left.
    fn settle(&mut self) -> Result<(), String> {
        for end in 0..2 {
            for id in self.ends[end].known.keys().copied().collect::<Vec<_>>() {
                self.close(end, id);
            }
        }
        for _ in 0..10_000 {
            for end in 0..2 {
                self.leave(end);
                self.arrive(end)?;
            }
            // A stream that was opened on the way is closed as well.
            for end in 0..2 {
                let late: Vec<_> = self.ends[end].known.iter().filter(|(_, known)| !known.closed).map(|(&id, _)| id).collect();
                late.into_iter().for_each(|id| self.close(end, id));
            }
            self.check()?;
        }
        match self.ends.iter().map(|end| end.streams.len()).sum::<usize>() {
            0 => Ok(()),
            left => Err(format!("{left} entries are left")),
        }
    }
}

const fn known(half: Half, kind: Kind) -> Known {
    Known { half, kind, count: 0, waiting: VecDeque::new(), owed: 0, closed: false }
}
