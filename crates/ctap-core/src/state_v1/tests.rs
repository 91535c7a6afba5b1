use alloc::string::ToString;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const STATE: &[u8] = include_bytes!("../../tests/fixtures/state-v1/state.keyfob");
const COUNTER: &[u8] = include_bytes!("../../tests/fixtures/state-v1/counter.keyfob");

proptest! {
    #[test]
    fn nothing_that_has_a_right_checksum_makes_the_reader_panic(body in vec(any::<u8>(), 0..200)) {
        let _ = state(&with_checksum(&[&MAGIC[..], &[0, 1, 0], &body].concat()));
    }

    #[test]
    fn a_changed_body_with_a_right_checksum_does_not_make_the_reader_panic(
        at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut content = content();
        let at = at.index(content.len());
        content[at] = byte;
        let _ = records(&with_checksum(&content), COUNTER);
    }

    /// P-13: what one of the slots holds is the least that is believed, whatever the other has become.
    #[test]
    fn whatever_becomes_of_one_slot_the_ceiling_does_not_go_back(
        other in vec(any::<u8>(), SLOT + DIGEST), swapped in any::<bool>(),
    ) {
        let at = if swapped { 0 } else { SECOND_SLOT };
        let mut file = counter(700, 700);
        file[at..at + other.len()].copy_from_slice(&other);
        prop_assert!(sign_count_ceiling(&file).unwrap() >= 700);
    }
}

// P-18
#[test]
fn everything_in_the_files_is_taken_over() {
    let state = records::load(records(STATE, COUNTER).unwrap()).unwrap();
    assert!(state.wrapping_key.matches(&[0xa0; 32]) && state.persistent_token.matches(&[0xa3; 32]));
    assert_eq!((state.device_identifier, state.cred_store_state), ([0xa1; 16], [0xa2; 16]));
    let pin = state.pin().unwrap();
    assert!(pin.hash.matches(&[0xa4; 16]) && pin.code_points == 6);
    assert_eq!((state.pin_retries, state.uv_retries, state.uv_count_since_pin), (7, 3, 70_000));
    assert_eq!(state.large_blobs, (0..100).collect::<Vec<u8>>());
    assert_eq!(state.sign_count_ceiling, 0x0102_03c4, "the counter file is ahead");
    assert_eq!(state.settings.min_pin_length_rp_ids, ["example.com", "example.org"]);
    let fingers: Vec<_> = state.fingerprints().map(|one| one.friendly_name.as_deref()).collect();
    assert_eq!(fingers, [Some("left ☝"), None]);
    let ids: Vec<_> = state.credentials().iter().map(|one| one.id[0]).collect();
    assert_eq!(ids, [1, 2], "oldest first");
    let account = state.credentials().get(&[1; 40]).unwrap().account.as_ref().unwrap();
    assert_eq!(account.user.display_name.as_deref(), Some("Ada Löwe"));
    assert_eq!(account.public_key.len(), 77, "derived: these files do not have it");
}

#[test]
fn every_flipped_bit_of_a_state_file_is_noticed() {
    for bit in 0..STATE.len() * 8 {
        let mut file = STATE.to_vec();
        file[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < MAGIC.len() * 8 { Fault::Foreign } else { Fault::Damaged };
        assert_eq!(state(&file).unwrap_err(), expected, "bit {bit}");
    }
}

#[test]
fn every_truncation_of_a_state_file_and_any_more_is_noticed() {
    for length in 0..STATE.len() {
        assert_eq!(state(&STATE[..length]).unwrap_err(), Fault::Damaged, "{length} bytes");
    }
    assert_eq!(state(&[STATE, &[0]].concat()).unwrap_err(), Fault::Damaged);
    assert_eq!(state(&alloc::vec![0; MAX_STATE_FILE + 1]).unwrap_err(), Fault::TooLong);
}

#[test]
fn a_short_file_that_does_not_begin_like_ours_is_not_ours() {
    for foreign in [&b"k "[..], b"hello", b"keyfo\n", b"\0"] {
        assert_eq!(state(foreign).unwrap_err(), Fault::Foreign);
    }
}

#[test]
fn a_version_or_a_sealing_that_is_not_ours_is_named() {
    let mut changed = content();
    changed[7] = 2;
    let fault = state(&with_checksum(&changed)).unwrap_err();
    assert_eq!(fault, Fault::Newer { found: 2 });
    assert!(fault.to_string().contains("version 2"));
    changed[7] = 0;
    assert_eq!(state(&with_checksum(&changed)).unwrap_err(), Fault::Malformed { field: "version" });
    let mut sealed = content();
    sealed[8] = 1;
    assert_eq!(state(&with_checksum(&sealed)).unwrap_err(), Fault::Sealed { found: 1 });
}

#[test]
fn a_body_that_is_too_long_or_has_another_field_is_malformed() {
    let longer = [&content()[..], &[0]].concat();
    let last = Fault::Malformed { field: "sign_count_ceiling" };
    assert_eq!(state(&with_checksum(&longer)).unwrap_err(), last);
    let mut renamed = content();
    let at = renamed.windows(11).position(|window| window == b"pin_retries").unwrap();
    renamed[at] = b'q';
    let fault = state(&with_checksum(&renamed)).unwrap_err();
    assert_eq!(fault, Fault::Malformed { field: "pin_retries" });
}

#[test]
fn a_length_beyond_the_file_asks_for_no_memory() {
    let mut content = [&MAGIC[..], &[0, 1, 0, 0xad, 0x6c]].concat();
    content.extend(b"wrapping_key");
    for header in [&[0x5b, 0x7f][..], &[0x9b, 0x7f], &[0xbb, 0x7f], &[0x7b, 0x7f]] {
        let content = [&content[..], header, &[0xff; 7]].concat();
        let fault = state(&with_checksum(&content)).unwrap_err();
        assert_eq!(fault, Fault::Malformed { field: "wrapping_key" });
    }
}

#[test]
fn the_higher_slot_counts_and_no_flipped_bit_takes_it_back() {
    let whole = counter(192, 128);
    assert_eq!(sign_count_ceiling(&whole), Ok(192));
    for bit in (0..SLOT + DIGEST).chain(SECOND_SLOT..SECOND_SLOT + SLOT + DIGEST).map(|at| at * 8) {
        let mut file = whole.clone();
        file[bit / 8] ^= 1;
        assert!(sign_count_ceiling(&file).unwrap() >= 192, "bit {bit}");
    }
}

// P-13
#[test]
fn the_highest_ceiling_is_read_beside_a_torn_slot_and_does_not_wrap() {
    let mut torn = counter(u32::MAX, 0);
    torn[SECOND_SLOT] ^= 1;
    assert_eq!(sign_count_ceiling(&torn), Ok(u32::MAX));
}

#[test]
fn a_counter_file_without_a_readable_slot_of_another_length_or_version_is_refused() {
    let mut both = counter(64, 128);
    both[0] ^= 1;
    both[SECOND_SLOT] ^= 1;
    assert_eq!(sign_count_ceiling(&both), Err(Fault::Damaged));
    for length in [0, 44, 4096, COUNTER_FILE - 1] {
        assert_eq!(sign_count_ceiling(&both[..length]), Err(Fault::Damaged));
    }
    assert_eq!(sign_count_ceiling(&[counter(1, 1), alloc::vec![0]].concat()), Err(Fault::Damaged));
    let mut newer = counter(64, 128);
    newer[7] = 2;
    let digest = crypto::sha256(&[&newer[..SLOT]]);
    newer[SLOT..SLOT + DIGEST].copy_from_slice(&digest);
    assert_eq!(sign_count_ceiling(&newer), Err(Fault::Newer { found: 2 }));
}

fn content() -> Vec<u8> {
    STATE[..STATE.len() - DIGEST].to_vec()
}

fn with_checksum(content: &[u8]) -> Vec<u8> {
    [content, &crypto::sha256(&[content])].concat()
}

/// A counter file with these ceilings.
fn counter(first: u32, second: u32) -> Vec<u8> {
    let mut file = alloc::vec![0; COUNTER_FILE];
    for (at, ceiling) in [(0, first), (SECOND_SLOT, second)] {
        let content = [&MAGIC[..], &VERSION.to_be_bytes(), &ceiling.to_be_bytes()].concat();
        let slot = with_checksum(&content);
        file[at..at + slot.len()].copy_from_slice(&slot);
    }
    file
}
