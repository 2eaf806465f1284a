//! Type parameters with defaults and bounds, constants, associated types, and traits that speak of themselves.

#![deny(warnings)]

use std::collections::BTreeMap;
use std::fmt::Debug;

use netref::{Error, Interface, Remote, Result, remote};
use serde::{Deserialize, Serialize};

#[remote]
pub trait Store<K: Ord, V = String>: Debug
where
    V: PartialEq,
    Vec<V>: Clone,
{
    async fn get(&self, key: &K) -> Result<Option<V>>;
    async fn put(&mut self, all: BTreeMap<K, V>) -> Result<()>;
    async fn next(&self) -> Result<Option<Remote<dyn Store<K, V>>>>;
    async fn is(&self, key: &K, value: &V) -> Result<bool> {
        Ok(self.get(key).await?.as_ref() == Some(value))
    }
}

#[derive(Debug)]
struct Tree<V>(BTreeMap<u8, V>);

impl<V: netref::Value + PartialEq + Clone + Debug> Store<u8, V> for Tree<V> {
    async fn get(&self, key: &u8) -> Result<Option<V>> {
        Ok(self.0.get(key).cloned())
    }
    async fn put(&mut self, all: BTreeMap<u8, V>) -> Result<()> {
        self.0.extend(all);
        Ok(())
    }
    async fn next(&self) -> Result<Option<Remote<dyn Store<u8, V>>>> {
        Ok(Some(Remote::new(Tree(self.0.clone()))))
    }
}

/// A constant, in a type that serde carries for any length, and in one that the bound says it does.
#[remote]
pub trait Matrix<T, const ROWS: usize, const SQUARE: bool = false>
where
    [T; ROWS]: Serialize + for<'de> Deserialize<'de>,
{
    async fn column(&self) -> Result<[T; ROWS]>;
    async fn is_square(&self) -> Result<bool> {
        Ok(SQUARE)
    }
}

struct Zero;

impl Matrix<u16, 3, true> for Zero {
    async fn column(&self) -> Result<[u16; 3]> {
        Ok([0; 3])
    }
}

/// A parameter that stands in no method only tells instances apart; one that is unsized is an interface itself.
#[remote]
pub trait Directory<Tag, T: ?Sized + Interface, E, U>
where
    U: ?Sized + Interface,
{
    async fn find(&self, name: &str) -> std::result::Result<Remote<T>, E>;
    async fn second(&self) -> Result<Option<Remote<U>>>;
}

struct Europe;
struct Here;

impl Directory<Europe, dyn Store<u8>, Error, dyn Shelf<Item = u8, Error = Error>> for Here {
    async fn find(&self, _name: &str) -> Result<Remote<dyn Store<u8>>> {
        Ok(Remote::new(Tree(BTreeMap::new())))
    }
    async fn second(&self) -> Result<Option<Remote<dyn Shelf<Item = u8, Error = Error>>>> {
        Ok(None)
    }
}

/// Associated types: bounded, as errors, named in full, and as parameters of other interfaces.
#[remote]
pub trait Shelf {
    type Item: Copy + Into<u64>;
    /// With a doc comment.
    type Error;

    async fn first(&self) -> std::result::Result<Self::Item, Self::Error>;
    async fn rest(&self, but: &[<Self as Shelf>::Item], one: &Self::Item) -> std::result::Result<Vec<Self::Item>, <Self as Shelf>::Error>;
    async fn same(&self) -> std::result::Result<Option<Remote<dyn Shelf<Item = Self::Item, Error = Self::Error>>>, Self::Error>;
    async fn sum(&self) -> std::result::Result<u64, Self::Error> {
        Ok(self.rest(&[], &self.first().await?).await?.into_iter().map(Into::into).sum())
    }
}

/// Supertraits in terms of this trait's parameters, beside a type of its own.
#[remote]
pub trait Library<T: Ord + Clone, I: Copy + Into<u64>>: Shelf<Item = I, Error = Error> + Store<T> {
    type Book: PartialEq + Clone;

    async fn book(&self, key: &T) -> Result<Self::Book>;
}

#[derive(Debug)]
struct Alexandria;

impl Shelf for Alexandria {
    type Item = u8;
    type Error = Error;

    async fn first(&self) -> Result<u8> {
        Ok(7)
    }
    async fn rest(&self, but: &[u8], one: &u8) -> Result<Vec<u8>> {
        Ok([but, &[*one, 3]].concat())
    }
    async fn same(&self) -> Result<Option<Remote<dyn Shelf<Item = u8, Error = Error>>>> {
        Ok(None)
    }
}

impl Store<u64, String> for Alexandria {
    async fn get(&self, key: &u64) -> Result<Option<String>> {
        Ok(Some(key.to_string()))
    }
    async fn put(&mut self, _all: BTreeMap<u64, String>) -> Result<()> {
        Ok(())
    }
    async fn next(&self) -> Result<Option<Remote<dyn Store<u64>>>> {
        Ok(None)
    }
}

impl Library<u64, u8> for Alexandria {
    type Book = String;

    async fn book(&self, key: &u64) -> Result<String> {
        Ok(self.get(key).await?.unwrap_or_default())
    }
}

async fn first_of<S: Shelf>(shelf: &S) -> std::result::Result<u64, S::Error> {
    Ok(shelf.first().await?.into())
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut store: Remote<dyn Store<u8>> = Remote::new(Tree(BTreeMap::new()));
        store.put(BTreeMap::from([(1, "one".to_owned())])).await.unwrap();
        assert!(store.is(&1, &"one".to_owned()).await.unwrap());
        assert!(store.next().await.unwrap().is_some());

        let matrix: Remote<dyn Matrix<u16, 3, true>> = Remote::new(Zero);
        assert!(matrix.is_square().await.unwrap() && matrix.column().await.unwrap() == [0; 3]);

        let directory: Remote<dyn Directory<Europe, dyn Store<u8>, Error, dyn Shelf<Item = u8, Error = Error>>> = Remote::new(Here);
        assert!(directory.find("x").await.unwrap().get(&1).await.unwrap().is_none());
        assert!(directory.second().await.unwrap().is_none());

        let library: Remote<dyn Library<u64, u8, Book = String>> = Remote::new(Alexandria);
        assert_eq!(library.book(&4).await.unwrap(), "4");
        assert_eq!(library.sum().await.unwrap(), 10);
        assert_eq!(first_of(&library).await.unwrap(), 7);
        // In a task: the futures of a generic trait are `Send` like any other.
        let first = tokio::spawn(async move { first_of(&Remote::upcast::<dyn Shelf<Item = u8, Error = Error>>(library)).await });
        assert_eq!(first.await.unwrap().unwrap(), 7);
    });
    assert_eq!(<dyn Store<u8> as Interface>::DESCRIPTOR.methods.len(), 4);
    assert!(<dyn Store<u8> as Interface>::DESCRIPTOR.exclusive && <dyn Library<u64, u8, Book = String> as Interface>::DESCRIPTOR.exclusive);
}
