//! Owns a network to test on: [`Relay`] stands between two programs and is slow, silent or broken when it is told to. It knows streams of
//! bytes and nothing of what netref sends on them. Behind the feature `testing`, for tests of yours as for netref's own.
//!
//! A [`Relay`] listens on this machine and passes every connection on to one address. Each of its two [`Direction`]s has [`Conditions`] of
//! its own, which can be changed while it runs: a delay, a jitter, a rate, or a stall, in which nothing passes and nothing is lost, as when a
//! cable is pulled. [`Relay::cut`] ends the connections there are. It needs no privileges, and what it holds is bounded: a
//! receiver that is slow stops the sender, as it would without the relay. [`Line`] is the same for two streams that are there already.
//!
//! What is random comes from a seed. The same seed gives the pieces in which a stream is read the same delays, one after the other; into
//! which pieces a stream over TCP falls is the operating system's choice.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use netref::testing::Relay;
//! use netref::{ErrorKind, Node, Remote, Result, remote};
//!
//! #[remote]
//! trait Echo {
//!     async fn echo(&self, text: &str) -> Result<String>;
//! }
//! # struct Canyon;
//! # impl Echo for Canyon { async fn echo(&self, text: &str) -> Result<String> { Ok(text.to_owned()) } }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let node = Node::builder().listen("tcp://127.0.0.1:0").publish("echo", Remote::<dyn Echo>::new(Canyon)).start().await?;
//! let relay = Relay::to(&node.addresses()[0], 1).await?;
//! let echo: Remote<dyn Echo> = netref::connect(&format!("{}/echo", relay.address())).await?;
//!
//! relay.onward().change(|conditions| conditions.delay = Duration::from_millis(20));
//! relay.back().change(|conditions| conditions.delay = Duration::from_millis(20));
//! let begin = Instant::now();
//! assert_eq!(echo.echo("far away").await?, "far away");
//! assert!(begin.elapsed() >= Duration::from_millis(40));
//!
//! relay.back().stall();
//! let lost = echo.echo("is anybody there?").timeout(Duration::from_millis(100)).await;
//! assert_eq!(lost.unwrap_err().kind(), ErrorKind::Deadline);
//! relay.back().resume();
//! assert_eq!(echo.echo("yes").await?, "yes");
//!
//! relay.cut();
//! Remote::closed(&echo).await;
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! Two nodes have one session, however often they connect: a node that has a session with the other one already goes on using that, past the
//! relay. Connect through the relay first, or with a node of its own.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `relay`, `line` | connections, and the two directions of each |
//! | `conditions`, `direction` | what a direction is like, and changing it |
//! | `schedule`, `dice` | when each piece arrives, and what is random about it |
//! | `pump` | the bytes of one direction |

mod conditions;
mod dice;
mod direction;
mod line;
mod pump;
mod relay;
mod schedule;

pub use conditions::Conditions;
pub use direction::Direction;
pub use line::Line;
pub use relay::Relay;
