//! Handlers that block (law 6): a thread that is blocked stops no other session, and calls on one object start in their order wherever they run.

use super::*;

/// Two moments that threads can wait for.
#[derive(Debug, Default)]
struct Flag {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Flag {
    fn raise(&self) {
        *self.set.lock().expect("not poisoned") = true;
        self.changed.notify_all();
    }

    /// Blocks this thread. False when nobody raised it in time.
    fn wait(&self) -> bool {
        let set = self.set.lock().expect("not poisoned");
        let (set, _) = self.changed.wait_timeout_while(set, Duration::from_secs(20), |set| !*set).expect("not poisoned");
        *set
    }
}

#[remote]
pub trait Blocker {
    /// Blocks the thread it is polled on.
    async fn block(&self) -> Result<bool>;
    #[remote(blocking)]
    async fn block_elsewhere(&self) -> Result<bool>;
    /// Two of these have to be in it at a time.
    #[remote(blocking)]
    async fn meet(&self) -> Result<bool>;
    async fn raise(&self) -> Result<()>;
    #[remote(spawn)]
    async fn note(&self, number: u64) -> Result<u64>;
    async fn note_at_once(&self, number: u64) -> Result<u64>;
    #[remote(blocking)]
    async fn write(&mut self, number: u64) -> Result<u64>;
    #[remote(spawn)]
    async fn write_later(&mut self, number: u64) -> Result<u64>;
    async fn noted(&self) -> Result<Vec<u64>>;
    #[remote(blocking)]
    async fn wait_in_a_thread(&self) -> Result<()>;
    async fn nothing(&self, number: u64) -> Result<u64>;
}

#[derive(Clone)]
struct Stone {
    entered: Arc<Flag>,
    flag: Arc<Flag>,
    meeting: Arc<Barrier>,
    notes: Arc<Mutex<Vec<u64>>>,
    over: Arc<AtomicU64>,
}

impl Stone {
    fn new() -> Self {
        Self {
            entered: Arc::default(),
            flag: Arc::default(),
            meeting: Arc::new(Barrier::new(2)),
            notes: Arc::default(),
            over: Arc::default(),
        }
    }

    fn push(&self, number: u64) -> u64 {
        self.notes.lock().expect("not poisoned").push(number);
        number
    }
}

struct CountsWhenDropped(Arc<AtomicU64>);
impl Drop for CountsWhenDropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Blocker for Stone {
    async fn block(&self) -> Result<bool> {
        self.entered.raise();
        Ok(self.flag.wait())
    }
    async fn block_elsewhere(&self) -> Result<bool> {
        self.entered.raise();
        Ok(self.flag.wait())
    }
    async fn meet(&self) -> Result<bool> {
        Ok(self.meeting.wait().is_leader())
    }
    async fn raise(&self) -> Result<()> {
        self.flag.raise();
        Ok(())
    }
    async fn note(&self, number: u64) -> Result<u64> {
        Ok(self.push(number))
    }
    async fn note_at_once(&self, number: u64) -> Result<u64> {
        Ok(self.push(number))
    }
    async fn write(&mut self, number: u64) -> Result<u64> {
        Ok(self.push(number))
    }
    async fn write_later(&mut self, number: u64) -> Result<u64> {
        Ok(self.push(number))
    }
    async fn noted(&self) -> Result<Vec<u64>> {
        Ok(self.notes.lock().expect("not poisoned").clone())
    }
    async fn wait_in_a_thread(&self) -> Result<()> {
        let _over = CountsWhenDropped(Arc::clone(&self.over));
        self.entered.raise();
        std::future::pending().await
    }
    async fn nothing(&self, number: u64) -> Result<u64> {
        Ok(number)
    }
}

async fn stones() -> (Node, Node, Node, Stone) {
    quiet();
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    let one = Node::builder().start().await.expect("a node starts");
    let other = Node::builder().start().await.expect("a node starts");
    let stone = Stone::new();
    host.publish("stone", Remote::<dyn Blocker>::new(stone.clone())).expect("a name");
    (host, one, other, stone)
}

async fn blocker(node: &Node, host: &Node) -> Remote<dyn Blocker> {
    node.connect(&format!("{}/stone", host.addresses()[0])).await.expect("a session")
}

/// The host has a runtime of its own, as a server has: nothing but its sockets wakes it.
#[test]
fn handler_that_blocks_its_thread_stops_no_other_session() {
    quiet();
    let runtime = |threads| tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime");
    let (there, here) = (runtime(4), runtime(2));
    let stone = Stone::new();
    let host = there.block_on(async {
        let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
        host.publish("stone", Remote::<dyn Blocker>::new(stone.clone())).expect("a name");
        host
    });
    here.block_on(async {
        let one = Node::builder().start().await.expect("a node starts");
        let other = Node::builder().start().await.expect("a node starts");
        let blocked = blocker(&one, &host).await;
        let free = blocker(&other, &host).await;
        // The host comes to rest.
        tokio::time::sleep(Duration::from_millis(100)).await;
        within("calls beside one that blocks", async {
            let call = blocked.block().send();
            let entered = Arc::clone(&stone.entered);
            assert!(tokio::task::spawn_blocking(move || entered.wait()).await.expect("a thread"));
            for number in 0..200 {
                assert_eq!(free.nothing(number).await.expect("the other session is served"), number);
            }
            // Only a call of the other session ends the one that blocks.
            free.raise().await.expect("served");
            assert!(call.await.expect("it ends"), "the other session was served while it was blocked");
        })
        .await;
    });
    drop(host);
}

#[tokio::test]
async fn blocking_method_stops_neither_its_session_nor_its_object() {
    let (host, one, _other, stone) = stones().await;
    // On a runtime with one thread, so that whatever blocked it would block everything.
    let blocked = blocker(&one, &host).await;
    within("calls beside one that blocks", async {
        let call = blocked.block_elsewhere().send();
        for number in 0..50 {
            assert_eq!(blocked.nothing(number).await.expect("the session is served"), number);
        }
        blocked.raise().await.expect("a method of the same object");
        assert!(call.await.expect("it ends"), "others of the same object ran meanwhile");
        // Two at a time: methods that take `&self` run concurrently, blocking ones too.
        let (left, right) = tokio::join!(blocked.meet(), blocked.meet());
        assert!(left.expect("they meet") != right.expect("they meet"), "one of the two leads");
    })
    .await;
    let near: Remote<dyn Blocker> = Remote::new(stone);
    within("calls on an object of this process", async {
        let (left, right) = tokio::join!(near.meet(), near.meet());
        assert!(left.expect("they meet") != right.expect("they meet"), "one of the two leads");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_on_one_object_start_in_order_wherever_they_run() {
    let (host, one, _other, _stone) = stones().await;
    let stone = blocker(&one, &host).await;
    within("calls in order", async {
        let mut writer = stone.clone();
        let calls: Vec<_> = (0..600)
            .map(|number| match number % 4 {
                0 => stone.note(number),
                1 => stone.note_at_once(number),
                2 => writer.write_later(number),
                _ => writer.write(number),
            })
            .map(netref::Call::send)
            .collect();
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.expect("answered"), number as u64);
        }
        let noted = stone.noted().await.expect("what was noted");
        assert!(noted.is_sorted() && noted.len() == 600, "{noted:?}");
    })
    .await;
}

#[tokio::test]
async fn blocking_method_that_waits_ends_when_its_caller_gives_it_up() {
    let (host, one, _other, stone) = stones().await;
    let far = blocker(&one, &host).await;
    let near: Remote<dyn Blocker> = Remote::new(stone.clone());
    for (turn, remote) in (1..).zip([far, near]) {
        let call = tokio::time::timeout(Duration::from_millis(200), remote.wait_in_a_thread());
        assert!(call.await.is_err(), "it never ends by itself");
        until("its future is dropped", || stone.over.load(Ordering::SeqCst) == turn).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocking_methods_beyond_the_number_of_threads_stop_neither_the_reader_nor_each_other() {
    quiet();
    let host = Node::builder()
        .limits(Limits { calls_in_flight: 64, ..Limits::default() })
        .listen("tcp://127.0.0.1:0")
        .start()
        .await
        .expect("a node starts");
    let one = Node::builder().start().await.expect("a node starts");
    host.publish("stone", Remote::<dyn Blocker>::new(Stone::new())).expect("a name");
    let stone = blocker(&one, &host).await;
    within("many that block", async {
        let calls: Vec<_> = (0..40).map(|_| stone.block_elsewhere().send()).collect();
        assert_eq!(stone.nothing(1).await.expect("the session is served"), 1);
        stone.raise().await.expect("a method of the same object");
        for call in calls {
            assert!(call.await.expect("it ends"));
        }
    })
    .await;
}
