//! Promises and streams together: a promise leaves in an item, which waits for its turn while what is said of promises goes ahead, and the
//! result that is called ahead has halves of streams, which leave once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netref::stream::{self, Receiver, Sender};
use netref::testing::Line;
use netref::{Error, Node, Object, Outcome, Pipeline, Remote, Result, remote};
use netref_tests::patience::within;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[remote]
trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64>;
}

#[remote]
trait Labelled {
    async fn label(&self) -> Result<String>;
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Opened {
    account: Remote<dyn Account>,
    news: Receiver<u64>,
    orders: Sender<u64>,
}

/// Something large in front of an account, where there is one.
#[derive(Serialize, Deserialize)]
struct Item {
    weight: Vec<u8>,
    account: Option<Remote<dyn Account>>,
}

#[remote]
trait Bank {
    /// Once the gate is open.
    async fn open(&self) -> Result<Remote<dyn Account>>;
    async fn refuse(&self) -> Result<Remote<dyn Account>>;
    /// With news, of which there is one already.
    async fn open_with_news(&self) -> Result<Opened>;
    /// Deposits one on each account.
    async fn collect(&self, accounts: Receiver<Remote<dyn Account>>) -> Result<Vec<Result<u64>>>;
    /// What they are called, by their other interface.
    async fn labels(&self, accounts: Receiver<Remote<dyn Account>>) -> Result<Vec<String>>;
    async fn weigh(&self, items: Receiver<Item>) -> Result<Vec<Result<u64>>>;
    /// Sends back what is called ahead here.
    async fn forward(&self, accounts: Sender<Remote<dyn Account>>, bank: Remote<dyn Bank>) -> Result<()>;
}

struct MyAccount(AtomicU64);
impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> Result<u64> {
        Ok(self.0.fetch_add(amount, Ordering::SeqCst) + amount)
    }
}

impl Labelled for MyAccount {
    async fn label(&self) -> Result<String> {
        Ok("an account".to_owned())
    }
}

fn account() -> Remote<dyn Account> {
    Object::new(MyAccount(AtomicU64::new(0))).with_interface::<dyn Labelled>().as_remote()
}

struct MyBank {
    gate: Arc<Semaphore>,
    /// How many were told that nobody reads their news.
    unread: Arc<Semaphore>,
}

impl Bank for MyBank {
    async fn open(&self) -> Result<Remote<dyn Account>> {
        self.gate.acquire().await.expect("it stays").forget();
        Ok(account())
    }
    async fn refuse(&self) -> Result<Remote<dyn Account>> {
        self.gate.acquire().await.expect("it stays").forget();
        Err(Error::new(netref::ErrorKind::Unsupported, Outcome::NotRun, "no account for you"))
    }
    async fn open_with_news(&self) -> Result<Opened> {
        let (mut sender, news) = stream::channel(4);
        sender.send(7).await?;
        let unread = Arc::clone(&self.unread);
        tokio::spawn(async move {
            sender.closed().await;
            unread.add_permits(1);
        });
        let (orders, mut receiver) = stream::channel::<u64>(4);
        tokio::spawn(async move { while let Some(Ok(_)) = receiver.recv().await {} });
        Ok(Opened { account: account(), news, orders })
    }
    async fn collect(&self, mut accounts: Receiver<Remote<dyn Account>>) -> Result<Vec<Result<u64>>> {
        let mut deposited = Vec::new();
        while let Some(account) = accounts.recv().await {
            deposited.push(account?.deposit(1).await);
        }
        Ok(deposited)
    }
    async fn labels(&self, mut accounts: Receiver<Remote<dyn Account>>) -> Result<Vec<String>> {
        let mut labels = Vec::new();
        while let Some(account) = accounts.recv().await {
            let account = account?;
            // By now nobody knows what it is.
            self.gate.add_permits(2);
            labels.push(Remote::cast::<dyn Labelled>(&account).await?.label().await?);
        }
        Ok(labels)
    }
    async fn weigh(&self, mut items: Receiver<Item>) -> Result<Vec<Result<u64>>> {
        let mut deposited = Vec::new();
        while let Some(item) = items.recv().await {
            if let Some(account) = item?.account {
                deposited.push(account.deposit(1).await);
            }
        }
        Ok(deposited)
    }
    async fn forward(&self, mut accounts: Sender<Remote<dyn Account>>, bank: Remote<dyn Bank>) -> Result<()> {
        for _ in 0..3 {
            accounts.send(bank.open().pipelined()).await?;
        }
        accounts.finish().await
    }
}

struct World {
    bank: Remote<dyn Bank>,
    gate: Arc<Semaphore>,
    unread: Arc<Semaphore>,
    /// The bank itself, in this process.
    here: Remote<dyn Bank>,
    _nodes: [Node; 2],
}

async fn world() -> World {
    let (gate, unread) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let here = Remote::<dyn Bank>::new(MyBank { gate: Arc::clone(&gate), unread: Arc::clone(&unread) });
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("bank", here.clone()).start().await.unwrap();
    let client = Node::builder().start().await.unwrap();
    let bank = client.connect(&format!("{}/bank", host.addresses()[0])).await.unwrap();
    World { bank, gate, unread, here, _nodes: [host, client] }
}

#[tokio::test]
async fn promise_in_an_item_is_called_whatever_becomes_known_before_the_item_leaves() {
    // With room for one item, most of them wait here while their promises become known.
    for room in [1, 64] {
        let world = world().await;
        let (mut sender, receiver) = stream::channel(room);
        let collecting = world.bank.collect(receiver).send();
        let gate = Arc::clone(&world.gate);
        let opening = tokio::spawn(async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
                gate.add_permits(1);
            }
        });
        let sending = async {
            for _ in 0..20 {
                // Nobody here holds it once it has been sent.
                sender.send(world.bank.open().pipelined()).await.unwrap();
            }
            sender.finish().await.unwrap();
        };
        within("sending promises", sending).await;
        let deposited = within("what is collected", collecting).await.unwrap();
        assert_eq!(deposited.len(), 20);
        assert!(deposited.iter().all(|deposited| matches!(deposited, Ok(1))), "{deposited:?}");
        opening.await.unwrap();
    }
}

#[tokio::test]
async fn promise_in_an_item_that_waits_for_its_turn_becomes_known_meanwhile() {
    let gate = Arc::new(Semaphore::new(0));
    let bank = MyBank { gate: Arc::clone(&gate), unread: Arc::new(Semaphore::new(0)) };
    let host = Node::builder().publish("bank", Remote::<dyn Bank>::new(bank)).start().await.unwrap();
    let client = Node::builder().start().await.unwrap();
    let ((here, left), (right, there)) = (tokio::io::duplex(4_096), tokio::io::duplex(4_096));
    let line = Line::between(left, right, 1);
    let ((read, write), (taken, given)) = (tokio::io::split(here), tokio::io::split(there));
    let (dialled, accepted) = tokio::join!(client.connect_io(read, write), host.accept_io(taken, given));
    let (session, _accepted) = (dialled.unwrap(), accepted.unwrap());
    let bank: Remote<dyn Bank> = session.lookup("bank").await.unwrap();

    let (mut sender, receiver) = stream::channel(16);
    let weighing = bank.weigh(receiver).send();
    let opened = bank.open().pipelined();
    let waits = Arc::clone(&gate);
    let opened_elsewhere = Remote::from_future(async move {
        waits.acquire().await.expect("it stays").forget();
        Ok::<_, Error>(account())
    });
    sender.send(Item { weight: vec![0; 10], account: None }).await.unwrap();
    // Once this is answered, all that was sent before has arrived.
    within("an answer", bank.open_with_news()).await.unwrap();
    line.onward().change(|conditions| (conditions.buffer, conditions.stalled) = (1_024, true));
    // What comes behind this waits for its turn, and what is said of promises does not.
    for _ in 0..4 {
        sender.send(Item { weight: vec![0; 60_000], account: None }).await.unwrap();
        tokio::task::yield_now().await;
    }
    for promise in [&opened, &opened_elsewhere] {
        sender.send(Item { weight: vec![0; 60_000], account: Some(promise.clone()) }).await.unwrap();
    }
    gate.add_permits(2);
    for promise in [opened, opened_elsewhere] {
        within("what is promised", Remote::resolved(&promise)).await.unwrap();
    }
    line.onward().resume();
    within("the end", sender.finish()).await.unwrap();
    let weighed = within("what is weighed", weighing).await.unwrap();
    assert!(matches!(weighed[..], [Ok(1), Ok(1)]), "{weighed:?}");
}

#[tokio::test]
async fn promise_in_an_item_and_in_a_message_is_the_same_account() {
    let world = world().await;
    let promise = world.bank.open().pipelined();
    let (mut sender, receiver) = stream::channel(4);
    let collecting = world.bank.collect(receiver).send();
    sender.send(promise.clone()).await.unwrap();
    let (mut again, receiver) = stream::channel(4);
    let collecting_again = world.bank.collect(receiver).send();
    again.send(promise.clone()).await.unwrap();
    let deposit = promise.deposit(10).send();
    world.gate.add_permits(1);
    within("a deposit", deposit).await.unwrap();
    for (sender, collecting) in [(sender, collecting), (again, collecting_again)] {
        within("the end", sender.finish()).await.unwrap();
        assert!(within("what is collected", collecting).await.unwrap()[0].is_ok());
    }
    assert_eq!(promise.deposit(0).await.unwrap(), 12);
}

#[tokio::test]
async fn promise_that_comes_to_nothing_is_told_where_the_item_arrives() {
    let world = world().await;
    let (mut sender, receiver) = stream::channel(4);
    let collecting = world.bank.collect(receiver).send();
    let promise = world.bank.refuse().pipelined();
    sender.send(promise.clone()).await.unwrap();
    world.gate.add_permits(1);
    within("why", promise.deposit(1)).await.unwrap_err();
    // And one of which it is known by now.
    sender.send(promise).await.unwrap();
    within("the end", sender.finish()).await.unwrap();
    let collected = within("what is collected", collecting).await.unwrap();
    assert_eq!(collected.len(), 2);
    for deposited in collected {
        // It is the callee's own call that did not run.
        let error = deposited.unwrap_err();
        let origin = error.origin().expect("the call of the callee");
        assert_eq!(origin.outcome(), Outcome::NotRun, "{error}");
        assert!(error.to_string().contains("no account for you"), "{error}");
    }
}

#[tokio::test]
async fn promises_go_back_to_whoever_they_lead_to() {
    let world = world().await;
    let (sender, mut receiver) = stream::channel(4);
    // The peer of this process calls ahead on it, and sends the promises back.
    let forwarding = world.bank.forward(sender, world.here.clone()).send();
    let mut accounts = Vec::new();
    while let Some(account) = within("an account", receiver.recv()).await {
        accounts.push(account.unwrap());
    }
    within("all are forwarded", forwarding).await.unwrap();
    let deposits: Vec<_> = accounts.iter().map(|account| account.deposit(5).send()).collect();
    world.gate.add_permits(3);
    for deposit in deposits {
        assert_eq!(within("a deposit", deposit).await.unwrap(), 5);
    }
}

#[tokio::test]
async fn halves_in_a_result_that_is_called_ahead_end_and_leave_its_references_alone() {
    let world = world().await;
    for bank in [&world.bank, &world.here] {
        let promised = bank.open_with_news().pipelined();
        assert_eq!(within("a deposit", promised.account.deposit(3)).await.unwrap(), 3);
        // Nobody can have asked for the news.
        within("that nobody reads", world.unread.acquire()).await.unwrap().forget();
        assert_eq!(within("another deposit", promised.account.deposit(3)).await.unwrap(), 6);
        // Where the result itself is asked for, they are there.
        let mut opened = within("the result", bank.open_with_news()).await.unwrap();
        assert_eq!(within("news", opened.news.recv()).await.unwrap().unwrap(), 7);
        opened.orders.send(1).await.unwrap();
        drop(opened);
        within("that nobody reads any more", world.unread.acquire()).await.unwrap().forget();
    }
}

#[tokio::test]
async fn promise_in_an_item_has_the_interfaces_of_what_it_becomes() {
    let world = world().await;
    let (mut sender, receiver) = stream::channel(4);
    let labels = world.bank.labels(receiver).send();
    sender.send(world.bank.open().pipelined()).await.unwrap();
    let waits = Arc::clone(&world.gate);
    let elsewhere = Remote::from_future(async move {
        waits.acquire().await.expect("it stays").forget();
        Ok::<_, Error>(account())
    });
    sender.send(elsewhere).await.unwrap();
    within("the end", sender.finish()).await.unwrap();
    assert_eq!(within("what they are called", labels).await.unwrap(), ["an account"; 2]);
}
