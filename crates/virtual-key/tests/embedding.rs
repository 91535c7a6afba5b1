//! What `README.md` and `docs/embedding.md` show of whole keys: each block of Rust there is a part of this file.

mod in_the_process {
    use std::{thread, time::Duration};

    use ctap_client::{Client, HidChannel, RelyingParty, User, make_credential};
    use virtual_key::VirtualKey;

    #[test]
    fn a_plugged_key_is_touched_and_registers() {
        let key = VirtualKey::builder().seed([7; 32]).start().unwrap();
        let mut client = Client::new(HidChannel::open(key.connect().unwrap()).unwrap());
        let (site, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
        let request = make_credential::Request::new([1; 32], site, user);
        let registering = thread::spawn(move || client.make_credential(&request, None));
        assert_eq!(key.wait_prompt(Duration::from_secs(9)).unwrap().rp_id(), Some("example.org"));
        key.touch().unwrap();
        registering.join().unwrap().unwrap().verify("example.org", &[1; 32]).unwrap();
    }
}

use std::process::Command;
use std::thread;
use std::time::Duration;

use ctap_client::webauthn::{self, Caller};
use ctap_client::{Client, HidChannel, Status, get_assertion};
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::credential::User;
use ctap_core::secret::SecretBytes;
use virtual_key::credential_formats::{self, Format};
use virtual_key::{Connection, CredentialSource, Error, Touch, VirtualKey, vpcd};

/// For whatever takes a moment.
const SOON: Duration = Duration::from_secs(9);

/// Compiled, and not run: it takes a kernel with vhci-hcd, and a program.
fn a_program_signs_in_with_a_key_on_this_machines_bus() -> Result<(), Box<dyn std::error::Error>> {
    let key = VirtualKey::builder().profile("default")?.touch(Touch::Ask).attach()?;
    let mut login = Command::new("./login").spawn()?; // finds the key as /dev/hidraw*
    assert_eq!(key.wait_prompt(Duration::from_secs(9))?.rp_id(), Some("example.org"));
    key.touch()?;
    assert!(login.wait()?.success());
    drop(key); // unplugged
    Ok(())
}

/// Compiled, and not run here: it takes pcscd, and vsmartcard's driver.
fn a_program_finds_a_card_on_a_reader() -> Result<(), Box<dyn std::error::Error>> {
    let key = VirtualKey::builder().card(("127.0.0.1", vpcd::PORT))?;
    // The program under test finds the card on "Virtual PCD 00 00".
    key.take_off()?;
    key.tap(Duration::from_secs(3))?;
    Ok(())
}

#[test]
fn a_key_is_offered_over_usbip() {
    let _ = a_program_finds_a_card_on_a_reader;
    let _ = a_program_signs_in_with_a_key_on_this_machines_bus;

    let key = VirtualKey::builder().touch(Touch::Auto).serve("127.0.0.1:0").unwrap();
    let host = Connection::import(key.address().unwrap(), key.bus_id()).unwrap();
    Client::new(HidChannel::open(host).unwrap()).selection().unwrap();
}

#[test]
fn a_site_is_answered_without_a_browser_and_what_was_said_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key.pcapng");
    let key = VirtualKey::builder().touch(Touch::Auto).record(&file).start().unwrap();
    let mut client = Client::new(HidChannel::open(key.connect().unwrap()).unwrap());
    let options = serde_json::json!({
        "challenge": "AAAA", "rp": { "name": "Example" }, "user": { "id": "AQ", "name": "ada" },
        "pubKeyCredParams": [],
    });

    let caller = Caller::new("https://example.com"); // or with_pin("2468")
    let credential = webauthn::create(&mut client, &options, &caller).unwrap();
    assert_eq!(credential["response"]["transports"][0], "usb");

    let options = serde_json::json!({ "challenge": "AAAA", "rpId": "example.com",
        "allowCredentials": [{ "type": "public-key", "id": credential["id"] }] });
    assert_eq!(webauthn::get(&mut client, &options, &caller).unwrap()["id"], credential["id"]);
    drop((client, key));
    let recorded = std::fs::read(file).unwrap();
    let said = b"authenticatorMakeCredential rp \"example.com\", user \"ada\"";
    assert!(recorded.windows(said.len()).any(|part| part == said));
}

#[test]
fn prompts_are_looked_at_and_answered_one_way_or_the_other() {
    let key = VirtualKey::builder().profile("bio").unwrap().start().unwrap();
    let mut client = Client::new(HidChannel::open(key.connect().unwrap()).unwrap());
    let selecting = thread::spawn(move || client.selection());

    let prompt = key.wait_prompt(SOON).unwrap();
    println!("{:?} for {:?}, {:?}", prompt.question.action, prompt.rp_id(), prompt.user());
    key.deny().unwrap(); // or touch(), finger(2), decide(Decision::BadSample(...))
    let refused = selecting.join().unwrap().unwrap_err();
    assert_eq!(refused.status(), Some(Status::OperationDenied));

    // A touch that comes too late approves nothing.
    assert!(matches!(key.touch(), Err(Error::NoPrompt)));
}

#[test]
fn a_power_cycle_forgets_what_the_memory_does_not_keep() {
    let directory = tempfile::tempdir().unwrap();
    let key = VirtualKey::builder().memory(directory.path().join("key")).start().unwrap();
    let mut client = Client::new(HidChannel::open(key.connect().unwrap()).unwrap());
    client.set_pin("2468").unwrap();

    key.replug().unwrap(); // the old connection has ended: connect again
    let mut client = Client::new(HidChannel::open(key.connect().unwrap()).unwrap());
    assert!(client.get_info().unwrap().is_on("clientPin"));
}

#[test]
fn a_key_begins_with_a_passkey_and_a_finger_and_tells_what_it_has() {
    let key =
        VirtualKey::builder().profile("bio").unwrap().touch(Touch::Auto).finger(1).start().unwrap();
    let secret = SecretBytes::new(vec![3; 32]); // a scalar; credential_formats::pkcs8 reads PEM
    let private_key = PrivateKey { algorithm: Algorithm::Es256, secret };
    let passkey = CredentialSource {
        discoverable: true,
        user: Some(User { id: b"u-1".to_vec(), name: Some("ada".into()), display_name: None }),
        sign_count: Some(5),
        ..CredentialSource::new(b"id-1".to_vec(), "example.org", private_key)
    };
    key.add_credential(passkey).unwrap();

    let mut client = Client::new(HidChannel::open(key.connect().unwrap()).unwrap());
    let request = get_assertion::Request::new("example.org", [1; 32]).with_option("uv", true);
    let assertion = client.get_assertion(&request, None).unwrap().remove(0); // the finger needs no PIN
    assert_eq!(assertion.auth_data.sign_count, 6);
    let exported = credential_formats::write(Format::Playwright, &key.credentials().unwrap(), 0);
    assert!(exported.text.contains("aWQtMQ") && !exported.notes.is_empty()); // what the format cannot hold

    key.set_touch(Touch::Deny).unwrap(); // from now on; set_verification is only for fingers
    assert!(client.get_assertion(&request, None).is_err());
}
