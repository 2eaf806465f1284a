//! Owns the question by which way a reference goes to a peer, and whether one that arrived has come home. It knows identities, never
//! objects.

use crate::id::{Incarnation, NodeId};

/// A node in one of its lives.
pub(crate) type Life = (NodeId, Incarnation);

/// How an object that is not of this process is described to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// It is held over this very session: by its export at the peer.
    Back,
    /// It lives at the peer and came over another session: by its identity, and kept alive here until the peer has read it.
    Home,
    /// It lives at a third node, or in a former life of the peer: passed on through here.
    Through,
}

/// `over_this` is whether the reference is held over the session it is to go over, `home` where its object lives.
pub(crate) fn way_of(over_this: bool, home: Life, peer: Life) -> Way {
    if over_this {
        Way::Back
    } else if home == peer {
        Way::Home
    } else {
        Way::Through
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn former_life_of_the_peer_is_another_node() {
        let peer = (NodeId(1), Incarnation(2));
        assert_eq!(way_of(true, peer, peer), Way::Back);
        assert_eq!(way_of(false, peer, peer), Way::Home);
        assert_eq!(way_of(false, (NodeId(1), Incarnation(1)), peer), Way::Through);
    }
}
