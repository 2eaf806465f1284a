//! Owns what is known of an encoded result that passes the seam: where its references are, or why there are none. It holds for the bytes
//! as they were encoded, and for no others; what stands in the table beside them is whatever is there by then.

use bytes::Bytes;

use super::paths::{Found, Path};
use crate::any::AnyRemote;
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
    /// The places of references by their indices in the table.
    References(Vec<(Path, u32)>),
    Nothing(Error),
}

impl Noted {
    pub(crate) fn new(found: Found, bytes: &Bytes) -> Self {
        let what = match found {
            Found::References(found) => What::References(found.into_iter().map(|(path, index, _)| (path, index)).collect()),
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
                let at = |(path, index): &(Path, u32)| Some((path.clone(), *index, table.get(*index as usize)?.clone()));
                Found::References(known.iter().filter_map(at).collect())
            }
            What::Nothing(error) => Found::Nothing(error.clone()),
        })
    }
}
