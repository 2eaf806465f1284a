//! Structs of references, with the parameters that a struct may have.

#![deny(warnings)]

use netref::{AnyRemote, Pipeline, Remote, RemoteFn, Result, Value, remote};
use serde::{Deserialize, Serialize};

#[remote]
pub trait Shelf<T: Value> {
    async fn first(&self) -> Result<T>;
}

/// With parameters that no promise mentions, in every place where one can stand.
#[derive(Serialize, Deserialize, Pipeline)]
#[serde(bound = "")]
pub struct Page<T: Value + Into<U>, U, const N: usize>
where
    U: Value + From<T>,
    Vec<T>: Clone,
{
    pub items: Vec<T>,
    pub shelf: Remote<dyn Shelf<U>>,
}

#[derive(Serialize, Deserialize, Pipeline)]
pub struct Both(pub Vec<u8>, pub Option<AnyRemote>, #[pipeline] pub One);

#[derive(Serialize, Deserialize, Pipeline)]
pub struct One {
    pub call: RemoteFn<(u64,), u64>,
}

#[remote]
pub trait Library {
    async fn page(&self) -> Result<Page<u32, u64, 3>>;
    async fn both(&self) -> Result<Both>;
}

pub async fn ahead(library: Remote<dyn Library>) -> Result<u64> {
    let page: PagePromise<u64> = library.page().pipelined();
    let BothPromise(any, OnePromise { call }) = library.both().pipelined();
    drop(any);
    Ok(page.shelf.first().await? + call.call(1).await?)
}

fn main() {}
