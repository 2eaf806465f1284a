//! Owns [`Types`], the shapes of one method while they are collected. A type is added once, however often it is met, which is also what
//! lets a type contain itself.

use std::any;
use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::Schema;
use super::encoded::SHAPES_MAX;
use super::named;
use super::shape::{Fields, Id, Name, Plain, Root, Shape, Structure, Variant};

/// Names a type inside [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(pub(super) Id);

/// What a struct or a variant holds.
#[derive(Clone, Debug)]
pub enum FieldList {
    /// Nothing.
    Unit,
    /// One value without a name.
    Newtype(TypeId),
    /// Values without names.
    Tuple(Vec<TypeId>),
    /// Values with names, in the order in which they are written.
    Named(Vec<(&'static str, TypeId)>),
}

/// The types of one method. A [`Schema`] adds itself to it.
#[derive(Debug, Default)]
pub struct Types {
    shapes: Vec<Shape>,
    known: HashMap<any::TypeId, Id>,
}

impl Types {
    /// Adds another type.
    pub fn of<T: Schema>(&mut self) -> TypeId {
        T::schema(self)
    }

    /// Adds `T` as what its `Deserialize` shows of it.
    pub fn traced<T: DeserializeOwned + 'static>(&mut self) -> TypeId {
        let key = any::TypeId::of::<Traced<T>>();
        if let Some(&id) = self.known.get(&key) {
            return TypeId(id);
        }
        let (shapes, root) = super::trace::trace::<T>(SHAPES_MAX.saturating_sub(self.shapes.len()));
        let offset = self.shapes.len() as Id;
        self.shapes.extend(shapes.iter().map(|shape| shape.map(&mut |id| id + offset)));
        self.known.insert(key, root + offset);
        TypeId(root + offset)
    }

    /// Adds a struct. `T` is the type itself, and `fields` is asked for its fields once.
    pub fn structure<T: 'static>(&mut self, name: &'static str, fields: impl FnOnce(&mut Self) -> FieldList) -> TypeId {
        self.named::<T>(|types| Shape::Struct(Name::Borrowed(name), fields(types).into()))
    }

    /// Adds an enum. `T` is the type itself, and `variants` is asked for its variants once, in the order of their numbers.
    pub fn enumeration<T: 'static>(
        &mut self,
        name: &'static str,
        variants: impl FnOnce(&mut Self) -> Vec<(&'static str, FieldList)>,
    ) -> TypeId {
        self.named::<T>(|types| {
            let variants = variants(types).into_iter();
            let variants = variants.map(|(name, fields)| Variant { name: Name::Borrowed(name), fields: fields.into() });
            Shape::Enum(Name::Borrowed(name), variants.collect())
        })
    }

    /// Adds a place of which nothing is known but the type as it was written, and the reason, for people.
    pub fn opaque(&mut self, tokens: &'static str, why: &'static str) -> TypeId {
        self.add(Shape::Opaque { tokens: Name::Borrowed(tokens), why: Name::Borrowed(why) })
    }

    /// The same for a type whose source names parameters: they are told as what they stand for.
    #[doc(hidden)]
    pub fn opaque_instance<T: ?Sized>(&mut self, why: &'static str) -> TypeId {
        self.add(Shape::Opaque { tokens: Name::Owned(named::short::<T>()), why: Name::Borrowed(why) })
    }

    /// A type that may contain itself: its number is known before its parts are.
    fn named<T: 'static>(&mut self, shape: impl FnOnce(&mut Self) -> Shape) -> TypeId {
        let key = any::TypeId::of::<T>();
        if let Some(&id) = self.known.get(&key) {
            return TypeId(id);
        }
        let TypeId(id) = self.add(Shape::opaque("too many types"));
        if self.is_full() {
            return TypeId(id);
        }
        self.known.insert(key, id);
        let shape = shape(self);
        self.shapes[id as usize] = shape;
        TypeId(id)
    }

    pub(super) fn add(&mut self, shape: Shape) -> TypeId {
        let id = self.shapes.len() as Id;
        self.shapes.push(shape);
        TypeId(id)
    }

    pub(super) fn plain(&mut self, plain: Plain) -> TypeId {
        self.add(Shape::Plain(plain))
    }

    /// From here on everything that could go on is opaque: a type that makes ever new types of itself has no end.
    fn is_full(&self) -> bool {
        self.shapes.len() >= SHAPES_MAX
    }

    pub(super) fn into_shapes(self) -> Vec<Shape> {
        self.shapes
    }

    pub(super) fn describe(&self, TypeId(id): TypeId) -> String {
        let root = Root { id, tokens: 0 };
        let structure = Structure { shapes: self.shapes.clone(), arguments: Vec::new(), value: root, error: root };
        super::render::declaration(&structure, id)
    }
}

/// A type that was traced, as a key beside the type itself.
struct Traced<T>(std::marker::PhantomData<T>);

impl From<FieldList> for Fields {
    fn from(fields: FieldList) -> Self {
        match fields {
            FieldList::Unit => Self::Unit,
            FieldList::Newtype(TypeId(id)) => Self::Newtype(id),
            FieldList::Tuple(ids) => Self::Tuple(ids.into_iter().map(|TypeId(id)| id).collect()),
            FieldList::Named(fields) => Self::Named(fields.into_iter().map(|(name, TypeId(id))| (Name::Borrowed(name), id)).collect()),
        }
    }
}
