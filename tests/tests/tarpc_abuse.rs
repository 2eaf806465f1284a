//! Services of tarpc before callers that mean harm and handlers that fail: names that lie, requests that nobody takes, wakers that call
//! back, panics.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use futures::{FutureExt, StreamExt};
use netref::dynamic::Object;
use netref::tarpc_bridge::{self, ServerTransport, Stub};
use netref::{AnyRemote, ErrorKind, Handler, Limits, Method, Node, Outcome, Payload, RawCall, RawReturn, Remote, Result, remote};
use netref_tests::patience::{PATIENCE, within};
use serde_json::json;
use tarpc::client::{self, RpcError};
use tarpc::context;
use tarpc::server::{BaseChannel, Channel};

#[remote]
trait Token {
    async fn show(&self) -> Result<()>;
}

/// Counts those that are gone.
struct Held(Arc<AtomicU64>);

impl Token for Held {
    async fn show(&self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tarpc::service]
trait World {
    async fn hello(name: String) -> String;
    async fn close();
    async fn keep(token: Remote<dyn Token>);
    async fn fall();
}

/// Counts how often it was closed.
#[derive(Clone, Default)]
struct Shop(Arc<AtomicU64>);

impl World for Shop {
    async fn hello(self, _: context::Context, name: String) -> String {
        format!("hello {name}")
    }

    async fn close(self, _: context::Context) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    async fn keep(self, _: context::Context, _token: Remote<dyn Token>) {}

    async fn fall(self, _: context::Context) {
        panic!("the shelf with the secret fell over");
    }
}

type Transport = ServerTransport<WorldRequest, WorldResponse>;

/// Serves a shop, with the stock server.
fn serve(shop: &Shop) -> AnyRemote {
    let (service, transport) = tarpc_bridge::server();
    let requests = BaseChannel::with_defaults(transport).execute(tarpc_bridge::caught(shop.clone().serve()));
    tokio::spawn(requests.for_each(|request| async { drop(tokio::spawn(request)) }));
    service
}

fn client(service: AnyRemote) -> WorldClient {
    WorldClient::new(client::Config::default(), tarpc_bridge::client(service)).spawn()
}

/// Time enough for whatever the test waits for, and more than it waits.
fn long() -> context::Context {
    let mut context = context::current();
    context.deadline = Instant::now() + 100 * PATIENCE;
    context
}

/// Passes calls on under another name.
struct Renamed(AnyRemote, &'static str);

impl Handler for Renamed {
    fn call(&self, mut call: RawCall) -> RawReturn {
        call.method.name = self.1.into();
        self.0.call_raw(call)
    }
}

#[tokio::test]
async fn a_request_under_the_name_of_another_is_refused() {
    let shop = Shop::default();
    let host = Node::builder().listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
    host.publish_any("shop", serve(&shop)).expect("a name");
    let caller = Node::builder().start().await.expect("a node starts");
    let service = caller.connect_any(&format!("{}/shop", host.addresses()[0])).await.expect("a session");

    let liar = client(AnyRemote::from_handler("tarpc", Arc::new(Renamed(service.clone(), "World.hello"))));
    let error = within("the refusal", liar.close(long())).await.expect_err("it is no `hello`");
    let RpcError::Server(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, std::io::ErrorKind::InvalidData);
    assert!(error.detail.contains("`tarpc.World.close`") && error.detail.contains("did not run"), "{}", error.detail);

    // The same by those who have no types, who may call under both names of it.
    let object = Object::new(service.clone());
    let error = object.call("tarpc.World.hello", json!({ "Close": {} })).await.expect_err("it is no `hello`");
    let error = error.call().expect("netref's");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::NotRun), "{error}");
    assert_eq!(shop.0.load(Ordering::SeqCst), 0, "it was not closed");

    assert_eq!(
        object.call("tarpc.World.hello", json!({ "Hello": { "name": "ada" } })).await.expect("called"),
        json!({ "Hello": "hello ada" })
    );
    client(service).close(long()).await.expect("under its own name");
    assert_eq!(shop.0.load(Ordering::SeqCst), 1);
}

/// A service whose transport nobody polls.
fn unserved() -> (Stub<WorldRequest, WorldResponse>, Transport) {
    let (service, transport) = tarpc_bridge::server();
    (Stub::new(service), transport)
}

#[tokio::test]
async fn what_is_given_up_before_it_is_taken_leaves_nothing() {
    use tarpc::client::stub::Stub as _;
    let (stub, mut transport) = unserved();
    let gone = Arc::new(AtomicU64::new(0));
    for _ in 0..20_000 {
        let token = Remote::<dyn Token>::new(Held(Arc::clone(&gone)));
        let call = stub.call(long(), WorldRequest::Keep { token });
        assert!(call.now_or_never().is_none(), "nobody answers");
    }
    assert_eq!(gone.load(Ordering::SeqCst), 20_000, "the requests are gone, with what they referred to");
    assert!(transport.next().now_or_never().is_none(), "there is nothing to be taken or cancelled");
}

#[tokio::test]
async fn more_than_there_is_room_for_is_refused_and_did_not_run() {
    use tarpc::client::stub::Stub as _;
    let (stub, transport) = unserved();
    let mut waiting = Vec::new();
    let error = loop {
        assert!(waiting.len() < 20_000, "it is bounded");
        let mut call = Box::pin(stub.call(long(), WorldRequest::Hello { name: "ada".into() }));
        match (&mut call).now_or_never() {
            None => waiting.push(call),
            Some(answer) => break answer.expect_err("nobody answers"),
        }
    };
    assert!(waiting.len() >= 4_096, "what one session may have in flight fits: {}", waiting.len());
    let RpcError::Send(error) = error else { panic!("{error:?}") };
    let error = error.downcast::<netref::Error>().expect("netref's");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error}");

    // There is room again when some are given up, and the others are served in order.
    waiting.truncate(2);
    tokio::spawn(BaseChannel::with_defaults(transport).execute(Shop::default().serve()).for_each(|request| request));
    for call in waiting {
        within("the answer", call).await.expect("answered");
    }
    assert!(matches!(stub.call(long(), WorldRequest::Close {}).await, Ok(WorldResponse::Close(()))));
}

/// Calls the service when it is woken.
struct CallsBack(AnyRemote);

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        drop(self.0.call_raw(RawCall::new(Method::by_name("tarpc.World", "close"), Payload::json(&json!({ "Close": {} })).expect("JSON"))));
    }
}

#[test]
fn no_waker_runs_under_the_lock() {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let (service, transport) = tarpc_bridge::server::<WorldRequest, WorldResponse>();
        let call = RawCall::new(Method::by_name("tarpc.World", "close"), Payload::json(&json!({ "Close": {} })).expect("JSON"));
        let mut waiting = pin!(service.call_raw(call).reply());
        let waker = Waker::from(Arc::new(CallsBack(service.clone())));
        assert!(matches!(waiting.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        drop(transport);
        done.send(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()).expect("it is waited for");
    });
    assert!(ended.recv_timeout(PATIENCE).expect("it does not wait for itself"), "the caller is told");
}

#[tokio::test]
async fn a_panic_is_an_error_at_the_caller_and_keeps_its_text() {
    let world = client(serve(&Shop::default()));
    let error = within("the panic", world.fall(long())).await.expect_err("it panics");
    let RpcError::Server(error) = error else { panic!("{error:?}") };
    assert!(error.detail.contains("the handler panicked") && !error.detail.contains("secret"), "{}", error.detail);
    assert_eq!(world.hello(long(), "eve".into()).await.expect("it goes on"), "hello eve");
}

#[tokio::test]
async fn the_limits_of_the_nodes_hold_for_requests_and_results() {
    let little = Limits { decoded_bytes: 1 << 18, ..Limits::default() };
    let long = || "a".repeat(1 << 19);
    for (ours, theirs, words) in
        [(Limits::default(), little.clone(), "the request cannot be decoded"), (little, Limits::default(), "the result cannot be decoded")]
    {
        let host = Node::builder().limits(theirs).listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
        host.publish_any("shop", serve(&Shop::default())).expect("a name");
        let caller = Node::builder().limits(ours).start().await.expect("a node starts");
        let service = caller.connect_any(&format!("{}/shop", host.addresses()[0])).await.expect("a session");
        // Of a promise it is not known yet whose limits hold when the call is made.
        let known = service.clone().downcast::<dyn Token>();
        let promised = Remote::into_any(Remote::from_future(async move { Ok::<_, netref::Error>(known) }));
        for world in [
            client(service.clone()).hello(self::long(), long()).await,
            WorldClient::from(Stub::new(service)).hello(self::long(), long()).await,
            WorldClient::from(Stub::new(promised)).hello(self::long(), long()).await,
        ] {
            let text = format!("{:?}", world.expect_err("it is too much"));
            assert!(text.contains(words) && text.contains("262144 bytes of memory"), "{text}");
        }
    }
}
