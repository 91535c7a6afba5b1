//! The life of a key, as a platform sees it: each step does something and judges the answer as a relying party would.

use anyhow::{Context as _, bail, ensure};
use ctap_client::attestation::Attestation;
use ctap_client::{
    Client, CredentialDescriptor, Error, HidChannel, Permissions, PinUvAuthToken, RelyingParty,
    Status, User, cose, get_assertion, make_credential,
};
use rand_core::Rng as _;
use virtual_key::platform::system_rng;

use super::person::{Gesture, Person};
use super::stage::Stage;
use super::wire::{Tapped, Wire};
use crate::device::Reports;

/// A platform with one key, and the relying party it visits.
pub(super) struct Journey {
    stage: Stage,
    wire: Wire,
    person: Person,
    client: Option<Platform>,
    accounts: Vec<Account>,
    /// Discoverable credentials that fit on the empty key.
    capacity: u64,
}

type Platform = Client<Tapped<HidChannel<Reports>>>;

/// What the relying party remembers of somebody who registered.
struct Account {
    name: &'static str,
    credential_id: Vec<u8>,
    public_key: cose::PublicKey,
    sign_count: u32,
}

/// What a step reports, or why it failed.
type Outcome = anyhow::Result<String>;

impl Journey {
    /// Sets out with the key of `stage`.
    pub(super) fn new(stage: Stage, wire: Wire) -> Self {
        let person = Person::new(stage.key());
        Self { stage, wire, person, client: None, accounts: Vec::new(), capacity: 0 }
    }

    /// The bus: import and enumeration, or the kernel's work.
    pub(super) fn plug_in(&mut self) -> Outcome {
        let (pipe, said) = self.stage.plug_in()?;
        let channel = self.open(pipe)?;
        Ok(format!("{said}; {channel}"))
    }

    /// getInfo.
    pub(super) fn get_to_know(&mut self) -> Outcome {
        let info = self.client()?.get_info()?;
        ensure!(info.speaks("FIDO_2_0"), "the key speaks {:?} and not FIDO_2_0", info.versions);
        ensure!(info.option("clientPin") == Some(false), "a new key has a PIN");
        self.capacity = info
            .remaining_discoverable_credentials
            .context("getInfo does not say how much room is left")?;
        Ok(format!(
            "speaks {}; no PIN yet; room for {} passkeys",
            info.versions.join(", "),
            self.capacity
        ))
    }

    /// setPIN.
    pub(super) fn set_pin(&mut self) -> Outcome {
        let client = self.client()?;
        client.set_pin(PIN)?;
        ensure!(client.get_info()?.is_on("clientPin"), "getInfo does not show the PIN");
        Ok("the PIN was sent encrypted; the key keeps a hash of it".to_owned())
    }

    /// makeCredential with PIN and touch.
    pub(super) fn register(&mut self, name: &'static str) -> Outcome {
        let hash = client_data_hash();
        let token = self.token(Permissions::MAKE_CREDENTIAL)?;
        self.person.will(Gesture::Touch);
        let reply = self.client()?.make_credential(&registration(name, hash), Some(&token))?;
        self.person.was_asked()?;
        let attestation = reply.verify(SITE, &hash)?;
        ensure!(
            reply.auth_data.flags.user_verified(),
            "the key does not say that it checked the PIN"
        );
        let credential = reply.credential().context("no credential")?;
        self.accounts.push(Account {
            name,
            credential_id: credential.credential_id.clone(),
            public_key: credential.public_key.clone(),
            sign_count: reply.auth_data.sign_count,
        });
        Ok(format!(
            "{SITE} has {name}'s public key; {} is genuine; touch and PIN proved",
            kind(&attestation)
        ))
    }

    /// getAssertion for one credential that the relying party names.
    pub(super) fn sign_in(&mut self, name: &str) -> Outcome {
        let hash = client_data_hash();
        let credential = CredentialDescriptor::new(self.account(name)?.credential_id.clone());
        let request = get_assertion::Request::new(SITE, hash).allowing([credential]);
        self.person.will(Gesture::Touch);
        let assertions = self.client()?.get_assertion(&request, None)?;
        self.person.was_asked()?;
        let [assertion] = assertions.as_slice() else { bail!("{} assertions", assertions.len()) };
        let count = self.judge(assertion, &hash)?;
        Ok(format!("the signature fits {name}'s public key; signature counter {count}"))
    }

    /// getAssertion and getNextAssertion: the key tells which accounts it has.
    pub(super) fn choose_an_account(&mut self) -> Outcome {
        let hash = client_data_hash();
        let token = self.token(Permissions::GET_ASSERTION)?;
        self.person.will(Gesture::Touch);
        let request = get_assertion::Request::new(SITE, hash);
        let assertions = self.client()?.get_assertion(&request, Some(&token))?;
        self.person.was_asked()?;
        let mut names = Vec::new();
        for assertion in &assertions {
            self.judge(assertion, &hash)?;
            let user = assertion.user.as_ref().and_then(|user| user.name.clone());
            names.push(user.context("an assertion without a name")?);
        }
        let expected: Vec<&str> = self.accounts.iter().rev().map(|account| account.name).collect();
        ensure!(names == expected, "the key offers {names:?} and not {expected:?}");
        Ok(format!("the key offers {}, the newest first; both signatures fit", names.join(" and ")))
    }

    /// Credential management: what is on the key, and how much room is left.
    pub(super) fn look_at_what_is_on_it(&mut self) -> Outcome {
        let client = self.client()?;
        let token = client.pin_uv_auth_token(PIN, Permissions::CREDENTIAL_MANAGEMENT, None)?;
        let mut passkeys = Vec::new();
        for stored in client.enumerate_rps(&token)? {
            for passkey in client.enumerate_credentials(&token, &stored.rp_id_hash)? {
                passkeys.push((stored.rp.id.clone(), passkey));
            }
        }
        for account in &self.accounts {
            let is_listed = passkeys.iter().any(|(rp_id, passkey)| {
                rp_id == SITE
                    && passkey.credential.id == account.credential_id
                    && passkey.public_key == account.public_key
            });
            ensure!(is_listed, "{}'s passkey is not listed", account.name);
        }
        ensure!(passkeys.len() == self.accounts.len(), "{} passkeys are listed", passkeys.len());
        let expected = self.capacity - self.accounts.len() as u64;
        let left = self.remaining()?;
        ensure!(left == expected, "room for {left} passkeys is left and not for {expected}");
        let names = self.accounts.iter().map(|account| account.name);
        let names = names.collect::<Vec<_>>().join(" and ");
        Ok(format!("passkeys of {names} at {SITE}, and nothing else; room for {left} more"))
    }

    /// A wrong PIN, and then the right one.
    pub(super) fn guess_the_pin(&mut self) -> Outcome {
        let before = self.client()?.pin_retries()?.left;
        let guess =
            self.client()?.pin_uv_auth_token("0000", Permissions::GET_ASSERTION, Some(SITE));
        refused(guess, Status::PinInvalid)?;
        let after = self.client()?.pin_retries()?.left;
        ensure!(after + 1 == before, "{after} attempts are left of {before}");
        self.token(Permissions::GET_ASSERTION)?;
        let restored = self.client()?.pin_retries()?.left;
        ensure!(restored == before, "the right PIN leaves {restored} attempts and not {before}");
        Ok(format!(
            "the guess cost one of {before} attempts, {after} were left; the right PIN restored them"
        ))
    }

    /// makeCredential, and the person says no.
    pub(super) fn refuse_a_touch(&mut self) -> Outcome {
        let token = self.token(Permissions::MAKE_CREDENTIAL)?;
        let before = self.remaining()?;
        self.person.will(Gesture::Deny);
        let request = registration("mallory", client_data_hash());
        let reply = self.client()?.make_credential(&request, Some(&token));
        self.person.was_asked()?;
        refused(reply, Status::OperationDenied)?;
        ensure!(self.remaining()? == before, "a credential was stored nevertheless");
        Ok("nothing was created, nothing was signed".to_owned())
    }

    /// A power cycle, and reset right after it.
    pub(super) fn reset(&mut self) -> Outcome {
        self.client = None;
        let (pipe, _) = self.stage.power_cycle()?;
        self.open(pipe)?;
        self.person.will(Gesture::Touch);
        self.client()?.reset()?;
        self.person.was_asked()?;
        Ok("the key is like new: it allows a reset only within ten seconds of being plugged in, and after a touch"
            .to_owned())
    }

    /// What was on the key is gone.
    pub(super) fn find_nothing(&mut self) -> Outcome {
        let ids: Vec<_> =
            self.accounts.iter().map(|account| account.credential_id.clone()).collect();
        for id in ids {
            let request = get_assertion::Request::new(SITE, client_data_hash())
                .allowing([CredentialDescriptor::new(id)]);
            self.person.will(Gesture::Touch);
            refused(self.client()?.get_assertion(&request, None), Status::NoCredentials)?;
            self.person.was_asked()?;
        }
        let info = self.client()?.get_info()?;
        ensure!(info.option("clientPin") == Some(false), "the PIN survived");
        ensure!(self.remaining()? == self.capacity, "the passkeys still take room");
        Ok(format!("no credential is known any more, no PIN is set; room for {}", self.capacity))
    }

    /// Opens a CTAPHID channel, and reports it.
    fn open(&mut self, pipe: Reports) -> Outcome {
        let channel = HidChannel::open(pipe)?;
        self.wire.note("CTAPHID_INIT 8 → 17 bytes".to_owned());
        let [major, minor, build] = channel.version();
        let mut client = Client::new(Tapped::new(channel, self.wire.clone()));
        client.on_keepalive(self.person.listener());
        self.client = Some(client);
        Ok(format!("CTAPHID channel open, key version {major}.{minor}.{build}"))
    }

    fn client(&mut self) -> anyhow::Result<&mut Platform> {
        self.client.as_mut().context(NOT_PLUGGED_IN)
    }

    fn token(&mut self, permission: Permissions) -> anyhow::Result<PinUvAuthToken> {
        Ok(self.client()?.pin_uv_auth_token(PIN, permission, Some(SITE))?)
    }

    fn remaining(&mut self) -> anyhow::Result<u64> {
        self.client()?
            .get_info()?
            .remaining_discoverable_credentials
            .context("getInfo does not say how much room is left")
    }

    fn account(&self, name: &str) -> anyhow::Result<&Account> {
        self.accounts.iter().find(|account| account.name == name).context("nobody registered")
    }

    /// As a relying party: whose credential, is the signature theirs, was somebody present, did the counter rise.
    fn judge(
        &mut self,
        assertion: &get_assertion::Assertion,
        hash: &[u8; 32],
    ) -> anyhow::Result<u32> {
        let mut accounts = self.accounts.iter_mut();
        let account = accounts.find(|account| account.credential_id == assertion.credential.id);
        let account = account.context("an assertion by an unknown credential")?;
        assertion.verify(&account.public_key, SITE, hash)?;
        let count = assertion.auth_data.sign_count;
        ensure!(assertion.auth_data.flags.user_present(), "nobody touched the key");
        ensure!(count > account.sign_count, "the counter is {count} after {}", account.sign_count);
        account.sign_count = count;
        Ok(count)
    }
}

/// How the key vouched, in a few words.
fn kind(attestation: &Attestation) -> &'static str {
    match attestation {
        Attestation::None => "the empty attestation",
        Attestation::PackedSelf => "the attestation by the credential itself",
        Attestation::Packed { .. } => "the attestation by the key's certificate",
        Attestation::FidoU2f { .. } => "the U2F attestation",
    }
}

fn registration(name: &str, hash: [u8; 32]) -> make_credential::Request {
    let rp = RelyingParty { id: SITE.to_owned(), name: Some("Example".to_owned()) };
    make_credential::Request::new(hash, rp, User::new(name, name)).with_option("rk", true)
}

/// What a browser hashes: challenge, origin and type. The key sees no more of it.
fn client_data_hash() -> [u8; 32] {
    let mut hash = [0; 32];
    system_rng().fill_bytes(&mut hash);
    hash
}

/// The key must refuse, and in these words.
fn refused<T>(outcome: Result<T, Error>, expected: Status) -> anyhow::Result<()> {
    match outcome {
        Ok(_) => bail!("the key should have answered {}", expected.name()),
        Err(error) if error.status() == Some(expected) => Ok(()),
        Err(error) => {
            Err(error).with_context(|| format!("the key should have answered {}", expected.name()))
        }
    }
}

const SITE: &str = "example.org";
const PIN: &str = "correct horse";
const NOT_PLUGGED_IN: &str = "the key is not plugged in";
