//! What a key loads, with any content: a record's value, or the two files of an earlier keyfob, with the right checksum where that is
//! needed to get further.
//!
//! What is taken is what would be written; what is not is refused with a reason.
#![no_main]

use arbitrary::Arbitrary;
use ctap_core::memory::{Durability, MemoryError, Record};
use ctap_core::secret::SecretBytes;
use ctap_core::store::Tail;
use ctap_core::{Memory, Store, state_v1};
use keyfob_fuzz::plant;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

/// The first byte of an input.
#[derive(Arbitrary, Debug)]
enum Shape {
    /// The state file as it stands.
    State,
    /// What is behind the state file's header, without the checksum.
    Body,
    /// The counter file's two slots, each with a byte that says whether its checksum is right.
    Slots,
    /// A byte that chooses one of the records, and its value.
    Value,
}

fuzz_target!(init: plant(seeds), |input: (Shape, &[u8])| {
    let (shape, bytes) = input;
    let (state, counter) = match shape {
        Shape::State => (bytes.to_vec(), COUNTER_FILE.to_vec()),
        Shape::Body => (with_checksum(&[&STATE_FILE[..HEADER], bytes].concat()), COUNTER_FILE.to_vec()),
        Shape::Slots => (STATE_FILE.to_vec(), slots(bytes)),
        Shape::Value => return load_with(bytes),
    };
    match state_v1::records(&state, &counter) {
        Ok(records) => assert_it_keeps(records),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
});

fn assert_it_keeps(records: Vec<Record>) {
    let before = sorted(&records);
    let store = load(records).expect("what was taken over");
    assert_eq!(sorted(&store.records()), before);
}

fn load_with(bytes: &[u8]) {
    let Some((choice, value)) = bytes.split_first() else { return };
    let mut records = state_v1::records(STATE_FILE, COUNTER_FILE).expect("a good key");
    let chosen = usize::from(*choice) % records.len();
    records[chosen].value = Some(SecretBytes::new(value.to_vec()));
    let before = sorted(&records);
    match load(records) {
        Ok(store) => assert_eq!(sorted(&store.records()), before, "taken as it is"),
        Err(refusal) => assert!(!refusal.to_string().is_empty() && !refusal.advice().is_empty()),
    }
}

fn load(records: Vec<Record>) -> Result<Store, ctap_core::records::LoadError> {
    Store::load(Box::new(Nowhere), records, Tail::Whole)
}

fn sorted(records: &[Record]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let value =
        |record: &Record| record.value.as_ref().map_or(Vec::new(), |value| value.expose().to_vec());
    let mut sorted: Vec<_> =
        records.iter().map(|record| (record.name.clone(), value(record))).collect();
    sorted.sort();
    sorted
}

/// A medium that remembers nothing.
struct Nowhere;

impl Memory for Nowhere {
    fn commit(&mut self, _records: &[Record], _when: Durability) -> Result<(), MemoryError> {
        Ok(())
    }

    fn replace_all(&mut self, _records: &[Record]) -> Result<(), MemoryError> {
        Ok(())
    }
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
        let choice = u32::try_from((u64::from(shape) << 32).div_ceil(4)).expect("below 2^32");
        [&choice.to_le_bytes()[..], bytes].concat()
    };
    let slot = |at: usize| [&[1][..], &COUNTER_FILE[at..at + SLOT]].concat();
    let body = &STATE_FILE[HEADER..STATE_FILE.len() - 32];
    vec![
        ("state".into(), input(0, STATE_FILE)),
        ("body".into(), input(1, body)),
        ("slots".into(), input(2, &[slot(0), slot(4096)].concat())),
        ("value".into(), input(3, &[0, 0xa2, 0, 1, 1, 0])),
    ]
}

/// Magic, version, sealing.
const HEADER: usize = 9;
/// Magic, version, ceiling.
const SLOT: usize = 12;
const STATE_FILE: &[u8] =
    include_bytes!("../../../crates/ctap-core/tests/fixtures/state-v1/state.keyfob");
const COUNTER_FILE: &[u8] =
    include_bytes!("../../../crates/ctap-core/tests/fixtures/state-v1/counter.keyfob");
