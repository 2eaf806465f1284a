//! Owns what holds of all frames: that they come back, and that no bytes whatever do harm.

use super::golden::{bytes_of, carrying, descriptors, frames};
use super::*;
use crate::id::{CallId, ExportId, Incarnation, NodeId, SessionId, StreamId};
use crate::limits::PeerLimits;

mod broken;
mod random;

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(frame, &mut out).unwrap();
    out
}

fn simple_call(bytes: &[u8]) -> Frame<'_> {
    Frame::Call(Call {
        id: CallId { index: 1, generation: 0 },
        target: Target::Export(ExportId { index: 2, generation: 0 }),
        method: 3,
        deadline_us: None,
        chain: None,
        trace: None,
        oneway: false,
        idempotent: false,
        nested: false,
        promised: false,
        extensions: Vec::new(),
        body: Body { codec: 0, references: Vec::new(), segments: Vec::new(), total: bytes.len() as u64, original: None, bytes },
    })
}

#[test]
fn frames_after_one_another_come_back_one_by_one() {
    let mut stream = Vec::new();
    for (_, frame) in frames() {
        encode(&frame, &mut stream).unwrap();
    }
    let mut rest = &stream[..];
    for (_, frame) in frames() {
        let (body, consumed) = split(rest).unwrap();
        assert_eq!(decode(body), Ok(frame));
        rest = &rest[consumed..];
    }
    assert_eq!(split(rest), None);
}

#[test]
fn the_largest_frame_is_64_kib() {
    let head = encoded(&simple_call(&[])).len() - 2;
    let bytes = vec![0x55; FRAME_MAX - head];
    let frame = simple_call(&bytes);
    let out = encoded(&frame);
    assert_eq!(out.len(), 2 + FRAME_MAX);
    assert_eq!(out[..2], [0xff, 0xff]);
    let (body, consumed) = split(&out).unwrap();
    assert_eq!((body.len(), consumed), (FRAME_MAX, out.len()));
    assert_eq!(decode(body), Ok(frame));
}

#[test]
fn a_frame_that_is_too_long_leaves_nothing_behind() {
    let bytes = vec![0x55; FRAME_MAX];
    let mut out = vec![1, 2, 3];
    assert_eq!(encode(&simple_call(&bytes), &mut out), Err(EncodeError::TooLong));
    assert_eq!(out, [1, 2, 3]);
    let mark = begin(&mut out, kind::CALL);
    out.extend_from_slice(&bytes);
    assert_eq!(end(&mut out, mark), Err(EncodeError::TooLong));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let long_name = "n".repeat(NAME_MAX + 1);
    let long_signature = "s".repeat(SIGNATURE_MAX + 1);
    let long_structure = vec![0; STRUCTURE_MAX + 1];
    let call = |body| Frame::Return(Return { id: CallId { index: 0, generation: 0 }, status: Status::Ok, body });
    let body = Body { codec: 0, references: Vec::new(), segments: Vec::new(), total: 1, original: None, bytes: &[0] };
    let method = DefineMethod { number: 1, name: "m", fingerprint: 0, signature: "", structure: &[] };
    let define = |method| Frame::Define(Define { interface: 1, name: "i", methods: vec![method] });
    let mut hello = frames().swap_remove(0).1;
    if let Frame::Hello(hello) = &mut hello {
        hello.name = &long_name;
    }
    let cases = [
        (hello, EncodeError::NameTooLong),
        (Frame::Define(Define { interface: 1, name: &long_name, methods: Vec::new() }), EncodeError::NameTooLong),
        (define(DefineMethod { name: &long_name, ..method.clone() }), EncodeError::NameTooLong),
        (define(DefineMethod { signature: &long_signature, ..method.clone() }), EncodeError::SignatureTooLong),
        (define(DefineMethod { structure: &long_structure, ..method }), EncodeError::StructureTooLong),
        (call(Body { codec: 16, ..body.clone() }), EncodeError::CodecTooLarge),
        (call(Body { total: 0, ..body.clone() }), EncodeError::TotalTooSmall),
        (call(Body { original: Some(1), ..body.clone() }), EncodeError::NotCompressed),
        (call(Body { original: Some(256), ..body.clone() }), EncodeError::NotCompressed),
        (call(Body { original: Some(9), segments: vec![10], ..body.clone() }), EncodeError::SegmentsTooLong),
        (call(Body { segments: vec![1, 1], ..body.clone() }), EncodeError::SegmentsTooLong),
        (call(Body { segments: vec![1, u64::MAX], ..body }), EncodeError::SegmentsTooLong),
        (Frame::Release(Release { entries: vec![(ExportId { index: 1, generation: 1 }, 0)] }), EncodeError::ReleaseOfNothing),
    ];
    for (frame, error) in cases {
        let mut out = vec![9];
        assert_eq!(encode(&frame, &mut out), Err(error), "{frame:?}");
        assert_eq!(out, [9]);
    }
}

#[test]
fn names_and_signatures_of_the_greatest_length_pass() {
    let name = "n".repeat(NAME_MAX);
    let signature = "s".repeat(SIGNATURE_MAX);
    let structure = vec![7; STRUCTURE_MAX];
    let method = DefineMethod { number: 1, name: &name, fingerprint: 0, signature: &signature, structure: &structure };
    let define = Frame::Define(Define { interface: 1, name: &name, methods: vec![method] });
    assert_eq!(decode(&encoded(&define)[2..]), Ok(define));
    let node_name = "n".repeat(NODE_NAME_MAX);
    let mut hello = frames().swap_remove(0).1;
    if let Frame::Hello(hello) = &mut hello {
        hello.name = &node_name;
    }
    assert_eq!(decode(&encoded(&hello)[2..]), Ok(hello));
}

#[test]
fn a_small_call_and_its_return_allocate_nothing() {
    let returned = Frame::Return(Return {
        id: CallId { index: 1, generation: 0 },
        status: Status::Ok,
        body: Body { codec: 0, references: Vec::new(), segments: Vec::new(), total: 1, original: None, bytes: &[1] },
    });
    for frame in [simple_call(&[1, 2, 3]), returned] {
        let bytes = encoded(&frame);
        let (extensions, body) = match decode(&bytes[2..]).unwrap() {
            Frame::Call(call) => (call.extensions.capacity(), call.body),
            Frame::Return(answer) => (0, answer.body),
            other => panic!("{other:?}"),
        };
        // A vector without capacity owns no memory, and these are all the owners that the two types have.
        assert_eq!((extensions, body.references.capacity(), body.segments.capacity()), (0, 0, 0));
    }
}

#[test]
fn a_hello_may_leave_limits_out_and_bring_unknown_ones() {
    let head = "01 01 00 ff01 0f0e0d0c0b0a09080706050403020100 1817161514131211";
    let share = "a5".repeat(32);
    let hello = |limits: &str| match decode(&bytes_of(&format!("{head} {share} 00 {limits}"))).map(|frame| encoded(&frame)) {
        Ok(bytes) => match decode(&bytes[2..]) {
            Ok(Frame::Hello(hello)) => (hello.features, hello.limits),
            other => panic!("{other:?}"),
        },
        Err(error) => panic!("{error}"),
    };
    assert_eq!(hello("00"), (0xff, PeerLimits::MINIMUM));
    assert_eq!(hello("01 40 05").1, PeerLimits::MINIMUM);
    assert_eq!(hello("02 02 ac02 63 00").1, PeerLimits { exports: 300, ..PeerLimits::MINIMUM });
    let most = PeerLimits { calls_in_flight: u32::MAX, ..PeerLimits::MINIMUM };
    assert_eq!(hello("01 01 ffffffffffffffffff01").1, most);
}

#[test]
fn unknown_kinds_are_counted_alike_on_both_sides() {
    for (_, frame) in frames() {
        let expected = !matches!(
            frame,
            Frame::Hello(_) | Frame::Start(_) | Frame::Accept(_) | Frame::Refuse(_) | Frame::Ack(_) | Frame::Ping(_) | Frame::Pong(_)
        );
        assert_eq!(kind::is_numbered(frame.kind()), expected, "{frame:?}");
    }
    assert!(kind::is_numbered(0x37) && kind::is_numbered(0x40) && kind::is_numbered(0xff));
    assert!(!kind::is_numbered(0x0f) && !kind::is_numbered(0x3f));
}

#[test]
fn a_frame_cut_anywhere_is_incomplete() {
    for (hex, _) in frames() {
        let bytes = bytes_of(hex);
        for end in 0..bytes.len() {
            assert_eq!(split(&bytes[..end]), None, "{hex} up to {end}");
        }
    }
}

/// How many of the last bytes of a frame are a payload that reaches to its end, and so may be any number.
fn open_end(frame: &Frame<'_>) -> usize {
    match frame {
        Frame::Call(Call { body, .. }) | Frame::Return(Return { body, .. }) => match body.original {
            // What is compressed has to be long enough for what it stands for.
            Some(original) if body.missing() == 0 => body.bytes.len() - original.div_ceil(EXPANSION_MAX) as usize,
            Some(_) => body.bytes.len(),
            None => body.bytes.len().saturating_sub(body.segments.iter().sum::<u64>() as usize),
        },
        Frame::Chunk(chunk) => chunk.bytes.len(),
        Frame::StreamData(data) => data.bytes.len(),
        _ => 0,
    }
}

#[test]
fn a_body_cut_anywhere_before_its_open_end_is_an_error() {
    let carried = descriptors().into_iter().map(|(_, descriptor)| carrying(descriptor));
    for frame in frames().into_iter().map(|(_, frame)| frame).chain(carried) {
        let bytes = encoded(&frame);
        let body = &bytes[2..];
        for end in 0..body.len() {
            let cut = decode(&body[..end]);
            let is_open = body.len() - end <= open_end(&frame);
            assert_eq!(cut.is_ok(), is_open, "{frame:?} up to {end}");
            assert_ne!(cut.as_ref(), Ok(&frame));
        }
    }
}
