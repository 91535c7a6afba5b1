//! authenticatorCredentialManagement.

use ctap_core::memory::MemoryError;

use crate::support::request::{credential_management, descriptor, params};
use crate::support::store::Medium;
use crate::support::{
    ALL, Act, Body, CM, GA, Key, OTHER_RP, PCMR, PROTOCOLS, PinUvAuthToken, RP, Request, Value,
    bytes, get_assertion, make_credential, map, numbered, sha256,
};

/// Two accounts at one relying party, one at another, and one that is not discoverable.
fn key() -> Key {
    let mut key = Key::made(|_| {});
    key.ok(&make_credential(RP).rk());
    key.ok(&make_credential(RP).rk().user(b"eve", "Eve").algorithm(-8));
    key.ok(&make_credential(OTHER_RP).rk());
    key.ok(&make_credential("third.example"));
    key.set_pin("1234");
    key.asked();
    key
}

fn of_rp(rp_id: &str) -> Request {
    credential_management(4).with(2, params([(1, bytes(sha256(rp_id.as_bytes())))]))
}

fn delete(id: &[u8]) -> Request {
    credential_management(6).with(2, params([(2, descriptor(id))]))
}

fn update(id: &[u8], user: Value) -> Request {
    credential_management(7).with(2, params([(2, descriptor(id)), (3, user)]))
}

fn user(id: &[u8]) -> Value {
    map([("id", bytes(id))])
}

/// All that needs a MAC, with what it must have in subCommandParams.
fn authorized(key: &Key) -> Vec<Request> {
    let id = key.state().credentials().iter().next().unwrap().id.clone();
    let (metadata, rps) = (credential_management(1), credential_management(2));
    vec![metadata, rps, of_rp(RP), update(&id, user(b"ada")), delete(&id)]
}

/// All credentials of a relying party.
fn listed(key: &mut Key, rp_id: &str, token: &PinUvAuthToken) -> Vec<Body> {
    let mut all = vec![key.ok(&of_rp(rp_id).auth(token))];
    while let Ok(next) = key.send(&credential_management(5)) {
        all.push(next);
    }
    all
}

fn of_user<'a>(told: &'a [Body], id: &[u8]) -> &'a Body {
    let is_theirs = |one: &&Body| one.named(6).get("id").unwrap().as_bytes().unwrap() == id;
    told.iter().find(is_theirs).unwrap()
}

// CM-01, MSG-07, MSG-19, MSG-39
#[test]
fn a_subcommand_is_needed_and_must_exist() {
    let mut key = key();
    assert_eq!(key.status(&Request::new(0x0a)), 0x14);
    assert_eq!(key.call(&[0x0a]), [0x12]);
    for number in [0, 8, 0xff, u64::MAX] {
        assert_eq!(key.status(&credential_management(number)), 0x3e);
    }
    for member in 1..=4 {
        assert_eq!(key.status(&credential_management(1).with(member, Value::Null)), 0x11);
    }
}

// MSG-05, GI-64
#[test]
fn a_key_without_the_command_does_not_know_it() {
    let mut key = Key::made(|config| {
        config.capacity = 0;
        config.large_blobs = None;
        (config.credential_management, config.per_cred_mgmt_ro) = (false, false);
    });
    assert_eq!(key.status(&credential_management(1)), 0x01);
    assert_eq!(key.option("credMgmt"), None);
}

// CM-02 to CM-04, CM-06, CM-21
#[test]
fn authorisation_is_checked_in_order() {
    let mut key = key();
    let token = key.token(CM, None);
    for request in authorized(&key) {
        assert_eq!(key.status(&request), 0x36);
        assert_eq!(key.status(&request.clone().without(2)), 0x36, "whatever is missing");
        let good = request.auth(&token);
        if good.get(2).is_some() {
            assert_eq!(key.status(&good.clone().without(2)), 0x14);
            assert_eq!(key.status(&good.clone().with(2, numbered([]))), 0x14);
        }
        assert_eq!(key.status(&good.clone().without(3)), 0x14);
        assert_eq!(key.status(&good.clone().with(3, 3)), 0x02);
        assert_eq!(key.status(&good.clone().with(4, bytes([0; 32]))), 0x33);
        assert_eq!(key.status(&good), 0);
    }
    let only_id = credential_management(7).with(2, params([(2, descriptor(b"x"))]));
    assert_eq!(key.status(&only_id.auth(&token)), 0x14);
    assert_eq!(key.asked(), [], "nobody is asked for a touch"); // CM-12
}

// CM-02, CM-20, CM-21
#[test]
fn an_empty_key_tells_nothing_without_a_token() {
    let mut key = Key::made(|_| {});
    assert_eq!(key.status(&credential_management(2)), 0x36);
    key.set_pin("1234");
    assert_eq!(key.status(&credential_management(2)), 0x36);
    let token = key.token(CM, None);
    assert_eq!(key.status(&credential_management(2).auth(&token)), 0x2e);
    assert_eq!(key.status(&of_rp(RP).auth(&token)), 0x2e);
    let counts = key.ok(&credential_management(1).auth(&token));
    assert_eq!((counts.number(1), counts.number(2)), (0, 10));
}

// CM-06, GA-A9; tool GetPinToken F-1
#[test]
fn the_token_needs_the_permission() {
    let mut key = key();
    let pin_token = key.pin_token(PROTOCOLS[1], "1234");
    assert_eq!(key.status(&credential_management(1).auth(&pin_token)), 0x33);
    let token = key.token(ALL & !CM, Some(RP));
    for request in authorized(&key) {
        assert_eq!(key.status(&request.auth(&token)), 0x33);
    }
}

// CM-07, MSG-52, V-07
#[test]
fn the_mac_covers_the_parameters_as_received() {
    let mut key = key();
    for protocol in PROTOCOLS {
        let token = key.token_with(protocol, CM, None);
        let request = of_rp(RP).auth(&token);
        let elsewhere = of_rp(OTHER_RP).get(2).unwrap().clone();
        assert_eq!(key.status(&request.clone().with(2, elsewhere)), 0x33);
        let unknown_member = params([(1, bytes(sha256(RP.as_bytes()))), (9, "more".into())]);
        assert_eq!(key.status(&request.clone().with(2, unknown_member.clone())), 0x33);
        let with_unknown = credential_management(4).with(2, unknown_member);
        assert_eq!(key.status(&with_unknown.auth(&token)), 0);
        assert_eq!(key.status(&request), 0);
    }
    let token = key.token(CM, None);
    let ignored = credential_management(1).auth(&token).with(2, numbered([]));
    assert_eq!(key.status(&ignored), 0, "01 and 02 have no parameters to cover");
}

// CM-08, CM-09
#[test]
fn a_bound_token_sees_its_own_relying_party_only() {
    let mut key = key();
    let token = key.token(CM, Some(RP));
    for request in [credential_management(1), credential_management(2), of_rp(OTHER_RP)] {
        assert_eq!(key.status(&request.auth(&token)), 0x33);
    }
    let ids: Vec<_> = key.state().credentials().iter().map(|one| one.id.clone()).collect();
    assert_eq!(key.status(&update(&ids[2], user(b"ada")).auth(&token)), 0x33);
    assert_eq!(key.status(&delete(&ids[2]).auth(&token)), 0x33);
    assert_eq!(key.status(&delete(b"unknown").auth(&token)), 0x33, "no oracle for ids of others");
    assert_eq!(listed(&mut key, RP, &token).len(), 2);
    assert_eq!(key.status(&delete(&ids[0]).auth(&token)), 0);
}

// CM-05, CM-10, CP-133, GI-65; tool EnumerateRPs P-4 to P-6, EnumerateCredentials P-3
#[test]
fn the_persistent_token_reads_and_does_not_write() {
    let mut key = key();
    let token = key.token(PCMR, None);
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0);
    assert_eq!(key.status(&credential_management(2).auth(&token)), 0);
    assert_eq!(key.status(&credential_management(3)), 0);
    assert_eq!(listed(&mut key, RP, &token).len(), 2);
    let id = key.state().credentials().iter().next().unwrap().id.clone();
    assert_eq!(key.status(&delete(&id).auth(&token)), 0x33);
    assert_eq!(key.status(&update(&id, user(b"ada")).auth(&token)), 0x33);
}

// CM-05, GI-65
#[test]
fn where_it_is_not_offered_the_persistent_token_is_not_granted() {
    let mut key = Key::made(|config| config.per_cred_mgmt_ro = false);
    key.set_pin("1234");
    let (request, _) = key.token_request(PROTOCOLS[1], 0x09, "1234");
    assert_eq!(key.status(&request.with(9, PCMR)), 0x40);
    assert_eq!(key.option("perCredMgmtRO"), None);
}

// CM-20, CM-13; tool EnumerateRPs P-1
#[test]
fn the_metadata_count_what_is_discoverable() {
    let mut key = key();
    let token = key.token(CM, None);
    let counts = key.ok(&credential_management(1).auth(&token));
    assert_eq!(counts.keys(), [1, 2]);
    assert_eq!((counts.number(1), counts.number(2)), (3, 7));
}

// CM-21 to CM-23, CM-34, CM-11; tool EnumerateRPs P-2, P-3
#[test]
fn relying_parties_are_told_one_after_the_other() {
    let mut key = key();
    let token = key.token(CM, None);
    let first = key.ok(&credential_management(2).auth(&token));
    assert_eq!((first.keys(), first.number(5)), (vec![3, 4, 5], 2));
    let second = key.ok(&credential_management(3));
    assert_eq!(second.keys(), [3, 4]);
    let mut seen = Vec::new();
    for told in [&first, &second] {
        let rp_id = told.named(3).get("id").unwrap().as_text().unwrap();
        assert_eq!(told.bytes(4), sha256(rp_id.as_bytes()));
        seen.push(rp_id);
    }
    seen.sort_unstable();
    assert_eq!(seen, [RP, OTHER_RP]);
    assert_eq!(key.status(&credential_management(3)), 0x30);
    key.ok(&credential_management(2).auth(&token));
    assert_eq!(key.status(&credential_management(3).param(vec![], 77)), 0, "more is ignored");
}

// CM-24 to CM-32, EX-17, EX-55, EX-63, MSG-20; tool EnumerateCredentials P-1, P-2, credProtect P-4
#[test]
fn credentials_are_told_with_all_that_is_theirs() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    let everything = make_credential(RP)
        .rk()
        .extension("credProtect", 3)
        .extension("credBlob", bytes([7]))
        .extension("largeBlobKey", true)
        .extension("thirdPartyPayment", true);
    let made = key.ok(&everything.auth(&token));
    let token = key.token(ALL, Some(RP));
    let plain = key.ok(&make_credential(RP).rk().user(b"eve", "Eve").auth(&token));
    let token = key.token(CM, None);
    let told = listed(&mut key, RP, &token);
    assert_eq!((told[0].number(9), told[1].has(9)), (2, false));
    let (ada, eve) = (of_user(&told, b"ada"), of_user(&told, b"eve"));
    let members = |one: &Body| one.keys().into_iter().filter(|key| *key != 9).collect::<Vec<_>>();
    assert_eq!(members(ada), [6, 7, 8, 0x0a, 0x0b, 0x0c], "and not the credBlob");
    assert_eq!(members(eve), [6, 7, 8, 0x0a, 0x0c]);
    assert_eq!((ada.number(0x0a), eve.number(0x0a)), (3, 1));
    assert_eq!(ada.bytes(0x0b), made.bytes(5));
    assert_eq!((ada.boolean(0x0c), eve.boolean(0x0c)), (true, false));
    for (told, made) in [(ada, made), (eve, plain)] {
        let credential = made.auth_data().attested.unwrap();
        assert_eq!(told.named(7).keys(), ["id", "type"]);
        assert_eq!(told.named(7).get("id").unwrap().as_bytes(), Some(&credential.credential_id));
        let raw = made.bytes(2);
        let cose = ctap_client::cbor::encode(told.get(8).unwrap());
        assert!(raw.windows(cose.len()).any(|window| window == cose), "the key of MC-72");
        assert_eq!(told.named(6).keys(), ["id", "name", "displayName"]);
    }
}

// CM-40 to CM-43
#[test]
fn a_long_relying_party_id_is_told_whole() {
    let mut key = Key::with_pin();
    let rp_id = format!("otherprotocol://{}.net", "ü".repeat(60));
    let token = key.token(1, Some(&rp_id));
    key.ok(&make_credential(&rp_id).rk().auth(&token));
    let token = key.token(CM, None);
    let told = key.ok(&credential_management(2).auth(&token));
    assert_eq!(told.named(3).get("id"), Some(&Value::from(rp_id.as_str())));
    assert_eq!(told.bytes(4), sha256(rp_id.as_bytes()));
    assert_eq!(listed(&mut key, &rp_id, &token).len(), 1);
}

// CM-29, EX-92
#[test]
fn payment_is_not_mentioned_where_it_is_not_offered() {
    let mut key = Key::made(|config| config.extensions.third_party_payment = false);
    key.ok(&make_credential(RP).rk());
    key.set_pin("1234");
    let token = key.token(CM, None);
    assert_eq!(listed(&mut key, RP, &token)[0].keys(), [6, 7, 8, 9, 0x0a]);
}

// CM-32, CM-24
#[test]
fn a_hash_has_thirty_two_bytes() {
    let mut key = key();
    let token = key.token(CM, None);
    for length in [0, 31, 33] {
        let request = credential_management(4).with(2, params([(1, bytes(vec![1; length]))]));
        assert_eq!(key.status(&request), 0x36, "the token is missed first");
        assert_eq!(key.status(&request.auth(&token)), 0x03);
    }
    assert_eq!(key.status(&of_rp("third.example").auth(&token)), 0x2e, "not discoverable");
}

// CM-35 to CM-37, MSG-03; tool UpdateAndDelete P-2
#[test]
fn a_deleted_credential_is_gone() {
    let mut key = key();
    let (id, before) = (
        key.state().credentials().iter().next().unwrap().id.clone(),
        key.state().cred_store_state(),
    );
    let blobs = key.state().large_blobs().to_vec();
    let token = key.token(CM, None);
    assert!(key.ok(&delete(&id).auth(&token)).is_empty());
    assert_eq!(key.status(&delete(&id).auth(&token)), 0x2e);
    assert_eq!(key.status(&get_assertion(RP).list(&[&id])), 0x2e);
    assert_ne!(key.state().cred_store_state(), before);
    assert_eq!(key.state().large_blobs(), blobs);
    assert_eq!(key.info().number(0x14), 8);
    let token = key.token(1, Some(RP));
    assert_eq!(key.status(&make_credential(RP).list(&[&id]).auth(&token)), 0, "not excluded");
}

// CM-13, CM-35
#[test]
fn what_is_not_discoverable_cannot_be_managed() {
    let mut key = key();
    let sealed = key.ok(&make_credential(RP)).new_id();
    let token = key.token(CM, None);
    assert_eq!(key.status(&delete(&sealed).auth(&token)), 0x2e);
    assert_eq!(key.status(&update(&sealed, user(b"ada")).auth(&token)), 0x2e);
    let stored = key.state().credentials().iter().next().unwrap().id.clone();
    let foreign = map([("id", bytes(stored)), ("type", "foreign".into())]);
    let request = credential_management(6).with(2, params([(2, foreign)]));
    assert_eq!(key.status(&request.auth(&token)), 0x2e);
}

// CM-38, CM-39, MC-78; tool UpdateAndDelete P-1
#[test]
fn an_update_changes_the_names_and_nothing_else() {
    let mut key = key();
    let (id, state) = (
        key.state().credentials().iter().next().unwrap().id.clone(),
        key.state().cred_store_state(),
    );
    let token = key.token(CM, None);
    let before = listed(&mut key, RP, &token);
    for (new, names) in [
        (map([("id", bytes(*b"ada")), ("name", "Countess".into())]), vec!["id", "name"]),
        (map([("id", bytes(*b"ada")), ("displayName", "C".into())]), vec!["id", "displayName"]),
        (map([("id", bytes(*b"ada")), ("name", "".into())]), vec!["id"]),
        (map([("id", bytes(*b"ada")), ("name", "ü".repeat(100).into())]), vec!["id", "name"]),
    ] {
        assert!(key.ok(&update(&id, new).auth(&token)).is_empty());
        let after = listed(&mut key, RP, &token);
        assert_eq!(of_user(&after, b"ada").named(6).keys(), names);
        for member in [7, 8, 0x0a, 0x0c] {
            assert_eq!(of_user(&after, b"ada").get(member), of_user(&before, b"ada").get(member));
        }
        let others = |told: &[Body]| told.iter().position(|one| one == of_user(&before, b"eve"));
        assert_eq!(others(&after), others(&before), "the order too");
    }
    let name = key
        .state()
        .credentials()
        .iter()
        .next()
        .unwrap()
        .account
        .as_ref()
        .unwrap()
        .user
        .name
        .clone();
    assert_eq!(name.unwrap(), "ü".repeat(64));
    assert_ne!(key.state().cred_store_state(), state);
}

// CM-38
#[test]
fn an_update_needs_the_same_user() {
    let mut key = key();
    let id = key.state().credentials().iter().next().unwrap().id.clone();
    let token = key.token(CM, None);
    assert_eq!(key.status(&update(&id, user(b"eve")).auth(&token)), 0x02);
    assert_eq!(key.status(&update(b"unknown", user(b"ada")).auth(&token)), 0x2e);
    let without_id = map([("name", "x".into())]);
    assert_eq!(key.status(&update(&id, without_id).auth(&token)), 0x11);
}

// CM-38, P-12
#[test]
fn what_cannot_be_stored_is_not_done() {
    let mut key = key();
    let id = key.state().credentials().iter().next().unwrap().id.clone();
    let token = key.token(CM, None);
    for (request, status) in [(update(&id, user(b"ada")), 0x28), (delete(&id), 0x7f)] {
        key.medium.set(Medium::FailsAfter(0, MemoryError::Full));
        assert_eq!(key.status(&request.clone().auth(&token)), status);
        key.medium.set(Medium::Good);
        assert_eq!(key.status(&request.auth(&token)), 0);
    }
}

// CM-11, CP-126
#[test]
fn one_token_serves_many_commands_until_a_touch() {
    let mut key = key();
    let token = key.token(CM | GA, Some(RP));
    for _ in 0..3 {
        assert_eq!(listed(&mut key, RP, &token).len(), 2);
    }
    key.will(Act::Cancel);
    key.status(&get_assertion(RP).auth(&token));
    assert_eq!(key.status(&of_rp(RP).auth(&token)), 0, "nobody touched");
    key.ok(&get_assertion(RP).auth(&token));
    assert_eq!(key.status(&of_rp(RP).auth(&token)), 0x33);
}
