//! What a peer can do wrong with compressed bodies: each is refused by name, or answered with an error, and takes no more room than its
//! credit has paid for.

use netref::id::{CallId, ExportId};
use netref::wire::{Body, Call, Chunk, ChunkOf, Descriptor, Finish, Frame, Identity, Return, Status, Target, kind};
use netref::{Compression, ErrorKind, Limits, Outcome};

use crate::memory::{Heap, is_alone};
use crate::peer::Raw;
use crate::script::{Got, call, encoded, rule};
use crate::victim::{Scene, number_of};

const MIB: i64 = 1 << 20;

/// A block of LZ4 that stands for some bytes and then one byte so many times.
fn block(first: &[u8], byte: u8, times: usize) -> Vec<u8> {
    let literals = [first, &[byte]].concat();
    // The last five bytes of a block stand for themselves.
    let (long, matched) = (literals.len() >= 15, times - 6);
    assert!(!long && matched >= 19, "the shortest form is enough here");
    let mut block = vec![(literals.len() as u8) << 4 | 15];
    block.extend_from_slice(&literals);
    block.extend_from_slice(&[1, 0]);
    let more = matched - 19;
    block.resize(block.len() + more / 255, 255);
    block.push((more % 255) as u8);
    block.push(0x50);
    block.resize(block.len() + 5, byte);
    block
}

/// The length that a text begins with, as bincode writes it.
fn length_of(text: u32) -> Vec<u8> {
    [&[252][..], &text.to_le_bytes()].concat()
}

/// The arguments of `text` with so many letters: how long they are, and compressed.
fn text(letters: u32) -> (u64, Vec<u8>) {
    let length = length_of(letters);
    (length.len() as u64 + u64::from(letters), block(&length, b'a', letters as usize))
}

impl Raw {
    fn packed<'a>(&mut self, method: &str, original: u64, block: &'a [u8]) -> Call<'a> {
        let (id, first) = (self.id(), &block[..block.len().min(60_000)]);
        let mut begin = call(id, Target::Export(self.target), number_of(method), first);
        begin.body.total = block.len() as u64;
        begin.body.original = Some(original);
        begin
    }

    /// Makes a call with compressed arguments of any length.
    async fn call_packed(&mut self, method: &str, original: u64, block: &[u8]) -> CallId {
        let begin = self.packed(method, original, block);
        let (id, here) = (begin.id, begin.body.bytes.len());
        self.send(&Frame::Call(begin)).await;
        for bytes in block[here..].chunks(60_000) {
            self.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id, bytes })).await;
        }
        id
    }
}

async fn scene(limits: Limits) -> Scene {
    Scene::with(limits, Compression::Lz4).await
}

#[tokio::test]
async fn well_formed_bodies_are_taken_and_answered() {
    let scene = scene(Limits::default()).await;
    let mut raw = scene.compressing().await;
    for letters in [100, 300, 1_000, 100_000, 16_000_000] {
        let (original, block) = text(letters);
        let id = raw.call_packed("text", original, &block).await;
        assert_eq!(raw.answer(id).await.0, Status::Ok, "{letters} letters");
    }
    // A megabyte of the same byte comes back in one frame.
    let id = raw.call("large", &[1]).await;
    match raw.answer(id).await {
        (Status::Ok, Got::Return { total, .. }) => assert!(total < 10_000, "{total} bytes"),
        other => panic!("{other:?}"),
    }
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn bodies_that_do_not_stand_for_what_they_announce_are_answered_with_an_error() {
    let scene = scene(Limits::default()).await;
    let mut raw = scene.compressing().await;
    let (original, block) = text(1_000);
    let cut = &block[..block.len() - 1];
    let longer = [&block[..], &[0]].concat();
    let from_before_the_beginning = [&[0x1f, 1, 9, 0, 255, 255, 0, 0x50][..], &[1; 5]].concat();
    for (original, block, what) in [
        (original + 1, &block[..], "longer than it is"),
        (original - 1, &block[..], "shorter than it is"),
        (original, cut, "cut off"),
        (original, &longer[..], "with more behind it"),
        (535, &from_before_the_beginning[..], "of what was never there"),
        (200, &[0; 100][..], "zeros"),
        (200, &[255; 100][..], "a length without end"),
    ] {
        let id = raw.call_packed("text", original, block).await;
        let text = raw.fails(id, ErrorKind::Protocol, Outcome::NotRun).await;
        assert!(text.contains("stand for exactly as many bytes as it announces"), "{what}: {text}");
        raw.lives().await;
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn in_chunks_and_in_a_line_they_are_answered_too_and_keep_nobody_waiting() {
    let scene = scene(Limits::default()).await;
    let mut raw = scene.compressing().await;
    let (original, mut block) = text(16_000_000);
    let last = block.len() - 7;
    block[last] ^= 1;
    let wrong = raw.call_packed("text", original, &block).await;
    // These wait for it.
    let after = raw.call("echo", &[7]).await;
    raw.fails(wrong, ErrorKind::Protocol, Outcome::NotRun).await;
    assert_eq!(raw.answer(after).await.0, Status::Ok);
    scene.unharmed().await;
}

/// The statuses of calls in the order in which they are answered.
async fn answered(raw: &mut Raw, count: usize) -> Vec<(u32, Status)> {
    let mut answered = Vec::new();
    while answered.len() < count {
        match raw.next().await {
            Some(Got::Return { id, status, .. }) => answered.push((id.index, status)),
            Some(Got::Other(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    answered
}

// On one thread: what the reading task does not do itself comes behind all that it has read.
#[tokio::test]
async fn long_bodies_keep_nobody_waiting_but_who_calls_the_same_object() {
    let scene = scene(Limits::default()).await;
    let mut raw = scene.compressing().await;
    let (original, block) = text(2_000_000);
    let id = |index| CallId { index, generation: 0 };
    let target = Target::Export(raw.target);
    let long = |raw: &mut Raw, index| encoded(&Frame::Call(Call { id: id(index), ..raw.packed("text", original, &block) }));
    let behind = |index| encoded(&Frame::Call(call(id(index), target.clone(), number_of("echo"), &[7])));
    let other = |index| encoded(&Frame::Call(call(id(index), Target::Root, 0, &scene.learned.lookup)));

    let frames = [long(&mut raw, 20), behind(21), other(22), long(&mut raw, 23), behind(24), other(25)].concat();
    raw.write(&frames).await;
    let order: Vec<_> = answered(&mut raw, 6).await.into_iter().map(|(index, status)| (index, status == Status::Ok)).collect();
    assert_eq!(order, [22, 25, 20, 21, 23, 24].map(|index| (index, true)));

    // One that is given up meanwhile does not start.
    let given_up = encoded(&Frame::Finish(Finish { id: id(26), cancel: true, release_results: false }));
    let frames = [long(&mut raw, 26), given_up, behind(27)].concat();
    raw.write(&frames).await;
    assert_eq!(answered(&mut raw, 2).await, [(26, Status::Cancelled), (27, Status::Ok)]);

    // One that is wrong keeps its object's line going.
    let wrong = encoded(&Frame::Call(Call { id: id(28), ..raw.packed("text", original - 1, &block) }));
    raw.write(&[wrong, behind(29)].concat()).await;
    assert_eq!(answered(&mut raw, 2).await, [(28, Status::SystemError), (29, Status::Ok)]);

    // A long result is compressed when those that came with its call are answered.
    let large = encoded(&Frame::Call(call(id(30), target.clone(), number_of("large"), &[1])));
    raw.write(&[large, behind(31), other(32)].concat()).await;
    assert_eq!(answered(&mut raw, 3).await, [(31, Status::Ok), (32, Status::Ok), (30, Status::Ok)]);
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn lengths_that_no_block_could_reach_are_refused_with_their_frame() {
    let scene = scene(Limits::default()).await;
    let mut raw = scene.compressing().await;
    let (original, block) = text(1_000);
    for original in [0, 1, block.len() as u64, block.len() as u64 * 255 + 1, 1 << 40, u64::MAX] {
        // Written as a length that fits and changed behind the encoder's back: it refuses to write such.
        let begin = raw.packed("text", 1_005, &block);
        let mut bytes = encoded(&Frame::Call(begin));
        let (mut honest, mut wrong) = (Vec::new(), Vec::new());
        netref::wire::put_varint(&mut honest, 1_005);
        netref::wire::put_varint(&mut wrong, original);
        let at = bytes.len() - block.len() - honest.len();
        bytes.splice(at..at + honest.len(), wrong);
        let length = (bytes.len() - 3) as u16;
        bytes[..2].copy_from_slice(&length.to_le_bytes());
        raw.write(&bytes).await;
        let text = raw.refused(kind::CALL, rule::MALFORMED).await;
        assert!(text.contains("does not fit the length"), "{original}: {text}");
        raw.lives().await;
    }
    assert_eq!(original, 1_005);
    scene.unharmed().await;
}

#[tokio::test]
async fn limits_and_credit_count_what_a_body_stands_for() {
    let scene = scene(Limits { message_bytes: 1 << 20, call_window: 1 << 20, ..Limits::default() }).await;
    let mut raw = scene.compressing().await;
    let (original, block) = text(1 << 20);
    raw.call_packed("text", original, &block).await;
    let text_of = raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    assert!(text_of.contains("announced length and the credit"), "{text_of}");
    raw.lives().await;
    // Two that are begun and not finished: one fits the window, although both take only a few kilobytes of the link.
    let (original, block) = text(900 << 10);
    let half = |id, begin: Call<'_>| encoded(&Frame::Call(Call { id, body: Body { bytes: &[], ..begin.body.clone() }, ..begin }));
    let id = |index| CallId { index, generation: 0 };
    let (first, second) = (half(id(20), raw.packed("text", original, &block)), half(id(21), raw.packed("text", original, &block)));
    raw.write(&first).await;
    raw.write(&second).await;
    raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    for bytes in [&block[..100], &block[100..]] {
        raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(20), bytes })).await;
    }
    assert_eq!(raw.answer(id(20)).await.0, Status::Ok);
    raw.other_object(&scene.learned).await;
    scene.unharmed().await;
}

/// Calls with such arguments that are never done, each under an id of its own. Says whether it was taken.
async fn keep(raw: &mut Raw, index: u32, letters: u32) -> bool {
    let (original, block) = text(letters);
    let begin = raw.packed("keep", original, &block);
    raw.send(&Frame::Call(Call { id: CallId { index, generation: 0 }, ..begin })).await;
    let id = raw.call("echo", &[42]).await;
    loop {
        match raw.next().await {
            Some(Got::Return { id: returned, status: Status::Ok, .. }) if returned == id => return true,
            Some(Got::Refused { kind: kind::CALL, code: rule::BEYOND_CREDIT, .. }) => break,
            Some(Got::Other(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(raw.answer(id).await.0, Status::Ok);
    false
}

#[tokio::test]
async fn what_handlers_hold_beyond_what_has_travelled_is_bounded_by_the_window() {
    let scene = scene(Limits { message_bytes: 1 << 20, call_window: 2 << 20, ..Limits::default() }).await;
    let mut raw = scene.compressing().await;
    // Each takes four thousand bytes of the link, and its credit came back when it had started.
    assert!(keep(&mut raw, 20, 1_000_000).await && keep(&mut raw, 21, 1_000_000).await);
    for index in 22..30 {
        assert!(!keep(&mut raw, index, 1_000_000).await, "{index}");
    }
    assert!(keep(&mut raw, 30, 50_000).await, "there is room for a small one");
    // When one has ended, there is room for another.
    raw.send(&Frame::Finish(Finish { id: CallId { index: 21, generation: 0 }, cancel: true, release_results: false })).await;
    assert_eq!(raw.answer(CallId { index: 21, generation: 0 }).await.0, Status::Cancelled);
    assert!(keep(&mut raw, 31, 1_000_000).await);
    assert!(!keep(&mut raw, 32, 1_000_000).await);
    // Those that end take nothing for good.
    for _ in 0..20 {
        let (original, block) = text(40_000);
        let id = raw.call_packed("text", original, &block).await;
        assert_eq!(raw.answer(id).await.0, Status::Ok);
    }
    raw.close().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn compressed_bodies_that_were_not_agreed_on_are_refused() {
    let offering = scene(Limits::default()).await;
    let plain = Scene::new(Limits::default()).await;
    // Neither is enough: that the node offers it, and that the peer does.
    let (mut silent, mut eager) = (offering.raw().await, plain.compressing().await);
    for raw in [&mut silent, &mut eager] {
        for letters in [1_000, 16_000_000] {
            let (original, block) = text(letters);
            let begin = raw.packed("text", original, &block);
            raw.send(&Frame::Call(begin)).await;
            let text = raw.refused(kind::CALL, rule::FEATURE_NOT_NEGOTIATED).await;
            assert!(text.contains("only when both hellos name the feature"), "{text}");
        }
        // And none is sent.
        let id = raw.call("large", &[1]).await;
        match raw.answer(id).await {
            (Status::Ok, Got::Return { total, .. }) => assert!(total >= 1 << 20, "{total} bytes"),
            other => panic!("{other:?}"),
        }
        raw.lives().await;
        // Nor is a result taken that was asked for.
        let id = raw.id();
        raw.send(&Frame::Call(asked(raw, id))).await;
        let question = loop {
            match raw.next().await {
                Some(Got::Call { id, .. }) => break id,
                Some(_) => {}
                None => panic!("the session ended"),
            }
        };
        let (original, block) = text(1_000);
        raw.send(&returned(question, original, &block, block.len())).await;
        raw.refused(kind::RETURN, rule::FEATURE_NOT_NEGOTIATED).await;
        raw.lives().await;
    }
    offering.unharmed().await;
    plain.unharmed().await;
}

#[tokio::test]
async fn a_bomb_takes_no_more_room_than_it_announces() {
    if !is_alone("compressed::a_bomb_takes_no_more_room_than_it_announces") {
        return;
    }
    let scene = scene(Limits { refusals: 100_000, ..Limits::default() }).await;
    let mut raw = scene.compressing().await;
    // Sixty megabytes that say they are half a one.
    let (original, block) = text(60_000_000);
    let heap = Heap::now();
    for _ in 0..20 {
        let id = raw.call_packed("text", 500_000, &block).await;
        raw.fails(id, ErrorKind::Protocol, Outcome::NotRun).await;
    }
    heap.grew_at_most(2 * MIB);
    // And that say so, of which only the beginning comes: nothing is made ready for the rest.
    let heap = Heap::now();
    for index in 0..10 {
        let begin = raw.packed("text", original, &block);
        let id = CallId { index: 50 + index, generation: 0 };
        raw.send(&Frame::Call(Call { id, ..begin })).await;
    }
    // The first is awaited, and the others are beyond the credit that it takes.
    for _ in 1..10 {
        raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    }
    heap.grew_at_most(2 * MIB);
    raw.close().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn the_budget_ends_a_peer_that_sends_nothing_else() {
    let scene = scene(Limits { refusals: 20, ..Limits::default() }).await;
    let mut raw = scene.compressing().await;
    for _ in 0..19 {
        let id = raw.call_packed("text", 200, &[0; 100]).await;
        raw.fails(id, ErrorKind::Protocol, Outcome::NotRun).await;
    }
    raw.call_packed("text", 200, &[0; 100]).await;
    raw.closes("broke rules of the protocol").await;
    scene.unharmed().await;
}

/// A call in which the host calls an object of this peer's.
fn asked(raw: &Raw, id: CallId) -> Call<'static> {
    let mut asked = call(id, Target::Export(raw.target), number_of("describe"), &[0]);
    let export = ExportId { index: id.index, generation: id.generation };
    asked.body.references = vec![Descriptor::Hosted { export, interface: 1, identity: Identity::Own { number: 7, tag: 99 } }];
    asked
}

/// The first frame of a return with a compressed body.
fn returned(id: CallId, original: u64, block: &[u8], here: usize) -> Frame<'_> {
    let (total, original, bytes) = (block.len() as u64, Some(original), &block[..here]);
    let body = Body { codec: 0, references: Vec::new(), segments: Vec::new(), total, original, bytes };
    Frame::Return(Return { id, status: Status::Ok, body })
}

/// Has the host call an object of this peer's, answers with a compressed body, and gives what the host says of it.
async fn answer_with(raw: &mut Raw, original: u64, block: &[u8]) -> String {
    let id = raw.id();
    raw.send(&Frame::Call(asked(raw, id))).await;
    loop {
        match raw.next().await {
            Some(Got::Call { id: question, .. }) => {
                let here = block.len().min(60_000);
                raw.send(&returned(question, original, block, here)).await;
                for bytes in block[here..].chunks(60_000) {
                    raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Return, id: question, bytes })).await;
                }
            }
            Some(Got::Return { id: returned, bytes, .. }) if returned == id => return String::from_utf8_lossy(&bytes).into_owned(),
            Some(Got::Refused { kind, code, text }) => {
                assert_eq!((kind, code), (kind::RETURN, rule::MALFORMED), "{text}");
                assert!(text.contains("must be LZ4"), "{text}");
            }
            Some(_) => {}
            None => panic!("the session ended"),
        }
    }
}

#[tokio::test]
async fn results_that_do_not_stand_for_what_they_announce_fail_their_call_and_are_refused() {
    let scene = scene(Limits::default()).await;
    let mut raw = scene.compressing().await;
    let (original, block) = text(1_000);
    for (original, block) in [(original + 1, &block[..]), (original - 1, &block[..]), (original, &block[..block.len() - 1])] {
        let told = answer_with(&mut raw, original, block).await;
        assert!(told.contains("the result cannot be restored"), "{told}");
        raw.lives().await;
    }
    // One that does is read, and is no description.
    let told = answer_with(&mut raw, original, &block).await;
    assert!(told.contains("the result cannot be decoded"), "{told}");
    raw.lives().await;
    // In chunks.
    let (original, block) = text(16_000_000);
    let told = answer_with(&mut raw, original + 1, &block).await;
    assert!(told.contains("the result cannot be restored"), "{told}");
    raw.lives().await;
    scene.unharmed().await;
}
