//! What a node may be configured to be: each setting has bounds, a setting beyond them is refused when the node starts, and the words name it.

use std::time::Duration;

use netref::{ErrorKind, Limits, Node, NodeBuilder, Outcome};

const SECOND: Duration = Duration::from_secs(1);

/// The longest wait that a node takes.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

async fn refused(builder: NodeBuilder, words: &str) {
    let error = builder.start().await.expect_err("it is beyond its bounds");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Misuse, Outcome::NotRun), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

async fn taken(builder: NodeBuilder) {
    builder.start().await.expect("it is within its bounds");
}

fn keeping_alive(interval: Duration, timeout: Duration) -> NodeBuilder {
    Node::builder().keep_alive(interval, timeout)
}

#[tokio::test]
async fn keep_alive_needs_an_interval_and_a_timeout_that_is_not_shorter() {
    let nothing = Duration::ZERO;
    let least = Duration::from_nanos(1);
    for (interval, timeout) in [(nothing, SECOND), (nothing, nothing), (SECOND, nothing), (SECOND, SECOND - least)] {
        refused(keeping_alive(interval, timeout), "keep-alive needs an interval above zero").await;
    }
    for (interval, timeout) in [(least, least), (least, LONGEST), (SECOND, SECOND), (SECOND, 3 * SECOND), (LONGEST, LONGEST)] {
        taken(keeping_alive(interval, timeout)).await;
    }
}

#[tokio::test]
async fn keep_alive_longer_than_every_clock_can_add_is_refused() {
    for (interval, timeout) in [(SECOND, LONGEST + SECOND), (LONGEST + SECOND, LONGEST + SECOND), (SECOND, Duration::MAX)] {
        refused(keeping_alive(interval, timeout), "no_keep_alive").await;
    }
    taken(Node::builder().keep_alive(SECOND, Duration::MAX).no_keep_alive()).await;
}

#[tokio::test]
async fn session_lives_under_the_shortest_and_the_longest_keep_alive() {
    let short = keeping_alive(Duration::from_millis(1), 60 * SECOND).start().await.expect("within its bounds");
    let long = keeping_alive(LONGEST, LONGEST).start().await.expect("within its bounds");
    let (here, there) = tokio::io::duplex(4_096);
    let ((read_here, write_here), (read_there, write_there)) = (tokio::io::split(here), tokio::io::split(there));
    let (dialled, accepted) = tokio::join!(short.connect_io(read_here, write_here), long.accept_io(read_there, write_there));
    let (dialled, accepted) = (dialled.expect("a session"), accepted.expect("a session"));
    // Some pings, each of which is answered.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!dialled.is_closed() && !accepted.is_closed());
}

#[tokio::test]
async fn limits_that_allow_nothing_or_too_much_are_refused() {
    let with = |limits| Node::builder().limits(limits);
    let usual = Limits::default;
    refused(with(Limits { message_bytes: 65_535, ..usual() }), "message_bytes").await;
    refused(with(Limits { message_bytes: (1 << 30) + 1, ..usual() }), "message_bytes").await;
    taken(with(Limits { message_bytes: 65_536, ..usual() })).await;
    refused(with(Limits { depth: 0, ..usual() }), "depth").await;
    refused(with(Limits { depth: 257, ..usual() }), "depth").await;
    taken(with(Limits { depth: 256, ..usual() })).await;
    refused(with(Limits { calls_in_flight: 0, ..usual() }), "allows nothing").await;
    refused(with(Limits { exports: 0, ..usual() }), "allows nothing").await;
    refused(with(Limits { definitions: 0, ..usual() }), "allows nothing").await;
    refused(with(Limits { refusals: 0, ..usual() }), "allows nothing").await;
    refused(with(Limits { handshake: Duration::ZERO, ..usual() }), "Limits").await;
    refused(with(Limits { handshake: LONGEST + SECOND, ..usual() }), "Limits").await;
    refused(with(Limits { nested_wait: Duration::ZERO, ..usual() }), "Limits").await;
    refused(Node::builder().name("x".repeat(129)), "at most 128 bytes").await;
    taken(Node::builder().name("x".repeat(128))).await;
}
