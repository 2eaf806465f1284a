//! Owns every bound that a node keeps, with its default and its reason. It enforces none of them: the tables do.

use std::time::Duration;

/// What this node allows each peer, and what it announces in its hello.
///
/// ```
/// let limits = netref::Limits { calls_in_flight: 16, ..netref::Limits::default() };
/// assert_eq!(limits.message_bytes, 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Calls of one session whose handlers may be unfinished here at a time, counted twice: once for calls from outside any handler and
    /// once, in a pool of the same size, for calls made inside one. Besides, as many of each that were sent ahead of the results on which they
    /// are made, and as many results that are kept for such calls. Default 4,096: far above what a busy session needs to fill a
    /// link (64 in flight saturate loopback) and small enough that the handlers' futures stay in the tens of megabytes.
    pub calls_in_flight: u32,
    /// Objects exported to an authenticated peer or one on this machine. Default 1,000,000 (about 100 MB of tables).
    pub exports: u32,
    /// Objects exported to any other peer. Default 10,000.
    pub exports_stranger: u32,
    /// Bytes of one message: arguments or a result, bulk bytes included, however far it is compressed on its way. Default 64 MiB; larger
    /// data belongs in a byte stream.
    pub message_bytes: u64,
    /// Bytes of call payloads that may be on their way to this node on one session. Less than five quarters of `message_bytes` counts
    /// as that, so that a message of any size fits in time. What its compressed calls that run here stand for beyond what has travelled
    /// is at most as much again. Default 80 MiB.
    pub call_window: u64,
    /// Bytes of return payloads that may be on their way to this node on one session. Bounded below as `call_window` is. Default
    /// 80 MiB.
    pub return_window: u64,
    /// Bytes of results that arrived and were not yet picked up by their callers; above it a result is dropped and its caller told
    /// so. Default 256 MiB.
    pub unclaimed_bytes: u64,
    /// Bytes of results that wait here for a peer to take them, on one session; above it a result is dropped and its caller told so.
    /// Default 256 MiB.
    pub unsent_bytes: u64,
    /// Streams that a peer may have opened at a time on one session. This side opens no more of its own either. Default 256; 0 offers
    /// none.
    pub streams: u32,
    /// Bytes of one stream that may wait here, or be on their way, before its reader takes them; and bytes of one that may wait here for a peer to
    /// take them, before its writer has to wait. Default 512 KiB: enough to keep a link of
    /// 1 Gbit/s busy that takes 4 ms there and back; one that takes longer needs more. An item has at most three quarters of it. While calls
    /// share the session, a writer of bytes uses less of it where the link is fast. Less than 65,536 counts as that.
    pub stream_window: u64,
    /// The same for all streams of a session together. Default 256 MiB, which is room for every stream that either side may open: readers
    /// that have stopped never keep another stream waiting. It is `2 * streams * stream_window`; with less, enough readers that have
    /// stopped stop other streams too, though never calls, and a large item may wait long behind small ones of other streams. Less than two
    /// windows of a stream counts as that.
    pub streams_window: u64,
    /// Methods one peer may define on one session. Default 16,384: a large program has hundreds.
    pub definitions: u32,
    /// How deep a value may be nested. Default 64, as Cap'n Proto's: a decoder uses a stack frame per level.
    pub depth: u32,
    /// Bytes that a decoded message may take in memory, with at least one byte charged per element. Default 256 MiB.
    pub decoded_bytes: u64,
    /// Calls that may wait here, at the caller, for credit on one session. Default 100,000.
    pub waiting_calls: u32,
    /// Calls that may wait here, at the caller, for what one promise turns out to be, besides those that travel ahead; and places in the
    /// results of calls that run here of which one peer has passed promises back. Default 4,096.
    pub promised_calls: u32,
    /// Frames of one peer that were refused before its session is closed. Default 1,000.
    pub refusals: u32,
    /// How many steps of ancestry a call may carry (see law 8 on re-entrance). Default 256.
    pub chain_holds: u32,
    /// How long the handshake may take. Default 5 s.
    pub handshake: Duration,
    /// How long a call made inside a handler waits for credit without any progress before it fails. Default 10 s.
    pub nested_wait: Duration,
    /// Links that may be in their handshake at a time on one listener. Default 64. When all places are taken and another link comes, one
    /// that has taken more than a tenth of `handshake` gives its place up.
    pub handshakes: u32,
    /// Sessions a node holds at a time. Default 20,000.
    pub sessions: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_in_flight: 4_096,
            exports: 1_000_000,
            exports_stranger: 10_000,
            message_bytes: 64 << 20,
            call_window: 80 << 20,
            return_window: 80 << 20,
            unclaimed_bytes: 256 << 20,
            unsent_bytes: 256 << 20,
            streams: 256,
            stream_window: 512 << 10,
            streams_window: 256 << 20,
            definitions: 16_384,
            depth: 64,
            decoded_bytes: 256 << 20,
            waiting_calls: 100_000,
            promised_calls: 4_096,
            refusals: 1_000,
            chain_holds: 256,
            handshake: Duration::from_secs(5),
            nested_wait: Duration::from_secs(10),
            handshakes: 64,
            sessions: 20_000,
        }
    }
}

/// The limits that a hello announces: what the other side may do without being refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerLimits {
    /// See [`Limits::calls_in_flight`].
    pub calls_in_flight: u32,
    /// See [`Limits::exports`].
    pub exports: u32,
    /// See [`Limits::message_bytes`].
    pub message_bytes: u64,
    /// See [`Limits::call_window`].
    pub call_window: u64,
    /// See [`Limits::return_window`].
    pub return_window: u64,
    /// See [`Limits::definitions`].
    pub definitions: u32,
    /// Streams that may be open at a time; 0 where streams are not offered.
    pub streams: u32,
    /// See [`Limits::stream_window`].
    pub stream_window: u64,
    /// See [`Limits::streams_window`].
    pub streams_window: u64,
    /// See [`Limits::depth`].
    pub depth: u32,
    /// The longest silence that the sender of the hello tolerates, in milliseconds; 0 when it has no keep-alive.
    pub keep_alive_ms: u64,
}

/// References in one message. They also have to fit its first frame, which takes about 3,000 to objects that the receiver has not seen.
pub const REFERENCES_MAX: usize = 4_096;

/// Bulk segments in one message.
pub const SEGMENTS_MAX: usize = 256;

/// What a reference in a message costs of its window beside the payload: about what its table entry takes in memory.
const REFERENCE_COST: u64 = 64;

/// What a bulk segment costs of its window beside its bytes.
const SEGMENT_COST: u64 = 32;

/// What the tables of one message cost at most.
pub const TABLES_COST_MAX: u64 = REFERENCES_MAX as u64 * REFERENCE_COST + SEGMENTS_MAX as u64 * SEGMENT_COST;

/// The size of a message, and what it takes of its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Size {
    /// Payload bytes, bulk bytes included.
    pub(crate) total: u64,
    /// What the message takes of its window: the payload, and something for each table entry.
    pub(crate) cost: u64,
}

impl Size {
    pub(crate) const fn new(total: u64, references: usize, segments: usize) -> Self {
        let tables = (references as u64 * REFERENCE_COST).saturating_add(segments as u64 * SEGMENT_COST);
        Self { total, cost: total.saturating_add(tables) }
    }
}

/// What an item of a stream costs of its window beside its bytes and references: about what it takes in memory while it waits.
pub const ITEM_COST: u64 = 64;

/// What the references of an item cost.
pub(crate) const fn references_cost(references: usize) -> u64 {
    references as u64 * REFERENCE_COST
}

/// A window of a stream that is announced smaller than this is read as this.
pub const STREAM_WINDOW_MIN: u64 = 65_536;

/// The same for all streams together: half of it may have been read and not been granted again yet, and the largest item takes a whole
/// window of its stream.
pub const fn streams_window_min(stream_window: u64) -> u64 {
    stream_window.saturating_mul(2)
}

/// A window that is announced smaller than this is read as this: 64 KiB of payload with the largest tables.
pub const WINDOW_MIN: u64 = 65_536 + TABLES_COST_MAX;

impl PeerLimits {
    /// The same limits without contradictions: a message has to fit the windows that it moves through, and at least one call and one
    /// object have to be allowed.
    #[must_use]
    pub fn consistent(mut self) -> Self {
        self.call_window = self.call_window.max(WINDOW_MIN);
        self.return_window = self.return_window.max(WINDOW_MIN);
        self.message_bytes = self.message_bytes.min(self.call_window - TABLES_COST_MAX).min(self.return_window - TABLES_COST_MAX);
        self.stream_window = self.stream_window.max(STREAM_WINDOW_MIN);
        self.streams_window = self.streams_window.max(streams_window_min(self.stream_window));
        self.calls_in_flight = self.calls_in_flight.max(1);
        self.exports = self.exports.max(1);
        self.definitions = self.definitions.max(1);
        self.depth = self.depth.max(1);
        self
    }

    /// What a peer is taken to allow when its hello leaves a key out.
    pub const MINIMUM: Self = Self {
        calls_in_flight: 1,
        exports: 1,
        message_bytes: 65_536,
        call_window: WINDOW_MIN,
        return_window: WINDOW_MIN,
        definitions: 64,
        streams: 0,
        stream_window: STREAM_WINDOW_MIN,
        streams_window: streams_window_min(STREAM_WINDOW_MIN),
        depth: 64,
        keep_alive_ms: 0,
    };
}
