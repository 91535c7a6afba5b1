//! CTAP section 6.7: authenticatorBioEnrollment.

use std::time::Duration;

use super::{code, mac_message};
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::error::{Error, ReplyFault};
use crate::exchange::Exchange;
use crate::fields::{Fields, FromCbor};
use crate::pin_protocol::PinUvAuthToken;
use crate::status::Status;

/// Subcommand numbers.
pub mod sub_command {
    /// enrollBegin
    pub const ENROLL_BEGIN: u64 = 0x01;
    /// enrollCaptureNextSample
    pub const ENROLL_CAPTURE_NEXT_SAMPLE: u64 = 0x02;
    /// cancelCurrentEnrollment
    pub const CANCEL_CURRENT_ENROLLMENT: u64 = 0x03;
    /// enumerateEnrollments
    pub const ENUMERATE_ENROLLMENTS: u64 = 0x04;
    /// setFriendlyName
    pub const SET_FRIENDLY_NAME: u64 = 0x05;
    /// removeEnrollment
    pub const REMOVE_ENROLLMENT: u64 = 0x06;
    /// getFingerprintSensorInfo
    pub const GET_FINGERPRINT_SENSOR_INFO: u64 = 0x07;
}

/// The only modality that exists.
pub const FINGERPRINT: u64 = 0x01;

/// A bioEnrollment request, member by member (MSG-17).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: the kind of sensor; [`FINGERPRINT`] is the only one.
    pub modality: Option<u64>,
    /// 02: the subcommand; see [`sub_command`].
    pub sub_command: Option<u64>,
    /// 03: its parameters, a map.
    pub sub_command_params: Option<Value>,
    /// 04: which PIN/UV auth protocol `pin_uv_auth_param` is made with: 1 or 2.
    pub pin_uv_auth_protocol: Option<u64>,
    /// 05: the MAC that proves the possession of the token; [`authorized_by`](Self::authorized_by) makes it.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// 06: asks for the modality, instead of a subcommand.
    pub get_modality: Option<bool>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// A request about fingerprints with nothing but its subcommand.
    #[must_use]
    pub fn new(sub_command: u64) -> Self {
        Self { modality: Some(FINGERPRINT), sub_command: Some(sub_command), ..Self::default() }
    }

    /// Adds the parameters of the subcommand.
    #[must_use]
    pub fn with_params(mut self, params: MapBuilder) -> Self {
        self.sub_command_params = Some(params.build());
        self
    }

    /// Fills in members 04 and 05: the MAC is over modality, subcommand and its encoded parameters (BE-11).
    #[must_use]
    pub fn authorized_by(mut self, token: &PinUvAuthToken) -> Self {
        let head = [self.modality, self.sub_command].map(|number| number.unwrap_or_default() as u8);
        let message = mac_message(&head, self.sub_command_params.as_ref());
        (self.pin_uv_auth_param, self.pin_uv_auth_protocol) = token.members_over(&message);
        self
    }

    /// The message as it goes to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        MapBuilder::new()
            .optional(0x01, self.modality)
            .optional(0x02, self.sub_command)
            .optional(0x03, self.sub_command_params.clone())
            .optional(0x04, self.pin_uv_auth_protocol)
            .optional(0x05, self.pin_uv_auth_param.as_deref())
            .optional(0x06, self.get_modality)
            .extra(&self.extra)
            .request(code::BIO_ENROLLMENT)
    }
}

/// A bioEnrollment reply, member by member (MSG-18).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// 01: the kind of sensor.
    pub modality: Option<u64>,
    /// 02: 1 touch, 2 swipe.
    pub fingerprint_kind: Option<u64>,
    /// 03: how many good samples an enrolment takes at most.
    pub max_capture_samples_required_for_enroll: Option<u64>,
    /// 04: the id of the finger; its bytes have no meaning for a platform.
    pub template_id: Option<Vec<u8>>,
    /// 05: the result of the sample, as a number; see [`SampleStatus`].
    pub last_enroll_sample_status: Option<u64>,
    /// 06: good samples still needed; 0: the finger is enrolled.
    pub remaining_samples: Option<u64>,
    /// 07: the fingers that are enrolled.
    pub template_infos: Option<Vec<Template>>,
    /// 08: the longest name of a finger, in bytes.
    pub max_template_friendly_name: Option<u64>,
}

impl Reply {
    /// Reads a reply (without its status byte).
    ///
    /// # Errors
    /// [`ReplyFault`]; the key's fault.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ReplyFault> {
        Self::read(Fields::parse(body, REPLY, strict)?)
    }

    fn read(mut members: Fields) -> Result<Self, ReplyFault> {
        Ok(Self {
            modality: members.take(0x01, "modality")?,
            fingerprint_kind: members.take(0x02, "fingerprintKind")?,
            max_capture_samples_required_for_enroll: members
                .take(0x03, "maxCaptureSamplesRequiredForEnroll")?,
            template_id: members.take(0x04, "templateId")?,
            last_enroll_sample_status: members.take(0x05, "lastEnrollSampleStatus")?,
            remaining_samples: members.take(0x06, "remainingSamples")?,
            template_infos: members.take(0x07, "templateInfos")?,
            max_template_friendly_name: members.take(0x08, "maxTemplateFriendlyName")?,
        })
    }

    fn sample(&self) -> Result<Sample, ReplyFault> {
        let status =
            self.last_enroll_sample_status.ok_or(ReplyFault::Missing("lastEnrollSampleStatus"))?;
        let remaining = self.remaining_samples.ok_or(ReplyFault::Missing("remainingSamples"))?;
        Ok(Sample { status: SampleStatus::from_number(status), remaining })
    }
}

/// An enrolled fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The name that other subcommands use for it.
    pub id: Vec<u8>,
    /// The name that people use for it.
    pub name: Option<String>,
}

impl FromCbor for Template {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value, name)?;
        Ok(Self { id: fields.require(0x01, name)?, name: fields.take(0x02, name)? })
    }
}

/// One sample of a finger during enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The result of the sample.
    pub status: SampleStatus,
    /// Good samples still needed; 0 means the finger is enrolled (BE-24).
    pub remaining: u64,
}

/// The result of a sample. Every number that a key may send has a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleStatus {
    /// 00: good.
    Good,
    /// 01: too high on the sensor.
    TooHigh,
    /// 02: too low.
    TooLow,
    /// 03: too far left.
    TooLeft,
    /// 04: too far right.
    TooRight,
    /// 05: swiped too fast.
    TooFast,
    /// 06: swiped too slowly.
    TooSlow,
    /// 07: of poor quality.
    PoorQuality,
    /// 08: at an angle.
    TooSkewed,
    /// 09: touched too shortly.
    TooShort,
    /// 0A: it does not fit the samples before: another finger.
    MergeFailure,
    /// 0B: this finger is enrolled already.
    Exists,
    /// 0D: nobody touched.
    NoUserActivity,
    /// 0E: the finger was not lifted between two samples.
    NoUserPresenceTransition,
    /// A number that the standard does not list.
    Unlisted(u64),
}

impl SampleStatus {
    /// The status with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        match number {
            0x00 => Self::Good,
            0x01 => Self::TooHigh,
            0x02 => Self::TooLow,
            0x03 => Self::TooLeft,
            0x04 => Self::TooRight,
            0x05 => Self::TooFast,
            0x06 => Self::TooSlow,
            0x07 => Self::PoorQuality,
            0x08 => Self::TooSkewed,
            0x09 => Self::TooShort,
            0x0A => Self::MergeFailure,
            0x0B => Self::Exists,
            0x0D => Self::NoUserActivity,
            0x0E => Self::NoUserPresenceTransition,
            other => Self::Unlisted(other),
        }
    }

    /// What to tell the person with the finger.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Good => "Good. Lift the finger and touch again until done.",
            Self::TooHigh => "The finger was too high. Place it lower.",
            Self::TooLow => "The finger was too low. Place it higher.",
            Self::TooLeft => "The finger was too far left. Place it further right.",
            Self::TooRight => "The finger was too far right. Place it further left.",
            Self::TooFast => "The finger was too fast. Take more time.",
            Self::TooSlow => "The finger was too slow. Take less time.",
            Self::PoorQuality => {
                "The print was not clear. Clean finger and sensor and touch again."
            }
            Self::TooSkewed => "The finger was at an angle. Place it straight.",
            Self::TooShort => "The touch was too short. Hold the finger longer.",
            Self::MergeFailure => {
                "The prints do not fit together. Touch again with the same finger."
            }
            Self::Exists => "This finger is enrolled already. Use another one.",
            Self::NoUserActivity => "No finger was seen. Touch the sensor.",
            Self::NoUserPresenceTransition => {
                "The finger stayed on the sensor. Lift it and touch again."
            }
            Self::Unlisted(_) => "The sensor could not use the touch. Touch again.",
        }
    }
}

/// The properties of the fingerprint sensor (BE-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SensorInfo {
    /// 1 touch, 2 swipe.
    pub fingerprint_kind: u64,
    /// How many good samples an enrolment takes at most.
    pub max_capture_samples: u64,
    /// The longest name of a finger, in bytes, if the key tells it.
    pub max_friendly_name: Option<u64>,
}

/// Those that take a token need one with `BIO_ENROLLMENT`.
impl<E: Exchange> Client<E> {
    /// Sends a request as it is, and reads the reply of a subcommand that has one.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn bio_enrollment(&mut self, request: &Request) -> Result<Reply, Error> {
        let members = self.call_for_map(&request.encode(), REPLY)?;
        Ok(Reply::read(members)?)
    }

    /// Asks what kind of biometrics the key reads: 1, a fingerprint (BE-01).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn bio_modality(&mut self) -> Result<u64, Error> {
        let reply =
            self.bio_enrollment(&Request { get_modality: Some(true), ..Request::default() })?;
        Ok(reply.modality.ok_or(ReplyFault::Missing("modality"))?)
    }

    /// Asks what the sensor is like.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn fingerprint_sensor_info(&mut self) -> Result<SensorInfo, Error> {
        let reply = self.bio_enrollment(&Request::new(sub_command::GET_FINGERPRINT_SENSOR_INFO))?;
        Ok(SensorInfo {
            fingerprint_kind: reply
                .fingerprint_kind
                .ok_or(ReplyFault::Missing("fingerprintKind"))?,
            max_capture_samples: reply
                .max_capture_samples_required_for_enroll
                .ok_or(ReplyFault::Missing("maxCaptureSamplesRequiredForEnroll"))?,
            max_friendly_name: reply.max_template_friendly_name,
        })
    }

    /// Begins to enrol a finger and waits for the first sample. Returns the new template's id.
    ///
    /// # Errors
    /// `FpDatabaseFull`, `KeepaliveCancel`, others of [`Error`].
    pub fn enroll_begin(
        &mut self,
        token: &PinUvAuthToken,
        timeout: Option<Duration>,
    ) -> Result<(Vec<u8>, Sample), Error> {
        let mut request = Request::new(sub_command::ENROLL_BEGIN);
        if let Some(timeout) = timeout {
            request = request.with_params(MapBuilder::new().member(0x03, millis(timeout)));
        }
        let reply = self.bio_enrollment(&request.authorized_by(token))?;
        let sample = reply.sample()?;
        Ok((reply.template_id.ok_or(ReplyFault::Missing("templateId"))?, sample))
    }

    /// Waits for the next sample of an enrolment that has begun.
    ///
    /// # Errors
    /// `InvalidOption` when another enrolment is under way, others of [`Error`].
    pub fn enroll_next(
        &mut self,
        token: &PinUvAuthToken,
        template_id: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Sample, Error> {
        let params =
            MapBuilder::new().member(0x01, template_id).optional(0x03, timeout.map(millis));
        let request = Request::new(sub_command::ENROLL_CAPTURE_NEXT_SAMPLE).with_params(params);
        let reply = self.bio_enrollment(&request.authorized_by(token))?;
        Ok(reply.sample()?)
    }

    /// Cancels the enrolment that has begun, if there is one.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn enroll_cancel(&mut self) -> Result<(), Error> {
        self.call_for_nothing(&Request::new(sub_command::CANCEL_CURRENT_ENROLLMENT).encode())
    }

    /// Lists the enrolled fingers. An empty list is not an error (BE-26).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn enumerate_enrollments(
        &mut self,
        token: &PinUvAuthToken,
    ) -> Result<Vec<Template>, Error> {
        let request = Request::new(sub_command::ENUMERATE_ENROLLMENTS).authorized_by(token);
        match self.bio_enrollment(&request) {
            Err(Error::Status(Status::InvalidOption)) => Ok(Vec::new()),
            outcome => Ok(outcome?.template_infos.ok_or(ReplyFault::Missing("templateInfos"))?),
        }
    }

    /// Names a finger.
    ///
    /// # Errors
    /// `InvalidOption` for an unknown template, `InvalidLength` for a name too long.
    pub fn set_friendly_name(
        &mut self,
        token: &PinUvAuthToken,
        template_id: &[u8],
        name: &str,
    ) -> Result<(), Error> {
        let params = MapBuilder::new().member(0x01, template_id).member(0x02, name);
        let request =
            Request::new(sub_command::SET_FRIENDLY_NAME).with_params(params).authorized_by(token);
        self.call_for_nothing(&request.encode())
    }

    /// Removes a finger.
    ///
    /// # Errors
    /// `InvalidOption` for an unknown template.
    pub fn remove_enrollment(
        &mut self,
        token: &PinUvAuthToken,
        template_id: &[u8],
    ) -> Result<(), Error> {
        let params = MapBuilder::new().member(0x01, template_id);
        let request =
            Request::new(sub_command::REMOVE_ENROLLMENT).with_params(params).authorized_by(token);
        self.call_for_nothing(&request.encode())
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

const REPLY: &str = "the bioEnrollment reply";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::{ScriptedKey, hex, token_of_v_06};

    #[test]
    fn the_macs_are_those_of_v_07() {
        let token = token_of_v_06();
        let enumerate = Request::new(sub_command::ENUMERATE_ENROLLMENTS).authorized_by(&token);
        let mac = "a7e619f5f020a118a25cb911cd2fdcbf450cbdc57f7d1bd5d1dc5831d12e5e86";
        assert_eq!(enumerate.pin_uv_auth_param, Some(hex(mac)));
        let params = MapBuilder::new().member(3, millis(Duration::from_secs(10)));
        let begin =
            Request::new(sub_command::ENROLL_BEGIN).with_params(params).authorized_by(&token);
        let mac = "6bbb0881a5b91af3083def9018f2f8dbfeda0759009de0d50d66a57688db35ca";
        assert_eq!(begin.pin_uv_auth_param, Some(hex(mac)));
    }

    #[test]
    fn protocol_and_mac_sit_at_04_and_05() {
        let request = Request {
            pin_uv_auth_protocol: Some(2),
            pin_uv_auth_param: Some(vec![7]),
            ..Request::new(4)
        };
        assert_eq!(request.encode(), hex("09a4010102040402054107"));
    }

    #[test]
    fn modality_and_sensor_need_no_token() {
        let key = ScriptedKey::default()
            .expect_hex("09a106f5", "00a10101")
            .expect_hex("09a201010207", "00a302010305081840")
            .expect_hex("09a201010203", "00");
        let mut client = Client::new(key);
        assert_eq!(client.bio_modality().unwrap(), FINGERPRINT);
        let expected =
            SensorInfo { fingerprint_kind: 1, max_capture_samples: 5, max_friendly_name: Some(64) };
        assert_eq!(client.fingerprint_sensor_info().unwrap(), expected);
        client.enroll_cancel().unwrap();
    }

    #[test]
    fn an_enrolment_goes_sample_by_sample() {
        let token = token_of_v_06();
        let next = Request::new(2).with_params(MapBuilder::new().member(1, vec![9]));
        let key = ScriptedKey::default()
            .expect(Request::new(1).authorized_by(&token).encode(), hex("00a304410905000602"))
            .expect(next.clone().authorized_by(&token).encode(), hex("00a205010602"))
            .expect(next.authorized_by(&token).encode(), hex("00a205000600"));
        let mut client = Client::new(key);
        let (id, first) = client.enroll_begin(&token, None).unwrap();
        assert_eq!(
            (id.as_slice(), first),
            ([9].as_slice(), Sample { status: SampleStatus::Good, remaining: 2 })
        );
        let second = client.enroll_next(&token, &id, None).unwrap();
        assert_eq!(second, Sample { status: SampleStatus::TooHigh, remaining: 2 });
        let last = client.enroll_next(&token, &id, None).unwrap();
        assert_eq!(last, Sample { status: SampleStatus::Good, remaining: 0 });
    }

    #[test]
    fn fingers_are_listed_named_and_removed() {
        let token = token_of_v_06();
        let list = Request::new(4).authorized_by(&token).encode();
        let rename =
            Request::new(5).with_params(MapBuilder::new().member(1, vec![9]).member(2, "thumb"));
        let remove = Request::new(6).with_params(MapBuilder::new().member(1, vec![9]));
        let key = ScriptedKey::default()
            .expect(&list, hex("00a10781a2014109026161"))
            .expect(rename.authorized_by(&token).encode(), [0])
            .expect(remove.authorized_by(&token).encode(), [0])
            .expect(&list, [0x2C]);
        let mut client = Client::new(key);
        let fingers = client.enumerate_enrollments(&token).unwrap();
        assert_eq!(fingers, [Template { id: vec![9], name: Some("a".to_owned()) }]);
        client.set_friendly_name(&token, &[9], "thumb").unwrap();
        client.remove_enrollment(&token, &[9]).unwrap();
        assert_eq!(client.enumerate_enrollments(&token).unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), strict: bool) {
            let _ = Reply::parse(&bytes, strict);
        }
    }
}
