//! Owns the frames that set up a link, and what is fixed before the first frame: magic, version and feature bits. It knows nothing of
//! the order in which a handshake sends and judges them.

use crate::id::{Incarnation, NodeId, SessionId};
use crate::limits::PeerLimits;

use super::decode::Reader;
use super::encode::{checked_len, put_bytes};
use super::varint::put_varint;
use super::{DecodeError, EncodeError};

/// The first bytes of every link, from each side. The line end at the end shows a link that rewrites text.
pub const MAGIC: [u8; 8] = *b"netref\r\n";

/// The major version of the protocol. A peer of another one is refused.
pub const MAJOR: u32 = 1;

/// The minor version of the protocol. It is told and obliges to nothing: what may be used is negotiated by feature bits.
pub const MINOR: u32 = 0;

/// How many bytes a node's name may have.
pub const NODE_NAME_MAX: usize = 128;

/// The feature bits of a hello. A feature is in use when both sides have set its bit; unknown bits are ignored.
pub mod feature {
    /// Calls on results that have not arrived: targets and references by answer, promises, `Resolve`, `Disembargo`.
    pub const PIPELINING: u64 = 1;
    /// Streams: `StreamData`, `StreamCredit`, `StreamClose` and references to streams.
    pub const STREAMS: u64 = 2;
    /// A session that outlives its link: `Ack`, and `Start::Attach` after a link was lost.
    pub const RESUME: u64 = 4;
    /// Several links under one session at a time.
    pub const LINKS: u64 = 8;
    /// References handed to a third node: `Provide`, `Collect` and references to third parties.
    pub const HANDOFF: u64 = 16;
    /// Compressed bodies.
    pub const COMPRESSION: u64 = 32;
}

/// Says who a side is and what it allows. The first frame of each side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello<'a> {
    /// The major version of the protocol that the side speaks.
    pub major: u32,
    /// The minor version of the protocol that the side speaks.
    pub minor: u32,
    /// The features that the side offers, see [`feature`].
    pub features: u64,
    /// The node. A claim, unless the link authenticates it.
    pub node: NodeId,
    /// Which life of the node this is.
    pub incarnation: Incarnation,
    /// Random bytes, fresh for each link: this side's share of the session's secret.
    pub share: [u8; 32],
    /// The node's name for people, at most [`NODE_NAME_MAX`] bytes.
    pub name: &'a str,
    /// What the other side may do.
    pub limits: PeerLimits,
}

/// What the dialler wants this link to carry. The dialler's second frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// A session that begins here.
    New {
        /// The name that the dialler proposes for it.
        session: SessionId,
    },
    /// A session that exists already.
    Attach {
        /// Its name.
        session: SessionId,
        /// How many numbered frames of it the dialler has received.
        received: u64,
        /// Shows that the dialler knows the session's secret.
        proof: [u8; 32],
    },
}

/// Ends the handshake: the link carries a session from here on. The acceptor's answer to [`Start`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Accept {
    /// The session that the link carries. Another one than was asked for when both nodes dialled each other at once.
    pub session: SessionId,
    /// How many numbered frames of it the acceptor has received.
    pub received: u64,
    /// Shows that the acceptor knows the session's secret.
    pub proof: [u8; 32],
}

/// Ends the handshake without a session. The link closes after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refuse<'a> {
    /// The reason, for programs.
    pub code: u32,
    /// The reason, for people.
    pub text: &'a str,
}

pub(super) fn put_hello(out: &mut Vec<u8>, hello: &Hello<'_>) -> Result<(), EncodeError> {
    checked_len(hello.name, NODE_NAME_MAX, EncodeError::NameTooLong)?;
    put_varint(out, hello.major.into());
    put_varint(out, hello.minor.into());
    put_varint(out, hello.features);
    out.extend_from_slice(&hello.node.0.to_le_bytes());
    out.extend_from_slice(&hello.incarnation.0.to_le_bytes());
    out.extend_from_slice(&hello.share);
    put_bytes(out, hello.name.as_bytes());
    put_limits(out, &hello.limits);
    Ok(())
}

fn put_limits(out: &mut Vec<u8>, limits: &PeerLimits) {
    let pairs = [
        (1, limits.calls_in_flight.into()),
        (2, limits.exports.into()),
        (3, limits.message_bytes),
        (4, limits.call_window),
        (5, limits.return_window),
        (6, limits.definitions.into()),
        (7, limits.streams.into()),
        (8, limits.depth.into()),
        (9, limits.keep_alive_ms),
        (10, limits.stream_window),
        (11, limits.streams_window),
    ];
    put_varint(out, pairs.len() as u64);
    for (key, value) in pairs {
        put_varint(out, key);
        put_varint(out, value);
    }
}

pub(super) fn put_start(out: &mut Vec<u8>, start: &Start) {
    match start {
        Start::New { session } => {
            put_varint(out, 0);
            out.extend_from_slice(&session.0.to_le_bytes());
        }
        Start::Attach { session, received, proof } => {
            put_varint(out, 1);
            put_claim(out, *session, *received, proof);
        }
    }
}

pub(super) fn put_accept(out: &mut Vec<u8>, accept: &Accept) {
    put_claim(out, accept.session, accept.received, &accept.proof);
}

fn put_claim(out: &mut Vec<u8>, session: SessionId, received: u64, proof: &[u8; 32]) {
    out.extend_from_slice(&session.0.to_le_bytes());
    put_varint(out, received);
    out.extend_from_slice(proof);
}

pub(super) fn put_refuse(out: &mut Vec<u8>, refuse: &Refuse<'_>) {
    put_varint(out, refuse.code.into());
    put_bytes(out, refuse.text.as_bytes());
}

impl<'a> Reader<'a> {
    pub(super) fn hello(&mut self) -> Result<Hello<'a>, DecodeError> {
        let major = self.number()?;
        // Only this field is promised to stay where it is, so that another version can be named before anything else is read.
        if major != MAJOR {
            return Err(DecodeError::UnknownMajor(major));
        }
        Ok(Hello {
            major,
            minor: self.number()?,
            features: self.varint()?,
            node: NodeId(self.u128()?),
            incarnation: Incarnation(self.u64()?),
            share: self.array()?,
            name: self.short_text(NODE_NAME_MAX, DecodeError::NameTooLong)?,
            limits: self.limits()?,
        })
    }

    fn limits(&mut self) -> Result<PeerLimits, DecodeError> {
        let mut limits = PeerLimits::MINIMUM;
        let mut previous = None;
        for _ in 0..self.count(2)? {
            let key = self.varint()?;
            let value = self.varint()?;
            if previous.is_some_and(|previous| previous >= key) {
                return Err(DecodeError::LimitsOutOfOrder);
            }
            previous = Some(key);
            set_limit(&mut limits, key, value);
        }
        Ok(limits)
    }

    pub(super) fn start(&mut self) -> Result<Start, DecodeError> {
        match self.varint()? {
            0 => Ok(Start::New { session: SessionId(self.u128()?) }),
            1 => Ok(Start::Attach { session: SessionId(self.u128()?), received: self.varint()?, proof: self.array()? }),
            other => Err(DecodeError::UnknownStart(other)),
        }
    }

    pub(super) fn accept(&mut self) -> Result<Accept, DecodeError> {
        Ok(Accept { session: SessionId(self.u128()?), received: self.varint()?, proof: self.array()? })
    }

    pub(super) fn refuse(&mut self) -> Result<Refuse<'a>, DecodeError> {
        Ok(Refuse { code: self.number()?, text: self.text()? })
    }
}

fn set_limit(limits: &mut PeerLimits, key: u64, value: u64) {
    // A limit above what this side can count is no limit to it.
    let small = u32::try_from(value).unwrap_or(u32::MAX);
    match key {
        1 => limits.calls_in_flight = small,
        2 => limits.exports = small,
        3 => limits.message_bytes = value,
        4 => limits.call_window = value,
        5 => limits.return_window = value,
        6 => limits.definitions = small,
        7 => limits.streams = small,
        8 => limits.depth = small,
        9 => limits.keep_alive_ms = value,
        10 => limits.stream_window = value,
        11 => limits.streams_window = value,
        _ => {}
    }
}
