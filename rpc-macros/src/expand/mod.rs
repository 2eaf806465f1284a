//! Owns the order of the work, from the tokens of `#[remote]` to the tokens that replace them, and what stands around the parts.
//! It writes no part itself:
//!
//! | part | what |
//! | --- | --- |
//! | `interface` | the user's trait again |
//! | `dispatch` | its object-safe twin, and the way from a method's number to the user's method |
//! | `descriptor` | names, docs and fingerprints |
//! | `promises` | what the types of arguments and results have to be able to do |
//! | `proxy` | the trait for `Remote<T>` |

mod descriptor;
mod dispatch;
mod interface;
mod promises;
mod proxy;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Item, ItemTrait, Type};

use crate::{
    errors::Errors,
    model::{self, Method, Output, Place},
    names, parse,
};

/// The whole of `#[remote]`.
pub(crate) fn remote(options: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let written = match syn::parse2::<ItemTrait>(tokens.clone()) {
        Ok(item) => self::item(options, item, &mut errors),
        Err(error) => {
            not_a_trait(&tokens, error, &mut errors);
            tokens
        }
    };
    let errors = errors.into_tokens();
    quote!(#errors #written)
}

fn item(options: TokenStream, item: ItemTrait, errors: &mut Errors) -> TokenStream {
    let interface = parse::interface(options, item, errors);
    let the_trait = interface::expand(&interface);
    if !interface.complete {
        return the_trait;
    }
    let context = Context::new(&interface);
    let descriptor = descriptor::expand(&context);
    let promises = promises::expand(&context);
    let dispatch = dispatch::expand(&context);
    let proxy = proxy::expand(&context);
    let same_conditions = interface.item.attrs.iter().filter(|attr| holds_for_all(attr));
    quote! {
        #the_trait
        #(#same_conditions)*
        // The user's methods and types are named again here; what may be said against them has been said at the trait.
        #[allow(deprecated, clippy::too_many_arguments, clippy::type_complexity)]
        const _: () = {
            #descriptor
            #promises
            #dispatch
            #proxy
        };
    }
}

/// Attributes that are as true of the generated items as of the trait.
fn holds_for_all(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("allow")
}

fn not_a_trait(tokens: &TokenStream, error: syn::Error, errors: &mut Errors) {
    const METHOD: &str = "on a method, `#[remote(…)]` stands inside a trait that is itself `#[remote]`";
    match syn::parse2::<Item>(tokens.clone()) {
        Ok(Item::Impl(item)) => {
            let attribute = "`#[remote]` belongs to the trait, not to its implementations: remove it here, a plain `impl` with `async fn`s is enough";
            errors.at(item.impl_token, attribute);
        }
        Ok(Item::Fn(item)) => errors.at(item.sig.fn_token, format!("`#[remote]` makes a trait remote: put the function into a trait, `#[remote] trait … {{ async fn {}(&self, …) }}`; {METHOD}", item.sig.ident)),
        Ok(Item::TraitAlias(item)) => errors.at(item, "`#[remote]` needs a trait with its methods: write `trait A: B {}`"),
        Ok(other) => errors.at(first_word(&other), "`#[remote]` makes a trait remote: write a trait with the methods that callers need, and implement it for this type"),
        // Half-written code: the parser's words are about the user's tokens and better than ours.
        Err(_) => errors.push(error),
    }
}

/// The `struct`, `enum` or `mod` of an item, past its attributes and visibility.
fn first_word(item: &Item) -> TokenStream {
    match item {
        Item::Struct(item) => item.struct_token.to_token_stream(),
        Item::Enum(item) => item.enum_token.to_token_stream(),
        Item::Union(item) => item.union_token.to_token_stream(),
        Item::Mod(item) => item.mod_token.to_token_stream(),
        Item::Type(item) => item.type_token.to_token_stream(),
        other => other.to_token_stream(),
    }
}

/// What all parts need to know.
pub(crate) struct Context<'a> {
    /// The trait.
    pub(crate) interface: &'a model::Interface,
    /// `__BankErased`.
    pub(crate) erased: Ident,
}

impl<'a> Context<'a> {
    fn new(interface: &'a model::Interface) -> Self {
        Self { interface, erased: names::erased(&interface.item.ident) }
    }

    /// `::netref`, for what users know too.
    pub(crate) fn public(&self, span: Span) -> TokenStream {
        names::public(self.interface.krate.as_ref(), span)
    }

    /// `::netref::__private`, the hidden runtime.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        let public = self.public(span);
        quote_spanned!(names::at(span)=> #public::__private)
    }

    /// `__BankMethod<3>`, to which the promises about a method's types are tied.
    pub(crate) fn method(&self, number: u32, span: Span) -> TokenStream {
        let name = names::method(&self.interface.item.ident);
        let number = number as usize;
        quote_spanned!(names::at(span)=> #name<#number>)
    }

    /// `T` of the method's `Result<T, E>`.
    pub(crate) fn ok(&self, output: &Output) -> TokenStream {
        self.part(&output.ty, "Ok", output.ok)
    }

    /// `E` of it.
    pub(crate) fn err(&self, output: &Output) -> TokenStream {
        self.part(&output.ty, "Err", output.err)
    }

    /// `MethodResult<T, E>`: what running the method gives.
    pub(crate) fn method_result(&self, method: &Method) -> TokenStream {
        let span = names::at(method.sig.ident.span());
        let private = self.private(span);
        let (ok, err) = (self.ok(&method.output), self.err(&method.output));
        quote_spanned!(span=> #private::MethodResult<#ok, #err>)
    }

    /// `<Result<T, E> as IsResult>::Ok`, which knows the value's type under any alias and points at the user's tokens.
    fn part(&self, ty: &Type, name: &str, place: Place) -> TokenStream {
        let private = self.private(place.start);
        let name = Ident::new(name, names::at(place.end));
        quote_spanned!(names::at(place.start)=> <#ty as #private::IsResult>::#name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proc_macro2::TokenTree;

    use super::*;

    fn expand(options: &str, item: &str) -> TokenStream {
        remote(options.parse().unwrap(), item.parse().unwrap())
    }

    /// The texts of all `compile_error!`s.
    fn messages(tokens: TokenStream) -> Vec<String> {
        let file: syn::File = syn::parse2(tokens).unwrap();
        let macros = file.items.into_iter().filter_map(|item| match item {
            Item::Macro(item) => Some(item.mac.parse_body::<syn::LitStr>().unwrap().value()),
            _ => None,
        });
        macros.collect()
    }

    const WRONG: &str = "pub unsafe trait Bank<T>: Clone + ?Sized where T: Copy {
        const A: u8;
        type B;
        fn not_async(&self) -> Result<u8, E>;
        async fn open() -> Result<u8, E>;
        async fn close(self) -> Result<u8, E>;
        async fn typed(self: Arc<Self>) -> Result<u8, E>;
        async fn nothing(&self);
        async fn number(&self) -> u8;
        async fn generic<T: 'static, const N: usize>(&self, t: T) -> Result<u8, E> where T: Copy;
        async fn pattern(&self, (a, b): (u8, u8), _: u8) -> Result<u8, E>;
        async fn borrows(&self, a: &mut u8, b: Option<&str>, c: &'static str, d: Cow<'_, str>) -> Result<&str, E>;
        async fn objects(&self, a: &dyn A, b: Box<dyn A>, c: *const u8, d: fn(), e: impl A, f: &Path) -> Result<Self, E>;
        #[cfg(unix)] #[remote(spawn, blocking, blocking, other)] #[idempotent(no)]
        async unsafe fn odd(&self, #[a] a: u8) -> Result<dyn A, E>;
        async fn __netref_x(&self) -> impl A;
    }";

    #[test]
    fn all_mistakes_are_told_in_one_run() {
        let told = messages(expand("nmae = \"x\"", WRONG));
        assert_eq!(told.len(), 41, "{told:#?}");
    }

    #[test]
    fn messages_are_lower_case_and_have_no_full_stop() {
        let more = ["impl A for B {}", "struct A;", "async fn a() {}", "enum A {}", "trait A = B;"].map(|item| messages(expand("", item)));
        for message in messages(expand("nmae = \"x\"", WRONG)).into_iter().chain(more.into_iter().flatten()) {
            assert!(!message.starts_with(char::is_uppercase) && !message.ends_with('.'), "{message}");
            assert!(message.len() < 240, "{message}");
        }
    }

    #[test]
    fn a_mistake_leaves_the_trait_and_its_sound_methods() {
        let text = expand("", "trait Bank { fn wrong(&self) -> u8; async fn right(&self) -> Result<u8, E>; }").to_string();
        assert!(text.contains("trait Bank") && text.contains("fn wrong") && text.contains("__netref_run_right"), "{text}");
    }

    /// Names that the user may have given to something else.
    const SHADOWED: [&str; 20] = [
        "Ok", "Err", "Some", "None", "Result", "Option", "Box", "Vec", "String", "Arc", "Clone", "ToOwned", "Send", "Sync", "Sized", "Any",
        "Future", "Iterator", "From", "Default",
    ];

    #[test]
    fn nothing_generated_relies_on_a_prelude() {
        let item = "pub trait Bank: Base { async fn open(&mut self, a: &str, b: &[u8], c: &Order, d: u8) -> MyResult<u8, E> { self.x() } }";
        let mut bare = BTreeSet::new();
        find_bare(expand("", item), &mut bare);
        assert!(bare.is_empty(), "{bare:?}");
    }

    fn find_bare(tokens: TokenStream, bare: &mut BTreeSet<String>) {
        let mut before = String::new();
        for token in tokens {
            if let TokenTree::Group(group) = &token {
                find_bare(group.stream(), bare);
            }
            let text = token.to_string();
            if SHADOWED.contains(&text.as_str()) && before != ":" && before != "type" {
                bare.insert(text.clone());
            }
            before = text;
        }
    }

    #[test]
    fn methods_are_numbered_in_order() {
        let text = expand("", "trait Bank { async fn a(&self) -> Result<u8, E>; async fn b(&self) -> Result<u8, E>; }").to_string();
        let (a, b) = (text.find("0u32 => match").unwrap(), text.find("1u32 => match").unwrap());
        assert!(text[a..b].contains("__netref_run_a") && text[b..].contains("__netref_run_b"));
    }
}
