//! Whoever does not shake hands as it should, on either side.

use netref::id::SessionId;
use netref::wire::{self, Frame, Ping, Start, kind};
use netref::{Error, ErrorKind, Limits, Node, Outcome, Remote, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::peer::Raw;
use crate::script::{Got, crude, encoded, hello};
use crate::victim::{Scene, Target1};
use crate::within;

#[tokio::test]
async fn whoever_speaks_something_else_is_told_so_and_cut_off() {
    let scene = Scene::new(Limits::default()).await;
    for (garbage, words) in [
        (&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], "HTTP client"),
        (&b"\x16\x03\x01\x02\x00\x01\x00"[..], "TLS"),
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], "SSH"),
        (&b"netreg\r\n\r\n\r\n"[..], "none of netref's"),
        (&[0; 64][..], "none of netref's"),
    ] {
        let mut raw = Raw::dial(&scene.host).await;
        raw.write(garbage).await;
        raw.read_magic().await;
        let rest = raw.rest().await;
        match rest.last() {
            Some(Got::Refuse { code: 6, text }) => assert!(text.contains(words), "{text}"),
            other => panic!("instead of a refusal: {other:?}"),
        }
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn unknown_major_version_is_refused_naming_both() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = Raw::dial(&scene.host).await;
    raw.shake(99).await;
    match raw.rest().await.last() {
        Some(Got::Refuse { code: 1, text }) => assert!(text.contains("99") && text.contains("version 1"), "{text}"),
        other => panic!("instead of a refusal: {other:?}"),
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn handshake_that_breaks_a_rule_ends_its_link_with_words() {
    let scene = Scene::new(Limits::default()).await;
    for (frame, words) in [
        (encoded(&Frame::Ping(Ping { token: 1 })), "start belongs"),
        (crude(&[0x77, 1]), "malformed"),
        (encoded(&Frame::Start(Start::Attach { session: SessionId(5), received: 0, proof: [1; 32] })), "no such session"),
        (encoded(&Frame::Hello(hello(wire::MAJOR))), "start belongs"),
    ] {
        let mut raw = Raw::dial(&scene.host).await;
        let mut bytes = wire::MAGIC.to_vec();
        bytes.extend(encoded(&Frame::Hello(hello(wire::MAJOR))));
        bytes.extend(frame);
        raw.write(&bytes).await;
        raw.read_magic().await;
        match raw.rest().await.last() {
            Some(Got::Refuse { text, .. }) => assert!(text.contains(words), "{text}"),
            other => panic!("instead of a refusal: {other:?}"),
        }
    }
    // More than a handshake takes, without an end.
    let mut raw = Raw::dial(&scene.host).await;
    raw.write(&wire::MAGIC).await;
    let endless = crude(&[kind::HELLO; 65_536]);
    let _ = raw.stream.write_all(&endless).await;
    raw.read_magic().await;
    raw.rest().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn good_client_is_served_beside_200_handshakes_that_stop_halfway() {
    let scene = Scene::new(Limits::default()).await;
    let mut half_open = Vec::new();
    for turn in 0..200 {
        let mut raw = Raw::dial(&scene.host).await;
        if turn % 2 == 0 {
            raw.write(&wire::MAGIC[..turn % 8]).await;
        }
        half_open.push(raw);
    }
    let good = Node::builder().start().await.expect("a node starts");
    let url = format!("{}/target", scene.host.addresses()[0]);
    let target: Remote<dyn Target1> = within("a good client", good.connect(&url)).await.expect("it is served all the same");
    assert_eq!(within("a call", target.echo(5)).await.expect("answered"), 5);
    scene.unharmed().await;
    drop(half_open);
    scene.unharmed().await;
}

#[tokio::test]
async fn client_that_finds_another_kind_of_server_is_told_what_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("tcp://{}/target", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x15\x03\x03\x00\x02\x02\x28", b"SSH-2.0-x\r\n"] {
            let (mut link, _) = listener.accept().await.expect("a link");
            link.write_all(answer).await.expect("it takes an answer");
            let mut rest = Vec::new();
            let _ = link.read_to_end(&mut rest).await;
        }
    });
    let node = Node::builder().start().await.expect("a node starts");
    for words in ["HTTP server", "tls://", "SSH server"] {
        let result: Result<Remote<dyn Target1>, Error> = within("a dial", node.connect(&url)).await;
        let error = result.expect_err("it is no netref node");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unreachable, Outcome::NotRun), "{error}");
        assert!(error.text().contains(words), "{error}");
    }
    server.await.expect("the server");
}
