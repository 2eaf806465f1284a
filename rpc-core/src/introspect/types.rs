//! Owns [`Types`], what the types of one method are made of, as a description brings it. It may be a peer's, so every number in it is
//! looked at before it is used.

use serde::{Deserialize, Serialize};

use crate::schema::MethodSchema;
use crate::schema::encoded::SHAPES_MAX;
use crate::schema::render;
use crate::schema::shape::{Fields, Id, Name, Root, Shape, Structure, Variant};

/// What the types of one method are made of: shapes that refer to each other by number, as the page on the wire protocol has them.
///
/// It shows types as Rust source; with the feature `json`, [`MethodInfo`](super::MethodInfo) shows them as JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Types {
    shapes: Vec<Shape>,
    arguments: Vec<Id>,
    value: Id,
    error: Id,
}

impl Types {
    /// The types of a method with so many parameters.
    pub(super) fn of(schema: &MethodSchema, parameters: usize) -> Self {
        let structure = schema.structure();
        if schema.is_long() || structure.shapes.iter().any(|shape| parts_of(shape) > PARTS_MAX) {
            return Self::unknown(parameters, "its types are too many to be told");
        }
        let mut arguments: Vec<Id> = structure.arguments.iter().map(|root| root.id).collect();
        if schema.is_one_tuple()
            && let [all] = arguments[..]
        {
            arguments = structure.shape(all).children();
        }
        if arguments.len() != parameters {
            return Self::unknown(parameters, "its arguments are not known one by one");
        }
        Self { shapes: structure.shapes.clone(), arguments, value: structure.value.id, error: structure.error.id }
    }

    fn unknown(parameters: usize, why: &'static str) -> Self {
        Self { shapes: vec![Shape::opaque(why)], arguments: vec![0; parameters], value: 0, error: 0 }
    }

    /// Of which every argument, the value and the error are the first.
    #[cfg(test)]
    pub(super) fn made_of(shapes: Vec<Shape>, parameters: usize) -> Self {
        Self { shapes, arguments: vec![0; parameters], value: 0, error: 0 }
    }

    /// The type of an argument as Rust source, by its place.
    #[must_use]
    pub fn argument(&self, index: usize) -> Option<String> {
        let structure = self.structure();
        structure.arguments.get(index).map(|root| render::name(&structure, root.id))
    }

    /// The type of what the method returns as Rust source.
    #[must_use]
    pub fn value(&self) -> String {
        let structure = self.structure();
        render::name(&structure, structure.value.id)
    }

    /// The type of the method's own error as Rust source.
    #[must_use]
    pub fn error(&self) -> String {
        let structure = self.structure();
        render::name(&structure, structure.error.id)
    }

    /// A sound graph, whatever a peer wrote: numbers that lead nowhere lead to a shape of which nothing is known.
    pub(crate) fn structure(&self) -> Structure {
        let nowhere = self.shapes.len() as Id;
        let sound = |id: Id| if id < nowhere { id } else { nowhere };
        let mut shapes: Vec<Shape> = self.shapes.iter().map(|shape| shape.map(&mut |id| sound(id))).collect();
        shapes.push(Shape::opaque("its description leads nowhere"));
        let root = |id: Id| Root { id: sound(id), tokens: 0 };
        let arguments = self.arguments.iter().map(|&id| root(id)).collect();
        Structure { shapes, arguments, value: root(self.value), error: root(self.error) }
    }

    /// Why a peer's types break a rule, if they do.
    pub(super) fn broken(&self, parameters: usize) -> Option<&'static str> {
        let count = self.shapes.len();
        let leads = |id: Id| (id as usize) < count;
        if count > SHAPES_MAX {
            return Some("a method has more types than any may have");
        }
        if self.shapes.iter().any(|shape| parts_of(shape) > PARTS_MAX) {
            return Some("a type has more parts than any may have");
        }
        if self.arguments.len() != parameters {
            return Some("a method has another number of types than of parameters");
        }
        let roots = self.arguments.iter().chain([&self.value, &self.error]).all(|&id| leads(id));
        let parts = self.shapes.iter().all(|shape| shape.children().into_iter().all(leads));
        (!(roots && parts)).then_some("a type refers to one that is not there")
    }

    /// What it takes in memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Shape>() * self.shapes.len() + size_of::<Id>() * self.arguments.len() + self.shapes.iter().map(memory_of).sum::<usize>()
    }

    /// About how many bytes it takes on the wire.
    pub(super) fn weight(&self) -> usize {
        self.shapes.iter().map(weight_of).sum::<usize>() + 4 * self.arguments.len()
    }
}

/// The fields, elements and variants of one shape that are told, and taken from a peer.
const PARTS_MAX: usize = 4_096;

fn parts_of(shape: &Shape) -> usize {
    let variants = match shape {
        Shape::Enum(_, variants) => variants.len(),
        _ => 0,
    };
    shape.children().len().max(variants)
}

/// What a shape takes in memory besides itself.
fn memory_of(shape: &Shape) -> usize {
    match shape {
        Shape::Opaque { tokens, why } => tokens.len() + why.len(),
        Shape::Reference(name) => name.len(),
        Shape::Tuple(ids) => size_of::<Id>() * ids.len(),
        Shape::Struct(name, fields) => name.len() + memory_of_fields(fields),
        Shape::Enum(name, variants) => {
            let parts = variants.iter().map(|variant| variant.name.len() + memory_of_fields(&variant.fields));
            name.len() + size_of::<Variant>() * variants.len() + parts.sum::<usize>()
        }
        Shape::Plain(_) | Shape::Option(_) | Shape::Seq(_) | Shape::Map(..) => 0,
    }
}

fn memory_of_fields(fields: &Fields) -> usize {
    match fields {
        Fields::Named(fields) => fields.iter().map(|(name, _)| size_of::<(Name, Id)>() + name.len()).sum(),
        Fields::Tuple(ids) => size_of::<Id>() * ids.len(),
        Fields::Unit | Fields::Newtype(_) => 0,
    }
}

/// About how many bytes a shape takes on the wire.
fn weight_of(shape: &Shape) -> usize {
    let names = match shape {
        Shape::Opaque { tokens, why } => tokens.len() + why.len(),
        Shape::Struct(name, fields) => name.len() + names_of(fields),
        Shape::Enum(name, variants) => {
            name.len() + variants.iter().map(|variant| 4 + variant.name.len() + names_of(&variant.fields)).sum::<usize>()
        }
        Shape::Reference(name) => name.len(),
        _ => 0,
    };
    4 + names + 3 * shape.children().len()
}

fn names_of(fields: &Fields) -> usize {
    match fields {
        Fields::Named(fields) => fields.iter().map(|(name, _)| 2 + name.len()).sum(),
        _ => 0,
    }
}
