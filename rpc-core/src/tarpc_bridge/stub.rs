//! Owns [`Stub`]: a service that is called without tarpc's dispatch task.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::client::{self, RpcError};
use tarpc::{RequestName, context};
use tokio::time::timeout_at;

use super::convert;
use crate::any::AnyRemote;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{RawReply, RawReturn};

/// A reference to a service as tarpc's `Stub`: each call is a netref call and nothing besides, and inherits what the handler in which it is
/// made has (its deadline, if that is earlier, and its chain).
///
/// ```
/// use netref::tarpc_bridge::{self, Stub};
/// # #[tarpc::service]
/// # trait World { async fn hello(name: String) -> String; }
/// # let (service, _transport) = tarpc_bridge::server::<WorldRequest, WorldResponse>();
///
/// let world = WorldClient::from(Stub::new(service)); // `service` came from `connect_any`, say
/// ```
pub struct Stub<Req, Resp> {
    service: AnyRemote,
    types: PhantomData<fn(Req) -> Resp>,
}

impl<Req, Resp> Stub<Req, Resp> {
    /// A stub for a service.
    #[must_use]
    pub const fn new(service: AnyRemote) -> Self {
        Self { service, types: PhantomData }
    }
}

impl<Req, Resp> client::stub::Stub for Stub<Req, Resp>
where
    Req: RequestName + Serialize + DeserializeOwned + 'static,
    Resp: DeserializeOwned + 'static,
{
    type Req = Req;
    type Resp = Resp;

    async fn call(&self, context: context::Context, request: Req) -> Result<Resp, RpcError> {
        let call = convert::call::<Req, Resp>(&context, &request).map_err(unsent)?;
        let reply = answered(self.service.call_raw(call));
        match timeout_at(context.deadline.into(), reply).await {
            Ok(RawReply::Ok(value)) => convert::result(value).map_err(|why| RpcError::Server(convert::unread(&why))),
            Ok(RawReply::AppError(error)) => Err(RpcError::Server(convert::result(error).unwrap_or_else(|why| convert::unread(&why)))),
            Ok(RawReply::Failed(error)) if error.kind() == ErrorKind::Deadline => Err(RpcError::DeadlineExceeded),
            Ok(RawReply::Failed(error)) if error.outcome() == Outcome::NotRun => Err(unsent(error)),
            Ok(RawReply::Failed(error)) => Err(RpcError::Server(convert::server_error(&error))),
            Err(_) => Err(RpcError::DeadlineExceeded),
        }
    }
}

/// Owns what was returned, so that it is dropped, and with it the call, when the time is over.
async fn answered(returned: RawReturn) -> RawReply {
    returned.reply().await
}

fn unsent(error: Error) -> RpcError {
    RpcError::Send(Box::new(error))
}

impl<Req, Resp> Clone for Stub<Req, Resp> {
    fn clone(&self) -> Self {
        Self::new(self.service.clone())
    }
}

impl<Req, Resp> fmt::Debug for Stub<Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.fmt(f)
    }
}
