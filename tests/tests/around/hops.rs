//! What is said of other nodes when calls pass through interceptors: which node answered, what is dead, what a method is called, and what a
//! result may cost.

use netref::Scope;
use netref::dynamic::Object as Dynamic;
use serde_json::json;

use super::*;

fn look(call: RawCall, next: Next) -> RawReturn {
    next.call(call)
}

#[remote]
trait Hop {
    /// Fails as its own call does.
    async fn fail(&self) -> Result<()>;
    async fn nest(&self, depth: u32) -> Result<Nested>;
    #[idempotent]
    async fn again(&self) -> Result<()>;
    async fn once(&self) -> Result<()>;
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Nested(Option<Box<Self>>);

struct Next1;

impl Hop for Next1 {
    async fn fail(&self) -> Result<()> {
        corner().crash().await
    }
    async fn nest(&self, depth: u32) -> Result<Nested> {
        Ok((0..depth).fold(Nested(None), |inner, _| Nested(Some(Box::new(inner)))))
    }
    async fn again(&self) -> Result<()> {
        Ok(())
    }
    async fn once(&self) -> Result<()> {
        Ok(())
    }
}

async fn hop(host: NodeBuilder, guest: NodeBuilder, hop: AnyRemote) -> (Node, Node, Remote<dyn Hop>) {
    let (host, guest) = (host.start().await.unwrap(), guest.start().await.unwrap());
    host.publish_any("hop", hop).unwrap();
    let (here, there) = tokio::io::duplex(1 << 16);
    let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
    let (session, accepted) = tokio::join!(guest.connect_io(read_here, write_here), host.accept_io(read_there, write_there));
    accepted.unwrap();
    let hop = session.unwrap().lookup_any("hop").await.unwrap().downcast();
    (host, guest, hop)
}

fn new() -> AnyRemote {
    Remote::into_any(Remote::<dyn Hop>::new(Next1))
}

#[tokio::test]
async fn the_error_of_a_handlers_call_names_the_node_of_the_handler() {
    let (_host, guest, there) = hop(Node::builder().name("far away"), Node::builder(), new()).await;
    let plain = there.fail().await.unwrap_err();
    assert!(plain.text().contains("far away"), "{plain}");
    let intercepted = Remote::intercept(Remote::intercept(there.clone(), look), look);
    assert_eq!(intercepted.fail().await.unwrap_err(), plain);
    drop(guest);
    let (_host, _guest, outgoing) = hop(Node::builder().name("far away"), Node::builder().intercept_outgoing(look), new()).await;
    assert_eq!(outgoing.fail().await.unwrap_err(), plain);

    let plain = new().downcast::<dyn Hop>().fail().await.unwrap_err();
    assert!(plain.text().contains("this process"), "{plain}");
    for here in [new().intercept(look), AnyRemote::from_handler(new().interface().to_owned(), Arc::new(Passing(new())))] {
        assert_eq!(here.downcast::<dyn Hop>().fail().await.unwrap_err(), plain);
    }
}

#[tokio::test]
async fn a_result_is_bounded_by_the_limits_of_the_node_that_it_came_to() {
    let limits = Limits { depth: 10, ..Limits::default() };
    let (_host, _guest, there) = hop(Node::builder(), Node::builder().limits(limits), new()).await;
    let intercepted = Remote::intercept(Remote::intercept(there.clone(), look), look);
    for hop in [there, intercepted] {
        hop.nest(3).await.unwrap();
        let error = hop.nest(12).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::Ran), "{error}");
    }
}

/// The session to the next node is over; the one to the caller is not.
#[tokio::test]
async fn a_session_that_is_over_behind_a_node_is_not_the_callers() {
    for place in ["nothing", "object", "incoming and object", "incoming", "a handler", "outgoing"] {
        let (far, middle, there) = hop(Node::builder(), Node::builder(), new()).await;
        let there = Remote::into_any(there);
        let mut relay = Node::builder();
        if place.contains("incoming") {
            relay = relay.intercept_incoming(look);
        }
        if place == "outgoing" {
            relay = relay.intercept_outgoing(look);
        }
        let passed = match place {
            "a handler" => AnyRemote::from_handler(there.interface().to_owned(), Arc::new(Passing(there))),
            _ if place.contains("object") => there.intercept(look),
            _ => there,
        };
        let (_relay, _guest, relayed) = hop(relay, Node::builder(), passed).await;
        relayed.once().await.unwrap();
        drop((far, middle));
        // Nothing tells the caller of it but its calls.
        let error = timeout(PATIENCE, async {
            loop {
                if let Err(error) = relayed.once().await {
                    return error;
                }
                tokio::time::sleep(MILLI).await;
            }
        });
        let error = error.await.unwrap_or_else(|_| panic!("the call goes on succeeding: {place}"));
        assert_eq!((error.kind(), error.scope()), (ErrorKind::Disconnected, Scope::Call), "{place}: {error}");
        assert!(Remote::is_connected(&relayed), "{place}");
    }
}

/// Writes down what is called, and whether it may be called twice.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<(String, bool)>>>);

impl Interceptor for Names {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        self.0.lock().unwrap().push((call.method.to_string(), call.method.idempotent));
        next.call(call)
    }
}

#[tokio::test]
async fn a_method_has_one_name_however_it_is_called() {
    for place in ["incoming", "object", "local object"] {
        let names = Names::default();
        let mut object = Remote::into_any(corner());
        let mut host = Node::builder();
        match place {
            "incoming" => host = host.intercept_incoming(names.clone()),
            _ => object = object.intercept(names.clone()),
        }
        let mut nodes = Vec::new();
        if place != "local object" {
            let (host, guest, there) = shop(host, Node::builder(), object.downcast()).await;
            nodes.extend([host, guest]);
            object = Remote::into_any(there);
        }
        let dynamic = Dynamic::new(object);
        for name in ["name", "around::Shop.name", "around::Named.name"] {
            assert_eq!(dynamic.call(name, json!([])).await.unwrap(), json!("corner"), "{place}, {name}");
            assert_eq!(std::mem::take(&mut *names.0.lock().unwrap()), [("around::Named.name".to_owned(), false)], "{place}, {name}");
        }
    }
}

#[tokio::test]
async fn what_may_be_called_twice_is_known_on_every_node() {
    for place in ["incoming", "object", "relay, incoming", "relay, outgoing", "behind a relay"] {
        let names = Names::default();
        let (mut host, mut relay, mut object) = (Node::builder(), Node::builder(), new());
        match place {
            "incoming" | "behind a relay" => host = host.intercept_incoming(names.clone()),
            "object" => object = object.intercept(names.clone()),
            "relay, incoming" => relay = relay.intercept_incoming(names.clone()),
            _ => relay = relay.intercept_outgoing(names.clone()),
        }
        // What is behind a relay has nothing but the caller's word.
        if place == "behind a relay" {
            object = AnyRemote::from_handler(object.interface().to_owned(), Arc::new(Passing(object)));
        }
        let (_host, middle, mut there) = hop(host, relay, object).await;
        let mut nodes = Vec::new();
        if place.contains("relay") {
            middle.publish("next", there.clone()).unwrap();
            let guest = Node::builder().start().await.unwrap();
            let (here, far) = tokio::io::duplex(1 << 16);
            let ((read_here, write_here), (read_far, write_far)) = (tokio::io::split(here), tokio::io::split(far));
            let (session, accepted) = tokio::join!(guest.connect_io(read_here, write_here), middle.accept_io(read_far, write_far));
            accepted.unwrap();
            there = session.unwrap().lookup("next").await.unwrap();
            nodes.push(guest);
        }
        there.again().await.unwrap();
        there.once().await.unwrap();
        let seen = std::mem::take(&mut *names.0.lock().unwrap());
        assert_eq!(seen, [("around::Hop.again".to_owned(), true), ("around::Hop.once".to_owned(), false)], "{place}");
    }
}
