//! Objects of this process in the export tables of two sessions: an object stays while any table has it, is recognised as long, and goes
//! once when the last has let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{INTERFACE, Link, end, prepared, session};
use crate::any::{AnyRemote, Place};
use crate::handler::{Handler, RawCall, RawReturn};
use crate::id::ExportId;
use crate::registry;
use crate::session::SessionCore;
use crate::sync::{ALL, explore, spawn, step};
use crate::transfer::Outgoing;
use crate::wire::{self, Frame, Release};

/// An object that says when it goes.
struct Object(Arc<AtomicU32>);

impl Drop for Object {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler for Object {
    fn call(&self, _call: RawCall) -> RawReturn {
        unreachable!("nobody calls it")
    }
}

fn object(gone: &Arc<AtomicU32>) -> AnyRemote {
    AnyRemote::from_handler(INTERFACE, Arc::new(Object(Arc::clone(gone))))
}

/// By what a reference to the object would name it that comes home on another session.
fn identity(object: &AnyRemote) -> (u64, u64) {
    let Place::Here(servant) = &object.place else { unreachable!("it is here") };
    (servant.number(), registry::tag(&**servant))
}

fn send(session: &Arc<SessionCore>, reference: AnyRemote) {
    let mut prepared = prepared();
    prepared.outgoing = Outgoing::new(vec![reference], Vec::new());
    assert!(matches!(session.start(&mut prepared, None), Ok(Some(_))));
    step();
}

/// The peer gives one reference back.
fn give_back(session: &Arc<SessionCore>) {
    let mut bytes = Vec::new();
    let entries = vec![(ExportId { index: 0, generation: 0 }, 1)];
    wire::encode(&Frame::Release(Release { entries }), &mut bytes).unwrap();
    step();
    session.read_batch(&bytes);
}

fn is_known((number, tag): (u64, u64)) -> bool {
    registry::find(number, INTERFACE, tag).is_some()
}

/// One peer gives the object back while another one is given it.
#[test]
fn an_object_stays_while_any_peer_holds_it() {
    explore(ALL, || {
        let sessions = [(); 2].map(|()| session(&Link::new(0), 8));
        let gone = Arc::new(AtomicU32::new(0));
        let object = object(&gone);
        let identity = identity(&object);
        send(&sessions[0], object.clone());
        let reader = {
            let session = Arc::clone(&sessions[0]);
            spawn(move || give_back(&session))
        };
        send(&sessions[1], object.clone());
        drop(object);
        assert!(is_known(identity));
        reader.join().unwrap();
        assert!(is_known(identity), "the second peer holds it still");
        assert_eq!(gone.load(Ordering::SeqCst), 0);
        give_back(&sessions[1]);
        assert!(!is_known(identity));
        assert_eq!(gone.load(Ordering::SeqCst), 1);
        assert!(sessions.iter().all(|session| session.stats().exports == 0 && session.stats().exported_references == 0));
    });
}

/// One peer is given the object again while its release is handled, and the session of the other ends.
#[test]
fn counts_of_two_peers_end_at_zero() {
    explore(5, || {
        let sessions = [(); 2].map(|()| session(&Link::new(0), 8));
        let gone = Arc::new(AtomicU32::new(0));
        let object = object(&gone);
        let identity = identity(&object);
        sessions.iter().for_each(|session| send(session, object.clone()));
        let reader = {
            let session = Arc::clone(&sessions[0]);
            spawn(move || give_back(&session))
        };
        let ender = {
            let session = Arc::clone(&sessions[1]);
            spawn(move || end(&session))
        };
        send(&sessions[0], object.clone());
        drop(object);
        reader.join().unwrap();
        ender.join().unwrap();
        assert!(is_known(identity));
        assert_eq!(sessions[0].stats().exported_references, 1);
        end(&sessions[0]);
        assert!(!is_known(identity));
        assert_eq!(gone.load(Ordering::SeqCst), 1);
    });
}
