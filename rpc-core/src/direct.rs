//! Owns a call by the seam on an object of this process: handed over without a session, in a context of its own. What the object is and which
//! methods it has, `servant` knows.

use std::sync::Arc;

use crate::codec::Bounds;
use crate::context::PassedOn;
use crate::error::Outcome;
use crate::handler::{Method, Payload, RawCall, RawReply, RawReturn};
use crate::inbound::{Asked, Inbound, InboundBytes, Reply, Served};
use crate::servant::{Servant, resolve};
use crate::transfer::Incoming;

/// A reply as the seam shows it.
pub(crate) fn raw_reply_of(reply: Reply) -> RawReply {
    match reply.status {
        crate::wire::Status::Ok => RawReply::Ok(reply.into_payload()),
        crate::wire::Status::AppError => RawReply::AppError(reply.into_payload()),
        _ => RawReply::Failed(reply.into_error()),
    }
}

/// Calls a servant of this process without its trait. The call never left the process, so only the depth is bounded as usual.
pub(crate) fn call_raw(servant: Arc<dyn Servant>, call: RawCall) -> RawReturn {
    let bounds = crate::inbound::bounds(&crate::limits::Limits::default());
    call_raw_within(servant, call, bounds, crate::codec::MESSAGE_BYTES_MAX)
}

/// Calls a servant through which calls only pass, in the context that is current: what happens in it is not a call of its own.
pub(crate) fn pass(servant: Arc<dyn Servant>, call: RawCall) -> RawReturn {
    let RawCall { method, payload, .. } = call;
    let servant = crate::cast::answering(servant, &method.interface);
    let resolved = match resolve(&*servant, &method) {
        Ok(resolved) => resolved,
        Err(error) => return RawReturn::failed(error),
    };
    let bounds = crate::inbound::bounds(&crate::limits::Limits::default());
    match servant.serve(resolved, &mut handed_over(payload, bounds, crate::codec::MESSAGE_BYTES_MAX, &method)) {
        Served::Ready(reply) => RawReturn::Ready(raw_reply_of(reply)),
        Served::Future(future) => RawReturn::pending(async move { raw_reply_of(future.await) }),
    }
}

/// A call that is handed over inside the process.
fn handed_over(payload: Payload, bounds: Bounds, reply_max: u64, method: &Method) -> Inbound<'_> {
    let Payload { codec, bytes, segments, references, .. } = payload;
    let incoming = Incoming::new(references.into_iter().map(Some).collect(), segments.into_iter().map(Some).collect());
    Inbound::new(codec, InboundBytes::Shared(bytes), incoming, bounds, reply_max, Asked::Here(method))
}

/// Calls a servant of this process, with bounds on what decoding the arguments may cost and on how large the result may be.
pub(crate) fn call_raw_within(servant: Arc<dyn Servant>, call: RawCall, bounds: Bounds, reply_max: u64) -> RawReturn {
    let RawCall { method, payload, context } = call;
    let servant = crate::cast::answering(servant, &method.interface);
    let resolved = match resolve(&*servant, &method) {
        Ok(resolved) => resolved,
        Err(error) => return RawReturn::failed(error),
    };
    let mut context = context.into_call();
    if let Some(context) = &mut context {
        // A call is served in it from here on, unless it only passes through.
        context.outside &= servant.behind().is_some();
        context.started = false;
        context.passed_on = servant.behind().map(|_| PassedOn::default());
    }
    let served = crate::context::enter(&mut context, || {
        let mut inbound = handed_over(payload, bounds, reply_max, &method);
        crate::panics::caught(|| servant.serve(resolved, &mut inbound))
    });
    match served {
        Ok(Served::Ready(reply)) => RawReturn::Ready(raw_reply_of(reply)),
        Ok(Served::Future(future)) => {
            let future = crate::context::Within::new(context, crate::panics::Caught::new(future, Outcome::MayHaveRun));
            RawReturn::Pending(Box::pin(async move {
                match future.await {
                    Ok(reply) => raw_reply_of(reply),
                    Err(error) => RawReply::Failed(error),
                }
            }))
        }
        Err(panic) => {
            let started = context.is_none_or(|context| context.may_have_run());
            RawReturn::failed(panic.into_error(if started { Outcome::MayHaveRun } else { Outcome::NotRun }))
        }
    }
}
