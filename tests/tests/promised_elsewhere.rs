//! Promises that went in items of streams, and so as objects of which the peer is never told what they become; over a third node, and where
//! their calls wait for another promise.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use netref::stream::{self, Receiver};
use netref::{AnyRemote, Error, Node, Remote, Result, remote};
use netref_tests::patience::{until, within};
use tokio::sync::Semaphore;

#[remote]
trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64>;
    async fn put(&self, bytes: Bytes) -> Result<usize>;
}

#[derive(Default)]
struct MyAccount(AtomicU64);
impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> Result<u64> {
        Ok(self.0.fetch_add(amount, Ordering::SeqCst) + amount)
    }
    async fn put(&self, bytes: Bytes) -> Result<usize> {
        Ok(bytes.len())
    }
}

fn account() -> Remote<dyn Account> {
    Remote::new(MyAccount::default())
}

#[remote]
trait Keeper {
    /// Keeps what comes in the items, until they end.
    async fn take(&self, items: Receiver<AnyRemote>) -> Result<()>;
    async fn keep(&self, item: AnyRemote) -> Result<()>;
    async fn kept(&self) -> Result<Remote<dyn Account>>;
    async fn kept_as_it_is(&self) -> Result<AnyRemote>;
    /// Once the gate is open.
    async fn open_later(&self) -> Result<AnyRemote>;
    async fn ping(&self) -> Result<()>;
}

#[derive(Clone)]
struct MyKeeper {
    kept: Arc<Mutex<Option<AnyRemote>>>,
    gate: Arc<Semaphore>,
}

impl MyKeeper {
    fn item(&self) -> AnyRemote {
        self.kept.lock().expect("not poisoned").clone().expect("it keeps one")
    }
}

impl Keeper for MyKeeper {
    async fn take(&self, mut items: Receiver<AnyRemote>) -> Result<()> {
        while let Some(item) = items.recv().await {
            *self.kept.lock().expect("not poisoned") = Some(item?);
        }
        Ok(())
    }
    async fn keep(&self, item: AnyRemote) -> Result<()> {
        *self.kept.lock().expect("not poisoned") = Some(item);
        Ok(())
    }
    async fn kept(&self) -> Result<Remote<dyn Account>> {
        Ok(self.item().downcast())
    }
    async fn kept_as_it_is(&self) -> Result<AnyRemote> {
        Ok(self.item())
    }
    async fn open_later(&self) -> Result<AnyRemote> {
        self.gate.acquire().await.expect("it stays").forget();
        Ok(Remote::into_any(account()))
    }
    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

/// A node that calls two others, of which the first calls the second.
struct World {
    keepers: [Remote<dyn Keeper>; 2],
    here: [MyKeeper; 2],
    /// The second one as the first one sees it.
    next: Remote<dyn Keeper>,
    /// What the guest has for the first one, and that as the first one sees it.
    here_at_the_guest: MyKeeper,
    back: Remote<dyn Keeper>,
    guest: Node,
    _hosts: [Node; 2],
}

impl World {
    async fn new() -> Self {
        let here = [0; 2].map(|_| MyKeeper { kept: Arc::default(), gate: Arc::new(Semaphore::new(0)) });
        let host = |keeper: &MyKeeper| {
            let keeper = Remote::<dyn Keeper>::new(keeper.clone());
            Node::builder().listen("tcp://127.0.0.1:0").publish("keeper", keeper).start()
        };
        let hosts = [host(&here[0]).await.unwrap(), host(&here[1]).await.unwrap()];
        let guest = Node::builder().start().await.unwrap();
        let url = |host: &Node| format!("{}/keeper", host.addresses()[0]);
        let keepers = [guest.connect(&url(&hosts[0])).await.unwrap(), guest.connect(&url(&hosts[1])).await.unwrap()];
        let next = hosts[0].connect(&url(&hosts[1])).await.unwrap();
        let here_at_the_guest = MyKeeper { kept: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
        let itself = Remote::<dyn Keeper>::new(here_at_the_guest.clone());
        within("it is kept", keepers[0].keep(Remote::into_any(itself))).await.unwrap();
        let back = here[0].item().downcast();
        Self { keepers, here, next, here_at_the_guest, back, guest, _hosts: hosts }
    }

    /// Puts something into an item for the first keeper.
    async fn send_in_an_item(&self, item: AnyRemote) {
        let (mut items, receiver) = stream::channel(4);
        let taking = self.keepers[0].take(receiver).send();
        items.send(item).await.unwrap();
        within("the end", items.finish()).await.unwrap();
        within("it is taken", taking).await.unwrap();
    }

    /// And has the second one keep it as well, which knows it from the first.
    async fn send_on(&self) {
        within("it is passed on", self.next.keep(self.here[0].item())).await.unwrap();
    }

    /// Calls of which the guest has all there is, once nothing is on its way any more.
    fn arrived(&self) -> usize {
        let stats: Vec<_> = self.guest.sessions().iter().map(|session| session.stats()).collect();
        let arriving = stats.iter().any(|stats| stats.arriving > 0);
        if arriving { 0 } else { stats.iter().map(|stats| stats.calls_in).sum() }
    }

    /// Whatever was said before has gone around by then.
    async fn settle(&self) {
        for _ in 0..20 {
            for keeper in [&self.keepers[1], &self.next, &self.keepers[0]] {
                within("an answer", keeper.ping()).await.unwrap();
            }
        }
    }
}

/// What a promise comes to, once the gate is open.
async fn behind(gate: Arc<Semaphore>, account: Remote<dyn Account>) -> Result<Remote<dyn Account>, Error> {
    gate.acquire().await.expect("it stays").forget();
    Ok(account)
}

#[tokio::test]
async fn call_ahead_on_a_promise_that_comes_home_over_two_nodes_is_not_passed() {
    for through_another in [false, true] {
        goes_ahead_and_comes_home(through_another).await;
    }
}

async fn goes_ahead_and_comes_home(through_another: bool) {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    let mut promise = Remote::<dyn Account>::from_future(behind(Arc::clone(&gate), account()));
    if through_another {
        let other = promise;
        promise = Remote::from_future(async move { Ok::<_, Error>(other) });
    }
    world.send_in_an_item(Remote::into_any(promise.clone())).await;
    world.send_on().await;
    world.settle().await;
    let returned = world.keepers[1].kept().pipelined();
    let first = returned.deposit(1).send();
    world.settle().await;
    let second = returned.deposit(10).send();
    gate.add_permits(1);
    assert_eq!(within("the first", first).await, Ok(1));
    assert_eq!(within("the second", second).await, Ok(11));
    assert_eq!(within("the same account", promise.deposit(100)).await, Ok(111));
}

#[tokio::test]
async fn promise_without_a_name_comes_home_over_two_nodes() {
    let world = World::new().await;
    let promise = world.keepers[1].open_later().pipelined();
    world.send_in_an_item(promise.clone()).await;
    world.send_on().await;
    // From here on it has a name.
    let named: Remote<dyn Account> = promise.downcast();
    let deposit = named.deposit(1).send();
    let back: Remote<dyn Account> = within("it is there", world.keepers[1].kept_as_it_is()).await.unwrap().downcast();
    let second = back.deposit(10).send();
    world.here[1].gate.add_permits(1);
    assert_eq!(within("the first", deposit).await, Ok(1));
    assert_eq!(within("the second", second).await, Ok(11));
}

#[tokio::test]
async fn long_calls_wait_for_a_promise_that_has_become_another_one() {
    let world = World::new().await;
    let (gate, last) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let second = Remote::<dyn Account>::from_future(behind(Arc::clone(&last), account()));
    let first = Remote::<dyn Account>::from_future(behind(Arc::clone(&gate), second));
    world.send_in_an_item(Remote::into_any(first)).await;
    gate.add_permits(1);
    world.settle().await;
    // More than may wait for what its peer knows to be a promise.
    let kept: Remote<dyn Account> = world.here[0].item().downcast();
    let puts: Vec<_> = (0..3).map(|_| tokio::spawn(kept.put(vec![7; 5_000_000].into()).send())).collect();
    until("all have arrived", || world.arrived() == 3 || puts.iter().any(|put| put.is_finished())).await;
    last.add_permits(1);
    for put in puts {
        assert_eq!(within("it fits", put).await.unwrap(), Ok(5_000_000));
    }
}

/// What its peer holds as an object is nothing that the peer counts as ahead.
#[tokio::test]
async fn calls_on_what_went_as_an_object_take_no_room_from_those_that_go_ahead() {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    world.send_in_an_item(Remote::into_any(Remote::<dyn Account>::from_future(behind(Arc::clone(&gate), account())))).await;
    let kept: Remote<dyn Account> = world.here[0].item().downcast();
    let host = world.back.clone();
    let held = kept.put(vec![7; 6_000_000].into()).send();
    until("it has arrived", || world.arrived() == 1).await;
    // Of the guest's own: there is room for this much ahead.
    let opened: Remote<dyn Account> = host.open_later().pipelined().downcast();
    let ahead = tokio::spawn(opened.put(vec![7; 4_000_000].into()).send());
    until("they have arrived", || world.arrived() == 3 || ahead.is_finished()).await;
    world.here_at_the_guest.gate.add_permits(1);
    assert_eq!(within("it is let in", ahead).await.unwrap(), Ok(4_000_000));
    gate.add_permits(1);
    assert_eq!(within("and the other one", held).await, Ok(6_000_000));
}
