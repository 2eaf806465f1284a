//! Owns the functions that give the structure of each method's types. They stand beside the promises, whose types they take, so that
//! one that breaks a promise is told once. They know nothing of what a structure is.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use super::{Context, Names};
use crate::{model::Method, names, text};

/// One function for each method, worked out when it is first asked for.
pub(crate) fn expand(context: &Context<'_>) -> TokenStream {
    context.interface.methods.iter().zip(0u32..).map(|(method, number)| self::method(context, method, number)).collect()
}

fn method(context: &Context<'_>, method: &Method, number: u32) -> TokenStream {
    let Names { parameters, bounds, arguments, .. } = &context.names;
    let span = names::at(method.sig.ident.span());
    let private = context.private(span);
    let this = context.method(number, span);
    let body = body(context, method, number);
    // A static is shared by all instances of generic code.
    let cached = if arguments.is_empty() {
        quote_spanned! {span=>
            static SCHEMA: ::std::sync::OnceLock<#private::MethodSchema> = ::std::sync::OnceLock::new();
            #private::cached(&SCHEMA, Self::__netref_build)
        }
    } else {
        quote_spanned!(span=> #private::cached_for::<Self>(Self::__netref_build))
    };
    quote_spanned! {span=>
        #[allow(dead_code)]
        impl<#parameters> #this #bounds {
            fn __netref_build() -> #private::MethodSchema {
                #body
            }

            fn __netref_schema() -> &'static #private::MethodSchema {
                #cached
            }
        }
    }
}

fn body(context: &Context<'_>, method: &Method, number: u32) -> TokenStream {
    let span = names::at(method.sig.ident.span());
    let private = context.private(span);
    let this = context.method(number, span);
    // Tokens that name a parameter are the same whatever it stands for.
    let is_generic = !context.names.arguments.is_empty();
    let hash = |tokens: &str, ty: TokenStream| {
        let hash = text::fingerprint(tokens);
        if is_generic { quote_spanned!(span=> #private::instance::<#ty>(#hash)) } else { quote_spanned!(span=> #hash) }
    };
    let names = method.arguments.iter().map(|argument| text::name(&argument.name));
    let probe = |ty: TokenStream, tokens: &str| quote_spanned!(span=> (&&&#private::Probe::<#ty>::new(#tokens)).shape(types));
    let arguments = method.arguments.iter().enumerate().map(|(index, argument)| {
        let tokens = text::argument(&argument.written);
        let (hash, shape) = if argument.bulk {
            let hash = text::fingerprint(&tokens);
            (quote_spanned!(span=> #hash), quote_spanned!(span=> types.bulk()))
        } else {
            let ty = quote_spanned!(span=> <#this as #private::Takes<#index>>::Argument);
            (hash(&tokens, ty.clone()), probe(ty, &tokens))
        };
        quote_spanned!(span=> method.argument(#hash, |types| #shape);)
    });
    let tokens = text::result(&method.output.ty);
    let (value, error) =
        (quote_spanned!(span=> <#this as #private::Returns>::Value), quote_spanned!(span=> <#this as #private::Returns>::Error));
    let hash = hash(&tokens, quote_spanned!(span=> (#value, #error)));
    let value = match method.output.bulk {
        true => quote_spanned!(span=> types.bulk()),
        false => probe(value, &tokens),
    };
    let error = probe(error, &tokens);
    quote_spanned! {span=>
        #[allow(unused_imports)]
        use #private::{ByDerive as _, ByNothing as _, ByTrace as _};
        #[allow(unused_mut)]
        let mut method = #private::MethodBuilder::new(&[#(#names),*]);
        #(#arguments)*
        method.result(#hash, |types| #value, |types| #error)
    }
}
