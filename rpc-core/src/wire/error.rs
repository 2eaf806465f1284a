//! Owns the rules of the wire as errors, one variant per rule that can be broken. What a broken rule costs the peer is the session's to decide.

use std::error::Error;
use std::fmt;

/// Why the bytes of a frame are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeError {
    /// The frame has no bytes, not even its kind.
    Empty,
    /// No frame of this kind is known.
    UnknownKind(u8),
    /// A field goes on after the end of the frame.
    Truncated,
    /// Bytes are left after the last field.
    TrailingBytes,
    /// An integer has more than 64 bits.
    VarintTooLarge,
    /// An integer is written in more bytes than it needs.
    VarintNotShortest,
    /// A number does not fit the 32 bits of its field.
    NumberTooLarge,
    /// A text is not UTF-8.
    NotUtf8,
    /// A list announces more entries than the rest of the frame could hold.
    CountTooLarge,
    /// A list is announced as present and has no entries.
    EmptyList,
    /// The way to a reference in a result is longer than [`PATH_MAX`](super::PATH_MAX).
    PathTooLong,
    /// A hello of another major version than this node speaks.
    UnknownMajor(u32),
    /// The limits of a hello are not in ascending order of their keys, each once.
    LimitsOutOfOrder,
    /// A node, interface or method name is longer than [`NODE_NAME_MAX`](super::NODE_NAME_MAX) or [`NAME_MAX`](super::NAME_MAX).
    NameTooLong,
    /// A signature is longer than [`SIGNATURE_MAX`](super::SIGNATURE_MAX).
    SignatureTooLong,
    /// The structure of a method's types is longer than [`STRUCTURE_MAX`](super::STRUCTURE_MAX).
    StructureTooLong,
    /// A flag is set whose meaning is not known.
    UnknownFlags(u64),
    /// A start is neither `New` nor `Attach`.
    UnknownStart(u64),
    /// The target of a call is of no known kind.
    UnknownTarget(u64),
    /// A return has no known status.
    UnknownStatus(u64),
    /// A reference is described in no known way.
    UnknownDescriptor(u64),
    /// An object's identity is of no known kind.
    UnknownIdentity(u64),
    /// A promise resolves to nothing known.
    UnknownResolution(u64),
    /// A disembargo is neither of the two loopbacks.
    UnknownDisembargo(u64),
    /// A chunk belongs to neither a call nor a return.
    UnknownChunk(u64),
    /// Credit is given for no known window.
    UnknownWindow(u64),
    /// A compressed body is not shorter than what it stands for, or so short that it cannot stand for so much.
    NotCompressed,
    /// A chunked body announces a total that its first part already reaches.
    TotalTooSmall,
    /// The bulk segments of a body are longer together than the body.
    SegmentsTooLong,
    /// A release gives back no reference.
    ReleaseOfNothing,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Empty => "the frame is empty",
            Self::UnknownKind(kind) => return write!(f, "no frame has the kind {kind:#04x}"),
            Self::Truncated => "a field goes on after the end of the frame",
            Self::TrailingBytes => "bytes are left after the last field of the frame",
            Self::VarintTooLarge => "an integer has more than 64 bits",
            Self::VarintNotShortest => "an integer is not in its shortest form",
            Self::NumberTooLarge => "a number does not fit in 32 bits",
            Self::NotUtf8 => "a text is not UTF-8",
            Self::CountTooLarge => "a list announces more entries than the frame can hold",
            Self::PathTooLong => "the way to a reference in a result is longer than is allowed",
            Self::EmptyList => "a list is announced and has no entries",
            Self::UnknownMajor(major) => {
                return write!(f, "the peer speaks version {major} of the protocol, this node version {}", super::MAJOR);
            }
            Self::LimitsOutOfOrder => "the limits of the hello are not in ascending order",
            Self::NameTooLong => "a name is too long",
            Self::SignatureTooLong => "a signature is too long",
            Self::StructureTooLong => "the structure of a method's types is too long",
            Self::UnknownFlags(flags) => return write!(f, "the flags {flags:#x} have a bit of unknown meaning"),
            Self::UnknownStart(tag) => return write!(f, "{tag} is no way to start a session"),
            Self::UnknownTarget(tag) => return write!(f, "{tag} is no kind of target"),
            Self::UnknownStatus(status) => return write!(f, "{status} is no status of a return"),
            Self::UnknownDescriptor(tag) => return write!(f, "{tag} is no kind of reference"),
            Self::UnknownIdentity(tag) => return write!(f, "{tag} is no kind of identity"),
            Self::UnknownResolution(tag) => return write!(f, "{tag} is no kind of resolution"),
            Self::UnknownDisembargo(tag) => return write!(f, "{tag} is no kind of disembargo"),
            Self::UnknownChunk(tag) => return write!(f, "{tag} is nothing that has chunks"),
            Self::UnknownWindow(tag) => return write!(f, "{tag} is no window of credit"),
            Self::NotCompressed => "the length of a compressed body does not fit the length that it is said to stand for",
            Self::TotalTooSmall => "the total of a chunked body is reached by its first part",
            Self::SegmentsTooLong => "the bulk segments are longer than the body",
            Self::ReleaseOfNothing => "a release gives back no reference",
        };
        f.write_str(text)
    }
}

impl Error for DecodeError {}

/// Why a frame cannot be written. Nothing has been appended then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeError {
    /// The body would be longer than [`FRAME_MAX`](super::FRAME_MAX).
    TooLong,
    /// A node, interface or method name is longer than [`NODE_NAME_MAX`](super::NODE_NAME_MAX) or [`NAME_MAX`](super::NAME_MAX).
    NameTooLong,
    /// A signature is longer than [`SIGNATURE_MAX`](super::SIGNATURE_MAX).
    SignatureTooLong,
    /// The structure of a method's types is longer than [`STRUCTURE_MAX`](super::STRUCTURE_MAX).
    StructureTooLong,
    /// A body's codec has a number above 15.
    CodecTooLarge,
    /// A body's total is less than the bytes of its first part.
    TotalTooSmall,
    /// A compressed body is not shorter than what it stands for, or so short that it cannot stand for so much.
    NotCompressed,
    /// The bulk segments of a body are longer together than the body.
    SegmentsTooLong,
    /// A release gives back no reference.
    ReleaseOfNothing,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the frame is longer than 64 KiB",
            Self::NameTooLong => "a name is too long",
            Self::SignatureTooLong => "a signature is too long",
            Self::StructureTooLong => "the structure of a method's types is too long",
            Self::CodecTooLarge => "the number of a codec is above 15",
            Self::TotalTooSmall => "the total of a body is less than its first part",
            Self::NotCompressed => "the length of a compressed body does not fit the length that it is said to stand for",
            Self::SegmentsTooLong => "the bulk segments are longer than the body",
            Self::ReleaseOfNothing => "a release gives back no reference",
        })
    }
}

impl Error for EncodeError {}
