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

/// Starts a task of a value whose drop takes locks, while such a lock is held. A runtime that is shut down drops at once what it is given; then
/// the value is dropped on netref's own.
pub(crate) fn spawn_under_lock<T: Send + 'static, F: Future<Output = ()> + Send + 'static>(
    runtime: &Handle,
    value: T,
    run: impl FnOnce(T) -> F + Send + 'static,
) {
    let mut unstarted = Unstarted(Some(value));
    runtime.spawn(async move {
        if let Some(value) = unstarted.0.take() {
            run(value).await;
        }
    });
}

struct Unstarted<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Drop for Unstarted<T> {
    fn drop(&mut self) {
        let Some(value) = self.0.take() else { return };
        match runtime() {
            Ok(runtime) => drop(runtime.spawn(async move { drop(value) })),
            // Leaked: better than a thread that waits for itself.
            Err(_) => std::mem::forget(value),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Tells(mpsc::Sender<std::thread::ThreadId>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(std::thread::current().id());
        }
    }

    #[test]
    fn value_for_a_runtime_that_is_shut_down_is_dropped_by_another_thread() {
        let own = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let handle = own.handle().clone();
        let (tells, told) = mpsc::channel();
        spawn_under_lock(&handle, Tells(tells.clone()), |value| async move { drop(value) });
        let ran = told.recv().expect("it runs");
        own.shutdown_background();
        spawn_under_lock(&handle, Tells(tells), |value| async move { drop(value) });
        let dropped = told.recv().expect("it is dropped");
        assert!(dropped != std::thread::current().id() && dropped != ran);
    }
}
