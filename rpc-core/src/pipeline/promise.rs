//! Owns one promise: a reference of which it is not known yet what it refers to. Calls on it that cannot travel ahead wait here, and are
//! started in their order when it is known, before any that comes later.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::asked::Asked;
use super::breakage::Breakage;
use super::paths::Path;
use super::start::{Answered, Going, Ongoing, PROMISES_MAX, circle, start};
use super::waiting::{Entry, waiting};
use crate::any::{AnyRemote, Place};
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::handler::{RawCall, RawReply};
use crate::inbound::{Inbound, Reply, Served};
use crate::interface::InterfaceDescriptor;
use crate::limits::Limits;
use crate::object::cell::{ObjectMeta, next_number};
use crate::servant::{Kind, Resolved, Servant, reply_of};

/// What a promise has become.
pub(crate) type Outcomes = Result<AnyRemote, Arc<Breakage>>;

/// A reference before it is known what it refers to.
pub(crate) struct Promise {
    number: u64,
    interface: Box<str>,
    asked: Arc<Asked>,
    path: Path,
    stage: Mutex<Stage>,
    changed: Notify,
}

enum Stage {
    /// Nothing is known. Calls wait.
    Unknown(VecDeque<Entry>),
    /// What it is is known, and the calls that came before are being started. Those that come now wait behind them.
    Opening(Outcomes, VecDeque<Entry>),
    /// Calls go there.
    Known(Outcomes),
}

/// What becomes of a call on a promise.
pub(super) enum TakenIn {
    /// It waits.
    Waits(Ongoing),
    /// It goes where the promise leads.
    Goes(Outcomes, Box<Going>),
}

impl Promise {
    /// A reference in the result of a call, at `path`.
    pub(crate) fn in_result(asked: &Arc<Asked>, path: Path, interface: &str) -> Arc<Self> {
        let promise = Arc::new(Self {
            number: next_number(),
            interface: interface.into(),
            asked: Arc::clone(asked),
            path,
            stage: Mutex::new(Stage::Unknown(VecDeque::new())),
            changed: Notify::new(),
        });
        asked.promised(&promise);
        promise
    }

    pub(crate) fn interface(&self) -> &str {
        &self.interface
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it has become, once all calls that came before have been started.
    pub(crate) fn known(&self) -> Option<Outcomes> {
        match &*self.stage.lock() {
            Stage::Known(outcome) => Some(outcome.clone()),
            Stage::Unknown(_) | Stage::Opening(..) => None,
        }
    }

    /// Notes that it was passed on.
    pub(crate) fn note_use(&self) {
        self.asked.note_use();
    }

    /// Waits until it is known what it refers to.
    pub(crate) async fn resolved(&self) -> Outcomes {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(outcome) = self.known() {
                return outcome;
            }
            changed.await;
        }
    }

    /// Takes a call in: it waits, or goes where the promise leads.
    pub(super) fn take_in(self: &Arc<Self>, going: Going) -> TakenIn {
        let mut stage = self.stage.lock();
        let queue = match &mut *stage {
            Stage::Known(outcome) => return TakenIn::Goes(outcome.clone(), Box::new(going)),
            Stage::Unknown(queue) | Stage::Opening(_, queue) => queue,
        };
        let most = Limits::default().promised_calls as usize;
        let mut unwanted = Vec::new();
        if queue.len() >= most {
            // Looked for only here, so that a long queue costs each call that joins it little.
            let (wanted, gone) = queue.drain(..).partition::<Vec<_>, _>(Entry::is_wanted);
            *queue = wanted.into();
            unwanted = gone;
        }
        let taken = if queue.len() >= most {
            let text = format!("{most} calls wait already for what the reference is promised to be");
            let error = Error::new(ErrorKind::Overloaded, Outcome::NotRun, text).with_fault(Fault::Caller);
            unwanted.push(waiting(self, going).0);
            TakenIn::Waits(Box::pin(std::future::ready(Answered::Raw(RawReply::Failed(error)))))
        } else {
            self.asked.note_use();
            let (entry, waiting) = waiting(self, going);
            queue.push_back(entry);
            TakenIn::Waits(Box::pin(waiting))
        };
        drop(stage);
        // What they carry is the user's, and must not drop under the lock.
        crate::panics::drop_each(unwanted);
        taken
    }

    /// It is known what it refers to. The calls that waited are started, in their order, on the thread that says so.
    pub(super) fn settle(self: &Arc<Self>, outcome: Outcomes) {
        {
            let mut stage = self.stage.lock();
            let Stage::Unknown(queue) = &mut *stage else { return };
            *stage = Stage::Opening(outcome, std::mem::take(queue));
        }
        if self.leads_to_itself()
            && let Stage::Opening(outcome, _) = &mut *self.stage.lock()
        {
            *outcome = Err(Arc::new(circle().into()));
        }
        while let Some((entry, outcome)) = self.next() {
            if entry.is_wanted() {
                entry.start(|going| match outcome {
                    Ok(reference) => start(&reference, going),
                    Err(breakage) => Box::pin(std::future::ready(Answered::Broken(breakage))),
                });
            } else {
                crate::panics::drop_quietly(entry);
            }
        }
        self.changed.notify_waiters();
    }

    /// Whether this is a promise of a promise of itself: calls would be handed round for ever. Looked for when what it leads to is set, so
    /// of several promises that close a circle at the same time one at least sees it.
    fn leads_to_itself(&self) -> bool {
        let mut next = self.outcome();
        for _ in 0..PROMISES_MAX {
            let Some(Ok(AnyRemote { place: Place::Promise(promise) })) = next else { return false };
            if promise.number == self.number {
                return true;
            }
            next = promise.outcome();
        }
        true
    }

    fn outcome(&self) -> Option<Outcomes> {
        match &*self.stage.lock() {
            Stage::Unknown(_) => None,
            Stage::Opening(outcome, _) | Stage::Known(outcome) => Some(outcome.clone()),
        }
    }

    /// The call to start next. When there is none, calls need not wait any more.
    fn next(&self) -> Option<(Entry, Outcomes)> {
        let mut stage = self.stage.lock();
        let Stage::Opening(outcome, queue) = &mut *stage else { return None };
        let outcome = outcome.clone();
        if let Some(entry) = queue.pop_front() {
            return Some((entry, outcome));
        }
        *stage = Stage::Known(outcome);
        None
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.asked.forget();
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(Ok(reference)) => reference.fmt(f),
            Some(Err(breakage)) => write!(f, "Remote(`{}`, broken: {})", self.interface, breakage.error()),
            None => write!(f, "Remote(`{}`, promised)", self.interface),
        }
    }
}

/// What a peer holds to whom a promise was passed on: its calls wait here like any others.
impl Servant for Promise {
    fn number(&self) -> u64 {
        self.number
    }

    fn kind(&self) -> Option<Kind> {
        None
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        None
    }

    fn interface(&self) -> &str {
        &self.interface
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        None
    }

    fn serve(self: Arc<Self>, _method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        let call = RawCall::new(inbound.method(), inbound.take_payload());
        let ongoing = start(&AnyRemote::promise(self), Going::of(call));
        Served::Future(Box::pin(async move {
            match ongoing.await {
                Answered::Raw(reply) => reply_of(reply),
                Answered::Over(_, reply) => reply_of(crate::session::relayed(reply)),
                Answered::Broken(breakage) => Reply::failed(breakage.error()),
            }
        }))
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        match self.known() {
            Some(Ok(AnyRemote { place: Place::Here(servant) })) => servant.cast(interface),
            _ => (&*self.interface == interface).then(|| AnyRemote::promise(self)),
        }
    }

    fn as_promise(self: Arc<Self>) -> Option<Arc<Self>> {
        Some(self)
    }
}
