//! What is known of a call that interceptors end, drop, or pass on from another task: whether it ran.

use super::told::Counts;
use super::*;

/// Passes each call on from a task of its own.
fn elsewhere(call: RawCall, next: Next) -> RawReturn {
    let task = tokio::spawn(async move { next.call(call).reply().await });
    RawReturn::pending(async move { task.await.unwrap() })
}

/// The shop with something around it at one of the places where a call does not look for itself whether it was sent.
async fn around(place: &str, interceptor: impl Interceptor + Clone, object: Remote<dyn Shop>) -> (Vec<Node>, Remote<dyn Shop>) {
    match place {
        "local object" => (Vec::new(), Remote::intercept(object, interceptor)),
        "outgoing" => {
            let (host, guest, shop) = shop(Node::builder(), Node::builder().intercept_outgoing(interceptor), object).await;
            (vec![host, guest], shop)
        }
        "caller's reference" => {
            let (host, guest, shop) = shop(Node::builder(), Node::builder(), object).await;
            (vec![host, guest], Remote::intercept(shop, interceptor))
        }
        "incoming" => {
            let (host, guest, shop) = shop(Node::builder().intercept_incoming(interceptor), Node::builder(), object).await;
            (vec![host, guest], shop)
        }
        other => panic!("{other}"),
    }
}

const PLACES: [&str; 4] = ["local object", "outgoing", "caller's reference", "incoming"];

#[tokio::test]
async fn a_handler_that_runs_is_not_said_not_to_have_run_whoever_passes_the_call_on() {
    for place in PLACES {
        for layer in [false, true] {
            let corner = Corner::default();
            let browsing = Arc::clone(&corner.browsing);
            let (_nodes, shop) = if layer {
                around(place, Tower::new(tower::buffer::BufferLayer::new(8)), Remote::new(corner)).await
            } else {
                around(place, elsewhere, Remote::new(corner)).await
            };
            assert_eq!(shop.buy("pear").await.unwrap(), "a pear", "{place}");
            let call = shop.browse().send();
            until("it runs", || browsing.load(Ordering::SeqCst) > 0).await;
            let error = call.timeout(20 * MILLI).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun), "{place}: {error}");
            let error = shop.browse().timeout(200 * MILLI).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun), "{place}: {error}");
        }
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_says_at_once_that_it_cannot_be_made() {
    for place in ["nothing", "outgoing", "caller's reference"] {
        let (nodes, shop) = match place {
            "nothing" => {
                let (host, guest, shop) = shop(Node::builder(), Node::builder(), corner()).await;
                (vec![host, guest], shop)
            }
            place => around(place, Journal::new("it"), corner()).await,
        };
        shop.buy("pear").oneway().unwrap();
        // The methods' own errors are nobody's.
        shop.steal().oneway().unwrap();
        nodes.into_iter().for_each(drop);
        timeout(PATIENCE, Remote::closed(&shop)).await.unwrap();
        let error = shop.buy("pear").oneway().unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::NotRun), "{place}: {error}");
    }
    let refused = Remote::intercept(corner(), refusing("buy"));
    assert_eq!(refused.buy("pear").oneway().unwrap_err().kind(), ErrorKind::Denied);
    refused.steal().oneway().unwrap();
}

/// Panics where its name says.
fn panics(at: &'static str) -> impl Interceptor + Clone {
    move |call: RawCall, next: Next| {
        assert!(at != "before", "out of order");
        let returned = if at == "elsewhere" { elsewhere(call, next) } else { next.call(call) };
        assert!(at != "after", "out of order");
        RawReturn::pending(async move {
            let reply = returned.reply().await;
            assert!(!["in the end", "elsewhere"].contains(&at), "out of order");
            reply
        })
    }
}

#[tokio::test]
async fn a_panic_of_an_interceptor_is_an_error_of_that_call_at_any_place_and_moment() {
    for place in PLACES {
        for (at, outcome) in [
            ("before", Outcome::NotRun),
            ("after", Outcome::MayHaveRun),
            ("in the end", Outcome::MayHaveRun),
            ("elsewhere", Outcome::MayHaveRun),
        ] {
            let (_nodes, shop) = around(place, panics(at), corner()).await;
            let error = shop.buy("pear").await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, outcome), "{place}, {at}: {error}");
            // Without the trait too, where nothing else would catch it.
            let call = RawCall::new(name_of_shop(), Payload::default());
            match Remote::into_any(shop).call_raw(call).reply().await {
                RawReply::Failed(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Panic, outcome), "{place}, {at}"),
                other => panic!("{place}, {at}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_panic_further_in_is_counted_as_any_other_end() {
    for at in ["before", "after", "in the end"] {
        let counts = Counts::default();
        let recorder = counts.clone();
        let _recording = metrics::set_default_local_recorder(&recorder);
        let shop = Remote::intercept(Remote::intercept(corner(), panics(at)), Metrics::new());
        shop.buy("pear").await.unwrap_err();
        let counted = counts.0.lock().unwrap().clone();
        assert_eq!(counted.get("netref_calls_in_flight callee"), Some(&0.0), "{at}: {counted:#?}");
        assert_eq!(counted.get("netref_calls_total callee around::Shop.buy panic"), Some(&1.0), "{at}: {counted:#?}");
    }
}
