//! What a registration leaves behind: authenticator data, records, ids.

use ctap_core::algorithm::Algorithm;
use ctap_core::config::AAGUID;
use ctap_core::memory::MemoryError;

use crate::attestation::with_every_algorithm;
use crate::support::store::Medium;
use crate::support::{
    Act, Key, OTHER_RP, RP, Request, bytes, get_assertion, make_credential, map, sha256,
};

fn key() -> Key {
    Key::made(|_| {})
}

fn rk() -> Request {
    make_credential(RP).rk()
}

// MC-70 to MC-76, MC-81, MC-38, MC-39, MC-42, MSG-11, EX-04, AT-11; V-11; tool Resp-1 P-02, F-01
#[test]
fn authenticator_data_is_laid_out_as_prescribed() {
    for discoverable in [false, true] {
        let made = key().ok(&make_credential(RP).option("rk", discoverable));
        assert_eq!(made.keys(), [1, 2, 3]);
        let raw = made.bytes(2);
        assert_eq!(raw[..32], sha256(RP.as_bytes()));
        assert_eq!(raw[32], 0x41, "UP and AT, no BE, BS, ED");
        assert_eq!(raw[33..37], [0; 4], "no signature was counted yet");
        assert_eq!(raw[37..53], AAGUID);
        let length = usize::from(u16::from_be_bytes([raw[53], raw[54]]));
        assert!((1..=255).contains(&length));
        let cose = &raw[55 + length..];
        assert_eq!(cose.len(), 77);
        assert_eq!(cose[..10], [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20]);
        assert_eq!(cose[42..45], [0x22, 0x58, 0x20]);
    }
}

// MC-73, MC-74, GA-30, GA-A10, AT-03, MSG-61
#[test]
fn every_algorithm_registers_and_signs() {
    let mut key = Key::made(with_every_algorithm);
    for algorithm in Algorithm::ALL {
        // A key of RSA takes long to make: one of each kind will do.
        let kinds: &[bool] = match algorithm {
            Algorithm::Rs256 => &[true],
            Algorithm::Ps256 => &[false],
            _ => &[false, true],
        };
        for discoverable in kinds.iter().copied() {
            let number = i64::from(algorithm.cose());
            let request = make_credential(RP).algorithm(number).option("rk", discoverable);
            let made = key.ok(&request);
            let credential = made.auth_data().attested.unwrap();
            assert_eq!(credential.public_key.algorithm(), number);
            let used = key.ok(&get_assertion(RP).list(&[&credential.credential_id]));
            assert!(used.is_signed_by(&made), "{algorithm:?}");
        }
    }
}

// MC-75, MC-A1, MC-40, GA-17; tool ResidentKey-1 P-6
#[test]
fn a_second_registration_of_the_same_account_takes_the_place_of_the_first() {
    let mut key = key();
    let first = key.ok(&rk());
    let second = key.ok(&rk());
    assert_ne!(first.new_id(), second.new_id());
    assert_eq!(key.info().number(0x14), 9);
    assert_eq!(key.status(&get_assertion(RP).list(&[&first.new_id()])), 0x2e);
    let used = key.ok(&get_assertion(RP));
    assert!(used.is_signed_by(&second));
    assert!(!used.has(5), "one account");
}

// MC-A2, MC-A3, MC-41
#[test]
fn nothing_else_takes_its_place() {
    let mut key = key();
    let first = key.ok(&rk());
    key.ok(&make_credential(OTHER_RP).rk());
    key.ok(&make_credential(RP));
    key.ok(&rk().user(b"eve", "Eve"));
    assert_eq!(key.state().credentials().len(), 3);
    assert!(key.ok(&get_assertion(RP).list(&[&first.new_id()])).is_signed_by(&first));
}

// MC-41, GA-14; tool GetAssertion Req-3 F-6
#[test]
fn a_credential_that_is_not_discoverable_is_not_found_by_its_relying_party() {
    let mut key = key();
    let made = key.ok(&make_credential(RP).option("rk", false));
    assert_eq!(key.state().credentials().len(), 0);
    assert_eq!(key.status(&get_assertion(RP)), 0x2e);
    assert!(key.ok(&get_assertion(RP).list(&[&made.new_id()])).is_signed_by(&made));
    assert_eq!(key.status(&get_assertion(OTHER_RP).list(&[&made.new_id()])), 0x2e);
}

// MC-A6, MC-A7, MC-40, GI-29
#[test]
fn a_full_key_still_replaces_and_makes_what_needs_no_room() {
    let mut key = Key::made(|config| config.capacity = 2);
    for (user, left) in [(b"ada", 1), (b"eve", 0)] {
        key.ok(&rk().user(user, "x"));
        assert_eq!(key.info().number(0x14), left);
    }
    assert_eq!(key.status(&rk().user(b"bob", "Bob")), 0x28);
    assert_eq!(key.status(&rk().user(b"eve", "Eve")), 0);
    assert_eq!(key.status(&make_credential(RP).user(b"bob", "Bob")), 0);
}

// MC-43, MC-40, EX-08, P-12
#[test]
fn a_registration_that_cannot_be_stored_changes_nothing() {
    for (error, status) in [(MemoryError::Full, 0x28), (MemoryError::Failed, 0x7f)] {
        let mut key = key();
        let first = key.ok(&rk());
        key.medium.set(Medium::FailsAfter(0, error));
        assert_eq!(key.status(&rk()), status);
        key.medium.set(Medium::Good);
        assert!(key.ok(&get_assertion(RP)).is_signed_by(&first));
    }
}

// P-11, P-12
#[test]
fn a_key_whose_memory_was_taken_away_makes_no_more_credentials_and_goes_on_signing() {
    let mut key = key();
    let made = key.ok(&make_credential(RP));
    key.ok(&get_assertion(RP).list(&[&made.new_id()])); // reserves a block of counters
    key.medium.set(Medium::Gone);
    for request in [make_credential(RP), rk()] {
        assert_eq!(key.status(&request), 0x7f);
    }
    assert!(key.ok(&get_assertion(RP).list(&[&made.new_id()])).is_signed_by(&made));
}

// MC-40, MC-41, GI-93; tool ResidentKey-1 P-5
#[test]
fn the_store_state_changes_with_each_discoverable_credential() {
    let mut key = key();
    let mut seen = vec![key.state().cred_store_state()];
    for request in [rk(), rk(), rk().user(b"eve", "Eve")] {
        key.ok(&request);
        assert!(!seen.contains(&key.state().cred_store_state()));
        seen.push(key.state().cred_store_state());
    }
    key.ok(&make_credential(RP));
    key.will(Act::Cancel);
    key.status(&rk());
    assert_eq!(Some(&key.state().cred_store_state()), seen.last());
}

// MC-78, MC-79, CM-43
#[test]
fn long_names_are_cut_between_characters_and_ids_are_kept_whole() {
    let mut key = key();
    let long_rp = format!("{}.example", "a".repeat(300));
    let user = map([
        ("id", bytes([9; 64])),
        ("name", "ä".repeat(100).into()),
        ("displayName", "🚀".repeat(33).into()),
    ]);
    key.ok(&make_credential(&long_rp).rk().with(3, user));
    let account = key.state().credentials().iter().next().unwrap().account.as_ref().unwrap();
    assert_eq!(account.rp.id, long_rp);
    assert_eq!(account.user.id, [9; 64]);
    assert_eq!(account.user.name.as_deref(), Some(&*"ä".repeat(64)));
    assert_eq!(account.user.display_name.as_deref(), Some(&*"🚀".repeat(32)));
    assert_eq!(key.status(&get_assertion(&long_rp)), 0);
}

// MC-75
#[test]
fn no_two_registrations_share_an_id_or_a_key() {
    let mut key = Key::made(|config| config.capacity = 100);
    let mut seen = std::collections::HashSet::new();
    for number in 0..20_u8 {
        for request in [rk().user(&[number], "x"), make_credential(RP)] {
            let credential = key.ok(&request).auth_data().attested.unwrap();
            assert!(seen.insert(credential.credential_id));
            assert!(seen.insert(format!("{:?}", credential.public_key).into_bytes()));
        }
    }
}

// MC-75, MC-33, GA-17
#[test]
fn an_id_changed_in_any_byte_denotes_nothing() {
    let mut key = key();
    for request in [rk(), make_credential(RP)] {
        let id = key.ok(&request).new_id();
        for at in 0..id.len() {
            let mut other = id.clone();
            other[at] ^= 0x80;
            assert_eq!(key.status(&get_assertion(RP).silent().list(&[&other])), 0x2e);
        }
        assert_eq!(key.status(&get_assertion(RP).silent().list(&[&id[..id.len() - 1]])), 0x2e);
    }
}

// MC-77, GA-31, P-13
#[test]
fn a_registration_does_not_count_and_shows_no_smaller_counter() {
    let mut key = key();
    let made = key.ok(&make_credential(RP));
    let mut last = 0;
    for _ in 0..3 {
        let used = key.ok(&get_assertion(RP).list(&[&made.new_id()])).auth_data().sign_count;
        assert!(used > last);
        last = used;
        let shown = key.ok(&make_credential(RP)).auth_data().sign_count;
        assert_eq!(shown, last);
    }
}

// MC-79, EX-07
#[test]
fn credentials_outlive_power_cycles_and_restarts() {
    let mut key = key();
    let made = [key.ok(&rk()), key.ok(&make_credential(RP).user(b"eve", "Eve"))];
    for _ in 0..2 {
        key.power_cycle();
        key.restart(ctap_core::Config::default());
        for made in &made {
            assert!(key.ok(&get_assertion(RP).list(&[&made.new_id()])).is_signed_by(made));
        }
    }
}

// MC-79, MSG-47
#[test]
fn a_passkey_has_a_user_with_an_id() {
    let mut key = key();
    let nameless = make_credential(RP).user(b"", "nobody");
    assert_eq!(key.status(&nameless.clone().rk()), 0x02);
    assert_eq!(key.asked(), [], "judged before anyone is asked");
    let made = key.ok(&nameless);
    assert!(!key.ok(&get_assertion(RP).list(&[&made.new_id()])).has(4));
    for length in [1, 64] {
        assert_eq!(key.status(&make_credential(RP).rk().user(&vec![7; length], "ada")), 0);
    }
}
