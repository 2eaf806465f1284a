//! Owns the way of references and bulk bytes through serde: while one message is encoded or decoded, a thread-local holds the table
//! that travels beside its payload. Outside a message a reference cannot be serialized, and that is an error in words.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use crate::any::AnyRemote;
use crate::compression::Packing;
use crate::error::{Error, Outcome};
use crate::limits::Size;
use crate::peer::Peer;

/// What a reference is called where it stands in a value.
pub(crate) const REFERENCE: &str = "netref::Remote";

/// What a message carries beside its payload, on its way out. Most carry nothing; as one word that costs nothing to hand on.
#[derive(Debug, Default)]
pub(crate) struct Outgoing(Option<Box<OutgoingTables>>);

#[derive(Debug, Default)]
struct OutgoingTables {
    references: Vec<AnyRemote>,
    segments: Vec<Bytes>,
}

impl Outgoing {
    pub(crate) fn new(references: Vec<AnyRemote>, segments: Vec<Bytes>) -> Self {
        let is_empty = references.is_empty() && segments.is_empty();
        Self((!is_empty).then(|| Box::new(OutgoingTables { references, segments })))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.references().is_empty() && self.segments().is_empty()
    }

    pub(crate) fn references(&self) -> &[AnyRemote] {
        self.0.as_ref().map_or(&[], |tables| &tables.references)
    }

    pub(crate) fn segments(&self) -> &[Bytes] {
        self.0.as_ref().map_or(&[], |tables| &tables.segments)
    }

    pub(crate) fn take_references(&mut self) -> Vec<AnyRemote> {
        self.0.as_mut().map(|tables| std::mem::take(&mut tables.references)).unwrap_or_default()
    }

    pub(crate) fn take_segments(&mut self) -> Vec<Bytes> {
        self.0.as_mut().map(|tables| std::mem::take(&mut tables.segments)).unwrap_or_default()
    }

    /// How large a message is that has these tables beside a payload.
    pub(crate) fn size_with(&self, payload: &[u8]) -> Size {
        let bulk: u64 = self.segments().iter().map(|segment| segment.len() as u64).sum();
        Size::new(payload.len() as u64 + bulk, self.references().len(), self.segments().len())
    }
}

/// What a message carries beside its payload, on its way in. Each entry is taken once. A word, for the same reason as [`Outgoing`].
#[derive(Debug, Default)]
pub(crate) struct Incoming(Option<Box<IncomingTables>>);

#[derive(Debug, Default)]
struct IncomingTables {
    references: Vec<Option<AnyRemote>>,
    segments: Vec<Option<Bytes>>,
    /// For a body that is still compressed: what it stands for. Its segments are in it.
    packed: Option<Packing>,
    /// For a result: who answered, so that an error of the handler's own calls names the hop.
    answered_by: Option<Answered>,
}

/// Where a result comes from.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) peer: Peer,
    pub(crate) interface: &'static str,
    pub(crate) method: &'static str,
}

impl Incoming {
    pub(crate) fn new(references: Vec<Option<AnyRemote>>, segments: Vec<Option<Bytes>>) -> Self {
        let is_empty = references.is_empty() && segments.is_empty();
        Self((!is_empty).then(|| Box::new(IncomingTables { references, segments, packed: None, answered_by: None })))
    }

    pub(crate) fn answered_by(mut self, answered: Answered) -> Self {
        self.0.get_or_insert_default().answered_by = Some(answered);
        self
    }

    /// The segments of a message whose first frame brought the references.
    pub(crate) fn set_segments(&mut self, segments: Vec<Option<Bytes>>) {
        if !segments.is_empty() {
            self.0.get_or_insert_default().segments = segments;
        }
    }

    /// The body is compressed.
    pub(crate) fn set_packed(&mut self, packing: Packing) {
        self.0.get_or_insert_default().packed = Some(packing);
    }

    /// Whether the body is still compressed.
    #[inline]
    pub(crate) fn is_packed(&self) -> bool {
        self.0.as_ref().is_some_and(|tables| tables.packed.is_some())
    }

    /// What is to be known to restore the body, once.
    pub(crate) fn take_packed(&mut self) -> Option<Packing> {
        self.0.as_mut()?.packed.take()
    }

    pub(crate) fn has_references(&self) -> bool {
        self.0.as_ref().is_some_and(|tables| !tables.references.is_empty())
    }

    /// How long a body is of which `bytes` bytes are beside this: with its bulk bytes, and what it is to be when it is compressed.
    pub(crate) fn length_with(&self, bytes: usize) -> u64 {
        let Some(tables) = &self.0 else { return bytes as u64 };
        match &tables.packed {
            Some(packing) => packing.original,
            None => (bytes + tables.segments.iter().flatten().map(Bytes::len).sum::<usize>()) as u64,
        }
    }

    /// The references, when nobody wants the message.
    pub(crate) fn into_references(self) -> impl Iterator<Item = AnyRemote> {
        self.into_tables().0.into_iter().flatten()
    }

    pub(crate) fn into_tables(self) -> (Vec<Option<AnyRemote>>, Vec<Option<Bytes>>) {
        self.0.map(|tables| (tables.references, tables.segments)).unwrap_or_default()
    }
}

/// What is going on on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    None,
    Encode,
    /// As for encoding, but nothing leaves.
    Look,
    /// With the arguments of a call, or any value that is no result.
    Decode,
    /// With the result of a call.
    DecodeResult,
    /// With the error of another call, on whose result a call was made: that one did not run.
    DecodeBroken,
}

/// The message that is encoded or decoded on this thread.
struct Scope {
    mode: Cell<Mode>,
    outgoing: RefCell<Outgoing>,
    incoming: RefCell<Incoming>,
}

thread_local! {
    static SCOPE: Scope = const { Scope { mode: Cell::new(Mode::None), outgoing: RefCell::new(Outgoing(None)), incoming: RefCell::new(Incoming(None)) } };
}

/// Puts the former message back, also when the user's code panics: a value may make a call while it is serialized.
struct Restore {
    mode: Mode,
    outgoing: Outgoing,
    incoming: Incoming,
}

impl Restore {
    #[inline]
    fn enter(mode: Mode, incoming: Incoming) -> Self {
        SCOPE.with(|scope| Self {
            mode: scope.mode.replace(mode),
            outgoing: scope.outgoing.take(),
            incoming: scope.incoming.replace(incoming),
        })
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        let (outgoing, incoming) = (std::mem::take(&mut self.outgoing), std::mem::take(&mut self.incoming));
        let left_over = SCOPE.with(|scope| {
            scope.mode.set(self.mode);
            (scope.outgoing.replace(outgoing), scope.incoming.replace(incoming))
        });
        // It may run user code when it drops, so it drops with no borrow held.
        drop(left_over);
    }
}

/// Encodes one message: `f` runs the serializer, and what it put beside the payload is given back.
#[inline]
pub(crate) fn encoding<R>(f: impl FnOnce() -> R) -> (R, Outgoing) {
    let _restore = Restore::enter(Mode::Encode, Incoming(None));
    let result = f();
    (result, SCOPE.with(|scope| scope.outgoing.take()))
}

/// Looks through a value that stays where it is: `f` runs a serializer that only looks at it, and the references in it are given.
pub(crate) fn looking<R>(f: impl FnOnce() -> R) -> (R, Vec<AnyRemote>) {
    let _restore = Restore::enter(Mode::Look, Incoming(None));
    let result = f();
    (result, SCOPE.with(|scope| scope.outgoing.take()).take_references())
}

/// Whether a value is only looked through, so that what can leave once must not.
pub(crate) fn is_looking() -> bool {
    SCOPE.with(|scope| scope.mode.get()) == Mode::Look
}

/// Decodes one message: `f` runs the deserializer, which takes from `incoming`. What is left over is dropped, and so released.
#[inline]
pub(crate) fn decoding<R>(incoming: Incoming, f: impl FnOnce() -> R) -> R {
    let _restore = Restore::enter(Mode::Decode, incoming);
    f()
}

/// Decodes the result of a call. A netref error in it belongs to a call of the handler's.
#[inline]
pub(crate) fn decoding_result<R>(incoming: Incoming, f: impl FnOnce() -> R) -> R {
    let _restore = Restore::enter(Mode::DecodeResult, incoming);
    f()
}

/// Decodes the error of the call on whose promised result another one was made. A netref error in it says of that one that it did not run.
#[inline]
pub(crate) fn decoding_broken<R>(incoming: Incoming, f: impl FnOnce() -> R) -> R {
    let _restore = Restore::enter(Mode::DecodeBroken, incoming);
    f()
}

/// Puts a reference beside the payload. `None` outside a message.
pub(crate) fn put_reference(reference: AnyRemote) -> Option<u32> {
    put(|tables| &mut tables.references, reference)
}

/// Takes the reference at `index`. `None` outside a message, past the table, or a second time.
pub(crate) fn take_reference(index: u32) -> Option<AnyRemote> {
    take(|tables| &mut tables.references, index)
}

/// Puts bulk bytes beside the payload. `None` outside a message.
pub(crate) fn put_segment(bytes: Bytes) -> Option<u32> {
    put(|tables| &mut tables.segments, bytes)
}

/// Takes the bulk bytes at `index`. `None` outside a message, past the table, or a second time.
pub(crate) fn take_segment(index: u32) -> Option<Bytes> {
    take(|tables| &mut tables.segments, index)
}

fn put<T>(table: impl FnOnce(&mut OutgoingTables) -> &mut Vec<T>, entry: T) -> Option<u32> {
    SCOPE.with(|scope| {
        if !matches!(scope.mode.get(), Mode::Encode | Mode::Look) {
            return None;
        }
        let mut outgoing = scope.outgoing.borrow_mut();
        let table = table(outgoing.0.get_or_insert_default());
        table.push(entry);
        Some((table.len() - 1) as u32)
    })
}

fn take<T>(table: impl FnOnce(&mut IncomingTables) -> &mut Vec<Option<T>>, index: u32) -> Option<T> {
    SCOPE.with(|scope| {
        if !matches!(scope.mode.get(), Mode::Decode | Mode::DecodeResult | Mode::DecodeBroken) {
            return None;
        }
        table(scope.incoming.borrow_mut().0.as_mut()?).get_mut(index as usize)?.take()
    })
}

impl<'de> Deserialize<'de> for Error {
    /// Inside the result of a call the error arrives as kind `Nested` with the original as its origin: the receiver's own call ran,
    /// whatever the outcome of the call that the handler made.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::error::deserialize_plainly(deserializer).map(nest)
    }
}

/// An error that is decoded inside a result belongs to a call of the handler's.
fn nest(error: Error) -> Error {
    match SCOPE.with(|scope| scope.mode.get()) {
        Mode::DecodeResult => {}
        Mode::DecodeBroken => return error.with_outcome(Outcome::NotRun),
        Mode::None | Mode::Encode | Mode::Look | Mode::Decode => return error,
    }
    let answered = SCOPE.with(|scope| {
        let incoming = scope.incoming.borrow();
        let answered = incoming.0.as_ref()?.answered_by.as_ref()?;
        let hop = if answered.peer.is_local() { "this process".to_owned() } else { answered.peer.to_string() };
        Some((hop, format!("{}.{}", answered.interface, answered.method)))
    });
    match answered {
        Some((hop, method)) => Error::nested(error, &hop).with_method(method),
        None => Error::nested(error, "the other node"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_inside_a_message_has_a_table_of_its_own() {
        let ((inner, index), outer) = encoding(|| {
            let first = put_segment(Bytes::from_static(b"outer"));
            let (index, inner) = encoding(|| put_segment(Bytes::from_static(b"inner")));
            assert_eq!((first, put_segment(Bytes::new())), (Some(0), Some(1)));
            (inner, index)
        });
        assert_eq!((index, inner.segments().len(), outer.segments().len()), (Some(0), 1, 2));
        assert_eq!(put_segment(Bytes::new()), None);
    }

    #[test]
    fn each_entry_is_taken_once_and_only_inside_the_message() {
        let incoming = Incoming::new(Vec::new(), vec![Some(Bytes::from_static(b"x"))]);
        decoding(incoming, || {
            assert!(take_segment(0).is_some());
            assert!(take_segment(0).is_none() && take_segment(1).is_none());
        });
        assert!(take_segment(0).is_none());
    }
}
