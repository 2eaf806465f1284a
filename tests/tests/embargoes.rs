//! Embargoes: calls that went ahead on a promise are not passed by later ones, however many nodes they go through and whatever happens to the
//! sessions between. Three nodes call each other in a circle here, over links of which one is slow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::testing::Relay;
use netref::{Error, ErrorKind, Limits, Node, Outcome, Remote, Result, Session, remote};
use netref_tests::patience::{until, within};
use tokio::sync::{Semaphore, oneshot};

#[remote]
trait Board {
    async fn note(&self, text: String) -> Result<()>;
    async fn notes(&self) -> Result<Vec<String>>;
    /// Starts on a thread of its own.
    #[remote(blocking)]
    async fn press(&self) -> Result<()>;
}

#[derive(Default)]
struct MyBoard(Mutex<Vec<String>>);

impl Board for MyBoard {
    async fn note(&self, text: String) -> Result<()> {
        self.0.lock().expect("not poisoned").push(text.chars().take(9).collect());
        Ok(())
    }

    async fn notes(&self) -> Result<Vec<String>> {
        Ok(self.0.lock().expect("not poisoned").clone())
    }

    async fn press(&self) -> Result<()> {
        Ok(())
    }
}

fn board() -> Remote<dyn Board> {
    Remote::new(MyBoard::default())
}

/// Holds a board for others.
#[remote]
trait Keeper {
    async fn keep(&self, board: Remote<dyn Board>) -> Result<()>;
    /// The board, once the gate lets it through.
    async fn kept(&self) -> Result<Remote<dyn Board>>;
}

#[derive(Clone)]
struct MyKeeper {
    board: Arc<Mutex<Option<Remote<dyn Board>>>>,
    gate: Arc<Semaphore>,
}

impl Keeper for MyKeeper {
    async fn keep(&self, board: Remote<dyn Board>) -> Result<()> {
        *self.board.lock().expect("not poisoned") = Some(board);
        Ok(())
    }

    async fn kept(&self) -> Result<Remote<dyn Board>> {
        self.gate.acquire().await.expect("never closed").forget();
        Ok(self.board.lock().expect("not poisoned").clone().expect("it keeps one"))
    }
}

/// A node with a keeper, what that keeps and its gate, and its URL.
async fn keeper() -> (Node, MyKeeper, String) {
    keeper_with(Limits::default()).await
}

async fn keeper_with(limits: Limits) -> (Node, MyKeeper, String) {
    let keeper = MyKeeper { board: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
    let node = Node::builder().limits(limits).listen("tcp://127.0.0.1:0").publish("keeper", Remote::<dyn Keeper>::new(keeper.clone()));
    let node = node.start().await.expect("starts");
    let url = format!("{}/keeper", node.addresses()[0]);
    (node, keeper, url)
}

/// The way to a keeper through a relay.
async fn relayed(url: &str) -> (Relay, String) {
    let (address, name) = url.rsplit_once('/').expect("an address and a name");
    let relay = Relay::to(address, 1).await.expect("listens");
    let url = format!("{}/{name}", relay.address());
    (relay, url)
}

/// The way to a keeper, over a link on which everything takes a while.
async fn slowly(url: &str) -> (Relay, String) {
    let (relay, url) = relayed(url).await;
    for direction in [relay.onward(), relay.back()] {
        direction.change(|conditions| conditions.delay = Duration::from_millis(40));
    }
    (relay, url)
}

fn texts(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

fn session_of(node: &Node) -> Session {
    node.sessions().into_iter().next().expect("a session")
}

/// Calls on a promise before it is known, as soon as it is, and on what it is.
async fn keeps_order(own: Remote<dyn Board>, promise: Remote<dyn Board>, say: impl FnOnce()) {
    let mut sent: Vec<_> = texts(0..5).into_iter().map(|text| promise.note(text).send()).collect();
    say();
    let known = within("it resolves", Remote::resolved(&promise)).await.expect("it is what was sent");
    assert!(Remote::is_local(&known), "it is at home");
    sent.extend(texts(5..10).into_iter().map(|text| promise.note(text).send()));
    sent.extend(texts(10..15).into_iter().map(|text| known.note(text).send()));
    for call in sent {
        within("it runs", call).await.expect("it runs");
    }
    assert_eq!(own.notes().await, Ok(texts(0..15)));
}

#[tokio::test]
async fn object_that_comes_home_by_a_way_round_keeps_order() {
    let (second, keeper_of_second, to_second) = keeper().await;
    let (_third, keeper_of_third, to_third) = keeper().await;
    let (_relay, to_third_slowly) = slowly(&to_third).await;
    let first = Node::builder().start().await.expect("starts");
    // The object goes to the third node, which gives it to the second.
    let own = board();
    first.connect::<dyn Keeper>(&to_third_slowly).await.expect("connects").keep(own.clone()).await.expect("it keeps it");
    keeper_of_third.gate.add_permits(1);
    let distant = second.connect::<dyn Keeper>(&to_third).await.expect("connects").kept().await.expect("it has it");
    keeper_of_second.keep(distant).await.expect("it keeps it");

    let there = first.connect::<dyn Keeper>(&to_second).await.expect("connects");
    let promise = there.kept().pipelined();
    keeps_order(own, promise, || keeper_of_second.gate.add_permits(1)).await;
    // What was kept of the result is given back, once.
    until("nothing of the call is left", || second.sessions().iter().all(|session| session.stats().calls_in == 0)).await;
    assert_eq!(within("the session lives", there.keep(board())).await, Ok(()));
}

#[tokio::test]
async fn promise_that_comes_home_by_a_way_round_keeps_order() {
    let (_second, keeper_of_second, to_second) = keeper().await;
    let (third, keeper_of_third, to_third) = keeper().await;
    let (_relay, to_second_slowly) = slowly(&to_second).await;
    let first = Node::builder().start().await.expect("starts");
    // The promise goes to the second node, and to the third, and back.
    let (give, given) = oneshot::channel();
    let later = Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) });
    first.connect::<dyn Keeper>(&to_second_slowly).await.expect("connects").keep(later).await.expect("it keeps it");
    keeper_of_second.gate.add_permits(1);
    let distant = third.connect::<dyn Keeper>(&to_second).await.expect("connects").kept().await.expect("it has it");
    keeper_of_third.keep(distant).await.expect("it keeps it");
    keeper_of_third.gate.add_permits(1);
    let there = first.connect::<dyn Keeper>(&to_third).await.expect("connects");
    let promise = there.kept().await.expect("it has it");
    assert_eq!(Remote::key(&promise), None, "nobody knows yet what it is");

    let own = board();
    let meant = own.clone();
    keeps_order(own, promise, || drop(give.send(meant))).await;
    assert_eq!(within("the session lives", there.keep(board())).await, Ok(()));
}

/// A promise that turns out to be at home, whose calls wait for its embargo when the session ends; `is_back` if the answer to that is here
/// already and only waits for its turn.
async fn loses_its_session(is_back: bool) {
    let (second, keeper, to_second) = keeper().await;
    let (relay, to_second) = relayed(&to_second).await;
    let first = Node::builder().start().await.expect("starts");
    let there = first.connect::<dyn Keeper>(&to_second).await.expect("connects");
    let own = board();
    there.keep(own.clone()).await.expect("it keeps it");
    // The only thread is taken, so what is pressed does not start, and what comes behind it waits.
    let (let_go, taken) = std::sync::mpsc::channel::<()>();
    let thread = tokio::task::spawn_blocking(move || taken.recv().is_err());
    let promise = there.kept().pipelined();
    let pressed = promise.press().send();
    until("it waits over there", || session_of(&second).stats().promised == 1).await;
    if !is_back {
        // What is said now does not arrive.
        relay.onward().change(|conditions| conditions.stalled = true);
    }
    keeper.gate.add_permits(1);
    let mine = session_of(&first);
    until("what was pressed has come back", || mine.stats().queued == if is_back { 2 } else { 1 }).await;
    // The result comes right behind it.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let late = promise.note("late".into()).send();
    assert!(Remote::key(&promise).is_none(), "the embargo holds");
    mine.close();
    let error = within("it is broken", late).await.expect_err("it must not run");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::NotRun), "{error}");
    let error = within("it is broken", Remote::resolved(&promise)).await.expect_err("it is broken");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let error = within("it is broken", pressed).await.expect_err("nobody says what became of it");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::MayHaveRun), "{error}");
    assert_eq!(own.notes().await, Ok(Vec::new()), "nothing passed it");
    drop(let_go);
    assert!(thread.await.expect("it ends"));
}

#[test]
fn session_that_ends_during_an_embargo_breaks_the_promise() {
    for is_back in [false, true] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(1).enable_all().build();
        runtime.expect("starts").block_on(loses_its_session(is_back));
    }
}

/// A text that is long, and told by its beginning.
fn long(number: u32, bytes: usize) -> String {
    format!("{number}{}", "x".repeat(bytes))
}

async fn notes_begin(board: &Remote<dyn Board>, with: &[String]) {
    let notes = board.notes().await.expect("they are there");
    let begins: Vec<_> = notes.iter().map(|note| &note[..1]).collect();
    assert_eq!(begins, with);
}

#[tokio::test]
async fn calls_that_came_back_and_wait_for_credit_elsewhere_are_not_passed() {
    // Two of the long calls fit the window of the third node.
    let limits = Limits { message_bytes: 300_000, call_window: 600_000, ..Limits::default() };
    let (_third, keeper_of_third, to_third) = keeper_with(limits).await;
    let (relay, to_third) = relayed(&to_third).await;
    let (_second, keeper_of_second, to_second) = keeper().await;
    let first = Node::builder().start().await.expect("starts");
    let own = board();
    keeper_of_third.keep(own.clone()).await.expect("it keeps it");
    keeper_of_third.gate.add_permits(1);
    let distant = first.connect::<dyn Keeper>(&to_third).await.expect("connects").kept().await.expect("it has it");
    let there = first.connect::<dyn Keeper>(&to_second).await.expect("connects");
    there.keep(distant).await.expect("it keeps it");

    let promise = there.kept().pipelined();
    relay.onward().change(|conditions| conditions.stalled = true);
    let mut sent: Vec<_> = (0..3).map(|number| promise.note(long(number, 250_000)).send()).collect();
    keeper_of_second.gate.add_permits(1);
    until("one has come back and waits", || first.sessions().iter().any(|session| session.stats().waiting == 1)).await;
    // When this is answered the answer to the embargo is here too.
    there.keep(board()).await.expect("it keeps it");
    sent.push(promise.note(long(3, 0)).send());
    tokio::task::yield_now().await;
    relay.onward().change(|conditions| conditions.stalled = false);
    for call in sent {
        within("it runs", call).await.expect("it runs");
    }
    notes_begin(&own, &texts(0..4)).await;
}

#[tokio::test]
async fn two_long_calls_around_a_resolve_are_not_passed() {
    // Both of the long calls may go ahead.
    let (second, keeper, to_second) = keeper_with(Limits { call_window: 200 << 20, ..Limits::default() }).await;
    let (relay, to_second) = relayed(&to_second).await;
    let first = Node::builder().start().await.expect("starts");
    let (give, given) = oneshot::channel();
    let later = Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) });
    keeper.keep(later).await.expect("it keeps it");
    keeper.gate.add_permits(1);
    let there = first.connect::<dyn Keeper>(&to_second).await.expect("connects");
    let promise = there.kept().await.expect("it has it");

    let queued = || session_of(&second).stats().queued;
    relay.onward().change(|conditions| conditions.rate = Some(2_000_000));
    let mut sent = vec![promise.note(long(0, 8_000_000)).send()];
    until("the first is arriving", || queued() == 1).await;
    let own = board();
    assert!(give.send(own.clone()).is_ok());
    until("it is known, and to be said behind the first", || queued() == 2).await;
    sent.push(promise.note(long(1, 8_000_000)).send());
    until("the second is arriving", || queued() == 3).await;
    relay.onward().change(|conditions| conditions.rate = None);
    let mut number = 2;
    while Remote::key(&promise).is_none() {
        sent.push(promise.note(long(number % 10, 0)).send());
        number += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let known = Remote::resolved(&promise).await.expect("it resolves");
    sent.push(known.note(long(number % 10, 0)).send());
    for call in sent {
        within("it runs", call).await.expect("it runs");
    }
    let begins: Vec<_> = (0..=number).map(|number| (number % 10).to_string()).collect();
    notes_begin(&own, &begins).await;
}
