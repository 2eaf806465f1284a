//! Owns [`Apart`], what a promise is to a peer that cannot be told later what it has become: an object like any other, whose calls wait
//! where those on the promise do.

use std::any::Any;
use std::sync::Arc;

use super::promise::Promise;
use crate::any::AnyRemote;
use crate::inbound::{Inbound, Served};
use crate::interface::InterfaceDescriptor;
use crate::object::cell::ObjectMeta;
use crate::servant::{Kind, Resolved, Servant};

/// A promise under a number of its own, so that an export table does not take it for the promise itself.
pub(crate) struct Apart {
    promise: Arc<Promise>,
    /// The interface as which it is exported, whatever it is used as later.
    interface: Box<str>,
}

impl Apart {
    pub(crate) fn new(promise: Arc<Promise>, interface: &str) -> Arc<Self> {
        Arc::new(Self { promise, interface: interface.into() })
    }
}

impl Servant for Apart {
    fn number(&self) -> u64 {
        self.promise.number_apart()
    }

    /// Whatever a call on it is called by, it is a call on the promise.
    fn line(&self) -> u64 {
        self.promise.line()
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

    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        Arc::clone(&self.promise).serve(method, inbound)
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        Arc::clone(&self.promise).cast(interface)
    }

    fn as_promise(self: Arc<Self>) -> Option<Arc<Promise>> {
        Some(Arc::clone(&self.promise))
    }
}
