//! Owns how a half of a stream is recognised in the structure of a type: by a reference under one of the names that no interface has,
//! and for a stream of items the items' type beside it. On the wire there is only the reference.

use super::shape::{Id, Shape, Structure};
use crate::stream::traced;

/// A half of a stream in a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    /// Its type's name, as in [`stream`](crate::stream).
    pub(crate) name: &'static str,
    /// What it carries; a stream of bytes has no items.
    pub(crate) item: Option<Id>,
}

/// The half that a shape stands for.
pub(crate) fn half(structure: &Structure, id: Id) -> Option<Half> {
    match structure.shape(id) {
        Shape::Reference(name) if name == traced::BYTE_WRITER => Some(Half { name: "ByteWriter", item: None }),
        Shape::Reference(name) if name == traced::BYTE_READER => Some(Half { name: "ByteReader", item: None }),
        Shape::Tuple(pair) => {
            let [marked, item] = pair[..] else { return None };
            let Shape::Reference(marked) = structure.shape(marked) else { return None };
            let name = traced::HALVES.iter().find(|(name, _)| name == marked)?.1;
            Some(Half { name, item: Some(item) })
        }
        _ => None,
    }
}
