//! No deadlock by design (law 8): whatever two or three nodes ask of each other at once, every call ends, and each loser is told why
//! it did not run. Every wait here has a bound, so that a hang is a failure.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{Error, ErrorKind, Limits, Node, Outcome, Remote, Result, remote};
use netref_tests::patience::within;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;

fn small() -> Limits {
    Limits { calls_in_flight: 16, nested_wait: Duration::from_millis(300), ..Limits::default() }
}

async fn node(limits: Limits) -> Node {
    Node::builder().limits(limits).listen("tcp://127.0.0.1:0").start().await.expect("a node starts")
}

fn url(node: &Node, name: &str) -> String {
    format!("{}/{name}", node.addresses()[0])
}

/// An error as a value, so that a handler can tell what became of its own call without failing itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    kind: String,
    outcome: String,
    method: String,
    text: String,
}

impl Told {
    fn is(&self, kind: ErrorKind, outcome: Outcome) -> bool {
        self.kind == format!("{kind:?}") && self.outcome == format!("{outcome:?}")
    }
}

fn told(error: &Error) -> Told {
    Told {
        kind: format!("{:?}", error.kind()),
        outcome: format!("{:?}", error.outcome()),
        method: error.method().unwrap_or_default().to_owned(),
        text: error.text().to_owned(),
    }
}

/// The error at the bottom of a chain of calls.
fn root_cause(error: &Error) -> &Error {
    let mut cause = error;
    while let Some(origin) = cause.origin() {
        cause = origin;
    }
    cause
}

// --- handlers that call back and are called back ---

#[remote]
pub trait Bouncer {
    /// Calls the other one back until nothing is left to do, and counts the calls.
    async fn bounce(&self, back: Remote<dyn Bouncer>, depth: u32) -> Result<u32>;
}

struct Wall;
impl Bouncer for Wall {
    async fn bounce(&self, back: Remote<dyn Bouncer>, depth: u32) -> Result<u32> {
        if depth == 0 {
            return Ok(1);
        }
        tokio::task::yield_now().await;
        let mine: Remote<dyn Bouncer> = Remote::new(Self);
        Ok(back.bounce(mine, depth - 1).await? + 1)
    }
}

/// Many calls from either side at once, each bouncing `depth` times. Gives what each of them ended with.
async fn bounce_from_both_sides(limits: Limits, calls: usize, depth: u32) -> Vec<Result<u32>> {
    let left = node(limits.clone()).await;
    let right = node(limits).await;
    for node in [&left, &right] {
        node.publish("wall", Remote::<dyn Bouncer>::new(Wall)).expect("a name");
    }
    let over_there: Remote<dyn Bouncer> = left.connect(&url(&right, "wall")).await.expect("a session");
    let over_here: Remote<dyn Bouncer> = right.connect(&url(&left, "wall")).await.expect("a session");
    let mut tasks = JoinSet::new();
    for wall in [&over_there, &over_here] {
        for _ in 0..calls {
            let wall = wall.clone();
            tasks.spawn(async move { wall.bounce(Remote::new(Wall), depth).await });
        }
    }
    let results = within("calls that call back", tasks.join_all()).await;
    assert_eq!(over_there.bounce(Remote::new(Wall), 1).await.expect("the session goes on"), 2);
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_handlers_than_the_limit_allows_each_calling_back_and_being_called_back_are_all_answered() {
    for result in bounce_from_both_sides(small(), 100, 1).await {
        assert_eq!(result.expect("one call back fits the second pool"), 2);
    }
}

#[tokio::test]
async fn calls_back_that_go_deeper_than_the_second_pool_end_with_an_error_that_says_they_did_not_run() {
    let mut answered = 0;
    for result in bounce_from_both_sides(small(), 60, 7).await {
        match result {
            Ok(count) => {
                assert_eq!(count, 8);
                answered += 1;
            }
            Err(error) => {
                let cause = root_cause(&error);
                assert_eq!((cause.kind(), cause.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error:?}");
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::Nested, Outcome::Ran), "the caller's own call ran: {error:?}");
            }
        }
    }
    assert!(answered > 0, "some have room");
}

// --- floods of large messages ---

#[remote]
pub trait Store {
    async fn bytes(&self, data: Vec<u8>, reply: u32) -> Result<Vec<u8>>;
    async fn numbers(&self, data: Vec<u64>, reply: u32) -> Result<Vec<u64>>;
}

struct Mirror;
impl Store for Mirror {
    async fn bytes(&self, data: Vec<u8>, reply: u32) -> Result<Vec<u8>> {
        Ok(vec![data.first().copied().unwrap_or_default(); reply as usize])
    }
    async fn numbers(&self, data: Vec<u64>, reply: u32) -> Result<Vec<u64>> {
        Ok(vec![data.first().copied().unwrap_or_default(); reply as usize])
    }
}

const MIB: usize = 1 << 20;

/// Windows that one message fills.
fn narrow() -> Limits {
    Limits { message_bytes: 4 << 20, call_window: 4 << 20, return_window: 4 << 20, ..small() }
}

async fn pair_of_stores(limits: Limits) -> (Node, Node, Remote<dyn Store>, Remote<dyn Store>) {
    let left = node(limits.clone()).await;
    let right = node(limits).await;
    for node in [&left, &right] {
        node.publish("store", Remote::<dyn Store>::new(Mirror)).expect("a name");
    }
    let over_there = left.connect(&url(&right, "store")).await.expect("a session");
    let over_here = right.connect(&url(&left, "store")).await.expect("a session");
    (left, right, over_there, over_here)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sides_that_flood_each_other_with_large_messages_through_narrow_windows_both_get_through() {
    let (left, right, over_there, over_here) = pair_of_stores(narrow()).await;
    let mut tasks = JoinSet::new();
    for store in [&over_there, &over_here] {
        for call in 0..30_usize {
            let store = store.clone();
            tasks.spawn(async move {
                let mark = call as u8;
                let there = if call % 2 == 0 { 100 } else { (1 + call % 4) * MIB - 1_000 };
                let back = if call % 3 == 0 { 100 } else { (1 + call % 3) * MIB };
                if call % 5 == 0 {
                    let numbers = store.numbers(vec![u64::from(mark); there / 8], (back / 8) as u32).await.expect("numbers");
                    assert!(numbers.len() == back / 8 && numbers.iter().all(|&number| number == u64::from(mark)));
                } else {
                    let bytes = store.bytes(vec![mark; there], back as u32).await.expect("bytes");
                    assert!(bytes.len() == back && bytes.iter().all(|&byte| byte == mark));
                }
            });
        }
    }
    within("large messages both ways", async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("each is answered in full");
        }
    })
    .await;
    drop((left, right));
}

#[tokio::test]
async fn message_of_the_largest_size_fits_whatever_came_before_it() {
    let (left, right, store, _) = pair_of_stores(narrow()).await;
    let largest = 4 * MIB - 1_000;
    for before in [1, 1_000, MIB, 3 * MIB, largest] {
        for turn in 0..3 {
            let what = format!("{before} bytes, then the largest message, turn {turn}");
            let arguments = within(&what, store.bytes(vec![1; before], 1)).await.expect("the first");
            assert_eq!(arguments, [1]);
            let arguments = within(&what, store.bytes(vec![2; largest], 1)).await.expect("large arguments");
            assert_eq!(arguments, [2]);
            let reply = within(&what, store.bytes(vec![3], before as u32)).await.expect("the first result");
            assert_eq!(reply.len(), before);
            let reply = within(&what, store.bytes(vec![4], largest as u32)).await.expect("a large result");
            assert_eq!(reply.len(), largest);
        }
    }
    drop((left, right));
}

#[tokio::test]
async fn message_above_the_limit_is_refused_at_once_and_stops_nothing() {
    let (left, right, store, _) = pair_of_stores(narrow()).await;
    let error = within("too large arguments", store.bytes(vec![0; 5 * MIB], 1)).await.expect_err("too large");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::NotRun), "{error}");
    let error = within("a too large result", store.bytes(vec![0], 5 << 20)).await.expect_err("too large");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::Ran), "{error}");
    assert_eq!(within("a small one", store.bytes(vec![7], 2)).await.expect("the session goes on"), [7, 7]);
    drop((left, right));
}

#[remote]
pub trait Hoard {
    /// A long result with more references than the caller's node takes.
    async fn too_many(&self) -> Result<(Vec<u64>, Vec<Remote<dyn Store>>)>;
}

struct Full;

impl Hoard for Full {
    async fn too_many(&self) -> Result<(Vec<u64>, Vec<Remote<dyn Store>>)> {
        Ok((vec![u64::MAX; 100_000], (0..9).map(|_| Remote::<dyn Store>::new(Mirror)).collect()))
    }
}

#[tokio::test]
async fn result_that_is_replaced_by_an_error_gives_its_credit_back() {
    let limits = Limits { exports: 4, ..narrow() };
    let (left, right, store, _) = pair_of_stores(limits).await;
    right.publish("hoard", Remote::<dyn Hoard>::new(Full)).expect("a name");
    let hoard: Remote<dyn Hoard> = left.connect(&url(&right, "hoard")).await.expect("a session");
    for call in 0..20 {
        let error = within(&format!("call {call}"), hoard.too_many()).await.expect_err("too many references");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::Ran), "{error}");
    }
    let reply = within("the largest result", store.bytes(vec![1], 4 * MIB as u32 - 1_000)).await.expect("all of the window is there");
    assert_eq!(reply.len(), 4 * MIB - 1_000);
    drop((left, right));
}

// --- `&mut self` methods that are entered again ---

#[remote]
pub trait Counter {
    async fn add(&mut self, by: u64) -> Result<u64>;
    async fn get(&self) -> Result<u64>;
    /// Calls `add` on itself, from inside.
    async fn add_within(&mut self, this: Remote<dyn Counter>) -> Result<Told>;
    /// Calls `get` on itself, from inside a method that is alone with the object.
    async fn get_within(&mut self, this: Remote<dyn Counter>) -> Result<Told>;
    /// Calls `add` on itself, from inside a method that is not alone.
    async fn upgrade(&self, this: Remote<dyn Counter>) -> Result<Told>;
    /// Has another node call `add`.
    async fn add_through(&mut self, this: Remote<dyn Counter>, middle: Remote<dyn Middle>) -> Result<Told>;
    /// Waits for the switch, then calls `get` on itself.
    async fn get_after(&self, this: Remote<dyn Counter>) -> Result<u64>;
    /// Adds after a call to somebody else.
    async fn add_after(&mut self, middle: Remote<dyn Middle>) -> Result<u64>;
}

#[remote]
pub trait Middle {
    async fn pass(&self, counter: Remote<dyn Counter>) -> Result<Told>;
    /// Calls two `&mut self` methods at once, whose bodies call back here.
    async fn siblings(&self, counter: Remote<dyn Counter>, this: Remote<dyn Middle>) -> Result<u64>;
    async fn nothing(&self) -> Result<()>;
    async fn flip(&self) -> Result<()>;
}

#[derive(Default)]
struct Tally {
    value: u64,
    entered: Arc<Notify>,
    switch: Arc<Notify>,
}

impl Counter for Tally {
    async fn add(&mut self, by: u64) -> Result<u64> {
        self.value += by;
        Ok(self.value)
    }
    async fn get(&self) -> Result<u64> {
        Ok(self.value)
    }
    async fn add_within(&mut self, mut this: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&this.add(1).await.expect_err("it would wait for itself")))
    }
    async fn get_within(&mut self, this: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&this.get().await.expect_err("it would wait for itself")))
    }
    async fn upgrade(&self, mut this: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&this.add(1).await.expect_err("it would wait for itself")))
    }
    async fn add_through(&mut self, this: Remote<dyn Counter>, middle: Remote<dyn Middle>) -> Result<Told> {
        middle.pass(this).await
    }
    async fn get_after(&self, this: Remote<dyn Counter>) -> Result<u64> {
        self.entered.notify_one();
        self.switch.notified().await;
        this.get().await
    }
    async fn add_after(&mut self, middle: Remote<dyn Middle>) -> Result<u64> {
        middle.nothing().await?;
        self.value += 1;
        middle.nothing().await?;
        Ok(self.value)
    }
}

#[derive(Default)]
struct Between {
    switch: Arc<Notify>,
}

impl Middle for Between {
    async fn pass(&self, mut counter: Remote<dyn Counter>) -> Result<Told> {
        Ok(told(&counter.add(1).await.expect_err("it would wait for itself")))
    }
    async fn siblings(&self, counter: Remote<dyn Counter>, this: Remote<dyn Middle>) -> Result<u64> {
        let (mut one, mut other) = (counter.clone(), counter);
        let (first, second) = tokio::join!(one.add_after(this.clone()), other.add_after(this));
        Ok(first?.max(second?))
    }
    async fn nothing(&self) -> Result<()> {
        tokio::task::yield_now().await;
        Ok(())
    }
    async fn flip(&self) -> Result<()> {
        self.switch.notify_one();
        Ok(())
    }
}

/// The refused call is the method of the error; the one it would wait for is in its text.
fn names_both(told: &Told, refused: &str, holder: &str) {
    assert!(told.is(ErrorKind::Reentrant, Outcome::NotRun), "{told:?}");
    assert!(told.method.ends_with(refused), "names the call that was refused, {refused}: {told:?}");
    assert!(told.text.contains(holder), "names the call that is inside, {holder}: {told:?}");
}

#[tokio::test]
async fn exclusive_method_that_is_entered_again_directly_fails_at_once_and_names_both_calls() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let local: Remote<dyn Counter> = Remote::new(Tally::default());
    host.publish("counter", local.clone()).expect("a name");
    let far: Remote<dyn Counter> = caller.connect(&url(&host, "counter")).await.expect("a session");
    for counter in [&local, &far] {
        let mut entry = counter.clone();
        within("direct re-entry", async {
            names_both(&entry.add_within(counter.clone()).await.expect("the outer call runs"), "Counter.add", "Counter.add_within");
            names_both(&entry.get_within(counter.clone()).await.expect("the outer call runs"), "Counter.get", "Counter.get_within");
            names_both(&entry.upgrade(counter.clone()).await.expect("the outer call runs"), "Counter.add", "Counter.upgrade");
            let before = entry.get().await.expect("the object goes on");
            assert_eq!(entry.add(1).await.expect("the object goes on"), before + 1);
        })
        .await;
    }
}

#[tokio::test]
async fn exclusive_method_that_is_entered_again_through_a_second_node_fails_at_once_and_names_both_calls() {
    let host = node(Limits::default()).await;
    let second = node(Limits::default()).await;
    let third = node(Limits::default()).await;
    let local: Remote<dyn Counter> = Remote::new(Tally::default());
    host.publish("counter", local.clone()).expect("a name");
    second.publish("middle", Remote::<dyn Middle>::new(Between::default())).expect("a name");
    // Called by the host itself, by the second node, and by a third one that knows both.
    let middle_for_host: Remote<dyn Middle> = host.connect(&url(&second, "middle")).await.expect("a session");
    let counter_for_second: Remote<dyn Counter> = second.connect(&url(&host, "counter")).await.expect("a session");
    let middle_for_second: Remote<dyn Middle> = second.connect(&url(&second, "middle")).await.expect("a session with itself");
    let counter_for_third: Remote<dyn Counter> = third.connect(&url(&host, "counter")).await.expect("a session");
    let middle_for_third: Remote<dyn Middle> = third.connect(&url(&second, "middle")).await.expect("a session");
    for (who, counter, middle) in [
        ("the host", &local, &middle_for_host),
        ("the second", &counter_for_second, &middle_for_second),
        ("a third", &counter_for_third, &middle_for_third),
    ] {
        let mut entry = counter.clone();
        let told = within(who, entry.add_through(counter.clone(), middle.clone())).await.expect("the outer call runs");
        names_both(&told, "Counter.add", "Counter.add_through");
        let before = entry.get().await.expect("the object goes on");
        assert_eq!(entry.add(1).await.expect("the object goes on"), before + 1, "{who}");
    }
}

#[tokio::test]
async fn siblings_of_one_handler_queue_for_an_object_and_do_not_fail() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let local: Remote<dyn Counter> = Remote::new(Tally::default());
    host.publish("counter", local.clone()).expect("a name");
    let local_middle: Remote<dyn Middle> = Remote::new(Between::default());
    caller.publish("middle", local_middle.clone()).expect("a name");
    let far_counter: Remote<dyn Counter> = caller.connect(&url(&host, "counter")).await.expect("a session");
    let far_middle: Remote<dyn Middle> = host.connect(&url(&caller, "middle")).await.expect("a session");
    let mut expected = 0;
    for (counter, middle) in [(&local, &local_middle), (&far_counter, &local_middle), (&local, &far_middle), (&far_counter, &far_middle)] {
        for _ in 0..10 {
            expected += 2;
            let value = within("siblings", middle.siblings(counter.clone(), middle.clone())).await.expect("both run, one after the other");
            assert_eq!(value, expected);
        }
    }
}

#[tokio::test]
async fn shared_entry_by_a_call_that_is_inside_passes_the_writers_that_wait() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let (entered, switch) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let tally = Tally { value: 5, entered: Arc::clone(&entered), switch: Arc::clone(&switch) };
    host.publish("counter", Remote::<dyn Counter>::new(tally)).expect("a name");
    host.publish("middle", Remote::<dyn Middle>::new(Between { switch })).expect("a name");
    let counter: Remote<dyn Counter> = caller.connect(&url(&host, "counter")).await.expect("a session");
    let middle: Remote<dyn Middle> = caller.connect(&url(&host, "middle")).await.expect("a session");
    within("a shared re-entry beside a writer", async {
        let outer = counter.get_after(counter.clone()).send();
        entered.notified().await;
        let mut other = counter.clone();
        let writer = other.add(1).send();
        // On the same session and after the writer, so the writer waits at the door by now.
        middle.flip().await.expect("the switch is another object");
        assert_eq!(outer.await.expect("it passes the writer"), 5);
        assert_eq!(writer.await.expect("the writer has its turn"), 6);
    })
    .await;
}

// --- the second pool ---

#[remote]
pub trait Hold {
    /// Never ends by itself.
    async fn hold(&self) -> Result<()>;
    async fn quick(&self, number: u64) -> Result<u64>;
}

#[derive(Clone, Default)]
struct Holding(Arc<AtomicU64>);

impl Hold for Holding {
    async fn hold(&self) -> Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn quick(&self, number: u64) -> Result<u64> {
        Ok(number)
    }
}

#[remote]
pub trait Spender {
    /// Fills its pool with calls that do not end and tells what becomes of one more: polled at once, or sent before it is awaited.
    async fn spend(&self, target: Remote<dyn Hold>, pool: u32, send: bool) -> Result<Told>;
    /// Makes many calls at once and adds the results up.
    async fn fan_out(&self, target: Remote<dyn Hold>, calls: u64) -> Result<u64>;
}

struct Spending;
impl Spender for Spending {
    async fn spend(&self, target: Remote<dyn Hold>, pool: u32, send: bool) -> Result<Told> {
        let held: Vec<_> = (0..pool).map(|_| target.hold().send()).collect();
        let more = target.quick(1);
        let more = if send { more.send() } else { more };
        let error = more.await.expect_err("the pool is spent");
        drop(held);
        Ok(told(&error))
    }
    async fn fan_out(&self, target: Remote<dyn Hold>, calls: u64) -> Result<u64> {
        let calls: Vec<_> = (0..calls).map(|number| target.quick(number).send()).collect();
        let mut sum = 0;
        for call in calls {
            sum += call.await?;
        }
        Ok(sum)
    }
}

#[tokio::test]
async fn call_back_over_its_own_session_fails_at_once_when_the_second_pool_is_spent_and_any_other_waits_for_a_bounded_time() {
    let limits = || Limits { calls_in_flight: 4, nested_wait: Duration::from_millis(300), ..Limits::default() };
    let middle = node(limits()).await;
    let caller = node(limits()).await;
    let third = node(limits()).await;
    middle.publish("spender", Remote::<dyn Spender>::new(Spending)).expect("a name");
    third.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let spender: Remote<dyn Spender> = caller.connect(&url(&middle, "spender")).await.expect("a session");
    let own: Remote<dyn Hold> = Remote::new(Holding::default());
    let elsewhere: Remote<dyn Hold> = middle.connect(&url(&third, "hold")).await.expect("a session");
    let handed_on: Remote<dyn Hold> = caller.connect(&url(&third, "hold")).await.expect("a session");
    for send in [false, true] {
        let told = within("back over its own session", spender.spend(own.clone(), 4, send)).await.expect("the handler runs");
        assert!(told.is(ErrorKind::Overloaded, Outcome::NotRun), "{told:?}");
        assert!(told.text.contains("goes back to the node"), "{told:?}");
        // Over another session of the handler's node, which the caller's reference leads to by way of the caller.
        let told = within("over another session", local_spend(&elsewhere, send)).await;
        assert!(told.is(ErrorKind::Overloaded, Outcome::NotRun), "{told:?}");
        assert!(told.text.contains("no call on the session has ended"), "{told:?}");
        let told = within("by way of the caller", spender.spend(handed_on.clone(), 4, send)).await.expect("the handler runs");
        assert!(told.is(ErrorKind::Overloaded, Outcome::NotRun), "{told:?}");
    }
    within("the calls that were given up have ended", async {
        while middle.stats().tables.iter().any(|session| session.calls_out > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(within("afterwards", spender.fan_out(own.clone(), 3)).await.expect("the session goes on"), 3);
}

/// The same from a handler that was not called over any session.
async fn local_spend(target: &Remote<dyn Hold>, send: bool) -> Told {
    let spender: Remote<dyn Spender> = Remote::new(Spending);
    spender.spend(target.clone(), 4, send).await.expect("the handler runs")
}

#[tokio::test]
async fn relayed_calls_beyond_the_second_pool_wait_for_a_bounded_time_only() {
    let limits = || Limits { calls_in_flight: 4, nested_wait: Duration::from_millis(300), ..Limits::default() };
    let middle = node(Limits { nested_wait: Duration::from_millis(300), ..Limits::default() }).await;
    let caller = node(Limits::default()).await;
    let third = node(limits()).await;
    third.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let far: Remote<dyn Hold> = middle.connect(&url(&third, "hold")).await.expect("a session");
    middle.publish("hold", far).expect("a name");
    let relayed: Remote<dyn Hold> = caller.connect(&url(&middle, "hold")).await.expect("a session");
    let held: Vec<_> = (0..4).map(|_| relayed.hold().send()).collect();
    let error = within("a relayed call", relayed.quick(1)).await.expect_err("the third node's pool is spent");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error}");
    drop(held);
    assert_eq!(within("afterwards", relayed.quick(2)).await.expect("room is back"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handler_that_fans_out_20_000_calls_to_a_third_node_gets_them_all_answered() {
    let middle = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    let third = node(Limits::default()).await;
    middle.publish("spender", Remote::<dyn Spender>::new(Spending)).expect("a name");
    third.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let spender: Remote<dyn Spender> = caller.connect(&url(&middle, "spender")).await.expect("a session");
    let hold: Remote<dyn Hold> = caller.connect(&url(&third, "hold")).await.expect("a session");
    let direct: Remote<dyn Hold> = middle.connect(&url(&third, "hold")).await.expect("a session");
    const CALLS: u64 = 20_000;
    let local: Remote<dyn Spender> = Remote::new(Spending);
    let expected = CALLS * (CALLS - 1) / 2;
    assert_eq!(within("a handler of a local call", local.fan_out(direct, CALLS)).await.expect("all answered"), expected);
    // By way of the caller, whose session the handler was called on, so only as many as its second pool takes.
    let few = 4_000;
    assert_eq!(within("by way of the caller", spender.fan_out(hold, few)).await.expect("all answered"), few * (few - 1) / 2);
    // The handler's own session with the third node.
    let fan: Remote<dyn FanOut> = Remote::new(Fan(middle.clone(), url(&third, "hold")));
    middle.publish("fan", fan).expect("a name");
    let fan: Remote<dyn FanOut> = caller.connect(&url(&middle, "fan")).await.expect("a session");
    assert_eq!(within("a handler of a call over a session", fan.fan_out(CALLS)).await.expect("all answered"), expected);
}

#[remote]
pub trait FanOut {
    async fn fan_out(&self, calls: u64) -> Result<u64>;
}

struct Fan(Node, String);
impl FanOut for Fan {
    async fn fan_out(&self, calls: u64) -> Result<u64> {
        let third: Remote<dyn Hold> = self.0.connect(&self.1).await?;
        // Polled, not sent: every call waits for its turn by itself.
        let mut tasks = JoinSet::new();
        for number in 0..calls {
            let third = third.clone();
            tasks.spawn(netref::spawn(async move { third.quick(number).await }));
        }
        let mut sum = 0;
        while let Some(done) = tasks.join_next().await {
            sum += done.expect("a task").expect("a task")?;
        }
        Ok(sum)
    }
}

// --- a cycle through three nodes ---

#[remote]
pub trait Ring {
    async fn go(&self, hops: u32) -> Result<u32>;
}

struct Station {
    next: Mutex<Option<Remote<dyn Ring>>>,
}

impl Ring for Arc<Station> {
    async fn go(&self, hops: u32) -> Result<u32> {
        if hops == 0 {
            return Ok(1);
        }
        let next = self.next.lock().expect("not poisoned").clone().expect("a ring");
        Ok(next.go(hops - 1).await? + 1)
    }
}

#[tokio::test]
async fn cycle_through_third_nodes_that_fills_every_pool_comes_to_its_end() {
    let limits = || Limits { calls_in_flight: 8, nested_wait: Duration::from_millis(200), ..Limits::default() };
    let mut nodes = Vec::new();
    let mut stations = Vec::new();
    for _ in 0..3 {
        let node = node(limits()).await;
        let station = Arc::new(Station { next: Mutex::new(None) });
        node.publish("ring", Remote::<dyn Ring>::new(Arc::clone(&station))).expect("a name");
        nodes.push(node);
        stations.push(station);
    }
    let mut heads = Vec::new();
    for index in 0..3 {
        let next: Remote<dyn Ring> = nodes[index].connect(&url(&nodes[(index + 1) % 3], "ring")).await.expect("a session");
        *stations[index].next.lock().expect("not poisoned") = Some(next.clone());
        heads.push(next);
    }
    let mut tasks = JoinSet::new();
    for head in &heads {
        for _ in 0..30 {
            let head = head.clone();
            tasks.spawn(async move { head.go(8).await });
        }
    }
    let results = within("a ring that is full", tasks.join_all()).await;
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let cause = root_cause(error);
        assert_eq!((cause.kind(), cause.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error:?}");
    }
    assert_eq!(within("afterwards", heads[0].go(5)).await.expect("the ring goes on"), 6);
    for station in stations {
        drop(station.next.lock().expect("not poisoned").take());
    }
}

// --- results that nobody picks up ---

#[tokio::test]
async fn results_that_are_not_picked_up_do_not_stop_other_calls() {
    let host = node(Limits::default()).await;
    let caller = node(Limits::default()).await;
    host.publish("hold", Remote::<dyn Hold>::new(Holding::default())).expect("a name");
    let hold: Remote<dyn Hold> = caller.connect(&url(&host, "hold")).await.expect("a session");
    // More than may be in flight, so those that wait are sent as others are answered, with nobody polling.
    let sent: Vec<_> = (0..10_000).map(|number| hold.quick(number).send()).collect();
    for number in 0..100 {
        assert_eq!(within("a call beside them", hold.quick(number)).await.expect("answered"), number);
    }
    for (number, call) in sent.into_iter().enumerate().step_by(997) {
        assert_eq!(within("a result that waited", call).await.expect("answered"), number as u64);
    }
}

#[tokio::test]
async fn large_results_that_are_not_picked_up_are_dropped_beyond_their_bound_and_stop_nothing() {
    let host = node(Limits::default()).await;
    let caller = node(Limits { unclaimed_bytes: 4 << 20, ..narrow() }).await;
    host.publish("store", Remote::<dyn Store>::new(Mirror)).expect("a name");
    let store: Remote<dyn Store> = caller.connect(&url(&host, "store")).await.expect("a session");
    let sent: Vec<_> = (0..12).map(|_| store.bytes(vec![1], 1 << 20).send()).collect();
    for _ in 0..20 {
        let reply = within("a call beside them", store.bytes(vec![9], 10)).await;
        assert_eq!(reply.expect("small results are within the bound").len(), 10);
    }
    let (mut kept, mut dropped) = (0, 0);
    for call in sent {
        match within("a result that waited", call).await {
            Ok(bytes) => {
                assert_eq!(bytes.len(), 1 << 20);
                kept += 1;
            }
            Err(error) => {
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::Ran), "{error}");
                dropped += 1;
            }
        }
    }
    assert!(kept > 0 && dropped > 0, "{kept} kept, {dropped} dropped");
    let reply = within("afterwards", store.bytes(vec![5], 1 << 20)).await.expect("there is room again");
    assert_eq!(reply.len(), 1 << 20);
}

// --- a call that waits in the queue and is given up ---

#[tokio::test]
async fn call_that_waits_for_room_is_dropped_without_having_run() {
    let host = node(Limits { calls_in_flight: 2, ..Limits::default() }).await;
    let caller = node(Limits::default()).await;
    let holding = Holding::default();
    host.publish("hold", Remote::<dyn Hold>::new(holding.clone())).expect("a name");
    let hold: Remote<dyn Hold> = caller.connect(&url(&host, "hold")).await.expect("a session");
    let held: Vec<_> = (0..2).map(|_| hold.hold().send()).collect();
    let error = within("a call that waits", hold.hold().timeout(Duration::from_millis(50))).await.expect_err("there is no room");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun), "{error}");
    let waiting: Vec<_> = (0..50).map(|_| hold.hold().send()).collect();
    drop(waiting);
    drop(held);
    assert_eq!(within("afterwards", hold.quick(3)).await.expect("those that were given up are passed"), 3);
    assert_eq!(holding.0.load(Ordering::SeqCst), 2, "no other handler was started");
}
