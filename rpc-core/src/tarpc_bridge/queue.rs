//! Owns what lies between the object of a service and its transport: the requests that tarpc has not taken yet, within bounds, the answers
//! that are waited for, and what is to be cancelled. It knows nothing of what a request says.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tarpc::{ServerError, context, trace};
use tokio::sync::oneshot;

use crate::codec::Bounds;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{Method, Payload};

/// Requests that may wait for tarpc to take them. The calls of a few busy sessions fit.
const REQUESTS_MAX: usize = 16_384;

/// Bytes that those may take together; a single one may always wait.
const BYTES_MAX: u64 = 256 << 20;

/// What a request takes beside its payload, and what each reference in it takes.
const REQUEST_COST: u64 = 512;
const REFERENCE_COST: u64 = 64;

/// How a request ended: what the service says, or what netref says.
pub(super) type Answer<Resp> = Result<Result<Resp, ServerError>, Error>;

/// A request that nobody has looked into yet.
pub(super) struct Arrived {
    pub(super) method: Method,
    pub(super) payload: Payload,
    pub(super) context: context::Context,
    /// What reading it may cost.
    pub(super) bounds: Bounds,
}

impl Arrived {
    fn cost(&self) -> u64 {
        let segments: usize = self.payload.segments.iter().map(bytes::Bytes::len).sum();
        let texts = self.payload.bytes.len() + segments;
        REQUEST_COST + texts as u64 + self.payload.references.len() as u64 * REFERENCE_COST
    }
}

/// What tarpc is to hear of next.
pub(super) enum Taken {
    Request(u64, Box<Arrived>),
    Cancel(u64, trace::Context),
}

pub(super) struct Queue<Resp> {
    state: Mutex<State<Resp>>,
}

struct State<Resp> {
    /// What tarpc has not taken, in the order in which it came: numbers only rise.
    arrived: BTreeMap<u64, Box<Arrived>>,
    /// What that takes.
    bytes: u64,
    /// What tarpc has taken and nobody wants any more. It is told before it takes anything else, so there is never more of it
    /// than what tarpc had at a time.
    cancelled: VecDeque<(u64, trace::Context)>,
    /// Whoever waits for an answer.
    waiting: HashMap<u64, oneshot::Sender<Answer<Resp>>>,
    next: u64,
    waker: Option<Waker>,
    /// Who may still add something: the object, and its calls.
    sources: usize,
    is_closed: bool,
}

impl<Resp> Queue<Resp> {
    fn new() -> Self {
        let state = State {
            arrived: BTreeMap::new(),
            bytes: 0,
            cancelled: VecDeque::new(),
            waiting: HashMap::new(),
            next: 0,
            waker: None,
            sources: 0,
            is_closed: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// What comes next, cancellations first. Nothing when nobody is left who could add something.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Taken>> {
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        let taken = state.take();
        if taken.is_some() || state.sources == 0 {
            return Poll::Ready(taken);
        }
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }

    /// Tells whoever asked how a request ended. It may be gone by now.
    pub(super) fn answer(&self, id: u64, answer: Answer<Resp>) {
        let waiting = self.state.lock().waiting.remove(&id);
        if let Some(waiting) = waiting {
            drop(waiting.send(answer));
        }
    }

    /// Nothing is taken from here on: whoever waits is told.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.bytes = 0;
        let left = (std::mem::take(&mut state.arrived), std::mem::take(&mut state.waiting), state.waker.take());
        drop(state);
        drop(left);
    }

    /// How many requests wait to be taken, and how many answers are waited for.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.arrived.len(), state.waiting.len())
    }
}

impl<Resp> State<Resp> {
    fn take(&mut self) -> Option<Taken> {
        if let Some((id, trace)) = self.cancelled.pop_front() {
            return Some(Taken::Cancel(id, trace));
        }
        let (id, arrived) = self.arrived.pop_first()?;
        self.bytes = self.bytes.saturating_sub(arrived.cost());
        Some(Taken::Request(id, arrived))
    }

    /// Why a request is not taken, if it is not.
    fn refuses(&self, cost: u64) -> Option<Error> {
        if self.is_closed {
            let text = "the service is not served any more: its tarpc transport was dropped";
            return Some(Error::new(ErrorKind::NoSuchObject, Outcome::NotRun, text));
        }
        let is_full = self.arrived.len() >= REQUESTS_MAX || self.bytes.saturating_add(cost) > BYTES_MAX;
        if !is_full || self.arrived.is_empty() {
            return None;
        }
        let text = format!(
            "{} requests of {} bytes wait for the service to take them, and there is no room for more",
            self.arrived.len(),
            self.bytes
        );
        Some(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text))
    }
}

/// A right to add to a queue, which ends when the last of them is dropped.
pub(super) struct Source<Resp>(Arc<Queue<Resp>>);

impl<Resp> Source<Resp> {
    /// A queue, and the first right to add to it.
    pub(super) fn new() -> (Self, Arc<Queue<Resp>>) {
        let queue = Arc::new(Queue::new());
        queue.state.lock().sources = 1;
        (Self(Arc::clone(&queue)), queue)
    }

    /// Lays a request down, unless there is no room.
    pub(super) fn add(&self, arrived: Arrived) -> Result<(Asked<Resp>, oneshot::Receiver<Answer<Resp>>), Error> {
        let (answer, answered) = oneshot::channel();
        let arrived = Box::new(arrived);
        let (cost, trace) = (arrived.cost(), arrived.context.trace_context);
        let mut state = self.0.state.lock();
        if let Some(error) = state.refuses(cost) {
            drop(state);
            return Err(error);
        }
        let id = state.next;
        state.next += 1;
        state.sources += 1;
        state.bytes += cost;
        state.arrived.insert(id, arrived);
        state.waiting.insert(id, answer);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok((Asked { id, trace, source: Self(Arc::clone(&self.0)) }, answered))
    }
}

impl<Resp> Drop for Source<Resp> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.sources -= 1;
        let waker = if state.sources == 0 { state.waker.take() } else { None };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// A request that was laid down. Dropped before it is answered, it is given up: forgotten where tarpc has not taken it, cancelled there
/// where it has.
pub(super) struct Asked<Resp> {
    id: u64,
    trace: trace::Context,
    source: Source<Resp>,
}

impl<Resp> Drop for Asked<Resp> {
    fn drop(&mut self) {
        let mut state = self.source.0.state.lock();
        let waiting = state.waiting.remove(&self.id);
        let arrived = state.arrived.remove(&self.id);
        state.bytes = state.bytes.saturating_sub(arrived.as_ref().map_or(0, |arrived| arrived.cost()));
        let mut waker = None;
        if waiting.is_some() && arrived.is_none() {
            state.cancelled.push_back((self.id, self.trace));
            waker = state.waker.take();
        }
        drop(state);
        drop((waiting, arrived));
        waker.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn bytes_that_wait_are_bounded_and_one_of_any_size_may_wait() {
        let segment = Bytes::from(vec![0; 100 << 20]);
        let arrived = |segments: usize| Arrived {
            method: Method::by_name("tarpc", "World.hello"),
            payload: Payload { segments: vec![segment.clone(); segments], ..Payload::default() },
            context: context::current(),
            bounds: Bounds { depth: 64, decoded_bytes: 1 << 20 },
        };
        let (source, _queue) = Source::<()>::new();
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(source.add(arrived(9)).map_err(|error| error.kind()));
            assert!(waiting[0].is_ok() && waiting[1..].iter().all(|more| more.as_ref().err() == Some(&ErrorKind::Overloaded)));
        }
        waiting.clear();
        let kept: Vec<_> = (0..5).map_while(|_| source.add(arrived(1)).ok()).collect();
        assert_eq!(kept.len(), 2, "as many as fit, once the first is given up");
    }
}
