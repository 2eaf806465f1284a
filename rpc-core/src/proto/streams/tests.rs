//! Tests of the table of streams: each rule by which one side holds the other to what was agreed.

use super::*;

const WINDOW: u64 = 65_536;

fn limits() -> PeerLimits {
    PeerLimits { streams: 2, stream_window: WINDOW, streams_window: 2 * WINDOW, ..PeerLimits::MINIMUM }
}

/// The opener, who sends, and the side that receives.
fn pair() -> (Streams, Streams, StreamId) {
    let (mut opener, mut other) = (Streams::new(limits(), limits()), Streams::new(limits(), limits()));
    other.set_dialled(false);
    let id = opener.open(Half::Sending, Kind::Items(0)).expect("room");
    assert_eq!(other.accept(id, Half::Receiving, Kind::Items(0)), Ok(()));
    (opener, other, id)
}

fn send(opener: &mut Streams, other: &mut Streams, id: StreamId, bytes: u64) -> Option<u64> {
    match opener.take_item(id, bytes, 0) {
        Taken::Credit(cost) => {
            assert_eq!(other.handle_data(id, bytes, 0, true), Ok(Data { cost, wanted: true }));
            Some(cost)
        }
        Taken::Nothing => None,
        Taken::Closed => panic!("it is open"),
    }
}

/// What one side grants with a batch reaches the other.
fn tell(opener: &mut Streams, other: &mut Streams) -> Vec<Allowance> {
    let grants: Vec<Allowance> = std::iter::from_fn(|| other.next_grant()).collect();
    for grant in &grants {
        let told = match *grant {
            Allowance::Stream(id, bytes) => opener.handle_credit(id, bytes),
            Allowance::All(bytes) => opener.handle_session_credit(bytes),
        };
        assert_eq!(told, Ok(()), "{grant:?}");
    }
    grants
}

#[test]
fn sender_stops_without_credit_and_goes_on_with_it() {
    let (mut opener, mut other, id) = pair();
    let mut waiting = Vec::new();
    while let Some(cost) = send(&mut opener, &mut other, id, 1_000) {
        waiting.push(cost);
    }
    assert_eq!(waiting.len() as u64, WINDOW / 1_064);
    assert_eq!(opener.is_ready(id), Taken::Credit(0), "there is room for a small one");
    let taken: u64 = waiting.iter().sum();
    other.consumed(id, taken);
    tell(&mut opener, &mut other);
    assert!(send(&mut opener, &mut other, id, 1_000).is_some());
    assert_eq!(opener.credit(id), other.credit(id));
}

#[test]
fn data_beyond_the_credit_is_refused() {
    let (_, mut other, id) = pair();
    assert_eq!(other.handle_data(id, WINDOW, 0, true), Err(Rule::BeyondCredit));
    assert!(other.handle_data(id, WINDOW - 64, 0, true).is_ok());
    assert_eq!(other.handle_data(id, 1, 0, true), Err(Rule::BeyondCredit));
}

#[test]
fn all_streams_together_are_bounded_as_well() {
    let narrow = PeerLimits { streams: 3, streams_window: WINDOW, ..limits() };
    let (mut opener, mut other) = (Streams::new(narrow, narrow), Streams::new(narrow, narrow));
    other.set_dialled(false);
    let ids: Vec<_> = (0..3).map(|_| opener.open(Half::Sending, Kind::Bytes).expect("room")).collect();
    for &id in &ids {
        assert_eq!(other.accept(id, Half::Receiving, Kind::Bytes), Ok(()));
    }
    assert_eq!(opener.take_bytes(ids[0], 40_000), Taken::Credit(40_000));
    assert_eq!(opener.take_bytes(ids[1], 40_000), Taken::Credit(WINDOW - 40_000));
    assert_eq!(opener.take_bytes(ids[2], 40_000), Taken::Nothing);
    assert!(other.handle_data(ids[0], 40_000, 0, false).is_ok());
    assert_eq!(other.handle_data(ids[1], 40_000, 0, false), Err(Rule::BeyondCredit));
    other.consumed(ids[0], 40_000);
    assert_eq!(tell(&mut opener, &mut other), [Allowance::Stream(ids[0], 40_000), Allowance::All(40_000)]);
    assert_eq!(opener.take_bytes(ids[2], 40_000), Taken::Credit(40_000));
}

#[test]
fn credit_beyond_the_window_is_refused() {
    let (mut opener, _, id) = pair();
    assert_eq!(opener.handle_credit(id, 1), Err(Rule::BeyondCredit));
    assert_eq!(opener.handle_credit(id, u64::MAX), Err(Rule::BeyondCredit));
    assert_eq!(opener.handle_session_credit(1), Err(Rule::BeyondCredit));
    assert_eq!(opener.take_item(id, 36, 0), Taken::Credit(100));
    assert_eq!(opener.handle_credit(id, 101), Err(Rule::BeyondCredit));
    assert_eq!((opener.handle_credit(id, 100), opener.handle_session_credit(100)), (Ok(()), Ok(())));
}

#[test]
fn credit_of_nothing_is_refused() {
    let (mut opener, _, id) = pair();
    assert_eq!(opener.take_item(id, 36, 0), Taken::Credit(100));
    assert_eq!((opener.handle_credit(id, 0), opener.handle_session_credit(0)), (Err(Rule::StreamForm), Err(Rule::StreamForm)));
}

#[test]
fn what_is_taken_piece_by_piece_is_granted_in_one_frame_and_counts_only_then() {
    let (mut opener, mut other, id) = pair();
    let costs: Vec<u64> = std::iter::from_fn(|| send(&mut opener, &mut other, id, 1_000)).collect();
    costs.iter().for_each(|&cost| other.consumed(id, cost));
    assert!(other.has_grants());
    // Its sender has not been told, so what it sends on the strength of it is beyond its credit.
    assert_eq!(other.handle_data(id, 1_000, 0, true), Err(Rule::BeyondCredit));
    let all = costs.iter().sum();
    assert_eq!(tell(&mut opener, &mut other), [Allowance::Stream(id, all), Allowance::All(all)]);
    assert!(!other.has_grants() && tell(&mut opener, &mut other).is_empty());
    assert!(send(&mut opener, &mut other, id, 1_000).is_some());
}

#[test]
fn nothing_is_granted_on_a_stream_that_is_over() {
    let (mut opener, mut other, id) = pair();
    let cost = send(&mut opener, &mut other, id, 1_000).expect("credit");
    other.consumed(id, cost);
    assert_eq!(other.close(id), Some(Half::Receiving));
    assert!(tell(&mut opener, &mut other).is_empty());
}

#[test]
fn each_half_may_say_only_its_own_part() {
    let (mut opener, mut other, id) = pair();
    assert_eq!(opener.handle_data(id, 1, 0, true), Err(Rule::StreamForm));
    assert_eq!(opener.handle_close(id, false), Err(Rule::StreamForm));
    assert_eq!(other.handle_credit(id, 1), Err(Rule::StreamForm));
    assert_eq!(other.handle_close(id, true), Err(Rule::StreamForm));
}

#[test]
fn nothing_comes_behind_a_close_and_none_comes_twice() {
    let (mut opener, mut other, id) = pair();
    assert_eq!(opener.close(id), Some(Half::Sending));
    assert_eq!(opener.close(id), None);
    assert_eq!(opener.take_item(id, 1, 0), Taken::Closed);
    opener.close_left(id);
    assert_eq!(other.handle_close(id, false), Ok(Closed { answer: true, cut: false }));
    assert_eq!(other.handle_data(id, 1, 0, true), Err(Rule::StreamNotThere));
    assert_eq!(other.handle_close(id, false), Err(Rule::StreamNotThere));
    assert_eq!(other.close(id), Some(Half::Receiving));
    assert_eq!(other.len(), 1, "its close has not left");
    other.close_left(id);
    assert_eq!(opener.handle_close(id, true), Ok(Closed { answer: false, cut: false }));
    assert_eq!((opener.len(), other.len()), (0, 0));
    assert_eq!(opener.handle_credit(id, 1), Err(Rule::StreamNotThere));
}

#[test]
fn id_is_free_only_when_both_halves_are_closed_and_its_next_use_is_another_stream() {
    let (mut opener, mut other, id) = pair();
    assert_eq!(other.close(id), Some(Half::Receiving));
    other.close_left(id);
    assert_eq!(other.accept(id, Half::Receiving, Kind::Bytes), Err(Rule::StreamIdInUse));
    assert_eq!(other.handle_data(id, 10, 0, true).map(|data| data.wanted), Ok(false), "it was on its way");
    assert_eq!(opener.handle_close(id, true), Ok(Closed { answer: true, cut: false }));
    assert_eq!(opener.close(id), Some(Half::Sending));
    assert_ne!(opener.open(Half::Sending, Kind::Bytes).map(|other| other.index), Some(id.index), "the close has not left");
    opener.close_left(id);
    assert_eq!(other.handle_close(id, false), Ok(Closed { answer: false, cut: false }));
    let next = opener.open(Half::Sending, Kind::Bytes).expect("room");
    assert_eq!((next.index, next.generation), (id.index, id.generation + 1));
    assert_eq!(other.accept(next, Half::Receiving, Kind::Bytes), Ok(()));
    assert_eq!(other.handle_data(id, 1, 0, false), Err(Rule::StreamNotThere), "the former stream is gone");
}

#[test]
fn id_that_has_named_a_stream_names_no_other() {
    let (mut opener, mut other, id) = pair();
    let over = |opener: &mut Streams, other: &mut Streams, id| {
        assert!(opener.close(id).is_some() && other.close(id).is_some());
        opener.close_left(id);
        other.close_left(id);
        assert!(opener.handle_close(id, true).is_ok() && other.handle_close(id, false).is_ok());
    };
    over(&mut opener, &mut other, id);
    let open = |other: &mut Streams, generation| other.accept(StreamId { index: 0, generation }, Half::Receiving, Kind::Bytes);
    assert_eq!(open(&mut other, 0), Err(Rule::StreamIdInUse), "what is left of the former one would act on it");
    // One that was taken back before the peer was told of it leaves a gap.
    let lost = opener.open(Half::Sending, Kind::Bytes).expect("room");
    opener.take_back(lost);
    let next = opener.open(Half::Sending, Kind::Bytes).expect("room");
    assert_eq!((lost.generation, next.generation), (1, 2));
    assert_eq!(open(&mut other, next.generation), Ok(()));
    over(&mut opener, &mut other, next);
    assert_eq!(open(&mut other, 1), Err(Rule::StreamIdInUse), "nor an earlier one");
    // Behind the last generation a place is not used again.
    let last = StreamId { index: 0, generation: u32::MAX };
    assert_eq!(open(&mut other, u32::MAX), Ok(()));
    assert!(other.close(last).is_some());
    other.close_left(last);
    assert!(other.handle_close(last, false).is_ok());
    assert_eq!(open(&mut other, u32::MAX), Err(Rule::StreamIdInUse));
}

#[test]
fn streams_are_numbered_by_their_opener_and_no_more_than_allowed() {
    let (mut opener, mut other, id) = pair();
    assert!(opener.open(Half::Receiving, Kind::Bytes).is_some());
    assert_eq!(opener.open(Half::Receiving, Kind::Bytes), None);
    let theirs = other.open(Half::Sending, Kind::Bytes).expect("room of its own");
    assert_eq!((id.index, theirs.index), (0, 1));
    assert_eq!(opener.accept(theirs, Half::Receiving, Kind::Bytes), Ok(()));
    for (index, generation) in [(4, 0), (0, 7), (1, 0)] {
        assert_eq!(other.accept(StreamId { index, generation }, Half::Sending, Kind::Bytes), Err(Rule::StreamIdInUse), "{index}");
    }
}

#[test]
fn item_that_the_close_cuts_off_is_noticed() {
    let (_, mut other, id) = pair();
    assert!(other.handle_data(id, 10, 0, false).is_ok());
    assert_eq!(other.handle_close(id, false), Ok(Closed { answer: true, cut: true }));
}
