//! Owns the options: what may stand inside `#[remote(…)]` on a trait or a method, and `#[idempotent]`.
//! It knows nothing of signatures. Unknown, repeated and contradicting options are told here.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token, parse::Parser, punctuated::Punctuated, spanned::Spanned};

use crate::{errors::Errors, model::Options};

/// What `#[remote(…)]` on a trait says.
#[derive(Default)]
pub(crate) struct TraitOptions {
    /// The name on the wire.
    pub(crate) name: Option<String>,
    /// Where netref is.
    pub(crate) krate: Option<Path>,
}

/// Reads the options of a trait: the tokens between the parentheses of `#[remote(…)]`.
pub(crate) fn of_trait(tokens: TokenStream, errors: &mut Errors) -> TraitOptions {
    let mut options = TraitOptions::default();
    let mut seen = Seen::default();
    for option in list(tokens, errors) {
        let Some(key) = seen.key(&option, errors) else { continue };
        match key.as_str() {
            "name" => options.name = name(&option, errors),
            "crate" => options.krate = krate(&option, errors),
            "idempotent" => {
                errors.at(&option, "`idempotent` belongs to a method: write `#[idempotent]` above each method that may run twice")
            }
            "spawn" | "blocking" | "no_cancel" => {
                errors.at(&option, format!("`{key}` belongs to a method: write `#[remote({key})]` above the method"))
            }
            _ => {
                errors.at(option.path(), format!("unknown option `{key}`: on a trait `#[remote]` takes `name = \"…\"` and `crate = \"…\"`"))
            }
        }
    }
    let is_netref = options.krate.as_ref().is_some_and(|krate| krate.is_ident("crate"));
    if !is_netref && options.name.as_ref().is_some_and(|name| name.starts_with(OURS)) {
        errors.at_span(
            seen.span("name"),
            format!("names that begin with `{OURS}` are those of netref's own interfaces, which every object answers: choose another name"),
        );
    }
    options
}

/// The start of the names of netref's own interfaces. A session answers calls to them itself.
const OURS: &str = "netref.";

/// Takes our attributes out of those of a method and reads them.
pub(crate) fn of_method(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let mut seen = Seen::default();
    for attr in take(attrs) {
        if is_idempotent(&attr) {
            idempotent(&attr, &mut seen, &mut options, errors);
            continue;
        }
        for option in method_list(&attr, errors) {
            if let Some(key) = seen.key(&option, errors) {
                method_option(&key, &option, &mut options, errors);
            }
        }
    }
    if options.spawn && options.blocking {
        let span = seen.span("spawn");
        errors
            .at_span(span, "`spawn` and `blocking` exclude each other: `blocking` already keeps the method off the reader, remove `spawn`");
    }
    options
}

/// Whether the attribute is one of ours: `#[remote…]`, by whatever path, or `#[idempotent]`.
fn is_ours(attr: &Attribute) -> bool {
    is_idempotent(attr) || attr.path().segments.last().is_some_and(|last| last.ident == "remote")
}

fn is_idempotent(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == "idempotent")
}

fn take(attrs: &mut Vec<Attribute>) -> Vec<Attribute> {
    let (ours, users) = std::mem::take(attrs).into_iter().partition(is_ours);
    *attrs = users;
    ours
}

fn idempotent(attr: &Attribute, seen: &mut Seen, options: &mut Options, errors: &mut Errors) {
    match &attr.meta {
        Meta::Path(_) if seen.first("idempotent", attr.span()) => options.idempotent = true,
        Meta::Path(_) => errors.at(attr, "`idempotent` is given twice: remove one"),
        _ => errors.at(&attr.meta, "`#[idempotent]` takes no options: write it alone"),
    }
}

fn method_list(attr: &Attribute, errors: &mut Errors) -> Vec<Meta> {
    const TAKES: &str = "on a method `#[remote(…)]` takes `name = \"…\"`, `spawn`, `blocking` and `no_cancel`";
    match &attr.meta {
        Meta::List(inside) => list(inside.tokens.clone(), errors),
        _ => {
            errors
                .at(&attr.meta, format!("{TAKES}: write at least one, or remove the attribute (every method of a remote trait is remote)"));
            Vec::new()
        }
    }
}

fn method_option(key: &str, option: &Meta, options: &mut Options, errors: &mut Errors) {
    match key {
        "name" => options.name = name(option, errors),
        "spawn" => options.spawn = flag(key, option, errors),
        "blocking" => options.blocking = flag(key, option, errors),
        "no_cancel" => options.no_cancel = flag(key, option, errors),
        "idempotent" => errors.at(option, "`idempotent` is an attribute of its own: write `#[idempotent]`"),
        "crate" => errors.at(option, "`crate` belongs to the trait: write `#[remote(crate = \"…\")]` above the trait"),
        _ => errors.at(
            option.path(),
            format!("unknown option `{key}`: on a method `#[remote(…)]` takes `name = \"…\"`, `spawn`, `blocking` and `no_cancel`"),
        ),
    }
}

fn list(tokens: TokenStream, errors: &mut Errors) -> Vec<Meta> {
    // `crate` is a keyword, which syn's own `Meta` parser takes for a path and accepts.
    match Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens) {
        Ok(options) => options.into_iter().collect(),
        Err(error) => {
            errors.at_span(error.span(), format!("{error}: options look like `name = \"…\"` or `spawn`, separated by commas"));
            Vec::new()
        }
    }
}

fn flag(key: &str, option: &Meta, errors: &mut Errors) -> bool {
    let alone = matches!(option, Meta::Path(_));
    if !alone {
        errors.at(option, format!("`{key}` takes no value: write `{key}` alone"));
    }
    alone
}

fn name(option: &Meta, errors: &mut Errors) -> Option<String> {
    let Some(text) = string(option) else {
        errors.at(option, "a name is a string: write `name = \"…\"`");
        return None;
    };
    let value = text.value();
    let visible = !value.is_empty() && value.len() <= 128 && !value.chars().any(|c| c.is_control() || c.is_whitespace());
    if !visible {
        errors.at(&text, "a name is 1 to 128 bytes long, without spaces: write for example `name = \"bank.v1\"`");
        return None;
    }
    Some(value)
}

fn krate(option: &Meta, errors: &mut Errors) -> Option<Path> {
    let path = match option {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Path(path) if path.qself.is_none() => Some(path.path.clone()),
            _ => string(option).and_then(|text| text.parse_with(Path::parse_mod_style).ok()),
        },
        _ => None,
    };
    if path.is_none() {
        errors.at(option, "`crate` says where netref is: write a path, for example `crate = \"rpc\"`");
    }
    path
}

fn string(option: &Meta) -> Option<LitStr> {
    match option {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Which options stood where, to find those given twice.
#[derive(Default)]
struct Seen {
    places: HashMap<String, Span>,
}

impl Seen {
    /// The option's name, unless it was given before.
    fn key(&mut self, option: &Meta, errors: &mut Errors) -> Option<String> {
        let Some(key) = option.path().get_ident().map(ToString::to_string) else {
            errors.at(option.path(), "an option is a single word, such as `name` or `spawn`");
            return None;
        };
        if self.first(&key, option.span()) {
            return Some(key);
        }
        errors.at(option, format!("`{key}` is given twice: remove one"));
        None
    }

    fn first(&mut self, key: &str, span: Span) -> bool {
        self.places.insert(key.to_owned(), span).is_none()
    }

    fn span(&self, key: &str) -> Span {
        self.places.get(key).copied().unwrap_or_else(Span::call_site)
    }
}
