//! Owns hygiene: the path to netref, the names that generated items get, and the spans that generated tokens carry.
//! Users may shadow `Ok`, `Result` or `String` and call a method `new` or `drop`, so nothing generated relies on a prelude or on method syntax.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Path, ext::IdentExt};

/// The start of every name we put into a scope that users' tokens share; methods may not begin with it.
pub(crate) const RESERVED: &str = "__netref";

/// A span that points at the user's tokens and yet is marked as generated, so that lints meant for hand-written code stay quiet.
///
/// Local variables with this span cannot meet the user's: `mixed_site` resolves them apart.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// `__BankErased`, the object-safe twin of the trait.
pub(crate) fn erased(interface: &Ident) -> Ident {
    format_ident!("__{}Erased", interface.unraw(), span = at(interface.span()))
}

/// `__BankMethod`, the type that stands for a method wherever only its argument and result types matter.
pub(crate) fn method(interface: &Ident) -> Ident {
    format_ident!("__{}Method", interface.unraw(), span = at(interface.span()))
}

/// `__Item`, the parameter that stands for an associated type where there is no `Self`.
pub(crate) fn associated(ident: &Ident) -> Ident {
    format_ident!("__{}", ident.unraw(), span = at(ident.span()))
}

/// The hidden function that enters an object and runs one method on it.
pub(crate) fn body(method: &Ident) -> Ident {
    format_ident!("{}_run_{}", RESERVED, method.unraw(), span = at(method.span()))
}

/// The hidden method that leads to the object as its base number `index`.
pub(crate) fn base(index: usize) -> Ident {
    format_ident!("{}_base_{}", RESERVED, index, span = Span::mixed_site())
}

/// The path to netref, `::netref` unless `#[remote(crate = "…")]` says where it is, as if written at `span`.
pub(crate) fn public(krate: Option<&Path>, span: Span) -> TokenStream {
    match krate {
        // Each token keeps the scope in which the user wrote it and only moves.
        Some(path) => path.to_token_stream().into_iter().map(|token| moved(token, span)).collect(),
        None => quote_spanned!(at(span)=> ::netref),
    }
}

fn moved(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(token.span().located_at(span));
    token
}

/// `bank::Account`: the name under which the trait is known on the wire when `#[remote(name = "…")]` gives none.
pub(crate) fn interface(ident: &Ident) -> String {
    let krate = std::env::var("CARGO_CRATE_NAME")
        .or_else(|_| std::env::var("CARGO_PKG_NAME").map(|name| name.replace('-', "_")))
        .unwrap_or_else(|_| "crate".to_owned());
    format!("{krate}::{}", ident.unraw())
}
