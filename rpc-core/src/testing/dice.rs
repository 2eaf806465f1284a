//! Owns what is random: numbers that a seed decides.

use std::time::Duration;

/// SplitMix64: one number of state, every seed as good as any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Other dice, which these and the number decide.
    pub(super) fn fork(&self, number: u64) -> Self {
        // Rolled once, so that neighbouring seeds and numbers do not lead to the same dice.
        let mut mixed = Self::new(self.state ^ number.wrapping_mul(0xD134_2543_DE82_EF95));
        Self::new(mixed.roll())
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A time up to `longest`. One roll, whatever that is, so that a change of it does not shift the rolls that follow.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let share = u128::from(self.roll());
        let nanos = (longest.as_nanos().min(u128::from(u64::MAX)) * share) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_within_their_bound_and_use_all_of_it() {
        let mut dice = Dice::new(7);
        let longest = Duration::from_millis(10);
        let times: Vec<_> = (0..1_000).map(|_| dice.up_to(longest)).collect();
        assert!(times.iter().all(|time| *time <= longest));
        assert!(times.iter().any(|time| *time < longest / 10) && times.iter().any(|time| *time > longest * 9 / 10));
        assert_eq!(dice.up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn forks_differ_and_repeat() {
        let dice = Dice::new(7);
        assert_eq!(dice.fork(1), dice.fork(1));
        assert_ne!(dice.fork(1), dice.fork(2));
        assert_ne!(Dice::new(8).fork(1), dice.fork(1));
    }
}
