//! Owns a call's place in the queue for room and credit. The queue holds it on one side, the waiting call on the other.

use std::task::{Poll, Waker};

use parking_lot::Mutex;

use super::outcall::Prepared;
use crate::error::Error;

/// A call that waits to be sent.
pub(super) struct Ticket {
    inner: Mutex<Inner>,
}

enum Inner {
    Waiting(Box<Prepared>, Option<Waker>),
    /// It was sent and waits for its reply in this slot.
    Sent(u32),
    Failed(Error),
    Gone,
}

impl Ticket {
    pub(super) fn new(prepared: Box<Prepared>, waker: Option<Waker>) -> Self {
        Self { inner: Mutex::new(Inner::Waiting(prepared, waker)) }
    }

    /// What the call is, while it waits. Only the session's lock holder asks.
    pub(super) fn take(&self) -> Option<(Box<Prepared>, Option<Waker>)> {
        let mut inner = self.inner.lock();
        match std::mem::replace(&mut *inner, Inner::Gone) {
            Inner::Waiting(prepared, waker) => Some((prepared, waker)),
            other => {
                *inner = other;
                None
            }
        }
    }

    pub(super) fn put_back(&self, prepared: Box<Prepared>, waker: Option<Waker>) {
        *self.inner.lock() = Inner::Waiting(prepared, waker);
    }

    pub(super) fn sent(&self, token: u32) {
        *self.inner.lock() = Inner::Sent(token);
    }

    pub(super) fn failed(&self, error: Error) {
        *self.inner.lock() = Inner::Failed(error);
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(*self.inner.lock(), Inner::Waiting(..))
    }

    /// Whether the call was sent, and in which slot it waits.
    pub(super) fn poll(&self, new: &Waker) -> Poll<Result<u32, Error>> {
        let mut inner = self.inner.lock();
        match &mut *inner {
            Inner::Waiting(_, waker) => {
                *waker = Some(new.clone());
                Poll::Pending
            }
            Inner::Sent(token) => Poll::Ready(Ok(*token)),
            Inner::Failed(_) | Inner::Gone => match std::mem::replace(&mut *inner, Inner::Gone) {
                Inner::Failed(error) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            },
        }
    }

    /// The call is given up. Gives the slot in which it waits if it was sent meanwhile; what it carried is dropped by the caller.
    pub(super) fn give_up(&self) -> (Option<u32>, Option<Box<Prepared>>) {
        match std::mem::replace(&mut *self.inner.lock(), Inner::Gone) {
            Inner::Waiting(prepared, _) => (None, Some(prepared)),
            Inner::Sent(token) => (Some(token), None),
            Inner::Failed(_) | Inner::Gone => (None, None),
        }
    }
}
