//! Owns the rules about the types that may stand in a method: what can be told from their tokens alone.
//! What only the compiler knows, such as a missing `Serialize`, is asked by the `promises` of the expansion.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{
    GenericArgument, Lifetime, PathArguments, ReturnType, Signature, Type, TypeBareFn, TypeImplTrait, TypeInfer, TypePath, TypeReference,
    visit::Visit,
};

use crate::{
    errors::Errors,
    own::{Own, Projected},
    parse,
};

/// The rules about an argument.
pub(crate) fn argument(ty: &Type, own: &Own, errors: &mut Errors) {
    let Type::Reference(reference) = parse::bare(ty) else {
        if let Some(message) = unfit_argument(parse::bare(ty)) {
            errors.at(ty, message);
            return;
        }
        return inside(ty, Position::Argument, own, errors);
    };
    if let Some(token) = &reference.mutability {
        let pointee = text(&reference.elem);
        errors.at_span(
            token.span,
            format!("a remote method cannot write into its caller's memory: take `{pointee}` or `&{pointee}`, and return what changed"),
        );
    }
    if let Some(lifetime) = &reference.lifetime
        && lifetime.ident == "static"
    {
        errors.at(lifetime, format!("nothing that arrives from another process is borrowed for ever: write `&{}`", text(&reference.elem)));
    }
    match parse::bare(&reference.elem) {
        Type::Path(path) if path.path.is_ident("str") => {}
        Type::Path(path) if PLATFORM.iter().any(|name| path.path.segments.last().is_some_and(|last| last.ident == name)) => {
            errors.at(ty, "paths and system strings mean something on one machine only and cannot be borrowed over the wire: take `&str`");
        }
        Type::TraitObject(object) => {
            errors.at(ty, format!("a trait object does not travel by itself: take a reference to it, `Remote<{}>`", text(object)));
        }
        Type::ImplTrait(_) => errors.at(ty, IMPL_ARGUMENT),
        Type::Slice(slice) => inside(&slice.elem, Position::Argument, own, errors),
        other => inside(other, Position::Argument, own, errors),
    }
}

/// Types that no argument can have, with what to write instead.
fn unfit_argument(ty: &Type) -> Option<String> {
    match ty {
        Type::ImplTrait(_) => Some(IMPL_ARGUMENT.to_owned()),
        Type::TraitObject(object) => {
            Some(format!("a trait object does not travel by itself: take a reference to it, `Remote<{}>`", text(object)))
        }
        Type::Ptr(_) => Some("a pointer means nothing in another process: take the value, or `Remote<dyn Trait>`".to_owned()),
        Type::BareFn(_) => {
            Some("a function pointer means nothing in another process: take a callback object, `Remote<dyn Trait>`".to_owned())
        }
        Type::Path(_) => {
            boxed(ty).map(|object| format!("a trait object does not travel by itself: take a reference to it, `Remote<{object}>`"))
        }
        _ => None,
    }
}

/// `dyn Trait` of `Box<dyn Trait>`, `Arc<dyn Trait>` and `Rc<dyn Trait>`.
fn boxed(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    let is_box = ["Box", "Arc", "Rc"].iter().any(|name| last.ident == name);
    match generics.args.first()? {
        GenericArgument::Type(Type::TraitObject(object)) if is_box && generics.args.len() == 1 => Some(text(object)),
        _ => None,
    }
}

/// The rules about a result.
pub(crate) fn result(sig: &Signature, own: &Own, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &sig.output else {
        return errors.at(&sig.ident, format!("a call can fail on the way, so the type has to say it: write `async fn {}(…) -> Result<(), E>` where `E: From<netref::Error>`", sig.ident));
    };
    match parse::bare(ty) {
        Type::Path(path) => {
            let named_result = path.path.segments.last().is_some_and(|last| last.ident.to_string().contains("Result"));
            if !named_result {
                return not_a_result(ty, errors);
            }
            let before = errors.count();
            inside(ty, Position::Result, own, errors);
            if errors.count() > before {
                return;
            }
            if let Some(value) = parse::first_argument_mut(&mut (**ty).clone()) {
                returned_value(value, errors);
            }
        }
        Type::Macro(_) => errors.at(ty, "write the result type out: `Result<T, E>`"),
        Type::ImplTrait(_) if sig.asyncness.is_none() => {
            errors.at(ty, format!("write `async fn {}(…) -> Result<T, E>` instead of a returned future", sig.ident));
        }
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            errors.at(
                ty,
                "the caller has to know the result's type: write `Result<T, E>` with a concrete `T`, or `Result<Remote<dyn Trait>, E>`",
            );
        }
        Type::Reference(_) => errors.at(ty, "a reference cannot be returned from another process: write `Result<T, E>` with an owned `T`"),
        _ => not_a_result(ty, errors),
    }
}

/// Only names are seen here. An alias is known by its name; that it is one of `Result` is asked of the compiler, through `IsResult`.
fn not_a_result(ty: &Type, errors: &mut Errors) {
    if let Some(object) = boxed(parse::bare(ty)) {
        return errors.at(
            ty,
            format!("a call can fail on the way, and a trait object does not travel by itself: return a reference to it, `Result<Remote<{object}>, E>`"),
        );
    }
    let hint = match parse::bare(ty) {
        Type::Path(path) if path.path.segments.last().is_some_and(|last| !STANDARD.iter().any(|name| last.ident == name)) => {
            " (an alias of `Result` has to have `Result` in its name)"
        }
        _ => "",
    };
    errors.at(
        ty,
        format!(
            "a call can fail on the way, so the type has to say it: write `Result<{}, E>` where `E: From<netref::Error>`{hint}",
            text(ty)
        ),
    );
}

fn returned_value(value: &Type, errors: &mut Errors) {
    match parse::bare(value) {
        Type::TraitObject(object) => {
            errors.at(value, format!("a trait object does not travel by itself: return a reference to it, `Remote<{}>`", text(object)))
        }
        Type::Ptr(_) | Type::BareFn(_) => {
            errors.at(value, "a pointer means nothing in another process: return the value, or `Remote<dyn Trait>`")
        }
        other => {
            if let Some(object) = boxed(other) {
                errors.at(value, format!("a trait object does not travel by itself: return a reference to it, `Remote<{object}>`"));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Argument,
    Result,
    /// In a bound or a supertrait, where the compiler says what may be borrowed.
    Bound,
}

/// The rules about what stands inside a type, at any depth.
fn inside(ty: &Type, position: Position, own: &Own, errors: &mut Errors) {
    Inside { position, own: Some(own), errors }.visit_type(ty);
}

/// The rule about `Self` in bounds and supertraits, which have to hold for `dyn Trait` too.
///
/// In bounds the trait's own associated types may be named; a supertrait may not even depend on those.
pub(crate) fn without_self(own: Option<&Own>, errors: &mut Errors, visit: impl FnOnce(&mut Inside<'_>)) {
    visit(&mut Inside { position: Position::Bound, own, errors });
}

/// Tells what may not stand inside a type.
pub(crate) struct Inside<'a> {
    position: Position,
    own: Option<&'a Own>,
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Inside<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let owned = match parse::bare(&reference.elem) {
            Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
            Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
            other => text(other),
        };
        let message = match self.position {
            Position::Argument => format!("only a whole argument can be borrowed, not a part of it: write `{owned}` here"),
            Position::Result => format!("a reference cannot be returned from another process: write `{owned}` here"),
            Position::Bound => return syn::visit::visit_type_reference(self, reference),
        };
        self.errors.at(reference, message);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" && self.position != Position::Bound {
            let message = match self.position {
                Position::Argument => "what arrives from another process borrows nothing: take an owned type, or write `'static` here",
                Position::Result | Position::Bound => {
                    "what comes back from another process borrows nothing: return an owned type, or write `'static` here"
                }
            };
            self.errors.at(lifetime, message);
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.errors.at(ty, "the other side has to know the type beforehand: name a concrete type, or `Remote<dyn Trait>`");
    }

    fn visit_type_path(&mut self, path: &'ast TypePath) {
        match self.own.and_then(|own| own.projected(path)) {
            Some(Projected::Own(_)) => {}
            Some(Projected::Foreign(name)) => {
                let message = format!(
                    "the trait has no associated type `{name}`: write `type {name};` in it, or name the type that a supertrait's `{name}` is"
                );
                self.errors.at(path, message);
            }
            None => syn::visit::visit_type_path(self, path),
        }
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        if ident == "Self" {
            let message = match self.position {
                Position::Bound => {
                    "bounds and supertraits hold for `dyn Trait` too and cannot depend on `Self`: name a concrete type, or make it a parameter of the trait"
                }
                _ => "`Self` is another type on every side: name a concrete type, or `Remote<dyn Trait>` for an object",
            };
            self.errors.at(ident, message);
        }
    }

    fn visit_type_bare_fn(&mut self, _: &'ast TypeBareFn) {
        // Its references and lifetimes are not values; that it cannot be serialised is told by the bound on arguments and results.
    }

    fn visit_type_infer(&mut self, ty: &'ast TypeInfer) {
        self.errors.at(ty, "the type has to be written out here");
    }

    fn visit_expr(&mut self, _: &'ast syn::Expr) {}
}

/// Tokens as people write them.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    crate::text::print(tokens.into_token_stream())
}

const IMPL_ARGUMENT: &str = "the other side has to know the type beforehand: name a concrete type, or take `Remote<dyn Trait>`";

/// Borrowed types whose owned form is a matter of the platform.
const PLATFORM: [&str; 3] = ["Path", "OsStr", "CStr"];

/// Types that nobody takes for an alias of `Result`.
const STANDARD: [&str; 31] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "bool", "char", "String", "Vec",
    "Option", "Box", "Arc", "Rc", "Cow", "HashMap", "HashSet", "BTreeMap", "BTreeSet", "VecDeque", "Bytes", "Duration", "Remote",
];
