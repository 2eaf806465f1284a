//! Cancellation (law 5): calls dropped at any moment leave nothing behind. In `hops`: deadlines and outcomes over several nodes (laws 4 and 5).

mod hops;

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
