//! Owns what waits in the queue of a stream: values, encoded items, bytes, and what is left of them when nobody reads any more.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::BytesMut;

use crate::any::AnyRemote;
use crate::codec::CodecError;
use crate::error::{Error, ErrorKind, Outcome, Scope};
use crate::id::StreamId;
use crate::session::{ArrivedBytes, SessionCore};

/// Encodes the value in a box: its bytes, how many they may be, and how deep it may be nested.
pub(crate) type Encode = fn(&(dyn Any + Send), &mut Vec<u8>, u64, u32) -> Result<(), CodecError>;

/// What waits in a queue.
pub(crate) enum Queued {
    /// It has not left the process.
    Value(Box<dyn Any + Send>, Encode),
    Encoded(Encoded),
    Bytes(Piece),
}

/// An item as it travels.
pub(crate) struct Encoded {
    pub(crate) bytes: ArrivedBytes,
    pub(crate) references: Vec<AnyRemote>,
    /// What it took of the window of the session that it came over.
    pub(crate) cost: u64,
}

/// Bytes of a stream of bytes, in one piece.
pub(crate) struct Piece {
    pub(super) bytes: BytesMut,
    /// What they took of the window of the session that they came over: nothing for those that were written in this process.
    pub(super) cost: u64,
}

impl Queued {
    pub(super) fn cost(&self) -> u64 {
        match self {
            Self::Value(..) => 0,
            Self::Encoded(encoded) => encoded.cost,
            Self::Bytes(piece) => piece.cost,
        }
    }

    /// How many bytes of a queue of bytes it is.
    pub(super) fn bytes(&self) -> usize {
        if let Self::Bytes(piece) = self { piece.bytes.len() } else { 0 }
    }
}

/// One end of a stream on a session.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) session: Arc<SessionCore>,
    pub(crate) id: StreamId,
}

/// An item whose frames are arriving.
#[derive(Default)]
pub(super) struct Partial {
    pub(super) bytes: Vec<u8>,
    pub(super) references: Vec<AnyRemote>,
    pub(super) cost: u64,
}

/// What arrived, and what it changed.
#[derive(Default)]
pub(crate) struct Delivered {
    pub(crate) waker: Option<Waker>,
    /// What nobody will read, to be given back to the peer.
    pub(crate) returned: u64,
    /// To be dropped outside any lock.
    pub(crate) dropped: Vec<Queued>,
    pub(crate) references: Vec<AnyRemote>,
}

/// What a queue held that nobody reads any more.
pub(super) struct Leftover {
    pub(super) items: VecDeque<Queued>,
    pub(super) partial: Option<Partial>,
    pub(super) upstream: Option<Port>,
    /// Whether the sending half is over there and has not ended.
    pub(super) is_open: bool,
}

impl Leftover {
    /// Gives back what it had cost, and tells the sending half why nobody reads it. Drops values of the user's, so under no lock.
    pub(super) fn give_back(self, error: &Error, taken: u64) {
        let cost = taken + self.items.iter().map(Queued::cost).sum::<u64>() + self.partial.as_ref().map_or(0, |partial| partial.cost);
        if let Some(port) = &self.upstream {
            if self.is_open {
                port.session.stream_close(port.id, Some(error));
            }
            if cost > 0 {
                port.session.stream_consumed(port.id, cost);
            }
        }
        crate::panics::drop_each(self.items);
        crate::panics::drop_quietly(self.partial.map(|partial| partial.references));
    }
}

/// The error of a stream, and of nothing else.
pub(crate) fn broken(kind: ErrorKind, text: impl Into<String>) -> Error {
    Error::new(kind, Outcome::MayHaveRun, text).with_scope(Scope::Stream)
}
