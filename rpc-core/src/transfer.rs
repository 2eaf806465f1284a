//! Owns the way of references and bulk bytes through serde: while one message is encoded or decoded, a thread-local holds the table
//! that travels beside its payload. Outside a message a reference cannot be serialized, and that is an error in words.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use crate::any::AnyRemote;
use crate::error::{Error, Verbatim};
use crate::peer::Peer;

/// What a message carries beside its payload, on its way out.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) references: Vec<AnyRemote>,
    pub(crate) segments: Vec<Bytes>,
}

/// What a message carries beside its payload, on its way in. Each entry is taken once.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) references: Vec<Option<AnyRemote>>,
    pub(crate) segments: Vec<Option<Bytes>>,
    /// For a result: who answered, so that an error of the handler's own calls names the hop.
    pub(crate) answered_by: Option<Answered>,
}

/// Where a result comes from.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) peer: Peer,
    pub(crate) interface: &'static str,
    pub(crate) method: &'static str,
}

impl Incoming {
    fn is_empty(&self) -> bool {
        self.references.is_empty() && self.segments.is_empty() && self.answered_by.is_none()
    }
}

/// What is going on on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    None,
    Encode,
    /// With the arguments of a call, or any value that is no result.
    Decode,
    /// With the result of a call.
    DecodeResult,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::None) };
    /// Whether there is, or was, anything in the two tables since they were last emptied.
    static USED: Cell<bool> = const { Cell::new(false) };
    static OUTGOING: RefCell<Outgoing> = const { RefCell::new(Outgoing { references: Vec::new(), segments: Vec::new() }) };
    static INCOMING: RefCell<Incoming> =
        const { RefCell::new(Incoming { references: Vec::new(), segments: Vec::new(), answered_by: None }) };
}

/// Puts the former state back, also when the user's code panics. The tables are moved only when there is something in them: most
/// messages carry neither references nor bulk bytes.
struct Restore {
    mode: Mode,
    outgoing: Option<Outgoing>,
    incoming: Option<Incoming>,
}

impl Restore {
    #[inline]
    fn enter(mode: Mode, incoming: Option<Incoming>) -> Self {
        let former = MODE.with(|current| current.replace(mode));
        if former == Mode::None {
            if let Some(incoming) = incoming {
                USED.with(|used| used.set(true));
                INCOMING.with(|current| current.replace(incoming));
            }
            return Self { mode: former, outgoing: None, incoming: None };
        }
        // One message inside another: a value that makes a call while it is serialized.
        USED.with(|used| used.set(true));
        let outgoing = OUTGOING.with(RefCell::take);
        let incoming = INCOMING.with(|current| current.replace(incoming.unwrap_or_default()));
        Self { mode: former, outgoing: Some(outgoing), incoming: Some(incoming) }
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        MODE.with(|current| current.set(self.mode));
        if !USED.with(Cell::get) {
            return;
        }
        USED.with(|used| used.set(self.mode != Mode::None));
        let outgoing = match self.outgoing.take() {
            Some(former) => Some(OUTGOING.with(|current| current.replace(former))),
            None => take_outgoing(),
        };
        let incoming = match self.incoming.take() {
            Some(former) => Some(INCOMING.with(|current| current.replace(former))),
            None => take_incoming(),
        };
        // Whatever is left over may run user code when it drops, so it drops with no borrow held.
        drop((outgoing, incoming));
    }
}

fn take_incoming() -> Option<Incoming> {
    INCOMING.with(|current| {
        let is_empty = current.borrow().is_empty();
        (!is_empty).then(|| current.take())
    })
}

fn take_outgoing() -> Option<Outgoing> {
    OUTGOING.with(|current| {
        let is_empty = {
            let outgoing = current.borrow();
            outgoing.references.is_empty() && outgoing.segments.is_empty()
        };
        (!is_empty).then(|| current.take())
    })
}

/// Encodes one message: `f` runs the serializer, and what it put beside the payload is given back.
pub(crate) fn encoding<R>(f: impl FnOnce() -> R) -> (R, Outgoing) {
    let _restore = Restore::enter(Mode::Encode, None);
    let result = f();
    let outgoing = if USED.with(Cell::get) { take_outgoing() } else { None };
    (result, outgoing.unwrap_or_default())
}

/// Decodes one message: `f` runs the deserializer, which takes from `incoming`. What is left over is dropped, and so released.
pub(crate) fn decoding<R>(incoming: Incoming, f: impl FnOnce() -> R) -> R {
    let incoming = (!incoming.is_empty()).then_some(incoming);
    let _restore = Restore::enter(Mode::Decode, incoming);
    f()
}

/// Decodes the result of a call. A netref error in it belongs to a call of the handler's.
pub(crate) fn decoding_result<R>(incoming: Incoming, f: impl FnOnce() -> R) -> R {
    let incoming = (!incoming.is_empty()).then_some(incoming);
    let _restore = Restore::enter(Mode::DecodeResult, incoming);
    f()
}

/// Puts a reference beside the payload. `None` outside a message.
pub(crate) fn put_reference(reference: AnyRemote) -> Option<u32> {
    if MODE.with(Cell::get) != Mode::Encode {
        return None;
    }
    USED.with(|used| used.set(true));
    OUTGOING.with(|current| {
        let references = &mut current.borrow_mut().references;
        references.push(reference);
        Some((references.len() - 1) as u32)
    })
}

/// Takes the reference at `index`. `None` outside a message, past the table, or a second time.
pub(crate) fn take_reference(index: u32) -> Option<AnyRemote> {
    if !is_decoding() {
        return None;
    }
    INCOMING.with(|current| current.borrow_mut().references.get_mut(index as usize)?.take())
}

/// Puts bulk bytes beside the payload. `None` outside a message.
pub(crate) fn put_segment(bytes: Bytes) -> Option<u32> {
    if MODE.with(Cell::get) != Mode::Encode {
        return None;
    }
    USED.with(|used| used.set(true));
    OUTGOING.with(|current| {
        let segments = &mut current.borrow_mut().segments;
        segments.push(bytes);
        Some((segments.len() - 1) as u32)
    })
}

/// Takes the bulk bytes at `index`. `None` outside a message, past the table, or a second time.
pub(crate) fn take_segment(index: u32) -> Option<Bytes> {
    if !is_decoding() {
        return None;
    }
    INCOMING.with(|current| current.borrow_mut().segments.get_mut(index as usize)?.take())
}

fn is_decoding() -> bool {
    matches!(MODE.with(Cell::get), Mode::Decode | Mode::DecodeResult)
}

impl<'de> Deserialize<'de> for Error {
    /// Inside the result of a call the error arrives as kind `Nested` with the original as its origin: the receiver's own call ran,
    /// whatever the outcome of the call that the handler made.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Verbatim::deserialize(deserializer).map(|Verbatim(error)| nest(error))
    }
}

/// An error that is decoded inside a result belongs to a call of the handler's.
fn nest(error: Error) -> Error {
    if MODE.with(Cell::get) != Mode::DecodeResult {
        return error;
    }
    let answered = INCOMING.with(|current| {
        let current = current.borrow();
        let answered = current.answered_by.as_ref()?;
        Some((answered.peer.to_string(), format!("{}.{}", answered.interface, answered.method)))
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
        assert_eq!((index, inner.segments.len(), outer.segments.len()), (Some(0), 1, 2));
        assert_eq!(put_segment(Bytes::new()), None);
    }

    #[test]
    fn each_entry_is_taken_once_and_only_inside_the_message() {
        let incoming = Incoming { segments: vec![Some(Bytes::from_static(b"x"))], ..Incoming::default() };
        decoding(incoming, || {
            assert!(take_segment(0).is_some());
            assert!(take_segment(0).is_none() && take_segment(1).is_none());
        });
        assert!(take_segment(0).is_none());
    }
}
