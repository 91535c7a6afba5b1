//! The needs of a case: what a key must have so that the case can be run.

use std::fmt;

use apdu_transport::Version;
use ctap_client::commands::code;
use ctap_client::{Status, Value, names};
use hid_transport::Capabilities;

use crate::case::{Start, is_hid};
use crate::notation::SyntaxError;
use crate::notation::eval::find;
use crate::play::reports::KEEPALIVE;
use crate::script::{Asking, Line, Person, Piece, Proof, Statuses, Step};
use crate::transport::{CONDITIONS_NOT_SATISFIED, Hand};

/// Something a key must have, or must not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    wanted: bool,
    feature: Feature,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Feature {
    Ctap2,
    U2f,
    Hid,
    Card,
    Wink,
    Lock,
    Pin,
    Uv,
    /// Present and true.
    Option(String),
    /// Present.
    Offers(String),
    Extension(String),
    Version(String),
    Transport(String),
    Protocol(u64),
    Algorithm(i64),
    /// A member of getInfo.
    Member(u64),
    /// A member of getInfo that is at least this number.
    AtLeast(u64, i128),
    /// A subcommand of authenticatorConfig.
    Config(u64),
    /// It waits for a person where it has to, and does not approve by itself.
    Person,
}

/// What a key announces.
#[derive(Clone)]
pub(crate) struct Offer {
    /// getInfo's map; `None` for a key without CTAP2.
    pub(crate) info: Option<Value>,
    /// `None` where there is no CTAPHID.
    pub(crate) capabilities: Option<Capabilities>,
    /// A card's answer to SELECT; `None` for a key that is not a card.
    pub(crate) selected: Option<Vec<u8>>,
    /// Whether it does not refuse CTAPHID_LOCK as unknown (HD-62): no capability says so.
    pub(crate) locks: bool,
    /// Whether it waits for a person: no capability says so either.
    pub(crate) waits: bool,
    /// The algorithm with which the suite makes credentials, by its COSE number: one that the key has.
    pub(crate) algorithm: i64,
}

impl Need {
    /// Reads `no extension credBlob` and the like.
    ///
    /// # Errors
    /// The text, if it is no need.
    pub(crate) fn read(text: &str) -> Result<Self, SyntaxError> {
        let (wanted, words) = match text.strip_prefix("no ") {
            Some(words) => (false, words),
            None => (true, text),
        };
        let feature = Feature::read(words).ok_or_else(|| {
            SyntaxError(format!("“{text}” is not something that a case can need"))
        })?;
        Ok(Self { wanted, feature })
    }

    /// That the key has this algorithm, by its COSE number.
    pub(crate) const fn algorithm(number: i64) -> Self {
        Self { wanted: true, feature: Feature::Algorithm(number) }
    }

    /// The needs that the steps themselves show.
    pub(crate) fn of(steps: &[Line], start: Start) -> Vec<Self> {
        let mut features = Vec::new();
        for line in steps {
            features.extend(members_used(&line.text).map(Feature::Member));
            if is_about_a_person(line.step.once()) {
                features.push(Feature::Person);
            }
            match line.step.once() {
                Step::U2f { .. } => features.push(Feature::U2f),
                Step::Token(request) if request.by == Proof::BuiltInUv => {
                    features.push(Feature::Uv);
                }
                Step::SetPin(_) | Step::ChangePin(..) | Step::Token(_) | Step::Agree(_) => {
                    features.push(Feature::Pin);
                }
                Step::Enroll { .. } => features.push(Feature::Offers("bioEnroll".to_owned())),
                Step::Ctap { command, expected, .. } => {
                    features.push(Feature::Ctap2);
                    if *command == code::CONFIG && !may_be_unknown(&expected.statuses) {
                        features.push(Feature::Option("authnrCfg".to_owned()));
                    }
                }
                Step::Transmit { .. } => features.push(Feature::Card),
                step if is_hid(step) => features.push(Feature::Hid),
                _ => {}
            }
        }
        match start {
            Start::Any | Start::Empty => {}
            Start::Pin => features.push(Feature::Pin),
            Start::Finger => {
                features.extend([Feature::Pin, Feature::Offers("bioEnroll".to_owned())]);
            }
        }
        let needs = features.into_iter().map(|feature| Self { wanted: true, feature });
        needs.collect()
    }

    /// Why a key that offers this cannot be tested with a case that has this need.
    pub(crate) fn unmet_by(&self, offer: &Offer) -> String {
        match self.feature {
            Feature::Person if offer.takes_taps() => TAP_IS_TOUCH.to_owned(),
            _ => self.to_string(),
        }
    }

    /// Whether the key fits.
    pub(crate) fn is_met_by(&self, offer: &Offer) -> bool {
        self.feature.is_in(offer) == self.wanted
    }
}

impl Feature {
    fn read(words: &str) -> Option<Self> {
        let (kind, name) = words.split_once(' ').unwrap_or((words, ""));
        Some(match (kind, name) {
            ("ctap2", "") => Self::Ctap2,
            ("u2f", "") => Self::U2f,
            ("hid", "") => Self::Hid,
            ("card", "") => Self::Card,
            ("wink", "") => Self::Wink,
            ("lock", "") => Self::Lock,
            ("pin", "") => Self::Pin,
            ("uv", "") => Self::Uv,
            ("person", "") => Self::Person,
            (_, "") => return None,
            ("option", name) => Self::Option(name.to_owned()),
            ("offers", name) => Self::Offers(name.to_owned()),
            ("extension", name) => Self::Extension(name.to_owned()),
            ("version", name) => Self::Version(name.to_owned()),
            ("transport", name) => Self::Transport(name.to_owned()),
            ("protocol", number) => Self::Protocol(unsigned(number)?),
            ("algorithm", number) => Self::Algorithm(number.parse().ok()?),
            ("member", words) => match words.split_once(" at least ") {
                Some((number, least)) => Self::AtLeast(unsigned(number)?, least.parse().ok()?),
                None => Self::Member(unsigned(words)?),
            },
            ("config", number) => Self::Config(unsigned(number)?),
            _ => return None,
        })
    }

    fn is_in(&self, offer: &Offer) -> bool {
        let carries = |capability: fn(&Capabilities) -> bool| {
            offer.capabilities.as_ref().is_some_and(capability)
        };
        let lists = |member: u64, item: Value| {
            offer.member(member).and_then(Value::as_array).is_some_and(|all| all.contains(&item))
        };
        match self {
            Self::Ctap2 => offer.info.is_some(),
            Self::U2f => offer.has_u2f(),
            Self::Card => offer.selected.is_some(),
            Self::Hid => offer.capabilities.is_some(),
            Self::Lock => offer.locks,
            Self::Wink => carries(|capabilities| capabilities.wink),
            Self::Pin => offer.option("clientPin").is_some() && offer.has_protocols(),
            Self::Uv => offer.option("uv").is_some(),
            Self::Option(name) => offer.option(name) == Some(true),
            Self::Offers(name) => offer.option(name).is_some(),
            Self::Extension(name) => lists(0x02, name.as_str().into()),
            Self::Version(name) => lists(0x01, name.as_str().into()),
            Self::Transport(name) => lists(0x09, name.as_str().into()),
            Self::Protocol(number) => lists(0x06, (*number).into()),
            Self::Algorithm(number) => offer.has_algorithm(*number),
            Self::Member(number) => offer.member(*number).is_some(),
            Self::AtLeast(number, least) => {
                let announced = offer.member(*number).and_then(Value::as_integer);
                announced.is_some_and(|announced| i128::from(announced) >= *least)
            }
            Self::Config(number) => lists(0x1F, (*number).into()),
            Self::Person => offer.waits,
        }
    }
}

impl Offer {
    pub(crate) const NOTHING: Self = Self {
        info: None,
        capabilities: None,
        selected: None,
        locks: false,
        waits: false,
        algorithm: ES256,
    };

    /// Without a PIN/UV auth protocol nobody can set a PIN, whatever the options say.
    fn has_protocols(&self) -> bool {
        self.member(0x06).and_then(Value::as_array).is_some_and(|all| !all.is_empty())
    }

    fn member(&self, number: u64) -> Option<&Value> {
        find(self.info.as_ref()?, &number.into())
    }

    /// Whether U2F works: CTAPHID_INIT says so (HD-42), or the answer to SELECT (NF-02).
    fn has_u2f(&self) -> bool {
        match (&self.capabilities, &self.selected) {
            (Some(capabilities), _) => !capabilities.nmsg,
            (None, Some(version)) => version.as_slice() == Version::U2fV2.as_bytes(),
            (None, None) => false,
        }
    }

    /// Whether it is a card that does not wait for a touch: being tapped is all the presence that it takes (NF-40, NF-41).
    pub(crate) const fn takes_taps(&self) -> bool {
        self.selected.is_some() && !self.waits
    }

    /// Whether it has a PIN or a finger, or a setting was changed: all that can be seen to end with a reset.
    pub(crate) fn is_in_use(&self) -> bool {
        let options =
            ["clientPin", "uv", "bioEnroll", "userVerificationMgmtPreview", "ep", "alwaysUv"];
        let is_true = |member: u64| self.member(member) == Some(&Value::Bool(true));
        options.iter().any(|option| self.option(option) == Some(true))
            || [FORCE_PIN_CHANGE, LONG_TOUCH_FOR_RESET].into_iter().any(is_true)
    }

    /// The transports over which alone it takes a reset, if the suite talks to it over none of them (GI-35).
    pub(crate) fn resets_elsewhere(&self) -> Option<Vec<&str>> {
        let here: &[&str] = match (&self.capabilities, &self.selected) {
            (_, Some(_)) => &["nfc", "smart-card"],
            (Some(_), None) => &["usb"],
            (None, None) => return None,
        };
        let ways: Vec<_> = self
            .member(TRANSPORTS_FOR_RESET)?
            .as_array()?
            .iter()
            .filter_map(Value::as_text)
            .collect();
        // Real models also write USB and NFC.
        let is_here = ways.iter().any(|way| here.iter().any(|own| own.eq_ignore_ascii_case(way)));
        (!is_here && !ways.is_empty()).then_some(ways)
    }

    /// Whether alwaysUv is on.
    pub(crate) fn always_verifies(&self) -> bool {
        self.option("alwaysUv") == Some(true)
    }

    /// Whether it has the command authenticatorSelection, as keys of CTAP 2.1 and later do (SL-01).
    pub(crate) fn has_selection(&self) -> bool {
        let versions = self.member(0x01).and_then(Value::as_array);
        let is_newer =
            |version: &Value| version.as_text().is_some_and(|name| NEWER.contains(&name));
        versions.is_some_and(|versions| versions.iter().any(is_newer))
    }

    /// An option of getInfo; `None`: it is missing.
    pub(crate) fn option(&self, name: &str) -> Option<bool> {
        find(self.member(0x04)?, &name.into())?.as_bool()
    }

    /// Keys of CTAP 2.0 list no algorithms: of those it is known to have the one that the suite asks for.
    fn has_algorithm(&self, number: i64) -> bool {
        match self.info.as_ref().and_then(listed_algorithms) {
            None => number == self.algorithm,
            Some(mut listed) => listed.any(|one| one == number),
        }
    }
}

/// The algorithms that getInfo lists, by their COSE numbers; `None`: it has no list of them.
pub(crate) fn listed_algorithms(info: &Value) -> Option<impl Iterator<Item = i64>> {
    let all = find(info, &0x0A.into())?.as_array()?;
    let number = |one: &Value| i128::from(find(one, &"alg".into())?.as_integer()?).try_into().ok();
    Some(all.iter().filter_map(number))
}

/// Whether a step needs a person whom the key waits for, or who does something else than approve.
fn is_about_a_person(step: &Step) -> bool {
    let takes_one = |person: &Person| match person.hand {
        Hand::Refuse | Hand::Nothing | Hand::BadSample(_) => true,
        Hand::Cancel => person.asking == Asking::Allowed,
        Hand::Finger(finger) => finger != 1,
        Hand::Touch => person.asking == Asking::Needed,
    };
    match step {
        Step::Ctap { person, .. } => takes_one(person),
        Step::Token(request) => takes_one(&request.person),
        Step::Transmit { person, .. } => takes_one(person),
        Step::U2f { person, words, .. } => {
            takes_one(person) || words.contains(&CONDITIONS_NOT_SATISFIED)
        }
        // Only a key that waits says so.
        Step::HearPacket(pieces) => pieces.get(1) == Some(&Piece::Bytes(vec![KEEPALIVE])),
        _ => false,
    }
}

/// Whether a case is content with a key that does not know the command.
fn may_be_unknown(expected: &Statuses) -> bool {
    match expected {
        Statuses::Ok => false,
        Statuses::AnyError => true,
        Statuses::OneOf(statuses) => statuses.contains(&Status::InvalidCommand),
    }
}

/// The members of getInfo without which a step cannot be taken; a `check` can miss one.
fn members_used(step: &str) -> impl Iterator<Item = u64> {
    let step = if step.starts_with("check ") { "" } else { step };
    let uses = step.split("$info[").skip(1);
    uses.filter_map(|rest| unsigned(rest.split_once(']')?.0))
}

fn unsigned(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feature = match &self.feature {
            Feature::Ctap2 => "CTAP2".to_owned(),
            Feature::U2f => "U2F".to_owned(),
            Feature::Hid => "CTAPHID".to_owned(),
            Feature::Card if self.wanted => return f.write_str("the key is not a card"),
            Feature::Card => "APDUs of its own: it is a card".to_owned(),
            Feature::Wink => "WINK".to_owned(),
            Feature::Lock => "LOCK".to_owned(),
            Feature::Pin => "a PIN".to_owned(),
            Feature::Uv => "a sensor of its own".to_owned(),
            Feature::Option(name) => format!("option {name}"),
            Feature::Offers(name) => format!("option {name}, on or off"),
            Feature::Extension(name) => format!("extension {name}"),
            Feature::Version(name) => format!("version {name}"),
            Feature::Transport(name) => format!("transport {name}"),
            Feature::Protocol(number) => format!("PIN protocol {number}"),
            Feature::Algorithm(number) => format!("algorithm {number}"),
            Feature::Member(number) => names::of_info(*number),
            Feature::AtLeast(number, least) => {
                format!("{} of {least} or more", names::of_info(*number))
            }
            Feature::Config(number) => format!("config subcommand {number}"),
            Feature::Person if self.wanted => return f.write_str(APPROVES_EVERYTHING),
            Feature::Person => "somebody whom it waits for".to_owned(),
        };
        match self.wanted {
            true => write!(f, "the key lacks {feature}"),
            false => write!(f, "the key has {feature}"),
        }
    }
}

/// The COSE number of ES256.
pub(crate) const ES256: i64 = -7;
const FORCE_PIN_CHANGE: u64 = 0x0C;
const LONG_TOUCH_FOR_RESET: u64 = 0x18;
const TRANSPORTS_FOR_RESET: u64 = 0x1A;
const NEWER: [&str; 3] = ["FIDO_2_1", "FIDO_2_2", "FIDO_2_3"];
/// Why a case is skipped that takes a person.
pub(crate) const APPROVES_EVERYTHING: &str = "the key approves every request without asking";
/// The same for a card.
const TAP_IS_TOUCH: &str = "the key is a card that asks nobody: its tap is the touch";

#[cfg(test)]
mod tests {
    use ctap_client::cbor::MapBuilder;

    use super::*;

    /// A key that announces so many relying parties for setMinPINLength (GI-44).
    fn with_room_for(rp_ids: u64) -> Offer {
        let info = MapBuilder::new().member(0x10, rp_ids).build();
        Offer { info: Some(info), waits: true, ..Offer::NOTHING }
    }

    #[test]
    fn a_case_can_need_a_number_that_is_large_enough() {
        let need = Need::read("member 16 at least 2").unwrap();
        assert!(!need.is_met_by(&with_room_for(1)));
        assert!(need.is_met_by(&with_room_for(2)));
        let why = "the key lacks maxRPIDsForSetMinPINLength (0x10) of 2 or more";
        assert_eq!(need.to_string(), why);
        assert!(Need::read("member 16 at least").is_err());
    }

    #[test]
    fn a_step_that_takes_a_member_of_get_info_needs_it() {
        let used = |step: &str| members_used(step).collect::<Vec<_>>();
        assert_eq!(used("let $n = $info[13] + $info[0x05]"), [13, 5]);
        assert_eq!(used("check $info[13] is absent"), [0; 0]);
    }

    #[test]
    fn what_takes_a_person_is_seen_in_the_steps() {
        let takes_a_person = |step: &str| {
            let steps = crate::script::read(step).unwrap();
            let needs = Need::of(&steps, Start::Any);
            needs.contains(&Need { wanted: true, feature: Feature::Person })
        };
        for step in [
            "must ask: getAssertion $ga",
            "refused: reset => OPERATION_DENIED",
            "untouched: reset => USER_ACTION_TIMEOUT",
            "cancelled: reset => KEEPALIVE_CANCEL",
            "bad TOO_FAST: reset",
            "repeat 3: finger 2: token mc by uv -> $token",
            "apdu apdu(1, 0, 0, $hash) => 6985",
            "< $cid bb 0001 02",
        ] {
            assert!(takes_a_person(step), "{step}");
        }
        for step in
            ["reset", "unasked: getInfo", "finger 1: reset", "apdu apdu(1, 0, 0, $hash) => 9000"]
        {
            assert!(!takes_a_person(step), "{step}");
        }
    }
}
