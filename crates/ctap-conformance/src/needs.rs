//! What a key must offer for a case to make sense.

use std::fmt;

use ctap_client::Value;
use hid_transport::Capabilities;

use crate::case::{Start, is_hid};
use crate::notation::SyntaxError;
use crate::notation::eval::find;
use crate::script::{Line, Proof, Step};

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
    /// Of getInfo.
    Member(u64),
    /// A subcommand of authenticatorConfig.
    Config(u64),
}

/// What a key offers, by its own words.
pub(crate) struct Offer {
    /// getInfo's map; `None` for a key without CTAP2.
    pub(crate) info: Option<Value>,
    /// `None` where there is no CTAPHID.
    pub(crate) capabilities: Option<Capabilities>,
    /// Whether it does not refuse CTAPHID_LOCK as unknown (HD-62): no capability says so.
    pub(crate) locks: bool,
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
        let feature = Feature::read(words)
            .ok_or_else(|| SyntaxError(format!("“{text}” is nothing a case can need")))?;
        Ok(Self { wanted, feature })
    }

    /// What the steps themselves show to be needed.
    pub(crate) fn of(steps: &[Line], start: Start) -> Vec<Self> {
        let mut features = Vec::new();
        for line in steps {
            match line.step.once() {
                Step::U2f { .. } => features.push(Feature::U2f),
                Step::Token(request) if request.by == Proof::BuiltInUv => {
                    features.push(Feature::Uv);
                }
                Step::SetPin(_) | Step::ChangePin(..) | Step::Token(_) | Step::Agree(_) => {
                    features.push(Feature::Pin);
                }
                Step::Enroll { .. } => features.push(Feature::Offers("bioEnroll".to_owned())),
                Step::Ctap { .. } => features.push(Feature::Ctap2),
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
            ("wink", "") => Self::Wink,
            ("lock", "") => Self::Lock,
            ("pin", "") => Self::Pin,
            ("uv", "") => Self::Uv,
            (_, "") => return None,
            ("option", name) => Self::Option(name.to_owned()),
            ("offers", name) => Self::Offers(name.to_owned()),
            ("extension", name) => Self::Extension(name.to_owned()),
            ("version", name) => Self::Version(name.to_owned()),
            ("transport", name) => Self::Transport(name.to_owned()),
            ("protocol", number) => Self::Protocol(unsigned(number)?),
            ("algorithm", number) => Self::Algorithm(number.parse().ok()?),
            ("member", number) => Self::Member(unsigned(number)?),
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
            Self::U2f => carries(|capabilities| !capabilities.nmsg),
            Self::Hid => offer.capabilities.is_some(),
            Self::Lock => offer.locks,
            Self::Wink => carries(|capabilities| capabilities.wink),
            Self::Pin => offer.option("clientPin").is_some(),
            Self::Uv => offer.option("uv").is_some(),
            Self::Option(name) => offer.option(name) == Some(true),
            Self::Offers(name) => offer.option(name).is_some(),
            Self::Extension(name) => lists(0x02, name.as_str().into()),
            Self::Version(name) => lists(0x01, name.as_str().into()),
            Self::Transport(name) => lists(0x09, name.as_str().into()),
            Self::Protocol(number) => lists(0x06, (*number).into()),
            Self::Algorithm(number) => offer.has_algorithm(*number),
            Self::Member(number) => offer.member(*number).is_some(),
            Self::Config(number) => lists(0x1F, (*number).into()),
        }
    }
}

impl Offer {
    fn member(&self, number: u64) -> Option<&Value> {
        find(self.info.as_ref()?, &number.into())
    }

    fn option(&self, name: &str) -> Option<bool> {
        find(self.member(0x04)?, &name.into())?.as_bool()
    }

    /// Keys of CTAP 2.0 list no algorithms: all have ES256.
    fn has_algorithm(&self, number: i64) -> bool {
        match self.member(0x0A).and_then(Value::as_array) {
            None => number == ES256,
            Some(all) => {
                all.iter().any(|listed| find(listed, &"alg".into()) == Some(&Value::from(number)))
            }
        }
    }
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
            Feature::Member(number) => format!("getInfo member {number:#04x}"),
            Feature::Config(number) => format!("config subcommand {number}"),
        };
        match self.wanted {
            true => write!(f, "the key lacks {feature}"),
            false => write!(f, "the key has {feature}"),
        }
    }
}

const ES256: i64 = -7;
