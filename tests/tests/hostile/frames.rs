//! Frames that break a rule: each is skipped and refused by the name of the rule, and the session goes on.

use netref::id::{CallId, ExportId, SessionId, StreamId};
use netref::wire::{
    self, Accept, Ack, Chunk, ChunkOf, Collect, Credit, Define, DefineMethod, Descriptor, Disembargo, DisembargoContext, Finish, Frame,
    GoAway, Identity, Provide, Refuse, Release, Resolution, Resolve, Return, Start, Status, StreamClose, StreamCredit, StreamData, Target,
    Window, kind,
};
use netref::{ErrorKind, Limits, Outcome};

use crate::script::{NOBODY, NOWHERE, body, call, crude, hello, rule};
use crate::victim::{METHODS, Scene, number_of};

#[tokio::test]
async fn frames_of_no_known_kind_or_form_are_skipped_and_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    for unknown in [0x00, 0x05, 0x18, 0x37, 0x3b, 0x40, 0xff] {
        raw.write(&crude(&[unknown, 1, 2, 3])).await;
        let text = raw.refused(unknown, rule::MALFORMED).await;
        assert!(text.contains(&format!("{unknown:#04x}")), "{text}");
        raw.lives().await;
    }
    for (malformed, words) in [
        (&[kind::CALL][..], "goes on after the end"),
        (&[kind::CALL, 0x80, 0x00][..], "shortest form"),
        (&[kind::CALL, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..], "more than 64 bits"),
        (&[kind::CALL, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..], "32 bits"),
        (&[kind::CALL, 1, 0, 9][..], "no kind of target"),
        (&[kind::CALL, 1, 0, 0, 0, 0x80, 0x02][..], "unknown meaning"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x80, 2, 1, 1][..], "said to stand for"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x40, 2, 1, 1][..], "reached by its first part"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x20, 1, 9, 1][..], "longer than the body"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x10, 0xff, 0x7f, 1][..], "more entries than the frame can hold"),
        (&[kind::RETURN, 1, 0, 9, 0][..], "no status"),
        (&[kind::RELEASE, 1, 1, 0, 0][..], "gives back no reference"),
        (&[kind::DEFINE, 0, 2, 0xff, 0xfe, 0][..], "not UTF-8"),
        (&[kind::PING, 1, 2, 3][..], "goes on after the end"),
        (&[kind::PONG, 1, 2, 3, 4, 5, 6, 7, 8, 9][..], "bytes are left"),
        (&[kind::CREDIT, 9, 1][..], "no window"),
        (&[kind::CHUNK, 9, 1, 0][..], "nothing that has chunks"),
    ] {
        raw.write(&crude(malformed)).await;
        let text = raw.refused(malformed[0], rule::MALFORMED).await;
        assert!(text.contains(words), "{malformed:02x?}: {text}");
        raw.lives().await;
    }
    // A refusal is never answered with another.
    raw.write(&crude(&[kind::REFUSED, 1])).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn frames_that_name_what_is_not_there_are_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let target = raw.target;
    let id = CallId { index: 20, generation: 0 };
    let with = |descriptor| {
        let mut call = call(id, Target::Export(target), number_of("take"), &[0]);
        call.body.references = vec![descriptor];
        Frame::Call(call)
    };
    let identity = Identity::Own { number: 1, tag: 1 };
    let breaches = [
        (Frame::Return(Return { id: NOBODY, status: Status::Ok, body: body(&[1]) }), rule::RETURN_FOR_NO_CALL),
        (Frame::Chunk(Chunk { of: ChunkOf::Call, id: NOBODY, bytes: &[1] }), rule::CHUNK_WITHOUT_BEGINNING),
        (Frame::Chunk(Chunk { of: ChunkOf::Return, id: NOBODY, bytes: &[1] }), rule::CHUNK_WITHOUT_BEGINNING),
        (Frame::Release(Release { entries: vec![(NOWHERE, 1)] }), rule::RELEASE_BEYOND_COUNT),
        (Frame::Release(Release { entries: vec![(target, 1_000_000)] }), rule::RELEASE_BEYOND_COUNT),
        (Frame::Finish(Finish { id: NOBODY, cancel: false, release_results: false }), rule::FINISH_FOR_NO_CALL),
        (Frame::Define(Define { interface: 9, name: "gap", methods: Vec::new() }), rule::DEFINITION),
        (Frame::Define(Define { interface: 0, name: "again", methods: Vec::new() }), rule::DEFINITION),
        (with(Descriptor::Yours { export: NOWHERE }), rule::UNKNOWN_EXPORT),
        (with(Descriptor::Home { interface: 1, number: 12_345, tag: 6 }), rule::UNKNOWN_EXPORT),
        (with(Descriptor::Home { interface: 99, number: 1, tag: 6 }), rule::DEFINITION),
        (with(Descriptor::Hosted { export: NOWHERE, interface: 99, identity: identity.clone() }), rule::DEFINITION),
        (with(Descriptor::Hosted { export: ExportId { index: u32::MAX, generation: 0 }, interface: 1, identity }), rule::EXPORT_ID_IN_USE),
    ];
    for (frame, rule) in breaches {
        raw.send(&frame).await;
        raw.refused(frame.kind(), rule).await;
        if matches!(frame, Frame::Call(_)) {
            // A reference that breaks a rule spoils nothing but itself.
            assert_eq!(raw.answer(id).await.0, Status::Ok);
        }
        raw.lives().await;
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn reference_that_was_given_back_is_dead_and_cannot_be_given_back_again() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let release = Frame::Release(Release { entries: vec![(raw.target, 1)] });
    raw.send(&release).await;
    let id = raw.call("echo", &[1]).await;
    raw.fails(id, ErrorKind::NoSuchObject, Outcome::NotRun).await;
    raw.send(&release).await;
    raw.refused(kind::RELEASE, rule::RELEASE_BEYOND_COUNT).await;
    raw.target = NOWHERE;
    let id = raw.call("echo", &[1]).await;
    raw.fails(id, ErrorKind::NoSuchObject, Outcome::NotRun).await;
    let id = raw.id();
    raw.send(&Frame::Call(call(id, Target::Root, 999, &[]))).await;
    raw.fails(id, ErrorKind::NoSuchMethod, Outcome::NotRun).await;
    raw.introduce_again(&scene.learned).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn frames_of_features_that_nobody_offered_are_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let stream = StreamId { index: 0, generation: 0 };
    let (target, token) = (raw.target, [7; 16]);
    let id = CallId { index: 20, generation: 0 };
    let mut promise = call(id, Target::Export(target), number_of("take"), &[0]);
    promise.body.references = vec![Descriptor::Promise { export: NOWHERE, interface: 1 }];
    let mut compressed = call(id, Target::Export(target), number_of("text"), &[1, 2, 3]);
    compressed.body.original = Some(100);
    let frames = [
        Frame::Call(compressed),
        Frame::Resolve(Resolve { promise: target, to: Resolution::Error(&[1]) }),
        Frame::Disembargo(Disembargo { embargo: 1, context: DisembargoContext::ReceiverLoopback }),
        Frame::StreamData(StreamData { id: stream, end_of_item: true, references: Vec::new(), bytes: &[1] }),
        Frame::StreamCredit(StreamCredit { id: stream, bytes: 1 }),
        Frame::StreamClose(StreamClose { id: stream, by_receiver: false, error: None }),
        Frame::Provide(Provide { target: Target::Root, token }),
        Frame::Collect(Collect { id: NOBODY, token }),
        Frame::Ack(Ack { received: 1 }),
        Frame::Credit(Credit { window: Window::Streams, bytes: 1 }),
        Frame::Call(promise),
    ];
    for frame in frames {
        raw.send(&frame).await;
        let text = raw.refused(frame.kind(), rule::FEATURE_NOT_NEGOTIATED).await;
        assert!(text.contains("feature"), "{text}");
        raw.lives().await;
    }
    let id = raw.id();
    raw.send(&Frame::Call(call(id, Target::Answer { call: NOBODY, path: vec![0] }, number_of("echo"), &[1]))).await;
    raw.fails(id, ErrorKind::Unsupported, Outcome::NotRun).await;
    scene.unharmed().await;
}

#[tokio::test]
async fn frames_of_the_handshake_are_refused_once_it_is_over() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let frames = [
        Frame::Hello(hello(wire::MAJOR)),
        Frame::Start(Start::New { session: SessionId(1) }),
        Frame::Start(Start::Attach { session: SessionId(1), received: 0, proof: [0; 32] }),
        Frame::Accept(Accept { session: SessionId(1), received: 0, proof: [0; 32] }),
        Frame::Refuse(Refuse { code: 1, text: "no" }),
    ];
    for frame in frames {
        raw.send(&frame).await;
        raw.refused(frame.kind(), rule::HANDSHAKE_OVER).await;
        raw.lives().await;
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn go_away_may_only_be_lowered() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    raw.send(&Frame::GoAway(GoAway { last_call: 5, code: 0, text: "leaving" })).await;
    raw.send(&Frame::GoAway(GoAway { last_call: 4, code: 0, text: "leaving" })).await;
    raw.lives().await;
    raw.send(&Frame::GoAway(GoAway { last_call: 6, code: 0, text: "staying" })).await;
    raw.refused(kind::GO_AWAY, rule::GO_AWAY_RAISED).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn definitions_beyond_their_limit_are_refused_and_the_rest_goes_on() {
    let scene = Scene::new(Limits { definitions: 64, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    for interface in 2..64 {
        raw.send(&Frame::Define(Define { interface, name: "flood", methods: Vec::new() })).await;
    }
    raw.lives().await;
    for interface in 64..100 {
        raw.send(&Frame::Define(Define { interface, name: "flood", methods: Vec::new() })).await;
        raw.refused(kind::DEFINE, rule::DEFINITION).await;
    }
    let methods = (METHODS.len() as u32 + 1..200)
        .map(|number| DefineMethod { number, name: "flood", fingerprint: 1, signature: "", structure: &[] })
        .collect();
    raw.send(&Frame::Define(Define { interface: 1, name: "", methods })).await;
    raw.refused(kind::DEFINE, rule::DEFINITION).await;
    raw.lives().await;
    scene.unharmed().await;
}
