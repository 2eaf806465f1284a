//! Owns the parts of a value as serde hands them out: elements, entries and variants, each a slot of its own.

use std::cell::Cell;

use serde::de::value::U32Deserializer;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::super::shape::Id;
use super::deserializer::Slot;
use super::table::FieldsOf;
use super::{Stop, Tracer};

fn visit<'de, S: DeserializeSeed<'de>>(tracer: &Tracer, id: Id, seed: S) -> Result<S::Value, Stop> {
    let result = seed.deserialize(Slot { tracer, id });
    tracer.settle(id, result)
}

/// The parts of a struct, a tuple or a sequence, in their order.
pub(super) struct Parts<'a> {
    tracer: &'a Tracer,
    ids: std::vec::IntoIter<Id>,
    used: Option<&'a Cell<usize>>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(tracer: &'a Tracer, ids: Vec<Id>) -> Self {
        Self { tracer, ids: ids.into_iter(), used: None }
    }

    /// Counts the parts that are asked for.
    pub(super) fn counted(self, used: &'a Cell<usize>) -> Self {
        Self { used: Some(used), ..self }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        let Some(id) = self.ids.next() else { return Ok(None) };
        if let Some(used) = self.used {
            used.set(used.get() + 1);
        }
        visit(self.tracer, id, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.ids.len())
    }
}

/// At most one entry.
pub(super) struct Map<'a> {
    pub(super) tracer: &'a Tracer,
    pub(super) parts: Vec<Id>,
    pub(super) filled: bool,
}

impl<'de> MapAccess<'de> for Map<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if !std::mem::take(&mut self.filled) {
            return Ok(None);
        }
        visit(self.tracer, self.parts[0], seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        visit(self.tracer, self.parts[1], seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::from(self.filled))
    }
}

/// One variant of an enum.
#[derive(Clone, Copy)]
pub(super) struct Enum<'a> {
    pub(super) tracer: &'a Tracer,
    /// The enum's own number.
    pub(super) own: Id,
    pub(super) variant: usize,
}

impl Enum<'_> {
    fn parts(self, fields: FieldsOf) -> Result<Vec<Id>, Stop> {
        self.tracer.table.borrow_mut().variant(self.own, self.variant, fields)
    }
}

impl<'de> EnumAccess<'de> for Enum<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let number: U32Deserializer<Stop> = (self.variant as u32).into_deserializer();
        match seed.deserialize(number) {
            Ok(value) => Ok((value, self)),
            Err(_) => {
                self.tracer.table.borrow_mut().no_variant(self.own, self.variant);
                Err(Stop(None))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Enum<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.parts(FieldsOf::Unit).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        let part = *self.parts(FieldsOf::Newtype)?.first().ok_or(Stop(None))?;
        visit(self.tracer, part, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let parts = self.parts(FieldsOf::Tuple(len))?;
        visitor.visit_seq(Parts::new(self.tracer, parts))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        let parts = self.parts(FieldsOf::Named(fields))?;
        let used = Cell::new(0);
        let value = visitor.visit_seq(Parts::new(self.tracer, parts).counted(&used))?;
        self.tracer.table.borrow_mut().used(self.own, Some(self.variant), used.get());
        Ok(value)
    }
}
