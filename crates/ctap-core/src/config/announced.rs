//! What a key announces that it is not: an imitation of a model answers getInfo as the model does.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::overlaid::Over;
use crate::cbor::{Array, Bytes, Encode, MapWriter, Sink, to_vec};

/// Changes to the answer to getInfo, applied last. They change nothing of what the key does. If it is empty,
/// getInfo tells what the key is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Members by their numbers: with this value, or left out (`None`). All values together, with the options, have
    /// at most [`MAX_ANNOUNCED`](crate::limits::MAX_ANNOUNCED) bytes.
    pub members: BTreeMap<u8, Option<Member>>,
    /// Options by their names: with this value, or left out (`None`).
    pub options: BTreeMap<String, Option<bool>>,
}

/// The value of a member of getInfo (GI-10 to GI-40).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// Such as forcePINChange.
    Flag(bool),
    /// Such as maxMsgSize.
    Number(u64),
    /// Such as aaguid.
    Bytes(Vec<u8>),
    /// Such as versions.
    Names(Vec<String>),
    /// Such as pinUvAuthProtocols.
    Numbers(Vec<u64>),
    /// `algorithms`, by their COSE numbers.
    Algorithms(Vec<i32>),
    /// `certifications`: each with its level.
    Levels(BTreeMap<String, u64>),
}

impl Announced {
    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.options.is_empty()
    }

    /// Whether a list that is announced differently has this name; `None`: it is announced as it is, or left out.
    pub(crate) fn lists(&self, member: u8, name: &str) -> Option<bool> {
        match self.members.get(&member)? {
            Some(Member::Names(names)) => Some(names.iter().any(|one| one == name)),
            _ => None,
        }
    }

    /// The members, as they are laid over those of the key.
    pub(crate) fn over_members(&self) -> Over {
        self.members.iter().map(|(number, told)| (to_vec(number), encoded(told.as_ref()))).collect()
    }

    /// The options in the same way.
    pub(crate) fn over_options(&self) -> Over {
        let named = |(name, told): (&String, &Option<bool>)| {
            (to_vec(&name.as_str()), encoded(told.as_ref()))
        };
        self.options.iter().map(named).collect()
    }

    /// The bytes of everything that is announced differently.
    #[must_use]
    pub fn length(&self) -> usize {
        let both = self.over_members().into_iter().chain(self.over_options());
        both.map(|(key, told)| told.map_or(0, |told| key.len().saturating_add(told.len()))).sum()
    }
}

fn encoded(told: Option<&impl Encode>) -> Option<Vec<u8>> {
    told.map(to_vec)
}

impl Encode for Member {
    fn encode(&self, out: &mut Sink) {
        match self {
            Self::Flag(flag) => flag.encode(out),
            Self::Number(number) => number.encode(out),
            Self::Bytes(bytes) => Bytes(bytes).encode(out),
            Self::Names(names) => Array(names.iter().map(String::as_str)).encode(out),
            Self::Numbers(numbers) => Array(numbers.iter()).encode(out),
            Self::Algorithms(all) => Array(all.iter().map(|one| algorithm(*one))).encode(out),
            Self::Levels(levels) => by_canonical_names(levels).encode(out),
        }
    }
}

/// One of getInfo's `algorithms`.
pub(crate) fn algorithm(cose: i32) -> MapWriter {
    let mut map = MapWriter::new();
    map.put("alg", cose).put("type", "public-key");
    map
}

/// The shorter name first (GI-87).
fn by_canonical_names(levels: &BTreeMap<String, u64>) -> MapWriter {
    let mut entries: Vec<_> = levels.iter().collect();
    entries.sort_by_key(|(name, _)| (name.len(), name.as_str()));
    let mut map = MapWriter::new();
    for (name, level) in entries {
        map.put(name.as_str(), *level);
    }
    map
}
