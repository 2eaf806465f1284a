//! Owns the texts about a method: its signature for people, its normal form for machines, and the fingerprint of the latter.
//! It knows only tokens. Two signatures that carry the same bytes have one normal form:
//!
//! | written | normal form |
//! | --- | --- |
//! | `&str` | `String` |
//! | `&[u8]`, `Vec<u8>`, `Bytes` | `Vec<u8>` (arguments and results, outermost only) |
//! | `&[T]` | `Vec<T>` |
//! | `&T` | `T` |
//! | `std::collections::HashMap<K, V>` | `HashMap<K, V>` |
//! | `Cow<'static, str>` | `Cow<str>` |

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, GenericArgument, Lit, Meta, Path, PathArguments, Signature, Type, ext::IdentExt, parse_quote,
    visit_mut::VisitMut,
};

use crate::parse;

/// The doc comment: its lines, each without the space that follows the slashes.
pub(crate) fn docs(attrs: &[Attribute]) -> String {
    let lines: Vec<String> = attrs.iter().filter_map(doc_line).collect();
    lines.join("\n")
}

/// The signature as rustfmt would write it on one line.
pub(crate) fn signature(sig: &Signature) -> String {
    let mut sig = sig.clone();
    for input in &mut sig.inputs {
        if let syn::FnArg::Typed(typed) = input {
            typed.attrs.clear();
            if let syn::Pat::Ident(pattern) = &mut *typed.pat {
                pattern.mutability = None;
            }
        }
    }
    sig.inputs.pop_punct();
    print(sig.to_token_stream())
}

/// A name as the user says it, without `r#`.
pub(crate) fn name(ident: &proc_macro2::Ident) -> String {
    ident.unraw().to_string()
}

/// Tokens as rustfmt would write a type.
pub(crate) fn print(tokens: TokenStream) -> String {
    let mut printer = Printer::default();
    printer.stream(tokens);
    printer.text
}

/// `(String, u64) -> Result<u64, BankError>`: all that must agree between two sides, and nothing else.
///
/// The receiver, the names of the arguments and the lifetimes are left out: they do not reach the wire.
#[cfg(test)]
pub(crate) fn normal<'a>(arguments: impl IntoIterator<Item = &'a Type>, result: &Type) -> String {
    let arguments: Vec<String> = arguments.into_iter().map(argument).collect();
    format!("({}) -> {}", arguments.join(", "), self::result(result))
}

/// An argument's type in its normal form.
pub(crate) fn argument(ty: &Type) -> String {
    print(normal_argument(ty).to_token_stream())
}

/// A result's type in its normal form.
pub(crate) fn result(ty: &Type) -> String {
    print(normal_result(ty).to_token_stream())
}

/// FNV-1a, 64 bits: the constants are those of the published definition.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn doc_line(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attr.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    if !pair.path.is_ident("doc") {
        return None;
    }
    let text = text.value();
    Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
}

fn normal_argument(ty: &Type) -> Type {
    let mut ty = parse::owned(ty).0;
    Normalise.visit_type_mut(&mut ty);
    bytes_are_one(&mut ty);
    ty
}

fn normal_result(ty: &Type) -> Type {
    let mut ty = ty.clone();
    Normalise.visit_type_mut(&mut ty);
    if let Some(value) = parse::first_argument_mut(&mut ty) {
        bytes_are_one(value);
    }
    ty
}

fn bytes_are_one(ty: &mut Type) {
    if parse::is_bytes(ty) {
        *ty = parse_quote!(Vec<u8>);
    }
}

/// Removes what differs between two writings of one type.
struct Normalise;

impl VisitMut for Normalise {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        loop {
            *ty = match ty {
                Type::Paren(inner) => (*inner.elem).clone(),
                Type::Group(inner) => (*inner.elem).clone(),
                _ => break,
            };
        }
        if let Type::Reference(reference) = ty {
            reference.lifetime = None;
        }
        syn::visit_mut::visit_type_mut(self, ty);
        if let Type::Tuple(tuple) = ty {
            let single = tuple.elems.len() == 1;
            if !single {
                tuple.elems.pop_punct();
            }
        }
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        if is_std(path)
            && let Some(last) = path.segments.pop()
        {
            *path = Path { leading_colon: None, segments: [last.into_value()].into_iter().collect() };
        }
        path.leading_colon = None;
        for segment in &mut path.segments {
            if let PathArguments::AngleBracketed(generics) = &mut segment.arguments {
                generics.colon2_token = None;
                let kept =
                    std::mem::take(&mut generics.args).into_iter().filter(|argument| !matches!(argument, GenericArgument::Lifetime(_)));
                generics.args = kept.collect();
                if generics.args.is_empty() {
                    segment.arguments = PathArguments::None;
                }
            }
        }
        syn::visit_mut::visit_path_mut(self, path);
    }

    fn visit_type_trait_object_mut(&mut self, object: &mut syn::TypeTraitObject) {
        let kept = std::mem::take(&mut object.bounds).into_iter().filter(|bound| !matches!(bound, syn::TypeParamBound::Lifetime(_)));
        object.bounds = kept.collect();
        syn::visit_mut::visit_type_trait_object_mut(self, object);
    }
}

fn is_std(path: &Path) -> bool {
    const ROOTS: [&str; 4] = ["std", "core", "alloc", "bytes"];
    path.segments.len() > 1 && path.segments.first().is_some_and(|root| ROOTS.iter().any(|name| root.ident == name))
}

/// Writes tokens with the spaces that people put into types.
#[derive(Default)]
struct Printer {
    text: String,
    /// No space before the next token, whatever it is.
    glued: bool,
    /// A space even before a bracket: a lifetime or `mut` came last.
    apart: bool,
}

impl Printer {
    fn stream(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.group(group.delimiter(), group.stream()),
                TokenTree::Ident(ident) => self.word(&ident.to_string()),
                TokenTree::Literal(literal) => self.word(&literal.to_string()),
                TokenTree::Punct(punct) => {
                    let mut sign = punct.as_char().to_string();
                    let mut joint = punct.spacing() == Spacing::Joint;
                    // `'` joins the word behind it, `->`, `::` and `..` stay in one piece, and `>>` closes twice.
                    while joint && !matches!(sign.as_str(), "'" | ">" | "<" | "&" | "->" | "::") {
                        let Some(TokenTree::Punct(next)) = tokens.next_if(|next| matches!(next, TokenTree::Punct(_))) else { break };
                        sign.push(next.as_char());
                        joint = next.spacing() == Spacing::Joint;
                    }
                    self.sign(&sign);
                }
            }
        }
    }

    fn group(&mut self, delimiter: Delimiter, inside: TokenStream) {
        if delimiter == Delimiter::None {
            // What `macro_rules!` leaves around its fragments; it is not written.
            return self.stream(inside);
        }
        let (open, close) = match delimiter {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace | Delimiter::None => ("{", "}"),
        };
        if self.apart || self.text.ends_with("->") || self.text.ends_with(['=', '+', ';', ',']) {
            self.space();
        }
        self.apart = false;
        self.text.push_str(open);
        self.glued = true;
        self.stream(inside);
        self.text.push_str(close);
        self.glued = false;
    }

    fn word(&mut self, word: &str) {
        self.space();
        self.apart = word == "mut" || self.text.ends_with('\'');
        self.text.push_str(word);
        self.glued = false;
    }

    fn sign(&mut self, sign: &str) {
        self.apart = false;
        match sign {
            "->" | "=" | "+" => {
                self.space();
                self.text.push_str(sign);
                self.glued = false;
            }
            "," | ":" | ";" | ">" => {
                self.text.push_str(sign);
                self.glued = false;
            }
            "::" | "<" => {
                self.glued_to_word(sign);
            }
            _ => {
                self.space();
                self.text.push_str(sign);
                self.glued = true;
            }
        }
    }

    fn glued_to_word(&mut self, sign: &str) {
        if self.text.ends_with([',', ';', '+', '=']) || self.text.ends_with("->") {
            self.space();
        }
        self.text.push_str(sign);
        self.glued = true;
    }

    fn space(&mut self) {
        if !self.glued && !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sig(text: &str) -> Signature {
        let item: syn::TraitItemFn = syn::parse_str(text).unwrap();
        item.sig
    }

    fn normal_of(text: &str) -> String {
        let sig = sig(text);
        let arguments: Vec<Type> = sig
            .inputs
            .iter()
            .filter_map(|input| match input {
                syn::FnArg::Typed(typed) => Some((*typed.ty).clone()),
                syn::FnArg::Receiver(_) => None,
            })
            .collect();
        let syn::ReturnType::Type(_, result) = &sig.output else { panic!("no result") };
        normal(&arguments, result)
    }

    #[test]
    fn a_signature_is_printed_as_rustfmt_would_write_it() {
        for text in [
            "async fn open(&self, owner: &str) -> Result<Remote<dyn Account>, BankError>",
            "async fn put(&mut self, data: &[u8]) -> Result<(), BankError>",
            "async fn all<'a>(&'a self, of: &'a [(u8, u16)]) -> std::io::Result<HashMap<String, Vec<[u8; 4]>>>",
            "async fn mutable(&self, at: &mut [u8], or: &'static mut (u8, u8), of: &'_ str) -> Result<(), E>",
            "async fn dynamic(&self, it: Remote<dyn Any + Send>) -> Result<Box<dyn Iterator<Item = u8>>, E>",
            "async fn nested(&self) -> Result<Vec<Vec<Vec<u8>>>, ::netref::Error>",
            "async fn r#type(&self, r#fn: fn(u8) -> u16) -> Result<(u8,), E>",
        ] {
            assert_eq!(signature(&sig(&format!("{text};"))), text);
        }
    }

    #[test]
    fn a_signature_loses_attributes_trailing_commas_and_mut() {
        assert_eq!(signature(&sig("async fn f(&self, mut x: u8,) -> R<u8,> { x }")), "async fn f(&self, x: u8) -> R<u8,>");
    }

    #[test]
    fn borrowed_and_owned_arguments_have_one_normal_form() {
        for (one, other) in [
            ("f(&self, a: &str) -> R<u8>", "f(&self, b: String) -> R<u8>"),
            ("f(&self, a: &str) -> R<u8>", "f(&self, b: std::string::String) -> R<u8>"),
            ("f(&self, a: &[u8]) -> R<u8>", "f(&mut self, b: Vec<u8>) -> R<u8>"),
            ("f(&self, a: &[u8]) -> R<u8>", "f(&self, b: Bytes) -> R<u8>"),
            ("f(&self, a: &[u8]) -> R<u8>", "f(&self, b: bytes::Bytes) -> R<u8>"),
            ("f(&self, a: &[u64]) -> R<u8>", "f(&self, b: Vec<u64>) -> R<u8>"),
            ("f(&self, a: &User) -> R<u8>", "f(&self, b: User) -> R<u8>"),
            ("f<'a>(&'a self, a: &'a User) -> R<u8>", "f(&self, b: User,) -> R<u8,>"),
            ("f(&self) -> Result<Vec<u8>, E>", "f(&self) -> ::std::result::Result<bytes::Bytes, E>"),
            ("f(&self, a: Cow<'static, str>) -> R<u8>", "f(&self, a: std::borrow::Cow<str>) -> R<u8>"),
            ("f(&self, a: (u8, u16,)) -> R<u8>", "f(&self, a: ((u8), u16)) -> R<u8>"),
            ("f(&self, a: Remote<dyn A + 'static>) -> R<u8>", "f(&self, a: Remote<dyn A>) -> R<u8>"),
        ] {
            let (one, other) = (normal_of(&format!("async fn {one};")), normal_of(&format!("async fn {other};")));
            assert_eq!(one, other);
            assert_eq!(fingerprint(&one), fingerprint(&other));
        }
    }

    #[test]
    fn what_differs_on_the_wire_differs_in_the_normal_form() {
        let all = [
            "f(&self) -> R<u8>",
            "f(&self) -> R<u16>",
            "f(&self, a: u8) -> R<u8>",
            "f(&self, a: u8, b: u8) -> R<u8>",
            "f(&self, a: (u8, u8)) -> R<u8>",
            "f(&self, a: (u8,)) -> R<u8>",
            "f(&self, a: Option<u8>) -> R<u8>",
            "f(&self, a: Vec<u8>) -> R<u8>",
            "f(&self, a: Option<Vec<u8>>) -> R<u8>",
            "f(&self, a: Option<Bytes>) -> R<u8>",
            "f(&self, a: [u8; 4]) -> R<u8>",
            "f(&self, a: one::Id) -> R<u8>",
            "f(&self, a: two::Id) -> R<u8>",
        ];
        let normals: std::collections::HashSet<String> = all.iter().map(|text| normal_of(&format!("async fn {text};"))).collect();
        assert_eq!(normals.len(), all.len());
    }

    #[test]
    fn the_normal_form_is_the_documented_one() {
        assert_eq!(
            normal_of("async fn open(&self, owner: &str, seal: &[u8]) -> Result<Remote<dyn Account>, BankError>;"),
            "(String, Vec<u8>) -> Result<Remote<dyn Account>, BankError>"
        );
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        // The vectors published with the definition.
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn docs_keep_their_lines() {
        let item: syn::ItemTrait = parse_quote! {
            /// First line.
            ///
            ///   Indented.
            #[doc(hidden)]
            trait T {}
        };
        assert_eq!(docs(&item.attrs), "First line.\n\n  Indented.");
    }
}
