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
    type Error: RemoteError;
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

/// Refuses, while the program is compiled, a trait whose supertraits could not be told apart: a method is found by the name of the
/// interface that declares it.
///
/// A supertrait that is reached in two ways is no mistake, so what the supertraits themselves extend is only compared with the trait.
///
/// # Panics
///
/// When two of them have one name. It is only called in constants, where that is an error of the compiler's.
#[track_caller]
pub const fn tell_apart(name: &str, bases: &[&InterfaceDescriptor]) {
    let mut index = 0;
    while index < bases.len() {
        assert!(!is_or_extends(bases[index], name), "{}", LIKE_ITS_SUPERTRAIT);
        let mut other = index + 1;
        while other < bases.len() {
            assert!(!is_same(bases[index].name, bases[other].name), "{}", LIKE_EACH_OTHER);
            other += 1;
        }
        index += 1;
    }
}

const LIKE_ITS_SUPERTRAIT: &str = "a remote trait and a supertrait of it have the same name on the wire, so a call could not say which one it \
                                   means: give one of them another with `#[remote(name = \"…\")]`";

const LIKE_EACH_OTHER: &str = "two supertraits have the same name on the wire, so a call could not say which one it means: give one of them \
                               another with `#[remote(name = \"…\")]`, or name only one instance of a generic trait";

const fn is_or_extends(interface: &InterfaceDescriptor, name: &str) -> bool {
    let mut found = is_same(interface.name, name);
    let mut index = 0;
    while index < interface.bases.len() {
        found |= is_or_extends(interface.bases[index], name);
        index += 1;
    }
    found
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn interface(name: &'static str, bases: &'static [&'static InterfaceDescriptor]) -> InterfaceDescriptor {
        InterfaceDescriptor { name, docs: "", methods: &[], bases, exclusive: false }
    }

    const A: &InterfaceDescriptor = &interface("a::A", &[]);
    const LONGER: &InterfaceDescriptor = &interface("a::AA", &[A]);
    const OTHER: &InterfaceDescriptor = &interface("a::B", &[A]);

    #[test]
    fn a_supertrait_may_be_reached_in_several_ways() {
        tell_apart("a::C", &[A, LONGER, OTHER]);
    }

    #[test]
    #[should_panic(expected = "a remote trait and a supertrait of it have the same name")]
    fn a_trait_is_not_called_like_a_supertrait_at_any_distance() {
        tell_apart("a::A", &[OTHER]);
    }

    #[test]
    #[should_panic(expected = "two supertraits have the same name")]
    fn two_supertraits_are_not_called_the_same() {
        tell_apart("a::C", &[A, OTHER, &interface("a::A", &[])]);
    }
}
