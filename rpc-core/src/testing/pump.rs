//! Owns the bytes of one direction of one connection: read, kept until they are due, written in order. What it keeps is bounded by its
//! conditions: when as much is under way, it does not read, and the sender has to wait.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::conditions::Conditions;
use super::dice::Dice;
use super::direction::{Direction, State};
use super::schedule::{Schedule, Sent};

/// What keeping a piece takes besides its bytes, so that many small ones are bounded too.
const PIECE_COST: usize = 64;

/// Bytes under way. The end of the stream is one without any.
struct Piece {
    sent: Sent,
    due: Instant,
    bytes: Bytes,
}

/// One direction of one connection.
pub(super) struct Pump<R, W> {
    reader: R,
    writer: W,
    state: watch::Receiver<State>,
    /// How often the direction had been cut when this began.
    cuts: u64,
    schedule: Schedule,
    /// The rate by which it was worked out when the pieces under way arrive.
    rate: Option<u64>,
    underway: VecDeque<Piece>,
    /// The bytes in `underway`.
    bytes: usize,
    /// Nothing arrives before what was sent before it.
    last_due: Instant,
    /// The sender has said that nothing more comes.
    ended: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pump<R, W> {
    pub(super) fn new(reader: R, writer: W, direction: &Direction, dice: Dice) -> Self {
        let state = direction.watch();
        let (cuts, rate) = {
            let state = state.borrow();
            (state.cuts, state.conditions.rate)
        };
        let (schedule, underway) = (Schedule::new(dice), VecDeque::new());
        Self { reader, writer, state, cuts, schedule, rate, underway, bytes: 0, last_due: Instant::now(), ended: false }
    }

    /// Carries the stream to its end.
    ///
    /// # Errors
    ///
    /// When one of the two streams broke: the connection is over then.
    pub(super) async fn run(mut self) -> io::Result<()> {
        let mut space = BytesMut::zeroed(super::conditions::PIECE_MAX);
        loop {
            let State { conditions, cuts } = self.state.borrow_and_update().clone();
            if cuts != self.cuts {
                return self.swallow(&mut space).await;
            }
            if conditions.rate != self.rate {
                self.rate_changed(&conditions);
            }
            let front = self.underway.front().filter(|_| !conditions.is_stalled());
            let ready = front.filter(|piece| piece.due <= Instant::now());
            if ready.is_some_and(|piece| piece.bytes.is_empty()) {
                return self.writer.shutdown().await;
            }
            let due = front.filter(|_| ready.is_none()).map(|piece| piece.due);
            let kept = self.bytes + self.underway.len() * PIECE_COST;
            let room = conditions.buffer.max(1).saturating_sub(kept).min(conditions.piece());
            tokio::select! {
                changed = self.state.changed() => changed.map_err(|_| io::ErrorKind::BrokenPipe)?,
                () = sleep_until(due.unwrap_or(self.last_due)), if due.is_some() => {}
                written = self.writer.write(ready.map_or(&[], |piece| &piece.bytes)), if ready.is_some() => {
                    let written = written?;
                    self.departed(written)?;
                    self.writer.flush().await?;
                }
                read = self.reader.read(&mut space[..room]), if room > 0 && !self.ended => {
                    let read = read?;
                    self.arrived(&space[..read]);
                }
            }
        }
    }

    /// Something came from the sender. The conditions are those of now: they may be others than when reading began, and whoever changed
    /// them before sending counts on it.
    fn arrived(&mut self, bytes: &[u8]) {
        let sent = self.schedule.send(Instant::now(), bytes.len(), &self.state.borrow().conditions);
        let due = sent.arrival().max(self.last_due);
        self.last_due = due;
        self.ended = bytes.is_empty();
        self.bytes += bytes.len();
        self.underway.push_back(Piece { sent, due, bytes: Bytes::copy_from_slice(bytes) });
    }

    /// What has not left yet goes at another rate.
    fn rate_changed(&mut self, conditions: &Conditions) {
        let now = Instant::now();
        self.rate = conditions.rate;
        self.schedule.again(now, self.underway.iter_mut().map(|piece| (&mut piece.sent, piece.bytes.len())), conditions);
        self.last_due = now;
        for piece in &mut self.underway {
            piece.due = piece.sent.arrival().max(self.last_due);
            self.last_due = piece.due;
        }
    }

    /// The receiver took so many bytes of the piece in front.
    fn departed(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes -= written;
        if let Some(piece) = self.underway.front_mut() {
            piece.bytes.advance(written);
            if piece.bytes.is_empty() {
                self.underway.pop_front();
            }
        }
        Ok(())
    }

    /// The direction is cut: the receiver sees the end, and the sender notices nothing.
    async fn swallow(mut self, space: &mut [u8]) -> io::Result<()> {
        self.underway = VecDeque::new();
        self.writer.shutdown().await?;
        while !self.ended && self.reader.read(space).await? > 0 {}
        Ok(())
    }
}
