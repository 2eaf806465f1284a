//! Owns the start of a call without its trait, wherever the reference leads: to an object here, over a session, or into a queue.

use std::future::{Future, Ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::asked::Asked;
use super::breakage::Breakage;
use super::promise::TakenIn;
use crate::any::{AnyRemote, Place};
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{RawCall, RawReply, RawReturn};
use crate::session::{SessionCore, call_ahead, call_there, deadline_over};

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Going {
    pub(crate) call: RawCall,
    pub(crate) deadline: Option<Instant>,
    /// The promises of its result.
    pub(crate) asked: Option<Arc<Asked>>,
    /// Nobody waits for the result.
    pub(crate) oneway: bool,
    /// Whether a session's reader starts it, which is no place for methods that say so.
    pub(super) on_reader: bool,
    /// The runtime that it was sent in.
    pub(super) runtime: Option<Handle>,
}

/// How a call ended.
pub(crate) enum Answered {
    Raw(RawReply),
    /// The same, as it came over a session.
    Over(Arc<SessionCore>, RawReply),
    /// It was made on a promise that came to nothing.
    Broken(Arc<Breakage>),
}

/// A call that was started, or waits for that.
pub(crate) trait Underway: Future<Output = Answered> + Send {
    /// Bounds it once more; the earlier of two deadlines holds.
    fn bound(self: Pin<&mut Self>, deadline: Instant);
}

pub(crate) type Ongoing = Pin<Box<dyn Underway>>;

impl Underway for Ready<Answered> {
    fn bound(self: Pin<&mut Self>, _deadline: Instant) {}
}

/// A call that is done already.
pub(crate) fn done(answered: Answered) -> Ongoing {
    Box::pin(std::future::ready(answered))
}

/// One that netref ends.
pub(crate) fn failed(error: Error) -> Ongoing {
    done(Answered::Raw(RawReply::Failed(error)))
}

/// Promises that a promise may lead to, one after the other. Beyond that they go round in a circle.
pub(crate) const PROMISES_MAX: u32 = 64;

impl Going {
    /// A call with the deadline that it inherits.
    pub(crate) fn of(call: RawCall) -> Self {
        let deadline = call.context.deadline();
        Self { call, deadline, asked: None, oneway: false, on_reader: false, runtime: None }
    }

    /// The same of a call that has come over a session.
    pub(crate) fn of_peer(call: RawCall) -> Self {
        Self { on_reader: true, ..Self::of(call) }
    }

    /// Nobody waits for the result, so it is not part of the chain in which it was made.
    pub(super) fn set_oneway(&mut self) {
        self.oneway = true;
        self.call.context.leave_chain();
    }
}

/// Starts a call: when this returns it is sent over its session, or has been polled for the first time, or is where it waits.
#[allow(clippy::disallowed_methods)]
pub(crate) fn start(reference: &AnyRemote, going: Going) -> Ongoing {
    if going.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return failed(deadline_over(Outcome::NotRun));
    }
    let (mut reference, mut going) = (reference.clone(), going);
    if going.runtime.is_none() {
        going.runtime = Handle::try_current().ok();
    }
    for _ in 0..PROMISES_MAX {
        reference = match &reference.place {
            Place::Promise(promise) => match promise.take_in(going) {
                TakenIn::Waits(ongoing) => return ongoing,
                TakenIn::Ahead(passage, back) => return call_ahead(passage, *back),
                TakenIn::Goes(Ok(next), back) => {
                    going = *back;
                    next
                }
                TakenIn::Goes(Err(breakage), _) => return done(Answered::Broken(breakage)),
            },
            Place::Here(servant) => return super::here::start(Arc::clone(servant), going),
            Place::There(import) => return call_there(import, going),
            Place::Stream(_) => return failed(crate::any::no_object()),
            Place::Broken(error) => return failed(Error::clone(error)),
        };
    }
    failed(circle())
}

/// The error of a promise that leads back to itself.
pub(crate) fn circle() -> Error {
    Error::new(ErrorKind::Misuse, Outcome::NotRun, "the reference was promised to be itself, so there is nothing to call")
}

/// The error of a promise of a promise, and so on.
pub(crate) fn too_deep() -> Error {
    let text = format!("the reference was promised to be another promise, and so on: more than {PROMISES_MAX} are not followed");
    Error::new(ErrorKind::Misuse, Outcome::NotRun, text)
}

/// A time after which a call that was started is not waited for any more.
#[derive(Default)]
pub(crate) struct Late(Option<(Instant, Option<Pin<Box<Sleep>>>)>);

impl Late {
    pub(crate) fn bound(&mut self, deadline: Instant) {
        let deadline = self.0.as_ref().map_or(deadline, |(known, _)| deadline.min(*known));
        self.0 = Some((deadline, None));
    }

    /// Ready when the time is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((deadline, sleep)) = &mut self.0 else { return Poll::Pending };
        sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until((*deadline).into()))).as_mut().poll(cx)
    }
}

/// A call that somebody else has started, of which no more is known than what comes of it.
struct Foreign {
    reply: Pin<Box<dyn Future<Output = RawReply> + Send>>,
    session: Option<Arc<SessionCore>>,
    late: Late,
}

impl Future for Foreign {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let this = &mut *self;
        if let Poll::Ready(reply) = this.reply.as_mut().poll(cx) {
            return Poll::Ready(answered(this.session.take(), reply));
        }
        this.late.poll(cx).map(|()| Answered::Raw(RawReply::Failed(deadline_over(Outcome::MayHaveRun))))
    }
}

impl Underway for Foreign {
    fn bound(mut self: Pin<&mut Self>, deadline: Instant) {
        self.late.bound(deadline);
    }
}

fn answered(session: Option<Arc<SessionCore>>, reply: RawReply) -> Answered {
    match session {
        Some(session) => Answered::Over(session, reply),
        None => Answered::Raw(reply),
    }
}

/// A call that the seam has started, as an ongoing one; over a session if that is where the reply comes from.
pub(crate) fn of_returned(returned: RawReturn, session: Option<Arc<SessionCore>>) -> Ongoing {
    match returned {
        RawReturn::Ready(reply) => done(answered(session, reply)),
        RawReturn::Pending(reply) => Box::pin(Foreign { reply, session, late: Late::default() }),
    }
}
