//! Code that panics (law 6): a panic anywhere in the user's code is an error at the caller, with its message and its place, after which
//! everything else goes on. In `blocked`: handlers that block their thread.

mod blocked;

use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, Once};
use std::time::Duration;

use netref::{ErrorKind, Limits, Node, Outcome, Remote, Result, remote};
use netref_tests::patience::{until, within};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Notify;

/// Panics that are meant are not printed.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
            if !message.starts_with("meant:") {
                former(info);
            }
        }));
    });
}

/// Runs the same over a session and on an object of this process.
async fn everywhere<F: Future<Output = ()>>(body: impl Fn(&'static str, Remote<dyn Fragile>, Arc<State>) -> F) {
    quiet();
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    let caller = Node::builder().start().await.expect("a node starts");
    for place in ["far", "near"] {
        let state = Arc::new(State::default());
        let near: Remote<dyn Fragile> = Remote::new(Glass::new(&state));
        let remote = if place == "far" {
            host.publish("fragile", near).expect("a name");
            caller.connect(&format!("{}/fragile", host.addresses()[0])).await.expect("a session")
        } else {
            near
        };
        within(place, body(place, remote.clone(), state)).await;
        if place == "far" {
            let session = caller.sessions();
            assert!(session.len() == 1 && !session[0].is_closed(), "the session lives");
            let again: Remote<dyn Fragile> = session[0].lookup("fragile").await.expect("and answers");
            assert!(Remote::key(&again) == Remote::key(&remote));
        }
    }
}

fn fails<T: Debug>(what: &str, result: Result<T>, outcome: Outcome, message: &str) {
    let error = result.expect_err(what);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, outcome), "{what}: {error:?}");
    assert!(error.text().contains(message), "{what} carries the message `{message}`: {error}");
    let location = error.location().unwrap_or_else(|| panic!("{what} carries the place: {error:?}"));
    let (file, line) = location.rsplit_once(':').expect("file:line");
    assert!(file.ends_with("panics/main.rs") && line.parse::<u32>().is_ok(), "{what}: {location}");
}

// --- values and objects that panic ---

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Never,
    Serialize,
    Deserialize,
    Drop,
}

/// A value that panics at a chosen moment.
#[derive(Debug)]
pub struct Bomb(When);

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        assert!(self.0 != When::Serialize, "meant: in a serialize");
        serializer.serialize_u8(self.0 as u8)
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Self(When::Never)),
            2 => panic!("meant: in a deserialize"),
            3 => Ok(Self(When::Drop)),
            other => Err(D::Error::custom(other)),
        }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(self.0 != When::Drop || std::thread::panicking(), "meant: in a drop");
    }
}

/// What a test sees of the object.
#[derive(Debug, Default)]
pub struct State {
    drops: AtomicU64,
    entered: Notify,
}

#[remote]
pub trait Fragile {
    async fn ping(&self) -> Result<u32>;
    async fn panic_at_once(&self) -> Result<u32>;
    async fn panic_later(&self) -> Result<u32>;
    async fn panic_with_a_number(&self) -> Result<u32>;
    #[remote(spawn)]
    async fn panic_elsewhere(&self) -> Result<u32>;
    #[remote(blocking)]
    async fn panic_in_a_thread(&self) -> Result<u32>;
    async fn take(&self, bomb: Bomb) -> Result<u32>;
    async fn give(&self, when: u8) -> Result<Bomb>;
    async fn wait_with(&self, bomb: Bomb) -> Result<u32>;
    async fn make(&self, count: u32) -> Result<Vec<Remote<dyn Fragile>>>;
    async fn touch(&mut self) -> Result<u32>;
    async fn touch_and_panic(&mut self, later: bool) -> Result<u32>;
    async fn touch_and_wait(&mut self) -> Result<u32>;
    #[remote(blocking)]
    async fn touch_and_panic_in_a_thread(&mut self) -> Result<u32>;
}

struct Glass {
    state: Arc<State>,
    touched: u32,
    panics_when_dropped: bool,
}

impl Glass {
    fn new(state: &Arc<State>) -> Self {
        Self { state: Arc::clone(state), touched: 0, panics_when_dropped: false }
    }
}

impl Drop for Glass {
    fn drop(&mut self) {
        self.state.drops.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics_when_dropped, "meant: in the drop of an object");
    }
}

impl Fragile for Glass {
    async fn ping(&self) -> Result<u32> {
        Ok(self.touched)
    }
    async fn panic_at_once(&self) -> Result<u32> {
        panic!("meant: at once")
    }
    async fn panic_later(&self) -> Result<u32> {
        tokio::task::yield_now().await;
        panic!("meant: later")
    }
    async fn panic_with_a_number(&self) -> Result<u32> {
        // `resume_unwind` calls no hook, so there is no place to tell.
        std::panic::resume_unwind(Box::new(42))
    }
    async fn panic_elsewhere(&self) -> Result<u32> {
        panic!("meant: elsewhere")
    }
    async fn panic_in_a_thread(&self) -> Result<u32> {
        panic!("meant: in a thread")
    }
    async fn take(&self, bomb: Bomb) -> Result<u32> {
        Ok(u32::from(bomb.0 == When::Never))
    }
    async fn give(&self, when: u8) -> Result<Bomb> {
        Ok(Bomb(match when {
            1 => When::Serialize,
            2 => When::Deserialize,
            3 => When::Drop,
            _ => When::Never,
        }))
    }
    async fn wait_with(&self, bomb: Bomb) -> Result<u32> {
        self.state.entered.notify_one();
        std::future::pending::<()>().await;
        drop(bomb);
        Ok(0)
    }
    async fn make(&self, count: u32) -> Result<Vec<Remote<dyn Fragile>>> {
        let one = |_| Remote::new(Self { state: Arc::clone(&self.state), touched: 0, panics_when_dropped: true });
        Ok((0..count).map(one).collect())
    }
    async fn touch(&mut self) -> Result<u32> {
        self.touched += 1;
        Ok(self.touched)
    }
    async fn touch_and_panic(&mut self, later: bool) -> Result<u32> {
        self.touched += 100;
        if later {
            tokio::task::yield_now().await;
        }
        panic!("meant: while it was touched")
    }
    async fn touch_and_wait(&mut self) -> Result<u32> {
        self.state.entered.notify_one();
        std::future::pending().await
    }
    async fn touch_and_panic_in_a_thread(&mut self) -> Result<u32> {
        panic!("meant: while it was touched in a thread")
    }
}

// --- panics ---

#[tokio::test]
async fn panic_in_a_handler_is_an_error_at_its_caller_with_message_and_place() {
    everywhere(|_, fragile, _| async move {
        fails("at once", fragile.panic_at_once().await, Outcome::MayHaveRun, "meant: at once");
        fails("later", fragile.panic_later().await, Outcome::MayHaveRun, "meant: later");
        fails("on a task", fragile.panic_elsewhere().await, Outcome::MayHaveRun, "meant: elsewhere");
        fails("on a thread", fragile.panic_in_a_thread().await, Outcome::MayHaveRun, "meant: in a thread");
        fails("sent", fragile.panic_later().send().await, Outcome::MayHaveRun, "meant: later");
        let error = fragile.panic_with_a_number().await.expect_err("it panics");
        assert_eq!((error.kind(), error.location()), (ErrorKind::Panic, None), "{error:?}");
        assert_eq!(fragile.ping().await.expect("later calls work"), 0);
    })
    .await;
}

#[tokio::test]
async fn many_panics_at_once_each_reach_their_own_caller() {
    everywhere(|_, fragile, _| async move {
        let calls: Vec<_> = (0..300).map(|turn| if turn % 3 == 0 { fragile.ping() } else { fragile.panic_later() }.send()).collect();
        for (turn, call) in calls.into_iter().enumerate() {
            match turn % 3 {
                0 => assert_eq!(call.await.expect("no panic here"), 0),
                _ => fails("one of many", call.await, Outcome::MayHaveRun, "meant: later"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn panic_in_the_drop_of_an_argument_of_a_local_call_is_an_error_at_the_caller() {
    quiet();
    let fragile: Remote<dyn Fragile> = Remote::new(Glass::new(&Arc::default()));
    let result = within("an argument that panics", fragile.take(Bomb(When::Drop))).await;
    fails("the drop of an argument", result, Outcome::MayHaveRun, "meant: in a drop");
    assert_eq!(fragile.take(Bomb(When::Never)).await.expect("later calls work"), 1);
}

#[tokio::test]
async fn panic_in_a_serialize_or_a_deserialize_says_whether_the_method_ran() {
    quiet();
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    let caller = Node::builder().start().await.expect("a node starts");
    host.publish("fragile", Remote::<dyn Fragile>::new(Glass::new(&Arc::default()))).expect("a name");
    let fragile: Remote<dyn Fragile> = caller.connect(&format!("{}/fragile", host.addresses()[0])).await.expect("a session");
    within("values that panic", async {
        for _ in 0..3 {
            fails("an argument on its way out", fragile.take(Bomb(When::Serialize)).await, Outcome::NotRun, "meant: in a serialize");
            fails("an argument on its way in", fragile.take(Bomb(When::Deserialize)).await, Outcome::NotRun, "meant: in a deserialize");
            fails("a result on its way out", fragile.give(1).await, Outcome::Ran, "meant: in a serialize");
            fails("a result on its way in", fragile.give(2).await, Outcome::Ran, "meant: in a deserialize");
            fails("a result that is dropped once it is encoded", fragile.give(3).await, Outcome::Ran, "meant: in a drop");
            assert_eq!(fragile.give(0).await.expect("later calls work").0, When::Never);
            assert_eq!(fragile.take(Bomb(When::Never)).await.expect("later calls work"), 1);
        }
    })
    .await;
    until("nothing is left over", || host.stats().tables.iter().all(|session| session.calls_in == 0)).await;
}

/// An argument whose drop panics only where it arrives.
#[derive(Debug, Serialize)]
pub struct LateBomb;

impl<'de> Deserialize<'de> for LateBomb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        ARMED.with(|armed| armed.set(armed.get() + 1));
        Ok(Self)
    }
}

thread_local! {
    static ARMED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

impl Drop for LateBomb {
    fn drop(&mut self) {
        let armed = ARMED.with(std::cell::Cell::get);
        if armed > 0 {
            ARMED.with(|left| left.set(armed - 1));
            panic!("meant: in the drop of an argument");
        }
    }
}

#[remote]
pub trait Late {
    async fn drop_at_once(&self, bomb: LateBomb) -> Result<u32>;
    /// One argument is dropped because the other cannot be decoded.
    async fn never_run(&self, bomb: LateBomb, refused: Refused) -> Result<u32>;
    async fn wait_with(&self, bomb: LateBomb) -> Result<u32>;
    async fn ping(&self) -> Result<u32>;
}

#[derive(Debug, Serialize)]
pub struct Refused;

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(D::Error::custom("not today"))
    }
}

struct Latecomer(Arc<State>);
impl Late for Latecomer {
    async fn drop_at_once(&self, _bomb: LateBomb) -> Result<u32> {
        Ok(1)
    }
    async fn never_run(&self, _bomb: LateBomb, _refused: Refused) -> Result<u32> {
        Ok(2)
    }
    async fn wait_with(&self, bomb: LateBomb) -> Result<u32> {
        self.0.entered.notify_one();
        std::future::pending::<()>().await;
        drop(bomb);
        Ok(3)
    }
    async fn ping(&self) -> Result<u32> {
        Ok(4)
    }
}

#[tokio::test]
async fn panic_in_the_drop_of_an_argument_that_arrived_is_an_error_or_is_kept_from_doing_harm() {
    quiet();
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    let caller = Node::builder().start().await.expect("a node starts");
    let state = Arc::new(State::default());
    host.publish("late", Remote::<dyn Late>::new(Latecomer(Arc::clone(&state)))).expect("a name");
    let late: Remote<dyn Late> = caller.connect(&format!("{}/late", host.addresses()[0])).await.expect("a session");
    within("arguments that panic", async {
        let result = late.drop_at_once(LateBomb).await;
        fails("at the end of the method", result, Outcome::MayHaveRun, "meant: in the drop of an argument");
        let result = late.never_run(LateBomb, Refused).await;
        fails("before the method", result, Outcome::NotRun, "meant: in the drop of an argument");
        // The handler is dropped with its argument, in a place where there is nobody to tell.
        let call = late.wait_with(LateBomb).send();
        state.entered.notified().await;
        drop(call);
        until("the handler is dropped", || host.stats().tables.iter().all(|session| session.calls_in == 0)).await;
        assert_eq!(late.ping().await.expect("later calls work"), 4);
    })
    .await;
}

#[tokio::test]
async fn panic_in_the_drop_of_a_handler_that_is_cancelled_harms_nobody() {
    everywhere(|place, fragile, state| async move {
        for _ in 0..3 {
            // The bomb that goes there is harmless until it is dropped; far, the one that stays here is forgotten by the encoder.
            let call = if place == "near" { fragile.wait_with(Bomb(When::Drop)) } else { fragile.wait_with(Bomb(When::Never)) };
            let mut call = Box::pin(call.send());
            tokio::select! {
                _ = &mut call => panic!("it never ends by itself"),
                () = state.entered.notified() => {}
            }
            drop(call);
            // Not sent but polled: near, the future itself is dropped here, and must not panic into its caller.
            let call = if place == "near" { fragile.wait_with(Bomb(When::Drop)) } else { fragile.wait_with(Bomb(When::Never)) };
            let mut call = Box::pin(call);
            tokio::select! {
                _ = &mut call => panic!("it never ends by itself"),
                () = state.entered.notified() => {}
            }
            drop(call);
            assert_eq!(fragile.ping().await.expect("later calls work"), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn panics_in_the_drops_of_objects_end_with_each_object() {
    everywhere(|_, fragile, state| async move {
        // Released together, so their drops follow each other in one place.
        let made = fragile.make(50).await.expect("made");
        assert_eq!(state.drops.load(Ordering::SeqCst), 0);
        drop(made);
        until("all are dropped", || state.drops.load(Ordering::SeqCst) == 50).await;
        assert_eq!(fragile.ping().await.expect("later calls work"), 0);
        let made = fragile.make(2).await.expect("made");
        made[0].ping().await.expect("and they can be called");
        drop(made);
        until("these too", || state.drops.load(Ordering::SeqCst) == 52).await;
    })
    .await;
}

#[tokio::test]
async fn panics_in_the_drops_of_objects_do_no_harm_when_their_session_ends() {
    quiet();
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    let caller = Node::builder().start().await.expect("a node starts");
    let state = Arc::new(State::default());
    host.publish("fragile", Remote::<dyn Fragile>::new(Glass::new(&state))).expect("a name");
    let url = format!("{}/fragile", host.addresses()[0]);
    let fragile: Remote<dyn Fragile> = caller.connect(&url).await.expect("a session");
    let made = within("a call", fragile.make(50)).await.expect("made");
    caller.sessions()[0].close();
    until("all are dropped", || state.drops.load(Ordering::SeqCst) == 50).await;
    drop(made);
    let again: Remote<dyn Fragile> = within("another session", caller.connect(&url)).await.expect("the host lives");
    assert_eq!(within("a call", again.ping()).await.expect("and answers"), 0);
}

#[tokio::test]
async fn object_is_poisoned_by_a_panic_of_an_exclusive_method_and_says_so_to_every_later_call() {
    everywhere(|_, fragile, state| async move {
        let own = fragile.make(4).await.expect("objects of their own");
        for (turn, object) in own.iter().enumerate() {
            let mut object = object.clone();
            assert_eq!(object.touch().await.expect("untouched so far"), 1);
            // A panic of a shared method poisons nothing.
            fails("a shared method", object.panic_at_once().await, Outcome::MayHaveRun, "meant: at once");
            assert_eq!(object.touch().await.expect("not poisoned"), 2);
            // Those that wait at its door meanwhile are told as well.
            let (what, waiting) = match turn {
                0 => ("while it was touched", object.touch_and_panic(false).await),
                1 => ("while it was touched", object.touch_and_panic(true).await),
                2 => ("while it was touched in a thread", object.touch_and_panic_in_a_thread().await),
                _ => {
                    let mut other = object.clone();
                    let (first, second, third) = tokio::join!(object.touch_and_panic(true), other.touch(), object.ping());
                    for waited in [second, third] {
                        let error = waited.expect_err("it waited for one that panicked");
                        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Poisoned, Outcome::NotRun), "{error}");
                    }
                    ("while it was touched", first)
                }
            };
            fails("an exclusive method", waiting, Outcome::MayHaveRun, what);
            for error in [
                object.touch().await.expect_err("poisoned"),
                object.ping().await.expect_err("poisoned for shared methods too"),
                object.make(1).await.map(drop).expect_err("poisoned for any"),
            ] {
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::Poisoned, Outcome::NotRun), "{error}");
                assert!(error.method().is_some(), "{error}");
            }
        }
        assert_eq!(fragile.ping().await.expect("other objects are not"), 0);
        drop(own);
        until("they are dropped all the same", || state.drops.load(Ordering::SeqCst) == 4).await;
    })
    .await;
}

#[tokio::test]
async fn exclusive_method_that_is_only_given_up_poisons_nothing() {
    everywhere(|_, fragile, state| async move {
        let mut object = fragile.clone();
        let call = object.touch_and_wait().send();
        state.entered.notified().await;
        drop(call);
        assert_eq!(object.touch().await.expect("given up is not panicked"), 1);
        // Given up because its caller panics: the panic is not the method's.
        let mut unlucky = fragile.clone();
        let entered = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut call = Box::pin(unlucky.touch_and_wait());
            tokio::select! {
                _ = &mut call => {}
                () = entered.entered.notified() => {}
            }
            let _call = call;
            panic!("meant: the caller's own");
        });
        assert!(within("the caller", task).await.is_err());
        assert_eq!(object.touch().await.expect("its method was interrupted, no more"), 2);
    })
    .await;
}
