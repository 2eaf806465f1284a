//! Owns this side's part of a bound that the callee keeps: how much the calls that left compressed and have not returned stand for beyond what has
//! travelled. Where it is reached, calls travel as they are. It knows no calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What may still be taken.
#[derive(Debug)]
pub(crate) struct Shares {
    left: AtomicU64,
}

/// What one call has taken. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    bytes: u64,
}

impl Shares {
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(most) })
    }

    /// Whether there may be so much: another thread may take it first.
    pub(crate) fn may_have(&self, bytes: u64) -> bool {
        self.left.load(Ordering::Relaxed) >= bytes
    }

    /// Takes so much, if it is there. The number stands for itself, and what is given back has been given back over there before.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Option<Share> {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).ok()?;
        Some(Share { of: Arc::clone(self), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}
