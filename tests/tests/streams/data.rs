//! What flows arrives: complete, once, in order, whichever half was passed on.

use netref::stream::{self, Receiver};
use netref::{ErrorKind, Limits, Outcome, Remote, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Counter, Depot, Plain, Rich, bounded, no_stream_is_left, pair};

async fn all(mut numbers: Receiver<u64>) -> Vec<u64> {
    let mut seen = Vec::new();
    while let Some(number) = bounded(numbers.recv()).await {
        seen.push(number.unwrap());
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_arrive_in_order_over_either_half() {
    let (host, caller, depot) = pair(Limits::default()).await;
    assert_eq!(all(depot.numbers(20_000).await.unwrap()).await, (0..20_000).collect::<Vec<_>>());

    let (mut sender, receiver) = stream::channel(8);
    let sum = depot.sum(receiver).send();
    for number in 0..10_000 {
        bounded(sender.send(number)).await.unwrap();
    }
    bounded(sender.finish()).await.unwrap();
    assert_eq!(bounded(sum).await.unwrap(), 10_000 * 9_999 / 2);

    let (sender, receiver) = stream::channel(3);
    let fill = depot.fill(sender, 1_000).send();
    assert_eq!(all(receiver).await, (0..1_000).collect::<Vec<_>>());
    bounded(fill).await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn what_was_sent_before_a_half_left_arrives_first() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(10);
    for number in 0..10 {
        sender.send(number).await.unwrap();
    }
    depot.keep(receiver).await.unwrap();
    let kept = depot.kept().send();
    for number in 10..100 {
        bounded(sender.send(number)).await.unwrap();
    }
    bounded(sender.finish()).await.unwrap();
    assert_eq!(bounded(kept).await.unwrap(), (0..100).collect::<Vec<_>>());

    // Complete before it left.
    let (mut sender, receiver) = stream::channel(10);
    sender.send(1).await.unwrap();
    sender.finish().await.unwrap();
    assert_eq!(bounded(depot.sum(receiver)).await.unwrap(), 1);

    // Items that were taken and not read leave with the receiver.
    let (mut sender, mut receiver) = stream::channel(10);
    for number in 0..5 {
        sender.send(number).await.unwrap();
    }
    assert_eq!(receiver.recv().await, Some(Ok(0)));
    sender.finish().await.unwrap();
    assert_eq!(bounded(depot.sum(receiver)).await.unwrap(), 10);
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_arrive_as_they_were_written() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut writer, reader) = stream::bytes();
    let mut echo = depot.echo(reader).await.unwrap();
    let data: Vec<u8> = (0..5_000_000_u32).map(|byte| (byte * 7 / 3) as u8).collect();
    let sent = data.clone();
    let writing = tokio::spawn(async move {
        let mut rest = &sent[..];
        let mut size = 1;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            writer.write_all(now).await.unwrap();
            rest = later;
            size = (size * 3 + 1) % 300_000;
        }
        writer.shutdown().await.unwrap();
    });
    let mut read = Vec::new();
    bounded(echo.read_to_end(&mut read)).await.unwrap();
    assert!(read == data);
    bounded(writing).await.unwrap();

    let (writer, mut reader) = stream::bytes();
    let write = depot.write_to(writer, vec![7; 1_000_000], true).send();
    let mut read = Vec::new();
    bounded(reader.read_to_end(&mut read)).await.unwrap();
    assert_eq!(read, vec![7; 1_000_000]);
    bounded(write).await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn items_carry_references_and_halves_of_other_streams() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(4);
    let mut back = depot.rich(receiver).await.unwrap();
    let counter = Remote::<dyn Counter>::new(Plain::default());
    let (mut inner_sender, inner) = stream::channel(4);
    let (answer, mut answers) = stream::channel(4);
    let item = Rich { text: "rich".to_owned(), counter: Some(counter.clone()), inner: Some(inner), answer: Some(answer), file: None };
    sender.send(item).await.unwrap();
    let arrived = bounded(back.recv()).await.unwrap().unwrap();
    assert_eq!(arrived.text, "rich");
    let home = arrived.counter.unwrap();
    assert_eq!(Remote::key(&home), Remote::key(&counter));
    assert_eq!(home.add(5).await.unwrap(), 5);
    inner_sender.send(11).await.unwrap();
    assert_eq!(bounded(arrived.inner.unwrap().recv()).await, Some(Ok(11)));
    let mut answer = arrived.answer.unwrap();
    answer.send("yes".to_owned()).await.unwrap();
    assert_eq!(bounded(answers.recv()).await, Some(Ok("yes".to_owned())));
    drop((answer, answers, inner_sender, home, sender, back));
    no_stream_is_left(&[&host, &caller]).await;
    crate::until(|| host.stats().tables.iter().all(|session| session.imports == 0)).await;
}

#[tokio::test]
async fn what_flows_behind_an_item_that_waits_does_not_overtake_it() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(16);
    let mut back = depot.rich(receiver).await.unwrap();
    let file: Vec<u8> = (0..100_000_u32).map(|byte| (byte * 7 / 3) as u8).collect();
    let mut ends = Vec::new();
    // So much that it does not leave at once.
    for number in 0..8 {
        let ((mut inner_sender, inner), (mut writer, reader)) = (stream::channel(4), stream::bytes());
        let item = Rich { inner: Some(inner), file: Some(reader), ..Rich::text("x".repeat(40_000)) };
        bounded(sender.send(item)).await.unwrap();
        inner_sender.send(number).await.unwrap();
        let file = file.clone();
        ends.push(tokio::spawn(async move {
            inner_sender.finish().await.unwrap();
            writer.write_all(&file).await.unwrap();
            writer.shutdown().await.unwrap();
        }));
        if number % 2 == 1 {
            tokio::task::yield_now().await;
        }
    }
    let ended = tokio::spawn(sender.finish());
    let mut count = 0;
    while let Some(item) = bounded(back.recv()).await {
        let Rich { inner: Some(mut inner), file: Some(mut reader), .. } = item.unwrap() else { panic!("a half is missing") };
        assert_eq!(bounded(inner.recv()).await, Some(Ok(count)));
        assert_eq!(bounded(inner.recv()).await, None);
        let mut read = Vec::new();
        bounded(reader.read_to_end(&mut read)).await.unwrap();
        assert!(read == file, "{} bytes of {}", read.len(), file.len());
        count += 1;
    }
    assert_eq!(count, 8);
    bounded(ended).await.unwrap().unwrap();
    for end in ends {
        bounded(end).await.unwrap();
    }
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn an_item_that_is_refused_leaves_the_stream_as_it_was() {
    let limits = Limits { stream_window: 65_536, ..Limits::default() };
    let (_host, _caller, depot) = pair(limits).await;
    let (mut sender, receiver) = stream::channel(4);
    let mut back = depot.rich(receiver).await.unwrap();
    sender.send(Rich::text("first")).await.unwrap();
    let error = sender.send(Rich::text("x".repeat(60_000))).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::NotRun), "{error}");
    assert!(error.text().contains("byte stream"), "{error}");
    // One that cannot be encoded, behind a half that was: the half is lost with it, and says so.
    let (inner_sender, inner) = stream::channel(1);
    let error = sender.send(Rich { inner: Some(inner), ..Rich::text(crate::UNWRITABLE) }).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Codec, Outcome::NotRun), "{error}");
    assert_eq!(bounded(inner_sender.closed()).await.kind(), ErrorKind::Cancelled);
    sender.send(Rich::text("second")).await.unwrap();
    for text in ["first", "second"] {
        assert_eq!(bounded(back.recv()).await.unwrap().unwrap().text, text);
    }
}

#[tokio::test]
async fn items_that_are_refused_cost_no_credit() {
    let (_host, _caller, depot) = pair(Limits { streams: 2, ..Limits::default() }).await;
    let (mut sender, receiver) = stream::channel(2);
    let mut back = depot.rich(receiver).await.unwrap();
    let (_last, inner) = stream::channel::<u64>(1);
    depot.keep(inner).await.unwrap();
    for _ in 0..10 {
        // There is no room for one more stream, which is seen when the item is about to leave.
        let (inner_sender, inner) = stream::channel(1);
        let error = bounded(sender.send(Rich { inner: Some(inner), ..Rich::text("refused") })).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::NotRun), "{error}");
        assert_eq!(bounded(inner_sender.closed()).await.kind(), ErrorKind::Cancelled);
    }
    for text in ["first", "second", "third"] {
        bounded(sender.send(Rich::text(text))).await.unwrap();
        assert_eq!(bounded(back.recv()).await.unwrap().unwrap().text, text);
    }
}

#[tokio::test]
async fn a_half_stays_where_it_is_when_it_is_serialized_outside_a_message() {
    let (mut sender, mut receiver) = stream::channel::<u64>(1);
    assert!(serde_json::to_string(&receiver).is_err() && serde_json::to_string(&sender).is_err());
    sender.send(5).await.unwrap();
    assert_eq!(receiver.recv().await, Some(Ok(5)));
}

#[tokio::test]
async fn the_latest_value_is_never_missed_and_old_ones_may_be() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::watch(0_u64);
    let mut there = depot.follow(receiver).await.unwrap();
    assert_eq!(bounded(there.changed()).await, Some(Ok(0)));
    for value in 1..=100_000 {
        sender.send(value).unwrap();
    }
    let mut seen = Vec::new();
    while seen.last() != Some(&100_000) {
        seen.push(bounded(there.changed()).await.unwrap().unwrap());
    }
    assert!(seen.is_sorted() && seen.len() < 1_000, "{} values were seen", seen.len());
    sender.finish();
    assert_eq!(bounded(there.changed()).await, None);

    let (sender, mut receiver) = stream::watch(7);
    depot.set(sender, 50).await.unwrap();
    let mut last = 0;
    while let Some(value) = bounded(receiver.changed()).await {
        last = value.unwrap();
    }
    assert_eq!(last, 50);
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_watched_value_whose_references_do_not_fit_is_refused_and_the_stream_goes_on() {
    let (host, caller, depot) = pair(Limits { stream_window: 65_536, ..Limits::default() }).await;
    let counter = Remote::<dyn Counter>::new(Plain::default());
    let (mut sender, receiver) = stream::watch(vec![counter.clone()]);
    let mut there = depot.follow_counters(receiver).await.unwrap();
    assert_eq!(bounded(there.changed()).await.unwrap().unwrap().len(), 1);
    // What they take of the window, and how many there may be at all.
    for count in [800, 5_000] {
        let error = sender.send(vec![counter.clone(); count]).unwrap_err();
        assert_eq!((error.kind(), error.scope(), error.outcome()), (ErrorKind::TooLarge, Scope::Call, Outcome::NotRun), "{error}");
    }
    sender.send(vec![counter; 700]).unwrap();
    assert_eq!(bounded(there.changed()).await.unwrap().unwrap().len(), 700);
    sender.finish();
    assert!(bounded(there.changed()).await.is_none());
    drop(there);
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn iteration_runs_ahead_by_no_more_than_it_may() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let mut squares = depot.squares(5).await.unwrap();
    for number in 0..100_u64 {
        assert_eq!(bounded(squares.recv()).await, Some(Ok(number * number)));
    }
    let made = depot.made().await.unwrap();
    // Five wait to be read, and one is in hand.
    assert!((100..=106).contains(&made), "{made} were made");
    drop(squares);
    no_stream_is_left(&[&host, &caller]).await;
}
