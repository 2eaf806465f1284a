//! Owns what depends on the number of arguments: which tuples are lists of arguments, which closures take them, and `call` with as many
//! parameters. It knows nothing of references.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RemoteFn;
use crate::__private::BoxFuture;
use crate::call::Call;
use crate::promises::RemoteError;

/// The arguments of a closure: a tuple of up to eight types, `(A,)` for a single one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of arguments",
    label = "not a tuple of up to eight types",
    note = "the arguments of a `RemoteFn` are a tuple: `()`, `(A,)`, `(A, B)` and so on"
)]
pub trait Arguments: Sized + 'static {
    #[doc(hidden)]
    const COUNT: u32;
}

/// A closure that can be called from elsewhere: `Fn(A, B) -> impl Future<Output = Result<T, E>>` that can be shared between threads.
/// Implemented for all of them; not meant to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called from elsewhere with `{A}`",
    label = "not an `Fn` with these arguments that returns a `Send` future of a `Result`",
    note = "write the types of its arguments, and the error of what it returns: `|a: u32, b: String| async move {{ Ok::<_, netref::Error>(…) }}`",
    note = "it is called from several threads and may be called again before it is done: it is `Fn + Send + Sync + 'static`, and its future is `Send`"
)]
pub trait Closure<A: Arguments, T, E>: Send + Sync + 'static {
    #[doc(hidden)]
    fn run(&self, arguments: A) -> BoxFuture<Result<T, E>>;
}

macro_rules! arity {
    ($count:literal: $($name:ident $argument:ident),*) => {
        impl<$($argument: 'static),*> Arguments for ($($argument,)*) {
            const COUNT: u32 = $count;
        }

        #[diagnostic::do_not_recommend]
        impl<C, F, T, E, $($argument: 'static),*> Closure<($($argument,)*), T, E> for C
        where
            C: Fn($($argument),*) -> F + Send + Sync + 'static,
            F: Future<Output = Result<T, E>> + Send + 'static,
        {
            fn run(&self, ($($name,)*): ($($argument,)*)) -> BoxFuture<Result<T, E>> {
                Box::pin(self($($name),*))
            }
        }

        impl<T, E, $($argument),*> RemoteFn<($($argument,)*), T, E>
        where
            T: Serialize + DeserializeOwned + Send + 'static,
            E: RemoteError,
            $($argument: Serialize + DeserializeOwned + 'static),*
        {
            /// Calls the closure, wherever it is. As with a method, nothing is sent until the call is awaited or sent.
            #[allow(clippy::too_many_arguments)]
            pub fn call(&self $(, $name: $argument)*) -> Call<T, E> {
                self.start(($($name,)*))
            }
        }
    };
}

arity!(0:);
arity!(1: a1 A1);
arity!(2: a1 A1, a2 A2);
arity!(3: a1 A1, a2 A2, a3 A3);
arity!(4: a1 A1, a2 A2, a3 A3, a4 A4);
arity!(5: a1 A1, a2 A2, a3 A3, a4 A4, a5 A5);
arity!(6: a1 A1, a2 A2, a3 A3, a4 A4, a5 A5, a6 A6);
arity!(7: a1 A1, a2 A2, a3 A3, a4 A4, a5 A5, a6 A6, a7 A7);
arity!(8: a1 A1, a2 A2, a3 A3, a4 A4, a5 A5, a6 A6, a7 A7, a8 A8);
