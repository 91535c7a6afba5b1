//! What a program does with the credentials and fingers of its own running key.

use std::thread;
use std::time::Duration;

use ctap_client::{
    Client, CredentialDescriptor, HidChannel, RelyingParty, Status, User, get_assertion,
    make_credential,
};
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::config::{NewCredentials, SignCount};
use ctap_core::credential::{self, LargeBlob};
use ctap_core::secret::SecretBytes;
use virtual_key::profile::Profile;
use virtual_key::{
    Connection, CredentialError, CredentialSource, Error, FingerError, Properties, Touch,
    Verification, VirtualKey, large_blobs,
};

/// SHA-256 of the client data: what a browser makes, and a key signs.
const HASH: [u8; 32] = [1; 32];
const RP: &str = "example.org";
/// For whatever takes milliseconds.
const SOON: Duration = Duration::from_secs(20);

fn client(key: &VirtualKey) -> Client<HidChannel<Connection>> {
    Client::new(HidChannel::open(key.connect().unwrap()).unwrap())
}

fn passkey(id: &[u8], user: &[u8]) -> CredentialSource {
    let secret = SecretBytes::new(vec![3; 32]);
    let key = PrivateKey { algorithm: Algorithm::Es256, secret };
    let user = credential::User { id: user.to_vec(), name: Some("ada".into()), display_name: None };
    CredentialSource {
        discoverable: true,
        user: Some(user),
        sign_count: Some(5),
        ..CredentialSource::new(id.to_vec(), RP, key)
    }
}

fn ids(key: &VirtualKey) -> Vec<Vec<u8>> {
    key.credentials().unwrap().into_iter().map(|source| source.id).collect()
}

fn sign_in(client: &mut Client<HidChannel<Connection>>) -> get_assertion::Assertion {
    let request = get_assertion::Request::new(RP, HASH);
    client.get_assertion(&request, None).unwrap().remove(0)
}

#[test]
fn a_running_key_takes_a_passkey_signs_in_with_it_and_forgets_it() {
    let key = VirtualKey::builder().touch(Touch::Auto).start().unwrap();
    let mut client = client(&key);
    assert_eq!(key.add_credential(passkey(b"one", b"ada")).unwrap(), None);
    assert_eq!(sign_in(&mut client).auth_data.sign_count, 6, "without a replug");
    let duplicate = key.add_credential(passkey(b"one", b"eve"));
    assert!(matches!(duplicate, Err(Error::Credential(CredentialError::Duplicate))));
    assert_eq!(key.add_credential(passkey(b"two", b"ada")).unwrap(), Some(b"one".to_vec()));

    let changed = Properties { sign_count: Some(None), ..Properties::default() };
    key.change_credential(b"two", changed).unwrap();
    assert_eq!(sign_in(&mut client).auth_data.sign_count, 0);
    assert_eq!(key.credentials().unwrap()[0].sign_count, None);

    key.remove_credential(b"two").unwrap();
    let gone = key.remove_credential(b"two").unwrap_err();
    assert!(matches!(gone, Error::Credential(CredentialError::NoSuchCredential)));
    assert!(gone.advice().contains("list the credentials"), "{}", gone.advice());
    key.add_credential(passkey(b"three", b"ada")).unwrap();
    assert_eq!((key.remove_credentials().unwrap(), ids(&key).len()), (1, 0));
    let refused = client.get_assertion(&get_assertion::Request::new(RP, HASH), None).unwrap_err();
    assert_eq!(refused.status(), Some(Status::NoCredentials));
}

#[test]
fn a_key_that_keeps_all_tells_what_was_made_with_it_and_so_it_can_move() {
    let new = NewCredentials {
        sign_count: SignCount::PerCredential { start: 0 },
        keep_non_discoverable: true,
        ..NewCredentials::default()
    };
    let profile = Profile::load("default").unwrap().with_credentials(new).unwrap();
    let one = VirtualKey::builder().of_profile(profile).touch(Touch::Auto).start().unwrap();
    let user = User::new(*b"1", "ada");
    let request = make_credential::Request::new(HASH, RelyingParty::new(RP), user);
    let made = client(&one).make_credential(&request, None).unwrap();
    let made = made.credential().unwrap();

    let other = VirtualKey::builder().touch(Touch::Auto).start().unwrap();
    for source in one.credentials().unwrap() {
        other.add_credential(source).unwrap();
    }
    let allowed = CredentialDescriptor::new(made.credential_id.clone());
    let request = get_assertion::Request::new(RP, HASH).allowing([allowed]);
    let assertion = client(&other).get_assertion(&request, None).unwrap().remove(0);
    assertion.verify(&made.public_key, RP, &HASH).unwrap();
}

#[test]
fn a_touch_that_waits_is_released_when_the_key_approves_from_now_on() {
    let key = VirtualKey::builder().start().unwrap();
    let select =
        |mut client: Client<HidChannel<Connection>>| thread::spawn(move || client.selection());
    let selecting = select(client(&key));
    key.wait_prompt(SOON).unwrap();
    key.set_touch(Touch::Auto).unwrap();
    selecting.join().unwrap().unwrap();
    assert!(key.prompt().unwrap().is_none());
    let mut host = client(&key);
    host.selection().unwrap();

    key.set_touch(Touch::Deny).unwrap();
    let refused = host.selection().unwrap_err();
    assert_eq!(refused.status(), Some(Status::OperationDenied));
    key.set_touch(Touch::Ask).unwrap();
    let selecting = select(host);
    key.wait_prompt(SOON).unwrap();
    key.touch().unwrap();
    selecting.join().unwrap().unwrap();
}

// BE-40
#[test]
fn a_finger_without_a_pin_verifies_as_the_owner_says() {
    let bio = || VirtualKey::builder().profile("bio").unwrap().touch(Touch::Auto);
    let key = bio().finger(1).start().unwrap();
    let mut client = client(&key);
    let info = client.get_info().unwrap();
    assert!(info.is_on("uv") && !info.is_on("clientPin"));
    key.add_credential(passkey(b"one", b"ada")).unwrap();
    let request = get_assertion::Request::new(RP, HASH).with_option("uv", true);
    let reply = client.get_assertion(&request, None).unwrap().remove(0);
    assert!(reply.auth_data.flags.user_verified());

    key.set_verification(Verification::Deny).unwrap();
    let refused = client.get_assertion(&request, None).unwrap_err();
    assert_eq!(refused.status(), Some(Status::OperationDenied));
    sign_in(&mut client); // a touch will do
    key.set_verification(Verification::Fail).unwrap();
    client.get_assertion(&request, None).unwrap_err();
    key.set_verification(Verification::Succeed).unwrap();
    client.get_assertion(&request, None).unwrap();

    let again = key.enroll_finger(1);
    assert!(matches!(again, Err(Error::Finger(FingerError::Enrolled))));
    key.remove_finger(1).unwrap();
    assert!(!client.get_info().unwrap().is_on("uv"));
    let no_sensor = VirtualKey::builder().finger(1).start().err().unwrap();
    assert!(matches!(no_sensor, Error::Finger(FingerError::NoSensor)));
    assert!(no_sensor.advice().contains("bioEnroll"));
}

#[test]
fn a_memory_that_knows_the_finger_already_starts_with_it_again() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let bio = VirtualKey::builder().profile("bio").unwrap().memory(home.path().join("key"));
        let key = bio.finger(1).start().unwrap();
        assert!(client(&key).get_info().unwrap().is_on("uv"));
    }
}

// LB-60 to LB-62
#[test]
fn a_large_blob_goes_where_the_key_keeps_such_blobs_and_comes_out_again() {
    let key = VirtualKey::builder().touch(Touch::Auto).start().unwrap();
    let with_blob =
        |id: &[u8], user: &[u8], blob| CredentialSource { large_blob: blob, ..passkey(id, user) };
    key.add_credential(with_blob(b"one", b"ada", large_blobs::written(b"certificate"))).unwrap();
    key.add_credential(with_blob(b"two", b"eve", LargeBlob::Empty)).unwrap();
    key.add_credential(passkey(b"three", b"bob")).unwrap();
    let told: Vec<_> = key
        .credentials()
        .unwrap()
        .into_iter()
        .map(|source| (large_blobs::plain(&source.large_blob), source.large_blob_key.is_some()))
        .collect();
    assert_eq!(told, [(Some(b"certificate".to_vec()), true), (None, true), (None, false)]);

    assert_eq!(client(&key).read_large_blobs().unwrap().len(), 1);

    let long: Vec<u8> =
        (0..5000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
    let refused = key.add_credential(with_blob(b"four", b"kim", large_blobs::written(&long)));
    assert!(matches!(refused, Err(Error::Credential(CredentialError::Blob { .. }))));
    assert_eq!(ids(&key).len(), 3, "nothing is left of it");
}
