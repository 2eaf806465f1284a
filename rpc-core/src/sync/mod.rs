//! Owns the names of what threads share and wait with. They are those of parking_lot, the standard library and tokio; in the models
//! (`docs/testing.md`) they are loom's, which runs what is around them in every order that matters. Whoever uses them knows nothing of
//! models.

#[cfg(test)]
#[cfg(netref_models)]
mod modelled;
#[cfg(test)]
#[cfg(netref_models)]
pub(crate) use modelled::*;

#[cfg(not(all(test, netref_models)))]
pub(crate) use real::*;

#[cfg(not(all(test, netref_models)))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32};
    use std::sync::{Arc, Weak};
    use std::task::Poll;
    pub(crate) use std::thread_local;
    use std::time::Instant;

    pub(crate) use dashmap::DashMap;
    pub(crate) use parking_lot::Mutex;
    pub(crate) use tokio::sync::Notify;
    pub(crate) use tokio::time::{Sleep, sleep_until};

    #[inline]
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Waits until the tasks that are ready have had a turn. Unlike tokio's `yield_now` it goes to the end of the queue and no further:
    /// that one lets the runtime ask the system for events first, which is a call into the kernel for every batch of a session.
    pub(crate) async fn next_turn() {
        let mut had_turn = false;
        let turn = std::future::poll_fn(|cx| {
            if std::mem::replace(&mut had_turn, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        turn.await;
    }

    /// The value of a counter that nobody else can reach any more.
    #[inline]
    pub(crate) fn last_value(counter: &mut AtomicU32) -> u32 {
        *counter.get_mut()
    }

    /// What a weak pointer points to, if it is still alive.
    #[inline]
    pub(crate) fn upgrade<T>(weak: &Weak<T>) -> Option<Arc<T>> {
        weak.upgrade()
    }

    /// Whether a weak pointer points to nothing any more.
    #[inline]
    pub(crate) fn is_dead<T>(weak: &Weak<T>) -> bool {
        weak.strong_count() == 0
    }
}
