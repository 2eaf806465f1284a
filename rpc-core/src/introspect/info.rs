//! Owns what is said of interfaces and methods: plain values that serde carries. Where they come from and how they are shown is decided
//! elsewhere.

use serde::{Deserialize, Serialize};

use super::Types;
use super::answer;
use super::pages::Pages;
use crate::interface::{Interface, InterfaceDescriptor, MethodDescriptor};
use crate::near;

/// What an object says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// The interface that the reference grants first, then what goes with it. Instances of a generic trait have one name, and each its own methods.
    pub interfaces: Vec<InterfaceInfo>,
}

/// What is said of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InterfaceInfo {
    /// Its name on the wire: `crate::Trait`, or what `#[remote(name = "…")]` says.
    pub name: String,
    /// The trait's doc comment.
    pub docs: String,
    /// What it has to do with the object.
    pub access: Access,
    /// Whether its methods are known. They are not where the object is a handler that does not say.
    pub is_known: bool,
    /// The names of the remote supertraits.
    pub supertraits: Vec<String>,
    /// Its own methods, without those of its supertraits.
    pub methods: Vec<MethodInfo>,
}

/// What an interface has to do with the object that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Access {
    /// The reference grants it.
    Granted,
    /// A supertrait of one that is granted or offered.
    Supertrait,
    /// Whoever holds the reference may cast it to this interface.
    Offered,
    /// References to it stand in arguments or results; the object itself need not have it.
    Mentioned,
}

/// What is said of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MethodInfo {
    /// Its name on the wire.
    pub name: String,
    /// Its doc comment.
    pub docs: String,
    /// Its signature as Rust source.
    pub signature: String,
    /// Its parameters without `self`.
    pub parameters: Vec<ParameterInfo>,
    /// Its return type as Rust source.
    pub result: String,
    /// Whether it takes `&mut self`, and so has the object to itself.
    pub exclusive: bool,
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Whether it is started on a task of its own.
    pub spawn: bool,
    /// Whether it is run on the blocking pool.
    pub blocking: bool,
    /// Whether it runs on when its caller gives up.
    pub no_cancel: bool,
    /// The digest of its types: [`MethodSchema::fingerprint`](crate::schema::MethodSchema::fingerprint).
    pub fingerprint: u64,
    /// What its types are made of.
    pub types: Types,
    /// The places in its types of which nothing is known.
    pub opaque: Vec<OpaqueInfo>,
}

/// What is said of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParameterInfo {
    /// Its name.
    pub name: String,
    /// Its type as Rust source.
    pub ty: String,
}

/// A place in a method's types of which nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpaqueInfo {
    /// Where it is: ``argument `order`.items[].price``.
    pub path: String,
    /// Why nothing is known.
    pub why: String,
}

impl Description {
    /// An interface as this process knows it, with its supertraits and what its methods mention.
    #[must_use]
    pub fn of<T: ?Sized + Interface>() -> Self {
        let mut pages = Pages::default();
        while let Some(from) = pages.next() {
            // An interface too large to be told to a peer is cut short where it stops.
            if pages.add(answer::page_of(T::DESCRIPTOR, from)).is_err() {
                break;
            }
        }
        pages.into_description()
    }

    /// The interface of that name; the first of several instances of a generic trait.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&InterfaceInfo> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }

    /// The interface that the reference grants.
    #[must_use]
    pub fn granted(&self) -> Option<&InterfaceInfo> {
        self.interfaces.first()
    }

    /// A method that can be called on the reference without a cast: of the interface that it grants, or of a supertrait of that.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&MethodInfo> {
        self.callable().into_iter().flat_map(|interface| &interface.methods).find(|method| method.name == name)
    }

    /// The name of a callable method that was likely meant where there is none called `name`.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let methods = self.callable().into_iter().flat_map(|interface| &interface.methods);
        near::nearest(name, methods.map(|method| &*method.name))
    }

    /// The granted interface and its supertraits, each once. A peer's supertraits may lead in circles.
    fn callable(&self) -> Vec<&InterfaceInfo> {
        let mut found: Vec<&InterfaceInfo> = self.granted().into_iter().collect();
        let mut next = 0;
        while let Some(&interface) = found.get(next) {
            next += 1;
            for name in &interface.supertraits {
                if let Some(base) = self.interface(name)
                    && !found.iter().any(|known| known.name == base.name)
                {
                    found.push(base);
                }
            }
        }
        found
    }
}

impl InterfaceInfo {
    /// An interface as this process knows it, without its supertraits: what a [`Handler`](crate::Handler) may say that stands for it.
    #[must_use]
    pub fn of<T: ?Sized + Interface>() -> Self {
        let methods: &'static [MethodDescriptor] = T::DESCRIPTOR.methods;
        Self { methods: methods.iter().map(MethodInfo::of).collect(), ..Self::head(T::DESCRIPTOR, Access::Granted) }
    }

    /// All of it but the methods.
    pub(super) fn head(interface: &InterfaceDescriptor, access: Access) -> Self {
        Self {
            name: interface.name.to_owned(),
            docs: answer::short(interface.docs),
            access,
            is_known: true,
            supertraits: interface.bases.iter().map(|base| base.name.to_owned()).collect(),
            methods: Vec::new(),
        }
    }

    /// An interface of which only the name is known.
    pub(super) fn unknown(name: &str) -> Self {
        let (name, docs) = (name.to_owned(), String::new());
        Self { name, docs, access: Access::Granted, is_known: false, supertraits: Vec::new(), methods: Vec::new() }
    }
}

impl MethodInfo {
    pub(super) fn of(method: &'static MethodDescriptor) -> Self {
        let schema = (method.schema)();
        let parameters = method.parameters.iter();
        let parameters = parameters.map(|known| ParameterInfo { name: known.name.to_owned(), ty: answer::short(known.ty) }).collect();
        let opaque = schema.opaque().iter().take(answer::OPAQUE_MAX);
        Self {
            name: method.name.to_owned(),
            docs: answer::short(method.docs),
            signature: answer::short(method.signature),
            parameters,
            result: answer::short(method.result),
            exclusive: method.exclusive,
            idempotent: method.idempotent,
            spawn: method.spawn,
            blocking: method.blocking,
            no_cancel: method.no_cancel,
            fingerprint: schema.fingerprint(),
            types: Types::of(schema, method.parameters.len()),
            opaque: opaque.map(|place| OpaqueInfo { path: place.path.clone(), why: place.why.to_string() }).collect(),
        }
    }
}
