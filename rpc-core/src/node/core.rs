//! Owns what a node's parts share: identity, limits, published names and the tables of sessions. It opens no socket.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;

use super::root;
use super::settle::Settling;
use crate::any::AnyRemote;
use crate::around::Chain;
use crate::id::{Incarnation, NodeId};
use crate::limits::{Limits, PeerLimits, STREAM_WINDOW_MIN, TABLES_COST_MAX, streams_window_min};
use crate::proto::window_for;
use crate::servant::Servant;
use crate::session::SessionCore;

/// Who a peer claims to be.
pub(crate) type PeerKey = (NodeId, Incarnation);

/// A session in this process. Not its id: the dialler chooses that, and could choose the same one twice.
pub(crate) type SessionKey = u64;

/// What a node is configured to be.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) keep_alive: Option<(Duration, Duration)>,
    pub(crate) insecure_plaintext: bool,
    pub(crate) share_panics: bool,
    /// Whether compressed bodies are offered to peers.
    pub(crate) compresses: bool,
    /// Around calls that come in, and around those that go out.
    pub(crate) incoming: Chain,
    pub(crate) outgoing: Chain,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::new(),
            limits: Limits::default(),
            // Two pings may be lost before a peer is given up.
            keep_alive: Some((Duration::from_secs(15), Duration::from_secs(45))),
            insecure_plaintext: false,
            share_panics: false,
            compresses: false,
            incoming: Chain::default(),
            outgoing: Chain::default(),
        }
    }
}

/// A node, as its sessions see it.
pub(crate) struct NodeCore {
    identity: PeerKey,
    settings: Settings,
    pub(super) published: DashMap<String, AnyRemote>,
    pub(super) sessions: DashMap<SessionKey, Arc<SessionCore>>,
    /// The sessions with peers of this name, oldest first: hints, to be proven before they are used. There is one unless somebody
    /// goes by another node's name.
    by_peer: DashMap<PeerKey, Vec<SessionKey>>,
    /// The sessions that were dialled, by the address without its name.
    pub(super) by_address: DashMap<String, SessionKey>,
    /// One dial at a time for each address.
    pub(super) dials: DashMap<String, Arc<tokio::sync::Mutex<()>>>,
    pub(super) settling: Mutex<Settling>,
    draining: AtomicBool,
    root: Arc<dyn Servant>,
}

impl NodeCore {
    pub(super) fn new(identity: PeerKey, settings: Settings) -> Arc<Self> {
        Arc::new_cyclic(|weak| Self {
            identity,
            settings,
            published: DashMap::new(),
            sessions: DashMap::new(),
            by_peer: DashMap::new(),
            by_address: DashMap::new(),
            dials: DashMap::new(),
            settling: Mutex::new(Settling::default()),
            draining: AtomicBool::new(false),
            root: root::servant(weak.clone()),
        })
    }

    /// The node that [`connect`](crate::connect) uses when the program has built none.
    pub(crate) fn of_process() -> Arc<Self> {
        static CORE: OnceLock<Arc<NodeCore>> = OnceLock::new();
        let core = CORE.get_or_init(|| Self::new(crate::object_key::process_identity(), Settings::default()));
        Arc::clone(core)
    }

    #[cfg(test)]
    pub(crate) fn with_limits(limits: Limits) -> Arc<Self> {
        Self::new(crate::object_key::process_identity(), Settings { limits, ..Settings::default() })
    }

    pub(crate) fn identity(&self) -> PeerKey {
        self.identity
    }

    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub(crate) fn keep_alive(&self) -> Option<(Duration, Duration)> {
        self.settings.keep_alive
    }

    pub(crate) fn allows_plaintext(&self) -> bool {
        self.settings.insecure_plaintext
    }

    pub(crate) fn shares_panics(&self) -> bool {
        self.settings.share_panics
    }

    pub(crate) fn compresses(&self) -> bool {
        self.settings.compresses
    }

    pub(crate) fn incoming(&self) -> &Chain {
        &self.settings.incoming
    }

    pub(crate) fn outgoing(&self) -> &Chain {
        &self.settings.outgoing
    }

    /// What this node announces to a peer.
    pub(super) fn announced(&self, on_this_machine: bool) -> PeerLimits {
        let limits = self.limits();
        PeerLimits {
            calls_in_flight: limits.calls_in_flight,
            exports: if on_this_machine { limits.exports } else { limits.exports_stranger },
            message_bytes: limits.message_bytes,
            call_window: limits.call_window.max(window_for(limits.message_bytes + TABLES_COST_MAX)),
            return_window: limits.return_window.max(window_for(limits.message_bytes + TABLES_COST_MAX)),
            definitions: limits.definitions,
            streams: limits.streams,
            stream_window: limits.stream_window.max(STREAM_WINDOW_MIN),
            streams_window: limits.streams_window.max(streams_window_min(limits.stream_window.max(STREAM_WINDOW_MIN))),
            depth: limits.depth,
            keep_alive_ms: self.keep_alive().map_or(0, |(_, timeout)| timeout.as_millis().try_into().unwrap_or(u64::MAX)),
        }
    }

    /// The directory of published names, which every session can reach.
    pub(crate) fn root(&self) -> Arc<dyn Servant> {
        Arc::clone(&self.root)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// A session that is alive and takes calls, if this is one.
    pub(super) fn session(&self, key: SessionKey) -> Option<Arc<SessionCore>> {
        let session = Arc::clone(self.sessions.get(&key)?.value());
        session.is_usable().then_some(session)
    }

    /// The sessions with peers that claim this key, oldest first; whether one is with the same peer has to be proven.
    pub(super) fn sessions_with(&self, peer: PeerKey) -> Vec<Arc<SessionCore>> {
        // Copied out of the table: no lock is held while another table is read.
        let keys = self.by_peer.get(&peer).map(|keys| keys.value().clone()).unwrap_or_default();
        keys.into_iter().filter_map(|key| self.session(key)).collect()
    }

    pub(super) fn register(&self, session: &Arc<SessionCore>) {
        let key = session.key();
        self.sessions.insert(key, Arc::clone(session));
        self.by_peer.entry(session.peer_identity()).or_default().push(key);
    }

    /// A session is over.
    pub(crate) fn forget(&self, session: &SessionCore) {
        let key = session.key();
        self.sessions.remove(&key);
        if let Some(mut known) = self.by_peer.get_mut(&session.peer_identity()) {
            known.retain(|known| *known != key);
        }
        self.by_peer.remove_if(&session.peer_identity(), |_, known| known.is_empty());
        self.by_address.retain(|_, known| *known != key);
    }

    pub(super) fn all_sessions(&self) -> Vec<Arc<SessionCore>> {
        self.sessions.iter().map(|entry| Arc::clone(entry.value())).collect()
    }
}

impl std::fmt::Debug for NodeCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({} {})", self.identity.0, self.name())
    }
}
