//! Owns what a queue is in the middle of: what waits in it, where that comes from and goes, who waits. It wakes nobody and drops nothing of the
//! user's.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::BytesMut;

use super::gone::Watchers;
use crate::any::AnyRemote;
use crate::error::Error;
use crate::proto::Kind;
use crate::session::{ArrivedBytes, BUFFER_BYTES};
use crate::stream::item::{Encoded, Leftover, Partial, Piece, Port, Queued};

/// Bytes that arrive in small pieces are put together up to this size.
pub(super) const TOGETHER: usize = BUFFER_BYTES;

/// Where items come from.
pub(super) enum Source {
    /// A half that the program holds.
    Here,
    /// A session, which is the one upstream.
    There,
    /// Nothing more comes: the stream is complete, or broke.
    Ended(Option<Error>),
}

/// Where items go.
pub(super) enum Drain {
    Here,
    There(Port),
    /// Everything and the end are at the peer, which has said so. Whatever becomes of the session does not change that.
    Arrived,
    /// Nobody takes them.
    Gone(Error),
}

pub(super) struct State {
    pub(super) items: VecDeque<Queued>,
    /// Bytes in a queue of bytes.
    pub(super) bytes: usize,
    pub(super) partial: Option<Partial>,
    pub(super) source: Source,
    pub(super) drain: Drain,
    /// A task moves what is in the queue to the session that it goes to.
    pub(super) pumped: bool,
    /// The session that items came over, also when no more come: what is taken is granted there.
    pub(super) upstream: Option<Port>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// Who waits for the receiving half to be gone: anybody who has the sending half in view.
    pub(super) watchers: Watchers,
}

impl State {
    /// Whether a pump moves what was sent before the receiving half left. What is sent next waits until that has gone ahead, and then goes
    /// straight to the session: so no more wait to be read than may.
    pub(super) fn is_overtaken(&self, kind: Kind) -> bool {
        self.pumped && kind != Kind::Watch && matches!(self.drain, Drain::There(_))
    }

    pub(super) fn leave_over(&mut self) -> Leftover {
        let is_open = matches!(self.source, Source::There);
        if is_open {
            self.source = Source::Ended(None);
        }
        self.bytes = 0;
        let (items, partial) = (std::mem::take(&mut self.items), self.partial.take());
        Leftover { items, partial, upstream: self.upstream.clone(), is_open }
    }

    pub(super) fn append(&mut self, bytes: &[u8], long: Option<BytesMut>, cost: u64) {
        self.bytes += bytes.len();
        if let Some(bytes) = long {
            self.items.push_back(Queued::Bytes(Piece { bytes, cost }));
        } else if let Some(Queued::Bytes(last)) = self.items.back_mut()
            && last.bytes.len() + bytes.len() <= TOGETHER
        {
            last.bytes.extend_from_slice(bytes);
            last.cost += cost;
        } else {
            self.items.push_back(Queued::Bytes(Piece { bytes: BytesMut::from(bytes), cost }));
        }
    }

    /// Puts the frames of an item together. Gives it when it is whole.
    pub(super) fn assemble(&mut self, bytes: &[u8], references: Vec<AnyRemote>, cost: u64, end: bool) -> Option<Encoded> {
        if self.partial.is_none() && end {
            return Some(Encoded { bytes: ArrivedBytes::of(bytes), references, cost });
        }
        let partial = self.partial.get_or_insert_default();
        partial.bytes.extend_from_slice(bytes);
        partial.references.extend(references);
        partial.cost += cost;
        if !end {
            return None;
        }
        let Partial { bytes, references, cost } = self.partial.take()?;
        Some(Encoded { bytes: ArrivedBytes::Long(bytes.into()), references, cost })
    }
}
