//! What the JSON codec promises. The forms of values are here; what cannot be carried, the arguments of methods, hostile texts and random
//! ones have a file each.

mod arguments;
mod cannot;
mod hostile;
mod random;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::super::{Bounds, Codec, CodecError, decode, encode, encode_within};

const BOUNDS: Bounds = Bounds { depth: 64, decoded_bytes: 256 << 20 };

fn text_of<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::new();
    encode(Codec::Json, value, &mut out, 64 << 20).unwrap();
    String::from_utf8(out).unwrap()
}

fn value_of<T: DeserializeOwned>(text: impl AsRef<[u8]>) -> Result<T, CodecError> {
    decode(Codec::Json, text.as_ref(), &BOUNDS)
}

/// The words of a refusal.
fn refusal<T: fmt::Debug>(result: Result<T, CodecError>) -> String {
    match result {
        Err(CodecError::Value(text) | CodecError::Unsupported(text)) => text,
        other => panic!("not refused in words: {other:?}"),
    }
}

/// The value has this text, and comes back from it.
fn is_written<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: T, text: &str) {
    assert_eq!(text_of(&value), text);
    assert_eq!(value_of::<T>(text), Ok(value), "{text}");
}

/// Bytes as serde has them, which `Vec<u8>` is not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line((i32, i32), (i32, i32)),
    Named { name: String, inner: Option<Box<Self>> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Metres(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Colour {
    Red,
    #[serde(rename = "dark green")]
    Green,
}

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
    list: Vec<Vec<Shape>>,
    map: BTreeMap<String, HashMap<u32, Metres>>,
    tuple: (u8, (char, String), [u16; 3]),
    unit: (),
    marker: Marker,
    result: Result<u8, String>,
    waited: Duration,
    bytes: Blob,
    address: IpAddr,
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
        text: "grüße \"\\\u{0}\u{1f}\u{7f}\u{2028}\r\n\t/".to_owned(),
        absent: None,
        list: vec![vec![], vec![Shape::Empty, named], vec![Shape::Line((1, -2), (i32::MAX, i32::MIN))]],
        map: BTreeMap::from([("a".to_owned(), HashMap::from([(7, Metres(300))])), (String::new(), HashMap::new())]),
        tuple: (0, ('\0', "x".repeat(300)), [250, 251, u16::MAX]),
        unit: (),
        marker: Marker,
        result: Err("no".to_owned()),
        waited: Duration::new(3, 999_999_999),
        bytes: Blob((0..=255).collect()),
        address: IpAddr::from([127, 0, 0, 1]),
    }
}

#[test]
fn a_rich_value_comes_back_equal() {
    let text = text_of(&rich());
    assert_eq!(value_of::<Rich>(&text), Ok(rich()));
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
    assert_eq!(value_of::<Rich>(pretty), Ok(rich()), "with white space, and fields in another order");
}

#[test]
fn scalars_have_the_forms_of_the_page() {
    is_written((), "null");
    is_written(Marker, "null");
    is_written(true, "true");
    is_written('é', "\"é\"");
    is_written("a\"\\\n\u{8}/".to_owned(), "\"a\\\"\\\\\\n\\u0008/\"");
    is_written(Some(3u8), "3");
    is_written(None::<u8>, "null");
    is_written(Metres(5), "5");
    is_written(Blob(b"foob".to_vec()), "\"Zm9vYg==\"");
    is_written(IpAddr::from([127, 0, 0, 1]), "\"127.0.0.1\"");
    is_written(vec![1u8, 2], "[1,2]");
}

#[test]
fn integers_beyond_two_to_the_53_are_strings() {
    let edge = 9_007_199_254_740_991u64;
    is_written(edge, "9007199254740991");
    is_written(edge + 1, "\"9007199254740992\"");
    is_written(-(edge as i64), "-9007199254740991");
    is_written(-(edge as i64) - 1, "\"-9007199254740992\"");
    is_written(u64::MAX, "\"18446744073709551615\"");
    is_written(i128::MIN, &format!("\"{}\"", i128::MIN));
    is_written(7i128, "7");
    assert_eq!(value_of::<u64>("18446744073709551615"), Ok(u64::MAX), "as a number");
    assert_eq!(value_of::<u64>("\"5\""), Ok(5), "as a string");
    assert_eq!(value_of::<u128>(u128::MAX.to_string()), Ok(u128::MAX));
    assert_eq!(value_of::<i64>("-9223372036854775808"), Ok(i64::MIN));
}

#[test]
fn what_is_no_such_integer_is_refused() {
    for text in
        ["\"05\"", "\"+5\"", "\" 5\"", "\"5.0\"", "\"\"", "\"-0\"", "5.0", "5e0", "-1", "18446744073709551616", "true", "null", "[5]"]
    {
        refusal(value_of::<u64>(text));
    }
    for text in ["\"5\"", "256", "-1", "2.0", "18446744073709551616"] {
        refusal(value_of::<u8>(text));
    }
    assert!(refusal(value_of::<i128>(format!("1{}", "0".repeat(40)))).contains("out of the range"));
}

#[test]
fn floats_come_back_bit_by_bit() {
    is_written(1.0f64, "1.0");
    is_written(-0.0f64, "-0.0");
    is_written(0.1f32, "0.1");
    is_written(1e300f64, "1e300");
    for bits in (0..64).map(|shift| 0x3ff5_5555_5555_5555u64.rotate_left(shift)).chain([1, f64::MAX.to_bits(), f64::MIN_POSITIVE.to_bits()])
    {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            assert_eq!(value_of::<f64>(text_of(&value)).map(f64::to_bits), Ok(bits));
        }
        let value = f32::from_bits(bits as u32);
        if value.is_finite() {
            assert_eq!(value_of::<f32>(text_of(&value)).map(f32::to_bits), Ok(bits as u32));
        }
    }
    assert_eq!(value_of::<f64>("5"), Ok(5.0), "an integer will do");
    assert_eq!(value_of::<f64>("123456789012345678901234567890"), Ok(123_456_789_012_345_678_901_234_567_890.0));
}

#[test]
fn variants_are_named() {
    is_written(Shape::Empty, "\"Empty\"");
    is_written(Shape::Circle(1.5), "{\"Circle\":1.5}");
    is_written(Shape::Line((1, 2), (3, 4)), "{\"Line\":[[1,2],[3,4]]}");
    is_written(Shape::Named { name: "n".to_owned(), inner: None }, "{\"Named\":{\"name\":\"n\",\"inner\":null}}");
    is_written(Ok::<u8, String>(1), "{\"Ok\":1}");
    assert_eq!(value_of::<Shape>("{\"Empty\":null}"), Ok(Shape::Empty));
    assert_eq!(value_of::<Shape>("{ \"Named\" : { \"name\" : \"n\" } }"), Ok(Shape::Named { name: "n".to_owned(), inner: None }));
    for text in ["0", "\"Square\"", "{}", "{\"Empty\":1}", "{\"Circle\":1,\"Empty\":null}", "\"Circle\"", "[\"Empty\"]", "null"] {
        refusal(value_of::<Shape>(text));
    }
}

#[test]
fn keys_are_strings() {
    is_written(BTreeMap::from([(-7i64, 1u8), (i64::MAX, 2)]), "{\"-7\":1,\"9223372036854775807\":2}");
    is_written(BTreeMap::from([(u128::MAX, ())]), &format!("{{\"{}\":null}}", u128::MAX));
    is_written(BTreeMap::from([(false, 0u8), (true, 1)]), "{\"false\":0,\"true\":1}");
    is_written(BTreeMap::from([('é', 0u8)]), "{\"é\":0}");
    is_written(BTreeMap::from([(Metres(3), Metres(4))]), "{\"3\":4}");
    is_written(BTreeMap::from([(Colour::Red, 0u8), (Colour::Green, 1)]), "{\"Red\":0,\"dark green\":1}");
    is_written(BTreeMap::from([(IpAddr::from([10, 0, 0, 1]), 0u8)]), "{\"10.0.0.1\":0}");
    refusal(value_of::<BTreeMap<u8, u8>>("{\"256\":0}"));
    refusal(value_of::<BTreeMap<u8, u8>>("{\"01\":0}"));
    refusal(value_of::<BTreeMap<bool, u8>>("{\"True\":0}"));
    refusal(value_of::<BTreeMap<u8, u8>>("{1:0}"));
}

#[test]
fn what_bincode_cannot_carry_goes_as_json() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Point { x: i32 },
        Nothing,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        #[serde(default)]
        balance: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    is_written(vec![Either::Number(1), Either::Text("t".to_owned())], "[1,\"t\"]");
    is_written(vec![Tagged::Point { x: 1 }, Tagged::Nothing], "[{\"kind\":\"Point\",\"x\":1},{\"kind\":\"Nothing\"}]");
    let rest = BTreeMap::from([("more".to_owned(), json!([1, null, {"a": "b"}]))]);
    is_written(Outer { owner: None, balance: 1, rest }, "{\"balance\":1,\"more\":[1,null,{\"a\":\"b\"}]}");
    assert_eq!(value_of::<Outer>("{}"), Ok(Outer { owner: None, balance: 0, rest: BTreeMap::new() }));
    is_written(json!({"a": [1, -2, 0.5, "x", true, null], "b": {}}), "{\"a\":[1,-2,0.5,\"x\",true,null],\"b\":{}}");
}

#[test]
fn an_unknown_field_is_passed_over_and_a_missing_one_named() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i32,
    }
    assert_eq!(value_of::<Point>("{\"y\":[{\"z\":[1e5,\"}\"]}],\"x\":1}"), Ok(Point { x: 1 }));
    assert!(refusal(value_of::<Point>("{\"y\":0}")).contains("missing field `x`"));
}

#[test]
fn an_error_says_where_it_is() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Outer {
        list: Vec<BTreeMap<String, Shape>>,
    }
    let text = refusal(value_of::<Outer>("{\"list\":[{},{\"k\":{\"Named\":{\"name\":5}}}]}"));
    assert!(text.starts_with("in `list[1].k.Named.name`: ") && text.contains("string"), "{text}");
    let circle = BTreeMap::from([("k".to_owned(), Shape::Circle(f64::NAN))]);
    let text = refusal(encode(Codec::Json, &Outer { list: vec![circle] }, &mut Vec::new(), 100));
    assert!(text.contains("NaN") && text.contains("list"), "{text}");
    assert_eq!(
        refusal(value_of::<Value>("[1,\n x]")),
        "in `[1]`: a value is expected: null, true, false, a number, a string, an array or an object at byte 5"
    );
}

#[test]
fn encoding_stops_at_the_bound_and_leaves_the_buffer_as_it_was() {
    let mut out = b"before".to_vec();
    let values: [(&dyn erased::Encode, usize); 5] =
        [(&"ab\n", 6), (&12_345u32, 5), (&vec![1u8, 2], 5), (&u64::MAX, 22), (&Blob(vec![0; 4]), 10)];
    for (value, length) in values {
        assert_eq!(value.encode(&mut out, length as u64 - 1), Err(CodecError::TooLarge { max_bytes: length as u64 - 1 }));
        assert_eq!(out, b"before");
        assert_eq!(value.encode(&mut out, length as u64), Ok(()));
        assert_eq!(out.len(), 6 + length);
        out.truncate(6);
    }
}

/// Values of several types in one list.
mod erased {
    use super::*;

    pub(super) trait Encode {
        fn encode(&self, out: &mut Vec<u8>, max_bytes: u64) -> Result<(), CodecError>;
    }

    impl<T: Serialize> Encode for T {
        fn encode(&self, out: &mut Vec<u8>, max_bytes: u64) -> Result<(), CodecError> {
            encode(Codec::Json, self, out, max_bytes)
        }
    }
}

#[test]
fn encoding_refuses_the_depth_that_decoding_would_refuse() {
    let mut value = json!(0);
    for _ in 0..64 {
        value = json!([value]);
    }
    let mut out = Vec::new();
    assert_eq!(encode_within(Codec::Json, &value, &mut out, 1_000, 64), Ok(()));
    assert_eq!(value_of::<Value>(&out).as_ref(), Ok(&value));
    assert_eq!(encode_within(Codec::Json, &json!([value]), &mut out, 1_000, 64), Err(CodecError::TooDeep { max: 64 }));
    let text = text_of(&json!([value]));
    assert_eq!(value_of::<Value>(text), Err(CodecError::TooDeep { max: 64 }));
}
