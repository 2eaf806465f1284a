//! What an object says about itself: [`AnyRemote::describe`](crate::AnyRemote::describe) asks its host, [`Description::of`] looks at an interface of
//! this process.
//!
//! A [`Description`] has the interfaces that a reference grants, those that the object can be cast to, and those of references in
//! arguments and results, each with its methods, parameters, doc comments and options. It is a value that serde carries, and shown with
//! `{}` it is Rust source:
//!
//! ```
//! use netref::introspect::Description;
//! use netref::{Remote, Result, remote};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! enum Note { Sharp(u8), Rest { milliseconds: u32 } }
//!
//! /// Something with keys.
//! #[remote(name = "music.Piano")]
//! trait Piano {
//!     /// Plays them one after the other.
//!     async fn play(&mut self, notes: Vec<Note>) -> Result<u64>;
//! }
//!
//! let shown = Description::of::<dyn Piano>().to_string();
//! assert!(shown.starts_with("/// Something with keys.\n#[remote(name = \"music.Piano\")]\npub trait Piano {\n"));
//! assert!(shown.contains("    /// Plays them one after the other.\n    async fn play(&mut self, notes: Vec<Note>) -> Result<u64>;\n"));
//! assert!(shown.contains("enum Note { Sharp(u8), Rest { milliseconds: u32 } }"));
//! ```
//!
//! What is told of types is what they look like on the wire, which for most is what they look like in Rust; a place of which
//! nothing is known is *opaque*, and [`MethodInfo::opaque`] lists it with the reason. With the feature `json`, `MethodInfo::arguments_schema` and
//! `MethodInfo::result_schema` give JSON Schemas.
//!
//! A description is a peer's word. Nothing in netref trusts it: a call is compared with the method itself, by the host.
//!
//! # Files
//!
//! | file | what |
//! | --- | --- |
//! | `info.rs` | what is said of interfaces and methods |
//! | `types.rs` | what is said of types |
//! | `answer.rs` | the host's side: a description in pages of bounded size |
//! | `pages.rs` | the other side: pages of a peer's, under limits |
//! | `print.rs` | a description as Rust source |
//! | `json_schema.rs` | types as JSON Schema |

mod answer;
mod info;
#[cfg(feature = "json")]
mod json_schema;
mod pages;
mod print;
mod types;

pub(crate) use answer::{Page, page};
pub use info::{Access, Description, InterfaceInfo, MethodInfo, OpaqueInfo, ParameterInfo};
pub(crate) use pages::Pages;
pub use types::Types;

#[cfg(test)]
mod tests;
