//! Owns the count of what compression saves on one session, for people to look at.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bodies of a session that travelled compressed.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    sent: Counts,
    received: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    bodies: AtomicU64,
    original: AtomicU64,
    travelled: AtomicU64,
}

impl Counts {
    /// Each number stands for itself: nothing is concluded from several of them.
    fn add(&self, original: u64, travelled: u64) {
        self.bodies.fetch_add(1, Ordering::Relaxed);
        self.original.fetch_add(original, Ordering::Relaxed);
        self.travelled.fetch_add(travelled, Ordering::Relaxed);
    }
}

impl Meter {
    pub(crate) fn sent(&self, original: u64, travelled: u64) {
        self.sent.add(original, travelled);
    }

    pub(crate) fn received(&self, original: u64, travelled: u64) {
        self.received.add(original, travelled);
    }
}

/// What compression does on a session: see [`Session::compression`](crate::Session::compression).
#[cfg(feature = "lz4")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressionStats {
    /// Of arguments and results that this side compressed.
    pub sent: Saved,
    /// Of those that it received compressed and has restored. A result is restored when its caller takes it.
    pub received: Saved,
}

/// Bodies that travelled compressed, and their lengths together. Those that were too short or gained nothing are not counted.
#[cfg(feature = "lz4")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// How many there were.
    pub bodies: u64,
    /// Their bytes, bulk bytes included.
    pub original_bytes: u64,
    /// The bytes that travelled in their place.
    pub travelled_bytes: u64,
}

#[cfg(feature = "lz4")]
impl Counts {
    fn saved(&self) -> Saved {
        Saved {
            bodies: self.bodies.load(Ordering::Relaxed),
            original_bytes: self.original.load(Ordering::Relaxed),
            travelled_bytes: self.travelled.load(Ordering::Relaxed),
        }
    }
}

#[cfg(feature = "lz4")]
impl Meter {
    pub(crate) fn stats(&self) -> CompressionStats {
        CompressionStats { sent: self.sent.saved(), received: self.received.saved() }
    }
}
