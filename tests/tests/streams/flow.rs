//! A reader that is slow stops its writer and nobody else, and what waits for it is bounded. What that takes in memory, `hostile::unread` counts.

use netref::Limits;
use netref::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Depot, bounded, no_stream_is_left, pair, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_reader_stops_its_writer_and_nobody_else() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let mut stopped = Vec::new();
    for _ in 0..20 {
        let (mut writer, reader) = stream::bytes();
        depot.keep_bytes(reader).await.unwrap();
        let written = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counted = std::sync::Arc::clone(&written);
        let task = tokio::spawn(async move {
            loop {
                if writer.write_all(&[5; 10_000]).await.is_err() {
                    return;
                }
                counted.fetch_add(10_000, std::sync::atomic::Ordering::SeqCst);
            }
        });
        stopped.push((task, written));
    }
    // Everybody else goes on: calls, and streams whose readers read.
    for _ in 0..5 {
        let numbers = depot.numbers(10_000).await.unwrap();
        assert_eq!(bounded(depot.sum(numbers)).await.unwrap(), 49_995_000);
        bounded(depot.ping()).await.unwrap();
    }
    let window = Limits::default().stream_window;
    for (_, written) in &stopped {
        // Each gets as far as its window, also while the others have stopped.
        until(|| written.load(std::sync::atomic::Ordering::SeqCst) + 10_000 > window).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    for (_, written) in &stopped {
        let written = written.load(std::sync::atomic::Ordering::SeqCst);
        // What the kernel or a queue of this side holds has been paid for as well.
        assert!(written <= window + 10_000, "{written} bytes were written for a reader that has stopped");
    }
    depot.forget().await.unwrap();
    for (task, _) in stopped {
        bounded(task).await.unwrap();
    }
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn no_more_items_wait_than_the_channel_was_made_for() {
    let (_host, _caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(7);
    depot.keep(receiver).await.unwrap();
    let mut sent = 0_u64;
    while tokio::time::timeout(std::time::Duration::from_millis(300), sender.send(sent)).await.is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 7);
    let kept = depot.kept().send();
    bounded(sender.send(7)).await.unwrap();
    bounded(sender.finish()).await.unwrap();
    assert_eq!(bounded(kept).await.unwrap(), (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_more_items_wait_when_some_were_sent_before_the_half_left() {
    let (_host, _caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(7);
    for number in 0..7 {
        sender.send(number).await.unwrap();
    }
    depot.keep(receiver).await.unwrap();
    for _ in 0..10 {
        let sent = tokio::time::timeout(std::time::Duration::from_millis(30), sender.send(7)).await;
        assert!(sent.is_err(), "more items wait than may");
    }
    let kept = depot.kept().send();
    bounded(sender.send(7)).await.unwrap();
    bounded(sender.finish()).await.unwrap();
    assert_eq!(bounded(kept).await.unwrap(), (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_written_next_waits_for_what_was_written_before_the_half_left() {
    let (host, caller, depot) = pair(Limits { stream_window: 65_536, ..Limits::default() }).await;
    let (mut writer, reader) = stream::bytes();
    writer.write_all(&[3; 250_000]).await.unwrap();
    let mut echo = depot.echo(reader).await.unwrap();
    for _ in 0..10 {
        let written = tokio::time::timeout(std::time::Duration::from_millis(30), writer.write_all(&[4; 10])).await;
        assert!(written.is_err(), "what waits here grows, though nobody reads");
    }
    let writing = tokio::spawn(async move {
        writer.write_all(&[4; 100_000]).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut read = Vec::new();
    bounded(echo.read_to_end(&mut read)).await.unwrap();
    assert_eq!((read.len(), read[249_999], read[250_000]), (350_000, 3, 4));
    bounded(writing).await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn bytes_written_before_their_writer_left_are_not_granted_to_the_peer() {
    let (host, caller, depot) = pair(Limits { refusals: 1, ..Limits::default() }).await;
    let (mut writer, mut reader) = stream::bytes();
    writer.write_all(&[3; 200_000]).await.unwrap();
    depot.flood(writer).await.unwrap();
    let (window, made) = (Limits::default().stream_window, async || depot.made().await.unwrap());
    bounded(async { while made().await + 1_000 < window {} }).await;
    // What was here never took any of the window, so none of it becomes free.
    let mut local = vec![0; 200_000];
    bounded(reader.read_exact(&mut local)).await.unwrap();
    assert!(local.iter().all(|&byte| byte == 3));
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let made = made().await;
        assert!(made <= window, "{made} bytes were written for a reader that has taken none of them");
    }
    // What came over is granted again.
    let mut far = vec![0; 300_000];
    bounded(reader.read_exact(&mut far)).await.unwrap();
    assert!(far.iter().all(|&byte| byte == 4));
    bounded(async { while made().await < window + 130_000 {} }).await;
    drop(reader);
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_send_that_is_given_up_sends_nothing_or_all() {
    let (_host, _caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(2);
    depot.keep(receiver).await.unwrap();
    for number in 0..50 {
        // The first two fit, the others are given up.
        let _ = tokio::time::timeout(std::time::Duration::ZERO, sender.send(number)).await;
    }
    let kept = depot.kept().send();
    bounded(sender.send(1_000)).await.unwrap();
    bounded(sender.finish()).await.unwrap();
    let kept = bounded(kept).await.unwrap();
    assert!(kept.is_sorted() && kept.last() == Some(&1_000) && kept.starts_with(&[0, 1]), "{kept:?}");
}

#[tokio::test]
async fn all_streams_of_a_session_share_what_they_are_allowed_together() {
    let limits = Limits { stream_window: 65_536, streams_window: 150_000, ..Limits::default() };
    let (host, caller, depot) = pair(limits).await;
    let mut written = 0;
    let mut writers = Vec::new();
    for _ in 0..3 {
        let (mut writer, reader) = stream::bytes();
        depot.keep_bytes(reader).await.unwrap();
        while tokio::time::timeout(std::time::Duration::from_millis(300), writer.write_all(&[1; 1_000])).await.is_ok() {
            written += 1_000;
        }
        writers.push(writer);
    }
    assert!((148_000..=150_000).contains(&written), "{written}");
    bounded(depot.ping()).await.unwrap();
    drop(writers);
    depot.forget().await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
    // All of it came back.
    let numbers = depot.numbers(10_000).await.unwrap();
    assert_eq!(bounded(depot.sum(numbers)).await.unwrap(), 49_995_000);
}

/// Writes ahead of a reader that takes nothing, with a call between any two attempts, until one has to wait. Gives how much was written.
async fn written_beside_calls(depot: &netref::Remote<dyn Depot>, writer: &mut stream::ByteWriter, at_once: usize) -> usize {
    let mut written = 0;
    loop {
        bounded(depot.ping()).await.unwrap();
        match tokio::time::timeout(std::time::Duration::ZERO, writer.write(&vec![5; at_once])).await {
            Ok(count) => written += count.unwrap(),
            Err(_) => return written,
        }
    }
}

#[tokio::test]
async fn a_chunk_goes_ahead_of_the_reader_while_calls_share_the_session_and_then_the_whole_window() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut writer, reader) = stream::bytes();
    depot.keep_bytes(reader).await.unwrap();
    let chunk = 65_536;
    assert_eq!(written_beside_calls(&depot, &mut writer, 1_000).await, chunk);

    // The reader may be waiting for more before it reads: its writer gets as far as the window, however many calls are made.
    let rest = vec![5; Limits::default().stream_window as usize - chunk];
    let calls = async {
        loop {
            bounded(depot.ping()).await.unwrap();
        }
    };
    tokio::select! {
        written = bounded(writer.write_all(&rest)) => written.unwrap(),
        () = calls => {}
    }
    drop(writer);
    depot.forget().await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn a_writer_that_has_the_session_to_itself_is_not_held_back() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut writer, reader) = stream::bytes();
    depot.keep_bytes(reader).await.unwrap();
    let window = Limits::default().stream_window as usize;
    let written = tokio::time::timeout(std::time::Duration::ZERO, writer.write_all(&vec![5; window])).await;
    written.expect("the calls that came before are over").unwrap();
    drop(writer);
    depot.forget().await.unwrap();
    no_stream_is_left(&[&host, &caller]).await;
}
