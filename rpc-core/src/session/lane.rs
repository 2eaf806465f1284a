//! Owns what one stream has ready to leave: its finished frames in pieces, with what the items in them refer to. It knows neither the other
//! streams nor when a piece may leave.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::any::AnyRemote;
use crate::id::StreamId;
use crate::limits::references_cost;
use crate::wire::{self, FRAME_MAX};

/// What a frame of a stream takes beside its bytes: length, kind, a stream id of two numbers of five bytes, and flags.
const HEAD: usize = 2 + 1 + 10 + 1;

/// Bytes of a stream in one frame.
pub(super) const CHUNK_BYTES: usize = FRAME_MAX - HEAD;

/// Frames are collected up to this size; pieces of bytes up to half of it are copied to them.
const TOGETHER: usize = 32 << 10;

/// Writes the beginning of a frame with bytes of a stream of bytes, at most [`CHUNK_BYTES`], which follow.
pub(super) fn bytes_head(out: &mut Vec<u8>, id: StreamId, bytes: usize) {
    let mark = wire::begin(out, wire::kind::STREAM_DATA);
    wire::put_stream_id(out, id);
    wire::put_varint(out, 0);
    let body = out.len() - mark - 2 + bytes;
    let length = ((body - 1) as u16).to_le_bytes();
    out[mark..mark + 2].copy_from_slice(&length);
}

/// What leaves in one piece: at most [`TOGETHER`] and a frame more.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub(super) frames: Vec<u8>,
    /// The bytes of the last of the frames, where they were not copied.
    pub(super) shared: Bytes,
    /// The last of the frames is the close.
    pub(super) closes: bool,
    /// Streams that its items open. Until it has left the peer knows nothing of them.
    pub(super) opens: Vec<StreamId>,
    pub(super) held: Vec<AnyRemote>,
}

impl Parcel {
    pub(super) fn len(&self) -> usize {
        self.frames.len() + self.shared.len()
    }

    /// What it takes in memory, about.
    fn weight(&self) -> u64 {
        self.len() as u64 + references_cost(self.held.len())
    }
}

/// The streams that a table opens.
pub(super) fn opened(table: &[wire::Descriptor<'_>]) -> impl Iterator<Item = StreamId> {
    table.iter().filter_map(|descriptor| match descriptor {
        wire::Descriptor::StreamSender { stream, .. } | wire::Descriptor::StreamReceiver { stream, .. } => Some(*stream),
        _ => None,
    })
}

/// What a stream has ready to leave.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: StreamId,
    parcels: VecDeque<Parcel>,
    /// What the pieces take in memory together.
    waiting: u64,
    /// It has its place among those that take turns.
    pub(super) in_turn: bool,
    /// The item that opens the stream waits in another lane, and this one has no turn before.
    pub(super) is_unnamed: bool,
    /// Its sender waits for room.
    pub(super) is_awaited: bool,
}

impl Lane {
    pub(super) const fn new(id: StreamId) -> Self {
        Self { id, parcels: VecDeque::new(), waiting: 0, in_turn: false, is_unnamed: false, is_awaited: false }
    }

    pub(super) const fn waiting(&self) -> u64 {
        self.waiting
    }

    pub(super) fn first(&self) -> Option<&Parcel> {
        self.parcels.front()
    }

    pub(super) fn take(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        self.waiting -= parcel.weight();
        Some(parcel)
    }

    /// Where frames are written to.
    fn open(&mut self) -> &mut Parcel {
        let is_full = self.parcels.back().is_none_or(|last| !last.shared.is_empty() || last.frames.len() >= TOGETHER);
        if is_full {
            self.parcels.push_back(Parcel::default());
        }
        let last = self.parcels.len() - 1;
        &mut self.parcels[last]
    }

    /// Writes to the last piece, or to a new one behind it, and weighs what was written.
    fn write<R>(&mut self, write: impl FnOnce(&mut Parcel) -> R) -> R {
        let out = self.open();
        let before = out.weight();
        let result = write(out);
        let added = out.weight() - before;
        self.waiting += added;
        result
    }

    /// Writes an item, or nothing of it when its table does not fit the first frame. What it refers to is held until it has left.
    pub(super) fn push_item(
        &mut self,
        descriptors: Vec<wire::Descriptor<'_>>,
        mut bytes: &[u8],
        held: Vec<AnyRemote>,
    ) -> Result<(), (wire::EncodeError, Vec<AnyRemote>)> {
        let id = self.id;
        let mut room = CHUNK_BYTES;
        let mut opens = opened(&descriptors).collect::<Vec<_>>();
        let mut references = descriptors;
        if !references.is_empty() {
            (references, room) = match self.room_beside(references, bytes.len()) {
                Ok(found) => found,
                Err(error) => return Err((error, held)),
            };
        }
        loop {
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let data = wire::StreamData { id, end_of_item: later.is_empty(), references: std::mem::take(&mut references), bytes: now };
            // What is long leaves in several batches: each frame finds its piece anew.
            let write = |out: &mut Parcel| {
                // They are in the table of the first frame.
                out.opens.append(&mut opens);
                wire::encode(&wire::Frame::StreamData(data), &mut out.frames)
            };
            if let Err(error) = self.write(write) {
                debug_assert!(false, "the room of a frame was counted wrongly: {error}");
                return Err((error, held));
            }
            bytes = later;
            room = CHUNK_BYTES;
            if bytes.is_empty() {
                break;
            }
        }
        if let Some(last) = self.parcels.back_mut() {
            self.waiting += references_cost(held.len());
            last.held.extend(held);
        }
        Ok(())
    }

    /// How many bytes fit the first frame of an item beside its table. What the table takes is seen by writing it once with nothing behind.
    fn room_beside<'a>(
        &mut self,
        references: Vec<wire::Descriptor<'a>>,
        bytes: usize,
    ) -> Result<(Vec<wire::Descriptor<'a>>, usize), wire::EncodeError> {
        let id = self.id;
        let out = self.open();
        let mark = out.frames.len();
        let head = wire::Frame::StreamData(wire::StreamData { id, end_of_item: false, references, bytes: &[] });
        wire::encode(&head, &mut out.frames)?;
        let length = out.frames.len() - mark - 2;
        out.frames.truncate(mark);
        let room = FRAME_MAX.saturating_sub(length);
        // A frame that brings no byte and ends no item is none.
        if room == 0 && bytes > 0 {
            return Err(wire::EncodeError::TooLong);
        }
        let wire::Frame::StreamData(head) = head else { return Err(wire::EncodeError::TooLong) };
        Ok((head.references, room))
    }

    /// Writes bytes of a stream of bytes. Gives back those that were copied, to be dropped outside any lock: they may have an owner of the
    /// user's.
    pub(super) fn push_bytes(&mut self, mut bytes: Bytes) -> Bytes {
        while bytes.len() > CHUNK_BYTES {
            let full = bytes.split_to(CHUNK_BYTES);
            self.push_chunk(full);
        }
        self.push_chunk(bytes)
    }

    /// Writes those of one frame.
    fn push_chunk(&mut self, bytes: Bytes) -> Bytes {
        let id = self.id;
        self.write(|out| {
            bytes_head(&mut out.frames, id, bytes.len());
            if bytes.len() <= TOGETHER / 2 {
                out.frames.extend_from_slice(&bytes);
                bytes
            } else {
                out.shared = bytes;
                Bytes::new()
            }
        })
    }

    /// Writes the close of a half, which is the last of its stream from this side. Nothing is written when its error does not fit a frame.
    pub(super) fn push_close(&mut self, by_receiver: bool, error: Option<&[u8]>) -> Result<(), wire::EncodeError> {
        let close = wire::StreamClose { id: self.id, by_receiver, error };
        self.write(|out| {
            wire::encode(&wire::Frame::StreamClose(close), &mut out.frames)?;
            out.closes = true;
            Ok(())
        })
    }
}
