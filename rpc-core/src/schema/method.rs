//! Owns [`MethodSchema`], the types of a method in their canonical form, and that they are worked out once.

use std::any;
use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use dashmap::DashMap;
use serde::de::DeserializeOwned;

use super::canonical::canonical;
use super::compare::{self, Difference};
use super::shape::{Fields, Id, Plain, Root, Shape, Structure};
use super::{TypeId, Types, encoded, mentioned, named, render};
use crate::interface::InterfaceDescriptor;
use crate::wire::STRUCTURE_MAX;

/// What the types of a method are made of. [`Display`](fmt::Display) shows them as Rust source.
#[derive(Debug)]
pub struct MethodSchema {
    structure: Structure,
    encoded: Vec<u8>,
    fingerprint: u64,
    names: &'static [&'static str],
    opaque: Vec<Opaque>,
    /// All arguments are one tuple, as the interface of closures has them.
    is_one_tuple: bool,
    mentioned: Vec<&'static InterfaceDescriptor>,
}

/// A place in a method's types of which nothing is known, so that a change there may go unnoticed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opaque {
    /// Where it is: ``argument `order`.items[].price``.
    pub path: String,
    /// Why nothing is known.
    pub why: Cow<'static, str>,
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl MethodSchema {
    /// A digest of all of it: methods of equal fingerprints understand each other. It is the same in every build and on every machine.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The places of which nothing is known.
    #[must_use]
    pub fn opaque(&self) -> &[Opaque] {
        &self.opaque
    }

    pub(crate) const fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Whether all arguments are told as one tuple.
    pub(crate) const fn is_one_tuple(&self) -> bool {
        self.is_one_tuple
    }

    /// The interfaces of the references in the method's types.
    pub(crate) fn mentioned(&self) -> &[&'static InterfaceDescriptor] {
        &self.mentioned
    }

    /// What travels in a definition; empty when it is too long for one.
    pub(crate) fn encoded(&'static self) -> Bytes {
        Bytes::from_static(self.sent())
    }

    pub(crate) fn sent(&self) -> &[u8] {
        if self.is_long() { &[] } else { &self.encoded }
    }

    /// Whether the structure is too long to be sent.
    pub(crate) fn is_long(&self) -> bool {
        self.encoded.len() > STRUCTURE_MAX || self.structure.shapes.len() > encoded::SHAPES_MAX
    }

    /// Why a caller with other types cannot be served; `None` when it can.
    pub(crate) fn refuses(&self, caller: &[u8]) -> Option<String> {
        if caller.is_empty() {
            return Some("their types differ, and the caller did not say how".to_owned());
        }
        let Some(theirs) = encoded::decode(caller) else {
            return Some("what the caller says of its types cannot be read".to_owned());
        };
        let Difference { path, caller, callee } = compare::difference(&theirs, &self.structure, self.names)?;
        Some(format!("{path}: the caller has {caller}, the callee has {callee}"))
    }
}

impl fmt::Display for MethodSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let structure = &self.structure;
        f.write_str("(")?;
        for (index, root) in structure.arguments.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            if let Some(name) = self.names.get(index) {
                write!(f, "{name}: ")?;
            }
            f.write_str(&render::name(structure, root.id))?;
        }
        let (value, error) = (render::name(structure, structure.value.id), render::name(structure, structure.error.id));
        write!(f, ") -> Result<{value}, {error}>")?;
        for id in 0..structure.shapes.len() as Id {
            if matches!(structure.shape(id), Shape::Struct(..) | Shape::Enum(..)) {
                write!(f, "\n{}", render::declaration(structure, id))?;
            }
        }
        Ok(())
    }
}

/// Collects the types of a method. Generated code fills it in the order of the arguments.
#[derive(Debug, Default)]
pub struct MethodBuilder {
    types: Types,
    names: &'static [&'static str],
    arguments: Vec<Root>,
}

impl MethodBuilder {
    /// `names` are those of the arguments, for people.
    #[must_use]
    pub fn new(names: &'static [&'static str]) -> Self {
        mentioned::begin();
        Self { names, ..Self::default() }
    }

    /// The next argument: `tokens` is the hash of its type as it was written.
    pub fn argument(&mut self, tokens: u64, shape: impl FnOnce(&mut Types) -> TypeId) {
        let TypeId(id) = shape(&mut self.types);
        self.arguments.push(Root { id, tokens });
    }

    /// The result, after the arguments.
    #[must_use]
    pub fn result(
        mut self,
        tokens: u64,
        value: impl FnOnce(&mut Types) -> TypeId,
        error: impl FnOnce(&mut Types) -> TypeId,
    ) -> MethodSchema {
        let (TypeId(value), TypeId(error)) = (value(&mut self.types), error(&mut self.types));
        let (value, error) = (Root { id: value, tokens }, Root { id: error, tokens });
        let found = Structure { shapes: self.types.into_shapes(), arguments: self.arguments, value, error };
        // Before shapes that are alike become one: each opaque place has a reason of its own.
        let opaque = opaque_places(&found, self.names);
        let structure = canonical(&found);
        let encoded = encoded::encode(&structure);
        // 0 is how a caller says that it knows only the name.
        let fingerprint = fnv(&encoded).max(1);
        MethodSchema { structure, encoded, fingerprint, names: self.names, opaque, is_one_tuple: false, mentioned: mentioned::end() }
    }
}

impl Types {
    /// Bytes that travel beside the payload.
    #[doc(hidden)]
    pub fn bulk(&mut self) -> TypeId {
        self.plain(Plain::Bulk)
    }
}

/// FNV-1a, 64 bits: the constants are those of the published definition.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Every opaque shape once, with the shortest way to it.
fn opaque_places(structure: &Structure, names: &[&str]) -> Vec<Opaque> {
    let mut seen = vec![false; structure.shapes.len()];
    let mut queue: std::collections::VecDeque<(Id, String)> = std::collections::VecDeque::new();
    for (index, root) in structure.arguments.iter().enumerate() {
        let path = names.get(index).map_or_else(|| format!("argument {}", index + 1), |name| format!("argument `{name}`"));
        queue.push_back((root.id, path));
    }
    queue.push_back((structure.value.id, "the result".to_owned()));
    queue.push_back((structure.error.id, "the error".to_owned()));
    let mut found = Vec::new();
    while let Some((id, path)) = queue.pop_front() {
        if std::mem::replace(&mut seen[id as usize], true) {
            continue;
        }
        let shape = structure.shape(id);
        if let Shape::Opaque { why, .. } = shape {
            found.push(Opaque { path: path.clone(), why: why.clone() });
        }
        if hides_names(shape) {
            let why = "an alias hides whose name is which, so names are not compared here: derive `netref::Schema`";
            found.push(Opaque { path: path.clone(), why: Cow::Borrowed(why) });
        }
        let inner = compare::labels(shape).into_iter().zip(shape.children());
        queue.extend(inner.map(|(label, child)| (child, render::shortened(format!("{path}{label}")))));
    }
    found
}

/// Whether tracing could not tell the names of a type's parts.
fn hides_names(shape: &Shape) -> bool {
    let hidden = |fields: &Fields| matches!(fields, Fields::Named(named) if named.iter().any(|(name, _)| name.is_empty()));
    match shape {
        Shape::Struct(_, fields) => hidden(fields),
        Shape::Enum(_, variants) => variants.iter().any(|variant| variant.name.is_empty() || hidden(&variant.fields)),
        _ => false,
    }
}

/// Works a schema out once for each place in the code that asks. The work runs the user's `Deserialize`, so it runs under no lock; when
/// two threads come at the same time, both do it and one result is kept.
pub fn cached(cell: &'static OnceLock<MethodSchema>, build: fn() -> MethodSchema) -> &'static MethodSchema {
    match cell.get() {
        Some(schema) => schema,
        None => {
            let built = build();
            cell.get_or_init(|| built)
        }
    }
}

/// Like [`cached`], for generic code, where a static is shared by all its types: `K` is a type that stands for the method and all its
/// type arguments.
pub fn cached_for<K: ?Sized + 'static>(build: fn() -> MethodSchema) -> &'static MethodSchema {
    if let Some(known) = known_for::<K>() {
        return known;
    }
    let built = build();
    *all().entry(any::TypeId::of::<K>()).or_insert_with(|| Box::leak(Box::new(built)))
}

/// What [`cached_for`] gave for this type, if it was asked.
pub(crate) fn known_for<K: ?Sized + 'static>() -> Option<&'static MethodSchema> {
    thread_local! {
        static LAST: std::cell::Cell<Option<(any::TypeId, &'static MethodSchema)>> = const { std::cell::Cell::new(None) };
    }
    let key = any::TypeId::of::<K>();
    if let Some((last, schema)) = LAST.with(std::cell::Cell::get)
        && last == key
    {
        return Some(schema);
    }
    let schema = *all().get(&key)?;
    LAST.with(|last| last.set(Some((key, schema))));
    Some(schema)
}

fn all() -> &'static DashMap<any::TypeId, &'static MethodSchema> {
    static ALL: OnceLock<DashMap<any::TypeId, &'static MethodSchema>> = OnceLock::new();
    ALL.get_or_init(DashMap::new)
}

/// The schema of a method whose types are only known as type parameters, all of them traced: for interfaces that are written by hand.
/// `A` is the tuple of all arguments.
pub fn traced_method<A: DeserializeOwned + 'static, T: DeserializeOwned + 'static, E: DeserializeOwned + 'static>() -> MethodSchema {
    let mut method = MethodBuilder::new(&["arguments"]);
    method.argument(named::instance::<A>(0), Types::traced::<A>);
    MethodSchema { is_one_tuple: true, ..method.result(named::instance::<(T, E)>(0), Types::traced::<T>, Types::traced::<E>) }
}

/// The schema of a method of which nothing is known but what its types are called.
pub(crate) fn unknown_method<A, T, E>() -> MethodSchema {
    let unknown = |types: &mut Types| types.opaque("", "its types are not known here");
    let mut method = MethodBuilder::new(&["arguments"]);
    method.argument(named::instance::<A>(0), unknown);
    MethodSchema { is_one_tuple: true, ..method.result(named::instance::<(T, E)>(0), unknown, unknown) }
}
