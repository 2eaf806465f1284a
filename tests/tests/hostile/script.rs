//! Owns what a peer that is written by hand says and hears: frames with defaults, the codes of the rules, and ids that mean nothing.

use netref::id::{CallId, ExportId, Incarnation, NodeId};
use netref::limits::PeerLimits;
use netref::wire::{self, Body, Call, Descriptor, Frame, Hello, Identity, Status, Target};

/// The codes of the rules, as protocol.md has them.
pub mod rule {
    pub const CALL_ID_IN_USE: u32 = 0;
    pub const RETURN_FOR_NO_CALL: u32 = 1;
    pub const CHUNK_WITHOUT_BEGINNING: u32 = 2;
    pub const BEYOND_CREDIT: u32 = 3;
    pub const RELEASE_BEYOND_COUNT: u32 = 4;
    pub const UNKNOWN_EXPORT: u32 = 5;
    pub const EXPORT_ID_IN_USE: u32 = 6;
    pub const DEFINITION: u32 = 7;
    pub const FEATURE_NOT_NEGOTIATED: u32 = 8;
    pub const GO_AWAY_RAISED: u32 = 9;
    pub const HANDSHAKE_OVER: u32 = 10;
    pub const FINISH_FOR_NO_CALL: u32 = 11;
    pub const MALFORMED: u32 = 12;
    pub const STREAM_NOT_THERE: u32 = 13;
    pub const STREAM_FORM: u32 = 14;
    pub const STREAM_ID_IN_USE: u32 = 15;
    pub const DISEMBARGO: u32 = 16;
    pub const RESOLVE: u32 = 17;
}

/// A frame, as far as a test cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Refused { kind: u8, code: u32, text: String },
    Refuse { code: u32, text: String },
    Return { id: CallId, status: Status, bytes: Vec<u8>, total: u64, exports: Vec<ExportId>, identities: Vec<Identity> },
    Call { id: CallId, bytes: Vec<u8> },
    GoAway { code: u32, text: String },
    Pong(u64),
    Other(u8),
}

pub fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + (u64::from(std::process::id()) << 32)
}

pub fn hello(major: u32) -> Hello<'static> {
    Hello {
        major,
        minor: 0,
        features: 0,
        node: NodeId(u128::from(unique())),
        incarnation: Incarnation(unique()),
        share: [9; 32],
        name: "hostile",
        limits: PeerLimits {
            calls_in_flight: 100,
            exports: 100,
            message_bytes: 4 << 20,
            call_window: 8 << 20,
            return_window: 8 << 20,
            ..PeerLimits::MINIMUM
        },
    }
}

/// Of a peer that takes compressed bodies.
pub fn compressing_hello() -> Hello<'static> {
    Hello { features: wire::feature::COMPRESSION, ..hello(wire::MAJOR) }
}

/// Of a peer that takes streams.
pub fn streaming_hello() -> Hello<'static> {
    let plain = hello(wire::MAJOR);
    let limits = PeerLimits { streams: 8, ..plain.limits };
    Hello { features: wire::feature::STREAMS, limits, ..plain }
}

pub fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(frame, &mut bytes).expect("a frame");
    bytes
}

/// A frame of any bytes.
pub fn crude(body: &[u8]) -> Vec<u8> {
    let mut bytes = ((body.len() - 1) as u16).to_le_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

pub fn body(bytes: &[u8]) -> Body<'_> {
    Body { codec: 0, references: Vec::new(), segments: Vec::new(), total: bytes.len() as u64, original: None, bytes }
}

pub fn call(id: CallId, target: Target, method: u32, arguments: &[u8]) -> Call<'_> {
    Call {
        id,
        target,
        method,
        deadline_us: None,
        chain: None,
        trace: None,
        oneway: false,
        idempotent: false,
        nested: false,
        promised: false,
        extensions: Vec::new(),
        body: body(arguments),
    }
}

pub fn got(frame: Frame<'_>) -> Got {
    match frame {
        Frame::Refused(refused) => Got::Refused { kind: refused.kind, code: refused.code, text: refused.text.to_owned() },
        Frame::Refuse(refuse) => Got::Refuse { code: refuse.code, text: refuse.text.to_owned() },
        Frame::Return(frame) => {
            let exports = frame.body.references.iter().filter_map(|descriptor| match descriptor {
                Descriptor::Hosted { export, .. } | Descriptor::Promise { export, .. } => Some(*export),
                _ => None,
            });
            let exports = exports.collect();
            let identities = frame.body.references.iter().filter_map(|descriptor| match descriptor {
                Descriptor::Hosted { identity, .. } => Some(identity.clone()),
                _ => None,
            });
            let identities = identities.collect();
            Got::Return {
                id: frame.id,
                status: frame.status,
                bytes: frame.body.bytes.to_vec(),
                total: frame.body.total,
                exports,
                identities,
            }
        }
        Frame::Call(call) => Got::Call { id: call.id, bytes: call.body.bytes.to_vec() },
        Frame::GoAway(go_away) => Got::GoAway { code: go_away.code, text: go_away.text.to_owned() },
        Frame::Pong(pong) => Got::Pong(pong.token),
        other => Got::Other(other.kind()),
    }
}

pub const NOWHERE: ExportId = ExportId { index: 77, generation: 3 };
pub const NOBODY: CallId = CallId { index: 3, generation: 99 };
