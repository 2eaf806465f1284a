//! Owns what requests, results, contexts and errors of tarpc are in netref, and the other way round.

use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::trace::{self, SamplingDecision};
use tarpc::{RequestName, ServerError, context};

use crate::codec::{self, Bounds, Codec, MESSAGE_BYTES_MAX};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::handler::{Method, Payload, RawCall};
use crate::schema::{MethodBuilder, MethodSchema, Types, cached_for};
use crate::trace::TraceContext;
use crate::transfer::{self, Incoming};

/// The interface under which services are known.
pub(super) const INTERFACE: &str = "tarpc";

/// The longest time that a request is given here: tarpc's timers end after two years, and a peer may name any time.
const TIME_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// What the types of a service are made of.
pub(super) fn schema<Req: DeserializeOwned + 'static, Resp: DeserializeOwned + 'static>() -> &'static MethodSchema {
    fn build<Req: DeserializeOwned + 'static, Resp: DeserializeOwned + 'static>() -> MethodSchema {
        let mut method = MethodBuilder::new(&["request"]);
        method.argument(0, Types::traced::<Req>);
        method.result(0, Types::traced::<Resp>, Types::traced::<ServerError>)
    }
    cached_for::<PhantomData<fn(Req) -> Resp>>(build::<Req, Resp>)
}

/// A request as a call.
pub(super) fn call<Req, Resp>(context: &context::Context, request: &Req) -> Result<RawCall, Error>
where
    Req: RequestName + Serialize + DeserializeOwned + 'static,
    Resp: DeserializeOwned + 'static,
{
    let schema = schema::<Req, Resp>();
    let method = Method::new(INTERFACE, request.name().to_owned(), schema.fingerprint(), "");
    let method = Method { structure: schema.encoded(), ..method };
    let payload = encode(Codec::Bincode, request).map_err(|why| {
        let text = format!("the request cannot be encoded: {why}");
        Error::new(ErrorKind::Codec, Outcome::NotRun, text).with_fault(Fault::Caller).with_method(method.to_string())
    })?;
    let trace = context.trace_context;
    let is_sampled = trace.sampling_decision == SamplingDecision::Sampled;
    let mut call = RawCall::new(method, payload);
    call.context = call.context.with_deadline(context.deadline);
    if let Some(trace) = TraceContext::new(trace.trace_id.into(), trace.span_id.into(), is_sampled) {
        call.context = call.context.with_trace(trace);
    }
    Ok(call)
}

/// The context of a call as tarpc has it.
#[allow(clippy::disallowed_methods)]
pub(super) fn context_of(context: &Context) -> context::Context {
    let mut found = context::Context::current();
    found.deadline = Instant::now() + context.remaining().unwrap_or(TIME_MAX).min(TIME_MAX);
    if let Some(trace) = context.trace() {
        let sampling_decision = if trace.is_sampled() { SamplingDecision::Sampled } else { SamplingDecision::Unsampled };
        found.trace_context = trace::Context { trace_id: trace.trace_id().into(), span_id: trace.span_id().into(), sampling_decision };
    }
    found
}

/// A value as a payload. What the value's own code does wrong is an error of the one value.
pub(super) fn encode<T: Serialize>(codec: Codec, value: &T) -> Result<Payload, String> {
    let mut bytes = Vec::new();
    let encoded = crate::panics::caught(|| transfer::encoding(|| codec::encode(codec, value, &mut bytes, MESSAGE_BYTES_MAX)));
    let (result, mut outgoing) = encoded.map_err(|panic| panic.into_error(Outcome::NotRun).to_string())?;
    result.map_err(|error| error.to_string())?;
    let (references, segments) = (outgoing.take_references(), outgoing.take_segments());
    Ok(Payload { codec: codec.id(), bytes: Bytes::from(bytes), segments, references, within: None, noted: None })
}

/// The value in a payload.
pub(super) fn decode<T: DeserializeOwned>(payload: Payload, bounds: &Bounds) -> Result<T, String> {
    let Payload { codec, bytes, segments, references, .. } = payload;
    let codec = Codec::from_id(codec).map_err(|error| error.to_string())?;
    let incoming = Incoming::new(references.into_iter().map(Some).collect(), segments.into_iter().map(Some).collect());
    let decoded = crate::panics::caught(|| transfer::decoding(incoming, || codec::decode::<T>(codec, &bytes, bounds)));
    decoded.map_err(|panic| panic.into_error(Outcome::NotRun).to_string())?.map_err(|error| error.to_string())
}

/// The value that came back, within what the node allows over whose session it came.
pub(super) fn result<T: DeserializeOwned>(payload: Payload) -> Result<T, String> {
    let bounds = payload.bounds();
    decode(payload, &bounds)
}

/// What netref says of a call, in the words of tarpc.
pub(super) fn server_error(error: &Error) -> ServerError {
    let kind = match error.kind() {
        ErrorKind::Cancelled => io::ErrorKind::ConnectionAborted,
        ErrorKind::Codec | ErrorKind::SchemaMismatch => io::ErrorKind::InvalidData,
        ErrorKind::Deadline => io::ErrorKind::TimedOut,
        ErrorKind::Denied => io::ErrorKind::PermissionDenied,
        ErrorKind::Disconnected | ErrorKind::ShuttingDown => io::ErrorKind::NotConnected,
        ErrorKind::NoSuchInterface | ErrorKind::NoSuchMethod | ErrorKind::NoSuchName | ErrorKind::NoSuchObject => io::ErrorKind::NotFound,
        ErrorKind::Overloaded => io::ErrorKind::WouldBlock,
        ErrorKind::TooLarge => io::ErrorKind::InvalidInput,
        ErrorKind::Unsupported => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    ServerError::new(kind, error.to_string())
}

/// A result that cannot be read.
pub(super) fn unread(why: &str) -> ServerError {
    ServerError::new(io::ErrorKind::InvalidData, format!("the result cannot be decoded: {why}; the call ran to its end"))
}
