//! Owns what is known of an encoded result that passes the seam: where its references are, or why there are none. It holds for the bytes
//! as they were encoded, and for no others; what stands in the table beside them is whatever is there by then.

use std::sync::Arc;

use bytes::Bytes;

use super::paths::{Found, Path};
use crate::any::{AnyRemote, Place};
use crate::error::Error;

/// What is known of a payload.
#[derive(Debug)]
pub(crate) struct Noted {
    /// Kept, so that other bytes never lie where these did.
    bytes: Bytes,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The places of references, each with the entries of the table that refer to the same: a value may hold one in several places, and of
    /// which place an entry is is not known.
    References(Vec<(Path, Vec<u32>)>),
    Nothing(Error),
}

impl Noted {
    /// Of a payload as it was encoded, with the table beside it.
    pub(crate) fn new(found: Found, bytes: &Bytes, table: &[AnyRemote]) -> Self {
        let entries =
            |reference: &AnyRemote| (0..).zip(table).filter(|(_, entry)| is_same(entry, reference)).map(|(index, _)| index).collect();
        let what = match found {
            Found::References(found) => What::References(found.into_iter().map(|(path, reference)| (path, entries(&reference))).collect()),
            Found::Nothing(error) => What::Nothing(error),
        };
        Self { bytes: bytes.clone(), what }
    }

    /// The same for the payload that has arrived. `None` when it is another one.
    pub(crate) fn found(&self, bytes: &Bytes, table: &[AnyRemote]) -> Option<Found> {
        if (bytes.as_ptr(), bytes.len()) != (self.bytes.as_ptr(), self.bytes.len()) {
            return None;
        }
        Some(match &self.what {
            What::References(known) => {
                let at = |(path, entries): &(Path, Vec<u32>)| Some((path.clone(), agreed(entries, table)?.clone()));
                Found::References(known.iter().filter_map(at).collect())
            }
            What::Nothing(error) => Found::Nothing(error.clone()),
        })
    }
}

/// What all of these entries refer to. Where somebody has put something else into one of them it is not known which place is meant.
fn agreed<'t>(entries: &[u32], table: &'t [AnyRemote]) -> Option<&'t AnyRemote> {
    let (first, others) = entries.split_first()?;
    let first = table.get(*first as usize)?;
    others.iter().all(|entry| table.get(*entry as usize).is_some_and(|entry| is_same(entry, first))).then_some(first)
}

/// Whether two references are one and the same. A reference to an object of this process is made anew whenever it is encoded.
fn is_same(one: &AnyRemote, other: &AnyRemote) -> bool {
    match (&one.place, &other.place) {
        (Place::Here(one), Place::Here(other)) => {
            Arc::ptr_eq(one, other)
                || (one.meta().is_some()
                    && one.number() == other.number()
                    && one.granted() == other.granted()
                    && one.interface() == other.interface())
        }
        (Place::There(one), Place::There(other)) => Arc::ptr_eq(one, other),
        (Place::Promise(one), Place::Promise(other)) => Arc::ptr_eq(one, other),
        (Place::Broken(one), Place::Broken(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
