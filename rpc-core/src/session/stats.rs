//! Owns [`SessionStats`]: what the tables of a session hold, as numbers.

use super::SessionCore;

/// What the tables of a session hold. All of it is zero on a session on which nothing is held and nothing runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStats {
    /// Calls of this side's that the peer has not answered.
    pub calls_out: usize,
    /// Calls of the peer's that run here, or whose results are held until the peer has them.
    pub calls_in: usize,
    /// Calls of this side's that wait for room or credit.
    pub waiting: usize,
    /// Objects that the peer can call here.
    pub exports: usize,
    /// References to them that the peer holds.
    pub exported_references: u64,
    /// Objects of the peer's that are referred to here.
    pub imports: usize,
    /// Messages that are arriving in chunks.
    pub arriving: usize,
    /// Calls of the peer's that wait for an earlier one on the same object to start.
    pub queued: usize,
    /// Calls of the peer's that wait for the result of another one on which they are made.
    pub promised: usize,
    /// Callers that sleep, or replies that were not picked up.
    pub sleeping: usize,
    /// Returns that wait for the peer's credit.
    pub held_returns: usize,
    /// Streams of which one half is here and the other at the peer.
    pub streams: usize,
    /// Releases that are not yet sent.
    pub releases: usize,
}

impl SessionStats {
    /// Whether nothing is held and nothing runs.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

impl SessionCore {
    pub(crate) fn stats(&self) -> SessionStats {
        let releases = self.releases.lock().len();
        let state = self.state.lock();
        SessionStats {
            calls_out: state.proto.questions.len(),
            calls_in: state.proto.answers.len(),
            waiting: state.waiting_len(),
            exports: state.proto.exports.len(),
            exported_references: state.proto.exports.references(),
            imports: state.proto.imports.len(),
            arriving: state.arriving.len() + state.proto.call_pieces.len() + state.proto.return_pieces.len(),
            queued: state.lines.len(),
            promised: state.proto.ahead.waiting() as usize,
            sleeping: state.waiters.len(),
            held_returns: state.held_returns.len(),
            streams: state.proto.streams.len(),
            releases,
        }
    }
}
