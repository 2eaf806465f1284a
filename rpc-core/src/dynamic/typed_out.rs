//! Owns values on their way out to a caller who knows their types, by the structure that it told of them. What does not fit is refused
//! with the place and, for names, with what may have been meant.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, SerializeTuple, SerializeTupleVariant, Serializer};

use super::Value;
use super::known::Known;
use crate::codec::{self, Codec, CodecError, MESSAGE_BYTES_MAX};
use crate::handler::Payload;
use crate::near;
use crate::schema::half::half;
use crate::schema::render;
use crate::schema::shape::{Fields, Id, Name, Plain, Shape, Variant};
use crate::transfer;

/// A value as bytes of that shape.
pub(super) fn payload(known: &Known, id: Id, value: &Value) -> Result<Payload, CodecError> {
    let mut bytes = Vec::new();
    let typed = Typed { known, id, value, place: Place { above: None, label: Label::Root } };
    let (result, mut outgoing) = transfer::encoding(|| codec::encode(Codec::Bincode, &typed, &mut bytes, MESSAGE_BYTES_MAX));
    result?;
    let (references, segments) = (outgoing.take_references(), outgoing.take_segments());
    Ok(Payload { codec: Codec::Bincode.id(), bytes: Bytes::from(bytes), segments, references, within: None, noted: None })
}

/// Where a value stands, for errors.
#[derive(Clone, Copy)]
struct Place<'a> {
    above: Option<&'a Self>,
    label: Label<'a>,
}

#[derive(Clone, Copy)]
enum Label<'a> {
    Root,
    Field(&'a str),
    Item(usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.label {
            Label::Root => f.write_str("the value"),
            Label::Field(name) => write!(f, ".{}", name.escape_debug()),
            Label::Item(index) => write!(f, "[{index}]"),
        }
    }
}

/// A value that is to be of one shape.
#[derive(Clone, Copy)]
struct Typed<'a> {
    known: &'a Known,
    id: Id,
    value: &'a Value,
    place: Place<'a>,
}

static NULL: Value = Value::Null;

impl<'a> Typed<'a> {
    fn wrong<E: serde::ser::Error>(&self) -> E {
        let wanted = render::name(&self.known.structure, self.id);
        E::custom(format!("{} is to be {wanted}, and is {}", self.place, self.value.kind()))
    }

    fn part<'b>(&'b self, id: Id, value: &'b Value, label: Label<'b>) -> Typed<'b> {
        Typed { known: self.known, id, value, place: Place { above: Some(&self.place), label } }
    }

    /// The values of named fields in their order. What is not there is nothing, for a shape that can be that.
    fn fields<'b, E: serde::ser::Error>(&'b self, fields: &'b [(Name, Id)], value: &'b Value) -> Result<Vec<Typed<'b>>, E> {
        if let Value::Array(items) = value {
            let ids: Vec<Id> = fields.iter().map(|(_, id)| *id).collect();
            return self.items(&ids, items);
        }
        let Some(map) = value.as_map() else { return Err(self.wrong()) };
        let known: HashSet<&str> = fields.iter().map(|(name, _)| &**name).collect();
        if let Some(name) = map.keys().find(|name| !known.contains(name.as_str())) {
            let near = near::nearest(name, fields.iter().map(|(known, _)| &**known));
            let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
            return Err(E::custom(format!("{} has no field `{}`{near}", self.place, name.escape_debug())));
        }
        let field = |(name, id): &'b (Name, Id)| match map.get(&**name) {
            Some(value) => Ok(self.part(*id, value, Label::Field(name))),
            None if matches!(self.known.structure.shape(*id), Shape::Option(_)) => Ok(self.part(*id, &NULL, Label::Field(name))),
            None => Err(E::custom(format!("{} is without its field `{}`", self.place, name.escape_debug()))),
        };
        fields.iter().map(field).collect()
    }

    fn items<'b, E: serde::ser::Error>(&'b self, ids: &[Id], items: &'b [Value]) -> Result<Vec<Typed<'b>>, E> {
        if ids.len() != items.len() {
            return Err(E::custom(format!("{} is to have {} items, and has {}", self.place, ids.len(), items.len())));
        }
        Ok(ids.iter().zip(items).zip(0..).map(|((&id, value), index)| self.part(id, value, Label::Item(index))).collect())
    }

    fn array<E: serde::ser::Error>(&self, value: &'a Value) -> Result<&'a [Value], E> {
        value.as_array().ok_or_else(|| self.wrong())
    }
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if half(&self.known.structure, self.id).is_some() {
            return match self.value {
                Value::Object(object) if object.as_any().is_half() => object.as_any().serialize(serializer),
                _ => Err(self.wrong()),
            };
        }
        match self.known.structure.shape(self.id) {
            Shape::Opaque { .. } => {
                let name = render::name(&self.known.structure, self.id);
                Err(S::Error::custom(format!(
                    "nothing is known of the type of {}, {name}: it can only be written by its trait",
                    self.place
                )))
            }
            Shape::Plain(plain) => self.plain(*plain, serializer),
            Shape::Option(inner) => match self.value {
                Value::Null => serializer.serialize_none(),
                value => serializer.serialize_some(&Typed { id: *inner, value, ..*self }),
            },
            Shape::Seq(item) => {
                let items = self.array(self.value)?;
                let mut out = serializer.serialize_seq(Some(items.len()))?;
                for (value, index) in items.iter().zip(0..) {
                    out.serialize_element(&self.part(*item, value, Label::Item(index)))?;
                }
                out.end()
            }
            Shape::Map(key, item) => {
                let Some(map) = self.value.as_map() else { return Err(self.wrong()) };
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (name, value) in map {
                    let key_value = self.key(*key, name)?;
                    out.serialize_entry(&self.part(*key, &key_value, Label::Field(name)), &self.part(*item, value, Label::Field(name)))?;
                }
                out.end()
            }
            Shape::Tuple(ids) => row(&self.items(ids, self.array(self.value)?)?, serializer),
            Shape::Struct(_, fields) => self.structure_of(fields, serializer),
            Shape::Enum(_, variants) => self.variant(variants, serializer),
            Shape::Reference(_) => match self.value {
                Value::Object(object) => object.as_any().serialize(serializer),
                _ => Err(self.wrong()),
            },
        }
    }
}

impl Typed<'_> {
    fn structure_of<S: Serializer>(&self, fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
        match fields {
            Fields::Unit if self.value.is_null() => serializer.serialize_unit_struct(""),
            Fields::Unit => Err(self.wrong()),
            Fields::Newtype(id) => serializer.serialize_newtype_struct("", &Typed { id: *id, ..*self }),
            Fields::Tuple(ids) => row(&self.items(ids, self.array(self.value)?)?, serializer),
            Fields::Named(fields) => row(&self.fields(fields, self.value)?, serializer),
        }
    }

    fn variant<S: Serializer>(&self, variants: &[Variant], serializer: S) -> Result<S::Ok, S::Error> {
        let (name, content) = match self.value {
            Value::Text(name) => (name, &NULL),
            Value::Map(map) if map.len() == 1 => map.iter().next().map_or((&EMPTY, &NULL), |(name, content)| (name, content)),
            _ => return Err(self.wrong()),
        };
        let number = self.known.variant(self.id, name);
        let Some((Variant { fields, .. }, number)) = number.and_then(|number| Some((variants.get(number as usize)?, number))) else {
            let near = near::nearest(name, variants.iter().map(|variant| &*variant.name));
            let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
            let wanted = render::name(&self.known.structure, self.id);
            return Err(S::Error::custom(format!("{}: {wanted} has no variant `{}`{near}", self.place, name.escape_debug())));
        };
        let inside = self.part(self.id, content, Label::Field(name));
        match fields {
            Fields::Unit => serializer.serialize_unit_variant("", number, ""),
            Fields::Newtype(id) => serializer.serialize_newtype_variant("", number, "", &Typed { id: *id, ..inside }),
            Fields::Tuple(ids) => row_variant(number, &inside.items(ids, inside.array(content)?)?, serializer),
            Fields::Named(fields) => row_variant(number, &inside.fields(fields, content)?, serializer),
        }
    }

    /// The key of a map, which is text in JSON, as what it is to be.
    fn key<E: serde::ser::Error>(&self, id: Id, name: &str) -> Result<Value, E> {
        match self.known.structure.shape(id) {
            Shape::Plain(Plain::Bool) => match name {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(self.wrong()),
            },
            _ => Ok(Value::Text(name.to_owned())),
        }
    }

    fn plain<S: Serializer>(&self, plain: Plain, serializer: S) -> Result<S::Ok, S::Error> {
        macro_rules! integer {
            ($serialize:ident) => {
                match self.value {
                    Value::Number(number) => number.to_string().parse(),
                    Value::Text(text) => text.parse(),
                    _ => return Err(self.wrong()),
                }
                .map_err(|_| self.wrong())
                .and_then(|value| serializer.$serialize(value))
            };
        }
        let text = || self.value.as_str().ok_or_else(|| self.wrong());
        match plain {
            Plain::Unit if self.value.is_null() => serializer.serialize_unit(),
            Plain::Unit => Err(self.wrong()),
            Plain::Bool => serializer.serialize_bool(self.value.as_bool().ok_or_else(|| self.wrong())?),
            Plain::U8 => integer!(serialize_u8),
            Plain::U16 => integer!(serialize_u16),
            Plain::U32 => integer!(serialize_u32),
            Plain::U64 => integer!(serialize_u64),
            Plain::U128 => integer!(serialize_u128),
            Plain::I8 => integer!(serialize_i8),
            Plain::I16 => integer!(serialize_i16),
            Plain::I32 => integer!(serialize_i32),
            Plain::I64 => integer!(serialize_i64),
            Plain::I128 => integer!(serialize_i128),
            // What is beyond it would be infinity, which JSON cannot say.
            Plain::F32 => match self.value.as_f64().map(|value| value as f32) {
                Some(value) if value.is_finite() => serializer.serialize_f32(value),
                _ => Err(self.wrong()),
            },
            Plain::F64 => serializer.serialize_f64(self.value.as_f64().ok_or_else(|| self.wrong())?),
            Plain::Char => match (text()?.chars().next(), text()?.chars().nth(1)) {
                (Some(letter), None) => serializer.serialize_char(letter),
                _ => Err(self.wrong()),
            },
            Plain::String => serializer.serialize_str(text()?),
            Plain::Bytes => serializer.serialize_bytes(&codec::from_base64(text()?).map_err(S::Error::custom)?),
            Plain::Bulk => crate::bulk::bulk(codec::from_base64(text()?).map_err(S::Error::custom)?).serialize(serializer),
        }
    }
}

static EMPTY: String = String::new();

/// Values in a row without a length, as the fields of a struct are.
fn row<S: Serializer>(items: &[Typed<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_tuple(items.len())?;
    items.iter().try_for_each(|item| out.serialize_element(item))?;
    out.end()
}

fn row_variant<S: Serializer>(number: u32, items: &[Typed<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_tuple_variant("", number, "", items.len())?;
    items.iter().try_for_each(|item| out.serialize_field(item))?;
    out.end()
}
