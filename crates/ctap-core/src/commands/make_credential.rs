//! authenticatorMakeCredential (0x01), CTAP 2.3 section 6.1. The order of the code is the order of MC-01 to MC-42.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::parameters::{
    Descriptor, Options, PinUvAuth, Places, Verified, client_data_hash, required, truncated,
    wants_built_in_uv,
};
use super::probe::Probe;
use super::{Context, Outcome, Reply, View, Waiting, dummy};
use crate::algorithm::{Algorithm, KeyPair, PrivateKey};
use crate::attestation::{Preference, Registration, Signer};
use crate::auth_data::{AttestedCredential, AuthData};
use crate::cbor::{Bytes, Item, Map, MapWriter};
use crate::change::Change;
use crate::config::Config;
use crate::consent::{Action, Evidence, Question, UserPresent, UserVerified};
use crate::credential::{Account, Credential, Kept, Rp, User};
use crate::credential_id::Contents;
use crate::crypto::{self, random_bytes};
use crate::extensions::hmac_secret::Salts;
use crate::extensions::registration::{Asked, Extensions};
use crate::limits::{MAX_NAME, MAX_RP_ID, MAX_USER_ID};
use crate::pin::Permissions;
use crate::policy::Policy;
use crate::public_key::PublicKey;
use crate::secret::Secret;
use crate::status::Status;
use crate::uv::{Purpose, Retries, Verification};

pub(crate) const COMMAND: u8 = 0x01;

/// Checks the request, then has the user verified by finger if that is what it takes, or goes straight on.
pub(crate) fn start(parameters: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let request = Request::parse(parameters, cx.config)?;
    if request.auth.is_probe() && cx.policy().has_tokens() {
        return Probe::ask(cx); // MC-02
    }
    match check(request, cx.view())? {
        (checked, Verified::ByFinger) => {
            Verification::begin(Purpose::MakeCredential(Box::new(checked)), Retries::Internal, cx)
        }
        (checked, Verified::No) => checked.go_on(None, None, cx),
        (checked, Verified::ByToken(verified)) => checked.go_on(Some(verified), None, cx),
    }
}

/// The request as it came, each member of its right type (MSG-10).
struct Request<'a> {
    client_data_hash: [u8; 32],
    rp: Rp,
    user: User,
    pub_key_cred_params: Item<'a>,
    exclude_list: Vec<Descriptor>,
    extensions: Extensions,
    options: Options,
    auth: PinUvAuth<'a>,
    enterprise_attestation: Option<u64>,
    formats: Preference,
}

impl<'a> Request<'a> {
    /// Wrong types outrank absent members (MSG-44).
    fn parse(parameters: &'a [u8], config: &Config) -> Result<Self, Status> {
        let (mut hash, mut rp, mut user, mut params) = (None, None, None, None);
        let (mut exclude_list, mut extensions) = (Vec::new(), Extensions::default());
        let (mut options, mut auth) = (Options::default(), PinUvAuth::default());
        let (mut enterprise_attestation, mut formats) = (None, Preference::Default);
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => hash = Some(value.bytes()?),
                0x02 => rp = Some(parse_rp(value.map()?)?),
                0x03 => user = Some(parse_user(value.map()?)?),
                0x04 => params = Some(typed_params(value)?),
                0x05 => exclude_list = Descriptor::parse_list(value, config)?,
                0x06 => extensions = Extensions::parse(value.map()?, config)?,
                0x07 => options = Options::parse(value.map()?)?,
                0x08 => auth.param = Some(value.bytes()?),
                0x09 => auth.protocol = Some(value.unsigned()?),
                0x0a => enterprise_attestation = Some(value.unsigned()?),
                0x0b => formats = Preference::parse(value)?,
                _ => {}
            }
        }
        Ok(Self {
            client_data_hash: client_data_hash(required(hash)?)?,
            rp: required(rp)?,
            user: required(user)?,
            pub_key_cred_params: required(params)?,
            exclude_list,
            extensions,
            options,
            auth,
            enterprise_attestation,
            formats,
        })
    }
}

/// The name of a relying party must be text although nobody needs it (MC-80); so must the icon of CTAP 2.0, which is dropped
/// (MSG-48).
fn parse_rp(map: Map<'_>) -> Result<Rp, Status> {
    let (mut id, mut name) = (None, None);
    for (key, value) in map.by_name() {
        match key {
            "id" => id = Some(value.text()?),
            "name" => name = Some(value.text()?),
            "icon" => _ = value.text()?,
            _ => {}
        }
    }
    let id = id.ok_or(Status::CborUnexpectedType)?; // MSG-41
    if id.is_empty() || id.len() > MAX_RP_ID {
        return Err(Status::InvalidLength); // MSG-47
    }
    Ok(Rp { id: id.into(), name: stored_name(name) })
}

pub(crate) fn parse_user(map: Map<'_>) -> Result<User, Status> {
    let (mut id, mut name, mut display_name) = (None, None, None);
    for (key, value) in map.by_name() {
        match key {
            "id" => id = Some(value.bytes()?),
            "name" => name = Some(value.text()?),
            "displayName" => display_name = Some(value.text()?),
            "icon" => _ = value.text()?,
            _ => {}
        }
    }
    let id = id.ok_or(Status::CborUnexpectedType)?; // MSG-41
    if id.len() > MAX_USER_ID {
        return Err(Status::InvalidLength); // MSG-47
    }
    Ok(User { id: id.to_vec(), name: stored_name(name), display_name: stored_name(display_name) })
}

/// A name as it is kept: cut, not refused (MC-78); an empty one is none.
fn stored_name(name: Option<&str>) -> Option<String> {
    name.filter(|name| !name.is_empty()).map(|name| truncated(name, MAX_NAME).into())
}

/// pubKeyCredParams with every member of its right type, present or not (MC-08, MSG-42).
fn typed_params(item: Item<'_>) -> Result<Item<'_>, Status> {
    item.array()?.try_for_each(|element| param(element).map(|_| ()))?;
    Ok(item)
}

/// One element's `type` and `alg`.
fn param(element: Item<'_>) -> Result<(Option<&str>, Option<i128>), Status> {
    let (mut ty, mut alg) = (None, None);
    for (key, value) in element.map()?.by_name() {
        match key {
            "type" => ty = Some(value.text()?),
            "alg" => alg = Some(value.integer()?),
            _ => {}
        }
    }
    Ok((ty, alg))
}

/// The first supported algorithm in the platform's order; every element is judged, whatever came before it
/// (MC-06 to MC-08).
fn choose_algorithm(params: Item<'_>, supported: &[Algorithm]) -> Result<Algorithm, Status> {
    let mut chosen = None;
    for element in params.array()? {
        let (Some(ty), Some(alg)) = param(element)? else { return Err(Status::InvalidCbor) };
        let usable = Algorithm::from_cose(alg).filter(|alg| supported.contains(alg));
        if ty == "public-key" {
            chosen = chosen.or(usable);
        }
    }
    chosen.ok_or(Status::UnsupportedAlgorithm)
}

/// A request that only needs a person: one who is verified, if it takes that, and who then consents.
pub(crate) struct Checked {
    client_data_hash: [u8; 32],
    rp: Rp,
    rp_id_hash: [u8; 32],
    user: User,
    algorithm: Algorithm,
    rk: bool,
    extensions: Extensions,
    exclude_list: Vec<Descriptor>,
    enterprise: bool,
    formats: Preference,
}

fn check(request: Request<'_>, view: View<'_>) -> Result<(Checked, Verified), Status> {
    let auth = request.auth.judge(view.config)?; // MC-04
    let algorithm = choose_algorithm(request.pub_key_cred_params, &view.config.algorithms)?; // MC-06
    let uv = wants_built_in_uv(request.options, auth.is_some(), view.policy())?; // MC-10
    let rk = check_options(request.options, view.config)?; // MC-11, MC-12
    if rk && request.user.id.is_empty() {
        return Err(Status::InvalidParameter); // MC-79
    }
    let uv = require_uv(uv, auth.is_some(), rk, view.policy())?; // MC-14 to MC-19
    let enterprise = enterprise(request.enterprise_attestation, &request.rp.id, &view)?; // MC-20 to MC-23
    request.extensions.check(rk)?;
    let verified = match auth.filter(|_| view.policy().protected()) {
        Some((mac, protocol)) => Verified::ByToken(view.session.token.authorize_for_rp(
            protocol,
            &request.client_data_hash,
            mac,
            Permissions::MAKE_CREDENTIAL,
            &request.rp.id,
        )?), // MC-25 to MC-27
        None if uv => Verified::ByFinger, // MC-28
        None => Verified::No,             // MC-24, MC-29
    };
    let checked = Checked {
        client_data_hash: request.client_data_hash,
        rp_id_hash: crypto::sha256(&[request.rp.id.as_bytes()]),
        rp: request.rp,
        user: request.user,
        algorithm,
        rk,
        extensions: request.extensions,
        exclude_list: request.exclude_list,
        enterprise,
        formats: request.formats,
    };
    Ok((checked, verified))
}

/// Whether the credential is to be discoverable.
fn check_options(options: Options, config: &Config) -> Result<bool, Status> {
    if options.rk.is_some() && !config.rk() {
        return Err(Status::UnsupportedOption); // MC-11
    }
    if options.up == Some(false) {
        return Err(Status::InvalidOption); // MC-12
    }
    Ok(options.rk == Some(true))
}

/// Whether a finger must verify the user. Refuses when user verification is required and cannot be had here.
fn require_uv(uv: bool, has_auth: bool, rk: bool, policy: Policy<'_>) -> Result<bool, Status> {
    if policy.always_uv() && !policy.protected() {
        return Err(policy.deny_always_uv()); // MC-15
    }
    if has_auth || uv {
        return Ok(uv);
    }
    if policy.always_uv() {
        return if policy.built_in_uv() { Ok(true) } else { Err(policy.deny_always_uv()) }; // MC-16, MC-17
    }
    if policy.protected() && (rk || !policy.make_cred_uv_not_rqd()) {
        return Err(policy.deny_uv()); // MC-18, MC-19
    }
    Ok(false)
}

/// Whether enterprise attestation is to be made: only where it is enabled may its value be wrong (MC-20 to MC-23).
fn enterprise(asked: Option<u64>, rp_id: &str, view: &View<'_>) -> Result<bool, Status> {
    let Some(mode) = asked else { return Ok(false) };
    let capable = view.config.authenticator_config.enterprise_attestation.as_ref();
    let enabled = capable.filter(|_| view.state.settings.enterprise_attestation);
    let enterprise = enabled.ok_or(Status::InvalidParameter)?;
    let listed = enterprise.rp_ids.iter().any(|listed| listed == rp_id);
    match mode {
        1 => Ok(listed),
        2 => Ok(listed || !enterprise.vendor_facilitated_only),
        _ => Err(Status::InvalidOption),
    }
}

impl Checked {
    /// The user is verified, or need not be. Looks for excluded credentials, and asks for a touch unless one came already
    /// (MC-31 to MC-35).
    pub(crate) fn go_on(
        self,
        verified: Option<UserVerified>,
        present: Option<UserPresent>,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        let excluded = self.finds_excluded(cx.places(), verified.is_some());
        let present = match (&verified, present) {
            (Some(_), None) => cx.session.token.take_presence(), // MC-35
            (_, present) => present,
        };
        let ready = Ready { checked: self, excluded, verified };
        match present {
            Some(present) => ready.commit(present, cx).map(Outcome::Done),
            None => {
                let question = ready.checked.question();
                cx.ask(question, Waiting::MakeCredential(Box::new(ready))) // MC-37
            }
        }
    }

    /// Some credential of the list lives here and may show itself (MC-31, MC-33).
    fn finds_excluded(&self, places: Places<'_>, verified: bool) -> bool {
        let found =
            self.exclude_list.iter().filter_map(|entry| entry.find(&self.rp_id_hash, places));
        { found }.any(|found| found.is_visible(verified))
    }

    /// Whoever sends it wants to know which key a person picks, and nothing else.
    fn is_dummy(&self) -> bool {
        !self.rk && dummy::is_ctap2(&self.rp.id)
    }

    /// The same question whether the credential is excluded or not (MC-60).
    pub(crate) fn question(&self) -> Question {
        if self.is_dummy() {
            return Question::touch(Action::Select);
        }
        let mut question = Question::touch(Action::Register);
        question.rp_id = Some(self.rp.id.clone());
        question.user = self.user.name.clone().or_else(|| self.user.display_name.clone());
        question
    }
}

/// A request that only needs a touch: the user is verified, or need not be.
pub(crate) struct Ready {
    checked: Checked,
    excluded: bool,
    verified: Option<UserVerified>,
}

impl Ready {
    /// A touch decides nothing any more: the answer is 0x19 (MC-32).
    pub(crate) const fn is_excluded(&self) -> bool {
        self.excluded
    }

    /// Makes the credential. It is stored last, when the response is complete but for its signature, so a failure leaves nothing
    /// behind (MC-43, EX-08).
    pub(crate) fn commit(
        self,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Reply, Status> {
        let Self { checked, excluded, verified } = self;
        if excluded {
            return Err(Status::CredentialExcluded);
        }
        let evidence = Evidence::of_presence(present, verified).told_with(cx.overrides);
        cx.session.token.consume(); // MC-36
        if !checked.is_dummy() {
            cx.taps.spend(); // NF-41
        }
        let salts = checked.extensions.open(cx)?; // MC-38
        if checked.rk && !checked.fits(cx) {
            return Err(Status::KeyStoreFull); // MC-40
        }
        let New { credential, pair, public } = checked.generate(cx)?;
        let new = (&credential, &public);
        let unsigned = checked.unsigned(new, pair, (salts.as_ref(), &evidence), cx)?;
        let reply = match checked.saving(&credential, cx)? {
            Some(save) => {
                let signed = cx.store.commit_while(save, || unsigned.signed());
                signed.map_err(|error| error.status(Status::KeyStoreFull))? // MC-40
            }
            None => {
                cx.store.still_kept()?;
                unsigned.signed()
            }
        };
        reply.ok_or(Status::Other)
    }
}

/// A credential that was just made, with its key ready to sign.
struct New {
    credential: Credential,
    pair: KeyPair,
    public: PublicKey,
}

/// What a commit is made of.
impl Checked {
    /// There is room, or the same account's old credential makes room (MC-40).
    fn fits(&self, cx: &Context<'_>) -> bool {
        let credentials = &cx.store.state().credentials;
        credentials.len() < cx.config.capacity
            || credentials.of_account(&self.rp_id_hash, &self.user.id).is_some()
    }

    /// What keeps a new credential (MC-40); `None`: it travels in its own id.
    fn saving(
        &self,
        credential: &Credential,
        cx: &mut Context<'_>,
    ) -> Result<Option<Change>, Status> {
        if credential.account.is_some() {
            let credential = Box::new(credential.duplicate());
            let cred_store_state = random_bytes(cx.rng);
            return Ok(Some(Change::SaveCredential { credential, cred_store_state }));
        }
        if !self.is_kept(cx.config) {
            return Ok(None);
        }
        if !cx.can_keep() {
            return Err(Status::KeyStoreFull);
        }
        let (rp, user) = (Some(self.rp.clone()), Some(self.user.clone()));
        let kept = Kept { credential: credential.duplicate(), rp, user };
        Ok(Some(Change::KeepCredential(Box::new(kept))))
    }

    /// It will not be discoverable, and this key keeps such ones too.
    fn is_kept(&self, config: &Config) -> bool {
        !self.rk && config.keeps_non_discoverable(self.algorithm) && !self.is_dummy()
    }

    /// A new key pair and its id (MC-39 to MC-41).
    fn generate(&self, cx: &mut Context<'_>) -> Result<New, Status> {
        let (key, pair) = PrivateKey::generate(self.algorithm, cx.rng).ok_or(Status::Other)?;
        let public = pair.public().ok_or(Status::Other)?;
        let contents = Contents {
            key,
            cred_protect: self.extensions.cred_protect(),
            third_party_payment: self.extensions.third_party_payment(),
            backup: cx.config.credentials.backup,
            counter: cx.config.credentials.counter(),
        };
        let length = cx.config.credential_id_length;
        let credential = match self.rk {
            true => self.discoverable(contents, public.cose(self.algorithm.cose()), cx),
            false if self.is_kept(cx.config) => contents.stored(&self.rp_id_hash, length, cx.rng),
            false => {
                let keys = &cx.session.sealing_keys;
                let sealed = keys.seal(contents, &self.rp_id_hash, length, cx.rng);
                sealed.ok_or(Status::Other)?
            }
        };
        Ok(New { credential, pair, public })
    }

    fn discoverable(
        &self,
        contents: Contents,
        public_key: Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Credential {
        let length = cx.config.credential_id_length;
        let credential = contents.stored(&self.rp_id_hash, length, cx.rng);
        Credential { account: Some(self.account(public_key, cx)), ..credential }
    }

    fn account(&self, public_key: Vec<u8>, cx: &mut Context<'_>) -> Account {
        Account {
            public_key,
            rp: self.rp.clone(),
            user: self.user.clone(),
            cred_blob: self.extensions.cred_blob().map(<[u8]>::to_vec),
            large_blob_key: self.extensions.wants_large_blob_key().then(|| Secret::random(cx.rng)),
            large_blob: self.extensions.large_blob(),
        }
    }

    /// Authenticator data, and who vouches for them (MC-42, MC-81).
    fn unsigned<'a, 'c: 'a>(
        &'a self,
        (credential, public): (&'a Credential, &'a PublicKey),
        pair: KeyPair,
        (salts, evidence): (Option<&Salts>, &'a Evidence),
        cx: &mut Context<'c>,
    ) -> Result<Unsigned<'a>, Status> {
        let statement = self.formats.choose(self.enterprise, self.algorithm, cx.config.means());
        let aaguid = statement.aaguid(&cx.config.aaguid);
        let signing_key = self.extensions.preview_sign();
        let signing_key = signing_key
            .map(|wanted| wanted.make(credential, aaguid, evidence, cx).ok_or(Status::Other))
            .transpose()?;
        let asked = Asked { rp_id: &self.rp.id, verified: evidence.verified() };
        let auth_data = AuthData {
            rp_id_hash: &self.rp_id_hash,
            evidence,
            backup: credential.backup,
            sign_count: cx.counter.of_new(credential.counter),
            attested: Some(AttestedCredential {
                aaguid,
                id: &credential.id,
                public_key: &public.cose(self.algorithm.cose()),
            }),
            extensions: self.extensions.outputs(credential, salts, asked, cx),
        }
        .encode();
        let signer = statement.signer(pair).ok_or(Status::Other)?;
        Ok(Unsigned { checked: self, credential, public, auth_data, signing_key, signer, evidence })
    }
}

/// A response that only needs its signature.
struct Unsigned<'a> {
    checked: &'a Checked,
    credential: &'a Credential,
    public: &'a PublicKey,
    auth_data: Vec<u8>,
    /// The authenticator data of the signing key that is made with it.
    signing_key: Option<Vec<u8>>,
    signer: Signer<'a>,
    evidence: &'a Evidence,
}

impl Unsigned<'_> {
    /// `None`: the arithmetic failed.
    fn signed(&self) -> Option<Reply> {
        let Self { checked, credential, public, auth_data, signer, evidence, .. } = self;
        let client_data_hash = &checked.client_data_hash;
        let attested = signer.attest(&Registration {
            credential,
            public,
            auth_data,
            client_data_hash,
            evidence,
        })?;
        let large_blob_key =
            credential.account.as_ref().and_then(|account| account.large_blob_key.as_ref());
        let signing_key = match &self.signing_key {
            Some(auth_data) => {
                Some(signer.attest_signing_key(auth_data, client_data_hash, evidence)?)
            }
            None => None,
        };
        let unsigned = checked.extensions.unsigned_outputs(checked.rk, signing_key.as_deref());
        let mut reply = MapWriter::new();
        reply.put(0x01_u8, attested.format).put(0x02_u8, Bytes(auth_data));
        reply.put(0x03_u8, attested.statement);
        reply.put_some(0x04_u8, checked.enterprise.then_some(true)); // MC-96
        reply.put_some(0x05_u8, large_blob_key.map(|key| Bytes(key.expose()))); // EX-60
        reply.put_some(0x06_u8, unsigned); // EX-73, PS-05
        Some(Reply::map(&reply))
    }
}
