//! Owns the caller's side: the trait for `Remote<T>`, for every `T` that is this interface or has it as a base.
//! It knows nothing of sessions: a method asks the runtime which way the object lies and goes there.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, Pat, TraitItem, TraitItemType};

use super::Context;
use crate::{
    model::{Argument, Method, Passing},
    names,
};

/// The trait for `Remote<T>`.
pub(crate) fn expand(context: &Context<'_>) -> TokenStream {
    let Context { erased, interface, .. } = context;
    let (public, private) = (context.public(erased.span()), context.private(erased.span()));
    let methods = interface.methods.iter().zip(0u32..).map(|(method, number)| self::method(context, method, number));
    let names = &context.names;
    let (plain, dynamic, parameters, bounds) = (&names.plain, &names.dynamic, &names.parameters, &names.bounds);
    let types = interface.types.iter().map(associated);
    let fillers = interface.rest.iter().filter_map(filler);
    quote_spanned! {erased.span()=>
        #[allow(refining_impl_trait)]
        #[diagnostic::do_not_recommend]
        impl<__Interface: ?::core::marker::Sized + #private::Interface + #dynamic, #parameters> #plain for #public::Remote<__Interface>
        #bounds
        {
            #(#types)*
            #(#methods)*
            #(#fillers)*
        }
        #[diagnostic::do_not_recommend]
        impl<'x, __Interface: ?::core::marker::Sized + #private::Interface + #dynamic, #parameters> #private::Supertrait<__Interface>
            for dyn #dynamic + 'x
        #bounds
        {
        }
    }
}

/// What it is for the interface, it is for a reference to it.
fn associated(item: &TraitItemType) -> TokenStream {
    let (ident, parameter) = (&item.ident, names::associated(&item.ident));
    quote!(type #ident = #parameter;)
}

/// An associated type that is still here is a mistake that has been told; that `Remote<T>` has none would be a second one.
fn filler(item: &TraitItem) -> Option<TokenStream> {
    match item {
        TraitItem::Type(item) => {
            let (ident, generics) = (&item.ident, &item.generics.params);
            Some(quote!(type #ident<#generics> = ();))
        }
        _ => None,
    }
}

fn method(context: &Context<'_>, method: &Method, number: u32) -> TokenStream {
    let (erased, dynamic) = (context.erased_type(), &context.names.dynamic);
    let ident = &method.sig.ident;
    let span = names::at(ident.span());
    let private = context.private(span);
    let descriptor = context.descriptor(ident.span());
    let this = method.receiver.token;
    let (ok, err) = (context.ok(&method.output), context.err(&method.output));
    let promises = context.method(number, ident.span());
    let owned = method.arguments.iter().map(owned);
    let encoded = method.arguments.iter().enumerate().map(|(index, argument)| encoded(context, &promises, index, argument));
    let mut sig = plain(method);
    let result = method.output.whole;
    let (public, call_type) = (context.public(result.start), Ident::new("Call", names::at(result.start)));
    let end = syn::Token![>](names::at(result.end));
    sig.output = syn::parse_quote_spanned!(names::at(result.start)=> -> #public::#call_type<#ok, #err #end);
    quote_spanned! {span=>
        #sig {
            match #private::route::<__Interface, dyn #dynamic>(#this) {
                #private::Route::Local(object) => #private::call_here::<#promises>(
                    #descriptor,
                    #number,
                    <dyn #erased as #erased>::#ident(object #(, #owned)*),
                ),
                #private::Route::Wire(wire) => #private::call_there::<#promises, _>(
                    wire,
                    #descriptor,
                    #number,
                    (#(#encoded,)*),
                ),
            }
        }
    }
}

/// The user's signature without what only a default body needs.
fn plain(method: &Method) -> syn::Signature {
    let mut sig = method.sig.clone();
    sig.asyncness = None;
    for input in &mut sig.inputs {
        if let FnArg::Typed(typed) = input
            && let Pat::Ident(pattern) = &mut *typed.pat
        {
            pattern.mutability = None;
        }
    }
    sig
}

/// The argument for an object in this process: a call borrows nothing, so a borrow is copied.
fn owned(argument: &Argument) -> TokenStream {
    let Argument { name, owned, .. } = argument;
    let span = names::at(name.span());
    match argument.passing {
        Passing::Owned => quote!(#name),
        Passing::Unsized => quote_spanned!(span=> ::std::borrow::ToOwned::to_owned(#name)),
        Passing::Borrowed => quote_spanned!(span=> <#owned as ::core::clone::Clone>::clone(#name)),
    }
}

/// The argument for an object elsewhere: encoded from the borrow, or laid beside the payload.
fn encoded(context: &Context<'_>, promises: &TokenStream, index: usize, argument: &Argument) -> TokenStream {
    let name = &argument.name;
    let span = names::at(name.span());
    let private = context.private(span);
    match (argument.bulk, argument.passing) {
        (true, _) => quote_spanned!(span=> #private::bulk(#name)),
        (false, Passing::Unsized) => quote!(#name),
        (false, Passing::Borrowed) => quote_spanned!(span=> #private::Lent::<#promises, #index>(#name)),
        (false, Passing::Owned) => quote_spanned!(span=> #private::Lent::<#promises, #index>(&#name)),
    }
}
