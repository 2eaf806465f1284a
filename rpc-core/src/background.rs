//! Owns netref's background runtime, started when code without a runtime first needs one, and the one way to wait on it.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, ErrorKind, Outcome};

/// The runtime, one worker thread named `netref`.
fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("netref").enable_all().build().map_err(|error| error.to_string())
    });
    runtime.as_ref().map_err(|error| {
        let text = format!("the background runtime cannot be started: {error}");
        Error::new(ErrorKind::Misuse, Outcome::NotRun, text)
    })
}

/// The runtime of whoever calls, and outside any the background one.
pub(crate) fn current_or_own() -> Result<Handle, Error> {
    match Handle::try_current() {
        Ok(current) => Ok(current),
        Err(_) => runtime().map(|own| own.handle().clone()),
    }
}

/// Blocks the thread until `future` is done. `what` names the function that the user called, and what there is to await instead.
///
/// # Errors
///
/// `Misuse` inside a runtime: the thread that would be blocked may be the one that has to do the work.
pub(crate) fn wait<F: Future>(what: &str, future: F) -> Result<F::Output, Error> {
    if Handle::try_current().is_ok() {
        let text = format!("{what} was called inside a tokio runtime, which it would block");
        return Err(Error::new(ErrorKind::Misuse, Outcome::NotRun, text));
    }
    runtime().map(|runtime| runtime.block_on(future))
}
