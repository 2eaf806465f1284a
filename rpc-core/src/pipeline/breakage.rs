//! Owns what becomes of calls on a promise that is broken: they fail with what went wrong, in its own type where they can.

use std::any::{Any, TypeId};
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, Bounds, Codec, DEPTH_MAX, MESSAGE_BYTES_MAX};
use crate::error::{Encoded, Error, ErrorKind, Outcome};
use crate::handler::Payload;
use crate::promises::RemoteError;
use crate::schema;
use crate::transfer::{self, Incoming};

/// Why there is nothing to call.
#[derive(Debug)]
pub(crate) struct Breakage {
    /// As netref says it; no call on the promise ran.
    error: Error,
    /// What the method returned, when that was an error of its own type.
    value: Option<Value>,
}

struct Value {
    of: TypeId,
    payload: Payload,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

impl From<Error> for Breakage {
    fn from(error: Error) -> Self {
        Self { error: error.with_outcome(Outcome::NotRun), value: None }
    }
}

impl Breakage {
    /// The call whose result was promised failed.
    pub(crate) fn of<E: RemoteError>(error: &E) -> Self {
        if let Some(error) = (error as &dyn Any).downcast_ref::<Error>() {
            return error.clone().into();
        }
        let text = crate::panics::caught(|| error.to_string()).unwrap_or_else(|_| "an error that panics when it is shown".to_owned());
        let error_of_netref = match source(error) {
            Some(source) => source.with_outcome(Outcome::NotRun),
            None => Error::broken_promise(Error::new(ErrorKind::Nested, Outcome::Ran, text.clone()), text),
        };
        let value = Self::encode(error);
        let travels = value.as_ref().and_then(|value| encoded::<E>(&value.payload));
        Self { error: error_of_netref.with_value(travels), value }
    }

    fn encode<E: Serialize + 'static>(error: &E) -> Option<Value> {
        let mut bytes = Vec::new();
        let encoded =
            crate::panics::caught(|| transfer::encoding(|| codec::encode(Codec::Bincode, error, &mut bytes, MESSAGE_BYTES_MAX))).ok()?;
        let (Ok(()), mut outgoing) = encoded else { return None };
        let (references, segments) = (outgoing.take_references(), outgoing.take_segments());
        let payload = Payload { codec: Codec::Bincode.id(), bytes: bytes.into(), segments, references, within: None, noted: None };
        Some(Value { of: TypeId::of::<E>(), payload })
    }

    /// As netref says it.
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    /// For the caller of a method with this type of error: the original where it is of that type.
    pub(crate) fn for_caller<E: From<Error> + DeserializeOwned + 'static>(&self, method: &str) -> E {
        let value = self.value.as_ref().filter(|value| value.of == TypeId::of::<E>());
        let known = value.and_then(|value| decode(&value.payload)).or_else(|| own(&self.error));
        known.unwrap_or_else(|| E::from(self.error.clone().with_method(method)))
    }
}

/// More of an error than this does not travel with the error of a call on what it broke.
const VALUE_BYTES_MAX: usize = 4_096;

/// An error as it travels to callers of whose methods only the structure of their types is known. One that holds references does not.
fn encoded<E: DeserializeOwned + 'static>(payload: &Payload) -> Option<Encoded> {
    if payload.bytes.len() > VALUE_BYTES_MAX || !payload.references.is_empty() || !payload.segments.is_empty() {
        return None;
    }
    Some(Encoded { of: fingerprint::<E>()?, bytes: payload.bytes.to_vec() })
}

/// What tells an error type from others in another program. `None` for one of which something is not known.
fn fingerprint<E: DeserializeOwned + 'static>() -> Option<u64> {
    let schema = crate::panics::caught(schema::traced_method::<(), (), E>).ok()?;
    schema.opaque().is_empty().then(|| schema.fingerprint())
}

/// The error of the user's own that a promise was broken by, as the error of a call on it when that has the same type.
pub(crate) fn own<E: DeserializeOwned + 'static>(error: &Error) -> Option<E> {
    let value = error.value()?;
    if TypeId::of::<E>() == TypeId::of::<Error>() || fingerprint::<E>() != Some(value.of) {
        return None;
    }
    let payload = Payload {
        codec: Codec::Bincode.id(),
        bytes: value.bytes.clone().into(),
        segments: Vec::new(),
        references: Vec::new(),
        within: None,
        noted: None,
    };
    decode(&payload)
}

/// The error of netref's that an error of the user's wraps, where it says so.
fn source(error: &dyn std::error::Error) -> Option<Error> {
    let walked = crate::panics::caught(|| {
        let mut source = error.source();
        for _ in 0..SOURCES_MAX {
            let found = source?;
            if let Some(error) = found.downcast_ref::<Error>() {
                return Some(error.clone());
            }
            source = found.source();
        }
        None
    });
    walked.ok().flatten()
}

/// How far an error is asked for its source.
const SOURCES_MAX: usize = 16;

fn decode<E: DeserializeOwned>(payload: &Payload) -> Option<E> {
    let references = payload.references.iter().cloned().map(Some).collect();
    let segments = payload.segments.iter().cloned().map(Some).collect();
    // It was encoded in this process, so only the stack is bounded.
    let bounds = Bounds { depth: DEPTH_MAX, decoded_bytes: MESSAGE_BYTES_MAX };
    let incoming = Incoming::new(references, segments);
    crate::panics::caught(|| transfer::decoding_broken(incoming, || codec::decode(Codec::Bincode, &payload.bytes, &bounds))).ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    enum Own {
        Gone { who: String },
        Call(Error),
    }

    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("gone")
        }
    }

    impl std::error::Error for Own {}

    impl From<Error> for Own {
        fn from(error: Error) -> Self {
            Self::Call(error)
        }
    }

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    enum Other {
        Gone { who: u32 },
    }

    #[test]
    fn error_of_the_users_own_is_that_again_for_its_own_type_only() {
        let gone = || Own::Gone { who: "ada".to_owned() };
        let error = Breakage::of(&gone()).error().clone();
        assert_eq!(own::<Own>(&error), Some(gone()));
        assert_eq!((own::<Other>(&error), own::<Error>(&error)), (None, None));
        assert_eq!(Breakage::from(error.clone()).for_caller::<Own>(""), gone());

        let of = error.value().expect("it travels").of;
        for bytes in [vec![], vec![0; 3], vec![0, 251], vec![9], vec![255; 4_096]] {
            let broken = error.clone().with_value(Some(Encoded { of, bytes }));
            assert_eq!(own::<Own>(&broken), None, "what a peer sends is decoded with care");
        }
        let large = Own::Gone { who: "a".repeat(VALUE_BYTES_MAX) };
        assert_eq!(own::<Own>(Breakage::of(&large).error()), None, "it would not fit");
        assert_eq!(Breakage::of(&large).for_caller::<Own>(""), large, "here it is whole");
    }
}
