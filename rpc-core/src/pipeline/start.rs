//! Owns the start of a call without its trait, wherever the reference leads: to an object here, over a session, or into a queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::asked::Asked;
use super::breakage::Breakage;
use super::promise::TakenIn;
use crate::any::{AnyRemote, Place};
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{RawCall, RawReply, RawReturn};
use crate::session::{SessionCore, call_ahead, deadline_over};

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Going {
    pub(crate) call: RawCall,
    pub(crate) deadline: Option<Instant>,
    /// The promises of its result.
    pub(crate) asked: Option<Arc<Asked>>,
}

/// How a call ended.
pub(crate) enum Answered {
    Raw(RawReply),
    /// The same, as it came over a session.
    Over(Arc<SessionCore>, RawReply),
    /// It was made on a promise that came to nothing.
    Broken(Arc<Breakage>),
}

pub(crate) type Ongoing = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// Promises that a promise may lead to, one after the other. Beyond that they go round in a circle.
pub(crate) const PROMISES_MAX: u32 = 64;

impl Going {
    /// A call with the deadline that it inherits.
    pub(crate) fn of(call: RawCall) -> Self {
        let deadline = call.context.deadline();
        Self { call, deadline, asked: None }
    }
}

/// Starts a call: when this returns it is sent over its session, or has been polled for the first time, or is where it waits.
#[allow(clippy::disallowed_methods)]
pub(crate) fn start(reference: &AnyRemote, going: Going) -> Ongoing {
    if going.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return failed(deadline_over(Outcome::NotRun));
    }
    let (mut reference, mut going) = (reference.clone(), going);
    for _ in 0..PROMISES_MAX {
        reference = match &reference.place {
            Place::Promise(promise) => match promise.take_in(going) {
                TakenIn::Waits(ongoing) => return ongoing,
                TakenIn::Ahead(lane, back) => return call_ahead(lane, *back),
                TakenIn::Goes(Ok(next), back) => {
                    going = *back;
                    next
                }
                TakenIn::Goes(Err(breakage), _) => return Box::pin(std::future::ready(Answered::Broken(breakage))),
            },
            Place::Here(_) | Place::There(_) | Place::Broken(_) => return go(&reference, going),
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

fn go(reference: &AnyRemote, going: Going) -> Ongoing {
    let Going { mut call, deadline, asked } = going;
    let returned = match &reference.place {
        // Over a session the call looks after its deadline itself.
        Place::There(import) => crate::session::call_raw(import, call, deadline, asked.as_ref()),
        _ => {
            if let Some(deadline) = deadline {
                call.context = call.context.with_deadline(deadline);
            }
            reference.call_raw(call)
        }
    };
    let future = match returned {
        RawReturn::Ready(reply) => return Box::pin(std::future::ready(Answered::Raw(reply))),
        RawReturn::Pending(future) => future,
    };
    if matches!(reference.place, Place::Here(_)) {
        return started_here(future, deadline);
    }
    let session = match &reference.place {
        Place::There(import) => Some(Arc::clone(import.session())),
        _ => None,
    };
    Box::pin(async move {
        let reply = future.await;
        match session {
            Some(session) => Answered::Over(session, reply),
            None => Answered::Raw(reply),
        }
    })
}

/// Polls a method of an object of this process for the first time: only then has it started, and calls start in the order in which they
/// are sent.
fn started_here(future: Pin<Box<dyn Future<Output = RawReply> + Send>>, deadline: Option<Instant>) -> Ongoing {
    let mut ongoing: Ongoing = match deadline {
        Some(deadline) => Box::pin(async move {
            match tokio::time::timeout_at(deadline.into(), future).await {
                Ok(reply) => Answered::Raw(reply),
                Err(_) => Answered::Raw(RawReply::Failed(deadline_over(Outcome::MayHaveRun))),
            }
        }),
        None => Box::pin(async move { Answered::Raw(future.await) }),
    };
    let runtime = match crate::background::current_or_own() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    let _inside = runtime.enter();
    match ongoing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answered) => Box::pin(std::future::ready(answered)),
        // It is polled again by whoever waits for it, with a waker that counts.
        Poll::Pending => ongoing,
    }
}

fn failed(error: Error) -> Ongoing {
    Box::pin(std::future::ready(Answered::Raw(RawReply::Failed(error))))
}
