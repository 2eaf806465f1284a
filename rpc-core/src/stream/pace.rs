//! Owns how far a writer of bytes goes ahead of its reader while calls share the session: by a chunk, so that a reply has no more than that
//! before it on its way, and so that the threads of a transfer pause now and then and let others run. A link on which that would cost time
//! shows by its pauses, and is given as much as the window allows. It sees no bytes, and decides nothing of credit.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::sync::{self, Sleep};

/// As far goes every writer: by what one write brings.
const AHEAD_MIN: u64 = 64 << 10;

/// A pause up to this long is worth what the calls gain by it. Where they are longer, the link is long or the reader slow: no call gains by them.
const SHORT: Duration = Duration::from_micros(200);

/// So many long pauses, one after the other, are no accident.
const LONG_ONES: u32 = 4;

/// The longest pause. A reader may wait for something else before it reads, and the window promises more room than a chunk.
const LONGEST: Duration = Duration::from_millis(2);

/// After so many bytes without a pause it is tried whether less will do.
const TRIED_AFTER: u64 = 4 << 20;

/// The pace of one writer.
pub(super) struct Pace {
    ahead: u64,
    window: u64,
    paused: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Long pauses since the last short one.
    long: u32,
    /// Bytes since the last pause.
    bytes: u64,
}

impl Pace {
    /// `window` is what may be on its way at most.
    pub(super) const fn new(window: u64) -> Self {
        Self { ahead: AHEAD_MIN, window, paused: None, alarm: None, long: 0, bytes: 0 }
    }

    /// How much may go ahead of the reader.
    pub(super) const fn ahead(&self) -> u64 {
        self.ahead
    }

    /// So much is on its way. Ready when the pause has lasted so long that more is to follow.
    pub(super) fn poll_longest(&mut self, cx: &mut Context<'_>, runtime: &tokio::runtime::Handle) -> Poll<()> {
        let is_new = self.paused.is_none();
        let until = *self.paused.get_or_insert_with(sync::now) + LONGEST;
        let alarm = self.alarm.get_or_insert_with(|| {
            // A stream may be written to outside a runtime.
            let _within = runtime.enter();
            Box::pin(sync::sleep_until(until.into()))
        });
        if is_new {
            alarm.as_mut().reset(until.into());
        }
        let over = alarm.as_mut().poll(cx);
        if over.is_ready() {
            self.goes_on(0);
        }
        over
    }

    /// So many bytes leave. What the pause before them has shown is learned.
    #[inline]
    pub(super) fn goes_on(&mut self, bytes: u64) {
        match self.paused.take() {
            Some(paused) => self.learn(sync::now().saturating_duration_since(paused)),
            None => self.had_no_pause(bytes),
        }
    }

    fn learn(&mut self, pause: Duration) {
        self.bytes = 0;
        if pause <= SHORT {
            (self.long, self.ahead) = (0, AHEAD_MIN);
            return;
        }
        self.long = self.long.saturating_add(1);
        if self.long >= LONG_ONES || pause >= LONGEST {
            self.ahead = self.ahead.saturating_mul(2).min(self.window).max(AHEAD_MIN);
        }
    }

    fn had_no_pause(&mut self, bytes: u64) {
        if self.ahead > AHEAD_MIN {
            self.bytes += bytes;
            if self.bytes >= TRIED_AFTER {
                self.bytes = 0;
                self.ahead = (self.ahead / 2).max(AHEAD_MIN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1_000_000;
    const LONG: Duration = Duration::from_micros(201);

    #[test]
    fn long_pauses_let_more_go_ahead_and_a_short_one_ends_that() {
        let mut pace = Pace::new(WINDOW);
        pace.learn(SHORT);
        for _ in 1..LONG_ONES {
            pace.learn(LONG);
            assert_eq!(pace.ahead(), AHEAD_MIN, "an accident");
        }
        pace.learn(LONG);
        assert_eq!(pace.ahead(), 2 * AHEAD_MIN);
        for _ in 0..100 {
            pace.learn(LONG);
        }
        assert_eq!(pace.ahead(), WINDOW, "no more than the window");
        pace.learn(SHORT);
        assert_eq!(pace.ahead(), AHEAD_MIN);
        pace.learn(LONGEST);
        assert_eq!(pace.ahead(), 2 * AHEAD_MIN, "nobody waits longer than that");
    }

    #[test]
    fn without_pauses_it_is_tried_whether_less_will_do() {
        let mut pace = Pace::new(WINDOW);
        for _ in 0..100 {
            pace.learn(LONG);
        }
        pace.goes_on(TRIED_AFTER - 1);
        assert_eq!(pace.ahead(), WINDOW);
        pace.goes_on(1);
        assert_eq!(pace.ahead(), WINDOW / 2);
        pace.learn(LONG);
        assert_eq!(pace.ahead(), WINDOW, "it will not");
        for _ in 0..100 {
            pace.goes_on(TRIED_AFTER);
        }
        assert_eq!(pace.ahead(), AHEAD_MIN);
    }
}
