//! What a key announces that it is not: the table `[getInfo]` of a profile.

use std::collections::BTreeMap;
use std::fmt;

use ctap_core::config::{Announced, Member};
use ctap_core::limits::MAX_ANNOUNCED;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::text::NEXT;

/// The members of getInfo that are announced differently, or left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(into = "BTreeMap<String, Told>")]
pub(super) struct GetInfo {
    written: BTreeMap<String, Told>,
    pub(super) announced: Announced,
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "a member of getInfo is true or false, a number, a text, a list of these, or a table"
)]
pub(super) enum Told {
    Flag(bool),
    Number(i64),
    Text(String),
    Names(Vec<String>),
    Numbers(Vec<i64>),
    Options(BTreeMap<String, bool>),
    Levels(BTreeMap<String, u64>),
}

/// The type of a member's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    /// So many, in hexadecimal.
    Bytes(usize),
    /// Told as bytes.
    Text,
    Names,
    Numbers,
    Algorithms,
    Options,
    Levels,
}

/// Members that are not told; and options.
pub(super) const OMIT: &str = "omit";
pub(super) const OMIT_OPTIONS: &str = "omitOptions";

/// The members, by number from 1 on (GI-10 to GI-40), and what they are like.
pub(super) const MEMBERS: [(&str, Kind); 31] = [
    ("versions", Kind::Names),
    ("extensions", Kind::Names),
    ("aaguid", Kind::Bytes(16)),
    ("options", Kind::Options),
    ("maxMsgSize", Kind::Number),
    ("pinUvAuthProtocols", Kind::Numbers),
    ("maxCredentialCountInList", Kind::Number),
    ("maxCredentialIdLength", Kind::Number),
    ("transports", Kind::Names),
    ("algorithms", Kind::Algorithms),
    ("maxSerializedLargeBlobArray", Kind::Number),
    ("forcePINChange", Kind::Flag),
    ("minPINLength", Kind::Number),
    ("firmwareVersion", Kind::Number),
    ("maxCredBlobLength", Kind::Number),
    ("maxRPIDsForSetMinPINLength", Kind::Number),
    ("preferredPlatformUvAttempts", Kind::Number),
    ("uvModality", Kind::Number),
    ("certifications", Kind::Levels),
    ("remainingDiscoverableCredentials", Kind::Number),
    ("vendorPrototypeConfigCommands", Kind::Numbers),
    ("attestationFormats", Kind::Names),
    ("uvCountSinceLastPinEntry", Kind::Number),
    ("longTouchForReset", Kind::Flag),
    ("encIdentifier", Kind::Bytes(32)),
    ("transportsForReset", Kind::Names),
    ("pinComplexityPolicy", Kind::Flag),
    ("pinComplexityPolicyURL", Kind::Text),
    ("maxPINLength", Kind::Number),
    ("encCredStoreState", Kind::Bytes(32)),
    ("authenticatorConfigCommands", Kind::Numbers),
];

impl<'de> Deserialize<'de> for GetInfo {
    fn deserialize<D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        table.deserialize_map(Table)
    }
}

/// Reads member by member, so that an error in one is reported with its line.
struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = GetInfo;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<GetInfo, A::Error> {
        let mut all = GetInfo::default();
        while let Some(name) = table.next_key()? {
            table.next_value_seed(Entry { name, all: &mut all })?;
        }
        Ok(all)
    }
}

/// What to do with the value of one member.
struct Entry<'a> {
    name: String,
    all: &'a mut GetInfo,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        // What is wrong within a table has a line of its own.
        let told = match kind(&self.name) {
            Some(Kind::Options) => Told::Options(BTreeMap::deserialize(value)?),
            Some(Kind::Levels) => Told::Levels(BTreeMap::deserialize(value)?),
            _ => Told::deserialize(value)?,
        };
        lay(&self.name, &told, &mut self.all.announced).map_err(D::Error::custom)?;
        self.all.written.insert(self.name, told);
        Ok(())
    }
}

impl From<GetInfo> for BTreeMap<String, Told> {
    fn from(get_info: GetInfo) -> Self {
        get_info.written
    }
}

fn lay(name: &str, told: &Told, announced: &mut Announced) -> Result<(), String> {
    change(name, told, announced)?;
    match announced.length() > MAX_ANNOUNCED {
        true => Err(format!(
            "{name} is too long: all that [getInfo] tells has at most {MAX_ANNOUNCED} bytes (MSG-61){NEXT}shorten it"
        )),
        false => Ok(()),
    }
}

fn change(name: &str, told: &Told, announced: &mut Announced) -> Result<(), String> {
    match (name, told) {
        (OMIT, Told::Names(names)) => {
            for name in names {
                announced.members.insert(dispensable(name)?, None);
            }
        }
        (OMIT_OPTIONS, Told::Names(names)) => {
            announced.options.extend(names.iter().map(|name| (name.clone(), None)));
        }
        (OMIT | OMIT_OPTIONS, _) => return Err(format!("{name} is a list of names")),
        ("options", Told::Options(options)) => {
            let told = options.iter().map(|(name, on)| (name.clone(), Some(*on)));
            announced.options.extend(told);
        }
        _ => {
            let number = number(name)?;
            announced.members.insert(number, Some(member(number, name, told)?));
        }
    }
    Ok(())
}

/// What a member's value is like; `None`: there is no such member.
fn kind(name: &str) -> Option<Kind> {
    MEMBERS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// A member's number in getInfo.
fn number(name: &str) -> Result<u8, String> {
    match MEMBERS.iter().position(|(known, _)| *known == name) {
        Some(index) => Ok(index as u8 + 1),
        None => {
            let names = MEMBERS.map(|(name, _)| format!("`{name}`")).join(", ");
            Err(format!("unknown member `{name}` of getInfo, expected one of {names}"))
        }
    }
}

/// The same for a member that may be missing. Without the others (GI-10, GI-12), no platform reads the answer.
fn dispensable(name: &str) -> Result<u8, String> {
    match number(name)? {
        VERSIONS | AAGUID => Err(format!(
            "no platform reads a getInfo without {name} (GI-10, GI-12){NEXT}take {name} out of `{OMIT}`"
        )),
        number => Ok(number),
    }
}

/// The value of the member with this number, as it is announced.
fn member(number: u8, name: &str, told: &Told) -> Result<Member, String> {
    let (_, kind) = MEMBERS[usize::from(number) - 1];
    let value = match (kind, told) {
        (Kind::Flag, Told::Flag(flag)) => Some(Member::Flag(*flag)),
        (Kind::Number, Told::Number(number)) => u64::try_from(*number).ok().map(Member::Number),
        (Kind::Bytes(length), Told::Text(digits)) => {
            bytes(digits).filter(|bytes| bytes.len() == length).map(Member::Bytes)
        }
        (Kind::Text, Told::Text(text)) => Some(Member::Bytes(text.clone().into_bytes())),
        (Kind::Names, Told::Names(names)) => Some(Member::Names(names.clone())),
        (Kind::Numbers, Told::Numbers(numbers)) => all(numbers).map(Member::Numbers),
        (Kind::Algorithms, Told::Numbers(numbers)) => all(numbers).map(Member::Algorithms),
        // An empty list does not show the type of its items.
        (Kind::Numbers, Told::Names(names)) if names.is_empty() => {
            Some(Member::Numbers(Vec::new()))
        }
        (Kind::Algorithms, Told::Names(names)) if names.is_empty() => {
            Some(Member::Algorithms(Vec::new()))
        }
        (Kind::Levels, Told::Levels(levels)) => Some(Member::Levels(levels.clone())),
        _ => None,
    };
    value.ok_or_else(|| match kind {
        Kind::Bytes(length) => {
            format!("{name} of getInfo is a text of {} hexadecimal digits", 2 * length)
        }
        kind => format!("{name} of getInfo is {}", kind.words()),
    })
}

const VERSIONS: u8 = 1;
const AAGUID: u8 = 3;

/// Hexadecimal digits, two for each byte.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

fn all<T: TryFrom<i64>>(numbers: &[i64]) -> Option<Vec<T>> {
    numbers.iter().map(|number| T::try_from(*number).ok()).collect()
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number => "a whole number, not negative",
            Self::Bytes(_) => "a text of hexadecimal digits",
            Self::Text => "a text",
            Self::Names => "a list of texts",
            Self::Numbers => "a list of whole numbers, none of them negative",
            Self::Algorithms => "a list of COSE numbers",
            Self::Options => "a table of options, each true or false",
            Self::Levels => "a table of numbers",
        }
    }
}
