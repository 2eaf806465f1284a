//! Hosting: what an object needs while it can be called, and [`Object`], its owner's handle.

pub(crate) mod cell;
pub(crate) mod gate;
#[cfg(test)]
#[cfg(netref_models)]
mod models;
mod offers;

use std::fmt;
use std::sync::Arc;

use crate::interface::Export;
use crate::remote::Remote;
use crate::weak::WeakRemote;
use cell::Cell;

/// An object that is hosted once and can be referred to under several interfaces.
///
/// Its references share the object whatever their interface is: its identity ([`Remote::key`]), the order of calls, the door of its `&mut
/// self` methods, and what becomes of it after a panic in one of them. It lives as long as any of them, or this handle, does.
///
/// A reference grants its own interface and the supertraits of that, no more. Whoever holds one gets at another interface of the object
/// only if the object's host offers it: see [`with_interface`](Self::with_interface). [`Remote::new`] is the short form for one interface
/// and no offers.
///
/// ```
/// use netref::{ErrorKind, Object, Remote, Result, remote};
///
/// #[remote]
/// trait Reader {
///     async fn read(&self) -> Result<u64>;
/// }
/// #[remote]
/// trait Writer {
///     async fn write(&mut self, value: u64) -> Result<()>;
/// }
///
/// struct Register(u64);
/// impl Reader for Register {
///     async fn read(&self) -> Result<u64> {
///         Ok(self.0)
///     }
/// }
/// impl Writer for Register {
///     async fn write(&mut self, value: u64) -> Result<()> {
///         self.0 = value;
///         Ok(())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let object = Object::new(Register(1)).with_interface::<dyn Reader>();
/// let mut writer = object.as_remote::<dyn Writer>();
/// let reader = object.as_remote::<dyn Reader>();
/// writer.write(7).await?;
/// assert_eq!(reader.read().await?, 7);
/// assert_eq!(Remote::key(&reader), Remote::key(&writer));
///
/// // Whoever may write may also ask for the interface that reads, and not the other way round.
/// assert_eq!(Remote::cast::<dyn Reader>(&writer).await?.read().await?, 7);
/// assert_eq!(Remote::cast::<dyn Writer>(&reader).await.unwrap_err().kind(), ErrorKind::NoSuchInterface);
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
pub struct Object<C> {
    cell: Arc<Cell<C>>,
}

impl<C> Object<C> {
    /// Hosts an object.
    pub fn new(object: C) -> Self {
        // Which interfaces it will have is not known yet, so it gets a door for `&mut self` methods.
        Self { cell: Arc::new(Cell::new(object, true)) }
    }

    /// Hosts an object that knows itself under one of its interfaces. See [`Remote::new_cyclic`].
    ///
    /// # Panics
    ///
    /// When `make` does.
    pub fn new_cyclic<T: ?Sized + Export<C>>(make: impl FnOnce(&WeakRemote<T>) -> C) -> Self
    where
        C: Send + Sync + 'static,
    {
        Self { cell: Cell::new_cyclic(true, make) }
    }

    /// Offers an interface: whoever holds any reference to the object may [cast](Remote::cast) it to this interface and its supertraits.
    ///
    /// It holds for references that were made before, too. Handing out references with [`as_remote`](Self::as_remote) offers nothing, so
    /// that an interface can be kept for those who are given it.
    #[must_use]
    pub fn with_interface<T: ?Sized + Export<C>>(self) -> Self {
        self.cell.offers().add::<T>();
        self
    }

    /// A reference to the object under one of its interfaces.
    pub fn as_remote<T: ?Sized + Export<C>>(&self) -> Remote<T> {
        Remote::of_cell(Arc::clone(&self.cell))
    }
}

impl<C> Clone for Object<C> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell) }
    }
}

impl<C> fmt::Debug for Object<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.cell).finish()
    }
}
