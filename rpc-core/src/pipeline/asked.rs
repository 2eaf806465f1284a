//! Owns the call that promises are results of: who still holds one of them, and what they all become when it is done.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::breakage::Breakage;
use super::paths::{Path, reference_at};
use super::promise::Promise;
use crate::any::{AnyRemote, broken};
use crate::context::{Within, inherited};
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::CallId;
use crate::panics::Caught;
use crate::session::{KeptAnswer, SessionCore};

/// The references of a result by their places, or why there is no result.
pub(crate) type Settlement = Result<Vec<(Path, AnyRemote)>, Arc<Breakage>>;

/// One call, for the promises of its result.
#[derive(Default)]
pub(crate) struct Asked {
    /// By their places.
    promises: Mutex<BTreeMap<Path, Vec<Weak<Promise>>>>,
    /// Promises that somebody holds.
    alive: AtomicUsize,
    gone: Notify,
    /// Whether something was called on a promise or a promise was passed on: the call goes on without its caller then.
    used: AtomicBool,
    /// Whether the peer need not send the value any more, and whether it has not.
    is_unneeded: AtomicBool,
    is_left_out: AtomicBool,
    /// Whether the peer passes the call on: of the result it will know no fields.
    is_passed_on: AtomicBool,
    settled: Mutex<Option<Result<(), Arc<Breakage>>>>,
    done: Notify,
    ahead: Mutex<Ahead>,
}

/// How calls on the promises go ahead.
#[derive(Default)]
enum Ahead {
    /// They wait here.
    #[default]
    Not,
    /// The call that was asked is on its way.
    Goes(Arc<SessionCore>),
    Kept(Arc<KeptAnswer>),
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
        let mut promises = self.promises.lock();
        let here = promises.entry(promise.path().clone()).or_default();
        here.retain(|known| known.strong_count() > 0);
        here.push(Arc::downgrade(promise));
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

    /// Why there is nothing to call, once that is known; `None` when there is a result.
    pub(crate) async fn breakage(&self) -> Option<Arc<Breakage>> {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            done.as_mut().enable();
            if let Some(settled) = &*self.settled.lock() {
                return settled.as_ref().err().cloned();
            }
            done.await;
        }
    }

    /// The peer passes the call on to another node.
    pub(crate) fn note_passed_on(&self) {
        self.is_passed_on.store(true, Ordering::Release);
    }

    pub(crate) fn is_passed_on(&self) -> bool {
        self.is_passed_on.load(Ordering::Acquire)
    }

    /// Whether the peer will find this place in the result. One that passes the result on has no types of it, and finds a lone reference.
    fn is_found(&self, path: &[u32]) -> bool {
        path.is_empty() || !self.is_passed_on()
    }

    /// The call will be sent over a session whose peer keeps its result.
    pub(crate) fn goes_over(&self, session: &Arc<SessionCore>) {
        *self.ahead.lock() = Ahead::Goes(Arc::clone(session));
    }

    /// The peer keeps no more results, so calls on its promises wait here after all. Called under the session's lock.
    pub(crate) fn stays(&self) {
        *self.ahead.lock() = Ahead::Not;
    }

    /// It was sent: calls on its promises need not wait here any more. Called under the session's lock.
    /// False when nobody wants it any more.
    pub(crate) fn sent(&self, id: CallId) -> bool {
        let mut ahead = self.ahead.lock();
        let Ahead::Goes(session) = &*ahead else { return false };
        *ahead = Ahead::Kept(KeptAnswer::new(Arc::clone(session), id));
        true
    }

    /// The session over which it goes, if calls on its promises do.
    pub(super) fn session(&self) -> Option<Arc<SessionCore>> {
        match &*self.ahead.lock() {
            Ahead::Not => None,
            Ahead::Goes(session) => Some(Arc::clone(session)),
            Ahead::Kept(answer) => Some(answer.session()),
        }
    }

    /// The call, when its result is kept by the peer of this session. Called under the session's lock, so nothing is taken hold of.
    pub(super) fn answer_on(&self, session: &SessionCore, path: &[u32]) -> Option<CallId> {
        match &*self.ahead.lock() {
            Ahead::Kept(answer) if answer.is_on(session) && self.is_found(path) => Some(answer.id()),
            _ => None,
        }
    }

    /// The result at the peer, if that will find this place in it.
    pub(super) fn answer(&self, path: &[u32]) -> Option<Arc<KeptAnswer>> {
        match &*self.ahead.lock() {
            Ahead::Kept(answer) if self.is_found(path) => Some(Arc::clone(answer)),
            Ahead::Not | Ahead::Goes(_) | Ahead::Kept(_) => None,
        }
    }

    /// The result has come without a value. True when that is because nobody needs it any more.
    pub(crate) fn left_out(&self) -> bool {
        let is_unneeded = self.is_unneeded.load(Ordering::Acquire);
        self.is_left_out.fetch_or(is_unneeded, Ordering::AcqRel);
        is_unneeded
    }

    /// Whether the call is done and its value was left out: then it is not known which references it had.
    pub(crate) fn is_left_out(&self) -> bool {
        self.is_left_out.load(Ordering::Acquire)
    }

    /// Nothing more goes ahead. The result is finished when what goes is on its way.
    fn stay(&self) {
        let ahead = std::mem::replace(&mut *self.ahead.lock(), Ahead::Not);
        drop(ahead);
    }

    /// The promise of a place, if somebody holds it.
    pub(crate) fn promise_at(&self, path: &[u32]) -> Option<Arc<Promise>> {
        self.promises.lock().get(path)?.iter().find_map(Weak::upgrade)
    }

    /// Whether there was ever a promise of a place.
    pub(crate) fn has_place(&self, path: &[u32]) -> bool {
        self.promises.lock().contains_key(path)
    }

    /// In how many places there were promises.
    pub(crate) fn places(&self) -> usize {
        self.promises.lock().len()
    }

    /// The call is done. Each promise becomes what the result has at its place, and the calls that wait for it are started.
    pub(crate) fn settle(&self, settlement: &Settlement) {
        {
            let mut settled = self.settled.lock();
            if settled.is_some() {
                return;
            }
            *settled = Some(settlement.as_ref().map(|_| ()).map_err(Arc::clone));
        }
        self.done.notify_waiters();
        let promises = std::mem::take(&mut *self.promises.lock());
        for promise in promises.values().flatten().filter_map(Weak::upgrade) {
            let outcome = match settlement {
                Ok(references) => {
                    let found = reference_at(references, promise.path());
                    found.cloned().ok_or_else(|| Arc::new(Breakage::from(nowhere())))
                }
                Err(breakage) => Err(Arc::clone(breakage)),
            };
            promise.settle(outcome);
        }
        self.stay();
    }
}

/// The error of a call on what a result does not have.
pub(crate) fn nowhere() -> Error {
    let text = "the result of the call has no reference in this place, as far as the callee knows: of a result that it has from elsewhere it \
                knows no fields, and those are to be waited for";
    broken(text)
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
    let result = Caught::of(result, "what was to give the reference", Outcome::MayHaveRun);
    let result = async move { result.await.unwrap_or_else(|error| Err(Arc::new(panicked(error).into()))) };
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
                // Nobody can call ahead any more, so the peer need not keep the result, nor send it.
                asked.is_unneeded.store(true, Ordering::Release);
                asked.stay();
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

/// Peers that may not know more are told that the log has it, so it has.
fn panicked(error: Error) -> Error {
    tracing::error!(location = error.location(), "{}", error.text());
    error
}
