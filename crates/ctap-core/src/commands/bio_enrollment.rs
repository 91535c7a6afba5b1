//! authenticatorBioEnrollment (0x09), CTAP 2.3 section 6.7 (BE-01 to BE-32), for a virtual fingerprint sensor.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::parameters::required;
use super::{Ask, Context, Outcome, Reply, Unanswered, Waiting};
use crate::cbor::{Array, Bytes, Item, Map, MapWriter};
use crate::change::Change;
use crate::config::FingerprintSensor;
use crate::consent::{Action, Finger, Gesture, Question, SampleFault};
use crate::crypto::random_bytes;
use crate::limits::{MAX_FRIENDLY_NAME, MAX_SAMPLE_TIMEOUT, USER_ACTION_TIMEOUT};
use crate::pin::Permissions;
use crate::state::{Fingerprint, State};
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x09;

/// The only modality (BE-01).
const FINGERPRINT: u8 = 1;
/// fingerprintKind: a sensor that is touched, not swiped.
const TOUCH_SENSOR: u8 = 1;

/// Dispatches in the order of BE-01 to BE-12.
pub(crate) fn run(parameters: &[u8], cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let request = Request::parse(parameters)?;
    if request.get_modality {
        return Ok(Outcome::Done(modality())); // BE-01
    }
    match required(request.sub_command)? {
        0x07 => Ok(Outcome::Done(sensor_info(cx))), // BE-04
        0x03 => {
            cx.session.enrollment = None; // BE-05
            Ok(Outcome::Done(Reply::EMPTY))
        }
        number @ (0x01 | 0x02 | 0x04..=0x06) => {
            authorize(&request, number as u8, cx)?;
            manage(number, request.params, cx)
        }
        _ => Err(Status::InvalidSubcommand), // BE-06
    }
}

/// A subcommand that may be run.
fn manage(number: u64, params: Params<'_>, cx: &mut Context<'_>) -> Result<Outcome, Status> {
    match number {
        0x01 => enroll_begin(&params, cx),
        0x02 => enroll_capture_next_sample(&params, cx),
        0x04 => enumerate_enrollments(cx).map(Outcome::Done),
        0x05 => set_friendly_name(&params, cx).map(Outcome::Done),
        _ => remove_enrollment(&params, cx).map(Outcome::Done),
    }
}

/// The request as it came, each member of its right type (MSG-17).
#[derive(Default)]
struct Request<'a> {
    modality: Option<u64>,
    sub_command: Option<u64>,
    params: Params<'a>,
    raw_params: &'a [u8],
    protocol: Option<u64>,
    param: Option<&'a [u8]>,
    get_modality: bool,
}

#[derive(Default)]
struct Params<'a> {
    template_id: Option<&'a [u8]>,
    friendly_name: Option<&'a str>,
    timeout: Option<u64>,
}

impl<'a> Request<'a> {
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let mut request = Self::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => request.modality = Some(value.unsigned()?),
                0x02 => request.sub_command = Some(value.unsigned()?),
                0x03 => {
                    request.params = Params::parse(value)?;
                    request.raw_params = value.raw();
                }
                0x04 => request.protocol = Some(value.unsigned()?),
                0x05 => request.param = Some(value.bytes()?),
                0x06 => request.get_modality = value.boolean()?, // BE-03
                _ => {}
            }
        }
        Ok(request)
    }
}

impl<'a> Params<'a> {
    fn parse(item: Item<'a>) -> Result<Self, Status> {
        let mut params = Self::default();
        for (key, value) in item.map()?.by_number() {
            match key {
                0x01 => params.template_id = Some(value.bytes()?),
                0x02 => params.friendly_name = Some(value.text()?),
                0x03 => params.timeout = Some(value.unsigned()?),
                _ => {}
            }
        }
        Ok(params)
    }
}

/// BE-07 to BE-12: what is missing, what is wrong, then the MAC over modality, subcommand and parameters.
fn authorize(request: &Request<'_>, sub_command: u8, cx: &mut Context<'_>) -> Result<(), Status> {
    let mac = request.param.ok_or(Status::PuatRequired)?; // BE-07
    let modality = required(request.modality)?; // BE-08
    if matches!(sub_command, 0x02 | 0x05 | 0x06) {
        required(request.params.template_id)?;
    }
    if sub_command == 0x05 {
        required(request.params.friendly_name)?;
    }
    let number = required(request.protocol)?;
    if modality != u64::from(FINGERPRINT) {
        return Err(Status::InvalidParameter); // BE-09
    }
    let protocol = cx.config.protocol(number).ok_or(Status::InvalidParameter)?;
    let name = request.params.friendly_name.filter(|_| sub_command == 0x05);
    if name.is_some_and(|name| name.len() > MAX_FRIENDLY_NAME) {
        return Err(Status::InvalidLength); // BE-10
    }
    let message: [&[u8]; 2] = [&[FINGERPRINT, sub_command], request.raw_params]; // BE-11
    cx.session.token.authorize(protocol, &message, mac, Permissions::BIO_ENROLLMENT) // BE-12
}

fn modality() -> Reply {
    let mut reply = MapWriter::new();
    reply.put(0x01_u8, FINGERPRINT);
    Reply::map(&reply)
}

fn sensor_info(cx: &Context<'_>) -> Reply {
    let samples = cx.policy().sensor().map(|sensor| sensor.samples);
    let mut reply = MapWriter::new();
    reply.put(0x02_u8, TOUCH_SENSOR).put_some(0x03_u8, samples).put(0x08_u8, MAX_FRIENDLY_NAME);
    Reply::map(&reply)
}

/// A finger that is being learned. Not bound to one token: the platform may get a new one for each sample.
pub(crate) struct Enrollment {
    template_id: Vec<u8>,
    /// Known from the first good sample on.
    finger: Option<u8>,
    /// Good samples still needed.
    remaining: u8,
}

/// BE-20: an unfinished enrolment is dropped.
fn enroll_begin(params: &Params<'_>, cx: &mut Context<'_>) -> Result<Outcome, Status> {
    cx.session.enrollment = None;
    let sensor = cx.policy().sensor().ok_or(Status::InvalidCommand)?;
    let FingerprintSensor { capacity, samples, .. } = *sensor;
    if cx.store.state().fingerprints.len() >= usize::from(capacity) {
        return Err(Status::FpDatabaseFull);
    }
    let template_id = random_bytes::<16>(cx.rng).to_vec();
    let sample = Sample { first: Some(template_id.clone()), remaining: samples };
    cx.session.enrollment = Some(Enrollment { template_id, finger: None, remaining: samples });
    Ok(sample.ask(params))
}

/// BE-22: only the enrolment that is running.
fn enroll_capture_next_sample(
    params: &Params<'_>,
    cx: &mut Context<'_>,
) -> Result<Outcome, Status> {
    let running = cx.session.enrollment.as_ref();
    let named = running.filter(|running| params.template_id == Some(&running.template_id));
    let remaining = named.ok_or(Status::InvalidOption)?.remaining;
    Ok(Sample { first: None, remaining }.ask(params))
}

/// Waits for a sample of the running enrolment.
pub(crate) struct Sample {
    /// The template that the answer to the first sample names.
    first: Option<Vec<u8>>,
    /// Good samples still needed.
    remaining: u8,
}

impl Sample {
    fn ask(self, params: &Params<'_>) -> Outcome {
        let timeout = params.timeout.map_or(USER_ACTION_TIMEOUT, Duration::from_millis);
        let timeout = timeout.clamp(Duration::from_millis(1), MAX_SAMPLE_TIMEOUT);
        let question = Question { gesture: Gesture::Finger, ..Question::touch(Action::Enroll) };
        Outcome::Ask(Ask { question, waiting: Waiting::Enroll(self), timeout })
    }

    /// A finger was shown (BE-23 to BE-25). A good sample brings the enrolment forward, and the last one stores it.
    pub(crate) fn commit(mut self, finger: Finger, cx: &mut Context<'_>) -> Result<Reply, Status> {
        let Some(mut enrollment) = cx.session.enrollment.take() else {
            return Err(Status::NotAllowed);
        };
        let fault = enrollment.take_sample(finger, cx.store.state());
        self.remaining = enrollment.remaining;
        let reply = self.reply(fault);
        match (enrollment.remaining, enrollment.finger) {
            (0, Some(finger)) => {
                let template_id = enrollment.template_id;
                let learned = Fingerprint { template_id, friendly_name: None, finger };
                let stored = cx.store.commit(Change::SaveFingerprint(learned));
                stored.map_err(|error| error.status(Status::FpDatabaseFull))?;
            }
            _ => cx.session.enrollment = Some(enrollment),
        }
        Ok(reply)
    }

    /// Nobody came: that is the status of the sample, not of the command (BE-21).
    pub(crate) fn refuse(self, why: Unanswered) -> Result<Reply, Status> {
        match why {
            Unanswered::Denied => Err(Status::OperationDenied),
            Unanswered::TimedOut => Ok(self.reply(Some(SampleFault::NoUserActivity))),
        }
    }

    fn reply(&self, fault: Option<SampleFault>) -> Reply {
        let mut reply = MapWriter::new();
        reply.put_some(0x04_u8, self.first.as_deref().map(Bytes));
        reply.put(0x05_u8, fault.map_or(0, |fault| fault as u8));
        reply.put(0x06_u8, self.remaining);
        Reply::map(&reply)
    }
}

impl Enrollment {
    /// The fault of the sample; `None`: it was good and counts.
    fn take_sample(&mut self, finger: Finger, state: &State) -> Option<SampleFault> {
        let shown = match finger {
            Finger::Unreadable(fault) => return Some(fault),
            Finger::Number(number) => number,
            Finger::Fitting => self.finger.unwrap_or_else(|| new_finger(state)),
        };
        if state.fingers().any(|known| known == shown) {
            return Some(SampleFault::Exists); // BE-25
        }
        if *self.finger.get_or_insert(shown) != shown {
            return Some(SampleFault::MergeFailure);
        }
        self.remaining = self.remaining.saturating_sub(1);
        None
    }
}

/// The first finger that is not enrolled.
fn new_finger(state: &State) -> u8 {
    let is_new = |number: &u8| state.fingers().all(|known| known != *number);
    (1..=u8::MAX).find(is_new).unwrap_or(0)
}

/// BE-26: none is 0x2C. A finger without a name has an empty one (BE-32), because python-fido2 wants the member.
fn enumerate_enrollments(cx: &Context<'_>) -> Result<Reply, Status> {
    let fingerprints = &cx.store.state().fingerprints;
    if fingerprints.is_empty() {
        return Err(Status::InvalidOption);
    }
    let infos = fingerprints.values().map(|fingerprint| {
        let mut info = MapWriter::new();
        info.put(0x01_u8, Bytes(&fingerprint.template_id));
        info.put(0x02_u8, fingerprint.friendly_name.as_deref().unwrap_or_default());
        info
    });
    let mut reply = MapWriter::new();
    reply.put(0x07_u8, Array(infos));
    Ok(Reply::map(&reply))
}

/// The enrolled finger with this template; an unknown one is 0x2C (BE-27, BE-28).
fn enrolled(params: &Params<'_>, cx: &Context<'_>) -> Result<Fingerprint, Status> {
    let fingerprints = &cx.store.state().fingerprints;
    let found = fingerprints.values().find(|known| params.template_id == Some(&known.template_id));
    found.cloned().ok_or(Status::InvalidOption)
}

fn set_friendly_name(params: &Params<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    let mut fingerprint = enrolled(params, cx)?;
    fingerprint.friendly_name = params.friendly_name.map(String::from);
    cx.store.commit(Change::SaveFingerprint(fingerprint))?;
    Ok(Reply::EMPTY)
}

fn remove_enrollment(params: &Params<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    let Fingerprint { template_id, .. } = enrolled(params, cx)?;
    cx.store.commit(Change::RemoveFingerprint { template_id })?;
    Ok(Reply::EMPTY)
}
