//! Owns the fuzz target of compressed bodies: what becomes of any bytes that are said to be one, and of any bytes that are made into one.

use bytes::Bytes;

use super::check_text;
use crate::compression::{Packing, Unpacked, WORTH_IT, pack, unpack};

/// Bodies no longer than this: what the target allocates stays small.
const LENGTH_MAX: u64 = 1 << 20;

/// Any bytes behind a length of three bytes and a number of segments. As a block they stand for exactly so many bytes or are refused in
/// words; as a body they come back as they were, from fewer bytes, or are not compressed.
///
/// # Panics
///
/// When one of these does not hold.
pub fn compressed(data: &[u8]) {
    let [low, middle, high, segments, bytes @ ..] = data else { return };
    let announced = u64::from(u32::from_le_bytes([*low, *middle, *high, 0])) % LENGTH_MAX;
    let segments = usize::from(segments % 4);
    check_block(bytes, announced, segments);
    check_body(bytes, segments);
}

fn check_block(block: &[u8], original: u64, segments: usize) {
    let packing = Packing { original, segments: vec![original / 3; segments] };
    match unpack(block, &packing) {
        Ok(unpacked) => {
            let whole = joined(&unpacked);
            assert_eq!((whole.len() as u64, unpacked.segments.len()), (original, segments), "other bytes than announced");
            check_body(&whole, segments);
        }
        Err(why) => check_text(&why.to_string()),
    }
}

fn check_body(bytes: &[u8], segments: usize) {
    let size = bytes.len() / (segments + 1);
    let (payload, bulk) = bytes.split_at(bytes.len() - size * segments);
    let parts: Vec<Bytes> = (0..segments).map(|part| Bytes::copy_from_slice(&bulk[part * size..(part + 1) * size])).collect();
    let length = bytes.len() as u64;
    let Some(packed) = pack(payload, &parts, length, u64::MAX) else { return };
    assert!(length >= WORTH_IT && (packed.bytes.len() as u64) < length, "{length} bytes became {}", packed.bytes.len());
    let unpacked = unpack(&packed.bytes, &packed.packing).expect("what was compressed can be restored");
    assert!(joined(&unpacked) == bytes && unpacked.bytes == payload, "it changed on its way");
}

fn joined(unpacked: &Unpacked) -> Vec<u8> {
    let mut whole = unpacked.bytes.to_vec();
    unpacked.segments.iter().flatten().for_each(|segment| whole.extend_from_slice(segment));
    whole
}
