//! Owns the fuzz target of frames: what the wire makes of any bytes.

use super::check_text;
use crate::wire;

/// Any bytes as a run of frames: a part of a frame is never taken for a frame; a frame either decodes, and then encodes to the very bytes it
/// came from, or is refused in words.
///
/// # Panics
///
/// When one of these does not hold.
pub fn frames(mut bytes: &[u8]) {
    while let Some((body, consumed)) = wire::split(bytes) {
        for end in 0..consumed {
            assert!(wire::split(&bytes[..end]).is_none(), "a frame of {consumed} bytes is said to be whole after {end}");
        }
        assert!(bytes[..consumed].ends_with(body), "the body is not the end of its frame");
        match wire::decode(body) {
            Ok(frame) => check_frame(&frame, &bytes[..consumed]),
            Err(error) => check_text(&error.to_string()),
        }
        bytes = &bytes[consumed..];
    }
}

fn check_frame(frame: &wire::Frame<'_>, original: &[u8]) {
    let mut again = Vec::new();
    wire::encode(frame, &mut again).expect("what was decoded can be encoded");
    let (body, consumed) = wire::split(&again).expect("a frame that was encoded is whole");
    assert_eq!(consumed, again.len(), "a frame that was encoded is one");
    assert_eq!(wire::decode(body).as_ref(), Ok(frame), "a frame changed on its way through the encoder");
    // A hello may have limits that are not known yet, and leave others out.
    if !matches!(frame, wire::Frame::Hello(_)) {
        assert_eq!(again, original, "a frame has two forms: {frame:?}");
    }
}
