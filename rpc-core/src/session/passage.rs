//! Owns the passage of one call that goes ahead of what it is made on: its lane, and the room at the peer that it has taken. It has room before
//! it joins a queue, so it never stands in the way of a call that brings about what it waits for.

use std::sync::Arc;

use super::SessionCore;
use super::promised::Lane;
use crate::proto::{Pool, Question};
use crate::wire::Target;

/// A call's way to what is not there yet.
#[derive(Debug)]
pub(crate) struct Passage {
    lane: Arc<Lane>,
    pool: Pool,
    cost: u64,
    /// From when it is sent the table of questions knows of the room.
    is_sent: bool,
}

impl Passage {
    /// `None` when the peer has no room for it: it has to wait here until it is known what it is made on.
    pub(crate) fn take(lane: &Arc<Lane>, pool: Pool, cost: u64) -> Option<Self> {
        let has_room = lane.session().ahead.lock().take(pool, cost);
        has_room.then(|| Self { lane: Arc::clone(lane), pool, cost, is_sent: false })
    }

    pub(super) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    pub(super) fn target(&self) -> Target {
        self.lane.target()
    }

    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn is_sent(&mut self) {
        self.is_sent = true;
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.is_sent {
            self.lane.session().ahead.lock().give_back(self.pool, self.cost);
        }
    }
}

impl SessionCore {
    /// A call has returned, or never will: its room ahead is free.
    pub(super) fn came_back(&self, question: &Question) {
        if let Some(cost) = question.ahead {
            self.ahead.lock().give_back(question.pool, cost);
        }
    }
}
