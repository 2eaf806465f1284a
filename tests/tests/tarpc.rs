//! Services of tarpc over a netref session: stock services with their generated clients and servers, in both directions at once on one
//! connection, beside netref's own objects; deadlines, traces, cancellation and names observed at the other end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use netref::tarpc_bridge::{self, Stub};
use netref::{AnyRemote, Handler, Node, RawCall, RawReturn, Remote, Result, remote};
use netref_tests::patience::{PATIENCE, until, within};
use tarpc::client::stub::Stub as _;
use tarpc::client::stub::retry::Retry;
use tarpc::client::{self, RpcError};
use tarpc::server::{BaseChannel, Channel};
use tarpc::{context, trace};

#[remote]
trait Counter {
    async fn add(&self, amount: u64) -> Result<u64>;
}

#[derive(Default)]
struct MyCounter(AtomicU64);

impl Counter for MyCounter {
    async fn add(&self, amount: u64) -> Result<u64> {
        Ok(self.0.fetch_add(amount, Ordering::SeqCst) + amount)
    }
}

#[tarpc::service]
trait World {
    async fn hello(name: String) -> String;
    /// What the handler knows of its request: how much time is left, and the trace.
    async fn told() -> (Duration, u128, bool);
    async fn forever();
    async fn count(counter: Remote<dyn Counter>) -> u64;
}

/// The same with another type in it.
mod other {
    #[tarpc::service]
    pub trait World {
        async fn hello(name: u64) -> String;
    }
}

/// Counts the handlers that run, and those that ended.
#[derive(Clone, Default)]
struct Greeter {
    name: &'static str,
    running: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

/// Ends with the handler, however that ends.
struct Stay(Greeter);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl World for Greeter {
    async fn hello(self, _: context::Context, name: String) -> String {
        tokio::task::yield_now().await;
        format!("{} greets {name}", self.name)
    }

    async fn told(self, context: context::Context) -> (Duration, u128, bool) {
        let left = context.deadline.saturating_duration_since(Instant::now());
        let trace = context.trace_context;
        (left, trace.trace_id.into(), trace.sampling_decision == trace::SamplingDecision::Sampled)
    }

    async fn forever(self, _: context::Context) {
        self.running.fetch_add(1, Ordering::SeqCst);
        let _stay = Stay(self);
        std::future::pending().await
    }

    async fn count(self, _: context::Context, counter: Remote<dyn Counter>) -> u64 {
        counter.add(5).await.expect("a netref object in a tarpc request")
    }
}

/// Serves a greeter, with the stock server.
fn serve(greeter: &Greeter) -> AnyRemote {
    let (service, transport) = tarpc_bridge::server();
    let requests = BaseChannel::with_defaults(transport).execute(greeter.clone().serve());
    tokio::spawn(requests.for_each(|request| async { drop(tokio::spawn(request)) }));
    service
}

fn client(service: AnyRemote) -> WorldClient {
    WorldClient::new(client::Config::default(), tarpc_bridge::client(service)).spawn()
}

/// Two nodes with one session, each with a service and a client of the other's.
struct Scene {
    nodes: [Node; 2],
    greeters: [Greeter; 2],
    /// The first calls what is served at the second node, and the other way round.
    clients: [WorldClient; 2],
    services: [AnyRemote; 2],
    counter: Remote<dyn Counter>,
}

impl Scene {
    async fn new() -> Self {
        let greeters = ["first", "second"].map(|name| Greeter { name, ..Greeter::default() });
        let start = |name: &str| Node::builder().name(name).listen("tcp://127.0.0.1:0").start();
        let nodes = [start("first").await.expect("a node starts"), start("second").await.expect("a node starts")];
        for (node, greeter) in nodes.iter().zip(&greeters) {
            node.publish_any("world", serve(greeter)).expect("a name");
        }
        nodes[1].publish("counter", Remote::<dyn Counter>::new(MyCounter::default())).expect("a name");
        let session = nodes[0].open(&nodes[1].addresses()[0]).await.expect("a session");
        until("the other side has it too", || nodes[1].sessions().len() == 1).await;
        let back = &nodes[1].sessions()[0];
        let services = [session.lookup_any("world").await.expect("published"), back.lookup_any("world").await.expect("published")];
        let counter = nodes[0].connect(&format!("{}/counter", nodes[1].addresses()[0])).await.expect("published");
        Self { clients: services.clone().map(client), nodes, greeters, services, counter }
    }
}

fn soon(time: Duration) -> context::Context {
    let mut context = context::current();
    context.deadline = Instant::now() + time;
    context
}

#[tokio::test]
async fn both_directions_at_once_beside_netref_objects() {
    let scene = Scene::new().await;
    let mut tasks = Vec::new();
    for number in 0..300_u64 {
        for (client, at) in scene.clients.iter().zip(["second", "first"]) {
            let client = client.clone();
            tasks.push(tokio::spawn(async move {
                let said = client.hello(soon(PATIENCE), number.to_string()).await.expect("answered");
                assert_eq!(said, format!("{at} greets {number}"));
            }));
        }
        let counter = scene.counter.clone();
        tasks.push(tokio::spawn(async move {
            counter.add(1).await.expect("answered");
        }));
    }
    for task in tasks {
        within("all of them", task).await.expect("no panic");
    }
    assert_eq!(scene.counter.add(0).await.expect("answered"), 300);
    assert!(scene.nodes.iter().all(|node| node.sessions().len() == 1), "one connection carried it all");
}

#[tokio::test]
async fn a_netref_reference_travels_in_a_request() {
    let scene = Scene::new().await;
    let here = Remote::<dyn Counter>::new(MyCounter::default());
    assert_eq!(scene.clients[0].count(soon(PATIENCE), here.clone()).await.expect("called back"), 5);
    assert_eq!(here.add(0).await.expect("answered"), 5, "it was this one");
}

#[tokio::test]
async fn a_deadline_is_observed_at_the_other_end_and_ends_the_handler() {
    let scene = Scene::new().await;
    for (client, greeter) in scene.clients.iter().zip(scene.greeters.iter().rev()) {
        let (left, ..) = client.told(soon(Duration::from_secs(40))).await.expect("answered");
        assert!(left <= Duration::from_secs(40) && left > Duration::from_secs(11), "not tarpc's default of ten seconds: {left:?}");

        let error = within("the deadline", client.forever(soon(Duration::from_millis(300)))).await.expect_err("it takes for ever");
        assert!(matches!(error, RpcError::DeadlineExceeded), "{error:?}");
        until("the handler is dropped", || greeter.running.load(Ordering::SeqCst) == 0).await;
    }
    until("no call is left", || scene.nodes.iter().all(|node| node.stats().tables.iter().all(|table| table.calls_in == 0))).await;
}

#[tokio::test]
async fn a_dropped_request_is_cancelled_at_the_other_end() {
    let scene = Scene::new().await;
    let mut pending = Vec::new();
    for client in &scene.clients {
        for _ in 0..10 {
            let client = client.clone();
            // The deadline is further away than this test waits, so that it is not what ends them.
            pending.push(tokio::spawn(async move { client.forever(soon(100 * PATIENCE)).await }));
        }
    }
    let running = |count| scene.greeters.iter().all(|greeter| greeter.running.load(Ordering::SeqCst) == count);
    until("they run at both ends at once", || running(10)).await;
    pending.iter().for_each(tokio::task::JoinHandle::abort);
    until("they are cancelled", || running(0)).await;
    assert!(scene.greeters.iter().all(|greeter| greeter.ended.load(Ordering::SeqCst) == 10));
    until("no call is left", || scene.nodes.iter().all(|node| node.stats().tables.iter().all(|table| table.calls_in == 0))).await;
    assert_eq!(scene.clients[0].hello(soon(PATIENCE), "eve".into()).await.expect("it goes on"), "second greets eve");
}

#[tokio::test]
async fn the_trace_goes_along() {
    let scene = Scene::new().await;
    let mut context = soon(PATIENCE);
    context.trace_context.trace_id = trace::TraceId::from(0x1234_5678_9abc_def0_u128);
    context.trace_context.sampling_decision = trace::SamplingDecision::Sampled;
    for client in &scene.clients {
        let (_, trace, sampled) = client.told(context).await.expect("answered");
        assert_eq!((trace, sampled), (0x1234_5678_9abc_def0, true));
    }
}

/// Passes calls on and notes their names.
struct Spy {
    to: AnyRemote,
    seen: Mutex<Vec<String>>,
}

impl Handler for Spy {
    fn call(&self, call: RawCall) -> RawReturn {
        self.seen.lock().expect("a lock").push(call.method.to_string());
        self.to.call_raw(call)
    }
}

#[tokio::test]
async fn requests_keep_their_names_and_a_service_can_be_wrapped() {
    let scene = Scene::new().await;
    let spy = Arc::new(Spy { to: scene.services[0].clone(), seen: Mutex::default() });
    let client = client(AnyRemote::from_handler("tarpc", Arc::clone(&spy) as Arc<dyn Handler>));
    client.hello(soon(PATIENCE), "ada".into()).await.expect("answered");
    client.told(soon(PATIENCE)).await.expect("answered");
    assert_eq!(*spy.seen.lock().expect("a lock"), ["tarpc.World.hello", "tarpc.World.told"]);
}

#[tokio::test]
async fn stubs_call_without_a_dispatch_task() {
    let scene = Scene::new().await;
    let stub: Stub<WorldRequest, WorldResponse> = Stub::new(scene.services[0].clone());
    let world = WorldClient::from(stub.clone());
    assert_eq!(world.hello(soon(PATIENCE), "ada".into()).await.expect("answered"), "second greets ada");
    let error = within("the deadline", world.forever(soon(Duration::from_millis(300)))).await.expect_err("it takes for ever");
    assert!(matches!(error, RpcError::DeadlineExceeded), "{error:?}");
    until("the handler is dropped", || scene.greeters[1].running.load(Ordering::SeqCst) == 0).await;

    // tarpc's own stubs around it: the first attempts meet a service that is gone.
    let (gone, transport) = tarpc_bridge::server::<Arc<WorldRequest>, WorldResponse>();
    drop(transport);
    let error = Stub::<Arc<WorldRequest>, WorldResponse>::new(gone).call(soon(PATIENCE), Arc::new(WorldRequest::Told {})).await;
    let Err(RpcError::Send(error)) = error else { panic!("{error:?}") };
    assert!(error.to_string().contains("not served any more"), "{error}");
    let attempts = AtomicU64::new(0);
    let inner: Stub<Arc<WorldRequest>, WorldResponse> = Stub::new(scene.services[0].clone());
    let retry = Retry::new(inner, |_: &Result<WorldResponse, RpcError>, attempt| {
        attempts.fetch_add(1, Ordering::SeqCst);
        attempt < 3
    });
    retry.call(soon(PATIENCE), WorldRequest::Told {}).await.expect("answered");
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn another_version_is_an_error_and_not_garbage() {
    let scene = Scene::new().await;
    let transport = tarpc_bridge::client(scene.services[0].clone());
    let stranger = other::WorldClient::new(client::Config::default(), transport).spawn();
    let error = stranger.hello(soon(PATIENCE), 7).await.expect_err("another type");
    let RpcError::Server(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, std::io::ErrorKind::InvalidData);
    assert!(error.detail.contains("`request`") && error.detail.contains("u64"), "{}", error.detail);
    assert_eq!(scene.clients[0].hello(soon(PATIENCE), "eve".into()).await.expect("it goes on"), "second greets eve");
}

#[tokio::test]
async fn garbage_and_endless_time_harm_nobody() {
    let scene = Scene::new().await;
    // The types are right, and the bytes are not.
    struct Garbler(AnyRemote);
    impl Handler for Garbler {
        fn call(&self, mut call: RawCall) -> RawReturn {
            call.payload.bytes = vec![0xff; 100].into();
            self.0.call_raw(call)
        }
    }
    let garbled = client(AnyRemote::from_handler("tarpc", Arc::new(Garbler(scene.services[0].clone()))));
    let error = garbled.hello(soon(PATIENCE), "ada".into()).await.expect_err("garbage");
    assert!(matches!(&error, RpcError::Server(error) if error.detail.contains("the request cannot be decoded")), "{error:?}");

    // More time than tarpc's timers can count.
    let ages = soon(Duration::from_secs(1_000 * 365 * 24 * 3_600));
    let world = WorldClient::from(Stub::<WorldRequest, WorldResponse>::new(scene.services[0].clone()));
    assert_eq!(world.hello(ages, "eve".into()).await.expect("answered"), "second greets eve");
    assert_eq!(scene.clients[0].hello(soon(PATIENCE), "bob".into()).await.expect("it goes on"), "second greets bob");
}

#[tokio::test]
async fn the_end_of_the_session_is_the_end_of_the_channel() {
    let Scene { nodes: [first, second], clients: [client, _], greeters, services, .. } = Scene::new().await;
    drop(services);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.forever(soon(PATIENCE)).await }
    });
    until("it runs", || greeters[1].running.load(Ordering::SeqCst) == 1).await;
    second.shutdown(Duration::from_millis(10)).await;
    let error = within("the end", waiting).await.expect("no panic").expect_err("the other side is gone");
    assert!(matches!(error, RpcError::Channel(_) | RpcError::Shutdown | RpcError::Server(_)), "{error:?}");
    until("the handler is dropped", || greeters[1].running.load(Ordering::SeqCst) == 0).await;
    within("later ones", client.hello(soon(PATIENCE), "eve".into())).await.expect_err("the other side is gone");
    drop(first);
}

#[tokio::test]
async fn a_service_ends_with_its_last_reference() {
    let greeter = Greeter { name: "here", ..Greeter::default() };
    let (service, transport) = tarpc_bridge::server();
    let requests = BaseChannel::with_defaults(transport).execute(greeter.serve());
    let serving = tokio::spawn(requests.for_each(|request| async { drop(tokio::spawn(request)) }));
    let world = client(service);
    assert_eq!(world.hello(soon(PATIENCE), "ada".into()).await.expect("in one process too"), "here greets ada");
    drop(world);
    within("the stream of requests ends", serving).await.expect("no panic");
}
