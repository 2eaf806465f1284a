//! Remote traits for those of another crate to build upon: plain, generic, with an associated type, and with supertraits of their own.

use std::hash::Hash;

use netref::{Remote, Result, Value, remote};

/// What has a name.
#[remote]
pub trait Named {
    async fn name(&self) -> Result<String>;
    async fn rename(&mut self, name: &str) -> Result<()>;
}

/// A supertrait of a supertrait.
#[remote]
pub trait Aged: Named {
    async fn age(&self) -> Result<u32>;
    async fn name_and_age(&self) -> Result<String> {
        Ok(format!("{}, {}", self.name().await?, self.age().await?))
    }
}

/// Values by key.
#[remote]
pub trait Store<K, V = String>
where
    K: Eq + Hash,
{
    async fn get(&self, key: &K) -> Result<Option<V>>;
    async fn put(&mut self, key: K, value: V) -> Result<Option<V>>;
    async fn keys(&self) -> Result<std::collections::HashSet<K>>;
    async fn each(&self, visitor: Remote<dyn Visitor<V>>) -> Result<u64>;
    /// A default body of a generic trait.
    async fn has(&self, key: &K) -> Result<bool> {
        Ok(self.get(key).await?.is_some())
    }
}

/// Is shown values, one after the other.
#[remote]
pub trait Visitor<V> {
    async fn visit(&self, value: V) -> Result<()>;
}

/// Items of one type, which it names itself.
#[remote]
pub trait Shelf {
    type Item: Clone;
    async fn first(&self) -> Result<Option<Self::Item>>;
    async fn add(&mut self, item: &Self::Item, times: u8) -> Result<u64>;
    async fn all(&self) -> Result<Vec<Self::Item>>;
}

/// A function over any shelf, local or remote.
pub async fn double<S: Shelf>(shelf: &mut S) -> Result<u64> {
    let Some(first) = shelf.first().await? else { return Ok(0) };
    shelf.add(&first, 2).await
}

/// A function over references to stores of any types.
pub async fn copy<K: Value + Eq + Hash + Clone, V: Value>(from: &Remote<dyn Store<K, V>>, to: &mut Remote<dyn Store<K, V>>) -> Result<u64> {
    let mut copied = 0;
    for key in from.keys().await? {
        if let Some(value) = from.get(&key).await? {
            to.put(key, value).await?;
            copied += 1;
        }
    }
    Ok(copied)
}
