//! Owns [`caught`]: a handler's panic as an error of the one request.

use std::fmt;
use std::io;

use tarpc::server::Serve;
use tarpc::{ServerError, context};

use crate::error::Outcome;
use crate::panics;

/// The same handlers, whose panics are errors at their callers. Without it a handler that panics answers nothing, as everywhere in tarpc, and
/// its caller waits for the deadline, which is far away where it set none.
///
/// What the panic said stays in this process, where the panic hook prints it.
///
/// ```
/// use netref::tarpc_bridge;
/// use tarpc::server::Serve;
/// use tarpc::context;
/// # #[tarpc::service]
/// # trait World { async fn hello(name: String) -> String; }
/// # #[derive(Clone)]
/// # struct Clumsy;
/// # impl World for Clumsy {
/// #     async fn hello(self, _: context::Context, name: String) -> String { panic!("{name} is not greeted") }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
///
/// let request = WorldRequest::Hello { name: "ada".into() };
/// let error = tarpc_bridge::caught(Clumsy.serve()).serve(context::current(), request).await.unwrap_err();
/// assert!(error.detail.contains("the handler panicked"));
/// # });
/// ```
#[must_use]
pub const fn caught<S>(serve: S) -> Caught<S> {
    Caught { serve }
}

/// Handlers whose panics are errors at their callers: what [`caught`] gives.
#[derive(Clone)]
pub struct Caught<S> {
    serve: S,
}

impl<S> fmt::Debug for Caught<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caught").finish_non_exhaustive()
    }
}

impl<S: Serve> Serve for Caught<S> {
    type Req = S::Req;
    type Resp = S::Resp;

    async fn serve(self, context: context::Context, request: S::Req) -> Result<S::Resp, ServerError> {
        let serve = self.serve;
        let served = panics::Caught::new(async move { serve.serve(context, request).await }, Outcome::MayHaveRun);
        served.await.unwrap_or_else(|_| {
            let text = "the handler panicked; the call may have run: see the callee's log";
            Err(ServerError::new(io::ErrorKind::Other, text.to_owned()))
        })
    }
}
