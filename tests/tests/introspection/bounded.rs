//! What a value may cost that no trait bounds: the limits of the node hold for calls in JSON, for functions that stand for objects, and for
//! results.

use netref::dynamic::{Object, Value};
use netref::{Error, ErrorKind, Limits, Node, Outcome, Payload, Remote, Result, remote};
use serde_json::json;

#[remote(name = "test.Echo")]
trait Echo {
    async fn echo(&self, text: String) -> Result<String>;
}

struct Here;

impl Echo for Here {
    async fn echo(&self, text: String) -> Result<String> {
        Ok(text)
    }
}

const LITTLE: u64 = 1 << 18;

async fn node(decoded_bytes: u64) -> Node {
    let limits = Limits { decoded_bytes, ..Limits::default() };
    Node::builder().limits(limits).listen("tcp://127.0.0.1:0").start().await.expect("a node starts")
}

fn long() -> String {
    "a".repeat(2 * LITTLE as usize)
}

fn is_bounded(error: &Error, outcome: Outcome) {
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, outcome), "{error}");
    assert!(error.text().contains("262144 bytes of memory"), "{error}");
}

#[tokio::test]
async fn a_function_reads_no_more_than_its_node_allows() {
    let function = || Object::from_fn("test.Echo", |call| async move { Ok(call.arguments["text"].clone()) }).into_any();
    let caller = node(64 * LITTLE).await;
    for (allowed, is_enough) in [(LITTLE, false), (64 * LITTLE, true)] {
        let host = node(allowed).await;
        host.publish_any("echo", function()).expect("a name");
        let url = format!("{}/echo", host.addresses()[0]);
        // In JSON, and in bincode by the types that the caller tells.
        let object = Object::connect_from(&caller, &url).await.expect("a session");
        let told = object.call("echo", json!({ "text": long() })).await.map_err(|error| error.call().expect("netref's").clone());
        let known: Remote<dyn Echo> = caller.connect(&url).await.expect("a session");
        for told in [told.map(|value| value.as_str().expect("a text").to_owned()), known.echo(long()).await] {
            match told {
                Ok(text) => assert!(is_enough && text == long()),
                Err(error) => {
                    assert!(!is_enough, "{error}");
                    is_bounded(&error, Outcome::NotRun);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_caller_reads_no_more_than_its_own_node_allows() {
    let host = node(64 * LITTLE).await;
    host.publish("echo", Remote::<dyn Echo>::new(Here)).expect("a name");
    let url = format!("{}/echo", host.addresses()[0]);
    let caller = node(LITTLE).await;
    let object = Object::connect_from(&caller, &url).await.expect("a session");
    let error = object.call("echo", json!({ "text": long() })).await.expect_err("it is too much here");
    is_bounded(error.call().expect("netref's"), Outcome::Ran);
    assert_eq!(object.call("echo", json!({ "text": "ada" })).await.expect("it goes on"), json!("ada"));
}

#[test]
fn maps_are_charged_for_what_they_take() {
    // Each takes a node of its own, which has room for eleven entries.
    let maps: Vec<_> = (0..50_000).map(|_| json!({ "a": 0 })).collect();
    let payload = Payload::json(&maps).expect("JSON");
    let within = |decoded_bytes| payload.clone().into_value_within::<Value>(&Limits { decoded_bytes, ..Limits::default() });
    let count = |value: Value| value.as_array().map(<[_]>::len);
    assert_eq!(within(64 << 20).map(count).expect("that is enough"), Some(50_000));
    let least = 50_000 * 11 * (size_of::<String>() + size_of::<Value>()) as u64;
    let error = within(least).map(count).expect_err("it takes that and more");
    assert!(error.to_string().contains("bytes of memory"), "{error}");
}
