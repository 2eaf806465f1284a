//! References counted at both ends: what arrived is given back once, and an object that is referred to again while its release is on
//! the way is not let go over there.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Link, end, hosted, session, writer};
use crate::any::AnyRemote;
use crate::id::ExportId;
use crate::proto::Grant;
use crate::proto::exports::Exports;
use crate::session::SessionCore;
use crate::session::state::Afterwards;
use crate::sync::{ALL, explore, spawn, step};

/// The peer, who exports one object: its table is the real one.
struct Exporter {
    exports: Exports,
    /// Releases that it has seen.
    seen: usize,
}

const GRANT: Grant = Grant { object: 1, interface: 0 };

impl Exporter {
    fn new() -> Self {
        Self { exports: Exports::new(64), seen: 0 }
    }

    /// Sends a reference, which arrives at once.
    fn send(&mut self, session: &Arc<SessionCore>) -> (ExportId, AnyRemote) {
        let export = self.exports.send(GRANT).unwrap().id;
        let mut after = Afterwards::default();
        let (references, rule) = session.receive(&mut session.state.lock(), &[hosted(export)], &mut after);
        assert_eq!(rule, None);
        after.run();
        (export, references.into_references().next().unwrap())
    }

    /// Takes the releases that have left by now.
    fn take(&mut self, releases: &[(ExportId, u32)]) {
        for &(id, count) in &releases[self.seen..] {
            assert!(self.exports.release(id, count).is_ok(), "more was given back than was sent");
        }
        self.seen = releases.len();
    }
}

fn drop_reference(reference: AnyRemote) {
    step();
    drop(reference);
}

/// The last reference is dropped, and its release sent, while another one arrives.
#[test]
fn an_object_that_is_referred_to_again_stays() {
    explore(4, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let mut exporter = Exporter::new();
        let (_, first) = exporter.send(&session);
        let writer = writer(&session);
        let dropper = spawn(move || drop_reference(first));
        let (id, second) = exporter.send(&session);
        exporter.take(&link.0.0.lock().releases());
        assert_eq!(exporter.exports.get(id), Some(GRANT), "the object is referred to");
        dropper.join().unwrap();
        drop_reference(second);
        drop(link.wait(|written| {
            exporter.take(&written.releases());
            exporter.exports.len() == 0
        }));
        let stats = session.stats();
        assert_eq!((stats.imports, stats.releases), (0, 0));
        end(&session);
        writer.join().unwrap();
    });
}

/// Two threads drop clones of one reference, which arrived twice: one of them gives both back.
#[test]
fn the_last_of_two_to_drop_gives_back_all_that_arrived() {
    explore(4, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let mut exporter = Exporter::new();
        let (_, first) = exporter.send(&session);
        let writer = writer(&session);
        let other = {
            let first = first.clone();
            spawn(move || drop_reference(first))
        };
        let (_, again) = exporter.send(&session);
        drop_reference(first);
        drop_reference(again);
        other.join().unwrap();
        let written = link.wait(|written| {
            exporter.take(&written.releases());
            exporter.exports.len() == 0
        });
        assert_eq!(written.releases().len(), 1, "while it is referred to, nothing of it is given back");
        drop(written);
        end(&session);
        writer.join().unwrap();
    });
}

/// Two objects, dropped on two threads while anyone may flush: each is given back once.
#[test]
fn releases_of_two_threads_are_added_up_by_object() {
    explore(ALL, || {
        let link = Link::new(0);
        let session = session(&link, 8);
        let ids = [0, 1].map(|index| ExportId { index, generation: 0 });
        let [first, again, other] = {
            let mut after = Afterwards::default();
            let descriptors = [hosted(ids[0]), hosted(ids[0]), hosted(ids[1])];
            let (references, rule) = session.receive(&mut session.state.lock(), &descriptors, &mut after);
            assert_eq!(rule, None);
            after.run();
            <[_; 3]>::try_from(references.into_references().collect::<Vec<_>>()).unwrap()
        };
        let dropper = spawn(move || drop_reference(first));
        drop_reference(other);
        session.flush();
        drop_reference(again);
        dropper.join().unwrap();
        session.flush();
        let mut totals = HashMap::new();
        link.0.0.lock().releases().into_iter().for_each(|(id, count)| *totals.entry(id).or_insert(0) += count);
        assert_eq!(totals, HashMap::from([(ids[0], 2), (ids[1], 1)]));
        assert_eq!((session.stats().imports, session.stats().releases), (0, 0));
    });
}
