use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

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

/// Every input of up to two bytes, and every three-byte one that starts like a container, string or long head.
#[test]
fn short_inputs_are_accepted_exactly_when_ciborium_reencodes_them_the_same() {
    let mut inputs: Vec<Vec<u8>> = (0..=255_u8).map(|a| alloc::vec![a]).collect();
    inputs.extend((0..=0xffff_u16).map(|ab| ab.to_be_bytes().to_vec()));
    inputs.extend((0..=0xffff_u16).flat_map(|ab| {
        let [a, b] = ab.to_be_bytes();
        [0x00, 0x20, 0x61, 0xf5].map(|c| alloc::vec![a, b, c])
    }));
    for input in inputs {
        if well_formed(&input).is_ok() {
            assert_round_trip(&input);
        }
    }
}

fn assert_round_trip(input: &[u8]) {
    let has_rare_simple = input.contains(&0xf8) || input.iter().any(|b| (0xe0..=0xf3).contains(b));
    if has_rare_simple {
        return; // ciborium does not know them
    }
    let value: ciborium::Value = ciborium::from_reader(input).unwrap();
    let mut again = Vec::new();
    ciborium::into_writer(&value, &mut again).unwrap();
    // ciborium has no "undefined": it becomes null.
    let expected: Vec<u8> = input.to_vec();
    if !input.contains(&0xf7) {
        assert_eq!(again, expected);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_accepted_ones_reencode_to_themselves(
        input in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        if well_formed(&input).is_ok() {
            assert_round_trip(&input);
        }
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
