//! What is promised is called without a trait before it is there: under the name of what it becomes, and within what the node allows.

use netref::dynamic::Object;
use netref::{AnyRemote, ErrorKind, Limits, Node, Outcome, Remote, Result, remote};
use serde_json::json;

use crate::within;

#[remote(name = "test.Echoes")]
trait Echoes {
    async fn open(&self) -> Result<Remote<dyn Echo>>;
    /// The same without its type.
    async fn find(&self) -> Result<AnyRemote>;
    async fn lose(&self) -> Result<AnyRemote>;
}

#[remote(name = "test.PromisedEcho")]
trait Echo {
    async fn echo(&self, text: String) -> Result<String>;
}

struct Valley;

impl Echoes for Valley {
    async fn open(&self) -> Result<Remote<dyn Echo>> {
        Ok(Remote::new(Self))
    }

    async fn find(&self) -> Result<AnyRemote> {
        self.open().await.map(Remote::into_any)
    }

    async fn lose(&self) -> Result<AnyRemote> {
        Err(netref::Error::new(ErrorKind::Unsupported, Outcome::NotRun, "the echo is lost"))
    }
}

impl Echo for Valley {
    async fn echo(&self, text: String) -> Result<String> {
        Ok(text)
    }
}

const LITTLE: u64 = 1 << 18;

/// The valley on a node of its own, and here on one that allows little.
async fn valley() -> (Remote<dyn Echoes>, [Node; 2]) {
    let valley = Remote::<dyn Echoes>::new(Valley);
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("valley", valley).start().await.expect("a node starts");
    let limits = Limits { decoded_bytes: LITTLE, ..Limits::default() };
    let caller = Node::builder().limits(limits).start().await.expect("a node starts");
    let there = caller.connect(&format!("{}/valley", host.addresses()[0])).await.expect("a session");
    (there, [host, caller])
}

#[tokio::test]
async fn a_promise_without_a_name_is_called_by_that_of_what_it_becomes() {
    let (there, _nodes) = valley().await;
    for valley in [there, Remote::<dyn Echoes>::new(Valley)] {
        let echo = Object::new(valley.find().pipelined());
        assert_eq!(echo.interface(), "", "nobody can know it yet");
        assert_eq!(within("an echo", echo.call("echo", json!(["ada"]))).await.expect("called"), json!("ada"));
        assert_eq!(echo.interface(), "test.PromisedEcho");
        assert_eq!(echo.call("echo", json!({ "text": "bob" })).await.expect("called again"), json!("bob"));

        let lost = Object::new(valley.lose().pipelined());
        let error = within("why", lost.call("echo", json!(["eve"]))).await.expect_err("there is none");
        assert!(error.to_string().contains("the echo is lost"), "{error}");
    }
}

#[tokio::test]
async fn a_result_through_a_promise_costs_no_more_than_the_node_allows() {
    let (valley, _nodes) = valley().await;
    let echo = Object::from(valley.open().pipelined());
    let error = within("an echo", echo.call("echo", json!(["a".repeat(2 * LITTLE as usize)]))).await.expect_err("it is too much");
    let error = error.call().expect("netref's");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::Ran), "{error}");
    assert!(error.text().contains("262144 bytes of memory"), "{error}");
    assert_eq!(echo.call("echo", json!(["ada"])).await.expect("it goes on"), json!("ada"));
}
