//! Owns `#[derive(Schema)]`: from a type and its serde attributes to the structure that serde makes of it. It knows nothing of traits
//! or methods. What serde leaves to code of the user's is opaque, and says why.

pub(crate) mod attr;
mod case;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Data, DeriveInput, Field, Fields, GenericParam, Ident, Type, ext::IdentExt, spanned::Spanned};

use self::attr::{Container, Named};
use crate::{errors::Errors, names, text};

/// The whole of `#[derive(Schema)]`.
pub(crate) fn derive(tokens: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(tokens) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let container = Container::read(&input.attrs, &mut errors);
    let public = names::public(container.krate.as_ref(), Span::call_site());
    let types = Ident::new("types", Span::mixed_site());
    let is_generic = input.generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_)));
    let writer = Writer { public: &public, types: &types, is_generic };
    let body = writer.body(&input, &container, &mut errors);
    for param in input.generics.lifetimes() {
        errors.at(param, "what arrives from another process borrows nothing: use owned types");
    }
    if errors.count() > 0 {
        return errors.into_tokens();
    }
    let implementation = writer.implementation(&input, &body);
    quote! {
        #[allow(unused_imports, deprecated, clippy::needless_borrow, clippy::type_complexity)]
        const _: () = {
            use #public::__private::{ByDerive as _, ByNothing as _, ByTrace as _};
            #implementation
        };
    }
}

struct Writer<'a> {
    public: &'a TokenStream,
    types: &'a Ident,
    /// Whether the source names parameters, which it does alike whatever they stand for.
    is_generic: bool,
}

impl Writer<'_> {
    fn implementation(&self, input: &DeriveInput, body: &TokenStream) -> TokenStream {
        let Self { public, types, .. } = self;
        let mut generics = input.generics.clone();
        for param in &mut generics.params {
            if let GenericParam::Type(param) = param {
                param.bounds.push(syn::parse_quote!(#public::Schema));
            }
        }
        let ident = &input.ident;
        let (before, _, condition) = generics.split_for_impl();
        let (_, arguments, _) = input.generics.split_for_impl();
        quote! {
            impl #before #public::Schema for #ident #arguments #condition {
                fn schema(#types: &mut #public::schema::Types) -> #public::schema::TypeId {
                    #body
                }
            }
        }
    }

    fn body(&self, input: &DeriveInput, container: &Container, errors: &mut Errors) -> TokenStream {
        let tokens = input.ident.unraw().to_string();
        if let Some(why) = container.opaque.as_ref().map(ToString::to_string).or_else(|| hidden(&input.data)) {
            return self.opaque(&tokens, None, &why);
        }
        if let Some(stand_in) = &container.stand_in {
            return self.probe(stand_in);
        }
        let (public, types) = (self.public, self.types);
        let name = container.names.own.clone().unwrap_or(tokens);
        match &input.data {
            Data::Struct(data) if container.transparent => {
                let kept = kept(&data.fields, errors);
                match kept.as_slice() {
                    [(field, named)] => self.field(field, named),
                    _ => self.opaque(&name, None, "`#[serde(transparent)]` with other than one field"),
                }
            }
            Data::Struct(data) => {
                let fields = match &data.fields {
                    // serde writes and reads the one field of a newtype even if it is to be skipped.
                    Fields::Unnamed(all) if all.unnamed.len() == 1 => {
                        let field = self.field(&all.unnamed[0], &Named::read(&all.unnamed[0].attrs, errors));
                        quote!(#public::schema::FieldList::Newtype(#field))
                    }
                    fields => self.fields(fields, container.names.all.as_deref(), errors),
                };
                quote!(#types.structure::<Self>(#name, |#types| #fields))
            }
            Data::Enum(data) => {
                let variants =
                    data.variants.iter().map(|variant| (variant, Named::read(&variant.attrs, errors))).filter(|(_, named)| !named.skipped);
                let variants: Vec<_> = variants.collect();
                let variants = variants.iter().map(|(variant, named)| {
                    let plain = variant.ident.unraw().to_string();
                    let name = named.own.clone().unwrap_or_else(|| case::variant(&plain, container.names.all.as_deref()));
                    let rule = named.all.as_deref().or(container.names.all_fields.as_deref());
                    let fields = match &named.opaque {
                        Some(why) => {
                            let opaque = self.opaque(&plain, None, why);
                            quote!(#public::schema::FieldList::Newtype(#opaque))
                        }
                        None => self.fields(&variant.fields, rule, errors),
                    };
                    quote!((#name, #fields))
                });
                let variants: Vec<_> = variants.collect();
                quote!(#types.enumeration::<Self>(#name, |#types| ::std::vec![#(#variants),*]))
            }
            Data::Union(data) => {
                errors.at(data.union_token, "a union has no structure that serde knows");
                self.opaque(&name, None, "a union")
            }
        }
    }

    fn fields(&self, fields: &Fields, rule: Option<&str>, errors: &mut Errors) -> TokenStream {
        let public = self.public;
        let list = quote!(#public::schema::FieldList);
        let kept = kept(fields, errors);
        let written = kept.iter().map(|(field, named)| self.field(field, named));
        match fields {
            Fields::Unit => quote!(#list::Unit),
            // A newtype is one by how it is written, not by what is left of it; of a variant nothing is left.
            Fields::Unnamed(all) if all.unnamed.len() == 1 && kept.is_empty() => quote!(#list::Unit),
            Fields::Unnamed(all) if all.unnamed.len() == 1 => quote!(#list::Newtype(#(#written)*)),
            Fields::Unnamed(_) => quote!(#list::Tuple(::std::vec![#(#written),*])),
            Fields::Named(_) => {
                let names = kept.iter().map(|(field, named)| {
                    let plain = field.ident.as_ref().map_or_else(String::new, |ident| ident.unraw().to_string());
                    named.own.clone().unwrap_or_else(|| case::field(&plain, rule))
                });
                quote!(#list::Named(::std::vec![#((#names, #written)),*]))
            }
        }
    }

    fn field(&self, field: &Field, named: &Named) -> TokenStream {
        match &named.opaque {
            Some(why) => self.opaque(&printed(&field.ty), Some(&field.ty), why),
            None => self.probe(&field.ty),
        }
    }

    fn probe(&self, ty: &Type) -> TokenStream {
        let (public, types) = (self.public, self.types);
        let tokens = printed(ty);
        quote_spanned!(names::at(ty.span())=> (&&&#public::__private::Probe::<#ty>::new(#tokens)).shape(#types))
    }

    /// A part of this type, or the type itself.
    fn opaque(&self, tokens: &str, part: Option<&Type>, why: &str) -> TokenStream {
        let types = self.types;
        match part {
            _ if !self.is_generic => quote!(#types.opaque(#tokens, #why)),
            Some(ty) => quote!(#types.opaque_instance::<#ty>(#why)),
            None => quote!(#types.opaque_instance::<Self>(#why)),
        }
    }
}

fn printed(ty: &Type) -> String {
    text::print(ty.to_token_stream())
}

/// The fields that travel.
fn kept<'a>(fields: &'a Fields, errors: &mut Errors) -> Vec<(&'a Field, Named)> {
    fields.iter().map(|field| (field, Named::read(&field.attrs, errors))).filter(|(_, named)| !named.skipped).collect()
}

/// What makes a whole type opaque although it is an attribute of a part of it.
fn hidden(data: &Data) -> Option<String> {
    let mut ignored = Errors::default();
    match data {
        Data::Struct(data) => flattened(&data.fields),
        Data::Enum(data) => {
            let read: Vec<Named> = data.variants.iter().map(|variant| Named::read(&variant.attrs, &mut ignored)).collect();
            if data.variants.iter().any(|variant| flattened(&variant.fields).is_some()) {
                return Some("`#[serde(flatten)]` makes a map of it".to_owned());
            }
            if read.iter().any(|named| named.untagged) {
                return Some("`#[serde(untagged)]`: what it holds is guessed".to_owned());
            }
            let first = read.iter().position(|named| named.skipped)?;
            read[first..].iter().any(|named| !named.skipped).then(|| {
                "a skipped variant before others: serde counts it when it writes and not when it reads, so move it to the end".to_owned()
            })
        }
        Data::Union(_) => None,
    }
}

fn flattened(fields: &Fields) -> Option<String> {
    let mut ignored = Errors::default();
    let flat = fields.iter().any(|field| Named::read(&field.attrs, &mut ignored).flatten);
    flat.then(|| "`#[serde(flatten)]` makes a map of it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(item: &str) -> String {
        derive(item.parse().unwrap()).to_string()
    }

    #[test]
    fn names_are_those_that_serde_writes() {
        let text = written(
            "#[serde(rename_all = \"camelCase\", rename = \"Bill\")] struct Order { unit_price: u32, #[serde(rename = \"n\")] count: u8, #[serde(skip)] cache: u8 }",
        );
        assert!(text.contains("\"Bill\"") && text.contains("\"unitPrice\"") && text.contains("\"n\"") && !text.contains("cache"), "{text}");
    }

    #[test]
    fn what_serde_leaves_to_others_is_opaque() {
        for item in [
            "#[serde(untagged)] enum A { B }",
            "#[serde(tag = \"t\")] enum A { B }",
            "#[serde(from = \"u8\")] struct A(u8);",
            "struct A { #[serde(flatten)] b: B }",
            "struct A { #[serde(with = \"m\")] b: B }",
            "enum A { #[serde(skip)] B, C }",
            "#[serde(something_new)] struct A;",
        ] {
            assert!(written(item).contains("opaque"), "{item}");
        }
        for item in [
            "enum A { B, #[serde(skip)] C }",
            "#[serde(from = \"u8\", into = \"u8\")] struct A(u8);",
            "#[serde(default)] struct A { b: u8 }",
        ] {
            assert!(!written(item).contains("opaque"), "{item}");
        }
    }

    #[test]
    fn what_is_written_and_not_read_is_an_error() {
        assert!(written("struct A { #[serde(skip_serializing)] b: u8 }").contains("compile_error"));
    }
}
