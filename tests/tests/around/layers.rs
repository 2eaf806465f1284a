//! Layers of tower around calls, and references as services of tower.

use super::*;

#[tokio::test]
async fn layers_of_tower_stand_around_calls() {
    let limited = Remote::intercept(corner(), Tower::new(tower::limit::ConcurrencyLimitLayer::new(1)));
    let browsing = limited.browse().send();
    let waiting = limited.buy("pear").timeout(20 * MILLI).await.unwrap_err();
    assert_eq!((waiting.kind(), waiting.outcome()), (ErrorKind::Deadline, Outcome::NotRun), "the limit is shared by all calls: {waiting}");
    drop(browsing);
    assert_eq!(timeout(PATIENCE, limited.buy("pear")).await.unwrap().unwrap(), "a pear");
    assert_eq!(limited.steal().await.unwrap_err(), Caught::ByThePolice);

    let host = Node::builder().intercept_incoming(Tower::new(tower::timeout::TimeoutLayer::new(20 * MILLI)));
    let (_host, _guest, shop) = shop(host, Node::builder(), corner()).await;
    assert_eq!(shop.buy("pear").await.unwrap(), "a pear");
    let error = shop.browse().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Cancelled, Outcome::MayHaveRun), "{error}");

    // A call that a layer refuses before it is passed on did not run.
    let shedding = tower::ServiceBuilder::new().load_shed().concurrency_limit(1);
    let shedding = Remote::intercept(corner(), Tower::new(shedding.into_inner()));
    let browsing = shedding.browse().send();
    let error = shedding.buy("pear").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error}");
    drop(browsing);

    // Errors of netref's own pass a layer as they are.
    let refused = Remote::intercept(Remote::intercept(corner(), refusing("buy")), Tower::new(tower::limit::ConcurrencyLimitLayer::new(1)));
    assert_eq!(refused.buy("pear").await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn calls_start_in_order_behind_a_layer_of_tower() {
    let layer = Tower::new(tower::limit::ConcurrencyLimitLayer::new(100));
    let (_host, _guest, there) = shop(Node::builder(), Node::builder().intercept_outgoing(layer.clone()), corner()).await;
    let put = |number: u64| {
        let payload = Payload::json(&serde_json::json!([number])).unwrap();
        RawCall::new(Method::by_name("around::Shop", "put"), payload)
    };
    let there = Remote::into_any(there);
    let (first, second) = (there.call_raw(put(0)), there.call_raw(put(1)));
    // The second one is waited for first.
    for (call, expected) in [(second, "[0,1]"), (first, "[0]")] {
        match call.reply().await {
            RawReply::Ok(numbers) => assert_eq!(numbers.to_json().unwrap().to_string(), expected),
            reply => panic!("{reply:?}"),
        }
    }
}

#[tokio::test]
async fn one_that_cannot_be_cloned_goes_behind_a_buffer() {
    let limited = tower::ServiceBuilder::new().buffer(64).rate_limit(1_000, Duration::from_secs(1));
    let shop = Remote::intercept(corner(), Tower::new(limited.into_inner()));
    for _ in 0..3 {
        assert_eq!(shop.buy("pear").await.unwrap(), "a pear");
    }
}

#[tokio::test]
async fn reference_is_a_service_of_tower() {
    let (_host, _guest, shop) = shop(Node::builder(), Node::builder(), corner()).await;
    let reference: AnyRemote = Remote::into_any(shop);
    let mut service = tower::timeout::Timeout::new(CallService::new(reference.clone()), PATIENCE);
    let reply = service.ready().await.unwrap().call(RawCall::new(name_of_shop(), Payload::default())).await.unwrap();
    assert!(matches!(reply, RawReply::Ok(_)), "{reply:?}");
    let nothing = Method::new("around::Shop", "nothing", 1, "");
    let error = CallService::new(reference).oneshot(RawCall::new(nothing, Payload::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchMethod);
}
