//! Owns [`Remote`]: a reference to an object that implements a trait, wherever the object lives.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::any::{AnyRemote, Place};
use crate::error::Error;
use crate::handler::Handler;
use crate::interface::{Export, Interface, Supertrait};
use crate::introspect::Description;
use crate::object::cell::{Cell, ErasedObject};
use crate::object_key::ObjectKey;
use crate::pipeline::{self, Asked, At, Breakage, Path, Pipeline};
use crate::promises::RemoteError;
use crate::schema;
use crate::servant::Hosted;
use crate::weak::WeakRemote;

/// A reference to an object that implements `T`, here or on another node.
///
/// It implements the trait itself, can be cloned, and travels in arguments and results of calls at any depth. The object lives as long
/// as anyone, here or elsewhere, holds a reference to it.
///
/// All its own functions are associated (`Remote::key(&reference)`, as `Arc`'s are), so that they never hide a method of the trait.
///
/// ```
/// use netref::{Remote, Result, remote};
///
/// #[remote]
/// trait Greeter {
///     async fn greet(&self, name: &str) -> Result<String>;
/// }
///
/// struct Polite;
/// impl Greeter for Polite {
///     async fn greet(&self, name: &str) -> Result<String> {
///         Ok(format!("Good day, {name}"))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let greeter: Remote<dyn Greeter> = Remote::new(Polite);
/// assert_eq!(greeter.greet("Ada").await?, "Good day, Ada");
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
pub struct Remote<T: ?Sized + Interface> {
    place: RemotePlace<T>,
}

enum RemotePlace<T: ?Sized + Interface> {
    /// An object of this process, to be called without encoding.
    Here(Arc<T::Erased>),
    /// Anything else: an object of a peer's, or a handler.
    Any(AnyRemote),
}

impl<T: ?Sized + Interface> Remote<T> {
    /// Hosts an object and gives the first reference to it.
    pub fn new<C>(object: C) -> Self
    where
        T: Export<C>,
    {
        Self::of_cell(Arc::new(Cell::new(object, T::DESCRIPTOR.exclusive)))
    }

    /// Hosts an object that knows itself: `make` is given a weak reference to the object that it makes.
    ///
    /// The object may keep it, to hand out references to itself later. While `make` runs, and if it panics, the weak reference leads
    /// nowhere. Since it is weak, the object is dropped when nobody else refers to it any more.
    ///
    /// ```
    /// use netref::{Remote, Result, WeakRemote, remote};
    ///
    /// #[remote]
    /// trait Door {
    ///     /// Something to come back with.
    ///     async fn key(&self) -> Result<Remote<dyn Door>>;
    /// }
    ///
    /// struct Front {
    ///     this: WeakRemote<dyn Door>,
    /// }
    /// impl Door for Front {
    ///     async fn key(&self) -> Result<Remote<dyn Door>> {
    ///         // Somebody called it, so there is a reference.
    ///         Ok(self.this.upgrade().await?.expect("it is alive while it is called"))
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let door = Remote::<dyn Door>::new_cyclic(|this| Front { this: this.clone() });
    /// assert_eq!(Remote::key(&door.key().await?), Remote::key(&door));
    /// # Ok::<(), netref::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// When `make` does.
    pub fn new_cyclic<C>(make: impl FnOnce(&WeakRemote<T>) -> C) -> Self
    where
        T: Export<C>,
        C: Send + Sync + 'static,
    {
        Self::of_cell(Cell::new_cyclic(T::DESCRIPTOR.exclusive, make))
    }

    pub(crate) fn of_cell<C>(cell: Arc<Cell<C>>) -> Self
    where
        T: Export<C>,
    {
        Self { place: RemotePlace::Here(T::erase(cell)) }
    }

    pub(crate) fn of_erased(object: Arc<T::Erased>) -> Self {
        Self { place: RemotePlace::Here(object) }
    }

    /// A reference whose calls all go to `handler`.
    pub fn from_handler(handler: Arc<dyn Handler>) -> Self {
        Self { place: RemotePlace::Any(AnyRemote::from_handler(T::DESCRIPTOR.name, handler)) }
    }

    pub(crate) fn from_any(reference: AnyRemote) -> Self {
        // A reference that came home may grant less than the object has, and a wrong type makes no more of it.
        if let Place::Here(servant) = &reference.place
            && servant.descriptor().is_some_and(|descriptor| descriptor.extends(T::DESCRIPTOR.name))
        {
            let mut slot: Option<Arc<T::Erased>> = None;
            if servant.typed(&mut slot)
                && let Some(object) = slot
            {
                return Self { place: RemotePlace::Here(object) };
            }
        }
        if let Place::Promise(promise) = &reference.place {
            promise.name(T::DESCRIPTOR.name);
        }
        Self { place: RemotePlace::Any(reference) }
    }

    /// The same reference under one of its supertraits, which the compiler checks. Nothing is asked of the host.
    ///
    /// It takes no permission away: the host of another node's object goes on granting whoever holds the reference what it granted before.
    ///
    /// ```
    /// # use netref::{Remote, Result, remote};
    /// #[remote]
    /// trait Named {
    ///     async fn name(&self) -> Result<String>;
    /// }
    /// #[remote]
    /// trait Ship: Named {
    ///     async fn sail(&self) -> Result<()>;
    /// }
    ///
    /// async fn greet(it: Remote<dyn Named>) -> Result<String> {
    ///     Ok(format!("hello {}", it.name().await?))
    /// }
    ///
    /// async fn board(ship: Remote<dyn Ship>) -> Result<String> {
    ///     greet(Remote::upcast(ship)).await // or `Remote::upcast::<dyn Named>(ship)`
    /// }
    /// ```
    pub fn upcast<S: ?Sized + Supertrait<T>>(this: Self) -> Remote<S> {
        match this.place {
            RemotePlace::Here(object) => {
                let mut slot: Option<Arc<S::Erased>> = None;
                T::upcast(Arc::clone(&object), &mut slot);
                match slot {
                    Some(object) => Remote::of_erased(object),
                    // Not reached for a trait that the macro wrote; the way over the servant is right for any other.
                    None => Remote::from_any(AnyRemote::here(Arc::new(Hosted::new::<T>(object)))),
                }
            }
            RemotePlace::Any(reference) => Remote::from_any(reference),
        }
    }

    /// The same reference without the trait in its type.
    pub fn into_any(this: Self) -> AnyRemote {
        Self::to_any(&this)
    }

    pub(crate) fn to_any(this: &Self) -> AnyRemote {
        match &this.place {
            RemotePlace::Here(object) => AnyRemote::here(Arc::new(Hosted::new::<T>(Arc::clone(object)))),
            RemotePlace::Any(reference) => reference.clone(),
        }
    }

    pub(crate) fn local(this: &Self) -> Option<&Arc<T::Erased>> {
        match &this.place {
            RemotePlace::Here(object) => Some(object),
            RemotePlace::Any(_) => None,
        }
    }

    pub(crate) fn any(this: &Self) -> Option<&AnyRemote> {
        match &this.place {
            RemotePlace::Here(_) => None,
            RemotePlace::Any(reference) => Some(reference),
        }
    }

    /// The same object under another interface; see [`AnyRemote::cast`]. Nobody is asked for a supertrait of `T` either.
    ///
    /// # Errors
    ///
    /// As [`AnyRemote::cast`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn cast<U: ?Sized + Interface>(this: &Self) -> Result<Remote<U>, Error> {
        let reference = Self::to_any(this);
        if reference.interface() == T::DESCRIPTOR.name && T::DESCRIPTOR.extends(U::DESCRIPTOR.name) {
            return Ok(reference.downcast());
        }
        reference.cast().await
    }

    /// What the object can be called with; see [`AnyRemote::describe`].
    ///
    /// # Errors
    ///
    /// As [`AnyRemote::describe`].
    ///
    /// # Cancel safety
    ///
    /// As [`AnyRemote::describe`].
    pub async fn describe(this: &Self) -> Result<Description, Error> {
        Self::to_any(this).describe().await
    }

    /// Whose object it is: equal for two references to the same object, whatever way they came.
    ///
    /// `None` for a reference that arrived broken, and for a promise until it is known what it refers to. For an object of another node the key is what its peer says.
    pub fn key(this: &Self) -> Option<ObjectKey> {
        match &this.place {
            RemotePlace::Here(object) => Some(ObjectKey::of_local(object.meta())),
            RemotePlace::Any(reference) => reference.key(),
        }
    }

    /// Whether the object is in this process, so that calls on it are not encoded.
    pub fn is_local(this: &Self) -> bool {
        match &this.place {
            RemotePlace::Here(_) => true,
            RemotePlace::Any(reference) => reference.known().is_some_and(|known| known.is_here()),
        }
    }

    /// Whether calls can still reach the object: false once its session is over. Always true for an object of this process.
    pub fn is_connected(this: &Self) -> bool {
        Self::any(this).is_none_or(AnyRemote::is_connected)
    }

    /// Waits until the object can no longer be reached, and says why. Never ready for an object of this process.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(this: &Self) -> Error {
        match Self::any(this) {
            None => std::future::pending().await,
            Some(reference) => reference.clone().closed().await,
        }
    }

    /// Waits until it is known what a promise refers to, and gives the reference to that. One that is no promise is given at once.
    ///
    /// A promise can be called before, and calls on it and on what this gives start in their order. Waiting is for those who need to
    /// know: for its [`key`](Self::key), for instance. Calls on an object of this process are encoded as long as they are made on the
    /// promise of it.
    ///
    /// # Errors
    ///
    /// Why the promise came to nothing.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn resolved(this: &Self) -> Result<Self, Error> {
        match &this.place {
            RemotePlace::Here(_) => Ok(this.clone()),
            RemotePlace::Any(reference) => reference.resolved().await.map(Self::from_any),
        }
    }

    /// A reference to what `future` will give, for use at once.
    ///
    /// Calls on it wait here, bounded in number, and start in their order when the future is done. Passed on to another node before that
    /// it is called through this one. It runs on a task of its own, outside a runtime on netref's. It is dropped when nobody holds the reference
    /// any more, if no call was made on it and it was not passed on; otherwise it runs to its end, also when those calls were given up.
    ///
    /// An error of the future's is the error of what was called on the reference: as it is where the method's error has the same type, and as
    /// netref's with its text elsewhere.
    ///
    /// # Panics
    ///
    /// Never. A future that panics breaks the promise, and calls on it fail and say so.
    ///
    /// # Cancel safety
    ///
    /// Nothing is awaited here. A call on the reference that is dropped is given up, and the future goes on.
    ///
    /// ```
    /// # use netref::{Remote, Result, remote};
    /// # #[remote] trait Greeter { async fn greet(&self) -> Result<String>; }
    /// # struct Polite; impl Greeter for Polite { async fn greet(&self) -> Result<String> { Ok("hello".into()) } }
    /// # async fn dial() -> Result<Remote<dyn Greeter>> { Ok(Remote::new(Polite)) }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let greeter = Remote::from_future(async { dial().await });
    /// assert_eq!(greeter.greet().await?, "hello");
    /// # Ok::<(), netref::Error>(()) }).unwrap();
    /// ```
    pub fn from_future<F, E>(future: F) -> Self
    where
        F: Future<Output = Result<Self, E>> + Send + 'static,
        E: RemoteError,
        T: 'static,
    {
        let asked = Asked::new();
        let promise = <Self as Pipeline>::promised(&At::the_result_of(&asked));
        pipeline::drive(&asked, async move {
            match future.await {
                Ok(reference) => Ok(vec![(Path::new(), Self::into_any(reference))]),
                Err(error) => Err(Arc::new(Breakage::of(&error))),
            }
        });
        promise
    }

    /// A reference that does not keep the object alive.
    pub fn downgrade(this: &Self) -> WeakRemote<T> {
        WeakRemote::of(this)
    }
}

impl<T: ?Sized + Interface> Clone for Remote<T> {
    fn clone(&self) -> Self {
        let place = match &self.place {
            RemotePlace::Here(object) => RemotePlace::Here(Arc::clone(object)),
            RemotePlace::Any(reference) => RemotePlace::Any(reference.clone()),
        };
        Self { place }
    }
}

impl<T: ?Sized + Interface> fmt::Debug for Remote<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            RemotePlace::Here(object) => write!(f, "Remote(`{}` #{}, local)", T::DESCRIPTOR.name, object.meta().number()),
            RemotePlace::Any(reference) => reference.fmt(f),
        }
    }
}

impl<T: ?Sized + Interface> Serialize for Remote<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::to_any(self).serialize(serializer)
    }
}

impl<'de, T: ?Sized + Interface> Deserialize<'de> for Remote<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if schema::is_tracing() {
            schema::mention(T::DESCRIPTOR);
            let broken = schema::traced_reference(deserializer, T::DESCRIPTOR.name, schema::REFERENCE)?;
            return Ok(Self::from_any(broken));
        }
        AnyRemote::deserialize(deserializer).map(Self::from_any)
    }
}
