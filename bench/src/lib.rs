//! netref
