//! A supertrait holds for `dyn Trait` too, which is not `Self`.

use netref::{Error, remote};

#[remote]
pub trait Store<V> {
    async fn get(&self) -> Result<V, Error>;
}

#[remote]
pub trait Tree: Store<Self> {
    type Leaf: PartialEq<Self>;

    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Bush<T>
where
    T: From<Vec<Self>>,
{
    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Hedge: Store<Self::Leaf> {
    type Leaf;

    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
