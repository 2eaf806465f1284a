//! Tests of what streams have ready to leave: that it decodes, in what order and portions it leaves, and that it is bounded.

use super::super::lane::CHUNK_BYTES;
use super::*;

const ID: StreamId = StreamId { index: 7, generation: u32::MAX };

/// Takes a batch: the streams of its frames, with the bytes of each and whether it ends an item.
fn batch(parcels: &mut Parcels) -> (Vec<(StreamId, usize, bool)>, Left) {
    let (mut pieces, mut left) = (VecDeque::new(), Left::default());
    parcels.take(&mut pieces, &mut left);
    let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.as_slice().to_vec()).collect();
    assert!(bytes.len() <= 2 * 65_536, "a batch of {} bytes", bytes.len());
    let mut found = Vec::new();
    let mut closes = Vec::new();
    let mut rest = &bytes[..];
    while let Some((body, consumed)) = wire::split(rest) {
        match wire::decode(body) {
            Ok(wire::Frame::StreamData(data)) => found.push((data.id, data.bytes.len(), data.end_of_item)),
            Ok(wire::Frame::StreamClose(close)) => closes.push(close.id),
            other => panic!("{other:?}"),
        }
        rest = &rest[consumed..];
    }
    assert!(rest.is_empty());
    assert_eq!(left.closes, closes);
    (found, left)
}

fn frames(parcels: &mut Parcels) -> Vec<(usize, bool)> {
    let mut found = Vec::new();
    while !parcels.is_empty() {
        found.extend(batch(parcels).0.into_iter().map(|(_, bytes, end)| (bytes, end)));
    }
    found
}

fn item(parcels: &mut Parcels, id: StreamId, size: usize) {
    assert!(parcels.push_item(id, Vec::new(), &vec![7; size], Vec::new()).is_ok());
}

#[test]
fn items_of_any_size_leave_in_frames_that_decode() {
    let mut parcels = Parcels::default();
    for size in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 200_000, 380_000] {
        item(&mut parcels, ID, size);
    }
    assert!(parcels.push_bytes(ID, Bytes::from(vec![1; CHUNK_BYTES])).is_empty());
    assert_eq!(parcels.push_bytes(ID, Bytes::from(vec![1; 5])).len(), 5, "it was copied, and is dropped by its owner");
    assert!(parcels.push_close(ID, false, None).is_ok());
    let (last, longest) = (200_000 - 3 * CHUNK_BYTES, 380_000 - 5 * CHUNK_BYTES);
    let full = (CHUNK_BYTES, false);
    let expected = [(0, true), (1, true), (CHUNK_BYTES, true), full, (1, true), full, full, full, (last, true)];
    let expected = expected.into_iter().chain([full; 5]).chain([(longest, true), full, (5, false)]).collect::<Vec<_>>();
    assert_eq!(frames(&mut parcels), expected);
    assert_eq!(parcels.waiting, 0);
}

#[test]
fn what_programs_write_at_once_leaves_at_once() {
    let mut parcels = Parcels::default();
    for _ in 0..2 {
        assert_eq!(parcels.push_bytes(ID, Bytes::from(vec![1; 65_536])).len(), 65_536 - CHUNK_BYTES, "the short end of it was copied");
    }
    let (first, left) = batch(&mut parcels);
    assert_eq!(first.iter().map(|frame| frame.1).collect::<Vec<_>>(), [CHUNK_BYTES]);
    assert!(left.closes.is_empty());
    // The end of one leaves with the beginning of the next.
    assert_eq!(frames(&mut parcels), [(65_536 - CHUNK_BYTES, false), (CHUNK_BYTES, false), (65_536 - CHUNK_BYTES, false)]);
    assert_eq!(parcels.waiting, 0);
}

#[test]
fn table_and_beginning_of_an_item_share_the_first_frame() {
    let mut parcels = Parcels::default();
    let table = |count| vec![wire::Descriptor::Yours { export: crate::id::ExportId { index: 1 << 30, generation: 1 << 30 } }; count];
    assert!(parcels.push_item(ID, table(1_000), &vec![7; 100_000], Vec::new()).is_ok());
    let found = frames(&mut parcels);
    assert_eq!(found.iter().map(|frame| frame.0).sum::<usize>(), 100_000);
    assert_eq!(found.iter().map(|frame| frame.1).collect::<Vec<_>>(), [false, true]);
    assert!(parcels.push_item(ID, table(10_000), &[1], Vec::new()).is_err());
    assert!(parcels.is_empty() && frames(&mut parcels).is_empty());
}

#[test]
fn table_that_leaves_no_room_for_a_byte_is_refused_and_never_a_frame_of_nothing() {
    for length in 65_500..65_540 {
        let mut parcels = Parcels::default();
        let text = "x".repeat(length);
        if parcels.push_item(ID, vec![wire::Descriptor::Broken { text: &text }], &[1; 10], Vec::new()).is_ok() {
            let found = frames(&mut parcels);
            assert!(found.iter().all(|&(bytes, _)| bytes > 0), "{length}: {found:?}");
        }
        assert!(parcels.is_empty());
    }
}

#[test]
fn streams_take_turns() {
    let mut parcels = Parcels::default();
    let [busy, other] = [0, 1].map(|index| StreamId { index, generation: 0 });
    for _ in 0..20 {
        assert!(parcels.push_bytes(busy, Bytes::from(vec![1; CHUNK_BYTES])).is_empty());
    }
    item(&mut parcels, other, 5);
    assert!(parcels.push_close(other, false, None).is_ok());
    let (first, left) = batch(&mut parcels);
    assert_eq!(first, [(busy, CHUNK_BYTES, false), (other, 5, true)]);
    assert_eq!(left.closes, [other]);
    item(&mut parcels, other, 6);
    let found = [batch(&mut parcels).0, batch(&mut parcels).0].concat();
    assert!(found.contains(&(other, 6, true)), "{found:?}");
    assert_eq!(frames(&mut parcels).len() + first.len() + found.len(), 22);
}

#[test]
fn what_waits_is_bounded_for_each_stream_and_for_all() {
    let ids = [0, 1, 2].map(|index| StreamId { index, generation: 0 });
    let mut parcels = Parcels::new(100_000, 200_000);
    assert!(!parcels.is_full(ids[0]));
    item(&mut parcels, ids[0], 110_000);
    assert!(parcels.is_full(ids[0]) && !parcels.is_full(ids[1]), "a stream of its own");
    item(&mut parcels, ids[1], 99_000);
    assert!(parcels.is_full(ids[2]), "all together");
    let (mut room, mut for_all) = (Vec::new(), 0);
    while !parcels.is_empty() {
        let left = batch(&mut parcels).1;
        room.extend(left.room);
        for_all += u32::from(left.room_for_all);
    }
    assert_eq!((room, for_all), (vec![ids[0]], 1), "who waited is told, once");
    assert!(ids.iter().all(|&id| !parcels.is_full(id)));
}

#[test]
fn nothing_of_a_stream_leaves_before_the_item_that_opens_it() {
    let ids = [0, 1, 2].map(|index| StreamId { index, generation: 3 });
    let mut parcels = Parcels::default();
    let open = |stream, is_sender| match is_sender {
        true => wire::Descriptor::StreamSender { stream, kind: 0 },
        false => wire::Descriptor::StreamReceiver { stream, kind: 0 },
    };
    for _ in 0..3 {
        item(&mut parcels, ids[0], 40_000);
    }
    // It is longer than what leaves at once, and its table is at its beginning.
    assert!(parcels.push_item(ids[0], vec![open(ids[1], true)], &[7; 200_000], Vec::new()).is_ok());
    assert!(parcels.push_item(ids[1], vec![open(ids[2], false)], &[7; 3], Vec::new()).is_ok());
    assert!(parcels.push_close(ids[1], false, None).is_ok());
    assert!(parcels.push_bytes(ids[2], Bytes::from(vec![1; CHUNK_BYTES])).is_empty());
    let mut found = Vec::new();
    while !parcels.is_empty() {
        found.extend(batch(&mut parcels).0);
    }
    let first = |id| found.iter().position(|frame| frame.0 == id).expect("it has left");
    assert_eq!(found[..3], [(ids[0], 40_000, true); 3]);
    assert!(3 < first(ids[1]) && first(ids[1]) < first(ids[2]), "{found:?}");
    assert!(first(ids[1]) < found.len() - 2, "it does not wait for all of the item: {found:?}");
    assert_eq!(found.len(), 3 + 200_000usize.div_ceil(CHUNK_BYTES) + 1 + 1);
    assert_eq!(parcels.waiting, 0);
    // The next stream of this place is nobody's to open.
    item(&mut parcels, StreamId { index: 1, generation: 4 }, 5);
    assert_eq!(batch(&mut parcels).0.len(), 1);
}
