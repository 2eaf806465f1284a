//! Owns one value of JSON on its way into a type. It knows nothing of depth and memory: the guard around it does, and every way into
//! what is nested leads through a visitor of the guard's.

use std::borrow::Cow;

use serde::de::value::CowStrDeserializer;
use serde::de::{Deserializer, EnumAccess, Error, Unexpected, VariantAccess, Visitor};

use super::super::guard::Budget;
use super::base64;
use super::key_in::integer;
use super::parts_in::{Elements, Fields};
use super::reader::Reader;
use super::refused::{Refused, quoted};

/// The next value of a text.
pub(super) struct ValueIn<'r, 'de, 'b> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) budget: &'b Budget,
}

/// Hands a string over: lent if it can be, given away otherwise.
fn visit_text<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, Refused> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

const fn begins_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'0'..=b'9')
}

impl<'de> ValueIn<'_, 'de, '_> {
    fn again(&mut self) -> ValueIn<'_, 'de, '_> {
        ValueIn { reader: self.reader, budget: self.budget }
    }

    /// A number for a type that asked for nothing more exact: one that is no integer of 64 bits is a double.
    fn visit_number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let number = self.reader.number()?;
        if number.is_integer && number.text != "-0" {
            if let Ok(value) = number.text.parse() {
                return visitor.visit_u64(value);
            }
            if let Ok(value) = number.text.parse() {
                return visitor.visit_i64(value);
            }
        }
        visitor.visit_f64(number.to_f64()?)
    }

    /// A number for a type that asked for an integer. One that does not fit 64 bits is not made a double.
    fn visit_integer<V: Visitor<'de>>(self, ty: &str, visitor: V) -> Result<V::Value, Refused> {
        if !begins_number(self.reader.peek()?) {
            return self.deserialize_any(visitor);
        }
        let number = self.reader.number()?;
        if !number.is_integer {
            return Err(Refused::value(format!("the number {} is no integer, and {ty} is expected", quoted(number.text))));
        }
        match (number.text.parse::<u64>(), number.text.parse::<i64>()) {
            (Ok(value), _) => visitor.visit_u64(value),
            (_, Ok(value)) => visitor.visit_i64(value),
            _ => Err(number.out_of_range(ty)),
        }
    }

    fn visit_array<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.reader.expect(b'[', "an array is expected")?;
        let mut elements = Elements::new(self.again());
        let value = visitor.visit_seq(&mut elements)?;
        elements.end()?;
        Ok(value)
    }

    fn visit_object<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.reader.expect(b'{', "an object is expected")?;
        let mut fields = Fields::new(self.again());
        let value = visitor.visit_map(&mut fields)?;
        fields.end()?;
        Ok(value)
    }
}

macro_rules! integers {
    ($($method:ident: $type:literal),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.visit_integer($type, visitor)
        }
    )*};
}

/// Integers of 64 and more bits are a number or a string.
macro_rules! wide_integers {
    ($($method:ident: $type:ident => $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            let value: $type = match self.reader.peek()? {
                b'"' => integer(&self.reader.string()?, stringify!($type))?,
                byte if begins_number(byte) => {
                    let number = self.reader.number()?;
                    match number.text.parse() {
                        Ok(value) => value,
                        Err(_) if number.is_integer => return Err(number.out_of_range(stringify!($type))),
                        Err(_) => {
                            let text = format!("the number {} is no integer, and {} is expected", quoted(number.text), stringify!($type));
                            return Err(Refused::value(text));
                        }
                    }
                }
                _ => return self.deserialize_any(visitor),
            };
            visitor.$visit(value)
        }
    )*};
}

impl<'de> Deserializer<'de> for ValueIn<'_, 'de, '_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.reader.peek()? {
            b'n' => {
                self.reader.literal("null")?;
                visitor.visit_unit()
            }
            b't' => {
                self.reader.literal("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.reader.literal("false")?;
                visitor.visit_bool(false)
            }
            b'"' => visit_text(self.reader.string()?, visitor),
            b'[' => self.visit_array(visitor),
            b'{' => self.visit_object(visitor),
            byte if begins_number(byte) => self.visit_number(visitor),
            _ => Err(self.reader.no_value()),
        }
    }

    integers! {
        deserialize_i8: "i8", deserialize_i16: "i16", deserialize_i32: "i32",
        deserialize_u8: "u8", deserialize_u16: "u16", deserialize_u32: "u32"
    }

    wide_integers! {
        deserialize_i64: i64 => visit_i64, deserialize_u64: u64 => visit_u64,
        deserialize_i128: i128 => visit_i128, deserialize_u128: u128 => visit_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if begins_number(self.reader.peek()?) {
            return visitor.visit_f32(self.reader.number()?.to_f32()?);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if begins_number(self.reader.peek()?) {
            return visitor.visit_f64(self.reader.number()?.to_f64()?);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.reader.peek()? == b'"' {
            return visitor.visit_byte_buf(base64::decode(&self.reader.string()?)?);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.reader.peek()? == b'n' {
            self.reader.literal("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.reader.peek()? {
            b'"' => visitor.visit_enum(CowStrDeserializer::<Refused>::new(self.reader.string()?)),
            b'{' => {
                self.reader.expect(b'{', "")?;
                let value = visitor.visit_enum(VariantIn { inside: self.again() })?;
                self.reader.expect(b'}', "a variant is an object of one field, and here is no end of it")?;
                Ok(value)
            }
            b'n' | b't' | b'f' | b'-' | b'0'..=b'9' | b'[' => {
                Err(Refused::value(format!("a variant of {name} is a string, or an object of one field, and this is neither")))
            }
            _ => Err(self.reader.no_value()),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.reader.peek()? != b'"' {
            return Err(Refused::invalid_type(Unexpected::Other("something else"), &"a name, which is a string"));
        }
        visit_text(self.reader.string()?, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool char str string unit unit_struct seq tuple tuple_struct map struct ignored_any
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

/// A variant with content, behind its opening brace.
struct VariantIn<'r, 'de, 'b> {
    inside: ValueIn<'r, 'de, 'b>,
}

/// Its content, behind its name.
struct ContentIn<'r, 'de, 'b> {
    inside: ValueIn<'r, 'de, 'b>,
    name: Cow<'de, str>,
}

impl<'r, 'de, 'b> EnumAccess<'de> for VariantIn<'r, 'de, 'b> {
    type Error = Refused;
    type Variant = ContentIn<'r, 'de, 'b>;

    fn variant_seed<S: serde::de::DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, ContentIn<'r, 'de, 'b>), Refused> {
        let name = self.inside.reader.string()?;
        let value = seed.deserialize(CowStrDeserializer::<Refused>::new(name.clone()))?;
        self.inside.reader.expect(b':', "a colon is expected")?;
        Ok((value, ContentIn { inside: self.inside, name }))
    }
}

impl<'de> VariantAccess<'de> for ContentIn<'_, 'de, '_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        let Self { inside, name } = self;
        <() as serde::Deserialize>::deserialize(inside).map_err(|refused| refused.in_field(&name))
    }

    fn newtype_variant_seed<S: serde::de::DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        let Self { inside, name } = self;
        seed.deserialize(inside).map_err(|refused| refused.in_field(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Refused> {
        let Self { inside, name } = self;
        inside.deserialize_any(visitor).map_err(|refused| refused.in_field(&name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        let Self { inside, name } = self;
        inside.deserialize_any(visitor).map_err(|refused| refused.in_field(&name))
    }
}
