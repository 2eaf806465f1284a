//! Traits with parameters, associated types, lifetimes and supertraits of another crate, over TCP; upcasting; and names that outlive a
//! renaming.

#![deny(warnings)]

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use netref::{Error, ErrorKind, Interface, Node, Object, Outcome, Remote, Result, Value, remote};
use netref_tests::bases::{self, Aged, Named, Shelf, Store, Visitor};
use serde::{Deserialize, Serialize};

/// Hosts an object on one node and gives a reference to it on another, over TCP.
async fn over_tcp<T: ?Sized + Interface, U: ?Sized + Interface>(object: Remote<T>) -> (Node, Node, Remote<U>) {
    let here = Node::builder().listen("tcp://127.0.0.1:0").publish("it", object).start().await.unwrap();
    let there = Node::builder().start().await.unwrap();
    let it = there.connect(&format!("{}/it", here.addresses()[0])).await.unwrap();
    assert!(!Remote::is_local(&it));
    (here, there, it)
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Crate {
    of: String,
    weight: u32,
}

impl Crate {
    fn new(of: &str, weight: u32) -> Self {
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
trait Key: Value + Eq + Hash + Clone {}
impl<K: Value + Eq + Hash + Clone> Key for K {}
trait Good: Value + Clone {}
impl<V: Value + Clone> Good for V {}

struct Depot<K: Key, V: Good, const ROWS: usize> {
    name: String,
    values: HashMap<K, V>,
    labels: HashMap<K, String>,
    items: Vec<V>,
    kept: Option<Remote<dyn Store<K, V>>>,
}

impl<K: Key, V: Good, const ROWS: usize> Depot<K, V, ROWS> {
    fn new(name: &str) -> Self {
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

type Seen<V> = Arc<Mutex<Vec<V>>>;

/// Notes what it is shown.
struct Notes<V>(Seen<V>);

impl<V: Value> Visitor<V> for Notes<V> {
    async fn visit(&self, value: V) -> Result<()> {
        self.0.lock().unwrap().push(value);
        Ok(())
    }
}

fn notes<V: Value>() -> (Seen<V>, Remote<dyn Visitor<V>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    (Arc::clone(&seen), Remote::new(Notes(seen)))
}

/// Everything, on a local struct, a local reference and a remote one alike.
async fn exercise<W>(it: &mut W) -> Result<()>
where
    W: Warehouse<u32, Crate, 4, Label = String, Trouble = Trouble>,
{
    let (pens, cups) = (Crate::new("pens", 2), Crate::new("cups", 9));
    // Supertraits: two steps away, generic, with an associated type.
    it.rename("north").await?;
    assert_eq!(it.name_and_age().await?, "north, 7");
    assert_eq!(it.put(1, pens.clone()).await?, None);
    assert_eq!(it.put(1, cups.clone()).await?, Some(pens.clone()));
    assert_eq!((it.get(&1).await?, it.has(&1).await?, it.has(&2).await?), (Some(cups.clone()), true, false));
    assert_eq!(it.keys().await?, HashSet::from([1]));
    assert_eq!(it.add(&pens, 1).await?, 1);
    assert_eq!(bases::double(it).await?, 3);
    assert_eq!((it.first().await?, it.all().await?.len()), (Some(pens.clone()), 3));
    let (seen, visitor) = notes();
    assert_eq!(it.each(visitor).await?, 1);
    assert_eq!(*seen.lock().unwrap(), std::slice::from_ref(&cups));
    // Its own thirty.
    assert_eq!(it.rows().await?, 4);
    assert_eq!(it.relabel(&1, "fragile".to_owned()).await?, None);
    assert_eq!(it.label(&1).await?, "fragile");
    assert_eq!(it.labels().await?, HashMap::from([(1, "fragile".to_owned())]));
    assert!(it.is_labelled(&1, &"fragile".to_owned()).await?);
    assert_eq!(it.fill(&[(2, pens.clone()), (3, pens.clone())]).await.unwrap(), 3);
    assert_eq!(it.fill_owned(vec![(9, pens.clone()); 5]).await, Err(Trouble::Full(4)));
    assert_eq!((it.find(&9, &pens).await?, it.find(&1, &pens).await?), (pens.clone(), cups.clone()));
    assert_eq!((it.longest("ab", "c").await?, it.joined("ab", "c").await?), ("ab".to_owned(), "abc".to_owned()));
    assert_eq!(it.elided("a", b"bc", &[1, 2, 3]).await?, 6);
    assert_eq!(it.bytes(b"bytes").await?, b"bytes");
    assert_eq!((it.option(None).await?, it.option(Some(pens.clone())).await?), (None, Some(pens.clone())));
    assert_eq!(it.pair((5, pens.clone())).await?, (pens.clone(), 5));
    let mut store = it.store().await?;
    assert_eq!(store.put(8, cups.clone()).await?, None);
    assert_eq!(it.aisle().await?.rows().await?, 4);
    assert_eq!(it.aisle().await?.name().await?, "aisle");
    let (seen, visitor) = notes();
    it.visit(visitor).await?;
    assert_eq!(seen.lock().unwrap().iter().map(|(key, _)| key).sum::<u32>(), 6);
    let (seen, visitor) = notes();
    assert_eq!(it.visitors(&[visitor.clone(), visitor]).await?, 2);
    assert_eq!(seen.lock().unwrap().len(), 6);
    it.keep(store).await?;
    assert_eq!(it.kept().await?.unwrap().get(&8).await?, Some(cups.clone()));
    assert_eq!(it.total().await?, 3);
    assert_eq!((it.spawned(4).await?, it.blocked(cups.clone()).await?), (4, cups.clone()));
    it.finished().await?;
    assert_eq!(it.r#type("type").await?, "TYPE");
    it.nothing().await?;
    assert_eq!(it.clear().await?.len(), 3);
    it.set(&HashSet::from([6, 7]), &cups).await?;
    assert_eq!(it.numbers(1, -2, 0.5, 'x').await?, (1, -2, 0.5, 'x'));
    assert_eq!(it.last().await?, ["fragile"]);
    Ok(())
}

type AnyWarehouse = dyn Warehouse<u32, Crate, Label = String, Trouble = Trouble>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_generic_trait_with_foreign_supertraits_works_everywhere() {
    exercise(&mut Depot::<u32, Crate, 4>::new("plain")).await.unwrap();
    exercise(&mut Remote::<AnyWarehouse>::new(Depot::new("local"))).await.unwrap();
    let object = Remote::<AnyWarehouse>::new(Depot::new("remote"));
    let (_here, _there, mut it) = over_tcp::<_, AnyWarehouse>(object).await;
    exercise(&mut it).await.unwrap();
    let descriptor = AnyWarehouse::DESCRIPTOR;
    assert_eq!((descriptor.name, descriptor.methods.len(), descriptor.bases.len()), ("generics::Warehouse", 30, 3));
    assert_eq!(
        descriptor.bases.iter().map(|base| base.name).collect::<Vec<_>>(),
        ["Aged", "Store", "Shelf"].map(|it| format!("netref_tests::{it}"))
    );
}

#[tokio::test]
async fn upcasting_keeps_the_object_near_and_far() {
    let object = Remote::<AnyWarehouse>::new(Depot::new("harbour"));
    let (_here, _there, far) = over_tcp::<_, AnyWarehouse>(object.clone()).await;
    for it in [object.clone(), far] {
        let is_local = Remote::is_local(&it);
        let aged = Remote::upcast::<dyn Aged>(it.clone());
        assert_eq!(aged.name_and_age().await.unwrap(), "harbour, 7");
        // Transitive, in one step and in two; and to itself.
        let named: Remote<dyn Named> = Remote::upcast(it.clone());
        assert_eq!(named.name().await.unwrap(), "harbour");
        assert_eq!(Remote::upcast::<dyn Named>(aged.clone()).name().await.unwrap(), "harbour");
        let same: Remote<AnyWarehouse> = Remote::upcast(it.clone());
        assert_eq!(same.rows().await.unwrap(), 4);
        let mut store = Remote::upcast::<dyn Store<u32, Crate>>(it.clone());
        store.put(1, Crate::new("ropes", 3)).await.unwrap();
        let mut shelf: Remote<dyn Shelf<Item = Crate>> = Remote::upcast(it.clone());
        assert_eq!(shelf.add(&Crate::default(), 1).await.unwrap(), if is_local { 1 } else { 2 });
        for (key, local) in [(Remote::key(&named), Remote::is_local(&named)), (Remote::key(&store), Remote::is_local(&store))] {
            assert_eq!((key, local), (Remote::key(&it), is_local));
        }
        drop((it, aged, same, shelf));
        // The new reference alone keeps the object.
        assert_eq!(store.get(&1).await.unwrap().unwrap().of, "ropes");
    }
}

#[tokio::test]
async fn an_upcast_reference_travels_and_comes_home() {
    let (_here, _there, mut far) = over_tcp::<_, AnyWarehouse>(Remote::<AnyWarehouse>::new(Depot::new("far"))).await;
    let near = Remote::<AnyWarehouse>::new(Depot::new("near"));
    far.keep(Remote::upcast(near.clone())).await.unwrap();
    let home = far.kept().await.unwrap().unwrap();
    assert!(Remote::is_local(&home));
    assert_eq!(Remote::key(&home), Remote::key(&near));
    // A reference of the peer's own, upcast here, is the original over there.
    far.keep(Remote::upcast(far.clone())).await.unwrap();
    assert_eq!(Remote::key(&far.kept().await.unwrap().unwrap()), Remote::key(&far));
}

/// Keeps references to objects of an interface that is itself the parameter.
#[remote(name = "keeper.v1")]
pub trait Keeper<T: ?Sized + Interface> {
    async fn keep(&mut self, it: Remote<T>) -> Result<()>;
    async fn kept(&self) -> Result<Vec<Remote<T>>>;
}

struct Drawer<T: ?Sized + Interface>(Vec<Remote<T>>);

impl<T: ?Sized + Interface + 'static> Keeper<T> for Drawer<T> {
    async fn keep(&mut self, it: Remote<T>) -> Result<()> {
        self.0.push(it);
        Ok(())
    }
    async fn kept(&self) -> Result<Vec<Remote<T>>> {
        Ok(self.0.clone())
    }
}

/// Is shown numbers and words, and tells them apart.
struct Both(Arc<Mutex<Vec<String>>>);

impl Visitor<u64> for Both {
    async fn visit(&self, value: u64) -> Result<()> {
        self.0.lock().unwrap().push(format!("number {value}"));
        Ok(())
    }
}

impl Visitor<String> for Both {
    async fn visit(&self, value: String) -> Result<()> {
        self.0.lock().unwrap().push(format!("word {value}"));
        Ok(())
    }
}

#[tokio::test]
async fn two_instances_of_one_trait_on_one_object_stay_apart() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let both = Object::new(Both(Arc::clone(&seen)));
    let (numbers, words) = (both.as_remote::<dyn Visitor<u64>>(), both.as_remote::<dyn Visitor<String>>());
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.unwrap();
    host.publish("numbers", numbers.clone()).unwrap();
    host.publish("words", words.clone()).unwrap();
    let user = Node::builder().start().await.unwrap();
    let at_host = |name: &str| format!("{}/{name}", host.addresses()[0]);
    let far_numbers: Remote<dyn Visitor<u64>> = user.connect(&at_host("numbers")).await.unwrap();
    let far_words: Remote<dyn Visitor<String>> = user.connect(&at_host("words")).await.unwrap();
    for number in 1..3 {
        far_numbers.visit(number).await.unwrap();
        far_words.visit(number.to_string()).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), ["number 1", "word 1", "number 2", "word 2"]);
    // By way of a third node both are the original again, each under its own type.
    let third = Node::builder().listen("tcp://127.0.0.1:0").start().await.unwrap();
    third.publish("numbers", Remote::<dyn Keeper<dyn Visitor<u64>>>::new(Drawer(Vec::new()))).unwrap();
    third.publish("words", Remote::<dyn Keeper<dyn Visitor<String>>>::new(Drawer(Vec::new()))).unwrap();
    let at_third = |name: &str| format!("{}/{name}", third.addresses()[0]);
    let mut keeper: Remote<dyn Keeper<dyn Visitor<u64>>> = user.connect(&at_third("numbers")).await.unwrap();
    keeper.keep(far_numbers).await.unwrap();
    let mut keeper: Remote<dyn Keeper<dyn Visitor<String>>> = user.connect(&at_third("words")).await.unwrap();
    keeper.keep(far_words).await.unwrap();
    let keeper: Remote<dyn Keeper<dyn Visitor<u64>>> = host.connect(&at_third("numbers")).await.unwrap();
    let home = keeper.kept().await.unwrap().remove(0);
    assert!(Remote::is_local(&home) && Remote::key(&home) == Remote::key(&numbers));
    home.visit(3).await.unwrap();
    let keeper: Remote<dyn Keeper<dyn Visitor<String>>> = host.connect(&at_third("words")).await.unwrap();
    let home = keeper.kept().await.unwrap().remove(0);
    assert!(Remote::is_local(&home) && Remote::key(&home) == Remote::key(&words));
    home.visit("three".to_owned()).await.unwrap();
    assert_eq!(seen.lock().unwrap()[4..], ["number 3", "word three"]);
}

/// Two traits whose descriptions differ in nothing but the name of the trait, which constants might make one of.
mod twins {
    use super::*;

    #[remote]
    pub trait One {
        async fn who(&self) -> Result<u8>;
    }
    #[remote]
    pub trait Two {
        async fn who(&self) -> Result<u8>;
    }

    pub struct Twin;
    impl One for Twin {
        async fn who(&self) -> Result<u8> {
            Ok(1)
        }
    }
    impl Two for Twin {
        async fn who(&self) -> Result<u8> {
            Ok(2)
        }
    }
}

#[tokio::test]
async fn traits_that_look_alike_are_not_mistaken_for_each_other() {
    use twins::{One, Twin, Two};
    let object = Object::new(Twin);
    let (here, there, one) = over_tcp::<dyn One, dyn One>(object.as_remote()).await;
    here.publish("two", object.as_remote::<dyn Two>()).unwrap();
    let two: Remote<dyn Two> = there.connect(&format!("{}/two", here.addresses()[0])).await.unwrap();
    for _ in 0..3 {
        assert_eq!((one.who().await.unwrap(), two.who().await.unwrap()), (1, 2));
    }
}

mod before {
    use super::*;

    #[remote(name = "phone.book")]
    pub trait PhoneBook {
        async fn find(&self, name: &str) -> Result<u32>;
        async fn add(&mut self, name: &str, number: u32) -> Result<()>;
        async fn size(&self) -> Result<u32>;
    }

    pub struct Paper(pub HashMap<String, u32>);

    impl PhoneBook for Paper {
        async fn find(&self, name: &str) -> Result<u32> {
            Ok(self.0.get(name).copied().unwrap_or_default())
        }
        async fn add(&mut self, name: &str, number: u32) -> Result<()> {
            self.0.insert(name.to_owned(), number);
            Ok(())
        }
        async fn size(&self) -> Result<u32> {
            Ok(self.0.len() as u32)
        }
    }
}

mod after {
    use super::*;

    /// The same interface under other names: the trait's, two methods', and one new method that has the old name of another.
    #[remote(name = "phone.book")]
    pub trait Directory {
        #[remote(name = "size")]
        async fn add(&self) -> Result<u32>;
        #[remote(name = "find")]
        async fn look_up(&self, who: &str) -> Result<u32>;
        #[remote(name = "add")]
        async fn enter(&mut self, who: &str, number: u32) -> Result<()>;
        #[remote(name = "by_number")]
        async fn find(&self, number: u32) -> Result<Option<String>>;
    }

    /// What was renamed is inherited under its name on the wire too.
    #[remote]
    pub trait Business: Directory {
        async fn open(&self) -> Result<bool>;
    }

    pub struct Disk(pub HashMap<String, u32>);

    impl Directory for Disk {
        async fn add(&self) -> Result<u32> {
            Ok(self.0.len() as u32)
        }
        async fn look_up(&self, who: &str) -> Result<u32> {
            Ok(self.0.get(who).copied().unwrap_or_default())
        }
        async fn enter(&mut self, who: &str, number: u32) -> Result<()> {
            self.0.insert(who.to_owned(), number);
            Ok(())
        }
        async fn find(&self, number: u32) -> Result<Option<String>> {
            Ok(self.0.iter().find(|(_, known)| **known == number).map(|(who, _)| who.clone()))
        }
    }

    impl Business for Disk {
        async fn open(&self) -> Result<bool> {
            Ok(true)
        }
    }
}

#[tokio::test]
async fn renamed_traits_and_methods_understand_their_old_names() {
    use after::Directory as _;
    use before::PhoneBook as _;
    // An old caller, and a new callee.
    let (_here, _there, mut old) = over_tcp::<dyn after::Directory, dyn before::PhoneBook>(Remote::new(after::Disk(HashMap::new()))).await;
    old.add("ada", 1815).await.unwrap();
    assert_eq!((old.find("ada").await.unwrap(), old.size().await.unwrap()), (1815, 1));
    // A new caller, and an old callee.
    let (_here, _there, mut new) =
        over_tcp::<dyn before::PhoneBook, dyn after::Directory>(Remote::new(before::Paper(HashMap::new()))).await;
    new.enter("eve", 7).await.unwrap();
    assert_eq!((new.look_up("eve").await.unwrap(), new.add().await.unwrap()), (7, 1));
    let error = new.find(7).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun));
    assert!(error.to_string().contains("phone.book.by_number"), "{error}");
    // The old trait where the new one is only a supertrait.
    let (_here, _there, old) =
        over_tcp::<dyn after::Business, dyn before::PhoneBook>(Remote::new(after::Disk(HashMap::from([("bob".to_owned(), 3)])))).await;
    assert_eq!(old.find("bob").await.unwrap(), 3);
}
