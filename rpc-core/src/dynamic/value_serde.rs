//! Owns how a [`Value`] is written as JSON and read from it: a reference in it is an entry of the table beside the payload.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::Number;

use super::value::map_bytes;
use super::{Object, Value};
use crate::transfer;

/// How a reference is marked in JSON.
const MARK: &str = "$ref";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serialize_number(number, serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Map(map) if map.len() == 1 && map.contains_key(MARK) => Err(S::Error::custom(
                "a map of `$ref` alone would be read as a reference: put an `Object` there, or give the map another field",
            )),
            Self::Map(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (name, value) in map {
                    out.serialize_entry(name, value)?;
                }
                out.end()
            }
            Self::Object(object) => object.as_any().serialize(serializer),
        }
    }
}

fn serialize_number<S: Serializer>(number: &Number, serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(value) = number.as_u64() {
        return serializer.serialize_u64(value);
    }
    match (number.as_i64(), number.as_f64()) {
        (Some(value), _) => serializer.serialize_i64(value),
        (None, Some(value)) => serializer.serialize_f64(value),
        // Only with a feature of serde_json's that keeps numbers as they were written.
        (None, None) => serializer.serialize_str(&number.to_string()),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that JSON has not"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        array.shrink_to_fit();
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        let mut name = next_name::<A, FIRST_BYTES>(&mut entries)?;
        while let Some(known) = name {
            let value = entries.next_value()?;
            name = next_name::<A, LATER_BYTES>(&mut entries)?;
            if map.insert(known, value).is_some() {
                return Err(A::Error::custom("a name comes twice in a map"));
            }
        }
        match reference(&map) {
            Some(object) => Ok(Value::Object(object)),
            None => Ok(Value::Map(map)),
        }
    }
}

/// What the first entry of a map takes beside its name and value, and what each later one does.
const FIRST_BYTES: usize = map_bytes(1);
const LATER_BYTES: usize = map_bytes(1_000) / 1_000;

/// The next name of a map. What decodes it charges what a name takes by its type, so that of a map's nodes is charged with it. Not inlined: nothing of
/// this size is to lie on the stack while the value is read.
#[inline(never)]
fn next_name<'de, A: MapAccess<'de>, const BYTES: usize>(entries: &mut A) -> Result<Option<String>, A::Error> {
    Ok(entries.next_key::<Name<BYTES>>()?.map(|name| name.text))
}

/// A name with the room that its entry takes.
struct Name<const BYTES: usize> {
    text: String,
    _room: [u8; BYTES],
}

impl<'de, const BYTES: usize> Deserialize<'de> for Name<BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: String::deserialize(deserializer)?, _room: [0; BYTES] })
    }
}

/// The object that a map stands for, if it is the mark of a reference that came along. Any other map is what it looks like.
fn reference(map: &BTreeMap<String, Value>) -> Option<Object> {
    let index = match map.get(MARK)? {
        Value::Number(number) if map.len() == 1 => number.as_u64()?,
        _ => return None,
    };
    transfer::take_reference(u32::try_from(index).ok()?).map(Object::new)
}
