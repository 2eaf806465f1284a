//! tarpc services over netref sessions, with the feature `tarpc`: a stock `#[tarpc::service]` with its generated client and server, in both
//! directions on one connection, beside netref's own objects. Only where the transport is made is the code another one.
//!
//! A service is an object like any other: published under a name, handed over in an argument, dropped with its last reference. Each request
//! is one netref call, named as the request is (`tarpc.World.hello`), so netref's limits, credit and identity hold for it.
//!
//! | tarpc | netref |
//! | --- | --- |
//! | the deadline of a request | the deadline of the call, which travels as time that is left |
//! | its trace context | the trace of the call |
//! | a dropped request | a cancelled call |
//! | `ServerError` | the method's own error |
//! | what netref says of a call | a `ServerError` that says it in its `detail`; the end of the session is the end of the channel |
//! | types of another version | an error that says where they differ (`InvalidData`) |
//!
//! ```
//! use netref::{Node, tarpc_bridge};
//! use tarpc::server::{BaseChannel, Channel};
//! use tarpc::{client, context};
//! # use futures::StreamExt;
//!
//! #[tarpc::service]
//! trait World {
//!     async fn hello(name: String) -> String;
//! }
//!
//! #[derive(Clone)]
//! struct Greeter;
//! impl World for Greeter {
//!     async fn hello(self, _: context::Context, name: String) -> String {
//!         format!("hello {name}")
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! // One process:
//! let (service, transport) = tarpc_bridge::server();
//! let requests = BaseChannel::with_defaults(transport).execute(tarpc_bridge::caught(Greeter.serve()));
//! tokio::spawn(requests.for_each(|request| async { drop(tokio::spawn(request)) }));
//! let node = Node::builder().listen("mem://tarpc-doc").start().await?;
//! node.publish_any("world", service)?;
//!
//! // Another one:
//! let service = netref::connect_any("mem://tarpc-doc/world").await?;
//! let world = WorldClient::new(client::Config::default(), tarpc_bridge::client(service)).spawn();
//! assert_eq!(world.hello(context::current(), "ada".into()).await.unwrap(), "hello ada");
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! [`Stub`] calls without tarpc's dispatch task, for the generated client (`WorldClient::from(Stub::new(service))`) and for tarpc's retry and
//! load-balancing stubs.
//!
//! tarpc is without its `serde-transport-bincode` here, which would bring bincode 1: requests are values in netref's own codec, and
//! may hold references. A handler that panics answers nothing, as everywhere in tarpc, and its caller waits for the deadline: [`caught()`] makes an
//! error of it.
//!
//! A service says nothing of itself to those who ask what it can be called with ([`AnyRemote::describe`](crate::AnyRemote::describe)): tarpc keeps the names of its
//! methods in its requests alone. They are told that it is one of tarpc's, and no more.
//!
//! How much runs at a time is tarpc's to say, with `max_concurrent_requests` on its channel. A stream of requests that is not polled while so
//! many of them run (`buffer_unordered`) does not hear of what is cancelled in the meantime.
//!
//! # Files
//!
//! | file | what |
//! | --- | --- |
//! | `client.rs` | the calling side's transport |
//! | `server.rs` | the serving side's transport, and the object before it |
//! | `queue.rs` | what lies between the two: requests that wait, answers that are waited for |
//! | `caught.rs` | [`caught()`] |
//! | `stub.rs` | [`Stub`] |
//! | `convert.rs` | requests, results, contexts and errors from one to the other |

mod caught;
mod client;
mod convert;
mod queue;
mod server;
mod stub;

pub use caught::{Caught, caught};
pub use client::{ClientTransport, client};
pub use server::{ServerTransport, server};
pub use stub::Stub;
