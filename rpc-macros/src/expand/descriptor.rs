//! Owns the description that travels and is shown: names, doc comments and signatures, as one constant, and the way to the structure of
//! the types.
//! It knows nothing of how calls run.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use super::Context;
use crate::{model::Method, names, text};

/// The descriptor of the interface. It is the constant of `dyn Trait`, which may depend on type parameters as a static cannot.
pub(crate) fn expand(context: &Context<'_>) -> TokenStream {
    let private = context.private(context.erased.span());
    let interface = context.interface;
    let (name, docs) = (&interface.name, &interface.docs);
    let methods = interface.methods.iter().zip(0u32..).map(|(method, number)| self::method(context, method, number));
    let bases = interface.bases.iter().map(|base| descriptor_of(context, base));
    let exclusive = exclusive(context);
    let told_apart = told_apart(context);
    quote! {
        {
            #told_apart
            &#private::InterfaceDescriptor {
                name: #name,
                docs: #docs,
                methods: &[#(#methods),*],
                bases: &[#(#bases),*],
                exclusive: #exclusive,
            }
        }
    }
}

/// The question whether the supertraits can be told apart. Only the compiler knows their names.
fn told_apart(context: &Context<'_>) -> Option<TokenStream> {
    let interface = context.interface;
    let name = &interface.name;
    let private = context.private(context.erased.span());
    let bases = interface.bases.iter().map(|base| descriptor_of(context, base));
    (!interface.bases.is_empty()).then(|| quote_spanned!(context.erased.span()=> #private::tell_apart(#name, &[#(#bases),*]);))
}

/// The descriptor of a supertrait.
fn descriptor_of(context: &Context<'_>, base: &Path) -> TokenStream {
    let private = context.private(base.span());
    quote_spanned!(names::at(base.span())=> <dyn #base as #private::Interface>::DESCRIPTOR)
}

/// Whether any method, own or inherited, has the object to itself.
fn exclusive(context: &Context<'_>) -> TokenStream {
    let own = context.interface.methods.iter().any(|method| method.receiver.exclusive);
    if own || context.interface.bases.is_empty() {
        return quote!(#own);
    }
    let bases = context.interface.bases.iter().map(|base| descriptor_of(context, base));
    quote!(#(#bases.exclusive)||*)
}

fn method(context: &Context<'_>, method: &Method, number: u32) -> TokenStream {
    let private = context.private(method.sig.ident.span());
    let (name, docs) = (&method.name, &method.docs);
    let signature = text::signature(&method.sig);
    let this = context.method(number, method.sig.ident.span());
    let parameters = method.arguments.iter().map(|argument| {
        let name = text::name(&argument.name);
        let ty = &argument.written;
        let ty = text::print(quote!(#ty));
        quote!(#private::ParameterDescriptor { name: #name, ty: #ty })
    });
    let ty = &method.output.ty;
    let result = text::print(quote!(#ty));
    let exclusive = method.receiver.exclusive;
    let crate::model::Options { idempotent, spawn, blocking, no_cancel, .. } = method.options;
    quote! {
        #private::MethodDescriptor {
            name: #name,
            docs: #docs,
            signature: #signature,
            schema: <#this>::__netref_schema,
            parameters: &[#(#parameters),*],
            result: #result,
            exclusive: #exclusive,
            idempotent: #idempotent,
            spawn: #spawn,
            blocking: #blocking,
            no_cancel: #no_cancel,
        }
    }
}
