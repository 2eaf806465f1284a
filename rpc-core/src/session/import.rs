//! Owns [`Import`]: one object of a peer's, as long as anything here refers to it. Dropping the last reference queues a release; it
//! never blocks, and needs no runtime.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::SessionCore;
use crate::any::AnyRemote;
use crate::context::Context;
use crate::handler::RawCall;
use crate::id::{ExportId, Incarnation, NodeId};
use crate::inbound::{Inbound, Served};
use crate::interface::InterfaceDescriptor;
use crate::object::cell::{ObjectMeta, next_number};
use crate::object_key::ObjectKey;
use crate::servant::{Kind, Resolved, Servant};
use crate::sync::{self, AtomicU32};

/// What a peer said of the object when it sent the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// It lives at the peer.
    Peer { number: u64, tag: u64 },
    /// The peer passes it on; rare, so boxed away from the common size.
    Elsewhere { key: ObjectKey, tag: u64 },
}

/// An object of a peer's.
pub(crate) struct Import {
    session: Arc<SessionCore>,
    pub(super) id: ExportId,
    /// References received and attributed to this value; it releases exactly as many.
    pub(super) count: AtomicU32,
    interface: Arc<str>,
    origin: Box<Origin>,
    /// By which the export tables of other sessions know it when it is passed on.
    number: u64,
}

impl Import {
    pub(super) fn new(session: Arc<SessionCore>, id: ExportId, interface: Arc<str>, origin: Origin) -> Self {
        Self { session, id, count: AtomicU32::new(1), interface, origin: Box::new(origin), number: next_number() }
    }

    pub(crate) fn id(&self) -> ExportId {
        self.id
    }

    pub(crate) fn session(&self) -> &Arc<SessionCore> {
        &self.session
    }

    pub(crate) fn interface(&self) -> &str {
        &self.interface
    }

    pub(crate) fn key(&self) -> ObjectKey {
        match *self.origin {
            Origin::Peer { number, .. } => {
                let (node, incarnation) = self.session.peer_identity();
                ObjectKey { node, incarnation, number }
            }
            Origin::Elsewhere { key, .. } => key,
        }
    }

    /// Whether the object is at another node than the session's peer.
    pub(super) fn is_from_elsewhere(&self) -> bool {
        matches!(*self.origin, Origin::Elsewhere { .. })
    }

    /// Node, number and tag, as a descriptor for a third node carries them.
    pub(super) fn identity(&self) -> ((NodeId, Incarnation), u64, u64) {
        let key = self.key();
        let (Origin::Peer { tag, .. } | Origin::Elsewhere { tag, .. }) = *self.origin;
        ((key.node, key.incarnation), key.number, tag)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.session.release(self.id, sync::last_value(&mut self.count));
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Import({} as {})", self.key(), self.interface)
    }
}

impl Servant for Import {
    fn number(&self) -> u64 {
        self.number
    }

    /// The same for all interfaces of the object. Should two objects ever get the same number, they only wait for each other.
    fn line(&self) -> u64 {
        let key = self.key();
        key.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (key.node.0 as u64)
    }

    fn kind(&self) -> Option<Kind> {
        None
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        None
    }

    fn interface(&self) -> &str {
        &self.interface
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        None
    }

    /// Passes a call on. It is started here, on the reader that brought it, so order is kept across the hop. What the next node says
    /// of the outcome holds for the caller too: this node runs nothing of its own.
    fn serve(self: Arc<Self>, _method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        let call = RawCall { method: inbound.method(), payload: inbound.take_payload(), context: Context::current() };
        super::relay(&self, call)
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn cast(self: Arc<Self>, _interface: &str) -> Option<AnyRemote> {
        None
    }

    fn as_import(self: Arc<Self>) -> Option<Arc<Self>> {
        Some(self)
    }
}

/// One more reference to the same object arrived.
pub(super) fn received_again(import: &Import) {
    let before = import.count.fetch_add(1, Ordering::Relaxed);
    if before >= COUNT_HIGH {
        // Some are given back ahead of the last drop, or an object that is sent all the time would overflow its count one day.
        import.count.fetch_sub(COUNT_HIGH / 2, Ordering::Relaxed);
        import.session.release(import.id, COUNT_HIGH / 2);
    }
}

/// References to one object that are kept counted here.
const COUNT_HIGH: u32 = 1 << 31;
