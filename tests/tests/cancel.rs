//! Cancellation, deadlines and outcomes (laws 4 and 5): calls dropped at any moment leave nothing behind, a deadline is inherited from
//! call to call, and an error says what became of the caller's own call, however many nodes lie between.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use netref::{AnyRemote, Context, Error, ErrorKind, Limits, Node, NodeStats, Outcome, Remote, Result, remote};
use serde::{Deserialize, Serialize};

/// How long anything here may take to settle, and any call here to end.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it ends in time")
}

/// Handlers that were entered, and that are over in whatever way.
#[derive(Debug, Default)]
struct Live {
    entered: AtomicU64,
    left: AtomicU64,
    stubborn: AtomicU64,
    stubborn_done: AtomicU64,
}

struct Inside<'a>(&'a Live);

impl Live {
    fn enter(&self) -> Inside<'_> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        Inside(self)
    }

    fn inside(&self) -> u64 {
        // In this order, so that a handler that comes and goes between is not taken for a negative one.
        let left = self.left.load(Ordering::SeqCst);
        self.entered.load(Ordering::SeqCst) - left
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::SeqCst);
    }
}

#[remote]
pub trait Worker {
    async fn quick(&self, number: u64) -> Result<u64>;
    async fn slow(&self, micros: u64) -> Result<u64>;
    async fn forever(&self) -> Result<u64>;
    #[remote(spawn)]
    async fn spawned(&self) -> Result<u64>;
    #[remote(blocking)]
    async fn blocking(&self) -> Result<u64>;
    #[remote(no_cancel)]
    async fn stubborn(&self, micros: u64) -> Result<u64>;
    #[remote(no_cancel, spawn)]
    async fn stubborn_elsewhere(&self, micros: u64) -> Result<u64>;
    async fn large(&self, data: Vec<u8>, micros: u64) -> Result<Vec<u8>>;
    async fn there_and_back(&self, other: Remote<dyn Worker>) -> Result<u64>;
    async fn references(&self, workers: Vec<Remote<dyn Worker>>) -> Result<Vec<Remote<dyn Worker>>>;
}

#[remote]
pub trait Door {
    async fn enter(&mut self, micros: u64) -> Result<u64>;
    async fn look(&self, micros: u64) -> Result<u64>;
}

#[derive(Clone)]
struct Hand(Arc<Live>);

async fn nap(micros: u64) {
    tokio::time::sleep(Duration::from_micros(micros)).await;
}

impl Worker for Hand {
    async fn quick(&self, number: u64) -> Result<u64> {
        let _inside = self.0.enter();
        Ok(number)
    }
    async fn slow(&self, micros: u64) -> Result<u64> {
        let _inside = self.0.enter();
        nap(micros).await;
        Ok(micros)
    }
    async fn forever(&self) -> Result<u64> {
        let _inside = self.0.enter();
        std::future::pending().await
    }
    async fn spawned(&self) -> Result<u64> {
        let _inside = self.0.enter();
        std::future::pending().await
    }
    async fn blocking(&self) -> Result<u64> {
        let _inside = self.0.enter();
        std::future::pending().await
    }
    async fn stubborn(&self, micros: u64) -> Result<u64> {
        let _inside = self.0.enter();
        self.0.stubborn.fetch_add(1, Ordering::SeqCst);
        nap(micros).await;
        self.0.stubborn_done.fetch_add(1, Ordering::SeqCst);
        Ok(micros)
    }
    async fn stubborn_elsewhere(&self, micros: u64) -> Result<u64> {
        self.stubborn(micros).await
    }
    async fn large(&self, data: Vec<u8>, micros: u64) -> Result<Vec<u8>> {
        let _inside = self.0.enter();
        nap(micros).await;
        Ok(data)
    }
    async fn there_and_back(&self, other: Remote<dyn Worker>) -> Result<u64> {
        let _inside = self.0.enter();
        other.forever().await
    }
    async fn references(&self, workers: Vec<Remote<dyn Worker>>) -> Result<Vec<Remote<dyn Worker>>> {
        let _inside = self.0.enter();
        nap(200).await;
        Ok(workers.iter().cloned().chain([Remote::new(Self(Arc::clone(&self.0)))]).collect())
    }
}

impl Door for Hand {
    async fn enter(&mut self, micros: u64) -> Result<u64> {
        let _inside = self.0.enter();
        nap(micros).await;
        Ok(micros)
    }
    async fn look(&self, micros: u64) -> Result<u64> {
        let _inside = self.0.enter();
        nap(micros).await;
        Ok(micros)
    }
}

/// Marsaglia's xorshift: the same moments in every run of the test, as far as the machine allows.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What one side calls.
#[derive(Clone)]
struct Callees {
    worker: Remote<dyn Worker>,
    door: Remote<dyn Door>,
    /// An object of the caller's.
    own: Remote<dyn Worker>,
    data: Arc<[u8]>,
}

/// Drops a call at some moment.
async fn drop_somewhen<T: Send + 'static>(call: netref::Call<T, Error>, dice: &mut Dice) {
    match dice.below(7) {
        // Before it was sent.
        0 => drop(call),
        // After it was sent.
        1 => drop(call.send()),
        2 => {
            let call = call.send();
            for _ in 0..dice.below(12) {
                tokio::task::yield_now().await;
            }
            drop(call);
        }
        // After a few polls.
        3 | 4 => {
            let mut call = pin!(call);
            for _ in 0..dice.below(6) {
                if std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // After some time.
        5 => {
            let _ = tokio::time::timeout(Duration::from_micros(dice.below(3_000)), call).await;
        }
        // At its own deadline.
        _ => {
            let _ = call.timeout(Duration::from_micros(dice.below(3_000))).await;
        }
    }
}

async fn call_something(callees: &mut Callees, dice: &mut Dice) {
    let micros = dice.below(2_000);
    let Callees { worker, door, own, data } = callees;
    match dice.below(16) {
        0 => drop_somewhen(worker.quick(micros), dice).await,
        1 | 2 => drop_somewhen(worker.slow(micros), dice).await,
        3 | 4 => drop_somewhen(worker.forever(), dice).await,
        5 | 6 => drop_somewhen(worker.spawned(), dice).await,
        7 => drop_somewhen(worker.blocking(), dice).await,
        8 => drop_somewhen(worker.stubborn(micros), dice).await,
        9 => drop_somewhen(worker.stubborn_elsewhere(micros), dice).await,
        10 => {
            let size = dice.below(data.len() as u64) as usize;
            drop_somewhen(worker.large(data[..size].to_vec(), micros), dice).await;
        }
        11 => drop_somewhen(worker.there_and_back(own.clone()), dice).await,
        12 => drop_somewhen(worker.references(vec![own.clone(), worker.clone()]), dice).await,
        13 => drop_somewhen(door.enter(micros), dice).await,
        14 => drop_somewhen(door.look(micros), dice).await,
        // Nobody waits for this one, and nobody drops it.
        _ => {
            let _ = worker.slow(micros).oneway();
        }
    }
}

const CALLS: u64 = 10_000;
const TASKS: u64 = 40;

async fn worker_node(name: &str, live: &Arc<Live>, calls_in_flight: u32) -> Node {
    // One frame refused ends the session: in all this neither side may ever break a rule.
    let limits = Limits { calls_in_flight, refusals: 1, ..Limits::default() };
    let node = Node::builder().name(name).limits(limits).listen("tcp://127.0.0.1:0").start().await.unwrap();
    node.publish("worker", Remote::<dyn Worker>::new(Hand(Arc::clone(live)))).unwrap();
    node.publish("door", Remote::<dyn Door>::new(Hand(Arc::clone(live)))).unwrap();
    node
}

async fn drop_ten_thousand(calls_in_flight: u32, seed: u64) {
    let (here, there) = (Arc::new(Live::default()), Arc::new(Live::default()));
    let a = worker_node("a", &here, calls_in_flight).await;
    let b = worker_node("b", &there, calls_in_flight).await;
    let data: Arc<[u8]> = vec![7; 300_000].into();
    let mut tasks = Vec::new();
    for (direction, (node, other, own)) in [(&a, &b, &here), (&b, &a, &there)].into_iter().enumerate() {
        let callees = Callees {
            worker: node.connect(&format!("{}/worker", other.addresses()[0])).await.unwrap(),
            door: node.connect(&format!("{}/door", other.addresses()[0])).await.unwrap(),
            own: Remote::new(Hand(Arc::clone(own))),
            data: Arc::clone(&data),
        };
        for task in 0..TASKS {
            let mut callees = callees.clone();
            let mut dice = Dice(seed ^ (task * 2 + direction as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            tasks.push(tokio::spawn(async move {
                for _ in 0..CALLS / TASKS / 2 {
                    call_something(&mut callees, &mut dice).await;
                }
            }));
        }
    }
    for task in tasks {
        bounded(task).await.unwrap();
    }
    assert_eq!((a.sessions().len(), b.sessions().len()), (1, 1), "the session has lived through it");
    let start = Instant::now();
    loop {
        let stats = [a.stats(), b.stats()];
        if here.inside() == 0 && there.inside() == 0 && stats.iter().all(NodeStats::is_idle) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "something is left: {here:?} {there:?} {stats:#?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for live in [&here, &there] {
        assert_eq!(live.entered.load(Ordering::SeqCst), live.left.load(Ordering::SeqCst));
        assert!(live.stubborn.load(Ordering::SeqCst) > 0);
        assert_eq!(live.stubborn.load(Ordering::SeqCst), live.stubborn_done.load(Ordering::SeqCst), "`no_cancel` runs to its end");
    }
    // It still works, in both directions.
    for (node, other) in [(&a, &b), (&b, &a)] {
        let worker: Remote<dyn Worker> = node.connect(&format!("{}/worker", other.addresses()[0])).await.unwrap();
        assert_eq!(bounded(worker.quick(9)).await.unwrap(), 9);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_dropped_at_random_moments_leave_nothing() {
    drop_ten_thousand(4_096, 0x5EED_0001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_dropped_while_most_wait_for_room_leave_nothing() {
    drop_ten_thousand(8, 0x5EED_0002).await;
}

#[tokio::test]
async fn ten_thousand_calls_dropped_on_one_thread_leave_nothing() {
    drop_ten_thousand(32, 0x5EED_0003).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_dropped_behind_one_that_is_still_arriving_never_runs_on() {
    let live = Arc::new(Live::default());
    let (a, b) = (worker_node("a", &live, 64).await, worker_node("b", &live, 64).await);
    let worker: Remote<dyn Worker> = a.connect(&format!("{}/worker", b.addresses()[0])).await.unwrap();
    for _ in 0..50 {
        // The long payload takes many frames, and the calls behind it wait for their turn over there.
        let long = worker.large(vec![1; 4_000_000], 0).send();
        let behind: Vec<_> =
            (0..10).map(|number| if number % 2 == 0 { worker.forever().send() } else { worker.spawned().send() }).collect();
        tokio::task::yield_now().await;
        drop(behind);
        assert_eq!(bounded(long).await.unwrap().len(), 4_000_000);
    }
    drop(worker);
    until("every handler is dropped", || live.inside() == 0).await;
    until("the tables are empty", || a.stats().is_idle() && b.stats().is_idle()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handler_marked_no_cancel_runs_on_when_its_call_is_dropped() {
    let live = Arc::new(Live::default());
    let (a, b) = (worker_node("a", &live, 64).await, worker_node("b", &live, 64).await);
    let worker: Remote<dyn Worker> = a.connect(&format!("{}/worker", b.addresses()[0])).await.unwrap();
    for call in [worker.stubborn(50_000).send(), worker.stubborn_elsewhere(50_000).send()] {
        let before = live.stubborn.load(Ordering::SeqCst);
        until("it runs", || live.stubborn.load(Ordering::SeqCst) > 0 || before > 0).await;
        drop(call);
    }
    until("both are done", || live.stubborn_done.load(Ordering::SeqCst) == 2).await;
    drop(worker);
    until("the tables are empty", || a.stats().is_idle() && b.stats().is_idle()).await;
}

/// The error of a program of its own, which wraps netref's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum HopError {
    Net(Error),
}

impl std::fmt::Display for HopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Net(error) = self;
        error.fmt(f)
    }
}

impl std::error::Error for HopError {}

impl From<Error> for HopError {
    fn from(error: Error) -> Self {
        Self::Net(error)
    }
}

#[remote]
pub trait Hop {
    /// The microseconds that are left at this hop and each after it.
    async fn left(&self) -> Result<Vec<Option<u64>>>;
    /// As `left`, with more time asked for than there is.
    async fn left_with_more(&self) -> Result<Vec<Option<u64>>>;
    /// Never ends, at the last hop.
    async fn hang(&self) -> Result<u64>;
    /// Waits until its deadline is over, and only then calls the next hop.
    #[remote(no_cancel)]
    async fn too_late(&self) -> Result<u64>;
    /// Fails, at the last hop, for want of the method.
    async fn missing(&self) -> Result<u64>;
    async fn missing_wrapped(&self) -> Result<u64, HopError>;
    async fn panics(&self) -> Result<u64>;
    async fn fails(&self) -> Result<u64>;
    /// The object at the end of the way, passed on from hop to hop.
    async fn last(&self) -> Result<Remote<dyn Hop>>;
    /// The same under an interface that it does not have.
    async fn wrong(&self) -> Result<AnyRemote>;
}

#[remote]
pub trait Other {
    async fn other(&self) -> Result<()>;
}

struct Stop {
    live: Arc<Live>,
    next: Option<Remote<dyn Hop>>,
    late: Arc<Mutex<Option<Error>>>,
}

impl Other for Stop {
    async fn other(&self) -> Result<()> {
        Ok(())
    }
}

fn micros_left() -> Option<u64> {
    Context::current().remaining().map(|left| left.as_micros() as u64)
}

impl Stop {
    /// An object of this hop's that is anything but a `Hop`, held as one.
    fn stranger(&self) -> AnyRemote {
        Remote::into_any(Remote::<dyn Other>::new(Self { live: Arc::clone(&self.live), next: None, late: Arc::default() }))
    }
}

impl Hop for Stop {
    async fn left(&self) -> Result<Vec<Option<u64>>> {
        let mut all = vec![micros_left()];
        nap(2_000).await;
        if let Some(next) = &self.next {
            // A task keeps the deadline, when it is netref's.
            let next = next.clone();
            all.extend(netref::spawn(async move { next.left().await }).await.unwrap()?);
        }
        Ok(all)
    }
    async fn left_with_more(&self) -> Result<Vec<Option<u64>>> {
        let mut all = vec![micros_left()];
        nap(2_000).await;
        if let Some(next) = &self.next {
            all.extend(next.left_with_more().timeout(Duration::from_secs(100_000)).await?);
        }
        Ok(all)
    }
    async fn hang(&self) -> Result<u64> {
        let _inside = self.live.enter();
        match &self.next {
            Some(next) => next.hang().await,
            None => std::future::pending().await,
        }
    }
    async fn too_late(&self) -> Result<u64> {
        let _inside = self.live.enter();
        let Some(next) = &self.next else { return Ok(0) };
        while micros_left() != Some(0) {
            nap(1_000).await;
        }
        let error = next.too_late().await.unwrap_err();
        *self.late.lock().unwrap() = Some(error);
        Ok(1)
    }
    async fn missing(&self) -> Result<u64> {
        let Some(next) = &self.next else { unreachable!("the last hop is a stranger") };
        let last = next.wrong().await?;
        if Remote::is_local(&last.clone().downcast::<dyn Hop>()) { Ok(0) } else { last.downcast::<dyn Hop>().missing().await }
    }
    async fn missing_wrapped(&self) -> Result<u64, HopError> {
        match &self.next {
            Some(next) => next.missing_wrapped().await,
            None => Ok(self.missing_here().await?),
        }
    }
    async fn panics(&self) -> Result<u64> {
        panic!("as it should")
    }
    async fn fails(&self) -> Result<u64> {
        match &self.next {
            Some(next) => next.fails().await,
            None => Err(Error::new(ErrorKind::Denied, Outcome::NotRun, "not today")),
        }
    }
    async fn last(&self) -> Result<Remote<dyn Hop>> {
        match &self.next {
            Some(next) => next.last().await,
            None => Ok(Remote::new(Self { live: Arc::clone(&self.live), next: None, late: Arc::default() })),
        }
    }
    async fn wrong(&self) -> Result<AnyRemote> {
        match &self.next {
            Some(next) => next.wrong().await,
            None => Ok(self.stranger()),
        }
    }
}

impl Stop {
    async fn missing_here(&self) -> Result<u64> {
        self.stranger().downcast::<dyn Hop>().missing().await
    }
}

/// Four nodes in a row: A calls B, B calls C, C calls D, and nobody else.
struct Row {
    nodes: Vec<Node>,
    lives: Vec<Arc<Live>>,
    late: Arc<Mutex<Option<Error>>>,
    first: Option<Remote<dyn Hop>>,
}

impl Row {
    async fn start() -> Self {
        let late = Arc::new(Mutex::new(None));
        let (mut nodes, mut lives, mut next) = (Vec::new(), Vec::new(), None::<String>);
        for name in ["d", "c", "b"] {
            let limits = Limits { refusals: 1, ..Limits::default() };
            let node = Node::builder().name(name).limits(limits).listen("tcp://127.0.0.1:0").start().await.unwrap();
            let live = Arc::new(Live::default());
            let hop = match &next {
                Some(url) => Some(node.connect(url).await.unwrap()),
                None => None,
            };
            let stop = Stop { live: Arc::clone(&live), next: hop, late: Arc::clone(&late) };
            node.publish("hop", Remote::<dyn Hop>::new(stop)).unwrap();
            next = Some(format!("{}/hop", node.addresses()[0]));
            nodes.insert(0, node);
            lives.insert(0, live);
        }
        let a = Node::builder().name("a").start().await.unwrap();
        let first = a.connect(&next.unwrap()).await.unwrap();
        nodes.insert(0, a);
        Self { nodes, lives, late, first: Some(first) }
    }

    fn first(&self) -> Remote<dyn Hop> {
        self.first.clone().unwrap()
    }

    fn inside(&self) -> Vec<u64> {
        self.lives.iter().map(|live| live.inside()).collect()
    }

    /// No handler is left, and nothing in the tables but what the hops hold for good.
    async fn settled(mut self) {
        until("every handler is dropped", || self.inside().iter().all(|&inside| inside == 0)).await;
        self.first = None;
        for node in &self.nodes {
            node.unpublish("hop");
        }
        until("the tables are empty", || self.nodes.iter().all(|node| node.stats().is_idle())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_is_inherited_across_three_hops_and_shrinks() {
    let row = Row::start().await;
    for wants_more in [false, true] {
        let limit = Duration::from_secs(600);
        let call = if wants_more { row.first().left_with_more() } else { row.first().left() };
        let left = bounded(call.timeout(limit)).await.unwrap();
        let left: Vec<u64> = left.into_iter().map(|left| left.expect("a deadline at each hop")).collect();
        assert_eq!(left.len(), 3);
        let mut before = limit.as_micros() as u64;
        for left in left {
            assert!(left > 0 && left < before, "{left} after {before}");
            before = left;
        }
    }
    assert_eq!(bounded(row.first().left()).await.unwrap(), [None, None, None], "netref sets no deadline by itself");
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_ends_the_handlers_of_all_hops() {
    let row = Row::start().await;
    let error = bounded(row.first().hang().timeout(Duration::from_millis(200))).await.unwrap_err();
    // The hops keep the same deadline, so it may be one of them that notices first and returns the error of its own call in time.
    let chain = chain(&error);
    let (last, before) = chain.split_last().unwrap();
    assert_eq!(*last, (ErrorKind::Deadline, Outcome::MayHaveRun));
    assert!(before.iter().all(|nested| *nested == (ErrorKind::Nested, Outcome::Ran)), "{chain:?}");
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_call_ends_the_handlers_of_all_hops() {
    let row = Row::start().await;
    let call = row.first().hang().send();
    until("all three hang", || row.inside() == [1, 1, 1]).await;
    drop(call);
    row.settled().await;

    // The same through nodes that only pass the reference on.
    let row = Row::start().await;
    let last = row.first().last().await.unwrap();
    let call = last.hang().send();
    until("the last hangs", || row.inside() == [0, 0, 1]).await;
    drop((call, last));
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_that_is_over_sends_nothing() {
    let row = Row::start().await;
    let error = row.first().hang().timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    assert!(error.may_retry());
    let sent = row.first().hang().timeout(Duration::ZERO).send().await.unwrap_err();
    assert_eq!((sent.kind(), sent.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    assert_eq!(row.lives[0].entered.load(Ordering::SeqCst), 0);

    // Inherited: the handler goes on, being `no_cancel`, and what it calls then is never sent.
    // Whether its own result is still in time is open.
    let result = bounded(row.first().too_late().timeout(Duration::from_millis(100))).await;
    assert!(matches!(&result, Ok(1)) || result.is_err_and(|error| error.kind() == ErrorKind::Deadline));
    until("the first hop has tried", || row.late.lock().unwrap().is_some()).await;
    let late = row.late.lock().unwrap().take().unwrap();
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    assert_eq!(row.lives[1].entered.load(Ordering::SeqCst), 0, "the second hop never heard of it");
    row.settled().await;
}

fn chain(error: &Error) -> Vec<(ErrorKind, Outcome)> {
    std::iter::successors(Some(error), |error| error.origin()).map(|error| (error.kind(), error.outcome())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_of_a_nested_call_arrives_as_nested_and_names_each_hop() {
    let row = Row::start().await;
    let nested = (ErrorKind::Nested, Outcome::Ran);

    // B, C and D each return the error of what they called; D makes it up.
    let error = bounded(row.first().fails()).await.unwrap_err();
    assert_eq!(chain(&error), [nested, nested, nested, (ErrorKind::Denied, Outcome::NotRun)]);
    let hops: Vec<_> = std::iter::successors(Some(&error), |error| error.origin()).take(3).map(Error::text).collect();
    for (text, name) in hops.iter().zip(["node b ", "node c ", "node d "]) {
        assert!(text.contains(name), "`{text}` does not name {name}");
    }
    assert!(error.to_string().contains("not today"), "{error}");
    assert!(error.method().is_some_and(|method| method.ends_with("Hop.fails")));
    assert!(!error.may_retry(), "the caller's own call ran");

    // B's own call to what D hosts never ran; A's call to B did.
    let error = bounded(row.first().missing()).await.unwrap_err();
    assert_eq!(chain(&error), [nested, (ErrorKind::NoSuchMethod, Outcome::NotRun)]);
    assert!(error.text().contains("node b "), "{error}");

    // Inside an error type of the program's own it is the same.
    let HopError::Net(error) = bounded(row.first().missing_wrapped()).await.unwrap_err();
    assert_eq!(chain(&error)[..3], [nested; 3]);
    assert_eq!(chain(&error).last(), Some(&(ErrorKind::NoSuchMethod, Outcome::NotRun)));
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_through_nodes_that_only_pass_it_on_has_the_outcome_of_the_real_call() {
    let row = Row::start().await;
    let last = bounded(row.first().last()).await.unwrap();
    assert!(!Remote::is_local(&last));
    let key = Remote::key(&last).unwrap();
    assert_eq!(key.node(), row.nodes[3].identity().0, "it is D's object");

    let wrong: Remote<dyn Hop> = bounded(row.first().wrong()).await.unwrap().downcast();
    let error = bounded(wrong.fails()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::NoSuchMethod, Outcome::NotRun)]);

    let error = bounded(last.panics()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Panic, Outcome::MayHaveRun)]);

    let error = bounded(last.fails()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Nested, Outcome::Ran), (ErrorKind::Denied, Outcome::NotRun)]);

    assert_eq!(bounded(last.left().timeout(Duration::from_secs(600))).await.unwrap().len(), 1);
    let error = bounded(last.hang().timeout(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Deadline, Outcome::MayHaveRun)]);
    drop((last, wrong));
    row.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_of_the_far_hop_cut_during_the_call_may_have_run() {
    // Passed on only: the error is that of the real call.
    let row = Row::start().await;
    let last = bounded(row.first().last()).await.unwrap();
    let call = last.hang().send();
    until("the last hangs", || row.inside() == [0, 0, 1]).await;
    row.nodes[3].sessions()[0].close();
    let error = bounded(call).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Disconnected, Outcome::MayHaveRun)]);
    // A call that was never sent on did not run.
    let error = bounded(last.hang()).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Disconnected, Outcome::NotRun)]);
    drop(last);
    row.settled().await;

    // Called by a handler at each hop: C's call may have run, those of A and B ran.
    let row = Row::start().await;
    let call = row.first().hang().send();
    until("all three hang", || row.inside() == [1, 1, 1]).await;
    row.nodes[3].sessions()[0].close();
    let error = bounded(call).await.unwrap_err();
    let nested = (ErrorKind::Nested, Outcome::Ran);
    assert_eq!(chain(&error), [nested, nested, (ErrorKind::Disconnected, Outcome::MayHaveRun)]);
    row.settled().await;

    // The caller's own session: every handler behind it ends.
    let row = Row::start().await;
    let call = row.first().hang().send();
    until("all three hang", || row.inside() == [1, 1, 1]).await;
    row.nodes[1].sessions().iter().find(|session| session.peer().name() == "a").unwrap().close();
    let error = bounded(call).await.unwrap_err();
    assert_eq!(chain(&error), [(ErrorKind::Disconnected, Outcome::MayHaveRun)]);
    row.settled().await;
}
