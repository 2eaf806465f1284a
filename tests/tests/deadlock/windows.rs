//! Large messages and results against narrow windows, and calls that wait for room: nothing of it stops anything else.

use super::*;

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
