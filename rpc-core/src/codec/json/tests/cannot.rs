//! What JSON cannot carry: a test for each row of the table in `protocol.md`, and that the page has the rows.

use serde::de::IgnoredAny;

use super::*;

fn unwritable<T: Serialize>(value: &T, words: &str) {
    let mut out = b"before".to_vec();
    match encode(Codec::Json, value, &mut out, 1_000) {
        Err(CodecError::Unsupported(text)) => assert!(text.starts_with("JSON cannot carry ") && text.contains(words), "{text}"),
        other => panic!("{words}: {other:?}"),
    }
    assert_eq!(out, b"before");
}

#[test]
fn the_page_lists_what_cannot_be_carried() {
    let page = include_str!("../../../protocol.md");
    for row in [
        "NaN, infinity",
        "`Some` of what is `null`",
        "map keys",
        "the same key twice",
        "a number out of range",
        "a large integer in a type that asks",
        "bytes in a type that asks",
    ] {
        assert!(page.contains(&format!("| {row}")), "no row begins with `{row}`");
    }
}

#[test]
fn nan_and_infinity() {
    unwritable(&f64::NAN, "NaN");
    unwritable(&f64::INFINITY, "inf");
    unwritable(&vec![f32::NEG_INFINITY], "-inf");
    refusal(value_of::<f64>("null"));
    refusal(value_of::<f64>("NaN"));
    refusal(value_of::<f64>("\"NaN\""));
}

#[test]
fn an_option_that_holds_nothing() {
    unwritable(&Some(None::<u8>), "Some(None)");
    unwritable(&Some(()), "Some(())");
    unwritable(&(1, Some(Marker)), "null");
    unwritable(&Some(Value::Null), "null");
    assert_eq!(text_of(&Some(Some(1))), "1");
    assert_eq!(text_of(&Some("null")), "\"null\"");
}

#[test]
fn keys_that_have_no_text() {
    #[derive(Serialize)]
    struct Pairs<K: Serialize>(#[serde(serialize_with = "as_map")] K);
    fn as_map<K: Serialize, S: Serializer>(key: &K, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(key, 0)])
    }
    unwritable(&Pairs(0.5f64), "keys are floating-point");
    unwritable(&Pairs(0.5f32), "keys are floating-point");
    unwritable(&Pairs(Blob(vec![1])), "keys are bytes");
    unwritable(&Pairs(Some(1)), "keys are Options");
    unwritable(&Pairs(None::<u8>), "keys are Options");
    unwritable(&Pairs(()), "keys are units");
    unwritable(&Pairs(Marker), "keys are units");
    unwritable(&Pairs((1, 2)), "keys are tuples");
    unwritable(&Pairs(vec![1]), "keys are sequences");
    unwritable(&Pairs(BTreeMap::from([(1, 2)])), "keys are maps");
    unwritable(&Pairs(Duration::ZERO), "keys are structs");
    unwritable(&Pairs(Shape::Circle(1.0)), "keys are variants with content");
    unwritable(&Pairs(Shape::Line((0, 0), (0, 0))), "keys are variants with content");
    unwritable(&Pairs(Shape::Named { name: String::new(), inner: None }), "keys are variants with content");
    assert!(refusal(value_of::<BTreeMap<(u8, u8), u8>>("{\"1\":0}")).contains("keys are tuples"));
}

#[test]
fn the_same_key_twice() {
    #[derive(Serialize)]
    struct Twice {
        name: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    let text = text_of(&Twice { name: 1, rest: BTreeMap::from([("name".to_owned(), 2)]) });
    assert_eq!(text, "{\"name\":1,\"name\":2}");
    for words in [
        refusal(value_of::<BTreeMap<String, u8>>(&text)),
        refusal(value_of::<Value>(&text)),
        refusal(value_of::<IgnoredAny>(&text)),
        refusal(value_of::<BTreeMap<String, u8>>("{\"name\":1,\"n\\u0061me\":2}")),
    ] {
        assert!(words.contains("the key `name` comes twice"), "{words}");
    }
}

#[test]
fn a_number_out_of_range() {
    assert!(refusal(value_of::<f64>("1e309")).contains("f64"));
    assert!(refusal(value_of::<f32>("1e39")).contains("f32"));
    assert!(refusal(value_of::<Value>("[-1e309]")).contains("out of the range"));
    assert!(refusal(value_of::<u64>("18446744073709551616")).contains("u64"));
    assert_eq!(value_of::<f64>("1e-400"), Ok(0.0), "too small is zero, as everywhere");
}

#[test]
fn a_large_integer_in_a_type_that_asks_what_comes_next() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
    }
    assert_eq!(value_of::<Either>(text_of(&Either::Number(1 << 50))), Ok(Either::Number(1 << 50)));
    refusal(value_of::<Either>(text_of(&Either::Number(1 << 60))));
    assert_eq!(value_of::<Either>((1u64 << 60).to_string()), Ok(Either::Number(1 << 60)), "as a number it arrives");
    let value = value_of::<Value>((1u64 << 60).to_string()).unwrap();
    assert_eq!(value_of::<Value>(text_of(&value)), Ok(Value::String((1u64 << 60).to_string())), "a Value takes text");
    assert_eq!(value_of::<Value>("18446744073709551616"), Ok(json!(18_446_744_073_709_551_616.0)));
}

#[test]
fn bytes_in_a_type_that_asks_what_comes_next() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Bytes(Blob),
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Lenient {
        Text(String),
    }
    let text = text_of(&Either::Bytes(Blob(vec![1, 2])));
    refusal(value_of::<Either>(&text));
    assert_eq!(value_of::<Lenient>(&text), Ok(Lenient::Text("AQI=".to_owned())));
}

#[test]
fn a_type_that_swallows_a_refusal_is_refused_all_the_same() {
    struct Swallowing;
    impl Serialize for Swallowing {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            let _ = seq.serialize_element(&f64::NAN);
            seq.serialize_element(&1)?;
            seq.end()
        }
    }
    unwritable(&Swallowing, "NaN");
}
