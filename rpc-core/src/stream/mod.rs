//! Streams: data that flows from one place to another, whichever nodes those are on.
//!
//! A stream has two halves. Both are made here, and each can be passed on in a call: as an argument, in a result, at any depth, or in an item
//! of another stream. The half that is not passed on stays here, and the two keep working together; a half can be passed on again from where it
//! is, and then everything goes through the nodes in between. As long as both halves are in one process nothing is encoded.
//!
//! | | made by | halves |
//! | --- | --- | --- |
//! | items | [`channel`] | [`Sender`], [`Receiver`] |
//! | bytes | [`bytes()`] | [`ByteWriter`], [`ByteReader`] |
//! | the latest value | [`watch()`] | [`WatchSender`], [`WatchReceiver`] |
//! | an iterator or stream of yours | [`from_iter`], [`from_stream`] | a [`Receiver`] |
//!
//! ```
//! use netref::stream::{self, Receiver};
//! use netref::{Remote, Result, remote};
//!
//! #[remote]
//! trait Log {
//!     async fn follow(&self, from: u64) -> Result<Receiver<String>>;
//! }
//!
//! struct Lines;
//!
//! impl Log for Lines {
//!     async fn follow(&self, from: u64) -> Result<Receiver<String>> {
//!         let (mut sender, receiver) = stream::channel(16);
//!         tokio::spawn(async move {
//!             for line in from..from + 3 {
//!                 sender.send(format!("line {line}")).await?;
//!             }
//!             sender.finish().await
//!         });
//!         Ok(receiver)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let log = Remote::<dyn Log>::new(Lines);
//! let mut lines = log.follow(7).await?;
//! let mut seen = Vec::new();
//! while let Some(line) = lines.recv().await {
//!     seen.push(line?);
//! }
//! assert_eq!(seen, ["line 7", "line 8", "line 9"]);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! # The end
//!
//! A stream ends well only when its sender says so: [`Sender::finish`], or `shutdown` of a byte writer. Both wait until the other node has
//! everything. Everything else is an error at the other half, of scope [`Stream`](crate::Scope::Stream) or [`Session`](crate::Scope::Session), which
//! says what happened: a half that was dropped, by a task that was cancelled or panicked for instance, the words of [`Sender::fail`] and
//! [`Receiver::stop`], a session that was lost. What had arrived before is read first.
//!
//! # When the reader is slow
//!
//! A sender waits while as many items as the channel was made for, or as many bytes as the receiver's node allows
//! ([`Limits::stream_window`](crate::Limits::stream_window)), are on their way or wait to be read. It waits in `send`, and nobody else does:
//! neither calls nor other streams on the same session are held up.
//!
//! # Code without types, and without async
//!
//! A half passes interceptors, relays and callers in JSON as it is: it can be passed on, once, and all else that is done with it is refused. A call
//! that carries one cannot be made again ([`Payload::is_once`](crate::Payload::is_once)), and [`Retry`](crate::around::Retry) never does.
//!
//! Halves are made, passed on and dropped outside a runtime as inside one. A program without async waits for them with
//! [`blocking::block_on`](crate::blocking::block_on): `block_on(receiver.recv())`.

mod bytes;
mod half;
mod item;
mod iterate;
mod outlet;
mod pace;
pub(crate) mod pump;
mod queue;
mod receiver;
mod sender;
pub(crate) mod traced;
mod watch;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::bytes::{ByteReader, ByteWriter, bytes};
pub(crate) use half::Half as StreamHalf;
use half::Held;
pub(crate) use item::{Port, Queued, broken};
pub use iterate::{from_iter, from_stream};
pub(crate) use outlet::{Sent, too_large};
pub(crate) use queue::{Leaving, Queue};
pub use receiver::Receiver;
pub use sender::Sender;
use traced::{BYTE_READER, BYTE_WRITER, Traced};
pub use watch::{WatchReceiver, WatchSender, watch};

use crate::proto::{self, Kind};

/// What a stream can carry: whatever serde can, references and halves of other streams included.
///
/// A promise in an item goes as an object of this process: calls on it come here, wait here until it is known what it is, and fail by what
/// broke it if it comes to nothing.
pub trait Item: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Item for T {}

/// Makes a stream of items. Both halves are here, and either can be passed on in a call. At most `unread` items wait to be read (at least
/// one), and the sender waits while there are so many. Over a session a sender that waits learns of what was read a quarter of that at a time, so
/// count on room for three quarters of `unread` when reading and sending wait for each other. Each node that a half was passed on through may hold as many once more, on their way.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (mut sender, mut receiver) = netref::stream::channel(4);
/// sender.send("one".to_owned()).await?;
/// sender.finish().await?;
/// assert_eq!(receiver.recv().await, Some(Ok("one".to_owned())));
/// assert_eq!(receiver.recv().await, None);
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
pub fn channel<T: Item>(unread: usize) -> (Sender<T>, Receiver<T>) {
    let unread = u32::try_from(unread).unwrap_or(u32::MAX).clamp(1, u32::MAX - 2);
    let queue = Queue::local(Kind::Items(unread));
    let receiver = Receiver::new(Held::new(proto::Half::Receiving, Arc::clone(&queue)));
    (Sender::new(Held::new(proto::Half::Sending, queue)), receiver)
}
