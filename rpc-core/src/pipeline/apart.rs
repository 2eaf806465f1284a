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
pub(crate) struct Apart(Arc<Promise>);

impl Apart {
    pub(crate) fn new(promise: Arc<Promise>) -> Arc<Self> {
        Arc::new(Self(promise))
    }
}

impl Servant for Apart {
    fn number(&self) -> u64 {
        self.0.number_apart()
    }

    /// Whatever a call on it is called by, it is a call on the promise.
    fn line(&self) -> u64 {
        self.0.line()
    }

    fn kind(&self) -> Option<Kind> {
        None
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        None
    }

    fn interface(&self) -> &str {
        self.0.interface()
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        None
    }

    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        Arc::clone(&self.0).serve(method, inbound)
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        Arc::clone(&self.0).cast(interface)
    }

    fn as_promise(self: Arc<Self>) -> Option<Arc<Promise>> {
        Some(Arc::clone(&self.0))
    }
}
