//! Owns the integers of the wire: LEB128, at most 64 bits, always in the shortest form. It knows nothing of the fields they stand for.

use super::DecodeError;

/// Appends `value` with seven bits to a byte, lowest first, the top bit set on every byte but the last.
///
/// ```
/// let mut out = Vec::new();
/// netref::wire::put_varint(&mut out, 300);
/// assert_eq!(out, [0xac, 0x02]);
/// ```
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The integer at the start of `bytes` and what follows it.
#[inline(always)]
pub(super) fn split_varint(bytes: &[u8]) -> Result<(u64, &[u8]), DecodeError> {
    match bytes {
        [first, rest @ ..] if *first < 0x80 => Ok((u64::from(*first), rest)),
        _ => split_long_varint(bytes),
    }
}

#[cold]
fn split_long_varint(bytes: &[u8]) -> Result<(u64, &[u8]), DecodeError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        // Nine bytes hold 63 bits, so the tenth may only bring the last one.
        if index == 9 && byte > 1 {
            return Err(DecodeError::VarintTooLarge);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte == 0 && index > 0 {
            return Err(DecodeError::VarintNotShortest);
        }
        if byte < 0x80 {
            return Ok((value, &bytes[index + 1..]));
        }
    }
    Err(DecodeError::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                out.push(0xee);
                assert_eq!(split_varint(&out), Ok((value, &[0xee][..])));
            }
        }
    }

    #[test]
    fn a_cut_integer_is_truncated() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(out.len(), 10);
        for end in 0..out.len() {
            assert_eq!(split_varint(&out[..end]), Err(DecodeError::Truncated));
        }
    }

    #[test]
    fn a_longer_form_than_needed_is_refused() {
        assert_eq!(split_varint(&[0x80, 0x00]), Err(DecodeError::VarintNotShortest));
        assert_eq!(split_varint(&[0xff, 0x80, 0x00]), Err(DecodeError::VarintNotShortest));
    }

    #[test]
    fn more_than_64_bits_are_refused() {
        let nine = [0xff; 9];
        for last in [0x02, 0x7f, 0x80, 0x81, 0xff] {
            let bytes: Vec<u8> = nine.iter().copied().chain([last, 0x01]).collect();
            assert_eq!(split_varint(&bytes), Err(DecodeError::VarintTooLarge));
        }
    }
}
