//! Owns the keys of maps on their way to JSON, where a key is a string: text, characters, bools, integers and variants without content
//! have one each, and nothing else has.

use std::fmt::Display;

use serde::ser::{Impossible, Serialize, Serializer};

use super::refused::Refused;

/// The place of one key.
pub(super) struct KeyOut;

type Never = Impossible<String, Refused>;

fn no_key<T>(what: &str) -> Result<T, Refused> {
    Err(Refused::unsupported(format_args!(
        "a map whose keys are {what}: keys are text, chars, bools, integers and variants without content; send a Vec of pairs"
    )))
}

macro_rules! keys {
    ($($method:ident: $value:ty),*) => {$(
        fn $method(self, value: $value) -> Result<String, Refused> {
            Ok(value.to_string())
        }
    )*};
}

impl Serializer for KeyOut {
    type Ok = String;
    type Error = Refused;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    keys! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<String, Refused> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<String, Refused> {
        value.serialize(self)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<String, Refused> {
        Ok(value.to_string())
    }

    fn serialize_f32(self, _value: f32) -> Result<String, Refused> {
        no_key("floating-point numbers")
    }

    fn serialize_f64(self, _value: f64) -> Result<String, Refused> {
        no_key("floating-point numbers")
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<String, Refused> {
        no_key("bytes")
    }

    fn serialize_none(self) -> Result<String, Refused> {
        no_key("Options")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<String, Refused> {
        no_key("Options")
    }

    fn serialize_unit(self) -> Result<String, Refused> {
        no_key("units")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<String, Refused> {
        no_key("units")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<String, Refused> {
        no_key("variants with content")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Never, Refused> {
        no_key("sequences")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Never, Refused> {
        no_key("tuples")
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Never, Refused> {
        no_key("tuples")
    }

    fn serialize_tuple_variant(self, _name: &'static str, _index: u32, _variant: &'static str, _len: usize) -> Result<Never, Refused> {
        no_key("variants with content")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Never, Refused> {
        no_key("maps")
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Never, Refused> {
        no_key("structs")
    }

    fn serialize_struct_variant(self, _name: &'static str, _index: u32, _variant: &'static str, _len: usize) -> Result<Never, Refused> {
        no_key("variants with content")
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}
