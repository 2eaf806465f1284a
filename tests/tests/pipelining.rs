//! Promises: references that are called and passed on before it is known what they refer to. What they mean is the same wherever the
//! objects are, so most bodies run on an object of this process and on one over a session.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::around::{Interceptor, Next};
use netref::{AnyRemote, Error, ErrorKind, Limits, Node, Outcome, Pipeline, RawCall, RawReturn, Remote, RemoteFn, Result, remote};
use netref_tests::patience::until;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum BankError {
    NoAccount { owner: String },
    Call(Error),
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAccount { owner } => write!(f, "{owner} has no account"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BankError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoAccount { .. } => None,
            Self::Call(error) => Some(error),
        }
    }
}

impl From<Error> for BankError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Pair {
    number: u64,
    left: Remote<dyn Account>,
    right: Option<Remote<dyn Account>>,
    #[pipeline]
    nested: Nested,
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Nested(u8, Remote<dyn Account>, AnyRemote);

#[remote]
trait Bank {
    /// Waits until the gate lets it through.
    async fn open(&self, owner: &str) -> std::result::Result<Remote<dyn Account>, BankError>;
    async fn same(&self) -> Result<Remote<dyn Bank>>;
    async fn pair(&self, complete: bool) -> Result<Pair>;
    async fn adder(&self) -> Result<(RemoteFn<(u64,), u64>, u64)>;
    /// Gives back what it is given.
    async fn echo(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>>;
    async fn balance_of(&self, account: Remote<dyn Account>) -> Result<u64>;
    async fn slow(&self) -> Result<Remote<dyn Account>>;
    async fn ended(&self) -> Result<u64>;
}

#[remote]
trait Account {
    async fn deposit(&self, amount: u64) -> std::result::Result<u64, BankError>;
    async fn plainly(&self) -> Result<u64>;
    async fn note(&mut self, text: String) -> Result<()>;
    async fn notes(&self) -> Result<Vec<String>>;
}

struct MyBank {
    gate: Arc<Semaphore>,
    ended: Arc<AtomicU64>,
}

struct MyAccount {
    balance: AtomicU64,
    notes: Mutex<Vec<String>>,
}

impl MyAccount {
    fn remote() -> Remote<dyn Account> {
        Remote::new(Self { balance: AtomicU64::new(0), notes: Mutex::new(Vec::new()) })
    }
}

struct Count(Arc<AtomicU64>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bank for MyBank {
    async fn open(&self, owner: &str) -> std::result::Result<Remote<dyn Account>, BankError> {
        self.gate.acquire().await.expect("never closed").forget();
        if owner == "nobody" {
            return Err(BankError::NoAccount { owner: owner.to_owned() });
        }
        Ok(MyAccount::remote())
    }

    async fn same(&self) -> Result<Remote<dyn Bank>> {
        Ok(Remote::new(Self { gate: Arc::clone(&self.gate), ended: Arc::clone(&self.ended) }))
    }

    async fn pair(&self, complete: bool) -> Result<Pair> {
        let (left, account) = (MyAccount::remote(), MyAccount::remote());
        let right = complete.then(MyAccount::remote);
        Ok(Pair { number: 1, left, right, nested: Nested(0, account.clone(), Remote::into_any(account)) })
    }

    async fn adder(&self) -> Result<(RemoteFn<(u64,), u64>, u64)> {
        Ok((RemoteFn::new(|number: u64| async move { Ok::<_, Error>(number + 1) }), 3))
    }

    async fn echo(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>> {
        self.gate.acquire().await.expect("never closed").forget();
        Ok(account)
    }

    async fn balance_of(&self, account: Remote<dyn Account>) -> Result<u64> {
        account.plainly().await
    }

    async fn slow(&self) -> Result<Remote<dyn Account>> {
        let _count = Count(Arc::clone(&self.ended));
        std::future::pending().await
    }

    async fn ended(&self) -> Result<u64> {
        Ok(self.ended.load(Ordering::SeqCst))
    }
}

impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> std::result::Result<u64, BankError> {
        Ok(self.balance.fetch_add(amount, Ordering::SeqCst) + amount)
    }

    async fn plainly(&self) -> Result<u64> {
        Ok(self.balance.load(Ordering::SeqCst))
    }

    async fn note(&mut self, text: String) -> Result<()> {
        self.notes.lock().expect("not poisoned").push(text);
        Ok(())
    }

    async fn notes(&self) -> Result<Vec<String>> {
        Ok(self.notes.lock().expect("not poisoned").clone())
    }
}

struct World {
    bank: Remote<dyn Bank>,
    gate: Arc<Semaphore>,
    nodes: Vec<Node>,
}

fn bank() -> (Remote<dyn Bank>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    (Remote::new(MyBank { gate: Arc::clone(&gate), ended: Arc::default() }), gate)
}

async fn near() -> World {
    let (bank, gate) = bank();
    World { bank, gate, nodes: Vec::new() }
}

async fn far() -> World {
    far_with(Limits::default()).await
}

/// The guest has these limits.
async fn far_with(limits: Limits) -> World {
    let (bank, gate) = bank();
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("bank", bank).start().await.expect("starts");
    let guest = Node::builder().limits(limits).start().await.expect("starts");
    let url = format!("{}/bank", host.addresses()[0]);
    let bank = guest.connect::<dyn Bank>(&url).await.expect("connects");
    World { bank, gate, nodes: vec![host, guest] }
}

macro_rules! near_and_far {
    ($($name:ident)+) => {
        mod near {
            $(#[tokio::test]
            async fn $name() {
                super::bodies::$name(super::near().await).await;
            })+
        }
        mod far {
            $(#[tokio::test]
            async fn $name() {
                super::bodies::$name(super::far().await).await;
            })+
        }
    };
}

near_and_far! {
    promise_is_called_before_the_result_is_there
    chain_is_as_deep_as_one_likes
    fields_and_tuples_are_promised
    calls_on_a_promise_and_on_what_it_becomes_start_in_order
    broken_promise_fails_its_calls_in_its_own_type
    promise_is_passed_on
    promise_of_what_comes_home_is_the_object_itself
    dropped_promise_cancels_its_call
    dropped_promise_that_was_used_does_not_cancel_its_call
    deadline_of_a_waiting_call_says_that_it_did_not_run
    calls_that_wait_are_bounded
}

mod bodies {
    use super::*;

    pub(super) async fn promise_is_called_before_the_result_is_there(world: World) {
        let account = world.bank.open("ada").pipelined();
        let deposit = account.deposit(9).send();
        assert_eq!(Remote::key(&account), None, "nothing is known yet");
        assert!(Remote::is_connected(&account));
        world.gate.add_permits(1);
        assert_eq!(deposit.await, Ok(9));
        let known = Remote::resolved(&account).await.expect("it resolves");
        assert!(Remote::key(&known).is_some());
        assert_eq!(Remote::key(&account), Remote::key(&known));
        assert_eq!(known.deposit(1).await, Ok(10));
    }

    pub(super) async fn chain_is_as_deep_as_one_likes(world: World) {
        world.gate.add_permits(1);
        let mut bank = world.bank.clone();
        for _ in 0..20 {
            bank = bank.same().pipelined();
        }
        assert_eq!(bank.open("ada").pipelined().deposit(7).await, Ok(7));
    }

    pub(super) async fn fields_and_tuples_are_promised(world: World) {
        let pair = world.bank.pair(true).pipelined();
        let right = pair.right.deposit(3).send();
        assert_eq!(pair.left.deposit(2).await, Ok(2));
        assert_eq!(right.await, Ok(3));
        assert_eq!(pair.nested.0.deposit(5).await, Ok(5));
        assert_eq!(pair.nested.1.downcast::<dyn Account>().plainly().await, Ok(5));
        let (add, ()) = world.bank.adder().pipelined();
        assert_eq!(add.call(4).await, Ok(5));

        let pair = world.bank.pair(false).pipelined();
        let error = pair.right.plainly().await.expect_err("there is none");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchObject, Outcome::NotRun));
        assert_eq!(pair.left.plainly().await, Ok(0));
    }

    pub(super) async fn calls_on_a_promise_and_on_what_it_becomes_start_in_order(world: World) {
        for _ in 0..20 {
            let mut account = world.bank.open("ada").pipelined();
            let mut sent = Vec::new();
            for number in 0..10 {
                // One of them is long, and arrives in pieces.
                let text = if number == 3 { "x".repeat(200_000) } else { number.to_string() };
                sent.push(account.note(text).send());
            }
            world.gate.add_permits(1);
            let mut known = Remote::resolved(&account).await.expect("it resolves");
            for number in 10..20 {
                let note = if number % 2 == 0 { account.note(number.to_string()) } else { known.note(number.to_string()) };
                sent.push(note.send());
            }
            for call in sent {
                call.await.expect("it runs");
            }
            let mut notes = known.notes().await.expect("they are there");
            assert_eq!(notes.remove(3).len(), 200_000);
            assert_eq!(notes, (0..20).filter(|number| *number != 3).map(|number| number.to_string()).collect::<Vec<_>>());
        }
    }

    pub(super) async fn broken_promise_fails_its_calls_in_its_own_type(world: World) {
        let account = world.bank.open("nobody").pipelined();
        let (deposit, plainly) = (account.deposit(1).send(), account.plainly().send());
        let onward = world.bank.echo(account.clone()).pipelined();
        world.gate.add_permits(3);
        let gone = BankError::NoAccount { owner: "nobody".into() };
        assert_eq!(deposit.await, Err(gone.clone()), "the error is of the type of the call");
        let error = plainly.await.expect_err("the promise is broken");
        assert_eq!((error.kind(), error.outcome(), error.text()), (ErrorKind::Nested, Outcome::NotRun, "nobody has no account"));
        assert!(error.origin().is_some() && error.method().is_some_and(|method| method.ends_with("Account.plainly")), "{error:?}");
        assert_eq!(account.deposit(1).await, Err(gone), "also later");
        assert!(!Remote::is_connected(&account));
        assert_eq!(Remote::closed(&account).await.text(), "nobody has no account");
        let error = onward.plainly().await.expect_err("so is what was made of it");
        assert_eq!(error.outcome(), Outcome::NotRun);
    }

    pub(super) async fn promise_is_passed_on(world: World) {
        let account = world.bank.open("ada").pipelined();
        let deposit = account.deposit(4).send();
        let balance = world.bank.balance_of(account.clone()).send();
        world.gate.add_permits(1);
        assert_eq!(deposit.await, Ok(4));
        assert!(balance.await.expect("it is called") <= 4);
        assert_eq!(world.bank.balance_of(account).await, Ok(4));
    }

    pub(super) async fn promise_of_what_comes_home_is_the_object_itself(world: World) {
        for _ in 0..20 {
            let mine = MyAccount::remote();
            let mut account = world.bank.echo(mine.clone()).pipelined();
            let mut sent: Vec<_> = (0..10).map(|number| account.note(number.to_string()).send()).collect();
            world.gate.add_permits(1);
            tokio::task::yield_now().await;
            sent.extend((10..20).map(|number| account.note(number.to_string()).send()));
            let mut known = Remote::resolved(&account).await.expect("it resolves");
            assert!(Remote::is_local(&known));
            assert_eq!(Remote::key(&known), Remote::key(&mine));
            sent.extend((20..30).map(|number| known.note(number.to_string()).send()));
            for call in sent {
                call.await.expect("it runs");
            }
            assert_eq!(mine.notes().await, Ok((0..30).map(|number| number.to_string()).collect()));
        }
    }

    pub(super) async fn dropped_promise_cancels_its_call(world: World) {
        drop(world.bank.slow().pipelined());
        while world.bank.ended().await.expect("it answers") == 0 {
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn dropped_promise_that_was_used_does_not_cancel_its_call(world: World) {
        let deposit = {
            let account = world.bank.open("ada").pipelined();
            account.deposit(6).send()
        };
        assert_eq!(world.bank.ended().await, Ok(0));
        world.gate.add_permits(1);
        assert_eq!(deposit.await, Ok(6));
    }

    pub(super) async fn deadline_of_a_waiting_call_says_that_it_did_not_run(world: World) {
        let account = Remote::from_future(std::future::pending::<Result<Remote<dyn Account>>>());
        let error = account.plainly().timeout(Duration::from_millis(1)).await.expect_err("it waits for ever");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
        drop(world);
    }

    pub(super) async fn calls_that_wait_are_bounded(world: World) {
        let account = Remote::from_future(std::future::pending::<Result<Remote<dyn Account>>>());
        let most = Limits::default().promised_calls as usize;
        let waiting: Vec<_> = (0..most).map(|_| account.plainly().send()).collect();
        let error = account.plainly().await.expect_err("there are too many");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun));
        drop(waiting);
        let error = account.plainly().timeout(Duration::from_millis(1)).await.expect_err("it waits");
        assert_eq!(error.kind(), ErrorKind::Deadline, "those that were given up make room");
        drop(world);
    }
}

/// The session of a node with the other node of a test.
fn session_of(node: &Node) -> netref::Session {
    node.sessions().into_iter().next().expect("there is one")
}

#[tokio::test]
async fn calls_are_at_the_callee_before_the_result_is() {
    let world = far().await;
    let account = world.bank.open("ada").pipelined();
    let sent: Vec<_> = (1..=3).map(|amount| account.deposit(amount).send()).collect();
    let same = world.bank.same().pipelined().open("bob").pipelined();
    let other = same.deposit(5).send();
    let host = session_of(&world.nodes[0]);
    until("four calls wait over there", || host.stats().promised == 4).await;
    world.gate.add_permits(2);
    for call in sent {
        call.await.expect("it runs");
    }
    assert_eq!(other.await, Ok(5));
    assert_eq!(account.deposit(1).await, Ok(7));
    drop((account, same));
    let World { bank, nodes, .. } = world;
    drop(bank);
    until("nothing is left", || nodes.iter().all(|node| session_of(node).stats().is_idle())).await;
}

#[tokio::test]
async fn order_holds_also_when_what_comes_back_waits_for_credit() {
    for _ in 0..10 {
        let world = far_with(Limits { message_bytes: 100_000, call_window: 1, ..Limits::default() }).await;
        let mine = MyAccount::remote();
        let mut account = world.bank.echo(mine.clone()).pipelined();
        // One message fits the guest's window, and not four.
        let text = |number: u32| number.to_string() + &" ".repeat(90_000);
        let mut sent: Vec<_> = (0..10).map(|number| account.note(text(number)).send()).collect();
        world.gate.add_permits(1);
        let promise = account.clone();
        let resolved = Remote::resolved(&promise);
        sent.extend((10..20).map(|number| account.note(text(number)).send()));
        let mut known = resolved.await.expect("it resolves");
        sent.extend((20..30).map(|number| known.note(text(number)).send()));
        for call in sent {
            call.await.expect("it runs");
        }
        let notes: Vec<u32> =
            mine.notes().await.expect("they are there").iter().map(|note| note.trim().parse().expect("a number")).collect();
        assert_eq!(notes, (0..30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn result_that_is_only_called_ahead_is_not_sent() {
    let world = far().await;
    let deposit = {
        let account = world.bank.open("ada").pipelined();
        account.deposit(5).send()
    };
    let host = session_of(&world.nodes[0]);
    until("the call waits over there", || host.stats().promised == 1).await;
    let mine = session_of(&world.nodes[1]);
    // What was said before has arrived when this is answered.
    assert_eq!(world.bank.ended().await, Ok(0));
    world.gate.add_permits(1);
    assert_eq!(deposit.await, Ok(5));
    assert_eq!((host.stats().exports, mine.stats().imports), (1, 1), "the bank, and no account");
    until("no call is left", || host.stats().calls_in + mine.stats().calls_out == 0).await;
}

#[tokio::test]
async fn end_of_the_session_breaks_its_promises() {
    let world = far().await;
    let account = world.bank.open("ada").pipelined();
    let sent = account.deposit(1).send();
    let host = session_of(&world.nodes[0]);
    until("the call waits over there", || host.stats().promised == 1).await;
    session_of(&world.nodes[1]).close();
    assert!(matches!(sent.await, Err(BankError::Call(error)) if error.outcome() == Outcome::MayHaveRun), "it had been sent");
    let late = account.plainly().await.expect_err("there is nothing to call");
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Disconnected, Outcome::NotRun));
    assert_eq!(Remote::closed(&account).await.kind(), ErrorKind::Disconnected);
    until("nothing is left", || host.stats().is_idle()).await;
}

#[remote]
trait Middle {
    /// An object of the third node's.
    async fn distant(&self) -> Result<Remote<dyn Account>>;
    /// Holds a reference, and notes on it what it is told.
    async fn hold(&mut self, account: Remote<dyn Account>) -> Result<()>;
    async fn held(&self) -> Result<Remote<dyn Account>>;
    async fn note(&self, text: String) -> Result<()>;
}

struct MyMiddle {
    gate: Arc<Semaphore>,
    distant: Remote<dyn Account>,
    held: Option<Remote<dyn Account>>,
}

impl Middle for MyMiddle {
    async fn distant(&self) -> Result<Remote<dyn Account>> {
        self.gate.acquire().await.expect("never closed").forget();
        Ok(self.distant.clone())
    }

    async fn hold(&mut self, account: Remote<dyn Account>) -> Result<()> {
        self.held = Some(account);
        Ok(())
    }

    async fn held(&self) -> Result<Remote<dyn Account>> {
        Ok(self.held.clone().expect("it holds one"))
    }

    async fn note(&self, text: String) -> Result<()> {
        let mut held = self.held.clone().expect("it holds one");
        held.note(text).await
    }
}

/// Three nodes in a row: the first one calls the second, which holds an object of the third.
async fn three() -> (Remote<dyn Middle>, Remote<dyn Account>, Arc<Semaphore>, Vec<Node>) {
    let account = MyAccount::remote();
    let third = Node::builder().listen("tcp://127.0.0.1:0").publish("account", account.clone()).start().await.expect("starts");
    let gate = Arc::new(Semaphore::new(0));
    let second = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("starts");
    let distant = second.connect::<dyn Account>(&format!("{}/account", third.addresses()[0])).await.expect("connects");
    second.publish("middle", Remote::<dyn Middle>::new(MyMiddle { gate: Arc::clone(&gate), distant, held: None })).expect("it is free");
    let first = Node::builder().start().await.expect("starts");
    let middle = first.connect::<dyn Middle>(&format!("{}/middle", second.addresses()[0])).await.expect("connects");
    (middle, account, gate, vec![first, second, third])
}

#[tokio::test]
async fn promise_of_an_object_of_a_third_node_keeps_order() {
    let (middle, account, gate, _nodes) = three().await;
    let mut promise = middle.distant().pipelined();
    let mut sent: Vec<_> = (0..10).map(|number| promise.note(number.to_string()).send()).collect();
    gate.add_permits(1);
    let mut known = Remote::resolved(&promise).await.expect("it resolves");
    sent.extend((10..20).map(|number| known.note(number.to_string()).send()));
    for call in sent {
        call.await.expect("it runs");
    }
    assert_eq!(account.notes().await, Ok((0..20).map(|number| number.to_string()).collect()));
}

#[tokio::test]
async fn promise_that_is_passed_to_another_node_is_resolved_there() {
    for is_home in [false, true] {
        let (mut middle, distant, _gate, _nodes) = three().await;
        let (give, given) = tokio::sync::oneshot::channel();
        let mine = Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) });
        middle.hold(mine.clone()).await.expect("it holds it");
        let early = middle.note("early".into()).send();
        let held = middle.held().await.expect("it is there");
        assert_eq!(Remote::key(&held), None, "what comes home is a promise as well");
        let account = MyAccount::remote();
        let meant = if is_home { account.clone() } else { distant.clone() };
        give.send(meant).unwrap_or_else(|_| panic!("somebody waits"));
        early.await.expect("it runs");
        middle.note("late".into()).await.expect("it runs");
        let text = |notes: Vec<String>| notes.join(" ");
        let notes = if is_home { account.notes().await } else { distant.notes().await };
        assert_eq!(notes.map(text), Ok("early late".to_owned()));
        let held = middle.held().await.expect("it is there");
        let known = Remote::resolved(&held).await.expect("it resolves");
        assert_eq!(Remote::key(&known), Remote::key(&Remote::resolved(&mine).await.expect("it resolves")));
    }
}

#[tokio::test]
async fn future_is_a_reference_at_once() {
    let World { bank, gate, nodes: _nodes } = far().await;
    let (give, given) = tokio::sync::oneshot::channel();
    let later = Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) });
    gate.add_permits(1);
    let deposit = later.open("ada").pipelined().deposit(2).send();
    give.send(bank).unwrap_or_else(|_| panic!("somebody waits"));
    assert_eq!(deposit.await, Ok(2));
}

#[tokio::test]
async fn future_that_nobody_waits_for_is_dropped() {
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Count(Arc::clone(&dropped));
    let future = async move {
        let _count = count;
        std::future::pending::<Result<Remote<dyn Account>>>().await
    };
    drop(Remote::from_future(future));
    while dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn promise_of_itself_is_an_error() {
    let own: Arc<Mutex<Option<Remote<dyn Account>>>> = Arc::default();
    let inner = Arc::clone(&own);
    let account = Remote::from_future(async move {
        loop {
            if let Some(own) = inner.lock().expect("not poisoned").clone() {
                return Ok::<_, Error>(own);
            }
            tokio::task::yield_now().await;
        }
    });
    *own.lock().expect("not poisoned") = Some(account.clone());
    let error = account.plainly().await.expect_err("there is nothing");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Misuse, Outcome::NotRun));
    own.lock().expect("not poisoned").take();
}

type Given = std::result::Result<Remote<dyn Account>, BankError>;

#[remote]
trait Forward {
    /// A promise: what it is is said later.
    async fn later(&self) -> Result<Remote<dyn Account>>;
    /// What it is.
    async fn is(&self, account: Remote<dyn Account>) -> Result<()>;
    /// Gives it back.
    async fn has(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>>;
}

/// Gives a promise, once it may.
struct MyForward {
    later: Remote<dyn Account>,
    give: Mutex<Option<tokio::sync::oneshot::Sender<Given>>>,
    gate: Arc<Semaphore>,
}

impl MyForward {
    fn new() -> (Arc<Self>, Arc<Semaphore>) {
        let (give, given) = tokio::sync::oneshot::channel::<Given>();
        let later = Remote::from_future(async move { given.await.expect("it is given") });
        let gate = Arc::new(Semaphore::new(0));
        (Arc::new(Self { later, give: Mutex::new(Some(give)), gate: Arc::clone(&gate) }), gate)
    }

    fn give(&self, given: Given) {
        let give = self.give.lock().expect("not poisoned").take().expect("it is given once");
        give.send(given).unwrap_or_else(|_| panic!("somebody waits"));
    }
}

struct Forwards(Arc<MyForward>);

impl Forward for Forwards {
    async fn later(&self) -> Result<Remote<dyn Account>> {
        self.0.gate.acquire().await.expect("never closed").forget();
        Ok(self.0.later.clone())
    }

    async fn is(&self, account: Remote<dyn Account>) -> Result<()> {
        self.0.give(Ok(account));
        Ok(())
    }

    async fn has(&self, account: Remote<dyn Account>) -> Result<Remote<dyn Account>> {
        Ok(account)
    }
}

/// What a promise turns out to be that a call has given back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    OfTheCallee,
    OfTheCaller,
    OfAThird,
    Nothing,
}

#[tokio::test]
async fn promise_of_a_promise_keeps_order_whatever_it_becomes() {
    let (_middle, distant, _gate, nodes) = three().await;
    let (first, second) = (&nodes[0], &nodes[1]);
    let there = second.connect::<dyn Account>(&format!("{}/account", nodes[2].addresses()[0])).await.expect("connects");
    for (round, is) in (0..40).flat_map(|round| [Is::OfTheCallee, Is::OfTheCaller, Is::OfAThird, Is::Nothing].map(|is| (round, is))) {
        let (forward, gate) = MyForward::new();
        let name = format!("forward-{is:?}-{round}");
        second.publish(&name, Remote::<dyn Forward>::new(Forwards(Arc::clone(&forward)))).expect("it is free");
        let remote = session_of(first).lookup::<dyn Forward>(&name).await.expect("it is there");

        let nobody = BankError::NoAccount { owner: "nobody".into() };
        let mut account = remote.later().pipelined();
        // One of them is long, and arrives in pieces.
        let text = |number: u32| if number == 3 + round % 9 { "x".repeat(200_000) } else { format!("{round}.{number}") };
        let mut sent: Vec<_> = (0..5).map(|number| account.note(text(number)).send()).collect();
        gate.add_permits(1);
        for _ in 0..round % 4 {
            // The result arrives meanwhile, and is still a promise.
            session_of(first).lookup::<dyn Forward>(&name).await.expect("it is there");
        }
        // Or nothing is called any more before it is known what it is in the end.
        let goes_on = round % 8 < 4;
        if goes_on {
            sent.extend((5..10).map(|number| account.note(text(number)).send()));
        }
        let early = goes_on.then(|| account.deposit(0).send());
        let own = if is == Is::OfAThird { distant.clone() } else { MyAccount::remote() };
        match is {
            Is::OfTheCallee => forward.give(Ok(own.clone())),
            Is::OfTheCaller => drop(remote.is(own.clone()).send().await),
            Is::OfAThird => forward.give(Ok(there.clone())),
            Is::Nothing => forward.give(Err(nobody.clone())),
        }
        for number in if goes_on { 10..20 } else { 5..20 } {
            sent.push(account.note(text(number)).send());
            tokio::task::yield_now().await;
        }
        let late = account.deposit(0).send();
        let known = Remote::resolved(&account).await;
        assert_eq!(known.is_ok(), is != Is::Nothing, "{is:?}: {known:?}");
        let mut last = known.unwrap_or_else(|_| account.clone());
        sent.extend((20..25).map(|number| last.note(text(number)).send()));
        for call in sent {
            let done = call.await;
            match is {
                Is::Nothing => {
                    let error = done.expect_err("there is nothing to call");
                    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Nested, Outcome::NotRun));
                    assert_eq!(error.text(), "nobody has no account", "{error:?}");
                }
                _ => done.unwrap_or_else(|error| panic!("{is:?}: {error}")),
            }
        }
        for deposit in early.into_iter().chain([late, account.deposit(0)]) {
            // The error has the type of the method, which is that of the promise.
            assert_eq!(deposit.await, if is == Is::Nothing { Err(nobody.clone()) } else { Ok(0) });
        }
        if is == Is::Nothing {
            // Whoever else it is passed on to learns the same.
            let onward = remote.has(account.clone()).pipelined();
            assert_eq!(onward.deposit(0).await, Err(nobody.clone()));
            assert_eq!(remote.has(last).await.expect("it is given back").deposit(0).await, Err(nobody));
        } else {
            let notes = own.notes().await.expect("they are there");
            let expected: Vec<_> = (0..25).map(text).collect();
            let mine = &notes[notes.len() - 25..];
            assert!(mine == expected, "{is:?} {round}: {:?}", mine.iter().map(|note| &note[..note.len().min(9)]).collect::<Vec<_>>());
            assert_eq!(Remote::is_local(&last), is == Is::OfTheCaller);
        }
    }
}

/// Counts the calls of accounts that pass.
struct Passed(Arc<AtomicU64>);

impl Interceptor for Passed {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let is_counted = call.method.interface.ends_with("Account");
        self.0.fetch_add(u64::from(is_counted), Ordering::SeqCst);
        next.call(call)
    }
}

#[tokio::test]
async fn interceptors_of_both_nodes_see_calls_on_promises() {
    for (outgoing, incoming) in [(true, false), (false, true), (true, true)] {
        let (out, into) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (forward, gate) = MyForward::new();
        let remote = Remote::<dyn Forward>::new(Forwards(Arc::clone(&forward)));
        let mut host = Node::builder().listen("tcp://127.0.0.1:0").publish("forward", remote);
        if incoming {
            host = host.intercept_incoming(Passed(Arc::clone(&into)));
        }
        let host = host.start().await.expect("starts");
        let mut guest = Node::builder();
        if outgoing {
            guest = guest.intercept_outgoing(Passed(Arc::clone(&out)));
        }
        let guest = guest.start().await.expect("starts");
        let remote = guest.connect::<dyn Forward>(&format!("{}/forward", host.addresses()[0])).await.expect("connects");
        let mut account = remote.later().pipelined();
        let mut sent = vec![account.note("0".into()).send()];
        gate.add_permits(1);
        // The result is a promise by now.
        session_of(&guest).lookup::<dyn Forward>("forward").await.expect("it is there");
        sent.push(account.note("1".into()).send());
        forward.give(Ok(MyAccount::remote()));
        let mut known = Remote::resolved(&account).await.expect("it resolves");
        sent.push(known.note("2".into()).send());
        for call in sent {
            call.await.expect("it runs");
        }
        assert_eq!(known.notes().await, Ok(vec!["0".to_owned(), "1".to_owned(), "2".to_owned()]));
        assert_eq!((out.load(Ordering::SeqCst), into.load(Ordering::SeqCst)), (4 * u64::from(outgoing), 4 * u64::from(incoming)));
    }
}
