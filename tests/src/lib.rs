//! What tests need of another crate than their own.

pub mod bases;
pub mod seen;
