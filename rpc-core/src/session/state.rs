//! Owns everything of a session that its one lock protects. User code never runs while it is held: what has to be dropped or woken is
//! handed out and dealt with afterwards.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};
use std::task::Waker;

use bytes::Bytes;

use super::ahead::{Early, Kept, Work};
use super::dispatch::Turn;
use super::embargo::{Askers, Behind, Embargo};
use super::import::Import;
use super::outbox::Outbox;
use super::outcall::Prepared;
use super::promised::Goal;
use super::ticket::Ticket;
use super::waiters::Waiters;
use crate::any::AnyRemote;
use crate::compression::Share;
use crate::error::Error;
use crate::id::{CallId, ExportId};
use crate::inbound::{Reply, ReplyBytes};
use crate::pipeline::{Asked, Breakage, Outcomes, Promise, Settlement};
use crate::proto::{Connection, Lines, Place, Pool, Rule};
use crate::servant::{Kind, Resolved, Servant};
use crate::stream::{Queue, Queued};
use crate::sync::{AtomicBool, Notify};
use crate::transfer::{Incoming, Outgoing};
use crate::wire::{self, Frame, Refused, Status, Target, Window};

/// One end of a session, behind its lock.
pub(super) struct State {
    pub(super) proto: Connection,
    pub(super) waiters: Waiters,
    pub(super) outbox: Outbox,
    /// The objects behind the table of exports, by its index.
    pub(super) servants: Vec<Option<Arc<dyn Servant>>>,
    /// What is alive of the table of imports, by its index.
    pub(super) imports: Vec<Weak<Import>>,
    /// The peer's calls that run, by the index of the table of answers.
    pub(super) running: Vec<Running>,
    /// Calls that wait for room or credit, by pool.
    pub(super) waiting: [VecDeque<Arc<Ticket>>; 2],
    /// Arguments named by their identity alone, kept alive until the callee has read them.
    pub(super) held_arguments: HashMap<CallId, Vec<AnyRemote>>,
    /// What compressed calls take of what they may stand for over there, until they have returned.
    pub(super) shares: HashMap<CallId, Share>,
    /// Returns that wait for credit.
    pub(super) held_returns: VecDeque<(CallId, Reply)>,
    /// Their payload bytes.
    pub(super) held_bytes: u64,
    /// How often the peer has refused a frame.
    pub(super) refused: u32,
    /// Messages that arrive in chunks.
    pub(super) arriving: super::arriving::Arriving,
    /// Returns whose payloads are arriving.
    pub(super) partial_returns: HashMap<CallId, PartialReturn>,
    /// A ping to answer with the next flush: one answer is enough for any number of them.
    pub(super) pong: Option<u64>,
    /// The peer's calls whose payloads are arriving.
    pub(super) pending: HashMap<CallId, super::dispatch::Pending>,
    /// Calls that must not start before an earlier one on the same object has.
    pub(super) lines: Lines<Turn>,
    /// What is behind the ids of streams.
    pub(super) streams: super::streams::Entries,
    /// Whether calls share the session with them.
    pub(super) sharing: super::sharing::Sharing,
    /// What the peer's method numbers mean, for the interface that was asked last.
    pub(super) resolved: Vec<Option<(Kind, Resolved)>>,
    /// The same for methods that do not fit, some of them: comparing structures takes longer than answering.
    pub(super) misfits: HashMap<(u32, Kind), Error>,
    /// This side's method numbers by the addresses of the two descriptors. Both are needed: they are constants, so one method of two
    /// interfaces can have one address. Copies of one constant only take an entry each.
    pub(super) numbers: HashMap<(usize, usize), u32>,
    pub(super) last_number: ((usize, usize), u32),
    /// Why the session is over, once it is.
    pub(super) closed: Option<Error>,
    /// What the peer said when it closed the session.
    pub(super) farewell: Option<String>,
    /// Calls whose returns arrived: what a call that waits takes for progress.
    pub(super) progress: u64,
    /// Returns in the batch that was read last.
    pub(super) burst: u32,
    /// Whether a promise was ever passed on to the peer, as itself or in a result that is called ahead.
    pub(super) has_promises: bool,
    /// The peer's calls that wait for the result on which they are made.
    pub(super) queued: HashMap<CallId, Early>,
    /// What calls of the peer's on promises of which nothing is known take of the window, until they return.
    pub(super) holding_credit: HashMap<CallId, u64>,
    /// Results of the peer's promised calls, until it finishes them.
    pub(super) kept: HashMap<CallId, Kept>,
    /// What the peer has passed on of the promises of its calls that run here.
    pub(super) promised_here: HashMap<CallId, Arc<Asked>>,
    /// In how many places of their results.
    pub(super) promised_places: usize,
    /// What results have brought about and is still to be done, and whether somebody is at it.
    pub(super) works: VecDeque<Work>,
    pub(super) is_working: bool,
    /// What the peer has promised, until it says what it is.
    pub(super) promised_there: HashMap<ExportId, Weak<Promise>>,
    /// Who waits until what was called ahead is through.
    pub(super) embargoes: HashMap<u32, Embargo>,
    pub(super) next_embargo: u32,
    /// Embargoes that nobody waits for any more, and that the peer may answer all the same.
    pub(super) given_up: usize,
    /// Calls that have waited for room or credit so far.
    pub(super) tickets: u64,
    /// What is to be sent behind all calls that waited when it came: the number of the last of those.
    pub(super) behind: VecDeque<(u64, Behind)>,
    /// What the peer has disembargoed and is not told of yet. One for each thing that it holds at most, so the tables bound them.
    pub(super) disembargoed: HashSet<Target>,
    /// The peer's objects of which it was asked for peers of other sessions, who wait until it has answered and it can be asked again.
    pub(super) asked_on: HashMap<ExportId, Askers>,
}

/// What the shell keeps of a call that runs here.
#[derive(Default)]
pub(super) struct Running {
    pub(super) task: Option<tokio::task::AbortHandle>,
    pub(super) no_cancel: bool,
    pub(super) cancelled: Option<Arc<CancelFlag>>,
    /// References in a result that stay alive until the caller has taken them.
    pub(super) held: Vec<AnyRemote>,
}

/// What the first frame of a return has brought whose payload is arriving.
pub(super) struct PartialReturn {
    pub(super) status: Status,
    pub(super) codec: u8,
    pub(super) incoming: Incoming,
    /// What the return takes of its window.
    pub(super) cost: u64,
}

/// Set when the caller has given a call up.
#[derive(Debug, Default)]
pub(super) struct CancelFlag {
    pub(super) set: AtomicBool,
    pub(super) notify: Notify,
}

impl State {
    pub(super) fn new(proto: Connection) -> Self {
        Self {
            proto,
            waiters: Waiters::default(),
            outbox: Outbox::default(),
            servants: Vec::new(),
            imports: Vec::new(),
            running: Vec::new(),
            waiting: [VecDeque::new(), VecDeque::new()],
            held_arguments: HashMap::new(),
            shares: HashMap::new(),
            held_returns: VecDeque::new(),
            held_bytes: 0,
            refused: 0,
            arriving: super::arriving::Arriving::default(),
            partial_returns: HashMap::new(),
            pong: None,
            pending: HashMap::new(),
            lines: Lines::default(),
            streams: super::streams::Entries::default(),
            sharing: super::sharing::Sharing::default(),
            resolved: Vec::new(),
            misfits: HashMap::new(),
            numbers: HashMap::new(),
            last_number: ((0, 0), 0),
            closed: None,
            farewell: None,
            progress: 0,
            burst: 0,
            has_promises: false,
            queued: HashMap::new(),
            holding_credit: HashMap::new(),
            kept: HashMap::new(),
            promised_here: HashMap::new(),
            promised_places: 0,
            works: VecDeque::new(),
            is_working: false,
            promised_there: HashMap::new(),
            embargoes: HashMap::new(),
            next_embargo: 0,
            given_up: 0,
            tickets: 0,
            asked_on: HashMap::new(),
            behind: VecDeque::new(),
            disembargoed: HashSet::new(),
        }
    }

    /// Queues a frame whose size is bounded by how it is made.
    pub(super) fn push(&mut self, frame: &Frame<'_>) {
        let written = wire::encode(frame, &mut self.outbox.frames);
        debug_assert!(written.is_ok(), "a frame of bounded size did not fit: {written:?}");
    }

    /// Gives credit back to the peer.
    pub(super) fn grant(&mut self, window: Window, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.push(&Frame::Credit(wire::Credit { window, bytes }));
        }
    }

    /// Tells the peer which rule its frame broke. False when its budget is spent.
    #[must_use]
    pub(super) fn refuse(&mut self, kind: u8, rule: Rule) -> bool {
        let goes_on = self.proto.refuse();
        if goes_on {
            let text = rule.to_string();
            self.push(&Frame::Refused(Refused { kind, code: rule.code(), text: &text }));
        }
        goes_on
    }

    /// The slot for what is kept of a running call.
    pub(super) fn running_mut(&mut self, id: CallId) -> &mut Running {
        let index = id.index as usize;
        if index >= self.running.len() {
            self.running.resize_with(index + 1, Running::default);
        }
        &mut self.running[index]
    }

    /// What an export of this side's stands for.
    pub(super) fn servant(&self, id: ExportId) -> Option<Arc<dyn Servant>> {
        self.proto.exports.get(id)?;
        self.servants.get(id.index as usize)?.clone()
    }

    /// How many calls wait for room or credit.
    pub(super) fn waiting_len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// Whether nothing else is going on. Otherwise a flush had better wait for company: other calls are in flight, or callers that the
    /// last batch has woken are about to make theirs.
    pub(super) fn is_quiet(&self) -> bool {
        self.burst <= 1 && self.proto.questions.len() + self.proto.answers.running() <= 1
    }

    pub(super) fn has_waiting(&self, pool: Pool) -> bool {
        !self.waiting[pool as usize].is_empty()
    }
}

/// What is to be woken and dropped once the lock is free again. On the common path it is one waker, and costs no allocation.
#[derive(Default)]
pub(super) struct Afterwards {
    waker: Option<Waker>,
    rest: Option<Box<Rest>>,
}

/// Callers that wait for the lock to be free before they are woken.
const WAKERS_MAX: usize = 64;

/// What is there only now and then.
#[derive(Default)]
pub(super) struct Rest {
    wakers: Vec<Waker>,
    pub(super) references: Vec<AnyRemote>,
    pub(super) servants: Vec<Arc<dyn Servant>>,
    /// Calls whose frames are written.
    #[allow(clippy::vec_box, reason = "they come boxed out of their tickets; unboxing would copy them")]
    pub(super) prepared: Vec<Box<Prepared>>,
    outgoing: Vec<Outgoing>,
    replies: Vec<Reply>,
    /// Bytes that may have an owner of the user's.
    pub(super) bytes: Vec<Bytes>,
    /// Calls that will never start.
    pub(super) places: Vec<Place<Turn>>,
    pub(super) queued: Vec<Early>,
    pub(super) works: Vec<Work>,
    /// What was called ahead on, and need not be held any more.
    pub(super) goals: Vec<Goal>,
    /// Promises that nothing is in the way of any more.
    pub(super) promises: Vec<Arc<Promise>>,
    /// Promises that are known to be elsewhere, when what was called ahead has come back.
    pub(super) returned: Vec<Arc<Promise>>,
    /// Promises of which it is known now what they are.
    pub(super) known: Vec<(Arc<Promise>, Outcomes)>,
    pub(super) asked: Vec<(Arc<Asked>, Settlement)>,
    /// Promises of which nobody says any more when they may open.
    pub(super) broken: Vec<(Arc<Promise>, Arc<Breakage>)>,
    /// Embargoes that go on over the session of an import, for the peer of another one.
    pub(super) asks: Vec<(Arc<Import>, Askers)>,
    /// What is known of embargoes that peers of other sessions have asked about.
    pub(super) through: Vec<(Askers, bool)>,
    pub(super) pending: Vec<super::dispatch::Pending>,
    tasks: Vec<tokio::task::AbortHandle>,
    /// Streams that are over.
    pub(super) queues: Vec<Arc<Queue>>,
    /// Items that others have taken the place of.
    pub(super) items: Vec<Queued>,
}

impl Afterwards {
    pub(super) fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Whether enough is put off that it had better be done now.
    pub(super) fn is_long(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.wakers.len() >= WAKERS_MAX || !rest.references.is_empty())
    }

    /// For what is there only now and then.
    pub(super) fn rest_if(&mut self, is_there: bool, f: impl FnOnce(&mut Rest)) {
        if is_there {
            f(self.rest());
        }
    }

    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.waker.is_none() {
            self.waker = Some(waker);
        } else {
            let wakers = &mut self.rest().wakers;
            // Where there are two there are usually many.
            wakers.reserve(if wakers.is_empty() { WAKERS_MAX } else { 1 });
            wakers.push(waker);
        }
    }

    pub(super) fn abort(&mut self, task: Option<tokio::task::AbortHandle>) {
        if let Some(task) = task {
            self.rest().tasks.push(task);
        }
    }

    pub(super) fn drop_references(&mut self, references: impl IntoIterator<Item = AnyRemote>) {
        for reference in references {
            self.rest().references.push(reference);
        }
    }

    /// A reply whose frame is written, or that nobody is owed.
    pub(super) fn drop_reply(&mut self, reply: &mut Reply) {
        if let ReplyBytes::Pooled(buffer) = &mut reply.bytes {
            crate::pool::put(std::mem::take(buffer));
        }
        if !reply.outgoing.is_empty() {
            self.rest().outgoing.push(std::mem::take(&mut reply.outgoing));
        }
    }

    /// An error is to be sent in place of a reply.
    #[cold]
    pub(super) fn replace_reply(&mut self, reply: &mut Reply, error: &Error) {
        self.drop_reply(reply);
        self.put_off(std::mem::replace(reply, Reply::failed(error)));
    }

    /// What is left of a reply, whose bytes may have an owner of the user's.
    pub(super) fn put_off(&mut self, reply: Reply) {
        if matches!(&reply.bytes, ReplyBytes::Shared(bytes) if !bytes.is_empty()) {
            self.rest().replies.push(reply);
        }
    }

    /// Does what was put off. Dropping objects may run user code, whose panics end here.
    pub(super) fn run(self) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
        if let Some(mut rest) = self.rest {
            rest.wakers.drain(..).for_each(Waker::wake);
            rest.tasks.drain(..).for_each(|task| task.abort());
            // One by one: a second panic while the first unwinds would take the process down.
            crate::panics::drop_each(rest.references);
            crate::panics::drop_each(rest.servants);
            crate::panics::drop_each(rest.prepared);
            crate::panics::drop_each(rest.outgoing);
            crate::panics::drop_each(rest.replies);
            crate::panics::drop_each(rest.bytes);
            crate::panics::drop_each(rest.places);
            crate::panics::drop_each(rest.pending);
            crate::panics::drop_each(rest.queues);
            crate::panics::drop_each(rest.items);
            crate::panics::drop_each(rest.queued);
            crate::panics::drop_each(rest.works);
            crate::panics::drop_each(rest.goals);
            rest.asked.into_iter().for_each(|(asked, settlement)| asked.settle(&settlement));
            rest.known.into_iter().for_each(|(promise, outcome)| promise.settle(outcome));
            rest.promises.iter().for_each(Promise::open);
            rest.returned.iter().for_each(super::embargo::open_in_turn);
            rest.broken.into_iter().for_each(|(promise, breakage)| promise.break_off(breakage));
            for (import, askers) in rest.asks {
                let session = Arc::clone(import.session());
                session.ask_on(import, askers);
            }
            for (askers, is_through) in rest.through {
                super::embargo::tell(askers, is_through);
            }
        }
    }
}
