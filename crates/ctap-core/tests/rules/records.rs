//! The records of a key: what each change writes, that they are all there is to it, and that only whole ones are taken.

use ctap_core::Store;
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::credential::{
    Account, Backup, Counter, CredProtect, CredRandom, Credential, Kept as KeptCredential,
    LargeBlob, Rp, User,
};
use ctap_core::limits::{LARGE_BLOB_CHUNK, MAX_RECORD_NAME, MAX_RECORD_VALUE};
use ctap_core::memory::{MemoryError, Record};
use ctap_core::records::LoadError;
use ctap_core::secret::{Secret, SecretBytes};
use ctap_core::state::{Fingerprint, Pin, Settings, State};
use ctap_core::store::{Change, Tail};
use proptest::collection::vec;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::invariants::config;
use crate::support::store::{Call, Kept, Medium, TestMedium, kept, records};

/// A new key, and its medium.
fn store() -> (Store, TestMedium) {
    let medium = TestMedium::new();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let store = Store::create(Box::new(medium.clone()), rng).unwrap();
    medium.calls();
    (store, medium)
}

fn load(kept: &Kept, tail: Tail) -> Result<Store, LoadError> {
    Store::load(Box::new(TestMedium::holding(kept.clone())), records(kept), tail)
}

fn pin(byte: u8) -> Pin {
    Pin { hash: Secret::new(&[byte; 16]), code_points: 4 + byte % 8 }
}

/// A credential with this id, of one of four accounts at each of three sites.
fn credential(id: [u8; 32], place: u8) -> Box<Credential> {
    let rp_id = format!("{}.example.org", place % 3);
    let even = place.is_multiple_of(2);
    Box::new(Credential {
        id: id.to_vec(),
        rp_id_hash: crate::support::sha256(rp_id.as_bytes()),
        key: PrivateKey {
            algorithm: Algorithm::Es256,
            secret: SecretBytes::new(vec![place | 1; 32]),
        },
        cred_protect: CredProtect::from_level(u64::from(place % 3) + 1).unwrap(),
        cred_random: CredRandom {
            with_uv: Secret::new(&[place; 32]),
            without_uv: Secret::new(&[place ^ 0xff; 32]),
        },
        third_party_payment: even,
        backup: Backup { eligible: place % 5 > 1, state: place % 5 == 4 },
        counter: counter(place),
        account: Some(Account {
            public_key: vec![place; 77],
            rp: Rp { id: rp_id, name: even.then(|| "Example".to_owned()) },
            user: User {
                id: vec![place / 3 % 4],
                name: Some("ada".to_owned()),
                display_name: None,
            },
            cred_blob: even.then(|| vec![place; 20]),
            large_blob_key: even.then(|| Secret::new(&[place; 32])),
            large_blob: if even { LargeBlob::Empty } else { LargeBlob::Unsupported },
        }),
    })
}

// MC-73
#[test]
fn a_credential_of_a_later_algorithm_has_a_later_version() {
    let later = |id: u8| {
        let mut credential = credential([id; 32], 0);
        let secret = SecretBytes::new(vec![1; 66]);
        credential.key = PrivateKey { algorithm: Algorithm::Es512, secret };
        credential.account.as_mut().unwrap().public_key = vec![0; 146];
        credential
    };
    let (mut store, medium) = store();
    let cred_store_state = [0; 16];
    store.commit(Change::SaveCredential { credential: later(1), cred_store_state }).unwrap();
    let hidden = Credential { account: None, ..*later(2) };
    let hidden = KeptCredential { credential: hidden, rp: None, user: None };
    store.commit(Change::KeepCredential(Box::new(hidden))).unwrap();
    let kept = medium.kept();
    for (name, version) in [("credential/", 3), ("non-discoverable/", 2)] {
        let (_, value) = kept.iter().find(|(key, _)| key.starts_with(name.as_bytes())).unwrap();
        assert_eq!(value[..3], [value[0], 0, version], "{name}");
    }
    assert_eq!(load(&kept, Tail::Whole).unwrap().state().kept().len(), 1);
    let mut older = kept;
    let is_passkey = |name: &Vec<u8>| name.starts_with(b"credential/");
    older.iter_mut().filter(|(name, _)| is_passkey(name)).for_each(|(_, value)| value[2] = 2);
    assert!(load(&older, Tail::Whole).is_err(), "a version says which algorithms there were");
}

fn counter(place: u8) -> Counter {
    match place % 3 {
        0 => Counter::OfKey,
        1 => Counter::Own(u32::from(place)),
        _ => Counter::Zero,
    }
}

/// The same, not discoverable and kept.
fn keep(id: [u8; 32], place: u8) -> Change {
    let credential = credential(id, place);
    let account = credential.account.filter(|_| !place.is_multiple_of(4));
    let (rp, user) = account.map(|account| (account.rp, account.user)).unzip();
    let user = user.filter(|_| place % 4 > 1);
    let credential = Credential { account: None, ..*credential };
    Change::KeepCredential(Box::new(KeptCredential { credential, rp, user }))
}

fn save(id: [u8; 32], place: u8) -> Change {
    Change::SaveCredential { credential: credential(id, place), cred_store_state: [place; 16] }
}

fn finger(number: u8) -> Fingerprint {
    Fingerprint { template_id: vec![number; 16], friendly_name: None, finger: number }
}

fn written(blob: &[u8]) -> LargeBlob {
    LargeBlob::Written { blob: blob.to_vec(), original_size: 1 << 40 }
}

/// What can be drawn without knowing the state.
#[derive(Clone, Debug)]
struct Draw {
    kind: u8,
    byte: u8,
    id: [u8; 32],
    which: prop::sample::Index,
    length: usize,
}

fn draw() -> impl Strategy<Value = Draw> {
    let parts =
        (0..20_u8, any::<u8>(), any::<[u8; 32]>(), any::<prop::sample::Index>(), 0..4000_usize);
    parts.prop_map(|(kind, byte, id, which, length)| Draw { kind, byte, id, which, length })
}

impl Draw {
    fn change(&self, state: &State) -> Change {
        let cred_store_state = [self.byte; 16];
        let token = || Secret::new(&self.id);
        match self.kind {
            0 => Change::PinRetries(self.byte % 9),
            1 => Change::UvRetries(self.byte % 6),
            2 => Change::UserVerified,
            3 => Change::PinVerified,
            4 => Change::SetPin(pin(self.byte)),
            5 => Change::ChangePin { pin: pin(self.byte), persistent_token: token() },
            6 | 7 | 15 => save(self.id, self.byte),
            8 => Change::DeleteCredential { id: self.known(state), cred_store_state },
            9 => Change::UpdateUser {
                id: self.known(state),
                user: self.user(state),
                cred_store_state,
            },
            10 => Change::SaveLargeBlob { id: self.known(state), large_blob: written(&self.id) },
            11 => Change::SaveFingerprint(Fingerprint {
                friendly_name: Some(format!("{:x?}", &self.id[..4])),
                ..finger(self.byte % 4)
            }),
            16 | 17 => keep(self.id, self.byte),
            18 => Change::ForgetCredential { id: self.known_kept(state) },
            19 => Change::CredentialProperties {
                id: if self.byte > 99 { self.known(state) } else { self.known_kept(state) },
                backup: Backup { eligible: self.byte > 127, state: self.byte % 3 == 1 },
                counter: counter(self.byte),
            },
            12 => Change::RemoveFingerprint { template_id: vec![self.byte % 4; 16] },
            13 => Change::LargeBlobs(vec![self.byte; self.length + 17]),
            _ => Change::Settings {
                settings: self.settings(),
                persistent_token: (self.byte > 99).then(token),
            },
        }
    }

    /// The id of a credential that is there, if there is one.
    fn known(&self, state: &State) -> Vec<u8> {
        let ids: Vec<_> = state.credentials().iter().map(|one| one.id.clone()).collect();
        if ids.is_empty() { vec![1] } else { self.which.get(&ids).clone() }
    }

    /// The same of those that are not discoverable.
    fn known_kept(&self, state: &State) -> Vec<u8> {
        let ids: Vec<_> = state.kept().map(|one| one.credential.id.clone()).collect();
        if ids.is_empty() { vec![1] } else { self.which.get(&ids).clone() }
    }

    fn user(&self, state: &State) -> User {
        let found = state.credential(&self.known(state));
        let id = found.map_or(vec![], |one| one.account.as_ref().unwrap().user.id.clone());
        User { id, name: None, display_name: Some(format!("{:x?}", self.id)) }
    }

    fn settings(&self) -> Settings {
        Settings {
            min_pin_length: 4 + self.byte % 60,
            min_pin_length_rp_ids: vec!["example.org".to_owned(); usize::from(self.byte % 3)],
            always_uv: (self.byte > 99).then_some(self.byte > 199),
            force_pin_change: self.byte.is_multiple_of(2),
            ..Settings::default()
        }
    }
}

/// The indexes find what a look at every credential finds.
fn assert_indexes_agree(state: &State) {
    let all: Vec<_> = state.credentials().iter().collect();
    assert_eq!(all.len(), state.credentials().len());
    for one in &all {
        assert_eq!(state.credential(&one.id).unwrap().id, one.id);
        let user_id = &one.account.as_ref().unwrap().user.id;
        assert_eq!(state.credentials().of_account(&one.rp_id_hash, user_id).unwrap().id, one.id);
        let of_rp: Vec<_> = state.credentials().of_rp(&one.rp_id_hash).map(|one| &one.id).collect();
        let looked_for = all.iter().filter(|other| other.rp_id_hash == one.rp_id_hash);
        assert_eq!(of_rp, looked_for.map(|one| &one.id).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(config(128))]

    // P-11, P-12, MC-40, GA-26
    #[test]
    fn after_any_changes_the_records_are_the_whole_image(draws in vec(draw(), 1..40)) {
        let (mut store, medium) = store();
        for draw in draws {
            let change = draw.change(store.state());
            store.commit(change).unwrap();
            prop_assert_eq!(medium.kept(), kept(&store.records()));
        }
        let loaded = load(&medium.kept(), Tail::Whole).unwrap();
        prop_assert_eq!(kept(&loaded.records()), medium.kept());
        assert_indexes_agree(store.state());
        assert_indexes_agree(loaded.state());
        let order = |store: &Store| -> Vec<_> {
            store.state().credentials().iter().map(|one| one.id.clone()).collect()
        };
        prop_assert_eq!(order(&loaded), order(&store), "oldest first");
    }

    // P-12
    #[test]
    fn a_change_that_the_medium_refuses_has_not_happened(draws in vec(draw(), 1..20), last in draw()) {
        let (mut store, medium) = store();
        for draw in draws {
            let change = draw.change(store.state());
            store.commit(change).unwrap();
        }
        let before = kept(&store.records());
        medium.set(Medium::FailsAfter(0, MemoryError::Full));
        let change = last.change(store.state());
        let refused = store.commit(change).is_err();
        prop_assert!(refused || medium.calls().is_empty() || before == kept(&store.records()));
        prop_assert_eq!(kept(&store.records()), before.clone());
        prop_assert_eq!(medium.kept(), before);
    }
}

/// A key with something in every record, and its records.
fn full() -> Kept {
    let (mut store, medium) = store();
    let changes = [
        Change::SetPin(pin(1)),
        Change::PinRetries(7),
        Change::UvRetries(3),
        save([1; 32], 2),
        save([2; 32], 3),
        save([5; 32], 7),
        keep([3; 32], 4),
        keep([4; 32], 7),
        Change::SaveLargeBlob { id: vec![1; 32], large_blob: written(b"blob") },
        Change::SaveFingerprint(Fingerprint { friendly_name: Some("left".into()), ..finger(1) }),
        Change::SaveFingerprint(finger(2)),
        Change::LargeBlobs(vec![7; LARGE_BLOB_CHUNK + 1]),
        Change::SignCountCeiling(640),
    ];
    changes.into_iter().for_each(|change| store.commit(change).unwrap());
    medium.kept()
}

fn names<const N: usize>(names: [&[u8]; N]) -> Vec<Vec<u8>> {
    names.map(<[u8]>::to_vec).to_vec()
}

fn name(kind: &str, id: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), id].concat()
}

#[test]
fn each_change_writes_exactly_its_records() {
    let (mut store, medium) = store();
    let one = name("credential/", &[1; 32]);
    let other = name("credential/", &[2; 32]);
    let apart = name("non-discoverable/", &[3; 32]);
    let template = name("finger/", &[1; 16]);
    let (pin_name, uv) = (&b"pin"[..], &b"uv"[..]);
    let (token, settings) = (&b"persistent-token"[..], &b"settings"[..]);
    let credentials = &b"credential-store"[..];
    let user = User { id: vec![0], name: None, display_name: None };
    let forced = Settings { force_pin_change: true, ..Settings::default() };
    let secret = || Secret::new(&[9; 32]);
    let steps = [
        (Change::SetPin(pin(1)), Call::Wait(names([pin_name]))),
        (Change::PinRetries(7), Call::Wait(names([pin_name]))),
        (Change::PinVerified, Call::Lazy(names([pin_name]))),
        (Change::UvRetries(4), Call::Wait(names([uv]))),
        (Change::UserVerified, Call::Lazy(names([uv]))),
        (Change::PinVerified, Call::Lazy(names([pin_name, uv]))),
        (save([1; 32], 0), Call::Wait(names([&one, credentials]))),
        (
            Change::UpdateUser { id: vec![1; 32], user, cred_store_state: [1; 16] },
            Call::Wait(names([&one, credentials])),
        ),
        (
            Change::SaveLargeBlob { id: vec![1; 32], large_blob: written(b"x") },
            Call::Wait(names([&one])),
        ),
        // The same account: the old credential goes, in the same commit (MC-40).
        (save([2; 32], 0), Call::Wait(names([&one, &other, credentials]))),
        (
            Change::DeleteCredential { id: vec![2; 32], cred_store_state: [3; 16] },
            Call::Wait(names([&other, credentials])),
        ),
        (keep([3; 32], 1), Call::Wait(names([&apart]))),
        (
            Change::CredentialProperties {
                id: vec![3; 32],
                backup: Backup::default(),
                counter: Counter::Own(1),
            },
            Call::Wait(names([&apart])),
        ),
        (Change::ForgetCredential { id: vec![3; 32] }, Call::Wait(names([&apart]))),
        (Change::SaveFingerprint(finger(1)), Call::Wait(names([&template]))),
        (Change::RemoveFingerprint { template_id: vec![1; 16] }, Call::Wait(names([&template]))),
        (
            Change::Settings { settings: forced, persistent_token: Some(secret()) },
            Call::Wait(names([settings, token])),
        ),
        (
            Change::ChangePin { pin: pin(2), persistent_token: secret() },
            Call::Wait(names([pin_name, settings, token])),
        ),
        (Change::SignCountCeiling(64), Call::Lazy(names([b"counter"]))),
        (
            Change::Reset(Box::new(State::factory(&mut ChaCha20Rng::seed_from_u64(2)))),
            Call::ReplaceAll,
        ),
    ];
    for (change, expected) in steps {
        let what = format!("{change:?}");
        store.commit(change).unwrap();
        assert_eq!(medium.calls(), [expected], "{what}");
    }
    store.commit(Change::SignCountCeiling(64)).unwrap();
    assert_eq!(
        medium.calls(),
        [],
        "it does not go down, and a reset does not take it back (RS-12)"
    );
}

// LB-46
#[test]
fn of_large_blobs_only_changed_chunks_are_written() {
    let (mut store, medium) = store();
    let chunk = |number: u8| name("large-blobs/", &[0, number]);
    let mut array = vec![1; 3 * LARGE_BLOB_CHUNK + 100];
    let mut write = |array: &[u8]| {
        store.commit(Change::LargeBlobs(array.to_vec())).unwrap();
        medium.calls()
    };
    assert_eq!(write(&array), [Call::Wait([0, 1, 2, 3].map(chunk).to_vec())]);
    array[LARGE_BLOB_CHUNK + 5] = 2;
    assert_eq!(write(&array), [Call::Wait(vec![chunk(1)])]);
    array.push(3);
    assert_eq!(write(&array), [Call::Wait(vec![chunk(3)])]);
    array.truncate(LARGE_BLOB_CHUNK + 7);
    assert_eq!(write(&array), [Call::Wait([2, 3, 1].map(chunk).to_vec())]);
    assert_eq!(write(&array), [], "the same once more");
}

#[test]
fn what_a_change_writes_does_not_grow_with_the_key() {
    let bytes = |count: u16| -> usize {
        let (mut store, medium) = store();
        for number in 0..count {
            let id = [[0; 30].as_slice(), &number.to_be_bytes()].concat().try_into().unwrap();
            let mut credential = credential(id, 0);
            credential.account.as_mut().unwrap().user.id = number.to_be_bytes().to_vec();
            store.commit(Change::SaveCredential { credential, cred_store_state: [0; 16] }).unwrap();
        }
        let before = medium.kept();
        store.commit(save([9; 32], 0)).unwrap();
        let changed =
            medium.kept().into_iter().filter(|(name, value)| before.get(name) != Some(value));
        changed.map(|(name, value)| name.len() + value.len()).sum()
    };
    let few = bytes(10);
    assert!(bytes(2000).abs_diff(few) <= 2, "but for the order number, which is longer");
}

#[test]
fn records_are_no_longer_than_announced() {
    for (name, value) in full() {
        assert!(name.len() <= MAX_RECORD_NAME && value.len() <= MAX_RECORD_VALUE);
    }
}

// P-14, P-18
#[test]
fn whatever_becomes_of_a_value_it_is_taken_whole_or_refused() {
    let whole = full();
    for (name, value) in &whole {
        let mut changed: Vec<_> = (0..value.len()).map(|length| value[..length].to_vec()).collect();
        changed.extend((0..value.len() * 8).map(|bit| {
            let mut value = value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            value
        }));
        for (index, value) in changed.into_iter().enumerate() {
            let is_cut = index < whole[name].len();
            let mut records = whole.clone();
            records.insert(name.clone(), value.clone());
            match load(&records, Tail::Whole) {
                Ok(store) => {
                    assert!(!is_cut, "a value that was cut off is refused");
                    assert_eq!(kept(&store.records()), records, "taken as it is");
                }
                Err(LoadError::Malformed { .. } | LoadError::Newer { .. }) => {}
                Err(other) => panic!("{name:x?}: {other}"),
            }
        }
    }
}

// P-14, P-18
#[test]
fn records_that_are_not_those_of_a_key_are_refused_with_what_is_wrong_and_the_next_step() {
    let refusal = |edit: &dyn Fn(&mut Kept)| {
        let mut records = full();
        edit(&mut records);
        load(&records, Tail::Whole).unwrap_err()
    };
    let newer = refusal(&|kept| kept.get_mut(&b"pin"[..]).unwrap()[2] = 2);
    assert_eq!(newer, LoadError::Newer { kind: "the PIN", found: 2 });
    assert!(newer.advice().contains("later"), "{newer}");
    let unknown = refusal(&|kept| drop(kept.insert(b"colour\x1b".to_vec(), vec![0xa1, 0, 1])));
    assert_eq!(unknown, LoadError::Unknown { name: "colour\\x1b".to_owned() });
    for (name, kind) in [
        (&b"secrets"[..], "the master secrets"),
        (b"persistent-token", "the persistent token"),
        (b"credential-store", "the credential store"),
        (b"settings", "the settings"),
        (b"pin", "the PIN"),
        (b"uv", "user verification"),
        (b"counter", "the signature counter"),
    ] {
        let missing = refusal(&|kept| drop(kept.remove(name)));
        assert_eq!(missing, LoadError::Missing { kind });
        assert!(missing.to_string().contains(kind) && missing.advice().contains("backup"));
    }
    let hole = refusal(&|kept| drop(kept.remove(&name("large-blobs/", &[0, 0]))));
    assert_eq!(hole, LoadError::Malformed { kind: "large blobs" });
    let same_number = refusal(&|kept| {
        let value = kept[&name("credential/", &[1; 32])].clone();
        kept.insert(name("credential/", &[9; 32]), value);
    });
    assert_eq!(same_number, LoadError::Malformed { kind: "a credential" });
    let no_value = || Record { name: b"uv".to_vec(), value: None };
    let twice = records(&full()).into_iter().chain(records(&full())).collect();
    let load =
        |records| Store::load(Box::new(TestMedium::new()), records, Tail::Whole).unwrap_err();
    assert_eq!(load(twice), LoadError::Twice { kind: "the signature counter" }.clone());
    assert!(matches!(load(vec![no_value()]), LoadError::Malformed { .. }));
    assert!(matches!(load(Vec::new()), LoadError::Missing { .. }));
}

// P-1, P-13, CP-25, CP-142
#[test]
fn after_a_torn_end_a_pin_try_and_a_finger_count_as_paid_and_counters_as_used() {
    let medium = TestMedium::holding(full());
    let torn = Store::load(Box::new(medium.clone()), records(&full()), Tail::Torn).unwrap();
    let state = torn.state();
    assert_eq!((state.pin_retries(), state.uv_retries()), (6, 2));
    assert_eq!(state.sign_count_ceiling(), 704);
    assert_eq!(medium.durable(), kept(&torn.records()), "another power cut does not give it back");
    let again = load(&medium.durable(), Tail::Whole).unwrap();
    assert_eq!(again.state().pin_retries(), 6);

    let (new, medium) = store();
    let torn = Store::load(Box::new(medium), new.records(), Tail::Torn).unwrap();
    assert_eq!((torn.state().pin_retries(), torn.state().uv_retries()), (8, 5), "nothing to try");

    let full_disk = TestMedium::holding(full());
    full_disk.set(Medium::FailsAfter(0, MemoryError::Full));
    let refused = Store::load(Box::new(full_disk), records(&full()), Tail::Torn).unwrap_err();
    assert_eq!(refused, LoadError::Memory(MemoryError::Full));
    assert!(refused.advice().contains("free some space"));
}

#[test]
fn a_key_in_memory_forgets_and_works() {
    let mut store = Store::in_memory(&mut ChaCha20Rng::seed_from_u64(1));
    store.commit(save([1; 32], 1)).unwrap();
    assert_eq!(store.state().credentials().len(), 1);
    assert!(!format!("{store:?}").contains("ada"));
}
