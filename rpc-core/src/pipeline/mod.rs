//! Owns promises: references that can be used before it is known what they refer to. What a promise is for its holder is here; how
//! calls on it travel ahead of the result is the session's.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `mod` | [`Pipeline`], which says what promises a result type has |
//! | `promise` | one promise: what is known of it, and the calls that wait for more |
//! | `waiting` | a call that waits here until it can start |
//! | `asked` | the call that a promise is a result of |
//! | `call` | a call on a promise, as its caller holds it |
//! | `opening` | starting the calls that waited, when it is known what they are made on |
//! | `start` | starting a call without its trait, wherever it goes |
//! | `here` | such a call on an object of this process |
//! | `breakage` | what becomes of the calls on a promise that is broken |
//! | `paths` | where in a value its references are |

mod apart;
mod asked;
mod breakage;
mod call;
mod here;
mod noted;
mod opening;
mod paths;
mod promise;
mod start;
mod waiting;

use std::sync::Arc;

use serde::Serialize;

pub(crate) use apart::Apart;
pub(crate) use asked::{Asked, Settlement, drive, nowhere};
pub(crate) use breakage::{Breakage, own};
pub(crate) use call::PromisedCall;
pub(crate) use noted::Noted;
pub(crate) use paths::{Found, Path, find, reference_at};
pub(crate) use promise::{Outcomes, Promise};
pub(crate) use start::{Answered, Going, Late, Ongoing, PROMISES_MAX, Underway, circle, done, failed, of_returned, start, too_deep};

use crate::any::AnyRemote;
use crate::function::{Arguments, Function, RemoteFn};
use crate::interface::Interface;
use crate::remote::Remote;

/// A result of which references can be used before it is there: see [`Call::pipelined`](crate::Call::pipelined).
///
/// References are, and tuples of them; `#[derive(netref::Pipeline)]` makes a struct one.
///
/// ```
/// use netref::{Pipeline, Remote, Result, remote};
/// use serde::{Deserialize, Serialize};
///
/// #[remote]
/// trait Account {
///     async fn deposit(&self, amount: u64) -> Result<u64>;
/// }
///
/// /// A name of one's own for a reference: the derive knows those of netref only, so the field below is marked.
/// type Savings = Remote<dyn Account>;
///
/// #[derive(Serialize, Deserialize, Pipeline)]
/// struct Accounts {
///     current: Remote<dyn Account>,
///     #[pipeline]
///     savings: Savings,
/// }
///
/// #[derive(Serialize, Deserialize, Pipeline)]
/// struct Opened {
///     number: u64,
///     #[pipeline]
///     accounts: Accounts,
/// }
///
/// #[remote]
/// trait Bank {
///     async fn open(&self, owner: &str) -> Result<Opened>;
/// }
/// # struct Here;
/// # impl Account for Here { async fn deposit(&self, amount: u64) -> Result<u64> { Ok(amount) } }
/// # impl Bank for Here {
/// #     async fn open(&self, _: &str) -> Result<Opened> {
/// #         Ok(Opened { number: 7, accounts: Accounts { current: Remote::new(Self), savings: Remote::new(Self) } })
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let bank = Remote::<dyn Bank>::new(Here);
///
/// let opened: OpenedPromise = bank.open("ada").pipelined(); // at once, and without `number`
/// assert_eq!(opened.accounts.savings.deposit(5).await?, 5); // one round trip for both calls
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "no reference can be taken ahead out of a `{Self}`",
    label = "`pipelined` needs a result that is or holds references",
    note = "`pipelined` is for methods that return a reference, a tuple of references, or a struct with `#[derive(netref::Pipeline)]`"
)]
pub trait Pipeline: Serialize + Send + 'static {
    /// What there is of it before the result: the promises of its references.
    type Promise;

    #[doc(hidden)]
    fn promised(at: &At) -> Self::Promise;
}

/// A place in the result of a call.
#[doc(hidden)]
#[derive(Debug)]
pub struct At {
    asked: Arc<Asked>,
    path: Path,
}

impl At {
    pub(crate) fn the_result_of(asked: &Arc<Asked>) -> Self {
        Self { asked: Arc::clone(asked), path: Path::new() }
    }

    /// The place of a field in what is here.
    pub fn field(&self, index: u32) -> Self {
        let mut path = self.path.clone();
        path.push(index);
        Self { asked: Arc::clone(&self.asked), path }
    }

    fn promise(&self, interface: &str) -> AnyRemote {
        AnyRemote::promise(Promise::in_result(&self.asked, self.path.clone(), interface))
    }
}

impl Pipeline for AnyRemote {
    type Promise = Self;

    fn promised(at: &At) -> Self {
        at.promise("")
    }
}

impl<T: ?Sized + Interface + 'static> Pipeline for Remote<T> {
    type Promise = Self;

    fn promised(at: &At) -> Self {
        Self::from_any(at.promise(T::DESCRIPTOR.name))
    }
}

impl<A: Arguments, T: Send + 'static, E: Send + 'static> Pipeline for RemoteFn<A, T, E>
where
    Function<A, T, E>: Interface,
{
    type Promise = Self;

    fn promised(at: &At) -> Self {
        Remote::<Function<A, T, E>>::promised(at).into()
    }
}

/// The promise of what may be absent is broken when it is.
impl<T: Pipeline> Pipeline for Option<T> {
    type Promise = T::Promise;

    fn promised(at: &At) -> T::Promise {
        T::promised(at)
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Pipeline),+> Pipeline for ($($name,)+) {
            type Promise = ($($name::Promise,)+);

            fn promised(at: &At) -> Self::Promise {
                ($($name::promised(&at.field($index)),)+)
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);

/// What holds no reference promises nothing, so that it may stand beside references in a tuple.
macro_rules! nothing {
    ($($value:ty)+) => {
        $(impl Pipeline for $value {
            type Promise = ();

            fn promised(_at: &At) {}
        })+
    };
}

nothing!(() bool char u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 String);
