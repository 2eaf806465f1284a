//! Owns the sleeping callers of a session: for each call in flight a slot with its waker, later its reply. It knows no protocol.

use std::task::{Poll, Waker};

use bytes::Bytes;

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

/// Short replies are kept in the slot itself, longer ones apart.
#[derive(Debug)]
pub(crate) enum ArrivedBytes {
    Short { len: u8, bytes: [u8; SHORT_MAX] },
    Long(Bytes),
}

/// The longest reply that is kept in the slot: what fits beside its length in the place of a [`Bytes`].
const SHORT_MAX: usize = 23;

impl ArrivedBytes {
    /// A copy.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.len() > SHORT_MAX {
            return Self::Long(Bytes::copy_from_slice(bytes));
        }
        let mut short = [0; SHORT_MAX];
        short[..bytes.len()].copy_from_slice(bytes);
        Self::Short { len: bytes.len() as u8, bytes: short }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Short { .. } => Bytes::copy_from_slice(self.as_slice()),
            Self::Long(bytes) => bytes,
        }
    }
}

/// A reply on its way to the slot of its caller.
pub(super) struct Landed<'a> {
    pub(super) status: Status,
    pub(super) codec: u8,
    pub(super) bytes: LandedBytes<'a>,
    pub(super) incoming: Incoming,
}

/// Its payload: still in the read buffer, or assembled from chunks.
pub(super) enum LandedBytes<'a> {
    Borrowed(&'a [u8]),
    Whole(Bytes),
}

impl Landed<'_> {
    pub(super) fn len(&self) -> u64 {
        let bytes = match &self.bytes {
            LandedBytes::Borrowed(bytes) => bytes.len(),
            LandedBytes::Whole(bytes) => bytes.len(),
        };
        self.incoming.length_with(bytes)
    }
}

impl Arrived {
    pub(super) fn len(&self) -> u64 {
        self.incoming.length_with(self.bytes.as_slice().len())
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
    Done(Result<Arrived, Error>),
}

impl Landed<'_> {
    #[inline]
    fn put(self, slot: &mut Slot) {
        let Self { status, codec, bytes, incoming } = self;
        let bytes = match bytes {
            LandedBytes::Borrowed(short) if short.len() <= SHORT_MAX => {
                let bytes = ArrivedBytes::Short { len: short.len() as u8, bytes: [0; SHORT_MAX] };
                *slot = Slot::Done(Ok(Arrived { status, codec, bytes, incoming }));
                // Copied where it stays: a copy that is moved on at once would wait for its own bytes.
                if let Slot::Done(Ok(Arrived { bytes: ArrivedBytes::Short { bytes, .. }, .. })) = slot {
                    bytes[..short.len()].copy_from_slice(short);
                }
                return;
            }
            LandedBytes::Borrowed(long) => Bytes::copy_from_slice(long),
            LandedBytes::Whole(bytes) => bytes,
        };
        *slot = Slot::Done(Ok(Arrived { status, codec, bytes: ArrivedBytes::Long(bytes), incoming }));
    }
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
        let slot = &mut self.slots[token as usize];
        *slot = Slot::Waiting(call, None);
        // Set where it stays, for the reason given in `Landed::put`.
        if let Slot::Waiting(_, place) = slot {
            *place = waker;
        }
    }

    fn free(&mut self, token: u32) {
        self.slots[token as usize] = Slot::Free;
        self.free.push(token);
        if self.free.len() == self.slots.len() && self.slots.len() > KEEP {
            *self = Self { unclaimed: self.unclaimed, ..Self::default() };
        }
    }

    /// Looks for the reply. It is given out once. A waker that another takes the place of comes back in `former`, to be dropped outside
    /// the lock: a task may go with it.
    pub(super) fn poll(&mut self, token: u32, waker: &Waker, former: &mut Option<Waker>) -> Poll<Result<Arrived, Error>> {
        let slot = &mut self.slots[token as usize];
        let result = match slot {
            Slot::Waiting(_, known) => {
                if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    *former = known.replace(waker.clone());
                }
                return Poll::Pending;
            }
            taken => match std::mem::take(taken) {
                Slot::Done(result) => result,
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
            Slot::Done(result) => {
                if let Ok(arrived) = &result {
                    self.unclaimed = self.unclaimed.saturating_sub(arrived.len());
                }
                self.free(token);
                Abandoned::Done(result)
            }
            other => {
                self.slots[token as usize] = other;
                Abandoned::Nothing
            }
        }
    }

    /// The reply is here. What came beside one that nobody waits for comes back to be dropped outside the lock.
    #[inline]
    pub(super) fn done(&mut self, token: u32, landed: Landed<'_>) -> (Option<Waker>, Incoming) {
        let slot = &mut self.slots[token as usize];
        let Slot::Waiting(_, waker) = slot else {
            self.free(token);
            return (None, landed.incoming);
        };
        let waker = waker.take();
        self.unclaimed += landed.len();
        landed.put(slot);
        (waker, Incoming::default())
    }

    /// There will be no reply.
    pub(super) fn fail(&mut self, token: u32, error: Error) -> Option<Waker> {
        let slot = &mut self.slots[token as usize];
        let Slot::Waiting(_, waker) = slot else {
            self.free(token);
            return None;
        };
        let waker = waker.take();
        *slot = Slot::Done(Err(error));
        waker
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
