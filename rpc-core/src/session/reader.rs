//! Owns the reading half of a session: bytes to frames, each frame to the table it concerns, one flush per batch that was read. A
//! session never stops reading.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::SessionCore;
use super::arriving;
use super::dispatch::Arrival;
use super::state::{Afterwards, PartialReturn, State};
use super::waiters::{Landed, LandedBytes};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Outcome};
use crate::proto::{Finished, Rule};
use crate::wire::{self, ChunkOf, DecodeError, Define, Descriptor, Finish, Frame, GoAway, Release, Status, Window};

/// The read buffer of a session that does little.
const BUFFER_MIN: usize = 8 << 10;

/// The read buffer of a busy one: enough for a batch of small frames, or a few chunks.
const BUFFER_MAX: usize = 256 << 10;

/// After so many frames other tasks get a turn.
const FRAMES_PER_TURN: u32 = 512;

/// After so much time in handlers other tasks get a turn.
const TIME_PER_TURN: Duration = Duration::from_millis(5);

/// After so many bytes other tasks get a turn: two chunks. Whoever is woken by one of them waits on this thread, where nobody else can run it,
/// and a link that brings bytes as fast as they are read would keep it waiting for tens of megabytes.
const BYTES_PER_TURN: usize = 2 * wire::FRAME_MAX;

/// Refusals by the peer that are logged; whoever sends more of them has nothing new to say.
const REFUSALS_LOGGED: u32 = 16;

crate::sync::thread_local! {
    /// The session whose batch is being handled on this thread, by its address: what it sends is flushed at the end of the batch.
    static IN_BATCH_OF: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is handling a batch of `session`, so that a flush will come.
pub(super) fn is_in_batch_of(session: &SessionCore) -> bool {
    IN_BATCH_OF.with(Cell::get) == std::ptr::from_ref(session).addr()
}

/// What is known while frames of one read are handled.
pub(super) struct Batch {
    /// About now: read once per batch and after each first poll.
    pub(super) now: Instant,
    began: Instant,
    frames: u32,
    polls: u32,
    /// Not of a read: a single call that is started elsewhere.
    is_detached: bool,
    /// The context of a call that is done, for the next one.
    pub(super) spare: Option<Box<CallContext>>,
}

impl Batch {
    #[allow(clippy::disallowed_methods)]
    pub(super) fn detached() -> Self {
        let now = Instant::now();
        Self { now, began: now, frames: 0, polls: 0, is_detached: true, spare: None }
    }

    /// For the frames of one read.
    fn of_read() -> Self {
        Self { is_detached: false, ..Self::detached() }
    }

    /// Notes how long first polls take. The clock is read after every fourth, so the slow one may be one of the three before.
    #[allow(clippy::disallowed_methods)]
    pub(super) fn after_poll(&mut self, method: &crate::proto::Defined, slow: Duration) {
        self.polls = self.polls.wrapping_add(1);
        if !self.polls.is_multiple_of(4) && !self.is_detached {
            return;
        }
        let before = std::mem::replace(&mut self.now, Instant::now());
        let took = self.now - before;
        if took >= slow {
            tracing::warn!(
                method = super::dispatch::full_name(method),
                ?took,
                "the first poll of a handler held up its session; mark the method #[remote(spawn)] or #[remote(blocking)]"
            );
        }
    }

    fn is_over(&self) -> bool {
        self.frames >= FRAMES_PER_TURN || self.now - self.began >= TIME_PER_TURN
    }
}

/// Reads until the link ends.
pub(super) async fn run(session: Arc<SessionCore>, mut read: Box<dyn AsyncRead + Send + Unpin>, early: Vec<u8>) {
    read_frames(session, &mut read, early).await;
    // Closing a socket with bytes unread resets the connection, and the peer may lose what was said last. At its end this is at once.
    let mut scrap = [0; 4_096];
    let rest = async { while matches!(read.read(&mut scrap).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// How long the peer of a session that was ended here may take to close its side.
const LINGER: Duration = Duration::from_secs(1);

async fn read_frames(session: Arc<SessionCore>, read: &mut Box<dyn AsyncRead + Send + Unpin>, early: Vec<u8>) {
    // When the runtime goes away this future is dropped: that ends the session too.
    let guard = EndOnDrop(session);
    let session = &guard.0;
    let mut buffer = early;
    let mut filled = buffer.len();
    let closed = session.closed();
    tokio::pin!(closed);
    let mut since_turn = 0;
    let mut error = loop {
        let mut taken = 0;
        loop {
            let (consumed, unfinished) = session.read_batch(&buffer[taken..filled]);
            taken += consumed;
            if !unfinished || session.is_closed() {
                break;
            }
            tokio::task::yield_now().await;
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        make_room(&mut buffer, filled);
        if session.is_closed() {
            return;
        }
        since_turn += taken;
        if since_turn >= BYTES_PER_TURN {
            since_turn = 0;
            tokio::task::yield_now().await;
        }
        tokio::select! {
            biased;
            read = read.read(&mut buffer[filled..]) => match read {
                Ok(0) => break closed_by_peer(session),
                Ok(count) => filled += count,
                Err(error) => break lost(session, &error),
            },
            _ = &mut closed => return,
        }
    };
    if filled > 0 {
        error = error.with_outcome(Outcome::MayHaveRun);
    }
    session.end(error);
}

struct EndOnDrop(Arc<SessionCore>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, "the runtime that drove the session was shut down"));
    }
}

/// Room for more bytes: twice as much when the last read filled what there was.
fn make_room(buffer: &mut Vec<u8>, filled: usize) {
    if buffer.len() < BUFFER_MIN {
        buffer.resize(BUFFER_MIN, 0);
    } else if filled * 2 >= buffer.len() && buffer.len() < BUFFER_MAX {
        let size = (buffer.len() * 2).min(BUFFER_MAX);
        buffer.resize(size, 0);
    }
}

fn closed_by_peer(session: &SessionCore) -> Error {
    let text = match session.state.lock().farewell.take() {
        Some(words) => format!("{} closed the session: {words}", session.peer()),
        None => format!("{} closed the session", session.peer()),
    };
    Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, text)
}

fn lost(session: &SessionCore, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, format!("the link to {} broke: {error}", session.peer()))
}

impl SessionCore {
    /// Handles the frames in `bytes`, and flushes what they caused.
    #[allow(clippy::disallowed_methods)]
    pub(super) fn read_batch(self: &Arc<Self>, bytes: &[u8]) -> (usize, bool) {
        struct Leave(usize);
        impl Drop for Leave {
            fn drop(&mut self) {
                IN_BATCH_OF.with(|current| current.set(self.0));
            }
        }
        if bytes.is_empty() {
            return (0, false);
        }
        let _turn = super::watch::turn();
        let mut batch = Batch::of_read();
        let leave = Leave(IN_BATCH_OF.with(|current| current.replace(Arc::as_ptr(self).addr())));
        {
            let mut state = self.state.lock();
            state.proto.heard(batch.now);
            state.burst = 0;
        }
        let mut taken = 0;
        let mut unfinished = false;
        while let Some((body, consumed)) = wire::split(&bytes[taken..]) {
            let returns = if body.first() == Some(&wire::kind::RETURN) { self.on_returns(&bytes[taken..], &mut batch) } else { 0 };
            taken += returns;
            if returns == 0 {
                taken += consumed;
                batch.frames += 1;
                self.on_frame(body, &mut batch);
            }
            if batch.is_over() {
                unfinished = true;
                break;
            }
        }
        drop(leave);
        self.flush();
        (taken, unfinished)
    }

    fn on_frame(self: &Arc<Self>, body: &[u8], batch: &mut Batch) {
        if body.first() == Some(&wire::kind::CALL) {
            // Looked at by reference, here and below: a frame is large, and moving it out would copy it.
            return match &wire::decode_call(body) {
                Ok(call) => self.on_call(call, batch),
                Err(error) => self.on_malformed(body, error),
            };
        }
        if body.first() == Some(&wire::kind::STREAM_DATA) {
            return match &wire::decode_stream_data(body) {
                Ok(data) => self.on_stream_data(data),
                Err(error) => self.on_malformed(body, error),
            };
        }
        match &wire::decode(body) {
            Ok(Frame::Chunk(chunk)) => self.on_chunk(chunk, batch),
            Ok(frame) => self.on_control(frame),
            Err(error) => self.on_malformed(body, error),
        }
    }

    /// The frames that touch only tables.
    fn on_control(self: &Arc<Self>, frame: &Frame<'_>) {
        let kind = frame.kind();
        let mut after = Afterwards::default();
        let (mut goes_on, has_work);
        {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            if state.closed.is_some() {
                return;
            }
            goes_on = true;
            let handled = match frame {
                Frame::Define(define) => on_define(state, define),
                Frame::Finish(finish) => self.on_finish(state, finish, &mut after),
                Frame::Release(release) => self.on_release(state, release, &mut after),
                Frame::Credit(credit) => self.on_credit(state, credit.window, credit.bytes, &mut after),
                Frame::GoAway(go_away) => self.on_go_away(state, go_away, &mut after),
                Frame::Refused(refused) => {
                    state.refused = state.refused.saturating_add(1);
                    if state.refused <= REFUSALS_LOGGED {
                        let rule = refused.text.escape_debug();
                        tracing::warn!(peer = %self.peer(), kind = refused.kind, %rule, "the peer refused a frame of ours");
                    }
                    if refused.kind == wire::kind::DISEMBARGO {
                        super::embargo::embargo_refused(state, &mut after);
                    }
                    Ok(())
                }
                Frame::Ping(ping) => {
                    state.pong = Some(ping.token);
                    Ok(())
                }
                // Any received byte counts as life, so there is nothing to do.
                Frame::Pong(_) => Ok(()),
                Frame::Hello(_) | Frame::Start(_) | Frame::Accept(_) | Frame::Refuse(_) => Err(Rule::HandshakeOver),
                Frame::Disembargo(disembargo) => self.on_disembargo(state, disembargo, &mut after),
                Frame::Resolve(resolve) => self.on_resolve(state, resolve, &mut after),
                Frame::StreamCredit(credit) => self.on_stream_credit(state, credit, &mut after),
                Frame::StreamClose(close) => self.on_stream_close(state, close, &mut after),
                Frame::Provide(_) | Frame::Collect(_) | Frame::Ack(_) => Err(Rule::FeatureNotNegotiated),
                Frame::Call(_) | Frame::Return(_) | Frame::Chunk(_) | Frame::StreamData(_) => Ok(()),
            };
            if let Err(rule) = handled {
                goes_on = state.refuse(kind, rule);
            }
            has_work = !state.works.is_empty();
        }
        after.run();
        if has_work {
            self.work();
        }
        if !goes_on {
            self.end_for_refusals();
        }
    }

    fn on_malformed(self: &Arc<Self>, body: &[u8], error: &DecodeError) {
        let kind = body.first().copied().unwrap_or_default();
        tracing::warn!(peer = %self.peer(), kind, %error, "a frame was refused");
        let goes_on = {
            let mut state = self.state.lock();
            if kind == wire::kind::CALL {
                // Its sender counts it, and so the go-away has to.
                state.proto.answers.count();
            }
            let text = error.to_string();
            let goes_on = state.proto.refuse();
            // A `Refused` is never answered with another, or two peers that misunderstand each other would go on until both give up.
            if kind != wire::kind::REFUSED {
                state.push(&Frame::Refused(wire::Refused { kind, code: Rule::Malformed.code(), text: &text }));
            }
            goes_on
        };
        if !goes_on {
            self.end_for_refusals();
        }
    }

    pub(super) fn on_release(&self, state: &mut State, release: &Release, after: &mut Afterwards) -> Result<(), Rule> {
        for &(export, count) in &release.entries {
            if state.proto.exports.release(export, count)?.is_none() {
                continue;
            }
            if let Some(servant) = state.servants.get_mut(export.index as usize).and_then(Option::take) {
                self.left(Some(export), &servant);
                after.rest().servants.push(servant);
            }
        }
        if state.proto.exports.len() == 0 && state.servants.len() > SERVANTS_KEPT {
            state.servants = Vec::new();
        }
        Ok(())
    }

    fn on_credit(&self, state: &mut State, window: Window, bytes: u64, after: &mut Afterwards) -> Result<(), Rule> {
        match window {
            Window::Calls => {
                state.proto.handle_call_credit(bytes);
                self.pump(state, after);
            }
            Window::Returns => {
                state.proto.handle_return_credit(bytes);
                self.pump_returns(state, after);
            }
            Window::Streams => self.on_streams_credit(state, bytes, after)?,
        }
        Ok(())
    }

    fn on_go_away(&self, state: &mut State, go_away: &GoAway<'_>, after: &mut Afterwards) -> Result<(), Rule> {
        let late = state.proto.questions.depart(go_away.last_call)?;
        self.leaving.store(true, std::sync::atomic::Ordering::Release);
        if go_away.code == super::end::CLOSING {
            state.farewell = Some(go_away.text.escape_debug().to_string());
        }
        let error = Error::new(
            ErrorKind::ShuttingDown,
            Outcome::NotRun,
            format!("{} took no more calls: {}", self.peer(), go_away.text.escape_debug()),
        );
        for (id, question) in late {
            if !question.awaits_return() {
                continue;
            }
            self.came_back(&question);
            after.drop_references(state.held_arguments.remove(&id).into_iter().flatten());
            state.shares.remove(&id);
            after.wake(state.waiters.fail(question.token, error.clone()));
        }
        // What still waits for room learns it when it is tried.
        self.pump(state, after);
        Ok(())
    }

    /// Returns often come many at a time: those that follow each other are taken under one lock. Gives how many bytes they took.
    fn on_returns(self: &Arc<Self>, bytes: &[u8], batch: &mut Batch) -> usize {
        let mut after = Afterwards::default();
        let mut goes_on = true;
        let mut taken = 0;
        {
            let mut state = self.state.lock();
            while let Some((body, consumed)) = wire::split(&bytes[taken..]) {
                if body.first() != Some(&wire::kind::RETURN) {
                    break;
                }
                let Ok(frame) = &wire::decode_return(body) else { break };
                taken += consumed;
                batch.frames += 1;
                if state.closed.is_none() && goes_on {
                    goes_on = self.take_return(&mut state, frame, &mut after);
                }
                if batch.is_over() || after.is_long() {
                    break;
                }
            }
        }
        after.run();
        if !goes_on {
            self.end_for_refusals();
        }
        taken
    }

    #[inline]
    fn take_return(self: &Arc<Self>, state: &mut State, frame: &wire::Return<'_>, after: &mut Afterwards) -> bool {
        let body = &frame.body;
        let (size, present) = arriving::size_of(body);
        let (mut incoming, rule) = self.receive(state, &body.references, after);
        let mut goes_on = true;
        if let Some(rule) = rule {
            goes_on = state.refuse(wire::kind::RETURN, rule);
        }
        let complete = match self.allows(body).and_then(|()| state.proto.handle_return(frame.id, size, present)) {
            Ok(complete) => complete,
            Err(rule) => {
                after.drop_references(incoming.into_references());
                return state.refuse(wire::kind::RETURN, rule) && goes_on;
            }
        };
        if body.references.iter().any(|descriptor| matches!(descriptor, Descriptor::Home { .. }))
            && !state.proto.questions.is_promised(frame.id)
        {
            // The peer keeps what it named by identity until it knows that we have it. A result that is called ahead has a finish of its own.
            state.push(&Frame::Finish(Finish { id: frame.id, cancel: false, release_results: false }));
        }
        if !complete {
            state.arriving.begin(ChunkOf::Return, frame.id, body, &mut incoming);
            let partial = PartialReturn { status: frame.status, codec: body.codec, incoming, cost: size.cost };
            state.partial_returns.insert(frame.id, partial);
            return goes_on;
        }
        let bytes = arriving::split(body, &mut incoming);
        let landed = Landed { status: frame.status, codec: body.codec, bytes: LandedBytes::Borrowed(bytes), incoming };
        self.return_arrived(state, frame.id, landed, size.cost, after);
        goes_on
    }

    /// A return is here in full: its caller is woken.
    #[inline]
    fn return_arrived(&self, state: &mut State, id: crate::id::CallId, landed: Landed<'_>, cost: u64, after: &mut Afterwards) {
        let credit = state.proto.return_consumed(cost);
        state.grant(Window::Returns, credit);
        let Ok(question) = state.proto.questions.returned(id) else {
            // A go-away has closed it meanwhile.
            return after.drop_references(landed.incoming.into_references());
        };
        self.came_back(&question);
        state.progress += 1;
        state.burst += 1;
        if !state.held_arguments.is_empty() {
            after.drop_references(state.held_arguments.remove(&id).into_iter().flatten());
        }
        if !state.shares.is_empty() {
            state.shares.remove(&id);
        }
        let unclaimed = state.waiters.unclaimed + landed.len();
        let is_result = matches!(landed.status, Status::Ok | Status::AppError);
        if is_result && unclaimed > self.limits().unclaimed_bytes && !question.cancelled {
            after.drop_references(landed.incoming.into_references());
            let text = format!("the result was dropped: {unclaimed} bytes of results wait here for callers that do not take them");
            after.wake(state.waiters.fail(question.token, Error::new(ErrorKind::Overloaded, Outcome::Ran, text)));
        } else {
            let (waker, unwanted) = state.waiters.done(question.token, landed);
            after.wake(waker);
            after.drop_references(unwanted.into_references());
        }
        if state.waiting_len() > 0 {
            self.pump(state, after);
        }
    }

    fn on_finish(&self, state: &mut State, finish: &Finish, after: &mut Afterwards) -> Result<(), Rule> {
        match state.proto.handle_finish(finish.id, finish.cancel)? {
            Finished::Nothing => return Ok(()),
            Finished::LetGo => {
                after.drop_references(std::mem::take(&mut state.running_mut(finish.id).held));
                if !state.kept.is_empty() {
                    let kept = state.kept.remove(&finish.id).into_iter().flatten();
                    after.drop_references(kept.map(|(_, reference)| reference));
                }
                return Ok(());
            }
            Finished::Stop => {}
        }
        if let Some(queued) = state.queued.remove(&finish.id) {
            self.give_up_queued(state, finish.id, queued, after);
            return Ok(());
        }
        let running = state.running_mut(finish.id);
        if let Some(flag) = &running.cancelled {
            flag.set.store(true, std::sync::atomic::Ordering::Release);
            flag.notify.notify_waiters();
        }
        if !running.no_cancel {
            after.abort(running.task.take());
        }
        Ok(())
    }

    fn on_chunk(self: &Arc<Self>, chunk: &wire::Chunk<'_>, batch: &mut Batch) {
        let mut after = Afterwards::default();
        let mut arrival = Arrival::Nothing;
        let mut goes_on = true;
        {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            if state.closed.is_some() {
                return;
            }
            match state.proto.handle_chunk(chunk.of, chunk.id, chunk.bytes.len() as u64) {
                Err(rule) => goes_on = state.refuse(wire::kind::CHUNK, rule),
                Ok(complete) => {
                    state.arriving.push(chunk.of, chunk.id, chunk.bytes);
                    if complete {
                        match chunk.of {
                            ChunkOf::Call => arrival = self.call_arrived(state, chunk.id),
                            ChunkOf::Return => self.partial_return_arrived(state, chunk.id, &mut after),
                        }
                    }
                }
            }
        }
        after.run();
        match arrival {
            Arrival::InLine(object) => self.advance(object, batch),
            Arrival::Failed(reply) => self.finish_call(chunk.id, reply),
            Arrival::Nothing => {}
        }
        if !goes_on {
            self.end_for_refusals();
        }
    }

    fn partial_return_arrived(&self, state: &mut State, id: crate::id::CallId, after: &mut Afterwards) {
        let Some(whole) = state.arriving.take(ChunkOf::Return, id) else { return };
        let Some(PartialReturn { status, codec, mut incoming, cost }) = state.partial_returns.remove(&id) else { return };
        incoming.set_segments(whole.segments);
        let landed = Landed { status, codec, bytes: LandedBytes::Whole(whole.bytes), incoming };
        self.return_arrived(state, id, landed, cost, after);
    }
}

fn on_define(state: &mut State, define: &Define<'_>) -> Result<(), Rule> {
    if !define.name.is_empty() {
        state.proto.peer.define_interface(define.interface, define.name)?;
    }
    for method in &define.methods {
        state.proto.peer.define_method(define.interface, method)?;
    }
    Ok(())
}

/// Places kept in an empty table.
const SERVANTS_KEPT: usize = 64;
