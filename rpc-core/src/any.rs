//! Owns [`AnyRemote`]: a reference to an object under some interface, without saying which in its type.

use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{Handler, RawCall, RawReply, RawReturn};
use crate::interface::Interface;
use crate::introspect::{Description, Page, Pages};
use crate::object::cell::ObjectMeta;
use crate::object_key::ObjectKey;
use crate::pipeline::{self, Answered, Going, PROMISES_MAX, Promise};
use crate::remote::Remote;
use crate::schema;
use crate::servant::{Handled, Servant};
use crate::session::Import;
use crate::stream::StreamHalf as Half;
use crate::transfer;

/// A reference to an object of any interface: what a relay, a directory or a wrapper holds.
///
/// It can be cloned, sent in arguments and results, called without a trait ([`call_raw`](Self::call_raw)), turned into a typed
/// reference ([`downcast`](Self::downcast)), and asked for another interface ([`cast`](Self::cast)).
#[derive(Clone)]
pub struct AnyRemote {
    pub(crate) place: Place,
}

/// Where the object is.
#[derive(Clone)]
pub(crate) enum Place {
    Here(Arc<dyn Servant>),
    There(Arc<Import>),
    /// No object, but a half of a stream on its way: references and halves share one table beside a message.
    Stream(Arc<Half>),
    /// It is not known yet.
    Promise(Arc<Promise>),
    /// It could not be passed on; every call says why.
    Broken(Arc<Error>),
}

impl AnyRemote {
    pub(crate) const fn here(servant: Arc<dyn Servant>) -> Self {
        Self { place: Place::Here(servant) }
    }

    pub(crate) const fn there(import: Arc<Import>) -> Self {
        Self { place: Place::There(import) }
    }

    pub(crate) fn half(half: Half) -> Self {
        Self { place: Place::Stream(Arc::new(half)) }
    }

    pub(crate) const fn promise(promise: Arc<Promise>) -> Self {
        Self { place: Place::Promise(promise) }
    }

    pub(crate) fn broken(error: Error) -> Self {
        Self { place: Place::Broken(Arc::new(error)) }
    }

    /// A reference whose calls all go to `handler`, under the name of an interface.
    pub fn from_handler(interface: impl Into<String>, handler: Arc<dyn Handler>) -> Self {
        Self::here(Arc::new(Handled { meta: ObjectMeta::new(), interface: interface.into(), handler }))
    }

    /// The name of the interface that this reference grants; empty for a reference that arrived broken, and for a promise that nobody has used
    /// as anything until it is known what it is.
    pub fn interface(&self) -> &str {
        match &self.place {
            Place::Here(servant) => servant.interface(),
            Place::There(import) => import.interface(),
            Place::Promise(promise) => {
                if promise.interface().is_empty()
                    && let Some(known) = self.known().filter(|known| !known.interface().is_empty())
                {
                    promise.name(known.interface());
                }
                promise.interface()
            }
            Place::Stream(_) | Place::Broken(_) => "",
        }
    }

    /// Whose object it is. `None` for a reference that arrived broken, and for a promise until it is known.
    pub fn key(&self) -> Option<ObjectKey> {
        match &self.place {
            Place::Here(servant) => servant.meta().map(ObjectKey::of_local),
            Place::There(import) => Some(import.key()),
            Place::Promise(_) => self.known().and_then(|known| known.key()),
            Place::Stream(_) | Place::Broken(_) => None,
        }
    }

    /// The same reference with a type. Nothing is asked of the host: a method that the interface of this reference does not have is
    /// refused when it is called.
    pub fn downcast<T: ?Sized + Interface>(self) -> Remote<T> {
        Remote::from_any(self)
    }

    /// The same object under another interface, which the host is asked for.
    ///
    /// A reference grants one interface and its supertraits. Another one it can be cast to only if the object's host offers it
    /// ([`Object::with_interface`](crate::Object::with_interface)). The reference that comes back grants `T` and nothing besides. For the interface that
    /// this reference has, and for an object of this process, nobody is asked.
    ///
    /// # Errors
    ///
    /// `NoSuchInterface` when the object does not have the interface, or has it and does not offer it: the answer is the same. Otherwise
    /// what a call to the host can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    ///
    /// ```
    /// # use netref::{ErrorKind, Object, Remote, Result, remote};
    /// # #[remote] trait Play { async fn play(&self) -> Result<u64>; }
    /// # #[remote] trait Tune { async fn tune(&self) -> Result<()>; }
    /// # struct Piano;
    /// # impl Play for Piano { async fn play(&self) -> Result<u64> { Ok(3) } }
    /// # impl Tune for Piano { async fn tune(&self) -> Result<()> { Ok(()) } }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let piano = Object::new(Piano).with_interface::<dyn Play>();
    /// let any = Remote::into_any(piano.as_remote::<dyn Tune>());
    /// let play: Remote<dyn Play> = any.cast().await?;
    /// assert_eq!(play.play().await?, 3);
    ///
    /// let play_only = Remote::into_any(play);
    /// assert_eq!(play_only.cast::<dyn Tune>().await.unwrap_err().kind(), ErrorKind::NoSuchInterface);
    /// # Ok::<(), netref::Error>(()) }).unwrap();
    /// ```
    pub async fn cast<T: ?Sized + Interface>(&self) -> Result<Remote<T>, Error> {
        self.cast_to(T::DESCRIPTOR.name).await.map(Remote::from_any)
    }

    /// As [`cast`](Self::cast), by the name of the interface alone.
    ///
    /// # Errors
    ///
    /// As [`cast`](Self::cast).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn cast_to(&self, interface: &str) -> Result<Self, Error> {
        let found = match &self.place {
            _ if self.interface() == interface => Some(self.clone()),
            Place::Here(_) => {
                self.settled_behind().await?;
                self.cast_here(interface)
            }
            Place::There(import) => crate::cast::ask(import, interface).await?,
            Place::Stream(_) => return Err(no_object()),
            Place::Promise(_) => return Box::pin(self.resolved().await?.cast_to(interface)).await,
            Place::Broken(error) => return Err(Error::clone(error)),
        };
        found.ok_or_else(|| crate::cast::refused(interface))
    }

    /// What the object can be called with: its interfaces, their methods, the types of those, and what is said about them.
    ///
    /// The object's host answers, also through nodes between that do not know the interface. No method of the object runs. The description has
    /// what this reference grants, what it may be [cast](Self::cast) to, and the interfaces of references in the arguments and results; see
    /// [`introspect`](crate::introspect).
    ///
    /// # Errors
    ///
    /// What a call to the host can give; `NoSuchMethod` from a host whose netref is too old to describe its objects; `Protocol` for a
    /// description that breaks a rule or has no end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    ///
    /// ```
    /// # use netref::{Remote, Result, remote};
    /// #[remote]
    /// trait Play {
    ///     /// Plays a note for so long.
    ///     async fn play(&self, note: u8, milliseconds: u32) -> Result<()>;
    /// }
    /// # struct Piano;
    /// # impl Play for Piano { async fn play(&self, _: u8, _: u32) -> Result<()> { Ok(()) } }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let piano = Remote::into_any(Remote::<dyn Play>::new(Piano));
    /// let description = piano.describe().await?;
    /// let method = &description.interfaces[0].methods[0];
    /// assert_eq!((&*method.name, &*method.docs, &*method.parameters[1].name), ("play", "Plays a note for so long.", "milliseconds"));
    /// println!("{description}"); // as Rust source
    /// # Ok::<(), netref::Error>(()) }).unwrap();
    /// ```
    pub async fn describe(&self) -> Result<Description, Error> {
        let known = self.resolved().await?;
        let mut pages = Pages::default();
        while let Some(from) = pages.next() {
            pages.add(known.page(from).await?)?;
        }
        Ok(pages.into_description())
    }

    /// The answer to a cast when the object is hosted in this process.
    pub(crate) fn cast_here(&self, interface: &str) -> Option<Self> {
        match &self.place {
            Place::Here(servant) => Arc::clone(servant).cast(interface),
            Place::Promise(_) => self.known()?.cast_here(interface),
            Place::There(_) | Place::Stream(_) | Place::Broken(_) => None,
        }
    }

    /// Waits until it is known what interceptors stand around.
    async fn settled_behind(&self) -> Result<(), Error> {
        let mut reference = self.clone();
        while let Place::Here(servant) = &reference.place {
            let Some(behind) = servant.behind().cloned() else { return Ok(()) };
            reference = behind.resolved().await?;
        }
        Ok(())
    }

    /// A page of what the object can be called with, once it is known what the reference refers to.
    pub(crate) async fn page(&self, from: u32) -> Result<Page, Error> {
        match &self.place {
            Place::Here(servant) => match import_of(servant) {
                Some(import) => crate::cast::ask_page(&import, from).await,
                None => Ok(crate::introspect::page(&**servant, from)),
            },
            Place::There(import) => crate::cast::ask_page(import, from).await,
            Place::Stream(_) => Err(no_object()),
            Place::Broken(error) => Err(Error::clone(error)),
            Place::Promise(_) => Err(pipeline::circle()),
        }
    }

    /// A call of a peer's that has come to a promise: the session's reader may be what starts it.
    pub(crate) fn call_raw_of_peer(&self, call: RawCall) -> RawReturn {
        self.call_promised(Going::of_peer(call))
    }

    fn call_promised(&self, going: Going) -> RawReturn {
        let ongoing = pipeline::start(self, going);
        RawReturn::pending(async move {
            match ongoing.await {
                Answered::Raw(reply) | Answered::Over(_, reply) => reply,
                Answered::Broken(breakage) => RawReply::Failed(breakage.error().clone()),
            }
        })
    }

    /// Calls without a trait.
    ///
    /// The call is started at once, and cancelled when what is returned is dropped.
    pub fn call_raw(&self, call: RawCall) -> RawReturn {
        match &self.place {
            Place::Here(servant) => crate::direct::call_raw(Arc::clone(servant), call),
            Place::There(import) => crate::session::call_raw(import, call),
            Place::Stream(_) => RawReturn::failed(no_object()),
            Place::Promise(_) => self.call_promised(Going::of(call)),
            Place::Broken(error) => RawReturn::failed(Error::clone(error)),
        }
    }

    /// The peer's object that it leads to, whatever is around it.
    pub(crate) fn import(&self) -> Option<Arc<Import>> {
        match &self.place {
            Place::Here(servant) => import_of(servant),
            Place::There(import) => Some(Arc::clone(import)),
            Place::Promise(_) => self.known()?.import(),
            Place::Stream(_) | Place::Broken(_) => None,
        }
    }

    /// Whether it is a half of a stream, on its way through code that knows no types. It can be passed on, once, and not be called.
    #[must_use]
    pub const fn is_half(&self) -> bool {
        matches!(self.place, Place::Stream(_))
    }

    /// Whether the object is in this process, whatever is around it.
    pub(crate) fn is_here(&self) -> bool {
        match &self.place {
            Place::Here(servant) => servant.behind().is_none_or(Self::is_here),
            _ => false,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        match &self.place {
            Place::Here(servant) => servant.behind().is_none_or(Self::is_connected),
            Place::Stream(_) => true,
            Place::There(import) => !import.session().is_closed(),
            Place::Promise(promise) => match promise.known() {
                Some(Ok(known)) => known.is_connected(),
                Some(Err(_)) => false,
                None => true,
            },
            Place::Broken(_) => false,
        }
    }

    pub(crate) async fn closed(&self) -> Error {
        match &self.place {
            Place::Here(servant) => match servant.behind() {
                Some(reference) => Box::pin(reference.closed()).await,
                None => std::future::pending().await,
            },
            Place::Stream(_) => std::future::pending().await,
            Place::There(import) => import.session().closed().await,
            Place::Promise(_) => match self.resolved().await {
                Ok(known) => Box::pin(known.closed()).await,
                Err(error) => error,
            },
            Place::Broken(error) => Error::clone(error),
        }
    }

    /// What a promise has become, when that is known; anything else is what it is. `None` for a promise that is not known yet, or broken.
    pub(crate) fn known(&self) -> Option<Self> {
        let mut reference = self.clone();
        for _ in 0..PROMISES_MAX {
            let Place::Promise(promise) = &reference.place else { return Some(reference) };
            reference = promise.known()?.ok()?;
        }
        None
    }

    /// Waits until it is known what the reference refers to, and gives the reference to that. One that is no promise is given at once.
    ///
    /// A promise can be called before: waiting is for those who need to know, for its [`key`](Self::key) for instance.
    ///
    /// # Errors
    ///
    /// Why the promise came to nothing.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn resolved(&self) -> Result<Self, Error> {
        let mut reference = self.clone();
        for _ in 0..PROMISES_MAX {
            let Place::Promise(promise) = &reference.place else { return Ok(reference) };
            reference = promise.resolved().await.map_err(|breakage| breakage.error().clone())?;
        }
        Err(pipeline::circle())
    }
}

impl fmt::Debug for AnyRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Here(servant) => write!(f, "Remote(`{}` #{}, local)", servant.interface(), servant.number()),
            Place::There(import) => write!(f, "Remote(`{}` {}, over {})", import.interface(), import.key(), import.session().peer()),
            Place::Stream(half) => write!(f, "Remote(no object: the {half:?})"),
            Place::Promise(promise) => promise.fmt(f),
            Place::Broken(error) => write!(f, "Remote(broken: {error})"),
        }
    }
}

/// A reference where values say what they are: `{"$ref": 0}`, so that it is not taken for a number.
#[derive(Serialize, Deserialize)]
#[serde(rename = "netref::Remote", deny_unknown_fields)]
struct Marked {
    #[serde(rename = "$ref")]
    index: u32,
}

/// Reads [`Marked`] from an object: what serde derives takes `[0]` as well, which is somebody's list of numbers.
struct MarkedOnly;

impl<'de> Visitor<'de> for MarkedOnly {
    type Value = Marked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference, which is `{\"$ref\": index}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Marked, A::Error> {
        Marked::deserialize(MapAccessDeserializer::new(map))
    }
}

impl Serialize for AnyRemote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = transfer::put_reference(self.clone()).ok_or_else(|| {
            S::Error::custom("a reference travels only inside a call: as an argument, a result or part of one; it cannot be stored")
        })?;
        if serializer.is_human_readable() {
            return Marked { index }.serialize(serializer);
        }
        serializer.serialize_newtype_struct(transfer::REFERENCE, &index)
    }
}

impl<'de> Deserialize<'de> for AnyRemote {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if schema::is_tracing() {
            return schema::traced_reference(deserializer, "", schema::REFERENCE);
        }
        let index = if deserializer.is_human_readable() {
            deserializer.deserialize_map(MarkedOnly)?.index
        } else {
            u32::deserialize(deserializer)?
        };
        transfer::take_reference(index).ok_or_else(|| D::Error::custom("the message has no such reference, or holds it twice"))
    }
}

/// The peer's object that a servant leads to, whatever is around it.
pub(crate) fn import_of(servant: &Arc<dyn Servant>) -> Option<Arc<Import>> {
    match servant.behind() {
        Some(reference) => reference.import(),
        None => Arc::clone(servant).as_import(),
    }
}

/// What is said of a half of a stream where an object is expected.
pub(crate) fn no_object() -> Error {
    Error::new(ErrorKind::Misuse, Outcome::NotRun, "this is a half of a stream and no object: it has no methods")
}

/// Turns the error of a broken reference into the error of a call on it.
pub(crate) fn broken(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::NoSuchObject, Outcome::NotRun, text)
}
