//! Owns the places for interceptors: around one reference, around what a session exports, and around what leaves over a session. Each is a
//! servant or a handler like any other; sessions, objects and proxies do not know what happens in it.

use std::any::Any;
use std::sync::Arc;

use super::chain::{Chain, Interceptor, Side};
use crate::any::{AnyRemote, Place};
use crate::codec::Bounds;
use crate::context::{self, Context};
use crate::direct::{SeenTo, call_raw_within};
use crate::handler::{Handler, Method, RawCall, RawReturn};
use crate::inbound::{Inbound, Served};
use crate::interface::{Interface, InterfaceDescriptor};
use crate::introspect::InterfaceInfo;
use crate::object::cell::ObjectMeta;
use crate::pipeline::Promise;
use crate::remote::Remote;
use crate::servant::{Kind, Resolved, Servant, served};
use crate::session::Import;

impl<T: ?Sized + Interface> Remote<T> {
    /// The same interface with an [interceptor](crate::around::Interceptor) around every call on it; see [`around`](crate::around).
    ///
    /// The reference that is given back has an identity of its own, and may be passed on like any other: calls of those who receive it pass
    /// the interceptor here. Calls on the original do not. Around an object of this process the arguments are encoded, which they are not
    /// otherwise, and [`cast`](Self::cast) leads to references that are intercepted too; a reference to another node's object is to be cast first.
    ///
    /// ```
    /// # use netref::{Remote, Result, remote};
    /// # #[remote] trait Bank { async fn total(&self) -> Result<u64>; }
    /// use netref::around::{Logging, Retry};
    ///
    /// fn patient(bank: Remote<dyn Bank>) -> Remote<dyn Bank> {
    ///     // The last one is the outermost: one line in the log, however often the call is made.
    ///     Remote::intercept(Remote::intercept(bank, Retry::new(3)), Logging::new())
    /// }
    /// ```
    pub fn intercept(this: Self, interceptor: impl Interceptor) -> Self {
        Self::from_any(Self::to_any(&this).intercept(interceptor))
    }
}

impl AnyRemote {
    /// The same with an interceptor around every call on it; see [`Remote::intercept`]. A reference that arrived broken stays as it is.
    pub fn intercept(self, interceptor: impl Interceptor) -> Self {
        match self.place {
            Place::Broken(_) => self,
            _ => Around::reference(Arc::new(ObjectMeta::new()), self, Chain::of(interceptor)),
        }
    }
}

/// A reference with interceptors around it.
struct Around {
    /// Its own identity, shared by the other interfaces of it.
    meta: Arc<ObjectMeta>,
    inner: AnyRemote,
    chain: Chain,
}

impl Around {
    fn reference(meta: Arc<ObjectMeta>, inner: AnyRemote, chain: Chain) -> AnyRemote {
        AnyRemote::here(Arc::new(Self { meta, inner, chain }))
    }

    fn servant(&self) -> Option<&Arc<dyn Servant>> {
        match &self.inner.place {
            Place::Here(servant) => Some(servant),
            _ => None,
        }
    }
}

impl Servant for Around {
    fn number(&self) -> u64 {
        self.meta.number()
    }

    fn kind(&self) -> Option<Kind> {
        self.servant()?.kind()
    }

    fn granted(&self) -> u64 {
        self.number() ^ self.kind().map_or(0, Kind::word)
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        Some(&self.meta)
    }

    fn interface(&self) -> &str {
        self.inner.interface()
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        self.servant()?.descriptor()
    }

    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        let side = if self.inner.is_here() { Side::Callee } else { Side::Caller };
        let named = named(&*self, method, inbound);
        serve_around((&self.chain, side), self.inner.clone(), named, method, inbound)
    }

    fn typed(&self, _slot: &mut dyn Any) -> bool {
        // Whoever had the object itself would call it past the interceptors.
        false
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        if self.interface() == interface {
            return Some(AnyRemote::here(self));
        }
        let found = self.inner.cast_here(interface)?;
        Some(Self::reference(Arc::clone(&self.meta), found, self.chain.clone()))
    }

    fn offers(&self) -> Vec<&'static InterfaceDescriptor> {
        self.servant().map(|servant| servant.offers()).unwrap_or_default()
    }

    fn described(&self) -> Option<InterfaceInfo> {
        self.servant()?.described()
    }

    fn behind(&self) -> Option<&AnyRemote> {
        Some(&self.inner)
    }
}

/// What an export table holds of a node with interceptors for what comes in. It is the servant itself to everybody but callers.
struct Incoming {
    inner: Arc<dyn Servant>,
    chain: Chain,
}

/// What an export table is to hold: the servant itself, or with a chain around what comes in for it.
pub(crate) fn incoming(chain: &Chain, inner: Arc<dyn Servant>) -> Arc<dyn Servant> {
    if chain.is_empty() || crate::weak::is_stand_in(&*inner) {
        return inner;
    }
    Arc::new(Incoming { inner, chain: chain.clone() })
}

impl Servant for Incoming {
    fn number(&self) -> u64 {
        self.inner.number()
    }

    fn line(&self) -> u64 {
        self.inner.line()
    }

    fn kind(&self) -> Option<Kind> {
        self.inner.kind()
    }

    fn granted(&self) -> u64 {
        self.inner.granted()
    }

    fn meta(&self) -> Option<&ObjectMeta> {
        self.inner.meta()
    }

    fn interface(&self) -> &str {
        self.inner.interface()
    }

    fn descriptor(&self) -> Option<&'static InterfaceDescriptor> {
        self.inner.descriptor()
    }

    fn serve(self: Arc<Self>, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
        let inner = match (Arc::clone(&self.inner).as_import(), Arc::clone(&self.inner).as_promise()) {
            // What is hosted here answers questions before they come to this.
            (Some(import), _) if is_question(&import, &inbound.method()) => return import.serve(method, inbound),
            (Some(import), _) => AnyRemote::there(import),
            (None, Some(promise)) => AnyRemote::promise(promise),
            (None, None) => AnyRemote::here(Arc::clone(&self.inner)),
        };
        let named = named(&*self, method, inbound);
        serve_around((&self.chain, Side::Callee), inner, named, method, inbound)
    }

    fn typed(&self, slot: &mut dyn Any) -> bool {
        self.inner.typed(slot)
    }

    fn cast(self: Arc<Self>, interface: &str) -> Option<AnyRemote> {
        Arc::clone(&self.inner).cast(interface)
    }

    fn offers(&self) -> Vec<&'static InterfaceDescriptor> {
        self.inner.offers()
    }

    fn described(&self) -> Option<InterfaceInfo> {
        self.inner.described()
    }

    fn behind(&self) -> Option<&AnyRemote> {
        self.inner.behind()
    }

    fn as_import(self: Arc<Self>) -> Option<Arc<Import>> {
        Arc::clone(&self.inner).as_import()
    }

    fn as_promise(self: Arc<Self>) -> Option<Arc<Promise>> {
        Arc::clone(&self.inner).as_promise()
    }

    fn exported(self: Arc<Self>) -> Option<Arc<dyn Servant>> {
        Some(Arc::clone(&self.inner))
    }
}

/// Whether a call on another node's object is one of netref's own questions, which pass no interceptor of a node: casts, descriptions, and
/// what a weak reference means. Their hosts answer them without the user's code. A peer chooses the names of what it calls, so these are
/// exactly those that netref asks, and any other call passes the interceptors whatever it is called.
pub(crate) fn is_question(import: &Import, method: &Method) -> bool {
    is_question_of(import, &method.interface, &method.name)
}

/// The same by name.
pub(crate) fn is_question_of(import: &Import, interface: &str, method: &str) -> bool {
    crate::cast::is_question(interface, method) || (crate::weak::is_question(interface, method) && import.interface() == interface)
}

/// The end of a chain before an object that is called here: what a peer's call may cost holds for it too.
struct End {
    inner: AnyRemote,
    within: (Bounds, u64),
    seen_to: Option<SeenTo>,
    /// Whether it is a peer's call, so that one to another node is passed on.
    from_peer: bool,
}

impl Handler for End {
    fn call(&self, call: RawCall) -> RawReturn {
        match &self.inner.place {
            Place::Here(servant) => call_raw_within(Arc::clone(servant), call, self.within, self.seen_to),
            Place::There(import) if self.from_peer => crate::session::relay_raw(import, call),
            // Behind further interceptors it is no peer's call any more, and a session's task is what starts it all the same.
            Place::Promise(_) if self.from_peer || self.seen_to.is_some() => self.inner.call_raw_of_peer(call),
            _ => self.inner.call_raw(call),
        }
    }
}

/// The method that is called, in the words of the interface where it is known: a caller that knows only names may call one method by several.
fn named(servant: &dyn Servant, method: Resolved, inbound: &Inbound<'_>) -> Method {
    let named = inbound.method();
    match servant.descriptor().and_then(|descriptor| descriptor.declaring(method.number)) {
        Some((interface, known)) => {
            Method { interface: interface.name.into(), name: known.name.into(), idempotent: known.idempotent, ..named }
        }
        None => named,
    }
}

/// Sends a call that has arrived through a chain.
fn serve_around((chain, side): (&Chain, Side), inner: AnyRemote, named: Method, method: Resolved, inbound: &mut Inbound<'_>) -> Served {
    let from_peer = inbound.is_from_peer();
    let end = End { inner, within: inbound.within(), seen_to: inbound.seen_to(method), from_peer };
    let call = RawCall { method: named, payload: inbound.take_payload(), context: Context::current() };
    served(chain.call(call, side, Arc::new(end), context::passed_on()), from_peer)
}

/// The end of a chain before a session.
struct Sent(Arc<Import>);

impl Handler for Sent {
    fn call(&self, call: RawCall) -> RawReturn {
        crate::session::send_raw(&self.0, call)
    }
}

/// Sends a call that leaves over a session through a chain.
pub(crate) fn around_import(chain: &Chain, import: &Arc<Import>, call: RawCall) -> RawReturn {
    let passed_on = call.context.passed_on();
    chain.call(call, Side::Caller, Arc::new(Sent(Arc::clone(import))), passed_on)
}
