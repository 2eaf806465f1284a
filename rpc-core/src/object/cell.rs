//! Owns [`Cell`], the place where an object lives while it is reachable: its identity, its door, its poison, and a list of what it
//! offers. It knows nothing of sessions or encodings.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::gate::{Gate, Pass, WouldWaitForItself};
use super::offers::Offers;
use crate::any::AnyRemote;
use crate::context;
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::{Incarnation, NodeId};
use crate::interface::{Export, InterfaceDescriptor};
use crate::weak::WeakRemote;

/// Who an object is, whatever it does.
#[derive(Debug)]
pub struct ObjectMeta {
    number: u64,
    /// The node whose object it is in its key: the first that exported it or was asked for the key.
    home: OnceLock<(NodeId, Incarnation)>,
    /// The first node that exported it. Another than its home when it was asked for its key before that.
    exporter: OnceLock<(NodeId, Incarnation)>,
    poisoned: AtomicBool,
}

impl ObjectMeta {
    pub(crate) fn new() -> Self {
        Self { number: next_number(), home: OnceLock::new(), exporter: OnceLock::new(), poisoned: AtomicBool::new(false) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The node that the object belongs to, which is `node` if nobody asked before.
    pub(crate) fn home_or(&self, node: (NodeId, Incarnation)) -> (NodeId, Incarnation) {
        *self.home.get_or_init(|| node)
    }

    /// The node that exported it first, which is `node` if none did before.
    pub(crate) fn exported_by(&self, node: (NodeId, Incarnation)) -> (NodeId, Incarnation) {
        *self.exporter.get_or_init(|| node)
    }

    fn check(&self) -> Result<(), Error> {
        if self.poisoned.load(Ordering::Acquire) {
            let text = "an earlier `&mut self` method of this object panicked, so its state cannot be trusted";
            return Err(Error::new(ErrorKind::Poisoned, Outcome::NotRun, text));
        }
        Ok(())
    }
}

/// The next number of an object, or of a reference that is passed on, in this process.
pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What every hosted object has, seen without its type.
pub trait ErasedObject: Send + Sync + 'static {
    #[doc(hidden)]
    fn meta(&self) -> &ObjectMeta;

    /// The object under an interface that its host offers to whoever holds a reference to it.
    #[doc(hidden)]
    fn offered(self: Arc<Self>, interface: &str) -> Option<AnyRemote>;

    /// All interfaces that its host offers.
    #[doc(hidden)]
    fn offers(&self) -> Vec<&'static InterfaceDescriptor>;
}

/// Hosts one object of the user's.
pub struct Cell<C> {
    meta: ObjectMeta,
    offers: Offers<C>,
    body: Body<C>,
}

enum Body<C> {
    /// All its methods take `&self`: calls meet no door at all.
    Open(C),
    /// Some take `&mut self`. The gate decides who enters; the lock behind it is never contended and only proves it to the compiler.
    Gated(Gate, RwLock<C>),
    /// It is being dropped: nobody can call it any more.
    Gone,
}

impl<C> Cell<C> {
    /// `exclusive` when an interface of the object has methods that take `&mut self`.
    pub(crate) fn new(object: C, exclusive: bool) -> Self {
        let body = if exclusive { Body::Gated(Gate::default(), RwLock::new(object)) } else { Body::Open(object) };
        Self { meta: ObjectMeta::new(), offers: Offers::default(), body }
    }

    /// Hosts an object that is given a weak reference to itself.
    pub(crate) fn new_cyclic<T: ?Sized + Export<C>>(exclusive: bool, make: impl FnOnce(&WeakRemote<T>) -> C) -> Arc<Self>
    where
        C: Send + Sync + 'static,
    {
        Arc::new_cyclic(|cell| Self::new(make(&WeakRemote::to_itself(cell.clone())), exclusive))
    }

    pub(super) fn offers(&self) -> &Offers<C> {
        &self.offers
    }

    /// Enters the object beside others.
    ///
    /// # Errors
    ///
    /// `Poisoned` and `Reentrant`, both with outcome `NotRun`.
    #[doc(hidden)]
    pub async fn shared(&self) -> Result<Shared<'_, C>, Error> {
        self.meta.check()?;
        let place = match &self.body {
            Body::Open(object) => SharedPlace::Open(object),
            Body::Gated(gate, lock) => {
                let pass = gate.enter(false).await.map_err(|refused| reentrant(&refused))?;
                self.meta.check()?;
                SharedPlace::Gated(lock.try_read().map_err(|_| unguarded())?, pass)
            }
            Body::Gone => return Err(unguarded()),
        };
        entered();
        Ok(Shared { place })
    }

    /// Enters the object alone.
    ///
    /// # Errors
    ///
    /// `Poisoned` and `Reentrant`, both with outcome `NotRun`.
    #[doc(hidden)]
    pub async fn exclusive(&self) -> Result<Exclusive<'_, C>, Error> {
        self.meta.check()?;
        let Body::Gated(gate, lock) = &self.body else { return Err(unguarded()) };
        let pass = gate.enter(true).await.map_err(|refused| reentrant(&refused))?;
        self.meta.check()?;
        let guard = lock.try_write().map_err(|_| unguarded())?;
        entered();
        Ok(Exclusive { guard, meta: &self.meta, _pass: pass })
    }
}

/// From here on the method runs.
fn entered() {
    let waiting = context::with_current(|current| {
        let context = current?;
        context.started = true;
        Some((context.line.take()?, context.incoming.clone()?))
    });
    if let Some((object, (session, call))) = waiting {
        session.move_line(object, call);
    }
}

fn reentrant(refused: &WouldWaitForItself) -> Error {
    let holder = refused.holder.as_ref().map_or_else(|| "a method".to_owned(), |method| format!("`{method}`"));
    let text = format!("the call descends from {holder} of the same object, which is not done, and would have to wait for it");
    Error::new(ErrorKind::Reentrant, Outcome::NotRun, text)
}

/// Cannot be reached while the gate does its work; said in words rather than by a panic.
fn unguarded() -> Error {
    Error::new(ErrorKind::Protocol, Outcome::NotRun, "the object was entered past its gate, which is a defect of netref")
}

impl<C: Send + Sync + 'static> ErasedObject for Cell<C> {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn offered(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        let offer = self.offers.find(interface)?;
        offer(self).cast_here(interface)
    }

    fn offers(&self) -> Vec<&'static InterfaceDescriptor> {
        self.offers.all()
    }
}

/// A reference never panics when it is dropped, whatever the object does that goes with it.
impl<C> Drop for Cell<C> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<C>() {
            crate::panics::drop_quietly(std::mem::replace(&mut self.body, Body::Gone));
        }
    }
}

impl<C> fmt::Debug for Cell<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").field("number", &self.meta.number).finish_non_exhaustive()
    }
}

/// A stay inside an object, beside others.
#[doc(hidden)]
#[derive(Debug)]
pub struct Shared<'a, C> {
    place: SharedPlace<'a, C>,
}

#[derive(Debug)]
enum SharedPlace<'a, C> {
    Open(&'a C),
    Gated(RwLockReadGuard<'a, C>, #[allow(dead_code, reason = "leaves the gate when it drops, after the guard")] Pass<'a>),
}

impl<C> Deref for Shared<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        match &self.place {
            SharedPlace::Open(object) => object,
            SharedPlace::Gated(guard, _) => guard,
        }
    }
}

/// A stay inside an object, alone.
#[doc(hidden)]
#[derive(Debug)]
pub struct Exclusive<'a, C> {
    guard: RwLockWriteGuard<'a, C>,
    meta: &'a ObjectMeta,
    // Declared last, so that the lock is free before the gate opens.
    _pass: Pass<'a>,
}

impl<C> Deref for Exclusive<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.guard
    }
}

impl<C> DerefMut for Exclusive<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.guard
    }
}

impl<C> Drop for Exclusive<'_, C> {
    fn drop(&mut self) {
        // A call that is given up because its caller panics is interrupted, and no more.
        if std::thread::panicking() && !crate::panics::was_unwinding() {
            self.meta.poisoned.store(true, Ordering::Release);
        }
    }
}
