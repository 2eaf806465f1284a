//! Halves in calls that go through code which knows no types: interceptors, JSON, functions in an object's place; and in programs without
//! async.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netref::around::{Interceptor, Next, Retry};
use netref::dynamic::{Object, Value};
use netref::stream::{self, Receiver};
use netref::{Error, ErrorKind, Handler, Limits, Node, Outcome, RawCall, RawReturn, Remote, blocking};
use serde_json::json;

use crate::{Depot, Store, bounded, no_stream_is_left, pair};

/// Passes everything on.
#[derive(Clone, Default)]
struct Passing(Arc<AtomicU64>);

impl Interceptor for Passing {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        self.0.fetch_add(1, Ordering::SeqCst);
        next.call(call)
    }
}

async fn works_both_ways(depot: &Remote<dyn Depot>) {
    let numbers = depot.numbers(1_000).await.unwrap();
    assert_eq!(bounded(depot.sum(numbers)).await.unwrap(), 499_500);
    let (sender, receiver) = stream::channel(3);
    let fill = depot.fill(sender, 100).send();
    assert_eq!(bounded(depot.sum(receiver)).await.unwrap(), 4_950);
    bounded(fill).await.unwrap();
}

#[tokio::test]
async fn halves_pass_interceptors_on_every_side() {
    let (out, incoming, around) = (Passing::default(), Passing::default(), Passing::default());
    let depot = Remote::intercept(Remote::<dyn Depot>::new(Store::default()), around.clone());
    let host = Node::builder().intercept_incoming(incoming.clone()).listen("tcp://127.0.0.1:0").publish("depot", depot);
    let host = host.start().await.unwrap();
    let caller = Node::builder().intercept_outgoing(out.clone()).start().await.unwrap();
    let depot: Remote<dyn Depot> = caller.connect(&format!("{}/depot", host.addresses()[0])).await.unwrap();
    works_both_ways(&depot).await;
    works_both_ways(&Remote::intercept(depot, Retry::new(3))).await;
    for passed in [out, incoming, around] {
        assert_eq!(passed.0.load(Ordering::SeqCst), 8);
    }
    no_stream_is_left(&[&host, &caller]).await;
}

/// Refuses every call, as a callee that has too much to do, and counts them.
#[derive(Default)]
struct Busy(AtomicU64);

impl Handler for Busy {
    fn call(&self, _call: RawCall) -> RawReturn {
        self.0.fetch_add(1, Ordering::SeqCst);
        RawReturn::failed(Error::new(ErrorKind::Overloaded, Outcome::NotRun, "too much to do"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_carries_a_half_is_never_made_again() {
    let busy = Arc::new(Busy::default());
    let depot = Remote::<dyn Depot>::from_handler(Arc::clone(&busy) as Arc<dyn Handler>);
    let depot = Remote::intercept(depot, Retry::new(4));
    assert_eq!(depot.ping().await.unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(busy.0.swap(0, Ordering::SeqCst), 4);
    let (sender, receiver) = stream::channel(1);
    assert_eq!(depot.sum(receiver).await.unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(busy.0.load(Ordering::SeqCst), 1);
    // Nobody has kept the half for a second attempt.
    assert_eq!(bounded(sender.closed()).await.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn a_description_shows_streams_as_in_rust() {
    let (_host, _caller, depot) = pair(Limits::default()).await;
    let description = Remote::into_any(depot).describe().await.unwrap();
    let methods = &description.interfaces[0].methods;
    let method = |name: &str| methods.iter().find(|method| method.name == name).unwrap();
    assert_eq!(method("numbers").types.value(), "Receiver<u64>");
    assert_eq!(method("fill").types.argument(0).unwrap(), "Sender<u64>");
    assert_eq!(method("rich").types.value(), "Receiver<Rich>");
    assert_eq!(method("follow").types.value(), "WatchReceiver<u64>");
    assert_eq!(method("set").types.argument(0).unwrap(), "WatchSender<u64>");
    assert_eq!(method("echo").types.value(), "ByteReader");
    assert_eq!(method("write_to").types.argument(0).unwrap(), "ByteWriter");
    let text = description.to_string();
    assert!(text.contains("inner: Option<Receiver<u64>>"), "{text}");
    assert!(!text.contains("dyn netref."), "{text}");
    for name in ["numbers", "echo"] {
        let schema = method(name).result_schema();
        assert!(schema["description"].as_str().unwrap().contains("half of a stream"), "{schema}");
    }
}

#[tokio::test]
async fn json_passes_a_half_on_and_says_that_it_can_do_no_more() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let depot = Object::from(depot);
    let numbers = depot.call("numbers", json!([100])).await.unwrap();
    let half = numbers.as_object().expect("a handle");
    let error = half.call("recv", Value::Null).await.unwrap_err();
    assert!(error.to_string().contains("half of a stream and no object"), "{error}");
    assert!(half.describe().await.unwrap_err().to_string().contains("half of a stream"));
    assert_eq!(bounded(depot.call("sum", Value::Array(vec![half.into()]))).await.unwrap(), json!(4_950));
    // It is gone with that.
    let error = bounded(depot.call("sum", Value::Array(vec![half.into()]))).await.unwrap_err();
    assert!(error.to_string().contains("passed on"), "{error}");
    // What is no half is not taken for one.
    for wrong in [json!(5), json!("text"), json!([1, 2])] {
        let error = depot.call("sum", json!({ "numbers": wrong })).await.unwrap_err();
        assert!(error.to_string().contains("numbers"), "{error}");
    }
    let error = depot.call("sum", Value::Array(vec![(&depot).into()])).await.unwrap_err();
    assert!(error.to_string().contains("an object where a half of a stream belongs"), "{error}");
    drop(numbers);
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_function_in_an_objects_place_passes_halves_of_typed_callers_on() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let real = Object::from(depot);
    let relayed = Object::from_fn(real.interface().to_owned(), move |call| {
        let real = real.clone();
        async move { real.call(&call.method, call.arguments).await }
    });
    let stands_for = relayed.into_any().downcast::<dyn Depot>();
    let third = Node::builder().listen("tcp://127.0.0.1:0").publish("depot", stands_for).start().await.unwrap();
    let far = Node::builder().start().await.unwrap();
    let depot: Remote<dyn Depot> = far.connect(&format!("{}/depot", third.addresses()[0])).await.unwrap();
    works_both_ways(&depot).await;
    no_stream_is_left(&[&host, &caller, &third, &far]).await;
}

#[test]
fn streams_without_async() {
    let host = blocking::Node::builder().listen("tcp://127.0.0.1:0").publish("depot", Remote::<dyn Depot>::new(Store::default()));
    let host = host.start().unwrap();
    let caller = blocking::Node::builder().start().unwrap();
    let depot: Remote<dyn Depot> = caller.connect(&format!("{}/depot", host.addresses()[0])).unwrap();
    let mut numbers: Receiver<u64> = depot.numbers(3).wait().unwrap();
    for number in 0..3 {
        assert_eq!(blocking::block_on(numbers.recv()).unwrap(), Some(Ok(number)));
    }
    assert_eq!(blocking::block_on(numbers.recv()).unwrap(), None);

    // Halves are made, passed on, used and dropped outside any runtime.
    let (mut sender, receiver) = stream::channel(2);
    let sum = depot.sum(receiver).send();
    for number in 0..10 {
        blocking::block_on(sender.send(number)).unwrap().unwrap();
    }
    blocking::block_on(sender.finish()).unwrap().unwrap();
    assert_eq!(sum.wait().unwrap(), 45);
    drop(depot.numbers(1_000_000).wait().unwrap());
    let squares = stream::from_iter([1_u64, 4, 9], 2).unwrap();
    assert_eq!(depot.sum(squares).wait().unwrap(), 14);
    let idle = || [&host, &caller].iter().all(|node| node.stats().tables.iter().all(|session| session.streams == 0));
    while !idle() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
