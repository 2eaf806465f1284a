//! How the arguments of a method are read: by name, in order, and what is wrong with the others.

use super::super::super::decode_arguments;
use super::*;
use crate::interface::ParameterDescriptor;

static NONE: &[ParameterDescriptor] = &[];
static TRANSFER: &[ParameterDescriptor] = &[
    ParameterDescriptor { name: "from", ty: "&str" },
    ParameterDescriptor { name: "amount", ty: "u64" },
    ParameterDescriptor { name: "note", ty: "Option<String>" },
];

type Transfer = (String, u64, Option<String>);

fn transfer(text: &str) -> Result<Transfer, CodecError> {
    decode_arguments(Codec::Json, text.as_bytes(), &BOUNDS, TRANSFER)
}

fn ada(note: Option<&str>) -> Result<Transfer, CodecError> {
    Ok(("ada".to_owned(), 5, note.map(str::to_owned)))
}

#[test]
fn they_go_by_name_in_any_order() {
    assert_eq!(transfer("{\"from\":\"ada\",\"amount\":5,\"note\":\"x\"}"), ada(Some("x")));
    assert_eq!(transfer(" { \"note\" : null , \"amount\" : \"5\" , \"fr\\u006fm\" : \"ada\" } \n"), ada(None));
    assert_eq!(transfer("{\"from\":\"ada\",\"amount\":5}"), ada(None), "an Option may be missing");
}

#[test]
fn they_go_in_order_too() {
    assert_eq!(transfer("[\"ada\",5,\"x\"]"), ada(Some("x")));
    assert_eq!(transfer("[\"ada\",5]"), ada(None));
    let words = refusal(transfer("[\"ada\",5,null,1]"));
    assert!(words.contains("more arguments") && words.contains("`amount: u64`"), "{words}");
}

#[test]
fn what_is_missing_or_unknown_is_named_with_what_there_is() {
    let words = refusal(transfer("{\"from\":\"ada\"}"));
    assert_eq!(words, "the argument `amount` is missing; the method takes `from: &str`, `amount: u64`, `note: Option<String>`");
    assert!(refusal(transfer("[]")).contains("`from` is missing"));
    let words = refusal(transfer("{\"from\":\"ada\",\"amuont\":5}"));
    assert_eq!(
        words,
        "there is no argument `amuont` (did you mean `amount`?); the method takes `from: &str`, `amount: u64`, `note: Option<String>`"
    );
    assert!(refusal(transfer("{\"from\":\"ada\",\"amount\":5,\"amount\":6}")).contains("`amount` comes twice"));
    let words = refusal(transfer(&format!("{{\"{}\":5}}", "x".repeat(1_000_000))));
    assert!(words.len() < 300, "{words}");
}

#[test]
fn an_error_names_the_argument() {
    let words = refusal(transfer("{\"from\":\"ada\",\"amount\":-5}"));
    assert!(words.starts_with("in `amount`: ") && words.contains("u64"), "{words}");
    assert!(refusal(transfer("{\"from\":[1],\"amount\":5}")).starts_with("in `from`: "));
    assert!(refusal(transfer("{\"from\":\"ada\",\"amount\":5.}")).starts_with("in `amount`: "));
    assert!(refusal(transfer("{\"from\":\"ada\",\"amount\":5\u{1}}")).starts_with("in `amount`: "));
    assert!(refusal(transfer("{\"from\":\"ada\",\"amount\":tru}")).starts_with("in `amount`: "));
}

#[test]
fn anything_but_an_object_or_an_array_is_refused() {
    for text in [
        "5",
        "\"ada\"",
        "null",
        "true",
        "x",
        "{\"from\" \"ada\"}",
        "{\"from\":}",
        "{\"from\":\"ada\",}",
        "{,}",
        "[,]",
        "{1:2}",
        "[\"ada\" 5]",
        "{\"a\":1]",
    ] {
        refusal(transfer(text));
    }
    for text in
        ["", " ", "{", "{\"from\"", "{\"from\":", "{\"from\":\"ada\"", "[", "[\"ada", "[\"ada\\", "{\"from\":[[", "{\"from\":{\"a\":\""]
    {
        assert_eq!(transfer(text), Err(CodecError::Truncated), "{text}");
    }
    for text in ["{\"from\":\"ada\",\"amount\":5} x", "[\"ada\",5] ]"] {
        assert_eq!(transfer(text), Err(CodecError::TrailingBytes { count: 1 }), "{text}");
    }
    for text in [
        "{\"from\":\"ada\",\"amount\":5,\"note\":[}]}",
        "{\"from\":\"ada\",\"amount\":{5}}",
        "{\"from\":\"ada\",\"amount\":5,\"note\":[1}]",
    ] {
        refusal(transfer(text));
    }
}

#[test]
fn a_method_without_parameters_takes_an_empty_object_an_empty_array_or_null() {
    for text in ["{}", "[]", "null", " { } "] {
        assert_eq!(decode_arguments::<()>(Codec::Json, text.as_bytes(), &BOUNDS, NONE), Ok(()), "{text}");
    }
    let words = refusal(decode_arguments::<()>(Codec::Json, b"{\"x\":1}", &BOUNDS, NONE));
    assert_eq!(words, "there is no argument `x`; the method takes none");
    refusal(decode_arguments::<()>(Codec::Json, b"[1]", &BOUNDS, NONE));
}

#[test]
fn bincode_goes_by_order_as_ever() {
    let mut out = Vec::new();
    encode(Codec::Bincode, &("ada", 5u64, None::<String>), &mut out, 100).unwrap();
    assert_eq!(decode_arguments::<Transfer>(Codec::Bincode, &out, &BOUNDS, TRANSFER), ada(None));
}

#[test]
fn they_are_bounded_as_any_value() {
    static VALUE: &[ParameterDescriptor] = &[ParameterDescriptor { name: "value", ty: "Value" }];
    let nested = |levels: usize| format!("{{\"value\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let decoded = |text: &str, bounds: &Bounds| decode_arguments::<(Value,)>(Codec::Json, text.as_bytes(), bounds, VALUE).map(drop);
    assert_eq!(decoded(&nested(63), &BOUNDS), Ok(()), "the arguments are a level themselves, as in bincode");
    assert_eq!(decoded(&nested(64), &BOUNDS), Err(CodecError::TooDeep { max: 64 }));
    assert_eq!(decoded(&nested(1_000_000), &BOUNDS), Err(CodecError::TooDeep { max: 64 }));
    let bounds = Bounds { decoded_bytes: 1_000, ..BOUNDS };
    let text = format!("[{:?}]", "x".repeat(1_000));
    assert_eq!(decoded(&text, &bounds), Err(CodecError::DecodedTooLarge { max_bytes: 1_000 }));
}
