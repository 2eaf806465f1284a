//! Owns the bytes of a structure, as they travel in a definition and as fingerprints are taken of them. What arrives is bounded: by its
//! bytes, by the number of shapes, and by the length of names; nothing is claimed before it is there.
//!
//! | part | bytes |
//! | --- | --- |
//! | structure | varint count of shapes, the shapes, varint count of arguments, the roots of the arguments, of the value, of the error |
//! | root | varint number of a shape, u64le hash of the type as it was written |
//! | name | varint length, UTF-8 |
//! | fields | 0 unit; 1 newtype, shape; 2 tuple, list of shapes; 3 named, list of (name, shape) |
//! | shape | 0 to 17 plain, in the order of `Plain`; 32 opaque, name; 33 option, shape; 34 seq, shape; 35 map, key, value; 36 tuple, list; 37 struct, name, fields; 38 enum, name, list of (name, fields); 39 reference, name |

use super::shape::{Fields, Id, Name, Plain, Root, Shape, Structure, Variant};
use crate::wire::{NAME_MAX, put_varint};

/// Shapes in a structure that is taken from a peer or made here. A method with a thousand different types is not met in practice.
pub(crate) const SHAPES_MAX: usize = 2_048;

mod tag {
    pub(super) const OPAQUE: u8 = 32;
    pub(super) const OPTION: u8 = 33;
    pub(super) const SEQ: u8 = 34;
    pub(super) const MAP: u8 = 35;
    pub(super) const TUPLE: u8 = 36;
    pub(super) const STRUCT: u8 = 37;
    pub(super) const ENUM: u8 = 38;
    pub(super) const REFERENCE: u8 = 39;
}

pub(crate) fn encode(structure: &Structure) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, structure.shapes.len() as u64);
    structure.shapes.iter().for_each(|shape| put_shape(&mut out, shape));
    put_varint(&mut out, structure.arguments.len() as u64);
    for root in structure.roots() {
        put_varint(&mut out, root.id.into());
        out.extend_from_slice(&root.tokens.to_le_bytes());
    }
    out
}

fn put_shape(out: &mut Vec<u8>, shape: &Shape) {
    match shape {
        Shape::Plain(plain) => out.push(*plain as u8),
        Shape::Opaque { tokens, .. } => {
            out.push(tag::OPAQUE);
            put_name(out, tokens);
        }
        Shape::Option(id) => put_tagged(out, tag::OPTION, &[*id]),
        Shape::Seq(id) => put_tagged(out, tag::SEQ, &[*id]),
        Shape::Map(key, value) => put_tagged(out, tag::MAP, &[*key, *value]),
        Shape::Tuple(ids) => {
            out.push(tag::TUPLE);
            put_ids(out, ids);
        }
        Shape::Struct(name, fields) => {
            out.push(tag::STRUCT);
            put_name(out, name);
            put_fields(out, fields);
        }
        Shape::Enum(name, variants) => {
            out.push(tag::ENUM);
            put_name(out, name);
            put_varint(out, variants.len() as u64);
            for variant in variants {
                put_name(out, &variant.name);
                put_fields(out, &variant.fields);
            }
        }
        Shape::Reference(interface) => {
            out.push(tag::REFERENCE);
            put_name(out, interface);
        }
    }
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, ids: &[Id]) {
    out.push(tag);
    ids.iter().for_each(|&id| put_varint(out, id.into()));
}

fn put_ids(out: &mut Vec<u8>, ids: &[Id]) {
    put_varint(out, ids.len() as u64);
    ids.iter().for_each(|&id| put_varint(out, id.into()));
}

fn put_fields(out: &mut Vec<u8>, fields: &Fields) {
    match fields {
        Fields::Unit => out.push(0),
        Fields::Newtype(id) => put_tagged(out, 1, &[*id]),
        Fields::Tuple(ids) => {
            out.push(2);
            put_ids(out, ids);
        }
        Fields::Named(fields) => {
            out.push(3);
            put_varint(out, fields.len() as u64);
            for (name, id) in fields {
                put_name(out, name);
                put_varint(out, (*id).into());
            }
        }
    }
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    let name = super::cut(name, NAME_MAX);
    put_varint(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
}

/// `None` for bytes that break a rule: more shapes or longer names than are taken, numbers of shapes that are not there, bytes left over.
pub(crate) fn decode(bytes: &[u8]) -> Option<Structure> {
    let mut reader = Reader { bytes, shapes: 0 };
    reader.shapes = reader.count(SHAPES_MAX)?;
    let shapes = (0..reader.shapes).map(|_| reader.shape()).collect::<Option<Vec<_>>>()?;
    let arguments = reader.list(Reader::root)?;
    let (value, error) = (reader.root()?, reader.root()?);
    reader.bytes.is_empty().then_some(Structure { shapes, arguments, value, error })
}

struct Reader<'a> {
    bytes: &'a [u8],
    shapes: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// How many follow: each takes a byte at least.
    fn count(&mut self, max: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= max.min(self.bytes.len())).then_some(count)
    }

    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count(usize::MAX)?;
        (0..count).map(|_| one(self)).collect()
    }

    fn id(&mut self) -> Option<Id> {
        let id = self.varint()?;
        (id < self.shapes as u64).then_some(id as Id)
    }

    fn name(&mut self) -> Option<Name> {
        let length = self.count(NAME_MAX)?;
        let (name, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(Name::Owned(str::from_utf8(name).ok()?.to_owned()))
    }

    fn root(&mut self) -> Option<Root> {
        let id = self.id()?;
        let (tokens, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some(Root { id, tokens: u64::from_le_bytes(*tokens) })
    }

    fn fields(&mut self) -> Option<Fields> {
        Some(match self.byte()? {
            0 => Fields::Unit,
            1 => Fields::Newtype(self.id()?),
            2 => Fields::Tuple(self.list(Self::id)?),
            3 => Fields::Named(self.list(|reader| Some((reader.name()?, reader.id()?)))?),
            _ => return None,
        })
    }

    fn shape(&mut self) -> Option<Shape> {
        Some(match self.byte()? {
            tag::OPAQUE => Shape::Opaque { tokens: self.name()?, why: Name::Borrowed("") },
            tag::OPTION => Shape::Option(self.id()?),
            tag::SEQ => Shape::Seq(self.id()?),
            tag::MAP => Shape::Map(self.id()?, self.id()?),
            tag::TUPLE => Shape::Tuple(self.list(Self::id)?),
            tag::STRUCT => Shape::Struct(self.name()?, self.fields()?),
            tag::ENUM => Shape::Enum(self.name()?, self.list(|reader| Some(Variant { name: reader.name()?, fields: reader.fields()? }))?),
            tag::REFERENCE => Shape::Reference(self.name()?),
            plain => Shape::Plain(*Plain::ALL.get(usize::from(plain))?),
        })
    }
}
