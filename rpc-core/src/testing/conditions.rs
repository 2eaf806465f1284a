//! Owns [`Conditions`]: what one direction is like. It knows nothing of who is under it.

use std::time::Duration;

/// What one direction of a [`Relay`](super::Relay) or a [`Line`](super::Line) is like. Unless changed it is as good as no relay at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conditions {
    /// How long each piece is under way. What is under way already keeps the time that it was given.
    pub delay: Duration,
    /// How much longer it takes at most: each piece draws a time between nothing and this. Nothing overtakes what was sent before it.
    pub jitter: Duration,
    /// Bytes per second, of each connection: two of them carry twice as much. With `Some(0)` nothing passes, as with `stalled`. A change holds for what
    /// has not been sent yet, however long it would have waited.
    pub rate: Option<u64>,
    /// Nothing passes, and nobody is told: what is sent waits, up to `buffer`, and arrives when the stall is over.
    pub stalled: bool,
    /// How many bytes of one connection may be under way. When as many are, the sender has to wait; so a direction with a long delay and a
    /// high rate needs more. 1 MiB unless changed; 0 is taken for 1.
    pub buffer: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { delay: Duration::ZERO, jitter: Duration::ZERO, rate: None, stalled: false, buffer: 1 << 20 }
    }
}

impl Conditions {
    /// Whether nothing passes.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled || self.rate == Some(0)
    }

    /// How many bytes are read at once. Few where they take long, so that they do not arrive in lumps.
    pub(super) fn piece(&self) -> usize {
        let bytes_in_a_tick = self.rate.map_or(PIECE_MAX, |rate| usize::try_from(rate / TICKS_PER_SECOND).unwrap_or(PIECE_MAX));
        bytes_in_a_tick.clamp(1, PIECE_MAX)
    }
}

/// As much as is read at once where nothing is slow.
pub(super) const PIECE_MAX: usize = 16 << 10;

const TICKS_PER_SECOND: u64 = 100;
