//! What the codec promises: the bytes of bincode, values that come back equal, and hostile bytes that cost nothing.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;

const BOUNDS: Bounds = Bounds { depth: 64, decoded_bytes: 256 << 20 };

fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode(Codec::Bincode, value, &mut out, 64 << 20).unwrap();
    out
}

fn value_of<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, CodecError> {
    decode(Codec::Bincode, bytes, &BOUNDS)
}

/// A length as bincode writes it.
fn length(len: u64) -> Vec<u8> {
    bytes_of(&len)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line((i32, i32), (i32, i32)),
    Named { name: String, inner: Option<Box<Self>> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Metres(u64);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rich {
    small: u8,
    negative: i64,
    huge: u128,
    tiny: i128,
    letter: char,
    half: f32,
    third: f64,
    yes: bool,
    text: String,
    absent: Option<String>,
    nested: Option<Option<u16>>,
    list: Vec<Vec<Shape>>,
    map: BTreeMap<String, HashMap<u32, Metres>>,
    tuple: (u8, (char, String), [u16; 3]),
    unit: (),
    marker: Marker,
    result: Result<u8, String>,
    waited: Duration,
}

fn rich() -> Rich {
    let named = Shape::Named { name: "é".to_owned(), inner: Some(Box::new(Shape::Circle(-0.5))) };
    Rich {
        small: 255,
        negative: i64::MIN,
        huge: u128::MAX,
        tiny: i128::MIN,
        letter: '🦀',
        half: f32::MIN_POSITIVE,
        third: 1.0 / 3.0,
        yes: true,
        text: "grüße".to_owned(),
        absent: None,
        nested: Some(None),
        list: vec![vec![], vec![Shape::Empty, named], vec![Shape::Line((1, -2), (i32::MAX, i32::MIN))]],
        map: BTreeMap::from([("a".to_owned(), HashMap::from([(7, Metres(300))])), (String::new(), HashMap::new())]),
        tuple: (0, ('\0', "x".repeat(300)), [250, 251, u16::MAX]),
        unit: (),
        marker: Marker,
        result: Err("no".to_owned()),
        waited: Duration::new(3, 999_999_999),
    }
}

#[test]
fn a_rich_value_comes_back_equal() {
    let value = rich();
    assert_eq!(value_of::<Rich>(&bytes_of(&value)), Ok(value));
}

#[test]
fn the_bytes_are_those_of_plain_bincode() {
    let value = rich();
    let plain = ::bincode::serde::encode_to_vec(&value, ::bincode::config::standard()).unwrap();
    assert_eq!(bytes_of(&value), plain);
}

#[test]
fn the_bytes_never_change() {
    assert_eq!(bytes_of(&(1u8, 250u64, 251u64, 65_536u64, -1i32)), [1, 250, 251, 251, 0, 252, 0, 0, 1, 0, 1]);
    assert_eq!(bytes_of(&(1u64 << 32)), [253, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes_of(&("ab", Some('c'), None::<u8>)), [2, b'a', b'b', 1, b'c', 0]);
    assert_eq!(bytes_of(&vec![Shape::Empty, Shape::Circle(1.0)]), [2, 0, 1, 0, 0, 0, 0, 0, 0, 240, 63]);
}

#[test]
fn every_truncation_is_an_error_and_none_a_shorter_value() {
    let bytes = bytes_of(&rich());
    for end in 0..bytes.len() {
        let result = value_of::<Rich>(&bytes[..end]);
        assert!(matches!(result, Err(CodecError::Truncated)), "cut at {end}: {result:?}");
    }
}

#[test]
fn bytes_left_over_are_an_error() {
    let mut bytes = bytes_of(&rich());
    bytes.push(0);
    assert_eq!(value_of::<Rich>(&bytes), Err(CodecError::TrailingBytes { count: 1 }));
    assert_eq!(value_of::<()>(&[1, 2, 3]), Err(CodecError::TrailingBytes { count: 3 }));
}

#[test]
fn damaged_bytes_are_an_error_or_another_value_and_never_a_panic() {
    let bytes = bytes_of(&rich());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % damaged.len();
            damaged[at] = (state >> 25) as u8;
        }
        let _ = value_of::<Rich>(&damaged);
    }
}

#[test]
fn borrowed_text_and_bytes_lie_in_the_message() {
    #[derive(Debug, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        bytes: &'a [u8],
    }
    let message = bytes_of(&("hello", "world"));
    let value: Borrowed<'_> = value_of(&message).unwrap();
    assert_eq!((value.text, value.bytes), ("hello", &b"world"[..]));
    assert!(message.as_ptr_range().contains(&value.text.as_ptr()));
    assert!(message.as_ptr_range().contains(&value.bytes.as_ptr()));
}

#[test]
fn a_string_that_is_not_utf8_says_so() {
    let Err(CodecError::Value(text)) = value_of::<String>(&[2, 0xff, 0xff]) else { panic!("decoded") };
    assert!(text.contains("UTF-8"), "{text}");
}

// Depth.

#[derive(Debug, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Self>),
}

fn chain(links: usize) -> Vec<u8> {
    let mut bytes = vec![1; links];
    bytes.push(0);
    bytes
}

fn on_a_small_stack(bytes: usize, test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(bytes).spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_value_a_million_levels_deep_is_refused() {
    on_a_small_stack(2 << 20, || {
        let refused = value_of::<Chain>(&chain(1_000_000));
        assert!(matches!(refused, Err(CodecError::TooDeep { max: 64 })), "{refused:?}");
        let unbounded = Bounds { depth: u32::MAX, decoded_bytes: u64::MAX };
        let refused = decode::<Chain>(Codec::Bincode, &chain(1_000_000), &unbounded);
        assert!(matches!(refused, Err(CodecError::TooDeep { max: DEPTH_MAX })), "{refused:?}");
    });
}

#[test]
fn the_deepest_value_fits_a_small_stack() {
    on_a_small_stack(512 << 10, || {
        let bytes = chain(DEPTH_MAX as usize);
        let bounds = Bounds { depth: DEPTH_MAX, ..BOUNDS };
        let value: Chain = decode(Codec::Bincode, &bytes, &bounds).unwrap();
        assert_eq!(bytes_of(&value), bytes);
    });
}

#[test]
fn encoding_refuses_what_decoding_would_refuse() {
    fn check<T: Serialize + for<'de> Deserialize<'de>>(value: &T, levels: u32) {
        let bytes = bytes_of(value);
        let kind = std::any::type_name::<T>();
        for depth in [levels, levels - 1] {
            let decoded = decode::<T>(Codec::Bincode, &bytes, &Bounds { depth, ..BOUNDS }).map(|_| ());
            let mut out = Vec::new();
            let encoded = encode_within(Codec::Bincode, value, &mut out, 1_000, depth);
            let expected = if depth == levels { Ok(()) } else { Err(CodecError::TooDeep { max: depth }) };
            assert_eq!((decoded, encoded), (expected.clone(), expected), "{kind} at depth {depth}");
        }
    }
    check(&Some(1u8), 1);
    check(&Metres(1), 1);
    check(&(1u8,), 1);
    check(&vec![1u8], 1);
    check(&[1u8; 3], 1);
    check(&BTreeMap::from([(1u8, 1u8)]), 1);
    check(&Duration::from_secs(1), 1);
    check(&Shape::Circle(1.0), 1);
    check(&Chain::Link(Box::new(Chain::Link(Box::new(Chain::End)))), 2);
    check(&Shape::Named { name: String::new(), inner: Some(Box::new(Shape::Line((1, 1), (1, 1)))) }, 4);
    check(&vec![Some(BTreeMap::from([(Some(1u8), (Metres(1),))]))], 5);
}

#[test]
fn what_has_no_content_is_no_level() {
    let flat = Bounds { depth: 0, decoded_bytes: 1_000 };
    assert_eq!(decode(Codec::Bincode, &[0], &flat), Ok(Shape::Empty));
    assert_eq!(decode(Codec::Bincode, &[0], &flat), Ok(None::<u8>));
    assert_eq!(decode(Codec::Bincode, &[], &flat), Ok(Marker));
    assert_eq!(decode(Codec::Bincode, &[1, b'a'], &flat), Ok("a".to_owned()));
}

// Size.

#[test]
fn a_claim_of_many_empty_elements_is_refused_quickly() {
    let started = Instant::now();
    for claimed in [1 << 23, 1 << 31, 1 << 34, 1 << 60, u64::MAX] {
        let refused = value_of::<Vec<()>>(&length(claimed));
        assert_eq!(refused, Err(CodecError::DecodedTooLarge { max_bytes: BOUNDS.decoded_bytes }), "{claimed}");
        let refused = value_of::<HashMap<(), ()>>(&length(claimed));
        assert_eq!(refused, Err(CodecError::DecodedTooLarge { max_bytes: BOUNDS.decoded_bytes }), "{claimed}");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "took {:?} (unoptimised, on a busy machine)", started.elapsed());
    assert_eq!(value_of::<Vec<()>>(&length(1_000)).map(|list| list.len()), Ok(1_000));
}

/// Asks for an owned buffer, as `serde_bytes::ByteBuf` does.
#[derive(Debug, PartialEq)]
struct Buffer(Vec<u8>);

impl<'de> Deserialize<'de> for Buffer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Buffer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Buffer, E> {
                Ok(Buffer(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// Everything that a hostile length can stand in front of.
fn decode_hostile_lengths() {
    for claimed in [1 << 16, 1 << 27, 1 << 30, 1 << 34, 1 << 60, u64::MAX] {
        let mut message = length(claimed);
        message.extend([1, 2, 3]);
        assert!(value_of::<String>(&message).is_err());
        assert!(value_of::<&str>(&message).is_err());
        assert!(value_of::<Box<str>>(&message).is_err());
        assert!(value_of::<Buffer>(&message).is_err());
        assert!(value_of::<Vec<u8>>(&message).is_err());
        assert!(value_of::<Vec<u64>>(&message).is_err());
        assert!(value_of::<Vec<[u64; 32]>>(&message).is_err());
        assert!(value_of::<HashMap<u64, u64>>(&message).is_err());
        assert!(value_of::<std::collections::VecDeque<String>>(&message).is_err());
        assert!(value_of::<std::path::PathBuf>(&message).is_err());
        assert!(value_of::<std::ffi::CString>(&message).is_err());
        assert!(value_of::<(u8, Option<Vec<String>>)>(&[&[1, 1][..], &message].concat()).is_err());
    }
}

#[test]
fn claimed_lengths_are_refused() {
    decode_hostile_lengths();
    let mut message = length(1 << 60);
    message.extend([0; 3]);
    assert_eq!(message.len(), 12);
    assert_eq!(value_of::<String>(&message), Err(CodecError::Truncated));
    assert_eq!(value_of::<Buffer>(&message), Err(CodecError::Truncated));
    assert_eq!(value_of::<Vec<u64>>(&message), Err(CodecError::DecodedTooLarge { max_bytes: BOUNDS.decoded_bytes }));
    assert_eq!(value_of::<Buffer>(&[2, 8, 9]), Ok(Buffer(vec![8, 9])));
}

/// Runs this very test again in a process that may not have as much memory as the hostile lengths ask for, where asking aborts.
#[test]
#[cfg(target_os = "linux")]
fn claimed_lengths_allocate_nothing() {
    const INSIDE: &str = "NETREF_CODEC_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return decode_hostile_lengths();
    }
    let test = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh")
        // 512 MiB of addresses: enough for the test program and its threads' stacks, less than the lengths from 2^30 on.
        .args(["-c", "ulimit -v 524288 && exec \"$0\" --exact --test-threads=1 codec::tests::claimed_lengths_allocate_nothing"])
        .arg(test)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

/// Says what a sequence promised to hold.
struct Promised(Option<usize>);

impl<'de> Deserialize<'de> for Promised {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> Visitor<'de> for Look {
            type Value = Promised;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Promised, A::Error> {
                Ok(Promised(access.size_hint()))
            }
        }
        deserializer.deserialize_seq(Look)
    }
}

#[test]
fn a_length_promises_no_more_elements_than_there_are_bytes() {
    let message = length(100_000_000);
    assert_eq!(value_of::<Promised>(&message).unwrap().0, Some(message.len()));
}

#[test]
fn decoded_bytes_are_charged_per_element_and_per_byte_of_text() {
    fn within<T: for<'de> Deserialize<'de>>(message: &[u8], decoded_bytes: u64) -> Result<(), CodecError> {
        decode::<T>(Codec::Bincode, message, &Bounds { decoded_bytes, ..BOUNDS }).map(|_| ())
    }
    let refused = |max_bytes| Err(CodecError::DecodedTooLarge { max_bytes });
    let numbers = bytes_of(&vec![1u64; 1_000]);
    assert_eq!(within::<Vec<u64>>(&numbers, 8_000), Ok(()));
    assert_eq!(within::<Vec<u64>>(&numbers, 7_999), refused(7_999));
    let text = bytes_of(&"x".repeat(1_000));
    assert_eq!(within::<String>(&text, 1_000), Ok(()));
    assert_eq!(within::<String>(&text, 999), refused(999));
    let map = bytes_of(&BTreeMap::from([(1u16, 1u32), (2, 2)]));
    assert_eq!(within::<BTreeMap<u16, u32>>(&map, 12), Ok(()));
    assert_eq!(within::<BTreeMap<u16, u32>>(&map, 11), refused(11));
    // Boxed content is not part of an element's own size.
    let boxed = bytes_of(&Chain::Link(Box::new(Chain::End)));
    assert_eq!(within::<Chain>(&boxed, 8), Ok(()));
    assert_eq!(within::<Chain>(&boxed, 7), refused(7));
    let units = bytes_of(&((), (), Marker));
    assert_eq!(within::<((), (), Marker)>(&units, 3), Ok(()));
    assert_eq!(within::<((), (), Marker)>(&units, 2), refused(2));
}

#[test]
fn a_message_of_the_largest_size_is_decoded() {
    let value = vec![0u128; 4 << 20];
    let message = bytes_of(&value);
    assert_eq!(value_of::<Vec<u128>>(&message).map(|list| list.len()), Ok(value.len()));
    let text = "x".repeat((64 << 20) - 5);
    let message = bytes_of(&text);
    assert_eq!(message.len(), 64 << 20);
    assert_eq!(value_of::<&str>(&message).map(str::len), Ok(text.len()));
}

/// Counts how many of its million elements it was asked for.
struct Endless(Cell<usize>);

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(1_000_000))?;
        for _ in 0..1_000_000 {
            self.0.set(self.0.get() + 1);
            seq.serialize_element("0123456789abcdef")?;
        }
        seq.end()
    }
}

#[test]
fn encoding_stops_at_the_bound_and_leaves_the_buffer_as_it_was() {
    let mut out = b"before".to_vec();
    let value = Endless(Cell::new(0));
    assert_eq!(encode(Codec::Bincode, &value, &mut out, 1_000), Err(CodecError::TooLarge { max_bytes: 1_000 }));
    assert_eq!(out, b"before");
    assert!(value.0.get() < 100, "{}", value.0.get());
    assert_eq!(encode(Codec::Bincode, "12345", &mut out, 6), Ok(()));
    assert_eq!(out, b"before\x0512345");
    assert_eq!(encode(Codec::Bincode, "12345", &mut out, 5), Err(CodecError::TooLarge { max_bytes: 5 }));
    assert_eq!(out, b"before\x0512345");
    assert_eq!(encode(Codec::Bincode, &(), &mut out, 0), Ok(()));
}

// What bincode cannot carry.

#[test]
fn a_field_that_is_left_out_is_refused_by_name() {
    #[derive(Serialize)]
    struct Account {
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        balance: u64,
    }
    #[derive(Serialize)]
    enum Event {
        Closed {
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<String>,
        },
    }
    let mut out = Vec::new();
    let Err(error) = encode(Codec::Bincode, &Account { owner: None, balance: 1 }, &mut out, 100) else { panic!("encoded") };
    let text = error.to_string();
    assert!(matches!(error, CodecError::Unsupported(_)) && text.contains("Account") && text.contains("owner"), "{text}");
    let Err(error) = encode(Codec::Bincode, &Event::Closed { reason: None }, &mut out, 100) else { panic!("encoded") };
    assert!(error.to_string().contains("reason"), "{error}");
    assert!(out.is_empty());
    assert_eq!(encode(Codec::Bincode, &Account { owner: Some(String::new()), balance: 1 }, &mut out, 100), Ok(()));
}

#[test]
fn what_asks_for_names_or_kinds_is_unsupported() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        #[allow(dead_code)]
        Number(u64),
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Number { value: u64 },
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    fn unsupported<T: fmt::Debug>(result: Result<T, CodecError>) {
        let Err(CodecError::Unsupported(text)) = &result else { panic!("{result:?}") };
        assert!(text.contains("serde"), "{text}");
    }
    unsupported(value_of::<Either>(&bytes_of(&Either::Number(1))));
    unsupported(value_of::<Tagged>(&bytes_of(&Tagged::Number { value: 1 })));
    unsupported(value_of::<IgnoredAny>(&[1]));
    unsupported(encode(Codec::Bincode, &Outer { rest: BTreeMap::new() }, &mut Vec::new(), 100));
    unsupported(value_of::<Outer>(&[1, 1, b'a', 0]));
}

#[test]
fn a_type_that_swallows_a_refusal_is_refused_all_the_same() {
    #[derive(Debug)]
    struct Swallowed;
    impl<'de> Deserialize<'de> for Swallowed {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let _ = Vec::<u64>::deserialize(deserializer);
            Ok(Self)
        }
    }
    assert!(matches!(value_of::<Swallowed>(&length(1 << 60)), Err(CodecError::DecodedTooLarge { .. })));
}

#[test]
fn a_type_says_in_its_own_words_what_it_refuses() {
    let refused = value_of::<std::num::NonZeroU8>(&[0]);
    let Err(CodecError::Value(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("zero"), "{text}");
    let refused = value_of::<Shape>(&[9]);
    let Err(CodecError::Value(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains('9'), "{text}");
    assert!(matches!(value_of::<bool>(&[2]), Err(CodecError::Value(_))));
    assert!(matches!(value_of::<Option<u8>>(&[2, 0]), Err(CodecError::Value(_))));
    assert!(matches!(value_of::<char>(&[0xff]), Err(CodecError::Value(_))));
}

#[test]
fn codecs_are_named_by_number() {
    assert_eq!(Codec::from_id(Codec::Bincode.id()), Ok(Codec::Bincode));
    assert_eq!(Codec::from_id(9), Err(CodecError::UnknownCodec(9)));
    assert!(CodecError::UnknownCodec(9).to_string().contains('9'));
}

#[test]
#[cfg(not(feature = "json"))]
fn without_its_feature_json_is_refused_by_the_name_of_the_feature() {
    assert_eq!(Codec::from_id(1), Err(CodecError::UnknownCodec(1)));
    let text = CodecError::UnknownCodec(1).to_string();
    assert!(text.contains("JSON") && text.contains("feature `json`"), "{text}");
}

#[test]
#[cfg(feature = "json")]
fn with_its_feature_json_is_number_1() {
    assert_eq!(Codec::from_id(1), Ok(Codec::Json));
    assert_eq!(Codec::Json.id(), 1);
}
