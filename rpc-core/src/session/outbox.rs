//! Owns what is ready to leave a session: finished frames in one buffer, and long bodies that leave in chunks, in turn. It knows no
//! socket.

use std::collections::VecDeque;

use bytes::Bytes;

use super::parcels::{Left, Parcels};
use crate::id::CallId;
use crate::wire::{self, ChunkOf, FRAME_MAX};

/// What a chunk frame takes beside its bytes: length, kind, what it is of, and a call id of two numbers of five bytes.
const CHUNK_HEAD: usize = 2 + 1 + 1 + 10;

/// Bytes of a body in one chunk.
const CHUNK_BYTES: usize = FRAME_MAX - CHUNK_HEAD;

/// Chunks in one batch, so that small frames never wait for more than this many.
const CHUNKS_PER_BATCH: usize = 4;

/// Frames and bodies on their way out.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) frames: Vec<u8>,
    bodies: VecDeque<Body>,
    /// Bytes of the bodies that have not been taken.
    waiting: u64,
    /// Bytes of the results among the finished frames.
    results: u64,
    /// Bytes of results and bodies in the batch that was taken last and is not written yet.
    leaving: u64,
    /// The data of streams.
    pub(super) parcels: Parcels,
}

/// A body whose first frame has been written to `frames`.
#[derive(Debug)]
struct Body {
    of: ChunkOf,
    id: CallId,
    parts: VecDeque<Bytes>,
}

/// Bytes for the socket.
#[derive(Debug)]
pub(super) enum Piece {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Piece {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.bodies.is_empty() && self.parcels.is_empty()
    }

    /// Queues the rest of a message whose first frame is already in `frames`.
    pub(super) fn push_body(&mut self, of: ChunkOf, id: CallId, parts: impl IntoIterator<Item = Bytes>) {
        let parts: VecDeque<Bytes> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.waiting += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        self.bodies.push_back(Body { of, id, parts });
    }

    /// Counts a result that has been written to the finished frames.
    pub(super) fn note_result(&mut self, bytes: usize) {
        self.results += bytes as u64;
    }

    /// The batch that was taken last has been written in full.
    pub(super) fn batch_written(&mut self) {
        self.leaving = 0;
    }

    /// Bytes of bodies and results that wait for the socket, those in the batch that is being written included.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting + self.results + self.leaving
    }

    /// Takes the next batch: all finished frames, then a few chunks, one of each body in turn, then some of the data of streams. `spare`
    /// is an empty buffer to go on with.
    pub(super) fn take(&mut self, pieces: &mut VecDeque<Piece>, spare: &mut Vec<u8>, left: &mut Left) {
        if !self.frames.is_empty() {
            pieces.push_back(Piece::Owned(std::mem::replace(&mut self.frames, std::mem::take(spare))));
        }
        self.leaving = std::mem::take(&mut self.results);
        for _ in 0..CHUNKS_PER_BATCH {
            let Some(mut body) = self.bodies.pop_front() else { break };
            if let Some(part) = body.parts.front_mut() {
                let bytes = part.split_to(part.len().min(CHUNK_BYTES));
                self.waiting -= bytes.len() as u64;
                self.leaving += bytes.len() as u64;
                if part.is_empty() {
                    body.parts.pop_front();
                }
                pieces.push_back(Piece::Owned(chunk_head(body.of, body.id, bytes.len())));
                pieces.push_back(Piece::Shared(bytes));
            }
            if !body.parts.is_empty() {
                self.bodies.push_back(body);
            }
        }
        if !self.parcels.is_empty() {
            self.parcels.take(pieces, left);
        }
    }

    /// Empties it. The bodies are dropped by the caller, outside the lock: they may have owners of the user's.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Bytes> + use<> {
        std::mem::take(self).bodies.into_iter().flat_map(|body| body.parts)
    }
}

/// The beginning of a chunk frame, whose bytes follow without being copied.
fn chunk_head(of: ChunkOf, id: CallId, len: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(CHUNK_HEAD);
    let mark = wire::begin(&mut head, wire::kind::CHUNK);
    wire::put_varint(&mut head, of as u64);
    wire::put_call_id(&mut head, id);
    let body = head.len() - mark - 2 + len;
    let length = ((body - 1) as u16).to_le_bytes();
    head[mark..mark + 2].copy_from_slice(&length);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CallId = CallId { index: u32::MAX, generation: u32::MAX };

    #[test]
    fn what_waits_is_counted_until_it_is_written() {
        let mut outbox = Outbox::default();
        outbox.frames.extend([0; 100]);
        outbox.note_result(100);
        outbox.push_body(ChunkOf::Return, ID, [Bytes::from(vec![1; 2 * CHUNK_BYTES])]);
        let all = 100 + 2 * CHUNK_BYTES as u64;
        assert_eq!(outbox.waiting(), all);
        outbox.take(&mut VecDeque::new(), &mut Vec::new(), &mut Left::default());
        assert_eq!(outbox.waiting(), all, "taken, and not written");
        outbox.batch_written();
        outbox.take(&mut VecDeque::new(), &mut Vec::new(), &mut Left::default());
        outbox.batch_written();
        assert_eq!(outbox.waiting(), 0);
    }

    #[test]
    fn calls_go_ahead_of_the_data_of_streams_that_waits_and_share_each_batch_with_it() {
        let mut outbox = Outbox::default();
        let stream = crate::id::StreamId { index: 0, generation: 0 };
        for _ in 0..10 {
            let long = Bytes::from(vec![1; super::super::lane::CHUNK_BYTES]);
            assert!(outbox.parcels.push_bytes(stream, long).is_empty());
        }
        outbox.push_body(ChunkOf::Call, ID, [Bytes::from(vec![1; 5 * CHUNK_BYTES])]);
        let mut kinds = Vec::new();
        while !outbox.is_empty() {
            let mut pieces = VecDeque::new();
            outbox.take(&mut pieces, &mut Vec::new(), &mut Left::default());
            // What a call that comes now has to wait for, and then the call itself.
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.as_slice().to_vec()).collect();
            let (mut rest, mut batch) = (&bytes[..], Vec::new());
            while let Some((body, consumed)) = wire::split(rest) {
                batch.push(body[0]);
                rest = &rest[consumed..];
            }
            assert!(rest.is_empty() && batch.iter().filter(|&&kind| kind == wire::kind::STREAM_DATA).count() <= 2, "{batch:?}");
            kinds.push(batch);
            if kinds.len() == 1 {
                assert!(wire::encode(&wire::Frame::Ping(wire::Ping { token: 7 }), &mut outbox.frames).is_ok());
            }
        }
        assert_eq!(kinds[1][0], wire::kind::PING);
        let both = |batch: &[u8]| [wire::kind::CHUNK, wire::kind::STREAM_DATA].iter().all(|kind| batch.contains(kind));
        assert!(both(&kinds[0]) && both(&kinds[1]), "{kinds:?}");
    }

    #[test]
    fn long_body_leaves_in_chunks_that_decode_and_bodies_take_turns() {
        let mut outbox = Outbox::default();
        let other = CallId { index: 1, generation: 0 };
        outbox.push_body(ChunkOf::Call, ID, [Bytes::from(vec![1; 3 * CHUNK_BYTES])]);
        outbox.push_body(ChunkOf::Return, other, [Bytes::new(), Bytes::from(vec![2; 10])]);
        let mut order = Vec::new();
        while !outbox.is_empty() {
            let mut pieces = VecDeque::new();
            outbox.take(&mut pieces, &mut Vec::new(), &mut Left::default());
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.as_slice().to_vec()).collect();
            let mut rest = &bytes[..];
            while let Some((body, consumed)) = wire::split(rest) {
                let Ok(wire::Frame::Chunk(chunk)) = wire::decode(body) else { panic!("a chunk") };
                order.push((chunk.id, chunk.bytes.len()));
                rest = &rest[consumed..];
            }
            assert!(rest.is_empty());
        }
        assert_eq!(order, [(ID, CHUNK_BYTES), (other, 10), (ID, CHUNK_BYTES), (ID, CHUNK_BYTES)]);
    }
}
