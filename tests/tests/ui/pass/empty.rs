//! Interfaces without methods.

#![deny(warnings)]

use netref::{Interface, Remote, remote};

/// Nothing to call.
#[remote]
pub trait Token {}

#[remote]
pub trait Better: Token {}

struct It;

impl Token for It {}

impl Better for It {}

fn main() {
    let _it = Remote::<dyn Better>::new(It);
    assert!(<dyn Better as Interface>::DESCRIPTOR.methods.is_empty());
}
