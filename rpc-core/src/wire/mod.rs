//! Owns the byte layout of everything that two nodes say to each other, as pure functions between bytes and values. It knows no socket,
//! no session and no object.
//!
//! | file | what |
//! | --- | --- |
//! | `frame` | the messages as values |
//! | `hello` | those that set up a link |
//! | `body` | targets, bodies and the references in them |
//! | `encode`, `decode`, `varint` | the way to bytes and back |
//! | `error` | the rules, one name for each |
//!
//! The rest of this page is the format itself.
#![doc = include_str!("../protocol.md")]

mod body;
mod decode;
mod encode;
mod error;
mod frame;
mod hello;
mod varint;

#[cfg(test)]
mod golden;
#[cfg(all(test, feature = "lz4"))]
pub(crate) use golden::COMPRESSED as COMPRESSED_EXAMPLE;
#[cfg(test)]
mod tests;

pub use body::{Body, CODEC_MAX, Descriptor, Identity, PATH_MAX, Target, put_body_head, put_descriptor, put_target};
pub use decode::{decode, split};
pub(crate) use decode::{decode_call, decode_return, decode_stream_data};
pub use encode::{CallHead, begin, encode, end, put_bytes, put_call_head, put_call_id, put_export_id, put_return_head, put_stream_id};
pub use error::{DecodeError, EncodeError};
pub use frame::{
    Ack, Call, Chain, Chunk, ChunkOf, Collect, Credit, Define, DefineMethod, Disembargo, DisembargoContext, Finish, Frame, GoAway, Ping,
    Pong, Provide, Refused, Release, Resolution, Resolve, Return, Status, StreamClose, StreamCredit, StreamData, Trace, Window, kind,
};
pub use hello::{Accept, Hello, MAGIC, MAJOR, MINOR, NODE_NAME_MAX, Refuse, Start, feature};
pub use varint::put_varint;

/// How many bytes the body of a frame may have, its kind included. Its length, less one, fills two bytes.
pub const FRAME_MAX: usize = 65_536;

/// How many bytes the name of an interface or a method may have.
pub const NAME_MAX: usize = 256;

/// How many bytes a method's signature may have. Signatures are for people; longer ones are cut by who defines them.
pub const SIGNATURE_MAX: usize = 4_096;

/// Bytes of the structure of a method's types: several hundred types of an ordinary size.
pub const STRUCTURE_MAX: usize = 16_384;

/// How many bytes a byte of a compressed body stands for at most. LZ4 can tell of no more: a longer match takes a byte for each 255.
pub const EXPANSION_MAX: u64 = 255;

mod call_flag {
    pub(super) const DEADLINE: u64 = 1;
    pub(super) const CHAIN: u64 = 2;
    pub(super) const TRACE: u64 = 4;
    pub(super) const ONEWAY: u64 = 8;
    pub(super) const IDEMPOTENT: u64 = 16;
    pub(super) const NESTED: u64 = 32;
    pub(super) const EXTENSIONS: u64 = 64;
    pub(super) const PROMISED: u64 = 128;
    pub(super) const ALL: u64 = 255;
}

mod finish_flag {
    pub(super) const CANCEL: u64 = 1;
    pub(super) const RELEASE_RESULTS: u64 = 2;
    pub(super) const ALL: u64 = 3;
}

mod stream_flag {
    pub(super) const END_OF_ITEM: u64 = 1;
    pub(super) const REFERENCES: u64 = 2;
    pub(super) const BY_RECEIVER: u64 = 1;
    pub(super) const ERROR: u64 = 2;
}
