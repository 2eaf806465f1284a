//! The largest trait that anyone might write, and an object that has it.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use netref::{Error, Remote, Result, Value, remote};
use netref_tests::bases::{Aged, Named, Shelf, Store, Visitor};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Crate {
    of: String,
    weight: u32,
}

impl Crate {
    pub fn new(of: &str, weight: u32) -> Self {
        Self { of: of.to_owned(), weight }
    }
}

/// What can go wrong in a warehouse: an associated type may be the error of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Trouble {
    Full(usize),
    Call(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}
impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
impl std::error::Error for Trouble {}

/// Thirty methods, three parameters of which one is a constant, two associated types, and three supertraits of another crate.
#[remote]
pub trait Warehouse<K, V, const ROWS: usize = 4>: Aged + Store<K, V> + Shelf<Item = V>
where
    K: Eq + Hash + Clone,
    V: Clone,
    Self::Label: PartialEq,
{
    type Label: Clone + Debug;
    type Trouble;

    async fn rows(&self) -> Result<usize>;
    async fn label(&self, key: &K) -> Result<Self::Label>;
    async fn relabel(&mut self, key: &K, label: Self::Label) -> Result<Option<<Self as Warehouse<K, V, ROWS>>::Label>>;
    async fn labels(&self) -> Result<HashMap<K, Self::Label>>;
    async fn is_labelled(&self, key: &K, label: &Self::Label) -> Result<bool> {
        Ok(self.label(key).await? == *label)
    }
    async fn fill(&mut self, values: &[(K, V)]) -> Result<usize, Self::Trouble>;
    async fn fill_owned(&mut self, values: Vec<(K, V)>) -> std::result::Result<usize, Self::Trouble>;
    async fn find<'a>(&'a self, key: &'a K, or: &'a V) -> Result<V>;
    async fn longest<'a, 'b: 'a>(&'a self, one: &'b str, other: &'a str) -> Result<String>;
    async fn joined<'a, 'b>(&self, one: &'a str, other: &'b str) -> Result<String>
    where
        'a: 'b;
    async fn elided(&self, text: &str, bytes: &[u8], numbers: &'_ [u64]) -> Result<usize>;
    async fn bytes(&self, bytes: &[u8]) -> Result<Vec<u8>>;
    async fn option(&self, value: Option<V>) -> Result<Option<V>>;
    async fn pair(&self, pair: (K, V)) -> Result<(V, K)>;
    async fn store(&self) -> Result<Remote<dyn Store<K, V>>>;
    async fn aisle(&self) -> Result<Remote<dyn Warehouse<K, V, ROWS, Label = Self::Label, Trouble = Self::Trouble>>>;
    async fn visit(&self, visitor: Remote<dyn Visitor<(K, V)>>) -> Result<()>;
    async fn visitors(&self, visitors: &[Remote<dyn Visitor<V>>]) -> Result<usize>;
    async fn keep(&mut self, store: Remote<dyn Store<K, V>>) -> Result<()>;
    async fn kept(&self) -> Result<Option<Remote<dyn Store<K, V>>>>;
    #[idempotent]
    async fn total(&self) -> Result<u64>;
    #[remote(spawn)]
    async fn spawned(&self, key: K) -> Result<K>;
    #[remote(blocking)]
    async fn blocked(&self, value: V) -> Result<V>;
    #[remote(no_cancel)]
    async fn finished(&self) -> Result<()>;
    #[remote(name = "type")]
    async fn r#type(&self, r#in: &str) -> Result<String>;
    async fn nothing(&self) -> Result<()>;
    async fn clear(&mut self) -> Result<HashSet<K>>;
    async fn set(&mut self, keys: &HashSet<K>, value: &V) -> Result<()>;
    async fn numbers(&self, one: u8, two: i16, three: f64, four: char) -> Result<(u8, i16, f64, char)>;
    /// The thirtieth.
    async fn last(&self) -> Result<Vec<Self::Label>>;
}

/// What the depot needs of its parameters, in two words.
pub trait Key: Value + Eq + Hash + Clone {}
impl<K: Value + Eq + Hash + Clone> Key for K {}
pub trait Good: Value + Clone {}
impl<V: Value + Clone> Good for V {}

pub struct Depot<K: Key, V: Good, const ROWS: usize> {
    name: String,
    values: HashMap<K, V>,
    labels: HashMap<K, String>,
    items: Vec<V>,
    kept: Option<Remote<dyn Store<K, V>>>,
}

impl<K: Key, V: Good, const ROWS: usize> Depot<K, V, ROWS> {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), values: HashMap::new(), labels: HashMap::new(), items: Vec::new(), kept: None }
    }
}

impl<K: Key, V: Good, const ROWS: usize> Named for Depot<K, V, ROWS> {
    async fn name(&self) -> Result<String> {
        Ok(self.name.clone())
    }
    async fn rename(&mut self, name: &str) -> Result<()> {
        name.clone_into(&mut self.name);
        Ok(())
    }
}

impl<K: Key, V: Good, const ROWS: usize> Aged for Depot<K, V, ROWS> {
    async fn age(&self) -> Result<u32> {
        Ok(7)
    }
}

impl<K: Key, V: Good, const ROWS: usize> Store<K, V> for Depot<K, V, ROWS> {
    async fn get(&self, key: &K) -> Result<Option<V>> {
        Ok(self.values.get(key).cloned())
    }
    async fn put(&mut self, key: K, value: V) -> Result<Option<V>> {
        Ok(self.values.insert(key, value))
    }
    async fn keys(&self) -> Result<HashSet<K>> {
        Ok(self.values.keys().cloned().collect())
    }
    async fn each(&self, visitor: Remote<dyn Visitor<V>>) -> Result<u64> {
        for value in self.values.values() {
            visitor.visit(value.clone()).await?;
        }
        Ok(self.values.len() as u64)
    }
}

impl<K: Key, V: Good, const ROWS: usize> Shelf for Depot<K, V, ROWS> {
    type Item = V;

    async fn first(&self) -> Result<Option<V>> {
        Ok(self.items.first().cloned())
    }
    async fn add(&mut self, item: &V, times: u8) -> Result<u64> {
        self.items.extend((0..times).map(|_| item.clone()));
        Ok(self.items.len() as u64)
    }
    async fn all(&self) -> Result<Vec<V>> {
        Ok(self.items.clone())
    }
}

impl<K: Key, V: Good, const ROWS: usize> Warehouse<K, V, ROWS> for Depot<K, V, ROWS> {
    type Label = String;
    type Trouble = Trouble;

    async fn rows(&self) -> Result<usize> {
        Ok(ROWS)
    }
    async fn label(&self, key: &K) -> Result<String> {
        Ok(self.labels.get(key).cloned().unwrap_or_default())
    }
    async fn relabel(&mut self, key: &K, label: String) -> Result<Option<String>> {
        Ok(self.labels.insert(key.clone(), label))
    }
    async fn labels(&self) -> Result<HashMap<K, String>> {
        Ok(self.labels.clone())
    }
    async fn fill(&mut self, values: &[(K, V)]) -> Result<usize, Trouble> {
        self.fill_owned(values.to_vec()).await
    }
    async fn fill_owned(&mut self, values: Vec<(K, V)>) -> Result<usize, Trouble> {
        if values.len() > ROWS {
            return Err(Trouble::Full(ROWS));
        }
        self.values.extend(values);
        Ok(self.values.len())
    }
    async fn find<'a>(&'a self, key: &'a K, or: &'a V) -> Result<V> {
        Ok(self.values.get(key).unwrap_or(or).clone())
    }
    async fn longest<'a, 'b: 'a>(&'a self, one: &'b str, other: &'a str) -> Result<String> {
        Ok(if one.len() > other.len() { one } else { other }.to_owned())
    }
    async fn joined<'a, 'b>(&self, one: &'a str, other: &'b str) -> Result<String>
    where
        'a: 'b,
    {
        Ok([one, other].concat())
    }
    async fn elided(&self, text: &str, bytes: &[u8], numbers: &'_ [u64]) -> Result<usize> {
        Ok(text.len() + bytes.len() + numbers.len())
    }
    async fn bytes(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(bytes.to_vec())
    }
    async fn option(&self, value: Option<V>) -> Result<Option<V>> {
        Ok(value)
    }
    async fn pair(&self, (key, value): (K, V)) -> Result<(V, K)> {
        Ok((value, key))
    }
    async fn store(&self) -> Result<Remote<dyn Store<K, V>>> {
        Ok(Remote::new(Self::new("store")))
    }
    async fn aisle(&self) -> Result<Remote<dyn Warehouse<K, V, ROWS, Label = String, Trouble = Trouble>>> {
        Ok(Remote::new(Self::new("aisle")))
    }
    async fn visit(&self, visitor: Remote<dyn Visitor<(K, V)>>) -> Result<()> {
        for (key, value) in &self.values {
            visitor.visit((key.clone(), value.clone())).await?;
        }
        Ok(())
    }
    async fn visitors(&self, visitors: &[Remote<dyn Visitor<V>>]) -> Result<usize> {
        for visitor in visitors {
            self.each(visitor.clone()).await?;
        }
        Ok(visitors.len())
    }
    async fn keep(&mut self, store: Remote<dyn Store<K, V>>) -> Result<()> {
        self.kept = Some(store);
        Ok(())
    }
    async fn kept(&self) -> Result<Option<Remote<dyn Store<K, V>>>> {
        Ok(self.kept.clone())
    }
    async fn total(&self) -> Result<u64> {
        Ok(self.values.len() as u64)
    }
    async fn spawned(&self, key: K) -> Result<K> {
        Ok(key)
    }
    async fn blocked(&self, value: V) -> Result<V> {
        Ok(value)
    }
    async fn finished(&self) -> Result<()> {
        Ok(())
    }
    async fn r#type(&self, r#in: &str) -> Result<String> {
        Ok(r#in.to_uppercase())
    }
    async fn nothing(&self) -> Result<()> {
        Ok(())
    }
    async fn clear(&mut self) -> Result<HashSet<K>> {
        Ok(self.values.drain().map(|(key, _)| key).collect())
    }
    async fn set(&mut self, keys: &HashSet<K>, value: &V) -> Result<()> {
        self.values.extend(keys.iter().map(|key| (key.clone(), value.clone())));
        Ok(())
    }
    async fn numbers(&self, one: u8, two: i16, three: f64, four: char) -> Result<(u8, i16, f64, char)> {
        Ok((one, two, three, four))
    }
    async fn last(&self) -> Result<Vec<String>> {
        Ok(self.labels.values().cloned().collect())
    }
}
