//! The end of a session: everyone who waits for anything learns of it, and nothing stays behind.

use std::sync::Arc;

use super::{FIRST, Link, call, end, session, writer};
use crate::error::{ErrorKind, Outcome};
use crate::id::ExportId;
use crate::limits::Size;
use crate::session::SessionStats;
use crate::sync::{ALL, block_on, explore, spawn};

/// Somebody waits for the end, a handler for being given up, and the writing task for work.
#[test]
fn the_end_wakes_everyone_who_waits_for_it() {
    explore(3, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        assert!(session.state.lock().proto.handle_call(FIRST, Size::new(1, 0, 0), 1).is_ok());
        let writer = writer(&session);
        let watcher = {
            let session = Arc::clone(&session);
            spawn(move || block_on(session.closed()).kind())
        };
        let handler = {
            let session = Arc::clone(&session);
            spawn(move || block_on(session.cancelled(FIRST)))
        };
        end(&session);
        assert_eq!(watcher.join().unwrap(), ErrorKind::Disconnected);
        handler.join().unwrap();
        writer.join().unwrap();
    });
}

/// One caller waits for a reply, one for room, and one is just about to call.
#[test]
fn the_end_wakes_every_caller() {
    explore(3, || {
        let link = Link::new(0);
        let session = session(&link, 1);
        let (mut sent, mut queued, late) = (call(&session), call(&session), call(&session));
        sent.send().unwrap();
        queued.send().unwrap();
        let callers = [sent, queued, late].map(|call| spawn(move || block_on(call).map(drop)));
        end(&session);
        let outcomes = callers.map(|caller| caller.join().unwrap().map_err(|error| error.outcome()));
        assert_eq!(outcomes, [Err(Outcome::MayHaveRun), Err(Outcome::NotRun), Err(Outcome::NotRun)]);
        assert_eq!(session.stats(), SessionStats::default());
    });
}

/// A reference is dropped while the session ends: nobody is left to send its release.
#[test]
fn a_release_that_comes_too_late_is_not_kept() {
    explore(ALL, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let dropper = {
            let session = Arc::clone(&session);
            spawn(move || session.release(ExportId { index: 0, generation: 0 }, 1))
        };
        end(&session);
        dropper.join().unwrap();
        assert_eq!(session.stats(), SessionStats::default());
    });
}
