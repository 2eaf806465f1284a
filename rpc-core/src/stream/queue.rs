//! Owns the queue between the two ends of a stream in this process. Each end is a half that the program holds, or a session by which the
//! half has left or has never been here. It knows no types: an item is a value in a box, or encoded.
//!
//! Its lock is a leaf: a session may take it under its own, and nothing is called while it is held. What it drops is handed out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

mod gone;
mod state;

use bytes::BytesMut;

use gone::Watchers;
use state::{Drain, Source, State, TOGETHER};

use super::item::{Delivered, Leftover, Port, Queued};
use crate::any::AnyRemote;
use crate::error::Error;
use crate::proto::Kind;
use crate::sync::Mutex;

/// The queue between the two ends of a stream.
pub(crate) struct Queue {
    kind: Kind,
    state: Mutex<State>,
}

/// What became of an item that was to be queued.
pub(super) enum Pushed {
    Done,
    /// It is to be sent over this session: nothing is queued any more.
    There(Port),
    Gone(Error),
}

/// What was found in a queue.
pub(super) enum Found {
    Items,
    End(Option<Error>),
}

/// What has to be done when a sending half has left.
pub(crate) enum Leaving {
    Quiet,
    /// The receiving half has left too: a pump has to be started, to there.
    Pump(Port),
    /// Nobody takes what will be sent, and whoever has the half now has to be told.
    Unwanted(Error),
}

/// What a pump has to do.
pub(super) enum Turn {
    /// There is something to move, as soon as there is room for it.
    Waiting,
    Move(Queued),
    /// The half that is here sends by itself from now on.
    Leave,
    End(Option<Error>),
    Gone(Error),
}

/// Bytes in a queue whose both ends are in this process.
const LOCAL_BYTES: usize = 256 << 10;

/// Items in such a queue when its channel has no bound of its own.
const LOCAL_ITEMS: usize = 1_024;

impl Queue {
    fn new(kind: Kind, source: Source, drain: Drain, upstream: Option<Port>) -> Arc<Self> {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            partial: None,
            source,
            // What is watched leaves by a pump from the start.
            pumped: kind == Kind::Watch && matches!(drain, Drain::There(_)),
            drain,
            upstream,
            reader: None,
            writer: None,
            watchers: Watchers::default(),
        };
        Arc::new(Self { kind, state: Mutex::new(state) })
    }

    /// Both halves are here.
    pub(super) fn local(kind: Kind) -> Arc<Self> {
        Self::new(kind, Source::Here, Drain::Here, None)
    }

    /// The sending half is at a peer.
    pub(crate) fn coming_over(kind: Kind, port: Port) -> Arc<Self> {
        Self::new(kind, Source::There, Drain::Here, Some(port))
    }

    /// The receiving half is at a peer.
    pub(crate) fn going_over(kind: Kind, port: Port) -> Arc<Self> {
        Self::new(kind, Source::Here, Drain::There(port), None)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The sending half puts an item in, or learns where items go.
    pub(super) fn poll_push(&self, item: &mut Option<Queued>, waker: &Waker) -> Poll<Pushed> {
        let (mut replaced, mut _former) = (None, None);
        let (result, reader) = {
            let mut state = self.state.lock();
            match &state.drain {
                Drain::Gone(error) => return Poll::Ready(Pushed::Gone(error.clone())),
                Drain::There(port) if !state.pumped => return Poll::Ready(Pushed::There(port.clone())),
                Drain::Arrived => return Poll::Ready(Pushed::Gone(super::outlet::unsaid())),
                _ => {}
            }
            if self.kind == Kind::Watch && item.is_some() {
                replaced = state.items.pop_front();
            }
            if self.is_full(&state) || state.is_overtaken(self.kind) {
                _former = set(&mut state.writer, waker);
                return Poll::Pending;
            }
            if let Some(item) = item.take() {
                state.bytes += item.bytes();
                state.items.push_back(item);
            }
            (Poll::Ready(Pushed::Done), state.reader.take())
        };
        wake(reader);
        drop(replaced);
        result
    }

    fn is_full(&self, state: &State) -> bool {
        match self.kind {
            Kind::Bytes => state.bytes >= LOCAL_BYTES,
            Kind::Watch => false,
            Kind::Items(0) => state.items.len() >= LOCAL_ITEMS,
            Kind::Items(unread) => state.items.len() >= unread as usize,
        }
    }

    /// Where items go, once they go straight to a session.
    pub(super) fn poll_drain(&self, waker: &Waker) -> Poll<Pushed> {
        let _former;
        let mut state = self.state.lock();
        match &state.drain {
            Drain::Gone(error) => Poll::Ready(Pushed::Gone(error.clone())),
            Drain::There(port) if !state.pumped => Poll::Ready(Pushed::There(port.clone())),
            Drain::There(_) => {
                _former = set(&mut state.writer, waker);
                Poll::Pending
            }
            Drain::Here | Drain::Arrived => Poll::Ready(Pushed::Done),
        }
    }

    /// Whether there is anybody who may take what is sent, and why not.
    pub(super) fn gone(&self) -> Option<Error> {
        match &self.state.lock().drain {
            Drain::Gone(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Whether items go over a session.
    pub(super) fn goes_over(&self) -> Option<Port> {
        match &self.state.lock().drain {
            Drain::There(port) => Some(port.clone()),
            _ => None,
        }
    }

    /// The receiving half takes what there is: one item of this process's, all that came over a session.
    pub(super) fn poll_take(&self, into: &mut VecDeque<Queued>, waker: &Waker) -> Poll<Found> {
        let mut _former = None;
        let writer = {
            let mut state = self.state.lock();
            if state.items.is_empty() {
                if let Source::Ended(how) = &state.source {
                    return Poll::Ready(Found::End(how.clone()));
                }
                _former = set(&mut state.reader, waker);
                return Poll::Pending;
            }
            state.bytes = 0;
            if state.upstream.is_some() || self.kind == Kind::Bytes {
                std::mem::swap(&mut state.items, into);
            } else {
                into.extend(state.items.pop_front());
            }
            state.writer.take()
        };
        wake(writer);
        Poll::Ready(Found::Items)
    }

    /// Items that were taken and not read: the half leaves again.
    pub(super) fn put_back(&self, items: &mut VecDeque<Queued>) {
        let mut state = self.state.lock();
        while let Some(item) = items.pop_back() {
            state.bytes += item.bytes();
            state.items.push_front(item);
        }
    }

    /// The session by which items came.
    pub(super) fn upstream(&self) -> Option<Port> {
        self.state.lock().upstream.clone()
    }

    /// A pump's turn. What waits is taken only when there is room for it.
    pub(super) fn poll_turn(&self, has_room: bool, waker: &Waker) -> Poll<Turn> {
        let mut _former = None;
        let (turn, writer) = {
            let mut state = self.state.lock();
            let turn = if let Drain::Gone(error) = &state.drain {
                Turn::Gone(error.clone())
            } else if !has_room && !state.items.is_empty() {
                // Meanwhile it has to learn that nobody takes it any more.
                _former = set(&mut state.reader, waker);
                return Poll::Ready(Turn::Waiting);
            } else if let Some(item) = state.items.pop_front() {
                state.bytes = state.bytes.saturating_sub(item.bytes());
                Turn::Move(item)
            } else {
                match &state.source {
                    Source::Ended(how) => Turn::End(how.clone()),
                    Source::Here if self.kind != Kind::Watch => {
                        state.pumped = false;
                        Turn::Leave
                    }
                    _ => {
                        _former = set(&mut state.reader, waker);
                        return Poll::Pending;
                    }
                }
            };
            (turn, state.writer.take())
        };
        wake(writer);
        Poll::Ready(turn)
    }

    /// A pump has moved everything and the end.
    pub(super) fn pumped(&self) {
        let writer = {
            let mut state = self.state.lock();
            state.pumped = false;
            state.writer.take()
        };
        wake(writer);
    }

    /// Nobody takes items any more. Gives back what waited, with the session to tell of it.
    pub(super) fn break_off(&self, error: &Error) -> Leftover {
        let (leftover, reader, writer, watchers) = {
            let mut state = self.state.lock();
            if !matches!(state.drain, Drain::Gone(_)) {
                state.drain = Drain::Gone(error.clone());
            }
            state.pumped = false;
            (state.leave_over(), state.reader.take(), state.writer.take(), state.watchers.take())
        };
        wake(reader);
        wake(writer);
        watchers.into_iter().for_each(Waker::wake);
        leftover
    }

    /// The sending half is dropped, or has said its last. Gives the session that has to be told by whoever called.
    pub(super) fn end(&self, how: Option<Error>) -> Option<Port> {
        let (port, reader) = {
            let mut state = self.state.lock();
            if !matches!(state.source, Source::Here) {
                return None;
            }
            state.source = Source::Ended(how);
            let port = match &state.drain {
                Drain::There(port) if !state.pumped => Some(port.clone()),
                _ => None,
            };
            (port, state.reader.take())
        };
        wake(reader);
        port
    }

    /// The receiving half leaves over a session. True when a pump has to be started for what is left here.
    pub(crate) fn drain_leaves(&self, port: Port) -> bool {
        let mut state = self.state.lock();
        state.drain = Drain::There(port);
        let is_plain = matches!(state.source, Source::Here) && self.kind != Kind::Watch;
        state.pumped = !is_plain || !state.items.is_empty() || state.writer.is_some();
        state.pumped
    }

    /// The sending half leaves over a session.
    pub(crate) fn source_leaves(&self, port: Port) -> Leaving {
        let mut state = self.state.lock();
        state.source = Source::There;
        state.upstream = Some(port);
        match &state.drain {
            Drain::There(onward) if !state.pumped => {
                let onward = onward.clone();
                state.pumped = true;
                Leaving::Pump(onward)
            }
            // Whoever dropped the receiving half had nobody to tell.
            Drain::Gone(error) => Leaving::Unwanted(error.clone()),
            _ => Leaving::Quiet,
        }
    }

    /// Data came over the session.
    pub(crate) fn deliver(
        &self,
        bytes: &[u8],
        references: Vec<AnyRemote>,
        cost: u64,
        end: bool,
        buffer: impl FnOnce() -> BytesMut,
    ) -> Delivered {
        // What is long is copied before the lock is taken, and what fills most of a buffer, into one that was used before.
        let long = (self.kind == Kind::Bytes && bytes.len() > TOGETHER / 4).then(|| {
            let mut long = if bytes.len() > TOGETHER / 2 { buffer() } else { BytesMut::new() };
            long.extend_from_slice(bytes);
            long
        });
        let mut delivered = Delivered::default();
        let mut state = self.state.lock();
        if matches!(state.drain, Drain::Gone(_)) {
            delivered.returned = cost;
            delivered.references = references;
            if let Some(partial) = state.partial.take() {
                delivered.returned += partial.cost;
                delivered.references.extend(partial.references);
            }
            return delivered;
        }
        if self.kind == Kind::Bytes {
            state.append(bytes, long, cost);
        } else {
            let Some(item) = state.assemble(bytes, references, cost, end) else { return delivered };
            if self.kind == Kind::Watch {
                delivered.returned = state.items.iter().map(Queued::cost).sum();
                delivered.dropped = state.items.drain(..).collect();
            }
            state.items.push_back(Queued::Encoded(item));
        }
        delivered.waker = state.reader.take();
        delivered
    }

    /// The end came over the session, or the session ended.
    pub(crate) fn source_ended(&self, how: Option<Error>) -> Delivered {
        let mut delivered = Delivered::default();
        let mut state = self.state.lock();
        if matches!(state.source, Source::There) {
            state.source = Source::Ended(how);
            if let Some(partial) = state.partial.take() {
                delivered.returned = partial.cost;
                delivered.references = partial.references;
            }
            delivered.waker = state.reader.take();
        }
        delivered
    }

    /// The receiving half is gone over there, or the session ended.
    pub(crate) fn drain_gone(&self, error: &Error) -> impl Iterator<Item = Waker> + use<> {
        let mut state = self.state.lock();
        if matches!(state.drain, Drain::There(_)) {
            state.drain = Drain::Gone(error.clone());
        }
        state.watchers.take().into_iter().chain(state.reader.take()).chain(state.writer.take())
    }

    /// The peer confirms that it has everything, the end included. Who waits for that is woken.
    pub(crate) fn arrived(&self) -> Option<Waker> {
        let mut state = self.state.lock();
        if matches!(state.drain, Drain::There(_)) {
            state.drain = Drain::Arrived;
        }
        state.writer.take()
    }
}

/// Waits in a place. The waker that had it before is to be dropped outside the lock: a task may go with it.
fn set(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    if place.as_ref().is_some_and(|known| known.will_wake(waker)) { None } else { place.replace(waker.clone()) }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({:?})", self.kind)
    }
}
