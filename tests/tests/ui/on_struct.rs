//! `#[remote]` makes traits remote, not types.

use netref::remote;

#[remote]
pub struct Account {
    balance: u64,
}

#[remote]
enum Kind {
    Savings,
}

fn main() {}
