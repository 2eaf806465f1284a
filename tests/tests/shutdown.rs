//! The end (law 4): whatever goes away, and however, every call ends with an outcome that is true, and nothing hangs or panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netref::{Error, ErrorKind, Limits, Node, Outcome, Remote, Result, Scope, remote};
use netref_tests::patience::{PATIENCE, until, within};
use tokio::runtime::{Builder, Runtime};

/// Runs `work` on a thread of its own, so that a hang outside any runtime is a failure as well.
fn bounded<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = sender.send(work());
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => {
            thread.join().expect("the thread ends");
            result
        }
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {what}"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(thread.join().expect_err("it panicked")),
    }
}

#[remote]
pub trait Worker {
    async fn quick(&self, number: u64) -> Result<u64>;
    async fn slow(&self, ms: u64) -> Result<u64>;
    async fn forever(&self) -> Result<u64>;
    #[remote(spawn)]
    async fn forever_elsewhere(&self) -> Result<u64>;
    #[remote(blocking)]
    async fn forever_in_a_thread(&self) -> Result<u64>;
    async fn alone_forever(&mut self) -> Result<u64>;
    async fn large(&self, bytes: u32) -> Result<Vec<u8>>;
    async fn back(&self, other: Remote<dyn Worker>) -> Result<u64>;
    async fn child(&self) -> Result<Remote<dyn Worker>>;
}

#[derive(Clone, Default)]
struct Work {
    started: Arc<AtomicU64>,
    over: Arc<AtomicU64>,
}

/// A handler that is inside, until it is dropped.
struct Inside(Arc<AtomicU64>);
impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Work {
    fn enter(&self) -> Inside {
        self.started.fetch_add(1, Ordering::SeqCst);
        Inside(Arc::clone(&self.over))
    }

    fn started(&self) -> u64 {
        self.started.load(Ordering::SeqCst)
    }

    fn over(&self) -> u64 {
        self.over.load(Ordering::SeqCst)
    }
}

impl Worker for Work {
    async fn quick(&self, number: u64) -> Result<u64> {
        Ok(number)
    }
    async fn slow(&self, ms: u64) -> Result<u64> {
        let _inside = self.enter();
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(ms)
    }
    async fn forever(&self) -> Result<u64> {
        let _inside = self.enter();
        std::future::pending().await
    }
    async fn forever_elsewhere(&self) -> Result<u64> {
        let _inside = self.enter();
        std::future::pending().await
    }
    async fn forever_in_a_thread(&self) -> Result<u64> {
        let _inside = self.enter();
        std::future::pending().await
    }
    async fn alone_forever(&mut self) -> Result<u64> {
        let _inside = self.enter();
        std::future::pending().await
    }
    async fn large(&self, bytes: u32) -> Result<Vec<u8>> {
        let _inside = self.enter();
        Ok(vec![7; bytes as usize])
    }
    async fn back(&self, other: Remote<dyn Worker>) -> Result<u64> {
        let _inside = self.enter();
        other.forever().await
    }
    async fn child(&self) -> Result<Remote<dyn Worker>> {
        Ok(Remote::new(self.clone()))
    }
}

async fn pair() -> (Node, Node, Work, Remote<dyn Worker>) {
    let host = Node::builder().name("host").listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    let caller = Node::builder().name("caller").start().await.expect("a node starts");
    let work = Work::default();
    host.publish("worker", Remote::<dyn Worker>::new(work.clone())).expect("a name");
    let worker = caller.connect(&format!("{}/worker", host.addresses()[0])).await.expect("a session");
    (host, caller, work, worker)
}

fn is(error: &Error, kind: ErrorKind, outcome: Outcome) {
    assert_eq!((error.kind(), error.outcome()), (kind, outcome), "{error:?}");
}

// --- shutdown ---

#[tokio::test]
async fn shutdown_lets_what_runs_finish_and_takes_nothing_new() {
    let (host, _caller, work, worker) = pair().await;
    let running: Vec<_> = (0..20).map(|_| worker.slow(300).send()).collect();
    until("they run", || work.started() == 20).await;
    let closing = host.clone();
    let shutdown = tokio::spawn(async move { closing.shutdown(PATIENCE).await });
    // The first call that is refused shows that the go-away has come.
    let refused = within("a call that is refused", async {
        loop {
            match worker.quick(1).await {
                Ok(number) => assert_eq!(number, 1),
                Err(error) => break error,
            }
        }
    })
    .await;
    is(&refused, ErrorKind::ShuttingDown, Outcome::NotRun);
    for _ in 0..10 {
        let error = within("a later call", worker.slow(1)).await.expect_err("no new calls");
        is(&error, ErrorKind::ShuttingDown, Outcome::NotRun);
    }
    for call in running {
        assert_eq!(within("a call that ran", call).await.expect("it finishes"), 300);
    }
    assert_eq!(within("the shutdown", shutdown).await.expect("a task"), 0, "nothing was cut short");
    assert_eq!(work.started(), 20, "nothing else was started");
    let error = within("the end of the session", Remote::closed(&worker)).await;
    is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
    assert_eq!(error.scope(), Scope::Session);
    assert!(error.text().contains("the node was shut down"), "with the words of the other side: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_that_races_a_shutdown_ends_and_its_outcome_is_true() {
    for _ in 0..10 {
        let (host, _caller, work, worker) = pair().await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let worker = worker.clone();
            tasks.spawn(async move {
                let (mut ran, mut not_run, mut unknown) = (0, 0, 0);
                while not_run + unknown < 5 {
                    match worker.slow(0).await {
                        Ok(_) => ran += 1,
                        Err(error) => match error.outcome() {
                            Outcome::NotRun => not_run += 1,
                            Outcome::MayHaveRun => unknown += 1,
                            other => panic!("{other:?}: {error}"),
                        },
                    }
                }
                (ran, unknown)
            });
        }
        until("some have run", || work.started() > 50).await;
        assert_eq!(within("the shutdown", host.shutdown(PATIENCE)).await, 0);
        let (mut ran, mut unknown) = (0, 0);
        for (one, other) in within("the callers", tasks.join_all()).await {
            ran += one;
            unknown += other;
        }
        let started = work.started();
        assert!((ran..=ran + unknown).contains(&started), "{started} were started, {ran} ran, {unknown} may have");
        assert_eq!(unknown, 0, "a shutdown in order leaves nobody in doubt");
    }
}

#[tokio::test]
async fn calls_that_outlast_the_deadline_of_a_shutdown_may_have_run_and_are_dropped() {
    let (host, caller, work, worker) = pair().await;
    let mut alone = worker.clone();
    let child = worker.child().await.expect("an object");
    let calls = [worker.forever(), worker.forever_elsewhere(), child.forever_in_a_thread(), alone.alone_forever()].map(netref::Call::send);
    until("three run, and one waits for an object that is not free", || work.started() == 3).await;
    assert_eq!(within("the shutdown", host.shutdown(Duration::from_millis(50))).await, 1, "one session was cut short");
    for call in calls {
        let error = within("a call that was cut short", call).await.expect_err("it never ended");
        is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
        assert!(error.text().contains("shut down"), "{error}");
    }
    until("the handlers are dropped", || work.over() == 3).await;
    assert!(!Remote::is_connected(&worker) && !Remote::is_connected(&child));
    until("both sides are empty", || host.stats().sessions == 0 && caller.stats().sessions == 0).await;
    let error = within("a call afterwards", worker.quick(1)).await.expect_err("the session is over");
    is(&error, ErrorKind::Disconnected, Outcome::NotRun);
}

#[tokio::test]
async fn large_results_are_delivered_in_full_before_a_shutdown_ends() {
    let (host, _caller, work, worker) = pair().await;
    let calls: Vec<_> = (0..8).map(|_| worker.large(3 << 20).send()).collect();
    until("they run", || work.started() == 8).await;
    assert_eq!(within("the shutdown", host.shutdown(PATIENCE)).await, 0);
    for call in calls {
        assert_eq!(within("a large result", call).await.expect("delivered").len(), 3 << 20);
    }
}

#[tokio::test]
async fn node_that_shut_down_cannot_be_reached_and_can_be_shut_down_again() {
    let (host, _caller, _work, worker) = pair().await;
    let url = format!("{}/worker", host.addresses()[0]);
    assert_eq!(within("the first", host.shutdown(PATIENCE)).await, 0);
    assert_eq!(within("the second", host.shutdown(PATIENCE)).await, 0);
    let other = Node::builder().start().await.expect("a node starts");
    let error = within("a dial", other.connect::<dyn Worker>(&url)).await.expect_err("nobody listens");
    is(&error, ErrorKind::Unreachable, Outcome::NotRun);
    within("the end of the session", Remote::closed(&worker)).await;
}

#[tokio::test]
async fn links_that_are_in_their_handshake_when_a_node_goes_away_leave_no_session_behind() {
    for drop_it in [false, true] {
        let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
        host.publish("worker", Remote::<dyn Worker>::new(Work::default())).expect("a name");
        let url = format!("{}/worker", host.addresses()[0]);
        let mut dials = tokio::task::JoinSet::new();
        let mut nodes = Vec::new();
        for _ in 0..20 {
            let node = Node::builder().start().await.expect("a node starts");
            nodes.push(node.clone());
            let url = url.clone();
            dials.spawn(async move { node.connect::<dyn Worker>(&url).await.map(|worker| (node, worker)) });
        }
        tokio::task::yield_now().await;
        if drop_it {
            drop(host);
        } else {
            within("the shutdown", host.shutdown(PATIENCE)).await;
        }
        for (_node, worker) in within("the dials", dials.join_all()).await.into_iter().flatten() {
            within("the end of a session", Remote::closed(&worker)).await;
        }
        until("no session is left", || nodes.iter().all(|node| node.stats().sessions == 0)).await;
    }
}

// --- dropping a node ---

#[tokio::test]
async fn dropping_the_callee_s_node_in_the_middle_of_calls_ends_each_with_its_outcome() {
    let (host, _caller, work, worker) = pair().await;
    let child = worker.child().await.expect("an object");
    let calls: Vec<_> = (0..50).flat_map(|_| [worker.forever(), worker.forever_elsewhere()]).map(netref::Call::send).collect();
    let large: Vec<_> = (0..20).map(|_| worker.large(1 << 20).send()).collect();
    until("they run", || work.started() >= 100).await;
    drop(host);
    for call in large {
        match within("a large result", call).await {
            Ok(bytes) => assert_eq!(bytes.len(), 1 << 20),
            Err(error) => is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun),
        }
    }
    for call in calls {
        if let Err(error) = within("a call", call).await {
            is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
        }
    }
    let error = within("the end of the session", Remote::closed(&child)).await;
    is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
    assert!(error.text().contains("the node is gone"), "with the words of the other side: {error}");
    is(&worker.quick(1).await.expect_err("it is over"), ErrorKind::Disconnected, Outcome::NotRun);
    until("the handlers are dropped", || work.started() == work.over()).await;
}

#[tokio::test]
async fn what_a_node_says_last_arrives_behind_a_batch_that_the_link_was_slow_to_take() {
    let (here, there) = tokio::io::duplex(1 << 10);
    let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
    let work = Work::default();
    let host = Node::builder().publish("worker", Remote::<dyn Worker>::new(work.clone())).start().await.expect("a node starts");
    let caller = Node::builder().start().await.expect("a node starts");
    let (session, accepted) = tokio::join!(caller.connect_io(read_here, write_here), host.accept_io(read_there, write_there));
    accepted.expect("a session");
    let worker = session.expect("a session").lookup::<dyn Worker>("worker").await.expect("a worker");
    let large = worker.large(1 << 20).send();
    until("the result waits for the link", || work.over() == 1).await;
    drop(host);
    if let Err(error) = within("the result", large).await {
        is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
    }
    let error = within("the end of the session", Remote::closed(&worker)).await;
    assert!(error.text().contains("the node is gone"), "with the words of the other side: {error}");
}

#[tokio::test]
async fn dropping_the_caller_s_node_in_the_middle_of_calls_drops_their_handlers() {
    let (host, caller, work, worker) = pair().await;
    let child = worker.child().await.expect("an object");
    let mine = Work::default();
    let theirs: Remote<dyn Worker> = Remote::new(mine.clone());
    let calls: Vec<_> = (0..50)
        .flat_map(|_| [worker.forever(), child.forever_in_a_thread(), worker.back(theirs.clone())])
        .map(netref::Call::send)
        .collect();
    until("they run, on both sides", || mine.started() == 50 && work.started() >= 101).await;
    drop(caller);
    for call in calls {
        let error = within("a call", call).await.expect_err("its session is over");
        is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
    }
    until("the handlers are dropped", || work.started() == work.over() && mine.over() == 50).await;
    until("the host holds nothing", || host.stats().sessions == 0).await;
    drop((worker, child, theirs));
}

#[tokio::test]
async fn dropping_both_nodes_and_calls_that_nobody_awaits_does_no_harm() {
    for order in 0..3 {
        let (host, caller, work, worker) = pair().await;
        let calls: Vec<_> = (0..100).map(|number| worker.slow(number).send()).collect();
        until("some run", || work.started() > 10).await;
        match order {
            0 => drop((calls, worker, host, caller)),
            1 => drop((host, calls, caller, worker)),
            _ => drop((caller, host, worker, calls)),
        }
        until("every handler is over", || work.started() == work.over()).await;
    }
}

// --- dropping a runtime ---

fn runtime(threads: usize) -> Runtime {
    match threads {
        0 => Builder::new_current_thread().enable_all().build().expect("a runtime"),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime"),
    }
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Drop,
    Background,
}

fn end(runtime: Runtime, ending: Ending) {
    match ending {
        Ending::Drop => drop(runtime),
        Ending::Background => runtime.shutdown_background(),
    }
}

#[test]
fn dropping_the_runtime_of_both_nodes_in_the_middle_of_calls_neither_hangs_nor_panics() {
    for threads in [0, 2] {
        for ending in [Ending::Drop, Ending::Background] {
            bounded(&format!("{threads} threads, {ending:?}"), move || {
                let runtime = runtime(threads);
                let (host, caller, work, worker, calls) = runtime.block_on(async {
                    let (host, caller, work, worker) = pair().await;
                    let child = worker.child().await.expect("an object");
                    let calls: Vec<_> = (0..100)
                        .flat_map(|_| [worker.forever(), worker.forever_elsewhere(), child.forever()])
                        .map(netref::Call::send)
                        .collect();
                    let large: Vec<_> = (0..50).map(|_| worker.large(1 << 20).send()).collect();
                    let threads: Vec<_> = (0..3).map(|_| child.forever_in_a_thread().send()).collect();
                    until("they run", || work.started() > 100).await;
                    (host, caller, work, worker, (calls, large, threads, child))
                });
                end(runtime, ending);
                // Everything is dropped outside any runtime.
                // In the background it may take a moment.
                while Remote::is_connected(&worker) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                let again = worker.clone();
                drop(calls);
                drop((worker, host, caller));
                let error = again.quick(1).wait().expect_err("its session went with its runtime");
                is(&error, ErrorKind::Disconnected, Outcome::NotRun);
                drop(again);
                if matches!(ending, Ending::Drop) {
                    assert_eq!(work.started(), work.over(), "every handler was dropped");
                }
            });
        }
    }
}

#[test]
fn dropping_the_runtime_of_the_other_side_ends_calls_with_an_outcome() {
    for threads in [0, 2] {
        for ending in [Ending::Drop, Ending::Background] {
            bounded(&format!("{threads} threads, {ending:?}"), move || {
                let there = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
                let (host, work) = there.block_on(async {
                    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
                    let work = Work::default();
                    host.publish("worker", Remote::<dyn Worker>::new(work.clone())).expect("a name");
                    (host, work)
                });
                let url = format!("{}/worker", host.addresses()[0]);
                let here = runtime(threads);
                let (caller, calls, worker) = here.block_on(async {
                    let caller = Node::builder().start().await.expect("a node starts");
                    let worker: Remote<dyn Worker> = caller.connect(&url).await.expect("a session");
                    let calls: Vec<_> = (0..50).map(|_| worker.forever().send()).collect();
                    until("they run", || work.started() == 50).await;
                    (caller, calls, worker)
                });
                end(there, ending);
                here.block_on(async {
                    for call in calls {
                        let error = within("a call", call).await.expect_err("its handler is gone");
                        is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
                    }
                    within("the end of the session", Remote::closed(&worker)).await;
                });
                drop(host);
                drop(here);
                drop((caller, worker));
            });
        }
    }
}

#[test]
fn long_line_of_calls_that_have_not_started_goes_with_its_runtime() {
    for ending in [Ending::Drop, Ending::Background] {
        bounded(&format!("{ending:?}"), move || {
            // More methods that start on tasks of their own than a stack could take if each dropped the next.
            let runtime = runtime(2);
            let limits = Limits { calls_in_flight: 20_000, ..Limits::default() };
            let (nodes, calls) = runtime.block_on(async {
                let host = Node::builder().limits(limits).listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
                let caller = Node::builder().start().await.expect("a node starts");
                host.publish("worker", Remote::<dyn Worker>::new(Work::default())).expect("a name");
                let worker: Remote<dyn Worker> = caller.connect(&format!("{}/worker", host.addresses()[0])).await.expect("a session");
                let calls: Vec<_> = (0..15_000).map(|_| worker.forever_elsewhere().send()).collect();
                until("they arrive", || host.stats().tables.iter().any(|session| session.calls_in > 2_000)).await;
                ((host, caller, worker), calls)
            });
            end(runtime, ending);
            drop((nodes, calls));
        });
    }
}

#[test]
fn reference_from_a_runtime_that_is_gone_does_not_keep_another_from_connecting() {
    bounded("two runtimes, one after the other", || {
        let there = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let host = there.block_on(async {
            let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
            host.publish("worker", Remote::<dyn Worker>::new(Work::default())).expect("a name");
            host
        });
        let url = format!("{}/worker", host.addresses()[0]);
        let mut kept = Vec::new();
        for number in 0..3 {
            // The process's own node outlives each of these runtimes.
            let here = runtime(0);
            let worker: Remote<dyn Worker> = here.block_on(netref::connect(&url)).expect("a session");
            assert_eq!(here.block_on(worker.quick(number)).expect("answered"), number);
            kept.push(worker);
        }
        assert!(kept.iter().all(|worker| !Remote::is_connected(worker)));
    });
}

// --- waiting without a runtime ---

#[tokio::test]
async fn wait_inside_a_runtime_is_misuse_and_not_a_hang() {
    let (_host, _caller, work, worker) = pair().await;
    let near: Remote<dyn Worker> = Remote::new(work.clone());
    for remote in [&worker, &near] {
        let error = remote.slow(0).wait().expect_err("it would block the runtime");
        is(&error, ErrorKind::Misuse, Outcome::NotRun);
        let there = remote.slow(0);
        let error = tokio::task::spawn_blocking(move || there.wait()).await.expect("a thread").expect_err("inside all the same");
        is(&error, ErrorKind::Misuse, Outcome::NotRun);
    }
    assert_eq!(work.started(), 0);
}

#[test]
fn wait_outside_any_runtime_drives_the_call() {
    bounded("wait", || {
        let runtime = runtime(1);
        let (host, caller, _work, worker) = runtime.block_on(pair());
        assert_eq!(worker.quick(5).wait().expect("answered"), 5);
        assert_eq!(worker.slow(5).timeout(PATIENCE).wait().expect("answered"), 5);
        let error = worker.forever().timeout(Duration::from_millis(20)).wait().expect_err("too late");
        is(&error, ErrorKind::Deadline, Outcome::MayHaveRun);
        let near: Remote<dyn Worker> = Remote::new(Work::default());
        assert_eq!(near.slow(5).wait().expect("answered"), 5);
        drop((host, caller));
    });
}

// --- closed ---

#[tokio::test]
async fn closed_resolves_for_everyone_who_waits_and_for_those_who_come_later() {
    let (host, _caller, _work, worker) = pair().await;
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let worker = worker.clone();
            tokio::spawn(async move { Remote::closed(&worker).await })
        })
        .collect();
    tokio::task::yield_now().await;
    host.sessions()[0].close();
    for task in waiting {
        let error = within("one who waited", task).await.expect("a task");
        is(&error, ErrorKind::Disconnected, Outcome::MayHaveRun);
    }
    within("one who comes later", Remote::closed(&worker)).await;
    let near: Remote<dyn Worker> = Remote::new(Work::default());
    let never = tokio::time::timeout(Duration::from_millis(20), Remote::closed(&near)).await;
    assert!(never.is_err(), "an object of this process cannot be cut off");
}
