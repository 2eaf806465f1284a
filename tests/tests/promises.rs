//! Calls on promises beside what pipelining itself is about: they run, end and fail as calls do that are made on what is promised.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use netref::around::Next;
use netref::{
    AnyRemote, Context, Error, ErrorKind, Limits, Node, Object, Outcome, Pipeline, RawCall, RawReply, Remote, Result, Value, remote,
};
use netref_tests::patience::{until, within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};

/// Far above what anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[remote]
trait Desk {
    /// Has the desk to itself until the gate opens.
    async fn alone(&mut self) -> Result<u64>;
    async fn count(&mut self) -> Result<u64>;
    /// Waits beside others until the gate opens.
    async fn beside(&self) -> Result<()>;
    #[remote(no_cancel)]
    async fn to_the_end(&self) -> Result<()>;
    /// Blocks its thread until it is told to go on. False when nobody does.
    #[remote(blocking)]
    async fn blocks(&self) -> Result<bool>;
    async fn panics(&self) -> Result<()>;
    /// Calls its own object, with the method that is named, and says what came of it.
    async fn itself(&mut self, desk: Remote<dyn Desk>, raw: bool) -> Result<String>;
    /// The same without waiting for it.
    async fn itself_oneway(&mut self, desk: Remote<dyn Desk>) -> Result<()>;
    /// Whether it is called by this process, and by a call of this method.
    async fn is_called_from_here(&self) -> Result<bool>;
    async fn counted(&self) -> Result<u64>;
    /// Returns the error of a call of its own.
    async fn fails(&self) -> Result<()>;
    async fn long(&self) -> Result<Vec<String>>;
}

#[remote]
trait Labelled {
    async fn label(&self) -> Result<String>;
}

struct MyDesk {
    gate: Arc<Semaphore>,
    ended: Arc<AtomicU64>,
    go_on: Mutex<mpsc::Receiver<()>>,
    count: u64,
}

struct World {
    desk: Remote<dyn Desk>,
    gate: Arc<Semaphore>,
    ended: Arc<AtomicU64>,
    go_on: mpsc::Sender<()>,
}

fn world() -> World {
    let (gate, ended) = (Arc::new(Semaphore::new(0)), Arc::default());
    let (go_on, told) = mpsc::channel();
    let desk = MyDesk { gate: Arc::clone(&gate), ended: Arc::clone(&ended), go_on: Mutex::new(told), count: 0 };
    World { desk: Remote::new(desk), gate, ended, go_on }
}

struct Count(Arc<AtomicU64>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Desk for MyDesk {
    async fn alone(&mut self) -> Result<u64> {
        let _count = Count(Arc::clone(&self.ended));
        self.gate.acquire().await.expect("never closed").forget();
        self.count += 1;
        Ok(self.count)
    }

    async fn count(&mut self) -> Result<u64> {
        self.count += 1;
        Ok(self.count)
    }

    async fn beside(&self) -> Result<()> {
        let _count = Count(Arc::clone(&self.ended));
        self.gate.acquire().await.expect("never closed").forget();
        Ok(())
    }

    async fn to_the_end(&self) -> Result<()> {
        self.gate.acquire().await.expect("never closed").forget();
        self.ended.fetch_add(10, Ordering::SeqCst);
        Ok(())
    }

    async fn blocks(&self) -> Result<bool> {
        Ok(self.go_on.lock().expect("not poisoned").recv_timeout(PATIENCE / 4).is_ok())
    }

    async fn panics(&self) -> Result<()> {
        panic!("no ink");
    }

    async fn itself(&mut self, mut desk: Remote<dyn Desk>, raw: bool) -> Result<String> {
        if raw {
            return Ok(format!("{:?}", raw_count(&Remote::into_any(desk)).await));
        }
        Ok(match desk.count().await {
            Ok(count) => count.to_string(),
            Err(error) => format!("{:?} {:?}", error.kind(), error.outcome()),
        })
    }

    async fn itself_oneway(&mut self, mut desk: Remote<dyn Desk>) -> Result<()> {
        desk.count().oneway()
    }

    async fn is_called_from_here(&self) -> Result<bool> {
        let context = Context::current();
        Ok(context.is_in_call() && context.session().is_none())
    }

    async fn counted(&self) -> Result<u64> {
        Ok(self.count)
    }

    async fn fails(&self) -> Result<()> {
        Err(Error::new(ErrorKind::Denied, Outcome::NotRun, "no paper"))
    }

    async fn long(&self) -> Result<Vec<String>> {
        Ok(vec!["paper".to_owned(); 5_000])
    }
}

impl Labelled for MyDesk {
    async fn label(&self) -> Result<String> {
        Ok("a desk".to_owned())
    }
}

/// Calls `count` without the trait, and gives the kind of the error.
async fn raw_count(desk: &AnyRemote) -> ErrorKind {
    let call =
        RawCall::new(netref::Method::by_name(desk.interface().to_owned(), "count"), netref::Payload::json(&json!({})).expect("it is JSON"));
    match desk.call_raw(call).reply().await {
        RawReply::Failed(error) => error.kind(),
        other => panic!("it was to fail: {other:?}"),
    }
}

/// A promise of a desk, and what keeps it.
fn promised() -> (Remote<dyn Desk>, oneshot::Sender<Remote<dyn Desk>>) {
    let (give, given) = oneshot::channel();
    (Remote::from_future(async move { Ok::<_, Error>(given.await.expect("it is given")) }), give)
}

fn give(sender: oneshot::Sender<Remote<dyn Desk>>, desk: &Remote<dyn Desk>) {
    sender.send(desk.clone()).unwrap_or_else(|_| panic!("somebody waits"));
}

/// Whether the calls are made before the promise is known: they wait for it then.
const BOTH: [bool; 2] = [true, false];

async fn before_or_after(early: bool, desk: &Remote<dyn Desk>) -> (Remote<dyn Desk>, Option<oneshot::Sender<Remote<dyn Desk>>>) {
    let (promise, sender) = promised();
    if early {
        return (promise, Some(sender));
    }
    give(sender, desk);
    Remote::resolved(&promise).await.expect("it resolves");
    (promise, None)
}

#[tokio::test]
async fn call_that_was_sent_runs_although_nobody_awaits_it() {
    for early in BOTH {
        let world = world();
        let (mut promise, sender) = before_or_after(early, &world.desk).await;
        let first = promise.alone().send();
        let second = promise.count().send();
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        world.gate.add_permits(1);
        assert_eq!(within("the one behind it", second).await, Ok(2));
        assert_eq!(first.await, Ok(1));
    }
}

#[tokio::test]
async fn call_that_is_given_up_ends_unless_its_method_goes_on() {
    for early in BOTH {
        let world = world();
        let (promise, sender) = before_or_after(early, &world.desk).await;
        let (cancelled, goes_on) = (promise.beside().send(), promise.to_the_end().send());
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        Remote::resolved(&promise).await.expect("it resolves");
        drop((cancelled, goes_on));
        until("the first ends", || world.ended.load(Ordering::SeqCst) == 1).await;
        world.gate.add_permits(1);
        until("the other one goes on to its end", || world.ended.load(Ordering::SeqCst) == 11).await;
        assert_eq!(world.gate.available_permits(), 0);
    }
}

#[tokio::test]
async fn method_that_blocks_its_thread_has_one_of_its_own() {
    for early in BOTH {
        let world = world();
        let (promise, sender) = before_or_after(early, &world.desk).await;
        let blocks = promise.blocks().send();
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        Remote::resolved(&promise).await.expect("it resolves");
        world.go_on.send(()).expect("somebody listens");
        assert_eq!(within("what blocks", blocks).await, Ok(true), "nobody could tell it to go on");
    }
}

#[tokio::test]
async fn call_that_waits_for_the_object_until_its_deadline_did_not_run() {
    for early in BOTH {
        let world = world();
        let (mut promise, sender) = before_or_after(early, &world.desk).await;
        let _alone = promise.alone().send();
        let late = promise.count().timeout(Duration::from_millis(200)).send();
        let interrupted = Remote::<dyn Desk>::clone(&promise);
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        let error = within("the deadline", late).await.expect_err("it has no turn");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
        world.gate.add_permits(1);
        let error = interrupted.beside().timeout(Duration::from_millis(20)).await.expect_err("it waits");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun));
    }
}

#[tokio::test]
async fn deadline_that_is_set_after_sending_knows_whether_the_call_has_started() {
    let world = world();
    let (promise, sender) = promised();
    let error = promise.beside().send().timeout(Duration::from_millis(1)).await.expect_err("it waits for ever");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));
    let started = promise.beside().send();
    give(sender, &world.desk);
    Remote::resolved(&promise).await.expect("it resolves");
    let error = within("the deadline", started.timeout(Duration::from_millis(1))).await.expect_err("the gate is shut");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun));
}

#[tokio::test]
async fn object_that_calls_itself_by_a_promise_is_told_so() {
    for (early, raw) in [(true, false), (false, false), (true, true), (false, true)] {
        let world = world();
        let (promise, sender) = before_or_after(early, &world.desk).await;
        let mut calls = promise.clone();
        let told = calls.itself(promise.clone(), raw).send();
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        let told = within("a call of itself", told).await.expect("it is told");
        assert!(told.starts_with("Reentrant"), "{told}");
    }
    // What is called without the trait is a call like any other, also where nobody has promised it.
    let World { desk, .. } = world();
    let own = Remote::into_any(desk.clone());
    let method = netref::Method::by_name(own.interface().to_owned(), "itself");
    let arguments = json!({ "desk": { "$ref": 0 }, "raw": false });
    let payload = netref::Payload::json_with(&arguments, vec![own.clone()]).expect("it is JSON");
    match within("a raw call of itself", own.call_raw(RawCall::new(method, payload)).reply()).await {
        RawReply::Ok(told) => assert!(String::from_utf8_lossy(&told.bytes).starts_with("\"Reentrant NotRun"), "{told:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn oneway_call_of_itself_waits_for_its_turn() {
    for early in BOTH {
        let world = world();
        let (promise, sender) = before_or_after(early, &world.desk).await;
        let mut calls = promise.clone();
        let told = calls.itself_oneway(promise.clone()).send();
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        within("the call", told).await.expect("it runs");
        for _ in 0..30_000 {
            if world.desk.counted().await == Ok(1) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(world.desk.counted().await, Ok(1), "it was lost");
    }
}

#[remote]
trait Clerk {
    /// Asks a desk of its own, by a promise, who calls.
    async fn asks(&self, early: bool) -> Result<bool>;
}

struct MyClerk;

impl Clerk for MyClerk {
    async fn asks(&self, early: bool) -> Result<bool> {
        let world = world();
        let (promise, sender) = before_or_after(early, &world.desk).await;
        let asked = promise.is_called_from_here().send();
        sender.into_iter().for_each(|sender| give(sender, &world.desk));
        asked.await
    }
}

#[tokio::test]
async fn call_that_a_handler_makes_here_is_not_its_callers() {
    let host =
        Node::builder().listen("tcp://127.0.0.1:0").publish("clerk", Remote::<dyn Clerk>::new(MyClerk)).start().await.expect("starts");
    let guest = Node::builder().start().await.expect("starts");
    let clerk = guest.connect::<dyn Clerk>(&format!("{}/clerk", host.addresses()[0])).await.expect("connects");
    for early in BOTH {
        assert_eq!(within("the answer", clerk.asks(early)).await, Ok(true));
    }
}

#[tokio::test]
async fn panic_of_one_call_that_waited_is_its_own_error() {
    let world = world();
    let (mut promise, sender) = promised();
    let (panics, counts) = (promise.panics().send(), promise.count().send());
    give(sender, &world.desk);
    let error = within("the panic", panics).await.expect_err("it panics");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::MayHaveRun));
    assert_eq!(within("the one behind it", counts).await, Ok(1));
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Pair {
    left: Remote<dyn Desk>,
    right: Option<Remote<dyn Desk>>,
    any: AnyRemote,
}

/// Not all that it has is promised, and so not all its parameters are those of the promises.
#[derive(Serialize, Deserialize, Pipeline)]
#[serde(bound = "")]
struct Page<T, U>
where
    T: Value + Clone,
    U: Value + From<T>,
{
    items: Vec<T>,
    shelf: Remote<dyn Shelf<U>>,
    next: Option<Remote<dyn Shop>>,
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Plain<T>(Vec<T>, Remote<dyn Desk>);

#[remote]
trait Shelf<T: Value> {
    async fn first(&self) -> Result<T>;
}

#[remote]
trait Shop {
    /// Waits for the gate.
    async fn desk(&self) -> Result<Remote<dyn Desk>>;
    /// Waits for the gate, and has no right one.
    async fn pair(&self) -> Result<Pair>;
    async fn page(&self) -> Result<Page<u32, u64>>;
    async fn plain(&self) -> Result<Plain<bool>>;
    /// Calls what it is given.
    async fn try_out(&self, desk: AnyRemote) -> Result<String>;
}

struct MyShop(Arc<Semaphore>);

impl MyShop {
    async fn gate(&self) {
        self.0.acquire().await.expect("never closed").forget();
    }
}

impl Shelf<u64> for MyShop {
    async fn first(&self) -> Result<u64> {
        Ok(7)
    }
}

impl Shop for MyShop {
    async fn desk(&self) -> Result<Remote<dyn Desk>> {
        self.gate().await;
        Ok(world().desk)
    }

    async fn pair(&self) -> Result<Pair> {
        self.gate().await;
        let left = world().desk;
        Ok(Pair { left: left.clone(), right: None, any: Remote::into_any(left) })
    }

    async fn page(&self) -> Result<Page<u32, u64>> {
        Ok(Page { items: vec![1], shelf: Remote::new(Self(Arc::clone(&self.0))), next: None })
    }

    async fn plain(&self) -> Result<Plain<bool>> {
        Ok(Plain(vec![true], world().desk))
    }

    async fn try_out(&self, desk: AnyRemote) -> Result<String> {
        Ok(match desk.downcast::<dyn Desk>().counted().await {
            Ok(count) => count.to_string(),
            Err(error) => format!("{:?} {:?} {:?}", error.kind(), error.scope(), error.outcome()),
        })
    }
}

/// A shop on a node of its own, which `guest` knows.
async fn shop(guest: &Node) -> (Remote<dyn Shop>, Arc<Semaphore>, Node) {
    let gate = Arc::new(Semaphore::new(0));
    let shop = Remote::<dyn Shop>::new(MyShop(Arc::clone(&gate)));
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("shop", shop).start().await.expect("starts");
    let shop = guest.connect::<dyn Shop>(&format!("{}/shop", host.addresses()[0])).await.expect("connects");
    (shop, gate, host)
}

async fn guest(limits: Limits) -> Node {
    Node::builder().limits(limits).start().await.expect("starts")
}

fn session_of(node: &Node) -> netref::Session {
    node.sessions().into_iter().next().expect("there is one")
}

#[tokio::test]
async fn reply_of_a_call_that_went_ahead_is_that_of_any_other_call() {
    let guest = guest(Limits { decoded_bytes: 20_000, ..Limits::default() }).await;
    let (shop, gate, host) = shop(&guest).await;
    let promise = shop.desk().pipelined();
    let (fails, long) = (promise.fails().send(), promise.long().send());
    until("both went ahead", || session_of(&host).stats().promised == 2).await;
    gate.add_permits(1);
    let ahead = (fails.await.expect_err("it fails"), long.await.expect_err("it is too long for the guest"));
    let known = Remote::resolved(&promise).await.expect("it resolves");
    let later = (known.fails().await.expect_err("it fails"), known.long().await.expect_err("it is too long for the guest"));
    assert_eq!(ahead, later);
    assert_eq!((ahead.0.kind(), ahead.1.kind()), (ErrorKind::Nested, ErrorKind::Codec));
}

#[tokio::test]
async fn session_that_ends_behind_a_promise_is_not_its_callers() {
    let guest = guest(Limits::default()).await;
    let (far, _far_gate, far_host) = shop(&guest).await;
    let (near, _near_gate, _near_host) = shop(&guest).await;
    let promise = far.desk().pipelined();
    let told = near.try_out(Remote::into_any(promise)).send();
    until("the call went on", || session_of(&far_host).stats().promised == 1).await;
    session_of(&far_host).close();
    assert_eq!(within("the error", told).await, Ok("Disconnected Call MayHaveRun".to_owned()));
}

#[tokio::test]
async fn call_on_what_a_result_does_not_have_says_so_also_when_nobody_needs_the_result() {
    let guest = guest(Limits::default()).await;
    let (shop, gate, host) = shop(&guest).await;
    let right = shop.pair().pipelined().right.counted().send();
    until("it went ahead", || session_of(&host).stats().promised == 1).await;
    // What was said before has arrived when this is answered.
    shop.page().await.expect("it is there");
    gate.add_permits(1);
    let error = within("the answer", right).await.expect_err("there is none");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchObject, Outcome::NotRun), "{error}");
    assert!(error.method().is_some_and(|method| method.ends_with("Desk.counted")), "{error}");
}

#[tokio::test]
async fn promise_of_any_interface_is_passed_on() {
    let guest = guest(Limits::default()).await;
    let (shop_of_it, gate, _host) = shop(&guest).await;
    let (other, _other_gate, _other_host) = shop(&guest).await;
    let any = shop_of_it.pair().pipelined().any;
    assert_eq!(any.interface(), "", "nobody has said it yet");
    let told = other.try_out(any.clone()).send();
    let home = shop_of_it.try_out(any.clone()).send();
    gate.add_permits(1);
    assert_eq!(within("the other node", told).await, Ok("0".to_owned()));
    assert_eq!(within("the node it comes from", home).await, Ok("0".to_owned()));
    assert_eq!(other.try_out(any).await, Ok("0".to_owned()), "also when it is known");
}

#[tokio::test]
async fn codec_that_no_frame_can_carry_is_refused_on_a_promise_too() {
    let guest = guest(Limits::default()).await;
    let (shop, gate, _host) = shop(&guest).await;
    let promise = Remote::into_any(shop.desk().pipelined());
    for early in BOTH {
        let mut payload = netref::Payload::default();
        payload.codec = 16;
        let call = RawCall::new(netref::Method::by_name(promise.interface().to_owned(), "counted"), payload);
        match promise.call_raw(call).reply().await {
            RawReply::Failed(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Misuse, Outcome::NotRun)),
            other => panic!("{other:?}"),
        }
        if early {
            gate.add_permits(1);
            promise.resolved().await.expect("it resolves, and the session goes on");
        }
    }
}

#[tokio::test]
async fn struct_with_parameters_is_promised() {
    let guest = guest(Limits::default()).await;
    let (shop, _gate, _host) = shop(&guest).await;
    let page: PagePromise<u64> = shop.page().pipelined();
    assert_eq!(page.shelf.first().await, Ok(7));
    let plain: PlainPromise = shop.plain().pipelined();
    assert_eq!(plain.clone().0.counted().await, Ok(0));
}

#[tokio::test]
async fn panic_of_what_was_to_give_a_reference_is_the_error_of_calls_on_it() {
    let promise = Remote::from_future(async { if true { panic!("no wood") } else { Ok::<Remote<dyn Desk>, Error>(world().desk) } });
    let error = within("the error", promise.counted()).await.expect_err("there is nothing");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::NotRun));
    assert!(error.text().contains("no wood") && error.location().is_some_and(|place| place.contains("promises.rs")), "{error}");
}

#[tokio::test]
async fn intercepted_promise_is_cast_when_it_is_known() {
    for early in BOTH {
        let gate = Arc::new(Semaphore::new(0));
        let object = Object::new(MyDesk { gate, ended: Arc::default(), go_on: Mutex::new(mpsc::channel().1), count: 0 });
        let desk = object.with_interface::<dyn Labelled>().as_remote::<dyn Desk>();
        let (promise, sender) = before_or_after(early, &desk).await;
        let intercepted = Remote::intercept(promise, |call: RawCall, next: Next| next.call(call));
        let cast = tokio::spawn(async move { Remote::cast::<dyn Labelled>(&intercepted).await });
        tokio::task::yield_now().await;
        sender.into_iter().for_each(|sender| give(sender, &desk));
        let labelled = within("the cast", cast).await.expect("no panic").expect("it is offered");
        assert_eq!(labelled.label().await, Ok("a desk".to_owned()));
    }
}

#[tokio::test]
async fn weak_reference_to_a_promise_finds_what_it_has_become() {
    for early in BOTH {
        let World { desk, .. } = world();
        let (promise, sender) = before_or_after(early, &desk).await;
        let weak = Remote::downgrade(&promise);
        sender.into_iter().for_each(|sender| give(sender, &desk));
        Remote::resolved(&promise).await.expect("it resolves");
        drop(promise);
        let found = weak.upgrade().await.expect("it is asked here").expect("the object is alive");
        assert_eq!(Remote::key(&found), Remote::key(&desk));
        drop((found, desk));
        assert!(weak.upgrade().await.expect("it is asked here").is_none(), "the object is gone");
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum NotThere {
    Name(String),
    Call(Error),
}

impl std::fmt::Display for NotThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "no {name} is registered"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotThere {}

impl From<Error> for NotThere {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

#[remote]
trait Registry {
    /// There is none of any name; if it is to be late, it waits for the gate before it says so.
    async fn find(&self, name: &str, late: bool) -> std::result::Result<Remote<dyn Registry>, NotThere>;
    async fn plain(&self) -> Result<u64>;
    /// Says what comes of calls on the registry that it is given: of one with the error of `find`, and of one with another.
    async fn tell(&self, registry: Remote<dyn Registry>) -> Result<(Option<NotThere>, String)>;
}

struct MyRegistry(Arc<Semaphore>);

impl Registry for MyRegistry {
    async fn find(&self, name: &str, late: bool) -> std::result::Result<Remote<dyn Registry>, NotThere> {
        if late {
            self.0.acquire().await.expect("never closed").forget();
        }
        Err(NotThere::Name(name.to_owned()))
    }

    async fn plain(&self) -> Result<u64> {
        Ok(0)
    }

    async fn tell(&self, registry: Remote<dyn Registry>) -> Result<(Option<NotThere>, String)> {
        let plain = registry.plain().await.map_err(|error| format!("{:?}: {}", error.outcome(), error.text()));
        Ok((registry.find("", false).await.err(), plain.expect_err("there is nothing to call")))
    }
}

#[tokio::test]
async fn callee_that_is_given_its_own_promise_learns_what_broke_it() {
    let gate = Arc::new(Semaphore::new(0));
    let registry = Remote::<dyn Registry>::new(MyRegistry(Arc::clone(&gate)));
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("registry", registry).start().await.expect("starts");
    let guest = guest(Limits::default()).await;
    let registry = guest.connect::<dyn Registry>(&format!("{}/registry", host.addresses()[0])).await.expect("connects");
    for late in BOTH {
        // In time or not, the guest names it by the call whose result it is.
        let missing = registry.find("pen", late).pipelined();
        let told = registry.tell(missing).send();
        gate.add_permits(usize::from(late));
        let (own, plain) = within("what it is told", told).await.expect("it runs");
        assert_eq!(own, Some(NotThere::Name("pen".to_owned())), "the value is that of the callee's own method");
        assert_eq!(plain, "NotRun: no pen is registered");
    }
}
