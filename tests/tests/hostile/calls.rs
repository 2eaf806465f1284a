//! Calls beyond what is allowed: ids in use, windows and chains.

use std::time::Duration;

use netref::id::CallId;
use netref::wire::{Chain, Chunk, ChunkOf, Finish, Frame, Status, Target, kind};
use netref::{ErrorKind, Limits, Outcome};
use tokio::io::AsyncWriteExt;

use crate::script::{call, encoded, rule};
use crate::victim::{Scene, number_of};
use crate::{until, within};

#[tokio::test]
async fn call_ids_in_use_and_calls_beyond_the_limit_are_refused() {
    let scene = Scene::new(Limits { calls_in_flight: 16, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let target = || Target::Export(raw.target);
    let forever = |index| Frame::Call(call(CallId { index, generation: 50 }, target(), number_of("forever"), &[1]));
    let calls: Vec<_> = (8..32).map(|index| encoded(&forever(index))).collect();
    let (again, beyond) = (encoded(&forever(8)), encoded(&forever(32)));
    raw.write(&calls.concat()).await;
    raw.lives().await;
    raw.write(&again).await;
    raw.refused(kind::CALL, rule::CALL_ID_IN_USE).await;
    raw.write(&beyond).await;
    raw.refused(kind::CALL, rule::CALL_ID_IN_USE).await;
    raw.lives().await;
    // Two pools of 16 each: eight are left, whatever their ids.
    let id = |index| CallId { index, generation: 99 };
    let fill: Vec<_> =
        (0..8).map(|index| encoded(&Frame::Call(call(id(index), Target::Export(raw.target), number_of("forever"), &[1])))).collect();
    raw.write(&fill.concat()).await;
    raw.write(&again).await;
    raw.refused(kind::CALL, rule::CALL_ID_IN_USE).await;
    until("32 run", || scene.host.stats().tables.iter().any(|session| session.calls_in == 32)).await;
    for index in 0..8 {
        raw.send(&Frame::Finish(Finish { id: id(index), cancel: true, release_results: false })).await;
        assert_eq!(raw.answer(id(index)).await.0, Status::Cancelled);
    }
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn messages_beyond_their_length_or_credit_are_refused() {
    let scene = Scene::new(Limits { message_bytes: 1 << 20, call_window: 1 << 20, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let chunked = |id, total| {
        let mut call = call(id, Target::Export(raw.target), number_of("numbers"), &[0]);
        call.body.total = total;
        encoded(&Frame::Call(call))
    };
    let id = |index| CallId { index, generation: 0 };
    let (too_long, half, other_half) = (chunked(id(20), (1 << 20) + 1), chunked(id(21), 900 << 10), chunked(id(22), 900 << 10));
    raw.write(&too_long).await;
    raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    raw.lives().await;
    raw.write(&half).await;
    raw.write(&other_half).await;
    raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    // More than was announced.
    let rest = vec![0; 60_000];
    for _ in 0..15 {
        raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(21), bytes: &rest })).await;
    }
    raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(21), bytes: &rest })).await;
    raw.refused(kind::CHUNK, rule::CHUNK_WITHOUT_BEGINNING).await;
    let missing = vec![0; (900 << 10) - 1 - 15 * 60_000];
    raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(21), bytes: &missing })).await;
    raw.fails(id(21), ErrorKind::Codec, Outcome::NotRun).await;
    raw.other_object(&scene.learned).await;
    scene.unharmed().await;
}

#[tokio::test]
async fn tiny_pieces_of_calls_that_cannot_be_answered_do_not_pile_up() {
    let scene = Scene::new(Limits { calls_in_flight: 16, refusals: 100_000, ..Limits::default() }).await;
    let raw = scene.raw().await;
    // Each announces two bytes, brings one, and calls a method that was never defined.
    let mut flood = Vec::new();
    for generation in 0..20_000 {
        let mut piece = call(CallId { index: 9 + generation % 16, generation }, Target::Root, 999, &[0]);
        piece.body.total = 2;
        flood.extend(encoded(&Frame::Call(piece)));
    }
    let (mut reader, mut writer) = raw.stream.into_split();
    let drain = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    within("the host reads", writer.write_all(&flood)).await.expect("it goes on");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let arriving: Vec<_> = scene.host.stats().tables.iter().map(|session| session.arriving).collect();
    assert!(arriving.iter().all(|&arriving| arriving <= 64), "{arriving:?}");
    drop(writer);
    drain.abort();
    scene.unharmed().await;
}

#[tokio::test]
async fn chain_that_claims_too_many_ancestors_is_answered_with_an_error() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let id = raw.id();
    let mut long = call(id, Target::Export(raw.target), number_of("echo"), &[1]);
    long.chain = Some(Chain { root: [1; 16], holds: vec![[2; 16]; 3_000] });
    raw.send(&Frame::Call(long)).await;
    raw.fails(id, ErrorKind::Overloaded, Outcome::NotRun).await;
    raw.lives().await;
    scene.unharmed().await;
}
