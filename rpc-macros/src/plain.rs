//! Owns the plain form of what broke a rule: it lets the rest of the user's program compile, so that a mistake is reported where it was
//! made and not at every use of the trait. It judges nothing.

use syn::{ReturnType, TraitItem, TraitItemFn, Type, TypeImplTrait, TypeTraitObject, parse_quote, visit::Visit};

/// What a broken method looks like to the rest of the program: callable by its name, and with a default, so that nobody has to provide it.
pub(crate) fn method(mut function: TraitItemFn) -> Option<TraitItemFn> {
    let sig = &mut function.sig;
    if !is_nameable(&sig.output, sig.asyncness.is_some()) {
        return None;
    }
    sig.constness = None;
    sig.variadic = None;
    let asynchronous = sig.asyncness.take().is_some();
    if asynchronous {
        let output = match &sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        sig.output = parse_quote!(-> impl ::core::future::Future<Output = #output>);
    }
    sig.generics.make_where_clause().predicates.push(parse_quote!(Self: ::core::marker::Sized));
    let future = matches!(&sig.output, ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)));
    function.default = Some(match function.default.take() {
        Some(body) if asynchronous => parse_quote!({ async move #body }),
        Some(body) => body,
        None if future => parse_quote!({ async move { ::core::unreachable!() } }),
        None => parse_quote!({ ::core::unreachable!() }),
    });
    function.semi_token = None;
    function.attrs.push(parse_quote!(#[allow(unused_variables, unused_mut, clippy::all)]));
    Some(function)
}

/// Whether a trait can have a method that returns this at all, with a body that returns nothing.
fn is_nameable(output: &ReturnType, asynchronous: bool) -> bool {
    struct Unnameable(bool);
    impl Visit<'_> for Unnameable {
        fn visit_type_impl_trait(&mut self, _: &TypeImplTrait) {
            self.0 = true;
        }
        fn visit_type_trait_object(&mut self, _: &TypeTraitObject) {
            self.0 = true;
        }
    }
    let ReturnType::Type(_, ty) = output else { return true };
    if !asynchronous && matches!(**ty, Type::ImplTrait(_)) {
        return true;
    }
    let mut unnameable = Unnameable(false);
    unnameable.visit_type(ty);
    !unnameable.0
}

/// The same for an item that is not a method; constants forbid `dyn Trait` and have no plain form.
pub(crate) fn member(item: TraitItem) -> Option<TraitItem> {
    match item {
        TraitItem::Type(mut item) => {
            item.generics.make_where_clause().predicates.push(parse_quote!(Self: ::core::marker::Sized));
            item.default = None;
            item.bounds.clear();
            Some(TraitItem::Type(item))
        }
        _ => None,
    }
}
