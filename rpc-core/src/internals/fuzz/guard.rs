//! Owns the fuzz target of values: what the guard and the codecs make of any bytes, under any bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::check_text;
use super::weight::{Chain, Metres, Tree, Weigh};
use crate::any::AnyRemote;
use crate::bulk::{BulkIn, bulk};
use crate::codec::{self, Bounds, Codec, CodecError, DEPTH_MAX};
use crate::error::{Error, ErrorKind, Outcome, Verbatim};
use crate::handler::{Handler, RawCall, RawReturn};
use crate::transfer::{self, Incoming};

/// Any bytes as a value: the first four say of which type, in which codec and within which bounds, the others are the message. It is decoded within
/// its bounds, and then encodes to what decodes to the same, or it is refused in words.
///
/// # Panics
///
/// When one of these does not hold.
pub fn guard(data: &[u8]) {
    let [kind, codec, depth, room, message @ ..] = data else { return };
    let codec = Codec::from_id(codec % 2).unwrap_or_default();
    let bounds = Bounds { depth: u32::from(*depth), decoded_bytes: 1 << (room % 25) };
    let message = Message { codec, bounds, bytes: message };
    match kind % 20 {
        0 => message.weighed::<Tree>(),
        1 => message.weighed::<Chain>(),
        2 => message.weighed::<Vec<()>>(),
        3 => message.weighed::<BTreeMap<(), ()>>(),
        4 => message.weighed::<Vec<[u64; 3]>>(),
        5 => message.weighed::<(u8, Option<Option<u16>>, char, String)>(),
        6 => message.weighed::<(f32, i128, u128, bool)>(),
        7 => message.weighed::<BTreeMap<String, Vec<Option<Tree>>>>(),
        8 => message.weighed::<Result<Vec<Box<str>>, (Metres,)>>(),
        9 => message.weighed::<Vec<(i8, Metres)>>(),
        10 => message.strange::<(std::path::PathBuf, std::ffi::CString)>(),
        11 => message.strange::<Vec<std::net::SocketAddr>>(),
        12 => message.strange::<(std::time::Duration, Option<std::time::SystemTime>)>(),
        13 => message.strange::<std::collections::VecDeque<std::num::NonZeroU16>>(),
        14 => message.strange::<Verbatim>(),
        15 => message.strange::<Result<u64, Error>>(),
        16 => message.borrowed(),
        17 => message.any(),
        18 => message.bulk(),
        _ => message.references(),
    }
}

struct Message<'a> {
    codec: Codec,
    bounds: Bounds,
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    fn decode<T: Deserialize<'a>>(&self, bounds: &Bounds) -> Option<T> {
        match codec::decode(self.codec, self.bytes, bounds) {
            Ok(value) => Some(value),
            Err(error) => {
                check_error(&error);
                None
            }
        }
    }

    /// What was decoded is encoded no deeper than it came.
    fn encode<T: Serialize>(&self, value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        if let Err(error) = codec::encode_within(self.codec, value, &mut out, 64 << 20, self.bounds.depth) {
            panic!("what was decoded cannot be encoded: {error}");
        }
        out
    }

    fn check_again<T: Serialize + DeserializeOwned>(&self, value: &T) {
        let bytes = self.encode(value);
        match codec::decode::<T>(self.codec, &bytes, &self.bounds) {
            Ok(again) => assert_eq!(self.encode(&again), bytes, "a value changed on its way"),
            Err(error) => panic!("what was encoded cannot be decoded within the same bounds: {error}"),
        }
    }

    /// A value of a type that says what it weighs.
    fn weighed<T: Weigh>(&self) {
        let Some(value) = self.decode::<T>(&self.bounds) else { return };
        let (depth, bytes) = (value.depth(), value.bytes());
        assert!(depth <= self.bounds.depth, "{depth} levels, more than {}", self.bounds.depth);
        assert!(bytes <= self.bounds.decoded_bytes, "{bytes} bytes in memory, more than {}", self.bounds.decoded_bytes);
        self.check_again(&value);
        // Codecs with names charge the names too.
        if self.codec == Codec::Bincode {
            let bytes = &self.encode(&value);
            assert!(bytes.len() <= self.bytes.len(), "a number was read in a form shorter than the shortest");
            Message { bytes, ..*self }.check_bounds::<T>(value.depth(), value.bytes());
        }
    }

    /// Bounds as large as the value let it pass, and smaller ones do not. These bytes name no key of a map twice.
    fn check_bounds<T: Weigh>(&self, depth: u32, bytes: u64) {
        let decode = |depth, decoded_bytes| codec::decode::<T>(self.codec, self.bytes, &Bounds { depth, decoded_bytes }).map(|_| ());
        assert_eq!(decode(depth, bytes), Ok(()), "it is {depth} levels deep and takes {bytes} bytes");
        if depth > 0 {
            assert_eq!(decode(depth - 1, bytes), Err(CodecError::TooDeep { max: depth - 1 }));
        }
        if bytes > 0 {
            assert_eq!(decode(depth, bytes - 1), Err(CodecError::DecodedTooLarge { max_bytes: bytes - 1 }));
        }
    }

    /// A value of a type with rules of its own.
    fn strange<T: Serialize + DeserializeOwned>(&self) {
        if let Some(value) = self.decode::<T>(&self.bounds) {
            self.check_again(&value);
        }
    }

    fn borrowed(&self) {
        let Some(texts) = self.decode::<Vec<&str>>(&self.bounds) else { return };
        let range = self.bytes.as_ptr_range();
        assert!(texts.iter().all(|text| text.is_empty() || range.contains(&text.as_ptr())), "a borrowed text lies elsewhere");
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        assert!(bytes <= self.bytes.len());
    }

    /// A type that asks what comes next.
    fn any(&self) {
        let ignored = self.decode::<serde::de::IgnoredAny>(&self.bounds);
        assert!(ignored.is_none() || self.codec != Codec::Bincode, "bincode does not know what comes next");
    }

    fn bulk(&self) {
        let segments = [&b"first"[..], b""].map(|segment| Some(Bytes::from_static(segment)));
        let incoming = Incoming::new(Vec::new(), segments.into());
        let Some(value) = transfer::decoding(incoming, || self.decode::<Vec<BulkIn<Bytes>>>(&self.bounds)) else { return };
        // JSON writes such bytes into the message, as people would.
        assert!(value.len() <= 2 || self.codec != Codec::Bincode, "a segment was taken twice");
        let sent: Vec<_> = value.iter().map(|BulkIn(bytes)| bulk(bytes)).collect();
        let (bytes, mut outgoing) = transfer::encoding(|| self.encode(&sent));
        let incoming = Incoming::new(Vec::new(), outgoing.take_segments().into_iter().map(Some).collect());
        let again = transfer::decoding(incoming, || codec::decode::<Vec<BulkIn<Bytes>>>(self.codec, &bytes, &self.bounds));
        let again = again.expect("what was encoded can be decoded");
        assert!(again.iter().map(|BulkIn(bytes)| bytes).eq(value.iter().map(|BulkIn(bytes)| bytes)), "bytes changed on their way");
    }

    fn references(&self) {
        let handler: Arc<dyn Handler> = Arc::new(Refusing);
        let references = (0..3).map(|_| Some(AnyRemote::from_handler("fuzz::Any", Arc::clone(&handler)))).collect();
        let incoming = Incoming::new(references, Vec::new());
        let value = transfer::decoding(incoming, || self.decode::<Holder>(&self.bounds));
        let held = value.as_ref().map_or(0, Holder::count);
        assert_eq!(Arc::strong_count(&handler), 1 + held, "a reference was taken twice, or is kept by nobody");
        if let Some(value) = value {
            let (bytes, outgoing) = transfer::encoding(|| {
                let mut out = Vec::new();
                codec::encode_within(self.codec, &value, &mut out, 64 << 20, DEPTH_MAX).map(|()| out)
            });
            assert!(bytes.is_ok_and(|bytes| !bytes.is_empty()), "references that were decoded cannot be encoded");
            assert_eq!(outgoing.references().len(), held);
        }
        assert_eq!(Arc::strong_count(&handler), 1, "a reference is kept by nobody");
    }
}

/// References at several depths.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    first: Option<AnyRemote>,
    list: Vec<AnyRemote>,
    map: BTreeMap<String, Self>,
}

impl Holder {
    fn count(&self) -> usize {
        usize::from(self.first.is_some()) + self.list.len() + self.map.values().map(Self::count).sum::<usize>()
    }
}

struct Refusing;

impl Handler for Refusing {
    fn call(&self, call: RawCall) -> RawReturn {
        RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, format!("{} is not for calling", call.method)))
    }
}

/// Types have words of their own, which may quote what they were given.
fn check_error(error: &CodecError) {
    match error {
        CodecError::Value(text) => assert!(!text.is_empty(), "refused without a word"),
        other => check_text(&other.to_string()),
    }
}
