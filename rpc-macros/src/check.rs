//! Owns the rules about the shape of a remote trait and of its methods, one function for each part; those about types are in `types`.
//! It builds nothing. A message says what is wrong at the user's token, then what to write instead.

use std::collections::HashMap;

use syn::{
    Attribute, FnArg, GenericParam, ItemTrait, Pat, Path, PathArguments, Receiver, Signature, TraitBound, TraitBoundModifier, TraitItem,
    TraitItemFn, TypeParamBound, ext::IdentExt,
};

use crate::{errors::Errors, model::Method, names, types};

/// The rules about the trait itself; whether `dyn Trait` can be made from it.
pub(crate) fn header(item: &ItemTrait, errors: &mut Errors) -> bool {
    if let Some(token) = &item.unsafety {
        errors.at(token, "a remote trait cannot be `unsafe`: nobody can vouch for an object in another process, remove `unsafe`");
    }
    if let Some(token) = &item.auto_token {
        errors.at(token, "a remote trait cannot be an `auto` trait: remove `auto`");
    }
    for param in &item.generics.params {
        match param {
            GenericParam::Type(param) => errors.at(
                param,
                format!(
                    "a remote trait cannot have type parameters yet: write one trait for each type, or an enum in place of `{}`",
                    param.ident
                ),
            ),
            GenericParam::Lifetime(param) => errors.at(
                param,
                "a remote trait cannot have lifetimes: an object outlives every borrow of its caller, remove it and take owned values",
            ),
            GenericParam::Const(param) => errors.at(param, "a remote trait cannot have const parameters: pass the number as an argument"),
        }
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.at(clause, "a remote trait cannot have a `where` clause: write its bounds as supertraits, `trait T: Base + Debug`");
    }
    if RESERVED_TRAITS.iter().any(|name| item.ident == name) {
        errors.at(
            &item.ident,
            format!(
                "a remote trait cannot be called `{}`, which is taken for the standard one among supertraits: choose another name",
                item.ident
            ),
        );
    }
    item.generics.params.is_empty() && item.generics.where_clause.is_none()
}

/// Whether a supertrait is to be taken for a remote trait.
pub(crate) fn supertrait(bound: &TraitBound, errors: &mut Errors) -> bool {
    if let TraitBoundModifier::Maybe(_) = bound.modifier {
        errors.at(bound, "a remote trait needs no `?Sized`: remove it");
        return false;
    }
    if bound.lifetimes.is_some() {
        errors.at(bound, "a supertrait of a remote trait cannot be `for<…>` any lifetime: name a remote trait, `Send`, `Sync` or `Debug`");
        return false;
    }
    let Some(last) = bound.path.segments.last() else { return false };
    if is_standard(bound) {
        return false;
    }
    if !matches!(last.arguments, PathArguments::None) {
        errors.at(
            bound,
            "a supertrait with type parameters is not supported yet: name a remote trait without any, `Send`, `Sync` or `Debug`",
        );
        return false;
    }
    if last.ident == "Sized" {
        errors.at(bound, "a remote trait cannot be `Sized`, it is used as `dyn Trait`: remove it");
        return false;
    }
    if is_unfit(&bound.path) {
        errors.at(
            bound,
            format!("`{}` cannot be a supertrait of a remote trait, a reference has no such thing: name a remote trait, `Send`, `Sync` or `Debug`", last.ident),
        );
        return false;
    }
    true
}

/// The rule about supertraits that are not traits.
pub(crate) fn supertrait_lifetime(bound: &TypeParamBound, errors: &mut Errors) {
    match bound {
        TypeParamBound::Lifetime(lifetime) if lifetime.ident == "static" => {}
        TypeParamBound::Lifetime(lifetime) => {
            errors.at(lifetime, "a hosted object is always `'static`: remove the lifetime");
        }
        other => errors.at(other, "not a supertrait of a remote trait: name a remote trait, `Send`, `Sync` or `Debug`"),
    }
}

/// The rule about items that are not methods.
pub(crate) fn member(item: &TraitItem, errors: &mut Errors) {
    match item {
        TraitItem::Const(item) => errors.at(
            item,
            format!("a remote trait cannot have constants, a reference could not know them: write a method, `async fn {}(&self) -> Result<…, …>`", item.ident.unraw().to_string().to_lowercase()),
        ),
        TraitItem::Type(item) => errors.at(item, "a remote trait cannot have associated types yet: name the type in the methods"),
        TraitItem::Macro(item) => errors.at(item, "a macro among the items of a remote trait is not expanded: write the methods out"),
        other => errors.at(other, "only methods can stand in a remote trait: write `async fn name(&self) -> Result<…, …>`"),
    }
}

/// The rules about one method.
pub(crate) fn method(function: &TraitItemFn, errors: &mut Errors) {
    let sig = &function.sig;
    qualifiers(sig, errors);
    attributes(&function.attrs, errors);
    if sig.ident.unraw().to_string().starts_with(names::RESERVED) {
        errors.at(&sig.ident, "names that begin with `__netref` are kept for generated code: choose another name");
    }
    generics(sig, errors);
    match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => self::receiver(receiver, errors),
        _ => errors.at(&sig.ident, format!("a remote method needs an object to be called on: write `async fn {}(&self, …)`", sig.ident)),
    }
    arguments(function, errors);
    types::result(sig, errors);
}

/// The rule that no two methods share a name on the wire.
pub(crate) fn names(methods: &[Method], errors: &mut Errors) {
    let mut seen = HashMap::new();
    for method in methods {
        if let Some(first) = seen.insert(method.name.clone(), &method.sig.ident) {
            errors.at(
                &method.sig.ident,
                format!(
                    "`{}` and `{first}` have the same remote name `{}`: give one of them another with `#[remote(name = \"…\")]`",
                    method.sig.ident, method.name
                ),
            );
        }
    }
}
/// By its bare name, or by a path into the crates that everyone knows.
fn is_unfit(path: &Path) -> bool {
    let known = path.segments.len() == 1
        || path.segments.first().is_some_and(|root| ["std", "core", "serde"].iter().any(|name| root.ident == name));
    known && path.segments.last().is_some_and(|last| UNFIT.iter().any(|name| last.ident == name))
}

fn is_standard(bound: &TraitBound) -> bool {
    let path: Vec<String> = bound.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path[..],
        ["Send" | "Sync" | "Debug"]
            | ["marker", "Send" | "Sync"]
            | ["std" | "core", "marker", "Send" | "Sync"]
            | ["fmt", "Debug"]
            | ["std" | "core", "fmt", "Debug"]
    )
}

fn qualifiers(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() {
        errors.at(sig.fn_token, format!("a remote method is `async`, the object may be far away: write `async fn {}`", sig.ident));
    }
    if let Some(token) = &sig.constness {
        errors.at(token, "a remote method cannot be `const`: remove `const`");
    }
    if let Some(token) = &sig.unsafety {
        errors.at(token, "a remote method cannot be `unsafe`, its caller cannot keep promises in another process: remove `unsafe`");
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi, "a remote method has no ABI of its own: remove `extern`");
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic, "a remote method cannot be variadic: take a `Vec`");
    }
}

fn attributes(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            errors.at(
                attr,
                "conditional methods are not supported, the two sides could not agree on them: put the attribute on the whole trait",
            );
        }
    }
}

fn generics(sig: &Signature, errors: &mut Errors) {
    for param in &sig.generics.params {
        match param {
            GenericParam::Type(param) => errors.at(
                param,
                "a remote method cannot be generic, the other side has to know the type beforehand: name a concrete type, or an enum of those that can come",
            ),
            GenericParam::Const(param) => errors.at(param, "a remote method cannot have const parameters: pass the number as an argument"),
            GenericParam::Lifetime(param) if !param.bounds.is_empty() => {
                errors.at(param, "lifetimes do not travel, so their bounds mean nothing: write `&str` or `&T` without a lifetime");
            }
            GenericParam::Lifetime(_) => {}
        }
    }
    if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, "a remote method cannot have a `where` clause: remove it (`Self: Sized` and `Send` are implied)");
    }
}

fn receiver(receiver: &Receiver, errors: &mut Errors) {
    if receiver.colon_token.is_some() {
        errors.at(receiver, "a remote method takes its object as `&self` or `&mut self`: write one of them without a type");
    } else if receiver.reference.is_none() {
        errors.at(receiver, "an object cannot be moved out of its process: write `&self`, or `&mut self` to have it alone");
    }
    for attr in &receiver.attrs {
        errors.at(attr, "attributes on arguments are not supported: put it on the method");
    }
}

fn arguments(function: &TraitItemFn, errors: &mut Errors) {
    let typed: Vec<_> = function
        .sig
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        })
        .collect();
    if let Some(one_too_many) = typed.get(ARGUMENTS_MAX) {
        errors.at(one_too_many, format!("a remote method takes at most {ARGUMENTS_MAX} arguments: put some of them into a struct"));
    }
    for argument in typed {
        for attr in &argument.attrs {
            errors.at(attr, "attributes on arguments are not supported: put it on the method");
        }
        pattern(&argument.pat, function.default.is_some(), errors);
        types::argument(&argument.ty, errors);
    }
}

fn pattern(pattern: &Pat, has_body: bool, errors: &mut Errors) {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            if let (Some(token), false) = (&name.mutability, has_body) {
                errors.at(token, format!("`mut` says nothing in a method without a body: write `{}`", name.ident));
            }
            if name.ident.unraw().to_string().starts_with(names::RESERVED) {
                errors.at(&name.ident, "names that begin with `__netref` are kept for generated code: choose another name");
            }
        }
        Pat::Wild(_) => {
            errors.at(pattern, "an argument of a remote method needs a name, it is shown to callers: write for example `_reserved`")
        }
        _ => errors.at(pattern, "an argument of a remote method is a plain name: take it apart inside the method"),
    }
}
/// serde implements its traits for tuples of up to so many, and the arguments of a call are one tuple.
const ARGUMENTS_MAX: usize = 16;

/// Names that stand for the standard traits in a list of supertraits.
const RESERVED_TRAITS: [&str; 3] = ["Send", "Sync", "Debug"];

/// Standard traits that people try as supertraits and that a reference cannot offer, or not for every interface.
const UNFIT: [&str; 20] = [
    "Clone",
    "Copy",
    "Default",
    "PartialEq",
    "Eq",
    "PartialOrd",
    "Ord",
    "Hash",
    "Display",
    "Drop",
    "Any",
    "Unpin",
    "Error",
    "Future",
    "Iterator",
    "Serialize",
    "Deserialize",
    "DeserializeOwned",
    "UnwindSafe",
    "RefUnwindSafe",
];
