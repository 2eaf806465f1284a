//! Owns how the trait and its parameters are written in generated items: `Store<K, V>` where it is a bound, `Store<K, V, Item = __Item>`
//! where it is a type, and the list of parameters that stands behind every `impl`.
//! It knows nothing of what the items do.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::GenericParam;

use crate::{model::Interface, names};

/// The trait as generated items name it.
pub(crate) struct Names {
    /// `Store<K, V>`.
    pub(crate) plain: TokenStream,
    /// `Store<K, V, Item = __Item>`, which is `Store` alone when it has neither parameters nor associated types.
    pub(crate) dynamic: TokenStream,
    /// `K, V, __Item`.
    pub(crate) arguments: Vec<Ident>,
    /// `K: Value, V: Value, __Item: Value`.
    pub(crate) parameters: TokenStream,
    /// The trait's `where` clause.
    pub(crate) bounds: TokenStream,
}

impl Names {
    pub(crate) fn of(interface: &Interface) -> Self {
        let ident = &interface.item.ident;
        let own: Vec<&Ident> = interface.item.generics.params.iter().filter_map(name).collect();
        let types = interface.types.iter().map(|item| {
            let (name, parameter) = (&item.ident, names::associated(&item.ident));
            quote!(#name = #parameter)
        });
        let own_tokens = own.iter().map(ToTokens::to_token_stream);
        let bound: Vec<TokenStream> = own_tokens.chain(types).collect();
        let parameters = &interface.generics.params;
        Self {
            plain: if own.is_empty() { quote!(#ident) } else { quote!(#ident<#(#own),*>) },
            dynamic: if bound.is_empty() { quote!(#ident) } else { quote!(#ident<#(#bound),*>) },
            arguments: interface.generics.params.iter().filter_map(name).cloned().collect(),
            parameters: quote!(#parameters),
            bounds: interface.generics.where_clause.to_token_stream(),
        }
    }
}

fn name(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    }
}
