//! An interface as a user's own crate has it: netref under another name, a `Result` and an `Ok` that are not the usual ones, and methods
//! called like those of the types that surround them.

#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types)]
#![deny(unused_qualifications, elided_lifetimes_in_paths, rust_2018_idioms, unused_crate_dependencies)]

use std::collections::HashMap;
use std::fmt;

use rpc::{Remote, remote};
use serde::{Deserialize, Serialize};

/// What a shelf says when something cannot be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ShelfError {
    /// There is no such thing on it.
    Missing(String),
    /// The call did not get through.
    Call(rpc::Error),
}

impl fmt::Display for ShelfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "there is no {what}"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ShelfError {}

impl From<rpc::Error> for ShelfError {
    fn from(error: rpc::Error) -> Self {
        Self::Call(error)
    }
}

/// The crate's own `Result`: one parameter, its own error.
pub type Result<T> = std::result::Result<T, ShelfError>;

/// The crate's own `Ok`, which is not that of any `Result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ok {
    /// How often it was said.
    pub times: u32,
}

/// A shelf: it holds books and tells a reader of them.
#[remote(crate = "rpc")]
pub trait Shelf: Named {
    /// Puts a new book on it.
    async fn new(&mut self, title: &str) -> Result<Remote<dyn Book>>;

    /// A book like the one of that title.
    async fn clone(&self, title: &str) -> Result<Remote<dyn Book>>;

    /// Sends every book to a reader.
    async fn send(&self, reader: Remote<dyn Reader>) -> Result<Ok>;

    /// Waits for a while.
    async fn wait(&self, milliseconds: u64) -> Result<Ok>;

    /// Whether it is closed.
    async fn closed(&self) -> Result<bool>;

    /// What kind of shelf it is.
    async fn r#type(&self, r#in: &str) -> Result<String>;

    /// All its books.
    async fn all(&self) -> Result<HashMap<String, Remote<dyn Book>>>;
}

/// What has a name.
#[remote(crate = "rpc")]
pub trait Named: Send + Sync {
    /// The name.
    async fn name(&self) -> Result<String>;

    /// A greeting with the name.
    #[idempotent]
    async fn greet(&self) -> Result<String> {
        self.name().await.map(|name| format!("this is {name}"))
    }
}

/// A book.
#[remote(crate = "rpc", name = "shelf.book")]
pub trait Book {
    /// Its title.
    async fn title(&self) -> Result<String>;
}

/// Who is told of books.
#[remote(crate = "rpc")]
pub trait Reader {
    /// Here is one.
    async fn read(&self, book: Remote<dyn Book>) -> Result<Ok>;
}
