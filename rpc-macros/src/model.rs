//! Owns what the expansion is made from: an interface whose every rule has been checked.
//! It knows nothing of attributes or of mistakes; `parse` builds it and `expand` only reads it.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{Attribute, Block, Generics, ItemTrait, Path, Signature, Token, TraitItem, TraitItemType, Type, TypeParamBound};

/// A trait under `#[remote]`.
pub(crate) struct Interface {
    /// The user's trait, without our attributes and with its supertraits and methods moved to the fields below.
    pub(crate) item: ItemTrait,
    /// The name on the wire.
    pub(crate) name: String,
    /// The doc comment.
    pub(crate) docs: String,
    /// Where netref is, when `#[remote(crate = "…")]` says so.
    pub(crate) krate: Option<Path>,
    /// The user's supertraits.
    pub(crate) supertraits: Vec<TypeParamBound>,
    /// The supertraits that are remote traits, in order.
    pub(crate) bases: Vec<Path>,
    /// The associated types, with the bounds that let them travel.
    pub(crate) types: Vec<TraitItemType>,
    /// The parameters that generated items have: the trait's own, and one for each associated type.
    pub(crate) generics: Generics,
    /// The methods that keep every rule: their numbers are their places here.
    pub(crate) methods: Vec<Method>,
    /// Items that broke a rule, in the plain form that lets the rest of the user's code compile.
    pub(crate) rest: Vec<TraitItem>,
    /// Whether `dyn Trait` can be made from it at all; from a trait with lifetimes it cannot.
    pub(crate) complete: bool,
}

/// A method that keeps every rule.
pub(crate) struct Method {
    /// The user's attributes, without ours.
    pub(crate) attrs: Vec<Attribute>,
    /// The user's signature, `async` included.
    pub(crate) sig: Signature,
    /// The default body.
    pub(crate) body: Option<Block>,
    /// The name on the wire.
    pub(crate) name: String,
    /// The doc comment.
    pub(crate) docs: String,
    /// How the method takes its object.
    pub(crate) receiver: Receiver,
    /// The arguments after the receiver.
    pub(crate) arguments: Vec<Argument>,
    /// What it returns.
    pub(crate) output: Output,
    /// The flags of `#[idempotent]` and `#[remote(…)]`.
    pub(crate) options: Options,
}

/// `&self` or `&mut self`.
#[derive(Clone, Copy)]
pub(crate) struct Receiver {
    /// The user's `self`: keywords are resolved with the hygiene of their tokens.
    pub(crate) token: Token![self],
    /// Whether the method has the object to itself.
    pub(crate) exclusive: bool,
}

/// One argument.
pub(crate) struct Argument {
    /// Its name.
    pub(crate) name: Ident,
    /// Its type as the user wrote it.
    pub(crate) written: Type,
    /// Its type once it has arrived, in terms of the carried parameters.
    pub(crate) owned: Type,
    /// Whether and how it is borrowed.
    pub(crate) passing: Passing,
    /// Whether it is a run of bytes, which travels beside the payload.
    pub(crate) bulk: bool,
}

/// How the user's method takes an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// By value.
    Owned,
    /// As `&str` or a slice: owned by `ToOwned`.
    Unsized,
    /// As `&T`: owned by `Clone`.
    Borrowed,
}

/// The result type.
pub(crate) struct Output {
    /// All of it, as the user wrote it.
    pub(crate) ty: Type,
    /// The same in terms of the carried parameters.
    pub(crate) carried: Type,
    /// Where it stands.
    pub(crate) whole: Place,
    /// Where the value's type stands.
    pub(crate) ok: Place,
    /// Where the error's type stands.
    pub(crate) err: Place,
    /// Whether the value is a run of bytes.
    pub(crate) bulk: bool,
}

/// From the first to the last token of something: stable Rust cannot join the two spans, but the compiler does when it reads them.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The first token.
    pub(crate) start: Span,
    /// The last token.
    pub(crate) end: Span,
}

impl Place {
    /// Where these tokens stand.
    pub(crate) fn of(tokens: impl ToTokens) -> Self {
        let mut spans = tokens.into_token_stream().into_iter().map(|token| token.span());
        let start = spans.next().unwrap_or_else(Span::call_site);
        Self { start, end: spans.last().unwrap_or(start) }
    }
}

/// What the attributes on a method say.
#[derive(Default)]
pub(crate) struct Options {
    /// The name on the wire, when it is not the method's own.
    pub(crate) name: Option<String>,
    /// Running it twice does no harm.
    pub(crate) idempotent: bool,
    /// Not polled on the reader.
    pub(crate) spawn: bool,
    /// Run on the blocking pool.
    pub(crate) blocking: bool,
    /// Runs to its end even when the caller has gone.
    pub(crate) no_cancel: bool,
}
