//! What a peer can do wrong with promises: results that are not there, promises that are none, and more that waits than is allowed.

use netref::id::{CallId, ExportId};
use netref::wire::{Call, Descriptor, Disembargo, DisembargoContext, Finish, Frame, Identity, Resolution, Resolve, Status, Target, kind};
use netref::{ErrorKind, Limits, Outcome};

use crate::peer::Raw;
use crate::script::{NOBODY, NOWHERE, call, rule};
use crate::victim::{Scene, number_of};

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
    for (number, path) in [(4, Vec::new()), (5, vec![7, 7]), (6, vec![u32::MAX; 500])] {
        raw.send(&Frame::Call(call(id(number), Target::Answer { call: id(3), path }, number_of("echo"), &[1]))).await;
        assert_eq!(raw.answer(id(number)).await.0, Status::Broken);
    }
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
    let contexts = [
        DisembargoContext::ReceiverLoopback,
        out(Target::Root),
        out(target),
        out(Target::Export(NOWHERE)),
        out(on(NOBODY)),
        out(on(id(0))),
    ];
    for context in contexts {
        raw.send(&Frame::Disembargo(Disembargo { embargo: 3, context })).await;
        raw.refused(kind::DISEMBARGO, rule::DISEMBARGO).await;
    }
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
async fn calls_that_wait_are_bounded_in_number_and_depth() {
    let scene = Scene::new(Limits { promised_calls: 5, promised_depth: 3, ..Limits::default() }).await;
    let mut raw = scene.raw_that_promises().await;
    raw.send(&promised(id(0), Target::Export(raw.target), "forever")).await;
    for depth in 1..=3 {
        raw.send(&promised(id(depth), on(id(depth - 1)), "echo")).await;
    }
    raw.send(&promised(id(4), on(id(3)), "echo")).await;
    let text = raw.fails(id(4), ErrorKind::Overloaded, Outcome::NotRun).await;
    assert!(text.contains("deeper"), "{text}");
    for number in [5, 6, 7] {
        raw.send(&promised(id(number), on(id(0)), "echo")).await;
    }
    let text = raw.fails(id(7), ErrorKind::Overloaded, Outcome::NotRun).await;
    assert!(text.contains("no more calls wait"), "{text}");
    // What waits for ever ends with what it waits for.
    raw.send(&Frame::Finish(Finish { id: id(0), cancel: true, release_results: false })).await;
    for number in [1, 5, 6, 2, 3] {
        assert_eq!(raw.answer(id(number)).await.0, Status::Broken);
    }
    raw.lives().await;
    scene.unharmed().await;
}
