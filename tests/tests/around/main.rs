//! What stands around a call: interceptors on references and nodes, on both sides, and the ready ones. Whatever they do, a call keeps its
//! order, its outcome, its deadline and its cancellation, and a reference its identity; where none is asked for there is none.
//!
//! | file | what |
//! | --- | --- |
//! | `main` | the shop, and what holds wherever interceptors stand |
//! | `hops` | what is said of other nodes, and of methods by other names |
//! | `outcomes` | what is known of a call that an interceptor ends, loses or passes on elsewhere |
//! | `repeated`, `told`, `layers` | the ready ones: retries; logs, metrics and spans; layers of tower |
//! | `promised` | what is called ahead on results that come through them |
//! | `served` | what an object keeps whose calls come through interceptors or without its trait |

mod hops;
mod layers;
mod outcomes;
mod promised;
mod repeated;
mod served;
mod told;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::around::{CallService, Interceptor, Logging, Metrics, Next, Retry, Side, Spans, Tower};
use netref::{
    AnyRemote, Context, Error, ErrorKind, Handler, Limits, Method, Node, NodeBuilder, Object, Outcome, Payload, RawCall, RawReply,
    RawReturn, Remote, Result, WeakRemote, remote,
};
use netref_tests::seen::Seen;
use tokio::time::timeout;
use tower::{Service, ServiceExt};

const MILLI: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(30);

#[remote]
trait Named {
    async fn name(&self) -> Result<String>;
}

#[remote]
trait Shop: Named {
    async fn buy(&self, what: &str) -> Result<String>;
    /// Ends with an error of its own.
    async fn steal(&self) -> Result<(), Caught>;
    async fn crash(&self) -> Result<()>;
    /// Never ends by itself.
    async fn browse(&self) -> Result<()>;
    #[remote(blocking)]
    async fn count(&self) -> Result<bool>;
    #[idempotent]
    async fn look(&self) -> Result<u64>;
    async fn remaining(&self) -> Result<Option<Duration>>;
    /// Gives it back.
    async fn back(&self, customer: Remote<dyn Named>) -> Result<Remote<dyn Named>>;
    /// Asks it for its name.
    async fn ask(&self, customer: Remote<dyn Named>) -> Result<String>;
    async fn put(&mut self, number: u64) -> Result<Vec<u64>>;
}

#[remote]
trait Safe {
    async fn open(&self) -> Result<()>;
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Caught {
    ByThePolice,
    Call(Error),
}

impl From<Error> for Caught {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl std::fmt::Display for Caught {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Caught {}

#[derive(Default)]
struct Corner {
    looks: AtomicU64,
    put: Vec<u64>,
    /// How many browse now.
    browsing: Arc<AtomicU64>,
}

struct Leaves(Arc<AtomicU64>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Named for Corner {
    async fn name(&self) -> Result<String> {
        Ok("corner".to_owned())
    }
}

impl Safe for Corner {
    async fn open(&self) -> Result<()> {
        Ok(())
    }
}

impl Shop for Corner {
    async fn buy(&self, what: &str) -> Result<String> {
        Ok(format!("a {what}"))
    }
    async fn steal(&self) -> Result<(), Caught> {
        Err(Caught::ByThePolice)
    }
    async fn crash(&self) -> Result<()> {
        panic!("a secret")
    }
    async fn browse(&self) -> Result<()> {
        self.browsing.fetch_add(1, Ordering::SeqCst);
        let _leaves = Leaves(Arc::clone(&self.browsing));
        std::future::pending().await
    }
    async fn count(&self) -> Result<bool> {
        // On a thread that may be blocked.
        std::thread::sleep(MILLI);
        Ok(true)
    }
    async fn look(&self) -> Result<u64> {
        Ok(self.looks.fetch_add(1, Ordering::SeqCst) + 1)
    }
    async fn remaining(&self) -> Result<Option<Duration>> {
        Ok(Context::current().remaining())
    }
    async fn back(&self, customer: Remote<dyn Named>) -> Result<Remote<dyn Named>> {
        Ok(customer)
    }
    async fn ask(&self, customer: Remote<dyn Named>) -> Result<String> {
        customer.name().await
    }
    async fn put(&mut self, number: u64) -> Result<Vec<u64>> {
        self.put.push(number);
        Ok(self.put.clone())
    }
}

/// Writes down what passes: the side, the method, and how it ended.
#[derive(Clone, Default)]
struct Journal {
    name: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Journal {
    fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    fn called(&self, name: &'static str) -> Self {
        Self { name, ..self.clone() }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl Interceptor for Journal {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let (method, journal) = (call.method.name.to_string(), self.clone());
        self.write(format!("{} {} {method}", self.name, next.side().as_str()));
        next.call(call).on_end(move |reply| {
            let end = match reply {
                None => "dropped".to_owned(),
                Some(RawReply::Ok(_)) => "ok".to_owned(),
                Some(RawReply::AppError(_)) => "error".to_owned(),
                Some(RawReply::Failed(error)) => format!("{:?} {:?}", error.kind(), error.outcome()),
            };
            journal.write(format!("{} {method}: {end}", journal.name));
        })
    }
}

/// What everybody can write on the seam without an interceptor.
struct Passing(AnyRemote);

impl Handler for Passing {
    fn call(&self, call: RawCall) -> RawReturn {
        self.0.call_raw(call)
    }
}

/// Refuses a method, and lets the others pass.
fn refusing(method: &'static str) -> impl Interceptor {
    move |call: RawCall, next: Next| {
        if call.method.name == method {
            return RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, "not today"));
        }
        next.call(call)
    }
}

/// Two nodes and a shop. They are connected by streams that may lead anywhere, so each takes the other for a stranger.
async fn shop(host: NodeBuilder, guest: NodeBuilder, shop: Remote<dyn Shop>) -> (Node, Node, Remote<dyn Shop>) {
    let (host, guest) = (host.publish("shop", shop).start().await.unwrap(), guest.start().await.unwrap());
    let (here, there) = tokio::io::duplex(1 << 16);
    let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
    let (session, accepted) = tokio::join!(guest.connect_io(read_here, write_here), host.accept_io(read_there, write_there));
    accepted.unwrap();
    let shop = session.unwrap().lookup("shop").await.unwrap();
    (host, guest, shop)
}

fn corner() -> Remote<dyn Shop> {
    Remote::new(Corner::default())
}

async fn until(what: &str, mut there: impl FnMut() -> bool) {
    let waiting = async {
        while !there() {
            tokio::time::sleep(MILLI).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("it does not come that {what}"));
}

/// Everything that holds whatever is around the calls.
async fn holds(shop: &mut Remote<dyn Shop>, browsing: &AtomicU64, stranger: bool) {
    assert_eq!(shop.buy("pear").await.unwrap(), "a pear");
    assert_eq!(shop.name().await.unwrap(), "corner");
    assert_eq!(shop.steal().await.unwrap_err(), Caught::ByThePolice);
    assert!(shop.count().await.unwrap());
    let error = shop.crash().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::MayHaveRun));
    assert_eq!(!error.text().contains("a secret"), stranger, "{error}");
    assert!(error.to_string().contains("Shop.crash"), "{error}");

    assert_eq!(shop.remaining().await.unwrap(), None);
    let left = shop.remaining().timeout(PATIENCE).await.unwrap();
    assert!(left.is_some_and(|left| left <= PATIENCE), "{left:?}");

    let error = shop.browse().timeout(200 * MILLI).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun));
    let call = shop.browse().send();
    until("somebody browses", || browsing.load(Ordering::SeqCst) > 0).await;
    drop(call);
    until("nobody browses any more", || browsing.load(Ordering::SeqCst) == 0).await;
    let error = shop.browse().timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::NotRun));

    let calls: Vec<_> = (0..100).map(|number| shop.put(number).send()).collect();
    for (number, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap(), (0..=number).collect::<Vec<_>>(), "they start in the order in which they were sent");
    }
    shop.put(100).oneway().unwrap();
    assert_eq!(shop.put(101).await.unwrap().len(), 102, "it has run before the next one");

    // A reference that comes home is the original.
    let mine: Remote<dyn Named> = Remote::new(Corner::default());
    let home = shop.back(mine.clone()).await.unwrap();
    assert!(Remote::is_local(&home));
    assert_eq!(Remote::key(&home), Remote::key(&mine));
    let own = shop.back(Remote::upcast(shop.clone())).await.unwrap();
    assert_eq!(Remote::key(&own), Remote::key(shop));
    assert_eq!(own.name().await.unwrap(), "corner");
}

#[tokio::test]
async fn calls_keep_what_they_promise_whatever_is_around_them() {
    let places = ["nothing", "a handler", "incoming", "outgoing", "both", "caller's reference", "object", "local object", "everything"];
    for place in places {
        println!("around: {place}");
        let journal = Journal::new("it");
        let corner = Corner::default();
        let browsing = Arc::clone(&corner.browsing);
        let (mut host, mut guest, mut object) = (Node::builder(), Node::builder(), Remote::<dyn Shop>::new(corner));
        let everything = place == "everything";
        if place == "a handler" {
            object = Remote::from_handler(Arc::new(Passing(Remote::into_any(object))));
        }
        if everything || ["incoming", "both"].contains(&place) {
            host = host.intercept_incoming(journal.clone());
        }
        if everything || ["outgoing", "both"].contains(&place) {
            guest = guest.intercept_outgoing(journal.clone());
        }
        if everything || ["object", "local object"].contains(&place) {
            object = Remote::intercept(object, journal.clone());
        }
        if place == "local object" {
            holds(&mut object, &browsing, false).await;
        } else {
            let (host, guest, mut shop) = shop(host, guest, object).await;
            if everything || place == "caller's reference" {
                shop = Remote::intercept(shop, journal.clone());
            }
            holds(&mut shop, &browsing, true).await;
            assert!(Remote::is_connected(&shop) && !Remote::is_local(&shop));
            drop(host);
            timeout(PATIENCE, Remote::closed(&shop)).await.unwrap();
            assert!(!Remote::is_connected(&shop));
            let error = shop.buy("pear").await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::NotRun), "{error}");
            drop(guest);
        }
        let seen = journal.take();
        assert_eq!(seen.is_empty(), ["nothing", "a handler"].contains(&place));
        assert!(seen.iter().all(|line| !line.contains("lookup") && !line.contains("cast")), "{seen:?}");
        let begun = |line: &&String| !line.contains(": ");
        assert_eq!(seen.iter().filter(begun).count() * 2, seen.len(), "each call that begins ends once: {seen:#?}");
    }
}

#[tokio::test]
async fn interceptors_stand_one_around_the_other() {
    let journal = Journal::default();
    let (host, guest) = (Node::builder(), Node::builder());
    let host = host.intercept_incoming(journal.called("third")).intercept_incoming(journal.called("fourth"));
    let guest = guest.intercept_outgoing(journal.called("second"));
    let (_host, _guest, shop) = shop(host, guest, Remote::intercept(corner(), journal.called("fifth"))).await;
    let shop = Remote::intercept(shop, journal.called("first"));
    shop.buy("pear").await.unwrap();
    let begun = ["first caller buy", "second caller buy", "third callee buy", "fourth callee buy", "fifth callee buy"];
    let ended = ["fifth buy: ok", "fourth buy: ok", "third buy: ok", "second buy: ok", "first buy: ok"];
    assert_eq!(journal.take(), [begun, ended].concat());
}

#[tokio::test]
async fn interceptor_refuses_answers_and_changes_on_either_side() {
    for side in [Side::Caller, Side::Callee] {
        let (mut host, mut guest) = (Node::builder(), Node::builder());
        let rename = |mut call: RawCall, next: Next| {
            if call.method.name == "name" {
                // Another object's answer.
                return RawReturn::pending(async {
                    Remote::into_any(corner()).call_raw(RawCall::new(name_of_shop(), Payload::default())).reply().await
                });
            }
            call.context = Context::current();
            next.call(call)
        };
        if side == Side::Caller {
            guest = guest.intercept_outgoing(refusing("buy")).intercept_outgoing(rename);
        } else {
            host = host.intercept_incoming(refusing("buy")).intercept_incoming(rename);
        }
        let (_host, _guest, shop) = shop(host, guest, corner()).await;
        let error = shop.buy("pear").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.text()), (ErrorKind::Denied, Outcome::NotRun, "not today"));
        assert_eq!(shop.name().await.unwrap(), "corner");
        assert_eq!(shop.look().await.unwrap(), 1);
    }
}

fn name_of_shop() -> Method {
    let descriptor = <dyn Named as netref::Interface>::DESCRIPTOR;
    Method::known(descriptor, &descriptor.methods[0])
}

#[tokio::test]
async fn panic_of_an_interceptor_is_an_error_of_that_call_which_did_not_run() {
    let panics = |call: RawCall, next: Next| {
        assert!(call.method.name != "buy", "out of order");
        next.call(call)
    };
    let local = Remote::intercept(corner(), panics);
    let (_host, _guest, there) = shop(Node::builder().intercept_incoming(panics), Node::builder(), corner()).await;
    let (_host, _guest, here) = shop(Node::builder(), Node::builder().intercept_outgoing(panics), corner()).await;
    for shop in [local, there, here] {
        let error = shop.buy("pear").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, Outcome::NotRun), "{error}");
        assert_eq!(shop.look().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn cast_upcast_and_weak_references_stay_behind_the_interceptor() {
    let journal = Journal::new("it");
    let object = Object::new(Corner::default()).with_interface::<dyn Safe>();
    let original = object.as_remote::<dyn Shop>();
    let wrapped = Remote::intercept(original.clone(), journal.clone());
    assert_ne!(Remote::key(&wrapped), Remote::key(&original), "it has an identity of its own");
    let (_host, _guest, there) = shop(Node::builder(), Node::builder(), wrapped.clone()).await;
    for shop in [wrapped, there] {
        let safe = Remote::cast::<dyn Safe>(&shop).await.unwrap();
        safe.open().await.unwrap();
        assert_eq!(Remote::key(&safe), Remote::key(&shop));
        let named: Remote<dyn Named> = Remote::upcast(shop.clone());
        named.name().await.unwrap();
        let weak: WeakRemote<dyn Shop> = Remote::downgrade(&shop);
        weak.upgrade().await.unwrap().expect("it is alive").look().await.unwrap();
        let begun: Vec<_> = journal.take().into_iter().filter(|line| !line.contains(": ")).collect();
        assert_eq!(begun, ["it callee open", "it callee name", "it callee look"]);
    }
    original.name().await.unwrap();
    assert!(journal.take().is_empty(), "the original is what it was");
}

#[tokio::test]
async fn caller_outside_any_handler_stays_outside() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inside = {
        let seen = Arc::clone(&seen);
        move |call: RawCall, next: Next| {
            seen.lock().unwrap().push((next.side(), call.context.is_in_call(), call.context.peer().is_local()));
            next.call(call)
        }
    };
    let (host, guest) = (Node::builder().intercept_incoming(inside.clone()), Node::builder().intercept_outgoing(inside.clone()));
    let (_host, _guest, shop) = shop(host, guest, corner()).await;
    Remote::intercept(shop, inside).buy("pear").await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(Side::Caller, false, true), (Side::Caller, false, true), (Side::Callee, true, false)]);
}

#[tokio::test]
async fn call_outside_any_handler_waits_for_room_as_any_other() {
    let one_at_a_time = Limits { calls_in_flight: 1, ..Limits::default() };
    let impatient = Limits { nested_wait: 50 * MILLI, ..Limits::default() };
    for place in ["outgoing", "reference"] {
        let journal = Journal::new("it");
        let (host, mut guest) = (Node::builder().limits(one_at_a_time.clone()), Node::builder().limits(impatient.clone()));
        if place == "outgoing" {
            guest = guest.intercept_outgoing(journal.clone());
        }
        let (_host, _guest, mut shop) = shop(host, guest, corner()).await;
        if place == "reference" {
            shop = Remote::intercept(shop, journal);
        }
        let first = shop.browse().send();
        let second = shop.buy("pear").send();
        // Longer than a call that is made inside a handler would wait.
        tokio::time::sleep(300 * MILLI).await;
        drop(first);
        assert_eq!(timeout(PATIENCE, second).await.unwrap().unwrap(), "a pear", "{place}");
    }
}

#[tokio::test]
async fn reference_that_comes_home_leads_past_what_stands_around_the_node() {
    let (node, object) = (Journal::new("node"), Journal::new("object"));
    let host = Node::builder().intercept_incoming(node.clone());
    let (_host, _guest, shop) = shop(host, Node::builder(), Remote::intercept(corner(), object.clone())).await;
    assert_eq!(shop.ask(Remote::upcast(shop.clone())).await.unwrap(), "corner");
    let begun = |journal: &Journal| journal.take().into_iter().filter(|line| !line.contains(": ")).collect::<Vec<_>>();
    assert_eq!(begun(&node), ["node callee ask"]);
    assert_eq!(begun(&object), ["object callee ask", "object callee name"], "what stands around the object stays");
}
