//! Owns the data of streams on its way out: a lane for each stream, each item and byte in it paid for with credit. The lanes take turns, and
//! leave a little at a time, so that a call never waits for more than two chunks, and no stream for all of what another one has ready. What
//! waits is bounded by this side, whatever credit the peer has given. It knows no socket and no table.

use std::collections::VecDeque;

use bytes::Bytes;

use super::lane::{Lane, Parcel, opened};
use super::outbox::Piece;
use super::state::Afterwards;
use crate::any::AnyRemote;
use crate::id::StreamId;
use crate::wire::{self, FRAME_MAX};

/// Bytes in one batch: two chunks.
const BATCH: usize = 2 * FRAME_MAX;

/// Frames of several lanes become one piece as long as they are no longer than this: for the socket a piece costs more than a short copy.
const COPIED: usize = 4 << 10;

/// What is told of a batch once it has been taken.
#[derive(Default)]
pub(super) struct Left {
    /// Streams whose closes are in it.
    pub(super) closes: Vec<StreamId>,
    /// Streams whose senders have waited for room, of which there is some now.
    pub(super) room: Vec<StreamId>,
    /// There is room again for all of them together.
    pub(super) room_for_all: bool,
    /// What its items refer to was kept alive until now. To be dropped outside any lock.
    pub(super) held: Vec<AnyRemote>,
    /// What is over with them.
    pub(super) after: Afterwards,
}

/// The data of streams on its way out.
#[derive(Debug)]
pub(super) struct Parcels {
    /// By the index of the stream's id.
    lanes: Vec<Lane>,
    /// The lanes that have something, in turn.
    turns: VecDeque<u32>,
    /// What waits in all lanes together.
    waiting: u64,
    /// So much may wait in a lane, and in all together, before a sender has to wait for room; each may be exceeded by one item.
    lane_max: u64,
    all_max: u64,
    /// Some sender waits because of what all lanes hold.
    is_awaited: bool,
}

impl Default for Parcels {
    fn default() -> Self {
        Self::new(u64::MAX, u64::MAX)
    }
}

impl Parcels {
    pub(super) const fn new(lane_max: u64, all_max: u64) -> Self {
        Self { lanes: Vec::new(), turns: VecDeque::new(), waiting: 0, lane_max, all_max, is_awaited: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Whether so much waits that the sender of a stream has to wait, too. It is told by the batch that makes room.
    pub(super) fn is_full(&mut self, id: StreamId) -> bool {
        if self.waiting >= self.all_max {
            self.is_awaited = true;
            return true;
        }
        let lane_max = self.lane_max;
        let Some(lane) = self.lanes.get_mut(id.index as usize).filter(|lane| lane.waiting() >= lane_max) else { return false };
        lane.is_awaited = true;
        true
    }

    fn lane(&mut self, id: StreamId) -> &mut Lane {
        let place = id.index as usize;
        for index in self.lanes.len()..=place {
            self.lanes.push(Lane::new(StreamId { index: index as u32, generation: 0 }));
        }
        let lane = &mut self.lanes[place];
        // The former stream of this place has sent its close before the id was free.
        lane.id = id;
        lane
    }

    /// Writes to the lane of a stream, which gets its turn.
    fn write<R>(&mut self, id: StreamId, write: impl FnOnce(&mut Lane) -> R) -> R {
        let lane = self.lane(id);
        let before = lane.waiting();
        let result = write(lane);
        let added = lane.waiting() - before;
        if added > 0 && !lane.in_turn && !lane.is_unnamed {
            lane.in_turn = true;
            self.turns.push_back(id.index);
        }
        self.waiting += added;
        result
    }

    /// Writes an item, or nothing of it when its table does not fit the first frame. What it refers to is held until it has left, and nothing
    /// leaves before it of the streams that it opens.
    pub(super) fn push_item(
        &mut self,
        id: StreamId,
        descriptors: Vec<wire::Descriptor<'_>>,
        bytes: &[u8],
        held: Vec<AnyRemote>,
    ) -> Result<(), (wire::EncodeError, Vec<AnyRemote>)> {
        let opens: Vec<StreamId> = opened(&descriptors).collect();
        self.write(id, |lane| lane.push_item(descriptors, bytes, held))?;
        for stream in opens {
            self.lane(stream).is_unnamed = true;
        }
        Ok(())
    }

    /// What opens this stream has left: it takes turns from here on.
    fn name(&mut self, id: StreamId) {
        let lane = self.lane(id);
        lane.is_unnamed = false;
        if lane.first().is_some() && !lane.in_turn {
            lane.in_turn = true;
            self.turns.push_back(id.index);
        }
    }

    /// Writes bytes of a stream of bytes. What it gives back is to be dropped outside any lock.
    #[must_use]
    pub(super) fn push_bytes(&mut self, id: StreamId, bytes: Bytes) -> Bytes {
        self.write(id, |lane| lane.push_bytes(bytes))
    }

    /// Writes the close of a half, which is the last of its stream from this side. Nothing is written when its error does not fit a frame.
    pub(super) fn push_close(&mut self, id: StreamId, by_receiver: bool, error: Option<&[u8]>) -> Result<(), wire::EncodeError> {
        self.write(id, |lane| lane.push_close(by_receiver, error))
    }

    /// Takes the next batch: a piece of each lane in turn, as much as fits it.
    pub(super) fn take(&mut self, pieces: &mut VecDeque<Piece>, left: &mut Left) {
        let mut taken = 0;
        while let Some(&index) = self.turns.front() {
            let lane = &mut self.lanes[index as usize];
            if taken > 0 && lane.first().is_some_and(|parcel| taken + parcel.len() > BATCH) {
                break;
            }
            self.turns.pop_front();
            let before = lane.waiting();
            let Some(parcel) = lane.take() else {
                lane.in_turn = false;
                continue;
            };
            self.waiting -= before - lane.waiting();
            taken += parcel.len();
            lane.in_turn = lane.first().is_some();
            if lane.in_turn {
                self.turns.push_back(index);
            }
            if lane.is_awaited && lane.waiting() <= self.lane_max / 2 {
                lane.is_awaited = false;
                left.room.push(lane.id);
            }
            if parcel.closes {
                left.closes.push(lane.id);
            }
            for &stream in &parcel.opens {
                self.name(stream);
            }
            hand_over(parcel, pieces, left);
        }
        if self.is_awaited && self.waiting <= self.all_max / 2 {
            self.is_awaited = false;
            left.room_for_all = true;
        }
    }

    /// Everything that may be the user's, when the session is over: to be dropped outside the lock.
    pub(super) fn clear(&mut self) -> (Vec<AnyRemote>, Vec<Bytes>) {
        let mut left = (Vec::new(), Vec::new());
        for mut lane in std::mem::take(self).lanes {
            while let Some(parcel) = lane.take() {
                left.0.extend(parcel.held);
                left.1.push(parcel.shared);
            }
        }
        left
    }
}

fn hand_over(parcel: Parcel, pieces: &mut VecDeque<Piece>, left: &mut Left) {
    match pieces.back_mut() {
        Some(Piece::Owned(last)) if parcel.frames.len() <= COPIED => last.extend_from_slice(&parcel.frames),
        _ if parcel.frames.is_empty() => {}
        _ => pieces.push_back(Piece::Owned(parcel.frames)),
    }
    if !parcel.shared.is_empty() {
        pieces.push_back(Piece::Shared(parcel.shared));
    }
    left.held.extend(parcel.held);
}

#[cfg(test)]
mod tests;
