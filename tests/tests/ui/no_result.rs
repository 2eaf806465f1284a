//! A remote method returns something: a `Result`.

use netref::remote;

#[remote]
pub trait Account {
    async fn deposit(&self, amount: u64);
}

fn main() {}
