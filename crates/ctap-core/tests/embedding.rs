//! What `README.md` and `docs/embedding.md` show: each block of Rust there is a part of this file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ctap_client::{
    Client, CredentialDescriptor, Exchange, KeepaliveStatus, Patience, Permissions, RelyingParty,
    Status, TransportError, User, get_assertion, make_credential,
};
use ctap_core::config::{FingerprintSensor, Version};
use ctap_core::consent::Action;
use ctap_core::memory::{Durability, MemoryError, Record};
use ctap_core::{
    Authenticator, Channel, CheckedConfig, Config, Decision, Memory, Platform, SoftKey, Step,
    Store, Transport,
};

/// SHA-256 of the client data: what a browser makes, and a key signs.
const HASH: [u8; 32] = [1; 32];

fn registration() -> make_credential::Request {
    make_credential::Request::new(HASH, RelyingParty::new("example.org"), User::new(*b"1", "ada"))
}

mod registration {
    use ctap_client::{RelyingParty, User, make_credential};
    use ctap_core::{CheckedConfig, SoftKey};

    #[test]
    fn a_key_registers() {
        let hash = [1; 32]; // SHA-256 of the client data
        let mut key = SoftKey::new(CheckedConfig::default(), [7; 32]);
        let (site, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
        let request = make_credential::Request::new(hash, site, user).encode();
        let response = key.call(&request);
        assert_eq!(response[0], 0x00, "refused; ctap_client::Status has the names");
        let reply = make_credential::Reply::parse(&response[1..], true).unwrap();
        reply.verify("example.org", &hash).unwrap(); // RP id, touch, signature
    }
}

/// A key in this process, as `ctap-client` talks to it.
struct InProcess(SoftKey);

impl Exchange for InProcess {
    fn exchange(
        &mut self,
        request: &[u8],
        _on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        Ok(self.0.call(request))
    }
}

fn client(config: CheckedConfig) -> Client<InProcess> {
    Client::new(InProcess(SoftKey::new(config, [7; 32])))
}

#[test]
fn a_client_registers_and_signs_in() {
    let mut client = client(CheckedConfig::default());
    let reply = client.make_credential(&registration(), None).unwrap();
    let credential = reply.credential().unwrap();

    let allowed = CredentialDescriptor::new(credential.credential_id.clone());
    let request = get_assertion::Request::new("example.org", HASH).allowing([allowed]);
    let assertion = client.get_assertion(&request, None).unwrap().remove(0);
    assertion.verify(&credential.public_key, "example.org", &HASH).unwrap();
    assert!(assertion.auth_data.flags.user_present());
}

#[test]
fn a_person_touches_for_one_site_only_or_not_at_all() {
    let mut client = client(CheckedConfig::default());
    let key = &mut client.exchange_mut().0;

    // They touch it for one site only.
    key.set_person(|question| match question.rp_id.as_deref() {
        Some("example.org") => Some(Decision::Approve),
        _ => Some(Decision::Deny),
    });
    assert!(client.make_credential(&registration(), None).is_ok());
    let refused = client.selection().unwrap_err();
    assert_eq!(refused.status(), Some(Status::OperationDenied));

    // They are not there: the request times out, in simulated time.
    let key = &mut client.exchange_mut().0;
    key.set_person(|_question| None);
    let timed_out = client.selection().unwrap_err();
    assert_eq!(timed_out.status(), Some(Status::UserActionTimeout));
}

#[test]
fn a_reset_is_for_the_first_ten_seconds_after_power_up() {
    let mut client = client(CheckedConfig::default());
    client.exchange_mut().0.advance(Duration::from_millis(10_001));
    let late = client.reset().unwrap_err(); // a reset is for the first ten seconds
    assert_eq!(late.status(), Some(Status::NotAllowed));
    client.exchange_mut().0.power_cycle(Transport::Usb);
    client.reset().unwrap();
}

#[test]
fn a_tap_takes_the_place_of_one_touch() {
    let mut client = client(CheckedConfig::default());
    let key = &mut client.exchange_mut().0;
    key.set_person(|_question| panic!("nobody is asked"));
    key.tap(); // on a contactless reader
    client.make_credential(&registration(), None).unwrap();
    let second = client.make_credential(&registration(), None).unwrap_err();
    assert_eq!(second.status(), Some(Status::UpRequired));
    client.exchange_mut().0.tap();
    client.make_credential(&registration(), None).unwrap();
}

#[test]
fn a_pin_verifies_and_three_wrong_ones_block() {
    let mut client = client(CheckedConfig::default());
    client.set_pin("2468").unwrap();
    let permission = Permissions::MAKE_CREDENTIAL;
    let token = client.pin_uv_auth_token("2468", permission, Some("example.org")).unwrap();
    let request = registration().with_option("rk", true); // a passkey
    let reply = client.make_credential(&request, Some(&token)).unwrap();
    assert!(reply.auth_data.flags.user_verified());

    for expected in [Status::PinInvalid, Status::PinInvalid, Status::PinAuthBlocked] {
        let wrong = client.pin_uv_auth_token("1357", permission, Some("example.org"));
        assert_eq!(wrong.unwrap_err().status(), Some(expected));
    }
    assert_eq!(client.pin_retries().unwrap().left, 5);
}

#[test]
fn an_enrolled_finger_verifies_and_a_strange_one_does_not() {
    let sensor = FingerprintSensor { samples: 2, ..FingerprintSensor::default() };
    let config = Config { fingerprints: Some(sensor), ..Config::default() };
    let mut client = client(config.checked().unwrap());
    client.set_pin("2468").unwrap();
    let token = client.pin_uv_auth_token("2468", Permissions::BIO_ENROLLMENT, None).unwrap();
    client.exchange_mut().0.set_person(|_question| Some(Decision::Finger(1)));
    let (template, _sample) = client.enroll_begin(&token, None).unwrap();
    client.enroll_next(&token, &template, None).unwrap();

    let verified = client.token_using_uv(Permissions::GET_ASSERTION, Some("example.org"));
    assert!(verified.is_ok());
    client.exchange_mut().0.set_person(|question| match question.action {
        Action::Verify => Some(Decision::Finger(2)), // a finger that the key does not know
        _ => Some(Decision::Approve),
    });
    let stranger = client.token_using_uv(Permissions::GET_ASSERTION, Some("example.org"));
    assert_eq!(stranger.unwrap_err().status(), Some(Status::UvInvalid));
}

#[test]
fn a_config_that_contradicts_itself_is_told_why() {
    let old = Config {
        versions: vec![Version::Fido20],
        capacity: 2, // passkeys
        ..Config::default()
    };
    let contradiction = old.checked().unwrap_err();
    assert!(contradiction.what.starts_with("FIDO_2_0 alone")); // what came later must be off too
}

#[test]
fn seeds_tell_keys_apart_and_the_same_seed_makes_the_same_key() {
    let [mut one, mut other] =
        [1, 2].map(|seed| SoftKey::new(CheckedConfig::default(), [seed; 32]));
    let get_info = [0x04];
    assert_ne!(one.call(&get_info), other.call(&get_info)); // device identifiers differ
    let mut twin = SoftKey::new(CheckedConfig::default(), [1; 32]);
    let repeats = if cfg!(feature = "aws-lc") { -8 } else { -7 }; // there ES256 has random nonces
    let mut registration = registration();
    registration.pub_key_cred_params = Some(vec![ctap_client::CredentialParameters::new(repeats)]);
    let registration = registration.encode();
    one = SoftKey::new(CheckedConfig::default(), [1; 32]);
    assert_eq!(one.call(&registration), twin.call(&registration)); // same seed, same key
}

/// A medium that breaks when it is told to.
struct Breakable(Arc<AtomicBool>);

impl Memory for Breakable {
    fn commit(&mut self, _records: &[Record], _when: Durability) -> Result<(), MemoryError> {
        if self.0.load(Ordering::Relaxed) { Err(MemoryError::Failed) } else { Ok(()) }
    }

    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError> {
        self.commit(records, Durability::Wait)
    }
}

#[test]
fn a_malformed_request_and_a_failing_medium_are_told_and_leave_nothing() {
    // A malformed request: authenticatorMakeCredential without its map.
    let malformed = client(CheckedConfig::default()).raw(&[0x01]).unwrap();
    assert_eq!(malformed, [Status::InvalidCbor.byte()]);

    // A medium that fails: a memory of your own behind an Authenticator's store.
    let mut rng = generator();
    let is_broken = Arc::new(AtomicBool::new(false));
    let mut store = Store::create(Box::new(Breakable(is_broken.clone())), &mut rng).unwrap();
    let now = Duration::ZERO;
    let mut platform = Platform { store: &mut store, rng: &mut rng, now };
    let mut key = Authenticator::new(CheckedConfig::default(), Transport::Usb, &mut platform);

    is_broken.store(true, Ordering::Relaxed);
    let mut platform = Platform { store: &mut store, rng: &mut rng, now };
    let passkey = registration().with_option("rk", true).encode();
    let Step::Wait(prompt, _question) = key.handle(Channel(1), &passkey, &mut platform) else {
        panic!("it asks for a touch first")
    };
    let Some(Step::Reply(response)) = key.answer(prompt, Decision::Approve, &mut platform) else {
        panic!("the touch was the last thing it needed")
    };
    assert_ne!(response.message[0], 0x00);
    assert!(store.state().credentials().is_empty());
}

/// Any cryptographically secure generator will do; a seeded one repeats.
fn generator() -> impl ctap_core::rand_core::CryptoRng {
    use rand_chacha::rand_core::SeedableRng as _;
    rand_chacha::ChaCha20Rng::seed_from_u64(1)
}
