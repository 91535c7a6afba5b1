//! One file for each command of the standard, and the parts that they share.
//!
//! A command that may ask a person has three parts. `check` reads the request and the state; it refuses, or returns
//! a value. The value holds the question while the person decides. `commit` takes the value and the proof of the
//! answer. If the user may have to be verified first, the value of `check` cannot be committed yet: `go_on` turns
//! it into one that can.

pub(crate) mod bio_enrollment;
pub(crate) mod client_pin;
pub(crate) mod config;
pub(crate) mod credential_management;
pub(crate) mod dummy;
pub(crate) mod get_assertion;
pub(crate) mod get_info;
pub(crate) mod get_next_assertion;
pub(crate) mod large_blobs;
pub(crate) mod make_credential;
pub(crate) mod parameters;
pub(crate) mod probe;
pub(crate) mod reset;
pub(crate) mod selection;
pub(crate) mod u2f;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::CryptoRng;

use self::parameters::{Candidate, Places};
use crate::cbor::{MapWriter, to_vec};
use crate::change::Change;
use crate::channel::Channel;
use crate::config::Config;
use crate::consent::{Finger, Question, UserPresent};
use crate::counter::SignCounter;
use crate::credential::{Counter, Kept};
use crate::limits::{MAX_CAPACITY, USER_ACTION_TIMEOUT};
use crate::memory::MemoryError;
use crate::overrides::Overrides;
use crate::policy::Policy;
use crate::session::Session;
use crate::state::State;
use crate::status::Status;
use crate::store::Store;
use crate::taps::{Presence, Taps};
use crate::transport::Transport;
use crate::uses::Uses;
use crate::uv::Verification;

/// All that a command may use while it commits.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) session: &'a mut Session,
    pub(crate) taps: &'a mut Taps,
    pub(crate) counter: &'a mut SignCounter,
    pub(crate) uses: &'a mut Uses,
    pub(crate) channel: Channel,
    pub(crate) overrides: Overrides,
    pub(crate) store: &'a mut Store,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) now: Duration,
}

/// All that a command may use while it checks: nothing durable can change through it. The session can, because a token is
/// marked as used, and bound to a relying party, before the user is asked (MC-27).
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) state: &'a State,
    pub(crate) session: &'a mut Session,
}

impl Context<'_> {
    pub(crate) fn view(&mut self) -> View<'_> {
        View { config: self.config, state: self.store.state(), session: self.session }
    }

    pub(crate) fn policy(&self) -> Policy<'_> {
        Policy { config: self.config, state: self.store.state() }
    }

    /// Has a person agree to what waits. Over NFC they did by the tap, or they cannot (NF-40, MC-37, GA-34); over every other
    /// transport they are asked.
    pub(crate) fn ask(&mut self, question: Question, waiting: Waiting) -> Result<Outcome, Status> {
        if self.session.transport != Transport::Nfc {
            return Ok(Outcome::ask(question, waiting));
        }
        match self.taps.presence(self.now) {
            Presence::Tapped(present) => waiting.commit(Finger::Fitting, present, self),
            Presence::Refused => waiting.refuse(Unanswered::Denied).map(Outcome::Done),
            Presence::Missing => Err(Status::UpRequired),
        }
    }

    /// The counter of the next signature with this credential, durable before the signature can be made (GA-31). `None`: the store has
    /// it no more.
    pub(crate) fn count(&mut self, candidate: &Candidate) -> Result<Option<u32>, MemoryError> {
        let Some(credential) = candidate.credential(self.store.state()) else { return Ok(None) };
        let (id, counter, backup) = (credential.id.clone(), credential.counter, credential.backup);
        let number = match counter {
            Counter::OfKey => self.counter.next(self.store)?,
            Counter::Zero => 0,
            Counter::Own(last) => {
                let next = last.saturating_add(1);
                let (id, counter) = (id.clone(), Counter::Own(next));
                self.store.commit(Change::CredentialProperties { id, backup, counter })?;
                next
            }
        };
        self.uses.add(id);
        Ok(Some(number))
    }

    /// There is room for another credential that is not discoverable.
    pub(crate) fn can_keep(&self) -> bool {
        self.store.state().kept().len() < MAX_CAPACITY
    }

    /// Keeps a credential that is not discoverable.
    pub(crate) fn keep(&mut self, kept: Kept) -> Result<(), MemoryError> {
        if !self.can_keep() {
            return Err(MemoryError::Full);
        }
        self.store.commit(Change::KeepCredential(Box::new(kept)))
    }

    pub(crate) fn places(&self) -> Places<'_> {
        Places { state: self.store.state(), sealing_keys: &self.session.sealing_keys }
    }
}

impl View<'_> {
    pub(crate) const fn policy(&self) -> Policy<'_> {
        Policy { config: self.config, state: self.state }
    }
}

/// How far a command got without a person.
pub(crate) enum Outcome {
    /// All the way.
    Done(Reply),
    /// Up to a question.
    Ask(Ask),
}

/// A question, and what goes on when it is answered.
pub(crate) struct Ask {
    pub(crate) question: Question,
    pub(crate) waiting: Waiting,
    /// How long the person has.
    pub(crate) timeout: Duration,
}

impl Outcome {
    /// Asks with the usual time to think.
    pub(crate) const fn ask(question: Question, waiting: Waiting) -> Self {
        Self::Ask(Ask { question, waiting, timeout: USER_ACTION_TIMEOUT })
    }
}

/// The answer to a successful command: its output, or none (MSG-03).
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    /// Success without output.
    pub(crate) const EMPTY: Self = Self(Vec::new());

    /// Success with an output map.
    pub(crate) fn map(map: &MapWriter) -> Self {
        Self(to_vec(map))
    }

    /// The whole message: status `00`, then the output.
    pub(crate) fn into_message(self) -> Vec<u8> {
        [&[0], &self.0[..]].concat()
    }
}

/// A command that waits for a person, holding all it needs to go on.
pub(crate) enum Waiting {
    MakeCredential(Box<make_credential::Ready>),
    GetAssertion(Box<get_assertion::Located>),
    Probe(probe::Probe),
    Reset(reset::Checked),
    Selection(selection::Checked),
    Verify(Verification),
    Enroll(bio_enrollment::Sample),
}

/// Why nobody approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    Denied,
    TimedOut,
}

/// Runs the command in `message` as far as it goes without a person.
pub(crate) fn start(message: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let (&command, parameters) = message.split_first().ok_or(Status::InvalidCommand)?; // MSG-06
    if cx.config.versions.is_empty() {
        return Err(Status::InvalidCommand); // it speaks U2F alone
    }
    if message.len() > cx.config.max_msg_size {
        cx.session.drop_walk();
        return Err(Status::RequestTooLarge); // MSG-62
    }
    let command = current_number(command, cx.config);
    // These three know which of their requests go on with a walk; every other command ends it (MSG-82).
    match command {
        get_next_assertion::COMMAND => return get_next_assertion::run(cx).map(Outcome::Done),
        credential_management::COMMAND if cx.config.manages_credentials() => {
            return credential_management::run(parameters, cx).map(Outcome::Done);
        }
        large_blobs::COMMAND if cx.config.large_blobs.is_some() => {
            return large_blobs::run(parameters, cx).map(Outcome::Done);
        }
        _ => cx.session.drop_walk(),
    }
    match command {
        make_credential::COMMAND => make_credential::start(parameters, cx),
        get_assertion::COMMAND => get_assertion::start(parameters, cx),
        get_info::COMMAND => Ok(Outcome::Done(get_info::run(cx))),
        client_pin::COMMAND if cx.config.agrees_on_keys() => client_pin::run(parameters, cx),
        reset::COMMAND => reset::start(cx),
        bio_enrollment::COMMAND if cx.config.enrolls_fingers() => {
            bio_enrollment::run(parameters, cx)
        }
        selection::COMMAND if cx.config.is_later_than_20() => selection::start(cx),
        config::COMMAND if cx.config.can_be_configured() => {
            config::run(parameters, cx).map(Outcome::Done)
        }
        _ => Err(Status::InvalidCommand), // MSG-05
    }
}

/// Whether the command in `message` may ask anything of the memory before it has ended. `false` is certain, and told after a
/// look: some that would not write are among those that may.
pub(crate) fn may_write(message: &[u8], policy: Policy<'_>, counter: &SignCounter) -> bool {
    let Some((&command, parameters)) = message.split_first() else { return false };
    match current_number(command, policy.config) {
        get_info::COMMAND => false,
        get_assertion::COMMAND | get_next_assertion::COMMAND => {
            get_assertion::may_write(policy) || !counter.is_at_hand(policy.state)
        }
        client_pin::COMMAND => client_pin::may_write(parameters),
        credential_management::COMMAND => credential_management::may_write(parameters),
        _ => true,
    }
}

/// Two commands also answer to the numbers of their prototypes, because libfido2 up to 1.12 knows no others; the messages
/// are the same (CM-50, BE-42). By itself getInfo does not announce it: FIDO_2_1_PRE would claim more than that. A key whose getInfo
/// does may know those numbers alone.
fn current_number(command: u8, config: &Config) -> u8 {
    let (both, sensor) = (config.prototype_commands, config.fingerprints.as_ref());
    match command {
        0x40 if both || sensor.is_some_and(|sensor| sensor.bio_enroll_preview) => {
            bio_enrollment::COMMAND
        }
        0x41 if both || config.credential_mgmt_preview => credential_management::COMMAND,
        bio_enrollment::COMMAND if sensor.is_some_and(|sensor| !sensor.bio_enroll) => NO_COMMAND,
        credential_management::COMMAND if !config.credential_management => NO_COMMAND,
        command => command,
    }
}

/// A number that no command has.
const NO_COMMAND: u8 = 0x00;

impl Waiting {
    /// The person did something: on a fingerprint question `finger` counts, on every other it is a touch.
    pub(crate) fn commit(
        self,
        finger: Finger,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        match self {
            Self::MakeCredential(ready) => ready.commit(present, cx).map(Outcome::Done),
            Self::GetAssertion(located) => located.commit(present, cx).map(Outcome::Done),
            Self::Probe(probe) => Err(probe.answer(present)),
            Self::Reset(checked) => checked.commit(present, cx),
            Self::Selection(checked) => Ok(Outcome::Done(checked.commit(present))),
            Self::Verify(verification) => verification.shown(finger, present, cx),
            Self::Enroll(sample) => sample.commit(finger, cx).map(Outcome::Done),
        }
    }

    /// The question asks for a finger, not just for a touch.
    pub(crate) const fn wants_finger(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::Enroll(_))
    }

    /// The person refused, or did nothing for too long.
    pub(crate) fn refuse(self, why: Unanswered) -> Result<Reply, Status> {
        match (self, why) {
            (Self::Verify(verification), _) => Err(verification.refuse(why)),
            (Self::Enroll(sample), _) => sample.refuse(why),
            // Whether the touch came or not must not tell whether the credential is here (MC-32).
            (Self::MakeCredential(ready), _) if ready.is_excluded() => {
                Err(Status::CredentialExcluded)
            }
            (Self::Reset(_) | Self::Selection(_), Unanswered::TimedOut) => {
                Err(Status::UserActionTimeout)
            }
            _ => Err(Status::OperationDenied), // MC-35, GA-20, SL-02, RS-07
        }
    }
}

impl MemoryError {
    /// The refusal, where `full` says that there is no room left.
    pub(crate) const fn status(self, full: Status) -> Status {
        match self {
            Self::Full => full,
            Self::Failed => Status::Other,
        }
    }
}

/// A full medium counts as well: 0x28 says that there is no room for credentials, and removing some would not help
/// when a PIN try is paid or a signature is counted.
impl From<MemoryError> for Status {
    fn from(_: MemoryError) -> Self {
        Self::Other
    }
}
