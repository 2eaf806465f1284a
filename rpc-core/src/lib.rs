//! netref

pub mod id;
pub mod limits;

pub use limits::Limits;
