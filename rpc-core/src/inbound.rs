//! Owns a call on its way into a method and the reply on its way out: decoding the arguments, encoding the result, and turning
//! whatever goes wrong in either into an error that says whether the method ran.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::any::AnyRemote;
use crate::bulk::{FromBulk, IntoBulk};
use crate::codec::{self, Bounds, Codec};
use crate::compression::{Packed, Packing, Share};
use crate::direct::SeenTo;
use crate::error::{Error, ErrorKind, Outcome, Verbatim};
use crate::handler::{Method, Payload};
use crate::interface::{InterfaceDescriptor, MethodDescriptor, ParameterDescriptor};
use crate::limits::{Limits, REFERENCES_MAX, SEGMENTS_MAX, Size};
use crate::pipeline::{Breakage, Found, Noted, Path};
use crate::promises::RemoteError;
use crate::servant::Resolved;
use crate::transfer::{self, Incoming, Outgoing};
use crate::wire::Status;

/// What a started method gives back.
#[doc(hidden)]
pub enum Served {
    /// It is done already.
    Ready(Reply),
    /// It goes on.
    Future(Pin<Box<dyn Future<Output = Reply> + Send>>),
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready(..)",
            Self::Future(_) => "Future(..)",
        })
    }
}

/// The result of a method, encoded.
#[doc(hidden)]
#[derive(Debug)]
pub struct Reply {
    pub(crate) status: Status,
    pub(crate) codec: u8,
    pub(crate) bytes: ReplyBytes,
    pub(crate) outgoing: Outgoing,
    /// When it is called ahead: the references in it by their places, or why there are none.
    pub(crate) found: Option<Box<Found>>,
}

/// The encoded result: in a pooled buffer when it was encoded here, shared when it is only passed on, compressed with its bulk bytes
/// when it is about to leave over a session that compresses.
#[derive(Debug)]
pub(crate) enum ReplyBytes {
    Pooled(Vec<u8>),
    Shared(Bytes),
    Packed(Box<Packed>),
}

impl ReplyBytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Pooled(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Packed(packed) => &packed.bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Pooled(bytes) => Bytes::from(bytes),
            Self::Shared(bytes) => bytes,
            Self::Packed(packed) => Bytes::from(packed.bytes),
        }
    }

    /// What was compressed, if it was.
    #[inline]
    pub(crate) fn packing(&self) -> Option<&Packing> {
        match self {
            Self::Packed(packed) => Some(&packed.packing),
            Self::Pooled(_) | Self::Shared(_) => None,
        }
    }

    /// What a compressed call has taken of what such calls may stand for. It is kept until the call has returned.
    #[inline]
    pub(crate) fn take_share(&mut self) -> Option<Share> {
        match self {
            Self::Packed(packed) => packed.share.take(),
            Self::Pooled(_) | Self::Shared(_) => None,
        }
    }

    /// How large a message is that has these bytes and those tables. Compressed it counts for as much as it takes at its receiver.
    #[inline]
    pub(crate) fn size_with(&self, outgoing: &Outgoing) -> Size {
        match self.packing() {
            None => outgoing.size_with(self.as_slice()),
            Some(packing) => Size::new(packing.original, outgoing.references().len(), packing.segments.len()),
        }
    }
}

impl Reply {
    /// A reply by which netref ends the call.
    pub(crate) fn failed(error: &Error) -> Self {
        let mut bytes = crate::pool::take();
        // An error is strings and small numbers; it always fits, and if it did not, the empty body would say so at the other end.
        let _ = codec::encode(Codec::Bincode, &Verbatim(error.clone()), &mut bytes, ERROR_BYTES_MAX);
        Self {
            status: Status::SystemError,
            codec: Codec::Bincode.id(),
            bytes: ReplyBytes::Pooled(bytes),
            outgoing: Outgoing::default(),
            found: None,
        }
    }

    /// The return that a cancelled call is owed.
    pub(crate) fn cancelled() -> Self {
        let bytes = ReplyBytes::Shared(Bytes::new());
        Self { status: Status::Cancelled, codec: Codec::Bincode.id(), bytes, outgoing: Outgoing::default(), found: None }
    }

    /// The return of a call on a result that came to nothing.
    pub(crate) fn broken() -> Self {
        Self { status: Status::Broken, ..Self::cancelled() }
    }

    /// A result that nobody wants.
    pub(crate) fn empty() -> Self {
        Self { status: Status::Ok, ..Self::cancelled() }
    }

    pub(crate) fn from_payload(status: Status, payload: Payload) -> Self {
        let Payload { codec, bytes, segments, references, noted, .. } = payload;
        let found = noted.and_then(|noted| noted.found(&bytes, &references)).map(Box::new);
        Self { status, codec, bytes: ReplyBytes::Shared(bytes), outgoing: Outgoing::new(references, segments), found }
    }

    pub(crate) fn into_payload(mut self) -> Payload {
        let (references, segments) = (self.outgoing.take_references(), self.outgoing.take_segments());
        let bytes = self.bytes.into_bytes();
        let noted = self.found.map(|found| Arc::new(Noted::new(*found, &bytes, &references)));
        Payload { codec: self.codec, bytes, segments, references, within: None, noted }
    }

    /// The error in a reply whose status says that netref ended the call.
    pub(crate) fn into_error(self) -> Error {
        match self.status {
            Status::Cancelled => Error::new(ErrorKind::Cancelled, Outcome::MayHaveRun, "the callee ended the call"),
            Status::Broken => crate::pipeline::nowhere(),
            _ => decode_error(self.bytes.as_slice()),
        }
    }

    /// How large it is, bulk bytes included.
    pub(crate) fn size(&self) -> Size {
        self.bytes.size_with(&self.outgoing)
    }
}

/// More than any error takes: its texts are bounded by what wrote them.
const ERROR_BYTES_MAX: u64 = 1 << 20;

/// The error that a peer sent about a call of this side's.
pub(crate) fn decode_error(bytes: &[u8]) -> Error {
    let bounds = Bounds { depth: 64, decoded_bytes: 4 * ERROR_BYTES_MAX };
    match codec::decode::<Verbatim>(Codec::Bincode, bytes, &bounds) {
        Ok(Verbatim(error)) => error,
        Err(error) => {
            Error::new(ErrorKind::Protocol, Outcome::MayHaveRun, format!("the callee sent an error that cannot be read: {error}"))
        }
    }
}

/// How a result type is encoded: as a value, or as bulk bytes beside the payload.
#[doc(hidden)]
pub trait Coder {
    type Value: Send + 'static;
    fn encode(codec: Codec, value: Self::Value, out: &mut Vec<u8>, max_bytes: u64) -> Result<(), codec::CodecError>;
    /// The references in a value by their places.
    fn references(_value: &Self::Value) -> Vec<(Path, AnyRemote)> {
        Vec::new()
    }
    fn decode(codec: Codec, bytes: &[u8], bounds: &Bounds) -> Result<Self::Value, codec::CodecError>;
}

/// A result that the codec encodes.
#[doc(hidden)]
#[derive(Debug)]
pub struct Plain<T>(PhantomData<T>);

impl<T: Serialize + DeserializeOwned + Send + 'static> Coder for Plain<T> {
    type Value = T;

    fn encode(codec: Codec, value: T, out: &mut Vec<u8>, max_bytes: u64) -> Result<(), codec::CodecError> {
        codec::encode(codec, &value, out, max_bytes)
    }

    fn references(value: &T) -> Vec<(Path, AnyRemote)> {
        crate::pipeline::find(value)
    }

    fn decode(codec: Codec, bytes: &[u8], bounds: &Bounds) -> Result<T, codec::CodecError> {
        codec::decode(codec, bytes, bounds)
    }
}

/// A result that travels beside the payload and is never walked.
#[doc(hidden)]
#[derive(Debug)]
pub struct Bulk<T>(PhantomData<T>);

impl<T: IntoBulk + FromBulk + Send + 'static> Coder for Bulk<T> {
    type Value = T;

    fn encode(codec: Codec, value: T, out: &mut Vec<u8>, max_bytes: u64) -> Result<(), codec::CodecError> {
        codec::encode(codec, &crate::bulk::bulk(value), out, max_bytes)
    }

    fn decode(codec: Codec, bytes: &[u8], bounds: &Bounds) -> Result<T, codec::CodecError> {
        codec::decode::<crate::bulk::BulkIn<T>>(codec, bytes, bounds).map(|bulk| bulk.0)
    }
}

/// Outer: the call did not get to its method. Inner: what the method returned.
#[doc(hidden)]
pub type MethodResult<T, E> = Result<Result<T, E>, Error>;

/// What decoding one message may cost on a node with these limits.
pub(crate) fn bounds(limits: &Limits) -> Bounds {
    Bounds { depth: limits.depth, decoded_bytes: limits.decoded_bytes }
}

/// Who asks for the method.
pub(crate) enum Asked<'a> {
    /// Somebody in this process; with what is seen to where a session's task runs it.
    Here(&'a Method, Option<SeenTo>),
    Defined(&'a crate::proto::Defined),
}

/// A call on its way into a method.
#[doc(hidden)]
pub struct Inbound<'a> {
    codec: u8,
    bytes: InboundBytes<'a>,
    incoming: Incoming,
    bounds: Bounds,
    reply_max: u64,
    asked: Asked<'a>,
    /// What the parameters are called, for a codec that writes names.
    parameters: &'static [ParameterDescriptor],
    /// Whether the result is called ahead.
    promised: bool,
}

pub(crate) enum InboundBytes<'a> {
    /// Still in the read buffer.
    Borrowed(&'a [u8]),
    /// Assembled from chunks, or handed over inside the process.
    Shared(Bytes),
}

impl InboundBytes<'_> {
    /// The same for a task: what is still in the read buffer is copied.
    pub(crate) fn into_shared(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Inbound<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbound({})", self.name())
    }
}

impl<'a> Inbound<'a> {
    pub(crate) fn new(codec: u8, bytes: InboundBytes<'a>, incoming: Incoming, bounds: Bounds, reply_max: u64, asked: Asked<'a>) -> Self {
        Self { codec, bytes, incoming, bounds, reply_max, asked, parameters: &[], promised: false }
    }

    /// Whether a peer sent it, over a session.
    pub(crate) fn is_from_peer(&self) -> bool {
        matches!(self.asked, Asked::Defined(_))
    }

    /// What the session's task sees to that runs `method` for it; `None` when no session does.
    pub(crate) fn seen_to(&self, method: Resolved) -> Option<SeenTo> {
        match &self.asked {
            Asked::Here(_, seen_to) => *seen_to,
            Asked::Defined(_) => Some(SeenTo::of(method)),
        }
    }

    /// What the call may cost: decoding it, and the size of its reply.
    pub(crate) fn within(&self) -> (Bounds, u64) {
        (self.bounds, self.reply_max)
    }

    pub(crate) fn set_promised(&mut self, promised: bool) {
        self.promised = promised;
    }

    fn name(&self) -> String {
        match &self.asked {
            Asked::Here(method, _) => method.to_string(),
            Asked::Defined(method) => format!("{}.{}", method.interface, method.name),
        }
    }

    fn fingerprint(&self) -> u64 {
        match &self.asked {
            Asked::Here(method, _) => method.fingerprint,
            Asked::Defined(method) => method.fingerprint,
        }
    }

    /// Tells what the parameters of the method are called, for a codec that writes names.
    #[inline]
    pub(crate) fn name_parameters(&mut self, interface: &'static InterfaceDescriptor, number: u32) {
        if self.codec != Codec::Bincode.id()
            && let Some((_, method)) = interface.declaring(number)
        {
            self.parameters = method.parameters;
        }
    }

    /// The method that is asked for, for a handler that takes any.
    pub(crate) fn method(&self) -> Method {
        match &self.asked {
            Asked::Here(method, _) => (*method).clone(),
            Asked::Defined(method) => {
                let idempotent = crate::context::with_current(|current| current.is_some_and(|context| context.idempotent));
                Method { idempotent, ..defined(method) }
            }
        }
    }

    /// Everything the call brought, for a handler that decodes nothing.
    pub(crate) fn take_payload(&mut self) -> Payload {
        let bytes = match std::mem::replace(&mut self.bytes, InboundBytes::Borrowed(&[])) {
            InboundBytes::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            InboundBytes::Shared(bytes) => bytes,
        };
        let (references, segments) = std::mem::take(&mut self.incoming).into_tables();
        Payload {
            codec: self.codec,
            bytes,
            segments: segments.into_iter().flatten().collect(),
            references: references.into_iter().flatten().collect(),
            within: Some(self.bounds),
            noted: None,
        }
    }

    /// What nobody has taken.
    pub(crate) fn take_leftovers(&mut self) -> Option<Incoming> {
        let incoming = std::mem::take(&mut self.incoming);
        incoming.has_references().then_some(incoming)
    }

    /// Decodes the arguments.
    ///
    /// # Errors
    ///
    /// The reply that says why they cannot be decoded; the method did not run.
    pub fn arguments<A: DeserializeOwned>(&mut self) -> Result<A, Served> {
        let codec = match Codec::from_id(self.codec) {
            Ok(codec) => codec,
            Err(error) => return Err(self.refuse(&error.to_string())),
        };
        if let Err(error) = crate::by_name::check(self.fingerprint(), codec) {
            return Err(Served::Ready(Reply::failed(&error.with_method(self.name()))));
        }
        let incoming = std::mem::take(&mut self.incoming);
        let parameters = self.parameters;
        let bytes: &[u8] = match &self.bytes {
            InboundBytes::Borrowed(bytes) => bytes,
            InboundBytes::Shared(bytes) => bytes,
        };
        let bounds = self.bounds;
        let decoded =
            crate::panics::caught(|| transfer::decoding(incoming, || codec::decode_arguments::<A>(codec, bytes, &bounds, parameters)));
        match decoded {
            Ok(Ok(arguments)) => Ok(arguments),
            Ok(Err(error)) => Err(self.refuse(&error.to_string())),
            Err(panic) => {
                let error = crate::context::guarded(panic.into_error(Outcome::NotRun));
                Err(Served::Ready(Reply::failed(&error.with_method(self.name()))))
            }
        }
    }

    fn refuse(&self, why: &str) -> Served {
        let text = format!("the arguments cannot be decoded: {why}");
        Served::Ready(Reply::failed(&Error::new(ErrorKind::Codec, Outcome::NotRun, text).with_method(self.name())))
    }

    /// Starts the method.
    pub fn run<K, E, F>(&mut self, future: F) -> Served
    where
        K: Coder,
        E: RemoteError,
        F: Future<Output = MethodResult<K::Value, E>> + Send + 'static,
    {
        let (codec, reply_max, promised) = (self.codec, self.reply_max, self.promised);
        Served::Future(Box::pin(async move { encode_result::<K, E>(future.await, codec, reply_max, promised) }))
    }

    /// The reply for a method number that nothing here answers to.
    pub fn no_such_method(&mut self) -> Served {
        let method = self.method();
        Served::Ready(Reply::failed(&crate::handler::no_such_number(&method)))
    }
}

/// Encodes what a method returned. What goes wrong from here on goes wrong after the method ran.
fn encode_result<K: Coder, E: RemoteError>(result: MethodResult<K::Value, E>, codec: u8, max_bytes: u64, promised: bool) -> Reply {
    let result = match result {
        Ok(result) => result,
        Err(error) => return Reply::failed(&error),
    };
    let Ok(kind) = Codec::from_id(codec) else { return Reply::failed(&Error::new(ErrorKind::Codec, Outcome::Ran, "unknown codec")) };
    let status = if result.is_ok() { Status::Ok } else { Status::AppError };
    let found = promised.then(|| Box::new(found::<K, E>(&result)));
    let mut bytes = crate::pool::take();
    let encoded = crate::panics::caught(|| {
        transfer::encoding(|| match result {
            Ok(value) => K::encode(kind, value, &mut bytes, max_bytes),
            Err(error) => codec::encode(kind, &error, &mut bytes, max_bytes),
        })
    });
    let error = match encoded {
        Ok((Ok(()), outgoing)) => {
            let reply = Reply { status, codec, bytes: ReplyBytes::Pooled(bytes), outgoing, found };
            match oversized(&reply.size(), reply.outgoing.references().len(), reply.outgoing.segments().len(), max_bytes, Outcome::Ran) {
                None => return reply,
                Some(error) => error,
            }
        }
        Ok((Err(codec::CodecError::TooLarge { max_bytes }), _)) => too_large(max_bytes + 1, max_bytes, Outcome::Ran),
        Ok((Err(error), _)) => Error::new(ErrorKind::Codec, Outcome::Ran, format!("the result cannot be encoded: {error}")),
        Err(panic) => crate::context::guarded(panic.into_error(Outcome::Ran)),
    };
    Reply::failed(&error)
}

/// What those who call a result ahead may know of it. Of an error only what travels, so that it may be dropped anywhere.
fn found<K: Coder, E: RemoteError>(result: &Result<K::Value, E>) -> Found {
    match result {
        Ok(value) => Found::References(K::references(value)),
        Err(error) => Found::Nothing(Breakage::of(error).error().clone()),
    }
}

/// A message that its receiver does not take.
pub(crate) fn too_large(bytes: u64, max_bytes: u64, outcome: Outcome) -> Error {
    let what = if outcome == Outcome::NotRun { "the arguments take" } else { "the result takes" };
    let text = format!(
        "{what} at least {bytes} bytes, and the receiver takes {max_bytes} in one message; larger data goes in pieces: `netref::stream::bytes()` carries any size"
    );
    Error::new(ErrorKind::TooLarge, outcome, text)
}

/// What is wrong with the size of a message, if anything is.
pub(crate) fn oversized(size: &Size, references: usize, segments: usize, max_bytes: u64, outcome: Outcome) -> Option<Error> {
    if size.total > max_bytes {
        return Some(too_large(size.total, max_bytes, outcome));
    }
    if references > REFERENCES_MAX || segments > SEGMENTS_MAX {
        let text = format!(
            "the message has {references} references and {segments} bulk segments, and one message takes {REFERENCES_MAX} and {SEGMENTS_MAX}; send it in pieces"
        );
        return Some(Error::new(ErrorKind::TooLarge, outcome, text));
    }
    None
}

/// The table of an item's references is too long.
pub(crate) fn too_many_references(references: usize) -> Error {
    let text = format!("{references} references in one item do not fit its first frame; send it in pieces");
    Error::new(ErrorKind::TooLarge, Outcome::NotRun, text)
}

/// The descriptor's name for an error text.
pub(crate) fn method_name(interface: &str, method: &MethodDescriptor) -> String {
    format!("{interface}.{}", method.name)
}

/// A method of a peer's as everybody names it.
pub(crate) fn defined(method: &crate::proto::Defined) -> Method {
    let named = Method::new(method.interface.to_string(), method.name.clone(), method.fingerprint, method.signature.clone());
    Method { structure: method.structure.clone(), ..named }
}
