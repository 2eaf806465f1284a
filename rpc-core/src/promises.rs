//! Owns what generated code asks of a method's types, with the words a user reads when they fall short, and the small steps from there
//! to the runtime. Hidden: reached only through `__private`.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::__private::{BoxFuture, Wire, local_call};
use crate::call::Call;
use crate::error::Error;
use crate::inbound::{Coder, Inbound, MethodResult, Served};
use crate::interface::InterfaceDescriptor;

/// What every remote method returns, under whatever alias.
#[diagnostic::on_unimplemented(
    message = "a remote method returns a `Result`, not `{Self}`",
    label = "not a `Result`",
    note = "a call can fail on the way, so the type has to say it: write `Result<{Self}, E>` where `E: From<netref::Error>`, for example `netref::Error` itself"
)]
pub trait IsResult {
    /// The value.
    type Ok;
    /// The error.
    type Err;
}

impl<T, E> IsResult for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// What a remote method may fail with.
///
/// `do_not_recommend` makes the compiler report this trait, whose text shows the fix, and not the first bound behind it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a remote method",
    label = "not a remote error",
    note = "an error needs `std::error::Error + From<netref::Error> + Serialize + DeserializeOwned + Send + Sync + 'static`",
    note = "derive `Debug, serde::Serialize, serde::Deserialize`, implement `Display` and `std::error::Error`, and write `impl From<netref::Error> for {Self}` for calls that fail on the way; or use `netref::Error`"
)]
pub trait RemoteError: std::error::Error + From<Error> + Serialize + DeserializeOwned + Send + Sync + 'static {}
#[diagnostic::do_not_recommend]
impl<E: std::error::Error + From<Error> + Serialize + DeserializeOwned + Send + Sync + 'static> RemoteError for E {}

/// Asks for the bound at the user's token.
pub const fn error<E: RemoteError>() {}

/// What a method takes as its argument number `N`, in its owned form.
pub trait Takes<const N: usize> {
    /// The argument.
    type Argument: Serialize + DeserializeOwned + Send + 'static;
}

/// What a method returns.
pub trait Returns {
    /// The value.
    type Value: Send + 'static;
    /// How the value travels.
    type Coder: Coder<Value = Self::Value>;
    /// The error.
    type Error: From<Error> + Serialize + DeserializeOwned + Send + 'static;
}

/// An argument on its way out, encoded from a borrow.
#[derive(Debug)]
pub struct Lent<'a, M: Takes<N>, const N: usize>(pub &'a M::Argument);

impl<M: Takes<N>, const N: usize> Serialize for Lent<'_, M, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// An argument that has arrived.
#[derive(Debug)]
pub struct Taken<M: Takes<N>, const N: usize>(pub M::Argument);

impl<'de, M: Takes<N>, const N: usize> Deserialize<'de> for Taken<M, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        M::Argument::deserialize(deserializer).map(Self)
    }
}

/// Starts a method.
pub fn run<M: Returns>(
    inbound: &mut Inbound<'_>,
    future: impl Future<Output = MethodResult<M::Value, M::Error>> + Send + 'static,
) -> Served {
    inbound.run::<M::Coder, M::Error, _>(future)
}

/// Calls a method of an object of this process.
pub fn call_here<M: Returns>(
    interface: &'static InterfaceDescriptor,
    method: u32,
    future: BoxFuture<MethodResult<M::Value, M::Error>>,
) -> Call<M::Value, M::Error> {
    local_call(interface, &interface.methods[method as usize], future)
}

/// Calls a method of any other object.
pub fn call_there<M: Returns, A: Serialize>(
    wire: Wire,
    interface: &'static InterfaceDescriptor,
    method: u32,
    arguments: A,
) -> Call<M::Value, M::Error> {
    wire.call::<A, M::Coder, M::Error>(interface, method, arguments)
}

/// Answers `upcast` when the slot, an `Option<Arc<E>>`, asks for this very interface.
pub fn fill<E: ?Sized + 'static>(object: &Arc<E>, slot: &mut dyn Any) -> bool {
    match slot.downcast_mut::<Option<Arc<E>>>() {
        Some(slot) => {
            *slot = Some(Arc::clone(object));
            true
        }
        None => false,
    }
}

/// How many methods an interface has, its bases' included: where the numbers of the next base begin.
pub const fn flattened(interface: &InterfaceDescriptor) -> u32 {
    let mut count = interface.methods.len() as u32;
    let mut index = 0;
    while index < interface.bases.len() {
        count += flattened(interface.bases[index]);
        index += 1;
    }
    count
}
