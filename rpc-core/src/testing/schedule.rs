//! Owns when a piece arrives: conditions and dice in, a moment out. It has no clock of its own, keeps no bytes, and knows no order: what a
//! stream may not let overtake is its pump's to hold back.

use std::time::Duration;

use tokio::time::Instant;

use super::conditions::Conditions;
use super::dice::Dice;

/// When the pieces of one direction of one connection arrive.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    dice: Dice,
    /// Until when what was sent before takes up the rate.
    busy_until: Option<Instant>,
}

/// No time is longer: a clock can always add it.
const LONGEST: Duration = Duration::from_secs(86_400);

impl Schedule {
    pub(super) const fn new(dice: Dice) -> Self {
        Self { dice, busy_until: None }
    }

    /// What becomes of a piece that is sent now.
    pub(super) fn send(&mut self, now: Instant, bytes: usize, conditions: &Conditions) -> Sent {
        let gone = self.gone(now, bytes, conditions);
        let jitter = self.dice.up_to(conditions.jitter.min(LONGEST));
        Sent { gone, lag: conditions.delay.min(LONGEST) + jitter }
    }

    /// When a piece has left that waits for its turn from now on.
    fn gone(&mut self, now: Instant, bytes: usize, conditions: &Conditions) -> Instant {
        let begin = self.busy_until.map_or(now, |busy_until| busy_until.max(now));
        let gone = begin + taking(bytes, conditions.rate);
        self.busy_until = Some(gone);
        gone
    }

    /// The rate is another one: what has not left yet waits for its turn anew, in its order.
    pub(super) fn again<'a>(&mut self, now: Instant, pieces: impl Iterator<Item = (&'a mut Sent, usize)>, conditions: &Conditions) {
        self.busy_until = None;
        for (sent, bytes) in pieces.filter(|(sent, _)| sent.gone > now) {
            sent.gone = self.gone(now, bytes, conditions);
        }
    }
}

/// When a piece has left, and how much later it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    gone: Instant,
    lag: Duration,
}

impl Sent {
    pub(super) fn arrival(self) -> Instant {
        self.gone + self.lag
    }
}

/// How long it takes to send so many bytes.
fn taking(bytes: usize, rate: Option<u64>) -> Duration {
    let Some(rate) = rate.filter(|rate| *rate > 0) else { return Duration::ZERO };
    let nanos = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(rate));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// The delays of 100 pieces, each sent when the one before has arrived.
    fn delays(seed: u64, conditions: &Conditions) -> Vec<Duration> {
        let mut schedule = Schedule::new(Dice::new(seed));
        let mut now = Instant::now();
        let arrivals = (0..100).map(|_| {
            let arrival = schedule.send(now, 10, conditions).arrival();
            let delay = arrival - now;
            now = arrival;
            delay
        });
        arrivals.collect()
    }

    #[test]
    fn seed_repeats_the_same_delays() {
        let conditions = Conditions { delay: 5 * MILLI, jitter: 3 * MILLI, ..Conditions::default() };
        assert_eq!(delays(1, &conditions), delays(1, &conditions));
        assert_ne!(delays(1, &conditions), delays(2, &conditions));
        assert!(delays(1, &conditions).iter().all(|delay| (5 * MILLI..=8 * MILLI).contains(delay)));
    }

    #[test]
    fn rate_spaces_what_is_sent_at_once() {
        let conditions = Conditions { rate: Some(1_000), delay: 5 * MILLI, ..Conditions::default() };
        let mut schedule = Schedule::new(Dice::new(1));
        let now = Instant::now();
        let arrivals: Vec<_> = (0..3).map(|_| schedule.send(now, 10, &conditions).arrival() - now).collect();
        assert_eq!(arrivals, [15 * MILLI, 25 * MILLI, 35 * MILLI]);
        // Time in which nothing is sent is not saved up.
        let later = now + 1_000 * MILLI;
        assert_eq!(schedule.send(later, 10, &conditions).arrival() - later, 15 * MILLI);
    }

    #[test]
    fn conditions_beyond_all_bounds_are_times_that_a_clock_can_add() {
        let conditions = Conditions { rate: Some(1), delay: Duration::MAX, jitter: Duration::MAX, ..Conditions::default() };
        let mut schedule = Schedule::new(Dice::new(1));
        let now = Instant::now();
        for _ in 0..100 {
            assert!(schedule.send(now, usize::MAX, &conditions).arrival() > now);
        }
    }
}
