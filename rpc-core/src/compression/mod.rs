//! Owns what compression makes of a body, and what it saves: when a body is worth it, how it is put together on one side and taken
//! apart on the other, within the length that was announced. It knows no sessions; whether a peer takes it is for the handshake.

#[cfg(feature = "lz4")]
mod lz4;
mod meter;
mod share;

use std::fmt;

use bytes::Bytes;

#[cfg(feature = "lz4")]
pub use lz4::Compression;
pub(crate) use meter::Meter;
#[cfg(feature = "lz4")]
pub use meter::{CompressionStats, Saved};
pub(crate) use share::{Share, Shares};

use crate::limits::SEGMENTS_MAX;

/// Shorter bodies travel as they are: a frame has about ten bytes beside its body, and what is this short fits a packet anyway.
pub(crate) const WORTH_IT: u64 = 512;

/// A body that is not shortened by such a part of it travels as it is: its receiver had better not be given the work.
const LEAST_PART_SAVED: u64 = 8;

/// What has to be known of a body that was compressed: how long it was, and the lengths of the bulk segments at its end.
#[derive(Debug)]
pub(crate) struct Packing {
    pub(crate) original: u64,
    pub(crate) segments: Vec<u64>,
}

/// A body that is compressed.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) packing: Packing,
    /// What it takes, as a call, until it has returned.
    pub(crate) share: Option<Share>,
}

impl Packed {
    /// How many bytes more it stands for than travel.
    pub(crate) fn surplus(&self) -> u64 {
        self.packing.original.saturating_sub(self.bytes.len() as u64)
    }
}

/// What a body of this length stands for, at least, beyond what travels of it when it is compressed.
pub(crate) const fn least_surplus(length: u64) -> u64 {
    length / LEAST_PART_SAVED
}

/// What a compressed body stands for: the codec's bytes, and the bulk segments.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) bytes: Bytes,
    pub(crate) segments: Vec<Option<Bytes>>,
}

/// A compressed body does not stand for what it is said to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotUnpacked;

impl fmt::Display for NotUnpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a compressed body must be LZ4 and stand for exactly as many bytes as it announces")
    }
}

/// Compresses a body of `length` bytes, which `max_bytes` bounds. Nothing when it travels as it is.
pub(crate) fn pack(payload: &[u8], segments: &[Bytes], length: u64, max_bytes: u64) -> Option<Packed> {
    // What the receiver does not take is refused where it is sent, in words.
    if length < WORTH_IT || length > max_bytes || segments.len() > SEGMENTS_MAX {
        return None;
    }
    let bytes = if segments.is_empty() {
        compress(payload)?
    } else {
        let mut whole = Vec::with_capacity(usize::try_from(length).ok()?);
        whole.extend_from_slice(payload);
        segments.iter().for_each(|segment| whole.extend_from_slice(segment));
        compress(&whole)?
    };
    if bytes.len() as u64 > length - least_surplus(length) {
        return None;
    }
    let segments = segments.iter().map(|segment| segment.len() as u64).collect();
    Some(Packed { bytes, packing: Packing { original: length, segments }, share: None })
}

/// Restores a body. It takes as much memory as the announced length, which the limits of messages have bounded, and for a moment up to twice as much,
/// where parts of it are copied.
pub(crate) fn unpack(bytes: &[u8], packing: &Packing) -> Result<Unpacked, NotUnpacked> {
    let original = usize::try_from(packing.original).map_err(|_| NotUnpacked)?;
    let whole = Bytes::from(decompress(bytes, original).ok_or(NotUnpacked)?);
    let bulk = packing.segments.iter().try_fold(0_u64, |bulk, segment| bulk.checked_add(*segment)).ok_or(NotUnpacked)?;
    let mut at = packing.original.checked_sub(bulk).ok_or(NotUnpacked)? as usize;
    let head = at;
    let mut segments = Vec::with_capacity(packing.segments.len());
    for &length in &packing.segments {
        let end = at + length as usize;
        segments.push(Some(part(&whole, at, end)));
        at = end;
    }
    Ok(Unpacked { bytes: part(&whole, 0, head), segments })
}

/// A part of a body: most of it is shared with it, and less is copied, so that a small part never keeps a large body in memory.
fn part(whole: &Bytes, begin: usize, end: usize) -> Bytes {
    if (end - begin) * 2 >= whole.len() { whole.slice(begin..end) } else { Bytes::copy_from_slice(&whole[begin..end]) }
}

#[cfg(feature = "lz4")]
use lz4::{compress, decompress};

/// In a build without compression nothing is compressed, and no peer may send what is.
#[cfg(not(feature = "lz4"))]
fn compress(_: &[u8]) -> Option<Vec<u8>> {
    None
}

#[cfg(not(feature = "lz4"))]
fn decompress(_: &[u8], _: usize) -> Option<Vec<u8>> {
    None
}

#[cfg(all(test, feature = "lz4"))]
mod tests;
