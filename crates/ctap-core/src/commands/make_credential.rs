//! authenticatorMakeCredential (0x01), CTAP 2.3 section 6.1. The order of the code is the order of MC-01 to MC-42.
//!
//! ```text
//!   request.rs   its members, each of its right type
//!   commit.rs    the credential and the response, once a person has consented
//! ```

mod commit;
mod request;

use alloc::boxed::Box;
use alloc::vec::Vec;

use self::request::{Request, choose_algorithm};
use super::parameters::{Descriptor, Options, Places, Verified, wants_built_in_uv};
use super::probe::Probe;
use super::{Context, Outcome, View, Waiting, dummy};
use crate::algorithm::Algorithm;
use crate::attestation::Preference;
use crate::config::Config;
use crate::consent::{Action, Question, UserPresent, UserVerified};
use crate::credential::{Rp, User};
use crate::crypto;
use crate::extensions::registration::Extensions;
use crate::pin::Permissions;
use crate::policy::Policy;
use crate::status::Status;
use crate::uv::{Purpose, Retries, Verification};

pub(crate) use self::request::parse_user;

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

    /// Such a platform only wants to know which key a person chooses.
    fn is_dummy(&self) -> bool {
        !self.rk && dummy::is_ctap2(&self.rp.id)
    }

    /// The question is the same, whether the credential is excluded or not (MC-60).
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
}
