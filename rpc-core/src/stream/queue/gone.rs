//! Owns the wait for the receiving half to be gone. Any number of tasks may wait with one sending half, and each is woken.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Drain, Queue};
use crate::error::Error;

/// Who waits.
#[derive(Default)]
pub(super) struct Watchers {
    next: u64,
    waiting: Vec<(u64, Waker)>,
}

impl Watchers {
    /// Waits, in the place that it has or in a new one. The waker that had it before is to be dropped outside the lock.
    fn set(&mut self, place: &mut Option<u64>, waker: &Waker) -> Option<Waker> {
        let known = self.waiting.iter_mut().find(|(number, _)| Some(*number) == *place);
        if let Some((_, known)) = known {
            return (!known.will_wake(waker)).then(|| std::mem::replace(known, waker.clone()));
        }
        *place = Some(self.next);
        self.waiting.push((self.next, waker.clone()));
        self.next += 1;
        None
    }

    fn forget(&mut self, place: u64) -> Option<Waker> {
        let found = self.waiting.iter().position(|(number, _)| *number == place)?;
        Some(self.waiting.swap_remove(found).1)
    }

    /// All of them, to be woken outside the lock.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.waiting).into_iter().map(|(_, waker)| waker).collect()
    }
}

/// The wait of one of them. It leaves nothing behind when it is dropped.
pub(in crate::stream) struct Gone<'a> {
    queue: &'a Queue,
    place: Option<u64>,
}

impl Queue {
    /// Waits until the receiving half is gone.
    pub(in crate::stream) fn until_gone(&self) -> Gone<'_> {
        Gone { queue: self, place: None }
    }
}

impl Future for Gone<'_> {
    type Output = Error;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Error> {
        let _former;
        let mut state = self.queue.state.lock();
        if let Drain::Gone(error) = &state.drain {
            return Poll::Ready(error.clone());
        }
        _former = state.watchers.set(&mut self.place, cx.waker());
        Poll::Pending
    }
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let former = self.queue.state.lock().watchers.forget(place);
            drop(former);
        }
    }
}
