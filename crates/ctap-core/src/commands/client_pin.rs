//! authenticatorClientPIN (0x06), CTAP 2.3 section 6.5.5 (CP-40 to CP-101).

use alloc::boxed::Box;
use alloc::string::String;

use super::parameters::required;
use super::{Context, Outcome, Reply};
use crate::cbor::{Bytes, Encode, MAP_OF_1, MAP_OF_23, Map, MapWriter};
use crate::change::Change;
use crate::config::Config;
use crate::consent::{Action, Question, UserPresent, UserVerificationMethod};
use crate::crypto;
use crate::limits::{MAX_PIN_BYTES, PADDED_PIN};
use crate::pin::protocol::{PlatformKey, Protocol, SharedSecret};
use crate::pin::retries::{Attempt, Judge};
use crate::pin::token::{Grant, Life, Permissions};
use crate::policy::Policy;
use crate::secret::Secret;
use crate::state::Pin;
use crate::status::Status;
use crate::uv::{Purpose, Retries, Verification};

pub(crate) const COMMAND: u8 = 0x06;

/// Runs a subcommand; an unknown one, and one of a feature that is not there, is 0x3E, an absent one 0x14 (CP-40, CP-41).
/// Key agreement serves hmac-secret too, without a PIN and without a sensor (EX-32, EX-37).
pub(crate) fn run(parameters: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let request = Request::parse(parameters)?;
    let pin = cx.config.client_pin;
    let sensor = cx.config.fingerprints.is_some();
    let reply = match required(request.sub_command)? {
        0x01 if pin => get_pin_retries(cx)?,
        0x02 => get_key_agreement(&request, cx)?,
        0x03 if pin => set_pin(&request, cx)?,
        0x04 if pin => change_pin(&request, cx)?,
        0x05 if pin => get_pin_token(&request, cx)?,
        0x06 if sensor => return get_token_using_uv_with_permissions(&request, cx),
        0x07 if sensor => single(0x05, cx.store.state().uv_retries), // CP-47
        0x09 if pin && cx.config.is_later_than_20() => {
            get_token_using_pin_with_permissions(&request, cx)?
        }
        _ => return Err(Status::InvalidSubcommand),
    };
    Ok(Outcome::Done(reply))
}

/// Whether a subcommand may write: any but those that tell the tries or agree on a key. In canonical CBOR their number comes
/// first, or after the protocol's.
pub(crate) const fn may_write(parameters: &[u8]) -> bool {
    !matches!(
        parameters,
        [MAP_OF_1..=MAP_OF_23, 0x02, 0x01 | 0x02 | 0x07, ..]
            | [MAP_OF_1..=MAP_OF_23, 0x01, 0x00..=0x17, 0x02, 0x01 | 0x02 | 0x07, ..]
    )
}

/// The request as it came, each member of its right type (MSG-15).
#[derive(Default)]
struct Request<'a> {
    protocol: Option<u64>,
    sub_command: Option<u64>,
    key_agreement: Option<PlatformKey>,
    pin_uv_auth_param: Option<&'a [u8]>,
    new_pin_enc: Option<&'a [u8]>,
    pin_hash_enc: Option<&'a [u8]>,
    permissions: Option<u64>,
    rp_id: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let mut request = Self::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => request.protocol = Some(value.unsigned()?),
                0x02 => request.sub_command = Some(value.unsigned()?),
                0x03 => request.key_agreement = Some(PlatformKey::parse(value.map()?)?),
                0x04 => request.pin_uv_auth_param = Some(value.bytes()?),
                0x05 => request.new_pin_enc = Some(value.bytes()?),
                0x06 => request.pin_hash_enc = Some(value.bytes()?),
                0x09 => request.permissions = Some(value.unsigned()?),
                0x0a => request.rp_id = Some(value.text()?),
                _ => {}
            }
        }
        Ok(request)
    }

    /// The protocol that the request names; this build not having it is 0x02.
    fn protocol(&self, config: &Config) -> Result<Protocol, Status> {
        config.protocol(required(self.protocol)?).ok_or(Status::InvalidParameter)
    }
}

/// Key agreement as a request asks for it: the protocol, and the secret shared over it.
struct Agreed {
    protocol: Protocol,
    secret: SharedSecret,
}

impl Agreed {
    fn new(protocol: Protocol, key: PlatformKey, cx: &Context<'_>) -> Result<Self, Status> {
        let secret = cx.session.key_agreement.decapsulate(protocol, &key.checked()?);
        Ok(Self { protocol, secret: secret.ok_or(Status::Other)? })
    }

    /// The same for a request whose only proof is the PIN. The price of the try is written while the secret is
    /// computed (CP-65). A public key that is not valid costs no try (CP-14).
    fn by_pin(
        (protocol, key): (Protocol, PlatformKey),
        pin_hash_enc: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Self, Status> {
        let peer = key.checked()?;
        let (keys, mismatches) = (&cx.session.key_agreement, &cx.session.mismatches);
        let agree = || keys.decapsulate(protocol, &peer);
        let (attempt, secret) = Attempt::begin(mismatches, cx.store, agree)?;
        let agreed = Self { protocol, secret: secret.ok_or(Status::Other)? };
        agreed.judge(attempt, pin_hash_enc, cx)?;
        Ok(agreed)
    }

    /// Pays for a try, then looks at the PIN (CP-65, CP-66).
    fn verify_pin(&self, pin_hash_enc: &[u8], cx: &mut Context<'_>) -> Result<(), Status> {
        let (attempt, ()) = Attempt::begin(&cx.session.mismatches, cx.store, || ())?;
        self.judge(attempt, pin_hash_enc, cx)
    }

    fn judge(
        &self,
        attempt: Attempt,
        pin_hash_enc: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Status> {
        let judge = Judge {
            mismatches: &mut cx.session.mismatches,
            key_agreement: &mut cx.session.key_agreement,
            store: cx.store,
            rng: cx.rng,
        };
        attempt.judge(pin_hash_enc, &self.secret, self.protocol, judge)
    }

    /// Issues a new token with these permissions, got by PIN or by finger; every older one is dead (CP-80, CP-92). A key of CTAP 2.0 has one token, and
    /// gives it again (CP-125).
    fn issue_token(
        &self,
        permissions: Permissions,
        rp_id: Option<String>,
        finger: Option<UserPresent>,
        cx: &mut Context<'_>,
    ) -> Reply {
        if permissions == Permissions::PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY {
            let token = self.secret.encrypt(cx.store.state().persistent_token.expose(), cx.rng);
            return single(0x02, Bytes(&token)); // CP-91: the ordinary token keeps its state
        }
        let life = if cx.config.is_later_than_20() { Life::Modern } else { Life::Ctap20 };
        let initial_usage = cx.session.transport.token_initial_usage(); // NF-42
        let protocol = self.protocol;
        let user_verified = match finger {
            Some(_) => UserVerificationMethod::FingerprintInternal,
            None => UserVerificationMethod::PasscodeExternal,
        };
        let grant = Grant {
            life,
            protocol,
            permissions,
            rp_id,
            user_verified,
            user_present: finger,
            initial_usage,
        };
        cx.session.token.begin_using(grant, cx.now, cx.rng);
        let token = self.secret.encrypt(cx.session.token.value().expose(), cx.rng);
        single(0x02, Bytes(&token)) // CP-82
    }
}

fn single(key: u8, value: impl Encode) -> Reply {
    let mut map = MapWriter::new();
    map.put(key, value);
    Reply::map(&map)
}

/// CP-45: answers even when the PIN is blocked. CTAP 2.0 knows the number alone, and tells it without a PIN too.
fn get_pin_retries(cx: &Context<'_>) -> Result<Reply, Status> {
    let is_modern = cx.config.is_later_than_20();
    if is_modern && cx.store.state().pin.is_none() {
        return Err(Status::PinNotSet);
    }
    let mut map = MapWriter::new();
    map.put(0x03_u8, cx.store.state().pin_retries);
    map.put_some(0x04_u8, is_modern.then(|| cx.session.mismatches.blocked()));
    Ok(Reply::map(&map))
}

/// CP-46: the same key until a wrong PIN or a power cycle.
fn get_key_agreement(request: &Request<'_>, cx: &Context<'_>) -> Result<Reply, Status> {
    let protocol = request.protocol(cx.config)?;
    let key = cx.session.key_agreement.public_key(protocol);
    Ok(single(0x01, crate::cbor::Encoded(&key)))
}

/// CP-50 to CP-59.
fn set_pin(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    required(request.protocol)?;
    let key = required(request.key_agreement)?;
    let new_pin_enc = required(request.new_pin_enc)?;
    let param = required(request.pin_uv_auth_param)?;
    let protocol = request.protocol(cx.config)?;
    if cx.store.state().pin.is_some() {
        let modern = cx.config.is_later_than_20();
        return Err(if modern { Status::PinAuthInvalid } else { Status::NotAllowed }); // CP-52
    }
    let agreed = Agreed::new(protocol, key, cx)?;
    if !agreed.secret.verify(&[new_pin_enc], param) {
        return Err(Status::PinAuthInvalid); // CP-54
    }
    let pin = new_pin(&agreed.secret, new_pin_enc, cx.policy())?;
    cx.store.commit(Change::SetPin(pin))?;
    Ok(Reply::EMPTY)
}

/// CP-60 to CP-71.
fn change_pin(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    required(request.protocol)?;
    let key = required(request.key_agreement)?;
    let pin_hash_enc = required(request.pin_hash_enc)?;
    let new_pin_enc = required(request.new_pin_enc)?;
    let param = required(request.pin_uv_auth_param)?;
    let protocol = request.protocol(cx.config)?;
    Attempt::allowed(&cx.session.mismatches, cx.store)?; // CP-61, CP-62
    let agreed = Agreed::new(protocol, key, cx)?;
    if !agreed.secret.verify(&[new_pin_enc, pin_hash_enc], param) {
        return Err(Status::PinAuthInvalid); // CP-64: no try is spent
    }
    agreed.verify_pin(pin_hash_enc, cx)?;
    let state = cx.store.state();
    let pin = new_pin(&agreed.secret, new_pin_enc, cx.policy())?;
    let same = state.pin.as_ref().is_some_and(|old| old.hash.matches(pin.hash.expose()));
    if state.settings.force_pin_change && same {
        return Err(Status::PinPolicyViolation); // CP-69
    }
    cx.store.commit(Change::ChangePin { pin, persistent_token: Secret::random(cx.rng) })?;
    cx.session.token.reset(cx.rng); // CP-71
    Ok(Reply::EMPTY)
}

/// Decrypts and judges a new PIN (CP-55 to CP-58, CP-20 to CP-23).
fn new_pin(secret: &SharedSecret, enc: &[u8], policy: Policy<'_>) -> Result<Pin, Status> {
    let padded = secret.decrypt(enc).ok_or(Status::PinAuthInvalid)?;
    if padded.len() != PADDED_PIN {
        return Err(Status::InvalidParameter); // CP-56
    }
    let length =
        padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let pin = padded.get(..length).filter(|pin| pin.len() <= MAX_PIN_BYTES);
    let text =
        pin.and_then(|pin| core::str::from_utf8(pin).ok()).ok_or(Status::PinPolicyViolation)?;
    let pin = kept(text);
    let too_simple = policy.pins_are_complex() && is_simple(text);
    let lengths = policy.min_pin_length()..=policy.config.pin_length.max;
    if !lengths.contains(&pin.code_points) || too_simple {
        return Err(Status::PinPolicyViolation); // CP-57, CP-58
    }
    Ok(pin)
}

/// The PINs that the complexity policy refuses: one character again and again, or each one the next of the one
/// before ("1111", "4321").
pub(crate) fn is_simple(pin: &str) -> bool {
    let steps = pin.chars().zip(pin.chars().skip(1));
    let mut steps =
        steps.map(|(a, b)| i64::from(u32::from(b)).saturating_sub(i64::from(u32::from(a))));
    match steps.next() {
        Some(first @ -1..=1) => steps.all(|step| step == first),
        _ => false,
    }
}

/// The PIN as it is kept: LEFT(SHA-256(PIN), 16) (CP-22).
pub(crate) fn kept(pin: &str) -> Pin {
    let code_points = u8::try_from(pin.chars().count()).unwrap_or(u8::MAX);
    Pin { hash: crypto::secret_sha256(pin.as_bytes()).left(), code_points }
}

/// CP-75 to CP-82.
fn get_pin_token(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    required(request.protocol)?;
    let key = required(request.key_agreement)?;
    let pin_hash_enc = required(request.pin_hash_enc)?;
    let protocol = request.protocol(cx.config)?;
    if request.permissions.is_some() || request.rp_id.is_some() {
        return Err(Status::InvalidParameter); // CP-75
    }
    Attempt::allowed(&cx.session.mismatches, cx.store)?; // CP-76
    let agreed = Agreed::by_pin((protocol, key), pin_hash_enc, cx)?;
    if cx.store.state().settings.force_pin_change {
        return Err(Status::PinInvalid); // CP-79
    }
    let mc_ga = Permissions::MAKE_CREDENTIAL.union(Permissions::GET_ASSERTION);
    let grantable = cx.policy().grantable_by_pin();
    // CP-81. Before there were permissions, the token was good for all.
    let permissions = match cx.config.is_later_than_20() {
        true => mc_ga.intersection(grantable),
        false => grantable,
    };
    Ok(agreed.issue_token(permissions, None, None, cx))
}

/// CP-85 to CP-92.
fn get_token_using_pin_with_permissions(
    request: &Request<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Status> {
    required(request.protocol)?;
    let key = required(request.key_agreement)?;
    let pin_hash_enc = required(request.pin_hash_enc)?;
    let (protocol, permissions) = asked(request, cx.policy().grantable_by_pin(), cx.config)?;
    Attempt::allowed(&cx.session.mismatches, cx.store)?; // CP-88
    let agreed = Agreed::by_pin((protocol, key), pin_hash_enc, cx)?;
    if cx.store.state().settings.force_pin_change {
        return Err(Status::PinPolicyViolation); // CP-90
    }
    Ok(agreed.issue_token(permissions, request.rp_id.map(String::from), None, cx))
}

/// The token that is asked for, and whether it can be granted (CP-85 to CP-87, CP-95).
fn asked(
    request: &Request<'_>,
    grantable: Permissions,
    config: &Config,
) -> Result<(Protocol, Permissions), Status> {
    let bits = required(request.permissions)?;
    let permissions = Permissions::from_request(bits);
    let for_rp = Permissions::MAKE_CREDENTIAL.union(Permissions::GET_ASSERTION);
    if permissions.intersects(for_rp) {
        required(request.rp_id)?; // these two are about one relying party
    }
    let protocol = request.protocol(config)?;
    if permissions == Permissions::NONE {
        return Err(Status::InvalidParameter); // CP-86
    }
    let persistent = Permissions::PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY;
    let mixed = permissions.contains(persistent) && permissions != persistent;
    if mixed || !grantable.contains(permissions) {
        return Err(Status::UnauthorizedPermission); // CP-87
    }
    Ok((protocol, permissions))
}

/// CP-95 to CP-101.
fn get_token_using_uv_with_permissions(
    request: &Request<'_>,
    cx: &mut Context<'_>,
) -> Result<Outcome, Status> {
    required(request.protocol)?;
    let key = required(request.key_agreement)?;
    let (protocol, permissions) = asked(request, cx.policy().grantable_by_uv(), cx.config)?;
    if !cx.policy().built_in_uv() {
        return Err(Status::NotAllowed); // CP-96
    }
    if cx.store.state().uv_retries == 0 {
        return Err(Status::UvBlocked); // CP-97
    }
    let agreed = Agreed::new(protocol, key, cx)?; // CP-98
    let attempts = cx.policy().sensor().and_then(|sensor| sensor.preferred_platform_uv_attempts);
    let retries = if attempts.is_some_and(|attempts| attempts > 1) {
        Retries::Platform
    } else {
        Retries::Internal
    };
    let rp_id = request.rp_id.map(String::from);
    let token = Box::new(TokenByUv { agreed, permissions, rp_id });
    Verification::begin(Purpose::Token(token), retries, cx)
}

/// A token that waits for a finger.
pub(crate) struct TokenByUv {
    agreed: Agreed,
    permissions: Permissions,
    rp_id: Option<String>,
}

impl TokenByUv {
    pub(crate) fn question(&self) -> Question {
        Question { rp_id: self.rp_id.clone(), ..Question::touch(Action::Verify) }
    }

    /// The finger was a touch as well (CP-100).
    pub(crate) fn issue(self, present: UserPresent, cx: &mut Context<'_>) -> Result<Reply, Status> {
        Ok(self.agreed.issue_token(self.permissions, self.rp_id, Some(present), cx))
    }
}
