//! authenticatorGetAssertion (0x02), CTAP 2.3 section 6.2. The order of the code is the order of GA-01 to GA-32.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::parameters::{Descriptor, Found, Options, PinUvAuth, client_data_hash, required};
use super::probe::Probe;
use super::{Context, Outcome, Reply, View, Waiting};
use crate::auth_data::AuthData;
use crate::cbor::{Bytes, Map, MapWriter};
use crate::consent::{Action, Evidence, Question, SilentRequest, UserPresent, UserVerified};
use crate::credential::{CredProtect, Credential, User};
use crate::crypto;
use crate::extensions::assertion::Extensions;
use crate::pin::Permissions;
use crate::session::Walk;
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x02;

/// Checks the request and asks for a touch, unless it is silent or a touch came with the pinUvAuthToken (GA-20, GA-21).
pub(crate) fn start(parameters: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let request = Request::parse(parameters)?;
    if request.auth.is_probe() {
        return Ok(Probe::ask(cx.store.state().pin.is_some())); // GA-02
    }
    let up = request.options.up.unwrap_or(true);
    let checked = check(request, cx.view())?;
    if let Some(silent) = SilentRequest::from_up_option(up) {
        return checked.commit_silently(silent, cx).map(Outcome::Done);
    }
    match cx.session.token.take_presence() {
        Some(present) if checked.verified.is_some() => checked.commit(present, cx).map(Outcome::Done),
        _ => Ok(Outcome::Ask(checked.question(), Waiting::GetAssertion(Box::new(checked)))),
    }
}

/// The request as it came, each member of its right type (MSG-12).
struct Request<'a> {
    rp_id: &'a str,
    client_data_hash: [u8; 32],
    allow_list: Option<Vec<Descriptor<'a>>>,
    extensions: Extensions,
    options: Options,
    auth: PinUvAuth<'a>,
}

impl<'a> Request<'a> {
    /// Wrong types outrank absent members (MSG-44).
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let (mut rp_id, mut hash, mut allow_list) = (None, None, None);
        let (mut options, mut auth) = (Options::default(), PinUvAuth::default());
        let mut extensions = Extensions::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => rp_id = Some(value.text()?),
                0x02 => hash = Some(value.bytes()?),
                0x03 => allow_list = Some(Descriptor::parse_list(value)?),
                0x04 => extensions = Extensions::parse(value.map()?)?,
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

/// A request with at least one credential that applies; it only needs a person's consent, or none.
pub(crate) struct Checked {
    rp_id: String,
    rp_id_hash: [u8; 32],
    client_data_hash: [u8; 32],
    extensions: Extensions,
    candidates: Candidates,
    verified: Option<UserVerified>,
}

fn check(request: Request<'_>, view: View<'_>) -> Result<Checked, Status> {
    let auth = request.auth.judge(view.config)?; // GA-03
    if request.options.uv == Some(true) && auth.is_none() {
        return Err(Status::InvalidOption); // GA-05: no built-in user verification
    }
    if request.options.rk.is_some() {
        return Err(Status::UnsupportedOption); // GA-06
    }
    let protected = view.state.pin.is_some();
    let verified = match auth.filter(|_| protected) {
        Some((mac, protocol)) => Some(view.session.token.authorize_for_rp(
            protocol,
            &request.client_data_hash,
            mac,
            Permissions::GET_ASSERTION,
            request.rp_id,
        )?), // GA-10
        None => None, // GA-12, GA-13
    };
    let rp_id_hash = crypto::sha256(&[request.rp_id.as_bytes()]);
    let candidates = match &request.allow_list {
        Some(list) => Candidates::listed(list, &rp_id_hash, &view, verified.is_some()),
        None => Candidates::discovered(&rp_id_hash, &view, verified.is_some()),
    };
    Ok(Checked {
        rp_id: request.rp_id.into(),
        rp_id_hash,
        client_data_hash: request.client_data_hash,
        extensions: request.extensions,
        candidates: candidates.ok_or(Status::NoCredentials)?, // GA-17
        verified,
    })
}

/// The credentials that apply: never none.
enum Candidates {
    /// One, from its id.
    Sealed(Box<Credential>),
    /// Ids of stored ones, the next to be used last.
    Stored(Vec<Vec<u8>>),
}

impl Candidates {
    /// The first one of the allowList that lives here (GA-14, GA-15, GA-24). An empty list names none (GA-22).
    fn listed(
        list: &[Descriptor<'_>],
        rp_id_hash: &[u8; 32],
        view: &View<'_>,
        verified: bool,
    ) -> Option<Self> {
        let found = list
            .iter()
            .filter_map(|descriptor| descriptor.find(rp_id_hash, view.state))
            .find(|found| found.is_visible(verified))?;
        Some(match found {
            Found::Sealed(credential) => Self::Sealed(Box::new(credential)),
            Found::Stored(credential) => Self::Stored(alloc::vec![credential.id.clone()]),
        })
    }

    /// All discoverable ones that may show themselves, the newest first to be used (GA-14 to GA-16, GA-26).
    fn discovered(rp_id_hash: &[u8; 32], view: &View<'_>, verified: bool) -> Option<Self> {
        let visible = |credential: &&Credential| {
            credential.rp_id_hash == *rp_id_hash
                && (verified || credential.cred_protect == CredProtect::UvOptional)
        };
        let found = view.state.credentials.iter().filter(visible);
        let ids: Vec<_> = found.map(|credential| credential.id.clone()).collect();
        (!ids.is_empty()).then_some(Self::Stored(ids))
    }
}

impl Checked {
    /// Names the user when only one is in question.
    fn question(&self) -> Question {
        let mut question = Question::touch(Action::SignIn);
        question.rp_id = Some(self.rp_id.clone());
        question
    }

    /// After a touch: the token's flags and permissions are spent (GA-20).
    pub(crate) fn commit(mut self, present: UserPresent, cx: &mut Context<'_>) -> Result<Reply, Status> {
        let by_token = self.verified.is_some();
        let evidence = Evidence::of_presence(present, self.verified.take());
        cx.session.token.consume();
        self.assert(evidence, by_token, cx)
    }

    /// Without one: the token stays as it is (GA-21).
    fn commit_silently(mut self, silent: SilentRequest, cx: &mut Context<'_>) -> Result<Reply, Status> {
        let by_token = self.verified.is_some();
        let evidence = Evidence::of_silence(silent, self.verified.take());
        self.assert(evidence, by_token, cx)
    }

    fn assert(self, evidence: Evidence, by_token: bool, cx: &mut Context<'_>) -> Result<Reply, Status> {
        let terms = Terms {
            rp_id_hash: self.rp_id_hash,
            client_data_hash: self.client_data_hash,
            extensions: self.extensions,
            evidence,
        };
        let ids = match self.candidates {
            Candidates::Sealed(credential) => {
                return terms.sign(&credential, cx).map(|reply| Reply::map(&reply));
            }
            Candidates::Stored(ids) => ids,
        };
        let count = ids.len();
        let mut assertions = Assertions { terms, ids };
        let mut reply = assertions.next(cx)?.ok_or(Status::NoCredentials)?;
        if assertions.has_more() {
            reply.put(0x05_u8, count); // GA-27; omitted when it is 1 (GA-25)
            cx.session.continue_with(Walk::Assertions(assertions), cx.channel, by_token, cx.now);
        }
        Ok(Reply::map(&reply))
    }
}

/// The assertions of one getAssertion that are still to be given, by getNextAssertion (GA-53).
pub(crate) struct Assertions {
    terms: Terms,
    /// The next one last.
    ids: Vec<Vec<u8>>,
}

impl Assertions {
    /// Signs with the next credential that still exists; `None`: that was all (GA-58).
    pub(crate) fn next(&mut self, cx: &mut Context<'_>) -> Result<Option<MapWriter>, Status> {
        while let Some(id) = self.ids.pop() {
            let reservation = cx.counter.next(cx.store)?;
            if let Some(credential) = cx.store.state().credential(&id) {
                return self.terms.sign_with(credential, reservation).map(Some);
            }
        }
        Ok(None)
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.ids.is_empty()
    }
}

/// What every assertion of one getAssertion has in common.
struct Terms {
    rp_id_hash: [u8; 32],
    client_data_hash: [u8; 32],
    extensions: Extensions,
    evidence: Evidence,
}

impl Terms {
    /// The counter is advanced, durably, before the signature can leave (GA-31).
    fn sign(&self, credential: &Credential, cx: &mut Context<'_>) -> Result<MapWriter, Status> {
        let sign_count = cx.counter.next(cx.store)?;
        self.sign_with(credential, sign_count)
    }

    fn sign_with(&self, credential: &Credential, sign_count: u32) -> Result<MapWriter, Status> {
        let auth_data = AuthData {
            rp_id_hash: &self.rp_id_hash,
            evidence: &self.evidence,
            sign_count,
            attested: None,
            extensions: self.extensions.outputs(credential),
        }
        .encode();
        let signature = credential
            .key
            .sign(&[&auth_data, &self.client_data_hash], &self.evidence)
            .ok_or(Status::Other)?; // GA-30
        let user = credential.account.as_ref().map(|account| &account.user);
        let mut reply = MapWriter::new();
        reply.put(0x01_u8, descriptor_map(&credential.id)); // GA-33
        reply.put(0x02_u8, Bytes(&auth_data)).put(0x03_u8, Bytes(&signature));
        reply.put_some(0x04_u8, user.map(|user| user_map(user, self.evidence.verified())));
        Ok(reply)
    }
}

/// `PublicKeyCredentialDescriptor`.
pub(crate) fn descriptor_map(id: &[u8]) -> MapWriter {
    let mut map = MapWriter::new();
    map.put("id", Bytes(id)).put("type", "public-key");
    map
}

/// `PublicKeyCredentialUserEntity`: names only for a verified user (GA-29).
pub(crate) fn user_map(user: &User, with_names: bool) -> MapWriter {
    let mut map = MapWriter::new();
    map.put("id", Bytes(&user.id));
    if with_names {
        map.put_some("name", user.name.as_deref());
        map.put_some("displayName", user.display_name.as_deref());
    }
    map
}
