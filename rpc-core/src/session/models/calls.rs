//! The slots of sleeping callers and the queue for room: whoever waits learns what became of his call, and leaves nothing behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::{FIRST, Link, call, end, hosted, returned, session, writer};
use crate::error::{ErrorKind, Outcome};
use crate::id::ExportId;
use crate::session::SessionStats;
use crate::sync::{ALL, block_on, explore, spawn};
use crate::wire::{self, Frame, GoAway};

/// The reply arrives while its caller looks for it, and the session ends.
#[test]
fn a_caller_learns_its_result() {
    explore(5, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let mut call = call(&session);
        call.send().unwrap();
        let caller = spawn(move || block_on(call));
        let reader = {
            let session = Arc::clone(&session);
            spawn(move || session.read_batch(&returned(FIRST, Vec::new())))
        };
        end(&session);
        match caller.join().unwrap() {
            Ok(arrived) => assert_eq!(arrived.bytes.as_slice(), [9]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Disconnected),
        }
        reader.join().unwrap();
        assert_eq!(session.stats(), SessionStats::default());
    });
}

/// The reply arrives while its caller gives up. What it carried is given back once, whoever of the two found it.
#[test]
fn a_reply_that_nobody_wants_gives_its_references_back() {
    explore(ALL, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let mut call = call(&session);
        call.send().unwrap();
        let caller = spawn(move || {
            let polled = pin!(&mut call).poll(&mut Context::from_waker(Waker::noop()));
            drop((polled.map(drop), call));
        });
        let export = ExportId { index: 5, generation: 1 };
        session.read_batch(&returned(FIRST, vec![hosted(export)]));
        caller.join().unwrap();
        session.flush();
        assert_eq!(link.0.0.lock().releases(), [(export, 1)]);
        assert_eq!(session.stats(), SessionStats::default());
    });
}

/// The peer has room for one call. One that waits for it is given up at any moment, and the one behind it is sent all the same.
#[test]
fn a_call_that_is_given_up_in_the_queue_holds_up_nobody() {
    explore(2, || {
        let link = Link::new(0);
        let session = session(&link, 1);
        let mut first = call(&session);
        first.send().unwrap();
        let (mut second, mut third) = (call(&session), call(&session));
        second.send().unwrap();
        third.send().unwrap();
        drop(first);
        let writer = writer(&session);
        let gives_up = spawn(move || drop(second));
        let waits = {
            let link = link.clone();
            spawn(move || {
                let arrived = block_on(third);
                link.over();
                arrived
            })
        };
        // The peer answers whatever it is asked.
        let mut answered = 0;
        loop {
            let (asked, is_over) = {
                let written = link.wait(|written| written.is_over || written.calls().len() > answered);
                (written.calls(), written.is_over)
            };
            for id in &asked[answered..] {
                session.read_batch(&returned(*id, Vec::new()));
            }
            answered = asked.len();
            if is_over {
                break;
            }
        }
        assert!(waits.join().unwrap().is_ok());
        gives_up.join().unwrap();
        end(&session);
        writer.join().unwrap();
        assert_eq!(session.stats(), SessionStats::default());
    });
}

/// The peer takes no more calls while one waits for room, and the one before it is answered.
#[test]
fn a_call_that_waits_learns_that_the_peer_goes_away() {
    explore(4, || {
        let link = Link::new(0);
        let session = session(&link, 1);
        let (mut sent, mut queued) = (call(&session), call(&session));
        sent.send().unwrap();
        queued.send().unwrap();
        let callers = [sent, queued].map(|call| spawn(move || block_on(call).map(drop)));
        let mut bytes = Vec::new();
        wire::encode(&Frame::GoAway(GoAway { last_call: 1, code: 0, text: "enough" }), &mut bytes).unwrap();
        bytes.extend(returned(FIRST, Vec::new()));
        session.read_batch(&bytes);
        let outcomes = callers.map(|caller| caller.join().unwrap().map_err(|error| (error.kind(), error.outcome())));
        assert_eq!(outcomes, [Ok(()), Err((ErrorKind::ShuttingDown, Outcome::NotRun))]);
        assert_eq!(session.stats(), SessionStats::default());
    });
}
