//! The relay for tests (`netref::testing`): whatever the conditions are, bytes arrive whole and in order or not at all, a stall loses
//! nothing, a cut is seen by both sides, a seed repeats itself, and a slow receiver stops the sender. Where it can, the clock is tokio's
//! paused one, so that a time is exact and takes none.

use std::time::Duration;

use netref::testing::{Line, Relay};
use netref::{ErrorKind, Node, Outcome, Remote, Result, remote};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, timeout};

const MILLI: Duration = Duration::from_millis(1);

/// Longer than anything here takes, shorter than for ever.
const PATIENCE: Duration = Duration::from_secs(30);

fn line(seed: u64) -> (DuplexStream, Line, DuplexStream) {
    let (here, left) = tokio::io::duplex(4_096);
    let (right, there) = tokio::io::duplex(4_096);
    (here, Line::between(left, right, seed), there)
}

/// Bytes in which each place is different from its neighbours.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Whether nothing comes for a while, of a clock that only moves when nothing happens.
async fn is_silent(stream: &mut DuplexStream) -> bool {
    timeout(3_600_000 * MILLI, stream.read_u8()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_whole_and_in_order_under_any_jitter() {
    for seed in 0..50 {
        let (mut here, line, mut there) = line(seed);
        let sent = pattern(100_000);
        let writing = async {
            for (number, piece) in sent.chunks(1 + seed as usize * 97).enumerate() {
                here.write_all(piece).await.unwrap();
                // The conditions change under way, each time to others.
                let step = (number as u32 * 7 + seed as u32) % 11;
                line.onward().change(|conditions| {
                    conditions.delay = step * MILLI;
                    conditions.jitter = (10 - step) * 3 * MILLI;
                    conditions.rate = step.is_multiple_of(2).then_some(10_000_000);
                    conditions.buffer = 1 << (step * 2);
                });
            }
            here.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let ((), read) = tokio::join!(writing, there.read_to_end(&mut received));
        read.unwrap();
        assert!(received == sent, "seed {seed}: {} of {} bytes, or others", received.len(), sent.len());
    }
}

/// How long each of 50 pieces was under way, one after the other.
async fn delays(seed: u64) -> Vec<Duration> {
    let (mut here, line, mut there) = line(seed);
    line.onward().change(|conditions| (conditions.delay, conditions.jitter) = (5 * MILLI, 50 * MILLI));
    let mut delays = Vec::new();
    for piece in 0..50 {
        let sent = Instant::now();
        here.write_u8(piece).await.unwrap();
        assert_eq!(there.read_u8().await.unwrap(), piece);
        delays.push(sent.elapsed());
    }
    delays
}

#[tokio::test(start_paused = true)]
async fn seed_repeats_the_same_delays_and_another_one_does_not() {
    let first = delays(1).await;
    assert_eq!(first, delays(1).await);
    assert_ne!(first, delays(2).await);
    assert!(first.iter().all(|delay| *delay >= 5 * MILLI));
    assert!(first.iter().min() != first.iter().max(), "the jitter is there at all");
}

#[tokio::test(start_paused = true)]
async fn delay_and_rate_of_one_direction_leave_the_other_one_alone() {
    let (mut here, line, mut there) = line(1);
    line.onward().change(|conditions| (conditions.delay, conditions.rate) = (200 * MILLI, Some(1_000)));
    let begin = Instant::now();
    there.write_all(&pattern(2_000)).await.unwrap();
    here.read_exact(&mut [0; 2_000]).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);

    here.write_all(&pattern(500)).await.unwrap();
    there.read_exact(&mut [0; 500]).await.unwrap();
    assert!(begin.elapsed() >= 700 * MILLI, "{:?}: 500 bytes at 1000 a second, and 200 ms", begin.elapsed());
}

/// A change of the rate is one for what waits already: a mebibyte at a kilobyte a second would take 17 minutes.
#[tokio::test(start_paused = true)]
async fn what_is_sent_after_a_change_is_under_it() {
    for seed in 0..50 {
        let (mut here, line, mut there) = line(seed);
        // The relay reads already, under the conditions of the beginning, when they change and something comes in the same moment.
        here.write_all(b"before").await.unwrap();
        there.read_exact(&mut [0; 6]).await.unwrap();
        line.onward().change(|conditions| conditions.delay = 20 * MILLI);
        let begin = Instant::now();
        here.write_all(b"after").await.unwrap();
        there.read_exact(&mut [0; 5]).await.unwrap();
        assert!(begin.elapsed() >= 20 * MILLI, "seed {seed}: it was under way for {:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn rate_that_is_changed_holds_for_what_waits() {
    for (rate, seconds) in [(None, 0), (Some(10_000), 10), (Some(500), 200)] {
        let (mut here, line, mut there) = line(1);
        line.onward().change(|conditions| conditions.rate = Some(1_000));
        here.write_all(&pattern(101_000)).await.unwrap();
        there.read_exact(&mut [0; 1_000]).await.unwrap();
        let begin = Instant::now();
        line.onward().change(|conditions| conditions.rate = rate);
        let mut rest = vec![0; 100_000];
        there.read_exact(&mut rest).await.unwrap();
        assert!(rest == pattern(101_000)[1_000..], "in order and whole");
        let (at_least, took) = (Duration::from_secs(seconds), begin.elapsed());
        assert!((at_least..at_least + 1_000 * MILLI).contains(&took), "{took:?} at {rate:?}");
        // And for what comes.
        here.write_u8(1).await.unwrap();
        let begin = Instant::now();
        there.read_u8().await.unwrap();
        assert!(begin.elapsed() < 10 * MILLI);
    }
}

#[tokio::test(start_paused = true)]
async fn stall_passes_nothing_and_afterwards_everything() {
    for end in ["resume", "rate"] {
        let (mut here, line, mut there) = line(1);
        here.write_all(b"before").await.unwrap();
        there.read_exact(&mut [0; 6]).await.unwrap();

        if end == "resume" {
            line.onward().stall()
        } else {
            line.onward().change(|conditions| conditions.rate = Some(0))
        }
        here.write_all(&pattern(3_000)).await.unwrap();
        here.shutdown().await.unwrap();
        assert!(is_silent(&mut there).await, "something passed");
        // Half open: the other direction knows nothing of it.
        there.write_all(b"back").await.unwrap();
        here.read_exact(&mut [0; 4]).await.unwrap();

        if end == "resume" {
            line.onward().resume()
        } else {
            line.onward().change(|conditions| conditions.rate = None)
        }
        let mut received = Vec::new();
        there.read_to_end(&mut received).await.unwrap();
        assert!(received == pattern(3_000));
    }
}

#[tokio::test(start_paused = true)]
async fn cut_ends_both_sides_and_loses_what_is_under_way() {
    let (mut here, line, mut there) = line(1);
    line.onward().change(|conditions| conditions.delay = 10 * MILLI);
    here.write_all(b"never seen").await.unwrap();
    tokio::time::sleep(MILLI).await;
    line.cut();
    let mut received = Vec::new();
    there.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    here.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    assert!(here.write_all(b"anybody?").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn cut_of_one_direction_ends_what_is_read_there_and_nothing_else() {
    let (mut here, line, mut there) = line(1);
    line.onward().change(|conditions| conditions.delay = 10 * MILLI);
    here.write_all(b"never seen").await.unwrap();
    tokio::time::sleep(MILLI).await;
    line.onward().cut();
    let mut received = Vec::new();
    there.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    here.write_all(&pattern(100_000)).await.unwrap(); // thrown away
    there.write_all(b"still here").await.unwrap();
    let mut back = [0; 10];
    here.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"still here");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_line_closes_both_streams() {
    let (mut here, line, mut there) = line(1);
    line.onward().stall();
    drop(line);
    let mut received = Vec::new();
    here.read_to_end(&mut received).await.unwrap();
    there.read_to_end(&mut received).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slow_receiver_stops_the_sender() {
    // Duplex streams hold 4 KiB each, before and behind the line.
    for (buffer, piece) in [(0, 1), (10_000, 1), (10_000, 3_000), (1 << 20, 4_096)] {
        let (mut here, line, mut there) = line(1);
        line.onward().change(|conditions| conditions.buffer = buffer);
        let mut sent = 0;
        let bytes = pattern(piece);
        while timeout(3_600_000 * MILLI, here.write_all(&bytes)).await.is_ok() {
            sent += piece;
            assert!(sent <= buffer + 2 * 4_096 + piece, "{sent} bytes are kept with a buffer of {buffer}");
            if piece == 1 {
                tokio::task::yield_now().await; // so that each is read by itself
            }
        }
        // It goes on as soon as somebody reads.
        let mut space = vec![0; sent.min(8_192)];
        let (wrote, read) = tokio::join!(here.write_all(&bytes), there.read_exact(&mut space));
        wrote.unwrap();
        read.unwrap();
    }
}

#[remote]
trait Echo {
    async fn echo(&self, data: Vec<u8>) -> Result<Vec<u8>>;
}

struct Canyon;

impl Echo for Canyon {
    async fn echo(&self, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(data)
    }
}

/// A node, a relay to it, and an object of it through the relay.
async fn distant(seed: u64) -> (Node, Relay, Node, Remote<dyn Echo>) {
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("echo", Remote::<dyn Echo>::new(Canyon)).start().await.unwrap();
    let relay = Relay::to(&host.addresses()[0], seed).await.unwrap();
    let guest = Node::builder().start().await.unwrap();
    let echo = guest.connect(&format!("{}/echo", relay.address())).await.unwrap();
    (host, relay, guest, echo)
}

#[tokio::test]
async fn calls_pass_under_jitter_in_both_directions() {
    let (_host, relay, _guest, echo) = distant(7).await;
    for direction in [relay.onward(), relay.back()] {
        direction.change(|conditions| (conditions.delay, conditions.jitter) = (MILLI, 3 * MILLI));
    }
    let begin = Instant::now();
    let calls: Vec<_> = (0..40).map(|number| (number, echo.echo(pattern(number * 5_000)).send())).collect();
    for (number, call) in calls {
        assert!(call.await.unwrap() == pattern(number * 5_000), "call {number}");
    }
    assert!(begin.elapsed() >= 2 * MILLI);
}

#[tokio::test]
async fn call_over_a_stalled_direction_ends_at_its_deadline_and_the_session_lives_on() {
    let (_host, relay, _guest, echo) = distant(1).await;
    relay.back().stall();
    let error = echo.echo(vec![1]).timeout(50 * MILLI).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::MayHaveRun));
    relay.back().resume();
    assert_eq!(timeout(PATIENCE, echo.echo(vec![2])).await.unwrap().unwrap(), [2]);
}

#[tokio::test]
async fn cut_ends_the_session_at_both_nodes_and_a_new_one_can_be_had() {
    let (host, relay, guest, echo) = distant(1).await;
    relay.back().stall();
    let call = echo.echo(vec![1]).send();
    relay.cut();
    let error = timeout(PATIENCE, call).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Disconnected, Outcome::MayHaveRun), "{error}");
    timeout(PATIENCE, Remote::closed(&echo)).await.unwrap();
    let no_session = async {
        while !host.sessions().is_empty() {
            tokio::time::sleep(MILLI).await;
        }
    };
    timeout(PATIENCE, no_session).await.unwrap();

    relay.back().resume();
    let echo: Remote<dyn Echo> = guest.connect(&format!("{}/echo", relay.address())).await.unwrap();
    assert_eq!(echo.echo(vec![3]).await.unwrap(), [3]);
}

#[tokio::test]
async fn connection_to_nobody_is_closed_again() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let relay = Relay::to(&format!("tcp://{free}"), 1).await.unwrap();
    let mut link = tokio::net::TcpStream::connect(relay.address().strip_prefix("tcp://").unwrap()).await.unwrap();
    let read = timeout(PATIENCE, link.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn relay_that_is_dropped_is_gone() {
    let (_host, relay, _guest, echo) = distant(1).await;
    let address = relay.address().strip_prefix("tcp://").unwrap().to_owned();
    drop(relay);
    timeout(PATIENCE, Remote::closed(&echo)).await.unwrap();
    let refused = async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(MILLI).await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
}

#[tokio::test]
async fn only_tcp_is_relayed() {
    for target in ["unix:///run/me.sock", "mem://place", "127.0.0.1:7070", ""] {
        let error = Relay::to(target, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{error}");
    }
}
