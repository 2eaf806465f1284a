//! Owns the serving side: the object whose calls become requests, and the transport from which tarpc takes them and to which it gives
//! responses.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::{Sink, Stream};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::{ClientMessage, Request, RequestName, Response, ServerError, trace};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::convert;
use crate::any::AnyRemote;
use crate::by_name;
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{Handler, Method, RawCall, RawReply, RawReturn};

/// A service to publish or hand over, and the transport for tarpc's `BaseChannel`. See [the module](super) for an example.
///
/// The transport ends when nobody refers to the service any more. When the transport is dropped, requests that wait fail.
#[must_use]
pub fn server<Req, Resp>() -> (AnyRemote, ServerTransport<Req, Resp>)
where
    Req: RequestName + DeserializeOwned + Send + 'static,
    Resp: Serialize + DeserializeOwned + Send + 'static,
{
    let (sender, requests) = mpsc::unbounded_channel();
    let waiting = Arc::new(Waiting::default());
    let service = Service { sender, waiting: Arc::clone(&waiting), next: AtomicU64::new(0) };
    (AnyRemote::from_handler(convert::INTERFACE, Arc::new(service)), ServerTransport { requests, waiting })
}

/// The serving side of a service that netref carries: what tarpc's `BaseChannel` takes.
pub struct ServerTransport<Req, Resp> {
    requests: UnboundedReceiver<ClientMessage<Req>>,
    waiting: Arc<Waiting<Resp>>,
}

/// The requests that tarpc has and that are not answered. There are no more than calls that run.
struct Waiting<Resp> {
    table: Mutex<HashMap<u64, oneshot::Sender<Result<Resp, ServerError>>>>,
}

impl<Resp> Default for Waiting<Resp> {
    fn default() -> Self {
        Self { table: Mutex::default() }
    }
}

impl<Req, Resp> fmt::Debug for ServerTransport<Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTransport").field("waiting", &self.waiting.table.lock().len()).finish_non_exhaustive()
    }
}

impl<Req, Resp> Drop for ServerTransport<Req, Resp> {
    fn drop(&mut self) {
        // From here on no request is taken, so nothing is added behind what is dropped.
        self.requests.close();
        drop(std::mem::take(&mut *self.waiting.table.lock()));
    }
}

impl<Req, Resp> Stream for ServerTransport<Req, Resp> {
    type Item = Result<ClientMessage<Req>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.requests.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl<Req, Resp> Sink<Response<Resp>> for ServerTransport<Req, Resp> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, response: Response<Resp>) -> Result<(), Error> {
        let waiting = self.waiting.table.lock().remove(&response.request_id);
        if let Some(waiting) = waiting {
            // Whoever asked may be gone by now.
            drop(waiting.send(response.message));
        }
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
    sender: UnboundedSender<ClientMessage<Req>>,
    waiting: Arc<Waiting<Resp>>,
    next: AtomicU64,
}

impl<Req, Resp> Handler for Service<Req, Resp>
where
    Req: RequestName + DeserializeOwned + Send + 'static,
    Resp: Serialize + DeserializeOwned + Send + 'static,
{
    fn call(&self, call: RawCall) -> RawReturn {
        let RawCall { method, payload, context } = call;
        let message = match admit::<Req, Resp>(&method, payload.codec).and_then(|()| {
            convert::decode::<Req>(payload)
                .map_err(|why| Error::new(ErrorKind::Codec, Outcome::NotRun, format!("the request cannot be decoded: {why}")))
        }) {
            Ok(message) => message,
            Err(error) => return RawReturn::failed(error.with_method(method.to_string())),
        };
        let context = convert::context_of(&context);
        let (answer, answered) = oneshot::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.table.lock().insert(id, answer);
        let asked = Asked { id, trace: context.trace_context, sender: self.sender.clone(), waiting: Arc::clone(&self.waiting) };
        if self.sender.send(ClientMessage::Request(Request { context, id, message })).is_err() {
            let text = "the service is not served any more: its tarpc transport was dropped";
            return RawReturn::failed(Error::new(ErrorKind::NoSuchObject, Outcome::NotRun, text).with_method(method.to_string()));
        }
        RawReturn::pending(async move {
            let answer = answered.await;
            drop(asked);
            reply(answer).unwrap_or_else(|error| RawReply::Failed(error.with_method(method.to_string())))
        })
    }
}

/// Whether the caller's types are this service's.
fn admit<Req: DeserializeOwned + 'static, Resp: DeserializeOwned + 'static>(method: &Method, codec: u8) -> Result<(), Error> {
    if by_name::is_meant(method) {
        let codec = Codec::from_id(codec).map_err(|error| Error::new(ErrorKind::Codec, Outcome::NotRun, error.to_string()))?;
        return by_name::check(method.fingerprint, codec);
    }
    let schema = convert::schema::<Req, Resp>();
    match schema.refuses(&method.structure) {
        Some(why) if schema.fingerprint() != method.fingerprint => {
            Err(Error::new(ErrorKind::SchemaMismatch, Outcome::NotRun, format!("{why}; the service is another version's")))
        }
        _ => Ok(()),
    }
}

fn reply<Resp: Serialize>(answer: Result<Result<Resp, ServerError>, oneshot::error::RecvError>) -> Result<RawReply, Error> {
    let unsent = |why: String| Error::new(ErrorKind::Codec, Outcome::Ran, format!("the result cannot be encoded: {why}"));
    match answer {
        Ok(Ok(value)) => convert::encode(&value).map(RawReply::Ok).map_err(unsent),
        Ok(Err(error)) => convert::encode(&error).map(RawReply::AppError).map_err(unsent),
        Err(_) => {
            let text = "the service's tarpc transport was dropped while the request ran";
            Err(Error::new(ErrorKind::Cancelled, Outcome::MayHaveRun, text))
        }
    }
}

/// A request that is on its way through tarpc. Dropped before it is answered, it is cancelled there.
struct Asked<Req, Resp> {
    id: u64,
    trace: trace::Context,
    sender: UnboundedSender<ClientMessage<Req>>,
    waiting: Arc<Waiting<Resp>>,
}

impl<Req, Resp> Drop for Asked<Req, Resp> {
    fn drop(&mut self) {
        let waiting = self.waiting.table.lock().remove(&self.id);
        if waiting.is_some() {
            // A transport that is gone has cancelled all of its requests.
            drop(self.sender.send(ClientMessage::Cancel { trace_context: self.trace, request_id: self.id }));
        }
    }
}
