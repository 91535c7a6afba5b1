//! Every released format has its files here, and every later keyfob opens them (P-18).

mod support;

use std::path::Path;

use ctap_core::store::{Change, State, Store};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use support::{reveal, sample};
use vault::simulated::SimulatedDisk;
use vault::{COUNTER, STATE, Vault};

const STATE_1: &[u8] = include_bytes!("fixtures/version-1/state.keyfob");
const COUNTER_1: &[u8] = include_bytes!("fixtures/version-1/counter.keyfob");

#[test]
fn version_1_is_opened() {
    let disk = SimulatedDisk::new();
    disk.put(STATE, STATE_1);
    disk.put(COUNTER, COUNTER_1);
    let vault = Vault::open_on(disk).unwrap();
    assert_eq!(reveal(vault.state()), reveal(&written()));
}

/// The format cannot change by accident. While version 1 is not released, its files are made anew from what the failing test
/// leaves in the directory it names.
#[test]
fn version_1_is_what_is_written_byte_for_byte() {
    let disk = SimulatedDisk::new();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut vault = Vault::create_on(disk.clone(), rng).unwrap();
    vault.commit(Change::Reset(Box::new(sample()))).unwrap();
    for ceiling in [0x0102_0384, CEILING] {
        vault.commit(Change::SignCountCeiling(ceiling)).unwrap();
    }
    let now = [STATE, COUNTER].map(|name| {
        let contents = disk.contents(name).unwrap();
        std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), &contents).unwrap();
        contents
    });
    let changed = "the format has changed: see the files in ";
    assert!(now == [STATE_1, COUNTER_1], "{changed}{}", env!("CARGO_TARGET_TMPDIR"));
}

fn written() -> State {
    State { sign_count_ceiling: CEILING, ..sample() }
}

const CEILING: u32 = 0x0102_03c4;
