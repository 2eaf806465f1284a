//! Owns what may be encoded: how deep a value is nested, and no field left out where a codec writes no field names.
//! It stands around any serde encoder and knows nothing of the format behind it.
//!
//! A struct that leaves a field out (`skip_serializing_if`) is shorter by that field in such a format, and everything after it would be
//! read as something else. serde tells the encoder of each named field that it leaves out, so that is where it is refused, by name.
//! It does not tell of unnamed fields, nor of fields under `skip_serializing`, so nothing can be refused there.

use std::cell::Cell;
use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use super::CodecError;

/// What one encoding is bound by, and what was refused during it. Shared by all its parts.
#[derive(Debug)]
pub(super) struct Encoding {
    depth: u32,
    has_names: bool,
    refused: Cell<Option<Refusal>>,
}

#[derive(Clone, Copy, Debug)]
enum Refusal {
    Depth,
    LeftOut { structure: &'static str, field: &'static str },
}

impl Encoding {
    #[inline]
    pub(super) const fn new(depth: u32) -> Self {
        Self { depth, has_names: false, refused: Cell::new(None) }
    }

    /// For a codec that writes field names: a field that is left out is no harm there.
    #[cfg(feature = "json")]
    pub(super) const fn with_names(depth: u32) -> Self {
        Self { depth, has_names: true, refused: Cell::new(None) }
    }

    /// Why the value was refused, also where the type swallowed the error.
    #[inline]
    pub(super) fn refused(&self) -> Option<CodecError> {
        self.refused.get().map(|refusal| match refusal {
            Refusal::Depth => CodecError::TooDeep { max: self.depth },
            Refusal::LeftOut { structure, field } => CodecError::Unsupported(format!(
                "bincode cannot carry `{structure}` without its field `{field}`, which `#[serde(skip_serializing_if)]` left out: it does \
                 not write down field names; remove the attribute, an absent Option takes one byte"
            )),
        })
    }

    /// The text never leaves: [`Encoding::refused`] says it better.
    #[cold]
    fn refuse<E: Error>(&self, refusal: Refusal) -> E {
        self.refused.set(Some(refusal));
        E::custom("refused")
    }
}

/// Where a part of the value stands: how many levels are left below it.
#[derive(Clone, Copy)]
struct Place<'e> {
    levels: u32,
    encoding: &'e Encoding,
}

impl Place<'_> {
    #[inline]
    fn inside<E: Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(self.encoding.refuse(Refusal::Depth)),
        }
    }
}

/// Any part of an encoder, checked.
pub(super) struct Checked<'e, S> {
    inner: S,
    place: Place<'e>,
    /// The struct or variant whose fields are written, for the words of a refusal.
    structure: &'static str,
}

impl<'e, S> Checked<'e, S> {
    /// The checks around the outermost value.
    #[inline]
    pub(super) const fn root(serializer: S, encoding: &'e Encoding) -> Self {
        Self { inner: serializer, place: Place { levels: encoding.depth, encoding }, structure: "" }
    }

    /// `value`, to be encoded at this place.
    #[inline]
    const fn part<'v, T: ?Sized>(&self, value: &'v T) -> Part<'v, 'e, T> {
        Part { value, place: self.place }
    }
}

/// A value on its way into the encoder behind the checks, which hands it its serializer.
struct Part<'v, 'e, T: ?Sized> {
    value: &'v T,
    place: Place<'e>,
}

impl<T: Serialize + ?Sized> Serialize for Part<'_, '_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Checked { inner: serializer, place: self.place, structure: "" })
    }
}

macro_rules! pass_on {
    ($($method:ident: $value:ty),*) => {$(
        #[inline]
        fn $method(self, value: $value) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

impl<'e, S: Serializer> Serializer for Checked<'e, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Checked<'e, S::SerializeSeq>;
    type SerializeTuple = Checked<'e, S::SerializeTuple>;
    type SerializeTupleStruct = Checked<'e, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Checked<'e, S::SerializeTupleVariant>;
    type SerializeMap = Checked<'e, S::SerializeMap>;
    type SerializeStruct = Checked<'e, S::SerializeStruct>;
    type SerializeStructVariant = Checked<'e, S::SerializeStructVariant>;

    pass_on! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64, serialize_unit_struct: &'static str
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let place = self.place.inside()?;
        self.inner.serialize_some(&Part { value, place })
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let place = self.place.inside()?;
        self.inner.serialize_newtype_struct(name, &Part { value, place })
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let place = self.place.inside()?;
        self.inner.serialize_newtype_variant(name, index, variant, &Part { value, place })
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_seq(len)?, place, structure: "" })
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_tuple(len)?, place, structure: "" })
    }

    #[inline]
    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_tuple_struct(name, len)?, place, structure: name })
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_tuple_variant(name, index, variant, len)?, place, structure: variant })
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_map(len)?, place, structure: "" })
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_struct(name, len)?, place, structure: name })
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let place = self.place.inside()?;
        Ok(Checked { inner: self.inner.serialize_struct_variant(name, index, variant, len)?, place, structure: variant })
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! elements {
    ($($part:ident: $($method:ident)*;)*) => {$(
        impl<S: $part> $part for Checked<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                    let part = self.part(value);
                    self.inner.$method(&part)
                }
            )*

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeMap: serialize_key serialize_value;
}

macro_rules! fields {
    ($($part:ident)*) => {$(
        impl<S: $part> $part for Checked<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
                let part = self.part(value);
                self.inner.serialize_field(key, &part)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                if self.place.encoding.has_names {
                    return self.inner.skip_field(key);
                }
                Err(self.place.encoding.refuse(Refusal::LeftOut { structure: self.structure, field: key }))
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }
