//! Much of what is allowed a little of: each flood is bounded, and nobody else notices.

use netref::id::CallId;
use netref::wire::{self, Ack, Chunk, ChunkOf, Define, Finish, Frame, Ping, Release, Return, Status, Target, kind};
use netref::{ErrorKind, Limits, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::script::{Got, NOBODY, NOWHERE, body, call, crude, encoded};
use crate::victim::{Scene, number_of};
use crate::{resident_mib, until, within};

#[tokio::test]
async fn budget_of_refusals_closes_the_session_with_words_and_no_other() {
    let scene = Scene::new(Limits { refusals: 10, ..Limits::default() }).await;
    for flood in [
        crude(&[0x77]),
        encoded(&Frame::Return(Return { id: NOBODY, status: Status::Ok, body: body(&[]) })),
        encoded(&Frame::Call(call(CallId { index: 20, generation: 0 }, Target::Export(NOWHERE), 1, &[1]))),
        encoded(&Frame::Define(Define { interface: 50, name: "gap", methods: Vec::new() })),
        encoded(&Frame::Release(Release { entries: vec![(NOWHERE, 1)] })),
        encoded(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: NOBODY, bytes: &[1] })),
        encoded(&Frame::Ack(Ack { received: 1 })),
        crude(&[kind::REFUSED]),
    ] {
        let mut raw = scene.raw().await;
        raw.write(&flood.repeat(9)).await;
        if flood[2] == kind::CALL {
            // Each is answered as well.
            for _ in 0..9 {
                raw.fails(CallId { index: 20, generation: 0 }, ErrorKind::NoSuchObject, Outcome::NotRun).await;
            }
        }
        raw.past_refusals().await;
        let _ = raw.stream.write_all(&flood.repeat(3)).await;
        raw.closes("broke rules of the protocol").await;
        scene.unharmed().await;
    }
    until("their sessions are gone", || scene.host.stats().sessions <= 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_made_and_cancelled_at_once_each_get_one_return_and_leave_nothing() {
    let scene = Scene::new(Limits { calls_in_flight: 64, ..Limits::default() }).await;
    let raw = scene.raw().await;
    let target = raw.target;
    let (mut reader, mut writer) = raw.stream.into_split();
    let (sender, mut free) = mpsc::unbounded_channel();
    const CALLS: u32 = 20_000;
    for index in 8..100 {
        sender.send(CallId { index, generation: 0 }).expect("a channel");
    }
    let reading = tokio::spawn(async move {
        let mut buffer = raw.buffer;
        let mut returns = 0;
        while returns < CALLS {
            while let Some((body, consumed)) = wire::split(&buffer) {
                match wire::decode(body).expect("the host speaks well") {
                    Frame::Return(frame) => {
                        returns += 1;
                        assert_eq!(frame.status, Status::Cancelled);
                        let _ = sender.send(CallId { generation: frame.id.generation + 1, ..frame.id });
                    }
                    Frame::Credit(_) => {}
                    other => panic!("{other:?}"),
                }
                buffer.drain(..consumed);
            }
            let mut chunk = [0; 16_384];
            let count = reader.read(&mut chunk).await.expect("the link is there");
            assert!(count > 0 || returns >= CALLS, "the session ended after {returns} returns");
            buffer.extend_from_slice(&chunk[..count]);
        }
        returns
    });
    for _ in 0..CALLS {
        let id = within("a free id", free.recv()).await.expect("the reader goes on");
        let mut bytes = encoded(&Frame::Call(call(id, Target::Export(target), number_of("forever"), &[1])));
        bytes.extend(encoded(&Frame::Finish(Finish { id, cancel: true, release_results: false })));
        writer.write_all(&bytes).await.expect("the host reads");
    }
    assert_eq!(within("the returns", reading).await.expect("the reader"), CALLS);
    until("no handler is left", || scene.host.stats().tables.iter().all(|session| session.calls_in == 0)).await;
    drop(writer);
    scene.unharmed().await;
}

#[tokio::test]
async fn peer_that_calls_and_cancels_without_reading_is_refused_until_its_session_closes() {
    let scene = Scene::new(Limits { calls_in_flight: 16, refusals: 100, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let before = resident_mib();
    let mut sent = 0;
    // Results of 1 MiB each, of which nothing is read.
    let ended = within("the host has had enough", async {
        for generation in 0.. {
            let id = CallId { index: 8 + generation % 16, generation };
            let mut bytes = encoded(&Frame::Call(call(id, Target::Export(raw.target), number_of("large"), &[1])));
            bytes.extend(encoded(&Frame::Finish(Finish { id, cancel: true, release_results: false })));
            if raw.stream.write_all(&bytes).await.is_err() {
                return true;
            }
            sent += 1;
            if generation > 1_000_000 {
                return false;
            }
        }
        false
    })
    .await;
    assert!(ended, "{sent} calls were taken");
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
    scene.unharmed().await;
}

#[tokio::test]
async fn pings_without_end_and_without_reading_cost_the_host_nothing() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let before = resident_mib();
    let mut flood = Vec::new();
    for token in 1..=10_000 {
        flood.extend(encoded(&Frame::Ping(Ping { token })));
    }
    for _ in 0..100 {
        raw.write(&flood).await;
    }
    scene.unharmed().await;
    raw.write(&encoded(&Frame::Ping(Ping { token: 77 }))).await;
    within("the last answer", async { while raw.next().await.expect("the session goes on") != Got::Pong(77) {} }).await;
    raw.lives().await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
}

#[tokio::test]
async fn peer_that_never_reads_is_bounded_and_harms_nobody() {
    let scene = Scene::new(Limits { calls_in_flight: 16, refusals: 100, ..Limits::default() }).await;
    let before = resident_mib();
    let mut peers = Vec::new();
    for _ in 0..4 {
        let mut raw = scene.raw().await;
        for index in 8..24 {
            let id = CallId { index, generation: 0 };
            raw.send(&Frame::Call(call(id, Target::Export(raw.target), number_of("large"), &[1]))).await;
        }
        peers.push(raw);
    }
    scene.unharmed().await;
    until("every handler is done", || scene.host.stats().tables.iter().all(|session| session.calls_in == session.held_returns)).await;
    scene.unharmed().await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
    // When they go, so does what was kept for them.
    drop(peers);
    until("their sessions are gone", || scene.host.stats().sessions <= 2).await;
    scene.unharmed().await;
}
