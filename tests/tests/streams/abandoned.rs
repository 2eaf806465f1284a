//! Streams that are opened and abandoned in every way there is leave nothing in any table.

use std::time::Duration;

use netref::stream;
use netref::{ErrorKind, Limits, Node, Remote};

use crate::{Depot, Store, bounded, no_stream_is_left, pair, until};

/// Opens a stream and abandons it, in one of eight ways.
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
        running.spawn(async move { abandon(&depot, number % 8).await });
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
    let url = format!("{}/depot", host.addresses()[0]);
    for _ in 0..10 {
        let caller = Node::builder().start().await.unwrap();
        let depot: Remote<dyn Depot> = caller.connect(&url).await.unwrap();
        let mut halves = Vec::new();
        for _ in 0..50 {
            let (sender, receiver) = stream::channel(4);
            depot.keep(receiver).await.unwrap();
            halves.push((sender, depot.numbers(1_000).await.unwrap()));
        }
        caller.sessions()[0].close();
        for (mut sender, mut numbers) in halves {
            assert_eq!(bounded(sender.send(1)).await.unwrap_err().kind(), ErrorKind::Disconnected);
            while let Some(number) = bounded(numbers.recv()).await {
                if let Err(error) = number {
                    assert_eq!(error.kind(), ErrorKind::Disconnected);
                }
            }
        }
        until(|| caller.stats().sessions == 0).await;
    }
    until(|| host.stats().sessions == 0).await;
    host.shutdown(Duration::from_secs(1)).await;
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
