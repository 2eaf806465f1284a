//! One object under several interfaces, casts from one to another, and objects that know themselves: here and across sessions.

use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{
    AnyRemote, Error, ErrorKind, Fault, Handler, Interface, Method, Node, Object, Outcome, Payload, RawCall, RawReply, RawReturn, Remote,
    Result, WeakRemote, remote,
};
use tokio::sync::Notify;

/// After this long a test that hangs has failed.
const BOUND: Duration = Duration::from_secs(60);

async fn bounded<R>(body: impl Future<Output = R>) -> R {
    tokio::time::timeout(BOUND, body).await.expect("it hangs")
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

// --- one object, several interfaces ---

#[remote]
pub trait Reader {
    async fn read(&self) -> Result<u64>;
    async fn note(&self, number: u64, ballast: Vec<u8>) -> Result<()>;
}

#[remote]
pub trait Writer {
    async fn write(&mut self, value: u64) -> Result<()>;
    /// Stays inside, alone, until it is told to go on.
    async fn stay(&mut self) -> Result<()>;
    async fn record(&mut self, number: u64) -> Result<()>;
    async fn fail(&mut self) -> Result<()>;
}

/// Nobody is offered this one.
#[remote]
pub trait Admin {
    async fn reset(&mut self) -> Result<()>;
}

/// The register is none of these.
#[remote]
pub trait Stranger {
    async fn hello(&self) -> Result<()>;
}

#[derive(Clone, Default)]
struct Probe {
    inside: Arc<Notify>,
    go_on: Arc<Notify>,
    log: Arc<Mutex<Vec<u64>>>,
    dropped: Arc<AtomicUsize>,
}

struct Register {
    value: u64,
    probe: Probe,
}

impl Reader for Register {
    async fn read(&self) -> Result<u64> {
        Ok(self.value)
    }
    async fn note(&self, number: u64, _ballast: Vec<u8>) -> Result<()> {
        self.probe.log.lock().unwrap().push(number);
        Ok(())
    }
}

impl Writer for Register {
    async fn write(&mut self, value: u64) -> Result<()> {
        self.value = value;
        Ok(())
    }
    async fn stay(&mut self) -> Result<()> {
        self.probe.inside.notify_one();
        self.probe.go_on.notified().await;
        self.value += 1;
        Ok(())
    }
    async fn record(&mut self, number: u64) -> Result<()> {
        self.probe.log.lock().unwrap().push(number);
        Ok(())
    }
    async fn fail(&mut self) -> Result<()> {
        panic!("the register is broken");
    }
}

impl Admin for Register {
    async fn reset(&mut self) -> Result<()> {
        self.value = 0;
        Ok(())
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        self.probe.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn register() -> (Object<Register>, Probe) {
    let probe = Probe::default();
    (Object::new(Register { value: 5, probe: probe.clone() }), probe)
}

async fn shares_everything(reader: Remote<dyn Reader>, mut writer: Remote<dyn Writer>, probe: Probe) {
    assert!(Remote::key(&reader).is_some());
    assert_eq!(Remote::key(&reader), Remote::key(&writer));

    // The lock: a reader waits for a writer that came under another interface.
    let staying = writer.stay().send();
    probe.inside.notified().await;
    let mut reading = reader.read().send();
    let early = tokio::time::timeout(Duration::from_millis(20), &mut reading).await;
    assert!(early.is_err(), "it got in beside a method that has the object to itself");
    probe.go_on.notify_one();
    staying.await.unwrap();
    assert_eq!(reading.await.unwrap(), 6);

    // The order: calls start as they were sent, whatever the interface, and however long a message takes to arrive.
    let mut calls = Vec::new();
    for number in 0..50 {
        let ballast = if number % 10 == 0 { 300_000 } else { 10 };
        calls.push(reader.note(2 * number, vec![7; ballast]).send());
        calls.push(writer.record(2 * number + 1).send());
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(*probe.log.lock().unwrap(), (0..100).collect::<Vec<_>>());

    // The poison.
    let panicked = writer.fail().await.unwrap_err();
    assert_eq!(panicked.kind(), ErrorKind::Panic);
    let poisoned = reader.read().await.unwrap_err();
    assert_eq!((poisoned.kind(), poisoned.outcome()), (ErrorKind::Poisoned, Outcome::NotRun));
}

#[tokio::test]
async fn interfaces_of_an_object_share_lock_identity_order_and_poison() {
    let (object, probe) = register();
    bounded(shares_everything(object.as_remote(), object.as_remote(), probe)).await;
}

#[tokio::test]
async fn interfaces_of_an_object_share_it_across_a_session() {
    for url in ["mem://objects-share", "tcp://127.0.0.1:0"] {
        let (object, probe) = register();
        let host = Node::builder().listen(url).start().await.unwrap();
        host.publish("reader", object.as_remote::<dyn Reader>()).unwrap();
        host.publish("writer", object.as_remote::<dyn Writer>()).unwrap();
        let caller = Node::builder().start().await.unwrap();
        let reader = caller.connect(&format!("{}/reader", host.addresses()[0])).await.unwrap();
        let writer = caller.connect(&format!("{}/writer", host.addresses()[0])).await.unwrap();
        bounded(shares_everything(reader, writer, probe)).await;
    }
}

#[tokio::test]
async fn an_object_lives_as_long_as_a_reference_under_any_interface() {
    let (object, probe) = register();
    let reader = object.as_remote::<dyn Reader>();
    let writer = object.as_remote::<dyn Writer>();
    drop((object, reader));
    assert_eq!(probe.dropped.load(Ordering::SeqCst), 0);
    drop(writer);
    assert_eq!(probe.dropped.load(Ordering::SeqCst), 1);
}

// --- casts ---

/// Hosts an object on one node, and gives a reference to it on another.
async fn across<T: ?Sized + Interface>(place: &str, object: Remote<T>) -> (Node, Node, Remote<T>) {
    let host = Node::builder().listen(format!("mem://{place}")).publish("it", object).start().await.unwrap();
    let caller = Node::builder().start().await.unwrap();
    let it = caller.connect(&format!("mem://{place}/it")).await.unwrap();
    (host, caller, it)
}

fn is_refused(error: &Error) {
    assert_eq!((error.kind(), error.outcome(), error.fault()), (ErrorKind::NoSuchInterface, Outcome::NotRun, Fault::Caller), "{error}");
    assert!(error.to_string().contains("`Object::with_interface`"), "it does not say what to do: {error}");
}

async fn casts_to_what_is_offered(reader: Remote<dyn Reader>) {
    let mut writer = Remote::cast::<dyn Writer>(&reader).await.unwrap();
    writer.write(9).await.unwrap();
    assert_eq!(reader.read().await.unwrap(), 9);
    assert_eq!(Remote::key(&writer), Remote::key(&reader));
    assert_eq!(Remote::into_any(writer.clone()).interface(), <dyn Writer>::DESCRIPTOR.name);
    assert_eq!(Remote::cast::<dyn Reader>(&reader).await.unwrap().read().await.unwrap(), 9);

    // An interface that is there and not offered is refused as one that is not there.
    let withheld = Remote::into_any(reader.clone()).cast::<dyn Admin>().await.unwrap_err();
    let missing = Remote::cast::<dyn Stranger>(&reader).await.unwrap_err();
    is_refused(&withheld);
    is_refused(&missing);
    let (admin, stranger) = (<dyn Admin>::DESCRIPTOR.name, <dyn Stranger>::DESCRIPTOR.name);
    assert_eq!(withheld.to_string().replace(admin, "…"), missing.to_string().replace(stranger, "…"));

    // The reference that came back grants its own interface, and is asked no differently: reading was not offered.
    is_refused(&Remote::cast::<dyn Reader>(&writer).await.unwrap_err());
}

#[tokio::test]
async fn a_reference_casts_to_what_its_host_offers_and_to_nothing_else() {
    let (object, probe) = register();
    let object = object.with_interface::<dyn Writer>();
    let reader = object.as_remote::<dyn Reader>();
    drop(object.as_remote::<dyn Admin>()); // handing one out offers nothing
    bounded(casts_to_what_is_offered(reader.clone())).await;
    let (host, caller, there) = across("objects-cast", reader).await;
    bounded(casts_to_what_is_offered(there)).await;

    // All of it goes again.
    host.unpublish("it");
    drop(object);
    bounded(until(|| host.stats().is_idle() && caller.stats().is_idle())).await;
    bounded(until(|| probe.dropped.load(Ordering::SeqCst) == 1)).await;
}

#[tokio::test]
async fn an_interface_that_is_offered_late_holds_for_references_that_are_out() {
    let (object, _probe) = register();
    let (_host, _caller, there) = across("objects-late", object.as_remote::<dyn Reader>()).await;
    is_refused(&Remote::cast::<dyn Writer>(&there).await.unwrap_err());
    let object = object.with_interface::<dyn Writer>().with_interface::<dyn Writer>();
    assert!(Remote::cast::<dyn Writer>(&there).await.is_ok());
    drop(object);
}

#[tokio::test]
async fn a_name_can_be_looked_up_as_any_interface_that_its_object_offers() {
    let (object, _probe) = register();
    let (_host, caller, _reader) = across("objects-lookup", object.with_interface::<dyn Writer>().as_remote::<dyn Reader>()).await;
    let mut writer: Remote<dyn Writer> = caller.connect("mem://objects-lookup/it").await.unwrap();
    writer.write(1).await.unwrap();
    let error = caller.connect::<dyn Admin>("mem://objects-lookup/it").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchMethod, "{error}");
}

#[remote]
pub trait Named {
    async fn name(&self) -> Result<String>;
}

#[remote]
pub trait Measured {
    async fn size(&self) -> Result<u64>;
    async fn bytes(&self) -> Result<u64>;
}

#[remote]
pub trait File: Named + Measured {
    async fn content(&self) -> Result<String>;
    /// Takes a reference back as a file, whatever it was sent as.
    async fn read_back(&self, file: AnyRemote) -> Result<String>;
}

struct Paper;

impl Named for Paper {
    async fn name(&self) -> Result<String> {
        Ok("paper".to_owned())
    }
}
impl Measured for Paper {
    async fn size(&self) -> Result<u64> {
        Ok(3)
    }
    async fn bytes(&self) -> Result<u64> {
        Ok(5)
    }
}
impl File for Paper {
    async fn content(&self) -> Result<String> {
        Ok("words".to_owned())
    }
    async fn read_back(&self, file: AnyRemote) -> Result<String> {
        assert!(file.key().is_some());
        let file: Remote<dyn File> = file.downcast();
        file.content().await
    }
}

async fn narrows(file: Remote<dyn File>) {
    // Called before, so that what the methods of a file resolve to is known on the session.
    assert_eq!((file.size().await.unwrap(), file.content().await.unwrap().as_str()), (3, "words"));
    // Asked as one who does not know the type, so that the host has to look.
    let any = Remote::into_any(file.clone());
    let measured = any.cast::<dyn Measured>().await.unwrap();
    assert_eq!((measured.size().await.unwrap(), measured.bytes().await.unwrap()), (3, 5));
    assert_eq!(any.cast::<dyn Named>().await.unwrap().name().await.unwrap(), "paper");
    is_refused(&Remote::cast::<dyn Named>(&measured).await.unwrap_err());
    is_refused(&Remote::cast::<dyn File>(&measured).await.unwrap_err());

    // Neither a wrong type nor a way home makes more of a narrow reference.
    assert_eq!(file.read_back(any.clone()).await.unwrap(), "words");
    let narrow = any.cast::<dyn Measured>().await.map(Remote::into_any).unwrap();
    if !Remote::is_local(&file) {
        let wrong: Remote<dyn File> = narrow.clone().downcast();
        let error = wrong.content().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun), "{error}");
    }
    let error = file.read_back(narrow).await.unwrap_err();
    let origin = error.origin().expect("the error of a call of the handler's");
    assert_eq!((origin.kind(), origin.outcome()), (ErrorKind::NoSuchMethod, Outcome::NotRun), "{error}");
}

#[tokio::test]
async fn a_cast_to_a_supertrait_grants_the_supertrait_alone() {
    bounded(narrows(Remote::new(Paper))).await;
    let (_host, _caller, there) = across::<dyn File>("objects-narrow", Remote::new(Paper)).await;
    bounded(narrows(there)).await;
}

#[tokio::test]
async fn what_a_reference_grants_already_is_not_asked_for() {
    let (_host, _caller, there) = across::<dyn File>("objects-granted", Remote::new(Paper)).await;
    let any = Remote::into_any(there.clone());
    let session = _caller.sessions().remove(0);
    session.close();
    assert!(any.cast::<dyn File>().await.is_ok());
    assert!(Remote::cast::<dyn File>(&there).await.is_ok());
    assert!(Remote::cast::<dyn Named>(&there).await.is_ok(), "a supertrait that the type knows");
    let error = any.cast::<dyn Named>().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::NotRun), "{error}");
    assert_eq!(error.method(), Some("netref.Object.cast"));
}

#[tokio::test]
async fn a_node_in_between_passes_the_question_on() {
    let (object, probe) = register();
    let object = object.with_interface::<dyn Writer>();
    let (host, middle, at_middle) = across("objects-host", object.as_remote::<dyn Reader>()).await;
    drop(object);
    let published = Node::builder().listen("mem://objects-middle").publish("it", at_middle.clone()).start().await.unwrap();
    let caller = Node::builder().start().await.unwrap();
    let far: Remote<dyn Reader> = caller.connect("mem://objects-middle/it").await.unwrap();
    assert_eq!(Remote::key(&far), Remote::key(&at_middle));
    bounded(casts_to_what_is_offered(far.clone())).await;
    let writer = Remote::cast::<dyn Writer>(&far).await.unwrap();
    assert_eq!(Remote::key(&writer), Remote::key(&far));
    host.unpublish("it");
    published.unpublish("it");
    drop((at_middle, far, writer));
    bounded(until(|| probe.dropped.load(Ordering::SeqCst) == 1)).await;
    bounded(until(|| [&host, &middle, &published, &caller].iter().all(|node| node.stats().is_idle()))).await;
}

/// Answers everything, and counts.
struct Counting(Arc<AtomicU64>);

impl Handler for Counting {
    fn call(&self, _call: RawCall) -> RawReturn {
        self.0.fetch_add(1, Ordering::SeqCst);
        RawReturn::Ready(RawReply::Ok(Payload::default()))
    }
}

#[tokio::test]
async fn a_handler_has_its_own_interface_and_is_not_asked() {
    let calls = Arc::new(AtomicU64::new(0));
    let here = Remote::<dyn Stranger>::from_handler(Arc::new(Counting(Arc::clone(&calls))));
    let (_host, _caller, there) = across("objects-handler", here.clone()).await;
    for reference in [here, there] {
        assert!(Remote::cast::<dyn Stranger>(&reference).await.is_ok());
        is_refused(&Remote::cast::<dyn Reader>(&reference).await.unwrap_err());
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn the_question_is_checked_like_any_call() {
    let (_host, _caller, there) = across::<dyn Reader>("objects-raw", register().0.as_remote()).await;
    let any = Remote::into_any(there);
    let ask = async |method: &'static str, fingerprint| {
        let call = RawCall::new(Method::new("netref.Object", method, fingerprint, "cast"), Payload::default());
        match any.call_raw(call).reply().await {
            RawReply::Failed(error) => (error.kind(), error.outcome()),
            reply => panic!("it was answered: {reply:?}"),
        }
    };
    assert_eq!(ask("cast", 1).await, (ErrorKind::SchemaMismatch, Outcome::NotRun));
    assert_eq!(ask("destroy", 0).await, (ErrorKind::NoSuchMethod, Outcome::NotRun));
}

// --- objects that know themselves ---

#[remote]
pub trait Knot {
    /// A reference to the object itself.
    async fn itself(&self) -> Result<Remote<dyn Knot>>;
    /// A weak one.
    async fn weakly(&self) -> Result<WeakRemote<dyn Knot>>;
    /// Holds weakly what the caller has.
    async fn watch(&self, other: WeakRemote<dyn Knot>) -> Result<()>;
    async fn sees_other(&self) -> Result<bool>;
    async fn number(&self) -> Result<u64>;
}

struct Rope {
    this: WeakRemote<dyn Knot>,
    other: Mutex<Option<WeakRemote<dyn Knot>>>,
    number: u64,
    dropped: Arc<AtomicUsize>,
}

impl Rope {
    fn tie(number: u64, dropped: &Arc<AtomicUsize>) -> Remote<dyn Knot> {
        let dropped = Arc::clone(dropped);
        Remote::new_cyclic(|this| Self { this: this.clone(), other: Mutex::default(), number, dropped })
    }
}

impl Knot for Rope {
    async fn itself(&self) -> Result<Remote<dyn Knot>> {
        Ok(self.this.upgrade().await?.expect("it is alive while it is called"))
    }
    async fn weakly(&self) -> Result<WeakRemote<dyn Knot>> {
        Ok(self.this.clone())
    }
    async fn watch(&self, other: WeakRemote<dyn Knot>) -> Result<()> {
        *self.other.lock().unwrap() = Some(other);
        Ok(())
    }
    async fn sees_other(&self) -> Result<bool> {
        let other = self.other.lock().unwrap().clone();
        match other {
            Some(other) => Ok(other.upgrade().await?.is_some()),
            None => Ok(false),
        }
    }
    async fn number(&self) -> Result<u64> {
        Ok(self.number)
    }
}

impl Drop for Rope {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_object_that_holds_its_own_weak_reference_goes_with_the_last_strong_one() {
    let dropped = Arc::default();
    let knot = Rope::tie(4, &dropped);
    let again = knot.itself().await.unwrap();
    assert!(Remote::is_local(&again));
    assert_eq!(Remote::key(&again), Remote::key(&knot));
    let weak = knot.weakly().await.unwrap();
    drop(knot);
    assert_eq!(weak.upgrade().await.unwrap().unwrap().number().await.unwrap(), 4);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(again);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert!(weak.upgrade().await.unwrap().is_none());
}

#[tokio::test]
async fn an_object_with_offers_knows_itself_too() {
    let mut itself = None;
    let object = Object::new_cyclic(|this: &WeakRemote<dyn Reader>| {
        itself = Some(this.clone());
        Register { value: 8, probe: Probe::default() }
    });
    let object = object.with_interface::<dyn Writer>();
    let reader = itself.unwrap().upgrade().await.unwrap().unwrap();
    Remote::cast::<dyn Writer>(&reader).await.unwrap().write(9).await.unwrap();
    assert_eq!(Remote::key(&reader), Remote::key(&object.as_remote::<dyn Writer>()));
    assert_eq!(reader.read().await.unwrap(), 9);
}

#[tokio::test]
async fn a_weak_reference_leads_nowhere_until_its_object_is_made() {
    let dropped = Arc::<AtomicUsize>::default();
    let mut early = None;
    let knot = Remote::<dyn Knot>::new_cyclic(|this| {
        let mut upgrade = Box::pin(this.upgrade());
        let polled = upgrade.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(polled, std::task::Poll::Ready(Ok(None))));
        early = Some(this.clone());
        Rope { this: this.clone(), other: Mutex::default(), number: 1, dropped: Arc::clone(&dropped) }
    });
    let early = early.unwrap();
    assert_eq!(Remote::key(&early.upgrade().await.unwrap().unwrap()), Remote::key(&knot));

    let mut lost = None;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Remote::<dyn Knot>::new_cyclic(|this| -> Rope {
            lost = Some(this.clone());
            panic!("it is never made")
        })
    }));
    assert!(panicked.is_err());
    assert!(lost.unwrap().upgrade().await.unwrap().is_none());
}

#[tokio::test]
async fn an_object_hands_itself_out_over_a_session_and_does_not_hold_itself() {
    let dropped = Arc::default();
    let (host, caller, there) = across("objects-knot", Rope::tie(7, &dropped)).await;
    let weak = there.weakly().await.unwrap();
    let again = there.itself().await.unwrap();
    assert_eq!(Remote::key(&again), Remote::key(&there));
    assert_eq!(weak.upgrade().await.unwrap().unwrap().number().await.unwrap(), 7);

    // The weak one travels home and away, and is what it was.
    there.watch(weak.clone()).await.unwrap();
    assert!(there.sees_other().await.unwrap());

    host.unpublish("it");
    drop((there, again));
    bounded(until(|| dropped.load(Ordering::SeqCst) == 1)).await;
    assert!(weak.upgrade().await.unwrap().is_none());
    drop(weak);
    bounded(until(|| host.stats().is_idle() && caller.stats().is_idle())).await;
}

#[tokio::test]
async fn two_that_watch_each_other_over_a_session_go_when_nobody_else_holds_them() {
    let (near, far) = (Arc::default(), Arc::default());
    let (host, caller, there) = across("objects-pair", Rope::tie(1, &far)).await;
    let here = Rope::tie(2, &near);
    there.watch(Remote::downgrade(&here)).await.unwrap();
    here.watch(Remote::downgrade(&there)).await.unwrap();
    assert!(there.sees_other().await.unwrap() && here.sees_other().await.unwrap());
    host.unpublish("it");
    drop(there);
    bounded(until(|| far.load(Ordering::SeqCst) == 1)).await;
    assert!(!here.sees_other().await.unwrap());
    drop(here);
    assert_eq!(near.load(Ordering::SeqCst), 1);
    bounded(until(|| host.stats().is_idle() && caller.stats().is_idle())).await;
}
