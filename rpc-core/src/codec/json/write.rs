//! Owns values on their way to JSON: the serializer, over a buffer that stops at its bound. It knows nothing of depth: the checks
//! around it do.

use std::fmt::{self, Write as _};

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use super::super::CodecError;
use super::key_out::KeyOut;
use super::refused::Refused;
use super::{base64, is_exact};

/// A buffer, and how long it may become.
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    end: usize,
    max_bytes: u64,
    /// What was refused for good, also where the type swallows the error of a part of it.
    refused: Option<CodecError>,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, max_bytes: u64) -> Self {
        let end = usize::try_from(max_bytes).unwrap_or(usize::MAX).saturating_add(out.len());
        Self { out, end, max_bytes, refused: None }
    }

    pub(super) fn into_refused(self) -> Option<CodecError> {
        self.refused
    }

    fn room(&mut self, bytes: usize) -> Result<(), Refused> {
        if bytes <= self.end.saturating_sub(self.out.len()) {
            return Ok(());
        }
        let why = CodecError::TooLarge { max_bytes: self.max_bytes };
        self.refused = Some(why.clone());
        Err(Refused::new(why))
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.room(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// `what` has no form in JSON.
    #[cold]
    fn cannot<T>(&mut self, what: impl fmt::Display) -> Result<T, Refused> {
        let refused = Refused::unsupported(what);
        self.refused.get_or_insert_with(|| CodecError::Unsupported(refused.to_string()));
        Err(refused)
    }

    /// A short text that needs no escapes, such as a number.
    fn plain(&mut self, text: fmt::Arguments<'_>) -> Result<(), Refused> {
        self.write_fmt(text).map_err(|fmt::Error| Refused::new(CodecError::TooLarge { max_bytes: self.max_bytes }))
    }

    fn text(&mut self, text: &str) -> Result<(), Refused> {
        self.room(text.len() + 2)?;
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|&byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
            self.put(&rest[..at])?;
            match rest[at] {
                b'"' => self.put(b"\\\"")?,
                b'\\' => self.put(b"\\\\")?,
                b'\n' => self.put(b"\\n")?,
                b'\r' => self.put(b"\\r")?,
                b'\t' => self.put(b"\\t")?,
                control => self.plain(format_args!("\\u{control:04x}"))?,
            }
            rest = &rest[at + 1..];
        }
        self.put(rest)?;
        self.put(b"\"")
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.room(base64::encoded_len(bytes.len()).saturating_add(2))?;
        self.out.push(b'"');
        self.out.extend(base64::encode(bytes).flatten());
        self.put(b"\"")
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// The place of one value.
pub(super) struct ValueOut<'w, 'o>(pub(super) &'w mut Writer<'o>);

/// The place of the parts of an array or an object, and of what closes it.
pub(super) struct PartsOut<'w, 'o> {
    writer: &'w mut Writer<'o>,
    is_first: bool,
    close: &'static [u8],
}

impl<'w, 'o> ValueOut<'w, 'o> {
    fn parts(self, open: &[u8], close: &'static [u8]) -> Result<PartsOut<'w, 'o>, Refused> {
        self.0.put(open)?;
        Ok(PartsOut { writer: self.0, is_first: true, close })
    }

    /// Opens the object of one field that a variant with content is.
    fn variant(self, variant: &str, open: &[u8], close: &'static [u8]) -> Result<PartsOut<'w, 'o>, Refused> {
        self.0.put(b"{")?;
        self.0.text(variant)?;
        self.0.put(b":")?;
        self.parts(open, close)
    }

    fn float(self, value: f64, text: fmt::Arguments<'_>) -> Result<(), Refused> {
        if value.is_finite() { self.0.plain(text) } else { self.0.cannot(format_args!("the number {value}: send an Option, or a String")) }
    }
}

macro_rules! integers {
    ($($method:ident: $value:ty),*) => {$(
        #[inline]
        fn $method(self, value: $value) -> Result<(), Refused> {
            self.0.plain(format_args!("{value}"))
        }
    )*};
}

macro_rules! wide_integers {
    ($($method:ident: $value:ty),*) => {$(
        fn $method(self, value: $value) -> Result<(), Refused> {
            if is_exact(value) { self.0.plain(format_args!("{value}")) } else { self.0.plain(format_args!("\"{value}\"")) }
        }
    )*};
}

impl<'w, 'o> Serializer for ValueOut<'w, 'o> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = PartsOut<'w, 'o>;
    type SerializeTuple = PartsOut<'w, 'o>;
    type SerializeTupleStruct = PartsOut<'w, 'o>;
    type SerializeTupleVariant = PartsOut<'w, 'o>;
    type SerializeMap = PartsOut<'w, 'o>;
    type SerializeStruct = PartsOut<'w, 'o>;
    type SerializeStructVariant = PartsOut<'w, 'o>;

    integers! { serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32 }

    wide_integers! { serialize_i64: i64, serialize_u64: u64, serialize_i128: i128, serialize_u128: u128 }

    fn serialize_bool(self, value: bool) -> Result<(), Refused> {
        self.0.put(if value { b"true" } else { b"false" })
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        self.float(value.into(), format_args!("{value:?}"))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        self.float(value, format_args!("{value:?}"))
    }

    fn serialize_char(self, value: char) -> Result<(), Refused> {
        self.0.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Refused> {
        self.0.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Refused> {
        self.0.bytes(value)
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.0.put(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        let start = self.0.out.len();
        value.serialize(ValueOut(self.0))?;
        if self.0.out.get(start..) == Some(b"null") {
            return self.0.cannot(
                "an Option that is there and holds what is written as `null` (`Some(None)`, `Some(())`): it would arrive as None; use an enum",
            );
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.0.put(b"null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Refused> {
        self.0.put(b"null")
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Refused> {
        self.0.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        let parts = self.variant(variant, b"", b"}")?;
        value.serialize(ValueOut(parts.writer)).map_err(|refused| refused.in_field(variant))?;
        parts.close()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<PartsOut<'w, 'o>, Refused> {
        self.parts(b"[", b"]")
    }

    fn serialize_tuple(self, _len: usize) -> Result<PartsOut<'w, 'o>, Refused> {
        self.parts(b"[", b"]")
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<PartsOut<'w, 'o>, Refused> {
        self.parts(b"[", b"]")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<PartsOut<'w, 'o>, Refused> {
        self.variant(variant, b"[", b"]}")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<PartsOut<'w, 'o>, Refused> {
        self.parts(b"{", b"}")
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<PartsOut<'w, 'o>, Refused> {
        self.parts(b"{", b"}")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<PartsOut<'w, 'o>, Refused> {
        self.variant(variant, b"{", b"}}")
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

impl PartsOut<'_, '_> {
    fn next(&mut self) -> Result<(), Refused> {
        if std::mem::take(&mut self.is_first) { Ok(()) } else { self.writer.put(b",") }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.next()?;
        value.serialize(ValueOut(self.writer))
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Refused> {
        self.next()?;
        self.writer.text(key)?;
        self.writer.put(b":")?;
        value.serialize(ValueOut(self.writer)).map_err(|refused| refused.in_field(key))
    }

    fn close(self) -> Result<(), Refused> {
        self.writer.put(self.close)
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident($($key:ident: $type:ty)?) => $inner:ident;)*) => {$(
        impl $part for PartsOut<'_, '_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, $($key: $type,)? value: &T) -> Result<(), Refused> {
                self.$inner($($key,)? value)
            }

            fn end(self) -> Result<(), Refused> {
                self.close()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element() => element;
    SerializeTuple: serialize_element() => element;
    SerializeTupleStruct: serialize_field() => element;
    SerializeTupleVariant: serialize_field() => element;
    SerializeStruct: serialize_field(key: &'static str) => field;
    SerializeStructVariant: serialize_field(key: &'static str) => field;
}

impl SerializeMap for PartsOut<'_, '_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.next()?;
        match key.serialize(KeyOut) {
            Ok(key) => self.writer.text(&key),
            Err(refused) => {
                if let why @ CodecError::Unsupported(_) = refused.why() {
                    self.writer.refused.get_or_insert_with(|| why.clone());
                }
                Err(refused)
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.writer.put(b":")?;
        value.serialize(ValueOut(self.writer))
    }

    fn end(self) -> Result<(), Refused> {
        self.close()
    }
}
