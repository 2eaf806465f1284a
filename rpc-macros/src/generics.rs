//! Owns the parameters of a trait: what their types have to be able to do, and the list that every generated item repeats.
//! It judges nothing: `check` does.
//!
//! | a parameter or associated type | has to be |
//! | --- | --- |
//! | that stands in a method or a supertrait | `netref::Value` |
//! | that is the error of a method | a remote error, which is a `netref::Value` too |
//! | that is borrowed, alone or inside a borrowed argument | `Clone` besides |
//! | that is `?Sized`, such as the `T` of a `Remote<T>`, or stands nowhere | `Send + Sync + 'static` |
//!
//! The bounds go to the user's trait, where its implementations and its users see them, and from there to everything else.

use proc_macro2::{Ident, Span};
use syn::{
    GenericArgument, GenericParam, Generics, ItemTrait, Path, PathArguments, ReturnType, Signature, Token, TraitItem, TraitItemType, Type,
    TypeParam, TypeParamBound, TypeTraitObject, WherePredicate, parse_quote, parse_quote_spanned, punctuated::Punctuated, visit::Visit,
    visit_mut::VisitMut,
};

use crate::{
    names,
    own::{Own, Projected},
    parse,
};

/// Adds to the trait what its parameters and associated types have to be able to do.
pub(crate) fn bind(item: &mut ItemTrait, own: &Own, krate: Option<&Path>) {
    let uses = Uses::of(item, own);
    let Generics { params, where_clause, .. } = &mut item.generics;
    for param in params {
        if let GenericParam::Type(TypeParam { ident, bounds, .. }) = param {
            // Where the user has bounded it already: in two places they would read as if one had been forgotten.
            let predicates = where_clause.iter_mut().flat_map(|clause| &mut clause.predicates);
            let bounds = predicates.filter_map(|predicate| bounds_of(predicate, ident)).next().unwrap_or(bounds);
            add(bounds, uses.get(ident), krate, ident.span());
        }
    }
    for member in &mut item.items {
        if let TraitItem::Type(TraitItemType { ident, bounds, colon_token, .. }) = member {
            add(bounds, uses.get(ident), krate, ident.span());
            colon_token.get_or_insert(Token![:](ident.span()));
        }
    }
}

/// The parameters as generated items have them: without defaults, and with one more for each associated type.
pub(crate) fn carried(item: &ItemTrait, types: &[TraitItemType], own: &Own) -> Generics {
    let mut generics = item.generics.clone();
    for param in &mut generics.params {
        match param {
            GenericParam::Type(param) => (param.eq_token, param.default) = (None, None),
            GenericParam::Const(param) => (param.eq_token, param.default) = (None, None),
            GenericParam::Lifetime(_) => {}
        }
    }
    for TraitItemType { ident, bounds, .. } in types {
        let name = names::associated(ident);
        generics.params.push(parse_quote!(#name: #bounds));
    }
    generics.params.pop_punct();
    own.carried().visit_generics_mut(&mut generics);
    generics
}

/// The bounds of a predicate of the `where` clause, if it is about this parameter.
fn bounds_of<'a>(predicate: &'a mut WherePredicate, param: &Ident) -> Option<&'a mut Punctuated<TypeParamBound, Token![+]>> {
    match predicate {
        WherePredicate::Type(predicate) if matches!(&predicate.bounded_ty, Type::Path(path) if path.path.is_ident(param)) => {
            Some(&mut predicate.bounds)
        }
        _ => None,
    }
}

fn is_relaxed(bounds: &Punctuated<TypeParamBound, Token![+]>) -> bool {
    bounds.iter().any(|bound| matches!(bound, TypeParamBound::Trait(bound) if matches!(bound.modifier, syn::TraitBoundModifier::Maybe(_))))
}

fn add(bounds: &mut Punctuated<TypeParamBound, Token![+]>, used: Use, krate: Option<&Path>, span: Span) {
    let span = names::at(span);
    let public = names::public(krate, span);
    let used = if is_relaxed(bounds) { Use::default() } else { used };
    let more: Punctuated<TypeParamBound, Token![+]> = if used.error {
        parse_quote_spanned!(span=> #public::__private::RemoteError)
    } else if used.value {
        parse_quote_spanned!(span=> #public::Value)
    } else {
        parse_quote_spanned!(span=> ::core::marker::Send + ::core::marker::Sync + 'static)
    };
    bounds.extend(more);
    if used.cloned {
        bounds.push(parse_quote_spanned!(span=> ::core::clone::Clone));
    }
}

/// What happens to a parameter in the methods.
#[derive(Clone, Copy, Default)]
struct Use {
    value: bool,
    cloned: bool,
    error: bool,
}

/// What happens to each of them.
struct Uses<'a> {
    own: &'a Own,
    known: Vec<(Ident, Use)>,
}

impl<'a> Uses<'a> {
    fn of(item: &ItemTrait, own: &'a Own) -> Self {
        let params = item.generics.type_params().map(|param| param.ident.clone());
        let types = item.items.iter().filter_map(|member| match member {
            TraitItem::Type(item) => Some(item.ident.clone()),
            _ => None,
        });
        let mut uses = Self { own, known: params.chain(types).map(|ident| (ident, Use::default())).collect() };
        for bound in &item.supertraits {
            Mentions { uses: &mut uses, borrowed: false }.visit_type_param_bound(bound);
        }
        for member in &item.items {
            if let TraitItem::Fn(function) = member {
                uses.method(&function.sig);
            }
        }
        uses
    }

    fn get(&self, ident: &Ident) -> Use {
        self.known.iter().find(|(known, _)| known == ident).map(|(_, used)| *used).unwrap_or_default()
    }

    fn method(&mut self, sig: &Signature) {
        for input in &sig.inputs {
            if let syn::FnArg::Typed(typed) = input {
                let borrowed = matches!(parse::bare(&typed.ty), Type::Reference(_));
                Mentions { uses: self, borrowed }.visit_type(&typed.ty);
            }
        }
        let ReturnType::Type(_, ty) = &sig.output else { return };
        Mentions { uses: self, borrowed: false }.visit_type(ty);
        if let Some(Type::Path(error)) = error_of(ty).map(parse::bare)
            && let Some(used) = self.named(error)
        {
            used.error = true;
        }
    }

    /// The parameter or associated type that this very type is.
    fn named(&mut self, ty: &syn::TypePath) -> Option<&mut Use> {
        let ident = match self.own.projected(ty) {
            Some(Projected::Own(name)) => name,
            Some(Projected::Foreign(_)) => return None,
            // `K` alone, and `K` of `K::Item`.
            None => &ty.path.segments.first()?.ident,
        };
        self.known.iter_mut().find(|(known, _)| known == ident).map(|(_, used)| used)
    }
}

/// `E` of `Result<T, E>`, as long as that is what it is called.
fn error_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = parse::bare(ty) else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    let mut types = generics.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    if last.ident == "Result" { types.nth(1) } else { None }
}

struct Mentions<'a, 'b> {
    uses: &'a mut Uses<'b>,
    borrowed: bool,
}

impl<'ast> Visit<'ast> for Mentions<'_, '_> {
    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        let borrowed = self.borrowed;
        if let Some(used) = self.uses.named(path) {
            used.value = true;
            used.cloned |= borrowed;
        }
        syn::visit::visit_type_path(self, path);
    }

    /// A reference is cloned without cloning what its interface speaks of.
    fn visit_type_trait_object(&mut self, object: &'ast TypeTraitObject) {
        let mut inside = Mentions { uses: &mut *self.uses, borrowed: false };
        syn::visit::visit_type_trait_object(&mut inside, object);
    }
}
