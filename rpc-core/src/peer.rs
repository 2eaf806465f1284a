//! Owns [`Peer`]: who is at the other end of a session, as far as it is known. It decides nothing.

use std::fmt;
use std::sync::Arc;

use crate::id::{Incarnation, NodeId};
use crate::transport::PeerTransport;

/// Who made a call, or who is at the other end of a session.
///
/// What a peer says of itself (its node id and name) is a claim; how it is connected is a fact.
///
/// ```
/// let here = netref::Context::current().peer().clone();
/// assert!(here.is_local());
/// ```
#[derive(Clone)]
pub struct Peer {
    remote: Option<Arc<Remote>>,
}

struct Remote {
    node: NodeId,
    incarnation: Incarnation,
    name: String,
    transport: PeerTransport,
}

impl Peer {
    /// This process.
    pub(crate) const LOCAL: Self = Self { remote: None };

    pub(crate) fn new(node: NodeId, incarnation: Incarnation, name: String, transport: PeerTransport) -> Self {
        Self { remote: Some(Arc::new(Remote { node, incarnation, name, transport })) }
    }

    /// Whether it is this process: the call never left it.
    pub fn is_local(&self) -> bool {
        self.remote.is_none()
    }

    /// Whether it is on this machine, so that nothing between the two crosses a network.
    pub fn is_on_this_machine(&self) -> bool {
        self.remote.as_ref().is_none_or(|remote| remote.transport.is_this_machine())
    }

    /// The node id that the peer claims. `None` for a local call.
    pub fn node(&self) -> Option<NodeId> {
        self.remote.as_ref().map(|remote| remote.node)
    }

    /// The incarnation that the peer claims. `None` for a local call.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.remote.as_ref().map(|remote| remote.incarnation)
    }

    /// The name that the peer claims; empty when it gave none or the call is local.
    pub fn name(&self) -> &str {
        self.remote.as_ref().map_or("", |remote| &remote.name)
    }

    /// How the peer is connected: address, or user and process on a Unix socket. `None` for a local call.
    pub fn transport(&self) -> Option<&PeerTransport> {
        self.remote.as_ref().map(|remote| &remote.transport)
    }
}

impl fmt::Display for Peer {
    /// `local`, or the name (else the node id) with the way it is connected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            None => f.write_str("local"),
            // The name comes from the peer: control characters in it must not reach a terminal or a log.
            Some(remote) if !remote.name.is_empty() => write!(f, "node {} ({})", remote.name.escape_debug(), remote.transport),
            Some(remote) => write!(f, "node {} ({})", remote.node, remote.transport),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({self})")
    }
}
