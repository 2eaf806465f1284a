//! Owns one promise: a reference of which it is not known yet what it refers to. Calls on it that cannot travel ahead wait here, and are
//! started in their order when it is known, before any that comes later.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::asked::Asked;
use super::breakage::Breakage;
use super::opening;
use super::paths::Path;
use super::start::{Answered, Going, Ongoing, PROMISES_MAX, failed, start};
use super::waiting::{Entry, waiting};
use crate::any::{AnyRemote, Place};
use crate::context::{self, Context};
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::handler::{Payload, RawCall, RawReply};
use crate::id::{CallId, ExportId};
use crate::inbound::{Inbound, Reply, Served};
use crate::interface::InterfaceDescriptor;
use crate::limits::{Limits, Size};
use crate::object::cell::{ObjectMeta, next_number};
use crate::proto::Pool;
use crate::servant::{Kind, Resolved, Servant, reply_of};
use crate::session::{Import, Lane, Passage, SessionCore};
use crate::weak::Become;
use crate::wire::PATH_MAX;

/// What a promise has become.
pub(crate) type Outcomes = Result<AnyRemote, Arc<Breakage>>;

/// A reference before it is known what it refers to.
pub(crate) struct Promise {
    number: u64,
    /// Its other number, where it is exported as an object that is no promise.
    apart: OnceLock<u64>,
    /// Empty until somebody says what it is used as.
    interface: OnceLock<Box<str>>,
    asked: Arc<Asked>,
    path: Path,
    /// For what a peer has promised: what it is until it says more.
    import: Mutex<Option<Arc<Import>>>,
    /// The session over which it was promised, also when it is known what it is.
    from: Option<u64>,
    stage: Mutex<Stage>,
    /// How many promises have led to this one, one after the other.
    level: AtomicU32,
    /// What weak references find when nobody holds it, once there are some.
    left_behind: OnceLock<Arc<Become>>,
    /// Who has to be told what it is.
    watchers: Mutex<Vec<(Weak<SessionCore>, ExportId)>>,
    changed: Notify,
}

enum Stage {
    /// Nothing is known. Calls wait.
    Unknown(VecDeque<Entry>, Option<Arc<Lane>>),
    /// What it is is known, and the calls that came before are being started. Those that come now wait behind them.
    Opening(Outcomes, VecDeque<Entry>),
    /// Calls go there.
    Known(Outcomes),
}

/// What becomes of a call on a promise.
pub(super) enum TakenIn {
    /// It waits.
    Waits(Ongoing),
    /// It goes to the peer that will know what it is.
    Ahead(Passage, Box<Going>),
    /// It goes where the promise leads.
    Goes(Outcomes, Box<Going>),
}

impl Promise {
    /// A reference in the result of a call, at `path`.
    pub(crate) fn in_result(asked: &Arc<Asked>, path: Path, interface: &str) -> Arc<Self> {
        Self::new(asked, path, interface, None)
    }

    /// What a peer has promised.
    pub(crate) fn of_import(import: Arc<Import>, interface: &str) -> Arc<Self> {
        Self::new(&Asked::new(), Path::new(), interface, Some(import))
    }

    /// One that came to nothing.
    pub(crate) fn broken(interface: &str, breakage: Arc<Breakage>) -> Arc<Self> {
        let promise = Self::new(&Asked::new(), Path::new(), interface, None);
        *promise.stage.lock() = Stage::Known(Err(breakage));
        promise
    }

    fn new(asked: &Arc<Asked>, path: Path, interface: &str, import: Option<Arc<Import>>) -> Arc<Self> {
        let promise = Arc::new(Self {
            number: next_number(),
            apart: OnceLock::new(),
            interface: if interface.is_empty() { OnceLock::new() } else { OnceLock::from(Box::from(interface)) },
            asked: Arc::clone(asked),
            path,
            from: import.as_ref().map(|import| import.session().key()),
            import: Mutex::new(import),
            left_behind: OnceLock::new(),
            watchers: Mutex::new(Vec::new()),
            stage: Mutex::new(Stage::Unknown(VecDeque::new(), None)),
            level: AtomicU32::new(0),
            changed: Notify::new(),
        });
        asked.promised(&promise);
        promise
    }

    pub(crate) fn interface(&self) -> &str {
        self.interface.get().map_or("", |interface| interface)
    }

    /// Says what it is used as, if that was not said yet.
    pub(crate) fn name(&self, interface: &str) {
        self.interface.get_or_init(|| interface.into());
    }

    pub(super) fn number_apart(&self) -> u64 {
        *self.apart.get_or_init(next_number)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it has become, once all calls that came before have been started.
    pub(crate) fn known(&self) -> Option<Outcomes> {
        match &*self.stage.lock() {
            Stage::Known(outcome) => Some(outcome.clone()),
            Stage::Unknown(..) | Stage::Opening(..) => None,
        }
    }

    /// Where what it becomes is to be found without it.
    pub(crate) fn left_behind(&self) -> Arc<Become> {
        let becomes = Arc::clone(self.left_behind.get_or_init(Arc::default));
        // Whoever opens it looks whether somebody wants to know only afterwards.
        if let Some(Ok(reference)) = self.known() {
            becomes.is(&reference);
        }
        becomes
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
        // What calls carry is the user's, and must not drop under the lock.
        let (mut unwanted, mut refused) = (Vec::new(), None);
        let mut stage = self.stage.lock();
        let queue = match &mut *stage {
            Stage::Known(outcome) => return TakenIn::Goes(outcome.clone(), Box::new(going)),
            Stage::Unknown(queue, lane) => {
                // Once a call waits here that is wanted, those behind it do too.
                while queue.front().is_some_and(|first| !first.is_wanted()) {
                    unwanted.extend(queue.pop_front());
                }
                if queue.is_empty()
                    && let Some(lane) = self.lane(lane)
                    && let Some(passage) = Passage::take(&lane, pool_of(&going.call), cost_of(&going.call))
                {
                    drop(stage);
                    self.asked.note_use();
                    return TakenIn::Ahead(passage, Box::new(going));
                }
                queue
            }
            Stage::Opening(_, queue) => queue,
        };
        let most = self.waiting_max();
        if queue.len() >= most {
            // Looked for only here, so that a long queue costs each call that joins it little.
            let (wanted, gone) = queue.drain(..).partition::<Vec<_>, _>(Entry::is_wanted);
            *queue = wanted.into();
            unwanted.extend(gone);
        }
        let taken = if queue.len() >= most {
            let text = format!("{most} calls wait already for what the reference is promised to be");
            let error = Error::new(ErrorKind::Overloaded, Outcome::NotRun, text).with_fault(Fault::Caller);
            refused = Some(going);
            TakenIn::Waits(failed(error))
        } else {
            self.asked.note_use();
            let (entry, waiting) = waiting(self, going);
            queue.push_back(entry);
            TakenIn::Waits(Box::pin(waiting))
        };
        drop(stage);
        crate::panics::drop_each(unwanted);
        crate::panics::drop_quietly(refused);
        taken
    }

    /// How many calls may wait here.
    fn waiting_max(&self) -> usize {
        let of_import = self.import.lock().as_ref().map(|import| import.session().limits().promised_calls);
        let most = of_import.or_else(|| self.asked.session().map(|session| session.limits().promised_calls));
        most.unwrap_or_else(|| Limits::default().promised_calls) as usize
    }

    fn lane(&self, lane: &mut Option<Arc<Lane>>) -> Option<Arc<Lane>> {
        // A place that is too deep to be named waits here.
        if lane.is_none() && self.path.len() <= PATH_MAX {
            *lane = match &*self.import.lock() {
                // Interceptors see a call when it is known where it goes; they may hold it back or repeat it.
                Some(import) if import.session().has_outgoing() => None,
                Some(import) => Some(Lane::to_export(Arc::clone(import), Arc::clone(&self.asked))),
                None => self.asked.answer(&self.path).map(|answer| Lane::to_answer(answer, self.path.clone(), Arc::clone(&self.asked))),
            };
        }
        lane.clone()
    }

    /// Whether it was promised by the peer of this session. Calls that were made on it before it was known went there.
    pub(crate) fn is_from(&self, session: &SessionCore) -> bool {
        self.from == Some(session.key())
    }

    /// Has it take calls for called ahead that went another way to where calls on it go: what it turns out to be must not be called before
    /// those are there. Otherwise what it has become, known or about to be.
    pub(crate) fn follow(&self) -> Option<Outcomes> {
        match &mut *self.stage.lock() {
            Stage::Unknown(_, lane) => {
                self.lane(lane);
                None
            }
            Stage::Opening(outcome, _) | Stage::Known(outcome) => Some(outcome.clone()),
        }
    }

    /// Where it lies at the peer of a session, while it is not known what it is. Called under the session's lock.
    pub(crate) fn answer_on(&self, session: &SessionCore) -> Option<(CallId, Path)> {
        let stage = self.stage.lock();
        let may_be_named = matches!(&*stage, Stage::Unknown(..)) && self.path.len() <= PATH_MAX;
        let call = may_be_named.then(|| self.asked.answer_on(session, &self.path)).flatten()?;
        Some((call, self.path.clone()))
    }

    /// It is known what it refers to. The calls that waited are started, in their order, on the thread that says so.
    pub(crate) fn settle(self: &Arc<Self>, outcome: Outcomes) {
        let Some(lane) = self.becomes(&outcome) else { return };
        crate::panics::drop_quietly(outcome);
        let import = self.import.lock().take();
        drop(import);
        match lane {
            // What went ahead is on its way first, and back if this is where it leads.
            Some(lane) => lane.ends_for(self),
            None => self.open(),
        }
    }

    /// Nobody says any more when it may open: it has come to nothing, so that no later call passes an earlier one.
    pub(crate) fn break_off(self: &Arc<Self>, breakage: Arc<Breakage>) {
        let former = match &mut *self.stage.lock() {
            Stage::Opening(outcome, _) => Some(std::mem::replace(outcome, Err(breakage))),
            Stage::Unknown(..) | Stage::Known(_) => None,
        };
        crate::panics::drop_quietly(former);
        self.open();
    }

    /// Has the calls that waited started, in their order; then no call waits any more.
    ///
    /// It may be said by whoever drops a call, or by a session's reader, so none of them is started in here.
    pub(crate) fn open(self: &Arc<Self>) {
        match self.next() {
            Some(first) => opening::begin(Arc::clone(self), first),
            None => self.opened(),
        }
    }

    /// No call waits any more.
    pub(super) fn opened(self: &Arc<Self>) {
        if let (Some(becomes), Some(Ok(reference))) = (self.left_behind.get(), self.known()) {
            becomes.is(&reference);
        }
        self.changed.notify_waiters();
        let watchers = std::mem::take(&mut *self.watchers.lock());
        for (session, export) in watchers.iter().filter_map(|(session, export)| Some((session.upgrade()?, *export))) {
            session.say_what_it_is(export, self);
        }
    }

    /// Tells a peer, to whom it was passed on, what it is when that is known. False when it is known already. Called under the session's
    /// lock.
    pub(crate) fn watch(&self, session: Weak<SessionCore>, export: ExportId) -> bool {
        let mut watchers = self.watchers.lock();
        // Under this lock: whoever opens it takes the watchers afterwards.
        let is_open = !matches!(&*self.stage.lock(), Stage::Known(_));
        if is_open {
            watchers.push((session, export));
        }
        is_open
    }

    /// The peer does not hold it any more: as this export, or at all.
    pub(crate) fn unwatch(&self, session: &SessionCore, export: Option<ExportId>) {
        let is_it = |watched| export.is_none_or(|export| export == watched);
        self.watchers.lock().retain(|(watcher, watched)| !is_it(*watched) || !std::ptr::eq(watcher.as_ptr(), session));
    }

    #[cfg(test)]
    pub(crate) fn watchers(&self) -> usize {
        self.watchers.lock().len()
    }

    /// What it is until the peer that has promised it says more, when that is the peer of this session. Called under the session's lock.
    pub(crate) fn import_on(&self, session: &SessionCore) -> Option<ExportId> {
        let import = self.import.lock();
        import.as_ref().filter(|import| std::ptr::eq(Arc::as_ptr(import.session()), session)).map(|import| import.id())
    }

    /// The session over which calls on it go, when it is known where they go.
    pub(crate) fn leads_over(&self) -> Option<Arc<SessionCore>> {
        let mut next = self.outcome();
        for _ in 0..PROMISES_MAX {
            next = match next?.ok()?.place {
                Place::Promise(promise) => promise.outcome(),
                Place::There(import) => return Some(Arc::clone(import.session())),
                Place::Here(_) | Place::Stream(_) | Place::Broken(_) => return None,
            };
        }
        None
    }

    /// What it has become, whether or not calls go there yet.
    pub(crate) fn outcome(&self) -> Option<Outcomes> {
        match &*self.stage.lock() {
            Stage::Unknown(..) => None,
            Stage::Opening(outcome, _) | Stage::Known(outcome) => Some(outcome.clone()),
        }
    }

    /// The call to start next. When there is none, calls need not wait any more.
    pub(super) fn next(&self) -> Option<(Entry, Outcomes)> {
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

/// What a call counts against at the peer.
fn pool_of(call: &RawCall) -> Pool {
    if call.context.is_in_call() { Pool::Nested } else { Pool::Root }
}

/// What it takes of the peer's window.
fn cost_of(call: &RawCall) -> u64 {
    let Payload { bytes, segments, references, .. } = &call.payload;
    let bulk: u64 = segments.iter().map(|segment| segment.len() as u64).sum();
    Size::new(bytes.len() as u64 + bulk, references.len(), segments.len()).cost
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
            Some(Err(breakage)) => write!(f, "Remote(`{}`, broken: {})", self.interface(), breakage.error()),
            None => write!(f, "Remote(`{}`, promised)", self.interface()),
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
        Self::interface(self)
    }

    fn name_in_tags(&self) -> &str {
        ""
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        None
    }

    fn serve(self: Arc<Self>, _method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        let call = RawCall { method: inbound.method(), payload: inbound.take_payload(), context: Context::current() };
        let ongoing = start(&AnyRemote::promise(self), Going::of_peer(call));
        Served::Future(Box::pin(async move {
            match ongoing.await {
                // What this process says of a panic was not seen by the session.
                Answered::Raw(RawReply::Failed(error)) => Reply::failed(&context::guarded(error)),
                Answered::Raw(reply) => reply_of(reply),
                Answered::Over(_, reply) => reply_of(crate::session::relayed(reply)),
                Answered::Broken(breakage) => Reply::failed(&context::guarded(breakage.error().clone())),
            }
        }))
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        match self.known() {
            Some(Ok(AnyRemote { place: Place::Here(servant) })) => servant.cast(interface),
            _ => (Self::interface(&self) == interface).then(|| AnyRemote::promise(self)),
        }
    }

    fn as_promise(self: Arc<Self>) -> Option<Arc<Self>> {
        Some(self)
    }
}

mod links;
#[cfg(test)]
mod tests;
