//! Owns the byte path: `&[u8]`, `Vec<u8>` and `Bytes` as whole arguments or results travel beside the payload and are never walked
//! byte by byte. In a codec for people they are bytes of the payload, which a reader in any language finds in their place.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::transfer;

/// What can be sent as bulk bytes.
#[doc(hidden)]
pub trait IntoBulk {
    fn into_bulk(self) -> Bytes;
}

impl IntoBulk for Vec<u8> {
    fn into_bulk(self) -> Bytes {
        Bytes::from(self)
    }
}

impl IntoBulk for Bytes {
    fn into_bulk(self) -> Bytes {
        self
    }
}

impl IntoBulk for &Bytes {
    fn into_bulk(self) -> Bytes {
        self.clone()
    }
}

impl IntoBulk for &[u8] {
    /// The call outlives the borrow, so this is the one copy on the sending side.
    fn into_bulk(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl IntoBulk for &Vec<u8> {
    fn into_bulk(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

/// What bulk bytes can arrive as.
#[doc(hidden)]
pub trait FromBulk {
    fn from_bulk(bytes: Bytes) -> Self;
}

impl FromBulk for Vec<u8> {
    fn from_bulk(bytes: Bytes) -> Self {
        Self::from(bytes)
    }
}

impl FromBulk for Bytes {
    fn from_bulk(bytes: Bytes) -> Self {
        bytes
    }
}

/// Bulk bytes on their way out.
#[doc(hidden)]
#[derive(Debug)]
pub struct BulkOut(Bytes);

/// Marks a value as bulk bytes.
#[doc(hidden)]
pub fn bulk(value: impl IntoBulk) -> BulkOut {
    BulkOut(value.into_bulk())
}

impl Serialize for BulkOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_bytes(&self.0);
        }
        let index = transfer::put_segment(self.0.clone()).ok_or_else(|| S::Error::custom("bulk bytes travel only inside a call"))?;
        serializer.serialize_u32(index)
    }
}

/// Bulk bytes on their way in.
#[doc(hidden)]
#[derive(Debug)]
pub struct BulkIn<T>(pub T);

impl<'de, T: FromBulk> Deserialize<'de> for BulkIn<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_byte_buf(Inline(PhantomData)).map(Self);
        }
        let index = u32::deserialize(deserializer)?;
        let bytes = transfer::take_segment(index).ok_or_else(|| D::Error::custom("the message has no such bulk bytes"))?;
        Ok(Self(T::from_bulk(bytes)))
    }
}

/// Bytes that stand in the payload itself.
struct Inline<T>(PhantomData<T>);

impl<T: FromBulk> Visitor<'_> for Inline<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, which are a string of base64")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        Ok(T::from_bulk(Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<T, E> {
        Ok(T::from_bulk(Bytes::from(bytes)))
    }
}
