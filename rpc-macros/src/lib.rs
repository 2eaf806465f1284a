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
//! | traits | of any visibility, anywhere; with default bodies; with type and const parameters, their defaults and bounds; without lifetimes and constants |
//! | associated types | with bounds, as `Self::Item`; named where the trait is a type, `Remote<dyn Shelf<Item = Book>>` |
//! | supertraits | any number of other `#[remote]` traits, also generic ones and of other crates, `Send`, `Sync`, `Debug`, `'static` |
//! | methods | `async fn` with `&self` or `&mut self`, generic in nothing but lifetimes, up to 16 arguments |
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
//! # Parameters
//!
//! The type parameters and associated types of a trait get the bounds without which it could not be remote:
//!
//! | a parameter or associated type | has to be |
//! | --- | --- |
//! | that stands in a method or in a supertrait | `netref::Value`: `Serialize + DeserializeOwned + Send + Sync + 'static` |
//! | that is the error of a method | what any such error is |
//! | that stands in a borrowed argument, such as `&K` or `&[V]` | `Clone` besides, for objects of the same process |
//! | that is `?Sized`, such as the `T` of a `Remote<T>`, or stands nowhere | `Send + Sync + 'static` |
//!
//! Whatever else a type needs to be serialised, such as `K: Eq + Hash` for a `HashMap<K, V>`, is written at the trait. The interface is
//! called `crate::Trait` whatever its arguments are, so only its methods' fingerprints tell two instances of it apart.
//!
//! # What it writes
//!
//! The trait, with two promises added: the methods' futures are `Send`, and `dyn Trait` may be named. Then, where nobody sees them:
//!
//! | part | for `trait Bank` |
//! | --- | --- |
//! | descriptor | names, docs, signatures of the methods, and functions that give the structure of their types, as the constant of `dyn Bank` |
//! | promises | `__BankMethod<N>`, with the trait's parameters: the types of method `N`, with the bounds that let them travel, each checked once, where the user wrote it |
//! | dispatch | `__BankErased`, the object-safe twin, which every hosted object is, and the way from a method's number to the method |
//! | proxy | `Bank` for `Remote<T>`, whose methods return `Call<T, E>`, and that `dyn Bank` is a `Supertrait` of every `T: Bank` |
//!
//! A method is known on the wire by its name and by what its types are made of (`netref::schema`), with each borrowed form replaced by the
//! owned one. So `&str` may become `String` on one side only, and `&self` may become `&mut self`; a changed type, or a changed field of a
//! type, is told as a mismatch before anything is decoded. A type without `#[derive(netref::Schema)]` is traced through its `Deserialize`.
//!
//! # Mistakes
//!
//! All are shown in one build, each at the user's own token, with what to write instead; the trait is written nevertheless, so the
//! program around it is not blamed. There is one test for each line, in `tests/tests/ui` of the repository.
//!
//! | mistake | instead |
//! | --- | --- |
//! | `#[remote]` on an `impl`, a type or a function | put it on the trait |
//! | lifetimes on the trait | owned types |
//! | bounds on `Self` in the `where` clause of the trait | supertraits |
//! | `Self` in a supertrait or a bound | a concrete type; a parameter of the trait |
//! | associated types with parameters, a default or a `where` clause | a parameter of the trait; bounds |
//! | `Self::Item` for the type of a supertrait | the type that it is |
//! | `unsafe trait`, `auto trait` | remove the word |
//! | constants, macros in the trait | methods |
//! | a supertrait that is `Sized`, `?Sized`, or one that no reference can offer, such as `Clone` | remote traits, `Send`, `Sync`, `Debug` |
//! | a supertrait that is not remote | put `#[remote]` on it |
//! | a method that is not `async`, or is `unsafe`, `const`, `extern`, variadic or generic | a plain `async fn` with concrete types; a parameter of the trait |
//! | no receiver, `self` by value, `self: Arc<Self>` | `&self` or `&mut self` |
//! | a `where` clause of a method, but for lifetimes | nothing: `Self: Sized` and `Send` are implied |
//! | no result, or one that is no `Result` | `Result<T, E>` |
//! | references, lifetimes, `impl Trait`, `dyn Trait`, pointers or `Self` in results | owned and concrete types; `Remote<dyn Trait>` |
//! | `&mut T`, `&'static T`, references and lifetimes inside arguments | owned types; a borrow of the whole |
//! | `impl Trait`, trait objects, pointers, `&Path` as arguments | concrete types; `Remote<dyn Trait>`; `&str` |
//! | patterns, `_`, attributes and more than 16 arguments | plain names; a struct |
//! | `#[cfg]` on a method or an associated type | `#[cfg]` on the trait |
//! | two methods with one name on the wire | `#[remote(name = "…")]` |
//! | options that are unknown, repeated, misplaced, of the wrong kind or contradict each other | those of the table above |
//! | supertraits of one name on the wire, such as two instances of a generic trait, or one called like the trait itself | `#[remote(name = "…")]` on one |
//! | a name on the wire that begins with `netref.` | another name |
//! | names that begin with `__netref`; a trait called `Send`, `Sync` or `Debug` | other names |
//! | argument, value or error types, and types for a parameter, that cannot travel | the derives and impls that the message names |

mod attr;
mod check;
mod errors;
mod expand;
mod generics;
mod model;
mod names;
mod own;
mod parse;
mod pipeline;
mod plain;
mod schema;
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
/// On its methods: `#[remote(name = "…")]`, the name by which it is known to other processes (otherwise its own), `#[idempotent]` (may run twice), `#[remote(spawn)]` (never polled on the task that reads
/// the session), `#[remote(blocking)]` (runs on the blocking pool), `#[remote(no_cancel)]` (runs to its end even when its caller has
/// gone).
///
/// A trait or a method that gets another name in the source keeps the old one on the wire, so that a process with the old source and one
/// with the new call each other as before. The compiler refuses two methods of one trait with the same name on the wire.
///
/// ```ignore
/// #[remote(name = "shop::PhoneBook")] // was `trait PhoneBook` in the crate `shop`
/// pub trait Directory {
///     #[remote(name = "find")] // was `async fn find`
///     async fn look_up(&self, name: &str) -> netref::Result<u32>;
/// }
/// ```
///
/// # Arguments and results
///
/// Arguments are owned values that serde can carry, or borrows of one as a whole: `&str`, `&[T]`, and `&T` where `T: Clone`. References
/// to other objects, `Remote<dyn Trait>`, travel at any depth. `&[u8]`, `Vec<u8>` and `Bytes` as whole arguments, or in
/// `Result<…, E>`, are never walked byte by byte. Lifetimes may be named and bounded, and mean nothing beyond the borrow.
///
/// A result is `Result<T, E>` or an alias of it that has `Result` in its name.
///
/// # Parameters and associated types
///
/// A trait may have type parameters, const parameters, defaults, bounds, a `where` clause and associated types; `Remote<dyn Store<u32, String>>` and
/// `Remote<dyn Shelf<Item = Book>>` are references to objects of it. Types that stand in its methods are values that travel, and the macro says
/// so in the trait: their bound is `netref::Value`. One in a borrowed argument is `Clone` besides. One that is `?Sized` may be the `T` of a
/// `Remote<T>`.
///
/// ```ignore
/// #[remote]
/// pub trait Store<K: Eq + Hash, V = String> {
///     async fn get(&self, key: &K) -> netref::Result<Option<V>>;
///     async fn keys(&self) -> netref::Result<HashSet<K>>;
/// }
///
/// #[remote]
/// pub trait Shelf {
///     type Item;
///     async fn first(&self) -> netref::Result<Self::Item>;
/// }
///
/// #[remote]
/// pub trait Directory<T: ?Sized + netref::Interface> {
///     async fn find(&self, name: &str) -> netref::Result<netref::Remote<T>>;
/// }
/// ```
///
/// # Supertraits
///
/// Other remote traits, also of other crates, with their arguments and associated types (`Store<u32> + Shelf<Item = Book>`), `Send`, `Sync`,
/// `Debug` and `'static`. All remote traits are `Send + Sync`. A reference has the methods of all supertraits, and `Remote::upcast` makes it one to
/// any of them.
///
/// # Default bodies
///
/// A default body is a remote method like any other: one call, run where the object is, and overridden by what the object provides.
#[proc_macro_attribute]
pub fn remote(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::remote(options.into(), item.into()).into()
}

/// Makes the structure of a type known to netref, so that two programs with different versions of it find out before a value is misread.
///
/// Derive it beside `Serialize` and `Deserialize`; it reads serde's attributes. It is not required: a type without it is traced through
/// its `Deserialize`, which tells as much of most types. It tells more of types that check their values, and costs nothing at run time.
///
/// ```ignore
/// #[derive(serde::Serialize, serde::Deserialize, netref::Schema)]
/// struct Order {
///     items: Vec<Item>,
///     #[serde(default)]
///     note: String,
/// }
/// ```
///
/// | attribute of serde | |
/// | --- | --- |
/// | `rename`, `rename_all`, `rename_all_fields`, `transparent`, `skip`, `from` with `into` of the same type | as serde does it |
/// | `default`, `alias`, `bound`, `deny_unknown_fields`, `skip_serializing_if`, … | change nothing of the structure |
/// | `with`, `serialize_with`, `deserialize_with` | the field is opaque |
/// | `tag`, `content`, `untagged`, `flatten`, a skipped variant before others, one that netref does not know | the type is opaque |
/// | `skip_serializing` or `skip_deserializing` alone | an error: what is written and not read moves all that follows it |
///
/// Type parameters have to be `Schema` themselves. `#[netref(crate = "…")]` says where netref is, when it is not `::netref`.
#[proc_macro_derive(Schema, attributes(netref, serde))]
pub fn schema(item: TokenStream) -> TokenStream {
    schema::derive(item.into()).into()
}

/// Makes a struct the result of a method of which the references can be used before it is there: see `Call::pipelined`.
///
/// It adds a struct of the promises, named after it: for `Opened` that is `OpenedPromise`. Fields of type `Remote`, `AnyRemote`,
/// `RemoteFn`, or an `Option` of these, are in it, and fields with `#[pipeline]`, whose types derive `Pipeline` themselves; other fields
/// are not. A promise of an `Option` that is `None` is broken.
///
/// A macro sees how a type is written and not what it is, so references are known by the last part of their type's name. One that is called
/// otherwise (`type Savings = Remote<dyn Account>`, or `use netref::Remote as Reference`) needs `#[pipeline]`, and is left out without it. The trait of
/// the same name has an example.
///
/// `#[netref(crate = "…")]` says where netref is, when it is not `::netref`.
#[proc_macro_derive(Pipeline, attributes(netref, serde, pipeline))]
pub fn pipeline(item: TokenStream) -> TokenStream {
    pipeline::derive(item.into()).into()
}
