//! What of a key's secrets is in the memory of its process, and who may look.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aes::cipher::{Block, BlockModeDecrypt as _, KeyIvInit as _};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_client::commands::client_pin;
use ctap_client::hmac_secret::{self, HMAC_SECRET};
use ctap_client::{
    Client, CredentialDescriptor, CredentialParameters, HidChannel, Permissions, PinProtocol,
    RelyingParty, User, cose, get_assertion, make_credential,
};
use ctap_core::credential::Credential;
use ctap_core::state::State;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::pkcs8::DecodePrivateKey as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use rustix::process::geteuid;
use sha2::Sha256;
use virtual_key::Connection;
use virtual_key::memory::{Memory, Place};

use crate::host::{Platform, import_from};
use crate::http::Steered;
use crate::program::{Home, Serving};

#[test]
fn after_a_session_only_what_is_kept_is_in_memory_and_that_once() {
    if !geteuid().is_root() {
        eprintln!("not tested: only root may look into the memory of a running key");
        return;
    }
    let home = Home::new();
    let state = home.path().join("state");
    let kind = ["--profile", "everything", "--touch", "auto"];
    let key = home.serve(&[&kind[..], &["--state", state.to_str().unwrap()]].concat());
    let memory = state.join("key-1");
    let secrets = session(&mut import_from(key.address()), &memory);
    let seen = memory_of(key.process());
    let found: BTreeMap<_, _> =
        secrets.iter().map(|(name, secret, _)| (name, copies(&seen, secret))).collect();
    let kept: BTreeMap<_, _> = secrets.iter().map(|(name, _, kept)| (name, *kept)).collect();
    assert_eq!(found, kept, "how often each is there, and how often it may");
    assert_nothing_readable_on_disk(&memory, &secrets);
}

#[test]
fn private_keys_that_were_told_are_wiped_when_the_answer_has_gone_out() {
    if !geteuid().is_root() {
        eprintln!("not tested: only root may look into the memory of a running key");
        return;
    }
    let home = Home::new();
    let key = Steered::start(&home, &["--profile", "everything", "--touch", "auto"]);
    let mut events = key.begin("GET", "/events", "");
    register_each(&mut import_from(key.key.address()));
    until_told(&mut events, ALGORITHMS.len());
    let exported = home.path().join("exported.json");
    home.succeed(&["credentials", "export", exported.to_str().unwrap()]);
    let (status, told) = key.ask("GET", "/keys/1-1/credentials", "");
    assert_eq!((status, &told["total"]), (200, &ALGORITHMS.len().into()));
    assert_eq!(key.ask("GET", "/keys", "").0, 200, "and the stream of events is forgotten");

    let seen = memory_of(key.key.process());
    let texts: Vec<&str> = told["credentials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|credential| credential["privateKey"].as_str().unwrap())
        .collect();
    let left: Vec<usize> =
        texts.iter().map(|text| copies(&seen, &text.as_bytes()[HEAD..])).collect();
    assert_eq!(left, [0; ALGORITHMS.len()], "of the text that was told");
    let of_p256 = &Base64UrlUnpadded::decode_vec(texts[0]).unwrap()[36..68];
    assert_eq!(copies(&seen, of_p256), 1, "what the key keeps");
}

/// Characters at the beginning of a private key in PKCS#8 and base64 that say which kind it is.
const HEAD: usize = 48;

fn register_each(platform: &mut Platform) {
    let mut client = known_client(platform);
    client.set_pin(SECOND_PIN).unwrap();
    for algorithm in ALGORITHMS {
        register_and_sign_in(&mut client, algorithm, true);
    }
}

/// Hears of so many new credentials, and hangs up.
fn until_told(events: &mut TcpStream, count: usize) {
    let lines = BufReader::new(&mut *events).lines().map(Result::unwrap);
    assert_eq!(lines.filter(|line| line == "event: credentialAdded").take(count).count(), count);
    events.shutdown(Shutdown::Write).unwrap();
    events.read_to_end(&mut Vec::new()).unwrap();
}

/// P-15: neither secrets nor which sites they are for.
fn assert_nothing_readable_on_disk(memory: &Path, secrets: &[Canary]) {
    let file = fs::read(memory.join(sealed_records::RECORDS)).unwrap();
    let site = [canary("site", SITE, 0)];
    for (name, secret, _) in secrets.iter().chain(&site) {
        assert_eq!(count(&file, secret), 0, "{name}");
    }
}

/// A secret by its name, and how often it may be in memory when nothing is asked of the key.
type Canary = (String, Vec<u8>, usize);

fn canary(name: &str, secret: impl Into<Vec<u8>>, kept: usize) -> Canary {
    (name.to_owned(), secret.into(), kept)
}

/// Uses what has secrets: PINs, tokens, credentials of each algorithm that are kept or travel in their own ids, hmac-secret.
fn session(platform: &mut Platform, memory: &Path) -> Vec<Canary> {
    let mut client = known_client(platform);
    client.set_pin(FIRST_PIN).unwrap();
    let before = in_state(memory, |state| *state.persistent_token().expose());
    let persistent = Permissions::PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY;
    client.pin_uv_auth_token(FIRST_PIN, persistent, None).unwrap();
    client.change_pin(FIRST_PIN, SECOND_PIN).unwrap();
    client.pin_uv_auth_token(SECOND_PIN, persistent, None).unwrap();
    let ids: Vec<_> = ALGORITHMS
        .into_iter()
        .flat_map(|algorithm| [true, false].map(|kept| (algorithm, kept)))
        .map(|(algorithm, kept)| register_and_sign_in(&mut client, algorithm, kept))
        .collect();
    let (hmac_key, aes_key) = shared_keys(&mut client);
    let mut canaries = vec![
        canary("persistent token, the old one", before, 0),
        canary("protocol two's AES key", aes_key, 0),
        canary("protocol two's HMAC key", hmac_key, 0),
        canary("first PIN", FIRST_PIN, 0),
        canary("second PIN", SECOND_PIN, 0),
        canary("attestation key", attestation_key(memory), 1),
    ];
    in_state(memory, |state| canaries.extend(kept_in(state)));
    let wrapping_key = in_state(memory, |state| *state.wrapping_key().expose());
    canaries
        .extend(ids.iter().filter(|id| id.len() > 32).flat_map(|id| inside_of(id, &wrapping_key)));
    canaries
}

/// What the key is there to keep.
fn kept_in(state: &State) -> Vec<Canary> {
    assert_eq!(state.credentials().len(), ALGORITHMS.len());
    let mut kept = vec![
        canary("wrapping key", *state.wrapping_key().expose(), 1),
        canary("persistent token", *state.persistent_token().expose(), 1),
        canary("PIN's hash", *state.pin().unwrap().hash.expose(), 1),
    ];
    for Credential { key, cred_random, .. } in state.credentials().iter() {
        let name = |what| format!("{what} of a kept credential, {:?}", key.algorithm);
        kept.push((name("private key"), key.secret.expose().to_vec(), 1));
        kept.push((name("cred_random"), cred_random.with_uv.expose().to_vec(), 1));
    }
    kept
}

fn attestation_key(memory: &Path) -> Vec<u8> {
    let mut files = fs::read_dir(memory).unwrap().map(|entry| entry.unwrap().path());
    let is_model = |path: &PathBuf| path.to_string_lossy().contains("attestation-");
    let pem = files.find(is_model).unwrap();
    let text = fs::read_to_string(pem).unwrap();
    let (key, _) = text.split_once("-----BEGIN CERTIFICATE").unwrap();
    p256::SecretKey::from_pkcs8_pem(key.trim_end()).unwrap().to_bytes().to_vec()
}

fn register_and_sign_in(
    client: &mut Client<&mut HidChannel<Connection>>,
    algorithm: i64,
    is_kept: bool,
) -> Vec<u8> {
    let both = Permissions::MAKE_CREDENTIAL | Permissions::GET_ASSERTION;
    let token = client.pin_uv_auth_token(SECOND_PIN, both, Some(SITE)).unwrap();
    let (site, user) = (RelyingParty::new(SITE), User::new(algorithm.to_be_bytes(), "ada"));
    let mut request = make_credential::Request::new(HASH, site, user)
        .with_extension(HMAC_SECRET, true)
        .with_option("rk", is_kept);
    request.pub_key_cred_params = Some(vec![CredentialParameters::new(algorithm)]);
    let made = client.make_credential(&request, Some(&token)).unwrap();
    let id = made.auth_data.attested.unwrap().credential_id;

    let token = client.pin_uv_auth_token(SECOND_PIN, both, Some(SITE)).unwrap();
    let shared = client.agree(PinProtocol::Two).unwrap();
    let salt = hmac_secret::input(&shared, &[5; 32], None, client.rng());
    let request = get_assertion::Request::new(SITE, HASH)
        .allowing([CredentialDescriptor::new(id.clone())])
        .with_extension(HMAC_SECRET, salt);
    client.get_assertion(&request, Some(&token)).unwrap();
    id
}

/// A platform whose key-agreement key is known, and the same each time.
fn known_client(platform: &mut Platform) -> Client<&mut HidChannel<Connection>> {
    platform.client().with_rng(Repeating)
}

/// Randomness that begins again with each call.
struct Repeating;

impl rand_core::TryRng for Repeating {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(ChaCha20Rng::from_seed([7; 32]).next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(ChaCha20Rng::from_seed([7; 32]).next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        ChaCha20Rng::from_seed([7; 32]).fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Repeating {}

/// What the key and that platform share under protocol two (CP-04): the HMAC key and the AES key.
fn shared_keys(client: &mut Client<&mut HidChannel<Connection>>) -> (Vec<u8>, Vec<u8>) {
    let request = client_pin::Request {
        pin_uv_auth_protocol: Some(2),
        ..client_pin::Request::new(client_pin::sub_command::GET_KEY_AGREEMENT)
    };
    let key = client.client_pin(&request).unwrap().key_agreement.unwrap();
    let peer = cose::read_key_agreement(key).unwrap();
    let mut scalar = [0; 32];
    Repeating.fill_bytes(&mut scalar);
    let scalar = p256::SecretKey::from_slice(&scalar).unwrap().to_nonzero_scalar();
    let shared = p256::ecdh::diffie_hellman(scalar, peer.as_affine());
    let derive = |info| derived(shared.raw_secret_bytes(), info);
    (derive(b"CTAP2 HMAC key"), derive(b"CTAP2 AES key"))
}

/// What a sealed id hides, and the keys that hide it (`credential_id.rs` of ctap-core).
fn inside_of(id: &[u8], wrapping_key: &[u8]) -> Vec<Canary> {
    let sealing = derived(wrapping_key, b"keyfob credential id encryption");
    let random = derived(wrapping_key, b"keyfob credential id CredRandom");
    let (iv, mut body) = (&id[1..17], id[17..id.len() - 32].to_vec());
    let (blocks, _) = Block::<aes::Aes256>::slice_as_chunks_mut(&mut body);
    cbc::Decryptor::<aes::Aes256>::new_from_slices(&sealing, iv).unwrap().decrypt_blocks(blocks);
    let algorithm = i32::from_be_bytes(body[..4].try_into().unwrap());
    assert!(ALGORITHMS.contains(&algorithm.into()), "the id is opened");
    let name = |what| format!("{what} of a sealed credential, {algorithm}");
    let cred_random = |purpose: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(&random).unwrap();
        mac.chain_update(iv).chain_update(purpose).finalize().into_bytes().to_vec()
    };
    vec![
        (name("private key"), body[16..].to_vec(), 0),
        (name("cred_random with UV"), cred_random(b"with UV"), 0),
        (name("cred_random without UV"), cred_random(b"without UV"), 0),
        canary("sealing key", sealing, 1),
        canary(
            "key of the ids' MACs",
            derived(wrapping_key, b"keyfob credential id authentication"),
            1,
        ),
        canary("key of cred_random", random, 1),
    ]
}

/// HKDF-SHA-256 with a salt of zeros.
fn derived(secret: &[u8], info: &[u8]) -> Vec<u8> {
    let mut key = vec![0; 32];
    hkdf::Hkdf::<Sha256>::new(Some(&[0; 32]), secret).expand(info, &mut key).unwrap();
    key
}

/// Looks into the memory that a running key keeps on disk: into a copy of it, since the key holds it.
fn in_state<T>(memory: &Path, look: impl FnOnce(&State) -> T) -> T {
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path().join("copy");
    fs::DirBuilder::new().mode(0o700).create(&copy).unwrap();
    for name in [sealed_records::RECORDS, sealed_records::KEY] {
        fs::copy(memory.join(name), copy.join(name)).unwrap();
    }
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let memory = Memory::open(&Place::new(copy), virtual_key::log, rng);
    look(memory.unwrap().store.state())
}

/// All that a process can write to.
fn memory_of(process: u32) -> Vec<Vec<u8>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let writable = maps.lines().filter_map(|line| line.split_once(" rw"));
    let pieces = writable.map(|(range, _)| {
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut piece = vec![0; usize::try_from(end - start).unwrap()];
        memory.read_exact_at(&mut piece, start).unwrap();
        piece
    });
    pieces.collect()
}

/// How often a secret is there, or a half of it, the other being overwritten: as it is, and backwards, as numbers lie in memory.
fn copies(memory: &[Vec<u8>], secret: &[u8]) -> usize {
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    let often = |part: &[u8]| -> usize { memory.iter().map(|piece| count(piece, part)).sum() };
    let halves = |secret: &[u8]| {
        let (first, second) = secret.split_at(secret.len() / 2);
        often(first).max(often(second))
    };
    halves(secret) + halves(&backwards)
}

/// From one first byte to the next: the library looks for those in optimised code, even for this test that is not.
fn count(mut piece: &[u8], part: &[u8]) -> usize {
    let mut found = 0;
    while piece.skip_until(part[0]).unwrap() > 0 {
        found += usize::from(piece.starts_with(&part[1..]));
    }
    found
}

#[test]
fn not_even_its_own_user_can_read_its_memory() {
    let home = Home::new();
    let mut command = command_of_a_user(&home);
    command.args(["serve", "--listen", "127.0.0.1:0", "--ephemeral"]).stderr(Stdio::null());
    let key = Serving::start(command);
    let owner = |file| fs::metadata(format!("/proc/{}/{file}", key.process())).unwrap().uid();
    assert!(status(&key, "Uid:").split_whitespace().all(|user| user != "0"));
    // The system gives the files of a process that may not be looked into to root.
    assert_eq!((owner("mem"), owner("maps"), owner("environ")), (0, 0, 0));
}

#[test]
fn the_files_that_it_makes_are_nobody_elses() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    assert_eq!(status(&key, "Umask:"), "0077");
}

/// A line of what the system tells about the process.
fn status(key: &Serving, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", key.process())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.expect("Linux tells it").trim().to_owned()
}

/// keyfob as somebody who is not root, and who has a copy of it, since the tree may be out of their reach.
fn command_of_a_user(home: &Home) -> Command {
    if !geteuid().is_root() {
        return home.start_of(env!("CARGO_BIN_EXE_keyfob"));
    }
    let program = home.path().join("copy");
    fs::copy(env!("CARGO_BIN_EXE_keyfob"), &program).unwrap();
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = home.start_of(program);
    command.uid(NOBODY).gid(NOBODY);
    command
}

const FIRST_PIN: &str = "correct horse battery staple";
const SECOND_PIN: &str = "quite another set of words";
/// Those of the profile: ES256, EdDSA, ES384, ES512, ES256K, ML-DSA-44, ML-DSA-65, RS256, PS256.
const ALGORITHMS: [i64; 9] = [-7, -8, -35, -36, -47, -48, -49, -257, -37];
const SITE: &str = "example.org";
const HASH: [u8; 32] = [9; 32];
const NOBODY: u32 = 65534;
