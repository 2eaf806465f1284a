//! Owns [`NodeBuilder`]: what a node is to be, checked when it starts.

use std::time::Duration;

use super::core::{NodeCore, Settings};
use super::dial::transport_error;
use super::{Node, listen};
use crate::any::AnyRemote;
use crate::around::Interceptor;
use crate::codec;
use crate::error::{Error, ErrorKind, Outcome};
use crate::interface::Interface;
use crate::limits::Limits;
use crate::object_key::fresh_identity;
use crate::remote::Remote;
use crate::transport::{Address, Listener};
use crate::wire::NODE_NAME_MAX;

/// No wait is longer: ten years, which every clock can add.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Describes a node before it starts.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it is started"]
pub struct NodeBuilder {
    settings: Settings,
    listen: Vec<String>,
    publish: Vec<(String, AnyRemote)>,
}

impl NodeBuilder {
    /// A name for people, shown in errors and logs of peers. At most 128 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Listens on an address: `tcp://127.0.0.1:7070`, `tcp://localhost:0` (the real port is in [`Node::addresses`]),
    /// `unix:///run/me.sock`, `mem://place`. May be used several times.
    pub fn listen(mut self, url: impl Into<String>) -> Self {
        self.listen.push(url.into());
        self
    }

    /// Publishes an object under a name, to be found with [`connect`](crate::connect).
    pub fn publish<T: ?Sized + Interface>(mut self, name: impl Into<String>, object: Remote<T>) -> Self {
        self.publish.push((name.into(), Remote::into_any(object)));
        self
    }

    /// Bounds on what peers may do.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Sends a ping after `interval` of silence and takes a peer for dead after `timeout`. 15 s and 45 s unless set.
    pub fn keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.settings.keep_alive = Some((interval, timeout));
        self
    }

    /// Never asks for a sign of life. A peer whose machine vanishes then keeps what it held until the operating system gives the link
    /// up, which can take hours.
    pub fn no_keep_alive(mut self) -> Self {
        self.settings.keep_alive = None;
        self
    }

    /// Allows plaintext TCP to and from other machines. Whoever can reach the network between can read and change everything.
    pub fn insecure_plaintext(mut self, allowed: bool) -> Self {
        self.settings.insecure_plaintext = allowed;
        self
    }

    /// Sends message and place of a handler's panic to peers on other machines too. Peers on this machine always get them.
    pub fn share_panics(mut self, shared: bool) -> Self {
        self.settings.share_panics = shared;
        self
    }

    /// Compresses arguments and results of 512 bytes and more, bulk bytes included, on sessions with nodes that do the same. It is off unless
    /// it is set here, and a session with a node that has it off is as without it. [`Session::compression`](crate::Session::compression) tells
    /// whether a session has it, and what it saves.
    ///
    /// It pays where the link is slower than the compression, which takes a few hundred megabytes a second of a processor at each end: between
    /// machines, and hardly ever on one. What does not get at least an eighth shorter travels as it is. Data of streams is not compressed.
    ///
    /// Limits and credit count what a message takes at its receiver, so compression lets nobody send more than otherwise; and while the handlers of a
    /// session hold more than [`Limits::call_window`] that never travelled, calls on it travel as they are.
    ///
    /// # Secrets
    ///
    /// The length of what is compressed tells what is in it, also on a link that is encrypted. Where one message has a secret (a token, a
    /// password) beside text that somebody else may choose, and that somebody can see lengths on the network and have the message sent
    /// again and again with other text, he can guess the secret piece by piece, as the attacks CRIME and BREACH do on TLS. Messages are
    /// compressed one by one, so a secret in another message is not told. Keep secrets and the text of others in different messages, or
    /// leave compression off.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use netref::{Compression, Node};
    ///
    /// let node = Node::builder().compression(Compression::Lz4).start().await?;
    /// # drop(node);
    /// # Ok::<(), netref::Error>(()) }).unwrap();
    /// ```
    #[cfg(feature = "lz4")]
    pub fn compression(mut self, compression: crate::Compression) -> Self {
        self.settings.compresses = match compression {
            crate::Compression::Off => false,
            crate::Compression::Lz4 => true,
        };
        self
    }

    /// Puts an [interceptor](crate::around::Interceptor) around every call that comes in over a session on an object of this node, or on one that it passes on. The first
    /// one is the outermost. Calls inside the process do not pass it.
    pub fn intercept_incoming(mut self, interceptor: impl Interceptor) -> Self {
        self.settings.incoming = self.settings.incoming.with(interceptor);
        self
    }

    /// Puts an [interceptor](crate::around::Interceptor) around every call that goes out over a session of this node. The first one is the outermost.
    pub fn intercept_outgoing(mut self, interceptor: impl Interceptor) -> Self {
        self.settings.outgoing = self.settings.outgoing.with(interceptor);
        self
    }

    fn check(&self) -> Result<(), Error> {
        let limits = &self.settings.limits;
        let misuse = |text: String| Err(Error::new(ErrorKind::Misuse, Outcome::NotRun, text));
        if self.settings.name.len() > NODE_NAME_MAX {
            return misuse(format!("the name of a node has at most {NODE_NAME_MAX} bytes"));
        }
        if limits.message_bytes > codec::MESSAGE_BYTES_MAX || limits.message_bytes < 65_536 {
            return misuse(format!("`Limits::message_bytes` lies between 65536 and {}", codec::MESSAGE_BYTES_MAX));
        }
        if limits.depth == 0 || limits.depth > codec::DEPTH_MAX {
            return misuse(format!("`Limits::depth` lies between 1 and {}", codec::DEPTH_MAX));
        }
        if limits.calls_in_flight == 0 || limits.exports == 0 || limits.definitions == 0 || limits.refusals == 0 {
            return misuse("a limit of zero allows nothing".to_owned());
        }
        let durations = [limits.handshake, limits.nested_wait];
        if durations.iter().any(|duration| *duration > LONGEST || duration.is_zero()) {
            return misuse(format!("durations in `Limits` lie above zero and at most at {} days", LONGEST.as_secs() / 86_400));
        }
        if self.settings.keep_alive.is_some_and(|(interval, timeout)| interval > LONGEST || timeout > LONGEST) {
            return misuse("a keep-alive that long is none: use `no_keep_alive`".to_owned());
        }
        if let Some((interval, timeout)) = self.settings.keep_alive
            && (interval.is_zero() || timeout < interval)
        {
            return misuse("keep-alive needs an interval above zero and a timeout that is not shorter".to_owned());
        }
        Ok(())
    }

    /// Starts the node: every address is bound when this returns.
    ///
    /// # Errors
    ///
    /// `InvalidAddress`, `Unreachable` (an address is in use), `Denied` (plaintext off this machine), `Unsupported` (a feature is off),
    /// `Misuse` (a setting contradicts itself). Nothing is listened on then.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start(self) -> Result<Node, Error> {
        self.check()?;
        let mut listeners = Vec::new();
        for url in &self.listen {
            let address = parse(url)?;
            if address.name().is_some() {
                let text = format!("`{url}` names an object; an address to listen on has none, names are given to `publish`");
                return Err(Error::new(ErrorKind::InvalidAddress, Outcome::NotRun, text).complete());
            }
            let listener = Listener::bind(&address, self.settings.insecure_plaintext).await.map_err(|error| transport_error(&error))?;
            listeners.push(listener);
        }
        let core = NodeCore::new(fresh_identity(), self.settings);
        let node = Node::new(core);
        for (name, object) in self.publish {
            node.publish_any(&name, object)?;
        }
        for listener in listeners {
            let address = listener.local_address().to_string();
            let task = listen::spawn(node.core_arc(), listener);
            node.add_listener(address, task);
        }
        Ok(node)
    }
}

/// Parses an address, with the rule it breaks in words.
pub(super) fn parse(url: &str) -> Result<Address, Error> {
    Address::parse(url)
        .map_err(|error| Error::new(ErrorKind::InvalidAddress, Outcome::NotRun, format!("`{}`: {error}", url.escape_debug())).complete())
}
