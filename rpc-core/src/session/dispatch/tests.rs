//! What a call carries along, in a box that served the call before; and what becomes of results that nobody takes.

use super::*;
use crate::context::Door;
use crate::handler::Payload;
use crate::id::{Incarnation, NodeId, SessionId};
use crate::limits::{Limits, PeerLimits};
use crate::node::NodeCore;
use crate::peer::Peer;
use crate::session::Agreed;
use crate::transport::PeerTransport;
use crate::wire::{Body, Chain, Status, Trace};

fn session() -> Arc<SessionCore> {
    let identity = (NodeId(7), Incarnation(7));
    let transport = PeerTransport::Memory { space: "test".to_owned() };
    let agreed = Agreed {
        id: SessionId(7),
        dialled: true,
        secret: [7; 32],
        peer: Peer::new(identity.0, identity.1, "peer".to_owned(), transport),
        identity,
        ours: PeerLimits::MINIMUM,
        theirs: PeerLimits::MINIMUM,
        features: 0,
    };
    SessionCore::new(NodeCore::of_process(), agreed, Box::new(tokio::io::sink()))
}

/// A session with a peer that takes as many results as it is given, and whose link takes none.
fn stuck(unsent_bytes: u64) -> (Arc<SessionCore>, tokio::io::DuplexStream) {
    let identity = (NodeId(7), Incarnation(7));
    let transport = PeerTransport::Memory { space: "test".to_owned() };
    let limits = PeerLimits { calls_in_flight: 1_000, call_window: 1 << 40, return_window: 1 << 40, ..PeerLimits::MINIMUM };
    let agreed = Agreed {
        id: SessionId(7),
        dialled: true,
        secret: [7; 32],
        peer: Peer::new(identity.0, identity.1, "peer".to_owned(), transport),
        identity,
        ours: limits,
        theirs: limits,
        features: 0,
    };
    let node = NodeCore::with_limits(Limits { unsent_bytes, ..Limits::default() });
    let (link, far) = tokio::io::duplex(16);
    (SessionCore::new(node, agreed, Box::new(link)), far)
}

#[tokio::test]
async fn results_that_the_peer_does_not_take_are_bounded() {
    const BYTES: usize = 20_000;
    let (session, _far) = stuck(1 << 20);
    for index in 0..1_000 {
        let id = CallId { index, generation: 0 };
        assert!(session.state.lock().proto.answers.open(id).is_ok());
        let payload = Payload { codec: 0, bytes: Bytes::from(vec![7; BYTES]), ..Payload::default() };
        session.finish_call(id, Reply::from_payload(Status::Ok, payload));
        session.flush();
    }
    let state = session.state.lock();
    assert_eq!(state.proto.answers.running(), 0, "every call is answered");
    // Those above the bound are answered with an error.
    let (results, errors) = ((1 << 20) + BYTES, 1_000 * 500);
    assert!(state.outbox.frames.len() < results + errors, "{} bytes wait", state.outbox.frames.len());
}

fn call(index: u32) -> wire::Call<'static> {
    wire::Call {
        id: CallId { index, generation: 0 },
        target: Target::Root,
        method: 0,
        deadline_us: None,
        chain: None,
        trace: None,
        oneway: false,
        idempotent: false,
        nested: false,
        promised: false,
        extensions: Vec::new(),
        body: Body { codec: 0, references: Vec::new(), segments: Vec::new(), total: 0, original: None, bytes: &[] },
    }
}

#[tokio::test]
async fn a_context_that_is_used_again_has_nothing_of_the_call_before() {
    let session = session();
    let mut batch = Batch::detached();
    let full = wire::Call {
        deadline_us: Some(1),
        idempotent: true,
        chain: Some(Chain { root: [1; 16], holds: vec![[2; 16]; 3] }),
        trace: Some(Trace { trace_id: 3, span_id: 4, flags: 5 }),
        ..call(1)
    };
    let mut used = session.context(8, &full, &mut batch);
    assert!(used.deadline.is_some() && used.holds.len() == 3 && used.trace.is_some() && used.idempotent);
    // What handlers leave in it.
    (used.started, used.line, used.promised) = (true, Some(6), true);
    batch.spare = Some(used);
    let again = session.context(9, &call(2), &mut batch);
    assert!(batch.spare.is_none(), "one box for two calls");
    // Without `..`, so that what a context has one day besides is thought of here. Its method is set when it is served.
    let CallContext {
        incoming,
        deadline,
        root,
        holds,
        trace,
        method: _,
        started,
        line,
        outside,
        idempotent,
        passed_on,
        is_own,
        promised,
        door,
    } = *again;
    assert_eq!(incoming.map(|(_, id)| id), Some(CallId { index: 2, generation: 0 }));
    assert_eq!((deadline, root, holds.len()), (None, Some(session.root_of(9)), 0));
    assert!(trace.is_none() && !started && line.is_none() && !outside && !idempotent && !promised);
    // What only calls by the seam have, whose contexts are not used again.
    assert!(passed_on.is_none() && !is_own && matches!(door, Door::Open));
}
