//! Owns a call on a promise once it goes over a session: to the peer's object, or ahead to where the result will be. It is sent when it is
//! made, and looked after here until its reply is there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::outcall::{CallTarget, RemoteCall};
use super::{Import, Passage, SessionCore, call_raw, deadline_over, prepared, raw_reply_of};
use crate::error::Outcome;
use crate::handler::{Method, Payload, RawReply};
use crate::id::CallId;
use crate::pipeline::{Answered, Asked, Going, Late, Ongoing, Underway, done, failed, of_returned};
use crate::wire::Status;

/// Calls what a promise refers to at the peer that will know it.
pub(crate) fn call_ahead(passage: Passage, going: Going) -> Ongoing {
    let lane = passage.lane();
    let (session, on) = (Arc::clone(lane.session()), (lane.named(), Arc::clone(lane.asked())));
    send(session, CallTarget::Answer(passage), going, Some(on))
}

/// Calls an object of a peer's to which a promise has led. If interceptors of the node stand before that, promises of the result wait here.
pub(crate) fn call_there(import: &Arc<Import>, going: Going) -> Ongoing {
    let session = import.session();
    if !session.has_outgoing() || crate::around::is_question(import, &going.call.method) {
        return send(Arc::clone(session), CallTarget::Object(Arc::clone(import)), going, None);
    }
    let Going { mut call, deadline, .. } = going;
    if let Some(deadline) = deadline {
        call.context = call.context.with_deadline(deadline);
    }
    of_returned(call_raw(import, call), Some(Arc::clone(session)))
}

fn send(session: Arc<SessionCore>, target: CallTarget, going: Going, on: Option<On>) -> Ongoing {
    let Going { call, deadline, asked, oneway, .. } = going;
    let method = call.method.clone();
    let prepared = match prepared(target, call, deadline) {
        Ok(prepared) => prepared,
        Err(error) => return failed(error.with_method(method.to_string())),
    };
    let mut call = RemoteCall::new(session, prepared);
    if let Some(asked) = &asked {
        call.promise(asked);
    }
    if oneway {
        call.set_oneway();
    }
    if let Err(error) = call.send() {
        return failed(error.with_method(method.to_string()));
    }
    if oneway {
        call.detach();
        return done(Answered::Raw(RawReply::Ok(Payload::default())));
    }
    Box::pin(Sent { call, method, on, breakage: None, deadline, late: Late::default() })
}

/// The call that gives the result on which another is made, by its id if that is named, and what becomes of it.
type On = (Option<CallId>, Arc<Asked>);

/// Says why there is nothing to call.
type Why = dyn Future<Output = Answered> + Send;

/// A call that was sent, or waits for room.
struct Sent {
    call: RemoteCall,
    method: Method,
    /// What it was called ahead on.
    on: Option<On>,
    /// It came to nothing; waits for the call that was to give the result to say why.
    breakage: Option<Pin<Box<Why>>>,
    deadline: Option<Instant>,
    late: Late,
}

impl Sent {
    fn poll_breakage(&mut self, cx: &mut Context<'_>) -> Poll<Answered> {
        let Some(breakage) = &mut self.breakage else { return Poll::Pending };
        if let Poll::Ready(broken) = breakage.as_mut().poll(cx) {
            return Poll::Ready(match broken {
                Answered::Raw(reply) => self.failed(reply),
                broken => broken,
            });
        }
        // It did not run, whatever the other call does.
        self.late.poll(cx).map(|()| self.failed(RawReply::Failed(deadline_over(Outcome::NotRun))))
    }

    fn failed(&self, reply: RawReply) -> Answered {
        let reply = match reply {
            RawReply::Failed(error) => RawReply::Failed(error.with_method(self.method.to_string())),
            reply => reply,
        };
        Answered::Over(Arc::clone(self.call.session()), reply)
    }
}

impl Future for Sent {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let this = &mut *self;
        if this.breakage.is_some() {
            return this.poll_breakage(cx);
        }
        match Pin::new(&mut this.call).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(arrived)) => {
                let session = Arc::clone(this.call.session());
                if arrived.status == Status::Broken
                    && let Some((named, asked)) = this.on.take()
                {
                    this.breakage = Some(Box::pin(async move { session.broken_by(named, &asked).await }));
                    if let Some(deadline) = this.deadline {
                        this.late.bound(deadline);
                    }
                    return this.poll_breakage(cx);
                }
                let reply = raw_reply_of(arrived, crate::inbound::bounds(session.limits()));
                Poll::Ready(Answered::Over(session, reply))
            }
            Poll::Ready(Err(error)) => Poll::Ready(this.failed(RawReply::Failed(error))),
        }
    }
}

impl Underway for Sent {
    fn bound(mut self: Pin<&mut Self>, deadline: Instant) {
        let deadline = self.deadline.map_or(deadline, |known| known.min(deadline));
        self.deadline = Some(deadline);
        if self.breakage.is_some() {
            self.late.bound(deadline);
        } else {
            self.call.bound(deadline);
        }
    }
}
