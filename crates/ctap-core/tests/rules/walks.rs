//! Stateful commands: getNextAssertion, and what ends the walks of every command.

use std::time::Duration;

use ctap_core::Channel;

use crate::support::key::CHANNEL;
use crate::support::request::{
    client_pin, credential_management, get_next_assertion, read_blobs, write_blobs,
};
use crate::support::{
    ALL, CM, GA, Key, LBW, MC, RP, Request, bytes, get_assertion, make_credential, numbered, sha256,
};

const OTHER_CHANNEL: Channel = Channel(2);

/// Discoverable credentials of these users, in this order.
fn key_of(users: &[&str]) -> Key {
    let mut key = Key::made(|_| {});
    for user in users {
        key.ok(&make_credential(RP).rk().user(user.as_bytes(), user));
    }
    key
}

fn user_of(used: &crate::support::Body) -> String {
    let id = used.named(4).get("id").unwrap().as_bytes().unwrap().clone();
    String::from_utf8(id).unwrap()
}

// GA-26, GA-27, GA-51, GA-53, GA-54, GA-56, GA-A1; tool ResidentKey-1 P-2
#[test]
fn accounts_come_newest_first_and_each_once() {
    let mut key = key_of(&["A", "B", "C"]);
    let first = key.ok(&get_assertion(RP));
    assert_eq!((user_of(&first), first.number(5)), ("C".into(), 3));
    let mut count = first.auth_data().sign_count;
    for user in ["B", "A"] {
        let next = key.ok(&get_next_assertion());
        assert_eq!(user_of(&next), user);
        assert!(!next.has(5) && !next.has(6));
        assert_eq!(next.auth_data().flags, first.auth_data().flags);
        assert!(next.auth_data().sign_count > count);
        count = next.auth_data().sign_count;
    }
    assert_eq!(key.status(&get_next_assertion()), 0x30);
    assert_eq!(key.asked().len(), 4, "three registrations and one sign-in");
}

// GA-A2, MC-40
#[test]
fn an_account_registered_again_is_the_newest() {
    let mut key = key_of(&["A", "B", "C", "A"]);
    let mut order = vec![user_of(&key.ok(&get_assertion(RP)))];
    order.extend((0..2).map(|_| user_of(&key.ok(&get_next_assertion()))));
    assert_eq!(order, ["A", "C", "B"]);
}

// GA-A3, GA-A4, GA-16
#[test]
fn hidden_accounts_are_not_counted() {
    let mut key = key_of(&["A", "B"]);
    for level in [2, 3] {
        let user = format!("level {level}");
        let request = make_credential(RP).rk().user(user.as_bytes(), &user);
        key.ok(&request.extension("credProtect", level));
    }
    assert_eq!(key.ok(&get_assertion(RP)).number(5), 2);
    assert_eq!(user_of(&key.ok(&get_next_assertion())), "A");
    assert_eq!(key.status(&get_next_assertion()), 0x30);
}

// GA-55, GA-29, GA-53
#[test]
fn a_walk_keeps_the_bits_of_its_beginning() {
    let mut key = key_of(&["A", "B"]);
    key.set_pin("1234");
    let token = key.token(GA, Some(RP));
    for silent in [true, false] {
        let request = get_assertion(RP).option("up", !silent).auth(&token);
        let first = key.ok(&request);
        let next = key.ok(&get_next_assertion());
        assert_eq!(next.auth_data().flags, first.auth_data().flags);
        assert_eq!(next.auth_data().flags.user_present(), !silent);
        assert_eq!(next.named(4).keys(), ["id", "name", "displayName"]);
    }
}

// GA-50, GA-57
#[test]
fn there_is_nothing_next_without_a_beginning() {
    let mut key = key_of(&["A", "B"]);
    assert_eq!(key.status(&get_next_assertion()), 0x30);
    key.ok(&get_assertion(RP));
    key.will(crate::support::Act::Do(ctap_core::Decision::Deny));
    assert_eq!(key.status(&get_assertion(RP)), 0x27);
    assert_eq!(key.status(&get_next_assertion()), 0x30, "a refused one begins nothing");
    key.ok(&get_assertion(RP));
    assert_eq!(key.status(&get_assertion("unknown.example")), 0x2e);
    assert_eq!(key.status(&get_next_assertion()), 0x30);
}

// GA-60, MSG-04
#[test]
fn what_follows_the_command_byte_is_ignored() {
    let mut key = key_of(&["A", "B"]);
    key.ok(&get_assertion(RP));
    assert_eq!(key.call(&[0x08, 0xff, 0x00])[0], 0);
}

/// A walk: how it begins and how it goes on, and the status when it cannot.
struct Walk {
    name: &'static str,
    begin: Request,
    next: Request,
    ended: u8,
}

/// A key with a PIN and enough in it, and all walks under one token.
fn key_and_walks() -> (Key, Vec<Walk>) {
    let mut key = key_of(&["A", "B", "C", "D"]);
    for rp in ["a.example", "b.example", "c.example"] {
        key.ok(&make_credential(rp).rk());
    }
    key.set_pin("1234");
    let token = key.token(CM | LBW, None);
    let array = [&[0x80][..], &sha256(&[0x80])[..16]].concat();
    let hash = numbered([(1, bytes(sha256(RP.as_bytes())))]);
    let walks = vec![
        Walk {
            name: "assertions",
            begin: get_assertion(RP).silent(), // a touch would use the token up
            next: get_next_assertion(),
            ended: 0x30,
        },
        Walk {
            name: "relying parties",
            begin: credential_management(2).auth(&token),
            next: credential_management(3),
            ended: 0x30,
        },
        Walk {
            name: "credentials",
            begin: credential_management(4).with(2, hash).auth(&token),
            next: credential_management(5),
            ended: 0x30,
        },
        Walk {
            name: "fragments",
            begin: write_blobs(0, &array[..10], Some(17)).auth(&token),
            next: write_blobs(10, &array[10..], None).auth(&token),
            ended: 0x04,
        },
    ];
    (key, walks)
}

/// How many walks there are.
const WALKS: usize = 4;

/// Begins the `index`th walk, lets something happen, and tells whether the walk goes on.
fn goes_on(index: usize, happen: impl FnOnce(&mut Key)) -> bool {
    let (mut key, mut walks) = key_and_walks();
    let walk = walks.remove(index);
    assert_eq!(key.status(&walk.begin), 0, "{}", walk.name);
    happen(&mut key);
    let status = key.status(&walk.next);
    assert!(status == 0 || status == walk.ended, "{}: {status:#04x}", walk.name);
    status == 0
}

// MSG-80, GA-52, GA-A7, CM-33, LB-51, MSG-83
#[test]
fn a_walk_goes_on_for_thirty_seconds() {
    for walk in 0..WALKS {
        assert!(goes_on(walk, |_| {}));
        assert!(goes_on(walk, |key| key.advance(30_000)));
        assert!(!goes_on(walk, |key| key.advance(30_001)));
    }
}

// GA-56, MSG-83
#[test]
fn each_step_starts_the_time_anew() {
    for index in 0..3 {
        let (mut key, walks) = key_and_walks();
        let walk = &walks[index];
        assert_eq!(key.status(&walk.begin), 0);
        for _ in 0..2 {
            key.advance(29_000);
            assert_eq!(key.status(&walk.next), 0, "{}", walk.name);
        }
    }
}

// MSG-81, MSG-82, MSG-84, GA-58, GA-A8, CM-33, LB-52
#[test]
fn every_other_request_ends_a_walk_refused_ones_too() {
    let others = [
        vec![0x04],
        vec![0x0b],
        vec![0x55],
        client_pin(1).encode(),
        client_pin(0xff).encode(),
        make_credential(RP).without(1).encode(),
        make_credential(RP).encode(),
        get_assertion("unknown.example").encode(),
        credential_management(1).encode(),
        read_blobs(0, 0).encode(),
        vec![0x01; 8000],
    ];
    for walk in 0..WALKS {
        for other in &others {
            assert!(!goes_on(walk, |key| drop(key.call(other))), "walk {walk}, {other:02x?}");
            assert!(!goes_on(walk, |key| drop(key.call_on(OTHER_CHANNEL, other))));
        }
        assert!(!goes_on(walk, |key| drop(key.call_u2f(&[0, 3, 0, 0])))); // UF-58
        assert!(!goes_on(walk, Key::power_cycle)); // LB-50
    }
}

// MSG-81, CM-33
#[test]
fn one_walk_does_not_go_on_as_another() {
    for walk in 0..WALKS {
        for other in (0..WALKS).filter(|other| *other != walk) {
            let (mut key, walks) = key_and_walks();
            key.ok(&walks[walk].begin);
            assert_eq!(key.status(&walks[other].next), walks[other].ended);
            assert_eq!(key.status(&walks[walk].next), walks[walk].ended, "and that ended it");
        }
    }
}

// MSG-86
#[test]
fn only_the_channel_that_began_a_walk_goes_on_with_it() {
    for walk in 0..WALKS {
        let (mut key, walks) = key_and_walks();
        key.ok(&walks[walk].begin);
        let refused = key.send_on(OTHER_CHANNEL, &walks[walk].next);
        assert_eq!(refused.err(), Some(walks[walk].ended));
        key.ok(&walks[walk].begin);
        assert!(key.send_on(CHANNEL, &walks[walk].next).is_ok());
    }
}

// MSG-83, GA-59, LB-53, CM-33
#[test]
fn a_walk_ends_with_the_token_that_began_it() {
    let mut key = key_of(&["A", "B", "C"]);
    key.set_pin("1234");
    let token = key.token(ALL, Some(RP));
    let first_use = get_assertion("unknown.example").silent(); // keeps nothing
    assert_eq!(key.status(&first_use), 0x2e);
    assert_eq!(key.status(&get_assertion(RP).silent().auth(&token)), 0);
    for _ in 0..20 {
        key.advance(29_990);
        assert_eq!(key.status(&get_assertion(RP).silent().auth(&token)), 0);
    }
    assert_eq!(key.now, Duration::from_millis(599_800));
    key.advance(199);
    assert_eq!(key.status(&get_next_assertion()), 0);
    key.advance(1);
    assert_eq!(key.status(&get_next_assertion()), 0x30, "ten minutes are over");
}

// GA-59
#[test]
fn a_walk_begun_by_a_finger_does_not_end_with_somebodys_token() {
    let mut key = Key::with_finger();
    key.set_pin("1234");
    for user in [b"A", b"B"] {
        key.ok(&make_credential(RP).rk().user(user, "x").option("uv", true));
    }
    key.token(CM, None); // another program's
    key.advance(20_000);
    key.ok(&get_assertion(RP).option("uv", true));
    key.advance(20_000);
    let next = key.ok(&get_next_assertion());
    assert!(next.auth_data().flags.user_verified());
}

// GA-59, GA-20
#[test]
fn a_token_used_up_by_the_touch_is_still_in_use() {
    let mut key = key_of(&["A", "B"]);
    key.set_pin("1234");
    let token = key.token(GA | MC, Some(RP));
    key.ok(&get_assertion(RP).auth(&token));
    assert_eq!(key.status(&get_next_assertion()), 0);
}

// GA-58, CM-36
#[test]
fn a_deleted_credential_is_never_next() {
    let (mut key, walks) = key_and_walks();
    let last = key.state().credentials().iter().next().unwrap().id.clone();
    let token = key.token(CM, None);
    key.ok(&walks[0].begin);
    let params = numbered([(2, crate::support::request::descriptor(&last))]);
    key.ok(&credential_management(6).with(2, params).auth(&token));
    assert_eq!(key.status(&get_next_assertion()), 0x30);
    assert_eq!(key.status(&get_assertion(RP).list(&[&last])), 0x2e);
}
