//! What one message may carry at the edges of frames and tables, and bytes that have an owner of the user's.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use netref::{
    AnyRemote, ErrorKind, Handler, Limits, Method, Node, Outcome, Payload, RawCall, RawReply, RawReturn, Remote, Result, Session, remote,
};

const PATIENCE: Duration = Duration::from_secs(60);

#[remote]
pub trait Book {
    async fn title(&self) -> Result<String>;
}

struct Novel;
impl Book for Novel {
    async fn title(&self) -> Result<String> {
        Ok("a novel".to_owned())
    }
}

/// Of which nothing is ever called.
#[remote]
pub trait Leaflet {
    async fn fold(&self) -> Result<()>;
}

struct Advertisement;
impl Leaflet for Advertisement {
    async fn fold(&self) -> Result<()> {
        Ok(())
    }
}

#[remote]
pub trait Shelf {
    async fn take(&self, labels: Vec<String>, books: Vec<Remote<dyn Book>>) -> Result<usize>;
    async fn give(&self, count: usize) -> Result<Vec<(String, Remote<dyn Book>)>>;
    async fn book(&self) -> Result<Remote<dyn Book>>;
    async fn length(&self, bytes: Bytes) -> Result<usize>;
    async fn bytes(&self, length: usize) -> Result<Bytes>;
    async fn look(&self, thing: AnyRemote) -> Result<String>;
}

#[derive(Default)]
struct Wall(Arc<AtomicU64>);
impl Shelf for Wall {
    async fn take(&self, labels: Vec<String>, books: Vec<Remote<dyn Book>>) -> Result<usize> {
        assert_eq!(labels.len(), books.len());
        Ok(books.len())
    }
    async fn give(&self, count: usize) -> Result<Vec<(String, Remote<dyn Book>)>> {
        Ok((0..count).map(|number| (label(number), Remote::<dyn Book>::new(Novel))).collect())
    }
    async fn book(&self) -> Result<Remote<dyn Book>> {
        Ok(Remote::new(Novel))
    }
    async fn length(&self, bytes: Bytes) -> Result<usize> {
        Ok(bytes.len())
    }
    async fn bytes(&self, length: usize) -> Result<Bytes> {
        Ok(Bytes::from_owner(Owner::new(length, None, &self.0)))
    }
    async fn look(&self, thing: AnyRemote) -> Result<String> {
        Ok(thing.interface().to_owned())
    }
}

fn label(number: usize) -> String {
    format!("book {number:05}")
}

/// Bytes whose owner uses netref when they go, and then panics.
struct Owner {
    bytes: Vec<u8>,
    session: Option<Session>,
    dropped: Arc<AtomicU64>,
}

impl Owner {
    fn new(length: usize, session: Option<Session>, dropped: &Arc<AtomicU64>) -> Self {
        Self { bytes: vec![7; length], session, dropped: Arc::clone(dropped) }
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        match &self.session {
            Some(session) => drop(session.stats()),
            None => panic!("the owner of the bytes panics"),
        }
    }
}

/// Runs it on a thread of its own: a lock that is taken twice keeps its thread for ever, and the test has to end all the same.
fn within<F: Future<Output = ()>>(what: &str, body: impl FnOnce() -> F + Send + 'static) {
    let (done, wait) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(body());
        let _ = done.send(());
    });
    match wait.recv_timeout(PATIENCE) {
        Ok(()) => {}
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {what}"),
        Err(_) => std::panic::resume_unwind(thread.join().expect_err("it has not said that it is done")),
    }
}

struct Scene {
    host: Node,
    _caller: Node,
    session: Session,
    shelf: Remote<dyn Shelf>,
    dropped: Arc<AtomicU64>,
}

async fn set(limits: Limits) -> Scene {
    let dropped = Arc::default();
    let host = Node::builder().limits(limits).listen("tcp://127.0.0.1:0").start().await.expect("a node");
    host.publish("shelf", Remote::<dyn Shelf>::new(Wall(Arc::clone(&dropped)))).expect("a name");
    let caller = Node::builder().start().await.expect("a node");
    let session = caller.open(&host.addresses()[0].to_string()).await.expect("a session");
    let shelf = session.lookup("shelf").await.expect("it is published");
    Scene { host, _caller: caller, session, shelf, dropped }
}

#[test]
fn references_and_a_payload_that_do_not_share_a_frame_both_arrive() {
    within("many references", || async {
        let scene = set(Limits::default()).await;
        let Scene { shelf, .. } = &scene;
        // Alone the references fit the first frame, and the payload fits a frame.
        for count in [1_000, 2_000, 2_150, 2_200, 2_250, 2_500] {
            let labels = (0..count).map(label).collect();
            let books = (0..count).map(|_| Remote::<dyn Book>::new(Novel)).collect();
            assert_eq!(shelf.take(labels, books).await.expect("they fit"), count);
            let given = shelf.give(count).await.expect("they fit");
            assert_eq!(given.len(), count);
            assert_eq!(given.last().map(|(label, _)| label.clone()), Some(label(count - 1)));
        }
    });
}

#[test]
fn caller_with_more_methods_than_its_peer_takes_says_so_itself_and_leaves_no_gap() {
    within("definitions", || async {
        // For `lookup` and two methods of the shelf.
        let scene = set(Limits { definitions: 3, ..Limits::default() }).await;
        let Scene { shelf, .. } = &scene;
        let book = shelf.book().await.expect("the second method");
        assert_eq!(shelf.look(Remote::into_any(shelf.clone())).await.expect("the third"), shelf_name(shelf));
        let error = book.title().await.expect_err("there is no fourth");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error}");
        // An interface that was never told leaves no gap among those that are.
        let thing: Remote<dyn Leaflet> = Remote::new(Advertisement);
        let name = shelf.look(Remote::into_any(thing)).await.expect("there is room for an interface");
        assert!(name.ends_with("Leaflet"), "{name}");
    });
}

fn shelf_name(shelf: &Remote<dyn Shelf>) -> String {
    Remote::into_any(shelf.clone()).interface().to_owned()
}

struct Foreigner;
impl Handler for Foreigner {
    fn call(&self, _call: RawCall) -> RawReturn {
        RawReturn::Ready(RawReply::Ok(in_codec(200)))
    }
}

fn in_codec(codec: u8) -> Payload {
    let mut payload = Payload::default();
    payload.codec = codec;
    payload
}

#[test]
fn payload_in_a_codec_that_has_no_number_is_an_error_on_its_own_side() {
    within("codecs", || async {
        let scene = set(Limits::default()).await;
        scene.host.publish("foreign", Remote::<dyn Leaflet>::from_handler(Arc::new(Foreigner))).expect("a name");
        let foreign = scene.session.lookup_any("foreign").await.expect("it is published");
        let call = |codec| RawCall::new(Method::by_name(foreign.interface().to_owned(), "any"), in_codec(codec));
        for (codec, outcome) in [(16, Outcome::NotRun), (200, Outcome::NotRun), (0, Outcome::Ran)] {
            let reply = match foreign.call_raw(call(codec)) {
                RawReturn::Ready(reply) => reply,
                RawReturn::Pending(reply) => reply.await,
            };
            match reply {
                RawReply::Failed(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Misuse, outcome), "{error}"),
                other => panic!("codec {codec}: {other:?}"),
            }
        }
    });
}

#[test]
fn owner_of_bytes_that_are_sent_runs_under_no_lock() {
    within("arguments with an owner", || async {
        let scene = set(Limits::default()).await;
        let Scene { session, shelf, dropped, .. } = &scene;
        for (sent, length) in [10, 30_000, 40_000, 3_000_000].into_iter().enumerate() {
            let bytes = Bytes::from_owner(Owner::new(length, Some(session.clone()), dropped));
            assert_eq!(shelf.length(bytes).await.expect("it is read"), length);
            assert_eq!(dropped.load(Ordering::SeqCst), sent as u64 + 1, "{length} bytes");
        }
        // What has not left when the session ends.
        let bytes = Bytes::from_owner(Owner::new(60_000_000, Some(session.clone()), dropped));
        let call = shelf.length(bytes).send();
        session.close();
        let error = call.await.expect_err("the session is over");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    });
}

#[test]
fn owner_of_bytes_in_a_result_that_panics_ends_nothing() {
    within("results with an owner", || async {
        let scene = set(Limits::default()).await;
        let Scene { shelf, dropped, .. } = &scene;
        for (sent, length) in [10, 30_000, 40_000, 3_000_000].into_iter().enumerate() {
            assert_eq!(shelf.bytes(length).await.expect("it is sent").len(), length);
            assert_eq!(dropped.load(Ordering::SeqCst), sent as u64 + 1, "{length} bytes");
        }
    });
}
