//! Owns the calling side's transport: each request that tarpc hands over becomes a call, and each reply of a call a response.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures::future::{AbortHandle, Abortable};
use futures::stream::FuturesUnordered;
use futures::{Sink, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::{ClientMessage, Request, RequestName, Response};

use super::convert;
use crate::any::AnyRemote;
use crate::error::{Error, ErrorKind, Scope};
use crate::handler::{RawReply, RawReturn};

/// A transport for the generated client of a service. See [the module](super) for an example.
#[must_use]
pub fn client<Req, Resp>(service: AnyRemote) -> ClientTransport<Req, Resp> {
    let watched = service.clone();
    ClientTransport {
        service,
        closed: Some(Box::pin(async move { watched.closed().await })),
        calls: FuturesUnordered::new(),
        running: HashMap::new(),
        waker: None,
        types: PhantomData,
    }
}

/// The calling side of a service that netref carries: what tarpc's `client::new` takes.
///
/// It ends with the session; a request on its way then gets the channel's error. Dropping it drops the reference to the service and
/// cancels what runs.
pub struct ClientTransport<Req, Resp> {
    service: AnyRemote,
    /// Nothing once it has been told.
    closed: Option<Pin<Box<dyn Future<Output = Error> + Send>>>,
    calls: FuturesUnordered<Running<Resp>>,
    /// The calls by the ids that tarpc gave them, to cancel them.
    running: HashMap<u64, AbortHandle>,
    /// Whoever waits for a response while there is no call to wait for.
    waker: Option<Waker>,
    types: PhantomData<fn(Req)>,
}

/// Nothing for a request whose time is over: tarpc says so by itself, in its own words.
type Answer<Resp> = (u64, Option<Result<Response<Resp>, Error>>);

type Running<Resp> = Abortable<Pin<Box<dyn Future<Output = Answer<Resp>> + Send>>>;

impl<Req, Resp> fmt::Debug for ClientTransport<Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTransport").field("service", &self.service).field("running", &self.running.len()).finish_non_exhaustive()
    }
}

#[allow(clippy::disallowed_methods)]
async fn answered<Resp: DeserializeOwned>(request_id: u64, deadline: Instant, returned: RawReturn) -> Answer<Resp> {
    let message = match returned.reply().await {
        RawReply::Ok(value) => convert::result(value).map_err(|why| convert::unread(&why)),
        RawReply::AppError(error) => Err(convert::result(error).unwrap_or_else(|why| convert::unread(&why))),
        RawReply::Failed(error) if error.scope() == Scope::Session => return (request_id, Some(Err(error))),
        RawReply::Failed(error) if error.kind() == ErrorKind::Deadline && deadline <= Instant::now() => return (request_id, None),
        RawReply::Failed(error) => Err(convert::server_error(&error)),
    };
    (request_id, Some(Ok(Response { request_id, message })))
}

impl<Req, Resp: 'static> Stream for ClientTransport<Req, Resp> {
    type Item = Result<Response<Resp>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match Pin::new(&mut this.calls).poll_next(cx) {
                Poll::Ready(Some(Ok((id, answer)))) => {
                    this.running.remove(&id);
                    if answer.is_some() {
                        return Poll::Ready(answer);
                    }
                }
                // It was cancelled, and is dropped by now.
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        let Some(closed) = &mut this.closed else { return Poll::Ready(None) };
        if let Poll::Ready(error) = closed.as_mut().poll(cx) {
            this.closed = None;
            return Poll::Ready(Some(Err(error)));
        }
        this.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<Req, Resp> Sink<ClientMessage<Req>> for ClientTransport<Req, Resp>
where
    Req: RequestName + Serialize + DeserializeOwned + 'static,
    Resp: DeserializeOwned + Send + 'static,
{
    type Error = Error;

    /// A call that has no credit waits by itself; how many may wait is tarpc's setting.
    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: ClientMessage<Req>) -> Result<(), Error> {
        match message {
            ClientMessage::Request(Request { context, id, message }) => {
                let call = convert::call::<Req, Resp>(&context, &message)?;
                let returned = self.service.call_raw(call);
                let (handle, registration) = AbortHandle::new_pair();
                self.running.insert(id, handle);
                self.calls.push(Abortable::new(Box::pin(answered(id, context.deadline, returned)), registration));
                if let Some(waker) = self.waker.take() {
                    waker.wake();
                }
            }
            ClientMessage::Cancel { request_id, .. } => {
                if let Some(handle) = self.running.remove(&request_id) {
                    handle.abort();
                }
            }
            // Messages that a later tarpc may have mean nothing to a call.
            _ => {}
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
