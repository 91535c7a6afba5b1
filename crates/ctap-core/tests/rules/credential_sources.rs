//! What whoever owns a key does past CTAP: credentials brought in, listed, changed and removed, fingers enrolled.

use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::config::{NewCredentials, SignCount};
use ctap_core::credential::{Backup, CredRandom, LargeBlob, User};
use ctap_core::credential_source::{CredentialError, CredentialSource, Properties, Scope};
use ctap_core::limits::{MAX_CREDENTIAL_ID, MAX_FOREIGN_CREDENTIAL_ID, MAX_RP_ID, MAX_USER_ID};
use ctap_core::memory::MemoryError;
use ctap_core::secret::{Secret, SecretBytes};
use ctap_core::store::Tail;
use ctap_core::{Config, FingerError, Store};

use crate::support::request::credential_management;
use crate::support::store::{Medium, TestMedium};
use crate::support::{
    Body, CM, Key, OTHER_RP, RP, Request, Setup, get_assertion, make_credential, sha256,
};
use crate::u2f;

/// A credential of another make, that is not discoverable.
fn foreign(id: &[u8]) -> CredentialSource {
    let secret = SecretBytes::new(vec![3; 32]);
    CredentialSource::new(id.to_vec(), RP, PrivateKey { algorithm: Algorithm::Es256, secret })
}

/// A passkey of this user.
fn passkey(id: &[u8], user: &[u8]) -> CredentialSource {
    let user = User { id: user.to_vec(), name: Some("ada".into()), display_name: None };
    CredentialSource { discoverable: true, user: Some(user), ..foreign(id) }
}

impl Key {
    fn add(&mut self, source: CredentialSource) -> Result<Option<Vec<u8>>, CredentialError> {
        self.with_platform(|key, platform| key.add_credential(source, platform))
    }

    fn remove(&mut self, id: &[u8]) -> Result<(), CredentialError> {
        self.with_platform(|key, platform| key.remove_credential(id, platform))
    }

    fn change(&mut self, id: &[u8], properties: Properties) -> Result<(), CredentialError> {
        self.with_platform(|key, platform| key.change_credential(id, properties, platform))
    }

    fn sources(&self) -> Vec<CredentialSource> {
        self.authenticator.credential_sources(&self.store)
    }

    fn sign_in(&mut self, id: &[u8]) -> Body {
        self.ok(&get_assertion(RP).list(&[id]))
    }
}

/// All of it, secrets too.
fn told(source: &CredentialSource) -> String {
    let random = source.cred_random.as_ref().unwrap();
    let secrets = [source.key.secret.expose(), random.with_uv.expose(), random.without_uv.expose()];
    let blob_key = source.large_blob_key.as_ref().map(|key| key.expose());
    format!("{source:?} {secrets:x?} {blob_key:x?}")
}

// MC-77, GA-31, GA-16
#[test]
fn a_passkey_that_was_brought_is_found_and_counts_on_from_where_it_was() {
    let mut key = Key::made(|_| {});
    assert_eq!(
        key.add(CredentialSource { sign_count: Some(5), ..passkey(b"brought", b"ada") }),
        Ok(None)
    );
    let own = key.ok(&make_credential(OTHER_RP)).new_id();
    for expected in [6, 7] {
        let used = key.ok(&get_assertion(RP));
        assert_eq!((used.used_id(), used.auth_data().sign_count), (b"brought".to_vec(), expected));
        key.ok(&get_assertion(OTHER_RP).list(&[&own])); // counted apart
    }
    key.power_cycle();
    key.restart(Config::default());
    assert_eq!(key.sign_in(b"brought").auth_data().sign_count, 8, "no block is skipped");
}

#[test]
fn a_key_becomes_one_of_another_kind_if_that_has_a_place_for_all_it_keeps() {
    let mut key = Key::made(|_| {});
    key.add(passkey(b"one", b"ada")).unwrap();
    key.add(passkey(b"two", b"ben")).unwrap();
    let remake = |key: &mut Key, capacity| {
        let config = Config { capacity, ..Config::default() }.checked().unwrap();
        let outcome = key.with_platform(|key, platform| key.remake(config, platform));
        outcome.map_err(|misfit| (misfit.credential.id, misfit.error))
    };
    let full = CredentialError::Full { capacity: 1 };
    assert_eq!(remake(&mut key, 1), Err((b"two".to_vec(), full)));
    remake(&mut key, 2).unwrap();
    key.power_cycle();
    assert_eq!(key.add(passkey(b"three", b"cy")), Err(CredentialError::Full { capacity: 2 }));
    assert_eq!(key.sign_in(b"one").used_id(), b"one");
}

// MC-77: "constant 0" is no counter
#[test]
fn a_counter_may_stay_0_for_ever() {
    let mut key = Key::made(|_| {});
    key.add(CredentialSource { sign_count: None, ..foreign(b"synced") }).unwrap();
    for _ in 0..3 {
        assert_eq!(key.sign_in(b"synced").auth_data().sign_count, 0);
    }
    assert_eq!(key.sources()[0].sign_count, None);
}

// MC-72, GI-17, GA-14, GA-15
#[test]
fn an_id_of_any_length_is_found_by_an_allow_list_and_only_so() {
    let mut key = Key::made(|_| {});
    let longest = vec![7; MAX_FOREIGN_CREDENTIAL_ID];
    assert_eq!(key.info().number(8), MAX_CREDENTIAL_ID as u64);
    key.add(foreign(b"x")).unwrap();
    assert_eq!(key.info().number(8), MAX_CREDENTIAL_ID as u64);
    key.add(foreign(&longest)).unwrap();
    assert_eq!(key.info().number(8), 1023, "or platforms leave it out of their lists");
    for id in [&b"x"[..], &longest] {
        let used = key.sign_in(id);
        assert_eq!(used.used_id(), id);
        assert!(!used.has(4), "it names no user");
        assert_eq!(key.status(&get_assertion(OTHER_RP).list(&[id])), 0x2e);
        assert_eq!(key.status(&make_credential(RP).list(&[id])), 0x19, "and excludes"); // MC-32
    }
    assert_eq!(key.status(&get_assertion(RP)), 0x2e, "it is not discoverable");
    key.remove(&longest).unwrap();
    assert_eq!(key.info().number(8), MAX_CREDENTIAL_ID as u64);
    assert_eq!(key.status(&get_assertion(RP).list(&[&longest])), 0x2e);
}

// CM-20, CM-35: credential management is about discoverable ones
#[test]
fn credential_management_sees_what_is_discoverable_alone() {
    let mut key = Key::with_pin();
    key.add(foreign(b"apart")).unwrap();
    key.add(passkey(b"brought", b"ada")).unwrap();
    let token = key.token(CM, None);
    let metadata = key.ok(&credential_management(1).auth(&token));
    assert_eq!((metadata.number(1), metadata.number(2)), (1, 9));
    let delete = |id: &[u8]| {
        let descriptor = crate::support::request::descriptor(id);
        credential_management(6).with(2, crate::support::request::params([(2, descriptor)]))
    };
    assert_eq!(key.status(&delete(b"apart").auth(&token)), 0x2e);
    assert_eq!(key.status(&delete(b"brought").auth(&token)), 0);
    assert_eq!(key.sources().len(), 1);
}

// MC-70 to MC-72
#[test]
fn what_one_key_made_another_takes_and_both_sign_the_same_account_in() {
    let mut one = Key::made(|config| config.credentials.keep_non_discoverable = true);
    let with_blob = make_credential(RP).rk().extension("credBlob", crate::support::bytes(*b"blob"));
    let made = [one.ok(&with_blob.extension("largeBlobKey", true)), one.ok(&make_credential(RP))];
    one.sign_in(&made[0].new_id());
    let mut other = Key::made(|_| {});
    for source in one.sources() {
        other.add(source).unwrap();
    }
    let both = [&one, &other].map(|key| key.sources().iter().map(told).collect::<Vec<_>>());
    assert_eq!(both[0], both[1], "nothing is lost");
    for made in &made {
        assert!(other.sign_in(&made.new_id()).is_signed_by(made));
    }
    let count = |key: &mut Key| key.sign_in(&made[0].new_id()).auth_data().sign_count;
    assert_eq!((count(&mut one), count(&mut other)), (2, 3), "each has one more than it sent");
}

// MC-75: only what is a record can be told
#[test]
fn a_credential_in_its_own_id_is_told_by_a_key_that_keeps_all_and_by_no_other() {
    for keeps in [false, true] {
        let mut key = Key::made(|config| config.credentials.keep_non_discoverable = keeps);
        let made = key.ok(&make_credential(RP));
        assert!(key.sign_in(&made.new_id()).is_signed_by(&made));
        let sources = key.sources();
        assert_eq!(sources.len(), usize::from(keeps));
        for source in sources {
            assert_eq!(source.scope, Scope::RpId(RP.into()));
            assert_eq!(source.user.unwrap().name.as_deref(), Some("Ada"));
            assert!(!source.discoverable);
        }
        let dummy = make_credential(".dummy");
        key.ok(&dummy);
        assert_eq!(key.sources().len(), usize::from(keeps), "a choice of keys is no credential");
    }
}

#[test]
fn page_after_page_every_credential_is_told_once_and_in_order() {
    let mut key = Key::made(|_| {});
    for id in [b"d", b"b", b"c"] {
        key.add(passkey(id, id)).unwrap();
    }
    for id in [b"z", b"y"] {
        key.add(foreign(id)).unwrap();
    }
    let all: Vec<_> = key.sources().into_iter().map(|source| source.id).collect();
    assert_eq!(all, [b"d", b"b", b"c", b"y", b"z"]);
    for (from, most) in (0..7).flat_map(|from| (0..7).map(move |most| (from, most))) {
        let page = key.authenticator.some_credential_sources(&key.store, from, most);
        let page: Vec<_> = page.into_iter().map(|source| source.id).collect();
        let expected: Vec<_> = all.iter().skip(from).take(most).cloned().collect();
        assert_eq!(page, expected, "{most} from {from}");
    }
}

// UF-23, UF-35
#[test]
fn a_u2f_credential_is_kept_by_the_hash_of_its_application() {
    let mut key = Key::made(|config| {
        config.u2f = true;
        config.attestation_key = Some(crate::attestation::attestation_key(1));
        config.credentials.keep_non_discoverable = true;
        config.credentials.sign_count = SignCount::PerCredential { start: 3 };
    });
    let registered = key.call_u2f(&u2f::register());
    let length = usize::from(registered[66]);
    let handle = registered[67..67 + length].to_vec();
    let sources = key.sources();
    assert_eq!((&sources[0].id, &sources[0].scope), (&handle, &Scope::Hash(u2f::application())));
    let signed = key.call_u2f(&u2f::authenticate(0x03, &handle));
    assert_eq!(signed[..5], [1, 0, 0, 0, 4]);
    let source = key.sources().pop().unwrap();
    key.remove(&handle).unwrap();
    assert_ne!(u2f::status(&key.call_u2f(&u2f::authenticate(0x03, &handle))), u2f::NO_ERROR);
    key.add(source).unwrap();
    assert_eq!(u2f::status(&key.call_u2f(&u2f::authenticate(0x03, &handle))), u2f::NO_ERROR);
}

// MC-76
#[test]
fn new_credentials_are_as_the_key_was_made_for() {
    let backup = Backup { eligible: true, state: true };
    for (sign_count, made, used) in [
        (SignCount::Global { start: 100 }, [100, 101], [101, 102]),
        (SignCount::PerCredential { start: 7 }, [7, 7], [8, 8]),
        (SignCount::Zero, [0, 0], [0, 0]),
    ] {
        let keep_non_discoverable = matches!(sign_count, SignCount::PerCredential { .. });
        let credentials = NewCredentials { backup, sign_count, keep_non_discoverable };
        let mut key = Key::made(|config| config.credentials = credentials);
        for (request, made, used) in
            [(make_credential(RP).rk(), made[0], used[0]), (make_credential(RP), made[1], used[1])]
        {
            let registration = key.ok(&request);
            assert_eq!(shown(&registration), (made, true, true), "{sign_count:?}");
            let assertion = key.sign_in(&registration.new_id());
            assert_eq!(shown(&assertion), (used, true, true), "{sign_count:?}");
        }
    }
}

/// Counter, BE and BS.
fn shown(answer: &Body) -> (u32, bool, bool) {
    let flags = answer.bytes(2)[32];
    (answer.auth_data().sign_count, flags & 0x08 != 0, flags & 0x10 != 0)
}

// MC-76, MC-77
#[test]
fn what_contradicts_itself_about_new_credentials_is_refused() {
    let rule = |edit: &dyn Fn(&mut NewCredentials)| {
        let mut config = Config::default();
        edit(&mut config.credentials);
        config.checked().map_err(|error| error.rule).err()
    };
    assert_eq!(rule(&|made| made.backup.state = true), Some("MC-76"));
    assert_eq!(rule(&|made| made.backup.eligible = true), None);
    assert_eq!(
        rule(&|made| made.sign_count = SignCount::PerCredential { start: 0 }),
        Some("MC-77")
    );
}

// MC-76, MC-77
#[test]
fn flags_and_counter_change_while_the_key_runs() {
    let mut key = Key::made(|_| {});
    let made = key.ok(&make_credential(RP).rk()).new_id();
    key.add(foreign(b"apart")).unwrap();
    for id in [&made[..], b"apart"] {
        let changed = Properties { sign_count: Some(Some(5)), ..Properties::default() };
        key.change(id, changed).unwrap();
        assert_eq!(shown(&key.sign_in(id)), (6, false, false), "the next one says one more");
        let changed = Properties { backup_eligibility: Some(true), ..Properties::default() };
        key.change(id, changed).unwrap();
        assert_eq!(shown(&key.sign_in(id)), (7, true, false));
        let changed = Properties { sign_count: Some(None), backup_state: Some(true), ..changed };
        key.change(id, changed).unwrap();
        assert_eq!(shown(&key.sign_in(id)), (0, true, true));
    }
    let alone = Properties { backup_eligibility: Some(false), ..Properties::default() };
    assert_eq!(key.change(b"apart", alone), Err(CredentialError::NotEligible), "BS stays");
    assert_eq!(shown(&key.sign_in(b"apart")), (0, true, true));
    let changed = key.change(b"unknown", Properties::default());
    assert_eq!(changed, Err(CredentialError::NoSuchCredential));
}

// MC-76
#[test]
fn what_is_backed_up_is_what_may_be() {
    let mut key = Key::made(|_| {});
    let backup = Backup { eligible: false, state: true };
    let refused = Err(CredentialError::NotEligible);
    assert_eq!(key.add(CredentialSource { backup, ..foreign(b"apart") }), refused);
    assert_eq!(key.add(CredentialSource { backup, ..passkey(b"one", b"ada") }), refused);
    key.add(foreign(b"apart")).unwrap();
    let backed_up = Properties { backup_state: Some(true), ..Properties::default() };
    assert_eq!(key.change(b"apart", backed_up), Err(CredentialError::NotEligible));
    assert_eq!(shown(&key.sign_in(b"apart")), (1, false, false));
    assert!(CredentialError::NotEligible.advice().contains("both flags"));
}

// MC-40
#[test]
fn the_same_account_has_one_passkey_and_no_id_is_there_twice() {
    let mut key = Key::made(|config| config.capacity = 1);
    key.add(passkey(b"one", b"ada")).unwrap();
    assert_eq!(key.add(passkey(b"two", b"ada")), Ok(Some(b"one".to_vec())), "in its place");
    assert_eq!(key.sources().len(), 1);
    assert_eq!(key.add(passkey(b"two", b"ada")), Err(CredentialError::Duplicate));
    assert_eq!(key.add(passkey(b"three", b"eve")), Err(CredentialError::Full { capacity: 1 }));
    assert_eq!(key.add(foreign(b"two")), Err(CredentialError::Duplicate));
    assert_eq!(key.add(foreign(b"three")), Ok(None), "which takes no passkey's room");
    assert_eq!(key.add(passkey(b"three", b"ada")), Err(CredentialError::Duplicate));
}

#[test]
fn what_a_key_cannot_take_is_refused_with_the_reason_and_the_next_step() {
    let mut key = Key::made(|config| config.extensions.cred_blob = Some(32));
    let source = || passkey(b"id", b"ada");
    let with_key = |algorithm, length, byte| {
        let secret = SecretBytes::new(vec![byte; length]);
        CredentialSource { key: PrivateKey { algorithm, secret }, ..source() }
    };
    let of_rp = |id: String| CredentialSource { scope: Scope::RpId(id), ..source() };
    let blob = |length| CredentialSource { cred_blob: Some(vec![1; length]), ..source() };
    let written = LargeBlob::Written { blob: vec![1], original_size: 1 };
    let blob_key = || Some(Secret::new(&[1; 32]));
    let es256 = Algorithm::Es256;
    for (refused, error) in [
        (foreign(b""), "a credential id has 1 to 1023 bytes, and this one has 0"),
        (foreign(&[1; 1024]), "a credential id has 1 to 1023 bytes, and this one has 1024"),
        (of_rp(String::new()), "an RP id has 1 to 512 bytes, and this one has 0"),
        (of_rp("x".repeat(MAX_RP_ID + 1)), "an RP id has 1 to 512 bytes, and this one has 513"),
        (
            passkey(b"id", &[1; MAX_USER_ID + 1]),
            "a user handle has at most 64 bytes, and this one has 65",
        ),
        (
            CredentialSource { user: None, ..source() },
            "a discoverable credential needs a user handle and an RP id",
        ),
        (
            CredentialSource { scope: Scope::Hash([1; 32]), ..source() },
            "a discoverable credential needs a user handle and an RP id",
        ),
        (with_key(Algorithm::Es384, 48, 3), "the key does not sign with ES384"),
        (with_key(es256, 31, 3), "the private key is not a key of ES256"),
        (with_key(es256, 32, 0), "the private key is not a key of ES256"),
        (with_key(es256, 32, 0xff), "the private key is not a key of ES256"),
        (
            blob(33),
            "the key keeps 32 bytes of credBlob with such a credential, and this one has 33",
        ),
        (
            CredentialSource { discoverable: false, ..blob(1) },
            "the key keeps 0 bytes of credBlob with such a credential, and this one has 1",
        ),
        (
            CredentialSource { large_blob: written, ..source() },
            "the key keeps 0 bytes of largeBlob with such a credential, and this one has 1",
        ),
        (
            CredentialSource { large_blob_key: blob_key(), ..foreign(b"id") },
            "the key keeps 0 bytes of largeBlobKey with such a credential, and this one has 32",
        ),
    ] {
        let before = key.sources().len();
        let refusal = key.add(refused).unwrap_err();
        assert_eq!(refusal.to_string(), error);
        assert!(!refusal.advice().is_empty());
        assert_eq!(key.sources().len(), before, "nothing has changed");
    }
    for (id, taken) in [
        (&b"1"[..], blob(32)),
        (b"2", of_rp("x".repeat(MAX_RP_ID))),
        (b"3", passkey(b"", &[1; MAX_USER_ID])),
        (b"4", CredentialSource { large_blob_key: blob_key(), ..passkey(b"", b"") }),
    ] {
        assert_eq!(key.add(CredentialSource { id: id.to_vec(), ..taken }), Ok(None));
    }
}

// MSG-60
#[test]
fn an_id_with_which_answers_would_be_longer_than_announced_is_refused() {
    let mut key = Key::made(|config| config.max_msg_size = 1200);
    let fits = |key: &mut Key, length| key.add(passkey(&vec![1; length], b"ada")).is_ok();
    let longest = (1..=1023).rev().find(|length| fits(&mut key, *length)).unwrap();
    assert!((MAX_CREDENTIAL_ID..1023).contains(&longest));
    let refusal = key.add(passkey(&vec![1; longest + 1], b"eve")).unwrap_err();
    let said = refusal.to_string();
    assert!(said.contains("1201 bytes, but the key announces at most 1200 (maxMsgSize)"), "{said}");
    assert!(key.ok(&get_assertion(RP)).bytes(2).len() < 1200);
}

// GI-29
#[test]
fn a_key_without_discoverable_credentials_takes_the_others() {
    let mut key = Key::made(|config| {
        config.capacity = 0;
        config.large_blobs = None;
        config.credential_management = false;
        config.per_cred_mgmt_ro = false;
    });
    assert_eq!(key.add(passkey(b"one", b"ada")), Err(CredentialError::NoDiscoverable));
    key.add(foreign(b"two")).unwrap();
    assert_eq!(key.sign_in(b"two").used_id(), b"two");
}

// P-11, P-12
#[test]
fn where_the_medium_fails_nothing_has_changed() {
    let mut key = Key::made(|_| {});
    key.add(foreign(b"apart")).unwrap();
    key.medium.set(Medium::FailsAfter(0, MemoryError::Full));
    let refused = Err(CredentialError::Memory(MemoryError::Full));
    assert_eq!(key.add(passkey(b"one", b"ada")).map(|_| ()), refused);
    assert_eq!(key.remove(b"apart"), refused);
    let changed = Properties { backup_eligibility: Some(true), ..Properties::default() };
    assert_eq!(key.change(b"apart", changed), refused);
    assert_eq!(key.status(&get_assertion(RP).list(&[b"apart"])), 0x7f, "it cannot count"); // P-13
    assert_eq!(key.sources().len(), 1);
    assert!(CredentialError::Memory(MemoryError::Full).advice().contains("free some space"));
}

// P-1, P-13
#[test]
fn after_a_torn_end_a_counter_of_its_own_counts_as_sent() {
    let mut key = Key::made(|_| {});
    key.add(CredentialSource { sign_count: Some(5), ..foreign(b"apart") }).unwrap();
    key.add(CredentialSource { sign_count: Some(9), ..passkey(b"one", b"ada") }).unwrap();
    let medium = Box::new(TestMedium::holding(key.medium.kept()));
    key.store = Store::load(medium, key.store.records(), Tail::Torn).unwrap();
    let counts: Vec<_> = key.sources().iter().map(|source| source.sign_count).collect();
    assert_eq!(counts, [Some(10), Some(6)]);
}

// RS-09
#[test]
fn a_reset_forgets_what_was_brought() {
    let mut key = Key::made(|_| {});
    key.add(foreign(b"apart")).unwrap();
    key.ok(&Request::new(0x07));
    assert!(key.sources().is_empty());
    assert_eq!(key.status(&get_assertion(RP).list(&[b"apart"])), 0x2e);
}

// EX-29: the secrets for prf
#[test]
fn prf_secrets_go_along_and_are_drawn_where_there_are_none() {
    let mut key = Key::made(|_| {});
    let random =
        || CredRandom { with_uv: Secret::new(&[1; 32]), without_uv: Secret::new(&[2; 32]) };
    key.add(CredentialSource { cred_random: Some(random()), ..foreign(b"1") }).unwrap();
    key.add(foreign(b"2")).unwrap();
    key.add(foreign(b"3")).unwrap();
    let secrets: Vec<_> = key
        .sources()
        .iter()
        .map(|source| *source.cred_random.as_ref().unwrap().with_uv.expose())
        .collect();
    assert_eq!(secrets[0], [1; 32]);
    assert_ne!(secrets[1], secrets[2]);
}

#[test]
fn the_scope_of_a_credential_is_its_rp_id_or_the_hash_of_it() {
    let (known, hashed) = (Scope::RpId(RP.into()), Scope::Hash(sha256(RP.as_bytes())));
    assert_eq!(known.hash(), hashed.hash());
    assert_eq!((known.rp_id(), hashed.rp_id()), (Some(RP), None));
}

// BE-32, BE-40, MC-34
#[test]
fn a_finger_is_enrolled_without_a_pin_and_verifies_the_user() {
    let mut key = Setup { not_rqd: true, ..Setup::default() }.key();
    assert_eq!((key.option("uv"), key.option("clientPin")), (Some(false), Some(false)));
    let enroll = |key: &mut Key, number| {
        key.with_platform(|key, platform| key.enroll_finger(number, platform))
    };
    assert_eq!(enroll(&mut key, 1), Ok(()));
    assert_eq!((key.option("uv"), key.option("clientPin")), (Some(true), Some(false)));
    let made = key.ok(&make_credential(RP).rk().option("uv", true));
    assert!(made.auth_data().flags.user_verified());
    assert_eq!(enroll(&mut key, 1), Err(FingerError::Enrolled));
    (2..=5).for_each(|number| enroll(&mut key, number).unwrap());
    assert_eq!(enroll(&mut key, 6), Err(FingerError::Full { capacity: 5 }));
    let remove = |key: &mut Key, number| {
        key.with_platform(|key, platform| key.remove_finger(number, platform))
    };
    assert_eq!(remove(&mut key, 6), Err(FingerError::NotEnrolled));
    (1..=5).for_each(|number| remove(&mut key, number).unwrap());
    assert_eq!(key.option("uv"), Some(false));
    let refused = enroll(&mut Key::made(|_| {}), 1).unwrap_err();
    assert_eq!(refused, FingerError::NoSensor);
    assert!(refused.advice().contains("bioEnroll"));
}

// LB-02
#[test]
fn a_large_blob_array_is_put_in_the_place_of_the_old_one_if_there_is_room() {
    let mut key = Key::made(|config| config.large_blobs = Some(1024));
    let mut write = |length| {
        key.with_platform(|key, platform| key.write_large_blobs(vec![1; length], platform))
    };
    assert_eq!(write(1024), Ok(()));
    let blob = CredentialError::Blob { what: "largeBlobArray", length: 1025, longest: 1024 };
    assert_eq!(write(1025), Err(blob));
    assert_eq!(key.state().large_blobs(), [1; 1024]);
}
