//! Owns waiting in tests: everything that is waited for has a bound, and a hang is a failure that says what hung.

use std::future::Future;
use std::time::Duration;

/// After this long whatever is waited for is taken not to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a future gives, which it has to do soon.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("it hangs: {what}"),
    }
}

/// Waits until something is so, which it has to be soon.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    within(what, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
