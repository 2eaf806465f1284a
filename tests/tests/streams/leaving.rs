//! A node that is shut down lets its streams come to their ends, and a peer on another machine is told no more than it may know.

use std::time::Duration;

use netref::stream::{self, Receiver};
use netref::{ErrorKind, Limits, Node, Remote, Result, remote};

use crate::{Depot, bounded, pair, until};

#[tokio::test]
async fn a_node_that_is_shut_down_lets_its_streams_come_to_their_ends() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let mut numbers = depot.numbers(1_000).await.unwrap();
    let (mut sender, receiver) = stream::channel(1);
    let sum = depot.sum(receiver).send();
    sender.send(1).await.unwrap();
    // The call has arrived.
    until(|| host.stats().tables.iter().any(|session| session.streams == 2)).await;
    let shutdown = tokio::spawn(async move { host.shutdown(Duration::from_secs(60)).await });
    for number in 0..1_000_u64 {
        assert_eq!(bounded(numbers.recv()).await.unwrap().unwrap(), number);
        if number == 500 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(bounded(numbers.recv()).await.is_none());
    sender.send(2).await.unwrap();
    bounded(sender.finish()).await.unwrap();
    assert_eq!(bounded(sum).await.unwrap(), 3);
    assert_eq!(bounded(shutdown).await.unwrap(), 0, "nothing was cut short");
    until(|| caller.sessions().is_empty()).await;
}

#[tokio::test]
async fn a_stream_that_does_not_end_in_time_is_cut_short_and_both_halves_learn_it() {
    let (host, _caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(10);
    depot.keep(receiver).await.unwrap();
    sender.send(1).await.unwrap();
    let mut squares = depot.squares(5).await.unwrap();
    assert_eq!(bounded(host.shutdown(Duration::from_millis(100))).await, 1);
    assert_eq!(bounded(sender.closed()).await.kind(), ErrorKind::Disconnected);
    let end = bounded(async {
        loop {
            match squares.recv().await {
                Some(Ok(_)) => {}
                end => break end,
            }
        }
    });
    assert_eq!(end.await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
}

#[remote]
pub trait Panicky {
    async fn numbers(&self) -> Result<Receiver<u64>>;
}

struct Falls;

impl Panicky for Falls {
    async fn numbers(&self) -> Result<Receiver<u64>> {
        stream::from_iter((0..10).map(|number| if number < 3 { number } else { panic!("the password is swordfish") }), 4)
    }
}

/// What ends the stream at its reader.
async fn end_of(host: &Node, shares: bool) -> String {
    host.publish("falls", Remote::<dyn Panicky>::new(Falls)).unwrap();
    let caller = Node::builder().start().await.unwrap();
    let panicky: Remote<dyn Panicky> = if shares {
        caller.connect(&format!("{}/falls", host.addresses()[0])).await.unwrap()
    } else {
        // What comes over any pair of streams may come from anywhere.
        let (here, there) = tokio::io::duplex(1_000);
        let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
        let (dialled, _) = tokio::join!(caller.connect_io(read_here, write_here), host.accept_io(read_there, write_there));
        dialled.unwrap().lookup("falls").await.unwrap()
    };
    let mut numbers = panicky.numbers().await.unwrap();
    for number in 0..3 {
        assert_eq!(bounded(numbers.recv()).await.unwrap().unwrap(), number);
    }
    let error = bounded(numbers.recv()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(bounded(numbers.recv()).await.is_none());
    format!("{error} {error:?}")
}

#[tokio::test]
async fn what_a_panic_in_a_stream_says_stays_on_the_machine() {
    let start = || Node::builder().listen("tcp://127.0.0.1:0").start();
    let near = end_of(&start().await.unwrap(), true).await;
    assert!(near.contains("swordfish") && near.contains("leaving.rs"), "{near}");
    let far = end_of(&start().await.unwrap(), false).await;
    assert!(!far.contains("swordfish") && !far.contains("leaving.rs"), "{far}");
    assert!(far.contains("its log has it as"), "{far}");
}
