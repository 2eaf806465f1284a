//! Owns values on their way in from a caller who knows their types, by the structure that it told of them. The structure is a
//! stranger's: whatever it says, the guard around the decoder bounds depth and memory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::Number;

use super::value::map_bytes;
use super::{Object, Value};
use crate::any::AnyRemote;
use crate::bulk::BulkIn;
use crate::codec::{self, Bounds, CodecError};
use crate::handler::Payload;
use crate::schema::half::half;
use crate::schema::render;
use crate::schema::shape::{Fields, Id, Name, Plain, Shape, Structure, Variant};
use crate::transfer::{self, Incoming};

/// Memory for each byte of a message, and for the message itself: values of a stranger's types cost more than they do as what they are.
const BYTES_PER_BYTE: u64 = 512;
const BYTES_MIN: u64 = 1 << 20;

/// The arguments of a call by the names of its parameters, or in order where those do not fit.
pub(super) fn arguments(structure: &Structure, names: &[String], payload: Payload, bounds: &Bounds) -> Result<Value, CodecError> {
    let ids: Vec<Id> = structure.arguments.iter().map(|root| root.id).collect();
    let values = values(structure, &ids, payload, bounds)?;
    Ok(if names.len() == values.len() { Value::Map(names.iter().cloned().zip(values).collect()) } else { Value::Array(values) })
}

/// The arguments of a closure, which are one tuple, in order.
pub(super) fn closure_arguments(structure: &Structure, payload: Payload, bounds: &Bounds) -> Result<Value, CodecError> {
    let ids: Vec<Id> = match structure.arguments[..] {
        [all] => structure.shape(all.id).children(),
        _ => structure.arguments.iter().map(|root| root.id).collect(),
    };
    values(structure, &ids, payload, bounds).map(Value::Array)
}

fn values(structure: &Structure, ids: &[Id], payload: Payload, bounds: &Bounds) -> Result<Vec<Value>, CodecError> {
    let Payload { bytes, segments, references, .. } = payload;
    let received = segments.iter().map(Bytes::len).sum::<usize>() + bytes.len();
    let cost = BYTES_MIN.saturating_add(BYTES_PER_BYTE.saturating_mul(received as u64));
    let max_bytes = bounds.decoded_bytes.min(cost);
    // What serde's parts show is charged by the guard around the decoder, and what values have besides is charged here: a half for each.
    let bounds = Bounds { decoded_bytes: max_bytes.div_ceil(2), ..*bounds };
    let room = Room { left: Cell::new(bounds.decoded_bytes), is_spent: Cell::new(false) };
    let incoming = Incoming::new(references.into_iter().map(Some).collect(), segments.into_iter().map(Some).collect());
    let seed = Items { structure, ids, room: &room };
    let decoded = transfer::decoding(incoming, || codec::decode_bincode(&bytes, &bounds, seed));
    match decoded {
        Err(CodecError::DecodedTooLarge { .. }) => Err(CodecError::DecodedTooLarge { max_bytes }),
        _ if room.is_spent.get() => Err(CodecError::DecodedTooLarge { max_bytes }),
        decoded => decoded,
    }
}

/// What the values of one message may still take besides: nodes of maps, names that stand in the structure and not in the message, and bytes
/// that become text.
struct Room {
    left: Cell<u64>,
    is_spent: Cell<bool>,
}

impl Room {
    fn charge<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(bytes as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.is_spent.set(true);
                Err(E::custom("refused"))
            }
        }
    }

    /// A map of fields.
    fn named<E: serde::de::Error>(&self, fields: &[(Name, Id)], values: Vec<Value>) -> Result<Value, E> {
        self.charge(map_bytes(fields.len()) + fields.iter().map(|(name, _)| name.len()).sum::<usize>())?;
        Ok(Value::Map(fields.iter().map(|(name, _)| name.to_string()).zip(values).collect()))
    }

    fn text<E: serde::de::Error>(&self, bytes: &[u8]) -> Result<Value, E> {
        self.charge(bytes.len().div_ceil(3) * 4)?;
        Ok(Value::Text(codec::to_base64(bytes)))
    }
}

/// A value of one shape.
#[derive(Clone, Copy)]
struct Typed<'a> {
    structure: &'a Structure,
    id: Id,
    room: &'a Room,
}

impl<'a> Typed<'a> {
    const fn at(self, id: Id) -> Self {
        Self { id, ..self }
    }

    const fn items(self, ids: &'a [Id]) -> Items<'a> {
        Items { structure: self.structure, ids, room: self.room }
    }
}

impl<'de> DeserializeSeed<'de> for Typed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if half(self.structure, self.id).is_some() {
            return AnyRemote::deserialize(deserializer).map(|reference| Value::Object(Object::new(reference)));
        }
        match self.structure.shape(self.id) {
            Shape::Opaque { .. } => {
                let name = render::name(self.structure, self.id);
                Err(D::Error::custom(format!("nothing is known of a value's type, {name}: it can only be read by its trait")))
            }
            Shape::Plain(plain) => self.plain(*plain, deserializer),
            Shape::Option(_) => deserializer.deserialize_option(self),
            Shape::Seq(_) => deserializer.deserialize_seq(self),
            Shape::Map(..) => deserializer.deserialize_map(self),
            Shape::Tuple(ids) => self.items(ids).deserialize(deserializer).map(Value::Array),
            Shape::Struct(_, fields) => self.structure_of(fields, deserializer),
            Shape::Enum(..) => deserializer.deserialize_enum("", &[], self),
            Shape::Reference(_) => AnyRemote::deserialize(deserializer).map(|reference| Value::Object(Object::new(reference))),
        }
    }
}

impl<'a> Typed<'a> {
    fn structure_of<'de, D: Deserializer<'de>>(self, fields: &'a Fields, deserializer: D) -> Result<Value, D::Error> {
        match fields {
            Fields::Unit => <()>::deserialize(deserializer).map(|()| Value::Null),
            Fields::Newtype(id) => deserializer.deserialize_newtype_struct("", Newtype(self.at(*id))),
            Fields::Tuple(ids) => self.items(ids).deserialize(deserializer).map(Value::Array),
            Fields::Named(fields) => {
                let ids: Vec<Id> = fields.iter().map(|(_, id)| *id).collect();
                let values = Items { structure: self.structure, ids: &ids, room: self.room }.deserialize(deserializer)?;
                self.room.named(fields, values)
            }
        }
    }

    fn plain<'de, D: Deserializer<'de>>(self, plain: Plain, deserializer: D) -> Result<Value, D::Error> {
        Ok(match plain {
            Plain::Unit => {
                <()>::deserialize(deserializer)?;
                Value::Null
            }
            Plain::Bool => Value::Bool(bool::deserialize(deserializer)?),
            Plain::U8 => integer(u8::deserialize(deserializer)?),
            Plain::U16 => integer(u16::deserialize(deserializer)?),
            Plain::U32 => integer(u32::deserialize(deserializer)?),
            Plain::U64 => integer(u64::deserialize(deserializer)?),
            Plain::U128 => integer(u128::deserialize(deserializer)?),
            Plain::I8 => integer(i8::deserialize(deserializer)?),
            Plain::I16 => integer(i16::deserialize(deserializer)?),
            Plain::I32 => integer(i32::deserialize(deserializer)?),
            Plain::I64 => integer(i64::deserialize(deserializer)?),
            Plain::I128 => integer(i128::deserialize(deserializer)?),
            Plain::F32 => float::<D::Error>(f32::deserialize(deserializer)?.into())?,
            Plain::F64 => float::<D::Error>(f64::deserialize(deserializer)?)?,
            Plain::Char => Value::Text(char::deserialize(deserializer)?.to_string()),
            Plain::String => Value::Text(String::deserialize(deserializer)?),
            Plain::Bytes => self.room.text(&deserializer.deserialize_byte_buf(InPlace)?)?,
            Plain::Bulk => self.room.text(&BulkIn::<Bytes>::deserialize(deserializer)?.0)?,
        })
    }
}

/// As the JSON codec has it: a number as far as every reader keeps it exactly, text beyond.
fn integer<T: Copy + ToString + TryInto<i64>>(value: T) -> Value {
    match value.try_into() {
        Ok(small) if codec::is_exact(small) => Value::Number(small.into()),
        _ => Value::Text(value.to_string()),
    }
}

fn float<E: serde::de::Error>(value: f64) -> Result<Value, E> {
    Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom(format!("JSON has no number {value}")))
}

/// Bytes that stand in the payload itself.
struct InPlace;

impl Visitor<'_> for InPlace {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }
}

impl<'de> Visitor<'de> for Typed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::name(self.structure, self.id))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Shape::Option(inner) = self.structure.shape(self.id) else { return Ok(Value::Null) };
        match self.at(*inner).deserialize(deserializer)? {
            Value::Null => Err(D::Error::custom("an Option that is there and holds nothing: JSON has one `null` for both")),
            value => Ok(value),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Shape::Seq(item) = self.structure.shape(self.id) else { return Ok(Value::Null) };
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self.at(*item))? {
            values.push(value);
        }
        values.shrink_to_fit();
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Shape::Map(key, value) = self.structure.shape(self.id) else { return Ok(Value::Null) };
        let (mut map, mut charged) = (BTreeMap::new(), 0);
        while let Some(key) = entries.next_key_seed(self.at(*key))? {
            let name = match key {
                Value::Text(text) => text,
                Value::Bool(_) | Value::Number(_) => key.to_string(),
                other => return Err(A::Error::custom(format!("a map whose keys are {}: JSON has text for keys", other.kind()))),
            };
            map.insert(name, entries.next_value_seed(self.at(*value))?);
            self.room.charge(map_bytes(map.len()).saturating_sub(charged))?;
            charged = charged.max(map_bytes(map.len()));
        }
        Ok(Value::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let Shape::Enum(_, variants) = self.structure.shape(self.id) else { return Ok(Value::Null) };
        let (number, content) = data.variant::<u32>()?;
        let Some(Variant { name, fields }) = variants.get(number as usize) else {
            return Err(A::Error::custom(format!("there is no variant number {number}")));
        };
        let value = match fields {
            Fields::Unit => {
                content.unit_variant()?;
                self.room.charge(name.len())?;
                return Ok(Value::Text(name.to_string()));
            }
            Fields::Newtype(id) => content.newtype_variant_seed(self.at(*id))?,
            Fields::Tuple(ids) => Value::Array(content.tuple_variant(ids.len(), self.items(ids))?),
            Fields::Named(fields) => {
                let ids: Vec<Id> = fields.iter().map(|(_, id)| *id).collect();
                self.room
                    .named(fields, content.tuple_variant(ids.len(), Items { structure: self.structure, ids: &ids, room: self.room })?)?
            }
        };
        self.room.charge(map_bytes(1) + name.len())?;
        Ok(Value::Null.with(name.to_string(), value))
    }
}

struct Newtype<'a>(Typed<'a>);

impl<'de> Visitor<'de> for Newtype<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        items.next_element_seed(self.0)?.ok_or_else(|| A::Error::custom("a value is missing"))
    }
}

/// Values of several shapes in a row.
#[derive(Clone, Copy)]
struct Items<'a> {
    structure: &'a Structure,
    ids: &'a [Id],
    room: &'a Room,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_tuple(self.ids.len(), self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.ids.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Value>, A::Error> {
        let mut values = Vec::new();
        for &id in self.ids {
            let value = items.next_element_seed(Typed { structure: self.structure, id, room: self.room })?;
            values.push(value.ok_or_else(|| A::Error::custom("a value is missing"))?);
        }
        Ok(values)
    }

    /// No values at all.
    fn visit_unit<E>(self) -> Result<Vec<Value>, E> {
        Ok(Vec::new())
    }
}
