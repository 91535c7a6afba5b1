//! A platform that knows a key, and what it does with it.
//!
//! Our own keys can do all of it. A peer may refuse any part: what comes of it is kept, and told where that part is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use ctap_client::commands::client_pin::{self, pin_hash, sub_command};
use ctap_client::commands::code;
use ctap_client::commands::get_info::Info;
use ctap_client::cose::{EDDSA, ES256};
use ctap_client::make_credential::Reply;
use ctap_client::{
    Client, CredentialDescriptor, CredentialParameters, Exchange, Patience, Permissions,
    PinProtocol, PinUvAuthToken, RelyingParty, Status, User, get_assertion, make_credential,
};

use virtual_key::platform::system_rng;

use super::progress::Progress;

/// A platform that knows a key.
pub(super) struct Platform<E> {
    client: Client<E>,
    protocol: PinProtocol,
    /// Tokens have permissions.
    has_permissions: bool,
    pin: Result<Pin, String>,
    messages: Result<Messages, String>,
    passkeys: Result<Passkeys, String>,
    /// What the next call needs and is not measured.
    next: Option<Next>,
}

/// The PIN that the key has.
enum Pin {
    /// One of [`PINS`]: the key had none.
    Ours(usize),
    /// Its owner's.
    Theirs(String),
}

/// Requests about a credential that carries itself in its id, encoded before anything is measured.
struct Messages {
    registration: Vec<u8>,
    silent: Vec<u8>,
    touch: Vec<u8>,
    strangers: Vec<u8>,
}

/// The passkeys of the first site, which has [`LISTED`] of them.
struct Passkeys {
    site_hash: [u8; 32],
    by_list: Vec<u8>,
    by_rp: Vec<u8>,
}

enum Next {
    Message(Vec<u8>),
    Token(PinUvAuthToken),
}

impl<E: Exchange> Platform<E> {
    /// Gives the key so many passkeys, a credential that is none, and a PIN. One that has a PIN already is `their_pin`.
    pub(super) fn new(exchange: E, passkeys: usize, their_pin: Option<&str>) -> Self {
        let mut new = Self::untried(exchange);
        match new.client.get_info() {
            Ok(info) => new.prepare(&info, passkeys, their_pin),
            Err(error) => new.refuse_all(&error.to_string()),
        }
        new
    }

    fn prepare(&mut self, info: &Info, passkeys: usize, their_pin: Option<&str>) {
        self.protocol = info.preferred_pin_protocol().unwrap_or(self.protocol);
        self.has_permissions = info.is_on("pinUvAuthToken");
        if info.is_on("clientPin") {
            let theirs = their_pin.map(|pin| Pin::Theirs(pin.to_owned()));
            self.pin = theirs.ok_or_else(|| "it has a PIN: give it with --peer-pin".to_owned());
        }
        self.messages = self.register().map_err(|error| format!("{error:#}"));
        self.passkeys = self.fill(passkeys).map_err(|error| format!("{error:#}"));
        if info.option("clientPin") == Some(false) {
            self.pin = match self.client.set_pin_under(self.protocol, PINS[0]) {
                Ok(()) => Ok(Pin::Ours(0)),
                Err(error) => Err(error.to_string()),
            };
        }
    }

    /// For a key of ours: gives it a credential that is none of its passkeys, and no PIN.
    ///
    /// # Errors
    /// When the key refuses.
    pub(super) fn without_pin(exchange: E) -> anyhow::Result<Self> {
        let mut new = Self::untried(exchange);
        new.messages = Ok(new.register()?);
        Ok(new)
    }

    fn untried(exchange: E) -> Self {
        Self {
            client: Client::new(exchange).lenient(),
            protocol: PinProtocol::Two,
            has_permissions: false,
            pin: Err(NO_PIN.to_owned()),
            messages: Err(UNTRIED.to_owned()),
            passkeys: Err(UNTRIED.to_owned()),
            next: None,
        }
    }

    /// It does not even say what it is.
    fn refuse_all(&mut self, reason: &str) {
        self.pin = Err(reason.to_owned());
        self.messages = Err(reason.to_owned());
        self.passkeys = Err(reason.to_owned());
    }

    // ---- What is measured ----

    pub(super) fn get_info(&mut self) -> anyhow::Result<()> {
        self.call(&[code::GET_INFO], Status::Ok)
    }

    pub(super) fn silent(&mut self) -> anyhow::Result<()> {
        let message = known(&self.messages)?.silent.clone();
        self.call(&message, Status::Ok)
    }

    pub(super) fn touch(&mut self) -> anyhow::Result<()> {
        let message = known(&self.messages)?.touch.clone();
        self.call(&message, Status::Ok)
    }

    /// None of the ids is this key's, so it looks at all of them.
    pub(super) fn strangers(&mut self) -> anyhow::Result<()> {
        let message = known(&self.messages)?.strangers.clone();
        self.call(&message, Status::NoCredentials)
    }

    pub(super) fn make_credential(&mut self) -> anyhow::Result<()> {
        let message = known(&self.messages)?.registration.clone();
        self.call(&message, Status::Ok)
    }

    /// Makes a passkey instead of the one that this account has, so that there are always as many.
    pub(super) fn make_passkey(&mut self) -> anyhow::Result<()> {
        self.call_prepared()
    }

    /// The same of a key without a PIN, which needs nobody's authorisation.
    pub(super) fn replace_passkey(&mut self) -> anyhow::Result<()> {
        self.call(&passkey(SITE, 0).encode(), Status::Ok)
    }

    /// What comes before that.
    pub(super) fn authorise_passkey(&mut self) -> anyhow::Result<()> {
        known(&self.passkeys)?;
        let request = passkey(SITE, 0);
        let message = match self.token_if_needed(Permissions::MAKE_CREDENTIAL, SITE)? {
            Some(token) => request.authorized_by(&token).encode(),
            None => request.encode(),
        };
        self.next = Some(Next::Message(message));
        Ok(())
    }

    pub(super) fn sign_by_list(&mut self) -> anyhow::Result<()> {
        let message = known(&self.passkeys)?.by_list.clone();
        self.call(&message, Status::Ok)
    }

    pub(super) fn sign_by_rp(&mut self) -> anyhow::Result<()> {
        let message = known(&self.passkeys)?.by_rp.clone();
        self.call(&message, Status::Ok)
    }

    /// getPinToken: the key's half of the key agreement, and its look at the PIN.
    pub(super) fn obtain_token(&mut self) -> anyhow::Result<()> {
        self.call_prepared()
    }

    /// What comes before that: getKeyAgreement, and the platform's half.
    pub(super) fn agree_for_token(&mut self) -> anyhow::Result<()> {
        let hash = pin_hash(self.pin()?);
        let secret = self.client.agree(self.protocol)?;
        let request = client_pin::Request {
            pin_uv_auth_protocol: Some(self.protocol.number()),
            key_agreement: Some(secret.platform_key()),
            pin_hash_enc: Some(secret.encrypt(hash.as_slice(), &mut system_rng())),
            ..client_pin::Request::new(sub_command::GET_PIN_TOKEN)
        };
        self.next = Some(Next::Message(request.encode()));
        Ok(())
    }

    /// getKeyAgreement and changePIN, with the platform's half of the cryptography.
    pub(super) fn change_pin(&mut self) -> anyhow::Result<()> {
        let Pin::Ours(current) = known(&self.pin)? else {
            bail!("it has a PIN already, which is not changed");
        };
        let next = (current + 1) % PINS.len();
        self.client.change_pin_under(self.protocol, PINS[*current], PINS[next])?;
        self.pin = Ok(Pin::Ours(next));
        Ok(())
    }

    /// Lists the passkeys of a site that has [`LISTED`].
    pub(super) fn list(&mut self) -> anyhow::Result<()> {
        let hash = known(&self.passkeys)?.site_hash;
        let Some(Next::Token(token)) = &self.next else { bail!("nobody has authorised it") };
        let listed = self.client.enumerate_credentials(token, &hash)?.len();
        ensure!(listed == LISTED as usize, "it lists {listed} passkeys of {LISTED}");
        Ok(())
    }

    /// What comes before that.
    pub(super) fn authorise_list(&mut self) -> anyhow::Result<()> {
        known(&self.passkeys)?;
        let token = self.token(Permissions::CREDENTIAL_MANAGEMENT, None)?;
        self.next = Some(Next::Token(token));
        Ok(())
    }

    /// getKeyAgreement and setPIN, the platform's half included, on a key that has forgotten everything.
    pub(super) fn set_pin(&mut self) -> anyhow::Result<()> {
        Ok(self.client.set_pin_under(self.protocol, PINS[0])?)
    }

    pub(super) const fn client(&mut self) -> &mut Client<E> {
        &mut self.client
    }

    /// The PIN is the first one again, whatever was measured.
    ///
    /// # Errors
    /// Of the key.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        match self.pin {
            Ok(Pin::Ours(current)) if current != 0 => self.change_pin(),
            _ => Ok(()),
        }
    }

    // ---- What comes first ----

    /// Makes a credential that is no passkey. A key that nobody touches is told from one that approves by itself.
    fn register(&mut self) -> anyhow::Result<Messages> {
        let (begun, waits) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&waits);
        self.client.on_keepalive(move |_| match begun.elapsed() < PATIENCE {
            true => Patience::Wait,
            false => {
                told.store(true, Ordering::Relaxed);
                Patience::Cancel
            }
        });
        let request = registration();
        let outcome = self.make(&request, SITE);
        self.client.on_keepalive(|_| Patience::Wait);
        match outcome {
            Err(_) if waits.load(Ordering::Relaxed) => {
                bail!("it waits for a touch, and nobody touches it")
            }
            reply => Ok(Messages::about(request, &id_in(&reply?)?)),
        }
    }

    /// Makes so many passkeys, that one included which [`make_passkey`](Self::make_passkey) replaces.
    fn fill(&mut self, passkeys: usize) -> anyhow::Result<Passkeys> {
        known(&self.messages)?;
        let first = self.make(&passkey(&site(0), 0), &site(0))?;
        let mut progress = Progress::new("passkeys", passkeys);
        for number in 1..passkeys.saturating_sub(1) {
            let site = site(number);
            self.make(&passkey(&site, number), &site)?;
            progress.is_at(number);
        }
        self.make(&passkey(SITE, 0), SITE)?;
        progress.end();
        let by_rp = get_assertion::Request::new(site(0), HASH);
        let listed = CredentialDescriptor::new(id_in(&first)?);
        Ok(Passkeys {
            site_hash: first.auth_data.rp_id_hash,
            by_list: by_rp.clone().allowing([listed]).encode(),
            by_rp: by_rp.encode(),
        })
    }

    fn make(&mut self, request: &make_credential::Request, site: &str) -> anyhow::Result<Reply> {
        let token = self.token_if_needed(Permissions::MAKE_CREDENTIAL, site)?;
        Ok(self.client.make_credential(request, token.as_ref())?)
    }

    fn token_if_needed(
        &mut self,
        permissions: Permissions,
        site: &str,
    ) -> anyhow::Result<Option<PinUvAuthToken>> {
        match &self.pin {
            Ok(_) => self.token(permissions, Some(site)).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn token(
        &mut self,
        permissions: Permissions,
        site: Option<&str>,
    ) -> anyhow::Result<PinUvAuthToken> {
        let pin = self.pin()?.to_owned();
        Ok(match self.has_permissions {
            true => self.client.token_with_permissions(self.protocol, &pin, permissions, site)?,
            false => self.client.pin_token(self.protocol, &pin)?,
        })
    }

    fn pin(&self) -> anyhow::Result<&str> {
        Ok(match known(&self.pin)? {
            Pin::Ours(current) => PINS[*current],
            Pin::Theirs(pin) => pin,
        })
    }

    /// Sends the message that was prepared for this call, and for no other one.
    fn call_prepared(&mut self) -> anyhow::Result<()> {
        match self.next.take() {
            Some(Next::Message(message)) => self.call(&message, Status::Ok),
            _ => bail!("nobody has authorised it"),
        }
    }

    fn call(&mut self, message: &[u8], expected: Status) -> anyhow::Result<()> {
        let reply = self.client.raw(message)?;
        let status = Status::from_byte(*reply.first().context("it answers nothing")?);
        ensure!(status == expected, "it answers {}", status.name());
        Ok(())
    }
}

/// What there is, or why not.
fn known<T>(part: &Result<T, String>) -> anyhow::Result<&T> {
    part.as_ref().map_err(|reason| anyhow!("{reason}"))
}

impl Messages {
    fn about(registration: make_credential::Request, id: &[u8]) -> Self {
        let request = get_assertion::Request::new(SITE, HASH);
        let strangers = (1..=STRANGERS).map(|number| {
            let stranger: Vec<u8> = id.iter().map(|byte| byte ^ number).collect();
            CredentialDescriptor::new(stranger)
        });
        let strangers = request.clone().allowing(strangers);
        let touch = request.allowing([CredentialDescriptor::new(id.to_vec())]);
        Self {
            registration: registration.encode(),
            silent: touch.clone().with_option("up", false).encode(),
            touch: touch.encode(),
            strangers: strangers.with_option("up", false).encode(),
        }
    }
}

fn registration() -> make_credential::Request {
    make_credential::Request::new(HASH, RelyingParty::new(SITE), User::new([1], "ada"))
}

/// ES256 as most sites ask for it; where there are thousands, most have keys that are made faster.
fn passkey(site: &str, number: usize) -> make_credential::Request {
    let id = number.to_be_bytes();
    let user = User::new(id, format!("user {number}"));
    let mut request = make_credential::Request::new(HASH, RelyingParty::new(site), user);
    if number >= LISTED as usize {
        request.pub_key_cred_params = Some([EDDSA, ES256].map(CredentialParameters::new).to_vec());
    }
    request.with_option("rk", true)
}

fn site(number: usize) -> String {
    format!("site-{}.example", number / LISTED as usize)
}

fn id_in(reply: &Reply) -> anyhow::Result<Vec<u8>> {
    Ok(reply.credential().context("it makes no credential")?.credential_id.clone())
}

/// Passkeys of a site that are listed in one go.
pub(super) const LISTED: u32 = 8;

/// The fewest passkeys that can be asked for: those that are listed, and the one that is replaced.
pub(super) const FEWEST: usize = LISTED as usize + 2;

/// How many strange ids an allowList has; few keys take more.
const STRANGERS: u8 = 16;

/// How long a key may wait for a touch until nobody is taken to be there.
const PATIENCE: Duration = Duration::from_secs(2);

const NO_PIN: &str = "it takes no PIN";
const UNTRIED: &str = "it was not tried";
const SITE: &str = "example.org";
const PINS: [&str; 2] = ["correct horse", "battery staple"];
const HASH: [u8; 32] = [0x5A; 32];

#[cfg(test)]
mod tests {
    use ctap_client::KeepaliveStatus;
    use ctap_client::TransportError;

    use super::super::in_process::InProcess;
    use super::*;

    #[test]
    fn a_key_of_ours_can_do_everything_that_is_measured() {
        let key = InProcess::ephemeral().unwrap();
        let mut platform = Platform::new(key, FEWEST, None);
        for _ in 0..3 {
            platform.get_info().unwrap();
            platform.silent().unwrap();
            platform.touch().unwrap();
            platform.strangers().unwrap();
            platform.make_credential().unwrap();
            platform.sign_by_list().unwrap();
            platform.sign_by_rp().unwrap();
            platform.agree_for_token().unwrap();
            platform.obtain_token().unwrap();
            platform.change_pin().unwrap();
            platform.authorise_passkey().unwrap();
            platform.make_passkey().unwrap();
            platform.authorise_list().unwrap();
            platform.list().unwrap();
        }
        let token = platform.token(Permissions::CREDENTIAL_MANAGEMENT, None).unwrap();
        let there = platform.client.creds_metadata(&token).unwrap().existing;
        assert_eq!(there, FEWEST as u64, "what is measured makes no more of them");
        platform.end().unwrap();
        assert_eq!(platform.pin().unwrap(), PINS[0]);
    }

    /// A key that answers getInfo with these bytes, and all else with a status.
    struct Sparse(&'static [u8], u8);

    impl Exchange for Sparse {
        fn exchange(
            &mut self,
            request: &[u8],
            _: &mut dyn FnMut(KeepaliveStatus) -> Patience,
        ) -> Result<Vec<u8>, TransportError> {
            match request {
                [code::GET_INFO, ..] => Ok(self.0.to_vec()),
                _ => Ok(vec![self.1]),
            }
        }
    }

    /// versions ["FIDO_2_0"], an AAGUID, and, of the second, the option clientPin: true.
    const WITHOUT_PIN: &[u8] = b"\x00\xa2\x01\x81\x68FIDO_2_0\x03\x500123456789abcdef";
    const WITH_PIN: &[u8] =
        b"\x00\xa3\x01\x81\x68FIDO_2_0\x03\x500123456789abcdef\x04\xa1\x69clientPin\xf5";

    #[test]
    fn what_a_peer_refuses_is_told_where_it_is_needed_and_nowhere_else() {
        let mut peer = Platform::new(Sparse(WITHOUT_PIN, 0x27), FEWEST, None);
        peer.get_info().unwrap();
        let reason = peer.touch().unwrap_err().to_string();
        assert!(reason.contains("CTAP2_ERR_OPERATION_DENIED"), "{reason}");
        assert_eq!(peer.agree_for_token().unwrap_err().to_string(), NO_PIN);
        assert!(peer.authorise_list().is_err() && peer.authorise_passkey().is_err());
    }

    #[test]
    fn a_peer_that_does_not_know_ctap2_says_so_in_every_row() {
        let mut peer = Platform::new(Sparse(b"\x01", 0x01), FEWEST, None);
        for refused in [
            Platform::get_info,
            Platform::touch,
            Platform::agree_for_token,
            Platform::authorise_list,
        ] {
            let reason = refused(&mut peer).unwrap_err().to_string();
            assert!(reason.contains("CTAP1_ERR_INVALID_COMMAND"), "{reason}");
        }
    }

    #[test]
    fn a_pin_that_was_there_before_must_be_named_and_is_not_changed() {
        let mut peer = Platform::new(Sparse(WITH_PIN, 0x31), FEWEST, None);
        assert!(peer.agree_for_token().unwrap_err().to_string().contains("--peer-pin"));
        let mut peer = Platform::new(Sparse(WITH_PIN, 0x31), FEWEST, Some("1234"));
        assert!(peer.change_pin().unwrap_err().to_string().contains("not changed"));
    }
}
