//! Closures by reference: called like a method wherever they are, nested in values, dropped with their last reference.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::function::Function;
use netref::{Error, ErrorKind, Interface, Node, Outcome, Remote, RemoteFn, Result, remote};
use serde::{Deserialize, Serialize, Serializer};

/// After this long a test that hangs has failed.
const BOUND: Duration = Duration::from_secs(60);

async fn bounded<R>(body: impl Future<Output = R>) -> R {
    tokio::time::timeout(BOUND, body).await.expect("it hangs")
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Publishes a reference on one node and looks it up on another.
async fn across<T: ?Sized + Interface>(place: &str, object: Remote<T>) -> (Node, Node, Remote<T>) {
    let host = Node::builder().listen(format!("mem://{place}")).publish("it", object).start().await.unwrap();
    let caller = Node::builder().start().await.unwrap();
    let it = caller.connect(&format!("mem://{place}/it")).await.unwrap();
    (host, caller, it)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum ShopError {
    SoldOut { left: u32 },
    Call(Error),
}
impl From<Error> for ShopError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}
impl std::fmt::Display for ShopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
impl std::error::Error for ShopError {}

/// A type that holds a closure that takes the type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tree {
    label: String,
    visit: Option<RemoteFn<(Self,), usize>>,
    branches: Vec<Self>,
}

#[remote]
trait Desk {
    async fn apply(&self, to: u64, f: RemoteFn<(u64,), u64>) -> Result<u64>;
    async fn adder(&self, amount: u64) -> Result<RemoteFn<(u64,), u64>>;
    async fn all(&self, functions: HashMap<String, Vec<Option<RemoteFn<(), String>>>>) -> Result<Vec<String>>;
    async fn keep(&self, f: RemoteFn<(u64,), u64>) -> Result<()>;
    async fn give_back(&self) -> Result<RemoteFn<(u64,), u64>>;
    async fn visit(&self, tree: Tree) -> Result<usize>;
}

#[derive(Default)]
struct MyDesk {
    kept: Mutex<Option<RemoteFn<(u64,), u64>>>,
}

impl Desk for MyDesk {
    async fn apply(&self, to: u64, f: RemoteFn<(u64,), u64>) -> Result<u64> {
        f.call(to).await
    }
    async fn adder(&self, amount: u64) -> Result<RemoteFn<(u64,), u64>> {
        Ok(RemoteFn::new(move |to: u64| async move { Ok(to + amount) }))
    }
    async fn all(&self, functions: HashMap<String, Vec<Option<RemoteFn<(), String>>>>) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for (name, functions) in functions {
            for function in functions.into_iter().flatten() {
                said.push(format!("{name} {}", function.call().await?));
            }
        }
        said.sort();
        Ok(said)
    }
    async fn keep(&self, f: RemoteFn<(u64,), u64>) -> Result<()> {
        *self.kept.lock().unwrap() = Some(f);
        Ok(())
    }
    async fn give_back(&self) -> Result<RemoteFn<(u64,), u64>> {
        Ok(self.kept.lock().unwrap().take().expect("one was kept"))
    }
    async fn visit(&self, tree: Tree) -> Result<usize> {
        let visit = tree.visit.clone().expect("something to call");
        visit.call(tree).await
    }
}

async fn uses(desk: Remote<dyn Desk>) {
    let factor = 3;
    let triple = RemoteFn::new(move |number: u64| async move { Ok::<_, Error>(number * factor) });
    assert_eq!(desk.apply(5, triple.clone()).await.unwrap(), 15);
    assert_eq!(desk.adder(2).await.unwrap().call(40).await.unwrap(), 42);

    let say = |what: &'static str| Some(RemoteFn::new(move || async move { Ok(what.to_owned()) }));
    let functions = HashMap::from([("a".to_owned(), vec![say("one"), None, say("two")]), ("b".to_owned(), vec![say("three")])]);
    assert_eq!(desk.all(functions).await.unwrap(), ["a one", "a two", "b three"]);

    // One that comes home is the one that left.
    desk.keep(triple.clone()).await.unwrap();
    let back = desk.give_back().await.unwrap();
    assert!(Remote::is_local(back.as_remote()));
    assert_eq!(Remote::key(back.as_remote()), Remote::key(triple.as_remote()));
    assert_eq!(back.call(2).await.unwrap(), 6);

    let count = RemoteFn::new(|tree: Tree| async move { Ok(tree.branches.len() + tree.label.len()) });
    let tree = Tree { label: "oak".to_owned(), visit: Some(count), branches: vec![Tree::default(), Tree::default()] };
    assert_eq!(desk.visit(tree).await.unwrap(), 5);
}

#[tokio::test]
async fn closures_travel_both_ways_nested_anywhere() {
    let desk = Remote::<dyn Desk>::new(MyDesk::default());
    bounded(uses(desk.clone())).await;
    let (host, caller, there) = across("closures-desk", desk).await;
    bounded(uses(there.clone())).await;
    drop(there);
    bounded(until(|| host.stats().is_idle() && caller.stats().is_idle())).await;
}

#[tokio::test]
async fn a_closure_takes_up_to_eight_arguments() {
    macro_rules! check {
        ($place:literal: $($name:ident $value:literal),*) => {{
            let here = RemoteFn::new(|$($name: u64),*| async move { Ok::<u64, Error>(1 $(+ $name)*) });
            let want = 1 $(+ $value)*;
            assert_eq!(here.call($($value),*).await.unwrap(), want);
            let (_host, _caller, there) = across($place, here.into_remote()).await;
            assert_eq!(RemoteFn::from(there).call($($value),*).await.unwrap(), want);
        }};
    }
    check!("closures-0":);
    check!("closures-1": a 1);
    check!("closures-2": a 1, b 20);
    check!("closures-3": a 1, b 20, c 300);
    check!("closures-4": a 1, b 20, c 300, d 4_000);
    check!("closures-5": a 1, b 20, c 300, d 4_000, e 50_000);
    check!("closures-6": a 1, b 20, c 300, d 4_000, e 50_000, f 600_000);
    check!("closures-7": a 1, b 20, c 300, d 4_000, e 50_000, f 600_000, g 7_000_000);
    check!("closures-8": a 1, b 20, c 300, d 4_000, e 50_000, f 600_000, g 7_000_000, h 80_000_000);
}

#[tokio::test]
async fn an_error_of_ones_own_and_a_panic_arrive_as_they_do_from_a_method() {
    let sell = RemoteFn::new(|amount: u32| async move {
        assert!(amount > 0, "nothing to sell");
        if amount > 3 { Err(ShopError::SoldOut { left: 3 }) } else { Ok(3 - amount) }
    });
    let (_host, _caller, there) = across("closures-shop", sell.clone().into_remote()).await;
    for sell in [sell, RemoteFn::from(there)] {
        assert_eq!(sell.call(1).await, Ok(2));
        assert_eq!(sell.call(4).await, Err(ShopError::SoldOut { left: 3 }));
        let Err(ShopError::Call(error)) = sell.call(0).await else { panic!("it panicked") };
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::MayHaveRun));
        assert_eq!(error.method(), Some("netref.Function.call"));
    }
}

/// Counts when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_is_bounded_sent_let_go_and_cancelled_like_that_of_a_method() {
    let (started, given_up) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (begin, end) = (Arc::clone(&started), Arc::clone(&given_up));
    let hold = RemoteFn::new(move |for_ever: bool| {
        begin.fetch_add(1, Ordering::SeqCst);
        let end = Dropped(Arc::clone(&end));
        async move {
            let _end = end;
            if for_ever {
                std::future::pending::<()>().await;
            }
            Ok::<_, Error>(())
        }
    });
    let (_host, _caller, there) = across("closures-hold", hold.clone().into_remote()).await;
    for (round, hold) in [(0, hold), (1, RemoteFn::from(there))] {
        let seen = |before: usize| (4 * round + before, 4 * round + before);
        let counts = || (started.load(Ordering::SeqCst), given_up.load(Ordering::SeqCst));
        let late = hold.call(true).timeout(Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Deadline);
        bounded(until(|| counts() == seen(1))).await;

        drop(hold.call(false)); // never sent, so never made
        hold.call(false).oneway().unwrap();
        bounded(until(|| counts() == seen(2))).await;

        let sent = hold.call(true).send();
        bounded(until(|| counts().0 == seen(3).0)).await;
        drop(sent);
        bounded(until(|| counts() == seen(3))).await;
        bounded(hold.call(false)).await.unwrap();
        assert_eq!(counts(), seen(4));
    }
}

#[tokio::test]
async fn what_a_closure_holds_goes_with_its_last_reference() {
    let (_host, _caller, desk) = across::<dyn Desk>("closures-drop", Remote::new(MyDesk::default())).await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let held = Dropped(Arc::clone(&dropped));
    let f = RemoteFn::new(move |number: u64| {
        let _held = &held;
        async move { Ok(number) }
    });
    desk.keep(f.clone()).await.unwrap();
    drop(f);
    assert_eq!(desk.give_back().await.unwrap().call(1).await.unwrap(), 1);
    bounded(until(|| dropped.load(Ordering::SeqCst) == 1)).await;

    let f = RemoteFn::new(|| async { Ok::<_, Error>(()) });
    let weak = Remote::downgrade(f.as_remote());
    assert!(weak.upgrade().await.unwrap().is_some());
    drop(f);
    assert!(weak.upgrade().await.unwrap().is_none());
}

#[tokio::test]
async fn a_closure_called_with_other_arguments_is_an_error_and_not_a_wrong_call() {
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    let add = RemoteFn::new(move |left: u64, right: String| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, Error>(left + right.len() as u64) }
    });
    let (_host, caller, _there) = across("closures-mismatch", add.into_remote()).await;
    let url = "mem://closures-mismatch/it";
    let one: RemoteFn<(u64,), u64> = caller.connect::<Function<_, _>>(url).await.unwrap().into();
    let error = one.call(1).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::SchemaMismatch, Outcome::NotRun), "{error}");
    assert!(error.text().contains("(&self, a1: _)") && error.text().contains("(&self, a1: _, a2: _)"), "{error}");
    let longer: RemoteFn<(u64, (u64, String)), u64> = caller.connect::<Function<_, _>>(url).await.unwrap().into();
    let error = longer.call(1, (300, "x".to_owned())).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRun, "{error}");
    assert_eq!(called.load(Ordering::SeqCst), 0);
}

/// Can be encoded nowhere.
#[derive(Debug, Deserialize)]
struct Stays(u64);

impl Serialize for Stays {
    fn serialize<S: Serializer>(&self, _serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it stays here"))
    }
}

#[tokio::test]
async fn a_closure_of_this_process_is_called_without_encoding() {
    let f = RemoteFn::new(|value: Stays| async move { Ok::<_, Error>(Stays(value.0 + 1)) });
    assert_eq!(f.call(Stays(1)).await.unwrap().0, 2);
    let (_host, _caller, there) = across("closures-stays", f.into_remote()).await;
    let error = RemoteFn::from(there).call(Stays(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::NotRun));
}

#[test]
fn a_closure_is_called_from_plain_threads() {
    let double = RemoteFn::new(|number: u64| async move { Ok::<_, Error>(2 * number) });
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let double = double.clone();
            std::thread::spawn(move || double.call(number).wait())
        })
        .collect();
    let doubled: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    assert_eq!(doubled, [0, 2, 4, 6]);
    let triple: RemoteFn<(u64,), u64> = RemoteFn::new(async |number: u64| Ok(3 * number));
    assert_eq!(triple.call(3).wait(), Ok(9));
}
