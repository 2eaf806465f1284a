//! Owns bytes as text: base64 with the standard alphabet of RFC 4648, `+` and `/`. Written with padding, read with and without it.

use super::refused::Refused;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The four characters for up to three bytes.
fn quad(bytes: &[u8]) -> [u8; 4] {
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let bits = u32::from(at(0)) << 16 | u32::from(at(1)) << 8 | u32::from(at(2));
    let mut quad = [b'='; 4];
    for (place, character) in quad.iter_mut().enumerate().take(bytes.len() + 1) {
        *character = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
    }
    quad
}

/// The characters for `bytes`, four at a time.
pub(super) fn encode(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes.chunks(3).map(quad)
}

/// How many characters [`encode`] gives.
pub(super) const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

fn bits_of(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// The bytes that `text` stands for. Each sequence of bytes has one text with padding and one without; any other is refused.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Refused> {
    let padded = text.len().is_multiple_of(4);
    let digits = match text.as_bytes() {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] if padded => digits,
        digits => digits,
    };
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for (index, chunk) in digits.chunks(4).enumerate() {
        let mut bits = 0;
        for (place, &digit) in chunk.iter().enumerate() {
            let Some(value) = bits_of(digit) else { return Err(stranger(text, index * 4 + place)) };
            bits |= value << (18 - 6 * place);
        }
        let count = chunk.len() * 6 / 8;
        let [_, quad @ ..] = bits.to_be_bytes();
        if count == 0 || quad[count..].iter().any(|&rest| rest != 0) {
            return Err(Refused::value("the base64 text is cut short, or its last character has bits that belong to no byte"));
        }
        bytes.extend_from_slice(&quad[..count]);
    }
    Ok(bytes)
}

#[cold]
fn stranger(text: &str, at: usize) -> Refused {
    let character = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
    Refused::value(format!("bytes are base64 with the alphabet A-Z a-z 0-9 + /, which has no `{}`", character.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        String::from_utf8(encode(bytes).flatten().collect()).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc_hold_with_and_without_padding() {
        let examples =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in examples {
            assert_eq!(text_of(bytes.as_bytes()), text);
            assert_eq!(encoded_len(bytes.len()), text.len());
            assert_eq!(decode(text).unwrap(), bytes.as_bytes(), "{text}");
            assert_eq!(decode(text.trim_end_matches('=')).unwrap(), bytes.as_bytes(), "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).rev().chain(0..=255).collect();
        for end in 0..bytes.len() {
            assert_eq!(decode(&text_of(&bytes[..end])).unwrap(), &bytes[..end]);
        }
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in ["Z", "Zg=", "Zg===", "=", "==", "====", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Zm 9v", "Zm9v\n", "Zg==Zg==", "é", "Zm9vé"]
        {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
