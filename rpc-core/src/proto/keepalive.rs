//! Owns the question whether the peer is alive. Time is an argument; any received byte counts as life.

use std::time::{Duration, Instant};

/// What is to be done about the peer's silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing before this moment.
    Wait(Instant),
    /// Ask for a sign of life, then look again at this moment.
    Ping(u64, Instant),
    /// The peer is taken for dead.
    Dead,
}

/// When the peer was last heard of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeepAlive {
    /// Silence after which a ping is sent.
    interval: Duration,
    /// Silence after which the peer is dead.
    timeout: Duration,
    heard: Instant,
    pinged: Option<Instant>,
    token: u64,
}

impl KeepAlive {
    pub(crate) fn new(now: Instant, interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout: timeout.max(interval), heard: now, pinged: None, token: 0 }
    }

    /// Bytes arrived.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    /// What the silence up to `now` calls for.
    pub(crate) fn look(&mut self, now: Instant) -> Silence {
        let dead = self.heard + self.timeout;
        if now >= dead {
            return Silence::Dead;
        }
        let due = self.pinged.unwrap_or(self.heard) + self.interval;
        if now < due {
            return Silence::Wait(due.min(dead));
        }
        self.pinged = Some(now);
        self.token += 1;
        Silence::Ping(self.token, (now + self.interval).min(dead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn silence_is_pinged_and_then_dead_unless_a_byte_arrives() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(start, 10 * SECOND, 30 * SECOND);
        assert_eq!(keep_alive.look(start), Silence::Wait(start + 10 * SECOND));
        assert_eq!(keep_alive.look(start + 10 * SECOND), Silence::Ping(1, start + 20 * SECOND));
        assert_eq!(keep_alive.look(start + 20 * SECOND), Silence::Ping(2, start + 30 * SECOND));
        keep_alive.heard(start + 29 * SECOND);
        assert_eq!(keep_alive.look(start + 30 * SECOND), Silence::Wait(start + 39 * SECOND));
        assert_eq!(keep_alive.look(start + 59 * SECOND), Silence::Dead);
    }
}
