//! Interfaces that explain themselves: what objects say about themselves, here, over a session and through a node without their code; and
//! calls in JSON by those who have no trait, callbacks included.
//!
//! | file | what |
//! | --- | --- |
//! | `bank` | the objects, with their traits, which the other files do not name |
//! | `bounded` | what values may cost, here and there |
//! | `described` | descriptions, and how they are shown |
//! | `driven` | the bank is driven without a trait |
//! | `mirrored` | values of every kind through a callback that has no trait |
//! | `promised` | what is promised is called before it is there |

mod bank;
mod bounded;
mod described;
mod driven;
mod mirrored;
mod promised;

use netref::around::Logging;
use netref::dynamic::Object;
use netref::{AnyRemote, Node};
use netref_tests::patience::within;

/// Where interceptors can stand.
const PLACES: [&str; 4] = ["nodes", "object", "passed on", "references"];

/// An object on a node of its own, seen from another one, and through a third one that has no code for it.
struct Scene {
    direct: Object,
    relayed: Object,
    _nodes: [Node; 3],
}

impl Scene {
    async fn of(object: AnyRemote) -> Self {
        Self::around(object, "").await
    }

    /// The same with an interceptor at a place.
    async fn around(mut object: AnyRemote, place: &str) -> Self {
        let node = |name: &str| {
            let node = Node::builder().name(name).listen("tcp://127.0.0.1:0");
            match place {
                "nodes" => node.intercept_incoming(Logging::new()).intercept_outgoing(Logging::new()),
                _ => node,
            }
        };
        let host = node("host").start().await.expect("a node starts");
        if place == "object" {
            object = object.intercept(Logging::new()).intercept(Logging::new());
        }
        host.publish_any("it", object).expect("a name");
        let url = |node: &Node| format!("{}/it", node.addresses()[0]);
        let relay = node("relay").start().await.expect("a node starts");
        let mut passed = relay.connect_any(&url(&host)).await.expect("a session");
        if place == "passed on" {
            passed = passed.intercept(Logging::new());
        }
        relay.publish_any("it", passed).expect("a name");
        let caller = node("caller").start().await.expect("a node starts");
        let mut direct = Object::connect_from(&caller, &url(&host)).await.expect("a session");
        let mut relayed = Object::connect_from(&caller, &url(&relay)).await.expect("a session");
        if place == "references" {
            direct = Object::new(direct.into_any().intercept(Logging::new()));
            relayed = Object::new(relayed.into_any().intercept(Logging::new()).intercept(Logging::new()));
        }
        Self { direct, relayed, _nodes: [host, relay, caller] }
    }
}
