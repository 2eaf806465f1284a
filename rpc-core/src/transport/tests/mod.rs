//! What links and listeners promise, over real sockets of this machine.

mod address;
mod mem;
mod tcp;
#[cfg(unix)]
mod unix;

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Fails a test that hangs instead of letting it.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("took more than 30 s")
}

fn address(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn listen(text: &str) -> Listener {
    Listener::bind(&address(text), false).await.unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn refused(text: &str) -> TransportError {
    dial(&address(text), false).await.expect_err("dialled")
}

async fn not_bound(text: &str) -> TransportError {
    Listener::bind(&address(text), false).await.expect_err("bound")
}

/// Both ends of a link to the listener, dialled at its own address.
async fn connect(listener: &mut Listener) -> (LinkStream, LinkStream) {
    let target = listener.local_address();
    let (dialled, accepted) = soon(async { tokio::join!(dial(&target, false), listener.accept()) }).await;
    (dialled.unwrap_or_else(|error| panic!("{target}: {error}")), accepted)
}

/// Bytes arrive in both directions, and the end of one direction is seen without closing the other.
async fn check_link(mut one: LinkStream, mut other: LinkStream) {
    soon(async {
        one.writer.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        other.reader.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");
        drop(one.writer);
        assert_eq!(other.reader.read(&mut bytes).await.unwrap(), 0, "the end is seen");
        other.writer.write_all(b"pong").await.unwrap();
        drop(other.writer);
        let mut rest = Vec::new();
        one.reader.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"pong");
    })
    .await;
}

#[tokio::test]
async fn transports_that_this_build_lacks_are_refused_by_name() {
    for (url, feature) in [("tls://127.0.0.1:1/x", "tls"), ("quic://127.0.0.1:1", "quic")] {
        let expected = TransportError::MissingFeature { address: url.to_owned(), feature };
        assert_eq!(refused(url).await, expected);
        assert_eq!(not_bound(url).await, expected);
        assert!(expected.to_string().contains(&format!("feature `{feature}`")), "{expected}");
    }
}

#[test]
fn peers_are_shown_in_words() {
    let tcp = |ip: &str| PeerTransport::Tcp { local: "127.0.0.1:1".parse().unwrap(), remote: ip.parse().unwrap() };
    let unix = PeerTransport::Unix { path: "/run/x".into(), uid: Some(7), gid: Some(8), pid: Some(9) };
    for (peer, text, near) in [
        (tcp("127.0.0.2:5"), "tcp 127.0.0.2:5", true),
        (tcp("[::1]:5"), "tcp [::1]:5", true),
        (tcp("[::ffff:127.0.0.1]:5"), "tcp [::ffff:127.0.0.1]:5", true),
        (tcp("10.0.0.1:5"), "tcp 10.0.0.1:5", false),
        (tcp("[::ffff:10.0.0.1]:5"), "tcp [::ffff:10.0.0.1]:5", false),
        (unix, "unix /run/x (user 7, process 9)", true),
        (PeerTransport::Memory { space: "s".to_owned() }, "mem s", true),
        (PeerTransport::Io { label: "serial".to_owned() }, "io serial", false),
        (PeerTransport::Child { pid: Some(3) }, "child process 3", true),
        (PeerTransport::Child { pid: None }, "child process", true),
    ] {
        assert_eq!(peer.to_string(), text);
        assert_eq!(peer.is_this_machine(), near, "{text}");
    }
}

/// What a task of any runtime may hold.
#[test]
fn links_listeners_and_their_futures_go_between_threads() {
    fn check<T: Send>(_: T) {}
    fn with_listener(listener: &mut Listener) {
        check(listener.accept());
    }
    let target = address("tcp://127.0.0.1:1");
    check(dial(&target, false));
    check(Listener::bind(&target, false));
    check(None::<(LinkStream, Listener)>);
    let _ = with_listener;
}
