//! Owns what a trait becomes: [`Interface`], implemented by `#[remote]` for `dyn Trait`, and its descriptors. It calls nothing.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use crate::inbound::{Inbound, Served};
use crate::object::cell::{Cell, ErasedObject};
use crate::schema::{MethodSchema, Opaque};

/// A trait that `#[remote]` made callable from elsewhere. Implemented for `dyn Trait` by the macro; not meant to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a remote interface",
    label = "not the `dyn` type of a trait with `#[netref::remote]`",
    note = "put `#[netref::remote]` on the trait, and name it as `dyn Trait`",
    note = "a supertrait of a remote trait must itself be a remote trait, `Send`, `Sync` or `Debug`"
)]
pub trait Interface: Send + Sync {
    #[doc(hidden)]
    type Erased: ?Sized + ErasedObject;

    /// What the interface offers.
    const DESCRIPTOR: &'static InterfaceDescriptor;

    /// Fills `slot`, an `Option<Arc<S::Erased>>`, when `S` is this interface or one of its supertraits.
    #[doc(hidden)]
    fn upcast(object: Arc<Self::Erased>, slot: &mut dyn Any) -> bool;

    /// Runs a method by its flattened number: own methods first, then those of each supertrait in order.
    #[doc(hidden)]
    fn dispatch(object: Arc<Self::Erased>, method: u32, inbound: &mut Inbound<'_>) -> Served;
}

/// That `Self` is `T` or one of its supertraits, at any distance. Implemented by `#[remote]` for `dyn Trait`.
///
/// [`Remote::upcast`](crate::Remote::upcast) asks for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a supertrait of `{T}`",
    label = "a reference cannot be turned into this one by its type alone",
    note = "`upcast` goes from a trait to its supertraits; for another interface of the object ask its host, with `Remote::cast`"
)]
pub trait Supertrait<T: ?Sized + Interface>: Interface {}

/// That an object of type `C` can be hosted under an interface. Implemented by `#[remote]`.
#[diagnostic::on_unimplemented(
    message = "`{C}` cannot be hosted as `{Self}`",
    label = "`{C}` does not implement the trait, or is not `'static`",
    note = "write `impl Trait for {C}` with plain `async fn`s"
)]
pub trait Export<C>: Interface {
    #[doc(hidden)]
    fn erase(cell: Arc<Cell<C>>) -> Arc<Self::Erased>;
}

/// What an interface offers: its name, its methods and its supertraits.
#[derive(Debug)]
pub struct InterfaceDescriptor {
    /// `crate::Trait`, or what `#[remote(name = "…")]` says.
    pub name: &'static str,
    /// The trait's doc comment.
    pub docs: &'static str,
    /// The methods of the trait itself.
    pub methods: &'static [MethodDescriptor],
    /// The remote supertraits.
    pub bases: &'static [&'static Self],
    /// Whether it or a supertrait has methods that take `&mut self`.
    pub exclusive: bool,
}

/// What a method looks like.
pub struct MethodDescriptor {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its doc comment.
    pub docs: &'static str,
    /// Its signature as Rust source.
    pub signature: &'static str,
    /// What its types are made of. It is worked out when it is first asked for, and may run the types' `Deserialize` for that.
    pub schema: fn() -> &'static MethodSchema,
    /// Its parameters without `self`.
    pub parameters: &'static [ParameterDescriptor],
    /// Its return type as Rust source.
    pub result: &'static str,
    /// Whether it takes `&mut self`.
    pub exclusive: bool,
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Whether it is started on a task of its own, never on the reader.
    pub spawn: bool,
    /// Whether it is run on the blocking pool.
    pub blocking: bool,
    /// Whether it runs on when its caller gives up.
    pub no_cancel: bool,
}

/// What a parameter looks like.
#[derive(Debug)]
pub struct ParameterDescriptor {
    /// Its name.
    pub name: &'static str,
    /// Its type as Rust source.
    pub ty: &'static str,
}

impl fmt::Debug for MethodDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.signature)
    }
}

/// One of the interfaces that an interface consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub(crate) descriptor: &'static InterfaceDescriptor,
    /// The flattened number at which its methods begin.
    pub(crate) begin: u32,
    /// Its place in the list of them, which no other has: a supertrait without methods begins where the next one does.
    pub(crate) place: u32,
}

impl InterfaceDescriptor {
    /// Whether a reference to this interface is also one to `name`: itself or a supertrait.
    pub fn extends(&self, name: &str) -> bool {
        self.name == name || self.bases.iter().any(|base| base.extends(name))
    }

    /// The interface of that name, itself or a supertrait.
    pub(crate) fn base(&'static self, name: &str) -> Option<Base> {
        if self.name == name {
            return Some(Base { descriptor: self, begin: 0, place: 0 });
        }
        let (mut begin, mut place) = (self.methods.len() as u32, 1);
        for base in self.bases {
            if let Some(found) = base.base(name) {
                return Some(Base { begin: begin + found.begin, place: place + found.place, ..found });
            }
            begin += crate::promises::flattened(base);
            place += base.interfaces();
        }
        None
    }

    /// How many interfaces there are, itself and its supertraits on every way to them.
    fn interfaces(&self) -> u32 {
        self.bases.iter().map(|base| base.interfaces()).sum::<u32>() + 1
    }

    /// The method of a flattened number, and the interface that declares it.
    pub(crate) fn declaring(&'static self, number: u32) -> Option<(&'static Self, &'static MethodDescriptor)> {
        if let Some(method) = self.methods.get(number as usize) {
            return Some((self, method));
        }
        let mut offset = self.methods.len() as u32;
        for base in self.bases {
            let count = crate::promises::flattened(base);
            if number < offset + count {
                return base.declaring(number - offset);
            }
            offset += count;
        }
        None
    }

    /// The places in the methods' types, inherited methods included, of which nothing is known: a change there may go unnoticed.
    ///
    /// ```
    /// use netref::{Interface, remote};
    ///
    /// #[remote]
    /// trait Store {
    ///     async fn put(&self, key: String, value: Vec<u64>) -> netref::Result<()>;
    /// }
    ///
    /// assert!(<dyn Store>::DESCRIPTOR.opaque().is_empty());
    /// ```
    #[must_use]
    pub fn opaque(&self) -> Vec<(&'static MethodDescriptor, Opaque)> {
        let methods: &'static [MethodDescriptor] = self.methods;
        let own = methods.iter().flat_map(|method| (method.schema)().opaque().iter().map(move |place| (method, place.clone())));
        own.chain(self.bases.iter().flat_map(|base| base.opaque())).collect()
    }

    /// Works out the structure of all types, so that nobody has to do it later while a lock is held.
    /// `kind` is the type behind the descriptor, by which it is known that the work is done.
    pub(crate) fn prepare(&self, kind: TypeId) {
        thread_local! {
            static LAST: std::cell::Cell<Option<TypeId>> = const { std::cell::Cell::new(None) };
        }
        if LAST.with(std::cell::Cell::get) != Some(kind) {
            self.work_out();
            LAST.with(|last| last.set(Some(kind)));
        }
    }

    fn work_out(&self) {
        for method in self.methods {
            (method.schema)();
        }
        self.bases.iter().for_each(|base| base.work_out());
    }

    /// The flattened number of a method, named by the interface that declares it.
    pub(crate) fn find(&self, interface: &str, method: &str) -> Option<(u32, &'static MethodDescriptor)> {
        if self.name == interface {
            let methods: &'static [MethodDescriptor] = self.methods;
            return methods.iter().zip(0..).find(|(known, _)| known.name == method).map(|(known, number)| (number, known));
        }
        let mut offset = self.methods.len() as u32;
        for base in self.bases {
            if let Some((number, known)) = base.find(interface, method) {
                return Some((offset + number, known));
            }
            offset += crate::promises::flattened(base);
        }
        None
    }
}
