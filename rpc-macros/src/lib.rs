//! `#[remote]`: makes a trait callable from another process. Re-exported by `netref`, whose hidden runtime the generated code calls;
//! this crate owns the reading of the trait and the writing of the code, and knows nothing of sessions, frames or codecs.
//!
//! ```ignore
//! use netref::{Remote, remote};
//!
//! /// Doc comments travel, as do the names of arguments.
//! #[remote]
//! pub trait Bank {
//!     async fn open(&self, owner: &str) -> Result<Remote<dyn Account>, BankError>;
//!
//!     #[idempotent]
//!     async fn total(&self) -> Result<u64, BankError>;
//! }
//!
//! impl Bank for MyBank {
//!     // Plain `async fn`s; no attribute here.
//! }
//! ```
//!
//! # What it accepts
//!
//! | | |
//! | --- | --- |
//! | traits | of any visibility, anywhere; with default bodies; without type parameters, lifetimes, constants and associated types |
//! | supertraits | other `#[remote]` traits, also of other crates, `Send`, `Sync`, `Debug`, `'static` |
//! | methods | `async fn` with `&self` or `&mut self`, not generic, up to 16 arguments |
//! | arguments | owned: anything that is `Serialize + DeserializeOwned + Send + 'static`; borrowed, as a whole: `&str`, `&[T]`, and `&T` where `T: Clone` |
//! | bytes | `&[u8]`, `Vec<u8>` and `Bytes` as a whole argument or in `Result<…, E>` travel beside the payload and are never walked byte by byte |
//! | results | `Result<T, E>`, or an alias of it with `Result` in its name |
//! | errors | `E: std::error::Error + From<netref::Error> + Serialize + DeserializeOwned + Send + Sync + 'static`, such as `netref::Error` |
//!
//! # Options
//!
//! | where | option | what it does |
//! | --- | --- | --- |
//! | trait | `#[remote(name = "bank.v1")]` | the name on the wire; without it, `crate::Trait` |
//! | trait | `#[remote(crate = "rpc::netref")]` | where netref is, when it is not `::netref` |
//! | method | `#[remote(name = "…")]` | the name on the wire; without it, the method's own |
//! | method | `#[idempotent]` | running it twice does no harm, so a call that may have run can be made again |
//! | method | `#[remote(spawn)]` | it is never polled on the task that reads the session, but on one of its own |
//! | method | `#[remote(blocking)]` | it runs on the blocking pool |
//! | method | `#[remote(no_cancel)]` | it runs to its end even when its caller has gone |
//!
//! # What it writes
//!
//! The trait, with two promises added: the methods' futures are `Send`, and `dyn Trait` may be named. Then, where nobody sees them:
//!
//! | part | for `trait Bank` |
//! | --- | --- |
//! | descriptor | names, docs, signatures and fingerprints of the methods, as statics |
//! | promises | `__BankMethod<N>`: the types of method `N`, with the bounds that let them travel, each checked once, where the user wrote it |
//! | dispatch | `__BankErased`, the object-safe twin, which every hosted object is, and the way from a method's number to the method |
//! | proxy | `Bank` for `Remote<T>`, whose methods return `Call<T, E>` |
//!
//! A method is known on the wire by its name and by its fingerprint: FNV-1a of the types of its arguments and result, without names,
//! receiver and lifetimes, and with each borrowed form replaced by the owned one. So `&str` may become `String` on one side only, and
//! `&self` may become `&mut self`; a changed type is told as a mismatch before anything is decoded.
//!
//! # Mistakes
//!
//! All are shown in one build, each at the user's own token, with what to write instead; the trait is written nevertheless, so the
//! program around it is not blamed. There is one test for each line, in `tests/tests/ui` of the repository.
//!
//! | mistake | instead |
//! | --- | --- |
//! | `#[remote]` on an `impl`, a type or a function | put it on the trait |
//! | type parameters, lifetimes, const parameters or a `where` clause on the trait | supertraits; one trait for each type |
//! | `unsafe trait`, `auto trait` | remove the word |
//! | constants, associated types, macros in the trait | methods; concrete types |
//! | a supertrait that is `Sized`, `?Sized`, generic, or one that no reference can offer, such as `Clone` | remote traits, `Send`, `Sync`, `Debug` |
//! | a supertrait that is not remote | put `#[remote]` on it |
//! | a method that is not `async`, or is `unsafe`, `const`, `extern`, variadic or generic | a plain `async fn` with concrete types |
//! | no receiver, `self` by value, `self: Arc<Self>` | `&self` or `&mut self` |
//! | a `where` clause, or bounds on the lifetimes, of a method | nothing: `Self: Sized` and `Send` are implied |
//! | no result, or one that is no `Result` | `Result<T, E>` |
//! | references, lifetimes, `impl Trait`, `dyn Trait`, pointers or `Self` in results | owned and concrete types; `Remote<dyn Trait>` |
//! | `&mut T`, `&'static T`, references and lifetimes inside arguments | owned types; a borrow of the whole |
//! | `impl Trait`, trait objects, pointers, `&Path` as arguments | concrete types; `Remote<dyn Trait>`; `&str` |
//! | patterns, `_`, attributes and more than 16 arguments | plain names; a struct |
//! | `#[cfg]` on a method | `#[cfg]` on the trait |
//! | two methods with one name on the wire | `#[remote(name = "…")]` |
//! | options that are unknown, repeated, misplaced, of the wrong kind or contradict each other | those of the table above |
//! | names that begin with `__netref`; a trait called `Send`, `Sync` or `Debug` | other names |
//! | argument, value or error types that cannot travel | the derives and impls that the message names |

mod attr;
mod check;
mod errors;
mod expand;
mod model;
mod names;
mod parse;
mod plain;
mod text;
mod types;

use proc_macro::TokenStream;

/// Makes a trait remote: `Remote<dyn Trait>` then refers to an object that implements it, wherever the object lives, and implements the
/// trait itself.
///
/// Implementations are plain `impl`s with plain `async fn`s. Every method returns a `Result` whose error can be made from
/// `netref::Error`, because a call can fail on the way. `&self` methods run side by side, `&mut self` methods have the object to
/// themselves. On a `Remote` the methods return a `Call`: a future that borrows nothing.
///
/// ```ignore
/// use netref::{Remote, remote};
///
/// #[remote]
/// pub trait Counter {
///     async fn add(&mut self, amount: u64) -> netref::Result<u64>;
/// }
///
/// struct Plain(u64);
///
/// impl Counter for Plain {
///     async fn add(&mut self, amount: u64) -> netref::Result<u64> {
///         self.0 += amount;
///         Ok(self.0)
///     }
/// }
///
/// let mut counter = Remote::<dyn Counter>::new(Plain(1));
/// assert_eq!(counter.add(2).await?, 3);
/// ```
///
/// # Options
///
/// On the trait: `#[remote(name = "bank.v1")]`, the name by which it is known to other processes (otherwise `crate::Trait`), and
/// `#[remote(crate = "…")]`, the path to netref (otherwise `::netref`).
///
/// On its methods: `#[remote(name = "…")]`, `#[idempotent]` (may run twice), `#[remote(spawn)]` (never polled on the task that reads
/// the session), `#[remote(blocking)]` (runs on the blocking pool), `#[remote(no_cancel)]` (runs to its end even when its caller has
/// gone).
///
/// # Arguments and results
///
/// Arguments are owned values that serde can carry, or borrows of one as a whole: `&str`, `&[T]`, and `&T` where `T: Clone`. References
/// to other objects, `Remote<dyn Trait>`, travel at any depth. `&[u8]`, `Vec<u8>` and `Bytes` as whole arguments, or in
/// `Result<…, E>`, are never walked byte by byte. Lifetimes may be named and mean nothing beyond the borrow.
///
/// A result is `Result<T, E>` or an alias of it that has `Result` in its name.
///
/// # Supertraits
///
/// Other remote traits, also of other crates, `Send`, `Sync`, `Debug` and `'static`. All remote traits are `Send + Sync`.
///
/// # Default bodies
///
/// A default body is a remote method like any other: one call, run where the object is, and overridden by what the object provides.
#[proc_macro_attribute]
pub fn remote(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::remote(options.into(), item.into()).into()
}
