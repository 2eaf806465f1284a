//! Streams that are opened and abandoned in every way there is leave nothing in any table.

use std::time::Duration;

use netref::stream;
use netref::testing::Relay;
use netref::{ErrorKind, Limits, Node, Remote};

use crate::{Depot, Rich, Store, bounded, no_stream_is_left, pair, until};

/// Opens a stream and abandons it, in one of twelve ways.
async fn abandon(depot: &Remote<dyn Depot>, way: u64) {
    let (mut sender, mut receiver) = stream::channel::<u64>(4);
    match way {
        // The receiving half is dropped here, and the sending half over there learns it.
        0 => drop(depot.numbers(1_000).await),
        1 => {
            let mut numbers = depot.numbers(1_000).await.unwrap();
            let _ = numbers.recv().await;
        }
        // The sending half is dropped here.
        2 => {
            let sum = depot.sum(receiver).send();
            let _ = sender.send(1).await;
            drop(sender);
            assert!(sum.await.is_err());
        }
        // The call that carries the half is cancelled, before and after it was sent.
        3 => drop(depot.fill(sender, 10)),
        4 => {
            let call = depot.fill(sender, u64::MAX).send();
            let _ = receiver.recv().await;
            drop(call);
        }
        // A panic on this side.
        5 => {
            depot.keep(receiver).await.unwrap();
            let task = tokio::spawn(async move {
                let _ = sender.send(1).await;
                // As a panic does, and without its many words.
                std::panic::resume_unwind(Box::new("expected"));
            });
            assert!(task.await.is_err());
            depot.forget().await.unwrap();
        }
        // The half comes back before anything was sent, and both are dropped.
        6 => {
            let (_sender, receiver) = stream::channel(1);
            drop(depot.rich(receiver).await);
        }
        // A panic over there.
        7 => {
            let (to, mut from) = stream::channel(4);
            let crash = depot.crash(receiver, to).send();
            let _ = sender.send(1).await;
            assert_eq!(crash.await.unwrap_err().kind(), ErrorKind::Panic);
            while from.recv().await.is_some_and(|number| number.is_ok()) {}
        }
        // The deadline of the call that reads comes.
        8 => {
            let error = depot.sum(receiver).timeout(Duration::from_millis(1)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Deadline);
            assert!(sender.closed().await.scope() != netref::Scope::Session);
        }
        // In an item that is refused, and in one that nobody reads.
        9 => {
            let (mut items, kept) = stream::channel(4);
            let _back = depot.rich(kept).await.unwrap();
            let too_large = "x".repeat(600_000);
            assert_eq!(items.send(Rich { inner: Some(receiver), ..Rich::text(too_large) }).await.unwrap_err().kind(), ErrorKind::TooLarge);
            assert_eq!(sender.closed().await.kind(), ErrorKind::Cancelled);
            let (answer, answers) = stream::channel(4);
            let (_inner, receiver) = stream::channel(4);
            items.send(Rich { inner: Some(receiver), answer: Some(answer), ..Rich::text("unread") }).await.unwrap();
            drop(answers);
        }
        // Nobody takes it any more when the sending half leaves: whoever has that learns it.
        10 => {
            drop(receiver);
            assert_eq!(depot.fill(sender, u64::MAX).await.unwrap_err().kind(), ErrorKind::Nested);
        }
        // It is complete, and nobody reads it.
        _ => {
            depot.keep(receiver).await.unwrap();
            // Somebody else may have it forgotten meanwhile.
            let _ = sender.send(1).await;
            let _ = sender.finish().await;
            depot.forget().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_abandoned_in_every_way_leave_no_entry() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let mut running = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        let depot = depot.clone();
        running.spawn(async move { abandon(&depot, number % 12).await });
        if running.len() >= 64 {
            bounded(running.join_next()).await.unwrap().unwrap();
        }
    }
    while let Some(done) = bounded(running.join_next()).await {
        done.unwrap();
    }
    no_stream_is_left(&[&host, &caller]).await;
    bounded(depot.ping()).await.unwrap();
    drop(depot);
    until(|| host.stats().is_idle() && caller.stats().is_idle()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_goes_away_leaves_no_entry() {
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("depot", Remote::<dyn Depot>::new(Store::default()));
    let host = host.start().await.unwrap();
    for round in 0..20 {
        let relay = Relay::to(&host.addresses()[0], round).await.unwrap();
        let caller = Node::builder().start().await.unwrap();
        let depot: Remote<dyn Depot> = caller.connect(&format!("{}/depot", relay.address())).await.unwrap();
        let mut halves = Vec::new();
        for _ in 0..50 {
            let (sender, receiver) = stream::channel(4);
            depot.keep(receiver).await.unwrap();
            halves.push((sender, depot.numbers(1_000).await.unwrap()));
        }
        // One says that it goes, of the next one the link breaks.
        if round % 2 == 0 {
            caller.sessions()[0].close()
        } else {
            relay.cut()
        }
        until(|| caller.stats().sessions == 0).await;
        for (mut sender, mut numbers) in halves {
            assert_eq!(bounded(sender.send(1)).await.unwrap_err().kind(), ErrorKind::Disconnected);
            // It cannot be complete: no more than 64 of its 1,000 may wait to be read.
            let mut end = None;
            while let Some(number) = bounded(numbers.recv()).await {
                end = number.err();
            }
            assert_eq!(end.expect("why it ended").kind(), ErrorKind::Disconnected);
        }
        depot_is_empty(&host).await;
    }
    until(|| host.stats().sessions == 0).await;
    host.shutdown(Duration::from_secs(1)).await;
}

/// What the peer that is gone had given into keeping is over, and dropped.
async fn depot_is_empty(host: &Node) {
    until(|| host.stats().sessions == 0).await;
    let node = Node::builder().start().await.unwrap();
    let depot: Remote<dyn Depot> = node.connect(&format!("{}/depot", host.addresses()[0])).await.unwrap();
    depot.forget().await.unwrap();
}

#[tokio::test]
async fn no_more_streams_are_open_than_allowed() {
    let (host, caller, depot) = pair(Limits { streams: 4, ..Limits::default() }).await;
    let mut senders = Vec::new();
    for _ in 0..4 {
        let (sender, receiver) = stream::channel(1);
        depot.keep(receiver).await.unwrap();
        senders.push(sender);
    }
    let (mut sender, receiver) = stream::channel(1);
    let error = depot.keep(receiver).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    assert_eq!(bounded(sender.send(1)).await.unwrap_err().kind(), ErrorKind::Cancelled);
    drop(senders);
    depot.forget().await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
    let (_sender, receiver) = stream::channel(1);
    depot.keep(receiver).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_takes_no_streams_says_so() {
    let (_host, _caller, depot) = pair(Limits { streams: 0, ..Limits::default() }).await;
    let (_sender, receiver) = stream::channel(1);
    assert_eq!(depot.keep(receiver).await.unwrap_err().kind(), ErrorKind::Unsupported);
    bounded(depot.ping()).await.unwrap();
}

#[tokio::test]
async fn whoever_is_given_a_sending_half_that_nobody_reads_is_told() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (writer, reader) = stream::bytes();
    drop(reader);
    // It writes for as long as anybody takes it.
    bounded(depot.flood(writer)).await.unwrap();
    let (sender, receiver) = stream::watch(0_u64);
    drop(receiver);
    let _ = bounded(depot.set(sender, 1)).await;
    no_stream_is_left(&[&host, &caller]).await;
}
