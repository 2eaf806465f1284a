//! Owns where random numbers come from: the operating system, asked once per need.

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
