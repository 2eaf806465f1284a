//! Owns one end of a simulated session: the real protocol state, and beside it what the shell keeps in the real one. Its half of the link
//! is a run of bytes, of which some were handed to the link and some of those have arrived.

use std::collections::{BTreeMap, VecDeque};

use super::call::Verdict;
use super::node::Ref;
use crate::id::{CallId, ExportId};
use crate::proto::ways::Life;
use crate::proto::{AheadRoom, Connection, Lines};
use crate::wire::{self, Chunk, ChunkOf, Frame, Ping, Pong, Release};

/// A call that is here and waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ready {
    pub(super) call: u32,
    pub(super) servant: Ref,
    pub(super) references: Vec<Ref>,
    pub(super) cost: u64,
}

/// What becomes of a call that is arriving, once it is here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Awaited {
    Ready(u64, Ready),
    /// It is not known yet what is called.
    Ahead,
    /// There is nothing to call.
    Failed(Verdict),
    /// It came after the go-away.
    Nothing,
}

/// A call that waits for the result on which it is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Queued {
    pub(super) on: CallId,
    pub(super) place: u64,
    pub(super) call: u32,
    pub(super) references: Vec<Ref>,
    pub(super) cost: u64,
    pub(super) is_here: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    pub(super) cost: u64,
    pub(super) call: u32,
    pub(super) awaited: Awaited,
}

/// A return that is arriving.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Partial {
    pub(super) verdict: Verdict,
    pub(super) references: Vec<Ref>,
    pub(super) cost: u64,
}

/// A return on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reply {
    pub(super) call: u32,
    pub(super) verdict: Verdict,
    pub(super) references: Vec<Ref>,
    pub(super) size: u32,
}

/// The rest of a message whose first frame is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rest {
    pub(super) of: ChunkOf,
    pub(super) id: CallId,
    pub(super) call: u32,
    pub(super) bytes: u32,
}

/// What was taken for the link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pipe {
    /// From the first frame that the other side has not handled.
    pub(super) bytes: Vec<u8>,
    /// How much of it the link has taken, and how much of that has arrived.
    pub(super) handed: usize,
    pub(super) arrived: usize,
    /// Nothing follows.
    pub(super) closed: bool,
    /// The link was cut: its end may be noticed before everything is read.
    pub(super) cut: bool,
    /// Nothing arrives any more, and nobody is told.
    pub(super) silent: bool,
}

/// Chunks taken for the link at a time, as the outbox of the real session does.
const CHUNKS_PER_BATCH: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) node: usize,
    pub(super) peer: Life,
    pub(super) open: bool,
    pub(super) proto: Connection,
    pub(super) waiting: [VecDeque<u32>; 2],
    pub(super) held_arguments: BTreeMap<CallId, Vec<Ref>>,
    pub(super) held_returns: VecDeque<(CallId, Reply)>,
    pub(super) held_results: BTreeMap<CallId, Vec<Ref>>,
    pub(super) pending: BTreeMap<CallId, Pending>,
    pub(super) partial: BTreeMap<CallId, Partial>,
    /// Room at the other end for calls ahead.
    pub(super) room: AheadRoom,
    pub(super) queued: BTreeMap<CallId, Queued>,
    /// Results of promised calls: the first reference in each.
    pub(super) kept: BTreeMap<CallId, Option<Ref>>,
    pub(super) lines: Lines<Ready>,
    pub(super) servants: BTreeMap<u32, Ref>,
    pub(super) imports: BTreeMap<u32, u64>,
    pub(super) releases: Vec<(ExportId, u32)>,
    pub(super) pong: Option<u64>,
    pub(super) out: Vec<u8>,
    pub(super) rests: VecDeque<Rest>,
    pub(super) pipe: Pipe,
    pub(super) leaving: bool,
    /// How many calls were sent, and by line the last of the peer's that has started.
    pub(super) sent: u32,
    pub(super) started: BTreeMap<u64, u32>,
}

impl End {
    pub(super) fn new(node: usize, peer: Life, mut proto: Connection) -> Self {
        proto.answers.offer_promises();
        Self {
            room: AheadRoom::at(&proto.theirs),
            queued: BTreeMap::new(),
            kept: BTreeMap::new(),
            node,
            peer,
            open: true,
            proto,
            waiting: Default::default(),
            held_arguments: BTreeMap::new(),
            held_returns: VecDeque::new(),
            held_results: BTreeMap::new(),
            pending: BTreeMap::new(),
            partial: BTreeMap::new(),
            lines: Lines::default(),
            servants: BTreeMap::new(),
            imports: BTreeMap::new(),
            releases: Vec::new(),
            pong: None,
            out: Vec::new(),
            rests: VecDeque::new(),
            pipe: Pipe::default(),
            leaving: false,
            sent: 0,
            started: BTreeMap::new(),
        }
    }

    /// Queues a frame.
    pub(super) fn push(&mut self, frame: &Frame<'_>) {
        let written = wire::encode(frame, &mut self.out);
        debug_assert!(written.is_ok(), "{frame:?} did not fit: {written:?}");
    }

    pub(super) fn ping(&mut self, token: u64) {
        self.push(&Frame::Ping(Ping { token }));
    }

    /// Whether there is anything for the link.
    pub(super) fn has_output(&self) -> bool {
        let pipe = &self.pipe;
        self.open
            && !pipe.cut
            && (pipe.handed < pipe.bytes.len()
                || !self.out.is_empty()
                || !self.rests.is_empty()
                || !self.releases.is_empty()
                || self.pong.is_some())
    }

    /// Hands up to `most` bytes to the link, taking batch after batch as the writer of a session does. A batch is taken only once the
    /// one before has been handed over in full.
    pub(super) fn flush(&mut self, mut most: usize, chunk: u32) {
        loop {
            let unhanded = self.pipe.bytes.len() - self.pipe.handed;
            let now = unhanded.min(most);
            self.pipe.handed += now;
            most -= now;
            if now < unhanded || !self.fill(chunk) {
                return;
            }
        }
    }

    /// Takes the next batch.
    fn fill(&mut self, chunk: u32) -> bool {
        self.proto.answers.batch_written();
        if !self.releases.is_empty() {
            let mut releases = std::mem::take(&mut self.releases);
            self.proto.imports.give_back(&mut releases);
            if !releases.is_empty() {
                self.push(&Frame::Release(Release { entries: releases }));
            }
        }
        if let Some(token) = self.pong.take() {
            self.push(&Frame::Pong(Pong { token }));
        }
        if self.out.is_empty() && self.rests.is_empty() {
            return false;
        }
        self.pipe.bytes.append(&mut self.out);
        for _ in 0..CHUNKS_PER_BATCH {
            let Some(mut rest) = self.rests.pop_front() else { break };
            let bytes = vec![filler(rest.call); rest.bytes.min(chunk) as usize];
            rest.bytes -= bytes.len() as u32;
            let frame = Frame::Chunk(Chunk { of: rest.of, id: rest.id, bytes: &bytes });
            let written = wire::encode(&frame, &mut self.pipe.bytes);
            debug_assert!(written.is_ok(), "a chunk did not fit: {written:?}");
            if rest.bytes > 0 {
                self.rests.push_back(rest);
            }
        }
        true
    }
}

/// What the payload of a call consists of behind its head.
pub(super) const fn filler(call: u32) -> u8 {
    (call as u8).wrapping_mul(37) ^ 0xA5
}
