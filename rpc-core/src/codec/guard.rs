//! Owns what a decoded value may cost: how deep it is nested, how much memory it takes, what a claimed length may reserve.
//! It stands around any serde decoder and knows nothing of the format behind it.
//!
//! Every role that serde gives to a decoder's parts (deserializer, visitor, accesses, seed) is wrapped by the same [`Guard`], so no value
//! reaches the format behind it unguarded. A level is entered where content stands inside a container: an element, a field, the
//! content of an option, a newtype or a variant. The state is copied down the levels; only the budget is shared.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Bounds, CodecError};

/// What is charged for an element that takes no memory, such as `()`: it takes no bytes on the wire either, so only this charge keeps
/// a claimed length from becoming a loop of as many turns. With the default budget of 256 MiB four million are allowed.
const EMPTY_ELEMENT_BYTES: u64 = 64;

/// What one message may still cost. Shared by all guards of one decoding.
#[derive(Debug)]
pub(super) struct Budget {
    bounds: Bounds,
    left: Cell<u64>,
    /// Elements that a claimed length may reserve room for: each takes at least a byte of the message, or no memory.
    reserve_max: usize,
    refused: Cell<Option<Refusal>>,
    /// The enum whose variant is read now, and whether that is where decoding ended.
    variant_of: Cell<(&'static str, bool)>,
}

#[derive(Clone, Copy, Debug)]
enum Refusal {
    Depth,
    Bytes,
}

impl Budget {
    #[inline]
    pub(super) const fn new(bounds: Bounds, message_bytes: usize) -> Self {
        Self {
            bounds,
            left: Cell::new(bounds.decoded_bytes),
            reserve_max: message_bytes,
            refused: Cell::new(None),
            variant_of: Cell::new(("", false)),
        }
    }

    /// Why the value was refused, also where the type swallowed the error.
    #[inline]
    pub(super) fn refused(&self) -> Option<CodecError> {
        self.refused.get().map(|refusal| match refusal {
            Refusal::Depth => CodecError::TooDeep { max: self.bounds.depth },
            Refusal::Bytes => CodecError::DecodedTooLarge { max_bytes: self.bounds.decoded_bytes },
        })
    }

    /// Pays for bytes of the value, or of what a decoder keeps beside it.
    #[inline]
    pub(super) fn charge<E: Error>(&self, bytes: u64) -> Result<(), E> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.refuse(Refusal::Bytes)),
        }
    }

    /// Gives back what was paid for something that is no longer kept.
    #[cfg(feature = "json")]
    pub(super) fn give_back(&self, bytes: u64) {
        self.left.set(self.left.get().saturating_add(bytes));
    }

    /// The enum that had no such variant, when that is why decoding ended.
    #[cold]
    pub(super) fn unknown_variant_of(&self) -> Option<&'static str> {
        let (name, ended) = self.variant_of.get();
        ended.then_some(name)
    }

    /// The text never leaves: [`Budget::refused`] says it better.
    #[cold]
    fn refuse<E: Error>(&self, refusal: Refusal) -> E {
        self.refused.set(Some(refusal));
        E::custom("refused")
    }
}

/// Where a guard stands: how many levels are left below it.
#[derive(Clone, Copy)]
struct Place<'b> {
    levels: u32,
    /// What an element that takes no memory is charged here.
    empty_bytes: u64,
    budget: &'b Budget,
}

impl Place<'_> {
    #[inline]
    fn inside<E: Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(self.budget.refuse(Refusal::Depth)),
        }
    }

    #[inline]
    fn charge<E: Error>(self, bytes: u64) -> Result<(), E> {
        self.budget.charge(bytes)
    }

    #[inline]
    fn charge_element<T, E: Error>(self) -> Result<(), E> {
        match size_of::<T>() as u64 {
            0 => self.charge(self.empty_bytes),
            bytes => self.charge(bytes),
        }
    }

    /// Refuses a claimed length that cannot be paid for, before any element is looked at.
    #[inline]
    fn check_claim<E: Error>(self, elements: Option<usize>) -> Result<(), E> {
        match elements {
            Some(elements) if elements as u64 > self.budget.left.get() => Err(self.budget.refuse(Refusal::Bytes)),
            _ => Ok(()),
        }
    }

    #[inline]
    fn hint(self, claimed: Option<usize>) -> Option<usize> {
        claimed.map(|elements| elements.min(self.budget.reserve_max))
    }
}

/// Any part of a decoder, guarded.
pub(super) struct Guard<'b, T> {
    inner: T,
    place: Place<'b>,
}

impl<'b, D> Guard<'b, D> {
    /// The guard of the outermost value.
    #[inline]
    pub(super) const fn root(deserializer: D, budget: &'b Budget) -> Self {
        Self { inner: deserializer, place: Place { levels: budget.bounds.depth, empty_bytes: 1, budget } }
    }

    #[inline]
    const fn around<V>(&self, inner: V) -> Guard<'b, V> {
        Guard { inner, place: self.place }
    }
}

macro_rules! pass_on {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

macro_rules! pass_on_guarded {
    ($($method:ident => $inner:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.around(visitor);
            self.inner.$inner(visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<'_, D> {
    type Error = D::Error;

    pass_on! {
        deserialize_bool deserialize_char deserialize_unit
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    // An owned string or buffer is asked for as a borrowed one: a decoder that lends from its input has to look at the input before
    // it believes a length, one that fills a buffer allocates first.
    pass_on_guarded! {
        deserialize_any => deserialize_any
        deserialize_str => deserialize_str
        deserialize_string => deserialize_str
        deserialize_bytes => deserialize_bytes
        deserialize_byte_buf => deserialize_bytes
        deserialize_option => deserialize_option
        deserialize_identifier => deserialize_identifier
        deserialize_ignored_any => deserialize_ignored_any
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let mut visitor = self.around(visitor);
        visitor.place.empty_bytes = EMPTY_ELEMENT_BYTES;
        self.inner.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let mut visitor = self.around(visitor);
        visitor.place.empty_bytes = EMPTY_ELEMENT_BYTES;
        self.inner.deserialize_map(visitor)
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.around(visitor);
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.around(visitor);
        self.inner.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.around(visitor);
        self.inner.deserialize_tuple_struct(name, len, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.around(visitor);
        self.inner.deserialize_struct(name, fields, visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.place.budget.variant_of.set((name, false));
        let visitor = self.around(visitor);
        self.inner.deserialize_enum(name, variants, visitor)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit_plain {
    ($($method:ident: $value:ty),*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

macro_rules! visit_charged {
    ($($method:ident: $value:ty),*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.place.charge(value.len() as u64)?;
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guard<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit_plain! {
        visit_bool: bool, visit_char: char, visit_f32: f32, visit_f64: f64,
        visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128
    }

    visit_charged! {
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
        visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let place = self.place.inside()?;
        self.inner.visit_some(Guard { inner: deserializer, place })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let place = self.place.inside()?;
        self.inner.visit_newtype_struct(Guard { inner: deserializer, place })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let place = self.place.inside()?;
        place.check_claim(access.size_hint())?;
        self.inner.visit_seq(Guard { inner: access, place })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let place = self.place.inside()?;
        place.check_claim(access.size_hint())?;
        self.inner.visit_map(Guard { inner: access, place })
    }

    /// Enters no level: a variant's content does, a variant without content has none.
    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.around(access);
        self.inner.visit_enum(access)
    }
}

impl<'b> Place<'b> {
    /// The place of an element: what it holds is a field again, until it turns out to be a sequence itself.
    #[inline]
    const fn element<T>(self, inner: T) -> Guard<'b, T> {
        Guard { inner, place: Self { empty_bytes: 1, ..self } }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let element = self.inner.next_element_seed(self.place.element(seed))?;
        if element.is_some() {
            self.place.charge_element::<S::Value, A::Error>()?;
        }
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.place.hint(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(self.place.element(seed))?;
        if key.is_some() {
            self.place.charge_element::<S::Value, A::Error>()?;
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.inner.next_value_seed(self.place.element(seed))?;
        // The key has paid for the turn.
        self.place.charge((size_of::<S::Value>() as u64).max(1))?;
        Ok(value)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.place.hint(self.inner.size_hint())
    }
}

impl<'b, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Guard<'b, A> {
    type Error = A::Error;
    type Variant = Guard<'b, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let guarded = self.around(seed);
        match self.inner.variant_seed(guarded) {
            Ok((value, variant)) => Ok((value, Guard { inner: variant, place: self.place })),
            Err(error) => {
                let (name, _) = self.place.budget.variant_of.get();
                self.place.budget.variant_of.set((name, true));
                Err(error)
            }
        }
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let place = self.place.inside()?;
        place.charge_element::<S::Value, A::Error>()?;
        self.inner.newtype_variant_seed(place.element(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guard<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Guard { inner: deserializer, place: self.place })
    }
}
