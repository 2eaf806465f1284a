//! What tests need of another crate than their own.

pub mod bases;
pub mod patience;
pub mod seen;
