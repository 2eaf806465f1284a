//! Owns netref's background runtime, started when code without a runtime first waits for a call.

use std::sync::OnceLock;

use tokio::runtime::Runtime;

use crate::error::{Error, ErrorKind, Outcome};

/// The runtime, one worker thread named `netref`.
pub(crate) fn runtime() -> Result<&'static Runtime, Error> {
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
