//! How a stream ends, and that both halves are told what happened.

use std::future::Future as _;
use std::sync::Arc;
use std::time::Duration;

use netref::stream;
use netref::{Error, ErrorKind, Limits, Node, Remote, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Depot, bounded, no_stream_is_left, pair};

fn netref_error(error: &std::io::Error) -> &Error {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("netref's own error is inside")
}

#[tokio::test]
async fn a_byte_writer_that_is_dropped_is_an_error_and_no_end_of_file() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (writer, mut reader) = stream::bytes();
    depot.write_to(writer, vec![3; 1_000], false).await.unwrap();
    let mut read = Vec::new();
    let error = bounded(reader.read_to_end(&mut read)).await.unwrap_err();
    assert_eq!((read.len(), error.kind()), (1_000, std::io::ErrorKind::ConnectionReset));
    assert!(netref_error(&error).text().contains("dropped before"), "{error}");
    assert_eq!(netref_error(&error).scope(), Scope::Stream);

    // Who asks again is told again: none of it is the end.
    for _ in 0..3 {
        let error = bounded(reader.read(&mut [0; 10])).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(bounded(reader.chunk()).await.unwrap().unwrap_err(), *netref_error(&error));
    }

    // The same without any session.
    let (mut writer, mut reader) = stream::bytes();
    writer.write_all(b"half of it").await.unwrap();
    drop(writer);
    assert!(reader.read_to_end(&mut Vec::new()).await.is_err());

    // And from a task that is cancelled.
    let (mut writer, reader) = stream::bytes();
    let mut echo = depot.echo(reader).await.unwrap();
    let task = tokio::spawn(async move {
        writer.write_all(b"half of it").await.unwrap();
        std::future::pending::<()>().await;
        drop(writer);
    });
    let mut some = [0; 10];
    bounded(echo.read_exact(&mut some)).await.unwrap();
    task.abort();
    assert!(bounded(echo.read_to_end(&mut Vec::new())).await.is_err());
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_sender_that_does_not_finish_is_an_error_with_what_it_said() {
    let (host, caller, depot) = pair(Limits::default()).await;
    for (how, said) in [("drop", "dropped before"), ("fail", "no more ink"), ("panic", "dropped before")] {
        let (mut sender, receiver) = stream::channel(4);
        let (back_sender, mut back) = stream::channel(4);
        let mut middle = depot.rich(receiver).await.unwrap();
        sender.send(crate::Rich::text("one")).await.unwrap();
        assert_eq!(bounded(middle.recv()).await.unwrap().unwrap().text, "one");
        match how {
            "drop" => drop(sender),
            "fail" => sender.fail("no more ink"),
            _ => {
                let task = tokio::spawn(async move {
                    let _sender = sender;
                    panic!("in the middle of it");
                });
                assert!(task.await.is_err());
            }
        }
        let error = bounded(middle.recv()).await.unwrap().err().unwrap();
        assert!(error.text().contains(said), "{how}: {error}");
        assert!(bounded(middle.recv()).await.is_none());
        drop(back_sender);
        let _: Option<Result<u64, Error>> = back.recv().await;
    }
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_receiver_that_stops_tells_its_sender_why() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (sender, mut receiver) = stream::channel(4);
    let fill = depot.fill(sender, u64::MAX).send();
    assert_eq!(bounded(receiver.recv()).await, Some(Ok(0)));
    receiver.stop("seen enough");
    let error = bounded(fill).await.unwrap_err();
    let origin = error.origin().expect("the error of the handler's own");
    assert!(origin.text().contains("seen enough"), "{origin}");
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn the_loss_of_the_session_reaches_both_ends() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(4);
    depot.keep(receiver).await.unwrap();
    sender.send(1).await.unwrap();
    let mut numbers = depot.numbers(u64::MAX).await.unwrap();
    assert_eq!(bounded(numbers.recv()).await, Some(Ok(0)));
    // Who waits already learns it as well: for room, for an item, for the end of the other half.
    let (mut full, receiver) = stream::channel(1);
    depot.keep(receiver).await.unwrap();
    full.send(1).await.unwrap();
    let (back, mut silent) = stream::channel::<u64>(1);
    let (kept, receiver) = stream::channel::<u64>(1);
    depot.keep(receiver).await.unwrap();
    depot.set_aside(back).await.unwrap();
    let waiting = tokio::spawn(async move { (full.send(2).await.unwrap_err(), silent.recv().await, kept.closed().await) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (mut writer, reader) = stream::bytes();
    depot.keep_bytes(reader).await.unwrap();
    let (endless, mut reader) = stream::bytes();
    depot.flood(endless).await.unwrap();
    bounded(reader.read_exact(&mut [0; 10])).await.unwrap();
    caller.sessions()[0].close();
    let error = bounded(reader.read_to_end(&mut Vec::new())).await.unwrap_err();
    assert_eq!((error.kind(), netref_error(&error).kind()), (std::io::ErrorKind::ConnectionAborted, ErrorKind::Disconnected));
    assert!(bounded(reader.read(&mut [0; 10])).await.is_err());
    let error = bounded(sender.send(2)).await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Disconnected, Scope::Session), "{error}");
    let mut last = None;
    while let Some(number) = bounded(numbers.recv()).await {
        last = Some(number);
    }
    // What had arrived is read first.
    assert_eq!(last.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    let (full, silent, kept) = bounded(waiting).await.unwrap();
    let kinds = [full.kind(), silent.unwrap().unwrap_err().kind(), kept.kind()];
    assert_eq!(kinds, [ErrorKind::Disconnected; 3]);
    let error = bounded(writer.write_all(&[1; 10])).await.unwrap_err();
    assert_eq!(netref_error(&error).kind(), ErrorKind::Disconnected);
    no_stream_is_left(&[&host, &caller]).await;
    host.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn an_end_needs_no_room() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(4);
    for number in 0..4 {
        sender.send(number).await.unwrap();
    }
    depot.keep(receiver).await.unwrap();
    // All that may wait to be read waits, and nobody reads: the end finds its way behind it.
    bounded(sender.finish()).await.unwrap();
    assert_eq!(bounded(depot.kept()).await.unwrap(), [0, 1, 2, 3]);
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn what_has_arrived_has_arrived_also_when_the_session_is_lost_then() {
    let (_host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(4);
    depot.keep(receiver).await.unwrap();
    sender.send(1).await.unwrap();
    let mut finish = Box::pin(sender.finish());
    let asked = std::future::poll_fn(|cx| std::task::Poll::Ready(finish.as_mut().poll(cx))).await;
    assert!(asked.is_pending());
    no_stream_is_left(&[&caller]).await;
    caller.sessions()[0].close();
    bounded(finish).await.unwrap();
}

#[tokio::test]
async fn everybody_learns_that_the_receiver_is_gone() {
    let (_host, _caller, depot) = pair(Limits::default()).await;
    let (sender, receiver) = stream::channel(1);
    depot.keep(receiver).await.unwrap();
    let sender = Arc::new(sender);
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let sender = Arc::clone(&sender);
            tokio::spawn(async move { sender.closed().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    // One that gives up keeps nobody from learning it.
    waiting[1].abort();
    depot.forget().await.unwrap();
    for (number, waiting) in waiting.into_iter().enumerate() {
        match bounded(waiting).await {
            Ok(error) => assert_eq!(error.kind(), ErrorKind::Cancelled),
            Err(given_up) => assert!(number == 1 && given_up.is_cancelled()),
        }
    }
}

#[tokio::test]
async fn the_scope_of_an_error_tells_a_lost_item_from_the_end() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(8);
    let mut back = depot.rich(receiver).await.unwrap();
    for text in ["first", crate::UNREADABLE, crate::STARTLING, "last"] {
        sender.send(crate::Rich::text(text)).await.unwrap();
    }
    drop(sender);
    let mut seen = Vec::new();
    while let Some(item) = bounded(back.recv()).await {
        seen.push(match item {
            Ok(item) => item.text,
            Err(error) => format!("{:?} {:?}: {error}", error.kind(), error.scope()),
        });
    }
    assert_eq!((seen.len(), seen[0].as_str(), seen[3].as_str()), (5, "first", "last"), "{seen:?}");
    assert!(seen[1].starts_with("Codec Call: ") && seen[1].contains("the stream goes on"), "{seen:?}");
    assert!(seen[2].starts_with("Panic Call: decoding an item panicked: startled"), "{seen:?}");
    assert!(seen[4].starts_with("Cancelled Stream: ") && seen[4].contains("the stream is over"), "{seen:?}");
    assert!(!seen.iter().any(|seen| seen.contains("the call")), "{seen:?}");
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_byte_writer_that_was_shut_down_says_so() {
    let (mut writer, _reader) = stream::bytes();
    writer.shutdown().await.unwrap();
    let error = writer.write_all(b"more").await.unwrap_err();
    assert_eq!(netref_error(&error).kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("was shut down"), "{error}");
}

#[tokio::test]
async fn finish_waits_until_everything_has_arrived() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(1_000);
    depot.keep(receiver).await.unwrap();
    for number in 0..1_000 {
        sender.send(number).await.unwrap();
    }
    // Nobody reads, and all of it is there.
    bounded(sender.finish()).await.unwrap();
    caller.sessions()[0].close();
    drop(depot);
    no_stream_is_left(&[&host, &caller]).await;
    let other = Node::builder().start().await.unwrap();
    let depot: Remote<dyn Depot> = other.connect(&format!("{}/depot", host.addresses()[0])).await.unwrap();
    assert_eq!(bounded(depot.kept()).await.unwrap(), (0..1_000).collect::<Vec<_>>());
}
