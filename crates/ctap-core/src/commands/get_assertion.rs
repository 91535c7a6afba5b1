//! authenticatorGetAssertion (0x02), CTAP 2.3 section 6.2. The order of the code is the order of GA-01 to GA-32.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::parameters::{
    Candidate, Descriptor, Options, PinUvAuth, Places, Verified, client_data_hash, required,
    wants_built_in_uv,
};
use super::probe::Probe;
use super::{Context, Outcome, Reply, View, Waiting};
use crate::auth_data::AuthData;
use crate::cbor::{Bytes, Map, MapWriter};
use crate::change::Change;
use crate::config::Config;
use crate::consent::{Action, Evidence, Question, SilentRequest, UserPresent, UserVerified};
use crate::credential::{Credential, LargeBlob, User};
use crate::crypto;
use crate::extensions::assertion::{Extensions, Opened};
use crate::extensions::cred_protect::{Via, permits};
use crate::extensions::large_blob::{self, Access};
use crate::memory::MemoryError;
use crate::pin::Permissions;
use crate::policy::Policy;
use crate::session::Walk;
use crate::state::State;
use crate::status::Status;
use crate::uv::{Purpose, Retries, Verification};

pub(crate) const COMMAND: u8 = 0x02;

/// Checks the request, then has the user verified by finger if that is what it takes, or goes straight on.
pub(crate) fn start(parameters: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let request = Request::parse(parameters, cx.config)?;
    if request.auth.is_probe() && cx.policy().has_tokens() {
        return Probe::ask(cx); // GA-02
    }
    match check(request, cx.view())? {
        (checked, Verified::ByFinger) => {
            Verification::begin(Purpose::GetAssertion(Box::new(checked)), Retries::Internal, cx)
        }
        (checked, Verified::No) => checked.go_on(None, None, cx),
        (checked, Verified::ByToken(verified)) => checked.go_on(Some(verified), None, cx),
    }
}

/// Whether assertions may write more than the key's counter: the price of a finger (CP-142), a large blob (EX-76), or the counter
/// of a credential (MC-77).
pub(crate) fn may_write(policy: Policy<'_>) -> bool {
    policy.built_in_uv()
        || policy.config.extensions.large_blob.is_some()
        || policy.state.credentials.count_themselves()
}

/// The request as it came, each member of its right type (MSG-12).
struct Request<'a> {
    rp_id: &'a str,
    client_data_hash: [u8; 32],
    /// An empty one is as if it were absent (GA-22).
    allow_list: Option<Vec<Descriptor>>,
    extensions: Extensions,
    options: Options,
    auth: PinUvAuth<'a>,
}

impl<'a> Request<'a> {
    /// Wrong types outrank absent members (MSG-44).
    fn parse(parameters: &'a [u8], config: &Config) -> Result<Self, Status> {
        let (mut rp_id, mut hash, mut allow_list) = (None, None, None);
        let (mut options, mut auth) = (Options::default(), PinUvAuth::default());
        let mut extensions = Extensions::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => rp_id = Some(value.text()?),
                0x02 => hash = Some(value.bytes()?),
                0x03 => {
                    allow_list =
                        Some(Descriptor::parse_list(value, config)?).filter(|list| !list.is_empty())
                }
                0x04 => extensions = Extensions::parse(value.map()?, config)?,
                0x05 => options = Options::parse(value.map()?)?,
                0x06 => auth.param = Some(value.bytes()?),
                0x07 => auth.protocol = Some(value.unsigned()?),
                _ => {}
            }
        }
        Ok(Self {
            rp_id: required(rp_id)?,
            client_data_hash: client_data_hash(required(hash)?)?,
            allow_list,
            extensions,
            options,
            auth,
        })
    }
}

/// A request that only needs a person: one who is verified, if it takes that, and who then consents, unless it is
/// silent.
pub(crate) struct Checked {
    rp_id: String,
    rp_id_hash: [u8; 32],
    client_data_hash: [u8; 32],
    allow_list: Option<Vec<Descriptor>>,
    extensions: Extensions,
    up: bool,
    /// A token verifies the user, and what it began ends with it (GA-59).
    by_token: bool,
}

fn check(request: Request<'_>, view: View<'_>) -> Result<(Checked, Verified), Status> {
    let auth = request.auth.judge(view.config)?; // GA-03
    let uv = wants_built_in_uv(request.options, auth.is_some(), view.policy())?; // GA-05
    if request.options.rk.is_some() {
        return Err(Status::UnsupportedOption); // GA-06
    }
    let up = request.options.up.unwrap_or(true); // GA-07
    let uv = require_uv(uv, auth.is_some(), up, view.policy())?; // GA-08, GA-09
    request.extensions.check(up, request.allow_list.is_some())?;
    let verified = match auth.filter(|_| view.policy().protected()) {
        Some((mac, protocol)) => Verified::ByToken(view.session.token.authorize_for_rp(
            protocol,
            &request.client_data_hash,
            mac,
            Permissions::GET_ASSERTION,
            request.rp_id,
        )?), // GA-10
        None if uv => Verified::ByFinger, // GA-11
        None => Verified::No,             // GA-12, GA-13
    };
    let checked = Checked {
        rp_id: request.rp_id.into(),
        rp_id_hash: crypto::sha256(&[request.rp_id.as_bytes()]),
        client_data_hash: request.client_data_hash,
        allow_list: request.allow_list,
        extensions: request.extensions,
        up,
        by_token: matches!(verified, Verified::ByToken(_)),
    };
    Ok((checked, verified))
}

/// Whether a finger must verify the user. alwaysUv lets silent requests alone (GA-09) and refuses the others unless the user
/// can be verified here (GA-08).
fn require_uv(uv: bool, has_auth: bool, up: bool, policy: Policy<'_>) -> Result<bool, Status> {
    if !policy.always_uv() || !up {
        return Ok(uv);
    }
    match policy.protected() {
        false => Err(policy.deny_always_uv()),
        true if has_auth || uv => Ok(uv),
        true if policy.built_in_uv() => Ok(true),
        true => Err(policy.deny_always_uv()),
    }
}

/// The first one of the allowList that lives here (GA-14, GA-15, GA-24).
fn listed(
    list: &[Descriptor],
    rp_id_hash: &[u8; 32],
    places: Places<'_>,
    verified: bool,
) -> Vec<Candidate> {
    let found = list.iter().filter_map(|descriptor| descriptor.find(rp_id_hash, places));
    let first = { found }.find(|found| found.is_visible(verified));
    first.map(Candidate::from).into_iter().collect()
}

/// All discoverable ones that may show themselves, the newest last (GA-14 to GA-16).
fn discovered(rp_id_hash: &[u8; 32], state: &State, verified: bool) -> Vec<Candidate> {
    let visible =
        |credential: &&Credential| permits(credential.cred_protect, Via::Discovery, verified);
    let found = state.credentials.of_rp(rp_id_hash).filter(visible);
    found.map(|credential| Candidate::Stored(credential.id.clone())).collect()
}

impl Checked {
    /// The user is verified, or need not be. Locates the credentials, and asks for a touch unless one came already or none
    /// is wanted (GA-14 to GA-21). Without a credential it asks, too (GA-18), if no user is verified yet: a platform that
    /// asks several keys at once takes the first answer for all, so this must be the one that a person picks.
    pub(crate) fn go_on(
        self,
        verified: Option<UserVerified>,
        present: Option<UserPresent>,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        let found = self.locate(cx.places(), verified.is_some());
        if found.is_empty() && (verified.is_some() || !self.up) {
            return Err(Status::NoCredentials); // GA-17
        }
        let present = match (&verified, present) {
            (Some(_), None) if self.up => cx.session.token.take_presence(), // GA-20
            (_, present) => present,
        };
        let silent = SilentRequest::from_up_option(self.up);
        let located = Located { checked: self, found, verified };
        match (present, silent) {
            (Some(present), _) => located.commit(present, cx).map(Outcome::Done), // GA-19, GA-40
            (None, Some(silent)) => located.commit_silently(silent, cx).map(Outcome::Done),
            (None, None) => {
                cx.ask(located.question(cx), Waiting::GetAssertion(Box::new(located))) // GA-34
            }
        }
    }

    /// The credentials that apply (GA-14 to GA-16).
    fn locate(&self, places: Places<'_>, verified: bool) -> Vec<Candidate> {
        match &self.allow_list {
            Some(list) => listed(list, &self.rp_id_hash, places, verified),
            None => discovered(&self.rp_id_hash, places.state, verified),
        }
    }

    /// The question to a person. The account is not known yet.
    pub(crate) fn question(&self) -> Question {
        let mut question = Question::touch(Action::SignIn);
        question.rp_id = Some(self.rp_id.clone());
        question
    }
}

/// A request that only needs a touch, or not even that: the user is verified, or need not be.
pub(crate) struct Located {
    checked: Checked,
    found: Vec<Candidate>,
    verified: Option<UserVerified>,
}

impl Located {
    /// Names the user when there is only one.
    fn question(&self, cx: &Context<'_>) -> Question {
        let only = match self.found.as_slice() {
            [only] => only.credential(cx.store.state()),
            _ => None,
        };
        let user =
            only.and_then(|credential| credential.account.as_ref()).map(|account| &account.user);
        let name = user.and_then(|user| user.name.clone().or_else(|| user.display_name.clone()));
        Question { user: name, ..self.checked.question() }
    }

    /// After a touch: the token's flags and permissions are spent (GA-20), and so is a tap.
    pub(crate) fn commit(
        self,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Reply, Status> {
        if self.found.is_empty() {
            return Err(Status::NoCredentials); // GA-18
        }
        let evidence = Evidence::of_presence(present, self.verified).told_with(cx.overrides);
        cx.session.token.consume();
        cx.taps.spend(); // NF-41
        self.checked.assert(self.found, evidence, cx)
    }

    /// Without one: the token stays as it is (GA-21).
    fn commit_silently(self, silent: SilentRequest, cx: &mut Context<'_>) -> Result<Reply, Status> {
        let evidence = Evidence::of_silence(silent, self.verified).told_with(cx.overrides);
        self.checked.assert(self.found, evidence, cx)
    }
}

/// The common part of both ways to commit.
impl Checked {
    fn assert(
        self,
        found: Vec<Candidate>,
        evidence: Evidence,
        cx: &mut Context<'_>,
    ) -> Result<Reply, Status> {
        let may_write = self.allow_list.is_some() && evidence.present(); // EX-76, EX-77
        let count = found.len();
        let first = found.first().and_then(|candidate| candidate.credential(cx.store.state()));
        let extensions = self.extensions.open(first, &evidence, cx)?; // GA-23
        let terms = Terms {
            rp_id_hash: self.rp_id_hash,
            client_data_hash: self.client_data_hash,
            extensions,
            with_names: count > 1 && evidence.verified(),
            evidence,
            may_write,
        };
        let mut assertions = Assertions { terms, left: found };
        let number = (count > 1).then_some(count); // GA-25
        let reply = assertions.next(number, cx)?.ok_or(Status::NoCredentials)?;
        if assertions.has_more() {
            let walk = Walk::Assertions(assertions);
            cx.session.continue_with(walk, cx.channel, self.by_token, cx.now); // GA-27, GA-57
        }
        Ok(Reply::map(&reply))
    }
}

/// The assertions of one getAssertion that are still to be given, by getNextAssertion (GA-53).
pub(crate) struct Assertions {
    terms: Terms,
    /// The next one last: newest first (GA-26).
    left: Vec<Candidate>,
}

impl Assertions {
    /// Signs with the next credential that still exists; `None`: that was all (GA-58). `number`: numberOfCredentials.
    pub(crate) fn next(
        &mut self,
        number: Option<usize>,
        cx: &mut Context<'_>,
    ) -> Result<Option<MapWriter>, Status> {
        while let Some(candidate) = self.left.pop() {
            let Some(sign_count) = cx.count(&candidate)? else { continue }; // GA-31
            let unsigned = self.terms.large_blob(&candidate, cx)?;
            if let Some(credential) = candidate.credential(cx.store.state()) {
                let parts = Parts { sign_count, number, unsigned };
                return self.terms.sign(credential, parts, cx.rng).map(Some);
            }
        }
        Ok(None)
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.left.is_empty()
    }
}

/// The part that all assertions of one getAssertion share.
struct Terms {
    rp_id_hash: [u8; 32],
    client_data_hash: [u8; 32],
    extensions: Opened,
    /// There is a choice, and the user is verified: only then the names are needed (GA-29).
    with_names: bool,
    evidence: Evidence,
    may_write: bool,
}

/// The part that differs in each assertion.
struct Parts {
    sign_count: u32,
    number: Option<usize>,
    unsigned: Option<MapWriter>,
}

impl Terms {
    fn sign(
        &self,
        credential: &Credential,
        parts: Parts,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Result<MapWriter, Status> {
        let auth_data = AuthData {
            rp_id_hash: &self.rp_id_hash,
            evidence: &self.evidence,
            backup: credential.backup,
            sign_count: parts.sign_count,
            attested: None,
            extensions: self.extensions.outputs(credential, &self.evidence, rng),
        }
        .encode();
        let signed: [&[u8]; 2] = [&auth_data, &self.client_data_hash];
        let signature = credential.key.sign(&signed, &self.evidence).ok_or(Status::Other)?; // GA-30
        let user = credential.account.as_ref().map(|account| &account.user);
        let large_blob_key = self.extensions.large_blob_key(credential);
        let mut reply = MapWriter::new();
        reply.put(0x01_u8, descriptor_map(&credential.id)); // GA-33
        reply.put(0x02_u8, Bytes(&auth_data)).put(0x03_u8, Bytes(&signature));
        reply.put_some(0x04_u8, user.map(|user| user_map(user, self.with_names)));
        reply.put_some(0x05_u8, parts.number);
        reply.put_some(0x07_u8, large_blob_key.map(|key| Bytes(key))); // GA-32
        reply.put_some(0x08_u8, parts.unsigned);
        Ok(reply)
    }

    /// Reads or writes the credential's own large blob; the answer is an unsigned output (EX-75, EX-76).
    fn large_blob(
        &self,
        candidate: &Candidate,
        cx: &mut Context<'_>,
    ) -> Result<Option<MapWriter>, Status> {
        let credential = candidate.credential(cx.store.state());
        let account =
            credential.and_then(|credential| Some((&credential.id, credential.account.as_ref()?)));
        match (self.extensions.large_blob(), account) {
            (None, _) | (Some(Access::Read), None) => Ok(None),
            (Some(Access::Read), Some((_, account))) => Ok(large_blob::read(&account.large_blob)),
            (Some(Access::Write { blob, original_size }), Some((id, account)))
                if self.may_write && fits(blob, &account.large_blob, cx.config) =>
            {
                let (id, blob, original_size) = (id.clone(), blob.clone(), *original_size);
                let large_blob = LargeBlob::Written { blob, original_size };
                match cx.store.commit(Change::SaveLargeBlob { id, large_blob }) {
                    Err(MemoryError::Failed) => Err(Status::Other),
                    stored => Ok(Some(large_blob::written(stored.is_ok()))),
                }
            }
            (Some(Access::Write { .. }), _) => Ok(Some(large_blob::written(false))),
        }
    }
}

/// The credential was made for large blobs, and this one is not too large (EX-76).
fn fits(blob: &[u8], place: &LargeBlob, config: &Config) -> bool {
    *place != LargeBlob::Unsupported
        && config.extensions.large_blob.is_some_and(|max| blob.len() <= max)
}

/// `PublicKeyCredentialDescriptor`.
pub(crate) fn descriptor_map(id: &[u8]) -> MapWriter {
    let mut map = MapWriter::new();
    map.put("id", Bytes(id)).put("type", "public-key");
    map
}

/// `PublicKeyCredentialUserEntity`: the names are not for everybody (GA-29).
pub(crate) fn user_map(user: &User, with_names: bool) -> MapWriter {
    let mut map = MapWriter::new();
    map.put("id", Bytes(&user.id));
    if with_names {
        map.put_some("name", user.name.as_deref());
        map.put_some("displayName", user.display_name.as_deref());
    }
    map
}
