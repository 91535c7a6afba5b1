//! What ordinary clients do, written down: the sessions that fuzzing starts from.
//!
//! The key draws the same secrets each time, so the MACs and PINs of a recorded session are right when it is played again.

use std::cell::RefCell;
use std::rc::Rc;

use ctap_client::commands::config::MinPinLength;
use ctap_client::commands::u2f::Control;
use ctap_client::hmac_secret::{HMAC_SECRET, input};
use ctap_client::{
    Client, CredentialDescriptor, Error, Exchange, KeepaliveStatus, Patience, Permissions,
    PinProtocol, RelyingParty, TransportError, User, get_assertion, make_credential,
};
use ctap_core::{Decision, Transport};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::key::{Key, Step};

/// The recorded sessions, with their names.
pub fn sessions() -> Vec<(String, Vec<u8>)> {
    let sessions: [(&str, u8, Session); 9] = [
        ("greeting", 0, greet),
        ("pins", 0, use_pins),
        ("credentials", 0, use_credentials),
        ("management", 0, manage),
        ("settings", 0, configure),
        ("blobs", 0, write_blobs),
        ("fingers", 1, enrol),
        ("u2f", 2, use_u2f),
        ("reset", 4, reset),
    ];
    sessions.map(|(name, variant, session)| (name.to_owned(), record(variant, session))).to_vec()
}

type Session = fn(&mut Client<Recorder>) -> Result<(), Error>;

fn record(variant: u8, session: Session) -> Vec<u8> {
    let script = Rc::new(RefCell::new(vec![variant]));
    let recorder = Recorder { key: Key::new(variant), script: Rc::clone(&script) };
    let mut client = Client::new(recorder).with_rng(ChaCha8Rng::from_seed([9; 32]));
    session(&mut client).expect("an ordinary session");
    script.take()
}

fn greet(client: &mut Client<Recorder>) -> Result<(), Error> {
    client.get_info()?;
    client.raw(&[0x0b])?;
    Ok(())
}

fn use_pins(client: &mut Client<Recorder>) -> Result<(), Error> {
    client.set_pin("1234")?;
    for wrong in ["4321", "0000"] {
        let _ = client.pin_uv_auth_token(wrong, Permissions::MAKE_CREDENTIAL, Some(RP));
    }
    client.change_pin("1234", "123456")?;
    client.pin_retries()?;
    client.pin_token(PinProtocol::One, "123456")?;
    Ok(())
}

fn use_credentials(client: &mut Client<Recorder>) -> Result<(), Error> {
    let id = register(client, 1)?;
    register(client, 2)?;
    client.get_assertion(&get_assertion::Request::new(RP, HASH), None)?;
    let secret = client.agree(PinProtocol::Two)?;
    let salts = input(&secret, &[1; 32], Some(&[2; 32]), client.rng());
    let one = get_assertion::Request::new(RP, HASH).allowing([CredentialDescriptor::new(id)]);
    client.get_assertion(&one.with_extension(HMAC_SECRET, salts), None)?;
    Ok(())
}

fn manage(client: &mut Client<Recorder>) -> Result<(), Error> {
    let id = CredentialDescriptor::new(register(client, 1)?);
    register(client, 2)?;
    let token = with_pin(client, Permissions::CREDENTIAL_MANAGEMENT, None)?;
    client.creds_metadata(&token)?;
    let rps = client.enumerate_rps(&token)?;
    client.enumerate_credentials(&token, &rps[0].rp_id_hash)?;
    client.update_user_information(&token, &id, &User::new([1], "ada"))?;
    client.delete_credential(&token, &id)
}

fn configure(client: &mut Client<Recorder>) -> Result<(), Error> {
    let token = with_pin(client, Permissions::AUTHENTICATOR_CONFIG, None)?;
    client.toggle_always_uv(Some(&token))?;
    client.toggle_always_uv(Some(&token))?;
    let rules = MinPinLength { new_min_pin_length: Some(6), ..MinPinLength::default() };
    client.set_min_pin_length(&rules, Some(&token))?;
    let _ = client.enable_long_touch_for_reset(Some(&token));
    Ok(())
}

fn write_blobs(client: &mut Client<Recorder>) -> Result<(), Error> {
    let token = with_pin(client, Permissions::LARGE_BLOB_WRITE, None)?;
    let array = client.read_large_blobs()?;
    client.write_large_blobs(&array, Some(&token))?;
    client.read_large_blobs()?;
    Ok(())
}

fn enrol(client: &mut Client<Recorder>) -> Result<(), Error> {
    let token = with_pin(client, Permissions::BIO_ENROLLMENT, None)?;
    let (finger, mut sample) = client.enroll_begin(&token, None)?;
    while sample.remaining > 0 {
        sample = client.enroll_next(&token, &finger, None)?;
    }
    client.set_friendly_name(&token, &finger, "thumb")?;
    client.enumerate_enrollments(&token)?;
    client.token_using_uv(Permissions::GET_ASSERTION, Some(RP))?;
    Ok(())
}

fn use_u2f(client: &mut Client<Recorder>) -> Result<(), Error> {
    client.u2f_version()?;
    let registration = client.u2f_register(&[1; 32], &[2; 32])?;
    let handle = &registration.key_handle;
    client.u2f_authenticate(Control::EnforceUserPresence, &[3; 32], &[2; 32], handle)?;
    let _ = client.u2f_authenticate(Control::CheckOnly, &[3; 32], &[2; 32], handle);
    Ok(())
}

fn reset(client: &mut Client<Recorder>) -> Result<(), Error> {
    with_pin(client, Permissions::MAKE_CREDENTIAL, Some(RP))?;
    client.exchange_mut().step(Step::PowerCycle(Transport::Usb));
    client.reset()?;
    client.exchange_mut().step(Step::Wait(10_001));
    let _ = client.reset();
    client.exchange_mut().step(Step::Tap);
    client.reset()?;
    client.exchange_mut().step(Step::Tap);
    register(client, 1)?;
    let _ = register(client, 2);
    Ok(())
}

/// Makes a discoverable credential.
fn register(client: &mut Client<Recorder>, user: u8) -> Result<Vec<u8>, Error> {
    let user = User::new([user], format!("user {user}"));
    let request = make_credential::Request::new(HASH, RelyingParty::new(RP), user)
        .with_option("rk", true)
        .with_extension(HMAC_SECRET, true);
    let reply = client.make_credential(&request, None)?;
    Ok(reply.auth_data.attested.map(|attested| attested.credential_id).unwrap_or_default())
}

fn with_pin(
    client: &mut Client<Recorder>,
    permissions: Permissions,
    rp_id: Option<&str>,
) -> Result<ctap_client::PinUvAuthToken, Error> {
    client.set_pin("1234")?;
    client.pin_uv_auth_token("1234", permissions, rp_id)
}

const RP: &str = "example.org";
const HASH: [u8; 32] = [0xcd; 32];

/// A key that writes down what is done to it.
struct Recorder {
    key: Key,
    script: Rc<RefCell<Vec<u8>>>,
}

impl Recorder {
    fn step(&mut self, step: Step) -> Option<Vec<u8>> {
        step.write(&mut self.script.borrow_mut());
        self.key.step(&step)
    }

    /// Sends a request, and touches the key when it asks.
    fn send(&mut self, request: Step) -> Result<Vec<u8>, TransportError> {
        let response = self.step(request);
        let touched = response.or_else(|| self.step(Step::Decide(Decision::Approve)));
        touched.ok_or(TransportError::NoU2f)
    }
}

impl Exchange for Recorder {
    fn exchange(
        &mut self,
        request: &[u8],
        _: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        self.send(Step::Cbor(0, request.to_vec()))
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.send(Step::U2f(0, apdu.to_vec()))
    }
}
