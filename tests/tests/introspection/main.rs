//! Interfaces that explain themselves: what objects say about themselves, here, over a session and through a node without their code; and
//! calls in JSON by those who have no trait, callbacks included.
//!
//! | file | what |
//! | --- | --- |
//! | `bank` | the objects, with their traits, which the other files do not name |
//! | `described` | descriptions, and how they are shown |
//! | `driven` | the bank is driven without a trait |
//! | `mirrored` | values of every kind through a callback that has no trait |

mod bank;
mod described;
mod driven;
mod mirrored;

use std::future::Future;
use std::time::Duration;

use netref::dynamic::Object;
use netref::{AnyRemote, Node};

const PATIENCE: Duration = Duration::from_secs(60);

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("it hangs: {what}"),
    }
}

/// An object on a node of its own, seen from another one, and through a third one that has no code for it.
struct Scene {
    direct: Object,
    relayed: Object,
    _nodes: [Node; 3],
}

impl Scene {
    async fn of(object: AnyRemote) -> Self {
        let node = |name: &str| Node::builder().name(name).listen("tcp://127.0.0.1:0");
        let host = node("host").start().await.expect("a node starts");
        host.publish_any("it", object).expect("a name");
        let url = |node: &Node| format!("{}/it", node.addresses()[0]);
        let relay = node("relay").start().await.expect("a node starts");
        relay.publish_any("it", relay.connect_any(&url(&host)).await.expect("a session")).expect("a name");
        let caller = node("caller").start().await.expect("a node starts");
        let direct = Object::connect_from(&caller, &url(&host)).await.expect("a session");
        let relayed = Object::connect_from(&caller, &url(&relay)).await.expect("a session");
        Self { direct, relayed, _nodes: [host, relay, caller] }
    }
}
