//! What a peer can do wrong with streams: each breach is refused by name, a stream that was damaged ends with an error, and nothing else
//! is harmed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use netref::id::{CallId, StreamId};
use netref::limits::{PeerLimits, REFERENCES_MAX};
use netref::wire::{self, Body, Credit, Descriptor, Frame, StreamClose, StreamCredit, StreamData, Target, Window, kind};
use netref::{ErrorKind, Limits, Outcome};

use crate::peer::Raw;
use crate::script::{Got, NOWHERE, call, encoded, rule, streaming_hello};
use crate::victim::{POURED, Scene, number_of};
use crate::{memory, resident_mib, until, within};

/// The numbers of a stream of items without a bound of their own, of bytes, and of what is watched.
pub const ITEMS: u32 = 2;
pub const BYTES: u32 = 0;
const WATCHED: u32 = 1;

const fn stream(index: u32, generation: u32) -> StreamId {
    StreamId { index, generation }
}

const FIRST: StreamId = stream(0, 0);

impl Raw {
    /// Makes a call whose only argument is a half that the host gets.
    pub async fn open(&mut self, method: &str, half: Descriptor<'static>) -> CallId {
        let id = self.id();
        let mut frame = call(id, Target::Export(self.target), number_of(method), &[0]);
        frame.body = Body { references: vec![half], ..frame.body };
        self.send(&Frame::Call(frame)).await;
        id
    }

    async fn data(&mut self, id: StreamId, end_of_item: bool, bytes: &[u8]) {
        self.send(&Frame::StreamData(StreamData { id, end_of_item, references: Vec::new(), bytes })).await;
    }

    async fn end(&mut self, id: StreamId, by_receiver: bool) {
        self.send(&Frame::StreamClose(StreamClose { id, by_receiver, error: None })).await;
    }
}

pub const fn sends(stream: StreamId, kind: u32) -> Descriptor<'static> {
    Descriptor::StreamSender { stream, kind }
}

#[tokio::test]
async fn a_well_behaved_stream_is_taken() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    let id = raw.open("count", sends(FIRST, ITEMS)).await;
    for _ in 0..5 {
        raw.data(FIRST, true, &[1]).await;
    }
    raw.end(FIRST, false).await;
    match raw.answer(id).await {
        (wire::Status::Ok, Got::Return { bytes, .. }) => assert_eq!(bytes, [5]),
        other => panic!("{other:?}"),
    }
    until("the stream is gone", || scene.host.stats().tables.iter().all(|session| session.streams == 0)).await;
}

#[tokio::test]
async fn frames_of_a_stream_that_is_not_there_are_refused() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    for id in [FIRST, stream(1, 0), stream(u32::MAX, u32::MAX)] {
        raw.data(id, true, &[1]).await;
        raw.refused(kind::STREAM_DATA, rule::STREAM_NOT_THERE).await;
        raw.send(&Frame::StreamCredit(StreamCredit { id, bytes: 1 })).await;
        raw.refused(kind::STREAM_CREDIT, rule::STREAM_NOT_THERE).await;
        raw.end(id, true).await;
        raw.refused(kind::STREAM_CLOSE, rule::STREAM_NOT_THERE).await;
    }
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn nothing_comes_behind_a_close_and_none_comes_twice() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    raw.open("hold", sends(FIRST, ITEMS)).await;
    raw.end(FIRST, false).await;
    raw.data(FIRST, true, &[1]).await;
    raw.refused(kind::STREAM_DATA, rule::STREAM_NOT_THERE).await;
    raw.end(FIRST, false).await;
    raw.refused(kind::STREAM_CLOSE, rule::STREAM_NOT_THERE).await;
    // The id's next use is another stream, and the former generation names none.
    raw.open("hold", sends(stream(0, 1), ITEMS)).await;
    raw.data(FIRST, true, &[1]).await;
    raw.refused(kind::STREAM_DATA, rule::STREAM_NOT_THERE).await;
    raw.data(stream(0, 1), true, &[1]).await;
    raw.lives().await;
}

#[tokio::test]
async fn the_wrong_half_is_refused() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    raw.open("hold", sends(FIRST, ITEMS)).await;
    raw.send(&Frame::StreamCredit(StreamCredit { id: FIRST, bytes: 1 })).await;
    raw.refused(kind::STREAM_CREDIT, rule::STREAM_FORM).await;
    raw.end(FIRST, true).await;
    raw.refused(kind::STREAM_CLOSE, rule::STREAM_FORM).await;
    // The host's own stream: it sends, and may not be sent to.
    raw.call("give", &[]).await;
    let theirs = stream(1, 0);
    raw.data(theirs, true, &[1]).await;
    raw.refused(kind::STREAM_DATA, rule::STREAM_FORM).await;
    raw.end(theirs, false).await;
    raw.refused(kind::STREAM_CLOSE, rule::STREAM_FORM).await;
    raw.lives().await;
}

#[tokio::test]
async fn data_without_credit_is_refused_and_ends_the_stream_only() {
    let scene = Scene::new(Limits { stream_window: 65_536, ..Limits::default() }).await;
    let mut raw = scene.streaming().await;
    let id = raw.open("hold_bytes", sends(FIRST, BYTES)).await;
    let counted = raw.open("count", sends(stream(2, 0), ITEMS)).await;
    raw.data(FIRST, false, &[1; 65_000]).await;
    raw.data(FIRST, false, &[1; 500]).await;
    raw.data(FIRST, false, &[1; 500]).await;
    raw.refused(kind::STREAM_DATA, rule::BEYOND_CREDIT).await;
    // Items cost more than their bytes, so that many small ones are bounded, too.
    let mut refused = false;
    let mut flood = Vec::new();
    for _ in 0..2_000 {
        flood.extend(encoded(&Frame::StreamData(StreamData { id: stream(4, 0), end_of_item: true, references: Vec::new(), bytes: &[1] })));
    }
    let held = raw.open("hold", sends(stream(4, 0), ITEMS)).await;
    raw.write(&flood).await;
    while !refused {
        match raw.next().await {
            Some(Got::Refused { kind: kind::STREAM_DATA, code: rule::BEYOND_CREDIT, .. }) => refused = true,
            Some(Got::Return { id: other, .. }) => assert!(other != id && other != held),
            Some(_) => {}
            None => panic!("the session ended"),
        }
    }
    raw.data(stream(2, 0), true, &[9]).await;
    raw.end(stream(2, 0), false).await;
    loop {
        match raw.next().await.expect("the session goes on") {
            Got::Return { id, bytes, .. } if id == counted => break assert_eq!(bytes, [1]),
            _ => {}
        }
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn credit_beyond_the_window_is_refused() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    raw.call("give", &[]).await;
    let theirs = stream(1, 0);
    for bytes in [u64::MAX, 1 << 40] {
        raw.send(&Frame::StreamCredit(StreamCredit { id: theirs, bytes })).await;
        raw.refused(kind::STREAM_CREDIT, rule::BEYOND_CREDIT).await;
        raw.send(&Frame::Credit(Credit { window: Window::Streams, bytes })).await;
        raw.refused(kind::CREDIT, rule::BEYOND_CREDIT).await;
    }
    raw.end(theirs, true).await;
    raw.lives().await;
}

#[tokio::test]
async fn ids_in_use_of_the_other_side_or_beyond_the_limit_are_refused() {
    let scene = Scene::new(Limits { streams: 4, ..Limits::default() }).await;
    let mut raw = scene.streaming().await;
    raw.open("hold", sends(FIRST, ITEMS)).await;
    for id in [FIRST, stream(0, 9), stream(1, 0), stream(8, 0), stream(u32::MAX - 1, 0)] {
        let call = raw.open("hold", sends(id, ITEMS)).await;
        raw.refused(kind::CALL, rule::STREAM_ID_IN_USE).await;
        raw.fails(call, ErrorKind::Codec, Outcome::NotRun).await;
    }
    raw.data(FIRST, true, &[1]).await;
    raw.lives().await;
}

#[tokio::test]
async fn a_half_of_another_kind_is_an_error_of_the_call_and_leaves_nothing() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    for half in [sends(FIRST, BYTES), sends(stream(2, 0), 1), Descriptor::StreamReceiver { stream: stream(4, 0), kind: ITEMS }] {
        let call = raw.open("hold", half).await;
        raw.fails(call, ErrorKind::Codec, Outcome::NotRun).await;
    }
    // Their other halves were told; this side answers, and nothing is left.
    for (id, by_receiver) in [(FIRST, false), (stream(2, 0), false), (stream(4, 0), true)] {
        raw.end(id, by_receiver).await;
    }
    until("no stream is left", || scene.host.stats().tables.iter().all(|session| session.streams == 0)).await;
    raw.lives().await;
}

#[tokio::test]
async fn frames_that_are_no_data_of_their_kind_end_their_stream() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    let yours = || vec![Descriptor::Broken { text: "none" }];
    let cases = [
        (ITEMS, StreamData { id: FIRST, end_of_item: false, references: Vec::new(), bytes: &[] }),
        (BYTES, StreamData { id: FIRST, end_of_item: true, references: Vec::new(), bytes: &[1] }),
        (BYTES, StreamData { id: FIRST, end_of_item: false, references: Vec::new(), bytes: &[] }),
        (BYTES, StreamData { id: FIRST, end_of_item: false, references: yours(), bytes: &[1] }),
    ];
    for (place, (kind_of, data)) in (0..).zip(cases) {
        let id = stream(2 * place, 0);
        raw.open(if kind_of == BYTES { "hold_bytes" } else { "hold" }, sends(id, kind_of)).await;
        raw.send(&Frame::StreamData(StreamData { id, ..data })).await;
        raw.refused(kind::STREAM_DATA, rule::STREAM_FORM).await;
        raw.end(id, false).await;
    }
    // References come with the beginning of an item only.
    let id = stream(20, 0);
    raw.open("hold", sends(id, ITEMS)).await;
    raw.data(id, false, &[1]).await;
    raw.send(&Frame::StreamData(StreamData { id, end_of_item: true, references: yours(), bytes: &[1] })).await;
    raw.refused(kind::STREAM_DATA, rule::STREAM_FORM).await;
    raw.end(id, false).await;
    until("no stream is left", || scene.host.stats().tables.iter().all(|session| session.streams == 0)).await;
    scene.unharmed().await;
}

#[tokio::test]
async fn references_in_items_are_held_to_the_same_rules_as_in_calls() {
    let scene = Scene::new(Limits { stream_window: 65_536, ..Limits::default() }).await;
    let mut raw = scene.streaming().await;
    raw.open("hold", sends(FIRST, ITEMS)).await;
    let bad = StreamData { id: FIRST, end_of_item: true, references: vec![Descriptor::Yours { export: NOWHERE }], bytes: &[1] };
    raw.send(&Frame::StreamData(bad)).await;
    raw.refused(kind::STREAM_DATA, rule::UNKNOWN_EXPORT).await;
    // More of them than fit the window cost more than it has.
    let many = vec![Descriptor::Broken { text: "" }; REFERENCES_MAX];
    raw.send(&Frame::StreamData(StreamData { id: FIRST, end_of_item: true, references: many, bytes: &[1] })).await;
    raw.refused(kind::STREAM_DATA, rule::BEYOND_CREDIT).await;
    raw.lives().await;
}

#[tokio::test]
async fn credit_of_nothing_is_refused() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    raw.call("give", &[]).await;
    raw.send(&Frame::StreamCredit(StreamCredit { id: stream(1, 0), bytes: 0 })).await;
    raw.refused(kind::STREAM_CREDIT, rule::STREAM_FORM).await;
    raw.send(&Frame::Credit(Credit { window: Window::Streams, bytes: 0 })).await;
    raw.refused(kind::CREDIT, rule::STREAM_FORM).await;
    raw.end(stream(1, 0), true).await;
    raw.lives().await;
}

#[tokio::test]
async fn credit_counts_only_once_it_was_told() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    raw.open("hold_value", sends(FIRST, WATCHED)).await;
    raw.lives().await;
    // Each takes the place of the one before, whose credit is owed from then on; but nobody has been told while they are read.
    let value = encoded(&Frame::StreamData(StreamData { id: FIRST, end_of_item: true, references: Vec::new(), bytes: &[1] }));
    raw.write(&value.repeat(400)).await;
    raw.refused(kind::STREAM_DATA, rule::BEYOND_CREDIT).await;
    raw.past_refusals().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn an_id_that_has_named_a_stream_names_no_other() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    raw.open("hold", sends(FIRST, ITEMS)).await;
    raw.end(FIRST, false).await;
    raw.lives().await;
    until("the stream is over", || scene.host.stats().tables.iter().all(|session| session.streams == 0)).await;
    let again = raw.open("hold", sends(FIRST, ITEMS)).await;
    raw.refused(kind::CALL, rule::STREAM_ID_IN_USE).await;
    raw.fails(again, ErrorKind::Codec, Outcome::NotRun).await;
    raw.open("hold", sends(stream(0, 1), ITEMS)).await;
    raw.data(stream(0, 1), true, &[1]).await;
    raw.lives().await;
}

#[tokio::test]
async fn what_is_said_of_broken_references_does_not_pile_up() {
    if !memory::is_alone("streams::what_is_said_of_broken_references_does_not_pile_up") {
        return;
    }
    let scene = Scene::new(Limits { stream_window: 65_536, ..Limits::default() }).await;
    let mut raw = scene.streaming().await;
    raw.open("hold", sends(FIRST, ITEMS)).await;
    raw.lives().await;
    let heap = memory::Heap::now();
    // Each costs 129 bytes of credit, travels in a frame of its own, and takes five times its length where it is shown.
    let text = "\u{1}".repeat(65_000);
    let item = StreamData { id: FIRST, end_of_item: true, references: vec![Descriptor::Broken { text: &text }], bytes: &[1] };
    let item = encoded(&Frame::StreamData(item));
    for _ in 0..65_536 / 129 {
        raw.write(&item).await;
    }
    raw.lives().await;
    heap.grew_at_most(4 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_peer_that_does_not_read_is_bounded_whatever_it_allows() {
    if !memory::is_alone("streams::what_waits_for_a_peer_that_does_not_read_is_bounded_whatever_it_allows") {
        return;
    }
    let scene = Scene::new(Limits::default()).await;
    let plain = streaming_hello();
    let limits = PeerLimits { stream_window: 1 << 60, streams_window: 1 << 61, ..plain.limits };
    let mut raw = Raw::dial(&scene.host).await;
    raw.shake_with(wire::Hello { limits, ..plain }).await;
    raw.introduce(&scene.learned).await;
    let begin = POURED.load(Ordering::SeqCst);
    raw.call("pour", &[]).await;
    // What the kernel takes of it is some megabytes, what the host keeps a window of its own.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let poured = POURED.load(Ordering::SeqCst) - begin;
        assert!(poured < 64 << 20, "{poured} bytes were written, and none was read");
        if poured > 0 && std::mem::replace(&mut before, poured) == poured {
            break;
        }
    }
    // It still hears what is said, and goes on where its peer does.
    raw.lives().await;
    within("more comes", async {
        while POURED.load(Ordering::SeqCst) - begin < before + (1 << 20) {
            raw.next().await;
        }
    })
    .await;
    scene.unharmed().await;
}

#[tokio::test]
async fn an_item_that_the_close_cuts_off_is_an_error() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.streaming().await;
    let id = raw.open("count", sends(FIRST, ITEMS)).await;
    raw.data(FIRST, true, &[1]).await;
    raw.data(FIRST, false, &[1]).await;
    raw.end(FIRST, false).await;
    match raw.answer(id).await {
        (wire::Status::AppError, Got::Return { bytes, .. }) => {
            assert!(String::from_utf8_lossy(&bytes).contains("in the middle of an item"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_flood_of_streams_is_bounded_and_costs_the_budget() {
    let scene = Scene::new(Limits { streams: 16, refusals: 100, ..Limits::default() }).await;
    let mut raw = scene.streaming().await;
    let before = resident_mib();
    for index in 0..50 {
        raw.open("forever", sends(stream(2 * index, 0), ITEMS)).await;
    }
    let most = scene.host.stats().tables.iter().map(|session| session.streams).max().unwrap_or_default();
    assert!(most <= 16, "{most} streams are open");
    let mut flood = Vec::new();
    for index in 0..1_000 {
        flood.extend(encoded(&Frame::StreamData(StreamData {
            id: stream(1_000 + index, 0),
            end_of_item: true,
            references: Vec::new(),
            bytes: &[1; 100],
        })));
    }
    let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.stream, &flood).await;
    raw.closes("broke rules of the protocol").await;
    until("nothing is left of it", || scene.host.stats().tables.iter().all(|session| session.streams == 0)).await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 200, "{grown} MiB more than before");
    scene.unharmed().await;
}
