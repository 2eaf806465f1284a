//! Tests of what a session says of its streams.

use super::*;
use crate::inbound::decode_error;
use crate::limits::PeerLimits;
use crate::proto::Connection;
use crate::wire;

/// An error as a peer may have written it: a long text at each of so many steps.
fn with_origins(steps: usize) -> Error {
    let mut bytes = Vec::new();
    for step in (0..steps).rev() {
        // The codes, a text of 2,000 bytes, a method's name of 240, no place, and whether there is an origin.
        bytes.extend([ErrorKind::Overloaded as u8, 0, 0, 0, 0xfb]);
        bytes.extend(2_000_u16.to_le_bytes());
        bytes.extend([b'x'; 2_000]);
        bytes.extend([1, 240]);
        bytes.extend([b'm'; 240]);
        bytes.extend([0, u8::from(step > 0)]);
    }
    // And no value of the user's.
    bytes.push(0);
    decode_error(&bytes)
}

#[test]
fn close_whose_error_does_not_fit_a_frame_is_sent_without_its_origins() {
    let limits = PeerLimits { streams: 1, ..PeerLimits::MINIMUM };
    for (steps, origins) in [(1, 0), (20, 19), (30, 0)] {
        let mut state = State::new(Connection::new(limits, limits, 1, None));
        let id = state.proto.streams.open(Half::Sending, Kind::Bytes).expect("room");
        let error = with_origins(steps);
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
        state.close_stream(id, Some(&error));
        let mut pieces = std::collections::VecDeque::new();
        state.outbox.take(&mut pieces, &mut Vec::new(), &mut Left::default());
        let bytes = pieces.pop_front().expect("a frame");
        let (body, _) = wire::split(bytes.as_slice()).expect("a frame");
        let Ok(Frame::StreamClose(close)) = wire::decode(body) else { panic!("a close") };
        let told = decode_error(close.error.expect("why"));
        assert_eq!((told.kind(), told.text()), (error.kind(), error.text()));
        assert_eq!(std::iter::successors(told.origin(), |error| error.origin()).count(), origins);
    }
}
