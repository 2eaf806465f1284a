//! The blocking API: programs without async host, connect, call and end, and inside a runtime nothing hangs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{ErrorKind, Outcome, Remote, Result, blocking, remote};

const LONG: Duration = Duration::from_secs(30);

/// After this long a test that hangs has failed.
fn bounded(name: &str, body: impl FnOnce() + Send + 'static) {
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        body();
        let _ = done.send(());
    });
    let thread = thread.expect("a thread");
    match is_done.recv_timeout(Duration::from_secs(60)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("{name} hangs"),
        _ => thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)),
    }
}

fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[remote]
trait Desk {
    async fn add(&mut self, amount: u64) -> Result<u64>;
    async fn ask(&self, other: Remote<dyn Desk>) -> Result<u64>;
    async fn total(&self) -> Result<u64>;
    async fn nap(&self, time: Duration) -> Result<()>;
    #[remote(blocking)]
    async fn block(&self, time: Duration) -> Result<()>;
    /// Waits where it must not, and says what came of it.
    async fn wait_inside(&self, other: Remote<dyn Desk>) -> Result<String>;
}

#[derive(Default)]
struct MyDesk {
    total: u64,
    dropped: Arc<AtomicUsize>,
}

impl Desk for MyDesk {
    async fn add(&mut self, amount: u64) -> Result<u64> {
        self.total += amount;
        Ok(self.total)
    }
    async fn ask(&self, other: Remote<dyn Desk>) -> Result<u64> {
        Ok(other.total().await? + self.total)
    }
    async fn total(&self) -> Result<u64> {
        Ok(self.total)
    }
    async fn nap(&self, time: Duration) -> Result<()> {
        tokio::time::sleep(time).await;
        Ok(())
    }
    async fn block(&self, time: Duration) -> Result<()> {
        std::thread::sleep(time);
        Ok(())
    }
    async fn wait_inside(&self, other: Remote<dyn Desk>) -> Result<String> {
        Ok(other.total().wait().expect_err("a method waits").to_string())
    }
}

impl Drop for MyDesk {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn desk() -> Remote<dyn Desk> {
    Remote::new(MyDesk::default())
}

fn host() -> (blocking::Node, String) {
    let node = blocking::Node::builder().name("host").listen("tcp://127.0.0.1:0").publish("desk", desk()).start().expect("a node");
    let url = format!("{}/desk", node.addresses()[0]);
    (node, url)
}

#[test]
fn two_nodes_without_async_call_each_other() {
    bounded("two nodes", || {
        let (host, url) = host();
        let caller = blocking::Node::builder().start().expect("a node");
        let mut there: Remote<dyn Desk> = caller.connect(&url).expect("a session");
        assert!(!Remote::is_local(&there));
        assert_eq!(there.add(3).wait().unwrap(), 3);

        // An object of this side's is called back, while this thread waits.
        let mut here = desk();
        here.add(4).wait().unwrap();
        assert_eq!(there.ask(here.clone()).wait().unwrap(), 7);

        // Sent calls run side by side, here and there.
        let sent: Vec<_> = [&there, &here].map(|desk| desk.nap(Duration::from_millis(5)).send()).into();
        assert!(sent.into_iter().all(|call| call.wait().is_ok()));
        let late = there.nap(LONG).timeout(Duration::from_millis(10)).wait().unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Deadline);
        there.add(1).oneway().unwrap();
        assert_eq!(there.total().wait().unwrap(), 4, "calls start in the order in which they were sent");
        assert_eq!((host.sessions().len(), caller.stats().sessions), (1, 1));
        assert_eq!(host.identity().0, caller.open(&url).unwrap().peer().node().unwrap());
    });
}

#[test]
fn many_threads_wait_at_a_time() {
    bounded("many threads", || {
        let (_host, url) = host();
        let there: Remote<dyn Desk> = blocking::connect(&url).expect("a session");
        let sums = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (mut there, sums) = (there.clone(), Arc::clone(&sums));
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        there.add(1).wait().unwrap();
                    }
                    there.block(Duration::from_millis(1)).wait().unwrap();
                    *sums.lock().unwrap() += 50;
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(there.total().wait().unwrap(), *sums.lock().unwrap());
    });
}

#[test]
fn the_end_of_a_node_is_waited_for_with_a_bound() {
    bounded("the end", || {
        let (host, url) = host();
        let there: Remote<dyn Desk> = blocking::connect(&url).expect("a session");
        assert!(blocking::closed(&there, Duration::from_millis(5)).unwrap().is_none(), "it is there");
        assert_eq!(host.shutdown(LONG).unwrap(), 0);
        let why = blocking::closed(&there, LONG).unwrap().expect("it is gone");
        assert_eq!(why.kind(), ErrorKind::Disconnected);
        let error = there.total().wait().unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotRun);
        let error = blocking::connect::<dyn Desk>(&url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    });
}

#[test]
fn references_and_nodes_are_dropped_in_any_order() {
    bounded("drop order", || {
        let dropped = Arc::new(AtomicUsize::new(0));
        let object = || Remote::<dyn Desk>::new(MyDesk { total: 0, dropped: Arc::clone(&dropped) });
        for order in 0..6 {
            let host = blocking::Node::builder().listen("tcp://127.0.0.1:0").publish("desk", object()).start().expect("a node");
            let caller = blocking::Node::builder().start().expect("a node");
            let there: Remote<dyn Desk> = caller.connect(&format!("{}/desk", host.addresses()[0])).expect("a session");
            let call = there.nap(LONG).send();
            let (mut host, mut caller, mut held) = (Some(host), Some(caller), Some((there, call)));
            for step in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]][order] {
                match step {
                    0 => drop(host.take()),
                    1 => drop(caller.take()),
                    _ => drop(held.take()),
                }
            }
            until(|| dropped.load(Ordering::SeqCst) == order + 1);
        }
        // A call that is waited for when the other node goes ends with an outcome.
        let (host, url) = host();
        let there: Remote<dyn Desk> = blocking::connect(&url).expect("a session");
        let call = there.nap(LONG).send();
        assert_eq!(there.total().wait().unwrap(), 0);
        drop(host);
        let error = call.wait().unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::MayHaveRun));
    });
}

#[test]
fn inside_a_runtime_everything_that_waits_says_what_to_await() {
    bounded("inside", || {
        let (host, url) = host();
        let there: Remote<dyn Desk> = blocking::connect(&url).expect("a session");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let errors = [
                blocking::connect::<dyn Desk>(&url).unwrap_err(),
                host.connect::<dyn Desk>(&url).unwrap_err(),
                host.open(&url).unwrap_err(),
                host.shutdown(LONG).unwrap_err(),
                blocking::Node::builder().start().unwrap_err(),
                blocking::closed(&there, LONG).unwrap_err(),
                blocking::block_on(async {}).unwrap_err(),
                there.total().wait().unwrap_err(),
            ];
            for error in errors {
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::Misuse, Outcome::NotRun), "{error}");
                assert!(error.to_string().contains("inside a tokio runtime") && error.to_string().contains("await"), "{error}");
            }
            // The node goes on, and what was made outside is used inside.
            assert_eq!(there.total().await.unwrap(), 0);
            assert_eq!(host.as_async().sessions().len(), 1);
        });
        // A method waits inside netref's own runtime, where it is told the same.
        let told = there.wait_inside(desk()).wait().unwrap();
        assert!(told.contains("`wait` was called inside a tokio runtime"), "{told}");
        let told = desk().wait_inside(desk()).wait().unwrap();
        assert!(told.contains("`wait` was called inside a tokio runtime"), "{told}");
        runtime.block_on(async { drop((host, there)) });
    });
}

#[test]
fn a_node_of_a_runtime_is_used_from_plain_threads() {
    bounded("mixed", || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let node =
            runtime.block_on(netref::Node::builder().listen("mem://blocking-mixed").publish("desk", desk()).start()).expect("a node");
        let node = blocking::Node::from(node);
        let there: Remote<dyn Desk> = blocking::connect("mem://blocking-mixed/desk").expect("a session");
        assert_eq!(there.total().wait().unwrap(), 0);
        assert!(blocking::block_on(Remote::downgrade(&there).upgrade()).unwrap().unwrap().is_some());
        assert_eq!(node.shutdown(LONG).unwrap(), 0);
    });
}
