//! Owns the node that is called, and passes on what is called: back to the caller, which takes credit, or to the third node.

use std::collections::{BTreeMap, VecDeque};

use super::{Frame, PROMISES, Way, asked_id, call_id, marker};
use crate::proto::{Ahead, AheadBounds, Lines, Place, Waits, Whereabouts};

const BOUNDS: AheadBounds = AheadBounds { calls: 100, depth: 1, cost: 100 };

/// Calls back to the caller that may be on their way at a time.
const CREDIT: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Turn {
    Call(u8, u8),
    Back(usize),
}

/// A call that is here in part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Arriving {
    object: usize,
    pieces: u8,
    is_here: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Middle {
    ahead: Ahead,
    asked: [bool; PROMISES],
    completed: [bool; PROMISES],
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

    pub(super) fn is_empty(&self) -> bool {
        self.ahead == Ahead::default()
            && self.lines.is_empty()
            && self.tickets.is_empty()
            && self.behind.is_empty()
            && self.calls.is_empty()
    }

    /// A handler is done: what waits for its result is put in line, ahead of the return.
    pub(super) fn complete(&mut self, promise: usize, back: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        self.completed[promise] = true;
        let (waiting, _) = self.ahead.returned(asked_id(promise));
        for id in waiting {
            self.ahead.left(1);
            let call = id.index as u8;
            let Some(arriving) = self.calls.get(&call) else { continue };
            let place = if arriving.is_here {
                let turn = Turn::Call(call, arriving.pieces);
                self.calls.remove(&call);
                Place::Ready(id, turn)
            } else {
                Place::Arriving(id)
            };
            self.lines.push(promise as u64, place);
        }
        back.send(Frame::Return(promise));
        self.advance(promise, back, started);
    }

    pub(super) fn receive(&mut self, frame: Frame, back: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        match frame {
            Frame::Ask(promise) => {
                self.asked[promise] = true;
                self.ahead.open(asked_id(promise));
            }
            Frame::Ahead { promise, call, pieces } => {
                if self.ahead.whereabouts(asked_id(promise)) == Whereabouts::Runs {
                    let waits = self.ahead.wait(call_id(call), asked_id(promise), 1, BOUNDS);
                    debug_assert_eq!(waits, Waits::Yes);
                    self.calls.insert(call, Arriving { object: promise, pieces, is_here: pieces == 1 });
                } else {
                    self.arrive(promise, call, pieces, back, started);
                }
            }
            Frame::Call { object, call, pieces } => self.arrive(object, call, pieces, back, started),
            Frame::Piece(call) => self.piece(call, back, started),
            Frame::Finish(promise) => {
                self.ahead.finish(asked_id(promise));
            }
            Frame::Embargo(promise) => {
                if self.lines.has(promise as u64) {
                    self.lines.push(promise as u64, Place::Ready(marker(promise), Turn::Back(promise)));
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
            Frame::Return(_) | Frame::Back(_) => {}
        }
    }

    fn arrive(&mut self, object: usize, call: u8, pieces: u8, back: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        if pieces == 2 {
            self.calls.insert(call, Arriving { object, pieces, is_here: false });
            self.lines.push(object as u64, Place::Arriving(call_id(call)));
        } else if self.lines.has(object as u64) {
            self.lines.push(object as u64, Place::Ready(call_id(call), Turn::Call(call, pieces)));
        } else {
            self.start(object, call, pieces, back, started);
        }
    }

    fn piece(&mut self, call: u8, back: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        let Some(arriving) = self.calls.get_mut(&call) else { return };
        let (object, pieces) = (arriving.object, arriving.pieces);
        if self.ahead.whereabouts(asked_id(object)) == Whereabouts::Runs {
            arriving.is_here = true;
            return;
        }
        self.calls.remove(&call);
        self.lines.arrived(object as u64, call_id(call), Turn::Call(call, pieces));
        self.advance(object, back, started);
    }

    fn advance(&mut self, object: usize, back: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        while let Some((id, turn)) = self.lines.next(object as u64) {
            match turn {
                Turn::Call(call, pieces) => self.start(object, call, pieces, back, started),
                Turn::Back(promise) => self.send_back(promise, back),
            }
            self.lines.leave(object as u64, id);
        }
    }

    /// Passes a call on. The way to the third node is a queue of its own, so what is sent there has as good as started.
    fn start(&mut self, object: usize, call: u8, pieces: u8, back: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        if object != 0 {
            started[object].push(call);
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
