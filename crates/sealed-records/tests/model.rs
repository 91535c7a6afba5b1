//! Whatever is asked of a vault in whichever order, it holds what a map would hold.

mod support;

use proptest::prelude::*;
use sealed_records::Durability::{self, Lazy, Wait};
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{Change, RECORDS, Tail};
use support::{Map, Step, create, held, map, open};

fn when() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Wait), Just(Lazy)]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..3_u8, 0..3)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..400)
}

fn step() -> impl Strategy<Value = Step> {
    let change = (name(), proptest::option::of(value()));
    prop_oneof![
        6 => (proptest::collection::vec(change, 0..4), when())
            .prop_map(|(changes, when)| Step::Commit(changes, when)),
        1 => proptest::collection::vec((name(), value()), 0..4).prop_map(Step::ReplaceAll),
        1 => Just(Step::Rewrap),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #[test]
    fn a_vault_holds_what_a_map_would_hold(steps in proptest::collection::vec(step(), 0..20)) {
        let disk = SimulatedDisk::new();
        let mut vault = create(disk.clone());
        let mut expected = Map::new();
        for step in steps {
            if matches!(step, Step::Reopen) {
                drop(vault);
                let opened = open(disk.clone()).unwrap();
                prop_assert_eq!(map(&opened.records), expected.clone());
                prop_assert_eq!(opened.tail, Tail::Whole);
                vault = opened.vault;
            }
            step.ask(&mut vault).unwrap();
            step.apply(&mut expected);
            prop_assert_eq!(vault.info().records, expected.len());
        }
        prop_assert_eq!(held(&disk), expected.clone());
        drop(vault);
        prop_assert_eq!(held(&disk), expected);
    }
}

#[test]
fn a_file_with_more_dead_bytes_than_live_ones_is_written_anew() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    vault.commit(&[Change::set(b"kept", &[1; 1000])], Wait).unwrap();
    let mut longest = 0;
    for number in 0..5000_u32 {
        vault.commit(&[Change::set(b"tries", &number.to_be_bytes())], Wait).unwrap();
        longest = longest.max(disk.contents(RECORDS).unwrap().len());
    }
    assert!(longest <= 320 * 1024, "{longest} bytes");
    assert!(vault.info().generation > 1);
    let expected = held(&disk);
    assert_eq!(expected[b"kept".as_slice()], [1; 1000]);
    assert_eq!(expected[b"tries".as_slice()], 4999_u32.to_be_bytes());
}

#[test]
fn large_contents_are_rewritten_frame_by_frame() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    let mut expected = Map::new();
    for number in 0..1500_u32 {
        let (name, value) = (number.to_be_bytes(), number.to_be_bytes().repeat(150));
        vault.commit(&[Change::set(&name, &value)], Lazy).unwrap();
        expected.insert(name.to_vec(), value);
    }
    vault.rewrap(&sealed_records::Unlock::KeyFile).unwrap();
    assert_eq!(held(&disk), expected);
}

#[test]
fn the_longest_commit_is_kept_and_a_longer_one_is_refused_and_changes_nothing() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    let most = vec![7; sealed_records::limits::MAX_FRAME - 60 - 8];
    vault.commit(&[Change::set(b"x", &most)], Wait).unwrap();
    let longer = [&most[..], &[7]].concat();
    let refusal = vault.commit(&[Change::set(b"x", &longer)], Wait);
    assert_eq!(refusal, Err(sealed_records::CommitError::Full));
    vault.rewrap(&sealed_records::Unlock::KeyFile).unwrap();
    assert_eq!(held(&disk)[b"x".as_slice()], most);
}
