//! Owns the call that promises are results of: who still holds one of them, and what they all become when it is done.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::breakage::Breakage;
use super::paths::Path;
use super::promise::Promise;
use crate::any::{AnyRemote, broken};
use crate::context::{Within, inherited};
use crate::error::{Error, ErrorKind, Outcome};

/// The references of a result by their places, or why there is no result.
pub(crate) type Settlement = Result<Vec<(Path, AnyRemote)>, Arc<Breakage>>;

/// One call, for the promises of its result.
#[derive(Default)]
pub(crate) struct Asked {
    promises: Mutex<Vec<Weak<Promise>>>,
    /// Promises that somebody holds.
    alive: AtomicUsize,
    gone: Notify,
    /// Whether something was called on a promise or a promise was passed on: the call goes on without its caller then.
    used: AtomicBool,
    settled: Mutex<Option<Result<(), Arc<Breakage>>>>,
    done: Notify,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}

impl Asked {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn promised(&self, promise: &Arc<Promise>) {
        self.alive.fetch_add(1, Ordering::Relaxed);
        self.promises.lock().push(Arc::downgrade(promise));
    }

    /// A promise was dropped.
    pub(super) fn forget(&self) {
        if self.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.gone.notify_one();
        }
    }

    pub(crate) fn note_use(&self) {
        self.used.store(true, Ordering::Release);
    }

    /// Waits until nobody holds a promise any more.
    async fn gone(&self) {
        while self.alive.load(Ordering::Acquire) > 0 {
            self.gone.notified().await;
        }
    }

    /// The call is done. Each promise becomes what the result has at its place, and the calls that wait for it are started.
    fn settle(&self, settlement: &Settlement) {
        {
            let mut settled = self.settled.lock();
            if settled.is_some() {
                return;
            }
            *settled = Some(settlement.as_ref().map(|_| ()).map_err(Arc::clone));
        }
        self.done.notify_waiters();
        let promises = std::mem::take(&mut *self.promises.lock());
        for promise in promises.iter().filter_map(Weak::upgrade) {
            let outcome = match settlement {
                Ok(references) => {
                    let found = references.iter().find(|(path, _)| path == promise.path());
                    found.map(|(_, reference)| reference.clone()).ok_or_else(|| Arc::new(Breakage::from(nowhere())))
                }
                Err(breakage) => Err(Arc::clone(breakage)),
            };
            promise.settle(outcome);
        }
    }
}

/// The error of a call on what a result does not have.
pub(crate) fn nowhere() -> Error {
    broken("the result of the call has no reference in this place")
}

/// Waits for the result that was promised, on a task of its own, as long as somebody wants it.
pub(crate) fn drive(asked: &Arc<Asked>, result: impl Future<Output = Settlement> + Send + 'static) {
    struct BreakOnDrop(Arc<Asked>);
    impl Drop for BreakOnDrop {
        fn drop(&mut self) {
            let error = Error::new(ErrorKind::Cancelled, Outcome::NotRun, "the call whose result was promised was given up");
            self.0.settle(&Err(Arc::new(error.into())));
        }
    }
    let guard = BreakOnDrop(Arc::clone(asked));
    let work = async move {
        let asked = &guard.0;
        tokio::pin!(result);
        let settlement = tokio::select! {
            biased;
            settlement = &mut result => settlement,
            () = asked.gone() => {
                if !asked.used.load(Ordering::Acquire) {
                    // Nothing was called on it, and nobody waits for it: the call is dropped, and so cancelled.
                    return;
                }
                result.await
            }
        };
        asked.settle(&settlement);
    };
    match crate::background::current_or_own() {
        Ok(runtime) => drop(runtime.spawn(Within::new(inherited(), work))),
        Err(error) => asked.settle(&Err(Arc::new(error.into()))),
    }
}
