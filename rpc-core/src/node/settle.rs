//! Owns which of several links between two nodes becomes their session, when both dial at the same moment or one dials twice. It
//! decides; it sends nothing.
//!
//! Two nodes that dial each other at once each see two links. Without a rule each would take its own. The rule: the node with the
//! smaller id lets its own dial stand and tells the other to try again; when that one tries again it finds the session and proves
//! that it is its peer. A claimed name alone never joins two links: the proof is the secret of the session.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::core::PeerKey;

/// So long after a session began, a second one with a peer of the same name is taken for a dial that crossed it.
pub(super) const CROSSING: Duration = Duration::from_secs(2);

/// Dials and acceptances that have been decided and not yet become sessions.
#[derive(Debug, Default)]
pub(super) struct Settling {
    dialling: HashMap<PeerKey, u32>,
    accepting: HashMap<PeerKey, u32>,
}

/// What an acceptor makes of a new session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    /// Another link is about to become the session, or just has.
    TryAgain,
}

impl Settling {
    /// This side's dial to `peer` stands.
    pub(super) fn dial(&mut self, peer: PeerKey) {
        *self.dialling.entry(peer).or_default() += 1;
    }

    pub(super) fn dialled(&mut self, peer: PeerKey) {
        lower(&mut self.dialling, peer);
    }

    /// Whether a link of the peer's is about to become the session.
    pub(super) fn is_accepting(&self, peer: PeerKey) -> bool {
        self.accepting.contains_key(&peer)
    }

    /// Judges a new session that `peer` asks `me` for. `began` is when the latest session with a peer of that name began.
    pub(super) fn accept(&mut self, me: PeerKey, peer: PeerKey, began: Option<Instant>, now: Instant) -> Verdict {
        let crossed = began.is_some_and(|began| now.saturating_duration_since(began) < CROSSING);
        let mine_stands = me.0 < peer.0 && self.dialling.contains_key(&peer);
        if me != peer && (crossed || mine_stands || self.is_accepting(peer)) {
            return Verdict::TryAgain;
        }
        *self.accepting.entry(peer).or_default() += 1;
        Verdict::Accept
    }

    pub(super) fn accepted(&mut self, peer: PeerKey) {
        lower(&mut self.accepting, peer);
    }
}

fn lower(map: &mut HashMap<PeerKey, u32>, peer: PeerKey) {
    if let Some(count) = map.get_mut(&peer) {
        *count -= 1;
        if *count == 0 {
            map.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Incarnation, NodeId};

    const SMALL: PeerKey = (NodeId(1), Incarnation(1));
    const LARGE: PeerKey = (NodeId(2), Incarnation(1));

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn of_two_crossing_dials_the_one_of_the_smaller_node_stands() {
        let now = Instant::now();
        let (mut small, mut large) = (Settling::default(), Settling::default());
        small.dial(LARGE);
        large.dial(SMALL);
        assert_eq!(small.accept(SMALL, LARGE, None, now), Verdict::TryAgain);
        assert_eq!(large.accept(LARGE, SMALL, None, now), Verdict::Accept);
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn second_session_of_the_same_name_is_a_crossing_only_for_a_while() {
        let now = Instant::now();
        let mut settling = Settling::default();
        assert_eq!(settling.accept(SMALL, LARGE, Some(now), now), Verdict::TryAgain);
        assert_eq!(settling.accept(SMALL, LARGE, Some(now), now + CROSSING), Verdict::Accept);
    }
}
