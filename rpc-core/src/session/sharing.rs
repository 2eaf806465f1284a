//! Owns whether calls share a session with its streams: they do until so many bytes have passed without one. It counts, and knows no clock.

/// After so many bytes without a call a stream has the session to itself: some hundredths of a second on a link of a few gigabytes per second,
/// so that a call which has to wait for once does not make the next ones wait as well.
const ALONE: u64 = 32 << 20;

/// What has passed since the last call.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    calls: u64,
    bytes: u64,
}

impl Sharing {
    /// So many bytes of a stream pass, and so many calls have been made until now, in either direction. Says whether they share the session.
    #[inline]
    pub(super) fn note(&mut self, calls: u64, bytes: u64) -> bool {
        // Those that came before the first byte, such as the one by which the stream was opened, are over.
        let last = self.last.get_or_insert(Last { calls, bytes: ALONE });
        if calls == last.calls {
            last.bytes = last.bytes.saturating_add(bytes);
        } else {
            *last = Last { calls, bytes: 0 };
        }
        last.bytes < ALONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_share_a_session_until_many_bytes_have_passed_without_one() {
        let mut sharing = Sharing::default();
        assert!(!sharing.note(1, 65_536), "the call that opened the stream");
        assert!(sharing.note(2, u64::MAX));
        assert!(sharing.note(2, ALONE - 1));
        assert!(!sharing.note(2, 1));
        assert!(!sharing.note(2, u64::MAX));
        assert!(sharing.note(3, u64::MAX), "another call");
        assert!(sharing.note(3, ALONE - 1));
        assert!(!sharing.note(3, 1));
    }
}
