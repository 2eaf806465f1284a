//! Owns the node that is called, and passes on what is called: back to the caller, which takes credit, or to the third node.

use std::collections::{BTreeMap, VecDeque};

use super::{Frame, PROMISES, Way, asked_id, call_id, marker, resolve_marker};
use crate::proto::{Ahead, AheadBounds, Lines, Place, Whereabouts};

const BOUNDS: AheadBounds = AheadBounds { calls: 100, cost: 100 };

/// Calls back to the caller that may be on their way at a time.
const CREDIT: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Turn {
    Call(u8, u8),
    Back(usize),
    Resolve(usize),
}

/// The line before the result of a call, and before what the middle has promised by it.
const fn answers(promise: usize) -> u64 {
    promise as u64
}

/// The line before what a promise of the middle's has become.
const fn object(promise: usize) -> u64 {
    (PROMISES + promise) as u64
}

/// What a line leads to.
const fn before(line: u64) -> usize {
    line as usize % PROMISES
}

/// A call that is here in part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Arriving {
    object: usize,
    line: u64,
    pieces: u8,
    is_here: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Middle {
    ahead: Ahead,
    asked: [bool; PROMISES],
    completed: [bool; PROMISES],
    /// Which results are promises of which it is not known yet what they are, and of which ones it is.
    unknown: [bool; PROMISES],
    known: [bool; PROMISES],
    /// Calls on a result that is a promise, until it is known.
    kept: [VecDeque<(u8, u8)>; PROMISES],
    calls: BTreeMap<u8, Arriving>,
    lines: Lines<Turn>,
    used: u8,
    /// Calls back to the caller that wait for credit.
    tickets: VecDeque<(u8, u8)>,
    /// Answers to embargoes, behind the tickets that go before.
    behind: VecDeque<(Vec<u8>, usize)>,
}

impl Middle {
    pub(super) fn runs(&self, promise: usize) -> bool {
        self.asked[promise] && !self.completed[promise]
    }

    pub(super) fn knows(&self, promise: usize) -> bool {
        self.known[promise]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ahead == Ahead::default()
            && self.lines.is_empty()
            && self.tickets.is_empty()
            && self.behind.is_empty()
            && self.calls.is_empty()
            && self.kept.iter().all(VecDeque::is_empty)
    }

    /// A handler is done: what waits for its result is put in line, ahead of the return.
    pub(super) fn complete(&mut self, promise: usize, is_promise: bool, back: &mut Way, third: &mut Way) {
        self.completed[promise] = true;
        self.unknown[promise] = is_promise && !self.known[promise];
        let line = self.line(promise);
        let (waiting, _) = self.ahead.returned(asked_id(promise));
        for id in waiting {
            self.ahead.left(1);
            let call = id.index as u8;
            let Some(arriving) = self.calls.get_mut(&call) else { continue };
            arriving.line = line;
            let place = if arriving.is_here {
                let turn = Turn::Call(call, arriving.pieces);
                self.calls.remove(&call);
                Place::Ready(id, turn)
            } else {
                Place::Arriving(id)
            };
            self.lines.push(line, place);
        }
        back.send(Frame::Return { promise, is_promise: self.unknown[promise] });
        self.advance(line, back, third);
    }

    /// It is known what a result is that is a promise: the calls that waited for that go, and the caller is told behind those that have not
    /// started yet.
    pub(super) fn know(&mut self, promise: usize, back: &mut Way, third: &mut Way) {
        self.known[promise] = true;
        if !std::mem::take(&mut self.unknown[promise]) {
            return; // It goes as what it is.
        }
        for (call, pieces) in std::mem::take(&mut self.kept[promise]) {
            self.start(promise, call, pieces, back, third);
        }
        let line = answers(promise);
        if self.lines.has(line) {
            self.lines.push(line, Place::Ready(resolve_marker(promise), Turn::Resolve(promise)));
        } else {
            back.send(Frame::Resolve(promise));
        }
    }

    /// The line before what a frame names.
    fn line(&self, promise: usize) -> u64 {
        let is_known = self.known[promise] && !self.lines.has(answers(promise));
        if is_known { object(promise) } else { answers(promise) }
    }

    pub(super) fn receive(&mut self, frame: Frame, back: &mut Way, third: &mut Way) {
        match frame {
            Frame::Ask(promise) => {
                self.asked[promise] = true;
                self.ahead.open(asked_id(promise));
            }
            Frame::Ahead { promise, call, pieces } => {
                if self.ahead.whereabouts(asked_id(promise)) == Whereabouts::Runs {
                    let waits = self.ahead.wait(call_id(call), asked_id(promise), 1, BOUNDS);
                    debug_assert!(waits.is_some());
                    self.calls.insert(call, Arriving { object: promise, line: 0, pieces, is_here: pieces == 1 });
                } else {
                    self.arrive(promise, self.line(promise), call, pieces, back, third);
                }
            }
            Frame::Call { object, call, pieces } => self.arrive(object, self.line(object), call, pieces, back, third),
            Frame::Piece(call) => self.piece(call, back, third),
            Frame::Finish(promise) => {
                self.ahead.finish(asked_id(promise));
            }
            Frame::Embargo(promise) => {
                let line = self.line(promise);
                if self.lines.has(line) {
                    self.lines.push(line, Place::Ready(marker(promise), Turn::Back(promise)));
                } else {
                    self.send_back(promise, back);
                }
            }
            Frame::Credit => {
                self.used -= 1;
                if let Some((call, pieces)) = self.tickets.pop_front() {
                    self.used += 1;
                    back.send(Frame::Call { object: 0, call, pieces });
                }
                self.send_behind(back);
            }
            Frame::Return { .. } | Frame::Resolve(_) | Frame::Back(_) => {}
        }
    }

    fn arrive(&mut self, object: usize, line: u64, call: u8, pieces: u8, back: &mut Way, third: &mut Way) {
        if pieces == 2 {
            self.calls.insert(call, Arriving { object, line, pieces, is_here: false });
            self.lines.push(line, Place::Arriving(call_id(call)));
        } else if self.lines.has(line) {
            self.lines.push(line, Place::Ready(call_id(call), Turn::Call(call, pieces)));
        } else {
            self.start(object, call, pieces, back, third);
        }
    }

    fn piece(&mut self, call: u8, back: &mut Way, third: &mut Way) {
        let Some(arriving) = self.calls.get_mut(&call) else { return };
        let (object, line, pieces) = (arriving.object, arriving.line, arriving.pieces);
        if self.ahead.whereabouts(asked_id(object)) == Whereabouts::Runs {
            arriving.is_here = true;
            return;
        }
        self.calls.remove(&call);
        self.lines.arrived(line, call_id(call), Turn::Call(call, pieces));
        self.advance(line, back, third);
    }

    fn advance(&mut self, line: u64, back: &mut Way, third: &mut Way) {
        while let Some((id, turn)) = self.lines.next(line) {
            match turn {
                Turn::Call(call, pieces) => self.start(before(line), call, pieces, back, third),
                Turn::Back(promise) => self.send_back(promise, back),
                Turn::Resolve(_) => {
                    let turn = self.lines.go_last(line, id, turn, |turn| matches!(turn, Turn::Resolve(_)));
                    if let Some(Turn::Resolve(promise)) = turn {
                        back.send(Frame::Resolve(promise));
                    }
                    continue;
                }
            }
            self.lines.leave(line, id);
        }
    }

    /// Passes a call on, or has it wait for what it is made on.
    fn start(&mut self, object: usize, call: u8, pieces: u8, back: &mut Way, third: &mut Way) {
        if self.unknown[object] {
            self.kept[object].push_back((call, pieces));
        } else if object != 0 {
            third.send(Frame::Call { object, call, pieces });
        } else if self.used < CREDIT && self.tickets.is_empty() {
            self.used += 1;
            back.send(Frame::Call { object: 0, call, pieces });
        } else {
            self.tickets.push_back((call, pieces));
        }
    }

    fn send_back(&mut self, promise: usize, back: &mut Way) {
        self.behind.push_back((self.tickets.iter().map(|(call, _)| *call).collect(), promise));
        self.send_behind(back);
    }

    fn send_behind(&mut self, back: &mut Way) {
        while let Some((before, promise)) = self.behind.front() {
            if before.iter().any(|call| self.tickets.iter().any(|(waiting, _)| waiting == call)) {
                return;
            }
            back.send(Frame::Back(*promise));
            self.behind.pop_front();
        }
    }
}
