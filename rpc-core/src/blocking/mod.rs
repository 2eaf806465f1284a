//! netref for programs without async: connecting, hosting and waiting from plain threads.
//!
//! References and calls are the same as elsewhere; what differs is who waits. A call is driven with [`Call::wait`](crate::Call::wait), and
//! the functions here block the thread that calls them. The work is done by a runtime of netref's own, one thread that starts when it
//! is first needed, so a program needs no runtime, and its `main` no attribute.
//!
//! ```
//! use std::time::Duration;
//! use netref::{Remote, Result, blocking, remote};
//!
//! #[remote]
//! trait Counter {
//!     async fn add(&mut self, amount: u64) -> Result<u64>;
//! }
//!
//! struct Plain(u64);
//! impl Counter for Plain {
//!     // The only trace of async: a method without an `.await` in it is plain code.
//!     async fn add(&mut self, amount: u64) -> Result<u64> {
//!         self.0 += amount;
//!         Ok(self.0)
//!     }
//! }
//!
//! fn main() -> Result<()> {
//!     let counter = Remote::<dyn Counter>::new(Plain(0));
//!     let node = blocking::Node::builder().listen("tcp://127.0.0.1:0").publish("counter", counter).start()?;
//!
//!     let mut counter: Remote<dyn Counter> = blocking::connect(&format!("{}/counter", node.addresses()[0]))?;
//!     assert_eq!(counter.add(2).wait()?, 2);
//!     assert_eq!(counter.add(3).timeout(Duration::from_secs(5)).wait()?, 5);
//!     let running = counter.add(1).send(); // runs while this thread does other things
//!     assert_eq!(running.wait()?, 6);
//!
//!     assert_eq!(node.shutdown(Duration::from_secs(1))?, 0);
//!     assert!(blocking::closed(&counter, Duration::from_secs(5))?.is_some());
//!     Ok(())
//! }
//! ```
//!
//! Methods of hosted objects run on netref's one thread. One that blocks its thread for long says `#[remote(blocking)]`, and gets a thread
//! of its own. Inside a method a call is awaited: waiting there would block the thread that has to do the work.
//!
//! Inside a tokio runtime every function here is an error of kind [`Misuse`](crate::ErrorKind::Misuse) that says what to await instead, and
//! never a hang or a panic. What has no form of its own here, such as [`AnyRemote::cast`](crate::AnyRemote::cast) or
//! [`WeakRemote::upgrade`](crate::WeakRemote::upgrade), is waited for with [`block_on`].

mod node;

use std::future::Future;
use std::time::Duration;

pub use node::{Node, NodeBuilder};

use crate::background;
use crate::error::{Error, Result};
use crate::interface::Interface;
use crate::remote::Remote;

/// The object that is published at an address, from the process's default node. See [`netref::connect`](crate::connect).
///
/// # Errors
///
/// As [`netref::Node::connect`](crate::Node::connect), and `Misuse` inside a runtime.
pub fn connect<T: ?Sized + Interface>(url: &str) -> Result<Remote<T>> {
    background::wait("`netref::blocking::connect` (there is `netref::connect` to await)", crate::connect(url))?
}

/// Waits until an object cannot be reached any more, at most `limit`, and says why. `None` when it still can be then.
///
/// # Errors
///
/// `Misuse` inside a runtime.
pub fn closed<T: ?Sized + Interface>(remote: &Remote<T>, limit: Duration) -> Result<Option<Error>> {
    let what = "`netref::blocking::closed` (there is `Remote::closed` to await)";
    background::wait(what, async { tokio::time::timeout(limit, Remote::closed(remote)).await.ok() })
}

/// Waits for any future of netref's, or of the program's own.
///
/// ```
/// # use netref::{Remote, Result, blocking, remote};
/// # #[remote] trait Echo { async fn echo(&self) -> Result<()>; }
/// # struct Here; impl Echo for Here { async fn echo(&self) -> Result<()> { Ok(()) } }
/// let strong = Remote::<dyn Echo>::new(Here);
/// let weak = Remote::downgrade(&strong);
/// assert!(blocking::block_on(weak.upgrade())??.is_some());
/// # Ok::<(), netref::Error>(())
/// ```
///
/// # Errors
///
/// `Misuse` inside a runtime; the future was not polled then. What the future itself gives is in the `Ok`.
pub fn block_on<F: Future>(future: F) -> Result<F::Output> {
    background::wait("`netref::blocking::block_on`", future)
}
