//! authenticatorMakeCredential (0x01), CTAP 2.3 section 6.1. The order of the code is the order of MC-01 to MC-42.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::parameters::{
    Descriptor, Options, PinUvAuth, client_data_hash, required, truncated,
};
use super::probe::Probe;
use super::{Context, Outcome, Reply, View, Waiting};
use crate::algorithm::{Algorithm, PrivateKey};
use crate::auth_data::{AttestedCredential, AuthData};
use crate::cbor::{Bytes, Item, Map, MapWriter};
use crate::consent::{Action, Evidence, Question, UserPresent, UserVerified};
use crate::credential::{Account, CredRandom, Credential, LargeBlob, Rp, User};
use crate::credential_id::{self, Policy};
use crate::crypto;
use crate::extensions::registration::Extensions;
use crate::limits::{MAX_NAME, MAX_RP_ID, MAX_USER_ID};
use crate::pin::Permissions;
use crate::status::Status;
use crate::store::{Change, State, random_bytes};

pub(crate) const COMMAND: u8 = 0x01;

/// Checks the request and asks for a touch, unless one came with the pinUvAuthToken (MC-35).
pub(crate) fn start(parameters: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let request = Request::parse(parameters)?;
    if request.auth.is_probe() {
        return Ok(Probe::ask(cx.store.state().pin.is_some())); // MC-02
    }
    let checked = check(request, cx.view())?;
    match cx.session.token.take_presence() {
        Some(present) if checked.verified.is_some() => checked.commit(present, cx).map(Outcome::Done),
        _ => Ok(Outcome::Ask(checked.question(), Waiting::MakeCredential(Box::new(checked)))),
    }
}

/// The request as it came, each member of its right type (MSG-10).
struct Request<'a> {
    client_data_hash: [u8; 32],
    rp: Rp,
    user: User,
    pub_key_cred_params: Item<'a>,
    exclude_list: Vec<Descriptor<'a>>,
    extensions: Extensions,
    options: Options,
    auth: PinUvAuth<'a>,
    enterprise_attestation: Option<u64>,
}

impl<'a> Request<'a> {
    /// Wrong types outrank absent members (MSG-44).
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let (mut hash, mut rp, mut user, mut params) = (None, None, None, None);
        let (mut exclude_list, mut extensions) = (Vec::new(), Extensions::default());
        let (mut options, mut auth) = (Options::default(), PinUvAuth::default());
        let mut enterprise_attestation = None;
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => hash = Some(value.bytes()?),
                0x02 => rp = Some(parse_rp(value.map()?)?),
                0x03 => user = Some(parse_user(value.map()?)?),
                0x04 => params = Some(typed_params(value)?),
                0x05 => exclude_list = Descriptor::parse_list(value)?,
                0x06 => extensions = Extensions::parse(value.map()?)?,
                0x07 => options = Options::parse(value.map()?)?,
                0x08 => auth.param = Some(value.bytes()?),
                0x09 => auth.protocol = Some(value.unsigned()?),
                0x0a => enterprise_attestation = Some(value.unsigned()?),
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
        })
    }
}

/// The name of a relying party must be text although nobody needs it (MC-80).
fn parse_rp(map: Map<'_>) -> Result<Rp, Status> {
    let (mut id, mut name) = (None, None);
    for (key, value) in map.by_name() {
        match key {
            "id" => id = Some(value.text()?),
            "name" => name = Some(value.text()?),
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

/// A request that only needs a person's consent.
pub(crate) struct Checked {
    client_data_hash: [u8; 32],
    rp: Rp,
    rp_id_hash: [u8; 32],
    user: User,
    algorithm: Algorithm,
    rk: bool,
    extensions: Extensions,
    excluded: bool,
    verified: Option<UserVerified>,
}

fn check(request: Request<'_>, view: View<'_>) -> Result<Checked, Status> {
    let auth = request.auth.judge(view.config)?; // MC-04
    let algorithm = choose_algorithm(request.pub_key_cred_params, &view.config.algorithms)?; // MC-06
    let rk = check_options(request.options, auth.is_some(), &view)?; // MC-10 to MC-12
    let protected = view.state.pin.is_some();
    if protected && auth.is_none() && (rk || !view.config.make_cred_uv_not_rqd) {
        return Err(Status::PuatRequired); // MC-18, MC-19
    }
    if request.enterprise_attestation.is_some() {
        return Err(Status::InvalidParameter); // MC-20: not capable
    }
    let verified = match auth.filter(|_| protected) {
        Some((mac, protocol)) => Some(view.session.token.authorize_for_rp(
            protocol,
            &request.client_data_hash,
            mac,
            Permissions::MAKE_CREDENTIAL,
            &request.rp.id,
        )?), // MC-25 to MC-27
        None => None, // MC-24, MC-29
    };
    let rp_id_hash = crypto::sha256(&[request.rp.id.as_bytes()]);
    let excluded = is_excluded(&request.exclude_list, &rp_id_hash, view.state, verified.is_some());
    Ok(Checked {
        client_data_hash: request.client_data_hash,
        rp: request.rp,
        rp_id_hash,
        user: request.user,
        algorithm,
        rk,
        extensions: request.extensions,
        excluded,
        verified,
    })
}

/// Whether the credential is to be discoverable.
fn check_options(options: Options, has_auth: bool, view: &View<'_>) -> Result<bool, Status> {
    if options.uv == Some(true) && !has_auth {
        return Err(Status::InvalidOption); // MC-10: no built-in user verification
    }
    if options.rk.is_some() && !view.config.rk {
        return Err(Status::UnsupportedOption); // MC-11
    }
    if options.up == Some(false) {
        return Err(Status::InvalidOption); // MC-12
    }
    Ok(options.rk == Some(true))
}

/// Some credential of the list lives here and may show itself (MC-31, MC-33).
fn is_excluded(
    list: &[Descriptor<'_>],
    rp_id_hash: &[u8; 32],
    state: &State,
    verified: bool,
) -> bool {
    list.iter()
        .filter_map(|descriptor| descriptor.find(rp_id_hash, state))
        .any(|found| found.is_visible(verified))
}

impl Checked {
    /// The same question whether the credential is excluded or not (MC-60).
    fn question(&self) -> Question {
        let mut question = Question::touch(Action::Register);
        question.rp_id = Some(self.rp.id.clone());
        question.user = self.user.name.clone().or_else(|| self.user.display_name.clone());
        question
    }

    /// A touch decides nothing any more: the answer is 0x19 (MC-32).
    pub(crate) const fn is_excluded(&self) -> bool {
        self.excluded
    }

    /// Makes the credential. It is stored last, when the response is complete, so a failure leaves nothing behind (MC-43).
    pub(crate) fn commit(mut self, present: UserPresent, cx: &mut Context<'_>) -> Result<Reply, Status> {
        if self.excluded {
            return Err(Status::CredentialExcluded);
        }
        let evidence = Evidence::of_presence(present, self.verified.take());
        cx.session.token.consume(); // MC-36
        if self.rk && !self.fits(cx) {
            return Err(Status::KeyStoreFull); // MC-40
        }
        let credential = self.generate(cx)?;
        let reply = self.reply(&credential, &evidence, cx)?;
        if credential.account.is_some() {
            let cred_store_state = random_bytes(cx.rng);
            cx.store.commit(Change::SaveCredential { credential, cred_store_state })?;
        }
        Ok(reply)
    }

    /// There is room, or the same account's old credential makes room (MC-40).
    fn fits(&self, cx: &Context<'_>) -> bool {
        let credentials = &cx.store.state().credentials;
        let replaces = credentials.iter().any(|credential| {
            let user = credential.account.as_ref().map(|account| &account.user.id);
            credential.rp_id_hash == self.rp_id_hash && user == Some(&self.user.id)
        });
        replaces || credentials.len() < cx.config.capacity
    }

    /// A new key pair and its id (MC-39 to MC-41).
    fn generate(&self, cx: &mut Context<'_>) -> Result<Credential, Status> {
        let key = PrivateKey::generate(self.algorithm, cx.rng);
        if !self.rk {
            return self.seal(&key, cx);
        }
        Ok(Credential {
            id: credential_id::random(cx.rng),
            rp_id_hash: self.rp_id_hash,
            key,
            cred_protect: self.extensions.cred_protect(),
            cred_random: CredRandom::random(cx.rng),
            third_party_payment: false,
            account: Some(Account {
                rp: self.rp.clone(),
                user: self.user.clone(),
                cred_blob: None,
                large_blob_key: None,
                large_blob: LargeBlob::Unsupported,
            }),
        })
    }

    /// A credential that lives in its own id, exactly as it will be found again.
    fn seal(&self, key: &PrivateKey, cx: &mut Context<'_>) -> Result<Credential, Status> {
        let policy = Policy {
            key,
            cred_protect: self.extensions.cred_protect(),
            third_party_payment: false,
        };
        let wrapping_key = &cx.store.state().wrapping_key;
        let id = credential_id::seal(&policy, &self.rp_id_hash, wrapping_key, cx.rng);
        id.and_then(|id| credential_id::open(&id, &self.rp_id_hash, wrapping_key)).ok_or(Status::Other)
    }

    /// Authenticator data, attestation, response (MC-42, MC-81).
    fn reply(
        &self,
        credential: &Credential,
        evidence: &Evidence,
        cx: &Context<'_>,
    ) -> Result<Reply, Status> {
        let public_key = credential.key.cose_public_key().ok_or(Status::Other)?;
        let auth_data = AuthData {
            rp_id_hash: &self.rp_id_hash,
            evidence,
            sign_count: cx.counter.current(),
            attested: Some(AttestedCredential {
                aaguid: &cx.config.aaguid,
                id: &credential.id,
                public_key: &public_key,
            }),
            extensions: self.extensions.outputs(),
        }
        .encode();
        let attestation = cx
            .config
            .attestation
            .attest(&credential.key, &[&auth_data, &self.client_data_hash], evidence)
            .ok_or(Status::Other)?;
        let mut reply = MapWriter::new();
        reply.put(0x01_u8, attestation.format).put(0x02_u8, Bytes(&auth_data));
        reply.put(0x03_u8, attestation.statement);
        Ok(Reply::map(&reply))
    }
}
