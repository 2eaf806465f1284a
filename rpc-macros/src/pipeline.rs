//! Owns `#[derive(Pipeline)]`: from a struct to the struct of the promises of its references. It knows nothing of traits or methods.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Data, DeriveInput, Field, Fields, GenericArgument, GenericParam, Generics, Lifetime, PathArguments, Token, Type, TypeParamBound,
    WherePredicate, ext::IdentExt, parse_quote, punctuated::Punctuated, visit::Visit,
};

use crate::schema::attr::{Container, Named};
use crate::{errors::Errors, names};

type Bounds = Punctuated<TypeParamBound, Token![+]>;

/// A field that there is a promise of, with its number where serde gives it one.
struct Promised<'a> {
    field: &'a Field,
    number: Option<u32>,
}

/// The whole of `#[derive(Pipeline)]`.
pub(crate) fn derive(tokens: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(tokens) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let container = Container::read(&input.attrs, &mut errors);
    if container.opaque.is_some() || container.stand_in.is_some() {
        errors.at(&input.ident, "`Pipeline` follows the fields as they are written; a struct that travels as something else has none");
    }
    let Data::Struct(data) = &input.data else {
        errors.at(&input.ident, "`Pipeline` is for structs: which variant an enum will be is known only with the result");
        return errors.into_tokens();
    };
    let promised = promised(&data.fields, &container, &mut errors);
    if promised.is_empty() && errors.count() == 0 {
        let text = "no field is a reference, so there is nothing to promise: a field of type `Remote`, `AnyRemote` or `RemoteFn` is one, \
                    and one with `#[pipeline]` is a struct that has some";
        errors.at(&input.ident, text);
    }
    if errors.count() > 0 {
        return errors.into_tokens();
    }
    expand(&input, &data.fields, &promised, &names::public(container.krate.as_ref(), Span::call_site()))
}

fn promised<'a>(fields: &'a Fields, container: &Container, errors: &mut Errors) -> Vec<Promised<'a>> {
    let mut kept = Vec::new();
    for field in fields {
        let named = Named::read(&field.attrs, errors);
        if !named.skipped {
            kept.push((field, named));
        }
    }
    // serde writes these as what is in them.
    let is_bare = container.transparent || (matches!(fields, Fields::Unnamed(_)) && fields.len() == 1);
    let mut promised = Vec::new();
    for (number, (field, named)) in (0..).zip(&kept) {
        let marked = field.attrs.iter().any(|attr| attr.path().is_ident("pipeline"));
        if !marked && !is_reference(&field.ty) {
            continue;
        }
        if named.opaque.is_some() || named.flatten {
            errors.at(field, "an attribute of serde decides how this field travels, so there is no promise of it");
        }
        promised.push(Promised { field, number: (!is_bare).then_some(number) });
    }
    promised
}

/// Whether a type is a reference by its name, or an Option of one.
fn is_reference(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    if last.ident == "Option"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
    {
        return arguments.args.iter().any(|argument| matches!(argument, GenericArgument::Type(inner) if is_reference(inner)));
    }
    ["Remote", "AnyRemote", "RemoteFn"].iter().any(|name| last.ident == name)
}

fn expand(input: &DeriveInput, fields: &Fields, promised: &[Promised<'_>], public: &TokenStream) -> TokenStream {
    let (ident, visibility) = (&input.ident, &input.vis);
    let promise: Ident = format_ident!("{}Promise", ident.unraw(), span = ident.span());
    let of_promise = mentioned(&input.generics, promised);
    let (kept, kept_arguments, kept_condition) = of_promise.split_for_impl();
    let (before, arguments, _) = input.generics.split_for_impl();
    let mut bounds = input.generics.clone();
    bounds.make_where_clause().predicates.push(parse_quote!(Self: #public::__private::serde::Serialize + ::core::marker::Send + 'static));
    let condition = &bounds.where_clause;
    let types: Vec<TokenStream> = promised
        .iter()
        .map(|Promised { field, .. }| {
            let ty = &field.ty;
            quote!(<#ty as #public::Pipeline>::Promise)
        })
        .collect();
    let places: Vec<TokenStream> = promised
        .iter()
        .map(|Promised { field, number }| {
            let ty = &field.ty;
            match number {
                Some(number) => quote!(<#ty as #public::Pipeline>::promised(&#public::__private::At::field(at, #number))),
                None => quote!(<#ty as #public::Pipeline>::promised(at)),
            }
        })
        .collect();
    let visibilities: Vec<_> = promised.iter().map(|Promised { field, .. }| &field.vis).collect();
    let docs: Vec<String> = promised
        .iter()
        .map(|Promised { field, .. }| match &field.ident {
            Some(name) => format!("The promise of `{}`.", name.unraw()),
            None => "The promise of a field.".to_owned(),
        })
        .collect();
    let title = format!("The promises of the references in a [`{}`].", ident.unraw());
    let (definition, value) = match fields {
        Fields::Named(_) => {
            let idents: Vec<_> = promised.iter().map(|Promised { field, .. }| &field.ident).collect();
            let definition = quote! {
                #visibility struct #promise #kept #kept_condition { #(#[doc = #docs] #visibilities #idents: #types),* }
            };
            (definition, quote!(#promise { #(#idents: #places),* }))
        }
        _ => {
            let definition = quote! {
                #visibility struct #promise #kept (#(#[doc = #docs] #visibilities #types),*) #kept_condition;
            };
            (definition, quote!(#promise(#(#places),*)))
        }
    };
    let derived = if of_promise.type_params().next().is_none() { quote!(#[derive(Clone, Debug)]) } else { quote!() };
    quote! {
        #[doc = #title]
        #derived
        #definition

        impl #before #public::Pipeline for #ident #arguments #condition {
            type Promise = #promise #kept_arguments;

            fn promised(at: &#public::__private::At) -> Self::Promise {
                #value
            }
        }
    }
}

/// The parameters that the promised fields mention, with what is asked of those alone: the promises have no others.
fn mentioned(generics: &Generics, promised: &[Promised<'_>]) -> Generics {
    let mut fields = Mentions::default();
    promised.iter().for_each(|promised| fields.visit_type(&promised.field.ty));
    let all: Vec<String> = generics.params.iter().map(name).collect();
    let is_kept = |mentions: &Mentions| all.iter().all(|name| fields.0.contains(name) || !mentions.0.contains(name));
    let mut kept = generics.clone();
    kept.params = kept.params.into_iter().filter(|param| fields.0.contains(&name(param))).collect();
    let only_kept = |bounds: &mut Bounds| {
        let all = std::mem::take(bounds).into_iter();
        *bounds = all.filter(|bound| is_kept(&Mentions::of(|mentions| mentions.visit_type_param_bound(bound)))).collect();
    };
    for param in &mut kept.params {
        if let GenericParam::Type(param) = param {
            only_kept(&mut param.bounds);
        }
    }
    if let Some(clause) = &mut kept.where_clause {
        for predicate in std::mem::take(&mut clause.predicates) {
            let concerns = match &predicate {
                WherePredicate::Type(typed) => Mentions::of(|mentions| mentions.visit_type(&typed.bounded_ty)),
                other => Mentions::of(|mentions| mentions.visit_where_predicate(other)),
            };
            if is_kept(&concerns) && !concerns.0.iter().any(|name| name == "Self") {
                clause.predicates.push(predicate);
            }
        }
        for predicate in &mut clause.predicates {
            if let WherePredicate::Type(typed) = predicate {
                only_kept(&mut typed.bounds);
            }
        }
    }
    kept
}

fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
        GenericParam::Lifetime(param) => format!("'{}", param.lifetime.ident),
    }
}

/// The names in a piece of code.
#[derive(Default)]
struct Mentions(Vec<String>);

impl Mentions {
    fn of(visit: impl FnOnce(&mut Self)) -> Self {
        let mut mentions = Self::default();
        visit(&mut mentions);
        mentions
    }
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.0.push(ident.to_string());
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.0.push(format!("'{}", lifetime.ident));
    }
}
