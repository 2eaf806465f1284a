//! Owns the seam: [`Handler`], a call without its trait. Everything that wraps a reference is built on it, inside netref and outside.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::any::AnyRemote;
use crate::codec::Bounds;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Outcome};
use crate::interface::{InterfaceDescriptor, MethodDescriptor};
use crate::introspect::InterfaceInfo;
use crate::limits::Limits;
use crate::near;
use crate::pipeline::Noted;
use crate::wire::CODEC_MAX;

/// Names a method to anyone, also to a node that has no code for its interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Method {
    /// The interface that declares it.
    pub interface: Cow<'static, str>,
    /// Its name.
    pub name: Cow<'static, str>,
    /// The digest of its types as the caller knows them: [`MethodSchema::fingerprint`](crate::schema::MethodSchema::fingerprint); 0 when the caller
    /// knows only its name (see [`Method::by_name`]).
    pub fingerprint: u64,
    /// What its types are made of, as the caller knows them; empty when it did not say, and then only the digest is compared.
    pub structure: Bytes,
    /// Its signature as the caller knows it, for people.
    pub signature: Cow<'static, str>,
    /// Whether it is `#[idempotent]`: as its interface says where the object is, and elsewhere as the caller knows it.
    pub idempotent: bool,
}

impl Method {
    /// A method that is not idempotent.
    pub fn new(
        interface: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        fingerprint: u64,
        signature: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (interface, name, signature) = (interface.into(), name.into(), signature.into());
        Self { interface, name, fingerprint, structure: Bytes::new(), signature, idempotent: false }
    }

    /// A method as this process knows it.
    pub fn known(interface: &InterfaceDescriptor, method: &MethodDescriptor) -> Self {
        let schema = (method.schema)();
        let named = Self::new(interface.name, method.name, schema.fingerprint(), method.signature);
        Self { structure: schema.encoded(), idempotent: method.idempotent, ..named }
    }

    /// A method of which only the name is known, as a command line or another language has it.
    ///
    /// No signatures are compared then, so the arguments have to be in a codec in which values say what they are: JSON, with the
    /// feature `json`. An inherited method is found under the name of the interface that the reference grants, too.
    pub fn by_name(interface: impl Into<Cow<'static, str>>, name: impl Into<Cow<'static, str>>) -> Self {
        Self::new(interface, name, crate::by_name::FINGERPRINT, "")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.interface, self.name)
    }
}

/// Encoded values with what travels beside them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Payload {
    /// The codec of `bytes`: 0 is bincode, 1 is JSON (with the feature `json`, which adds functions that make and read such a payload).
    pub codec: u8,
    /// The encoded values; references and bulk bytes are indices in them.
    pub bytes: Bytes,
    /// Bulk bytes, which no codec walks.
    pub segments: Vec<Bytes>,
    /// References, in the order of their indices.
    pub references: Vec<AnyRemote>,
    /// What decoding it may cost: a message that arrived is bounded by the limits of the node that it came to. `None` for one that was made here.
    pub(crate) within: Option<Bounds>,
    /// For a result that is called ahead: where its references are.
    pub(crate) noted: Option<Arc<Noted>>,
}

impl Payload {
    /// What decoding it may cost. Whoever takes it apart keeps to this; one that never arrived has the default limits.
    pub(crate) fn bounds(&self) -> Bounds {
        self.within.unwrap_or_else(|| crate::inbound::bounds(&Limits::default()))
    }

    /// Whether it can be sent once only: it carries a half of a stream, which is gone with the first message that it leaves in. A clone carries
    /// the same half. Whoever repeats calls looks here first.
    #[must_use]
    pub fn is_once(&self) -> bool {
        self.references.iter().any(AnyRemote::is_half)
    }

    /// Why it cannot be sent, whoever is to read it.
    pub(crate) fn refused(&self, outcome: Outcome) -> Option<Error> {
        let text = || format!("a payload in codec {}, and there is room for numbers up to {CODEC_MAX}: use 0 or 1", self.codec);
        (self.codec > CODEC_MAX).then(|| Error::new(ErrorKind::Misuse, outcome, text()))
    }
}

/// A call without its trait.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RawCall {
    /// What is called.
    pub method: Method,
    /// The arguments.
    pub payload: Payload,
    /// Who calls, and what the call inherits.
    pub context: Context,
}

impl RawCall {
    /// A call of `method` that whoever runs here makes, with what it inherits from the call that is served. For an object of this process its caller is
    /// this process. A call that is only passed on keeps the context that it came with, and with it its caller.
    pub fn new(method: Method, payload: Payload) -> Self {
        Self { method, payload, context: Context::of_own_call() }
    }
}

/// How a call without its trait ended.
#[derive(Clone, Debug)]
pub enum RawReply {
    /// The method returned `Ok`.
    Ok(Payload),
    /// The method returned its own `Err`.
    AppError(Payload),
    /// netref ended the call.
    Failed(Error),
}

/// The answer to a [`RawCall`]: at once, or in time.
pub enum RawReturn {
    /// The call is done.
    Ready(RawReply),
    /// The call goes on; dropping the future cancels it.
    Pending(Pin<Box<dyn Future<Output = RawReply> + Send>>),
}

impl RawReturn {
    /// A return that netref ends.
    pub fn failed(error: Error) -> Self {
        Self::Ready(RawReply::Failed(error))
    }

    /// A return that is computed by `future`.
    pub fn pending(future: impl Future<Output = RawReply> + Send + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Waits for the reply.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future cancels the call.
    pub async fn reply(self) -> RawReply {
        match self {
            Self::Ready(reply) => reply,
            Self::Pending(future) => future.await,
        }
    }
}

impl RawReturn {
    /// Does something when the call has ended: with the reply, or with `None` when it is dropped before there is one. A reply that is there
    /// already stays there.
    ///
    /// ```
    /// # use netref::{RawReply, RawReturn};
    /// # fn example(returned: RawReturn) -> RawReturn {
    /// returned.on_end(|reply| match reply {
    ///     Some(RawReply::Failed(error)) => eprintln!("it failed: {error}"),
    ///     Some(_) => {}
    ///     None => eprintln!("its caller has given it up"),
    /// })
    /// # }
    /// ```
    pub fn on_end(self, tell: impl FnOnce(Option<&RawReply>) + Send + 'static) -> Self {
        match self {
            Self::Ready(reply) => {
                tell(Some(&reply));
                Self::Ready(reply)
            }
            Self::Pending(future) => {
                let mut told = Told(Some(tell));
                Self::pending(async move {
                    let reply = future.await;
                    told.tell(Some(&reply));
                    reply
                })
            }
        }
    }
}

/// Tells once, at the latest when it is dropped.
struct Told<F: FnOnce(Option<&RawReply>)>(Option<F>);

impl<F: FnOnce(Option<&RawReply>)> Told<F> {
    fn tell(&mut self, reply: Option<&RawReply>) {
        if let Some(tell) = self.0.take() {
            tell(reply);
        }
    }
}

impl<F: FnOnce(Option<&RawReply>)> Drop for Told<F> {
    fn drop(&mut self) {
        self.tell(None);
    }
}

impl fmt::Debug for RawReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(reply) => f.debug_tuple("Ready").field(reply).finish(),
            Self::Pending(_) => f.write_str("Pending(..)"),
        }
    }
}

/// Something that can be called without a trait: a proxy, a relay, a test double.
///
/// It stands for the one interface whose name it was given. A [cast](AnyRemote::cast) to another one is refused without asking it: what it
/// wraps is not handed out past it.
///
/// ```
/// use std::sync::Arc;
/// use netref::{AnyRemote, Error, ErrorKind, Handler, Outcome, RawCall, RawReturn};
///
/// /// Refuses everything, and says what it was asked.
/// struct Closed;
///
/// impl Handler for Closed {
///     fn call(&self, call: RawCall) -> RawReturn {
///         let text = format!("{} is closed today", call.method);
///         RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, text))
///     }
/// }
///
/// let reference = AnyRemote::from_handler("shop::Shop", Arc::new(Closed));
/// assert_eq!(reference.interface(), "shop::Shop");
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Starts a call. It must not block; calls on one object are started in the order in which they were sent.
    fn call(&self, call: RawCall) -> RawReturn;

    /// What it can be called with, for those who ask ([`AnyRemote::describe`]). `None`, the default, says that only the name of its interface is
    /// known.
    fn describe(&self) -> Option<InterfaceInfo> {
        None
    }
}

/// A reply that says that the reference has no such method, and which one may have been meant.
pub(crate) fn no_such_method(method: &Method, offered: &InterfaceDescriptor) -> Error {
    if !offered.extends(&method.interface) {
        return no_method(method, offered.name, COPIES);
    }
    let names = names(offered);
    let hint = match near::nearest(&method.name, names.iter().copied()) {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => format!("; {}", near::listed("it has", &names)),
    };
    no_method(method, offered.name, &hint)
}

/// The same where nothing more is known than the method.
pub(crate) fn no_such_number(method: &Method) -> Error {
    no_method(method, &method.interface, COPIES)
}

const COPIES: &str =
    " (an interface is named after its crate; if both sides compile their own copy, give it one name with `#[remote(name = \"…\")]`)";

fn no_method(method: &Method, offered: &str, hint: &str) -> Error {
    let text = format!("a reference to `{offered}` has no method `{}` of `{}`{hint}", method.name, method.interface);
    Error::new(ErrorKind::NoSuchMethod, Outcome::NotRun, text).with_method(method.to_string())
}

/// The methods of an interface and its supertraits.
fn names(interface: &InterfaceDescriptor) -> Vec<&'static str> {
    let own = interface.methods.iter().map(|method| method.name);
    own.chain(interface.bases.iter().flat_map(|base| names(base))).collect()
}
