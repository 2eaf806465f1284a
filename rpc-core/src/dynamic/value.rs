//! Owns [`Value`]: what JSON has, and references. How it is written and read is the business of `value_serde`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;

use serde::de::DeserializeOwned;
use serde_json::{Number, Value as Json};

use super::Object;
use crate::codec::CodecError;
use crate::handler::Payload;

/// A JSON value in which references to objects may stand, at any depth.
///
/// It is made from a [`serde_json::Value`], an [`Object`] or both, and read with `value["field"]`, `value[0]` and the `as_` functions.
///
/// ```
/// use netref::dynamic::{Object, Value};
/// use serde_json::json;
///
/// let listener = Object::from_fn("bank.Listener", |_| async { Ok(Value::Null) });
/// let arguments = Value::from(json!({ "limit": 5 })).with("listeners", Value::Array(vec![listener.into()]));
/// assert_eq!(arguments["limit"], json!(5));
/// assert_eq!(arguments["listeners"][0].as_object().unwrap().interface(), "bank.Listener");
/// assert!(arguments["lisners"].is_null());
/// ```
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `null`: nothing, `()`, `None`.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A number. Integers beyond 2^53 - 1 travel as text.
    Number(Number),
    /// Text.
    Text(String),
    /// Values in a row.
    Array(Vec<Self>),
    /// Values with names.
    Map(BTreeMap<String, Self>),
    /// A reference to an object.
    Object(Object),
}

static NULL: Value = Value::Null;

impl Value {
    /// The same map with one more entry. [`Value::Null`] becomes a map.
    ///
    /// # Panics
    ///
    /// Panics on any other value, which would be lost.
    #[must_use]
    pub fn with(self, name: impl Into<String>, value: impl Into<Self>) -> Self {
        let mut map = match self {
            Self::Map(map) => map,
            Self::Null => BTreeMap::new(),
            other => panic!("`with` adds an entry to a map, and this is {}", other.kind()),
        };
        map.insert(name.into(), value.into());
        Self::Map(map)
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The object that it refers to, if it is a reference.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one that fits, also one that travels as text.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// As [`as_u64`](Self::as_u64).
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// The values in a row, if it is one.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The values with names, if it is that.
    #[must_use]
    pub const fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value as a type, references included.
    ///
    /// # Errors
    ///
    /// It is no `T`, in words that say where.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, CodecError> {
        Payload::json(self)?.into_value()
    }

    /// What is at a place, [`Value::Null`] where there is nothing.
    fn at(&self, name: &str) -> &Self {
        self.as_map().and_then(|map| map.get(name)).unwrap_or(&NULL)
    }

    /// What it is, for an error.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Number(number) => format!("the number {number}"),
            Self::Text(text) if text.len() <= 40 => format!("the text {text:?}"),
            Self::Text(_) => "a text".to_owned(),
            Self::Array(_) => "an array".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Object(_) => "a reference".to_owned(),
        }
    }
}

/// What a map of so many entries takes in memory, about, beside the text of its names and what its values hold: its nodes have room for eleven
/// entries and may be half empty.
pub(super) const fn map_bytes(entries: usize) -> usize {
    if entries <= NODE_ENTRIES { NODE_BYTES * (entries > 0) as usize } else { NODE_BYTES * entries.div_ceil(NODE_ENTRIES / 2) }
}

const NODE_ENTRIES: usize = 11;

const NODE_BYTES: usize = NODE_ENTRIES * (size_of::<String>() + size_of::<Value>()) + 32;

impl Index<&str> for Value {
    type Output = Self;

    /// The value of that name; [`Value::Null`] where there is none.
    fn index(&self, name: &str) -> &Self {
        self.at(name)
    }
}

impl Index<usize> for Value {
    type Output = Self;

    /// The value at that place; [`Value::Null`] where there is none.
    fn index(&self, place: usize) -> &Self {
        self.as_array().and_then(|items| items.get(place)).unwrap_or(&NULL)
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number),
            Json::String(text) => Self::Text(text),
            Json::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(map.into_iter().map(|(name, value)| (name, Self::from(value))).collect()),
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<&Object> for Value {
    fn from(object: &Object) -> Self {
        Self::Object(object.clone())
    }
}

/// A reference equals nothing that JSON has.
impl PartialEq<Json> for Value {
    fn eq(&self, other: &Json) -> bool {
        match (self, other) {
            (Self::Null, Json::Null) => true,
            (Self::Bool(one), Json::Bool(other)) => one == other,
            (Self::Number(one), Json::Number(other)) => one == other,
            (Self::Text(one), Json::String(other)) => one == other,
            (Self::Array(one), Json::Array(other)) => one == other,
            (Self::Map(one), Json::Object(other)) => {
                one.len() == other.len() && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| value == other))
            }
            _ => false,
        }
    }
}

/// As JSON, with the interface in place of a reference.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => Json::from(text.as_str()).fmt(f),
            Self::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (index, (name, value)) in map.iter().enumerate() {
                    write!(f, "{}{}:{value}", if index > 0 { "," } else { "" }, Json::from(name.as_str()))?;
                }
                f.write_str("}")
            }
            Self::Object(object) => write!(f, "<{}>", object.interface().escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "this is an array")]
    fn nothing_is_thrown_away_for_an_entry() {
        drop(Value::Array(vec![Value::Null]).with("name", Value::Null));
    }
}
