//! Remote objects: an object in another process is used like an object in this one.
//!
//! A trait with [`#[remote]`](macro@remote) on it is an interface. A [`Remote<dyn Trait>`](Remote) refers to an object that implements it, wherever
//! the object lives, and implements the trait itself. References travel in arguments and results, so either side can hand objects to the
//! other; when the last reference to an object is dropped, anywhere, so is the object.
//!
#![doc = include_str!("tutorial.md")]
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `metrics` | `around::Metrics`, which counts calls for the facade of that name |
//! | `tower` | `around::Tower` and `around::CallService`: layers around calls, and references as services |
//! | `testing` | the module `testing`: a relay for TCP that is slow, silent or broken when a test tells it to be |
//! | `json` | the JSON codec, for callers without the code: `Codec::Json`, `Payload::json` and what reads it again; `dynamic`, calls without a trait; JSON Schema of described types |
//! | `lz4` | `NodeBuilder::compression` and `Session::compression`: shorter messages between nodes that both ask for it |
//! | `tarpc` | `tarpc_bridge`: services of tarpc over netref sessions |
//!
//! None is on by default. A feature adds functions and never changes what is there without it.
//!
//! # The modules, in the order in which a call meets them
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`interface`](Interface), [`value`](Value), `promises`, `__private`, [`function`] | what the macro makes of a trait, what generated code calls, and the same for closures |
//! | [`remote`](Remote), [`any`](AnyRemote), [`weak`](WeakRemote), [`object_key`](ObjectKey) | references |
//! | [`call`](Call), [`pipeline`](Pipeline), [`context`](Context), [`blocking`], `background` | a call from its caller's side, what it inherits, and waiting without async |
//! | [`codec`](Codec), `json`, `transfer`, `bulk`, `pool`, `compression` | values to bytes, references and byte payloads beside them, and fewer bytes |
//! | [`session`](Session) | tables, bytes and objects meet: sending, reading, dispatching |
//! | [`stream`] | items, bytes and changing values, from one node to another |
//! | [`schema`], [`introspect`] | what the types of a method are made of, whether two versions fit, and what an object says about itself |
//! | `dynamic`, `tarpc_bridge`, `near` | calls and objects without a trait, services of tarpc, and what was meant by a name that is not there |
//! | `proto`, [`wire`] | the protocol without I/O, and its bytes |
//! | [`transport`], [`node`](Node), [`peer`](Peer) | links, and who is at the other end |
//! | [`around`], [`trace`](TraceContext) | what stands around a call, and the trace that it belongs to |
//! | `inbound`, `servant`, `direct`, `by_name`, `cast`, [`handler`](Handler), [`object`](Object), `registry` | a call at its callee, and the object it is for |
//! | [`error`](Error), `panics`, [`limits`], [`id`], `random`, `sync` | what all of them use |
//! | `testing`, `internals` | what tests use, those of others and those of this repository |

extern crate self as netref;

#[doc(hidden)]
pub mod __private;
mod any;
pub mod around;
mod background;
pub mod blocking;
mod bulk;
mod by_name;
mod call;
mod cast;
mod codec;
mod compression;
mod context;
mod direct;
#[cfg(feature = "json")]
pub mod dynamic;
mod error;
pub mod function;
mod handler;
pub mod id;
mod inbound;
mod interface;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod introspect;
#[cfg(feature = "json")]
mod json;
pub mod limits;
mod near;
mod node;
mod object;
mod object_key;
mod panics;
mod peer;
mod pipeline;
mod pool;
mod promises;
mod proto;
mod random;
mod registry;
mod remote;
pub mod schema;
mod servant;
mod session;
pub mod stream;
mod sync;
#[cfg(feature = "tarpc")]
pub mod tarpc_bridge;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod transfer;
pub mod transport;
mod value;
mod weak;
pub mod wire;

/// How netref is built: the path of one call, who may import whom, and what is absent on purpose.
#[cfg(doc)]
#[doc = include_str!("architecture.md")]
pub mod architecture {}

pub use any::AnyRemote;
pub use call::Call;
pub use codec::{Codec, CodecError};
#[cfg(feature = "lz4")]
pub use compression::{Compression, CompressionStats, Saved};
pub use context::{Context, spawn};
pub use error::{Error, ErrorKind, Fault, Outcome, Result, Scope};
pub use function::RemoteFn;
pub use handler::{Handler, Method, Payload, RawCall, RawReply, RawReturn};
pub use interface::{Export, Interface, InterfaceDescriptor, MethodDescriptor, ParameterDescriptor, Supertrait};
pub use limits::Limits;
pub use netref_macros::{Pipeline, Schema, remote};
pub use node::{Node, NodeBuilder, NodeStats, connect, connect_any};
pub use object::Object;
pub use object_key::ObjectKey;
pub use peer::Peer;
pub use pipeline::Pipeline;
pub use remote::Remote;
pub use schema::Schema;
pub use session::{Session, SessionStats};
pub use trace::TraceContext;
pub use value::Value;
pub use weak::WeakRemote;
