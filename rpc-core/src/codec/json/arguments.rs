//! Owns the arguments of a method, which are a tuple in Rust and an object of named fields in JSON. An array of them in order does too.

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::super::CodecError;
use super::super::guard::Budget;
use super::reader::Reader;
use super::refused::{Refused, quoted};
use super::value_in::ValueIn;
use crate::interface::ParameterDescriptor;
use crate::near;

/// The arguments, before the first byte of them is read.
pub(super) struct ArgumentsIn<'r, 'de, 'b> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) budget: &'b Budget,
    pub(super) parameters: &'static [ParameterDescriptor],
}

/// Where the value of a parameter is, if it is anywhere.
type Place = Option<(usize, usize)>;

impl<'de, 'b> ArgumentsIn<'_, 'de, 'b> {
    /// Finds the value of each parameter without reading it: the fields come in any order, the parameters are taken in theirs.
    fn places(&mut self) -> Result<Vec<Place>, Refused> {
        let mut places = vec![None; self.parameters.len()];
        match self.reader.peek()? {
            b'{' => self.named(&mut places)?,
            b'[' => self.in_order(&mut places)?,
            b'n' if self.parameters.is_empty() => self.reader.literal("null")?,
            _ => {
                return Err(self
                    .reader
                    .syntax("the arguments are an object of named fields, or an array of all of them in order, and this is neither,"));
            }
        }
        Ok(places)
    }

    fn named(&mut self, places: &mut [Place]) -> Result<(), Refused> {
        self.reader.expect(b'{', "")?;
        let mut is_first = true;
        while !self.reader.takes(b'}')? {
            if !std::mem::take(&mut is_first) {
                self.reader.expect(b',', "a comma or the end of the object is expected")?;
            }
            let name = self.reader.string()?;
            self.reader.expect(b':', "a colon is expected")?;
            let place = self.value()?;
            let Some(index) = self.parameters.iter().position(|parameter| parameter.name == name) else {
                return Err(Refused::value(format!("there is no argument `{}`{}; {}", quoted(&name), self.near(&name), self.known())));
            };
            if places[index].replace(place).is_some() {
                return Err(Refused::value(format!("the argument `{}` comes twice", self.parameters[index].name)));
            }
        }
        Ok(())
    }

    fn in_order(&mut self, places: &mut [Place]) -> Result<(), Refused> {
        self.reader.expect(b'[', "")?;
        let mut count = 0;
        while !self.reader.takes(b']')? {
            if count > 0 {
                self.reader.expect(b',', "a comma or the end of the array is expected")?;
            }
            let place = self.value()?;
            let Some(slot) = places.get_mut(count) else {
                return Err(Refused::value(format!("there are more arguments than the method has parameters; {}", self.known())));
            };
            *slot = Some(place);
            count += 1;
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(usize, usize), Refused> {
        self.reader.peek()?;
        let from = self.reader.at();
        self.reader.skip()?;
        Ok((from, self.reader.at()))
    }

    /// Which argument may have been meant, for an error.
    #[cold]
    fn near(&self, name: &str) -> String {
        let near = near::nearest(name, self.parameters.iter().map(|parameter| parameter.name));
        near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
    }

    /// What the arguments are called, for an error.
    #[cold]
    fn known(&self) -> String {
        known(self.parameters)
    }
}

#[cold]
fn known(parameters: &[ParameterDescriptor]) -> String {
    if parameters.is_empty() {
        return "the method takes none".to_owned();
    }
    let names: Vec<_> = parameters.iter().map(|parameter| format!("`{}: {}`", parameter.name, parameter.ty)).collect();
    format!("the method takes {}", names.join(", "))
}

impl<'de> Deserializer<'de> for ArgumentsIn<'_, 'de, '_> {
    type Error = Refused;

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        let places = self.places()?;
        if places.len() != len {
            return Err(Refused::value(format!("the method takes {len} arguments, and {} have names", places.len())));
        }
        let Self { reader, budget, parameters } = self;
        visitor.visit_seq(Given { reader, budget, parameters, places, next: 0 })
    }

    /// A method without parameters.
    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.places()?;
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        ValueIn { reader: self.reader, budget: self.budget }.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct newtype_struct seq
        tuple_struct map struct enum identifier ignored_any
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

/// The arguments in the order of their parameters.
struct Given<'r, 'de, 'b> {
    reader: &'r Reader<'de>,
    budget: &'b Budget,
    parameters: &'static [ParameterDescriptor],
    places: Vec<Place>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Given<'_, 'de, '_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let (Some(parameter), Some(place)) = (self.parameters.get(self.next), self.places.get(self.next)) else { return Ok(None) };
        self.next += 1;
        let Some((from, to)) = *place else {
            return seed.deserialize(Missing { parameter, parameters: self.parameters }).map(Some);
        };
        let mut reader = self.reader.part(from, to);
        let value = seed.deserialize(ValueIn { reader: &mut reader, budget: self.budget });
        let value = value.map_err(|refused| match refused.why() {
            // The text goes on: it is only the value that does not.
            CodecError::Truncated => reader.syntax("the value is cut short").in_field(parameter.name),
            _ => refused.in_field(parameter.name),
        })?;
        match reader.left_over() {
            0 => Ok(Some(value)),
            _ => Err(reader.syntax("the end of the argument is expected").in_field(parameter.name)),
        }
    }
}

/// An argument that is not there: an Option is `None` then, as serde has it for fields; anything else is missed.
struct Missing {
    parameter: &'static ParameterDescriptor,
    parameters: &'static [ParameterDescriptor],
}

impl<'de> Deserializer<'de> for Missing {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refused> {
        Err(Refused::value(format!("the argument `{}` is missing; {}", self.parameter.name, known(self.parameters))))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}
