//! Owns the bytes of messages that arrive in chunks. Buffers grow with what was received, never with what was announced.

use std::collections::HashMap;

use bytes::Bytes;

use crate::compression::Packing;
use crate::id::CallId;
use crate::limits::Size;
use crate::transfer::Incoming;
use crate::wire::{Body, ChunkOf};

/// A message that is arriving: the codec's bytes, then each bulk segment, each into a buffer of its own.
#[derive(Debug)]
struct Parts {
    sizes: Vec<u64>,
    done: Vec<Bytes>,
    current: Vec<u8>,
}

/// The messages that are arriving.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    parts: HashMap<(ChunkOfKey, CallId), Parts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ChunkOfKey(u8);

/// A message that has arrived: the codec's bytes and the segments.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) segments: Vec<Option<Bytes>>,
}

impl Parts {
    fn new(total: u64, segments: &[u64]) -> Self {
        let bulk: u64 = segments.iter().sum();
        let mut sizes = Vec::with_capacity(1 + segments.len());
        sizes.push(total.saturating_sub(bulk));
        sizes.extend_from_slice(segments);
        Self { sizes, done: Vec::new(), current: Vec::new() }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        loop {
            let Some(&size) = self.sizes.get(self.done.len()) else { return };
            let missing = (size - self.current.len() as u64).min(bytes.len() as u64) as usize;
            let (now, later) = bytes.split_at(missing);
            self.current.extend_from_slice(now);
            bytes = later;
            if (self.current.len() as u64) < size {
                return;
            }
            self.done.push(Bytes::from(std::mem::take(&mut self.current)));
        }
    }

    fn whole(self) -> Whole {
        let mut parts = self.done.into_iter();
        Whole { bytes: parts.next().unwrap_or_default(), segments: parts.map(Some).collect() }
    }
}

impl Arriving {
    /// A message begins. What of it came with its first frame is in `body`.
    pub(super) fn begin(&mut self, of: ChunkOf, id: CallId, body: &Body<'_>, incoming: &mut Incoming) {
        let mut parts = match body.original {
            None => Parts::new(body.total, &body.segments),
            Some(original) => {
                incoming.set_packed(Packing { original, segments: body.segments.clone() });
                Parts::new(body.total, &[])
            }
        };
        parts.push(body.bytes);
        self.parts.insert((ChunkOfKey(of as u8), id), parts);
    }

    pub(super) fn push(&mut self, of: ChunkOf, id: CallId, bytes: &[u8]) {
        if let Some(parts) = self.parts.get_mut(&(ChunkOfKey(of as u8), id)) {
            parts.push(bytes);
        }
    }

    /// Takes a message out; the protocol has said that it is complete.
    pub(super) fn take(&mut self, of: ChunkOf, id: CallId) -> Option<Whole> {
        self.parts.remove(&(ChunkOfKey(of as u8), id)).map(Parts::whole)
    }

    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn clear(&mut self) {
        self.parts = HashMap::new();
    }
}

/// What a message counts for, compressed or not, and how many bytes of that are here: all but those that are still to come.
#[inline]
pub(super) fn size_of(body: &Body<'_>) -> (Size, u64) {
    let size = Size::new(body.length(), body.references.len(), body.segments.len());
    (size, size.total.saturating_sub(body.missing()))
}

/// Splits the body of a message that came in one frame: its bulk bytes go beside it, and the codec's are given back. What is compressed
/// stays whole, and is taken apart when it is restored.
#[inline]
pub(super) fn split<'a>(body: &Body<'a>, incoming: &mut Incoming) -> &'a [u8] {
    if body.original.is_none() && body.segments.is_empty() { body.bytes } else { split_off(body, incoming) }
}

#[inline(never)]
fn split_off<'a>(body: &Body<'a>, incoming: &mut Incoming) -> &'a [u8] {
    let Body { segments, bytes, .. } = body;
    if let Some(original) = body.original {
        incoming.set_packed(Packing { original, segments: segments.clone() });
        return bytes;
    }
    let bulk: u64 = segments.iter().sum();
    let (codec, mut rest) = bytes.split_at(bytes.len() - (bulk as usize).min(bytes.len()));
    let mut parts = Vec::with_capacity(segments.len());
    for &size in segments {
        let (now, later) = rest.split_at((size as usize).min(rest.len()));
        parts.push(Some(Bytes::copy_from_slice(now)));
        rest = later;
    }
    incoming.set_segments(parts);
    codec
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CallId = CallId { index: 0, generation: 0 };

    fn body<'a>(segments: &[u64], bytes: &'a [u8]) -> Body<'a> {
        Body { codec: 0, references: Vec::new(), segments: segments.to_vec(), total: bytes.len() as u64, original: None, bytes }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_parts() {
        for step in 1..12 {
            let mut arriving = Arriving::default();
            arriving.begin(ChunkOf::Call, ID, &Body { total: 10, ..body(&[3, 0, 4], &[]) }, &mut Incoming::default());
            for piece in b"abcdefghij".chunks(step) {
                arriving.push(ChunkOf::Call, ID, piece);
            }
            let Some(whole) = arriving.take(ChunkOf::Call, ID) else { panic!("a message") };
            assert_eq!(&whole.bytes[..], b"abc");
            let segments: Vec<Vec<u8>> = whole.segments.into_iter().flatten().map(Vec::from).collect();
            assert_eq!(segments, [b"def".to_vec(), Vec::new(), b"ghij".to_vec()]);
        }
        assert_eq!(split(&body(&[3, 1], b"abcdefg"), &mut Incoming::default()), b"abc");
    }

    #[test]
    fn what_is_compressed_stays_in_one_part_and_counts_for_what_it_stands_for() {
        let whole = Body { original: Some(100), ..body(&[60], b"abcdefg") };
        let mut incoming = Incoming::default();
        assert_eq!(split(&whole, &mut incoming), b"abcdefg");
        assert!(incoming.is_packed() && incoming.length_with(7) == 100);
        assert_eq!(size_of(&whole), (Size::new(100, 0, 1), 100));

        let begun = Body { total: 10, ..whole };
        assert_eq!(size_of(&begun), (Size::new(100, 0, 1), 97));
        let (mut arriving, mut incoming) = (Arriving::default(), Incoming::default());
        arriving.begin(ChunkOf::Call, ID, &begun, &mut incoming);
        arriving.push(ChunkOf::Call, ID, b"hij");
        let Some(whole) = arriving.take(ChunkOf::Call, ID) else { panic!("a message") };
        assert_eq!((&whole.bytes[..], whole.segments.len(), incoming.is_packed()), (&b"abcdefghij"[..], 0, true));
    }
}
