//! Owns the rules about the shape of a remote trait and of its methods, one function for each part; those about types are in `types`.
//! It builds nothing. A message says what is wrong at the user's token, then what to write instead.

use std::collections::HashMap;

use syn::{
    Attribute, FnArg, GenericParam, ItemTrait, Pat, Path, Receiver, Signature, TraitBound, TraitBoundModifier, TraitItem, TraitItemFn,
    TraitItemType, Type, TypeParamBound, WherePredicate, ext::IdentExt, visit::Visit,
};

use crate::{errors::Errors, model::Method, names, own::Own, types};

/// The rules about the trait itself; whether `dyn Trait` can be made from it.
pub(crate) fn header(item: &mut ItemTrait, own: &Own, errors: &mut Errors) -> bool {
    if let Some(token) = &item.unsafety {
        errors.at(token, "a remote trait cannot be `unsafe`: nobody can vouch for an object in another process, remove `unsafe`");
    }
    if let Some(token) = &item.auto_token {
        errors.at(token, "a remote trait cannot be an `auto` trait: remove `auto`");
    }
    for param in item.generics.lifetimes() {
        errors.at(
            param,
            "a remote trait cannot have lifetimes: an object outlives every borrow of its caller, remove it and take owned values",
        );
    }
    where_clause(item, own, errors);
    if RESERVED_TRAITS.iter().any(|name| item.ident == name) {
        errors.at(
            &item.ident,
            format!(
                "a remote trait cannot be called `{}`, which is taken for the standard one among supertraits: choose another name",
                item.ident
            ),
        );
    }
    item.generics.lifetimes().next().is_none()
}

/// The rules about the `where` clause of the trait. What breaks them is taken out, so that it is told once.
fn where_clause(item: &mut ItemTrait, own: &Own, errors: &mut Errors) {
    let Some(clause) = &mut item.generics.where_clause else { return };
    let kept = std::mem::take(&mut clause.predicates).into_iter().filter(|predicate| {
        let before = errors.count();
        match predicate {
            WherePredicate::Type(predicate) if is_self(&predicate.bounded_ty) => {
                let bounds = types::text(&predicate.bounds);
                errors.at(predicate, format!("a bound on `Self` is a supertrait: write `trait {}: {bounds}`", item.ident));
            }
            WherePredicate::Type(predicate) => types::without_self(Some(own), errors, |inside| inside.visit_predicate_type(predicate)),
            _ => {}
        }
        errors.count() == before
    });
    clause.predicates = kept.collect();
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
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
    let before = errors.count();
    types::without_self(None, errors, |inside| inside.visit_path(&bound.path));
    errors.count() == before
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
        // Told by `associated_type`.
        TraitItem::Type(_) => {}
        TraitItem::Macro(item) => errors.at(item, "a macro among the items of a remote trait is not expanded: write the methods out"),
        other => errors.at(other, "only methods can stand in a remote trait: write `async fn name(&self) -> Result<…, …>`"),
    }
}

/// The rules about an associated type, which becomes a parameter of everything that is generated.
pub(crate) fn associated_type(item: &TraitItemType, own: &Own, errors: &mut Errors) -> bool {
    let before = errors.count();
    if !item.generics.params.is_empty() {
        errors.at(
            &item.generics,
            format!("an associated type of a remote trait has no parameters, `dyn Trait<{} = …>` could not name it: make it a parameter of the trait, or name the type", item.ident),
        );
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.at(clause, format!("an associated type of a remote trait has no `where` clause: write `type {}: Bound;`", item.ident));
    }
    if let Some((_, default)) = &item.default {
        errors.at(default, "an associated type has no default: remove it, each implementation names its type");
    }
    for attr in &item.attrs {
        conditional(attr, errors);
    }
    for bound in &item.bounds {
        types::without_self(Some(own), errors, |inside| inside.visit_type_param_bound(bound));
    }
    errors.count() == before
}

/// The rules about one method.
pub(crate) fn method(function: &TraitItemFn, own: &Own, errors: &mut Errors) {
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
    arguments(function, own, errors);
    types::result(sig, own, errors);
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
        conditional(attr, errors);
    }
}

fn conditional(attr: &Attribute, errors: &mut Errors) {
    if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
        errors.at(
            attr,
            "conditional methods and types are not supported, the two sides could not agree on them: put the attribute on the whole trait",
        );
    }
}

fn generics(sig: &Signature, errors: &mut Errors) {
    for param in &sig.generics.params {
        match param {
            GenericParam::Type(param) => errors.at(
                param,
                "a remote method cannot be generic, the other side has to know the type beforehand: name a concrete type, an enum of those that can come, or make it a parameter of the trait",
            ),
            GenericParam::Const(param) => errors.at(param, "a remote method cannot have const parameters: pass the number as an argument, or make it a parameter of the trait"),
            GenericParam::Lifetime(_) => {}
        }
    }
    // Lifetimes may be bounded: the borrows are the caller's own affair and end before anything is sent.
    for predicate in sig.generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if !matches!(predicate, WherePredicate::Lifetime(_)) {
            errors.at(
                predicate,
                "a remote method cannot have bounds in a `where` clause: remove it (`Self: Sized` and `Send` are implied), or bound the trait's own parameters at the trait",
            );
        }
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

fn arguments(function: &TraitItemFn, own: &Own, errors: &mut Errors) {
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
        types::argument(&argument.ty, own, errors);
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
const UNFIT: [&str; 31] = [
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
    "AsRef",
    "AsMut",
    "Borrow",
    "Deref",
    "From",
    "Into",
    "TryFrom",
    "TryInto",
    "Fn",
    "FnMut",
    "FnOnce",
];
