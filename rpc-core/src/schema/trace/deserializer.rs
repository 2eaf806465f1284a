//! Owns [`Slot`], the deserializer that a traced type is given: it notes what is asked for and answers with made-up values.

use std::any::type_name;
use std::cell::Cell;

use serde::de::{Deserializer, Visitor};

use super::super::known::{REFERENCE, WEAK_REFERENCE};
use super::super::shape::{Id, Name, Plain, Shape};
use super::access::{Enum, Map, Parts};
use super::table::{FieldsOf, Key};
use super::{Stop, Tracer, samples};

/// A place in the type, where one value stands.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    pub(super) tracer: &'a Tracer,
    pub(super) id: Id,
}

impl Slot<'_> {
    /// Runs `visit` one level deeper.
    fn inside<R>(self, visit: impl FnOnce() -> Result<R, Stop>) -> Result<R, Stop> {
        self.tracer.table.borrow_mut().enter()?;
        let result = visit();
        self.tracer.table.borrow_mut().leave();
        result
    }

    fn plain(self, plain: Plain) -> Result<u8, Stop> {
        self.tracer.table.borrow_mut().plain(self.id, plain)
    }

    fn unseen<R>(self, why: &'static str) -> Result<R, Stop> {
        self.tracer.table.borrow_mut().opaque(self.id, why);
        Err(Stop(None))
    }
}

fn key<'de, V: Visitor<'de>>(name: &'static str, parts: usize) -> Key {
    Key { name, visitor: type_name::<V>(), value: type_name::<V::Value>(), size: size_of::<V::Value>(), parts }
}

macro_rules! integers {
    ($($method:ident $visit:ident $plain:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            let attempt = self.plain(Plain::$plain)?;
            visitor.$visit(samples::pick(&samples::INTEGERS, attempt) as _)
        }
    )*};
}

impl<'de> Deserializer<'de> for Slot<'_> {
    type Error = Stop;

    integers! {
        deserialize_u8 visit_u8 U8
        deserialize_u16 visit_u16 U16
        deserialize_u32 visit_u32 U32
        deserialize_u64 visit_u64 U64
        deserialize_u128 visit_u128 U128
        deserialize_i8 visit_i8 I8
        deserialize_i16 visit_i16 I16
        deserialize_i32 visit_i32 I32
        deserialize_i64 visit_i64 I64
        deserialize_i128 visit_i128 I128
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::Bool)?;
        visitor.visit_bool(attempt == 0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::F32)?;
        visitor.visit_f32(samples::pick(&samples::FLOATS, attempt))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::F64)?;
        visitor.visit_f64(samples::pick(&samples::FLOATS, attempt).into())
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::Char)?;
        visitor.visit_char(samples::pick(&samples::CHARS, attempt))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::String)?;
        visitor.visit_str(samples::pick(&samples::STRINGS, attempt))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::Bytes)?;
        visitor.visit_bytes(&vec![0; samples::pick(&samples::LENGTHS, attempt)])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let attempt = self.plain(Plain::Bytes)?;
        visitor.visit_byte_buf(vec![0; samples::pick(&samples::LENGTHS, attempt)])
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain(Plain::Unit)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.tracer.table.borrow_mut().unit_struct(self.id, name)?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let (inner, before) = {
            let mut table = self.tracer.table.borrow_mut();
            let inner = table.composed(self.id, 1, |parts| Shape::Option(parts[0]))?[0];
            if !table.fills(self.id) {
                drop(table);
                return visitor.visit_none();
            }
            (inner, table.go_inside(self.id))
        };
        let result = self.inside(|| visitor.visit_some(Slot { id: inner, ..self }));
        let result = self.tracer.settle(inner, result);
        self.tracer.table.borrow_mut().come_out(self.id, before);
        result
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let parts = self.tracer.table.borrow_mut().composed(self.id, 1, |parts| Shape::Seq(parts[0]))?;
        self.fill(|filled| visitor.visit_seq(Parts::new(self.tracer, if filled { parts } else { Vec::new() })))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let parts = self.tracer.table.borrow_mut().composed(self.id, 2, |parts| Shape::Map(parts[0], parts[1]))?;
        self.fill(|filled| visitor.visit_map(Map { tracer: self.tracer, parts, filled }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let parts = self.tracer.table.borrow_mut().composed(self.id, len, |parts| Shape::Tuple(parts.to_vec()))?;
        self.inside(|| visitor.visit_seq(Parts::new(self.tracer, parts)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        let (_, parts) = self.tracer.table.borrow_mut().structure(self.id, key::<V>(name, 1), FieldsOf::Newtype)?;
        let inner = *parts.first().ok_or(Stop(None))?;
        let result = self.inside(|| visitor.visit_newtype_struct(Slot { id: inner, ..self }));
        self.tracer.settle(inner, result)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, len: usize, visitor: V) -> Result<V::Value, Stop> {
        if len == REFERENCE || len == WEAK_REFERENCE {
            let interface = if len == REFERENCE { Name::Borrowed(name) } else { super::super::known::weak(name) };
            self.tracer.table.borrow_mut().reference(self.id, interface)?;
            return visitor.visit_unit();
        }
        let (_, parts) = self.tracer.table.borrow_mut().structure(self.id, key::<V>(name, len), FieldsOf::Tuple(len))?;
        self.inside(|| visitor.visit_seq(Parts::new(self.tracer, parts)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let key = key::<V>(name, fields.as_ptr().addr());
        let (own, parts) = self.tracer.table.borrow_mut().structure(self.id, key, FieldsOf::Named(fields))?;
        let used = Cell::new(0);
        let value = self.inside(|| visitor.visit_seq(Parts::new(self.tracer, parts).counted(&used)))?;
        self.tracer.table.borrow_mut().used(own, None, used.get());
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let (own, variant, before) = {
            let mut table = self.tracer.table.borrow_mut();
            let own = table.enumeration(self.id, key::<V>(name, variants.as_ptr().addr()), variants)?;
            let variant = table.choose(own).ok_or(Stop(None))?;
            (own, variant, table.go_inside_variant(own, variant))
        };
        let result = self.inside(|| visitor.visit_enum(Enum { tracer: self.tracer, own, variant }));
        self.tracer.table.borrow_mut().come_out_of_variant(own, variant, before, result.is_ok());
        result
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        self.unseen("it asks what comes next (`deserialize_any`)")
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        self.unseen("it asks for the names of fields (`deserialize_identifier`)")
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        self.unseen("it skips what it does not know (`deserialize_ignored_any`)")
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

impl Slot<'_> {
    /// Visits a sequence or a map, filled while something can be learnt from it.
    fn fill<R>(self, visit: impl FnOnce(bool) -> Result<R, Stop>) -> Result<R, Stop> {
        let before = {
            let mut table = self.tracer.table.borrow_mut();
            table.fills(self.id).then(|| table.go_inside(self.id))
        };
        let result = self.inside(|| visit(before.is_some()));
        if let Some(before) = before {
            self.tracer.table.borrow_mut().come_out(self.id, before);
        }
        result
    }
}
