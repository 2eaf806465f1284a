//! Owns the order of the work, from the tokens of `#[remote]` to the tokens that replace them, and what stands around the parts.
//! It writes no part itself:
//!
//! | part | what |
//! | --- | --- |
//! | `interface` | the user's trait again |
//! | `dispatch` | its object-safe twin, and the way from a method's number to the user's method |
//! | `descriptor` | names, docs, and the way to the structure of the types |
//! | `promises` | what the types of arguments and results have to be able to do |
//! | `schema` | what they are made of |
//! | `proxy` | the trait for `Remote<T>` |

mod descriptor;
mod dispatch;
mod interface;
mod parameters;
mod promises;
mod proxy;
mod schema;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Item, ItemTrait, Type};

use crate::{
    errors::Errors,
    model::{self, Method, Output, Place},
    names, parse,
};
use parameters::Names;

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
    let promises = promises::expand(&context);
    let schema = schema::expand(&context);
    let dispatch = dispatch::expand(&context);
    let proxy = proxy::expand(&context);
    let same_conditions = interface.item.attrs.iter().filter(|attr| holds_for_all(attr));
    quote! {
        #the_trait
        #(#same_conditions)*
        // The user's methods and types are named again here; what may be said against them has been said at the trait.
        #[allow(deprecated, clippy::too_many_arguments, clippy::type_complexity)]
        const _: () = {
            #promises
            #schema
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
    /// How the trait is named with its parameters.
    pub(crate) names: Names,
}

impl<'a> Context<'a> {
    fn new(interface: &'a model::Interface) -> Self {
        Self { interface, erased: names::erased(&interface.item.ident), names: Names::of(interface) }
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
        let arguments = &self.names.arguments;
        quote_spanned!(names::at(span)=> #name<#number #(, #arguments)*>)
    }

    /// `__BankErased` with its arguments.
    pub(crate) fn erased_type(&self) -> TokenStream {
        let Self { erased, names: Names { arguments, .. }, .. } = self;
        if arguments.is_empty() { quote!(#erased) } else { quote!(#erased<#(#arguments),*>) }
    }

    /// `dyn Bank`'s constant.
    pub(crate) fn descriptor(&self, span: Span) -> TokenStream {
        let (private, dynamic) = (self.private(span), &self.names.dynamic);
        quote_spanned!(names::at(span)=> <dyn #dynamic as #private::Interface>::DESCRIPTOR)
    }

    /// `T` of the method's `Result<T, E>`.
    pub(crate) fn ok(&self, output: &Output) -> TokenStream {
        self.part(&output.carried, "Ok", output.ok)
    }

    /// `E` of it.
    pub(crate) fn err(&self, output: &Output) -> TokenStream {
        self.part(&output.carried, "Err", output.err)
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

    const WRONG: &str = "pub unsafe trait Bank<'a, T>: Clone + ?Sized + Base<Self> where Self: Copy, Vec<Self>: Copy {
        const A: u8;
        type B<T>;
        type C: From<Self> = u8;
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
        async fn foreign(&self, a: Self::C, b: <Self as Other>::C) -> Result<Self::D, E>;
    }";

    #[test]
    fn all_mistakes_are_told_in_one_run() {
        let told = messages(expand("nmae = \"x\"", WRONG));
        assert_eq!(told.len(), 47, "{told:#?}");
    }

    #[test]
    fn names_of_netref_are_its_own() {
        let told = messages(expand("name = \"netref.Object\"", "trait Bank {}"));
        assert!(told.len() == 1 && told[0].contains("choose another name"), "{told:?}");
        for options in ["name = \"netref.Object\", crate = \"crate\"", "name = \"netref::Object\"", "name = \"netrefs.Object\""] {
            assert_eq!(messages(expand(options, "trait Bank {}")), [""; 0], "{options}");
        }
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
        let plain =
            "pub trait Bank: Base { async fn open(&mut self, a: &str, b: &[u8], c: &Order, d: u8) -> MyResult<u8, E> { self.x() } }";
        let generic = "trait Bank<K, V, const N: usize = 3>: Base<K> where K: Eq { type Item; async fn open(&self, a: &K, b: Self::Item) -> MyResult<Self::Item, K>; }";
        let mut bare = BTreeSet::new();
        find_bare(expand("", plain), &mut bare);
        find_bare(expand("", generic), &mut bare);
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

    /// The tokens without spaces, up to the first brace: the head of the trait.
    fn head(item: &str) -> String {
        let text = expand("", item).to_string().replace(' ', "");
        text.split('{').next().unwrap().to_owned()
    }

    #[test]
    fn parameters_get_the_bounds_that_their_use_asks_for() {
        for (item, bounds) in [
            ("trait T<K> { async fn f(&self, k: K) -> Result<u8, E>; }", "K:::netref::Value"),
            ("trait T<K: Eq = u8> { async fn f(&self) -> Result<Vec<K>, E>; }", "K:Eq+::netref::Value=u8"),
            ("trait T<K>: Base<K> {}", "K:::netref::Value"),
            ("trait T<K> { async fn f(&self, k: &[K]) -> Result<u8, E>; }", "K:::netref::Value+::core::clone::Clone"),
            ("trait T<K> { async fn f(&self, k: &(u8, K)) -> Result<u8, E>; }", "K:::netref::Value+::core::clone::Clone"),
            ("trait T<K> { async fn f(&self, k: &Remote<dyn A<K>>) -> Result<u8, E>; }", "K:::netref::Value"),
            ("trait T<K> { async fn f(&self) -> Result<u8, K>; }", "K:::netref::__private::RemoteError"),
            ("trait T<K> { async fn f(&self) -> Result<K>; }", "K:::netref::Value"),
            ("trait T<K> { async fn f(&self) -> Result<u8>; }", "K:::core::marker::Send+::core::marker::Sync+'static"),
            (
                "trait T<K: ?Sized + I> { async fn f(&self) -> Result<Remote<K>>; }",
                "K:?Sized+I+::core::marker::Send+::core::marker::Sync+'static",
            ),
            ("trait T<const K: usize> { async fn f(&self) -> Result<[u8; K]>; }", "constK:usize"),
        ] {
            let (head, bounds) = (head(item), format!("traitT<{bounds}>:"));
            assert!(head.contains(&bounds), "{item} has {head}, not {bounds}");
        }
        let bounded = head("trait T<K> where K: Eq { async fn f(&self, k: K) -> Result<u8>; }");
        assert!(bounded.starts_with("traitT<K>:") && bounded.ends_with("whereK:Eq+::netref::Value"), "{bounded}");
        let whole = expand("", "trait T { type A: Eq; type B; async fn f(&self, a: &Self::A) -> Result<u8, <Self as T>::B>; }").to_string();
        let whole = whole.replace(' ', "");
        assert!(whole.contains("typeA:Eq+::netref::Value+::core::clone::Clone;"), "{whole}");
        assert!(whole.contains("typeB:::netref::__private::RemoteError;"), "{whole}");
    }

    #[test]
    fn methods_are_numbered_in_order() {
        let text = expand("", "trait Bank { async fn a(&self) -> Result<u8, E>; async fn b(&self) -> Result<u8, E>; }").to_string();
        let (a, b) = (text.find("0u32 => match").unwrap(), text.find("1u32 => match").unwrap());
        assert!(text[a..b].contains("__netref_run_a") && text[b..].contains("__netref_run_b"));
    }
}
