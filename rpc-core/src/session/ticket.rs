//! Owns a call's place in the queue for room and credit. The queue holds it on one side, the waiting call on the other.

use std::task::{Poll, Waker};

use super::outcall::Prepared;
use crate::error::Error;
use crate::sync::Mutex;

/// A call that waits to be sent.
pub(super) struct Ticket {
    /// Its place among all calls that have waited on its session.
    number: u64,
    inner: Mutex<Inner>,
}

enum Inner {
    Waiting(Box<Prepared>, Option<Waker>),
    /// It was sent and waits for its reply in this slot.
    Sent(u32),
    Failed(Error),
    Gone,
}

/// What became of a try to send a call that waited.
pub(super) enum Tried {
    /// It was sent, or failed; what it carried is dropped outside the lock, and its caller is woken.
    Done(Box<Prepared>, Option<Waker>),
    NoRoom,
    Gone,
}

impl Ticket {
    pub(super) fn new(number: u64, prepared: Box<Prepared>, waker: Option<Waker>) -> Self {
        Self { number, inner: Mutex::new(Inner::Waiting(prepared, waker)) }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Tries to send the call, if it still waits. The ticket stays locked meanwhile, so that a caller that gives up either finds the
    /// call unsent or finds the slot of the one that was sent.
    pub(super) fn try_with(&self, send: impl FnOnce(&mut Prepared, Option<&Waker>) -> Result<Option<u32>, Error>) -> Tried {
        let mut inner = self.inner.lock();
        let Inner::Waiting(prepared, waker) = &mut *inner else { return Tried::Gone };
        let next = match send(prepared, waker.as_ref()) {
            Ok(Some(token)) => Inner::Sent(token),
            Ok(None) => return Tried::NoRoom,
            Err(error) => Inner::Failed(error),
        };
        match std::mem::replace(&mut *inner, next) {
            Inner::Waiting(prepared, waker) => Tried::Done(prepared, waker),
            _ => Tried::Gone,
        }
    }

    /// The session is over, or takes no more calls.
    pub(super) fn fail(&self, error: Error) -> Tried {
        self.try_with(|_, _| Err(error))
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(*self.inner.lock(), Inner::Waiting(..))
    }

    /// Whether the call was sent, and in which slot it waits.
    pub(super) fn poll(&self, new: &Waker) -> Poll<Result<u32, Error>> {
        // Declared first, so that it is dropped when the lock is free: a task may go with a waker.
        let _former;
        let mut inner = self.inner.lock();
        match &mut *inner {
            Inner::Waiting(_, waker) => {
                _former = waker.replace(new.clone());
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
