//! A file of records with a part of it exchanged for any bytes, and the right checksum where that is needed to get further.
//!
//! What opens has lost nothing, takes a commit, and is read the same again; what does not open is refused with a reason and left
//! as it is.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use keyfob_fuzz::plant;
use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{
    Change, Durability, Error, KEY, Opened, Places, RECORDS, Record, Rollback, Unlock, Vault,
};
use sha2::{Digest, Sha256};

/// The first byte of an input.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Part {
    /// The file as it stands.
    Whole,
    /// What the header's checksum is over.
    Header,
    /// The second and the third page.
    Heads,
    /// Everything behind the heads.
    Frames,
    /// What lies behind the last frame.
    Rest,
}

fuzz_target!(init: plant(seeds), |input: (Part, &[u8])| {
    let disk = SimulatedDisk::new();
    let (part, bytes) = input;
    let file = with(part, bytes);
    disk.put(RECORDS, &file);
    disk.put(KEY, KEY_FILE);
    match open(&disk) {
        Ok(opened) => {
            assert_eq!(map(&opened.records), original(), "P-11: nothing is lost");
            assert_it_keeps(opened, &disk);
        }
        Err(refusal) => {
            assert!(!matches!(part, Part::Rest), "nobody was told of what is there: {refusal}");
            assert!(!refusal.to_string().is_empty() && !refusal.advice().is_empty());
            assert_eq!(disk.contents(RECORDS), Some(file), "P-14: never repaired");
        }
    }
});

fn assert_it_keeps(mut opened: Opened<SimulatedDisk>, disk: &SimulatedDisk) {
    let changes = [Change::set(b"later", b"1")];
    opened.vault.commit(&changes, Durability::Wait).expect("a disk that works");
    drop(opened);
    let mut expected = original();
    expected.insert(b"later".to_vec(), b"1".to_vec());
    let again = open(&disk.copy()).expect("what it wrote itself");
    assert_eq!(map(&again.records), expected, "written and read again");
}

/// The longest rest has no more than a thousand things that look like frames: more of them are no accident.
fn with(part: Part, bytes: &[u8]) -> Vec<u8> {
    let (head, frames) = FILE.split_at(FRAMES);
    match part {
        Part::Whole => bytes.to_vec(),
        Part::Header => {
            let mut content = bytes.to_vec();
            content.resize(CHECKSUM, 0);
            let digest = Sha256::digest(&content);
            [&content, &digest[..], &FILE[CHECKSUM + digest.len()..]].concat()
        }
        Part::Heads => {
            let mut heads = bytes.to_vec();
            heads.resize(2 * PAGE, 0);
            [&FILE[..PAGE], &heads, frames].concat()
        }
        Part::Frames => [head, bytes].concat(),
        Part::Rest => [FILE, &bytes[..bytes.len().min(64 * 1000)]].concat(),
    }
}

fn open(disk: &SimulatedDisk) -> Result<Opened<SimulatedDisk>, Error> {
    let rng = Box::new(ChaCha20Rng::seed_from_u64(1));
    let places = Places { vault: disk.clone(), witness: None };
    Vault::open_on(places, &Unlock::KeyFile, Rollback::Refuse, rng)
}

fn original() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let disk = SimulatedDisk::new();
    disk.put(RECORDS, FILE);
    disk.put(KEY, KEY_FILE);
    map(&open(&disk).expect("the fixture").records)
}

fn map(records: &[Record]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    records.iter().map(|record| (record.name.clone(), record.value.to_vec())).collect()
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    // The part is read from the front as four bytes, whose upper fifth chooses.
    let input = |part: u32, bytes: &[u8]| {
        let choice = u32::try_from((u64::from(part) << 32).div_ceil(5)).expect("below 2^32");
        [&choice.to_le_bytes()[..], bytes].concat()
    };
    vec![
        ("whole".into(), input(0, FILE)),
        ("header".into(), input(1, &FILE[..CHECKSUM])),
        ("heads".into(), input(2, &FILE[PAGE..FRAMES])),
        ("frames".into(), input(3, &FILE[FRAMES..])),
        ("rest".into(), input(4, &FILE[FRAMES..])),
    ]
}

const PAGE: usize = 4096;
const FRAMES: usize = 3 * PAGE;
/// Where the header's checksum is.
const CHECKSUM: usize = 200;
const FILE: &[u8] =
    include_bytes!("../../../crates/sealed-records/tests/fixtures/version-1/key-file.keyfob");
const KEY_FILE: &[u8] =
    include_bytes!("../../../crates/sealed-records/tests/fixtures/version-1/key");
