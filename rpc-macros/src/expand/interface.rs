//! Owns the user's trait as it is after the macro: what people implement and call.
//! It knows nothing of the wire. Each method becomes what `async fn` would be, with two promises added: the future is `Send`, and
//! `dyn Trait` may be named.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::TypeParamBound;

use crate::{
    model::{Interface, Method},
    names,
};

/// Writes the trait.
pub(crate) fn expand(interface: &Interface) -> TokenStream {
    let item = &interface.item;
    let (attrs, vis, ident, generics) = (&item.attrs, &item.vis, &item.ident, &item.generics);
    let token = &item.trait_token;
    let where_clause = &generics.where_clause;
    let supertraits = supertraits(interface);
    let methods = interface.methods.iter().map(method);
    let (types, rest) = (&interface.types, &interface.rest);
    quote! {
        #(#attrs)*
        #vis #token #ident #generics: #supertraits #where_clause {
            #(#types)*
            #(#methods)*
            #(#rest)*
        }
    }
}

/// The user's supertraits, and `Send + Sync`, without which no future over a borrow of the object could move between threads.
fn supertraits(interface: &Interface) -> TokenStream {
    let users = &interface.supertraits;
    let given = |name: &str| {
        users
            .iter()
            .any(|bound| matches!(bound, TypeParamBound::Trait(bound) if bound.path.segments.last().is_some_and(|last| last.ident == name)))
    };
    let span = names::at(interface.item.ident.span());
    let send = (!given("Send")).then(|| quote_spanned!(span=> ::core::marker::Send));
    let sync = (!given("Sync")).then(|| quote_spanned!(span=> ::core::marker::Sync));
    let all = users.iter().map(ToTokens::to_token_stream).chain(send).chain(sync);
    quote!(#(#all)+*)
}

fn method(method: &Method) -> TokenStream {
    let span = names::at(method.sig.ident.span());
    let attrs = &method.attrs;
    let ty = &method.output.ty;
    let mut sig = method.sig.clone();
    sig.asyncness = None;
    sig.output = syn::parse_quote_spanned!(span=> -> impl ::core::future::Future<Output = #ty> + ::core::marker::Send);
    sig.generics.make_where_clause().predicates.push(syn::parse_quote_spanned!(span=> Self: ::core::marker::Sized));
    match &method.body {
        None => quote!(#(#attrs)* #sig;),
        // Not `async fn`: it could not promise `Send`.
        Some(body) => quote!(#(#attrs)* #[allow(clippy::manual_async_fn)] #sig { async move #body }),
    }
}
