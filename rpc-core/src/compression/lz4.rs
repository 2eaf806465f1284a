//! Owns the one format there is, LZ4 blocks, and the choice of it. It knows nothing of bodies.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// How a node compresses the bodies of calls and returns on its sessions: an argument of
/// [`NodeBuilder::compression`](crate::NodeBuilder::compression).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all, which is what a node does unless it is told otherwise.
    #[default]
    Off,
    /// With LZ4: little work, and texts and repeated values become two to four times shorter.
    Lz4,
}

/// The bytes as one LZ4 block. Nothing when they are too many for it.
pub(super) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; get_maximum_output_size(bytes.len())];
    let length = compress_into(bytes, &mut out).ok()?;
    out.truncate(length);
    // It may wait for credit or for its turn, and had room for the worst case.
    out.shrink_to_fit();
    Some(out)
}

/// The `length` bytes that an LZ4 block stands for. Nothing when it is none, or stands for more or fewer.
pub(super) fn decompress(block: &[u8], length: usize) -> Option<Vec<u8>> {
    // The whole room that there is: the decoder stops where it ends.
    let mut out = vec![0; length];
    match decompress_into(block, &mut out) {
        Ok(written) if written == length => Some(out),
        _ => None,
    }
}
