//! Owns the associated types of the trait itself: telling `Self::Item` from every other `Self`, and putting the parameter `__Item` in
//! its place, which stands for it wherever there is no `Self`: in the twin, the promises and the bodies.
//! It knows no rule about what such a type may be.

use proc_macro2::Ident;
use syn::{ItemTrait, Type, TypePath, TypeReference, parse_quote, visit_mut::VisitMut};

use crate::{names, parse};

/// The trait's name and the names of its associated types.
pub(crate) struct Own {
    interface: Ident,
    types: Vec<Ident>,
}

/// What follows `Self::`.
pub(crate) enum Projected<'a> {
    /// An associated type of the trait.
    Own(&'a Ident),
    /// Something else: an associated type of a supertrait, or a mistake.
    Foreign(&'a Ident),
}

impl Own {
    pub(crate) fn of(item: &ItemTrait) -> Self {
        let types = item.items.iter().filter_map(|member| match member {
            syn::TraitItem::Type(item) => Some(item.ident.clone()),
            _ => None,
        });
        Self { interface: item.ident.clone(), types: types.collect() }
    }

    /// `Self::Item` and `<Self as Shelf>::Item`; `None` for any other type.
    pub(crate) fn projected<'a>(&self, ty: &'a TypePath) -> Option<Projected<'a>> {
        let segments = &ty.path.segments;
        let (from_trait, name) = match &ty.qself {
            None if segments.len() == 2 && segments[0].ident == "Self" => (true, &segments[1].ident),
            Some(qself) if is_self(&qself.ty) && qself.position + 1 == segments.len() => {
                let of_trait = qself.position.checked_sub(1).is_some_and(|last| segments[last].ident == self.interface);
                (of_trait, &segments[qself.position].ident)
            }
            _ => return None,
        };
        let is_own = from_trait && self.types.contains(name);
        Some(if is_own { Projected::Own(name) } else { Projected::Foreign(name) })
    }

    /// The same tokens with parameters in place of the associated types.
    pub(crate) fn carried(&self) -> Carried<'_> {
        Carried(self)
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(parse::bare(ty), Type::Path(path) if path.path.is_ident("Self"))
}

/// Puts the parameters in place of the associated types.
pub(crate) struct Carried<'a>(&'a Own);

impl Carried<'_> {
    pub(crate) fn ty(mut self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        self.visit_type_mut(&mut ty);
        ty
    }
}

impl VisitMut for Carried<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && let Some(Projected::Own(name)) = self.0.projected(path)
        {
            let parameter = names::associated(name);
            *ty = parse_quote!(#parameter);
            return;
        }
        syn::visit_mut::visit_type_mut(self, ty);
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        self.visit_type_mut(&mut reference.elem);
    }
}
