//! A key as a program of somebody else has it.

use std::thread;
use std::time::Duration;

use ctap_client::webauthn::{self, Caller};
use ctap_client::{
    Client, Error as ClientError, HidChannel, RelyingParty, Status, User, make_credential,
};
use serde_json::json;
use virtual_key::profile::Profile;
use virtual_key::{Connection, Decision, Error, Touch, VirtualKey};

/// SHA-256 of the client data: what a browser makes, and a key signs.
const HASH: [u8; 32] = [1; 32];
/// For whatever takes milliseconds.
const SOON: Duration = Duration::from_secs(20);

fn client(connection: Connection) -> Client<HidChannel<Connection>> {
    Client::new(HidChannel::open(connection).unwrap())
}

fn registration() -> make_credential::Request {
    make_credential::Request::new(HASH, RelyingParty::new("example.org"), User::new(*b"1", "ada"))
}

type Registering = thread::JoinHandle<Result<make_credential::Reply, ClientError>>;

/// Registers at example.org, on a thread of its own.
fn registering(mut client: Client<HidChannel<Connection>>) -> Registering {
    thread::spawn(move || client.make_credential(&registration(), None))
}

#[test]
fn a_key_is_served_imported_touched_and_registers() {
    let key = VirtualKey::builder().serve("127.0.0.1:0").unwrap();
    let host = Connection::import(key.address().unwrap(), key.bus_id()).unwrap();
    let registering = registering(client(host));
    let prompt = key.wait_prompt(SOON).unwrap();
    assert_eq!((prompt.rp_id(), prompt.user()), (Some("example.org"), Some("ada")));
    key.touch().unwrap();
    let reply = registering.join().unwrap().unwrap();
    reply.verify("example.org", &HASH).unwrap();
}

#[test]
fn a_key_that_is_denied_refuses_and_a_late_touch_is_lost() {
    let key = VirtualKey::builder().start().unwrap();
    let registering = registering(client(key.connect().unwrap()));
    let prompt = key.wait_prompt(SOON).unwrap();
    key.deny().unwrap();
    let refused = registering.join().unwrap().unwrap_err();
    assert_eq!(refused.status(), Some(Status::OperationDenied));
    assert!(matches!(key.answer(&prompt, Decision::Approve), Err(Error::NoPrompt)));
    assert!(matches!(key.touch(), Err(Error::NoPrompt)));
}

#[test]
fn a_key_that_nobody_asks_has_no_prompt() {
    let key = VirtualKey::builder().start().unwrap();
    assert!(matches!(key.wait_prompt(Duration::ZERO), Err(Error::TimedOut(_))));
    assert!(key.prompt().unwrap().is_none() && key.prompts().unwrap().is_empty());
}

#[test]
fn dropping_a_key_unplugs_it() {
    let key = VirtualKey::builder().serve("127.0.0.1:0").unwrap();
    let (address, bus_id) = (key.address().unwrap(), key.bus_id().to_owned());
    let mut plugged = client(Connection::import(address, &bus_id).unwrap());
    plugged.get_info().unwrap();
    drop(key);
    assert!(plugged.get_info().is_err());
    assert!(Connection::import(address, &bus_id).is_err(), "nobody listens there");
}

#[test]
fn two_keys_are_asked_and_answer_at_once() {
    let keys = [[1; 32], [2; 32]].map(|seed| VirtualKey::builder().seed(seed).start().unwrap());
    assert_ne!(keys[0].serial(), keys[1].serial());
    let registering = keys.each_ref().map(|key| registering(client(key.connect().unwrap())));
    let prompts = keys.each_ref().map(|key| key.wait_prompt(SOON).unwrap());
    assert_ne!(prompts[0].name, prompts[1].name);
    keys[1].touch().unwrap();
    keys[0].deny().unwrap();
    let [first, second] = registering.map(|one| one.join().unwrap());
    assert!(first.is_err() && second.is_ok());
}

#[test]
fn the_same_seed_makes_the_same_key_and_the_same_credentials() {
    let made = |seed: [u8; 32]| {
        let key = VirtualKey::builder().touch(Touch::Auto).seed(seed).start().unwrap();
        let reply = client(key.connect().unwrap()).make_credential(&registration(), None);
        let attestation = format!("{:?}", reply.as_ref().unwrap().att_stmt);
        let credential = reply.unwrap().credential().unwrap().credential_id.clone();
        (key.serial().to_owned(), attestation, credential)
    };
    assert_eq!(made([7; 32]), made([7; 32]));
    let (one, other) = (made([7; 32]), made([8; 32]));
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
}

#[test]
fn a_key_with_a_memory_is_the_same_key_when_it_comes_back_and_has_no_seed() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || VirtualKey::builder().memory(directory.path().join("key"));
    let key = builder().start().unwrap();
    let serial = key.serial().to_owned();
    assert!(matches!(builder().start(), Err(Error::Memory(_))), "it is in use");
    client(key.connect().unwrap()).set_pin("2468").unwrap();
    drop(key);
    let key = builder().start().unwrap();
    assert_eq!(key.serial(), serial);
    let info = client(key.connect().unwrap()).get_info().unwrap();
    assert!(info.is_on("clientPin"));
    drop(key);
    assert!(matches!(builder().seed([1; 32]).start(), Err(Error::SeedWithMemory)));
}

// CF-21, CF-45, CP-59, GI-77
#[test]
fn a_key_is_shipped_once_in_the_state_that_its_profile_says() {
    let directory = tempfile::tempdir().unwrap();
    let profile = "extends = \"everything\"\n[shipped]\npin = \"1234\"\nfingers = [1]\nep = true\nforcePINChange = true";
    let start = || {
        let profile = Profile::from_toml("shipped", profile).unwrap();
        let builder = VirtualKey::builder().of_profile(profile).touch(Touch::Auto);
        builder.memory(directory.path().join("key")).start().unwrap()
    };
    let key = start();
    let info = client(key.connect().unwrap()).get_info().unwrap();
    let options = ["clientPin", "uv", "ep"].map(|option| info.is_on(option));
    assert_eq!((options, info.force_pin_change), ([true; 3], Some(true)));
    client(key.connect().unwrap()).change_pin("1234", "2468").unwrap();
    drop(key);
    let key = start();
    let mut plugged = client(key.connect().unwrap());
    assert_eq!(plugged.get_info().unwrap().force_pin_change, Some(false), "it is the old key");
    plugged.reset().unwrap();
    let options = ["clientPin", "uv", "ep"];
    let info = plugged.get_info().unwrap();
    assert_eq!(options.map(|option| info.is_on(option)), [false; 3]);
}

#[test]
fn a_finger_that_was_never_enrolled_is_no_match_and_any_finger_is_a_touch() {
    let key = VirtualKey::builder().profile("bio").unwrap().start().unwrap();
    let mut plugged = client(key.connect().unwrap());
    let selecting = thread::spawn(move || plugged.selection());
    key.wait_prompt(SOON).unwrap();
    key.finger(2).unwrap();
    assert!(selecting.join().unwrap().is_ok());
}

#[test]
fn a_key_has_one_host_at_a_time_and_the_next_when_that_is_gone() {
    let key = VirtualKey::builder().start().unwrap();
    let first = key.connect().unwrap();
    assert!(key.is_attached().unwrap());
    assert!(matches!(key.connect(), Err(Error::InUse)));
    drop(first);
    let second = key.connect().unwrap();
    key.replug().unwrap();
    assert!(HidChannel::open(second).is_err(), "it was unplugged");
    client(key.connect().unwrap()).get_info().unwrap();
}

// MC-14: `makeCredUvNotRqd` is about credentials that are not discoverable.
#[test]
fn a_passkey_takes_the_pin_also_where_the_site_discourages_that() {
    let key = VirtualKey::builder().touch(Touch::Auto).start().unwrap();
    let mut client = client(key.connect().unwrap());
    client.set_pin("2468").unwrap();
    let selection = json!({ "residentKey": "required", "userVerification": "discouraged" });
    let options = json!({ "challenge": "AAAA", "rp": { "name": "Example" }, "user": { "id": "AQ", "name": "ada" },
        "pubKeyCredParams": [], "authenticatorSelection": selection });
    let caller = Caller::new("https://example.com");
    assert!(webauthn::create(&mut client, &options, &caller).is_err(), "nobody gave the PIN");
    webauthn::create(&mut client, &options, &caller.with_pin("2468")).unwrap();
}

#[test]
fn what_cannot_be_is_told_with_the_next_step() {
    let told = |error: Error| format!("{error}; {}", error.advice());
    let profile = VirtualKey::builder().profile("boi").err().unwrap();
    assert!(told(profile).starts_with("there is no profile boi; use bio"));
    let exposed = VirtualKey::builder().serve("0.0.0.0:0").err().unwrap();
    assert!(matches!(exposed, Error::Exposed(_)) && told(exposed).contains("ssh -L"), "P-22");
    let key = VirtualKey::builder().serve("127.0.0.1:0").unwrap();
    let taken = VirtualKey::builder().serve(key.address().unwrap()).err().unwrap();
    assert!(matches!(taken, Error::Listen { .. }) && told(taken).contains("127.0.0.1:0"));
}

#[test]
fn a_key_may_be_used_from_another_thread() {
    fn is_sent<T: Send + Sync>() {}
    is_sent::<VirtualKey>();
    is_sent::<Error>();
}
