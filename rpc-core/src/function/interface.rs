//! Owns [`Function`], the interface of closures: its descriptor, the twin behind which a closure's type is forgotten, and the way from a
//! call to the closure. It knows nothing of how a reference travels.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::arity::{Arguments, Closure};
use crate::__private::BoxFuture;
use crate::error::Error;
use crate::inbound::{Inbound, MethodResult, Plain, Served};
use crate::interface::{Export, Interface, InterfaceDescriptor, MethodDescriptor, ParameterDescriptor};
use crate::object::cell::{Cell, ErasedObject};
use crate::promises::{RemoteError, fill};
use crate::schema::{self, MethodSchema};

/// The interface of a closure by reference, as `dyn Trait` is that of an object: a [`RemoteFn`](super::RemoteFn) is a
/// `Remote<Function<A, T, E>>` that can be called.
///
/// It is named where a reference is looked up:
///
/// ```
/// use netref::{Error, Node, RemoteFn};
/// use netref::function::Function;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let add = RemoteFn::new(|left: u64, right: u64| async move { Ok::<_, Error>(left + right) });
/// let node = Node::builder().listen("mem://function-doc").publish("add", add.into_remote()).start().await?;
///
/// let add: RemoteFn<(u64, u64), u64> = netref::connect::<Function<_, _, _>>("mem://function-doc/add").await?.into();
/// assert_eq!(add.call(2, 3).await?, 5);
/// # drop(node);
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
pub struct Function<A, T, E = Error> {
    signature: PhantomData<fn(A) -> Result<T, E>>,
}

impl<A, T, E> fmt::Debug for Function<A, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

/// What two sides compare before a closure is called, so that one with other types is not called. A reference asks nothing of the types,
/// so their structure is noted where a closure is made or called, which is before anybody compares it.
fn schema<A: Arguments, T: 'static, E: 'static>() -> &'static MethodSchema {
    let unknown = || schema::cached_for::<Unknown<A, T, E>>(schema::unknown_method::<A, T, E>);
    schema::known_for::<Function<A, T, E>>().unwrap_or_else(unknown)
}

/// Stands for a closure whose types were not noted yet.
struct Unknown<A, T, E>(PhantomData<fn(A) -> Result<T, E>>);

/// Notes the structure of a closure's types.
pub(super) fn note_schema<A, T, E>()
where
    A: Arguments + DeserializeOwned,
    T: DeserializeOwned + 'static,
    E: DeserializeOwned + 'static,
{
    schema::cached_for::<Function<A, T, E>>(schema::traced_method::<A, T, E>);
}

#[diagnostic::do_not_recommend]
impl<A: Arguments, T: 'static, E: 'static> Interface for Function<A, T, E> {
    type Erased = dyn ErasedFunction<A, T, E>;

    const DESCRIPTOR: &'static InterfaceDescriptor = &InterfaceDescriptor {
        name: "netref.Function",
        docs: "A closure by reference.",
        methods: &[MethodDescriptor {
            name: "call",
            docs: "Calls the closure.",
            signature: SIGNATURES[A::COUNT as usize],
            schema: schema::<A, T, E>,
            parameters: PARAMETERS.split_at(A::COUNT as usize).0,
            result: "Result<_, _>",
            exclusive: false,
            idempotent: false,
            spawn: false,
            blocking: false,
            no_cancel: false,
        }],
        bases: &[],
        exclusive: false,
    };

    fn upcast(object: Arc<Self::Erased>, slot: &mut dyn Any) -> bool {
        fill(&object, slot)
    }

    fn dispatch(object: Arc<Self::Erased>, _method: u32, inbound: &mut Inbound<'_>) -> Served {
        object.dispatch(inbound)
    }
}

/// A closure's arguments have no names that travel, so they are numbered.
const PARAMETERS: &[ParameterDescriptor] = &[
    parameter("a1"),
    parameter("a2"),
    parameter("a3"),
    parameter("a4"),
    parameter("a5"),
    parameter("a6"),
    parameter("a7"),
    parameter("a8"),
];

const fn parameter(name: &'static str) -> ParameterDescriptor {
    ParameterDescriptor { name, ty: "_" }
}

/// What an error shows of a signature: types have no name here that means the same on both sides.
const SIGNATURES: [&str; 9] = [
    "async fn call(&self) -> Result<_, _>",
    "async fn call(&self, a1: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _, a3: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _, a3: _, a4: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _, a3: _, a4: _, a5: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _, a3: _, a4: _, a5: _, a6: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _, a3: _, a4: _, a5: _, a6: _, a7: _) -> Result<_, _>",
    "async fn call(&self, a1: _, a2: _, a3: _, a4: _, a5: _, a6: _, a7: _, a8: _) -> Result<_, _>",
];

/// A closure whose type is forgotten. What its arguments and result can do is known here, where it was made, so that the reference
/// asks nothing of them: a type may hold a reference to a closure that takes the type.
#[doc(hidden)]
pub trait ErasedFunction<A, T, E>: ErasedObject {
    fn call(self: Arc<Self>, arguments: A) -> BoxFuture<MethodResult<T, E>>;
    fn dispatch(self: Arc<Self>, inbound: &mut Inbound<'_>) -> Served;
}

impl<C, A, T, E> ErasedFunction<A, T, E> for Cell<C>
where
    C: Closure<A, T, E>,
    A: Arguments + Serialize + DeserializeOwned + Send,
    T: Serialize + DeserializeOwned + Send + 'static,
    E: RemoteError,
{
    fn call(self: Arc<Self>, arguments: A) -> BoxFuture<MethodResult<T, E>> {
        Box::pin(async move {
            let closure = self.shared().await?;
            Ok(closure.run(arguments).await)
        })
    }

    fn dispatch(self: Arc<Self>, inbound: &mut Inbound<'_>) -> Served {
        match inbound.arguments::<A>() {
            Ok(arguments) => inbound.run::<Plain<T>, E, _>(self.call(arguments)),
            Err(served) => served,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<C, A, T, E> Export<C> for Function<A, T, E>
where
    C: Closure<A, T, E>,
    A: Arguments + Serialize + DeserializeOwned + Send,
    T: Serialize + DeserializeOwned + Send + 'static,
    E: RemoteError,
{
    fn erase(cell: Arc<Cell<C>>) -> Arc<Self::Erased> {
        note_schema::<A, T, E>();
        cell
    }
}
