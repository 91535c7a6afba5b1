//! A state file and a counter file with any content, and the right checksum where that is needed to get further.
//!
//! What opens is read the same once it has been written again; counters do not go back; what does not open is refused with a
//! reason, and neither file is touched.
#![no_main]

#[path = "../../../crates/vault/tests/support/mod.rs"]
mod support;

use arbitrary::Arbitrary;
use ctap_core::Store;
use ctap_core::store::Change;
use keyfob_fuzz::plant;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use vault::simulated::SimulatedDisk;
use vault::{COUNTER, STATE, Vault};

/// The first byte of an input.
#[derive(Arbitrary, Debug)]
enum Shape {
    /// The state file as it stands.
    State,
    /// What is behind the state file's header, without the checksum.
    Body,
    /// The counter file's two slots, each with a byte that says whether its checksum is right.
    Slots,
}

fuzz_target!(init: plant(seeds), |input: (Shape, &[u8])| {
    let disk = SimulatedDisk::new();
    let (shape, bytes) = input;
    let (state, counter) = match shape {
        Shape::State => (bytes.to_vec(), COUNTER_FILE.to_vec()),
        Shape::Body => (with_checksum(&[&STATE_FILE[..HEADER], bytes].concat()), COUNTER_FILE.to_vec()),
        Shape::Slots => (STATE_FILE.to_vec(), slots(bytes)),
    };
    disk.put(STATE, &state);
    disk.put(COUNTER, &counter);
    match Vault::open_on(disk.clone()) {
        Ok(vault) => assert_it_keeps(vault, &disk),
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            assert_eq!(disk.contents(STATE), Some(state), "P-14: never repaired");
            assert_eq!(disk.contents(COUNTER), Some(counter));
        }
    }
});

fn assert_it_keeps(mut vault: Vault<SimulatedDisk>, disk: &SimulatedDisk) {
    let before = support::reveal(vault.state());
    let retries = vault.state().pin_retries;
    vault.commit(Change::PinRetries(retries)).expect("a disk that works");
    drop(vault);
    let mut vault = Vault::open_on(disk.copy()).expect("what it wrote itself");
    assert_eq!(support::reveal(vault.state()), before, "written and read again");
    let ceiling = vault.state().sign_count_ceiling;
    vault.commit(Change::SignCountCeiling(ceiling.saturating_add(1))).expect("a disk that works");
    assert!(vault.state().sign_count_ceiling >= ceiling, "P-13");
}

fn slots(bytes: &[u8]) -> Vec<u8> {
    let mut file = COUNTER_FILE.to_vec();
    for (at, slot) in [0, 4096].into_iter().zip(bytes.chunks(SLOT + 1)) {
        let Some((is_right, content)) = slot.split_first() else { break };
        let slot = if is_right & 1 == 1 { with_checksum(content) } else { content.to_vec() };
        file[at..at + slot.len()].copy_from_slice(&slot);
    }
    file
}

fn with_checksum(content: &[u8]) -> Vec<u8> {
    [content, &Sha256::digest(content)[..]].concat()
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    // The shape is read from the front as four bytes, whose upper half chooses.
    let input = |shape: u32, bytes: &[u8]| {
        let choice = u32::try_from((u64::from(shape) << 32).div_ceil(3)).expect("below 2^32");
        [&choice.to_le_bytes()[..], bytes].concat()
    };
    let slot = |at: usize| [&[1][..], &COUNTER_FILE[at..at + SLOT]].concat();
    let body = &STATE_FILE[HEADER..STATE_FILE.len() - 32];
    vec![
        ("state".into(), input(0, STATE_FILE)),
        ("body".into(), input(1, body)),
        ("slots".into(), input(2, &[slot(0), slot(4096)].concat())),
    ]
}

/// Magic, version, sealing.
const HEADER: usize = 9;
/// Magic, version, ceiling.
const SLOT: usize = 12;
const STATE_FILE: &[u8] =
    include_bytes!("../../../crates/vault/tests/fixtures/version-1/state.keyfob");
const COUNTER_FILE: &[u8] =
    include_bytes!("../../../crates/vault/tests/fixtures/version-1/counter.keyfob");
