//! Owns the keys of objects on their way into a type: what was a number, a bool or a variant is one again.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::value::CowStrDeserializer;
use serde::de::{Deserializer, Visitor};

use super::refused::{Refused, quoted};

/// One key.
pub(super) struct KeyIn<'de>(pub(super) Cow<'de, str>);

/// An integer that is written as a string, in its only form: no plus, no zeros in front, no space.
pub(super) fn integer<I: FromStr + Display>(text: &str, ty: &str) -> Result<I, Refused> {
    match text.parse::<I>() {
        Ok(value) if value.to_string() == text => Ok(value),
        _ => Err(Refused::value(format!("the string \"{}\" is no integer of type {ty}", quoted(text)))),
    }
}

macro_rules! integers {
    ($($method:ident: $type:ident => $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(integer::<$type>(&self.0, stringify!($type))?)
        }
    )*};
}

macro_rules! no_keys {
    ($($method:ident($($argument:ident: $type:ty),*): $what:literal),*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* _visitor: V) -> Result<V::Value, Refused> {
            Err(Refused::unsupported(concat!("a map whose keys are ", $what)))
        }
    )*};
}

impl<'de> Deserializer<'de> for KeyIn<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    integers! {
        deserialize_i8: i8 => visit_i8, deserialize_i16: i16 => visit_i16, deserialize_i32: i32 => visit_i32,
        deserialize_i64: i64 => visit_i64, deserialize_i128: i128 => visit_i128,
        deserialize_u8: u8 => visit_u8, deserialize_u16: u16 => visit_u16, deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64, deserialize_u128: u128 => visit_u128
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match &*self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            text => Err(Refused::value(format!("the key `{}` is neither `true` nor `false`", quoted(text)))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_enum(CowStrDeserializer::<Refused>::new(self.0))
    }

    no_keys! {
        deserialize_f32(): "floating-point numbers", deserialize_f64(): "floating-point numbers",
        deserialize_bytes(): "bytes", deserialize_byte_buf(): "bytes", deserialize_option(): "Options",
        deserialize_unit(): "units", deserialize_unit_struct(_name: &'static str): "units",
        deserialize_seq(): "sequences", deserialize_tuple(_len: usize): "tuples",
        deserialize_tuple_struct(_name: &'static str, _len: usize): "tuples", deserialize_map(): "maps",
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]): "structs"
    }

    serde::forward_to_deserialize_any! { char str string identifier ignored_any }

    fn is_human_readable(&self) -> bool {
        true
    }
}
