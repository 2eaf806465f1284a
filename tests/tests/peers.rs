//! Peers that are killed or stopped. A child process (this test binary again, see `child`) holds objects of the test's and has calls in
//! flight both ways; then it dies at once, or falls silent with its socket open. What it held is dropped within the time that keep-alive
//! gives, and when it wakes up it finds its session closed.

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use netref::stream::{self, Receiver, Sender};
use netref::{Error, ErrorKind, Node, NodeStats, Outcome, Remote, Result, remote};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The time after which a silent peer is dead. Short for the test, and long enough for a machine that is busy with other tests.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(2));

/// How long anything here may take: much longer than keep-alive, much shorter than an operating system's idea of a dead link.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the child where to call, and how it looks after silence.
const URL: &str = "NETREF_TEST_PEERS_URL";
const SILENCE: &str = "NETREF_TEST_PEERS_KEEP_ALIVE";

/// Before each line of the child's, to tell it from what the test harness prints.
const MARK: &str = "child: ";

const OBJECTS: u64 = 100;

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

#[remote]
pub trait Item {
    async fn id(&self) -> Result<u64>;
}

#[remote]
pub trait Keeper {
    async fn make(&self, count: u64) -> Result<Vec<Remote<dyn Item>>>;
    /// Leaves an object of the caller's here.
    async fn leave(&self, item: Remote<dyn Ear>) -> Result<()>;
    /// Leaves a stream each way, of which the other halves stay at the caller.
    async fn leave_streams(&self, from: Receiver<u64>, to: Sender<u64>) -> Result<()>;
    async fn hang(&self) -> Result<u64>;
}

#[remote]
pub trait Ear {
    async fn hang(&self) -> Result<u64>;
}

#[derive(Default)]
struct Census {
    made: AtomicU64,
    dropped: AtomicU64,
    hanging: AtomicU64,
    hung: AtomicU64,
    ears: Mutex<Vec<Remote<dyn Ear>>>,
    streams: Mutex<Vec<(Receiver<u64>, Sender<u64>)>>,
}

struct Thing(Arc<Census>, u64);

impl Drop for Thing {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Item for Thing {
    async fn id(&self) -> Result<u64> {
        Ok(self.1)
    }
}

struct Hanging<'a>(&'a Census);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.hanging.fetch_sub(1, Ordering::SeqCst);
    }
}

struct MyKeeper(Arc<Census>);

impl Keeper for MyKeeper {
    async fn make(&self, count: u64) -> Result<Vec<Remote<dyn Item>>> {
        Ok((0..count).map(|_| Remote::new(Thing(Arc::clone(&self.0), self.0.made.fetch_add(1, Ordering::SeqCst)))).collect())
    }
    async fn leave(&self, ear: Remote<dyn Ear>) -> Result<()> {
        self.0.ears.lock().unwrap().push(ear);
        Ok(())
    }
    async fn leave_streams(&self, from: Receiver<u64>, to: Sender<u64>) -> Result<()> {
        self.0.streams.lock().unwrap().push((from, to));
        Ok(())
    }
    async fn hang(&self) -> Result<u64> {
        self.0.hanging.fetch_add(1, Ordering::SeqCst);
        self.0.hung.fetch_add(1, Ordering::SeqCst);
        let _hanging = Hanging(&self.0);
        std::future::pending().await
    }
}

/// The child process. It is killed and reaped when this is dropped, whatever state it is in, so that no test leaves one behind.
struct Child {
    process: std::process::Child,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Child {
    fn start(url: &str, keep_alive: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env(URL, url).env(SILENCE, keep_alive.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        // A group of its own: should the test itself be killed while the child is stopped, the kernel wakes and hangs up an orphaned
        // group. A child that is not stopped ends with its standard input.
        let mut process = command.process_group(0).spawn().unwrap();
        let output = process.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                // The harness does not end its own line before the test prints.
                if let Some((_, said)) = line.split_once(MARK) {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        Self { process, lines, said: Vec::new() }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Waits until the child has said this. Its tasks speak in any order.
    async fn says(&mut self, expected: &str) {
        let start = Instant::now();
        loop {
            self.said.extend(self.lines.try_iter());
            if let Some(place) = self.said.iter().position(|said| said == expected) {
                self.said.remove(place);
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the child has not said `{expected}`, only {:?}", self.said);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Lets the child end by itself.
    async fn ends(mut self) {
        drop(self.process.stdin.take());
        let mut status = None;
        until("the child ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        })
        .await;
        assert!(status.unwrap().success(), "{status:?}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The test's own side: a node with a keeper, and a child that holds a hundred objects and hangs in calls both ways.
struct Setting {
    census: Arc<Census>,
    node: Node,
    child: Child,
    /// A call into the child that hangs.
    call: netref::Call<u64, Error>,
    ear: Remote<dyn Ear>,
}

impl Setting {
    async fn start(child_keeps_alive: bool) -> Self {
        let census = Arc::new(Census::default());
        let keeper = Remote::<dyn Keeper>::new(MyKeeper(Arc::clone(&census)));
        let node = Node::builder().keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1).listen("tcp://127.0.0.1:0").publish("keeper", keeper);
        let node = node.start().await.unwrap();
        let mut child = Child::start(&format!("{}/keeper", node.addresses()[0]), child_keeps_alive);
        child.says(&format!("holds {OBJECTS} objects")).await;
        until("the child's call hangs", || census.hanging.load(Ordering::SeqCst) == 1).await;
        let ear = census.ears.lock().unwrap().pop().expect("the child left an object");
        let call = ear.hang().send();
        child.says("hangs in a call").await;
        assert_eq!((census.made.load(Ordering::SeqCst), census.dropped.load(Ordering::SeqCst)), (OBJECTS, 0));
        Self { census, node, child, call, ear }
    }

    /// Nothing of the child's is left here.
    async fn let_go(self) -> (Node, Child, Arc<Census>) {
        let Self { census, node, child, call, ear } = self;
        let error = bounded(call).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::MayHaveRun), "{error}");
        let error = bounded(ear.hang()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::NotRun), "{error}");
        assert!(!Remote::is_connected(&ear));
        assert_eq!(bounded(Remote::closed(&ear)).await.kind(), ErrorKind::Disconnected);
        // What had arrived is read first.
        let (mut from, mut to) = census.streams.lock().unwrap().pop().expect("the child left streams");
        assert_eq!(bounded(from.recv()).await, Some(Ok(7)));
        assert_eq!(bounded(from.recv()).await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(bounded(to.closed()).await.kind(), ErrorKind::Disconnected);
        assert_eq!(bounded(to.send(1)).await.unwrap_err().kind(), ErrorKind::Disconnected);
        until("what it held is dropped", || census.dropped.load(Ordering::SeqCst) == OBJECTS).await;
        until("the handler of its call is dropped", || census.hanging.load(Ordering::SeqCst) == 0).await;
        assert_eq!(census.hung.load(Ordering::SeqCst), 1);
        drop(ear);
        assert_eq!(node.stats().sessions, 0);
        assert_eq!(node.stats().published, 1);
        (node, child, census)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_held_is_dropped() {
    let setting = Setting::start(true).await;
    setting.child.signal(Signal::SIGKILL);
    let (node, child, _) = setting.let_go().await;
    drop(child);
    assert!(NodeStats::is_idle(&node.stats()));
}

/// The child's own keep-alive tells it on waking that it was gone for too long, or the closed socket does: both have to work.
async fn stopped_and_continued(child_keeps_alive: bool) {
    let setting = Setting::start(child_keeps_alive).await;
    setting.child.signal(Signal::SIGSTOP);
    let (node, mut child, census) = setting.let_go().await;

    child.signal(Signal::SIGCONT);
    child.says("its reference is closed: Disconnected").await;
    child.says("its call that was in flight: Disconnected MayHaveRun").await;
    child.says("a call on what it held: Disconnected NotRun").await;
    child.says("is connected: false").await;
    child.says("the test's call into it is dropped").await;
    // It may come again, as if for the first time.
    child.says("comes again: a new object, and calls it").await;
    assert_eq!(census.made.load(Ordering::SeqCst), OBJECTS + 1);
    child.ends().await;
    until("what it held the second time is dropped", || census.dropped.load(Ordering::SeqCst) == OBJECTS + 1).await;
    until("its second session is over", || node.stats().sessions == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stopped_process_held_is_dropped_and_on_waking_it_finds_its_session_closed() {
    stopped_and_continued(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_process_without_keep_alive_of_its_own_finds_its_session_closed_too() {
    stopped_and_continued(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_is_stopped_for_less_than_the_keep_alive_time_goes_on_as_before() {
    let census = Arc::new(Census::default());
    let keeper = Remote::<dyn Keeper>::new(MyKeeper(Arc::clone(&census)));
    // Long enough that no machine is slower.
    let node = Node::builder().keep_alive(KEEP_ALIVE.0, Duration::from_secs(600)).listen("tcp://127.0.0.1:0").publish("keeper", keeper);
    let node = node.start().await.unwrap();
    let mut child = Child::start(&format!("{}/keeper", node.addresses()[0]), false);
    child.says(&format!("holds {OBJECTS} objects")).await;
    until("the child left an object", || !census.ears.lock().unwrap().is_empty()).await;
    let ear = census.ears.lock().unwrap().pop().unwrap();
    child.signal(Signal::SIGSTOP);
    let call = ear.hang().send();
    tokio::time::sleep(KEEP_ALIVE.0 * 3).await;
    child.signal(Signal::SIGCONT);
    child.says("hangs in a call").await;
    assert_eq!(census.dropped.load(Ordering::SeqCst), 0);
    drop((call, ear));
    child.says("the test's call into it is dropped").await;
    child.ends().await;
    until("what it held is dropped with it", || census.dropped.load(Ordering::SeqCst) == OBJECTS).await;
}

// What follows runs in the child.

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{MARK}{line}").unwrap();
    output.flush().unwrap();
}

struct MyEar;

struct SayOnDrop;

impl Drop for SayOnDrop {
    fn drop(&mut self) {
        say("the test's call into it is dropped");
    }
}

impl Ear for MyEar {
    async fn hang(&self) -> Result<u64> {
        let _drop = SayOnDrop;
        say("hangs in a call");
        std::future::pending().await
    }
}

/// Not a test of its own: what the child does. Without the variable in its environment it does nothing.
#[test]
fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    // The test holds the other end; when it is gone, however it went, so is the child.
    std::thread::spawn(|| {
        let _ = std::io::stdin().lines().count();
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(&url, std::env::var(SILENCE).is_ok_and(|value| value == "true")));
}

async fn live(url: &str, keep_alive: bool) {
    let builder = Node::builder().name("child");
    let builder = if keep_alive { builder.keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1) } else { builder.no_keep_alive() };
    let node = builder.start().await.unwrap();
    let keeper: Remote<dyn Keeper> = node.connect(url).await.unwrap();
    let items = keeper.make(OBJECTS).await.unwrap();
    let ((mut to, from_here), (to_here, mut from)) = (stream::channel(4), stream::channel(4));
    keeper.leave_streams(from_here, to_here).await.unwrap();
    to.send(7).await.unwrap();
    keeper.leave(Remote::new(MyEar)).await.unwrap();
    say(&format!("holds {} objects", items.len()));
    let call = keeper.hang().send();
    // In the test that does not end the session, nothing after this happens.
    let closed = Remote::closed(&items[0]).await;
    say(&format!("its reference is closed: {:?}", closed.kind()));
    let error = call.await.unwrap_err();
    say(&format!("its call that was in flight: {:?} {:?}", error.kind(), error.outcome()));
    let mut errors = Vec::new();
    for item in &items {
        let error = item.id().await.unwrap_err();
        errors.push((error.kind(), error.outcome()));
    }
    errors.dedup();
    assert_eq!(errors.len(), 1, "each call on what it held fails alike: {errors:?}");
    say(&format!("a call on what it held: {:?} {:?}", errors[0].0, errors[0].1));
    let ends = (to.send(8).await.unwrap_err().kind(), from.recv().await.map(|number| number.unwrap_err().kind()));
    assert_eq!(ends, (ErrorKind::Disconnected, Some(ErrorKind::Disconnected)));
    say(&format!("is connected: {}", items.iter().any(Remote::is_connected)));
    let keeper: Remote<dyn Keeper> = node.connect(url).await.unwrap();
    let again = keeper.make(1).await.unwrap();
    let id = again[0].id().await.unwrap();
    assert_eq!(id, OBJECTS);
    say("comes again: a new object, and calls it");
    std::future::pending::<()>().await;
}
