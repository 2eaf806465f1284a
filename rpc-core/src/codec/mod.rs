//! Owns how values become bytes and bytes become values: the one seam behind which every encoding stands.
//! It knows nothing of frames, references or sessions: it is handed a value or a slice, and bounds.
//!
//! | file | what |
//! | --- | --- |
//! | `bincode.rs` | the first codec: bincode 2, `standard()`, always with a limit |
//! | `json/` | the second one, with the feature `json`: for people and other languages |
//! | `guard.rs` | around any decoder: depth, decoded bytes, claimed lengths |
//! | `checked.rs` | around any encoder: depth, and shapes that a codec without field names would garble |

mod bincode;
mod checked;
mod guard;
#[cfg(feature = "json")]
mod json;

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::interface::ParameterDescriptor;

/// How a payload is encoded. Every payload on the wire names its codec by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// bincode 2 in its `standard()` configuration: number 0.
    #[default]
    Bincode = 0,
    /// JSON: number 1, with the feature `json`.
    #[cfg(feature = "json")]
    Json = 1,
}

impl Codec {
    /// The number that names this codec on the wire.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The codec that a number on the wire names.
    ///
    /// # Errors
    ///
    /// [`CodecError::UnknownCodec`] for a number that this build does not have: number 1 is JSON, which takes the feature `json`.
    pub const fn from_id(id: u8) -> Result<Self, CodecError> {
        match id {
            0 => Ok(Self::Bincode),
            #[cfg(feature = "json")]
            1 => Ok(Self::Json),
            other => Err(CodecError::UnknownCodec(other)),
        }
    }

    /// Whether values say by themselves what they are, so that bytes that were meant as something else are an error and not garbage.
    pub(crate) const fn is_self_describing(self) -> bool {
        match self {
            Self::Bincode => false,
            #[cfg(feature = "json")]
            Self::Json => true,
        }
    }
}

impl TryFrom<u8> for Codec {
    type Error = CodecError;

    fn try_from(id: u8) -> Result<Self, CodecError> {
        Self::from_id(id)
    }
}

/// What one decoded value may cost.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// How many containers may stand inside each other: sequences, maps, tuples, structs, options, newtypes and variants with content.
    /// Above [`DEPTH_MAX`] it counts as [`DEPTH_MAX`].
    pub depth: u32,
    /// How many bytes the value may take in memory, with at least one byte charged per element.
    pub decoded_bytes: u64,
}

/// The deepest value that is ever encoded or decoded, whatever a node configures: 8 KiB for each level of a worker thread's 2 MiB stack.
/// Without optimisation a level of a plain recursive enum takes between 1.5 and 2 KiB (test `the_deepest_value_fits_a_small_stack`).
pub(crate) const DEPTH_MAX: u32 = 256;

/// The longest message that is ever decoded, whatever a node configures: 1 GiB, or 64 MiB where addresses have 32 bits.
pub(crate) const MESSAGE_BYTES_MAX: u64 = if usize::BITS >= 64 { 1 << 30 } else { 64 << 20 };

/// Why a value could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecError {
    /// The value has more containers inside each other than are allowed.
    TooDeep {
        /// How many are allowed.
        max: u32,
    },
    /// The encoded value is longer than a message may be.
    TooLarge {
        /// How many bytes are allowed.
        max_bytes: u64,
    },
    /// The decoded value would take more memory than is allowed.
    DecodedTooLarge {
        /// How many bytes are allowed.
        max_bytes: u64,
    },
    /// Bytes were left over after the value.
    TrailingBytes {
        /// How many were left over.
        count: usize,
    },
    /// The bytes end in the middle of the value, or an element claims more bytes than there are.
    Truncated,
    /// The bytes are no value of this type, or the type itself refused: in the words of the codec or of the type.
    Value(String),
    /// The codec cannot carry this value, or values of this type. The text says which codec, and what.
    Unsupported(String),
    /// No codec of this build has this number.
    UnknownCodec(u8),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep { max } => write!(f, "the value is nested more than {max} levels deep"),
            Self::TooLarge { max_bytes } => {
                write!(f, "the encoded value is longer than the {max_bytes} bytes a message may have")
            }
            Self::DecodedTooLarge { max_bytes } => {
                write!(f, "the decoded value would take more than the {max_bytes} bytes of memory it may have")
            }
            Self::TrailingBytes { count: 1 } => write!(f, "1 byte is left over after the value"),
            Self::TrailingBytes { count } => write!(f, "{count} bytes are left over after the value"),
            Self::Truncated => write!(f, "the bytes end in the middle of the value"),
            Self::Value(text) | Self::Unsupported(text) => write!(f, "{text}"),
            Self::UnknownCodec(1) => {
                write!(f, "codec 1 is JSON, which takes netref's feature `json`, and this build is without it; codec 0 is bincode")
            }
            Self::UnknownCodec(id) => write!(f, "there is no codec {id}; codec 0 is bincode, 1 is JSON"),
        }
    }
}

impl std::error::Error for CodecError {}

/// Appends the encoding of `value` to `out`, at most `max_bytes` of it. Encoding stops as soon as the bound is passed.
///
/// On an error `out` is what it was before.
pub(crate) fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T, out: &mut Vec<u8>, max_bytes: u64) -> Result<(), CodecError> {
    encode_within(codec, value, out, max_bytes, DEPTH_MAX)
}

/// Like [`encode`], and refuses a value that is nested deeper than `depth`, as the peer that announced this depth would.
pub(crate) fn encode_within<T: Serialize + ?Sized>(
    codec: Codec,
    value: &T,
    out: &mut Vec<u8>,
    max_bytes: u64,
    depth: u32,
) -> Result<(), CodecError> {
    match codec {
        Codec::Bincode => bincode::encode(value, out, max_bytes, depth.min(DEPTH_MAX)),
        #[cfg(feature = "json")]
        Codec::Json => json::encode(value, out, max_bytes, depth.min(DEPTH_MAX)),
    }
}

/// Decodes the one value that `bytes` hold, all of them. What the value borrows, it borrows from `bytes`.
pub(crate) fn decode<'de, T: Deserialize<'de>>(codec: Codec, bytes: &'de [u8], bounds: &Bounds) -> Result<T, CodecError> {
    let bounds = admit(bytes, bounds)?;
    match codec {
        Codec::Bincode => bincode::decode(bytes, bounds, PhantomData::<T>),
        #[cfg(feature = "json")]
        Codec::Json => json::decode(bytes, bounds),
    }
}

/// Decodes a value in bincode whose type is not known while the program is compiled: the seed knows it.
#[cfg(feature = "json")]
pub(crate) fn decode_bincode<'de, S: serde::de::DeserializeSeed<'de>>(
    bytes: &'de [u8],
    bounds: &Bounds,
    seed: S,
) -> Result<S::Value, CodecError> {
    bincode::decode(bytes, admit(bytes, bounds)?, seed)
}

/// Decodes the arguments of a method, a tuple. A codec that writes names down has them under the names of the parameters.
pub(crate) fn decode_arguments<'de, T: Deserialize<'de>>(
    codec: Codec,
    bytes: &'de [u8],
    bounds: &Bounds,
    parameters: &'static [ParameterDescriptor],
) -> Result<T, CodecError> {
    let bounds = admit(bytes, bounds)?;
    match codec {
        Codec::Bincode => {
            let _ = parameters; // Their order is all that bincode knows of them.
            bincode::decode(bytes, bounds, PhantomData::<T>)
        }
        #[cfg(feature = "json")]
        Codec::Json => json::decode_arguments(bytes, bounds, parameters),
    }
}

/// The bounds as far as they are kept at all, for a message that is not too long for any.
#[inline]
fn admit(bytes: &[u8], bounds: &Bounds) -> Result<Bounds, CodecError> {
    if bytes.len() as u64 > MESSAGE_BYTES_MAX {
        return Err(CodecError::TooLarge { max_bytes: MESSAGE_BYTES_MAX });
    }
    Ok(Bounds { depth: bounds.depth.min(DEPTH_MAX), ..*bounds })
}

#[cfg(feature = "json")]
pub(crate) use json::{from_base64, is_exact, to_base64};

#[cfg(test)]
mod tests;
