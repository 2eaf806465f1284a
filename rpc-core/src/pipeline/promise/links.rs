//! Owns what promises become, as far as those are promises themselves: none leads to itself, and no more follow each other than calls follow.
//! Of the calls on them it knows nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::{Outcomes, Promise, Stage};
use crate::any::{AnyRemote, Place};
use crate::error::Error;
use crate::pipeline::{PROMISES_MAX, circle, too_deep};
use crate::session::Lane;

/// Held while a promise becomes another promise, so that of several that do at the same time each sees what the others have become.
static LINKS: Mutex<()> = Mutex::new(());

/// How many promises may lead to a promise, one after the other: a call follows them to where they end.
const LEVEL_MAX: u32 = PROMISES_MAX - 2;

impl Promise {
    /// Notes what it has become, and gives the lane of the calls that went ahead. `None` when it was known before.
    pub(super) fn becomes(&self, outcome: &Outcomes) -> Option<Option<Arc<Lane>>> {
        // Dropped when the locks are free.
        let mut way = Vec::new();
        let links = matches!(outcome, Ok(AnyRemote { place: Place::Promise(_) })).then(|| LINKS.lock());
        let linked = if links.is_some() { self.link(outcome, &mut way) } else { Ok(()) };
        let outcome = linked.map_or_else(|error| Err(Arc::new(error.into())), |()| outcome.clone());
        let mut stage = self.stage.lock();
        let Stage::Unknown(queue, lane) = &mut *stage else {
            way.push(outcome);
            return None;
        };
        let (queue, lane) = (std::mem::take(queue), lane.take());
        *stage = Stage::Opening(outcome, queue);
        Some(lane)
    }

    /// Follows promises from one that this is about to become, and counts for each how many lead to it. An error if this is among them, since
    /// calls would be handed round for ever, or if there are more than calls follow: each of them holds the next.
    fn link(&self, outcome: &Outcomes, way: &mut Vec<Outcomes>) -> Result<(), Error> {
        let mut levels = Vec::new();
        let mut level = self.level();
        let mut next = Some(outcome.clone());
        while let Some(known) = next {
            next = None;
            if let Ok(AnyRemote { place: Place::Promise(promise) }) = &known {
                level += 1;
                let is_circle = promise.number == self.number;
                if is_circle || level > LEVEL_MAX {
                    way.push(known);
                    return Err(if is_circle { circle() } else { too_deep() });
                }
                levels.push((Arc::clone(promise), level));
                next = promise.outcome();
            }
            way.push(known);
        }
        for (promise, level) in &levels {
            promise.level.fetch_max(*level, Ordering::Relaxed);
        }
        Ok(())
    }

    fn level(&self) -> u32 {
        self.level.load(Ordering::Relaxed)
    }

    /// Whether it may become another promise: not when as many lead to it as may follow each other.
    pub(crate) fn may_become_a_promise(&self) -> bool {
        self.level() < LEVEL_MAX
    }
}
