//! Hosting: what an object needs while it can be called, and [`Object`], its owner's handle.

pub(crate) mod cell;
mod gate;

use std::fmt;
use std::sync::Arc;

use crate::interface::Export;
use crate::remote::Remote;
use cell::Cell;

/// An object that is hosted once and can be referred to under several interfaces.
///
/// [`Remote::new`] is the short form for one interface.
///
/// ```
/// use netref::{Object, Remote, Result, remote};
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
/// let object = Object::new(Register(1));
/// let reader = object.as_remote::<dyn Reader>();
/// let mut writer = object.as_remote::<dyn Writer>();
/// writer.write(7).await?;
/// assert_eq!(reader.read().await?, 7);
/// assert_eq!(Remote::key(&reader), Remote::key(&writer));
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

    /// A reference to the object under one of its interfaces. All of them share the object, its identity, its order and its door.
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
