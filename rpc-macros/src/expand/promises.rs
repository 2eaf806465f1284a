//! Owns what the user's types have to promise: arguments, value and error of each method, asked for where the user wrote them.
//! It knows nothing of how they are used.
//!
//! A promise is an associated type with a bound. The compiler checks it once, here; the other parts speak of `__BankMethod<3>` and
//! take the bound for granted, so a missing derive is one error and not five.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{GenericParam, Token};

use super::{Context, Names};
use crate::{model::Method, names};

/// The type that stands for a method, and its promises.
pub(crate) fn expand(context: &Context<'_>) -> TokenStream {
    let name = names::method(&context.interface.item.ident);
    let parameters = context.interface.generics.params.iter().map(parameter);
    let unused = context.interface.generics.type_params().map(|param| &param.ident);
    let vis = &context.interface.item.vis;
    let methods = context.interface.methods.iter().zip(0u32..).map(|(method, number)| self::method(context, method, number));
    quote! {
        #[doc(hidden)]
        #[allow(missing_debug_implementations, dead_code)]
        #vis struct #name<const __NUMBER: usize #(, #parameters)*>(::core::marker::PhantomData<(#(fn(*const #unused),)*)>);
        #(#methods)*
    }
}

/// A parameter without its bounds, which every promise repeats.
fn parameter(param: &GenericParam) -> TokenStream {
    match param {
        GenericParam::Type(param) => {
            let name = &param.ident;
            quote!(#name: ?::core::marker::Sized)
        }
        other => quote!(#other),
    }
}

fn method(context: &Context<'_>, method: &Method, number: u32) -> TokenStream {
    let Names { parameters, bounds, .. } = &context.names;
    let span = names::at(method.sig.ident.span());
    let private = context.private(span);
    let this = context.method(number, span);
    let arguments = method.arguments.iter().enumerate().filter(|(_, argument)| !argument.bulk).map(|(index, argument)| {
        let owned = &argument.owned;
        quote_spanned!(span=> impl<#parameters> #private::Takes<#index> for #this #bounds { type Argument = #owned; })
    });
    let (ok, err) = (context.ok(&method.output), context.err(&method.output));
    let coder = coder(context, method, &ok);
    quote_spanned! {span=>
        #(#arguments)*
        impl<#parameters> #private::Returns for #this #bounds {
            type Value = #ok;
            type Coder = #coder;
            type Error = #err;
        }
        #[allow(dead_code)]
        impl<#parameters> #this #bounds {
            const ERROR: () = #private::error::<#err>();
        }
    }
}

/// Runs of bytes travel beside the payload, all else inside it. It stands where the value's type does, which has to be fit for it.
fn coder(context: &Context<'_>, method: &Method, ok: &TokenStream) -> TokenStream {
    let span = names::at(method.output.ok.start);
    let private = context.private(span);
    let end = Token![>](names::at(method.output.ok.end));
    if method.output.bulk { quote_spanned!(span=> #private::Bulk<#ok #end) } else { quote_spanned!(span=> #private::Plain<#ok #end) }
}
