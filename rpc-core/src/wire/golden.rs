//! Owns the golden bytes: at least one frame of each kind and one description of each kind, written by hand from `protocol.md`, where
//! every one of them is shown. Groups of digits are fields.

use super::*;
use crate::id::{CallId, ExportId, Incarnation, NodeId, SessionId, StreamId};
use crate::limits::PeerLimits;

const PROTOCOL: &str = include_str!("../protocol.md");
const NODE: NodeId = NodeId(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f);
const INCARNATION: Incarnation = Incarnation(0x1112_1314_1516_1718);
const SESSION: SessionId = SessionId(0x2021_2223_2425_2627_2829_2a2b_2c2d_2e2f);
const TAG: u64 = 0x8877_6655_4433_2211;
const TOKEN: [u8; 16] = [0xd1; 16];

/// 24 times the letter a, as LZ4 has it: one of them, 18 times the byte before, and five more.
pub(crate) const COMPRESSED: &[u8] = &[0x1e, 0x61, 0x01, 0x00, 0x50, 0x61, 0x61, 0x61, 0x61, 0x61];

pub(super) fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16).unwrap()).collect();
    assert_eq!(digits.len() % 2, 0, "{hex}");
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn call_id(index: u32, generation: u32) -> CallId {
    CallId { index, generation }
}

fn export(index: u32, generation: u32) -> ExportId {
    ExportId { index, generation }
}

fn stream(index: u32, generation: u32) -> StreamId {
    StreamId { index, generation }
}

fn body(codec: u8, bytes: &'static [u8]) -> Body<'static> {
    Body { codec, references: Vec::new(), segments: Vec::new(), total: bytes.len() as u64, original: None, bytes }
}

fn call(id: CallId, target: Target, method: u32, body: Body<'static>) -> Call<'static> {
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
        body,
    }
}

fn hosted() -> Descriptor<'static> {
    Descriptor::Hosted { export: export(5, 0), interface: 1, identity: Identity::Own { number: 7, tag: TAG } }
}

/// Whole frames, their length included.
pub(super) fn frames() -> Vec<(&'static str, Frame<'static>)> {
    let mut all = link_frames();
    all.extend(call_frames());
    all.extend(reference_frames());
    all.extend(stream_frames());
    all
}

fn link_frames() -> Vec<(&'static str, Frame<'static>)> {
    let limits = PeerLimits {
        calls_in_flight: 4_096,
        exports: 1_000_000,
        message_bytes: 64 << 20,
        call_window: 64 << 20,
        return_window: 64 << 20,
        definitions: 16_384,
        streams: 512,
        stream_window: 256 << 10,
        streams_window: 256 << 20,
        depth: 64,
        keep_alive_ms: 60_000,
    };
    vec![
        (
            "6f00 01 01 00 00 0f0e0d0c0b0a09080706050403020100 1817161514131211 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 05616c706861 0b 018020 02c0843d 0380808020 0480808020 0580808020 06808001 078004 0840 09e0d403 0a808010 0b8080808001",
            Frame::Hello(Hello {
                major: 1,
                minor: 0,
                features: 0,
                node: NODE,
                incarnation: INCARNATION,
                share: [0xa5; 32],
                name: "alpha",
                limits,
            }),
        ),
        ("1100 02 00 2f2e2d2c2b2a29282726252423222120", Frame::Start(Start::New { session: SESSION })),
        (
            "3300 02 01 2f2e2d2c2b2a29282726252423222120 ac02 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
            Frame::Start(Start::Attach { session: SESSION, received: 300, proof: [0x5a; 32] }),
        ),
        (
            "3100 03 2f2e2d2c2b2a29282726252423222120 00 3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c",
            Frame::Accept(Accept { session: SESSION, received: 0, proof: [0x3c; 32] }),
        ),
        ("0400 04 01 026e6f", Frame::Refuse(Refuse { code: 1, text: "no" })),
        ("0d00 30 2a 00 0a676f696e672061776179", Frame::GoAway(GoAway { last_call: 42, code: 0, text: "going away" })),
        ("0d00 31 20 08 0a6e6f2073747265616d73", Frame::Refused(Refused { kind: kind::STREAM_DATA, code: 8, text: "no streams" })),
        ("0200 38 ac02", Frame::Ack(Ack { received: 300 })),
        ("0800 39 0700000000000000", Frame::Ping(Ping { token: 7 })),
        ("0800 3a 0700000000000000", Frame::Pong(Pong { token: 7 })),
    ]
}

fn call_frames() -> Vec<(&'static str, Frame<'static>)> {
    let chained = Body { total: 100_000, ..body(0, &[0xaa, 0xbb]) };
    let compressed = Body { original: Some(24), ..body(0, COMPRESSED) };
    let large = Body {
        references: vec![Descriptor::Yours { export: export(4, 0) }],
        segments: vec![3],
        total: 100_000,
        original: Some(1_000_000),
        ..body(0, &[0xaa, 0xbb])
    };
    let result = Body { references: vec![hosted()], ..body(0, &[0x00]) };
    let answered = Target::Answer { call: call_id(6, 2), path: vec![0, 1] };
    let open = DefineMethod {
        number: 1,
        name: "open",
        fingerprint: 0x0123_4567_89ab_cdef,
        signature: "async fn open(&self) -> Result<u8, E>",
        structure: &[0xab, 0xcd],
    };
    let close = DefineMethod { number: 2, name: "close", fingerprint: 0, signature: "", structure: &[] };
    vec![
        (
            "4400 10 01 0a62616e6b3a3a42616e6b 01 01 046f70656e efcdab8967452301 256173796e6320666e206f70656e282673656c6629202d3e20526573756c743c75382c20453e 02abcd",
            Frame::Define(Define { interface: 1, name: "bank::Bank", methods: vec![open] }),
        ),
        ("1400 10 01 00 01 02 05636c6f7365 0000000000000000 00 00", Frame::Define(Define { interface: 1, name: "", methods: vec![close] })),
        ("0900 11 0502 010301 01 00 00 03", Frame::Call(call(call_id(5, 2), Target::Export(export(3, 1)), 1, body(0, &[3])))),
        (
            "0b00 11 0803 010301 02 08 01 5b315d",
            Frame::Call(Call { oneway: true, ..call(call_id(8, 3), Target::Export(export(3, 1)), 2, body(1, b"[1]")) }),
        ),
        (
            "5400 11 ac0201 00 02 ff01 c0843d c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1 01 c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2 36470e0e9d92cea3a64db377352ff94b b702a90baa67f000 01 01 07 02beef 30 01 030400 01 03 00 010203",
            Frame::Call(full_call()),
        ),
        ("0d00 11 0602 010301 01 00 40 a08d06 aabb", Frame::Call(call(call_id(6, 2), Target::Export(export(3, 1)), 1, chained))),
        (
            "1300 11 0502 010301 01 00 80 18 1e610100506161616161",
            Frame::Call(call(call_id(5, 2), Target::Export(export(3, 1)), 1, compressed)),
        ),
        (
            "1200 12 0502 00 f0 01 030400 01 03 a08d06 c0843d aabb",
            Frame::Return(Return { id: call_id(5, 2), status: Status::Ok, body: large }),
        ),
        ("0b00 11 0702 02 0602 02 00 01 01 00 00", Frame::Call(call(call_id(7, 2), answered, 1, body(0, &[])))),
        ("0500 17 00 0602 cccc", Frame::Chunk(Chunk { of: ChunkOf::Call, id: call_id(6, 2), bytes: &[0xcc, 0xcc] })),
        ("0400 17 01 0502 dd", Frame::Chunk(Chunk { of: ChunkOf::Return, id: call_id(5, 2), bytes: &[0xdd] })),
        ("0500 12 0502 00 00 07", Frame::Return(Return { id: call_id(5, 2), status: Status::Ok, body: body(0, &[7]) })),
        (
            "1400 12 0502 00 10 01 01 0500 01 00 07 1122334455667788 00",
            Frame::Return(Return { id: call_id(5, 2), status: Status::Ok, body: result }),
        ),
        ("0500 12 0502 01 00 02", Frame::Return(Return { id: call_id(5, 2), status: Status::AppError, body: body(0, &[2]) })),
        ("0600 12 0502 02 00 0e0f", Frame::Return(Return { id: call_id(5, 2), status: Status::SystemError, body: body(0, &[0x0e, 0x0f]) })),
        ("0400 12 0502 04 00", Frame::Return(Return { id: call_id(5, 2), status: Status::Broken, body: body(0, &[]) })),
        ("0400 12 0502 03 00", Frame::Return(Return { id: call_id(5, 2), status: Status::Cancelled, body: body(0, &[]) })),
        ("0300 13 0502 00", Frame::Finish(Finish { id: call_id(5, 2), cancel: false, release_results: false })),
        ("0300 13 0502 03", Frame::Finish(Finish { id: call_id(5, 2), cancel: true, release_results: true })),
        ("0400 23 00 808004", Frame::Credit(Credit { window: Window::Calls, bytes: 65_536 })),
        ("0400 23 01 808004", Frame::Credit(Credit { window: Window::Returns, bytes: 65_536 })),
        ("0400 23 02 808004", Frame::Credit(Credit { window: Window::Streams, bytes: 65_536 })),
    ]
}

fn full_call() -> Call<'static> {
    let body = Body { references: vec![Descriptor::Yours { export: export(4, 0) }], segments: vec![3], ..body(0, &[0, 1, 2, 3]) };
    Call {
        id: call_id(300, 1),
        target: Target::Root,
        method: 2,
        deadline_us: Some(1_000_000),
        chain: Some(Chain { root: [0xc1; 16], holds: vec![[0xc2; 16]] }),
        trace: Some(Trace { trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span_id: 0x00f0_67aa_0ba9_02b7, flags: 1 }),
        oneway: true,
        idempotent: true,
        nested: true,
        promised: true,
        extensions: vec![(7, &[0xbe, 0xef])],
        body,
    }
}

fn reference_frames() -> Vec<(&'static str, Frame<'static>)> {
    let yours = Resolution::Reference(Descriptor::Yours { export: export(4, 0) });
    let answer = Target::Answer { call: call_id(5, 2), path: vec![0] };
    vec![
        ("0800 14 02 0500 01 0901 ac02", Frame::Release(Release { entries: vec![(export(5, 0), 1), (export(9, 1), 300)] })),
        ("0600 15 0a00 00 030400", Frame::Resolve(Resolve { promise: export(10, 0), to: yours })),
        ("0600 15 0a00 01 020e0f", Frame::Resolve(Resolve { promise: export(10, 0), to: Resolution::Error(&[0x0e, 0x0f]) })),
        ("0700 16 01 00 02 0502 01 00", Frame::Disembargo(Disembargo { embargo: 1, context: DisembargoContext::SenderLoopback(answer) })),
        ("0200 16 01 01", Frame::Disembargo(Disembargo { embargo: 1, context: DisembargoContext::ReceiverLoopback })),
        ("1300 28 010301 d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1", Frame::Provide(Provide { target: Target::Export(export(3, 1)), token: TOKEN })),
        ("1200 29 0902 d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1", Frame::Collect(Collect { id: call_id(9, 2), token: TOKEN })),
    ]
}

fn stream_frames() -> Vec<(&'static str, Frame<'static>)> {
    let yours = Descriptor::Yours { export: export(4, 0) };
    vec![
        (
            "0500 20 0100 00 eeee",
            Frame::StreamData(StreamData { id: stream(1, 0), end_of_item: false, references: Vec::new(), bytes: &[0xee, 0xee] }),
        ),
        (
            "0800 20 0100 03 01 030400 ee",
            Frame::StreamData(StreamData { id: stream(1, 0), end_of_item: true, references: vec![yours], bytes: &[0xee] }),
        ),
        ("0500 21 0100 808004", Frame::StreamCredit(StreamCredit { id: stream(1, 0), bytes: 65_536 })),
        ("0300 22 0100 00", Frame::StreamClose(StreamClose { id: stream(1, 0), by_receiver: false, error: None })),
        ("0600 22 0100 03 020e0f", Frame::StreamClose(StreamClose { id: stream(1, 0), by_receiver: true, error: Some(&[0x0e, 0x0f]) })),
    ]
}

/// Descriptions of references, as they stand in the table of a body.
pub(super) fn descriptors() -> Vec<(&'static str, Descriptor<'static>)> {
    let foreign = Identity::Foreign { node: NODE, incarnation: INCARNATION, number: 7, tag: TAG };
    vec![
        ("00 04676f6e65", Descriptor::Broken { text: "gone" }),
        ("01 0500 01 00 07 1122334455667788", hosted()),
        (
            "01 0500 01 01 0f0e0d0c0b0a09080706050403020100 1817161514131211 07 1122334455667788",
            Descriptor::Hosted { export: export(5, 0), interface: 1, identity: foreign },
        ),
        ("02 0600 01", Descriptor::Promise { export: export(6, 0), interface: 1 }),
        ("03 0400", Descriptor::Yours { export: export(4, 0) }),
        ("04 0502 01 00", Descriptor::Answer { call: call_id(5, 2), path: vec![0] }),
        ("05 01 07 1122334455667788", Descriptor::Home { interface: 1, number: 7, tag: TAG }),
        (
            "06 0f0e0d0c0b0a09080706050403020100 1817161514131211 d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1 0d7463703a2f2f5b3a3a315d3a37 0700",
            Descriptor::ThirdParty { node: NODE, incarnation: INCARNATION, token: TOKEN, address: "tcp://[::1]:7", vine: export(7, 0) },
        ),
        ("07 0100 00", Descriptor::StreamSender { stream: stream(1, 0), kind: 0 }),
        ("08 0200 00", Descriptor::StreamReceiver { stream: stream(2, 0), kind: 0 }),
    ]
}

/// A return that carries one reference.
pub(super) fn carrying(descriptor: Descriptor<'static>) -> Frame<'static> {
    let body = Body { references: vec![descriptor], ..body(0, &[0]) };
    Frame::Return(Return { id: call_id(5, 2), status: Status::Ok, body })
}

#[test]
fn every_golden_frame_is_written_as_shown() {
    for (hex, frame) in frames() {
        let mut out = vec![0xff];
        encode(&frame, &mut out).unwrap();
        assert_eq!(out[0], 0xff, "encode appends");
        assert_eq!(out[1..], bytes_of(hex), "{frame:?}");
    }
}

#[test]
fn every_golden_frame_is_read_as_shown() {
    for (hex, frame) in frames() {
        let mut bytes = bytes_of(hex);
        let whole = bytes.len();
        bytes.extend_from_slice(&[0xff; 3]);
        let (body, consumed) = split(&bytes).unwrap();
        assert_eq!(consumed, whole, "{frame:?}");
        assert_eq!(decode(body), Ok(frame));
    }
}

#[test]
fn every_golden_descriptor_is_written_and_read_as_shown() {
    for (hex, descriptor) in descriptors() {
        let mut out = Vec::new();
        put_descriptor(&mut out, &descriptor);
        assert_eq!(out, bytes_of(hex), "{descriptor:?}");
        let frame = format!("12 0502 00 10 01 {hex} 00");
        assert_eq!(decode(&bytes_of(&frame)), Ok(carrying(descriptor)));
    }
}

#[test]
fn every_kind_has_a_golden_frame() {
    let shown: Vec<u8> = frames().iter().map(|(_, frame)| frame.kind()).collect();
    for known in (0..=0xff).filter(|kind| decode(&[*kind]) != Err(DecodeError::UnknownKind(*kind))) {
        assert!(shown.contains(&known), "{known:#04x}");
    }
    let mut kinds = shown;
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 23);
}

#[test]
fn every_kind_of_descriptor_has_golden_bytes() {
    let tags: Vec<u8> = descriptors().iter().map(|(hex, _)| bytes_of(hex)[0]).collect();
    for tag in 0..=0x7f {
        let frame = [kind::RETURN, 0, 0, 0, 0x10, 1, tag, 0];
        let known = decode(&frame) != Err(DecodeError::UnknownDescriptor(tag.into()));
        assert_eq!(known, tags.contains(&tag), "{tag}");
    }
}

#[test]
fn protocol_shows_every_golden_byte() {
    let frames = frames().into_iter().map(|(hex, _)| hex);
    let descriptors = descriptors().into_iter().map(|(hex, _)| hex);
    for hex in frames.chain(descriptors) {
        assert!(PROTOCOL.contains(hex), "protocol.md does not show {hex}");
    }
    let magic: String = MAGIC.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(PROTOCOL.contains(&magic));
}
