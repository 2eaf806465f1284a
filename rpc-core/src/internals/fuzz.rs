//! Owns the bodies of the fuzz targets: each takes any bytes and panics when a rule is broken, never otherwise.

use crate::wire;

/// Any bytes as a run of frames: each either decodes, and then encodes to bytes that decode to the same frame, or is refused in words.
///
/// # Panics
///
/// When a frame does not survive being encoded again.
pub fn frames(mut bytes: &[u8]) {
    while let Some((body, consumed)) = wire::split(bytes) {
        if let Ok(frame) = wire::decode(body) {
            let mut again = Vec::new();
            if wire::encode(&frame, &mut again).is_ok() {
                let (body, _) = wire::split(&again).expect("a frame that was encoded is whole");
                assert_eq!(wire::decode(body).as_ref(), Ok(&frame), "a frame changed on its way through the encoder");
            }
        }
        bytes = &bytes[consumed..];
    }
}
