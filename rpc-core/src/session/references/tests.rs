//! What a session notes of promises, its peer's and its own, until they are resolved or given back.

use super::*;
use crate::id::{CallId, Incarnation, NodeId, SessionId};
use crate::inbound::Reply;
use crate::limits::PeerLimits;
use crate::node::NodeCore;
use crate::peer::Peer;
use crate::pipeline::{Asked, Path};
use crate::session::Agreed;
use crate::transport::PeerTransport;
use crate::wire::{Release, feature};

const ID: ExportId = ExportId { index: 3, generation: 0 };

fn session() -> Arc<SessionCore> {
    session_with(feature::PIPELINING)
}

fn session_with(features: u64) -> Arc<SessionCore> {
    let identity = (NodeId(7), Incarnation(7));
    let transport = PeerTransport::Memory { space: "test".to_owned() };
    let limits = PeerLimits { calls_in_flight: 100, exports: 100, ..PeerLimits::MINIMUM };
    let agreed = Agreed {
        id: SessionId(7),
        dialled: true,
        secret: [7; 32],
        peer: Peer::new(identity.0, identity.1, "peer".to_owned(), transport),
        identity,
        ours: limits,
        theirs: limits,
        features,
    };
    let session = SessionCore::new(NodeCore::of_process(), agreed, Box::new(tokio::io::sink()));
    assert!(session.state.lock().proto.peer.define_interface(0, "bank::Account").is_ok());
    session
}

#[tokio::test]
async fn promise_forgets_a_peer_that_does_not_hold_it_any_more() {
    let session = session();
    let promise = Promise::in_result(&Asked::new(), Path::new(), "bank::Account");
    let send = || {
        let reference = AnyRemote::promise(Arc::clone(&promise));
        let described = session.describe(&mut session.state.lock(), &[reference]).expect("there is room");
        let Descriptor::Promise { export, .. } = described.descriptors[0] else { panic!("{:?}", described.descriptors) };
        assert_eq!(promise.watchers(), 1);
        (export, described)
    };
    for _ in 0..3 {
        let (export, _) = send();
        let mut after = Afterwards::default();
        assert_eq!(session.on_release(&mut session.state.lock(), &Release { entries: vec![(export, 1)] }, &mut after), Ok(()));
        after.run();
        assert_eq!(promise.watchers(), 0);
    }
    let (_, described) = send();
    session.take_back(&mut session.state.lock(), &described);
    assert_eq!(promise.watchers(), 0, "the message was never sent");
    send();
    session.end(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, "over"));
    assert_eq!(promise.watchers(), 0);
}

#[tokio::test]
async fn what_is_promised_is_known_as_that_until_it_is_resolved_or_given_back() {
    let session = session();
    let receive = || session.import_promise(&mut session.state.lock(), ID, 0);
    let resolve = || {
        let mut after = Afterwards::default();
        let resolve = Resolve { promise: ID, to: Resolution::Error(&[]) };
        let resolved = session.on_resolve(&mut session.state.lock(), &resolve, &mut after);
        after.run();
        resolved
    };
    drop(receive().expect("a promise"));
    let import = || session.state.lock().imports[ID.index as usize].upgrade();
    assert!(import().is_none());
    // A call on it is still to be sent.
    let held = receive().expect("it is promised still");
    let import = import().expect("it is held");
    drop(held);
    let again = receive().expect("it is promised still");
    assert_eq!(resolve(), Ok(()));
    let Place::Promise(promise) = &again.place else { panic!("{again:?}") };
    assert!(matches!(promise.known(), Some(Err(_))), "it is this one that is resolved");
    assert_eq!((receive().err(), resolve()), (Some(Rule::ExportIdInUse), Err(Rule::Resolve)), "it was said what it is");
    drop((again, import));
    session.flush();
    assert_eq!(session.state.lock().proto.imports.len(), 0);
    assert_eq!(resolve(), Ok(()), "it may have crossed the release");
}

#[tokio::test]
async fn places_in_results_that_are_not_there_are_bounded_for_all_calls_together() {
    let session = session();
    let most = session.limits().promised_calls as usize;
    let call = |index| CallId { index, generation: 0 };
    let receive = |index: usize, place| {
        let received = session.receive_answer(&mut session.state.lock(), call(index as u32), &[place]);
        matches!(received.expect("the call runs").place, Place::Promise(_))
    };
    {
        let mut state = session.state.lock();
        for index in 0..2 {
            assert!(state.proto.answers.open(call(index)).is_ok());
            state.proto.ahead.open(call(index));
        }
    }
    assert!((0..most).all(|place| receive(place % 2, place as u32)));
    assert!(!receive(0, u32::MAX) && !receive(1, u32::MAX), "there are as many as are taken");
    assert!(receive(0, 0), "of a place that is known there may be any number");
    session.finish_call(call(0), Reply::cancelled());
    assert_eq!(session.state.lock().promised_places, most / 2);
    assert!(receive(1, u32::MAX));
}

#[tokio::test]
async fn promise_that_came_to_nothing_is_an_object_where_nothing_is_said_behind_it() {
    let error = Error::new(ErrorKind::Unsupported, Outcome::NotRun, "no account for you");
    let promise = Promise::broken("bank::Account", Arc::new(error.into()));
    let references = [AnyRemote::promise(promise)];
    let (old, new) = (session_with(0), session());
    let in_message = old.describe(&mut old.state.lock(), &references).expect("there is room");
    let in_item = new.describe_for_stream(&mut new.state.lock(), &references).expect("there is room");
    for described in [in_message, in_item] {
        // So calls on it come here, and are told why.
        assert!(matches!(described.descriptors[..], [Descriptor::Hosted { .. }]), "{:?}", described.descriptors);
    }
}
