//! What a call allocates, on both sides together, against the numbers that are committed here: what is around a call costs nothing where
//! it is not used. One test only, since the allocator of this binary counts for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use netref::around::Logging;
use netref::{Node, NodeBuilder, Remote, Result, remote};

/// Counts what is allocated.
struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

#[allow(unsafe_code)]
// SAFETY: every request is passed on to the system's allocator as it is; only a number is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[remote]
trait Adder {
    async fn add(&self, left: u64, right: u64) -> Result<u64>;
    /// Waits once, so that it goes on in a task of its own.
    async fn add_later(&self, left: u64, right: u64) -> Result<u64>;
    /// Calls back in the middle of the call.
    async fn add_by(&self, adder: Remote<dyn Adder>, left: u64, right: u64) -> Result<u64>;
}

struct Exact;

impl Adder for Exact {
    async fn add(&self, left: u64, right: u64) -> Result<u64> {
        Ok(left + right)
    }
    async fn add_later(&self, left: u64, right: u64) -> Result<u64> {
        tokio::task::yield_now().await;
        Ok(left + right)
    }
    async fn add_by(&self, adder: Remote<dyn Adder>, left: u64, right: u64) -> Result<u64> {
        adder.add(left, right).await
    }
}

/// Allocations of one call, when there have been many: tables and buffers have their size by then.
async fn allocations<F: Future<Output = ()>>(mut call: impl FnMut() -> F) -> f64 {
    const CALLS: u32 = 2_000;
    for _ in 0..CALLS {
        call().await;
    }
    let before = COUNT.load(Ordering::SeqCst);
    for _ in 0..CALLS {
        call().await;
    }
    (COUNT.load(Ordering::SeqCst) - before) as f64 / f64::from(CALLS)
}

/// The three kinds of calls: done at the first poll, done later, with a call back.
async fn of_all(adder: &Remote<dyn Adder>, mine: &Remote<dyn Adder>) -> [f64; 3] {
    [
        allocations(|| async { assert_eq!(adder.add(2, 3).await.unwrap(), 5) }).await,
        allocations(|| async { assert_eq!(adder.add_later(2, 3).await.unwrap(), 5) }).await,
        allocations(|| async { assert_eq!(adder.add_by(mine.clone(), 2, 3).await.unwrap(), 5) }).await,
    ]
}

/// What a call allocates with nothing around it.
const BARE: [f64; 3] = [2.0, 3.0, 21.0];

/// The same with a log of both sides, to which nobody listens: about half of it are names of methods and tables of references.
const LOGGED: [f64; 3] = [34.0, 35.0, 88.0];

/// Nobody else allocates here, but a table may grow now and then.
fn is_within(measured: [f64; 3], committed: [f64; 3]) -> bool {
    measured.iter().zip(committed).all(|(measured, committed)| *measured < committed + 0.02)
}

/// Two nodes, and a reference of one to an object of the other.
async fn pair(place: &str, host: NodeBuilder, guest: NodeBuilder) -> (Node, Node, Remote<dyn Adder>) {
    let host = host.listen(format!("mem://{place}")).publish("adder", Remote::<dyn Adder>::new(Exact)).start().await.unwrap();
    let guest = guest.start().await.unwrap();
    let adder = guest.connect(&format!("mem://{place}/adder")).await.unwrap();
    (host, guest, adder)
}

#[tokio::test]
async fn call_with_nothing_around_it_allocates_no_more_than_is_committed() {
    let mine = Remote::<dyn Adder>::new(Exact);
    let (_host, _guest, adder) = pair("bare", Node::builder(), Node::builder()).await;
    let bare = of_all(&adder, &mine).await;
    println!("allocations per call: {bare:?}");
    assert!(is_within(bare, BARE), "{bare:?} where {BARE:?} is committed");

    let logging = || Node::builder().intercept_incoming(Logging::new()).intercept_outgoing(Logging::new());
    let (_host, _guest, logged) = pair("logged", logging(), logging()).await;
    let around = of_all(&logged, &mine).await;
    println!("allocations per call that is logged: {around:?}");
    assert!(is_within(around, LOGGED), "{around:?} where {LOGGED:?} is committed");

    // Interceptors of one node are nothing to another one in the same process.
    let bare = of_all(&adder, &mine).await;
    assert!(is_within(bare, BARE), "{bare:?} where {BARE:?} is committed");
}
