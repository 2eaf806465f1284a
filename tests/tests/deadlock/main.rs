//! No deadlock by design (law 8): whatever two or three nodes ask of each other at once, every call ends, and each loser is told why
//! it did not run. Every wait here has a bound, so that a hang is a failure.
//!
//! | file | what |
//! | --- | --- |
//! | `main` | handlers that call back and are called back, and a cycle through three nodes |
//! | `entered` | `&mut self` methods that are entered again |
//! | `pools` | the second pool, for calls inside handlers |
//! | `windows` | large messages and results against narrow windows, and what waits for room |

mod entered;
mod pools;
mod windows;

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
