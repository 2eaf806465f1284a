//! A remote method returns a `Result`.

use netref::remote;

pub struct User;

#[remote]
pub trait Account {
    async fn balance(&self) -> u64;

    async fn nothing(&self) -> ();

    async fn limit(&self) -> Option<u64>;

    async fn pair(&self) -> (u64, u64);

    async fn owner(&self) -> User;
}

fn main() {}
