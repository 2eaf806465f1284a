//! The node daemon of netref as a library. It owns what the `netref` command runs; objects, sessions and the protocol are netref's.
//!
//! Today there is little to it: the version, and [`netref`] itself under the version that belongs to it. What will be here is a daemon
//! that hosts services, is configured by a file, and can be asked what it holds. Until then a program hosts its objects itself, with
//! a node of its own.
//!
//! ```
//! println!("netref {}", netref_server::version());
//! ```

pub use netref;

/// The version of this crate. It is netref's too: the crates of the project are released together.
///
/// ```
/// assert!(netref_server::version().starts_with("0."));
/// ```
#[must_use]
pub const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
