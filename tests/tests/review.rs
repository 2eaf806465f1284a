//! What a review found: a test for each defect that was mended, so that it stays so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netref::{AnyRemote, Error, ErrorKind, Handler, Limits, Node, Outcome, Payload, RawCall, RawReply, RawReturn, Remote, Result, remote};
use netref_tests::patience::{PATIENCE, until, within};
use tokio::sync::Notify;

const TCP: &str = "tcp://127.0.0.1:0";

fn assert_error<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind, outcome: Outcome) {
    let error = result.expect_err("it fails");
    assert_eq!((error.kind(), error.outcome()), (kind, outcome), "{error:?}");
}

/// Counts itself when it is dropped.
struct Dropped(Arc<AtomicU64>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[remote]
pub trait Desk {
    async fn echo(&self, number: u64) -> Result<u64>;
    async fn large(&self, bytes: u64) -> Result<Vec<u8>>;
    async fn forever(&self, held: Option<Remote<dyn Desk>>) -> Result<u64>;
    /// Calls `back` from inside, with something that nobody else holds.
    async fn call_back(&self, back: Remote<dyn Desk>) -> Result<u64>;
    async fn keep(&self, kept: Option<Remote<dyn Desk>>) -> Result<()>;
    async fn kept(&self) -> Result<Option<Remote<dyn Desk>>>;
    /// Has the next one keep what this one keeps.
    async fn hand_on(&self) -> Result<()>;
    async fn number_of(&self, references: Vec<AnyRemote>) -> Result<u64>;
    async fn many(&self, count: u64) -> Result<Vec<AnyRemote>>;
    /// Notes its number as soon as it starts.
    async fn note(&self, number: u64) -> Result<()>;
    #[remote(no_cancel)]
    async fn stubborn(&self) -> Result<()>;
}

#[derive(Default)]
struct Here {
    number: u64,
    started: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
    kept: Mutex<Option<Remote<dyn Desk>>>,
    next: Option<Remote<dyn Desk>>,
    noted: Arc<Mutex<Vec<u64>>>,
    go_on: Arc<Notify>,
    nosy: Option<(Node, Arc<AtomicU64>)>,
    _asks: Option<Nosy>,
    _dropped: Option<Dropped>,
}

impl Desk for Here {
    async fn echo(&self, number: u64) -> Result<u64> {
        Ok(number + self.number)
    }
    async fn large(&self, bytes: u64) -> Result<Vec<u8>> {
        Ok(vec![7; bytes as usize])
    }
    async fn forever(&self, held: Option<Remote<dyn Desk>>) -> Result<u64> {
        let _held = held;
        self.started.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn call_back(&self, back: Remote<dyn Desk>) -> Result<u64> {
        let (node, dropped) = self.nosy.clone().expect("a node to ask");
        let argument = Self { _asks: Some(Nosy { node, dropped }), ..Self::default() };
        back.forever(Some(Remote::new(argument))).await
    }
    async fn keep(&self, kept: Option<Remote<dyn Desk>>) -> Result<()> {
        let before = std::mem::replace(&mut *self.kept.lock().unwrap(), kept);
        drop(before);
        Ok(())
    }
    async fn kept(&self) -> Result<Option<Remote<dyn Desk>>> {
        Ok(self.kept.lock().unwrap().clone())
    }
    async fn hand_on(&self) -> Result<()> {
        let kept = self.kept.lock().unwrap().clone();
        self.next.as_ref().expect("a next one").keep(kept).await
    }
    async fn number_of(&self, references: Vec<AnyRemote>) -> Result<u64> {
        Ok(references.len() as u64)
    }
    async fn many(&self, count: u64) -> Result<Vec<AnyRemote>> {
        Ok((0..count).map(|_| some_object()).collect())
    }
    async fn note(&self, number: u64) -> Result<()> {
        self.noted.lock().unwrap().push(number);
        Ok(())
    }
    async fn stubborn(&self) -> Result<()> {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.go_on.notified().await;
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn some_object() -> AnyRemote {
    Remote::into_any(Remote::<dyn Desk>::new(Here::default()))
}

async fn node(limits: Limits, desk: Here) -> Node {
    let desk = Remote::<dyn Desk>::new(desk);
    Node::builder().limits(limits).listen(TCP).publish("desk", desk).start().await.expect("a node starts")
}

async fn connect(from: &Node, to: &Node) -> Remote<dyn Desk> {
    within("a session", from.connect(&format!("{}/desk", to.addresses()[0]))).await.expect("a session")
}

/// Two nodes, and the second one's desk as the first one has it.
async fn pair() -> (Node, Node, Remote<dyn Desk>) {
    let (a, b) = (node(Limits::default(), Here::default()).await, node(Limits::default(), Here::default()).await);
    let desk = connect(&a, &b).await;
    (a, b, desk)
}

// --- results that are passed on ---

#[tokio::test]
async fn a_result_that_a_relay_cannot_pass_on_for_its_size_fails_that_call_only() {
    let a = node(Limits { message_bytes: 1 << 20, ..Limits::default() }, Here::default()).await;
    let (b, c, desk) = pair().await;
    b.publish("relayed", desk).expect("a name");
    let there: Remote<dyn Desk> = within("a session", a.connect(&format!("{}/relayed", b.addresses()[0]))).await.expect("a session");
    for turn in 0..3 {
        assert_error(within("a large result", there.large(3 << 20)).await, ErrorKind::TooLarge, Outcome::Ran);
        assert_eq!(within("a small result", there.large(1 << 19)).await.expect("it fits").len(), 1 << 19);
        assert_eq!(within("a later call", there.echo(turn)).await.expect("the session goes on"), turn);
    }
    assert_eq!((a.sessions().len(), b.sessions().len(), c.sessions().len()), (1, 2, 1));
}

// --- what is dropped when a call is refused ---

/// Asks the node about its sessions when it is dropped.
struct Nosy {
    node: Node,
    dropped: Arc<AtomicU64>,
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let sessions = self.node.stats().tables.len() as u64;
        self.dropped.fetch_add(sessions, Ordering::SeqCst);
    }
}

async fn refuse_calls_back() {
    let host = node(Limits::default(), Here::default()).await;
    let dropped = Arc::new(AtomicU64::new(0));
    let desk = Here { nosy: Some((host.clone(), Arc::clone(&dropped))), ..Here::default() };
    host.publish("nosy", Remote::<dyn Desk>::new(desk)).expect("a name");
    let narrow = node(Limits { calls_in_flight: 2, ..Limits::default() }, Here::default()).await;
    let nosy: Remote<dyn Desk> = narrow.connect(&format!("{}/nosy", host.addresses()[0])).await.expect("a session");
    let busy = Here::default();
    let started = Arc::clone(&busy.started);
    let back = Remote::<dyn Desk>::new(busy);
    let filling: Vec<_> = (0..2).map(|_| nosy.call_back(back.clone()).send()).collect();
    until("the pool is full", || started.load(Ordering::SeqCst) == 2).await;
    for turn in 1..=3 {
        let error = within("a refused call back", nosy.call_back(back.clone())).await.expect_err("there is no room");
        let origin = error.origin().expect("the error of the call back");
        assert_eq!((origin.kind(), origin.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error:?}");
        until("its argument is dropped", || dropped.load(Ordering::SeqCst) == turn).await;
        assert_eq!(within("a later call", nosy.echo(turn)).await.expect("the session goes on"), turn);
    }
    drop(filling);
    // The node holds an object that holds the node.
    host.unpublish("nosy");
}

#[test]
fn a_refused_call_back_drops_an_argument_that_asks_the_session_for_its_numbers() {
    // On a thread of its own: a deadlock would hang the runtime too.
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(within("all of it", refuse_calls_back()));
        let _ = sender.send(());
    });
    if receiver.recv_timeout(2 * PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    thread.join().expect("it does not panic");
}

// --- identity and lifetime ---

#[tokio::test]
async fn an_object_that_one_of_two_peers_released_comes_home_through_a_third_as_the_original() {
    let a = node(Limits::default(), Here::default()).await;
    let b = node(Limits::default(), Here::default()).await;
    let d = node(Limits::default(), Here::default()).await;
    let c = Node::builder().listen(TCP).start().await.expect("a node starts");
    let next = Some(connect(&c, &d).await);
    c.publish("desk", Remote::<dyn Desk>::new(Here { next, ..Here::default() })).expect("a name");
    let (to_b, to_c, to_d) = (connect(&a, &b).await, connect(&a, &c).await, connect(&a, &d).await);

    let ball = Remote::<dyn Desk>::new(Here { number: 9, ..Here::default() });
    let exports = || a.stats().tables.iter().map(|table| table.exports).sum::<usize>();
    let before = exports();
    within("b keeps it", to_b.keep(Some(ball.clone()))).await.expect("kept");
    within("c keeps it", to_c.keep(Some(ball.clone()))).await.expect("kept");
    assert_eq!(exports(), before + 2);
    within("b drops it", to_b.keep(None)).await.expect("dropped");
    until("b released it", || exports() == before + 1).await;

    within("c hands it on", to_c.hand_on()).await.expect("handed on");
    for there in [&to_d, &to_c] {
        let home = within("it comes home", there.kept()).await.expect("answered").expect("kept");
        assert!(Remote::is_local(&home), "{home:?}");
        assert_eq!(Remote::key(&home), Remote::key(&ball));
        assert_eq!(within("a call", home.echo(1)).await.expect("answered"), 10);
    }
}

#[tokio::test]
async fn dropping_a_node_drops_an_object_it_published_that_holds_a_callback_of_a_peer() {
    let dropped = Arc::new(AtomicU64::new(0));
    let published = Here { _dropped: Some(Dropped(Arc::clone(&dropped))), ..Here::default() };
    let (a, b) = (node(Limits::default(), Here::default()).await, node(Limits::default(), published).await);
    let desk = connect(&a, &b).await;
    let gone = Arc::new(AtomicU64::new(0));
    let callback = Here { _dropped: Some(Dropped(Arc::clone(&gone))), ..Here::default() };
    within("it keeps the callback", desk.keep(Some(Remote::new(callback)))).await.expect("kept");
    assert_eq!((dropped.load(Ordering::SeqCst), gone.load(Ordering::SeqCst)), (0, 0));
    drop(b);
    until("the object is dropped", || dropped.load(Ordering::SeqCst) == 1).await;
    until("the callback is dropped", || gone.load(Ordering::SeqCst) == 1).await;
    drop((desk, a));
}

struct Silent {
    _dropped: Dropped,
}

impl Handler for Silent {
    fn call(&self, call: RawCall) -> RawReturn {
        RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, call.method.to_string()))
    }
}

#[tokio::test]
async fn a_weak_reference_does_not_keep_a_handler_alive() {
    let dropped = Arc::new(AtomicU64::new(0));
    let strong = Remote::<dyn Desk>::from_handler(Arc::new(Silent { _dropped: Dropped(Arc::clone(&dropped)) }));
    let weak = Remote::downgrade(&strong);
    let again = within("an upgrade", weak.upgrade()).await.expect("answered").expect("it is alive");
    assert_eq!(Remote::key(&again), Remote::key(&strong));
    assert_error(within("a call", again.echo(1)).await, ErrorKind::Denied, Outcome::NotRun);
    drop((strong, again));
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert!(within("an upgrade", weak.upgrade()).await.expect("answered").is_none());
}

// --- a peer that leaves ---

#[cfg(unix)]
#[tokio::test]
async fn connecting_where_a_leaving_node_was_reaches_the_node_that_listens_there_now() {
    let path = std::env::temp_dir().join(format!("netref-review-{}.sock", std::process::id()));
    let url = format!("unix://{}", path.display());
    let start = async |number| {
        let desk = Here { number, ..Here::default() };
        let started = Arc::clone(&desk.started);
        let node = Node::builder().listen(&url).publish("desk", Remote::<dyn Desk>::new(desk)).start().await;
        node.map(|node| (node, started))
    };
    let a = Node::builder().start().await.expect("a node starts");
    let (leaving, started) = start(100).await.expect("a node starts");
    let old: Remote<dyn Desk> = within("a session", a.connect(&format!("{url}#desk"))).await.expect("a session");
    let running = old.forever(None).send();
    until("it runs", || started.load(Ordering::SeqCst) == 1).await;
    let shutdown = tokio::spawn({
        let leaving = leaving.clone();
        async move { leaving.shutdown(PATIENCE).await }
    });
    within("the peer knows that it leaves", async {
        while old.echo(0).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    assert_error(within("a call on the old one", old.echo(0)).await, ErrorKind::ShuttingDown, Outcome::NotRun);
    let (staying, _) = start(200).await.expect("the address is free");
    let new: Remote<dyn Desk> = within("a new session", a.connect(&format!("{url}#desk"))).await.expect("a session");
    assert_eq!(within("a call", new.echo(1)).await.expect("it is served"), 201);
    assert_eq!(staying.sessions().len(), 1);
    drop(running);
    assert_eq!(within("the shutdown", shutdown).await.expect("it does not panic"), 0);
    assert_eq!(within("a call", new.echo(2)).await.expect("it is still served"), 202);
}

// --- local calls ---

#[tokio::test]
async fn a_local_call_that_was_sent_ends_at_a_deadline_set_afterwards() {
    let desk = Remote::<dyn Desk>::new(Here::default());
    let result = within("the deadline", desk.forever(None).send().timeout(Duration::from_millis(10))).await;
    assert_error(result, ErrorKind::Deadline, Outcome::MayHaveRun);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn local_calls_start_in_the_order_in_which_they_were_sent() {
    let here = Here::default();
    let noted = Arc::clone(&here.noted);
    let desk = Remote::<dyn Desk>::new(here);
    let calls: Vec<_> = (0..1_000).map(|number| desk.note(number).send()).collect();
    for call in calls {
        within("a call", call).await.expect("noted");
    }
    assert_eq!(*noted.lock().unwrap(), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_local_method_marked_no_cancel_runs_on_when_its_sent_call_is_dropped() {
    let here = Here::default();
    let (started, done, go_on) = (Arc::clone(&here.started), Arc::clone(&here.done), Arc::clone(&here.go_on));
    let desk = Remote::<dyn Desk>::new(here);
    let call = desk.stubborn().send();
    until("it starts", || started.load(Ordering::SeqCst) == 1).await;
    drop(call);
    go_on.notify_one();
    until("it runs to its end", || done.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_local_method_marked_no_cancel_runs_on_when_its_awaited_call_is_dropped() {
    let here = Here::default();
    let (started, done, go_on) = (Arc::clone(&here.started), Arc::clone(&here.done), Arc::clone(&here.go_on));
    let desk = Remote::<dyn Desk>::new(here);
    tokio::select! {
        biased;
        result = desk.stubborn() => panic!("it waits: {result:?}"),
        () = until("it starts", || started.load(Ordering::SeqCst) == 1) => {}
    }
    go_on.notify_one();
    until("it runs to its end", || done.load(Ordering::SeqCst) == 1).await;
}

#[test]
fn a_sent_local_call_can_be_let_go_outside_a_runtime() {
    let here = Here::default();
    let (done, go_on) = (Arc::clone(&here.done), Arc::clone(&here.go_on));
    let desk = Remote::<dyn Desk>::new(here);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let call = {
        let _inside = runtime.enter();
        desk.stubborn().send()
    };
    call.oneway().expect("it was sent");
    go_on.notify_one();
    runtime.block_on(until("it goes on", || done.load(Ordering::SeqCst) == 1));
    // Outside any runtime netref's own runs it.
    assert_eq!(desk.echo(1).send().wait().expect("it ran"), 1);
}

// --- what is too much ---

#[tokio::test]
async fn an_interface_name_that_is_too_long_fails_the_call_that_passes_it_only() {
    let (_a, _b, desk) = pair().await;
    let named = |name: String| AnyRemote::from_handler(name, Arc::new(Silent { _dropped: Dropped(Arc::default()) }));
    for turn in 0..3 {
        let long = vec![named(format!("fine-before-{turn}")), named("x".repeat(300))];
        assert_error(within("a long name", desk.number_of(long)).await, ErrorKind::Misuse, Outcome::NotRun);
        let fine = vec![named(format!("fine-{turn}")), named(format!("fine-before-{turn}")), some_object()];
        assert_eq!(within("other names", desk.number_of(fine)).await.expect("the session goes on"), 3);
        assert!(Remote::is_connected(&desk));
    }
}

#[tokio::test]
async fn limits_that_last_for_ever_are_refused() {
    for limits in [
        Limits { handshake: Duration::MAX, ..Limits::default() },
        Limits { nested_wait: Duration::MAX, ..Limits::default() },
        Limits { handshake: Duration::MAX, nested_wait: Duration::MAX, ..Limits::default() },
    ] {
        assert_error(Node::builder().limits(limits).listen(TCP).start().await, ErrorKind::Misuse, Outcome::NotRun);
    }
}

#[tokio::test]
async fn a_message_with_too_many_references_is_too_large() {
    let (_a, _b, desk) = pair().await;
    // The receiver's own take the least room, so that their number alone is too much.
    let theirs = |count| vec![Remote::into_any(desk.clone()); count];
    assert_eq!(within("as many as there may be", desk.number_of(theirs(4_096))).await.expect("they fit"), 4_096);
    assert_error(within("one more", desk.number_of(theirs(4_097))).await, ErrorKind::TooLarge, Outcome::NotRun);
    let references = (0..4_097).map(|_| some_object()).collect();
    assert_error(within("too many arguments", desk.number_of(references)).await, ErrorKind::TooLarge, Outcome::NotRun);
    assert_error(within("too many results", desk.many(4_097)).await, ErrorKind::TooLarge, Outcome::Ran);
    let references = (0..1_000).map(|_| some_object()).collect();
    assert_eq!(within("fewer", desk.number_of(references)).await.expect("the session goes on"), 1_000);
    assert_eq!(within("fewer", desk.many(1_000)).await.expect("the session goes on").len(), 1_000);
}

/// Answers with bytes that are no value of any method of a desk.
struct Garbled;

impl Handler for Garbled {
    fn call(&self, _call: RawCall) -> RawReturn {
        RawReturn::Ready(RawReply::Ok(Payload::default()))
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_decoded_is_no_error_of_the_handlers_own_calls() {
    let desk = Remote::<dyn Desk>::from_handler(Arc::new(Garbled));
    assert_error(desk.echo(1).await, ErrorKind::Codec, Outcome::Ran);
}
