//! Owns [`Object`]: a reference that is called without its trait.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::function::{Call, Function};
use super::{Error, Value};
use crate::any::AnyRemote;
use crate::codec::CodecError;
use crate::error::{ErrorKind, Fault, Outcome};
use crate::handler::{Method, Payload, RawCall, RawReply};
use crate::interface::Interface;
use crate::introspect::{Description, InterfaceInfo};
use crate::node::{Node, connect_any};
use crate::remote::Remote;

/// A reference to an object of any interface, called with [`Value`]s. See [the module](super) for an example.
///
/// It holds the object as any reference does, and can be cloned and sent.
#[derive(Clone)]
pub struct Object {
    reference: AnyRemote,
    description: Arc<OnceCell<Description>>,
}

impl Object {
    /// An object by a reference to it.
    #[must_use]
    pub fn new(reference: AnyRemote) -> Self {
        Self { reference, description: Arc::default() }
    }

    /// The object that is published at an address, from the process's default node.
    ///
    /// # Errors
    ///
    /// As [`Node::connect_any`].
    ///
    /// # Cancel safety
    ///
    /// As [`Node::connect_any`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self::new(connect_any(url).await?))
    }

    /// The object that is published at an address, from a node of one's own.
    ///
    /// # Errors
    ///
    /// As [`Node::connect_any`].
    ///
    /// # Cancel safety
    ///
    /// As [`Node::connect_any`].
    pub async fn connect_from(node: &Node, url: &str) -> Result<Self, Error> {
        Ok(Self::new(node.connect_any(url).await?))
    }

    /// An object of this process that is a function: it stands for the interface of that name and is called for all its methods.
    ///
    /// Others call it through their trait, or in JSON. It runs in the calls' tasks, several at once if they come so; a call that is given up
    /// drops its future. A caller that knows the trait sends its types along, by which the arguments are read and the result is
    /// written; where those are opaque, or too many to be sent, the call fails and says so.
    pub fn from_fn<F, R>(interface: impl Into<String>, function: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        Self::new(AnyRemote::from_handler(interface, Arc::new(Function::new(None, function))))
    }

    /// As [`from_fn`](Self::from_fn), and the object answers those who ask what it can be called with, such as a description that
    /// [`describe`](Self::describe) gave of another object.
    pub fn from_fn_described<F, R>(interface: InterfaceInfo, function: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        Self::new(AnyRemote::from_handler(interface.name.clone(), Arc::new(Function::new(Some(interface), function))))
    }

    /// The name of the interface that the reference grants.
    #[must_use]
    pub fn interface(&self) -> &str {
        self.reference.interface()
    }

    /// The reference itself.
    #[must_use]
    pub const fn as_any(&self) -> &AnyRemote {
        &self.reference
    }

    /// The reference itself.
    #[must_use]
    pub fn into_any(self) -> AnyRemote {
        self.reference
    }

    /// What the object can be called with. Its host is asked once; clones of this handle share the answer.
    ///
    /// # Errors
    ///
    /// As [`AnyRemote::describe`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn describe(&self) -> Result<&Description, Error> {
        Ok(self.description.get_or_try_init(|| self.reference.describe()).await?)
    }

    /// Calls a method with its arguments: a map of them by name, or an array of them in order; nothing ([`Value::Null`]) for none.
    ///
    /// An inherited method is called by its name alone, or by `interface.name` where two supertraits have it. On a promise that nobody has used
    /// as anything, a call by the name alone waits until it is known what it is.
    ///
    /// # Errors
    ///
    /// [`Error::Returned`] with the method's own error; [`Error::Call`] with what netref says: `NoSuchMethod` and `Codec` name the method
    /// or the parameter that is wrong, and what may have been meant. A host whose netref is without the feature `json` says so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call.
    pub async fn call(&self, method: &str, arguments: impl Into<Value>) -> Result<Value, Error> {
        let method = self.named(method).await?;
        let name = method.to_string();
        let arguments = match arguments.into() {
            Value::Null => Value::Array(Vec::new()),
            given => given,
        };
        let failed = |error: CodecError, outcome: Outcome, fault: Fault, what: &str| {
            Error::Call(
                crate::Error::new(ErrorKind::Codec, outcome, format!("{what}: {error}")).with_fault(fault).with_method(name.clone()),
            )
        };
        let encoded = crate::panics::caught(|| Payload::json(&arguments)).map_err(|panic| panic.into_error(Outcome::NotRun))?;
        let payload = encoded.map_err(|error| failed(error, Outcome::NotRun, Fault::Caller, "the arguments cannot be encoded"))?;
        let unread = |error| failed(error, Outcome::Ran, Fault::Callee, "the result cannot be read");
        match self.reference.call_raw(RawCall::new(method, payload)).reply().await {
            RawReply::Ok(value) => value.into_value().map_err(unread),
            RawReply::AppError(error) => Err(Error::Returned { method: name.clone(), error: error.into_value().map_err(unread)? }),
            RawReply::Failed(error) => Err(Error::Call(error)),
        }
    }

    /// The same object under another interface, which its host is asked for; see [`AnyRemote::cast`].
    ///
    /// # Errors
    ///
    /// As [`AnyRemote::cast`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn cast(&self, interface: &str) -> Result<Self, Error> {
        Ok(Self::new(self.reference.cast_to(interface).await?))
    }

    async fn named(&self, method: &str) -> Result<Method, Error> {
        if let Some((interface, name)) = method.rsplit_once('.') {
            return Ok(Method::by_name(interface.to_owned(), name.to_owned()));
        }
        if self.interface().is_empty() {
            // Nobody has used the promise as anything, so its interface is that of what it becomes.
            self.reference.resolved().await?;
        }
        Ok(Method::by_name(self.interface().to_owned(), method.to_owned()))
    }
}

impl<T: ?Sized + Interface> From<Remote<T>> for Object {
    fn from(reference: Remote<T>) -> Self {
        Self::new(Remote::into_any(reference))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}
