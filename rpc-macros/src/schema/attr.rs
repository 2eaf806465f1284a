//! Owns the reading of `#[serde(…)]` and `#[netref(…)]` on types, variants and fields. It knows what each attribute does to what travels,
//! and takes one that it does not know for a reason to promise nothing.

use proc_macro2::TokenStream;
use syn::{Attribute, Meta, Path, Token, Type, punctuated::Punctuated};

use crate::errors::Errors;

/// Names that serde is told to use.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) own: Option<String>,
    /// `rename_all`.
    pub(crate) all: Option<String>,
    /// `rename_all_fields`.
    pub(crate) all_fields: Option<String>,
}

/// The attributes of a type.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) names: Names,
    pub(crate) transparent: bool,
    /// The type as which it travels.
    pub(crate) stand_in: Option<Type>,
    /// Why nothing is known of it.
    pub(crate) opaque: Option<String>,
    /// Where netref is.
    pub(crate) krate: Option<Path>,
}

/// The attributes of a variant or a field.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) own: Option<String>,
    pub(crate) all: Option<String>,
    pub(crate) skipped: bool,
    pub(crate) flatten: bool,
    pub(crate) untagged: bool,
    pub(crate) opaque: Option<String>,
}

/// One thing that stands in the brackets.
struct Entry {
    key: String,
    meta: Meta,
}

impl Entry {
    fn text(&self) -> Option<String> {
        let Meta::NameValue(pair) = &self.meta else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
        Some(text.value())
    }

    /// `"x"`, or what stands behind `deserialize` in `(serialize = "…", deserialize = "x")`: a reader decides what is understood.
    fn name(&self) -> Option<String> {
        let Meta::List(list) = &self.meta else { return self.text() };
        let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
        let entry = inner.into_iter().find(|meta| meta.path().is_ident("deserialize"))?;
        Self { key: String::new(), meta: entry }.text()
    }

    fn parsed<T: syn::parse::Parse>(&self) -> Option<T> {
        syn::parse_str(&self.text()?).ok()
    }
}

fn entries(attrs: &[Attribute], name: &str, errors: &mut Errors) -> Vec<Entry> {
    let mut found = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        match attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) {
            Ok(metas) => found.extend(metas.into_iter().map(|meta| {
                let key = meta.path().get_ident().map_or_else(String::new, ToString::to_string);
                Entry { key, meta }
            })),
            // What serde cannot read either is its own error to tell.
            Err(error) if name == "netref" => errors.push(error),
            Err(_) => {}
        }
    }
    found
}

fn unknown(key: &str) -> String {
    format!("`#[serde({key})]` may change what travels")
}

impl Container {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        let (mut from, mut into) = (None::<String>, None::<String>);
        for entry in entries(attrs, "serde", errors) {
            match entry.key.as_str() {
                "rename" => read.names.own = entry.name(),
                "rename_all" => read.names.all = entry.name(),
                "rename_all_fields" => read.names.all_fields = entry.name(),
                "transparent" => read.transparent = true,
                "from" | "try_from" => {
                    from = entry.text();
                    read.stand_in = entry.parsed();
                }
                "into" => into = entry.text(),
                // None of these changes what travels.
                "default" | "bound" | "deny_unknown_fields" | "expecting" | "crate" => {}
                "tag" | "content" | "untagged" => {
                    read.opaque =
                        Some(format!("`#[serde({})]`: bincode cannot carry it, and JSON does not know its form beforehand", entry.key));
                }
                other => read.opaque = Some(unknown(other)),
            }
        }
        if from != into {
            read.opaque = Some("`from` and `into` are not the same type, or only one of them is there".to_owned());
        }
        for entry in entries(attrs, "netref", errors) {
            match entry.parsed::<Path>() {
                Some(path) if entry.key == "crate" => read.krate = Some(path),
                _ => errors.at(&entry.meta, "write `crate = \"path::to::netref\"`"),
            }
        }
        read
    }
}

impl Named {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        let mut half = None::<TokenStream>;
        for entry in entries(attrs, "serde", errors) {
            match entry.key.as_str() {
                "rename" => read.own = entry.name(),
                "rename_all" => read.all = entry.name(),
                "skip" => read.skipped = true,
                "skip_serializing" | "skip_deserializing" => {
                    half = match half {
                        // Both together are `skip`.
                        Some(_) => {
                            read.skipped = true;
                            None
                        }
                        None => Some(quote::ToTokens::to_token_stream(&entry.meta)),
                    };
                }
                "flatten" => read.flatten = true,
                "untagged" => read.untagged = true,
                "with" | "serialize_with" | "deserialize_with" | "getter" => {
                    let module = entry.text().unwrap_or_default();
                    read.opaque = Some(format!("`#[serde({} = \"{module}\")]` decides how it travels", entry.key));
                }
                "alias" | "default" | "bound" | "borrow" | "skip_serializing_if" | "other" => {}
                other => read.opaque = Some(unknown(other)),
            }
        }
        if let Some(tokens) = half
            && !read.skipped
        {
            errors.at(tokens, "a part that is only written or only read moves all that follows it: use `#[serde(skip)]`");
        }
        read
    }
}
