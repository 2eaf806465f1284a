//! Owns the task that moves what is in a queue to a session: what was sent before the receiving half left, what is only passed on from one
//! session to another, and what is watched. It ends when there is nothing left to move and the half that is here can send by itself.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::half::abandon;
use super::item::{Port, Queued, broken};
use super::outlet::{Outlet, Sent};
use super::queue::{Queue, Turn};
use crate::error::{Error, ErrorKind};

/// Starts the task, on the runtime of the session. A session's lock may be held.
pub(crate) fn start(queue: Arc<Queue>, onward: Port) {
    let runtime = onward.session.runtime().clone();
    let pump = Pump { queue, onward, in_hand: 0, done: false };
    // What a pump does when it is dropped takes locks.
    crate::background::spawn_under_lock(&runtime, pump, Pump::run);
}

/// Says that nobody takes what is sent to a half that leaves, behind the message that it leaves in. A session's lock may be held.
pub(crate) fn refuse(port: Port, error: Error) {
    let runtime = port.session.runtime().clone();
    crate::background::spawn_under_lock(&runtime, (port, error), async |(port, error)| port.session.stream_close(port.id, Some(&error)));
}

struct Pump {
    queue: Arc<Queue>,
    onward: Port,
    /// What the item has cost that is being moved, on the session that it came over.
    in_hand: u64,
    done: bool,
}

impl Pump {
    async fn run(mut self) {
        let mut outlet = Outlet::new(self.onward.clone(), self.queue.kind());
        loop {
            match poll_fn(|cx| self.poll_turn(&mut outlet, cx)).await {
                Turn::Waiting => {}
                Turn::Leave => {
                    self.done = true;
                    return;
                }
                Turn::Gone(error) => return self.stop(&error),
                Turn::End(how) => {
                    self.onward.session.stream_close(self.onward.id, how.as_ref());
                    self.done = true;
                    self.queue.pumped();
                    return;
                }
                Turn::Move(item) => {
                    self.in_hand = item.cost();
                    let moved = send(&mut outlet, item).await;
                    let cost = std::mem::take(&mut self.in_hand);
                    if let (true, Some(upstream)) = (cost > 0, self.queue.upstream()) {
                        upstream.session.stream_consumed(upstream.id, cost);
                    }
                    match moved {
                        Sent::Done => {}
                        Sent::Closed => {
                            let error = self.queue.gone().unwrap_or_else(gone_unsaid);
                            return self.stop(&error);
                        }
                        // Its sender was told that it had left, so the stream cannot go on without it.
                        Sent::Refused(error) => {
                            let error = error.of_stream();
                            self.onward.session.stream_close(self.onward.id, Some(&error));
                            return self.stop(&error);
                        }
                    }
                }
            }
        }
    }

    /// What to do next. Room is asked for only where something waits to be moved: an end needs none. What is watched is taken when it can
    /// leave and not before, so that it is the latest.
    fn poll_turn(&self, outlet: &mut Outlet, cx: &mut Context<'_>) -> Poll<Turn> {
        let turn = ready!(self.queue.poll_turn(false, cx.waker()));
        if !matches!(turn, Turn::Waiting) {
            return Poll::Ready(turn);
        }
        if ready!(outlet.poll_ready(cx)) {
            self.queue.poll_turn(true, cx.waker())
        } else {
            Poll::Ready(Turn::Gone(self.queue.gone().unwrap_or_else(gone_unsaid)))
        }
    }

    fn stop(&mut self, error: &Error) {
        self.done = true;
        abandon(&self.queue, error, 0);
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if !self.done {
            let error = broken(ErrorKind::Cancelled, "the runtime that passed the stream on was shut down");
            self.onward.session.stream_close(self.onward.id, Some(&error));
            abandon(&self.queue, &error, self.in_hand);
        }
    }
}

fn gone_unsaid() -> Error {
    broken(ErrorKind::Cancelled, "the stream was closed")
}

async fn send(outlet: &mut Outlet, item: Queued) -> Sent {
    match item {
        Queued::Bytes(piece) => {
            let mut bytes = piece.bytes.freeze();
            while !bytes.is_empty() {
                if !poll_fn(|cx| outlet.poll_bytes(cx, &mut bytes)).await {
                    return Sent::Closed;
                }
            }
            Sent::Done
        }
        Queued::Encoded(encoded) => {
            outlet.stage_encoded(&encoded.bytes, encoded.references);
            poll_fn(|cx| outlet.poll_staged(cx)).await
        }
        Queued::Value(value, encode) => {
            if let Err(error) = outlet.stage(|out, max, depth| encode(&*value, out, max, depth)) {
                return Sent::Refused(error);
            }
            crate::panics::drop_quietly(value);
            poll_fn(|cx| outlet.poll_staged(cx)).await
        }
    }
}
