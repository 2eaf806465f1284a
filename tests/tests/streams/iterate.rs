//! Iterators and streams as receivers: what ends them, and what becomes of them when nobody reads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::Stream;
use netref::stream;
use netref::{ErrorKind, Limits, Scope};

use crate::{Depot, Rich, UNWRITABLE, bounded, no_stream_is_left, pair, until};

#[tokio::test]
async fn an_item_that_cannot_be_sent_ends_the_iteration_with_an_error() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let mut items = depot.spoiled().await.unwrap();
    assert_eq!(bounded(items.recv()).await.unwrap().unwrap().text, "first");
    let error = bounded(items.recv()).await.unwrap().err().expect("it is no end");
    // Whoever goes on behind items that were lost sees that this is none.
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Codec, Scope::Stream), "{error}");
    assert!(bounded(items.recv()).await.is_none());
    // The other way, where the items are made as they leave.
    let spoiled = stream::from_iter(["first", "second", UNWRITABLE].map(Rich::text), 1).unwrap();
    let mut items = depot.rich(spoiled).await.unwrap();
    let mut texts = Vec::new();
    let error = loop {
        match bounded(items.recv()).await.expect("it is no end") {
            Ok(item) => texts.push(item.text),
            Err(error) => break error,
        }
    };
    assert_eq!((texts.as_slice(), error.scope()), (&["first".to_owned(), "second".to_owned()][..], Scope::Stream), "{error}");
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_panic_ends_the_iteration_with_an_error() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let numbers = (0..5_u64).map(|number| if number < 3 { number } else { panic!("expected") });
    let error = bounded(depot.sum(stream::from_iter(numbers, 1).unwrap())).await.unwrap_err();
    let origin = error.origin().expect("the stream's own");
    assert_eq!((origin.kind(), origin.scope()), (ErrorKind::Panic, Scope::Stream), "{origin}");
    assert!(origin.text().starts_with("what was iterated over panicked"), "{origin}");
    no_stream_is_left(&[&host, &caller]).await;
}

/// Gives one number, and then none.
struct Stuck(AtomicU64, Arc<AtomicBool>);

impl Stream for Stuck {
    type Item = u64;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 { Poll::Ready(Some(7)) } else { Poll::Pending }
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_stream_is_dropped_with_its_reader_also_while_it_has_nothing() {
    let (host, caller, depot) = pair(Limits::default()).await;
    for goes_over in [false, true] {
        let dropped = Arc::new(AtomicBool::new(false));
        let numbers = stream::from_stream(Stuck(AtomicU64::new(0), Arc::clone(&dropped)), 3).unwrap();
        tokio::task::yield_now().await;
        if goes_over {
            depot.keep(numbers).await.unwrap();
            assert!(!dropped.load(Ordering::SeqCst));
            depot.forget().await.unwrap();
        } else {
            drop(numbers);
        }
        until(|| dropped.load(Ordering::SeqCst)).await;
    }
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn an_endless_iteration_leaves_others_on_the_same_thread_their_turn() {
    let mut numbers = stream::from_iter(0_u64.., 1_000).unwrap();
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    for number in 0..5_000 {
        assert_eq!(bounded(numbers.recv()).await, Some(Ok(number)));
    }
    assert!(turns.load(Ordering::SeqCst) >= 10, "{turns:?}");
}
