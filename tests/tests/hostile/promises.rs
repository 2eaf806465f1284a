//! What a peer can do wrong with promises: results that are not there, promises that are none, and more that waits than is allowed.

use netref::id::{CallId, ExportId};
use netref::wire::{
    Body, Call, Descriptor, Disembargo, DisembargoContext, Finish, Frame, Identity, Ping, Refused, Resolution, Resolve, Return, Status,
    Target, kind,
};
use netref::{Error, ErrorKind, Limits, Outcome, Remote};

use crate::peer::Raw;
use crate::script::{Got, NOBODY, NOWHERE, body, call, encoded, rule};
use crate::victim::{Scene, Target1, number_of};

const fn id(index: u32) -> CallId {
    CallId { index: 20 + index, generation: 0 }
}

const fn on(call: CallId) -> Target {
    Target::Answer { call, path: Vec::new() }
}

/// A call whose result is called ahead.
fn promised(id: CallId, target: Target, method: &str) -> Frame<'static> {
    Frame::Call(Call { promised: true, ..call(id, target, number_of(method), &[1]) })
}

fn finish(id: CallId) -> Frame<'static> {
    Frame::Finish(Finish { id, cancel: false, release_results: false })
}

/// A call that waits for ever, and holds a reference.
async fn hold(raw: &mut Raw, call_id: CallId, descriptor: Descriptor<'static>) {
    let mut holding = call(call_id, on(id(0)), number_of("take"), &[1, 0]);
    holding.body.references = vec![descriptor];
    raw.send(&Frame::Call(holding)).await;
}

#[tokio::test]
async fn calls_on_results_that_are_not_there_fail_and_the_session_goes_on() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw_that_promises().await;
    let target = Target::Export(raw.target);
    raw.send(&promised(id(0), on(NOBODY), "echo")).await;
    raw.fails(id(0), ErrorKind::NoSuchObject, Outcome::NotRun).await;
    raw.send(&promised(id(1), on(id(1)), "echo")).await;
    raw.fails(id(1), ErrorKind::NoSuchObject, Outcome::NotRun).await;
    raw.send(&finish(id(0))).await;
    raw.send(&finish(id(1))).await;

    // A call that was not promised has no result for others.
    let plain = raw.call("echo", &[1]).await;
    raw.send(&promised(id(2), on(plain), "echo")).await;
    raw.fails(id(2), ErrorKind::NoSuchObject, Outcome::NotRun).await;
    raw.send(&finish(id(2))).await;

    raw.send(&promised(id(3), target.clone(), "echo")).await;
    assert_eq!(raw.answer(id(3)).await.0, Status::Ok);
    for (number, path) in [(4, Vec::new()), (5, vec![7, 7]), (6, vec![u32::MAX; 16])] {
        raw.send(&Frame::Call(call(id(number), Target::Answer { call: id(3), path }, number_of("echo"), &[1]))).await;
        assert_eq!(raw.answer(id(number)).await.0, Status::Broken);
    }
    raw.send(&Frame::Call(call(id(7), Target::Answer { call: id(3), path: vec![1; 17] }, number_of("echo"), &[1]))).await;
    raw.refused(kind::CALL, rule::MALFORMED).await;
    raw.send(&finish(id(3))).await;
    raw.send(&Frame::Call(call(id(7), on(id(3)), number_of("echo"), &[1]))).await;
    raw.fails(id(7), ErrorKind::NoSuchObject, Outcome::NotRun).await;
    raw.send(&finish(id(3))).await;
    raw.refused(kind::FINISH, rule::FINISH_FOR_NO_CALL).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn promises_that_are_none_are_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw_that_promises().await;
    let target = Target::Export(raw.target);
    raw.send(&promised(id(0), target.clone(), "forever")).await;
    let (promise, hosted) = (ExportId { index: 1, generation: 0 }, ExportId { index: 2, generation: 0 });
    hold(&mut raw, id(1), Descriptor::Promise { export: promise, interface: 1 }).await;
    hold(&mut raw, id(2), Descriptor::Hosted { export: hosted, interface: 1, identity: Identity::Own { number: 1, tag: 1 } }).await;
    let resolve = |promise| Frame::Resolve(Resolve { promise, to: Resolution::Error(&[1]) });
    // What was given back meanwhile may still be resolved.
    raw.send(&resolve(NOWHERE)).await;
    raw.send(&resolve(hosted)).await;
    raw.refused(kind::RESOLVE, rule::RESOLVE).await;
    raw.send(&Frame::Resolve(Resolve { promise, to: Resolution::Reference(Descriptor::Yours { export: NOWHERE }) })).await;
    raw.refused(kind::RESOLVE, rule::UNKNOWN_EXPORT).await;
    // It is broken by that, and was given back; so another resolve may be one that crossed the release.
    raw.send(&resolve(promise)).await;
    raw.lives().await;

    let out = |target| DisembargoContext::SenderLoopback(target);
    let contexts = [DisembargoContext::ReceiverLoopback, out(Target::Root), out(Target::Export(NOWHERE)), out(on(NOBODY)), out(on(id(0)))];
    for context in contexts {
        raw.send(&Frame::Disembargo(Disembargo { embargo: 3, context })).await;
        raw.refused(kind::DISEMBARGO, rule::DISEMBARGO).await;
    }
    // What is here is where calls on it end.
    raw.send(&Frame::Disembargo(Disembargo { embargo: 3, context: out(target) })).await;
    while raw.next().await != Some(Got::Other(kind::DISEMBARGO)) {}
    let mut other = call(id(3), Target::Export(raw.target), number_of("take"), &[1, 0]);
    other.body.references = vec![Descriptor::Answer { call: NOBODY, path: Vec::new() }];
    raw.send(&Frame::Call(other)).await;
    raw.refused(kind::CALL, rule::UNKNOWN_EXPORT).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn promise_of_itself_is_refused() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw_that_promises().await;
    raw.send(&promised(id(0), Target::Export(raw.target), "forever")).await;
    let first = ExportId { index: 1, generation: 0 };
    hold(&mut raw, id(1), Descriptor::Promise { export: first, interface: 1 }).await;
    raw.send(&Frame::Resolve(Resolve { promise: first, to: Resolution::Reference(Descriptor::Promise { export: first, interface: 1 }) }))
        .await;
    raw.refused(kind::RESOLVE, rule::EXPORT_ID_IN_USE).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn calls_that_wait_are_bounded_and_end_when_they_are_given_up() {
    let scene = Scene::new(Limits { calls_in_flight: 2, ..Limits::default() }).await;
    let mut raw = scene.raw_that_promises().await;
    let id = |index: u32| CallId { index, generation: 20 };
    let on = |call| Target::Answer { call, path: Vec::new() };
    raw.send(&promised(id(0), Target::Export(raw.target), "forever")).await;
    // Each waits for the one before: as deep as there is room.
    for depth in 1..=4 {
        raw.send(&promised(id(depth), on(id(depth - 1)), "echo")).await;
    }
    raw.send(&Frame::Call(call(id(5), on(id(0)), number_of("echo"), &[1]))).await;
    let text = raw.fails(id(5), ErrorKind::Overloaded, Outcome::NotRun).await;
    assert!(text.contains("no more calls wait"), "{text}");
    // One that is given up is answered at once, and so is what waits for it; the rest waits on.
    raw.send(&Frame::Finish(Finish { id: id(3), cancel: true, release_results: false })).await;
    assert_eq!(raw.answer(id(3)).await.0, Status::Cancelled);
    assert_eq!(raw.answer(id(4)).await.0, Status::Broken);
    for number in [6, 7] {
        raw.send(&Frame::Call(call(id(number), on(id(0)), number_of("echo"), &[1]))).await;
    }
    // What waits for ever ends with what it waits for.
    raw.send(&Frame::Finish(Finish { id: id(0), cancel: true, release_results: false })).await;
    for number in [1, 6, 7, 2] {
        assert_eq!(raw.answer(id(number)).await.0, Status::Broken);
    }
    for number in 0..=4 {
        raw.send(&finish(id(number))).await;
    }
    raw.lives().await;
    scene.unharmed().await;
}

/// What a call takes of the window until it has returned, whether it waits for a result or for what an export turns out to be.
#[tokio::test]
async fn bytes_of_calls_on_a_promise_of_the_victims_are_bounded() {
    calls_on_a_promise(true).await;
    // For a peer that does not know that it is one, it is an object that is slow.
    calls_on_a_promise(false).await;
}

async fn calls_on_a_promise(knows: bool) {
    let limits = Limits { message_bytes: 100_000, call_window: 1_000_000, ..Limits::default() };
    let scene = Scene::new(limits).await;
    let (give, given) = tokio::sync::oneshot::channel::<()>();
    let latter = Remote::from_future(async move {
        given.await.expect("it is given");
        Err::<Remote<dyn Target1>, _>(Error::new(ErrorKind::Cancelled, Outcome::NotRun, "it comes to nothing"))
    });
    scene.host.publish("latter", latter).expect("a name");
    let mut raw = if knows { scene.raw_that_promises().await } else { scene.raw().await };
    raw.target = raw.other("latter", &scene.learned).await;
    // Half of what is left beside the largest message and its tables may wait: 315 kB.
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(raw.call("text", &[1; 60_000]).await);
    }
    let beyond = raw.call("text", &[1; 60_000]).await;
    if knows {
        raw.fails(beyond, ErrorKind::Overloaded, Outcome::NotRun).await;
    } else {
        waiting.push(beyond);
    }
    // One that is given up makes room.
    let first = waiting.remove(0);
    raw.send(&Frame::Finish(Finish { id: first, cancel: true, release_results: false })).await;
    assert_eq!(raw.answer(first).await.0, Status::Cancelled);
    waiting.push(raw.call("text", &[1; 60_000]).await);
    give.send(()).expect("somebody waits");
    for call in waiting {
        raw.fails(call, ErrorKind::Cancelled, Outcome::NotRun).await;
    }
    scene.unharmed().await;
}

/// An object of this peer's.
fn mine() -> Descriptor<'static> {
    Descriptor::Hosted { export: ExportId { index: 9, generation: 0 }, interface: 1, identity: Identity::Own { number: 9, tag: 9 } }
}

/// Has the host call ahead on what a call of a reference of this peer's will give. Gives the call by which it does that, the one whose result is promised, and the one that is
/// made on it.
async fn calls_ahead(raw: &mut Raw, mine: Descriptor<'static>) -> (CallId, CallId, CallId) {
    let id = raw.id();
    let mut ahead = call(id, Target::Export(raw.target), number_of("ahead"), &[0]);
    ahead.body.references = vec![mine];
    raw.send(&Frame::Call(ahead)).await;
    (id, raw.called().await, raw.called().await)
}

fn returned<'a>(id: CallId, status: Status, references: Vec<Descriptor<'static>>, bytes: &'a [u8]) -> Frame<'a> {
    Frame::Return(Return { id, status, body: Body { references, ..body(bytes) } })
}

#[tokio::test]
async fn refused_embargo_breaks_its_promise() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw_that_promises().await;
    for code in [rule::DISEMBARGO, rule::FEATURE_NOT_NEGOTIATED, rule::MALFORMED] {
        let (outer, next, echo) = calls_ahead(&mut raw, mine()).await;
        // It turns out to be an object of the host's own.
        raw.send(&returned(next, Status::Ok, vec![Descriptor::Yours { export: raw.target }], &[0])).await;
        while raw.next().await != Some(Got::Other(kind::DISEMBARGO)) {}
        raw.send(&returned(echo, Status::Ok, Vec::new(), &[1])).await;
        raw.send(&Frame::Refused(Refused { kind: kind::DISEMBARGO, code, text: "no" })).await;
        raw.gives_error(outer, ErrorKind::Disconnected, Outcome::NotRun).await;
    }
    // Where there is none, nothing is taken amiss.
    raw.send(&Frame::Refused(Refused { kind: kind::DISEMBARGO, code: rule::DISEMBARGO, text: "no" })).await;
    raw.lives().await;
    raw.send(&Frame::Disembargo(Disembargo { embargo: 0, context: DisembargoContext::ReceiverLoopback })).await;
    raw.refused(kind::DISEMBARGO, rule::DISEMBARGO).await;
    scene.unharmed().await;
}

/// No peer that keeps to the protocol names an object by its identity in such a result.
#[tokio::test]
async fn promised_result_is_finished_once_whatever_it_names() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw_that_promises().await;
    let given = raw.call("next", &[]).await;
    let (_, Got::Return { identities, .. }) = raw.answer(given).await else { panic!("it was answered") };
    let Identity::Own { number, tag } = identities[0] else { panic!("it is the host's own") };

    let (outer, next, echo) = calls_ahead(&mut raw, mine()).await;
    raw.send(&returned(next, Status::Ok, vec![Descriptor::Home { interface: 1, number, tag }], &[0])).await;
    raw.send(&returned(echo, Status::Ok, Vec::new(), &[1])).await;
    let mut finishes = 0;
    loop {
        match raw.next().await {
            Some(Got::Other(kind::FINISH)) => finishes += 1,
            Some(Got::Other(kind::DISEMBARGO)) => {
                let back = Disembargo { embargo: 0, context: DisembargoContext::ReceiverLoopback };
                raw.send(&Frame::Disembargo(back)).await;
            }
            Some(Got::Return { id, status, .. }) if id == outer => {
                assert_eq!(status, Status::Ok);
                raw.send(&Frame::Ping(Ping { token: 7 })).await;
            }
            Some(Got::Pong(7)) => break,
            Some(Got::Other(_)) => {}
            other => panic!("instead of what ends the call: {other:?}"),
        }
    }
    assert_eq!(finishes, 1);
    scene.unharmed().await;
}

#[tokio::test]
async fn call_is_broken_only_by_what_came_to_nothing_before() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw_that_promises().await;
    // The call on whose result it is made goes on for ever.
    let (outer, _, echo) = calls_ahead(&mut raw, mine()).await;
    raw.send(&returned(echo, Status::Broken, Vec::new(), &[])).await;
    raw.refused(kind::RETURN, rule::RETURN_FOR_NO_CALL).await;
    raw.gives_error(outer, ErrorKind::Protocol, Outcome::MayHaveRun).await;

    // It is made on no result.
    let promise = Descriptor::Promise { export: ExportId { index: 10, generation: 0 }, interface: 1 };
    let (outer, next, echo) = calls_ahead(&mut raw, promise).await;
    raw.send(&returned(next, Status::Broken, Vec::new(), &[])).await;
    raw.refused(kind::RETURN, rule::RETURN_FOR_NO_CALL).await;
    // That on which this is made has come to nothing now.
    raw.send(&returned(echo, Status::Broken, Vec::new(), &[])).await;
    raw.gives_error(outer, ErrorKind::Protocol, Outcome::NotRun).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn promise_of_a_promise_and_so_on_for_ever_is_refused() {
    const LEVELS: u32 = 100_000;
    let scene = Scene::new(Limits { exports: LEVELS + 100, exports_stranger: LEVELS + 100, ..Limits::default() }).await;
    let mut raw = scene.raw_that_promises().await;
    let promise = |level| ExportId { index: 100 + level, generation: 0 };
    raw.send(&promised(id(0), Target::Export(raw.target), "forever")).await;
    hold(&mut raw, id(1), Descriptor::Promise { export: promise(0), interface: 1 }).await;
    let mut frames = Vec::new();
    for level in 1..LEVELS {
        let next = Descriptor::Promise { export: promise(level), interface: 1 };
        frames.extend(encoded(&Frame::Resolve(Resolve { promise: promise(level - 1), to: Resolution::Reference(next) })));
    }
    for bytes in frames.chunks(60_000) {
        raw.write(bytes).await;
    }
    // The rest is of what nobody waits for any more.
    raw.refused(kind::RESOLVE, rule::RESOLVE).await;
    raw.send(&Frame::Finish(Finish { id: id(0), cancel: true, release_results: false })).await;
    assert_eq!(raw.answer(id(1)).await.0, Status::Broken);
    raw.lives().await;
    scene.unharmed().await;
}
