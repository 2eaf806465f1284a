//! Owns the sleeping callers of a session: for each call in flight a slot with its waker, later its reply. It knows no protocol.

use std::task::{Poll, Waker};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::any::AnyRemote;
use crate::error::Error;
use crate::id::CallId;
use crate::transfer::Incoming;
use crate::wire::Status;

/// A reply as it arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) status: Status,
    pub(crate) codec: u8,
    pub(crate) bytes: ArrivedBytes,
    /// What it brings beside its payload.
    pub(crate) incoming: Incoming,
}

/// Small replies are copied into the slot, where up to 24 bytes need no allocation; long ones are kept as they were assembled.
#[derive(Debug)]
pub(crate) enum ArrivedBytes {
    Small(SmallVec<[u8; 24]>),
    Long(Bytes),
}

impl ArrivedBytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Long(bytes) => bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Small(bytes) => Bytes::copy_from_slice(&bytes),
            Self::Long(bytes) => bytes,
        }
    }
}

impl Arrived {
    /// The references, when nobody wants the reply.
    pub(super) fn into_references(self) -> impl Iterator<Item = AnyRemote> {
        self.incoming.into_tables().0.into_iter().flatten()
    }

    /// The payload of a reply that came in chunks.
    pub(super) fn fill(&mut self, bytes: Bytes, segments: Vec<Option<Bytes>>) {
        self.bytes = ArrivedBytes::Long(bytes);
        self.incoming.set_segments(segments);
    }

    pub(super) fn len(&self) -> u64 {
        (self.bytes.as_slice().len() + self.incoming.bulk_bytes()) as u64
    }
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Free,
    /// Somebody waits, or will.
    Waiting(CallId, Option<Waker>),
    /// Nobody waits any more; the slot is freed with the reply.
    Abandoned,
    Done(Box<Result<Arrived, Error>>),
    DoneSmall(Arrived),
}

/// The slots, by the token that the table of questions keeps.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Bytes of replies that were not picked up.
    pub(super) unclaimed: u64,
}

impl Waiters {
    /// A slot for a call that is about to be sent.
    pub(super) fn reserve(&mut self) -> u32 {
        match self.free.pop() {
            Some(token) => token,
            None => {
                self.slots.push(Slot::Free);
                (self.slots.len() - 1) as u32
            }
        }
    }

    pub(super) fn wait(&mut self, token: u32, call: CallId, waker: Option<Waker>) {
        self.slots[token as usize] = Slot::Waiting(call, waker);
    }

    fn free(&mut self, token: u32) {
        self.slots[token as usize] = Slot::Free;
        self.free.push(token);
        if self.free.len() == self.slots.len() && self.slots.len() > KEEP {
            *self = Self { unclaimed: self.unclaimed, ..Self::default() };
        }
    }

    /// Looks for the reply. It is given out once.
    pub(super) fn poll(&mut self, token: u32, waker: &Waker) -> Poll<Result<Arrived, Error>> {
        let slot = &mut self.slots[token as usize];
        let result = match slot {
            Slot::Waiting(_, known) => {
                if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    *known = Some(waker.clone());
                }
                return Poll::Pending;
            }
            taken => match std::mem::take(taken) {
                Slot::DoneSmall(arrived) => Ok(arrived),
                Slot::Done(result) => *result,
                _ => return Poll::Pending,
            },
        };
        self.free(token);
        if let Ok(arrived) = &result {
            self.unclaimed = self.unclaimed.saturating_sub(arrived.len());
        }
        Poll::Ready(result)
    }

    /// The caller gives up. What arrived for it is given back to be dropped outside the lock; otherwise the call that it waited for.
    pub(super) fn abandon(&mut self, token: u32) -> Abandoned {
        match std::mem::take(&mut self.slots[token as usize]) {
            Slot::Waiting(call, waker) => {
                self.slots[token as usize] = Slot::Abandoned;
                Abandoned::Waiting(call, waker)
            }
            Slot::DoneSmall(arrived) => {
                self.unclaimed = self.unclaimed.saturating_sub(arrived.len());
                self.free(token);
                Abandoned::Done(Ok(arrived))
            }
            Slot::Done(result) => {
                if let Ok(arrived) = &*result {
                    self.unclaimed = self.unclaimed.saturating_sub(arrived.len());
                }
                self.free(token);
                Abandoned::Done(*result)
            }
            other => {
                self.slots[token as usize] = other;
                Abandoned::Nothing
            }
        }
    }

    /// The reply, or the end of the session, is here. What nobody waits for comes back to be dropped outside the lock.
    pub(super) fn done(&mut self, token: u32, result: Result<Arrived, Error>) -> (Option<Waker>, Option<Arrived>) {
        let slot = &mut self.slots[token as usize];
        match std::mem::take(slot) {
            Slot::Waiting(_, waker) => {
                match result {
                    Ok(arrived) => {
                        self.unclaimed += arrived.len();
                        *slot = Slot::DoneSmall(arrived);
                    }
                    Err(error) => *slot = Slot::Done(Box::new(Err(error))),
                }
                (waker, None)
            }
            _ => {
                self.free(token);
                (None, result.ok())
            }
        }
    }

    /// Frees the slot of a call that was not sent after all.
    pub(super) fn forget(&mut self, token: u32) {
        self.free(token);
    }

    /// Slots in use.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// Slots kept when nobody waits.
const KEEP: usize = 256;

/// What a caller that gives up leaves behind.
#[derive(Debug)]
pub(super) enum Abandoned {
    Waiting(CallId, #[allow(dead_code, reason = "dropped outside the lock")] Option<Waker>),
    Done(#[allow(dead_code, reason = "dropped outside the lock")] Result<Arrived, Error>),
    Nothing,
}
