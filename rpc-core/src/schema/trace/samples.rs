//! Owns the made-up values. The first of each kind pleases most types; the others are for types that check what they are given.

/// Integers. 1 first: zero is refused by the `NonZero` types.
pub(super) const INTEGERS: [u8; 5] = [1, 0, 2, 10, 100];

pub(super) const FLOATS: [f32; 3] = [1.0, 0.0, 0.5];

pub(super) const CHARS: [char; 2] = ['a', '0'];

pub(super) const STRINGS: [&str; 16] = [
    "",
    "a",
    "1",
    "0.1.0",
    "127.0.0.1",
    "127.0.0.1:80",
    "2000-01-01",
    "00:00:00",
    "2000-01-01T00:00:00",
    "2000-01-01T00:00:00Z",
    "http://localhost/",
    "/",
    "a@localhost.localdomain",
    "00000000-0000-0000-0000-000000000000",
    "UTC",
    "{}",
];

/// Lengths of runs of bytes.
pub(super) const LENGTHS: [usize; 7] = [0, 1, 4, 8, 16, 32, 64];

/// How many values there are at most of any kind.
pub(super) const ATTEMPTS_MAX: u8 = STRINGS.len() as u8;

/// The value for the attempt, the last one when there is none.
pub(super) fn pick<T: Copy>(all: &[T], attempt: u8) -> T {
    all[usize::from(attempt).min(all.len() - 1)]
}
