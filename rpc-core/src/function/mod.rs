//! Owns [`RemoteFn`]: a closure by reference, and the interface of closures, [`Function`], written by hand where `#[remote]` writes
//! that of a trait. How many arguments there may be is the business of `arity`.

mod arity;
mod interface;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use arity::{Arguments, Closure};
#[doc(hidden)]
pub use interface::ErasedFunction;
pub use interface::Function;
use interface::note_schema;

use crate::__private::{Plain, Route, local_call, route};
use crate::call::Call;
use crate::error::Error;
use crate::interface::Interface;
use crate::promises::RemoteError;
use crate::remote::Remote;

/// A closure by reference: called elsewhere, it runs where it was made.
///
/// `RemoteFn<(A, B), T, E>` takes an `A` and a `B` and returns a `Result<T, E>`; up to eight arguments are possible, and `E` is
/// [`netref::Error`](crate::Error) unless said otherwise. It can be cloned, put in arguments and results at any depth, and called with
/// [`call`](#method.call), which gives a [`Call`] like any method does. A closure that is called in its own process is called without
/// encoding. It is dropped, with all it holds, when nobody refers to it any more.
///
/// The closure says the types of its arguments, and its error in what it returns, unless the type of the `RemoteFn` is known from
/// elsewhere. It can run several times at once, so what it changes needs a lock or an atomic.
///
/// ```
/// use netref::{Error, Remote, RemoteFn, Result, remote};
///
/// #[remote]
/// trait List {
///     async fn keep(&mut self, matching: RemoteFn<(String,), bool>) -> Result<usize>;
/// }
///
/// struct Words(Vec<String>);
/// impl List for Words {
///     async fn keep(&mut self, matching: RemoteFn<(String,), bool>) -> Result<usize> {
///         let mut kept = Vec::new();
///         for word in &self.0 {
///             if matching.call(word.clone()).await? {
///                 kept.push(word.clone());
///             }
///         }
///         self.0 = kept;
///         Ok(self.0.len())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut list = Remote::<dyn List>::new(Words(["pear", "fig", "plum"].map(str::to_owned).into()));
/// let letter = 'p';
/// assert_eq!(list.keep(RemoteFn::new(move |word: String| async move { Ok(word.starts_with(letter)) })).await?, 2);
///
/// let join = RemoteFn::new(|number: u32, text: String| async move { Ok::<_, Error>(format!("{number} {text}")) });
/// assert_eq!(join.call(3, "pears".into()).await?, "3 pears");
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
///
/// It travels as a reference under the interface [`Function`], whatever its types are: two methods that differ only in those of a
/// `RemoteFn` understand each other. They are compared when it is called, as a method's are: one that takes or returns something else is not
/// run, and the error is a `SchemaMismatch` that names the difference.
pub struct RemoteFn<A: Arguments, T: 'static, E: 'static = Error> {
    remote: Remote<Function<A, T, E>>,
}

impl<A: Arguments, T: 'static, E: 'static> RemoteFn<A, T, E> {
    /// Hosts a closure and gives the first reference to it.
    pub fn new<C>(closure: C) -> Self
    where
        C: Closure<A, T, E>,
        A: Serialize + DeserializeOwned + Send,
        T: Serialize + DeserializeOwned + Send,
        E: RemoteError,
    {
        Self { remote: Remote::new(closure) }
    }

    /// The reference that it is, for [`Remote::key`], [`Remote::closed`], [`Remote::downgrade`] and the like.
    pub fn as_remote(&self) -> &Remote<Function<A, T, E>> {
        &self.remote
    }

    /// The reference that it is, to be published for example.
    pub fn into_remote(self) -> Remote<Function<A, T, E>> {
        self.remote
    }

    fn start(&self, arguments: A) -> Call<T, E>
    where
        A: Serialize + DeserializeOwned,
        T: Serialize + DeserializeOwned + Send,
        E: RemoteError,
    {
        note_schema::<A, T, E>();
        let interface = Function::<A, T, E>::DESCRIPTOR;
        match route::<Function<A, T, E>, Function<A, T, E>>(&self.remote) {
            Route::Local(object) => local_call(interface, &interface.methods[0], object.call(arguments)),
            Route::Wire(wire) => wire.call::<A, Plain<T>, E>(interface, 0, arguments),
        }
    }
}

/// A reference that was looked up or cast can be called.
impl<A: Arguments, T: 'static, E: 'static> From<Remote<Function<A, T, E>>> for RemoteFn<A, T, E> {
    fn from(remote: Remote<Function<A, T, E>>) -> Self {
        Self { remote }
    }
}

impl<A: Arguments, T: 'static, E: 'static> Clone for RemoteFn<A, T, E> {
    fn clone(&self) -> Self {
        Self { remote: self.remote.clone() }
    }
}

impl<A: Arguments, T: 'static, E: 'static> fmt::Debug for RemoteFn<A, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteFn").field(&self.remote).finish()
    }
}

impl<A: Arguments, T: 'static, E: 'static> Serialize for RemoteFn<A, T, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.remote.serialize(serializer)
    }
}

impl<'de, A: Arguments, T: 'static, E: 'static> Deserialize<'de> for RemoteFn<A, T, E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Remote::deserialize(deserializer).map(Self::from)
    }
}
