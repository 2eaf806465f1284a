//! What has to be refused by name, one test for each: the process stays within a few megabytes and the session goes on. Each runs in a process of
//! its own, in which the allocator counts nothing else.

use netref::id::CallId;
use netref::wire::{Call, Chunk, ChunkOf, Define, DefineMethod, Finish, Frame, Release, Return, Status, Target, kind};
use netref::{ErrorKind, Limits, Outcome};

use crate::learn::Learned;
use crate::memory::{Heap, is_alone};
use crate::peer::Raw;
use crate::script::{NOBODY, body, call, crude, encoded, rule};
use crate::victim::{METHODS, Scene, number_of};

const KIB: i64 = 1 << 10;
const MIB: i64 = 1 << 20;

/// How often each frame is tried: often enough that a few bytes kept of each would show.
const TIMES: usize = 500;

/// The length that a message begins with, as bincode writes it.
fn length(elements: u64) -> Vec<u8> {
    let mut bytes = vec![253];
    bytes.extend(elements.to_le_bytes());
    bytes
}

/// Sends a frame again and again. Each is refused by the name of the rule; then the session goes on, and nobody else has noticed.
async fn refused_each_time(scene: &Scene, raw: &mut Raw, frame: &[u8], rule: u32, words: &str) {
    let kind = frame[2];
    // Once ahead, so that what is allocated once is there.
    raw.write(frame).await;
    raw.refused(kind, rule).await;
    let heap = Heap::now();
    for _ in 0..TIMES {
        raw.write(frame).await;
        let text = raw.refused(kind, rule).await;
        assert!(text.contains(words), "{text}");
    }
    heap.grew_at_most(128 * KIB);
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn value_a_million_levels_deep_is_refused() {
    if !is_alone("refused::value_a_million_levels_deep_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let mut deep = vec![1; 1_000_000];
    deep.push(0);
    let heap = Heap::now();
    for _ in 0..3 {
        let id = raw.call_with("nest", &deep).await;
        let text = raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        assert!(text.contains("64 levels deep"), "{text}");
    }
    // The message itself is a megabyte, and a buffer that grows to hold it takes two.
    heap.grew_at_most(6 * MIB);
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn list_of_2_to_the_60_empty_elements_is_refused() {
    if !is_alone("refused::list_of_2_to_the_60_empty_elements_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let heap = Heap::now();
    // The second would be within the bound on memory if an element without content cost nothing.
    for elements in [1 << 60, 1 << 24] {
        let id = raw.call_with("units", &length(elements)).await;
        let text = raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        assert!(text.contains("bytes of memory"), "{text}");
    }
    heap.grew_at_most(MIB);
    let id = raw.call_with("units", &[100]).await;
    assert_eq!(raw.answer(id).await.0, Status::Ok);
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn length_of_2_to_the_60_is_refused() {
    if !is_alone("refused::length_of_2_to_the_60_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let heap = Heap::now();
    for elements in [1 << 60, 1 << 32, u64::MAX] {
        for method in ["numbers", "text"] {
            let id = raw.call_with(method, &length(elements)).await;
            raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        }
    }
    // The length of a whole message.
    let id = raw.id();
    let mut announced = call(id, Target::Export(raw.target), number_of("numbers"), &[1]);
    announced.body.total = 1 << 60;
    raw.send(&Frame::Call(announced)).await;
    raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    // And of the bytes that travel beside it.
    raw.write(&crude(&[kind::CALL, 1, 0, 0, 0, 0, 0x20, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1])).await;
    let text = raw.refused(kind::CALL, rule::MALFORMED).await;
    assert!(text.contains("longer than the body"), "{text}");
    heap.grew_at_most(MIB);
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn frame_of_no_known_kind_is_refused() {
    if !is_alone("refused::frame_of_no_known_kind_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    refused_each_time(&scene, &mut raw, &crude(&[0x77, 1, 2, 3]), rule::MALFORMED, "0x77").await;
}

#[tokio::test]
async fn frames_for_a_dead_id_are_refused() {
    if !is_alone("refused::frames_for_a_dead_id_are_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let dead = raw.target;
    raw.send(&Frame::Release(Release { entries: vec![(dead, 1)] })).await;
    renew(&mut raw, &scene.learned).await;
    assert_ne!(raw.target, dead, "a dead id is not given out again");
    // A call of it is answered as a call of an id that never was.
    let heap = Heap::now();
    for _ in 0..TIMES / 2 {
        let id = raw.id();
        raw.send(&Frame::Call(call(id, Target::Export(dead), number_of("echo"), &[1]))).await;
        raw.fails(id, ErrorKind::NoSuchObject, Outcome::NotRun).await;
    }
    heap.grew_at_most(128 * KIB);
    // So is everything about a call that is over.
    let over = raw.call("echo", &[1]).await;
    assert_eq!(raw.answer(over).await.0, Status::Ok);
    for frame in [
        Frame::Finish(Finish { id: over, cancel: false, release_results: false }),
        Frame::Chunk(Chunk { of: ChunkOf::Call, id: over, bytes: &[1] }),
    ] {
        let expected = if matches!(frame, Frame::Finish(_)) { rule::FINISH_FOR_NO_CALL } else { rule::CHUNK_WITHOUT_BEGINNING };
        raw.send(&frame).await;
        raw.refused(frame.kind(), expected).await;
    }
    raw.lives().await;
    scene.unharmed().await;
}

async fn renew(raw: &mut Raw, learned: &Learned) {
    raw.introduce_again(learned).await;
    raw.lives().await;
}

#[tokio::test]
async fn second_release_of_a_reference_is_refused() {
    if !is_alone("refused::second_release_of_a_reference_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let release = encoded(&Frame::Release(Release { entries: vec![(raw.target, 1)] }));
    raw.write(&release).await;
    renew(&mut raw, &scene.learned).await;
    // The object that the peer holds by now is another export, which it keeps.
    refused_each_time(&scene, &mut raw, &release, rule::RELEASE_BEYOND_COUNT, "at most as many references").await;
}

#[tokio::test]
async fn return_for_no_call_is_refused() {
    if !is_alone("refused::return_for_no_call_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let frame = encoded(&Frame::Return(Return { id: NOBODY, status: Status::Ok, body: body(&[0; 10_000]) }));
    refused_each_time(&scene, &mut raw, &frame, rule::RETURN_FOR_NO_CALL, "must answer a call that is open").await;
}

#[tokio::test]
async fn flood_of_definitions_is_refused() {
    if !is_alone("refused::flood_of_definitions_is_refused") {
        return;
    }
    let scene = Scene::new(Limits { refusals: 100_000, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let (name, signature) = ("n".repeat(256), "x".repeat(4_000));
    let heap = Heap::now();
    // Forty megabytes of signatures, of which two are kept, and more than two of names, which is as many as there may be.
    let first = METHODS.len() as u32 + 1;
    let mut refused = 0;
    for number in first..first + 10_000 {
        let methods = vec![DefineMethod { number, name: &name, fingerprint: 1, signature: &signature, structure: &[] }];
        raw.send(&Frame::Define(Define { interface: 1, name: "", methods })).await;
        refused += usize::from(number > first + (2 << 20) / 256);
    }
    for _ in 0..refused {
        raw.refused(kind::DEFINE, rule::DEFINITION).await;
    }
    heap.grew_at_most(7 * MIB);
    raw.past_refusals().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn chunk_without_a_beginning_is_refused() {
    if !is_alone("refused::chunk_without_a_beginning_is_refused") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let chunk = encoded(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: NOBODY, bytes: &[0; 60_000] }));
    refused_each_time(&scene, &mut raw, &chunk, rule::CHUNK_WITHOUT_BEGINNING, "must continue a message").await;
    // A message that is whole has no further part.
    let id = CallId { index: 20, generation: 0 };
    let whole: Call<'_> = call(id, Target::Export(raw.target), number_of("forever"), &[1]);
    raw.send(&Frame::Call(whole)).await;
    raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id, bytes: &[1] })).await;
    raw.refused(kind::CHUNK, rule::CHUNK_WITHOUT_BEGINNING).await;
    raw.lives().await;
    scene.unharmed().await;
}
