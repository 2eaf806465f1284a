//! Names that a peer chooses so that its calls might slip past the interceptors of a node: those that netref's own questions have, and ones
//! that look like it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netref::around::{Interceptor, Next};
use netref::{AnyRemote, Error, ErrorKind, Handler, Method, Node, NodeBuilder, Outcome, Payload, RawCall, RawReply, RawReturn};

use crate::within;

/// Takes any call, and counts them.
#[derive(Clone, Default)]
struct Anything(Arc<AtomicU64>);

impl Handler for Anything {
    fn call(&self, _call: RawCall) -> RawReturn {
        self.0.fetch_add(1, Ordering::SeqCst);
        RawReturn::Ready(RawReply::Ok(Payload::default()))
    }
}

fn refusing() -> impl Interceptor {
    |call: RawCall, _next: Next| {
        RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, "nobody comes in").with_method(call.method.to_string()))
    }
}

async fn started(builder: NodeBuilder) -> Node {
    builder.listen("tcp://127.0.0.1:0").start().await.expect("a node starts")
}

async fn connected(from: &Node, to: &Node) -> AnyRemote {
    within("a session", from.connect_any(&format!("{}/it", to.addresses()[0]))).await.expect("a session")
}

/// What a peer may call the interface and the method of a call.
const NAMES: [(&str, &str); 9] = [
    ("netref.x", "close"),
    ("netref.", ""),
    ("netref.Root", "lookup"),
    ("netref.Function", "call"),
    ("netref.Weak", "upgrade"),
    ("netref.Weak", "close"),
    ("netref.Object", "close"),
    ("netref.Object", "cast"),
    ("shop.Shop", "close"),
];

#[tokio::test]
async fn no_name_leads_past_the_interceptors_of_a_node() {
    // What the object's host calls its interface.
    for interface in ["shop.Shop", "netref.x", "netref.Weak", "netref.Object"] {
        for place in ["host", "relay, incoming", "relay, outgoing"] {
            let served = Anything::default();
            let (mut host, mut relay) = (Node::builder(), Node::builder());
            match place {
                "host" => host = host.intercept_incoming(refusing()),
                "relay, incoming" => relay = relay.intercept_incoming(refusing()),
                _ => relay = relay.intercept_outgoing(refusing()),
            }
            let host = started(host).await;
            host.publish_any("it", AnyRemote::from_handler(interface, Arc::new(served.clone()))).expect("a name");
            let mut target = started(Node::builder()).await;
            let mut object = connected(&target, &host).await;
            let relay = started(relay).await;
            if place != "host" {
                relay.publish_any("it", connected(&relay, &host).await).expect("a name");
                target = started(Node::builder()).await;
                object = connected(&target, &relay).await;
            }
            for (of, name) in NAMES {
                let answer = object.call_raw(RawCall::new(Method::new(of, name, 7, "async fn close(&self)"), Payload::default()));
                let answer = within("an answer", answer.reply()).await;
                // A host that calls its own object so lets its callers in on every way.
                let is_question = place != "host" && (of, name) == ("netref.Weak", "upgrade") && interface == "netref.Weak";
                assert!(is_question || matches!(answer, RawReply::Failed(_)), "{place}: {of}.{name} of `{interface}`: {answer:?}");
                assert_eq!(served.0.swap(0, Ordering::SeqCst), u64::from(is_question), "{place}: {of}.{name} of `{interface}`");
            }
        }
    }
}
