//! Owns the data of streams on its way out: finished frames, one behind the other over all streams, each paid for with credit. They leave
//! a little at a time, so that a call never waits for more than two chunks. It knows no socket and no table.

use std::collections::VecDeque;

use bytes::Bytes;

use super::outbox::Piece;
use super::state::Afterwards;
use crate::any::AnyRemote;
use crate::id::StreamId;
use crate::wire::{self, FRAME_MAX};

/// What a frame of a stream takes beside its bytes: length, kind, a stream id of two numbers of five bytes, and flags.
const HEAD: usize = 2 + 1 + 10 + 1;

/// Bytes of a stream in one frame.
pub(super) const CHUNK_BYTES: usize = FRAME_MAX - HEAD;

/// Bytes in one batch: two chunks.
const BATCH: usize = 2 * FRAME_MAX;

/// Frames are collected up to this size; pieces of bytes up to half of it are copied to them.
const TOGETHER: usize = 32 << 10;

/// What leaves in one piece.
#[derive(Debug, Default)]
struct Parcel {
    frames: Vec<u8>,
    /// The bytes of the last of the frames, where they were not copied.
    shared: Bytes,
    closes: Vec<StreamId>,
    held: Vec<AnyRemote>,
}

impl Parcel {
    fn len(&self) -> usize {
        self.frames.len() + self.shared.len()
    }
}

/// What is told of a batch once it has been taken.
#[derive(Default)]
pub(super) struct Left {
    /// Streams whose closes are in it.
    pub(super) closes: Vec<StreamId>,
    /// What its items refer to was kept alive until now. To be dropped outside any lock.
    pub(super) held: Vec<AnyRemote>,
    /// What is over with them.
    pub(super) after: Afterwards,
}

/// The data of streams on its way out.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    queue: VecDeque<Parcel>,
}

impl Parcels {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Where frames are written to.
    fn open(&mut self) -> &mut Parcel {
        let is_full = self.queue.back().is_none_or(|last| !last.shared.is_empty() || last.frames.len() >= TOGETHER);
        if is_full {
            self.queue.push_back(Parcel::default());
        }
        let last = self.queue.len() - 1;
        &mut self.queue[last]
    }

    /// Writes an item, or nothing of it when its table does not fit the first frame. What it refers to is held until it has left.
    pub(super) fn push_item(
        &mut self,
        id: StreamId,
        descriptors: Vec<wire::Descriptor<'_>>,
        mut bytes: &[u8],
        held: Vec<AnyRemote>,
    ) -> Result<(), (wire::EncodeError, Vec<AnyRemote>)> {
        let mut out = self.open();
        let mut room = CHUNK_BYTES;
        let mut references = descriptors;
        if !references.is_empty() {
            // What the table takes is seen by writing it once with nothing behind it.
            let mark = out.frames.len();
            let head = wire::StreamData { id, end_of_item: false, references, bytes: &[] };
            if let Err(error) = wire::encode(&wire::Frame::StreamData(head.clone()), &mut out.frames) {
                return Err((error, held));
            }
            room = FRAME_MAX.saturating_sub(out.frames.len() - mark - 2);
            out.frames.truncate(mark);
            references = head.references;
        }
        loop {
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let data = wire::StreamData { id, end_of_item: later.is_empty(), references: std::mem::take(&mut references), bytes: now };
            if let Err(error) = wire::encode(&wire::Frame::StreamData(data), &mut out.frames) {
                debug_assert!(false, "the room of a frame was counted wrongly: {error}");
                return Err((error, held));
            }
            bytes = later;
            room = CHUNK_BYTES;
            if bytes.is_empty() {
                break;
            }
            // What is long leaves in several batches.
            out = self.open();
        }
        out.held.extend(held);
        Ok(())
    }

    /// Writes bytes of a stream of bytes, at most [`CHUNK_BYTES`].
    pub(super) fn push_bytes(&mut self, id: StreamId, bytes: Bytes) {
        let out = self.open();
        let mark = wire::begin(&mut out.frames, wire::kind::STREAM_DATA);
        wire::put_stream_id(&mut out.frames, id);
        wire::put_varint(&mut out.frames, 0);
        let body = out.frames.len() - mark - 2 + bytes.len();
        let length = ((body - 1) as u16).to_le_bytes();
        out.frames[mark..mark + 2].copy_from_slice(&length);
        if bytes.len() <= TOGETHER / 2 {
            out.frames.extend_from_slice(&bytes);
        } else {
            out.shared = bytes;
        }
    }

    /// Writes the close of a half, which is the last of its stream from this side.
    pub(super) fn push_close(&mut self, id: StreamId, by_receiver: bool, error: Option<&[u8]>) {
        let out = self.open();
        let close = wire::StreamClose { id, by_receiver, error };
        let written = wire::encode(&wire::Frame::StreamClose(close), &mut out.frames);
        debug_assert!(written.is_ok(), "the texts of an error are cut before it travels");
        out.closes.push(id);
    }

    /// Takes the next batch: as much as fits it.
    pub(super) fn take(&mut self, pieces: &mut VecDeque<Piece>, left: &mut Left) {
        let mut taken = 0;
        while self.queue.front().is_some_and(|parcel| taken == 0 || taken + parcel.len() <= BATCH) {
            let Some(parcel) = self.queue.pop_front() else { return };
            taken += parcel.len();
            // An item that did not fit may have left nothing behind.
            if !parcel.frames.is_empty() {
                pieces.push_back(Piece::Owned(parcel.frames));
            }
            if !parcel.shared.is_empty() {
                pieces.push_back(Piece::Shared(parcel.shared));
            }
            left.closes.extend(parcel.closes);
            left.held.extend(parcel.held);
        }
    }

    /// Everything that may be the user's, when the session is over: to be dropped outside the lock.
    pub(super) fn clear(&mut self) -> (Vec<AnyRemote>, Vec<Bytes>) {
        let mut left = (Vec::new(), Vec::new());
        for parcel in std::mem::take(&mut self.queue) {
            left.0.extend(parcel.held);
            left.1.push(parcel.shared);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: StreamId = StreamId { index: u32::MAX, generation: u32::MAX };

    fn frames(parcels: &mut Parcels) -> Vec<(usize, bool)> {
        let mut found = Vec::new();
        while !parcels.is_empty() {
            let (mut pieces, mut left) = (VecDeque::new(), Left::default());
            parcels.take(&mut pieces, &mut left);
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.as_slice().to_vec()).collect();
            assert!(bytes.len() <= 2 * 65_536, "a batch of {} bytes", bytes.len());
            let mut rest = &bytes[..];
            while let Some((body, consumed)) = wire::split(rest) {
                match wire::decode(body) {
                    Ok(wire::Frame::StreamData(data)) => found.push((data.bytes.len(), data.end_of_item)),
                    Ok(wire::Frame::StreamClose(_)) => assert_eq!(left.closes, [ID]),
                    other => panic!("{other:?}"),
                }
                rest = &rest[consumed..];
            }
            assert!(rest.is_empty());
        }
        found
    }

    #[test]
    fn items_of_any_size_leave_in_frames_that_decode() {
        let mut parcels = Parcels::default();
        for size in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 200_000, 380_000] {
            assert!(parcels.push_item(ID, Vec::new(), &vec![7; size], Vec::new()).is_ok());
        }
        parcels.push_bytes(ID, Bytes::from(vec![1; CHUNK_BYTES]));
        parcels.push_bytes(ID, Bytes::from(vec![1; 5]));
        parcels.push_close(ID, false, None);
        let (last, longest) = (200_000 - 3 * CHUNK_BYTES, 380_000 - 5 * CHUNK_BYTES);
        let full = (CHUNK_BYTES, false);
        let expected = [(0, true), (1, true), (CHUNK_BYTES, true), full, (1, true), full, full, full, (last, true)];
        let expected = expected.into_iter().chain([full; 5]).chain([(longest, true), full, (5, false)]).collect::<Vec<_>>();
        assert_eq!(frames(&mut parcels), expected);
    }

    #[test]
    fn table_and_beginning_of_an_item_share_the_first_frame() {
        let mut parcels = Parcels::default();
        let table = |count| vec![wire::Descriptor::Yours { export: crate::id::ExportId { index: 1 << 30, generation: 1 << 30 } }; count];
        assert!(parcels.push_item(ID, table(1_000), &vec![7; 100_000], Vec::new()).is_ok());
        let found = frames(&mut parcels);
        assert_eq!(found.iter().map(|frame| frame.0).sum::<usize>(), 100_000);
        assert_eq!(found.iter().map(|frame| frame.1).collect::<Vec<_>>(), [false, true]);
        assert!(parcels.push_item(ID, table(10_000), &[1], Vec::new()).is_err());
        assert!(frames(&mut parcels).is_empty());
    }
}
