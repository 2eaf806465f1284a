//! Owns the third node, which has the other object. All it does is to start calls, in the order of their frames.

use super::{Frame, PROMISES, call_id};
use crate::proto::{Lines, Place};

/// The line before the object.
const LINE: u64 = 0;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Third {
    lines: Lines<u8>,
}

impl Third {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn receive(&mut self, frame: Frame, started: &mut [Vec<u8>; PROMISES]) {
        match frame {
            Frame::Call { call, pieces: 2, .. } => self.lines.push(LINE, Place::Arriving(call_id(call))),
            Frame::Call { call, .. } if self.lines.has(LINE) => self.lines.push(LINE, Place::Ready(call_id(call), call)),
            Frame::Call { call, .. } => started[1].push(call),
            Frame::Piece(call) => {
                self.lines.arrived(LINE, call_id(call), call);
                while let Some((id, call)) = self.lines.next(LINE) {
                    started[1].push(call);
                    self.lines.leave(LINE, id);
                }
            }
            _ => {}
        }
    }
}
