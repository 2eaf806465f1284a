//! Owns the writing half of a session: who writes when, what rides along, and the clock. Anyone who has something to send may write;
//! the task here writes what is left, and looks after silence.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use super::SessionCore;
use super::outbox::Piece;
use super::parcels::Left;
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::ExportId;
use crate::proto::Silence;
use crate::sync::{self, Sleep};
use crate::wire::{Frame, Ping, Pong, Release};

/// How long a release with nothing to ride on waits for company.
const RELEASE_DELAY: Duration = Duration::from_millis(1);

/// Releases in one frame: each takes at most 15 bytes of its 64 KiB.
const RELEASES_PER_FRAME: usize = 4_000;

/// Without keep-alive the clock looks this rarely.
const LONG: Duration = Duration::from_secs(3_600);

/// A write buffer above this size is not kept.
const SPARE_MAX: usize = 64 << 10;

/// The socket, and what of the last batch it has not taken yet.
pub(super) struct WriteSide {
    io: Box<dyn AsyncWrite + Send + Unpin>,
    pieces: VecDeque<Piece>,
    /// How much of the first piece has been written.
    offset: usize,
    spare: Vec<u8>,
    flushing: bool,
    closed: bool,
}

impl WriteSide {
    pub(super) fn new(io: Box<dyn AsyncWrite + Send + Unpin>) -> Self {
        Self { io, pieces: VecDeque::new(), offset: 0, spare: Vec::new(), flushing: false, closed: false }
    }

    /// Whether the link has taken everything.
    pub(super) fn is_idle(&self) -> bool {
        self.pieces.is_empty() && !self.flushing
    }

    /// An empty buffer to write heads to, and back.
    pub(super) fn take_spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    pub(super) fn put_spare(&mut self, mut spare: Vec<u8>) {
        spare.clear();
        self.spare = spare;
    }

    /// Writes slices of which nothing is to be kept: what the link does not take is copied, and is then what is left of the batch. False, and
    /// nothing is written, while something is left of the one before, or where the link takes one slice at a time.
    pub(super) fn write_slices(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> io::Result<bool> {
        if self.closed || !self.is_idle() || !self.io.is_write_vectored() {
            return Ok(false);
        }
        let mut taken = match Pin::new(&mut self.io).poll_write_vectored(cx, slices) {
            Poll::Pending => 0,
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(taken) => taken?,
        };
        self.flushing = true;
        let left = slices.iter().map(|slice| slice.len()).sum::<usize>() - taken;
        if left > 0 {
            let mut rest = Vec::with_capacity(left);
            for slice in slices {
                let skipped = taken.min(slice.len());
                taken -= skipped;
                rest.extend_from_slice(&slice[skipped..]);
            }
            self.pieces.push_back(Piece::Owned(rest));
        }
        Ok(true)
    }

    /// Writes what is left of the batch.
    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(first) = self.pieces.front() {
            let written = if self.pieces.len() == 1 {
                Pin::new(&mut self.io).poll_write(cx, &first.as_slice()[self.offset..])
            } else {
                let mut slices = [IoSlice::new(&[]); 16];
                let mut count = 0;
                for (slot, piece) in slices.iter_mut().zip(&self.pieces) {
                    let skip = if count == 0 { self.offset } else { 0 };
                    *slot = IoSlice::new(&piece.as_slice()[skip..]);
                    count += 1;
                }
                Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count])
            };
            match written {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.advance(count),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
            self.flushing = true;
        }
        if self.flushing {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => result?,
            }
            self.flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.pieces.front() {
            let left = first.as_slice().len() - self.offset;
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            self.offset = 0;
            match self.pieces.pop_front() {
                Some(Piece::Owned(mut buffer)) if (self.spare.capacity() + 1..=SPARE_MAX).contains(&buffer.capacity()) => {
                    buffer.clear();
                    self.spare = buffer;
                }
                // It may have an owner of the user's, whose panic must not end the task that writes.
                Some(Piece::Shared(bytes)) => crate::panics::drop_quietly(bytes),
                Some(Piece::Owned(_)) | None => {}
            }
        }
    }

    /// Nothing more is written.
    pub(super) fn give_up(&mut self) {
        self.closed = true;
        crate::panics::drop_each(self.pieces.drain(..));
    }
}

/// Wakes the writer's task when the socket takes more. It does not keep the session alive.
struct WriteWake(Weak<SessionCore>);

impl Wake for WriteWake {
    fn wake(self: Arc<Self>) {
        if let Some(session) = self.0.upgrade() {
            session.flush_due.store(true, Ordering::Release);
            session.wake.notify_one();
        }
    }
}

pub(super) fn waker(session: &Arc<SessionCore>) -> Waker {
    Waker::from(Arc::new(WriteWake(Arc::downgrade(session))))
}

impl SessionCore {
    /// Has the writer's task flush when its turn comes.
    pub(super) fn schedule_flush(&self) {
        if !self.flush_due.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Writes everything that is ready, as far as the socket takes it. Never blocks: whoever finds the socket in use leaves it to the
    /// writer's task.
    pub(super) fn flush(&self) {
        let mut left = Left::default();
        self.write_ready(&mut left);
        crate::panics::drop_each(left.held);
        left.after.run();
    }

    fn write_ready(&self, left: &mut Left) {
        let Some(mut side) = self.writer.try_lock() else { return self.schedule_flush() };
        let Some(waker) = self.write_waker.get() else { return };
        if let Err(error) = self.write_on(&mut side, &mut Context::from_waker(waker), left) {
            drop(side);
            self.broke(&error);
        }
    }

    /// Writes batch after batch until nothing is ready, or the link takes no more.
    pub(super) fn write_on(&self, side: &mut WriteSide, cx: &mut Context<'_>, left: &mut Left) -> io::Result<()> {
        loop {
            match side.poll_pieces(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => {
                    side.give_up();
                    return Err(error);
                }
                Poll::Ready(Ok(())) => {}
            }
            if side.closed || !self.fill(side, left) {
                return Ok(());
            }
        }
    }

    pub(super) fn broke(&self, error: &io::Error) {
        self.end(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, format!("the link to {} broke: {error}", self.peer())));
    }

    /// Takes the next batch out of the outbox. The one before has been written in full.
    fn fill(&self, side: &mut WriteSide, left: &mut Left) -> bool {
        let releases = std::mem::take(&mut *self.releases.lock());
        let mut guard = self.state.lock();
        let state = &mut *guard;
        // The last batch is gone, and so are the returns in it; those queued since are in the batch that is taken now.
        state.proto.answers.batch_written();
        state.outbox.batch_written();
        if !releases.is_empty() {
            write_releases(state, releases);
        }
        if let Some(token) = state.pong.take() {
            state.push(&Frame::Pong(Pong { token }));
        }
        state.push_grants();
        if state.outbox.is_empty() {
            return false;
        }
        state.outbox.take(&mut side.pieces, &mut side.spare, left);
        state.parcels_left(left);
        true
    }

    /// Looks after silence. Gives the moment of the next look.
    fn look(&self, now: Instant) -> Instant {
        let silence = {
            let mut state = self.state.lock();
            let Some(keep_alive) = &mut state.proto.keep_alive else { return now + LONG };
            keep_alive.look(now)
        };
        match silence {
            Silence::Wait(until) => until,
            Silence::Ping(token, until) => {
                self.state.lock().push(&Frame::Ping(Ping { token }));
                self.flush();
                until
            }
            Silence::Dead => {
                let timeout = self.node.keep_alive().map(|(_, timeout)| timeout).unwrap_or_default();
                let text = format!("no sign of life from {} for {timeout:?}", self.peer());
                self.end_saying(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, text), "no sign of life from you");
                now + LONG
            }
        }
    }
}

/// Sends the releases of references that were dropped, added up by object.
fn write_releases(state: &mut super::state::State, mut releases: Vec<(ExportId, u32)>) {
    state.proto.imports.give_back(&mut releases);
    for (id, _) in &releases {
        if !state.promised_there.is_empty() && !state.proto.imports.holds(*id) {
            state.promised_there.remove(id);
        }
        if let Some(import) = state.imports.get_mut(id.index as usize)
            && sync::is_dead(import)
        {
            // A weak pointer keeps the memory of what it points to.
            *import = Weak::new();
        }
    }
    if state.proto.imports.len() == 0 {
        state.imports = Vec::new();
    }
    for entries in releases.chunks(RELEASES_PER_FRAME) {
        state.push(&Frame::Release(Release { entries: entries.to_vec() }));
    }
}

/// Flushes and keeps time until the session ends.
#[allow(clippy::disallowed_methods)]
pub(super) async fn run(session: Arc<SessionCore>) {
    let mut next_look = session.look(sync::now());
    let mut sleep = Box::pin(sync::sleep_until(next_look.into()));
    let mut release_at: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = session.wake.notified() => {}
            () = &mut sleep => {}
        }
        if session.is_closed() {
            return session.shut_writer().await;
        }
        if session.flush_due.load(Ordering::Acquire) {
            // A turn for those who are about to send as well.
            sync::next_turn().await;
            session.flush_due.store(false, Ordering::Release);
            session.flush();
        }
        let now = sync::now();
        if let Some(due) = release_at {
            if now >= due {
                release_at = None;
                session.flush_later.store(false, Ordering::Release);
                session.flush();
            }
        } else if session.flush_later.load(Ordering::Acquire) {
            release_at = Some(now + RELEASE_DELAY);
        }
        if now >= next_look {
            next_look = session.look(now);
        }
        rearm(&mut sleep, release_at.map_or(next_look, |due| due.min(next_look)));
    }
}

/// Moves the timer, if it has to move: moving costs a lock in the runtime.
fn rearm(sleep: &mut Pin<Box<Sleep>>, at: Instant) {
    if sleep.deadline().into_std() != at || sleep.is_elapsed() {
        sleep.as_mut().reset(at.into());
    }
}

impl SessionCore {
    /// Hands what is left to the socket and closes it, within a bound.
    async fn shut_writer(&self) {
        let shut = std::future::poll_fn(|cx| {
            let Some(mut side) = self.writer.try_lock() else {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            };
            while !side.closed {
                match side.poll_pieces(cx) {
                    Poll::Pending => return Poll::Pending,
                    // What was said last waits behind a batch that the link was slow to take.
                    Poll::Ready(Ok(())) if self.fill(&mut side, &mut Left::default()) => {}
                    Poll::Ready(_) => side.give_up(),
                }
            }
            Pin::new(&mut side.io).poll_shutdown(cx).map(|_| ())
        });
        // A peer that takes nothing any more is not waited for.
        let _ = tokio::time::timeout(SHUT_WAIT, shut).await;
        let mut side = self.writer.lock();
        side.give_up();
        side.io = Box::new(tokio::io::sink());
    }
}

/// How long the last bytes of a session may take to leave.
const SHUT_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
