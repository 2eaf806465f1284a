//! netref

extern crate self as netref;

#[doc(hidden)]
pub mod __private;
mod any;
mod background;
mod bulk;
mod call;
mod codec;
mod context;
mod error;
mod handler;
pub mod id;
mod inbound;
mod interface;
pub mod limits;
mod node;
mod object;
mod object_key;
mod panics;
mod peer;
mod pool;
mod promises;
mod proto;
mod random;
mod registry;
mod remote;
mod servant;
mod session;
mod transfer;
pub mod transport;
mod weak;
pub mod wire;

pub use any::AnyRemote;
pub use call::Call;
pub use codec::{Codec, CodecError};
pub use context::{Context, spawn};
pub use error::{Error, ErrorKind, Fault, Outcome, Result, Scope};
pub use handler::{Handler, Method, Payload, RawCall, RawReply, RawReturn};
pub use interface::{Export, Interface, InterfaceDescriptor, MethodDescriptor, ParameterDescriptor};
pub use limits::Limits;
pub use netref_macros::remote;
pub use node::{Node, NodeBuilder, NodeStats, connect};
pub use object::Object;
pub use object_key::ObjectKey;
pub use peer::Peer;
pub use remote::Remote;
pub use session::{Session, SessionStats};
pub use weak::WeakRemote;
