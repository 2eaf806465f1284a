//! Owns the node that calls. Object 0 is its own, so what was called ahead on it comes back.

use std::collections::VecDeque;

use super::{Frame, PROMISES, Way, call_id, marker};
use crate::proto::{Lines, Place, opens_at_once};

/// The line before the object that is here.
const HOME: u64 = 0;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Stage {
    #[default]
    Unasked,
    /// Calls go ahead.
    Ahead {
        called: bool,
        /// And whether as a promise.
        returned: Option<bool>,
        resolved: bool,
    },
    /// The result was a promise of the middle's own, and calls go to that.
    Promised {
        called: bool,
    },
    /// Calls wait until those that went ahead are back.
    Embargoed(VecDeque<u8>),
    Known,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Turn {
    Call(u8),
    Open(usize),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    promises: [Stage; PROMISES],
    lines: Lines<Turn>,
}

impl Caller {
    pub(super) fn is_returned(&self, promise: usize) -> bool {
        matches!(self.promises[promise], Stage::Ahead { returned: Some(_), .. })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.promises.iter().all(|stage| matches!(stage, Stage::Known | Stage::Unasked))
    }

    pub(super) fn ask(&mut self, promise: usize, out: &mut Way) {
        self.promises[promise] = Stage::Ahead { called: false, returned: None, resolved: false };
        out.send(Frame::Ask(promise));
    }

    pub(super) fn call(&mut self, promise: usize, call: u8, pieces: u8, out: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        match &mut self.promises[promise] {
            Stage::Unasked => {}
            Stage::Ahead { called, .. } => {
                *called = true;
                out.send(Frame::Ahead { promise, call, pieces });
            }
            Stage::Promised { called } => {
                *called = true;
                out.send(Frame::Call { object: promise, call, pieces });
            }
            Stage::Embargoed(queue) => queue.push_back(call),
            Stage::Known if promise == 0 => started[0].push(call),
            Stage::Known => out.send(Frame::Call { object: promise, call, pieces }),
        }
    }

    /// The promise is known: the first is here, the second an object of the middle's as far as this node knows. One of which the middle has
    /// not said yet what it is goes on as a promise, called already if something was called ahead.
    pub(super) fn settle(&mut self, promise: usize, out: &mut Way) {
        let Stage::Ahead { called, returned, resolved } = self.promises[promise] else { return };
        if returned == Some(true) && !resolved {
            self.promises[promise] = Stage::Promised { called };
        } else {
            self.become_known(promise, called, out);
        }
        out.send(Frame::Finish(promise));
    }

    fn become_known(&mut self, promise: usize, called: bool, out: &mut Way) {
        self.promises[promise] = if opens_at_once(called, promise != 0) {
            Stage::Known
        } else {
            out.send(Frame::Embargo(promise));
            Stage::Embargoed(VecDeque::new())
        };
    }

    pub(super) fn receive(&mut self, frame: Frame, out: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        match frame {
            Frame::Return { promise, is_promise } => {
                if let Stage::Ahead { returned, .. } = &mut self.promises[promise] {
                    *returned = Some(is_promise);
                }
            }
            Frame::Resolve(promise) => match &mut self.promises[promise] {
                Stage::Ahead { resolved, .. } => *resolved = true,
                Stage::Promised { called } => {
                    let called = *called;
                    self.become_known(promise, called, out);
                }
                _ => {}
            },
            Frame::Call { call, pieces, .. } => {
                if pieces == 2 {
                    self.lines.push(HOME, Place::Arriving(call_id(call)));
                } else if self.lines.has(HOME) {
                    self.lines.push(HOME, Place::Ready(call_id(call), Turn::Call(call)));
                } else {
                    start(call, out, started);
                }
            }
            Frame::Piece(call) => {
                self.lines.arrived(HOME, call_id(call), Turn::Call(call));
                self.advance(out, started);
            }
            Frame::Back(promise) => {
                if self.lines.has(HOME) {
                    self.lines.push(HOME, Place::Ready(marker(promise), Turn::Open(promise)));
                } else {
                    self.open(promise, started);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, out: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
        while let Some((id, turn)) = self.lines.next(HOME) {
            match turn {
                Turn::Call(call) => start(call, out, started),
                Turn::Open(promise) => self.open(promise, started),
            }
            self.lines.leave(HOME, id);
        }
    }

    fn open(&mut self, promise: usize, started: &mut [Vec<u8>; PROMISES]) {
        if let Stage::Embargoed(queue) = std::mem::replace(&mut self.promises[promise], Stage::Known) {
            started[0].extend(queue);
        }
    }
}

/// A call that came back starts, and its credit goes back.
fn start(call: u8, out: &mut Way, started: &mut [Vec<u8>; PROMISES]) {
    started[0].push(call);
    out.send(Frame::Credit);
}
