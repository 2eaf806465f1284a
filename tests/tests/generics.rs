//! Traits with parameters, associated types, lifetimes and supertraits of another crate, over TCP; upcasting; and interfaces that differ
//! in nothing but their types or their names.

#![deny(warnings)]

#[path = "generics/warehouse.rs"]
mod warehouse;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use netref::{ErrorKind, Interface, Node, Object, Outcome, Remote, Result, Value, remote};
use netref_tests::bases::{self, Aged, Named, Shelf, Store, Visitor};
use warehouse::{Crate, Depot, Trouble, Warehouse};

/// Hosts an object on one node and gives a reference to it on another, over TCP.
async fn over_tcp<T: ?Sized + Interface, U: ?Sized + Interface>(object: Remote<T>) -> (Node, Node, Remote<U>) {
    let here = Node::builder().listen("tcp://127.0.0.1:0").publish("it", object).start().await.unwrap();
    let there = Node::builder().start().await.unwrap();
    let it = there.connect(&format!("{}/it", here.addresses()[0])).await.unwrap();
    assert!(!Remote::is_local(&it));
    (here, there, it)
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
        assert_eq!(store.get(&1).await.unwrap(), Some(Crate::new("ropes", 3)));
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

#[remote]
pub trait Secret {
    async fn secret(&self) -> Result<String>;
}

/// Without methods of its own, so that its first supertrait begins where it does itself.
#[remote]
pub trait Agent: Named + Secret {}

struct Bond;

impl Named for Bond {
    async fn name(&self) -> Result<String> {
        Ok("James".to_owned())
    }
    async fn rename(&mut self, _name: &str) -> Result<()> {
        Ok(())
    }
}
impl Secret for Bond {
    async fn secret(&self) -> Result<String> {
        Ok("007".to_owned())
    }
}
impl Agent for Bond {}

#[tokio::test]
async fn a_reference_to_a_supertrait_grants_no_more_after_the_whole_was_called() {
    let (_here, _there, agent) = over_tcp::<dyn Agent, dyn Agent>(Remote::new(Bond)).await;
    assert_eq!(agent.secret().await.unwrap(), "007");
    // The host is asked, and refers to the same object as the supertrait only.
    let named: Remote<dyn Named> = Remote::into_any(agent.clone()).cast().await.unwrap();
    assert_eq!(named.name().await.unwrap(), "James");
    let forged: Remote<dyn Agent> = Remote::into_any(named).downcast();
    let error = forged.secret().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun));
    assert_eq!(agent.secret().await.unwrap(), "007");
}
