//! Owns [`Servant`], what a session or a raw call needs of an object on this side: who it is, which methods it has, and to run them.

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::any::AnyRemote;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Outcome, Scope};
use crate::handler::{Handler, Method, RawCall, RawReply, RawReturn, no_such_method};
use crate::inbound::{Inbound, Reply, Served};
use crate::interface::{Base, Interface, InterfaceDescriptor, MethodDescriptor};
use crate::introspect::InterfaceInfo;
use crate::object::cell::{ErasedObject, ObjectMeta};
use crate::pipeline::Promise;
use crate::schema::cut;

/// What a method number of the peer's means for one kind of servant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved {
    /// The flattened number; unused by a servant without a descriptor.
    pub(crate) number: u32,
    pub(crate) spawn: bool,
    pub(crate) blocking: bool,
    pub(crate) no_cancel: bool,
}

impl Resolved {
    /// For a servant that takes any method.
    pub(crate) const RAW: Self = Self { number: 0, spawn: false, blocking: false, no_cancel: false };
}

/// The interface of a hosted object: the type of the object once its own is forgotten, and the supertrait that is meant, if one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    erased: TypeId,
    /// As in [`Base`].
    place: u32,
}

impl Kind {
    /// Whether it is this very interface, and not one of its supertraits.
    pub(crate) fn is<T: ?Sized + Interface>(self) -> bool {
        self == Self { erased: TypeId::of::<T::Erased>(), place: 0 }
    }

    /// A number for it. No two instances of one trait on one object have the same one, unless the compiler's own hashes of types meet.
    pub(crate) fn word(self) -> u64 {
        word_of(self.erased) ^ u64::from(self.place).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// Gives a servant again while its object is alive.
pub(crate) type WeakServant = Arc<dyn Fn() -> Option<Arc<dyn Servant>> + Send + Sync>;

/// An object under one interface.
pub(crate) trait Servant: Send + Sync + 'static {
    /// Its number in this process, by which export tables know it.
    fn number(&self) -> u64;

    /// What it shares with every other way to the same object: calls that share it start in the order in which they came.
    fn line(&self) -> u64 {
        self.number()
    }

    /// What its descriptor belongs to. It tells two instances of a generic trait apart, as its name does not, and its address neither: that
    /// is a constant's. `None` when it takes any method.
    fn kind(&self) -> Option<Kind>;

    /// By what an export table knows it: the object, and with it the instance of a generic trait, of which the interface's name says nothing.
    fn granted(&self) -> u64 {
        self.number()
    }

    /// Its identity, when it is hosted here and not only passed on.
    fn meta(&self) -> Option<&ObjectMeta>;

    /// The interface that a reference to it grants.
    fn interface(&self) -> &str;

    /// What of the interface is part of the identity. Nothing for what gets its name only later: it would be looked for under another one.
    fn name_in_tags(&self) -> &str {
        self.interface()
    }

    /// `None` when it takes any method and answers by itself.
    fn descriptor(&self) -> Option<&'static InterfaceDescriptor>;

    /// Starts a method. Never called with a lock held.
    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served;

    /// Fills `slot` with the object for typed local calls, if `slot` asks for an interface that it has.
    fn typed(&self, slot: &mut dyn Any) -> bool;

    /// The object under an interface that the holder of a reference to this servant may have: its own, a supertrait of that, or one that
    /// the host of the object offers. `None` for one that is only passed on: its host is asked.
    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote>;

    /// The interfaces that its host offers besides, to whoever holds a reference to it.
    fn offers(&self) -> Vec<&'static InterfaceDescriptor> {
        Vec::new()
    }

    /// What it says of its interface itself, when there is no descriptor.
    fn described(&self) -> Option<InterfaceInfo> {
        None
    }

    /// Itself as a promise, when it is not known yet what it is.
    fn as_promise(self: Arc<Self>) -> Option<Arc<Promise>> {
        None
    }

    /// Itself as a reference to something on a session, when it is only passed on.
    fn as_import(self: Arc<Self>) -> Option<Arc<crate::session::Import>> {
        None
    }

    /// The way back to it that does not keep its object alive. `None` when the servant itself is what is kept alive.
    fn weak(self: Arc<Self>) -> Option<WeakServant> {
        None
    }

    /// What it stands around, when it is a reference with interceptors: whether calls reach anything is decided there.
    fn behind(&self) -> Option<&AnyRemote> {
        None
    }

    /// What was exported, when this stands for it in an export table only.
    fn exported(self: Arc<Self>) -> Option<Arc<dyn Servant>> {
        None
    }
}

/// Finds a method, or says why it cannot be called.
pub(crate) fn resolve(servant: &dyn Servant, method: &Method) -> Result<Resolved, Error> {
    let Some(descriptor) = servant.descriptor() else { return Ok(Resolved::RAW) };
    let Some((number, known)) = crate::by_name::find(descriptor, method) else {
        return Err(no_such_method(method, descriptor));
    };
    let schema = (known.schema)();
    if schema.fingerprint() != method.fingerprint
        && !crate::by_name::is_meant(method)
        && let Some(why) = schema.refuses(&method.structure)
    {
        return Err(mismatch(method, known, &why));
    }
    Ok(Resolved { number, spawn: known.spawn, blocking: known.blocking, no_cancel: known.no_cancel })
}

/// That the two sides cannot work together, and why. The caller's signature is a stranger's.
fn mismatch(method: &Method, known: &MethodDescriptor, why: &str) -> Error {
    let theirs = method.signature.escape_debug().to_string();
    // One that is empty was not kept.
    let signatures = if theirs == known.signature || theirs.is_empty() {
        format!("of `{}`", cut(known.signature, SIGNATURE_SHOWN))
    } else {
        format!("the caller's method is `{}`, the callee's is `{}`", cut(&theirs, SIGNATURE_SHOWN), cut(known.signature, SIGNATURE_SHOWN))
    };
    Error::new(ErrorKind::SchemaMismatch, Outcome::NotRun, format!("{why}; {signatures}")).with_method(method.to_string())
}

/// Bytes of a signature in an error: with both of them and the difference it fits what travels of an error's text.
const SIGNATURE_SHOWN: usize = 400;

/// A hosted object under an interface, with the interface's own type forgotten.
pub(crate) struct Hosted<E: ?Sized> {
    object: Arc<E>,
    /// What it grants: the interface that the two functions below belong to, or a supertrait of that. Two servants of the same object
    /// and type may differ in it, so what a method means to a servant depends on it and not on the type alone.
    descriptor: &'static InterfaceDescriptor,
    /// The number at which the methods of `descriptor` begin among those that `dispatch` knows.
    begin: u32,
    /// The place of `descriptor` among the interfaces that `dispatch` knows.
    place: u32,
    dispatch: fn(Arc<E>, u32, &mut Inbound<'_>) -> Served,
    upcast: fn(Arc<E>, &mut dyn Any) -> bool,
}

impl<E: ?Sized + ErasedObject> Hosted<E> {
    pub(crate) fn new<T: ?Sized + Interface<Erased = E>>(object: Arc<E>) -> Self {
        // Sessions compare structures under their lock, where no code of the user's runs.
        T::DESCRIPTOR.prepare(TypeId::of::<E>());
        Self { object, descriptor: T::DESCRIPTOR, begin: 0, place: 0, dispatch: T::dispatch, upcast: T::upcast }
    }
}

impl<E: ?Sized + ErasedObject> Servant for Hosted<E> {
    fn number(&self) -> u64 {
        self.object.meta().number()
    }

    fn kind(&self) -> Option<Kind> {
        Some(Kind { erased: TypeId::of::<E>(), place: self.place })
    }

    fn granted(&self) -> u64 {
        self.number() ^ self.kind().map_or(0, Kind::word)
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        Some(self.object.meta())
    }

    fn interface(&self) -> &str {
        self.descriptor.name
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        Some(self.descriptor)
    }

    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        inbound.name_parameters(self.descriptor, method.number);
        (self.dispatch)(Arc::clone(&self.object), self.begin + method.number, inbound)
    }

    fn typed(&self, slot: &mut dyn Any) -> bool {
        (self.upcast)(Arc::clone(&self.object), slot)
    }

    fn offers(&self) -> Vec<&'static InterfaceDescriptor> {
        self.object.offers()
    }

    fn weak(self: Arc<Self>) -> Option<WeakServant> {
        let Self { descriptor, begin, place, dispatch, upcast, .. } = *self;
        let object = Arc::downgrade(&self.object);
        Some(Arc::new(move || Some(Arc::new(Self { object: object.upgrade()?, descriptor, begin, place, dispatch, upcast }) as _)))
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        let Some(Base { descriptor, begin, place }) = self.descriptor.base(interface) else {
            return Arc::clone(&self.object).offered(interface);
        };
        let (object, begin, place) = (Arc::clone(&self.object), self.begin + begin, self.place + place);
        Some(AnyRemote::here(Arc::new(Self { object, descriptor, begin, place, dispatch: self.dispatch, upcast: self.upcast })))
    }
}

/// The compiler's own hash of a type, which is all that a `TypeId` feeds to a hasher.
fn word_of(id: TypeId) -> u64 {
    struct Word(u64);
    impl Hasher for Word {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(byte);
            }
        }
        fn write_u64(&mut self, value: u64) {
            self.0 ^= value;
        }
    }
    let mut word = Word(0);
    id.hash(&mut word);
    word.0
}

/// A handler of the user's as an object.
pub(crate) struct Handled {
    pub(crate) meta: ObjectMeta,
    pub(crate) interface: String,
    pub(crate) handler: Arc<dyn Handler>,
}

impl Servant for Handled {
    fn number(&self) -> u64 {
        self.meta.number()
    }

    fn kind(&self) -> Option<Kind> {
        None
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        Some(&self.meta)
    }

    fn interface(&self) -> &str {
        &self.interface
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        None
    }

    fn serve(self: Arc<Self>, _method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        let method = inbound.method();
        crate::context::mark_started();
        let from_peer = inbound.is_from_peer();
        let call = RawCall { method, payload: inbound.take_payload(), context: Context::current() };
        served(self.handler.call(call), from_peer)
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        false
    }

    fn described(&self) -> Option<InterfaceInfo> {
        self.handler.describe()
    }

    /// A handler takes any call, but has not said for which interfaces it stands besides the one that it was given.
    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        (self.interface == interface).then(|| AnyRemote::here(self))
    }
}

/// What a handler or an interceptor gave back, as a session sends it. A panic that was caught on the way was not seen by the session: what a peer may
/// learn of it is decided here.
pub(crate) fn served(returned: RawReturn, from_peer: bool) -> Served {
    let kept = move |reply| match reply {
        RawReply::Failed(error) if from_peer => Reply::failed(&told(crate::context::guarded(error))),
        reply => reply_of(reply),
    };
    match returned {
        RawReturn::Ready(reply) => Served::Ready(kept(reply)),
        RawReturn::Pending(future) => Served::Future(Box::pin(async move { kept(future.await) })),
    }
}

/// What is dead here is not dead for a peer: of what it holds, only the call is.
fn told(error: Error) -> Error {
    if error.scope() == Scope::Session { error.with_scope(Scope::Call) } else { error }
}

/// A reply of the seam as a session sends it.
pub(crate) fn reply_of(reply: RawReply) -> Reply {
    let (status, payload) = match reply {
        RawReply::Ok(payload) => (crate::wire::Status::Ok, payload),
        RawReply::AppError(payload) => (crate::wire::Status::AppError, payload),
        RawReply::Failed(error) => return Reply::failed(&error),
    };
    match payload.refused(Outcome::Ran) {
        Some(error) => Reply::failed(&error),
        None => Reply::from_payload(status, payload),
    }
}
