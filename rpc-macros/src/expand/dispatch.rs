//! Owns the callee's side: the object-safe twin of the trait, and the way from a method's number to the user's method.
//! It knows nothing of frames or codecs: the runtime's `Inbound` decodes the arguments and takes the future.
//!
//! The type parameter is called `__Object` because the user's types, which may be called `C`, are named beside it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use super::{Context, Names, descriptor};
use crate::{
    model::{Argument, Method, Passing},
    names,
};

/// The twin, its implementation for every hosted object, and `dyn Trait` as an interface.
pub(crate) fn expand(context: &Context<'_>) -> TokenStream {
    let twin = twin(context);
    let bodies = context.interface.methods.iter().map(|method| body(context, method));
    let hosted = hosted(context);
    let interface = interface(context);
    quote!(#twin #(#bodies)* #hosted #interface)
}

/// The trait of the object once its type is forgotten: arguments are owned, futures are boxed.
fn twin(context: &Context<'_>) -> TokenStream {
    let Context { erased, interface, names, .. } = context;
    let (parameters, bounds) = (&names.parameters, &names.bounds);
    let private = context.private(erased.span());
    let vis = &interface.item.vis;
    let bases = interface.bases.iter().enumerate().map(|(index, path)| base_signature(context, index, path));
    let methods = interface.methods.iter().map(|method| twin_signature(context, method));
    let dispatch = dispatch_signature(context);
    quote! {
        #[doc(hidden)]
        #vis trait #erased<#parameters>: #private::ErasedObject #bounds {
            #(#bases;)*
            #(#methods;)*
            #dispatch;
        }
    }
}

fn base_signature(context: &Context<'_>, index: usize, path: &Path) -> TokenStream {
    let private = context.private(path.span());
    let name = names::base(index);
    quote_spanned! {names::at(path.span())=>
        fn #name(self: ::std::sync::Arc<Self>) -> ::std::sync::Arc<<dyn #path as #private::Interface>::Erased>
    }
}

fn twin_signature(context: &Context<'_>, method: &Method) -> TokenStream {
    let ident = &method.sig.ident;
    let arguments = method.arguments.iter().map(argument);
    let private = context.private(ident.span());
    let result = context.method_result(method);
    quote_spanned! {names::at(ident.span())=>
        fn #ident(self: ::std::sync::Arc<Self> #(, #arguments)*) -> #private::BoxFuture<#result>
    }
}

fn dispatch_signature(context: &Context<'_>) -> TokenStream {
    let span = context.erased.span();
    let private = context.private(span);
    quote_spanned! {span=>
        fn __netref_dispatch(
            self: ::std::sync::Arc<Self>,
            method: u32,
            inbound: &mut #private::Inbound<'_>,
        ) -> #private::Served
    }
}

fn argument(Argument { name, owned, .. }: &Argument) -> TokenStream {
    quote!(#name: #owned)
}

/// One call on an object in this process: enter it, then run the user's method. Local calls and calls from afar both end here.
fn body(context: &Context<'_>, method: &Method) -> TokenStream {
    let ident = &method.sig.ident;
    let span = names::at(ident.span());
    let private = context.private(span);
    let Names { plain, dynamic, parameters: types, bounds, .. } = &context.names;
    let name = names::body(ident);
    let parameters = method.arguments.iter().map(argument);
    let passed = method.arguments.iter().map(|Argument { name, passing, .. }| match passing {
        Passing::Owned => quote!(#name),
        Passing::Unsized | Passing::Borrowed => quote_spanned!(names::at(name.span())=> &#name),
    });
    let result = context.method_result(method);
    let (enter, guard) = if method.receiver.exclusive {
        (quote_spanned!(span=> let mut guard = #private::Cell::exclusive(&object)), quote_spanned!(span=> &mut guard))
    } else {
        (quote_spanned!(span=> let guard = #private::Cell::shared(&object)), quote_spanned!(span=> &guard))
    };
    quote_spanned! {span=>
        async fn #name<__Object: #dynamic + 'static, #types>(
            object: ::std::sync::Arc<#private::Cell<__Object>>
            #(, #parameters)*
        ) -> #result
        #bounds
        {
            #enter.await?;
            ::core::result::Result::Ok(<__Object as #plain>::#ident(#guard #(, #passed)*).await)
        }
    }
}

/// Every hosted object of a type that implements the trait is the twin.
fn hosted(context: &Context<'_>) -> TokenStream {
    let Context { erased, interface, .. } = context;
    let private = context.private(erased.span());
    let Names { dynamic, parameters, bounds, .. } = &context.names;
    let twin = context.erased_type();
    let bases = interface.bases.iter().enumerate().map(|(index, path)| {
        let sig = base_signature(context, index, path);
        quote_spanned!(names::at(path.span())=> #sig { self })
    });
    let methods = interface.methods.iter().map(|method| {
        let sig = twin_signature(context, method);
        let body = body_call(context, method);
        let arguments = method.arguments.iter().map(|argument| &argument.name);
        quote_spanned!(names::at(method.sig.ident.span())=> #sig { ::std::boxed::Box::pin(#body(self #(, #arguments)*)) })
    });
    let dispatch = dispatch_signature(context);
    let choice = choice(context);
    quote! {
        impl<__Object: #dynamic + 'static, #parameters> #twin for #private::Cell<__Object> #bounds {
            #(#bases)*
            #(#methods)*
            #dispatch { #choice }
        }
    }
}

/// The body with its parameters: what its arguments do not mention cannot be inferred.
fn body_call(context: &Context<'_>, method: &Method) -> TokenStream {
    let ident = &method.sig.ident;
    let (name, arguments) = (names::body(ident), &context.names.arguments);
    quote_spanned!(names::at(ident.span())=> #name::<__Object #(, #arguments)*>)
}

/// From a number to a method: the interface's own first, then those of its bases, one base after the other.
fn choice(context: &Context<'_>) -> TokenStream {
    let Context { erased, interface, .. } = context;
    let span = erased.span();
    let private = context.private(span);
    let arms: Vec<_> = interface.methods.iter().zip(0u32..).map(|(method, number)| arm(context, method, number)).collect();
    let bases = interface.bases.iter().enumerate().map(|(index, path)| base_choice(context, index, path));
    let beyond = quote_spanned! {span=>
        #(#bases)*
        #private::Inbound::no_such_method(inbound)
    };
    match (arms.is_empty(), interface.bases.is_empty()) {
        (true, true) => quote_spanned!(span=> let _ = method; #beyond),
        (true, false) => quote_spanned!(span=> let (number, count) = (method, 0u32); #beyond),
        (false, true) => quote_spanned!(span=> match method { #(#arms)* _ => #beyond }),
        (false, false) => {
            let count = u32::try_from(arms.len()).unwrap_or(u32::MAX);
            quote_spanned! {span=>
                match method {
                    #(#arms)*
                    _ => {
                        let (number, count) = (method, #count);
                        #beyond
                    }
                }
            }
        }
    }
}

/// What is left of the number after all that came before, if it falls to this base.
fn base_choice(context: &Context<'_>, index: usize, path: &Path) -> TokenStream {
    let erased = context.erased_type();
    let private = context.private(path.span());
    let name = names::base(index);
    quote_spanned! {names::at(path.span())=>
        let number = number - count;
        let count = const { #private::flattened(<dyn #path as #private::Interface>::DESCRIPTOR) };
        if number < count {
            return <dyn #path as #private::Interface>::dispatch(<Self as #erased>::#name(self), number, inbound);
        }
    }
}

/// One method: decode its arguments, then hand its future over.
fn arm(context: &Context<'_>, method: &Method, number: u32) -> TokenStream {
    let ident = &method.sig.ident;
    let span = names::at(ident.span());
    let private = context.private(span);
    let body = body_call(context, method);
    let promises = context.method(number, span);
    let names: Vec<_> = method.arguments.iter().map(|argument| &argument.name).collect();
    let types = method.arguments.iter().enumerate().map(|(index, Argument { owned, bulk, .. })| match bulk {
        true => quote_spanned!(span=> #private::BulkIn<#owned>),
        false => quote_spanned!(span=> #private::Taken<#promises, #index>),
    });
    let patterns = method.arguments.iter().map(|Argument { name, bulk, .. }| match bulk {
        true => quote_spanned!(span=> #private::BulkIn(#name)),
        false => quote_spanned!(span=> #private::Taken(#name)),
    });
    quote_spanned! {span=>
        #number => match #private::Inbound::arguments::<(#(#types,)*)>(inbound) {
            ::core::result::Result::Ok((#(#patterns,)*)) => #private::run::<#promises>(inbound, #body(self #(, #names)*)),
            ::core::result::Result::Err(served) => served,
        },
    }
}

/// `dyn Trait` as the name of the interface, and what can stand behind it.
fn interface(context: &Context<'_>) -> TokenStream {
    let interface = context.interface;
    let span = context.erased.span();
    let private = context.private(span);
    let erased = context.erased_type();
    let Names { dynamic, parameters, bounds, .. } = &context.names;
    let descriptor = descriptor::expand(context);
    // With parameters there is more to say than that the trait is not remote, such as which of them falls short.
    let quiet = parameters.is_empty().then(|| quote!(#[diagnostic::do_not_recommend]));
    // The descriptor of a trait without parameters is looked at here, so that what is wrong with it is told before anybody uses the trait.
    let looked_at = (parameters.is_empty() && !interface.bases.is_empty())
        .then(|| quote_spanned!(span=> const _: &#private::InterfaceDescriptor = <dyn #dynamic as #private::Interface>::DESCRIPTOR;));
    let bases = interface.bases.iter().enumerate().map(|(index, path)| {
        let private = context.private(path.span());
        let name = names::base(index);
        quote_spanned! {names::at(path.span())=>
            || <dyn #path as #private::Interface>::upcast(<dyn #erased as #erased>::#name(::std::sync::Arc::clone(&object)), slot)
        }
    });
    // `'x` rather than `'static`: otherwise futures that name `dyn Trait` are "not general enough" to be spawned.
    quote_spanned! {span=>
        #quiet
        impl<'x, #parameters> #private::Interface for dyn #dynamic + 'x #bounds {
            type Erased = dyn #erased;
            const DESCRIPTOR: &'static #private::InterfaceDescriptor = #descriptor;
            fn upcast(object: ::std::sync::Arc<dyn #erased>, slot: &mut dyn ::core::any::Any) -> bool {
                #private::fill(&object, slot) #(#bases)*
            }
            fn dispatch(
                object: ::std::sync::Arc<dyn #erased>,
                method: u32,
                inbound: &mut #private::Inbound<'_>,
            ) -> #private::Served {
                <dyn #erased as #erased>::__netref_dispatch(object, method, inbound)
            }
        }
        #looked_at
        #[diagnostic::do_not_recommend]
        impl<'x, __Object: #dynamic + 'static, #parameters> #private::Export<__Object> for dyn #dynamic + 'x #bounds {
            fn erase(cell: ::std::sync::Arc<#private::Cell<__Object>>) -> ::std::sync::Arc<dyn #erased> {
                cell
            }
        }
    }
}
