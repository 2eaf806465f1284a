//! Owns [`Direction`]: the conditions of one direction, changed from outside and watched by the pumps under it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::conditions::Conditions;

/// One of the two directions of a [`Relay`](super::Relay) or a [`Line`](super::Line), with conditions that can be changed while it runs.
#[derive(Clone)]
pub struct Direction {
    state: Arc<watch::Sender<State>>,
}

/// What the pumps of a direction see of it.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) conditions: Conditions,
    /// How often it was cut: a pump that saw fewer at its beginning is over.
    pub(super) cuts: u64,
}

impl Direction {
    pub(super) fn new() -> Self {
        Self { state: Arc::new(watch::Sender::default()) }
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// What the direction is like now.
    pub fn conditions(&self) -> Conditions {
        self.state.borrow().conditions.clone()
    }

    /// Changes what the direction is like, for every connection there is and every one that comes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(direction: &netref::testing::Direction) {
    /// direction.change(|conditions| {
    ///     conditions.delay = Duration::from_millis(30);
    ///     conditions.jitter = Duration::from_millis(5);
    ///     conditions.rate = Some(1_000_000);
    /// });
    /// # }
    /// ```
    pub fn change(&self, change: impl FnOnce(&mut Conditions)) {
        // On a copy: what the closure does, and whether it panics, is the caller's, and the lock is not held meanwhile.
        let mut conditions = self.conditions();
        change(&mut conditions);
        self.state.send_modify(|state| state.conditions = conditions);
    }

    /// Lets nothing pass from now on, and tells nobody.
    pub fn stall(&self) {
        self.state.send_modify(|state| state.conditions.stalled = true);
    }

    /// Ends a stall: what was sent meanwhile arrives.
    pub fn resume(&self) {
        self.state.send_modify(|state| state.conditions.stalled = false);
    }

    /// Cuts this direction of every connection there is. What is under way is lost, the receiver sees the end of the stream, and what the
    /// sender still sends is thrown away. The other direction and later connections go on.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

impl fmt::Debug for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Direction").field(&self.conditions()).finish()
    }
}
