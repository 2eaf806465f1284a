//! Owns where random numbers come from: the operating system, asked once per need.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// `N` random bytes.
///
/// # Panics
///
/// Panics when the operating system has no randomness to give, which Linux never says after boot: nothing secret can be made then.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the operating system gives no random bytes: {error}");
    }
    bytes
}

/// An id that no other process makes and this one makes once: a random half of this process and a counter.
pub(crate) fn unique() -> [u8; 16] {
    static PROCESS: OnceLock<[u8; 8]> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(bytes);
    let mut id = [0; 16];
    id[..8].copy_from_slice(process);
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    id
}
