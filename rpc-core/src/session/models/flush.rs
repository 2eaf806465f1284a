//! The outgoing buffer and the hand-over between those who write: whatever was queued leaves, with nobody left to ask for it.

use std::sync::Arc;

use super::{FIRST, Link, end, prepared, session, writer};
use crate::id::ExportId;
use crate::inbound::Reply;
use crate::limits::Size;
use crate::sync::{explore, spawn};
use crate::wire::Frame;

/// Two callers send while the socket stalls once, so each of them, the task and the socket may be the one that has to go on.
#[test]
fn what_two_callers_queue_leaves() {
    explore(3, || {
        let link = Link::new(1);
        let session = session(&link, 8);
        let writer = writer(&session);
        let other = {
            let session = Arc::clone(&session);
            spawn(move || assert!(matches!(session.start(&mut prepared(), None), Ok(Some(_)))))
        };
        assert!(matches!(session.start(&mut prepared(), None), Ok(Some(_))));
        drop(link.wait(|written| written.calls().len() == 2));
        other.join().unwrap();
        assert!(session.state.lock().outbox.is_empty());
        end(&session);
        writer.join().unwrap();
    });
}

/// The same with frames that the reader queues, which leave with the flush at the end of its batch.
#[test]
fn what_a_caller_and_the_reader_queue_leaves() {
    explore(3, || {
        let link = Link::new(1);
        let session = session(&link, 8);
        let writer = writer(&session);
        let caller = {
            let session = Arc::clone(&session);
            spawn(move || assert!(matches!(session.start(&mut prepared(), None), Ok(Some(_)))))
        };
        let mut ping = Vec::new();
        crate::wire::encode(&Frame::Ping(crate::wire::Ping { token: 5 }), &mut ping).unwrap();
        assert_eq!(session.read_batch(&ping), (ping.len(), false));
        drop(link.wait(|written| {
            let mut pongs = 0;
            written.each(|frame| pongs += usize::from(matches!(frame, Frame::Pong(_))));
            pongs == 1 && written.calls().len() == 1
        }));
        caller.join().unwrap();
        end(&session);
        writer.join().unwrap();
    });
}

/// A release has nothing to ride on: the task sends it, after a while, whoever else writes meanwhile.
#[test]
fn a_release_leaves_by_itself() {
    explore(3, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let id = ExportId { index: 3, generation: 1 };
        (0..2).for_each(|_| session.state.lock().proto.imports.receive(id).unwrap());
        let writer = writer(&session);
        let other = {
            let session = Arc::clone(&session);
            spawn(move || session.release(id, 1))
        };
        session.release(id, 1);
        drop(link.wait(|written| written.releases().iter().map(|(_, count)| count).sum::<u32>() == 2));
        other.join().unwrap();
        assert_eq!(session.state.lock().proto.imports.len(), 0);
        end(&session);
        writer.join().unwrap();
    });
}

/// A session that says it is drained has given its last return to the socket.
#[test]
fn drained_means_that_the_returns_have_left() {
    explore(4, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        assert!(session.state.lock().proto.handle_call(FIRST, Size::new(1, 0, 0), 1).is_ok());
        let writer = writer(&session);
        let handler = {
            let session = Arc::clone(&session);
            spawn(move || session.finish_call(FIRST, Reply::cancelled()))
        };
        let is_drained = session.is_drained();
        let has_left = {
            let mut returns = 0;
            link.0.0.lock().each(|frame| returns += usize::from(matches!(frame, Frame::Return(_))));
            returns == 1
        };
        assert!(!is_drained || has_left);
        handler.join().unwrap();
        end(&session);
        writer.join().unwrap();
    });
}
