//! Owns the streams of a session: what is behind each id, items on their way out, and credit on its way back. The rules are those of
//! `proto::streams`; the queues between a stream and the program are in `stream`, and bytes on their way out in `streams_out`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use super::SessionCore;
use super::buffers::Buffers;
use super::parcels::Left;
use super::state::{Afterwards, State};
use super::streams_out::{BYTES_AT_ONCE, FLUSHED_AT_ONCE};
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::StreamId;
use crate::inbound::{Reply, too_many_references};
use crate::limits::REFERENCES_MAX;
use crate::proto::{Allowance, Half, Kind, Rule, Taken, item_max};
use crate::stream::{Leaving, Port, Queue, Sent, StreamHalf, pump, too_large};
use crate::transfer::Outgoing;
use crate::wire::{Descriptor, Frame, StreamCredit, Window};

/// What is behind the id of a stream.
pub(super) struct Entry {
    pub(super) half: Half,
    pub(super) queue: Arc<Queue>,
    /// Who waits for credit, for room, or for the end of what was sent to arrive.
    waker: Option<Waker>,
}

/// What is done even by a runtime that only drops what it is given.
struct RunWhenDropped(Option<Afterwards>);

impl Drop for RunWhenDropped {
    fn drop(&mut self) {
        if let Some(after) = self.0.take() {
            after.run();
        }
    }
}

/// What is behind the ids of streams: those that this side opened, and the peer's.
#[derive(Default)]
pub(super) struct Entries {
    own: Vec<Option<Entry>>,
    theirs: Vec<Option<Entry>>,
}

impl Entries {
    pub(super) fn get(&mut self, (own, place): (bool, usize)) -> Option<&mut Entry> {
        let entries = if own { &mut self.own } else { &mut self.theirs };
        entries.get_mut(place)?.as_mut()
    }

    fn put(&mut self, (own, place): (bool, usize), entry: Entry) {
        let entries = if own { &mut self.own } else { &mut self.theirs };
        if place >= entries.len() {
            entries.resize_with(place + 1, || None);
        }
        entries[place] = Some(entry);
    }

    fn take(&mut self, (own, place): (bool, usize)) -> Option<Entry> {
        let entries = if own { &mut self.own } else { &mut self.theirs };
        entries.get_mut(place)?.take()
    }

    fn drain(&mut self) -> impl Iterator<Item = Entry> {
        std::mem::take(&mut self.own).into_iter().chain(std::mem::take(&mut self.theirs)).flatten()
    }
}

impl State {
    pub(super) fn entry(&mut self, id: StreamId) -> Option<&mut Entry> {
        let place = self.proto.streams.place(id);
        self.streams.get(place)
    }

    /// Forgets a stream that is over. What is behind it is dropped outside the lock.
    pub(super) fn forget_stream(&mut self, id: StreamId, after: &mut Afterwards) {
        if self.proto.streams.is_open(id) {
            return;
        }
        let place = self.proto.streams.place(id);
        if let Some(entry) = self.streams.take(place) {
            after.wake(entry.waker);
            after.rest().queues.push(entry.queue);
        }
    }

    /// A batch was taken: closes have left with it, and there is room for more.
    pub(super) fn parcels_left(&mut self, left: &mut Left) {
        for id in left.closes.drain(..) {
            self.proto.streams.close_left(id);
            self.forget_stream(id, &mut left.after);
        }
        for id in left.room.drain(..) {
            self.wake_stream(id, &mut left.after);
        }
        if std::mem::take(&mut left.room_for_all) {
            self.wake_streams(&mut left.after);
        }
    }

    /// Whether so much waits for the socket that a stream has to wait for room before it takes credit. Not when it is closed, which its sender
    /// has to learn.
    pub(super) fn is_full(&mut self, id: StreamId) -> bool {
        self.outbox.parcels.is_full(id) && self.proto.streams.is_ready(id) != Taken::Closed
    }

    /// Queues the close of the half that is here, behind everything that was sent on it.
    pub(super) fn close_stream(&mut self, id: StreamId, error: Option<&Error>) {
        let Some(half) = self.proto.streams.close(id) else { return };
        let parcels = &mut self.outbox.parcels;
        let mut push = |error: Option<&Error>| {
            let bytes = error.map(|error| Reply::failed(error).bytes);
            let bytes = bytes.as_ref().map(crate::inbound::ReplyBytes::as_slice);
            parcels.push_close(id, half == Half::Receiving, bytes)
        };
        let mut written = push(error);
        // What others have said of each other on the way may be more than a frame holds. A close without its reasons is one still.
        if let (Err(_), Some(error)) = (&written, error) {
            written = push(Some(&error.clone().without_origin()));
        }
        debug_assert!(written.is_ok(), "the texts of an error are cut before it travels");
    }

    /// The session is over: both ends of every stream learn it.
    pub(super) fn lose_streams(&mut self, error: &Error, after: &mut Afterwards) {
        for entry in self.streams.drain() {
            after.wake(entry.waker);
            match entry.half {
                Half::Sending => entry.queue.drain_gone(error).for_each(|waker| after.wake(Some(waker))),
                Half::Receiving => {
                    let delivered = entry.queue.source_ended(Some(error.clone()));
                    after.wake(delivered.waker);
                    after.drop_references(delivered.references);
                }
            }
            after.rest().queues.push(entry.queue);
        }
        let (held, bytes) = self.outbox.parcels.clear();
        after.drop_references(held);
        after.rest().bytes.extend(bytes);
    }
}

impl SessionCore {
    /// Describes a half of a stream that leaves in a message: the other half stays here.
    pub(super) fn describe_half(&self, state: &mut State, leaving: &StreamHalf) -> Result<Descriptor<'static>, Error> {
        if !state.proto.streams.is_offered() {
            let text = "the peer takes no streams: it offers none, or allows 0 at a time";
            return Err(Error::new(ErrorKind::Unsupported, Outcome::NotRun, text));
        }
        let Some(this) = self.this.upgrade() else {
            return Err(Error::new(ErrorKind::Disconnected, Outcome::NotRun, "the session is over"));
        };
        let (stays, kind) = (leaving.which().other(), leaving.kind());
        let Some(stream) = state.proto.streams.open(stays, kind) else {
            let text = "as many streams are open on this session as the limit on streams allows";
            return Err(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text));
        };
        let Some(queue) = leaving.take() else {
            state.proto.streams.take_back(stream);
            return Ok(Descriptor::Broken { text: "the half of a stream was passed on before" });
        };
        let port = Port { session: this, id: stream };
        let place = state.proto.streams.place(stream);
        state.streams.put(place, Entry { half: stays, queue: Arc::clone(&queue), waker: None });
        let kind = kind.code();
        match stays {
            Half::Sending => {
                if queue.drain_leaves(port.clone()) {
                    pump::start(queue, port);
                }
                Ok(Descriptor::StreamSender { stream, kind })
            }
            Half::Receiving => {
                match queue.source_leaves(port.clone()) {
                    Leaving::Quiet => {}
                    Leaving::Pump(onward) => pump::start(queue, onward),
                    Leaving::Unwanted(error) => pump::refuse(port, error),
                }
                Ok(Descriptor::StreamReceiver { stream, kind })
            }
        }
    }

    /// The message that named a half was never sent: the half is lost.
    pub(super) fn take_half_back(&self, state: &mut State, id: StreamId) {
        state.proto.streams.take_back(id);
        let place = state.proto.streams.place(id);
        let Some(entry) = state.streams.take(place) else { return };
        let error = crate::stream::broken(ErrorKind::Cancelled, "the message that passed the other half on was never sent");
        let mut after = Afterwards::default();
        match entry.half {
            Half::Sending => entry.queue.drain_gone(&error).for_each(|waker| after.wake(Some(waker))),
            Half::Receiving => after.wake(entry.queue.source_ended(Some(error)).waker),
        }
        after.rest().queues.push(entry.queue);
        // Under the lock nobody is woken, and nothing is dropped that may hold values of the user's.
        crate::background::spawn_under_lock(&self.runtime, RunWhenDropped(Some(after)), |after| async move { drop(after) });
    }

    /// A half of a stream that the peer has opened.
    pub(super) fn receive_half(self: &Arc<Self>, state: &mut State, id: StreamId, which: Half, kind: u32) -> Result<StreamHalf, Rule> {
        if !state.proto.streams.is_offered() {
            return Err(Rule::FeatureNotNegotiated);
        }
        let kind = Kind::from_code(kind);
        state.proto.streams.accept(id, which, kind)?;
        let port = Port { session: Arc::clone(self), id };
        let queue = match which {
            Half::Sending => {
                let queue = Queue::going_over(kind, port.clone());
                if kind == Kind::Watch {
                    pump::start(Arc::clone(&queue), port);
                }
                queue
            }
            Half::Receiving => Queue::coming_over(kind, port),
        };
        let place = state.proto.streams.place(id);
        state.streams.put(place, Entry { half: which, queue: Arc::clone(&queue), waker: None });
        Ok(StreamHalf::new(which, queue))
    }

    /// The bytes that an item may have which goes to this peer.
    pub(crate) fn stream_item_max(&self) -> u64 {
        item_max(self.theirs.stream_window).saturating_sub(crate::limits::ITEM_COST)
    }

    /// Why an item can never leave, however much credit there is.
    pub(crate) fn stream_item_fits(&self, bytes: usize, outgoing: &Outgoing) -> Result<(), Error> {
        let references = outgoing.references().len();
        if references > REFERENCES_MAX {
            return Err(too_many_references(references));
        }
        let most = self.stream_item_max().saturating_sub(crate::limits::references_cost(references));
        if bytes as u64 > most {
            return Err(too_large(most));
        }
        if !outgoing.segments().is_empty() {
            let text = "an item carries no bulk bytes: they travel in a byte stream";
            return Err(Error::new(ErrorKind::Unsupported, Outcome::NotRun, text));
        }
        Ok(())
    }

    /// Sends an item, or has `waker` woken when that may work.
    pub(crate) fn stream_send(&self, id: StreamId, kind: Kind, bytes: &[u8], outgoing: &mut Outgoing, waker: &Waker) -> Poll<Sent> {
        let references = outgoing.references().len();
        if let Err(error) = self.stream_item_fits(bytes.len(), outgoing) {
            return Poll::Ready(Sent::Refused(error));
        }
        let mut former = None;
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Poll::Ready(Sent::Closed);
        }
        if state.is_full(id) {
            return state.wait_to_send(id, waker, &mut former);
        }
        let cost = match state.proto.streams.take_item(id, bytes.len() as u64, references) {
            Taken::Credit(cost) => cost,
            Taken::Nothing => return state.wait_to_send(id, waker, &mut former),
            Taken::Closed => return Poll::Ready(Sent::Closed),
        };
        debug_assert_eq!(cost, kind.item_cost(self.theirs.stream_window, bytes.len() as u64, references));
        let described = match self.describe_for_stream(&mut state, outgoing.references()) {
            Ok(described) => described,
            Err(error) => {
                state.proto.streams.put_back(id, cost);
                return Poll::Ready(Sent::Refused(error));
            }
        };
        let written = state.outbox.parcels.push_item(id, described.descriptors.clone(), bytes, outgoing.take_references());
        if let Err((_, held)) = written {
            self.take_back(&mut state, &described);
            state.proto.streams.put_back(id, cost);
            drop(state);
            *outgoing = Outgoing::new(held, Vec::new());
            return Poll::Ready(Sent::Refused(too_many_references(references)));
        }
        drop(state);
        self.flush_after(false);
        Poll::Ready(Sent::Done)
    }

    /// Whether there is credit for the least that can be sent. False when nobody takes anything.
    pub(crate) fn stream_ready(&self, id: StreamId, waker: &Waker) -> Poll<bool> {
        let mut former = None;
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Poll::Ready(false);
        }
        if state.is_full(id) {
            return state.wait_to_send(id, waker, &mut former);
        }
        match state.proto.streams.is_ready(id) {
            Taken::Credit(_) => Poll::Ready(true),
            Taken::Nothing => state.wait_to_send(id, waker, &mut former),
            Taken::Closed => Poll::Ready(false),
        }
    }

    /// Closes the half that is here.
    pub(crate) fn stream_close(&self, id: StreamId, error: Option<&Error>) {
        // What an iterator or an item of this process says when it panics is for this machine only.
        let error = error.map(|error| self.guarded(error.clone()));
        {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            state.close_stream(id, error.as_ref());
        }
        self.flush_after(false);
    }

    /// Waits until the peer has everything that was sent, the end included.
    pub(crate) fn stream_arrived(&self, id: StreamId, waker: &Waker) -> Poll<Option<Error>> {
        let mut former = None;
        let mut state = self.state.lock();
        if let Some(error) = &state.closed {
            return Poll::Ready(Some(error.clone()));
        }
        if state.proto.streams.is_open_there(id) { state.wait_to_send(id, waker, &mut former) } else { Poll::Ready(None) }
    }

    /// The reader of a stream has taken so much: its writer may send as much again, and is told with the next batch.
    pub(crate) fn stream_consumed(&self, id: StreamId, cost: u64) {
        {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            state.proto.streams.consumed(id, cost);
            if !state.proto.streams.has_grants() {
                return;
            }
        }
        self.flush_stream(cost >= FLUSHED_AT_ONCE as u64);
    }

    /// Where buffers of this session's streams go that were read.
    pub(crate) fn stream_buffers(&self) -> &Buffers {
        &self.stream_buffers
    }

    /// What may be taken of a stream before it is to be told: what one write brings while calls share the session, since its writer is
    /// then not far ahead.
    pub(crate) fn stream_grant_step(&self) -> u64 {
        if self.shared.load(Ordering::Relaxed) { self.stream_step.min(BYTES_AT_ONCE as u64) } else { self.stream_step }
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }
}

impl State {
    /// A waker that this one takes the place of comes back in `former`, to be dropped outside the lock: a task may go with it.
    pub(super) fn wait_to_send<T>(&mut self, id: StreamId, waker: &Waker, former: &mut Option<Waker>) -> Poll<T> {
        if let Some(entry) = self.entry(id)
            && !entry.waker.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *former = entry.waker.replace(waker.clone());
        }
        Poll::Pending
    }

    /// Tells the peer of everything that was taken since the last batch. The batch that takes it leaves now, so none of it piles up before a
    /// peer that does not read.
    pub(super) fn push_grants(&mut self) {
        while let Some(grant) = self.proto.streams.next_grant() {
            match grant {
                Allowance::Stream(id, bytes) => self.push(&Frame::StreamCredit(StreamCredit { id, bytes })),
                Allowance::All(bytes) => self.grant(Window::Streams, Some(bytes)),
            }
        }
    }

    /// Wakes who waits for credit on one stream.
    pub(super) fn wake_stream(&mut self, id: StreamId, after: &mut Afterwards) {
        if let Some(entry) = self.entry(id) {
            let waker = entry.waker.take();
            after.wake(waker);
        }
    }

    /// Wakes all who wait for credit.
    pub(super) fn wake_streams(&mut self, after: &mut Afterwards) {
        for entry in self.streams.own.iter_mut().chain(&mut self.streams.theirs).flatten() {
            after.wake(entry.waker.take());
        }
    }
}

#[cfg(test)]
mod tests;
