//! Owns the choice between the derive, tracing and nothing, for a type that generated code knows only by its tokens. The compiler makes
//! it: of several methods with one name it takes the one that needs the fewest borrows, among those whose bounds hold.
//!
//! ```ignore
//! (&&&Probe::<Order>::new("Order")).shape(&mut types)
//! ```
//!
//! This finds the method for `&&Probe<T>` when `T: Schema`, else that for `&Probe<T>` when `T: DeserializeOwned`, else that for any.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{Schema, TypeId, Types};

/// A type, to be asked for its structure.
pub struct Probe<T: ?Sized> {
    tokens: &'static str,
    marker: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized> Probe<T> {
    /// `tokens` is the type as it was written.
    #[must_use]
    pub const fn new(tokens: &'static str) -> Self {
        Self { tokens, marker: PhantomData }
    }
}

impl<T: ?Sized> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({})", self.tokens)
    }
}

/// First choice.
pub trait ByDerive {
    /// The type's own word.
    fn shape(&self, types: &mut Types) -> TypeId;
}

impl<T: Schema> ByDerive for &&Probe<T> {
    fn shape(&self, types: &mut Types) -> TypeId {
        T::schema(types)
    }
}

/// Second choice.
pub trait ByTrace {
    /// What `Deserialize` shows.
    fn shape(&self, types: &mut Types) -> TypeId;
}

impl<T: DeserializeOwned + 'static> ByTrace for &Probe<T> {
    fn shape(&self, types: &mut Types) -> TypeId {
        types.traced::<T>()
    }
}

/// Last choice.
pub trait ByNothing {
    /// Opaque.
    fn shape(&self, types: &mut Types) -> TypeId;
}

impl<T: ?Sized> ByNothing for Probe<T> {
    fn shape(&self, types: &mut Types) -> TypeId {
        types.opaque_instance::<T>("it has neither `netref::Schema` nor a `Deserialize` that is known here")
    }
}
