//! Owns the way from syn's trees to the model, and the questions about types that can be answered from tokens alone.
//! It judges nothing: `check` does, and only what passed becomes a `Method`.

use proc_macro2::TokenStream;
use syn::{
    FnArg, GenericArgument, ItemTrait, Pat, Path, PathArguments, ReturnType, TraitItem, TraitItemFn, Type, TypeParamBound, parse_quote,
    spanned::Spanned,
};

use crate::{
    attr, check,
    errors::Errors,
    generics,
    model::{Argument, Interface, Method, Output, Passing, Place, Receiver},
    names,
    own::Own,
    plain, text,
};

/// Reads the trait; every mistake goes to `errors`.
pub(crate) fn interface(options: TokenStream, mut item: ItemTrait, errors: &mut Errors) -> Interface {
    let options = attr::of_trait(options, errors);
    let own = Own::of(&item);
    let complete = check::header(&mut item, &own, errors);
    let (supertraits, bases) = supertraits(&mut item, errors);
    item.supertraits = supertraits.iter().cloned().collect();
    generics::bind(&mut item, &own, options.krate.as_ref());
    let (mut types, mut methods, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for member in std::mem::take(&mut item.items) {
        match member {
            TraitItem::Fn(mut function) => match method(&mut function, &own, errors) {
                Some(method) => methods.push(method),
                None => rest.extend(plain::method(function).map(TraitItem::Fn)),
            },
            TraitItem::Type(item) if check::associated_type(&item, &own, errors) => types.push(item),
            other => {
                check::member(&other, errors);
                rest.extend(plain::member(other));
            }
        }
    }
    check::names(&methods, errors);
    Interface {
        name: options.name.unwrap_or_else(|| names::interface(&item.ident)),
        docs: text::docs(&item.attrs),
        krate: options.krate,
        generics: generics::carried(&item, &types, &own),
        supertraits,
        bases,
        types,
        methods,
        rest,
        complete,
        item,
    }
}

/// The type in which an argument arrives, and how the user's method takes it.
pub(crate) fn owned(ty: &Type) -> (Type, Passing) {
    let Type::Reference(reference) = bare(ty) else { return (ty.clone(), Passing::Owned) };
    let span = names::at(reference.span());
    match bare(&reference.elem) {
        Type::Path(path) if path.path.is_ident("str") => (syn::parse_quote_spanned!(span=> ::std::string::String), Passing::Unsized),
        Type::Slice(slice) => {
            let element = &slice.elem;
            (syn::parse_quote_spanned!(span=> ::std::vec::Vec<#element>), Passing::Unsized)
        }
        other => (other.clone(), Passing::Borrowed),
    }
}

/// Whether the type is `Vec<u8>` or `Bytes`, by whatever path.
pub(crate) fn is_bytes(ty: &Type) -> bool {
    let Type::Path(path) = bare(ty) else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    let u8: Type = parse_quote!(u8);
    match &last.arguments {
        PathArguments::None => last.ident == "Bytes",
        PathArguments::AngleBracketed(generics) => {
            last.ident == "Vec"
                && generics.args.len() == 1
                && matches!(generics.args.first(), Some(GenericArgument::Type(element)) if *bare(element) == u8)
        }
        PathArguments::Parenthesized(_) => false,
    }
}

/// The type without parentheses and without the invisible groups that `macro_rules!` leaves around its fragments.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        _ => ty,
    }
}

/// `T` of `Result<T, E>`, whatever the alias is called.
pub(crate) fn first_argument_mut(ty: &mut Type) -> Option<&mut Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(generics) = &mut path.path.segments.last_mut()?.arguments else { return None };
    generics.args.iter_mut().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The supertraits that keep the rules, and those of them that are remote traits: all but `Send`, `Sync`, `Debug` and `'static`.
fn supertraits(item: &mut ItemTrait, errors: &mut Errors) -> (Vec<TypeParamBound>, Vec<Path>) {
    let (mut sound, mut bases) = (Vec::new(), Vec::new());
    for bound in std::mem::take(&mut item.supertraits) {
        let before = errors.count();
        match &bound {
            TypeParamBound::Trait(bound) if check::supertrait(bound, errors) => bases.push(bound.path.clone()),
            TypeParamBound::Trait(_) => {}
            other => check::supertrait_lifetime(other, errors),
        }
        if errors.count() == before {
            sound.push(bound);
        }
    }
    (sound, bases)
}

/// `None` if it breaks a rule.
fn method(function: &mut TraitItemFn, own: &Own, errors: &mut Errors) -> Option<Method> {
    let before = errors.count();
    let options = attr::of_method(&mut function.attrs, errors);
    check::method(function, own, errors);
    if errors.count() > before {
        return None;
    }
    let TraitItemFn { attrs, sig, default, .. } = function.clone();
    let receiver = sig.receiver()?;
    let receiver = Receiver { token: receiver.self_token, exclusive: receiver.mutability.is_some() };
    let arguments = sig.inputs.iter().filter_map(|input| argument(input, own)).collect();
    let ReturnType::Type(_, ty) = &sig.output else { return None };
    let output = output(ty, own);
    Some(Method {
        name: options.name.clone().unwrap_or_else(|| text::name(&sig.ident)),
        docs: text::docs(&attrs),
        receiver,
        arguments,
        output,
        options,
        attrs,
        sig,
        body: default,
    })
}

fn argument(input: &FnArg, own: &Own) -> Option<Argument> {
    let FnArg::Typed(typed) = input else { return None };
    let Pat::Ident(pattern) = &*typed.pat else { return None };
    let (owned, passing) = owned(&typed.ty);
    let owned = own.carried().ty(&owned);
    Some(Argument { name: pattern.ident.clone(), written: (*typed.ty).clone(), bulk: is_bytes(&owned), owned, passing })
}

fn output(ty: &Type, own: &Own) -> Output {
    let whole = Place::of(ty);
    let (mut ok, mut err) = (whole, whole);
    let mut bulk = false;
    if let Type::Path(path) = bare(ty)
        && let Some(last) = path.path.segments.last()
        && let PathArguments::AngleBracketed(generics) = &last.arguments
    {
        let mut types = generics.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        });
        if let Some(value) = types.next() {
            ok = Place::of(value);
            // An alias of another name may put its parameter anywhere.
            bulk = is_bytes(value) && last.ident == "Result";
        }
        if let Some(error) = types.next() {
            err = Place::of(error);
        }
    }
    Output { ty: ty.clone(), carried: own.carried().ty(ty), whole, ok, err, bulk }
}
