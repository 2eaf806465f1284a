//! Distributed garbage collection (law 7): a million references are passed in every way there is, and afterwards nothing is left: no
//! table entry on any side, no object, no memory. The heap is counted by the allocator of this binary, and the registry of exported
//! objects is the process's, so the tests here take turns.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netref::{Limits, Node, Remote, Result, WeakRemote, remote};
use serde::{Deserialize, Serialize};

/// Counts the bytes that are allocated.
struct Counting;

static HEAP: AtomicI64 = AtomicI64::new(0);

#[allow(unsafe_code)]
// SAFETY: every request is passed on to the system's allocator as it is; only a number is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP.fetch_add(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HEAP.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HEAP.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn heap() -> i64 {
    HEAP.load(Ordering::SeqCst)
}

/// What the heap may have gained.
const HEAP_SLACK: i64 = 64 << 10;

/// How long anything here may take to settle.
const PATIENCE: Duration = Duration::from_secs(30);

static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[remote]
pub trait Item {
    async fn id(&self) -> Result<u64>;
    async fn hold(&self, other: Remote<dyn Item>) -> Result<()>;
    async fn hold_weak(&self, other: WeakRemote<dyn Item>) -> Result<()>;
}

/// References nested in everything a message can be made of.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Nest {
    list: Vec<Option<Remote<dyn Item>>>,
    map: BTreeMap<u32, Vec<Remote<dyn Item>>>,
    pair: Option<(Remote<dyn Item>, Box<Self>)>,
}

#[remote]
pub trait Store {
    /// Makes objects over there.
    async fn make(&self, count: u32) -> Result<Nest>;
    /// Gives back what it gets.
    async fn back(&self, nest: Nest) -> Result<Nest>;
    /// Keeps clones until `forget`, and calls one.
    async fn keep(&self, slot: u64, nest: Nest) -> Result<u64>;
    async fn forget(&self, slot: u64) -> Result<u64>;
    /// How many of them are alive.
    async fn alive(&self, weak: Vec<WeakRemote<dyn Item>>) -> Result<u64>;
    /// Passes them on so many hops; how many of them are objects of the last one's own process half.
    async fn pass_on(&self, nest: Nest, hops: u32) -> Result<u64>;
    async fn take(&self, item: Remote<dyn Item>) -> Result<()>;
    async fn echo(&self, data: Vec<u8>) -> Result<Vec<u8>>;
}

/// Objects made and objects dropped.
#[derive(Default)]
struct Census {
    made: AtomicU64,
    dropped: AtomicU64,
}

struct Thing {
    census: Arc<Census>,
    id: u64,
    held: Mutex<Vec<Remote<dyn Item>>>,
    held_weak: Mutex<Vec<WeakRemote<dyn Item>>>,
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.census.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Item for Thing {
    async fn id(&self) -> Result<u64> {
        Ok(self.id)
    }
    async fn hold(&self, other: Remote<dyn Item>) -> Result<()> {
        self.held.lock().unwrap().push(other);
        Ok(())
    }
    async fn hold_weak(&self, other: WeakRemote<dyn Item>) -> Result<()> {
        self.held_weak.lock().unwrap().push(other);
        Ok(())
    }
}

impl Census {
    fn thing(self: &Arc<Self>) -> Remote<dyn Item> {
        let id = self.made.fetch_add(1, Ordering::SeqCst);
        Remote::new(Thing { census: Arc::clone(self), id, held: Mutex::default(), held_weak: Mutex::default() })
    }

    fn nest(self: &Arc<Self>, count: u32) -> Nest {
        let mut nest = Nest::default();
        for number in 0..count {
            match number % 3 {
                0 => nest.list.extend([Some(self.thing()), None]),
                1 => nest.map.entry(number % 7).or_default().push(self.thing()),
                _ => {
                    let inner = nest.pair.take().map_or_else(Box::default, |(former, inner)| {
                        let mut inner = inner;
                        inner.list.push(Some(former));
                        inner
                    });
                    nest.pair = Some((self.thing(), inner));
                }
            }
        }
        nest
    }

    fn alive(&self) -> u64 {
        self.made.load(Ordering::SeqCst) - self.dropped.load(Ordering::SeqCst)
    }
}

impl Nest {
    fn all(&self) -> Vec<&Remote<dyn Item>> {
        let mut all: Vec<_> = self.list.iter().flatten().chain(self.map.values().flatten()).collect();
        if let Some((first, inner)) = &self.pair {
            all.push(first);
            all.extend(inner.all());
        }
        all
    }
}

struct Shelf {
    census: Arc<Census>,
    kept: Mutex<HashMap<u64, Vec<Nest>>>,
    next: Mutex<Option<Remote<dyn Store>>>,
    taken: Mutex<Vec<Remote<dyn Item>>>,
}

impl Shelf {
    fn new(census: &Arc<Census>) -> Arc<Self> {
        Arc::new(Self { census: Arc::clone(census), kept: Mutex::default(), next: Mutex::default(), taken: Mutex::default() })
    }
}

/// What is published: the shelf itself stays in the test's hands.
struct Published(Arc<Shelf>);

impl Store for Published {
    async fn make(&self, count: u32) -> Result<Nest> {
        Ok(self.0.census.nest(count))
    }
    async fn back(&self, nest: Nest) -> Result<Nest> {
        Ok(nest)
    }
    async fn keep(&self, slot: u64, nest: Nest) -> Result<u64> {
        let id = match nest.all().first() {
            Some(first) => first.id().await?,
            None => 0,
        };
        let clones = vec![nest.clone(), nest.clone(), nest];
        self.0.kept.lock().unwrap().insert(slot, clones);
        Ok(id)
    }
    async fn forget(&self, slot: u64) -> Result<u64> {
        let former = self.0.kept.lock().unwrap().remove(&slot);
        Ok(former.map_or(0, |former| former.len() as u64))
    }
    async fn alive(&self, weak: Vec<WeakRemote<dyn Item>>) -> Result<u64> {
        let mut alive = 0;
        for weak in weak {
            alive += u64::from(weak.upgrade().await?.is_some());
        }
        Ok(alive)
    }
    async fn pass_on(&self, nest: Nest, hops: u32) -> Result<u64> {
        let next = self.0.next.lock().unwrap().clone();
        match next {
            Some(next) if hops > 0 => next.pass_on(nest, hops - 1).await,
            _ => Ok(nest.all().into_iter().filter(|item| Remote::is_local(item)).count() as u64),
        }
    }
    async fn take(&self, item: Remote<dyn Item>) -> Result<()> {
        self.0.taken.lock().unwrap().push(item);
        Ok(())
    }
    async fn echo(&self, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(data)
    }
}

/// Three nodes with a store each. `a` calls `b`, `b` calls `c`, `c` calls `a`.
struct Three {
    census: Arc<Census>,
    nodes: [Node; 3],
    shelves: [Arc<Shelf>; 3],
}

impl Three {
    async fn start() -> Self {
        let census = Arc::new(Census::default());
        let mut nodes = Vec::new();
        let mut shelves = Vec::new();
        for name in ["a", "b", "c"] {
            let shelf = Shelf::new(&census);
            // One frame refused ends the session: in all this no side may ever break a rule.
            let limits = Limits { refusals: 1, ..Limits::default() };
            let node = Node::builder().name(name).limits(limits).listen("tcp://127.0.0.1:0").start().await.unwrap();
            nodes.push(node);
            shelves.push(shelf);
        }
        let [a, b, c] = <[Node; 3]>::try_from(nodes).unwrap();
        let [x, y, z] = <[Arc<Shelf>; 3]>::try_from(shelves).unwrap_or_else(|_| unreachable!());
        let three = Self { census, nodes: [a, b, c], shelves: [x, y, z] };
        for (node, shelf) in three.nodes.iter().zip(&three.shelves) {
            node.publish("store", Remote::<dyn Store>::new(Published(Arc::clone(shelf)))).unwrap();
        }
        three
    }

    /// The store of node `to`, as node `from` sees it.
    async fn store(&self, from: usize, to: usize) -> Remote<dyn Store> {
        self.nodes[from].connect(&format!("{}/store", self.nodes[to].addresses()[0])).await.unwrap()
    }

    async fn close_ring(&self) {
        for from in 0..3 {
            let next = self.store(from, (from + 1) % 3).await;
            *self.shelves[from].next.lock().unwrap() = Some(next);
        }
    }

    fn open_ring(&self) {
        for shelf in &self.shelves {
            drop(shelf.next.lock().unwrap().take());
        }
    }

    /// Nothing is held or runs anywhere, and every object is gone.
    async fn settled(&self) {
        let start = Instant::now();
        loop {
            let stats: Vec<_> = self.nodes.iter().map(Node::stats).collect();
            let exported = stats[0].exported_objects;
            if stats.iter().all(netref::NodeStats::is_idle) && exported == 0 && self.census.alive() == 0 {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "not settled: {} objects alive, {exported} exported, {stats:#?}", self.census.alive());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// References per message.
const SIZE: u32 = 300;

/// Passes references in every way there is. Gives how many.
async fn round(three: &Three, number: u64) -> u64 {
    let (there, far) = (three.store(0, 1).await, three.store(0, 2).await);
    let census = &three.census;

    let fetched = async {
        let nest = there.make(SIZE).await.unwrap();
        let all = nest.all();
        assert_eq!(all.len(), SIZE as usize);
        assert!(all.iter().all(|item| !Remote::is_local(item)));
        assert!(all[number as usize % all.len()].id().await.is_ok());
        // Home to the node that made them, and back here.
        let again = there.back(nest.clone()).await.unwrap();
        assert_eq!(Remote::key(again.all()[1]), Remote::key(nest.all()[1]));
        u64::from(SIZE) * 3
    };
    let home = async {
        let nest = census.nest(SIZE);
        let again = there.back(nest.clone()).await.unwrap();
        for (sent, back) in nest.all().into_iter().zip(again.all()) {
            assert!(Remote::is_local(back), "a reference that comes home is the object itself");
            assert_eq!(Remote::key(sent), Remote::key(back));
        }
        u64::from(SIZE) * 2
    };
    let in_flight = async {
        // Given up while the reply is under way, or before, or just after.
        for turns in 0..8 {
            let call = there.make(SIZE / 4).send();
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            drop(call);
            let call = there.back(census.nest(SIZE / 4)).send();
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            drop(call);
            // Never sent at all.
            drop(there.back(census.nest(2)));
        }
        u64::from(SIZE / 4) * 3 * 8
    };
    let cloned = async {
        let nest = census.nest(SIZE);
        let first = nest.all()[0].id().await.unwrap();
        assert_eq!(there.keep(number, nest.clone()).await.unwrap(), first);
        // A second time while the first is held, and the holder clones again.
        assert_eq!(there.keep(number, nest).await.unwrap(), first);
        assert_eq!(there.forget(number).await.unwrap(), 3);
        u64::from(SIZE) * 2
    };
    let weak = async {
        let nest = census.nest(20);
        let weak: Vec<_> = nest.all().into_iter().map(Remote::downgrade).collect();
        assert_eq!(there.alive(weak.clone()).await.unwrap(), 20);
        drop(nest);
        assert_eq!(there.alive(weak).await.unwrap(), 0, "weak references hold nothing");
        60
    };
    let passed_on = async {
        let nest = census.nest(SIZE);
        // A, B, C, A: the last hop names the objects by their identity.
        assert_eq!(there.pass_on(nest.clone(), 2).await.unwrap(), u64::from(SIZE), "each is the original object again");
        // C keeps what it got by way of B, and calls it.
        assert_eq!(there.pass_on(nest.clone(), 1).await.unwrap(), 0);
        far.keep(number, nest).await.unwrap();
        assert_eq!(far.forget(number).await.unwrap(), 3);
        u64::from(SIZE) * 6
    };
    let (fetched, home, in_flight, cloned, weak, passed_on) = tokio::join!(fetched, home, in_flight, cloned, weak, passed_on);
    fetched + home + in_flight + cloned + weak + passed_on
}

async fn rounds(three: &Three, at_least: u64) -> u64 {
    three.close_ring().await;
    let (mut passed, mut number) = (0, 0);
    while passed < at_least {
        // Two at a time, so that messages of different rounds cross.
        let (one, two) = tokio::join!(round(three, number), round(three, number + 1));
        passed += one + two;
        number += 2;
    }
    three.open_ring();
    three.settled().await;
    passed
}

/// Gives every session the largest read buffers it can have.
async fn widen(three: &Three) {
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let store = three.store(from, to).await;
        for _ in 0..4 {
            assert!(store.echo(vec![1; 2 << 20]).await.is_ok());
        }
    }
    three.settled().await;
}

/// Passes references until all buffers have the size that the traffic gives them. Gives the level of the heap.
async fn warm_up(three: &Three) -> i64 {
    let mut levels = Vec::new();
    widen(three).await;
    loop {
        rounds(three, 50_000).await;
        levels.push(heap());
        if let [.., first, second, third, fourth] = levels[..]
            && (levels.len() >= 20 || (second - first).max(third - second).max(fourth - third) <= 4 << 10)
        {
            return fourth;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn million_references_leave_nothing_behind() {
    let _turn = TURN.lock().await;
    let three = Three::start().await;
    let mut level = warm_up(&three).await;
    // A buffer between here and the sockets may still grow a step during a million, once; what leaks grows with each million.
    let mut gained = Vec::new();
    loop {
        let start = Instant::now();
        let passed = rounds(&three, 1_000_000).await;
        let before = std::mem::replace(&mut level, heap());
        gained.push(level - before);
        println!("{passed} references in {:?}; the heap went from {before} to {level} bytes", start.elapsed());
        if level - before <= HEAP_SLACK {
            break;
        }
        assert!(gained.len() < 4, "with each million the heap gained so many bytes: {gained:?}");
    }
    assert_eq!(three.census.made.load(Ordering::SeqCst), three.census.dropped.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_held_many_objects_give_their_memory_back() {
    let _turn = TURN.lock().await;
    let three = Three::start().await;
    let hold = async |messages: u32| {
        let there = three.store(0, 1).await;
        let mut nests = Vec::new();
        for _ in 0..messages {
            nests.push(there.make(1_000).await.unwrap());
        }
        let imports: usize = three.nodes[0].stats().tables.iter().map(|tables| tables.imports).sum();
        assert_eq!(imports, 1_000 * messages as usize + 1);
        drop((nests, there));
        three.settled().await;
    };
    widen(&three).await;
    for _ in 0..20 {
        hold(2).await;
    }
    let before = heap();
    hold(100).await;
    let after = heap();
    println!("the heap went from {before} to {after} bytes");
    // The smallest of the tables takes four bytes an object, and 400 KB in all: one that stayed would show.
    assert!(after - before <= 4 * HEAP_SLACK, "{} bytes more than before", after - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_held_is_dropped_when_it_ends() {
    let _turn = TURN.lock().await;
    let three = Three::start().await;
    let there = three.store(0, 1).await;
    let theirs = there.make(100).await.unwrap();
    let mine = three.census.nest(100);
    there.keep(1, mine.clone()).await.unwrap();
    drop(mine);
    assert_eq!(three.census.alive(), 200);
    three.nodes[0].sessions()[0].close();
    // What is left over there are references that reach nothing; they may be dropped at any time.
    let start = Instant::now();
    while three.census.alive() > 0 {
        assert!(start.elapsed() < PATIENCE, "{} objects outlive the session", three.census.alive());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let error = theirs.all()[0].id().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (netref::ErrorKind::Disconnected, netref::Outcome::NotRun));
    three.shelves[1].kept.lock().unwrap().clear();
    drop((theirs, there));
    three.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cycle_across_a_session_lives_until_a_weak_reference_breaks_it_or_the_session_ends() {
    let _turn = TURN.lock().await;
    let three = Three::start().await;
    let there = three.store(0, 1).await;

    // One of the two holds is weak: the pair goes as soon as nobody else holds it.
    let (theirs, mine) = (there.make(1).await.unwrap(), three.census.thing());
    mine.hold(theirs.all()[0].clone()).await.unwrap();
    theirs.all()[0].hold_weak(Remote::downgrade(&mine)).await.unwrap();
    drop((theirs, mine, there));
    three.settled().await;

    // Both are strong: the pair lives on, visible in the tables, until the session ends.
    let there = three.store(0, 1).await;
    let (theirs, mine) = (there.make(1).await.unwrap(), three.census.thing());
    mine.hold(theirs.all()[0].clone()).await.unwrap();
    theirs.all()[0].hold(mine.clone()).await.unwrap();
    drop((theirs, mine));
    assert!(there.make(0).await.is_ok());
    assert_eq!(three.census.alive(), 2);
    drop(there);
    three.nodes[0].sessions()[0].close();
    three.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_are_dropped_on_threads_without_a_runtime() {
    let _turn = TURN.lock().await;
    let three = Three::start().await;
    let there = three.store(0, 1).await;
    let nests = [there.make(500).await.unwrap(), there.make(500).await.unwrap()];
    let threads = nests.map(|nest| std::thread::spawn(move || drop(nest)));
    drop(there);
    for thread in threads {
        thread.join().unwrap();
    }
    three.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_object_sent_over_and_over_while_releases_cross_is_dropped_once() {
    let _turn = TURN.lock().await;
    let three = Three::start().await;
    let there = three.store(0, 1).await;
    let item = three.census.thing();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (there, item) = (there.clone(), item.clone());
        tasks.push(tokio::spawn(async move {
            for _ in 0..500 {
                // Each one is taken and let go over there at once, so that releases cross the next ones.
                let nest = Nest { list: vec![Some(item.clone()), Some(item.clone())], ..Nest::default() };
                assert!(there.pass_on(nest, 0).await.is_ok());
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(three.census.alive(), 1);
    there.take(item.clone()).await.unwrap();
    drop(item);
    assert_eq!(three.census.alive(), 1, "the other node holds it");
    let theirs = std::mem::take(&mut *three.shelves[1].taken.lock().unwrap());
    assert!(theirs[0].id().await.is_ok());
    drop((theirs, there));
    three.settled().await;
    assert_eq!(three.census.made.load(Ordering::SeqCst), 1);
}
