//! One test of every rule that bytes can break.

use super::*;

fn refused(hex: &str) -> DecodeError {
    decode(&bytes_of(hex)).expect_err(hex)
}

/// A hello whose name has `name_len` bytes and whose limits are `limits`.
fn hello(name_len: usize, limits: &str) -> String {
    let mut length = Vec::new();
    put_varint(&mut length, name_len as u64);
    let length: String = length.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("01 01 00 00 {} {} {} {length} {} {limits}", "00".repeat(16), "00".repeat(8), "00".repeat(32), "6e".repeat(name_len))
}

#[test]
fn empty() {
    assert_eq!(decode(&[]), Err(DecodeError::Empty));
}

#[test]
fn path_too_long() {
    for (steps, is_allowed) in [(16, true), (17, false)] {
        let call = format!("11 0502 02 0602 {steps:02x} {} 01 00 00", "01".repeat(steps));
        let returned = format!("12 0502 00 10 01 04 0502 {steps:02x} {} 07", "01".repeat(steps));
        for frame in [call, returned] {
            let frame = bytes_of(&frame);
            let decoded = decode(&frame);
            assert_eq!(decoded.is_ok(), is_allowed, "{decoded:?}");
            assert!(is_allowed || decoded == Err(DecodeError::PathTooLong));
        }
    }
}

#[test]
fn unknown_kind() {
    for kind in [0x00, 0x05, 0x0f, 0x18, 0x24, 0x2a, 0x32, 0x3b, 0x80, 0xff] {
        assert_eq!(decode(&[kind]), Err(DecodeError::UnknownKind(kind)));
        assert_eq!(decode(&[kind, 1, 2, 3]), Err(DecodeError::UnknownKind(kind)));
    }
}

#[test]
fn truncated() {
    assert_eq!(refused("39 07000000000000"), DecodeError::Truncated);
    assert_eq!(refused("38"), DecodeError::Truncated);
    assert_eq!(refused("38 80"), DecodeError::Truncated);
    assert_eq!(refused("04 01 05 6e6f"), DecodeError::Truncated);
    assert_eq!(refused("04 01 ffffffffffffffffff01 6e6f"), DecodeError::Truncated);
}

#[test]
fn trailing_bytes() {
    assert_eq!(refused("38 01 00"), DecodeError::TrailingBytes);
    assert_eq!(refused("14 00 00"), DecodeError::TrailingBytes);
    assert_eq!(refused(&hello(0, "00 00")), DecodeError::TrailingBytes);
}

#[test]
fn varint_too_large() {
    assert_eq!(refused("38 ffffffffffffffffff02"), DecodeError::VarintTooLarge);
    assert_eq!(refused("38 ffffffffffffffffffff01"), DecodeError::VarintTooLarge);
}

#[test]
fn varint_not_shortest() {
    assert_eq!(refused("38 8000"), DecodeError::VarintNotShortest);
}

#[test]
fn number_too_large() {
    assert_eq!(refused("13 8080808010 00 00"), DecodeError::NumberTooLarge);
    assert!(decode(&bytes_of("13 ffffffff0f 00 00")).is_ok());
}

#[test]
fn not_utf8() {
    assert_eq!(refused("04 01 02 c328"), DecodeError::NotUtf8);
    assert_eq!(refused("10 01 01 ff 00"), DecodeError::NotUtf8);
}

#[test]
fn count_too_large() {
    let most = "ffffffffffffffffff01";
    assert_eq!(refused(&format!("14 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused("14 02 0500 01 0901"), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("10 01 00 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("12 0000 00 10 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("12 0000 00 20 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("11 0000 02 0000 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("11 0000 00 00 02 {} {most}", "00".repeat(16))), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("11 0000 00 00 40 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused(&format!("20 0000 02 {most}")), DecodeError::CountTooLarge);
    assert_eq!(refused(&hello(0, &format!("{most} 0101"))), DecodeError::CountTooLarge);
    // One more hold than the bytes that are left could be.
    assert_eq!(refused(&format!("11 0000 00 00 02 {} 02 {}", "00".repeat(16), "00".repeat(31))), DecodeError::CountTooLarge);
}

#[test]
fn empty_list() {
    assert_eq!(refused("12 0000 00 10 00"), DecodeError::EmptyList);
    assert_eq!(refused("12 0000 00 20 00"), DecodeError::EmptyList);
    assert_eq!(refused("11 0000 00 00 40 00 00"), DecodeError::EmptyList);
    assert_eq!(refused("20 0000 02 00"), DecodeError::EmptyList);
}

#[test]
fn unknown_major() {
    assert_eq!(refused("01 02"), DecodeError::UnknownMajor(2));
    assert_eq!(refused("01 00 ffff"), DecodeError::UnknownMajor(0));
    let text = DecodeError::UnknownMajor(2).to_string();
    assert_eq!(text, "the peer speaks version 2 of the protocol, this node version 1");
}

#[test]
fn limits_out_of_order() {
    assert_eq!(refused(&hello(0, "02 0205 0105")), DecodeError::LimitsOutOfOrder);
    assert_eq!(refused(&hello(0, "02 0105 0105")), DecodeError::LimitsOutOfOrder);
}

#[test]
fn name_too_long() {
    assert_eq!(refused(&hello(NODE_NAME_MAX + 1, "00")), DecodeError::NameTooLong);
    let name = format!("8102 {}", "6e".repeat(NAME_MAX + 1));
    assert_eq!(refused(&format!("10 01 {name} 00")), DecodeError::NameTooLong);
    assert_eq!(refused(&format!("10 01 00 01 01 {name} {} 00", "00".repeat(8))), DecodeError::NameTooLong);
}

#[test]
fn signature_too_long() {
    let signature = format!("8120 {}", "73".repeat(SIGNATURE_MAX + 1));
    assert_eq!(refused(&format!("10 01 00 01 01 00 {} {signature}", "00".repeat(8))), DecodeError::SignatureTooLong);
}

#[test]
fn structure_too_long() {
    let structure = format!("818001 {}", "00".repeat(STRUCTURE_MAX + 1));
    assert_eq!(refused(&format!("10 01 00 01 01 00 {} 00 {structure}", "00".repeat(8))), DecodeError::StructureTooLong);
}

#[test]
fn unknown_flags() {
    assert_eq!(refused("11 0000 00 00 8002 00"), DecodeError::UnknownFlags(256));
    assert_eq!(refused("13 0000 04"), DecodeError::UnknownFlags(4));
    assert_eq!(refused("20 0000 04"), DecodeError::UnknownFlags(4));
    assert_eq!(refused("22 0000 04"), DecodeError::UnknownFlags(4));
}

#[test]
fn unknown_tags() {
    assert_eq!(refused("02 02"), DecodeError::UnknownStart(2));
    assert_eq!(refused("11 0000 03"), DecodeError::UnknownTarget(3));
    assert_eq!(refused("28 03"), DecodeError::UnknownTarget(3));
    assert_eq!(refused("12 0000 05 00"), DecodeError::UnknownStatus(5));
    assert_eq!(refused("12 0000 00 10 01 09 00"), DecodeError::UnknownDescriptor(9));
    assert_eq!(refused("12 0000 00 10 01 01 0000 00 02"), DecodeError::UnknownIdentity(2));
    assert_eq!(refused("15 0000 02"), DecodeError::UnknownResolution(2));
    assert_eq!(refused("16 00 02"), DecodeError::UnknownDisembargo(2));
    assert_eq!(refused("17 02 0000"), DecodeError::UnknownChunk(2));
    assert_eq!(refused("23 03 00"), DecodeError::UnknownWindow(3));
}

#[test]
fn not_compressed() {
    // As long as what it stands for, longer, and nothing at all.
    assert_eq!(refused("12 0000 00 80 01 aa"), DecodeError::NotCompressed);
    assert_eq!(refused("12 0000 00 80 01 aabb"), DecodeError::NotCompressed);
    assert_eq!(refused("12 0000 00 80 00"), DecodeError::NotCompressed);
    assert_eq!(refused("12 0000 00 80 01"), DecodeError::NotCompressed);
    // Two bytes stand for 510 at most, and four that are announced for 1,020.
    assert_eq!(refused("12 0000 00 80 ff03 aabb"), DecodeError::NotCompressed);
    assert!(decode(&bytes_of("12 0000 00 80 fe03 aabb")).is_ok());
    assert_eq!(refused("12 0000 00 c0 04 fd07 aabb"), DecodeError::NotCompressed);
    assert!(decode(&bytes_of("12 0000 00 c0 04 fc07 aabb")).is_ok());
    assert_eq!(refused("12 0000 00 80 ffffffffffffffffff01 aabb"), DecodeError::NotCompressed);
    assert_eq!(refused("12 0000 00 80"), DecodeError::Truncated);
}

#[test]
fn total_too_small() {
    assert_eq!(refused("12 0000 00 40 00"), DecodeError::TotalTooSmall);
    assert_eq!(refused("12 0000 00 40 02 aabb"), DecodeError::TotalTooSmall);
    assert!(decode(&bytes_of("12 0000 00 40 03 aabb")).is_ok());
}

#[test]
fn segments_too_long() {
    assert_eq!(refused("12 0000 00 20 01 02 aa"), DecodeError::SegmentsTooLong);
    assert_eq!(refused("12 0000 00 20 02 01 ffffffffffffffffff01 aa"), DecodeError::SegmentsTooLong);
    assert_eq!(refused("12 0000 00 60 01 04 03 aa"), DecodeError::SegmentsTooLong);
    assert!(decode(&bytes_of("12 0000 00 60 01 03 03 aa")).is_ok());
    // Segments are parts of what was compressed.
    assert!(decode(&bytes_of("12 0000 00 a0 01 03 03 aa")).is_ok());
    assert_eq!(refused("12 0000 00 a0 01 04 03 aa"), DecodeError::SegmentsTooLong);
}

#[test]
fn release_of_nothing() {
    assert_eq!(refused("14 01 0500 00"), DecodeError::ReleaseOfNothing);
}

#[test]
fn errors_read_as_part_of_a_sentence() {
    let some = [DecodeError::Empty, DecodeError::UnknownKind(0x2a), DecodeError::Truncated, DecodeError::UnknownFlags(128)];
    for error in some {
        let text = error.to_string();
        assert!(!text.ends_with('.') && !text.starts_with(char::is_uppercase), "{text}");
    }
    assert_eq!(DecodeError::UnknownKind(0x2a).to_string(), "no frame has the kind 0x2a");
}
