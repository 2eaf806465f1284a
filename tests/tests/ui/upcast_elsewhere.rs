//! A reference is turned into one of a supertrait, and into no other.

use netref::{Error, Remote, remote};

#[remote]
pub trait Named {
    async fn name(&self) -> Result<String, Error>;
}

#[remote]
pub trait Ship: Named {
    async fn sail(&self) -> Result<(), Error>;
}

#[remote]
pub trait Store<V> {
    async fn get(&self) -> Result<V, Error>;
}

#[remote]
pub trait Freighter: Ship + Store<u64> {}

fn main() {}

pub fn down(named: Remote<dyn Named>) -> Remote<dyn Ship> {
    Remote::upcast(named)
}

pub fn aside(it: Remote<dyn Freighter>) {
    let _ = Remote::upcast::<dyn Store<String>>(it);
}
