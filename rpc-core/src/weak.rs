//! Owns [`WeakRemote`]: a reference that travels and does not keep its object alive.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::any::{AnyRemote, Place};
use crate::error::{Error, Result};
use crate::interface::{Export, Interface};
use crate::object::cell::Cell;
use crate::remote::Remote;
use crate::schema;
use crate::servant::{Kind, Servant};
use crate::session::Import;

/// What stands in for the object where a weak reference has travelled to.
#[netref_macros::remote(name = "netref.Weak", crate = "crate")]
pub(crate) trait WeakTarget {
    /// A strong reference, as long as the object is alive.
    async fn upgrade(&self) -> Result<Option<AnyRemote>, Error>;
}

/// A reference that does not keep its object alive.
///
/// It breaks cycles: two objects on two nodes that hold each other live until their session ends, unless one of the two holds is weak.
/// An object that is to know itself holds a weak reference to itself: see [`Remote::new_cyclic`].
///
/// ```
/// # use netref::{Remote, Result, remote};
/// # #[remote] trait Echo { async fn echo(&self) -> Result<()>; }
/// # struct Here; impl Echo for Here { async fn echo(&self) -> Result<()> { Ok(()) } }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let strong = Remote::<dyn Echo>::new(Here);
/// let weak = Remote::downgrade(&strong);
/// assert!(weak.upgrade().await?.is_some());
/// drop(strong);
/// assert!(weak.upgrade().await?.is_none());
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
pub struct WeakRemote<T: ?Sized + Interface> {
    place: WeakPlace<T>,
}

enum WeakPlace<T: ?Sized + Interface> {
    Here(Weak<T::Erased>),
    /// Made before the object was, so that only a closure knows its type.
    Own(OwnUpgrade<T::Erased>),
    /// Of an object of a peer's, made here.
    There(Weak<Import>),
    /// A handler, or an object under another interface than its own.
    Handled(Weak<dyn Servant>),
    /// A promise, or what it has become.
    Promised(WeakAny),
    /// A reference that arrived broken.
    Broken(AnyRemote),
    /// It came from elsewhere.
    Travelled(Remote<dyn WeakTarget>),
}

/// Gives a reference while its object is alive.
pub(crate) type WeakAny = Arc<dyn Fn() -> Option<AnyRemote> + Send + Sync>;

/// What a promise has become, for those who do not hold it. It outlives the promise.
#[derive(Default)]
pub(crate) struct Become(Mutex<Option<WeakAny>>);

impl Become {
    pub(crate) fn is(&self, reference: &AnyRemote) {
        let weak = weak_any(reference);
        *self.0.lock() = Some(weak);
    }

    fn upgrade(&self) -> Option<AnyRemote> {
        let upgrade = self.0.lock().clone();
        upgrade?()
    }
}

/// The way back to a reference. Of a promise it gives the promise while somebody in this process holds that, and then what it has become.
fn weak_any(reference: &AnyRemote) -> WeakAny {
    match &reference.place {
        Place::Here(servant) => {
            let kept = Arc::downgrade(servant);
            let weak = Arc::clone(servant).weak().unwrap_or_else(|| Arc::new(move || kept.upgrade()));
            Arc::new(move || weak().map(AnyRemote::here))
        }
        Place::There(import) => {
            let import = Arc::downgrade(import);
            Arc::new(move || import.upgrade().map(AnyRemote::there))
        }
        Place::Promise(promise) => {
            let (promise, later) = (Arc::downgrade(promise), promise.left_behind());
            Arc::new(move || promise.upgrade().map(AnyRemote::promise).or_else(|| later.upgrade()))
        }
        Place::Stream(_) => Arc::new(|| None),
        Place::Broken(_) => {
            let reference = reference.clone();
            Arc::new(move || Some(reference.clone()))
        }
    }
}

/// Gives the object while it is alive.
type OwnUpgrade<E> = Arc<dyn Fn() -> Option<Arc<E>> + Send + Sync>;

impl<T: ?Sized + Interface> WeakRemote<T> {
    /// A reference to an object that is only being made.
    pub(crate) fn to_itself<C>(cell: Weak<Cell<C>>) -> Self
    where
        T: Export<C>,
        C: Send + Sync + 'static,
    {
        Self { place: WeakPlace::Own(Arc::new(move || cell.upgrade().map(T::erase))) }
    }

    pub(crate) fn of(strong: &Remote<T>) -> Self {
        let place = match (Remote::local(strong), Remote::any(strong)) {
            (Some(object), _) => WeakPlace::Here(Arc::downgrade(object)),
            (None, Some(AnyRemote { place: Place::There(import) })) => WeakPlace::There(Arc::downgrade(import)),
            (None, Some(AnyRemote { place: Place::Here(servant) })) => WeakPlace::Handled(Arc::downgrade(servant)),
            (None, Some(promise @ AnyRemote { place: Place::Promise(_) })) => WeakPlace::Promised(weak_any(promise)),
            _ => WeakPlace::Broken(Remote::to_any(strong)),
        };
        Self { place }
    }

    /// A strong reference, or `None` when the object is gone.
    ///
    /// A weak reference that came from another node asks that node. One that was made here of another node's object gives a strong one
    /// only while somebody in this process still holds one.
    ///
    /// # Errors
    ///
    /// What a call to the other node can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn upgrade(&self) -> Result<Option<Remote<T>>, Error> {
        match &self.place {
            WeakPlace::Here(object) => Ok(object.upgrade().map(Remote::of_erased)),
            WeakPlace::Own(upgrade) => Ok(upgrade().map(Remote::of_erased)),
            WeakPlace::There(import) => Ok(import.upgrade().map(|import| Remote::from_any(AnyRemote::there(import)))),
            WeakPlace::Handled(servant) => Ok(servant.upgrade().map(|servant| Remote::from_any(AnyRemote::here(servant)))),
            WeakPlace::Promised(upgrade) => Ok(upgrade().map(Remote::from_any)),
            WeakPlace::Broken(reference) => Ok(Some(Remote::from_any(reference.clone()))),
            WeakPlace::Travelled(target) => {
                let call = WeakTarget::upgrade(target);
                Ok(call.await?.map(Remote::from_any))
            }
        }
    }

    fn target(&self) -> Remote<dyn WeakTarget> {
        match &self.place {
            WeakPlace::Here(object) => {
                let object = object.clone();
                stand_in(move || object.upgrade().map(|object| Remote::<T>::to_any(&Remote::of_erased(object))))
            }
            WeakPlace::Own(upgrade) => {
                let upgrade = Arc::clone(upgrade);
                stand_in(move || upgrade().map(|object| Remote::<T>::to_any(&Remote::of_erased(object))))
            }
            WeakPlace::There(import) => {
                let import = import.clone();
                stand_in(move || import.upgrade().map(AnyRemote::there))
            }
            WeakPlace::Handled(servant) => {
                let servant = servant.clone();
                stand_in(move || servant.upgrade().map(AnyRemote::here))
            }
            WeakPlace::Promised(upgrade) => {
                let upgrade = Arc::clone(upgrade);
                stand_in(move || upgrade())
            }
            WeakPlace::Broken(reference) => {
                let reference = reference.clone();
                stand_in(move || Some(reference.clone()))
            }
            WeakPlace::Travelled(target) => target.clone(),
        }
    }
}

/// Whether that is the question after what a weak reference means.
pub(crate) fn is_question(interface: &str, method: &str) -> bool {
    let descriptor = <dyn WeakTarget as Interface>::DESCRIPTOR;
    interface == descriptor.name && descriptor.find(interface, method).is_some()
}

/// Whether it is what stands in for an object. Its type says so: what a peer's object is called is the peer's choice.
pub(crate) fn is_stand_in(servant: &dyn Servant) -> bool {
    servant.behind().is_none() && servant.kind().is_some_and(Kind::is::<dyn WeakTarget>)
}

/// An object that gives the strong reference while there is one.
struct StandIn {
    upgrade: Box<dyn Fn() -> Option<AnyRemote> + Send + Sync>,
}

impl WeakTarget for StandIn {
    async fn upgrade(&self) -> Result<Option<AnyRemote>, Error> {
        Ok((self.upgrade)())
    }
}

fn stand_in(upgrade: impl Fn() -> Option<AnyRemote> + Send + Sync + 'static) -> Remote<dyn WeakTarget> {
    Remote::new(StandIn { upgrade: Box::new(upgrade) })
}

impl<T: ?Sized + Interface> Clone for WeakRemote<T> {
    fn clone(&self) -> Self {
        let place = match &self.place {
            WeakPlace::Here(object) => WeakPlace::Here(object.clone()),
            WeakPlace::Own(upgrade) => WeakPlace::Own(Arc::clone(upgrade)),
            WeakPlace::There(import) => WeakPlace::There(import.clone()),
            WeakPlace::Handled(servant) => WeakPlace::Handled(servant.clone()),
            WeakPlace::Promised(upgrade) => WeakPlace::Promised(Arc::clone(upgrade)),
            WeakPlace::Broken(reference) => WeakPlace::Broken(reference.clone()),
            WeakPlace::Travelled(target) => WeakPlace::Travelled(target.clone()),
        };
        Self { place }
    }
}

impl<T: ?Sized + Interface> fmt::Debug for WeakRemote<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakRemote(`{}`)", T::DESCRIPTOR.name)
    }
}

impl<T: ?Sized + Interface> Serialize for WeakRemote<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.target().serialize(serializer)
    }
}

impl<'de, T: ?Sized + Interface> Deserialize<'de> for WeakRemote<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        if schema::is_tracing() {
            schema::mention(T::DESCRIPTOR);
            let broken = schema::traced_reference(deserializer, T::DESCRIPTOR.name, schema::WEAK_REFERENCE)?;
            return Ok(Self { place: WeakPlace::Broken(broken) });
        }
        Remote::deserialize(deserializer).map(|target| Self { place: WeakPlace::Travelled(target) })
    }
}
