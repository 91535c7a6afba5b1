//! The price of a PIN try, through every subcommand, power cycle and failing medium.

use std::collections::{HashSet, VecDeque};

use ctap_core::memory::MemoryError;

use crate::support::pin::padded;
use crate::support::request::client_pin;
use crate::support::store::Medium;
use crate::support::{CM, Key, PROTOCOLS, PinProtocol, Request, bytes};

/// The ways to try a PIN.
#[derive(Clone, Copy, Debug)]
enum Way {
    ChangePin,
    PinToken,
    WithPermissions,
}

const WAYS: [Way; 3] = [Way::ChangePin, Way::PinToken, Way::WithPermissions];

fn attempt(key: &mut Key, way: Way, protocol: PinProtocol, pin: &str) -> Request {
    match way {
        Way::ChangePin => key.change_pin_request(protocol, pin, &padded("1234")),
        Way::PinToken => key.token_request(protocol, 0x05, pin).0,
        Way::WithPermissions => key.token_request(protocol, 0x09, pin).0.with(9, CM),
    }
}

fn try_by(key: &mut Key, way: Way, pin: &str) -> u8 {
    let request = attempt(key, way, PinProtocol::Two, pin);
    key.status(&request)
}

// CP-25 to CP-28, CP-62, CP-65, CP-66, CP-67, CP-76, CP-78, CP-88, CP-89, CP-A1
#[test]
fn three_wrong_in_a_row_need_a_power_cycle() {
    for way in WAYS {
        let mut key = Key::with_pin();
        let statuses = [("0", 0x31), ("0", 0x31), ("0", 0x34), ("0", 0x34), ("1234", 0x34)];
        for (pin, status) in statuses {
            assert_eq!(try_by(&mut key, way, pin), status, "{way:?}");
        }
        assert_eq!(key.state().pin_retries(), 5, "a blocked try costs nothing");
        key.power_cycle();
        assert_eq!(try_by(&mut key, way, "1234"), 0);
        assert_eq!(key.state().pin_retries(), 8);
    }
}

// CP-24, CP-27, CP-A2, CP-45, CP-62
#[test]
fn eight_wrong_in_all_block_for_good() {
    for way in WAYS {
        let mut key = Key::with_pin();
        let mut statuses = Vec::new();
        for _ in 0..8 {
            let status = try_by(&mut key, way, "0");
            statuses.push(status);
            if status == 0x34 {
                key.power_cycle();
            }
        }
        assert_eq!(statuses, [0x31, 0x31, 0x34, 0x31, 0x31, 0x34, 0x31, 0x32]);
        for _ in 0..2 {
            assert_eq!(try_by(&mut key, way, "1234"), 0x32);
            assert_eq!(key.ok(&client_pin(1)).number(3), 0);
            key.power_cycle();
        }
        assert_eq!(key.status(&Request::new(7)), 0, "a reset helps"); // RS-16
        assert_eq!(key.state().pin_retries(), 8);
    }
}

// CP-27
#[test]
fn blocked_for_good_outranks_blocked_until_the_power_cycle() {
    let mut key = Key::with_pin();
    for _ in 0..3 {
        key.try_pin("0");
    }
    key.power_cycle();
    for _ in 0..3 {
        key.try_pin("0");
    }
    key.power_cycle();
    assert_eq!((key.try_pin("0"), key.try_pin("0")), (0x31, 0x32));
    assert_eq!(key.try_pin("0"), 0x32);
}

// CP-A4, CP-45
#[test]
fn the_tries_left_can_be_asked_for() {
    let mut key = Key::with_pin();
    let mut told = Vec::new();
    for _ in 0..3 {
        key.try_pin("0");
        let reply = key.ok(&client_pin(1));
        told.push((reply.number(3), reply.boolean(4)));
    }
    assert_eq!(told, [(7, false), (6, false), (5, true)]);
    key.power_cycle();
    assert!(!key.ok(&client_pin(1)).boolean(4));
}

// CP-28, CP-A5
#[test]
fn a_right_pin_ends_the_run_of_wrong_ones() {
    let mut key = Key::with_pin();
    for _ in 0..5 {
        assert_eq!((key.try_pin("0"), key.try_pin("0"), key.try_pin("1234")), (0x31, 0x31, 0));
        assert_eq!(key.state().pin_retries(), 8);
    }
}

// CP-15, CP-66, CP-A3
#[test]
fn a_wrong_pin_changes_the_key_agreement_key_of_its_protocol_only() {
    for way in WAYS {
        for protocol in PROTOCOLS {
            let mut key = Key::with_pin();
            let agreement = |key: &mut Key, protocol: PinProtocol| {
                key.ok(&client_pin(2).with(1, protocol.number()))
            };
            let before = PROTOCOLS.map(|protocol| agreement(&mut key, protocol));
            let request = attempt(&mut key, way, protocol, "0");
            let prepared = attempt(&mut key, Way::PinToken, protocol, "1234");
            assert_eq!(key.status(&request), 0x31);
            let after = PROTOCOLS.map(|protocol| agreement(&mut key, protocol));
            let changed = [before[0] != after[0], before[1] != after[1]];
            assert_eq!(changed, [protocol == PinProtocol::One, protocol == PinProtocol::Two]);
            assert_eq!(key.status(&prepared), 0x31, "prepared for the old key");
        }
    }
}

// CP-29, CP-06
#[test]
fn a_pin_hash_that_does_not_decrypt_to_sixteen_bytes_costs_a_try() {
    for protocol in PROTOCOLS {
        for length in [0, 15, 16, 17, 32, 48, 64] {
            let mut key = Key::with_pin();
            let request = attempt(&mut key, Way::PinToken, protocol, "1234");
            assert_eq!(key.status(&request.with(6, bytes(vec![1; length]))), 0x31, "{length}");
            assert_eq!(key.state().pin_retries(), 7);
        }
    }
}

// CP-26, CP-62, CP-64
#[test]
fn what_fails_before_the_pin_is_looked_at_costs_nothing() {
    let mut key = Key::with_pin();
    let change = attempt(&mut key, Way::ChangePin, PinProtocol::Two, "1234");
    let token = attempt(&mut key, Way::PinToken, PinProtocol::Two, "1234");
    for request in [
        change.with(4, bytes([0; 32])),
        token.clone().with(3, crate::support::numbered([])),
        token.clone().with(1, 7),
        token.clone().without(6),
    ] {
        assert_ne!(key.status(&request), 0);
    }
    assert_eq!(key.state().pin_retries(), 8);
    assert_eq!(key.status(&token), 0, "nor was it a mismatch");
}

// CP-52, P-2
#[test]
fn setting_a_pin_over_a_pin_refills_nothing() {
    let mut key = Key::with_pin();
    key.try_pin("0");
    let request = key.set_pin_request(PinProtocol::Two, &padded("4321"));
    assert_eq!(key.status(&request), 0x33);
    assert_eq!(key.state().pin_retries(), 7);
}

/// What decides about the next try: tries left, wrong ones in a row.
type Standing = (u8, u8);

/// Who attacks.
#[derive(Clone, Copy, PartialEq)]
enum Attacker {
    /// Software: it cannot unplug the key.
    Malware,
    /// Can unplug it, also while a try is being paid for.
    Physical,
}

/// A key that stands so.
fn key_at((left, row): Standing) -> Key {
    let mut key = Key::with_pin();
    let others = 8 - left - row;
    for wrong in 0..others {
        key.try_pin("0");
        if wrong % 2 == 1 || wrong + 1 == others {
            key.power_cycle();
        }
    }
    for _ in 0..row {
        key.try_pin("0");
    }
    assert_eq!(key.state().pin_retries(), left);
    key
}

/// Every standing that attackers can bring about by wrong tries and, if they can, power cuts; at each the price of the
/// next try is checked.
fn reachable(attacker: Attacker) -> HashSet<Standing> {
    let mut seen = HashSet::from([(8, 0)]);
    let mut open = VecDeque::from([(8, 0)]);
    while let Some((left, row)) = open.pop_front() {
        let mut key = key_at((left, row));
        let status = key.try_pin("0");
        let paid = left - key.state().pin_retries();
        let next = match status {
            0x31 | 0x34 if row < 3 => (left - 1, row + 1),
            0x32 if left == 1 => (0, row + 1),
            0x34 | 0x32 => (left, row),
            other => panic!("{other:#04x} at {left}, {row}"),
        };
        assert_eq!(paid, left - next.0, "each look at the PIN is paid for");
        let unplugged = (attacker == Attacker::Physical).then_some([(left, 0), (next.0, 0)]);
        for standing in [next].into_iter().chain(unplugged.into_iter().flatten()) {
            if seen.insert(standing) {
                open.push_back(standing);
            }
        }
    }
    seen
}

// P-1, P-2, CP-24, CP-26
#[test]
fn malware_gets_three_guesses_and_cannot_block_the_pin() {
    let standings = reachable(Attacker::Malware);
    assert_eq!(standings, HashSet::from([(8, 0), (7, 1), (6, 2), (5, 3)]));
}

// P-1, P-2, CP-27
#[test]
fn whoever_holds_the_key_gets_eight_guesses() {
    let standings = reachable(Attacker::Physical);
    assert!(standings.contains(&(0, 1)));
    assert!(standings.iter().all(|(left, row)| left + row <= 8 && *row <= 3));
}

// P-1, CP-25
#[test]
fn a_try_that_cannot_be_paid_for_is_not_judged() {
    let errors = [MemoryError::Failed, MemoryError::Full];
    for (way, error) in WAYS.iter().flat_map(|way| errors.map(|error| (*way, error))) {
        for pin in ["1234", "0"] {
            let mut key = Key::with_pin();
            let agreement = key.ok(&client_pin(2).with(1, 2));
            let request = attempt(&mut key, way, PinProtocol::Two, pin);
            key.medium.set(Medium::FailsAfter(0, error));
            assert_eq!(key.status(&request), 0x7f, "the same for a right and a wrong PIN");
            assert_eq!(key.ok(&client_pin(2).with(1, 2)), agreement);
            key.medium.set(Medium::Good);
            assert_eq!(key.state().pin_retries(), 8);
        }
    }
}

// P-1, P-12, CP-25, CP-67
#[test]
fn a_medium_that_fails_later_leaves_the_try_paid_and_gives_nothing() {
    for way in WAYS {
        for commits in 0.. {
            let mut key = Key::with_pin();
            let request = attempt(&mut key, way, PinProtocol::Two, "1234");
            key.medium.set(Medium::FailsAfter(commits, MemoryError::Failed));
            let status = key.status(&request);
            if status == 0 {
                break;
            }
            assert_eq!(status, 0x7f);
            let paid = if commits == 1 { 7 } else { 8 };
            assert_eq!(key.state().pin_retries(), paid, "{way:?} after {commits} commits");
        }
    }
}

// P-1, CP-25
#[test]
fn a_power_cut_after_the_payment_does_not_give_the_try_back() {
    for cuts in 1..=8_u8 {
        let mut key = Key::with_pin();
        for _ in 0..cuts {
            let request = attempt(&mut key, Way::PinToken, PinProtocol::Two, "1234");
            key.medium.set(Medium::FailsAfter(1, MemoryError::Failed)); // all after the payment is lost
            key.call(&request.encode());
            key.medium.set(Medium::Good);
            key.restart(ctap_core::Config::default());
        }
        assert_eq!(key.state().pin_retries(), 8 - cuts);
        assert_eq!(key.try_pin("1234"), if cuts == 8 { 0x32 } else { 0 });
    }
}
