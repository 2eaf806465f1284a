//! Owns the model: what a value is made of, as a graph of shapes that refer to each other by number, so that a type may contain
//! itself. It knows neither where shapes come from nor where they go. A description of an object brings them as they are (`introspect`), so
//! their names here are names on the wire.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The number of a shape in its graph.
pub(crate) type Id = u32;

/// A name of a field, a variant or a type. Empty when it is not known, which is then not compared.
pub(crate) type Name = Cow<'static, str>;

/// What a value is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// Not known. `tokens` is the type as the user wrote it, when that much is known; `why` never leaves this process.
    Opaque {
        tokens: Name,
        why: Name,
    },
    /// A value without parts.
    Plain(Plain),
    Option(Id),
    Seq(Id),
    Map(Id, Id),
    Tuple(Vec<Id>),
    Struct(Name, Fields),
    Enum(Name, Vec<Variant>),
    /// A reference to an object of this interface; empty for any.
    Reference(Name),
}

/// Values without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Plain {
    Unit = 0,
    Bool = 1,
    U8 = 2,
    U16 = 3,
    U32 = 4,
    U64 = 5,
    U128 = 6,
    I8 = 7,
    I16 = 8,
    I32 = 9,
    I64 = 10,
    I128 = 11,
    F32 = 12,
    F64 = 13,
    Char = 14,
    String = 15,
    Bytes = 16,
    /// Bytes that travel beside the payload.
    Bulk = 17,
}

impl Plain {
    pub(crate) const ALL: [Self; 18] = [
        Self::Unit,
        Self::Bool,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::U128,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::I128,
        Self::F32,
        Self::F64,
        Self::Char,
        Self::String,
        Self::Bytes,
        Self::Bulk,
    ];
}

/// What a struct or a variant holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Fields {
    Unit,
    Newtype(Id),
    Tuple(Vec<Id>),
    Named(Vec<(Name, Id)>),
}

/// One variant of an enum. Its number is its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Variant {
    pub(crate) name: Name,
    pub(crate) fields: Fields,
}

impl Fields {
    pub(crate) fn children(&self) -> Vec<Id> {
        match self {
            Self::Unit => Vec::new(),
            Self::Newtype(id) => vec![*id],
            Self::Tuple(ids) => ids.clone(),
            Self::Named(fields) => fields.iter().map(|(_, id)| *id).collect(),
        }
    }

    pub(crate) fn map(&self, to: &mut impl FnMut(Id) -> Id) -> Self {
        match self {
            Self::Unit => Self::Unit,
            Self::Newtype(id) => Self::Newtype(to(*id)),
            Self::Tuple(ids) => Self::Tuple(ids.iter().map(|id| to(*id)).collect()),
            Self::Named(fields) => Self::Named(fields.iter().map(|(name, id)| (name.clone(), to(*id))).collect()),
        }
    }
}

impl Shape {
    pub(crate) fn opaque(why: impl Into<Name>) -> Self {
        Self::Opaque { tokens: Name::Borrowed(""), why: why.into() }
    }

    /// The shapes that it refers to, in order.
    pub(crate) fn children(&self) -> Vec<Id> {
        match self {
            Self::Opaque { .. } | Self::Plain(_) | Self::Reference(_) => Vec::new(),
            Self::Option(id) | Self::Seq(id) => vec![*id],
            Self::Map(key, value) => vec![*key, *value],
            Self::Tuple(ids) => ids.clone(),
            Self::Struct(_, fields) => fields.children(),
            Self::Enum(_, variants) => variants.iter().flat_map(|variant| variant.fields.children()).collect(),
        }
    }

    /// The same shape with other numbers.
    pub(crate) fn map(&self, to: &mut impl FnMut(Id) -> Id) -> Self {
        match self {
            Self::Opaque { .. } | Self::Plain(_) | Self::Reference(_) => self.clone(),
            Self::Option(id) => Self::Option(to(*id)),
            Self::Seq(id) => Self::Seq(to(*id)),
            Self::Map(key, value) => {
                let key = to(*key);
                Self::Map(key, to(*value))
            }
            Self::Tuple(ids) => Self::Tuple(ids.iter().map(|id| to(*id)).collect()),
            Self::Struct(name, fields) => Self::Struct(name.clone(), fields.map(to)),
            Self::Enum(name, variants) => {
                let variants = variants.iter().map(|variant| Variant { name: variant.name.clone(), fields: variant.fields.map(to) });
                Self::Enum(name.clone(), variants.collect())
            }
        }
    }
}

/// The types of one method: its arguments, its value and its error, over one graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Structure {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) arguments: Vec<Root>,
    pub(crate) value: Root,
    pub(crate) error: Root,
}

/// Where the graph is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) id: Id,
    /// A hash of the type as it was written, in its normal form: what is compared where the structure is not known.
    pub(crate) tokens: u64,
}

impl Structure {
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Root> {
        self.arguments.iter().chain([&self.value, &self.error])
    }

    pub(crate) fn shape(&self, id: Id) -> &Shape {
        &self.shapes[id as usize]
    }
}
