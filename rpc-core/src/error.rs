//! Owns [`Error`], the one error that netref itself raises: what happened, whose fault it was, what is dead, whether the caller's
//! own call ran, and what to do next. It knows nothing of sessions or sockets; they describe themselves in its text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A result whose error is netref's own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)* } otherwise $fallback:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant = $code,)* }

        impl $name {
            fn code(self) -> u8 {
                self as u8
            }

            fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    _ => Self::$fallback,
                }
            }
        }
    };
}

coded_enum! {
    /// What went wrong, in terms of what a caller can do about it.
    ErrorKind {
        /// The call was given up by its caller, or its session's node ended it.
        Cancelled = 0,
        /// A value could not be encoded or decoded.
        Codec = 1,
        /// The deadline of the call passed. netref sets none by itself: it came from `timeout` or was inherited.
        Deadline = 2,
        /// The peer's policy, or this node's, does not allow it.
        Denied = 3,
        /// The session is gone.
        Disconnected = 4,
        /// An address that breaks a rule of its form.
        InvalidAddress = 5,
        /// The handler returned a netref error of a call of its own; see [`Error::origin`].
        Nested = 6,
        /// The object has no such method for this reference.
        NoSuchMethod = 7,
        /// Nothing is published under that name.
        NoSuchName = 8,
        /// The object is gone, or there never was one.
        NoSuchObject = 9,
        /// A limit on work at a time was reached.
        Overloaded = 10,
        /// The handler panicked.
        Panic = 11,
        /// An earlier `&mut self` method of the object panicked, so its state cannot be trusted.
        Poisoned = 12,
        /// The other side broke a rule of the protocol.
        Protocol = 13,
        /// The call would wait for a method that itself waits for this call.
        Reentrant = 14,
        /// Caller and callee have different ideas of a method's signature.
        SchemaMismatch = 15,
        /// The node is shutting down and takes no new calls.
        ShuttingDown = 16,
        /// A message is larger than the receiver takes.
        TooLarge = 17,
        /// Nobody could be reached at an address, or it could not be listened on.
        Unreachable = 18,
        /// This build or this peer cannot do that.
        Unsupported = 19,
        /// The program used netref in a way that cannot work, such as waiting for a call inside a runtime.
        Misuse = 20,
        /// The object does not offer that interface to the holder of this reference.
        NoSuchInterface = 21,
    } otherwise Protocol
}

coded_enum! {
    /// Whose fault an error is.
    Fault {
        /// The side that made the call.
        Caller = 0,
        /// The side that was called.
        Callee = 1,
        /// The link between them.
        Link = 2,
    } otherwise Callee
}

coded_enum! {
    /// What is dead after an error.
    Scope {
        /// The call only.
        Call = 0,
        /// The stream only.
        Stream = 1,
        /// The session, with every reference held over it.
        Session = 2,
    } otherwise Call
}

coded_enum! {
    /// Whether the call that failed ran: the caller's own call, not one that its handler made.
    Outcome {
        /// The handler was never started. Calling again is safe.
        NotRun = 0,
        /// Unknown, or interrupted on the way. Call again only if the method is idempotent.
        MayHaveRun = 1,
        /// The handler ran to its end. Calling again runs it a second time.
        Ran = 2,
    } otherwise MayHaveRun
}

/// What netref itself says when a call, a connection or a node fails.
///
/// A method's own error type wraps it (`E: From<netref::Error>`), so that distance shows in the signature.
///
/// ```
/// use netref::{Error, ErrorKind, Outcome};
///
/// let error = Error::new(ErrorKind::Overloaded, Outcome::NotRun, "4096 calls are in flight");
/// assert!(error.may_retry(), "it never ran");
/// assert_eq!(error.to_string(), "4096 calls are in flight; the call did not run: try again later or lower the load");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    fault: Fault,
    scope: Scope,
    outcome: Outcome,
    text: String,
    method: Option<String>,
    location: Option<String>,
    origin: Option<Error>,
    /// The error of the user's own that broke a promise, for callers whose methods have the same type.
    value: Option<Box<Encoded>>,
    /// The text says itself what to do next, and no call is involved. It is not sent: what travels is about a call.
    complete: bool,
}

impl Error {
    /// An error of `kind` about the caller's own call. The fault and the scope are the usual ones of that kind.
    pub fn new(kind: ErrorKind, outcome: Outcome, text: impl Into<String>) -> Self {
        let (fault, scope) = usual(kind);
        let inner = Inner {
            kind,
            fault,
            scope,
            outcome,
            text: text.into(),
            method: None,
            location: None,
            origin: None,
            value: None,
            complete: false,
        };
        Self { inner: Box::new(inner) }
    }

    /// The same error with another fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.inner.fault = fault;
        self
    }

    /// The same error with another outcome.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.inner.outcome = outcome;
        self
    }

    /// The same error, naming the method that was called unless it already names one.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<String>) -> Self {
        if self.inner.method.is_none() {
            self.inner.method = Some(method.into());
        }
        self
    }

    /// The same error, whose text says all there is to say.
    pub(crate) fn complete(mut self) -> Self {
        self.inner.complete = true;
        self
    }

    /// The same error without those that it came from.
    pub(crate) fn without_origin(mut self) -> Self {
        self.inner.origin = None;
        self
    }

    pub(crate) fn with_scope(mut self, scope: Scope) -> Self {
        self.inner.scope = scope;
        self
    }

    /// An error that was of one item, as the reason why its stream ends.
    pub(crate) fn of_stream(self) -> Self {
        if self.inner.scope == Scope::Call { self.with_scope(Scope::Stream) } else { self }
    }

    pub(crate) fn with_location(mut self, location: Option<String>) -> Self {
        self.inner.location = location;
        self
    }

    /// What a caller sees of a netref error that the handler of its call returned: its own call ran.
    pub(crate) fn nested(origin: Self, hop: &str) -> Self {
        let text = format!("the handler at {hop} returned the error of a call of its own: {}", origin.inner.text);
        let mut error = Self::new(ErrorKind::Nested, Outcome::Ran, text);
        error.inner.origin = Some(origin.shortened(ORIGINS_MAX));
        error
    }

    /// The error of a call on a promise that is broken, because the call that was to keep it returned an error of its own.
    pub(crate) fn broken_promise(origin: Self, text: String) -> Self {
        let mut error = Self::new(ErrorKind::Nested, Outcome::NotRun, text);
        error.inner.origin = Some(origin.shortened(ORIGINS_MAX));
        error
    }

    pub(crate) fn with_value(mut self, value: Option<Encoded>) -> Self {
        self.inner.value = value.map(Box::new);
        self
    }

    /// The error of the user's own that broke the promise on which the call was made.
    pub(crate) fn value(&self) -> Option<&Encoded> {
        self.inner.value.as_deref()
    }

    /// Cuts the chain of origins, so that an error that is passed on for ever does not grow for ever.
    fn shortened(mut self, depth: usize) -> Self {
        self.inner.origin = match (self.inner.origin.take(), depth) {
            (Some(origin), 1..) => Some(origin.shortened(depth - 1)),
            _ => None,
        };
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.inner.fault
    }

    /// What is dead now.
    pub fn scope(&self) -> Scope {
        self.inner.scope
    }

    /// Whether the caller's own call ran.
    pub fn outcome(&self) -> Outcome {
        self.inner.outcome
    }

    /// Whether the same call can be made again without any risk of running it twice.
    pub fn may_retry(&self) -> bool {
        self.inner.outcome == Outcome::NotRun
    }

    /// What happened, without the outcome and the advice.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The method that was called, as `interface.method`, where it is known.
    pub fn method(&self) -> Option<&str> {
        self.inner.method.as_deref()
    }

    /// Where a handler panicked (`file:line`), when the callee is on this machine.
    pub fn location(&self) -> Option<&str> {
        self.inner.location.as_deref()
    }

    /// The error of the handler's own call, when this one is of kind [`ErrorKind::Nested`].
    pub fn origin(&self) -> Option<&Self> {
        self.inner.origin.as_ref()
    }
}

/// How many errors deep a chain of origins may be when it travels.
const ORIGINS_MAX: usize = 8;

fn usual(kind: ErrorKind) -> (Fault, Scope) {
    match kind {
        ErrorKind::Disconnected | ErrorKind::Unreachable => (Fault::Link, Scope::Session),
        ErrorKind::Cancelled
        | ErrorKind::Deadline
        | ErrorKind::InvalidAddress
        | ErrorKind::Misuse
        | ErrorKind::NoSuchInterface
        | ErrorKind::NoSuchMethod
        | ErrorKind::NoSuchName
        | ErrorKind::Reentrant
        | ErrorKind::SchemaMismatch
        | ErrorKind::TooLarge => (Fault::Caller, Scope::Call),
        _ => (Fault::Callee, Scope::Call),
    }
}

/// What to do next. It never advises to repeat a call that may have run.
fn advice(kind: ErrorKind, outcome: Outcome) -> &'static str {
    match (kind, outcome) {
        (ErrorKind::Disconnected, Outcome::NotRun) => "connect again and repeat it",
        (ErrorKind::Disconnected, _) => "connect again; repeat it only if the method is idempotent",
        (ErrorKind::Unreachable, _) => "check that the node is running and that the address is right",
        (ErrorKind::Deadline, Outcome::NotRun) => "give it more time with `.timeout(…)`",
        (ErrorKind::Deadline, _) => "give it more time with `.timeout(…)`; repeat it only if the method is idempotent",
        (ErrorKind::Overloaded, _) => "try again later or lower the load",
        (ErrorKind::ShuttingDown, _) => "call another node",
        (ErrorKind::TooLarge, _) => "send less at a time, or raise `Limits::message_bytes` at the receiver",
        (ErrorKind::NoSuchObject, _) => "look the object up again",
        (ErrorKind::NoSuchName, _) => "check the name, and that the other node publishes it",
        (ErrorKind::NoSuchInterface, _) => "offer it where the object is hosted, with `Object::with_interface`",
        (ErrorKind::NoSuchMethod | ErrorKind::SchemaMismatch, _) => "build both sides from the same version of the interface",
        (ErrorKind::Poisoned, _) => "replace the object",
        (ErrorKind::Panic, _) => "see the callee's log",
        (ErrorKind::Reentrant, _) => "make the method `&self`, or do not call back into the object from it",
        (ErrorKind::Nested, _) => "see its origin",
        (ErrorKind::Denied, _) => "ask for the permission at the node that refused",
        (ErrorKind::InvalidAddress, _) => "write it as scheme://place/name",
        (ErrorKind::Unsupported, _) => "turn the feature on, or leave it out",
        (ErrorKind::Codec, _) => "make the value one that the codec can carry",
        (ErrorKind::Cancelled, _) => "keep the call alive until it is done",
        (ErrorKind::Misuse, _) => "await it instead",
        (ErrorKind::Protocol, _) => "report it: one of the two sides has a defect",
    }
}

/// Kinds that are about an address or the program and not about a call, so that an outcome would only confuse.
fn has_no_call(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidAddress | ErrorKind::Unreachable)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        if let Some(method) = &inner.method {
            write!(f, "`{method}`: ")?;
        }
        f.write_str(&inner.text)?;
        if let Some(location) = &inner.location {
            write!(f, " at {location}")?;
        }
        if inner.complete {
            return Ok(());
        }
        if inner.scope == Scope::Stream {
            return f.write_str("; the stream is over: open another one for what is missing");
        }
        if !has_no_call(inner.kind) {
            f.write_str(match inner.outcome {
                Outcome::NotRun => "; the call did not run",
                Outcome::MayHaveRun => "; the call may have run",
                Outcome::Ran => "; the call ran",
            })?;
            f.write_str(": ")?;
        } else {
            f.write_str("; ")?;
        }
        f.write_str(advice(inner.kind, inner.outcome))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &inner.kind).field("outcome", &inner.outcome).field("fault", &inner.fault).field("scope", &inner.scope);
        debug.field("method", &inner.method).field("text", &inner.text);
        if let Some(location) = &inner.location {
            debug.field("location", location);
        }
        if let Some(origin) = &inner.origin {
            debug.field("origin", origin);
        }
        debug.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.origin.as_ref().map(|origin| origin as _)
    }
}

/// How an error travels. Codes instead of variant names, so that a kind added later reads as `Protocol` here and not as garbage.
#[derive(Serialize, Deserialize)]
#[serde(rename = "netref::Error")]
struct Travelling {
    codes: [u8; 4],
    text: String,
    method: Option<String>,
    location: Option<String>,
    origin: Option<Box<Self>>,
}

impl From<&Error> for Travelling {
    fn from(error: &Error) -> Self {
        let inner = &*error.inner;
        Self {
            codes: [inner.kind.code(), inner.fault.code(), inner.scope.code(), inner.outcome.code()],
            text: cut(&inner.text).to_owned(),
            method: inner.method.as_deref().map(|method| cut(method).to_owned()),
            location: inner.location.as_deref().map(|location| cut(location).to_owned()),
            origin: inner.origin.as_ref().map(|origin| Box::new(origin.into())),
        }
    }
}

/// Bytes of a text that travels: an error must fit any message, whatever a panic had to say.
const TEXT_BYTES_MAX: usize = 2_048;

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl From<Travelling> for Error {
    fn from(travelling: Travelling) -> Self {
        let [kind, fault, scope, outcome] = travelling.codes;
        let inner = Inner {
            kind: ErrorKind::from_code(kind),
            fault: Fault::from_code(fault),
            scope: Scope::from_code(scope),
            outcome: Outcome::from_code(outcome),
            text: travelling.text,
            method: travelling.method,
            location: travelling.location,
            origin: travelling.origin.map(|origin| (*origin).into()),
            value: None,
            complete: false,
        };
        Self { inner: Box::new(inner) }
    }
}

/// An error of the user's own as it is encoded, and the fingerprint of its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encoded {
    pub(crate) of: u64,
    pub(crate) bytes: Vec<u8>,
}

/// How an error travels that a session reports: what an error of the user's has is no use without a call to decode it for.
#[derive(Serialize, Deserialize)]
struct Reported {
    error: Travelling,
    value: Option<Box<Encoded>>,
}

/// An error that a session reports about a call of its own peer, decoded as it is: it is not wrapped as nested.
pub(crate) struct Verbatim(pub(crate) Error);

impl Serialize for Verbatim {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Reported { error: Travelling::from(&self.0), value: self.0.inner.value.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Verbatim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Reported::deserialize(deserializer).map(|Reported { error, value }| {
            let mut error = Error::from(error);
            error.inner.value = value;
            Self(error)
        })
    }
}

/// An error in a value of the user's, as it was serialized.
pub(crate) fn deserialize_plainly<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Error, D::Error> {
    Travelling::deserialize(deserializer).map(Error::from)
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Travelling::from(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_codes_read_as_the_careful_value() {
        assert_eq!(ErrorKind::from_code(250), ErrorKind::Protocol);
        assert_eq!(Outcome::from_code(9), Outcome::MayHaveRun);
    }

    #[test]
    fn chain_of_origins_is_cut() {
        let mut error = Error::new(ErrorKind::Deadline, Outcome::NotRun, "first");
        for _ in 0..50 {
            error = Error::nested(error, "node");
        }
        let mut depth = 0;
        let mut cursor = &error;
        while let Some(origin) = cursor.origin() {
            depth += 1;
            cursor = origin;
        }
        assert_eq!(depth, ORIGINS_MAX + 1);
    }

    #[test]
    fn text_says_what_happened_whether_it_ran_and_what_to_do() {
        let error = Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, "the peer closed the session").with_method("Bank.open");
        assert_eq!(
            error.to_string(),
            "`Bank.open`: the peer closed the session; the call may have run: connect again; repeat it only if the method is idempotent"
        );
        assert!(!error.may_retry());
    }
}
