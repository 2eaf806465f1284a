//! Owns the frames of streams as they arrive: what the table of the protocol says of each, and its way into the queue behind its stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::SessionCore;
use super::state::{Afterwards, State};
use crate::error::{Error, ErrorKind};
use crate::id::StreamId;
use crate::inbound::decode_error;
use crate::proto::{Half, Rule};
use crate::stream::{Queue, broken};
use crate::wire::{self, StreamClose, StreamCredit, StreamData};

impl SessionCore {
    /// Data of a stream arrived.
    pub(super) fn on_stream_data(self: &Arc<Self>, data: &StreamData<'_>) {
        let mut after = Afterwards::default();
        let mut goes_on = true;
        let arrived = {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            self.admit_data(&mut state, data, &mut goes_on, &mut after)
        };
        let returned = arrived.map_or(0, |(queue, references, cost)| {
            let delivered = queue.deliver(data.bytes, references, cost, data.end_of_item, || self.stream_buffers.take());
            after.wake(delivered.waker);
            after.drop_references(delivered.references);
            after.rest_if(!delivered.dropped.is_empty(), |rest| rest.items.extend(delivered.dropped));
            delivered.returned
        });
        if returned > 0 {
            self.stream_consumed(data.id, returned);
        }
        after.run();
        if !goes_on {
            self.end_for_refusals();
        }
    }

    fn admit_data(
        self: &Arc<Self>,
        state: &mut State,
        data: &StreamData<'_>,
        goes_on: &mut bool,
        after: &mut Afterwards,
    ) -> Option<(Arc<Queue>, Vec<crate::any::AnyRemote>, u64)> {
        if let Err(rule) = self.streams_in_use(state) {
            *goes_on = state.refuse(wire::kind::STREAM_DATA, rule);
            return None;
        }
        let (incoming, rule) = self.receive(state, &data.references, after);
        if let Some(rule) = rule {
            *goes_on = state.refuse(wire::kind::STREAM_DATA, rule);
        }
        match state.proto.streams.handle_data(data.id, data.bytes.len() as u64, data.references.len(), data.end_of_item) {
            Ok(arrived) if arrived.wanted => {
                let shared = state.sharing.note(state.proto.calls(), data.bytes.len() as u64);
                if shared != self.shared.load(Ordering::Relaxed) {
                    self.shared.store(shared, Ordering::Relaxed);
                }
                let queue = state.entry(data.id).map(|entry| Arc::clone(&entry.queue))?;
                Some((queue, incoming.into_references().collect(), arrived.cost))
            }
            Ok(arrived) => {
                after.drop_references(incoming.into_references());
                state.proto.streams.give_back(arrived.cost);
                None
            }
            Err(rule) => {
                after.drop_references(incoming.into_references());
                *goes_on = state.refuse(wire::kind::STREAM_DATA, rule) && *goes_on;
                // A stream of which something was skipped cannot go on.
                if matches!(rule, Rule::BeyondCredit | Rule::StreamForm) {
                    self.break_stream(state, data.id, rule, after);
                }
                None
            }
        }
    }

    /// Ends a stream on which the peer broke a rule, at both of its ends.
    fn break_stream(&self, state: &mut State, id: StreamId, rule: Rule, after: &mut Afterwards) {
        let Some(entry) = state.entry(id) else { return };
        if entry.half == Half::Sending || !state.proto.streams.is_open_there(id) {
            return;
        }
        let error = broken(ErrorKind::Protocol, format!("{} broke a rule of the stream: {rule}", self.peer()));
        if let Some(entry) = state.entry(id) {
            let delivered = entry.queue.source_ended(Some(error.clone()));
            after.wake(delivered.waker);
            after.drop_references(delivered.references);
            state.proto.streams.give_back(delivered.returned);
        }
        state.close_stream(id, Some(&error));
    }

    pub(super) fn on_stream_credit(&self, state: &mut State, credit: &StreamCredit, after: &mut Afterwards) -> Result<(), Rule> {
        self.streams_in_use(state)?;
        state.proto.streams.handle_credit(credit.id, credit.bytes)?;
        state.wake_stream(credit.id, after);
        Ok(())
    }

    /// Credit for all streams.
    pub(super) fn on_streams_credit(&self, state: &mut State, bytes: u64, after: &mut Afterwards) -> Result<(), Rule> {
        self.streams_in_use(state)?;
        state.proto.streams.handle_session_credit(bytes)?;
        state.wake_streams(after);
        Ok(())
    }

    fn streams_in_use(&self, state: &State) -> Result<(), Rule> {
        if state.proto.streams.is_offered() { Ok(()) } else { Err(Rule::FeatureNotNegotiated) }
    }

    /// The other half was closed over there. This side answers at once with its own close, if it has not sent that already.
    pub(super) fn on_stream_close(&self, state: &mut State, close: &StreamClose<'_>, after: &mut Afterwards) -> Result<(), Rule> {
        self.streams_in_use(state)?;
        let closed = state.proto.streams.handle_close(close.id, close.by_receiver)?;
        let how = match (close.error, closed.cut) {
            (Some(bytes), _) => Some(decode_error(bytes).with_scope(crate::error::Scope::Stream)),
            (None, true) => Some(broken(ErrorKind::Protocol, format!("{} ended the stream in the middle of an item", self.peer()))),
            (None, false) => None,
        };
        if let Some(entry) = state.entry(close.id) {
            if close.by_receiver {
                // Without an error it confirms that everything has arrived, which is an error to a half that goes on sending.
                if how.is_some() || closed.answer {
                    let error = how.unwrap_or_else(|| broken(ErrorKind::Cancelled, format!("{} closed the receiving half", self.peer())));
                    entry.queue.drain_gone(&error).for_each(|waker| after.wake(Some(waker)));
                } else {
                    after.wake(entry.queue.arrived());
                }
            } else {
                let delivered = entry.queue.source_ended(how);
                after.wake(delivered.waker);
                after.drop_references(delivered.references);
                state.proto.streams.give_back(delivered.returned);
            }
        }
        state.wake_stream(close.id, after);
        if closed.answer {
            state.close_stream(close.id, None);
        }
        state.forget_stream(close.id, after);
        Ok(())
    }

    /// An error that says why a half is closed, for whoever has lost it.
    pub(crate) fn stream_lost(&self) -> Option<Error> {
        self.state.lock().closed.clone()
    }
}
