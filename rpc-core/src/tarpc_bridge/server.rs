//! Owns the serving side: the object whose calls become requests, and the transport from which tarpc takes them and to which it gives
//! responses.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::{ClientMessage, Request, RequestName, Response};
use tokio::sync::oneshot::error::RecvError;

use super::convert;
use super::queue::{Answer, Arrived, Queue, Source, Taken};
use crate::any::AnyRemote;
use crate::by_name;
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{Handler, Method, RawCall, RawReply, RawReturn};

/// A service to publish or hand over, and the transport for tarpc's `BaseChannel`. See [the module](super) for an example.
///
/// The transport ends when nobody refers to the service any more. When the transport is dropped, requests that wait fail. Requests that
/// tarpc does not take wait within bounds: above 16,384 of them, or 256 MiB, more are refused as `Overloaded` and did not run.
#[must_use]
pub fn server<Req, Resp>() -> (AnyRemote, ServerTransport<Req, Resp>)
where
    Req: RequestName + DeserializeOwned + Send + 'static,
    Resp: Serialize + DeserializeOwned + Send + 'static,
{
    let (source, queue) = Source::new();
    let service = Service { source, types: PhantomData::<fn(Req)> };
    (AnyRemote::from_handler(convert::INTERFACE, Arc::new(service)), ServerTransport { queue, types: PhantomData })
}

/// The serving side of a service that netref carries: what tarpc's `BaseChannel` takes.
pub struct ServerTransport<Req, Resp> {
    queue: Arc<Queue<Resp>>,
    types: PhantomData<fn() -> Req>,
}

impl<Req, Resp> fmt::Debug for ServerTransport<Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (arrived, waiting) = self.queue.counts();
        f.debug_struct("ServerTransport").field("arrived", &arrived).field("waiting", &waiting).finish_non_exhaustive()
    }
}

impl<Req, Resp> Drop for ServerTransport<Req, Resp> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<Req: RequestName + DeserializeOwned, Resp> Stream for ServerTransport<Req, Resp> {
    type Item = Result<ClientMessage<Req>, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let (id, arrived) = match ready!(self.queue.poll_take(cx)) {
                None => return Poll::Ready(None),
                Some(Taken::Cancel(request_id, trace_context)) => {
                    return Poll::Ready(Some(Ok(ClientMessage::Cancel { trace_context, request_id })));
                }
                Some(Taken::Request(id, arrived)) => (id, arrived),
            };
            let context = arrived.context;
            match read(*arrived) {
                Ok(message) => return Poll::Ready(Some(Ok(ClientMessage::Request(Request { context, id, message })))),
                Err(error) => self.queue.answer(id, Err(error)),
            }
        }
    }
}

impl<Req, Resp> Sink<Response<Resp>> for ServerTransport<Req, Resp> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, response: Response<Resp>) -> Result<(), Error> {
        self.queue.answer(response.request_id, Ok(response.message));
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

/// The object before a transport.
struct Service<Req, Resp> {
    source: Source<Resp>,
    types: PhantomData<fn(Req)>,
}

impl<Req, Resp> Handler for Service<Req, Resp>
where
    Req: RequestName + DeserializeOwned + Send + 'static,
    Resp: Serialize + DeserializeOwned + Send + 'static,
{
    fn call(&self, call: RawCall) -> RawReturn {
        let RawCall { method, payload, context } = call;
        let name = method.to_string();
        let added = admit::<Req, Resp>(&method, payload.codec).and_then(|codec| {
            let bounds = context.bounds();
            let arrived = Arrived { method, payload, context: convert::context_of(&context), bounds };
            Ok((codec, self.source.add(arrived)?))
        });
        let (codec, (asked, answered)) = match added {
            Ok(added) => added,
            Err(error) => return RawReturn::failed(error.with_method(name)),
        };
        RawReturn::pending(async move {
            let answer = answered.await;
            drop(asked);
            reply(codec, answer).unwrap_or_else(|error| RawReply::Failed(error.with_method(name)))
        })
    }
}

/// Whether the caller's types are this service's, and the codec that it speaks.
fn admit<Req: DeserializeOwned + 'static, Resp: DeserializeOwned + 'static>(method: &Method, codec: u8) -> Result<Codec, Error> {
    let codec = Codec::from_id(codec).map_err(|error| Error::new(ErrorKind::Codec, Outcome::NotRun, error.to_string()))?;
    if by_name::is_meant(method) {
        return by_name::check(method.fingerprint, codec).map(|()| codec);
    }
    let schema = convert::schema::<Req, Resp>();
    match schema.refuses(&method.structure) {
        Some(why) if schema.fingerprint() != method.fingerprint => {
            Err(Error::new(ErrorKind::SchemaMismatch, Outcome::NotRun, format!("{why}; the service is another version's")))
        }
        _ => Ok(codec),
    }
}

/// The request itself. All requests of a service are of one type, so what it was called as has to be what it is: rules, logs and
/// figures go by the name.
fn read<Req: RequestName + DeserializeOwned>(arrived: Arrived) -> Result<Req, Error> {
    let Arrived { method, payload, bounds, .. } = arrived;
    let refused = |why: String| Error::new(ErrorKind::Codec, Outcome::NotRun, format!("the request cannot be decoded: {why}"));
    let message: Req = convert::decode(payload, &bounds).map_err(refused)?;
    let (called, is) = (method.to_string(), format!("{}.{}", convert::INTERFACE, message.name()));
    if called != is {
        return Err(refused(format!("it was called as one method and is a request of another, `{is}`")));
    }
    Ok(message)
}

fn reply<Resp: Serialize>(codec: Codec, answer: Result<Answer<Resp>, RecvError>) -> Result<RawReply, Error> {
    let unsent = |why: String| Error::new(ErrorKind::Codec, Outcome::Ran, format!("the result cannot be encoded: {why}"));
    match answer {
        Ok(Ok(Ok(value))) => convert::encode(codec, &value).map(RawReply::Ok).map_err(unsent),
        Ok(Ok(Err(error))) => convert::encode(codec, &error).map(RawReply::AppError).map_err(unsent),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let text = "the service's tarpc transport was dropped while the request ran";
            Err(Error::new(ErrorKind::Cancelled, Outcome::MayHaveRun, text))
        }
    }
}
