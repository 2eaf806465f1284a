//! Owns the straight way of a program's bytes into the socket: where nothing is ahead of them they are not copied, but for what the socket does
//! not take at once. It knows how such bytes become frames; what has to wait is the lanes'.

use std::io::IoSlice;
use std::task::Context;

use super::SessionCore;
use super::lane::{CHUNK_BYTES, bytes_head};
use super::parcels::Left;
use crate::id::StreamId;
use crate::proto::Taken;

impl SessionCore {
    /// Sends bytes for which credit was taken, at most those of two frames, if the link is idle, and nothing waits to leave ahead of them. False
    /// when nothing was done.
    pub(super) fn stream_push_straight(&self, id: StreamId, bytes: &[u8]) -> bool {
        let mut left = Left::default();
        let done = self.write_straight(id, bytes, &mut left);
        crate::panics::drop_each(left.held);
        left.after.run();
        done
    }

    fn write_straight(&self, id: StreamId, bytes: &[u8], left: &mut Left) -> bool {
        let (first, second) = bytes.split_at(bytes.len().min(CHUNK_BYTES));
        let Some(mut side) = self.writer.try_lock() else { return false };
        let Some(waker) = self.write_waker.get() else { return false };
        // Nobody else writes before the lock of the writer is free: what is queued from here on leaves behind these bytes.
        if second.len() > CHUNK_BYTES || !self.may_go_straight(id) {
            return false;
        }
        let mut heads = side.take_spare();
        bytes_head(&mut heads, id, first.len());
        let mark = heads.len();
        if !second.is_empty() {
            bytes_head(&mut heads, id, second.len());
        }
        let slices = [IoSlice::new(&heads[..mark]), IoSlice::new(first), IoSlice::new(&heads[mark..]), IoSlice::new(second)];
        let slices = if second.is_empty() { &slices[..2] } else { &slices[..] };
        let mut cx = Context::from_waker(waker);
        let written = side.write_slices(&mut cx, slices);
        side.put_spare(heads);
        let broken = match written {
            Ok(false) => return false,
            Ok(true) => self.write_on(&mut side, &mut cx, left).err(),
            Err(error) => {
                side.give_up();
                Some(error)
            }
        };
        drop(side);
        if let Some(error) = broken {
            self.broke(&error);
        }
        true
    }

    /// Whether the stream goes on, and nothing is to leave ahead of what is sent on it now.
    fn may_go_straight(&self, id: StreamId) -> bool {
        let state = self.state.lock();
        state.closed.is_none()
            && state.outbox.is_empty()
            && state.pong.is_none()
            && !state.proto.streams.has_grants()
            && state.proto.streams.is_ready(id) != Taken::Closed
    }
}
