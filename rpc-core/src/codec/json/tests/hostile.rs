//! Texts that were made to do harm: each is refused by name, within the bounds, on a small stack.

use serde::de::IgnoredAny;

use super::super::super::DEPTH_MAX;
use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Self>),
}

#[derive(Debug, Deserialize)]
struct Known {
    #[allow(dead_code)]
    known: Option<u8>,
}

fn on_a_small_stack(bytes: usize, test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(bytes).spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_text_a_million_levels_deep_is_refused() {
    on_a_small_stack(2 << 20, || {
        let deep = [
            "[".repeat(1_000_000),
            format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000)),
            "{\"a\":".repeat(1_000_000),
            "{\"Link\":".repeat(1_000_000),
            "[{\"\":".repeat(1_000_000),
            format!("{{\"unknown\":{}", "[".repeat(1_000_000)),
        ];
        for bounds in [BOUNDS, Bounds { depth: u32::MAX, decoded_bytes: u64::MAX }] {
            let refused = Err(CodecError::TooDeep { max: bounds.depth.min(DEPTH_MAX) });
            for text in &deep {
                let text = text.as_bytes();
                assert_eq!(decode::<Value>(Codec::Json, text, &bounds).map(drop), refused);
                assert_eq!(decode::<IgnoredAny>(Codec::Json, text, &bounds).map(drop), refused);
            }
            assert_eq!(decode::<Chain>(Codec::Json, deep[3].as_bytes(), &bounds).map(drop), refused);
            assert_eq!(decode::<Known>(Codec::Json, deep[5].as_bytes(), &bounds).map(drop), refused);
        }
    });
}

#[test]
fn the_deepest_value_fits_a_worker_threads_stack() {
    on_a_small_stack(2 << 20, || {
        let levels = DEPTH_MAX as usize;
        let bounds = Bounds { depth: DEPTH_MAX, ..BOUNDS };
        let text = format!("{}\"End\"{}", "{\"Link\":".repeat(levels), "}".repeat(levels));
        let chain: Chain = decode(Codec::Json, text.as_bytes(), &bounds).unwrap();
        assert_eq!(text_of(&chain), text);
        let text = format!("{}1{}", "[{\"\":".repeat(levels / 2), "}]".repeat(levels / 2));
        let value: Value = decode(Codec::Json, text.as_bytes(), &bounds).unwrap();
        assert_eq!(text_of(&value), text);
    });
}

#[test]
fn a_huge_number_is_refused_and_not_repeated() {
    for text in ["9".repeat(10_000_000), format!("-0.{}", "1".repeat(10_000_000)), format!("1e{}", "9".repeat(10_000_000))] {
        for words in [
            refusal(value_of::<f64>(&text)),
            refusal(value_of::<u64>(&text)),
            refusal(value_of::<i128>(&text)),
            refusal(value_of::<Value>(&text)),
            refusal(value_of::<u128>(format!("\"{text}\""))),
        ] {
            assert!(words.len() < 300, "{words}");
        }
    }
    let exact = format!("0.{}{}", "0".repeat(300), "1".repeat(767));
    assert!(value_of::<f64>(exact).is_ok(), "the longest that means anything is taken");
}

#[test]
fn text_and_keys_are_charged_like_any_memory() {
    let bounds = Bounds { depth: 64, decoded_bytes: 100_000 };
    let refused = Err(CodecError::DecodedTooLarge { max_bytes: 100_000 });
    let long = "x".repeat(100_001);
    assert_eq!(decode::<String>(Codec::Json, format!("\"{long}\"").as_bytes(), &bounds).map(drop), refused);
    assert_eq!(decode::<String>(Codec::Json, format!("\"\\n{long}\"").as_bytes(), &bounds).map(drop), refused);
    assert_eq!(decode::<Blob>(Codec::Json, format!("\"{}\"", "AAAA".repeat(33_334)).as_bytes(), &bounds).map(drop), refused);
    assert_eq!(decode::<Vec<u64>>(Codec::Json, format!("[0{}]", ",0".repeat(12_500)).as_bytes(), &bounds).map(drop), refused);
    assert_eq!(decode::<Vec<()>>(Codec::Json, format!("[null{}]", ",null".repeat(1_600)).as_bytes(), &bounds).map(drop), refused);
    let many: String = (0..1_600).map(|number| format!("\"{number}\":0,")).collect();
    assert_eq!(decode::<IgnoredAny>(Codec::Json, format!("{{{many}\"\":0}}").as_bytes(), &bounds).map(drop), refused);
    let small = "{\"a\":0},".repeat(1_600);
    assert!(
        decode::<IgnoredAny>(Codec::Json, format!("[{small}0]").as_bytes(), &bounds).is_ok(),
        "keys are kept only as long as their object"
    );
}

#[test]
fn a_message_of_any_size_is_refused_before_it_is_read() {
    let refused = decode::<Value>(Codec::Json, &vec![0; (1 << 30) + 1], &BOUNDS);
    assert!(matches!(refused, Err(CodecError::TooLarge { .. })), "{refused:?}");
}

#[test]
fn every_truncation_is_an_error_and_none_a_shorter_value() {
    let text = text_of(&rich());
    for end in 0..text.len() {
        let result = decode::<Rich>(Codec::Json, &text.as_bytes()[..end], &BOUNDS);
        assert!(result.is_err(), "cut at {end}");
        if text.is_char_boundary(end) {
            assert_eq!(result, Err(CodecError::Truncated), "cut at {end}");
        }
    }
}

#[test]
fn bytes_left_over_are_an_error() {
    assert_eq!(value_of::<u8>("1 \t\r\n"), Ok(1));
    assert_eq!(value_of::<u8>("1 2"), Err(CodecError::TrailingBytes { count: 1 }));
    assert_eq!(value_of::<Vec<u8>>("[1] ] \n"), Err(CodecError::TrailingBytes { count: 3 }));
    assert_eq!(value_of::<Value>("{}\0"), Err(CodecError::TrailingBytes { count: 1 }));
    assert_eq!(value_of::<()>("null,"), Err(CodecError::TrailingBytes { count: 1 }));
}

#[test]
fn more_elements_or_fields_than_the_type_takes_are_an_error() {
    refusal(value_of::<(u8, u8)>("[1,2,3]"));
    refusal(value_of::<(u8, u8)>("[1]"));
    refusal(value_of::<[u8; 2]>("[1,2,3]"));
    refusal(value_of::<()>("[]"));
}

#[test]
fn what_is_no_json_is_refused() {
    let texts = [
        "'a'",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":}",
        "[1 2]",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "nulll",
        "True",
        "01",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "-",
        "--1",
        "0x10",
        "1_000",
        "1a",
        "// c\n1",
        "/**/1",
        "\u{feff}1",
        "\u{a0}1",
        "}",
        "]",
        ",",
        ":",
        "[}",
        "{]",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"\\u12g4\"]",
        "[\"\\u+123\"]",
        "[\"\\ud800\"]",
        "[\"\\udc00\"]",
        "[\"\\ud800\\n\"]",
        "[\"\\ud800\\u0041\"]",
        "[\"\\ud800\\ud800\"]",
        "[\"\t\"]",
        "[\"\n\"]",
        "[\"\0\"]",
        "undefined",
        "[1][2]",
    ];
    for text in texts {
        assert!(value_of::<Value>(text).is_err(), "{text}");
        assert!(value_of::<IgnoredAny>(text).is_err(), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}: the reference takes it");
    }
    assert_eq!(value_of::<String>("\"\\ud83e\\udd80\\u00e9\\/\""), Ok("🦀é/".to_owned()));
}

#[test]
fn text_that_is_not_utf8_says_so() {
    for text in [&b"[\"\xff\"]"[..], b"[\"a\xc3\"]", b"[\"\\n\xed\xa0\x80\"]", b"{\"\xc0\x80\":1}"] {
        assert!(refusal(value_of::<Value>(text)).contains("UTF-8"), "{text:?}");
    }
}

#[test]
fn references_mean_nothing_outside_a_message() {
    let words = refusal(value_of::<crate::AnyRemote>("{\"$ref\":0}"));
    assert!(words.contains("no such reference"), "{words}");
    for text in ["0", "[0]", "{}", "{\"$ref\":-1}", "{\"$ref\":0,\"x\":1}", "{\"ref\":0}", "{\"$ref\":\"0\"}", "null"] {
        let words = refusal(value_of::<crate::AnyRemote>(text));
        assert!(!words.contains("no such reference"), "{text} is no reference: {words}");
    }
}
