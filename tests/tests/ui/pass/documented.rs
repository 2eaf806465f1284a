//! The strictest lints say nothing about what the macro writes.
#![deny(warnings)]
#![deny(
    elided_lifetimes_in_paths,
    future_incompatible,
    let_underscore,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    rust_2024_compatibility,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unnameable_types,
    unreachable_pub,
    unused,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    variant_size_differences
)]
#![forbid(unsafe_code)]

use netref::{Error, Interface, remote};

/// A bank.
///
/// It keeps *accounts*.
#[remote]
pub trait Bank {
    /// Opens an account.
    ///
    ///     indented
    async fn open(&self, owner: &str) -> Result<u64, Error>;

    #[doc = "Closes one."]
    #[must_use]
    async fn close(&self, _number: u64) -> Result<(), Error>;
}

fn main() {
    let bank = <dyn Bank as Interface>::DESCRIPTOR;
    assert_eq!(bank.docs, "A bank.\n\nIt keeps *accounts*.");
    assert_eq!(bank.methods[0].docs, "Opens an account.\n\n    indented");
    assert_eq!(bank.methods[0].signature, "async fn open(&self, owner: &str) -> Result<u64, Error>");
    assert_eq!(bank.methods[0].parameters[0].name, "owner");
    assert_eq!(bank.methods[0].parameters[0].ty, "&str");
    assert_eq!(bank.methods[0].result, "Result<u64, Error>");
    assert_eq!(bank.methods[1].docs, "Closes one.");
}
