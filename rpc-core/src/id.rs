//! Owns the identifiers of the protocol: who a node is, what a call, an export or a stream is called on the wire.
//! It knows nothing of the tables in which they are looked up.

use std::fmt;

/// Names a node: a process taking part. Chosen at random when the node is built, so two nodes never share one by chance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u128);

/// Names one life of a node. A node that restarts is another incarnation, and references to its former life are dead.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

/// Names a session: the relationship of two nodes, whatever links carry it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

/// Names a call on a session. The caller chooses it: an index into its table of questions and the generation of that slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    /// The slot in the caller's table.
    pub index: u32,
    /// How often the slot has been used before, so that a late frame never meets a new owner.
    pub generation: u32,
}

/// Names an object that one side of a session lets the other side call. The exporter chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExportId {
    /// The slot in the exporter's table.
    pub index: u32,
    /// How often the slot has been used before.
    pub generation: u32,
}

/// Names a stream on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    /// The slot in the opener's table.
    pub index: u32,
    /// How often the slot has been used before.
    pub generation: u32,
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl fmt::Display for NodeId {
    /// The first 48 bits in hexadecimal: enough to tell nodes apart in a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0 >> 80)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({:016x})", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl fmt::Display for SessionId {
    /// The first 48 bits in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0 >> 80)
    }
}
