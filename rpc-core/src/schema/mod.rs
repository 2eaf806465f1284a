//! What the types of a method are made of, so that two programs that were built from different versions of an interface find out before
//! a value is misread.
//!
//! Every method has a [`MethodSchema`]: the structure of its arguments, its value and its error. It is worked out once, when the method
//! is first called or hosted, and travels with the definition of the method, ahead of its first call on a session. The callee compares
//! it with its own and answers a call that it would misread with `SchemaMismatch`.
//!
//! | a type | its structure |
//! | --- | --- |
//! | with `#[derive(netref::Schema)]` | exact, as the derive reads it |
//! | of the standard library or netref | known |
//! | any other | traced: its `Deserialize` is run with made-up input, and what it asks for is written down |
//!
//! A type that cannot be traced is *opaque* from there on: one that asks what comes next (`deserialize_any`), or refuses every made-up
//! value. [`InterfaceDescriptor::opaque`](crate::InterfaceDescriptor::opaque) lists such places. A change behind them is noticed only
//! when the type's name in the signature changes, or the name of what a parameter of the signature stands for. Of a traced type with
//! `#[serde(alias = "…")]` the names of its parts are not known, which is listed too.
//!
//! What may differ between the two sides, and what may not:
//!
//! | change | |
//! | --- | --- |
//! | a method is added, or one that nobody calls is removed | compatible |
//! | a variant is added at the end of an enum in a result or error | compatible: a caller that does not know a variant it is sent gets a `Codec` error, outcome `Ran` |
//! | a variant is added at the end of an enum in an argument | compatible when the callee has it; a mismatch when only the caller has it, since it could be sent |
//! | an alias, a borrowed form, `Box`, another kind of sequence or map | compatible |
//! | a field or variant is added elsewhere, removed, moved, renamed, or has another type | a mismatch |
//! | a struct or enum has another name | a mismatch; `#[serde(rename = "…")]` on it keeps the old one |
//!
//! # Files
//!
//! | file | what |
//! | --- | --- |
//! | `shape.rs` | the model |
//! | `types.rs` | [`Types`], which collects the shapes of one method |
//! | `mentioned.rs` | the interfaces that are met on the way |
//! | `known.rs` | types of the standard library and of netref |
//! | `trace/` | finding structure through `Deserialize` |
//! | `half.rs` | halves of streams |
//! | `named.rs` | what a type parameter stands for, where structure is not known |
//! | `probe.rs` | choosing between the derive and tracing |
//! | `canonical.rs` | one form for equal structures |
//! | `encoded.rs` | its bytes, and reading a peer's under limits |
//! | `compare.rs` | whether two structures fit, and where not |
//! | `method.rs` | [`MethodSchema`] |
//! | `render.rs` | types as people read them |

mod canonical;
mod compare;
pub(crate) mod encoded;
pub(crate) mod half;
mod known;
mod mentioned;
mod method;
mod named;
mod probe;
pub(crate) mod render;
pub(crate) mod shape;
mod trace;
mod types;

#[cfg(test)]
mod tests;

pub use method::{MethodSchema, Opaque};
pub use types::{FieldList, TypeId, Types};

pub(crate) use mentioned::mention;

pub(crate) use known::{REFERENCE, WEAK_REFERENCE, traced_reference};
#[doc(hidden)]
pub use method::{MethodBuilder, cached, cached_for, traced_method};
pub(crate) use method::{known_for, unknown_method};
#[doc(hidden)]
pub use named::instance;
#[doc(hidden)]
pub use probe::{ByDerive, ByNothing, ByTrace, Probe};
pub(crate) use trace::is_tracing;

/// A type whose structure is known exactly. Derive it beside serde's traits: `#[derive(Serialize, Deserialize, netref::Schema)]`.
///
/// The derive reads the same attributes as serde does, so that what it says is what travels. Where an attribute puts code of yours in
/// charge (`with`, `from`, `flatten`, …) the type is opaque from there on, and says so in
/// [`InterfaceDescriptor::opaque`](crate::InterfaceDescriptor::opaque). Types without the derive are traced, which is enough for most: the derive is for
/// types that check their values, and for generic or very large ones.
///
/// ```
/// use netref::schema::describe;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, netref::Schema)]
/// #[serde(rename_all = "camelCase")]
/// struct Order {
///     unit_price: u32,
///     next: Option<Box<Order>>,
/// }
///
/// assert_eq!(describe::<Order>(), "struct Order { unitPrice: u32, next: Option<Order> }");
/// ```
#[diagnostic::on_unimplemented(
    message = "the structure of `{Self}` is not known to netref",
    note = "derive it with `#[derive(netref::Schema)]`"
)]
pub trait Schema: 'static {
    /// Adds the type to `types`.
    fn schema(types: &mut Types) -> TypeId;
}

/// A type with its parts as Rust source, for people.
pub fn describe<T: Schema>() -> String {
    let mut types = Types::default();
    let id = T::schema(&mut types);
    types.describe(id)
}

/// The start of a text, at most `max` bytes of it.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
