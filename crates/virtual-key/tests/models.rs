//! Keys like the models of FIDO's metadata service: whether each tells what its model tells, registers and signs.
//!
//! The environment names the BLOB (`KEYFOB_METADATA`), which `tests/metadata` gets: without it there is nothing to compare with.

use std::collections::BTreeSet;
use std::io::{Write as _, stderr};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use ctap_client::commands::u2f::Control;
use ctap_client::{
    Client, CredentialDescriptor, Exchange, KeepaliveStatus, Patience, Permissions, RelyingParty,
    TransportError, User, get_assertion, make_credential,
};
use ctap_core::{CheckedConfig, Decision, SoftKey};
use serde_json::Value;
use virtual_key::attestation::Issuer;
use virtual_key::metadata::{differences, members};
use virtual_key::platform::system_rng;
use virtual_key::profile::{Aaguid, Profile, like};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// SHA-256 of client data, and a challenge of U2F.
const HASH: [u8; 32] = [1; 32];
const SITE: &str = "example.org";
const PIN: &str = "24681357";

/// For all models together, told, compared and used, on two processors.
const MOST: Duration = Duration::from_secs(60);

/// What keyfob signs with, by COSE's numbers.
const OURS: [i64; 9] = [-7, -8, -35, -36, -37, -47, -48, -49, -257];

/// A key in this process, as a client talks to it.
struct InProcess(SoftKey);

impl Exchange for InProcess {
    fn exchange(
        &mut self,
        request: &[u8],
        _on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        Ok(self.0.call(request))
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        Ok(self.0.call_u2f(apdu))
    }
}

/// A key like the model of this statement, with the model's own AAGUID.
fn key(statement: &Value) -> Result<Client<InProcess>, String> {
    let aaguid = statement["aaguid"].as_str().unwrap_or("00000000-0000-0000-0000-000000000000");
    let aaguid = Aaguid::try_from(aaguid.to_owned())?;
    let text = like(statement, aaguid).map_err(|error| error.to_string())?;
    let config = config(&text).map_err(|error| error.to_string())?;
    let mut key = SoftKey::new(config, [7; 32]);
    key.set_person(|_| Some(Decision::Finger(1)));
    Ok(Client::new(InProcess(key)))
}

fn config(text: &str) -> Result<CheckedConfig, virtual_key::Error> {
    let profile = Profile::from_toml("a model", text)?;
    let mut rng = system_rng();
    let today = SystemTime::now();
    let mut issuer = Issuer { serial: "models", directory: None, rng: &mut rng, today };
    let identities =
        profile.identities(|kind| issuer.lazy_identity(kind, Box::new(system_rng())))?;
    profile.config(&identities)
}

/// The members that such a key tells otherwise, but for those of the moment.
fn told_otherwise(statement: &Value) -> Result<Vec<String>, String> {
    let mut key = key(statement)?;
    let info = key.get_info().map_err(|error| error.to_string())?;
    let differing = differences(&statement["authenticatorGetInfo"], &members(&info, None));
    let lasting = differing.into_iter().filter(|one| !one.is_state);
    Ok(lasting
        .map(|one| format!("{}: {:?} is told as {:?}", one.member, one.stated, one.told))
        .collect())
}

/// Makes a credential and signs with it, with a PIN where the key can have one. A key that says that it has none of our algorithms cannot.
fn uses_fido2(statement: &Value) -> Result<(), String> {
    if signs_with_none_of_ours(&statement["authenticatorGetInfo"]) {
        return Ok(());
    }
    let mut key = key(statement)?;
    let step = |what: &'static str| move |error: ctap_client::Error| format!("{what}: {error}");
    let info = key.get_info().map_err(step("getInfo"))?;
    // Some say that they have a PIN and no protocol for it.
    let has_pin = info.option("clientPin").is_some() && info.preferred_pin_protocol().is_some();
    if has_pin {
        key.set_pin(PIN).map_err(step("setPIN"))?;
    }
    let token = |key: &mut Client<InProcess>| match has_pin {
        true => {
            let permissions = Permissions::MAKE_CREDENTIAL | Permissions::GET_ASSERTION;
            key.pin_uv_auth_token(PIN, permissions, Some(SITE)).map(Some)
        }
        false => Ok(None),
    };
    let user = User::new(*b"1", "ada");
    let mut request = make_credential::Request::new(HASH, RelyingParty::new(SITE), user);
    if let Some(algorithms) = &info.algorithms {
        let parameters = algorithms.iter().map(|one| one.algorithm);
        request.pub_key_cred_params =
            Some(parameters.map(ctap_client::CredentialParameters::new).collect());
    }
    let auth = token(&mut key).map_err(step("a token"))?;
    let made = key.make_credential(&request, auth.as_ref()).map_err(step("makeCredential"))?;
    made.verify(SITE, &HASH).map_err(|error| format!("the attestation: {error}"))?;
    let credential = made.credential().ok_or("no credential")?.clone();
    let allowed = CredentialDescriptor::new(credential.credential_id.clone());
    let request = get_assertion::Request::new(SITE, HASH).allowing([allowed]);
    let auth = token(&mut key).map_err(step("a token"))?;
    let signed = key.get_assertion(&request, auth.as_ref()).map_err(step("getAssertion"))?;
    let signed = signed.first().ok_or("no assertion")?;
    signed.verify(&credential.public_key, SITE, &HASH).map_err(|error| error.to_string())
}

/// Registers and signs as U2F clients do. The certificate tells the ways by which the model is reached (AT-27).
fn uses_u2f(statement: &Value) -> Result<(), String> {
    let mut key = key(statement)?;
    let made = key.u2f_register(&HASH, &[2; 32]).map_err(|error| error.to_string())?;
    made.verify(&HASH, &[2; 32]).map_err(|error| error.to_string())?;
    let told = transports_told(&made.certificate)?;
    if told != bits_of_hints(statement) {
        return Err(format!("its certificate tells the transports {told:08b}"));
    }
    let control = Control::EnforceUserPresence;
    let signed = key.u2f_authenticate(control, &HASH, &[2; 32], &made.key_handle);
    let signed = signed.map_err(|error| error.to_string())?;
    signed.verify(&made.public_key, &HASH, &[2; 32]).map_err(|error| error.to_string())
}

/// The bits of id-fido-u2f-ce-transports.
fn transports_told(certificate: &[u8]) -> Result<u8, String> {
    let certificate = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let mut extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
    let told = extensions.find(|one| one.extn_id.to_string() == "1.3.6.1.4.1.45724.2.1.1");
    match told.map(|told| told.extn_value.as_bytes()) {
        Some([3, 2, _, bits]) => Ok(*bits),
        other => Err(format!("its certificate tells the transports {other:?}")),
    }
}

/// Bluetooth Low Energy, USB and NFC; USB where no way is hinted at.
fn bits_of_hints(statement: &Value) -> u8 {
    let ways = [("bluetooth", 0b0100_0000), ("wired", 0b0010_0000), ("nfc", 0b0001_0000)];
    let hints = statement["attachmentHint"].as_array().into_iter().flatten();
    let bits = hints.filter_map(|hint| Some(ways.iter().find(|(way, _)| hint == way)?.1));
    match bits.fold(0, |all, bit| all | bit) {
        0 => 0b0010_0000,
        bits => bits,
    }
}

/// The statements of a family in the BLOB.
fn statements(family: &str) -> Vec<Value> {
    let Some(path) = env::var_os("KEYFOB_METADATA") else {
        // What a test that passes says by `eprintln`, nobody sees.
        let names = "KEYFOB_METADATA=\"$(tests/metadata)\" names them";
        let _ = writeln!(stderr(), "SKIPPED: no models to compare with; {names}");
        return Vec::new();
    };
    let text = fs::read_to_string(&path).expect("KEYFOB_METADATA names a file that can be read");
    let mut blob: Value =
        serde_json::from_str(&text).expect("KEYFOB_METADATA names a BLOB's payload");
    let entries = blob["entries"].as_array_mut().expect("a BLOB has entries");
    let statements = entries.iter_mut().map(|entry| entry["metadataStatement"].take());
    statements.filter(|statement| statement["protocolFamily"] == family).collect()
}

/// Those with a getInfo, of which one has none; one of each shape, unless all are wanted.
fn fido2() -> Vec<Value> {
    let mut shapes = BTreeSet::new();
    let mut statements = statements("fido2");
    statements.retain(|statement| !statement["authenticatorGetInfo"].is_null());
    if env::var_os("KEYFOB_ALL_MODELS").is_none() {
        statements.retain(|statement| shapes.insert(shape(&statement["authenticatorGetInfo"])));
    }
    statements
}

/// What decides how a key behaves.
fn shape(info: &Value) -> String {
    ["versions", "options", "pinUvAuthProtocols"].map(|member| info[member].to_string()).concat()
}

/// What goes wrong with which, on all processors.
fn wrong(statements: &[Value], judge: fn(&Value) -> Result<(), String>) -> Vec<String> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let part = statements.len().div_ceil(processors).max(1);
    let of_part = |part: &[Value]| -> Vec<String> {
        let judged = part.iter().filter_map(|statement| Some((statement, judge(statement).err()?)));
        judged.map(|(statement, why)| format!("{}: {why}", statement["description"])).collect()
    };
    thread::scope(|scope| {
        let parts: Vec<_> =
            statements.chunks(part).map(|part| scope.spawn(move || of_part(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// Whether a model offers algorithms that keyfob does not sign with, and no other: it says so, and refuses to register.
fn signs_with_none_of_ours(info: &Value) -> bool {
    let offered = info["algorithms"].as_array().into_iter().flatten();
    let numbers: Vec<i64> = offered.filter_map(|one| one["alg"].as_i64()).collect();
    !numbers.is_empty() && numbers.iter().all(|number| !OURS.contains(number))
}

fn tells_the_same(statement: &Value) -> Result<(), String> {
    match told_otherwise(statement)? {
        none if none.is_empty() => Ok(()),
        members => Err(members.join("; ")),
    }
}

#[test]
fn keys_like_all_models_tell_the_same_register_and_sign_within_a_minute() {
    let (fido2, u2f) = (fido2(), statements("u2f"));
    let begun = Instant::now();
    let wrong =
        [wrong(&fido2, tells_the_same), wrong(&fido2, uses_fido2), wrong(&u2f, uses_u2f)].concat();
    let taken = begun.elapsed();
    let models = format!("{} FIDO2 models and {} of U2F", fido2.len(), u2f.len());
    let _ = writeln!(stderr(), "{models}, all together: {:.1} s", taken.as_secs_f64());
    assert!(wrong.is_empty(), "{} faults of {models}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(taken < MOST, "{models} took {taken:?}");
}
