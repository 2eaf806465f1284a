//! Owns the byte windows of a session: how much payload may be on its way in each direction (law 8).

/// The sender's view of a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SendWindow {
    available: u64,
    size: u64,
}

impl SendWindow {
    pub(crate) fn new(size: u64) -> Self {
        Self { available: size, size }
    }

    /// Whether there is credit for `bytes`.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        bytes <= self.available
    }

    /// Takes the credit of a whole message, so that a message that was begun can always be finished.
    pub(crate) fn take(&mut self, bytes: u64) -> bool {
        match self.available.checked_sub(bytes) {
            Some(left) => {
                self.available = left;
                true
            }
            None => false,
        }
    }

    /// The receiver gives credit back. It can never hold more than it announced.
    pub(crate) fn grant(&mut self, bytes: u64) {
        self.available = self.available.saturating_add(bytes).min(self.size);
    }

    #[cfg(test)]
    fn in_use(&self) -> u64 {
        self.size - self.available
    }
}

/// The least window for messages of up to `largest` bytes: room for one, and for what may be owed and not yet granted.
pub(crate) fn window_for(largest: u64) -> u64 {
    largest.saturating_add(largest / 4)
}

/// The receiver's view of a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReceiveWindow {
    size: u64,
    /// So many bytes owed are granted: few enough that they never keep the largest message from fitting, or its sender would wait for
    /// credit that nothing brings.
    step: u64,
    /// Bytes of messages that were announced and not yet given back.
    used: u64,
    /// Bytes that were consumed and not yet granted again.
    owed: u64,
}

impl ReceiveWindow {
    /// `largest` is the size of the largest message that may come. Half of what is left beside it is for messages that wait for others.
    pub(crate) fn new(size: u64, largest: u64) -> Self {
        Self { size, step: size.saturating_sub(largest).div_ceil(2), used: 0, owed: 0 }
    }

    /// A message of `bytes` is announced. False when the sender had no credit for it.
    pub(crate) fn announce(&mut self, bytes: u64) -> bool {
        match self.used.checked_add(bytes) {
            Some(used) if used <= self.size => {
                self.used = used;
                true
            }
            _ => false,
        }
    }

    /// A message of `bytes` was refused after it was announced.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.owed += bytes;
    }

    /// A message of `bytes` was taken out. Gives the credit to send now: a good part of a window at a time, so that small messages do
    /// not each cost a frame.
    pub(crate) fn consume(&mut self, bytes: u64) -> Option<u64> {
        self.owed += bytes;
        if self.owed < self.step || self.owed == 0 {
            return None;
        }
        self.used -= self.owed.min(self.used);
        Some(std::mem::take(&mut self.owed))
    }
}

#[cfg(test)]
impl ReceiveWindow {
    /// The most that is owed and not granted.
    pub(crate) fn most_owed(&self) -> u64 {
        self.step.saturating_sub(1)
    }
}

/// What an audit of both ends compares.
#[cfg(feature = "internals")]
impl SendWindow {
    pub(crate) fn available(&self) -> u64 {
        self.available
    }
}

#[cfg(feature = "internals")]
impl ReceiveWindow {
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn owed(&self) -> u64 {
        self.owed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_conserved() {
        let (mut sender, mut receiver) = (SendWindow::new(100), ReceiveWindow::new(100, 80));
        for _ in 0..1_000 {
            assert!(sender.take(30) && receiver.announce(30));
            if let Some(bytes) = receiver.consume(30) {
                sender.grant(bytes);
            }
            assert_eq!(sender.in_use(), receiver.used);
        }
    }

    #[test]
    fn largest_message_fits_after_anything() {
        for largest in [1, 80, 1_000] {
            for before in 0..=largest {
                let size = window_for(largest).max(2);
                let (mut sender, mut receiver) = (SendWindow::new(size), ReceiveWindow::new(size, largest));
                for bytes in [before, largest, before, before, largest] {
                    assert!(sender.take(bytes) && receiver.announce(bytes), "{bytes} after {before}");
                    if let Some(bytes) = receiver.consume(bytes) {
                        sender.grant(bytes);
                    }
                }
            }
        }
    }

    #[test]
    fn sender_without_credit_waits_and_receiver_notices_one_that_does_not() {
        let (mut sender, mut receiver) = (SendWindow::new(100), ReceiveWindow::new(100, 80));
        assert!(sender.take(100) && receiver.announce(100));
        assert!(!sender.take(1));
        assert!(!receiver.announce(1));
    }
}
