//! Owns the bincode codec: the configuration, the writer that stops at the bound, and bincode's errors in our words.
//! It knows nothing of depth and memory: the guard does.

use std::fmt;

use ::bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use ::bincode::enc::write::Writer;
use ::bincode::error::{DecodeError, EncodeError};
use ::bincode::serde as serde_bincode;
use serde::de::DeserializeSeed;
use serde::{Deserializer, Serialize, Serializer};

use super::checked::{Checked, Encoding};
use super::guard::{Budget, Guard};
use super::{Bounds, CodecError, MESSAGE_BYTES_MAX};

/// bincode claims the full width of a number before it reads it, 16 bytes for a `u128` that takes one byte on the wire, so the longest
/// message claims at most 16 times its length. The rest is for what is claimed last.
const CLAIM_MAX: usize = 16 * MESSAGE_BYTES_MAX as usize + 4_096;

const CONFIG: Configuration<LittleEndian, Varint, Limit<CLAIM_MAX>> = standard().with_limit::<CLAIM_MAX>();

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>, max_bytes: u64, depth: u32) -> Result<(), CodecError> {
    let start = out.len();
    let end = usize::try_from(max_bytes).unwrap_or(usize::MAX).saturating_add(start);
    let encoding = Encoding::new(depth);
    let result = serde_bincode::encode_into_writer(Shaped { value, encoding: &encoding }, BoundedWriter { out, end }, CONFIG);
    let refused = match encoding.refused() {
        // A type may swallow the error of a part of it; what was refused stays refused.
        Some(error) => Some(error),
        None => result.err().map(|error| encode_error(error, max_bytes)),
    };
    match refused {
        None => Ok(()),
        Some(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

#[inline]
pub(super) fn decode<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], bounds: Bounds, seed: S) -> Result<S::Value, CodecError> {
    let budget = Budget::new(bounds, bytes.len());
    let seed = Root { budget: &budget, seed };
    let result = serde_bincode::seed_decode_from_slice(seed, bytes, CONFIG);
    if let Some(error) = budget.refused() {
        return Err(error);
    }
    match result {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        Ok((_, read)) => Err(CodecError::TrailingBytes { count: bytes.len() - read }),
        Err(error) => Err(match (decode_error(error), budget.unknown_variant_of()) {
            (CodecError::Value(text), Some(name)) => {
                let hint = "the other side may have a newer version of it, with more variants";
                CodecError::Value(format!("{text}, in the enum `{name}`: {hint}"))
            }
            (error, _) => error,
        }),
    }
}

/// The outermost value to encode, under its checks.
struct Shaped<'a, T: ?Sized> {
    value: &'a T,
    encoding: &'a Encoding,
}

impl<T: Serialize + ?Sized> Serialize for Shaped<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Checked::root(serializer, self.encoding))
    }
}

/// The outermost value to decode, under its guard.
struct Root<'b, S> {
    budget: &'b Budget,
    seed: S,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Root<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Guard::root(deserializer, self.budget))
    }
}

/// Appends to a buffer and refuses to make it longer than `end`.
struct BoundedWriter<'v> {
    out: &'v mut Vec<u8>,
    end: usize,
}

impl Writer for BoundedWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > self.end.saturating_sub(self.out.len()) {
            return Err(EncodeError::UnexpectedEnd);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

#[cold]
fn encode_error(error: EncodeError, max_bytes: u64) -> CodecError {
    match error {
        EncodeError::UnexpectedEnd => CodecError::TooLarge { max_bytes },
        EncodeError::Serde(serde_bincode::EncodeError::SequenceMustHaveLength) => CodecError::Unsupported(
            "bincode cannot carry a sequence or a map that does not say its length first (a field with `#[serde(flatten)]` makes one): collect it into a Vec \
             or a map, or remove the attribute"
                .to_owned(),
        ),
        EncodeError::OtherString(text) => CodecError::Value(text),
        EncodeError::Other(text) => CodecError::Value(text.to_owned()),
        other => CodecError::Value(words(&other)),
    }
}

#[cold]
fn decode_error(error: DecodeError) -> CodecError {
    use serde_bincode::DecodeError as Serde;
    match error {
        DecodeError::UnexpectedEnd { .. } | DecodeError::LimitExceeded | DecodeError::OutsideUsizeRange(_) => CodecError::Truncated,
        DecodeError::Serde(Serde::AnyNotSupported) => CodecError::Unsupported(
            "bincode cannot carry a type that asks what comes next (`#[serde(untagged)]`, `#[serde(tag = \"…\")]`, `#[serde(flatten)]` and values like \
             serde_json::Value do): it does not write that down; use a plain enum or struct, or send it as a String"
                .to_owned(),
        ),
        DecodeError::Serde(Serde::IdentifierNotSupported | Serde::IgnoredAnyNotSupported) => CodecError::Unsupported(
            "bincode cannot carry a type that skips what it does not know: it does not write down field names; remove the serde attribute that needs them"
                .to_owned(),
        ),
        DecodeError::Utf8 { inner } => CodecError::Value(format!("a string is not UTF-8: {inner}")),
        DecodeError::InvalidBooleanValue(byte) => CodecError::Value(format!("a bool is 0 or 1, not {byte}")),
        DecodeError::InvalidCharEncoding(_) => CodecError::Value("a char is not UTF-8".to_owned()),
        DecodeError::UnexpectedVariant { found, .. } => CodecError::Value(format!("an option begins with 0 or 1, not {found}")),
        DecodeError::OtherString(text) => CodecError::Value(text),
        DecodeError::Other(text) => CodecError::Value(text.to_owned()),
        other => CodecError::Value(words(&other)),
    }
}

/// bincode's `Display` is its `Debug`: good enough for what never comes up on the serde path.
fn words(error: &dyn fmt::Display) -> String {
    format!("bincode: {error}")
}
