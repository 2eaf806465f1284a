//! Owns the interfaces that an object offers besides the one of a reference: its host declares them, and whoever holds a reference to
//! the object may ask for them. It knows nothing of who asks.

use std::any::TypeId;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::cell::Cell;
use crate::any::AnyRemote;
use crate::interface::{Export, InterfaceDescriptor};
use crate::remote::Remote;

/// The interfaces that an object offers. Most objects offer none, so an empty list takes no memory of its own.
pub(crate) struct Offers<C> {
    list: OnceLock<Box<Mutex<Vec<Offer<C>>>>>,
}

/// One of them, and how to refer to the object under it.
struct Offer<C> {
    /// Which interface it is: a constant's address, as the descriptor's, does not say it.
    erased: TypeId,
    descriptor: &'static InterfaceDescriptor,
    refer: Refer<C>,
}

type Refer<C> = fn(Arc<Cell<C>>) -> AnyRemote;

impl<C> Offers<C> {
    pub(super) fn add<T: ?Sized + Export<C>>(&self) {
        let mut list = self.list.get_or_init(Box::default).lock();
        if !list.iter().any(|offer| offer.erased == TypeId::of::<T::Erased>()) {
            list.push(Offer {
                erased: TypeId::of::<T::Erased>(),
                descriptor: T::DESCRIPTOR,
                refer: |cell| Remote::into_any(Remote::<T>::of_cell(cell)),
            });
        }
    }

    /// What is offered, in the order in which it was.
    pub(super) fn all(&self) -> Vec<&'static InterfaceDescriptor> {
        self.list.get().map(|list| list.lock().iter().map(|offer| offer.descriptor).collect()).unwrap_or_default()
    }

    /// How to refer to the object under the first of them that is, or extends, the interface of that name.
    pub(super) fn find(&self, interface: &str) -> Option<Refer<C>> {
        let list = self.list.get()?.lock();
        list.iter().find(|offer| offer.descriptor.extends(interface)).map(|offer| offer.refer)
    }
}

impl<C> Default for Offers<C> {
    fn default() -> Self {
        Self { list: OnceLock::new() }
    }
}
