//! Owns the JSON codec, for the command line and other languages: what each type is in JSON, under the same checks and the same guard as
//! bincode. `protocol.md` has the format for people.
//!
//! It has a reader and a writer of its own. serde_json's would give the wrong answer without a word where JSON has no form for a value
//! (`null` for NaN and for `Some(None)`), reads large integers as doubles, counts levels differently, and changes with features
//! that any other crate of a program can turn on (`arbitrary_precision`).
//!
//! | file | what |
//! | --- | --- |
//! | `write.rs`, `key_out.rs` | values and keys to text |
//! | `reader.rs` | the text: strings, numbers, what is skipped |
//! | `value_in.rs`, `parts_in.rs`, `key_in.rs` | text to values, parts and keys |
//! | `arguments.rs` | the arguments of a method: named fields to a tuple |
//! | `base64.rs`, `refused.rs` | bytes as text, and errors with the place in the value |

mod arguments;
mod base64;
mod key_in;
mod key_out;
mod parts_in;
mod reader;
mod refused;
mod value_in;
mod write;

use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize};

use self::arguments::ArgumentsIn;
use self::reader::Reader;
use self::refused::Refused;
use self::value_in::ValueIn;
use self::write::{ValueOut, Writer};
use super::checked::{Checked, Encoding};
use super::guard::{Budget, Guard};
use super::{Bounds, CodecError};
use crate::interface::ParameterDescriptor;

/// The integers that every reader of JSON keeps exactly, also one for which all numbers are doubles: up to 2^53 - 1, either sign.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// Whether an integer is written as a number; any other is a string.
pub(crate) fn is_exact(value: impl TryInto<i64>) -> bool {
    value.try_into().is_ok_and(|value: i64| value.unsigned_abs() <= EXACT_MAX)
}

/// Bytes as they are written in JSON.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    base64::encode(bytes).flatten().map(char::from).collect()
}

/// Bytes as they were written in JSON.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>, CodecError> {
    base64::decode(text).map_err(Refused::into_error)
}

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>, max_bytes: u64, depth: u32) -> Result<(), CodecError> {
    let start = out.len();
    let encoding = Encoding::with_names(depth);
    let mut writer = Writer::new(out, max_bytes);
    let result = value.serialize(Checked::root(ValueOut(&mut writer), &encoding));
    // A type may swallow the error of a part of it; what was refused stays refused. The error itself knows more of where it happened.
    let refused = match (encoding.refused(), writer.into_refused(), result) {
        (Some(error), _, _) => Some(error),
        (None, Some(CodecError::Unsupported(_)), Err(error)) if matches!(error.why(), CodecError::Unsupported(_)) => {
            Some(error.into_error())
        }
        (None, Some(error), _) => Some(error),
        (None, None, Err(error)) => Some(error.into_error()),
        (None, None, Ok(())) => return Ok(()),
    };
    match refused {
        None => Ok(()),
        Some(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

pub(super) fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8], bounds: Bounds) -> Result<T, CodecError> {
    read(bytes, bounds, |reader, budget| Root { budget, value: PhantomData::<T> }.deserialize(ValueIn { reader, budget }))
}

/// Decodes the arguments of a method with these parameters.
pub(super) fn decode_arguments<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    bounds: Bounds,
    parameters: &'static [ParameterDescriptor],
) -> Result<T, CodecError> {
    read(bytes, bounds, |reader, budget| Root { budget, value: PhantomData::<T> }.deserialize(ArgumentsIn { reader, budget, parameters }))
}

fn read<'de, T>(
    bytes: &'de [u8],
    bounds: Bounds,
    value: impl FnOnce(&mut Reader<'de>, &Budget) -> Result<T, Refused>,
) -> Result<T, CodecError> {
    let budget = Budget::new(bounds, bytes.len());
    let mut reader = Reader::new(bytes);
    let result = value(&mut reader, &budget);
    if let Some(error) = budget.refused() {
        return Err(error);
    }
    let value = result.map_err(Refused::into_error)?;
    match reader.left_over() {
        0 => Ok(value),
        count => Err(CodecError::TrailingBytes { count }),
    }
}

/// The outermost value to decode, under its guard.
struct Root<'b, T> {
    budget: &'b Budget,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Root<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(Guard::root(deserializer, self.budget))
    }
}

#[cfg(test)]
mod tests;
