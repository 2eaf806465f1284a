//! What is called ahead on results that come through interceptors: the fields of a struct are found, and what broke a promise is told, as
//! long as the interceptors leave the result as it is; where they put another reference, that one is called.

use std::fmt;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use netref::around::{Interceptor, Logging, Next};
use netref::{Error, Node, NodeBuilder, Outcome, Pipeline, RawCall, RawReply, RawReturn, Remote, remote};
use netref_tests::patience::within;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, netref::Schema)]
enum Refusal {
    SoldOut(String),
    Netref(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Netref(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Refusal {}

#[remote]
trait Fruit {
    async fn name(&self) -> Result<String, Refusal>;
}

#[derive(Serialize, Deserialize)]
enum Besides {
    Of(Remote<dyn Fruit>),
}

#[derive(Serialize, Deserialize, Pipeline)]
struct Basket {
    weight: u64,
    /// What is in lists and variants has no promise, and stands in the table all the same.
    others: Vec<Remote<dyn Fruit>>,
    besides: Besides,
    left: Remote<dyn Fruit>,
    right: Remote<dyn Fruit>,
}

#[remote]
trait Stall {
    async fn basket(&self) -> Result<Basket, Refusal>;
    async fn nothing(&self) -> Result<Basket, Refusal>;
}

struct Is(&'static str);
impl Fruit for Is {
    async fn name(&self) -> Result<String, Refusal> {
        Ok(self.0.to_owned())
    }
}

struct MyStall;
impl Stall for MyStall {
    async fn basket(&self) -> Result<Basket, Refusal> {
        let pear: Remote<dyn Fruit> = Remote::new(Is("pear"));
        let others = vec![Remote::new(Is("plum")), pear.clone()];
        Ok(Basket { weight: 7, others, besides: Besides::Of(Remote::new(Is("fig"))), left: Remote::new(Is("apple")), right: pear })
    }
    async fn nothing(&self) -> Result<Basket, Refusal> {
        Err(Refusal::SoldOut("baskets".into()))
    }
}

/// Changes what a stall gives.
struct Changes<F>(F);
impl<F: Fn(&mut netref::Payload) + Clone + Send + Sync + 'static> Interceptor for Changes<F> {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let (change, is_stall) = (self.0.clone(), call.method.name == "basket");
        let returned = next.call(call);
        RawReturn::pending(async move {
            match returned.reply().await {
                RawReply::Ok(mut payload) if is_stall => {
                    change(&mut payload);
                    RawReply::Ok(payload)
                }
                reply => reply,
            }
        })
    }
}

async fn stall(stall: Remote<dyn Stall>, around: impl FnOnce(NodeBuilder) -> NodeBuilder) -> (Remote<dyn Stall>, [Node; 2]) {
    let host = around(Node::builder()).listen("tcp://127.0.0.1:0").publish("stall", stall).start().await.unwrap();
    let guest = Node::builder().start().await.unwrap();
    let stall = guest.connect(&format!("{}/stall", host.addresses()[0])).await.unwrap();
    (stall, [host, guest])
}

fn plain() -> Remote<dyn Stall> {
    Remote::new(MyStall)
}

#[tokio::test]
async fn fields_of_a_result_behind_interceptors_are_called_ahead() {
    let object = || Remote::intercept(Remote::intercept(plain(), Logging::new()), Logging::new());
    let places = [
        ("node", stall(plain(), |node| node.intercept_incoming(Logging::new())).await),
        ("object", stall(object(), |node| node).await),
        ("both", stall(object(), |node| node.intercept_incoming(Logging::new())).await),
    ];
    for (place, (stall, _nodes)) in places {
        let basket = stall.basket().pipelined();
        assert_eq!(within(place, basket.right.name()).await.unwrap(), "pear", "{place}");
        assert_eq!(within(place, basket.left.name()).await.unwrap(), "apple", "{place}");
        // Why there is none, in the words and the type of whoever said it.
        let error = within(place, stall.nothing().pipelined().left.name()).await.unwrap_err();
        assert_eq!(error, Refusal::SoldOut("baskets".into()), "{place}");
    }
}

#[tokio::test]
async fn references_that_an_interceptor_has_put_are_the_ones_that_are_called() {
    let change = Changes(|payload: &mut netref::Payload| payload.references[3] = Remote::into_any(Remote::<dyn Fruit>::new(Is("melon"))));
    let (stall, _nodes) = stall(Remote::intercept(plain(), change), |node| node).await;
    let basket = stall.basket().pipelined();
    assert_eq!(within("the other one", basket.left.name()).await.unwrap(), "melon");
    assert_eq!(within("the one that was left", basket.right.name()).await.unwrap(), "pear");
}

#[tokio::test]
async fn one_of_two_entries_that_were_the_same_is_not_guessed() {
    // One of them is the field, the other one is in the list.
    for entry in [1, 4] {
        let melon =
            move |payload: &mut netref::Payload| payload.references[entry] = Remote::into_any(Remote::<dyn Fruit>::new(Is("melon")));
        let (stall, _nodes) = stall(Remote::intercept(plain(), Changes(melon)), |node| node).await;
        let Err(Refusal::Netref(error)) = within("an answer", stall.basket().pipelined().right.name()).await else { panic!("an error") };
        assert_eq!(error.outcome(), Outcome::NotRun, "{error}");
        assert_eq!(within("the left one", stall.basket().pipelined().left.name()).await.unwrap(), "apple");
    }
}

#[tokio::test]
async fn places_in_a_result_that_an_interceptor_has_written_anew_are_not_guessed() {
    // With the two references the other way round.
    let change = Changes(|payload: &mut netref::Payload| payload.bytes = Bytes::from_static(&[7, 2, 0, 1, 0, 2, 4, 3]));
    let (stall, _nodes) = stall(Remote::intercept(plain(), change), |node| node).await;
    let Err(Refusal::Netref(error)) = within("an answer", stall.basket().pipelined().left.name()).await else { panic!("an error") };
    assert_eq!(error.outcome(), Outcome::NotRun, "{error}");
    let basket = within("the result", stall.basket()).await.unwrap();
    assert_eq!(within("a name", basket.left.name()).await.unwrap(), "pear");
}

#[tokio::test]
async fn fields_of_a_result_that_a_node_passes_on_are_called_when_they_are_known() {
    let (distant, _nodes) = stall(plain(), |node| node).await;
    let (passed_on, _more) = stall(distant, |node| node).await;
    let basket = passed_on.basket().pipelined();
    assert_eq!(within("one of them", basket.right.name()).await.unwrap(), "pear");
    assert_eq!(within("the other one", basket.left.name()).await.unwrap(), "apple");
    let error = within("why", passed_on.nothing().pipelined().left.name()).await.unwrap_err();
    assert_eq!(error, Refusal::SoldOut("baskets".into()));
}

#[remote]
trait Door {
    /// Computes until the door is opened; whether it was.
    #[remote(spawn)]
    async fn hold(&self) -> Result<bool, Refusal>;
    async fn open(&self) -> Result<(), Refusal>;
}

struct MyDoor {
    opens: mpsc::SyncSender<()>,
    opened: Mutex<mpsc::Receiver<()>>,
}

impl Door for MyDoor {
    async fn hold(&self) -> Result<bool, Refusal> {
        Ok(self.opened.lock().unwrap().recv_timeout(Duration::from_secs(20)).is_ok())
    }
    async fn open(&self) -> Result<(), Refusal> {
        self.opens.send(()).expect("somebody waits");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_computes_behind_a_promise_with_interceptors_does_not_keep_its_session_from_reading() {
    let (opens, opened) = mpsc::sync_channel(1);
    let door: Remote<dyn Door> = Remote::new(MyDoor { opens, opened: Mutex::new(opened) });
    let known = door.clone();
    let promise = Remote::from_future(async move { Ok::<_, Error>(known) });
    within("it is known", Remote::resolved(&promise)).await.unwrap();
    let around = || Remote::intercept(promise.clone(), Logging::new());
    let plain = || Node::builder().listen("tcp://127.0.0.1:0");
    let hosts = [
        plain().publish("promise", around()),
        plain().publish("promise", Remote::intercept(around(), Logging::new())),
        plain().publish("promise", around()).intercept_incoming(Logging::new()),
    ];
    let guest = Node::builder().start().await.unwrap();
    for host in hosts {
        let host = host.start().await.unwrap();
        let promise: Remote<dyn Door> = guest.connect(&format!("{}/promise", host.addresses()[0])).await.unwrap();
        let holding = promise.hold().send();
        // Over the same session, and behind it.
        within("it is opened", promise.open()).await.unwrap();
        assert!(within("it was held", holding).await.unwrap(), "nobody could open it");
    }
}
