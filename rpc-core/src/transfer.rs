//! Owns the way of references and bulk bytes through serde: while one message is encoded or decoded, a thread-local holds the table
//! that travels beside its payload. Outside a message a reference cannot be serialized, and that is an error in words.

use std::cell::RefCell;

use bytes::Bytes;

use crate::any::AnyRemote;
use crate::error::Error;
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
    pub(crate) answered_by: Option<Peer>,
}

#[derive(Debug, Default)]
enum Scope {
    #[default]
    None,
    Encode(Outgoing),
    Decode(Incoming),
}

thread_local! {
    static SCOPE: RefCell<Scope> = const { RefCell::new(Scope::None) };
}

/// Puts the former scope back, also when the user's `Serialize` panics.
struct Restore(Scope);

impl Drop for Restore {
    fn drop(&mut self) {
        let inner = SCOPE.with(|scope| scope.replace(std::mem::take(&mut self.0)));
        // Whatever is left in the inner scope may run user code when it drops, so it drops with no borrow held.
        drop(inner);
    }
}

/// Encodes one message: `f` runs the serializer, and what it put beside the payload is given back.
pub(crate) fn encoding<R>(f: impl FnOnce() -> R) -> (R, Outgoing) {
    let restore = Restore(SCOPE.with(|scope| scope.replace(Scope::Encode(Outgoing::default()))));
    let result = f();
    let inner = SCOPE.with(|scope| scope.take());
    drop(restore);
    let outgoing = match inner {
        Scope::Encode(outgoing) => outgoing,
        _ => Outgoing::default(),
    };
    (result, outgoing)
}

/// Decodes one message: `f` runs the deserializer, which takes from `incoming`. What is left over is dropped, and so released.
pub(crate) fn decoding<R>(incoming: Incoming, f: impl FnOnce() -> R) -> R {
    let _restore = Restore(SCOPE.with(|scope| scope.replace(Scope::Decode(incoming))));
    f()
}

/// Puts a reference beside the payload. `None` outside a message.
pub(crate) fn put_reference(reference: AnyRemote) -> Option<u32> {
    SCOPE.with(|scope| match &mut *scope.borrow_mut() {
        Scope::Encode(outgoing) => {
            outgoing.references.push(reference);
            Some((outgoing.references.len() - 1) as u32)
        }
        _ => None,
    })
}

/// Takes the reference at `index`. `None` outside a message, past the table, or a second time.
pub(crate) fn take_reference(index: u32) -> Option<AnyRemote> {
    SCOPE.with(|scope| match &mut *scope.borrow_mut() {
        Scope::Decode(incoming) => incoming.references.get_mut(index as usize)?.take(),
        _ => None,
    })
}

/// Puts bulk bytes beside the payload. `None` outside a message.
pub(crate) fn put_segment(bytes: Bytes) -> Option<u32> {
    SCOPE.with(|scope| match &mut *scope.borrow_mut() {
        Scope::Encode(outgoing) => {
            outgoing.segments.push(bytes);
            Some((outgoing.segments.len() - 1) as u32)
        }
        _ => None,
    })
}

/// Takes the bulk bytes at `index`. `None` outside a message, past the table, or a second time.
pub(crate) fn take_segment(index: u32) -> Option<Bytes> {
    SCOPE.with(|scope| match &mut *scope.borrow_mut() {
        Scope::Decode(incoming) => incoming.segments.get_mut(index as usize)?.take(),
        _ => None,
    })
}

/// An error that is decoded inside a result belongs to a call of the handler's.
pub(crate) fn nest(error: Error) -> Error {
    let hop = SCOPE.with(|scope| match &*scope.borrow() {
        Scope::Decode(Incoming { answered_by: Some(peer), .. }) => Some(peer.to_string()),
        _ => None,
    });
    match hop {
        Some(hop) => Error::nested(error, &hop),
        None => error,
    }
}
