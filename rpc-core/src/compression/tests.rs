//! What goes through unchanged, what is left alone, and blocks that do not stand for what they announce.

use super::*;

const NO_LIMIT: u64 = u64::MAX;

fn pack_all(payload: &[u8], segments: &[Bytes]) -> Option<Packed> {
    let length = payload.len() + segments.iter().map(Bytes::len).sum::<usize>();
    pack(payload, segments, length as u64, NO_LIMIT)
}

fn text(length: usize) -> Vec<u8> {
    b"the quick brown fox jumps over the lazy dog; ".iter().copied().cycle().take(length).collect()
}

/// Bytes in which nothing comes twice that is worth telling.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| roll()).collect()
}

fn packing(original: u64) -> Packing {
    Packing { original, segments: Vec::new() }
}

#[test]
fn bodies_come_back_as_they_were() {
    for length in [512, 513, 4_000, 65_535, 65_536, 65_537, 1 << 20] {
        let payload = text(length);
        let packed = pack_all(&payload, &[]).expect("text is compressed");
        assert!(packed.bytes.len() * 2 < length && packed.bytes.capacity() <= length, "{length} became {}", packed.bytes.len());
        let unpacked = unpack(&packed.bytes, &packed.packing).expect("it is what it was");
        assert!(unpacked.bytes == payload && unpacked.segments.is_empty(), "{length}");
    }
}

#[test]
fn segments_come_back_one_by_one_and_small_ones_keep_nothing_else() {
    let segments: Vec<Bytes> = [7_000, 0, 100, 300_000].into_iter().map(|length| Bytes::from(text(length))).collect();
    let packed = pack_all(b"head", &segments).expect("text is compressed");
    let unpacked = unpack(&packed.bytes, &packed.packing).expect("it is what it was");
    assert_eq!(unpacked.bytes, &b"head"[..]);
    let back: Vec<Bytes> = unpacked.segments.into_iter().flatten().collect();
    assert_eq!(back, segments);
    // A part that is shared cannot be taken over while another one is there.
    let owned = back.into_iter().map(|segment| segment.try_into_mut().map_or(0, |segment| segment.capacity()));
    let owned: Vec<usize> = owned.collect();
    assert!(owned[..3].iter().all(|owned| *owned <= 7_000), "{owned:?}");
}

#[test]
fn what_is_short_or_gains_little_is_left_alone() {
    assert!(pack_all(&text(WORTH_IT as usize - 1), &[]).is_none());
    assert!(pack_all(&text(WORTH_IT as usize), &[]).is_some());
    assert!(pack_all(&noise(100_000), &[]).is_none());
    // A tenth of it could be saved.
    assert!(pack_all(&[noise(90_000), vec![0; 10_000]].concat(), &[]).is_none());
    assert!(pack_all(&[noise(80_000), vec![0; 20_000]].concat(), &[]).is_some());
}

#[test]
fn what_the_receiver_does_not_take_is_left_to_be_refused() {
    let payload = text(1_000);
    assert!(pack(&payload, &[], 1_000, 1_000).is_some());
    assert!(pack(&payload, &[], 1_000, 999).is_none());
    assert!(pack_all(&payload, &vec![Bytes::new(); SEGMENTS_MAX + 1]).is_none());
}

#[test]
fn no_block_is_shorter_than_the_wire_lets_it_be() {
    for length in [512, 4_096, 1 << 20, 16 << 20] {
        let packed = pack_all(&vec![0; length], &[]).expect("zeros are compressed");
        assert!(length as u64 <= packed.bytes.len() as u64 * crate::wire::EXPANSION_MAX, "{length} became {}", packed.bytes.len());
    }
}

#[test]
fn the_example_of_the_protocol_page_stands_for_what_it_says() {
    let unpacked = unpack(crate::wire::COMPRESSED_EXAMPLE, &packing(24)).expect("LZ4");
    assert_eq!(unpacked.bytes, &[b'a'; 24][..]);
}

#[test]
fn blocks_that_stand_for_more_or_fewer_bytes_are_refused() {
    let block = compress(&text(1_000)).expect("a block");
    assert!(unpack(&block, &packing(1_000)).is_ok());
    for wrong in [0, 1, 999, 1_001, 100_000] {
        assert_eq!(unpack(&block, &packing(wrong)).map(|_| ()), Err(NotUnpacked), "{wrong}");
    }
}

#[test]
fn blocks_that_are_cut_or_go_on_are_refused() {
    let block = compress(&text(1_000)).expect("a block");
    for end in 0..block.len() {
        assert!(unpack(&block[..end], &packing(1_000)).is_err(), "up to {end}");
    }
    for more in [&[0][..], &[0, 0], &[0, 1, 0], &[0x10, 0x61], &[0xff; 100], &[0x50, 1, 2, 3, 4, 5]] {
        assert!(unpack(&[&block[..], more].concat(), &packing(1_000)).is_err(), "{more:?} behind it");
    }
}

#[test]
fn a_block_that_stands_for_far_more_than_it_announces_takes_no_more_room() {
    let bomb = compress(&vec![0; 64 << 20]).expect("a block");
    assert!(bomb.len() < 300_000);
    assert!(unpack(&bomb, &packing(1_000)).is_err());
}

#[test]
fn segments_beyond_the_body_are_refused() {
    let block = compress(&text(1_000)).expect("a block");
    for segments in [vec![1_001], vec![1, u64::MAX], vec![600, 600]] {
        assert!(unpack(&block, &Packing { original: 1_000, segments }).is_err());
    }
}
