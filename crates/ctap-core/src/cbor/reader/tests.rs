use super::*;
use crate::testing::hex;
use alloc::vec::Vec;
use ciborium::Value;
use proptest::prelude::*;

fn refused(text: &str) -> bool {
    well_formed(&hex(text)).is_err()
}

#[test]
fn the_published_malformed_maps_are_refused() {
    for case in [
        "a201000100",
        "a203000100",
        "a1180100",
        "bf0100ff",
        "a101f97e00",
        "a101c000",
        "a1016180",
        "a1010000",
        "a201",
    ] {
        assert!(refused(case), "{case} was accepted");
    }
}

#[test]
fn each_non_shortest_head_is_refused_and_its_shortest_form_accepted() {
    for (long, short) in [
        ("1817", "17"),
        ("1900ff", "18ff"),
        ("1a0000ffff", "19ffff"),
        ("1b00000000ffffffff", "1affffffff"),
        ("580100", "4100"),
        ("790001ff", "6161"),
        ("980100", "8100"),
    ] {
        assert!(refused(long), "{long} was accepted");
        assert!(!refused(short), "{short} was refused");
    }
}

#[test]
fn integer_keys_come_before_longer_ones_and_negative_ones_after_all_positive_ones() {
    assert!(!refused("a8010003000a0018640020002100617a0062616100")); // V-12
    assert!(refused("a22000181800")); // -1 before 24
}

#[test]
fn four_levels_are_read_and_five_refused() {
    assert!(!refused("8181818101"));
    assert!(!refused("81818180"));
    assert!(refused("8181818180"));
    assert!(refused("a101a101a101a101a10101"));
}

#[test]
fn huge_counts_end_with_the_input() {
    for bomb in
        ["9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "7bffffffffffffffff"]
    {
        assert!(refused(bomb));
    }
}

#[test]
fn composite_keys_tags_and_floats_are_refused() {
    for case in ["a18000", "a1a000", "c000", "d9d9f700", "fa00000000", "fb0000000000000000", "f814"]
    {
        assert!(refused(case), "{case} was accepted");
    }
}

#[test]
fn simple_values_pass_where_nobody_reads_them() {
    for case in ["f6", "f7", "e0", "f820", "f8ff"] {
        assert!(!refused(case), "{case} was refused");
    }
}

#[test]
fn null_is_not_a_boolean() {
    assert_eq!(well_formed(&[0xf6]).unwrap().boolean(), Err(Status::CborUnexpectedType));
}

#[test]
fn the_largest_integers_are_read_whole() {
    let max = hex("1bffffffffffffffff");
    assert_eq!(well_formed(&max).unwrap().integer(), Ok(i128::from(u64::MAX)));
    let min = hex("3bffffffffffffffff");
    assert_eq!(well_formed(&min).unwrap().integer(), Ok(-1 - i128::from(u64::MAX)));
}

/// Every input of one or two bytes, and every one of three that ends in 0, -1, `true` or the head of a one-letter text.
#[test]
fn short_inputs_are_accepted_exactly_when_ciborium_reencodes_them_the_same() {
    let mut inputs: Vec<Vec<u8>> = (0..=255_u8).map(|a| alloc::vec![a]).collect();
    inputs.extend((0..=0xffff_u16).map(|ab| ab.to_be_bytes().to_vec()));
    inputs.extend((0..=0xffff_u16).flat_map(|ab| {
        let [a, b] = ab.to_be_bytes();
        [0x00, 0x20, 0x61, 0xf5].map(|c| alloc::vec![a, b, c])
    }));
    for input in inputs {
        assert_judged_as_by_ciborium(&input);
    }
}

fn assert_judged_as_by_ciborium(input: &[u8]) {
    // ciborium refuses simple values that have no name, and turns "undefined" (F7) into null.
    if !input.iter().any(|byte| matches!(byte, 0xe0..=0xf3 | 0xf7 | 0xf8)) {
        assert_eq!(well_formed(input).is_ok(), ciborium_reencodes(input), "{input:02x?}");
    }
}

/// It comes back byte for byte, and has nothing in it that CBOR has and CTAP has not.
fn ciborium_reencodes(input: &[u8]) -> bool {
    let value: Result<Value, _> = ciborium::from_reader(input);
    value.is_ok_and(|value| encoded(&value) == input && is_of_ctap(&value, 0))
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// No tag, no float, at most four containers deep, keys that are scalars in ascending order.
fn is_of_ctap(value: &Value, depth: usize) -> bool {
    match value {
        Value::Tag(..) | Value::Float(_) => false,
        Value::Array(_) | Value::Map(_) if depth == MAX_CBOR_DEPTH => false,
        Value::Array(elements) => elements.iter().all(|element| is_of_ctap(element, depth + 1)),
        Value::Map(entries) => {
            entries.is_sorted_by(|(one, _), (next, _)| encoded(one) < encoded(next))
                && entries.iter().all(|(key, value)| {
                    !key.is_array()
                        && !key.is_map()
                        && is_of_ctap(key, depth)
                        && is_of_ctap(value, depth + 1)
                })
        }
        _ => true,
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_accepted_exactly_when_ciborium_reencodes_them_the_same(
        input in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        assert_judged_as_by_ciborium(&input);
    }

    #[test]
    fn a_well_formed_map_lists_all_its_entries(count in 0_u8..24) {
        let mut bytes = alloc::vec![0xa0 | count.min(23)];
        for key in 0..count {
            bytes.extend([key, 0xf5]);
        }
        prop_assert_eq!(Map::parse(&bytes).unwrap().by_number().count(), usize::from(count));
    }
}
