//! Tests of a whole key on a disk that loses power: what the key has answered before is still true afterwards (P-1,
//! P-11, P-13).

use std::io::ErrorKind;
use std::time::Duration;

use ctap_client::{
    Client, CredentialDescriptor, Exchange, KeepaliveStatus, Patience, Permissions, RelyingParty,
    TransportError, User, get_assertion, make_credential,
};
use ctap_core::limits::SIGN_COUNT_BLOCK;
use ctap_core::{
    Authenticator, Channel, CheckedConfig, Decision, Platform, Step, Store, Transport,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{Opened, Places, Rollback, Unlock, Vault};

use super::unsaved::WarningVault;
use super::{load, taken};
use crate::error::log;

const PIN: &str = "2468";
const SITE: &str = "example.org";
const HASH: [u8; 32] = [7; 32];
/// How many of the disks that a power cut may leave are tried: the tests of the vault try all of them.
const IMAGES: usize = 8;

/// A key in this process, touched by everybody.
struct OnDisk {
    authenticator: Authenticator,
    store: Store,
    rng: ChaCha12Rng,
}

impl OnDisk {
    /// The key on this disk, a new one if it is empty.
    fn start(disk: &SimulatedDisk) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let places = || Places { vault: disk.clone(), witness: None };
        let drawn = || Box::new(ChaCha12Rng::seed_from_u64(2));
        let opened = match disk.contents(sealed_records::RECORDS) {
            None => {
                let vault = Vault::create_on(places(), &Unlock::KeyFile, drawn()).unwrap();
                Opened { vault, records: Vec::new(), tail: sealed_records::Tail::Whole }
            }
            Some(_) => {
                Vault::open_on(places(), &Unlock::KeyFile, Rollback::Refuse, drawn()).unwrap()
            }
        };
        let Opened { vault, records, tail } = opened;
        let memory = Box::new(WarningVault::new(vault, "simulated".into(), log));
        let mut store = match records.is_empty() {
            true => Store::create(memory, &mut rng).unwrap(),
            false => load("simulated".as_ref(), memory, taken(records), tail).unwrap(),
        };
        let now = Duration::ZERO;
        let mut platform = Platform { store: &mut store, rng: &mut rng, now };
        let authenticator =
            Authenticator::new(CheckedConfig::default(), Transport::Usb, &mut platform);
        Self { authenticator, store, rng }
    }
}

impl Exchange for OnDisk {
    fn exchange(
        &mut self,
        request: &[u8],
        _on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let Self { authenticator, store, rng } = self;
        let mut platform = Platform { store, rng, now: Duration::ZERO };
        let mut step = Some(authenticator.handle(Channel(1), request, &mut platform));
        while let Some(Step::Wait(prompt, _)) = step {
            step = authenticator.answer(prompt, Decision::Approve, &mut platform);
        }
        match step {
            Some(Step::Reply(response)) => Ok(response.message),
            _ => Err(TransportError::Silent),
        }
    }
}

/// Everything that a key has reported, which must stay true whatever happens.
#[derive(Debug, Default)]
struct Told {
    /// The highest signature counter.
    count: u32,
    /// PINs that were called wrong.
    wrong: u8,
    passkeys: Vec<Vec<u8>>,
}

/// Uses a key until it fails; `true`: it did not.
fn session(client: &mut Client<OnDisk>, sealed: &[u8], told: &mut Told) -> bool {
    let request = get_assertion::Request::new(SITE, HASH)
        .allowing([CredentialDescriptor::new(sealed.to_vec())]);
    for round in 0..2_u8 {
        for _ in 0..SIGN_COUNT_BLOCK / 2 + 3 {
            let Ok(answers) = client.get_assertion(&request, None) else { return false };
            told.count = answers[0].auth_data.sign_count;
        }
        let permission = Permissions::MAKE_CREDENTIAL;
        let wrong = client.pin_uv_auth_token("1357", permission, Some(SITE)).unwrap_err();
        if wrong.status() != Some(ctap_client::Status::PinInvalid) {
            return false;
        }
        told.wrong = 1;
        let Ok(token) = client.pin_uv_auth_token(PIN, permission, Some(SITE)) else { return false };
        told.wrong = 0; // given back, if not in time for a power cut
        let (site, user) = (RelyingParty::new(SITE), User::new([round], "ada"));
        let passkey = make_credential::Request::new(HASH, site, user).with_option("rk", true);
        let Ok(made) = client.make_credential(&passkey, Some(&token)) else { return false };
        told.passkeys.push(made.credential().unwrap().credential_id.clone());
    }
    true
}

fn assert_true_after_power_cut(disk: &SimulatedDisk, told: &Told) {
    for left in disk.after_power_cut().take(IMAGES).chain([disk.copy()]) {
        let key = OnDisk::start(&left);
        let state = key.store.state();
        assert!(state.pin_retries() <= 8 - told.wrong, "P-1: {told:?}");
        for id in &told.passkeys {
            assert!(state.credential(id).is_some(), "P-11: {told:?}");
        }
        let mut client = Client::new(key);
        let site = get_assertion::Request::new(SITE, HASH);
        if let Ok(next) = client.get_assertion(&site, None) {
            assert!(next[0].auth_data.sign_count > told.count, "P-13: {told:?}");
        }
        let state = client.exchange_mut().store.state();
        assert!(state.sign_count_ceiling() >= told.count, "P-13: {told:?}");
    }
}

// P-1, P-11, P-13
#[test]
fn wherever_the_power_is_cut_what_a_key_has_told_is_true_afterwards() {
    let whole = SimulatedDisk::new();
    let mut client = Client::new(OnDisk::start(&whole));
    client.set_pin(PIN).unwrap();
    let (site, user) = (RelyingParty::new(SITE), User::new(*b"sealed", "eve"));
    let made = client.make_credential(&make_credential::Request::new(HASH, site, user), None);
    let sealed = made.unwrap().credential().unwrap().credential_id.clone();
    drop(client);
    for calls in 0.. {
        let disk = whole.copy();
        let mut client = Client::new(OnDisk::start(&disk));
        disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
        let mut told = Told::default();
        let is_done = session(&mut client, &sealed, &mut told);
        assert_true_after_power_cut(&disk, &told);
        if is_done {
            break;
        }
    }
}
