//! Owns a call on its way out: what it carries until it is sent, and the future that waits for its reply. It knows no types.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::SessionCore;
use super::import::Import;
use super::passage::Passage;
use super::ticket::Ticket;
use super::waiters::Arrived;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::Method;
use crate::inbound::ReplyBytes;
use crate::interface::{InterfaceDescriptor, MethodDescriptor};
use crate::limits::Size;
use crate::pipeline::{Asked, nowhere};
use crate::proto::Pool;
use crate::transfer::Outgoing;
use crate::wire::Status;

/// What is called.
#[derive(Debug)]
pub(crate) enum CallTarget {
    /// The directory of published names at the peer.
    Root,
    Object(Arc<Import>),
    /// What the result of another call will have.
    Answer(Passage),
}

impl CallTarget {
    /// Whether the peer passes a call on it on to another node, as far as that is known.
    fn is_passed_on(&self) -> bool {
        match self {
            Self::Root => false,
            Self::Object(import) => import.is_from_elsewhere(),
            Self::Answer(passage) => passage.lane().asked().is_passed_on(),
        }
    }
}

/// Which method is called.
#[derive(Clone, Debug)]
pub(crate) enum CallMethod {
    Typed(&'static InterfaceDescriptor, &'static MethodDescriptor),
    Raw(Box<Method>),
}

impl CallMethod {
    pub(crate) fn interface(&self) -> &str {
        match self {
            Self::Typed(interface, _) => interface.name,
            Self::Raw(method) => &method.interface,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Typed(_, method) => method.name,
            Self::Raw(method) => &method.name,
        }
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        match self {
            Self::Typed(_, method) => (method.schema)().fingerprint(),
            Self::Raw(method) => method.fingerprint,
        }
    }

    /// What the method's types are made of, as far as it is sent.
    pub(crate) fn structure(&self) -> &[u8] {
        match self {
            Self::Typed(_, method) => (method.schema)().sent(),
            Self::Raw(method) => &method.structure,
        }
    }

    pub(crate) fn signature(&self) -> &str {
        match self {
            Self::Typed(_, method) => method.signature,
            Self::Raw(method) => &method.signature,
        }
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        match self {
            Self::Typed(_, method) => method.idempotent,
            Self::Raw(method) => method.idempotent,
        }
    }
}

/// A call that is encoded and not yet sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) target: CallTarget,
    pub(crate) method: CallMethod,
    pub(crate) codec: u8,
    pub(crate) bytes: ReplyBytes,
    pub(crate) outgoing: Outgoing,
    pub(crate) oneway: bool,
    pub(crate) deadline: Option<Instant>,
    /// What the call inherits from the handler in which it was made.
    pub(crate) inherited: Option<Box<CallContext>>,
    /// The promises of its result, when that is called ahead.
    pub(crate) promise: Option<Arc<Asked>>,
}

impl Prepared {
    /// How large it is, bulk bytes included.
    pub(super) fn size(&self) -> Size {
        self.bytes.size_with(&self.outgoing)
    }

    pub(super) fn pool(&self) -> Pool {
        if self.inherited.as_ref().is_some_and(|context| !context.outside) { Pool::Nested } else { Pool::Root }
    }

    /// Whether it was made by a handler that `session` called, so that waiting for credit could be waiting for itself.
    pub(super) fn goes_back_over(&self, session: &SessionCore) -> bool {
        let called_on = self.inherited.as_ref().and_then(|context| context.incoming.as_ref());
        called_on.is_some_and(|(incoming, _)| std::ptr::eq(Arc::as_ptr(incoming), session))
    }
}

/// The future of a call that leaves this node. Dropping it cancels the call.
#[derive(Debug)]
pub(crate) struct RemoteCall {
    session: Arc<SessionCore>,
    stage: Stage,
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it was made inside a handler; known once it has to wait.
    nested: bool,
    /// While a nested call waits for credit: when to look for progress, and what the count was.
    patience: Option<(Pin<Box<Sleep>>, u64)>,
    /// The promises of its result.
    asked: Option<Arc<Asked>>,
}

#[derive(Debug)]
enum Stage {
    New(Prepared),
    Queued(Arc<Ticket>),
    Sent(u32),
    Done,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(..)")
    }
}

impl RemoteCall {
    pub(crate) fn new(session: Arc<SessionCore>, prepared: Prepared) -> Self {
        Self { session, deadline: prepared.deadline, stage: Stage::New(prepared), sleep: None, nested: false, patience: None, asked: None }
    }

    pub(crate) fn session(&self) -> &Arc<SessionCore> {
        &self.session
    }

    /// Bounds the call; the earlier of two deadlines holds.
    pub(crate) fn bound(&mut self, deadline: Instant) {
        let deadline = self.deadline.map_or(deadline, |known| known.min(deadline));
        self.deadline = Some(deadline);
        self.sleep = None;
        if let Stage::New(prepared) = &mut self.stage {
            prepared.deadline = Some(deadline);
        }
    }

    /// Has the peer keep the result for calls on the promises of it, if the peer does that and the call is not sent yet.
    pub(crate) fn promise(&mut self, asked: &Arc<Asked>) {
        if let Stage::New(prepared) = &mut self.stage
            && self.session.pipelining
        {
            if prepared.target.is_passed_on() {
                asked.note_passed_on();
            }
            asked.goes_over(&self.session);
            prepared.promise = Some(Arc::clone(asked));
            self.asked = Some(Arc::clone(asked));
        }
    }

    /// Says that nobody waits for the result.
    pub(crate) fn set_oneway(&mut self) {
        if let Stage::New(prepared) = &mut self.stage {
            prepared.oneway = true;
            // Nobody waits for it, so it is not part of the chain in which it was made.
            if let Some(inherited) = &mut prepared.inherited {
                inherited.holds.clear();
            }
        }
    }

    /// Sends the call now, without waiting for anything.
    pub(crate) fn send(&mut self) -> Result<(), Error> {
        self.start(None)
    }

    /// Lets the call go on by itself: dropping this afterwards does not cancel it.
    pub(crate) fn detach(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Sent(token) => self.session.detach(token),
            // A ticket in the queue is kept by the queue.
            Stage::Queued(_) | Stage::New(_) | Stage::Done => {}
        }
    }

    #[allow(clippy::disallowed_methods)]
    fn start(&mut self, waker: Option<&Waker>) -> Result<(), Error> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.stage = Stage::Done;
            return Err(deadline_over(Outcome::NotRun));
        }
        let Stage::New(prepared) = &mut self.stage else { return Ok(()) };
        self.session.pack_arguments(&mut prepared.bytes, &mut prepared.outgoing);
        match self.session.start(prepared, waker) {
            Ok(Some(token)) => {
                self.stage = Stage::Sent(token);
                return Ok(());
            }
            Ok(None) => {}
            Err(error) => {
                self.stage = Stage::Done;
                return Err(error);
            }
        }
        let Stage::New(prepared) = std::mem::replace(&mut self.stage, Stage::Done) else { return Ok(()) };
        self.nested = prepared.pool() == Pool::Nested;
        let ticket = self.session.enqueue(Box::new(prepared), waker.cloned())?;
        self.stage = Stage::Queued(ticket);
        Ok(())
    }

    fn nap(&self) -> Pin<Box<Sleep>> {
        Box::pin(tokio::time::sleep(self.session.limits().nested_wait))
    }

    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrived, Error>> {
        loop {
            match &self.stage {
                Stage::New(_) => {
                    if let Err(error) = self.start(Some(cx.waker())) {
                        return Poll::Ready(Err(error));
                    }
                    if matches!(self.stage, Stage::Sent(_)) {
                        // The waker is in place; there cannot be a reply before the flush that this causes.
                        return Poll::Pending;
                    }
                }
                Stage::Queued(ticket) => match ticket.poll(cx.waker()) {
                    Poll::Pending => return self.poll_patience(cx),
                    Poll::Ready(Ok(token)) => {
                        self.patience = None;
                        self.stage = Stage::Sent(token);
                    }
                    Poll::Ready(Err(error)) => {
                        self.stage = Stage::Done;
                        return Poll::Ready(Err(error));
                    }
                },
                Stage::Sent(token) => {
                    let polled = self.session.poll_reply(*token, cx.waker());
                    if polled.is_ready() {
                        self.stage = Stage::Done;
                    }
                    return polled;
                }
                Stage::Done => return Poll::Pending,
            }
        }
    }

    /// A nested call waits only as long as calls on the session make progress, so that a cycle through other nodes ends.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrived, Error>> {
        loop {
            if !self.nested {
                return Poll::Pending;
            }
            if self.patience.is_none() {
                self.patience = Some((self.nap(), self.session.progress()));
            }
            let Some((sleep, seen)) = &mut self.patience else { return Poll::Pending };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let progress = self.session.progress();
            if progress != *seen {
                let nap = self.nap();
                self.patience = Some((nap, progress));
                continue;
            }
            self.give_up();
            let waited = self.session.limits().nested_wait;
            let text = format!(
                "the peer's room for calls made inside handlers is full, and no call on the session has ended for {waited:?}: it may be waiting for this one"
            );
            return Poll::Ready(Err(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text)));
        }
    }

    /// Ends the call at its deadline. The outcome depends on whether it was sent.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let was_sent = self.give_up();
        Poll::Ready(deadline_over(if was_sent { Outcome::MayHaveRun } else { Outcome::NotRun }))
    }

    /// Cancels the call. True when it had been sent.
    fn give_up(&mut self) -> bool {
        if matches!(self.stage, Stage::New(_) | Stage::Done) {
            return false;
        }
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Sent(token) => {
                self.session.give_up(token);
                true
            }
            Stage::Queued(ticket) => self.session.give_up_ticket(&ticket),
            Stage::New(_) | Stage::Done => false,
        }
    }
}

/// The error of a call whose time is over.
pub(crate) fn deadline_over(outcome: Outcome) -> Error {
    Error::new(
        ErrorKind::Deadline,
        outcome,
        "the deadline of the call is over (its own `timeout`, or inherited from the call it was made in)",
    )
}

impl Future for RemoteCall {
    type Output = Result<Arrived, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = self.poll_stage(cx);
        if let Poll::Ready(Ok(arrived)) = &mut polled
            && arrived.incoming.is_packed()
            && let Err(error) = self.session.unpack_result(arrived)
        {
            polled = Poll::Ready(Err(error));
        }
        if let Poll::Ready(result) = polled {
            let Some(asked) = &self.asked else { return Poll::Ready(result) };
            return Poll::Ready(result.and_then(|arrived| with_value(arrived, asked)));
        }
        self.poll_deadline(cx).map(Err)
    }
}

impl Drop for RemoteCall {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// The reply of a call whose result is promised, unless its value was left out since nobody needs it any more.
#[cold]
fn with_value(arrived: Arrived, asked: &Asked) -> Result<Arrived, Error> {
    let is_empty = arrived.status == Status::Ok && arrived.bytes.as_slice().is_empty() && !arrived.incoming.has_references();
    if is_empty && asked.left_out() { Err(nowhere()) } else { Ok(arrived) }
}

/// How long a call may still take, as it travels.
pub(super) fn remaining_us(deadline: Instant, now: Instant) -> u64 {
    let left: Duration = deadline.saturating_duration_since(now);
    u64::try_from(left.as_micros()).unwrap_or(u64::MAX)
}
