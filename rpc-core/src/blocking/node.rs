//! Owns the node of a program without async: what [`netref::Node`](crate::Node) awaits, this one waits for.

use std::fmt;
use std::time::Duration;

use crate::background;
use crate::error::Result;
use crate::id::{Incarnation, NodeId};
use crate::interface::Interface;
use crate::limits::Limits;
use crate::node::NodeStats;
use crate::remote::Remote;
use crate::session::Session;

/// A process taking part, for a program without async. See [`netref::Node`](crate::Node), which it is: [`as_async`](Self::as_async) gives it.
///
/// Cloning gives another handle to the same node. When the last one is dropped the node stops listening and its sessions end at once;
/// [`shutdown`](Self::shutdown) ends them in order. Dropping it neither blocks nor needs a runtime, and is fine inside one.
///
/// A program that only hosts objects keeps its main thread from ending as it likes, with [`std::thread::park`] for example.
#[derive(Clone)]
pub struct Node {
    node: crate::Node,
}

impl Node {
    /// Describes a node, to be started.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// The node's id and incarnation, as its peers see them.
    pub fn identity(&self) -> (NodeId, Incarnation) {
        self.node.identity()
    }

    /// The addresses on which the node listens, with real ports.
    pub fn addresses(&self) -> Vec<String> {
        self.node.addresses()
    }

    /// Publishes an object under a name, in place of what was there.
    ///
    /// # Errors
    ///
    /// `InvalidAddress` when the name has characters that an address cannot carry.
    pub fn publish<T: ?Sized + Interface>(&self, name: &str, object: Remote<T>) -> Result<()> {
        self.node.publish(name, object)
    }

    /// Takes a name back. False when nothing was published under it.
    pub fn unpublish(&self, name: &str) -> bool {
        self.node.unpublish(name)
    }

    /// The object that is published at an address.
    ///
    /// # Errors
    ///
    /// As [`netref::Node::connect`](crate::Node::connect), and `Misuse` inside a runtime.
    pub fn connect<T: ?Sized + Interface>(&self, url: &str) -> Result<Remote<T>> {
        background::wait("`netref::blocking::Node::connect` (there is `netref::Node::connect` to await)", self.node.connect(url))?
    }

    /// The session with whoever is at an address.
    ///
    /// # Errors
    ///
    /// As [`netref::Node::open`](crate::Node::open), and `Misuse` inside a runtime.
    pub fn open(&self, url: &str) -> Result<Session> {
        background::wait("`netref::blocking::Node::open` (there is `netref::Node::open` to await)", self.node.open(url))?
    }

    /// The sessions there are.
    pub fn sessions(&self) -> Vec<Session> {
        self.node.sessions()
    }

    /// What the node's tables hold, added up.
    pub fn stats(&self) -> NodeStats {
        self.node.stats()
    }

    /// Shuts down in order, and gives how many sessions were cut short. See [`netref::Node::shutdown`](crate::Node::shutdown).
    ///
    /// # Errors
    ///
    /// `Misuse` inside a runtime; the node goes on then.
    pub fn shutdown(&self, within: Duration) -> Result<usize> {
        background::wait("`netref::blocking::Node::shutdown` (there is `netref::Node::shutdown` to await)", self.node.shutdown(within))
    }

    /// The same node for code that awaits.
    pub fn as_async(&self) -> &crate::Node {
        &self.node
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// A node that was started in a runtime works on there.
impl From<crate::Node> for Node {
    fn from(node: crate::Node) -> Self {
        Self { node }
    }
}

/// Describes a node before it starts. What is not here can be said to a [`netref::NodeBuilder`](crate::NodeBuilder), of which this one is made with `from`.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it is started"]
pub struct NodeBuilder {
    builder: crate::NodeBuilder,
}

impl NodeBuilder {
    /// A name for people, shown in errors and logs of peers. At most 128 bytes.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.builder.name(name).into()
    }

    /// Listens on an address: `tcp://127.0.0.1:7070`, `unix:///run/me.sock`, `mem://place`. May be used several times.
    pub fn listen(self, url: impl Into<String>) -> Self {
        self.builder.listen(url).into()
    }

    /// Publishes an object under a name, to be found with [`connect`](super::connect).
    pub fn publish<T: ?Sized + Interface>(self, name: impl Into<String>, object: Remote<T>) -> Self {
        self.builder.publish(name, object).into()
    }

    /// Bounds on what peers may do.
    pub fn limits(self, limits: Limits) -> Self {
        self.builder.limits(limits).into()
    }

    /// Sends a ping after `interval` of silence and takes a peer for dead after `timeout`. 15 s and 45 s unless set.
    pub fn keep_alive(self, interval: Duration, timeout: Duration) -> Self {
        self.builder.keep_alive(interval, timeout).into()
    }

    /// Allows plaintext TCP to and from other machines. Whoever can reach the network between can read and change everything.
    pub fn insecure_plaintext(self, allowed: bool) -> Self {
        self.builder.insecure_plaintext(allowed).into()
    }

    /// Starts the node: every address is bound when this returns. It works on netref's own thread.
    ///
    /// # Errors
    ///
    /// As [`netref::NodeBuilder::start`](crate::NodeBuilder::start), and `Misuse` inside a runtime.
    pub fn start(self) -> Result<Node> {
        let what = "`netref::blocking::NodeBuilder::start` (there is `netref::NodeBuilder::start` to await)";
        background::wait(what, self.builder.start())?.map(Node::from)
    }
}

impl From<crate::NodeBuilder> for NodeBuilder {
    fn from(builder: crate::NodeBuilder) -> Self {
        Self { builder }
    }
}
