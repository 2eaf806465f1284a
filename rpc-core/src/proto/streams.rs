//! Owns the table of streams: which are open between the two sides, what may still be sent on each and on all of them, and when an id is
//! free again. It knows ids and sizes; what waits behind an id is the shell's.

mod table;

use table::Table;

use super::rule::Rule;
use super::stream::{Close, Half, Kind, Stream, grant_step};
use crate::id::StreamId;
use crate::limits::PeerLimits;

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So much of it may be sent, and is paid for.
    Credit(u64),
    /// There is no credit.
    Nothing,
    /// One of the halves is closed.
    Closed,
}

/// What became of a frame of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    /// What it cost: to be given back when it is taken.
    pub(crate) cost: u64,
    /// Whether anybody still wants it.
    pub(crate) wanted: bool,
}

/// What became of a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// This side has not closed its half, and does so now.
    pub(crate) answer: bool,
    /// It came in the middle of an item.
    pub(crate) cut: bool,
}

/// What is to be told the peer: that more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// On one stream.
    Stream(StreamId, u64),
    /// On all of them together.
    All(u64),
}

/// The streams of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Streams {
    /// The dialler's streams have the even numbers, the acceptor's the odd ones, so that an id names one stream whoever says it.
    dialled: bool,
    own: Table,
    theirs: Table,
    /// The window of a stream whose data comes here, and of one whose data goes there.
    window_in: u64,
    window_out: u64,
    /// What all streams together may still send.
    credit_out: u64,
    credit_out_max: u64,
    /// What may still come on all of them.
    credit_in: u64,
    credit_in_max: u64,
    /// What was taken and not granted again.
    owed: u64,
    /// Streams of which something was taken since the last batch.
    taken: Vec<StreamId>,
}

impl Streams {
    pub(crate) fn new(ours: PeerLimits, theirs: PeerLimits) -> Self {
        // Neither side can make the other's table grow beyond what that one allows.
        let own = Table::new(theirs.streams.min(ours.streams));
        Self {
            dialled: true,
            own,
            theirs: Table::new(ours.streams),
            window_in: ours.stream_window,
            window_out: theirs.stream_window,
            credit_out: theirs.streams_window,
            credit_out_max: theirs.streams_window,
            credit_in: ours.streams_window,
            credit_in_max: ours.streams_window,
            owed: 0,
            taken: Vec::new(),
        }
    }

    /// Says which of the two sides this is.
    pub(crate) fn set_dialled(&mut self, dialled: bool) {
        self.dialled = dialled;
    }

    /// Whether both sides take streams.
    pub(crate) fn is_offered(&self) -> bool {
        self.own.limit() > 0 && self.theirs.limit() > 0
    }

    /// Whether this side opened the stream, and its place among those.
    pub(crate) fn place(&self, id: StreamId) -> (bool, usize) {
        ((id.index & 1 == 0) == self.dialled, (id.index >> 1) as usize)
    }

    fn get(&self, id: StreamId) -> Option<&Stream> {
        let (own, place) = self.place(id);
        let table = if own { &self.own } else { &self.theirs };
        table.get(place, id.generation)
    }

    fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        let (own, place) = self.place(id);
        let table = if own { &mut self.own } else { &mut self.theirs };
        table.get_mut(place, id.generation)
    }

    fn free(&mut self, id: StreamId) {
        let (own, place) = self.place(id);
        let table = if own { &mut self.own } else { &mut self.theirs };
        table.free(place);
    }

    const fn window(&self, half: Half) -> u64 {
        match half {
            Half::Sending => self.window_out,
            Half::Receiving => self.window_in,
        }
    }

    /// How much a reader may take before its writer is to be told. What all readers together keep to themselves in that way is no more
    /// than a quarter of the window that they share, so that where everything is read, every item finds credit.
    pub(crate) fn reader_step(&self) -> u64 {
        let readers = u64::from(self.own.limit()) + u64::from(self.theirs.limit());
        grant_step(self.window_in).min(grant_step(self.credit_in_max) / readers.max(1)).max(1)
    }

    /// Opens a stream of which `half` stays here. Nothing when the peer has no room for another.
    pub(crate) fn open(&mut self, half: Half, kind: Kind) -> Option<StreamId> {
        let stream = Stream::new(half, kind, self.window(half));
        let (place, generation) = self.own.add(stream)?;
        Some(StreamId { index: (place as u32) << 1 | u32::from(!self.dialled), generation })
    }

    /// Closes a stream of whose opening the peer was never told.
    pub(crate) fn take_back(&mut self, id: StreamId) {
        self.free(id);
    }

    /// The peer has opened a stream of which `half` comes here.
    pub(crate) fn accept(&mut self, id: StreamId, half: Half, kind: Kind) -> Result<(), Rule> {
        let (own, place) = self.place(id);
        let stream = Stream::new(half, kind, self.window(half));
        if own || !self.theirs.put(place, id.generation, stream) { Err(Rule::StreamIdInUse) } else { Ok(()) }
    }

    /// Takes the credit of a whole item, so that an item that was begun can always be finished.
    pub(crate) fn take_item(&mut self, id: StreamId, bytes: u64, references: usize) -> Taken {
        let (window, session) = (self.window_out, self.credit_out);
        let Some(stream) = self.get_mut(id).filter(|stream| stream.close == Close::Open && !stream.closed_there) else {
            return Taken::Closed;
        };
        let cost = stream.kind.item_cost(window, bytes, references);
        if cost > stream.credit.min(session) {
            return Taken::Nothing;
        }
        stream.credit -= cost;
        self.credit_out -= cost;
        Taken::Credit(cost)
    }

    /// Gives back what an item took whose frames could not be written.
    pub(crate) fn put_back(&mut self, id: StreamId, cost: u64) {
        self.credit_out += cost;
        if let Some(stream) = self.get_mut(id) {
            stream.credit += cost;
        }
    }

    /// Takes credit for at most so many bytes of a stream of bytes.
    pub(crate) fn take_bytes(&mut self, id: StreamId, most: u64) -> Taken {
        let session = self.credit_out;
        let Some(stream) = self.get_mut(id).filter(|stream| stream.close == Close::Open && !stream.closed_there) else {
            return Taken::Closed;
        };
        let bytes = most.min(stream.credit).min(session);
        if bytes == 0 {
            return Taken::Nothing;
        }
        stream.credit -= bytes;
        self.credit_out -= bytes;
        Taken::Credit(bytes)
    }

    /// How much of a stream was sent and is not known to be taken.
    pub(crate) fn ahead(&self, id: StreamId) -> u64 {
        self.get(id).map_or(0, |stream| self.window_out.saturating_sub(stream.credit))
    }

    /// Whether the least that can be sent would find credit.
    pub(crate) fn is_ready(&self, id: StreamId) -> Taken {
        let Some(stream) = self.get(id).filter(|stream| stream.close == Close::Open && !stream.closed_there) else {
            return Taken::Closed;
        };
        let least = if stream.kind == Kind::Bytes { 1 } else { stream.kind.item_cost(self.window_out, 0, 0) };
        if least > stream.credit.min(self.credit_out) { Taken::Nothing } else { Taken::Credit(0) }
    }

    /// Data arrived.
    pub(crate) fn handle_data(&mut self, id: StreamId, bytes: u64, references: usize, end: bool) -> Result<Data, Rule> {
        let (window, session) = (self.window_in, self.credit_in);
        let stream = self.get_mut(id).filter(|stream| !stream.closed_there).ok_or(Rule::StreamNotThere)?;
        if stream.half == Half::Sending {
            return Err(Rule::StreamForm);
        }
        let cost = stream.data_cost(window, bytes, references, end)?;
        if cost > session {
            return Err(Rule::BeyondCredit);
        }
        stream.receive(cost, end)?;
        let wanted = stream.close == Close::Open;
        self.credit_in -= cost;
        Ok(Data { cost, wanted })
    }

    /// The peer lets more of a stream come.
    pub(crate) fn handle_credit(&mut self, id: StreamId, bytes: u64) -> Result<(), Rule> {
        let window = self.window_out;
        let stream = self.get_mut(id).filter(|stream| !stream.closed_there).ok_or(Rule::StreamNotThere)?;
        if stream.half == Half::Receiving {
            return Err(Rule::StreamForm);
        }
        stream.grant(bytes, window)
    }

    /// The peer lets more of all streams come.
    pub(crate) fn handle_session_credit(&mut self, bytes: u64) -> Result<(), Rule> {
        if bytes == 0 {
            return Err(Rule::StreamForm);
        }
        let credit = self.credit_out.checked_add(bytes).filter(|&credit| credit <= self.credit_out_max);
        self.credit_out = credit.ok_or(Rule::BeyondCredit)?;
        Ok(())
    }

    /// The peer has closed its half.
    pub(crate) fn handle_close(&mut self, id: StreamId, by_receiver: bool) -> Result<Closed, Rule> {
        let stream = self.get_mut(id).filter(|stream| !stream.closed_there).ok_or(Rule::StreamNotThere)?;
        if by_receiver != (stream.half == Half::Sending) {
            return Err(Rule::StreamForm);
        }
        stream.closed_there = true;
        let closed = Closed { answer: stream.close == Close::Open, cut: stream.item.is_some() };
        if stream.is_over() {
            self.free(id);
        }
        Ok(closed)
    }

    /// Closes the half that is here. Says which it is when its close is to be sent.
    pub(crate) fn close(&mut self, id: StreamId) -> Option<Half> {
        let stream = self.get_mut(id).filter(|stream| stream.close == Close::Open)?;
        stream.close = Close::Queued;
        Some(stream.half)
    }

    /// The close has left, behind everything that was sent before it.
    pub(crate) fn close_left(&mut self, id: StreamId) {
        let Some(stream) = self.get_mut(id) else { return };
        stream.close = Close::Left;
        if stream.is_over() {
            self.free(id);
        }
    }

    /// The reader of a stream has taken so much. What is granted for it waits for the next batch, so that however often something is taken, and
    /// however slowly the peer takes batches, it is one frame for a stream.
    pub(crate) fn consumed(&mut self, id: StreamId, cost: u64) {
        self.give_back(cost);
        let Some(stream) = self.get_mut(id).filter(|stream| cost > 0 && stream.goes_on()) else { return };
        let is_first = stream.owed == 0;
        stream.owed = stream.owed.saturating_add(cost);
        if is_first {
            self.taken.push(id);
        }
    }

    /// What came is done with, and its stream is over.
    pub(crate) fn give_back(&mut self, cost: u64) {
        self.owed = self.owed.saturating_add(cost);
    }

    /// Whether so much is owed on all streams that it is granted now.
    fn owes(&self) -> bool {
        self.owed > 0 && self.owed >= grant_step(self.credit_in_max).min(self.window_in)
    }

    /// Whether something is to be told the peer with the next batch.
    pub(crate) fn has_grants(&self) -> bool {
        !self.taken.is_empty() || self.owes()
    }

    /// What is to be told the peer with the batch that leaves now, one after the other.
    pub(crate) fn next_grant(&mut self) -> Option<Allowance> {
        while let Some(id) = self.taken.pop() {
            let window = self.window_in;
            if let Some(stream) = self.get_mut(id).filter(|stream| stream.goes_on())
                && let bytes @ 1.. = stream.give(window)
            {
                return Some(Allowance::Stream(id, bytes));
            }
        }
        if !self.owes() {
            return None;
        }
        let bytes = std::mem::take(&mut self.owed).min(self.credit_in_max - self.credit_in);
        self.credit_in += bytes;
        (bytes > 0).then_some(Allowance::All(bytes))
    }

    /// Whether the id is still taken.
    pub(crate) fn is_open(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// Whether the peer has answered the close of this side's, or broken off before: until then what was sent may be on its way.
    pub(crate) fn is_open_there(&self, id: StreamId) -> bool {
        self.get(id).is_some_and(|stream| !stream.closed_there)
    }

    /// How many streams are open.
    pub(crate) fn len(&self) -> usize {
        self.own.len() + self.theirs.len()
    }

    pub(crate) fn clear(&mut self) {
        self.own = Table::default();
        self.theirs = Table::default();
    }
}

/// What an audit of both ends compares.
#[cfg(any(test, feature = "internals"))]
impl Streams {
    /// What may still be sent on a stream, or may still come.
    pub(crate) fn credit(&self, id: StreamId) -> Option<u64> {
        self.get(id).map(|stream| stream.credit)
    }

    /// What was taken of a stream and is not granted again.
    #[cfg(feature = "internals")]
    pub(crate) fn owed(&self, id: StreamId) -> u64 {
        self.get(id).map_or(0, |stream| stream.owed)
    }

    /// What may still be sent on all of them, and may still come, and is owed.
    #[cfg(feature = "internals")]
    pub(crate) const fn credits(&self) -> (u64, u64, u64) {
        (self.credit_out, self.credit_in, self.owed)
    }
}

#[cfg(test)]
mod tests;
