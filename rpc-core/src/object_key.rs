//! Owns [`ObjectKey`]: whose object a reference is to, to be compared and used as a map key.

use std::fmt;
use std::sync::OnceLock;

use crate::id::{Incarnation, NodeId};
use crate::object::cell::ObjectMeta;

/// Identifies an object among all nodes: its node, that node's incarnation, and a number.
///
/// For an object of another node it is what the peer says, so it is as trustworthy as the peer is: use it to recognise objects, not to
/// grant anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) number: u64,
}

impl ObjectKey {
    /// The node that hosts the object.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The incarnation of the node in which the object lives.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub(crate) fn of_local(meta: &ObjectMeta) -> Self {
        let (node, incarnation) = meta.home_or(process_identity());
        Self { node, incarnation, number: meta.number() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.node, self.number)
    }
}

/// The identity of the process's default node, which objects belong to that no other node has exported.
pub(crate) fn process_identity() -> (NodeId, Incarnation) {
    static IDENTITY: OnceLock<(NodeId, Incarnation)> = OnceLock::new();
    *IDENTITY.get_or_init(fresh_identity)
}

/// An identity that no node had before.
pub(crate) fn fresh_identity() -> (NodeId, Incarnation) {
    let node = NodeId(u128::from_le_bytes(crate::random::bytes()));
    let incarnation = Incarnation(u64::from_le_bytes(crate::random::bytes()));
    (node, incarnation)
}
