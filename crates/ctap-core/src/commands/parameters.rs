//! Members that several commands have: descriptors, options, pinUvAuthParam.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cbor::{Item, Map};
use crate::config::Config;
use crate::consent::UserVerified;
use crate::credential::Credential;
use crate::credential_id::SealingKeys;
use crate::extensions::cred_protect::{Via, permits};
use crate::limits::MAX_FOREIGN_CREDENTIAL_ID;
use crate::pin::Protocol;
use crate::policy::Policy;
use crate::state::State;
use crate::status::Status;

/// A required member: absent is 0x14 (MSG-40).
pub(crate) fn required<T>(member: Option<T>) -> Result<T, Status> {
    member.ok_or(Status::MissingParameter)
}

/// clientDataHash: 32 bytes (MSG-46).
pub(crate) fn client_data_hash(bytes: &[u8]) -> Result<[u8; 32], Status> {
    bytes.try_into().map_err(|_| Status::InvalidLength)
}

/// `options` of makeCredential and getAssertion. Unknown ones are ignored (MC-13).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) rk: Option<bool>,
    pub(crate) up: Option<bool>,
    pub(crate) uv: Option<bool>,
}

impl Options {
    pub(crate) fn parse(map: Map<'_>) -> Result<Self, Status> {
        let mut options = Self::default();
        for (name, value) in map.by_name() {
            match name {
                "rk" => options.rk = Some(value.boolean()?),
                "up" => options.up = Some(value.boolean()?),
                "uv" => options.uv = Some(value.boolean()?),
                _ => {}
            }
        }
        Ok(options)
    }
}

/// How the user of a request is verified.
pub(crate) enum Verified {
    /// Not at all: uv is 0.
    No,
    /// By a pinUvAuthToken's MAC.
    ByToken(UserVerified),
    /// By built-in user verification, which comes later.
    ByFinger,
}

/// options.uv: nothing beside a pinUvAuthParam, and 0x2C where no finger is enrolled (MC-10, GA-05).
pub(crate) fn wants_built_in_uv(
    options: Options,
    has_auth: bool,
    policy: Policy<'_>,
) -> Result<bool, Status> {
    match options.uv == Some(true) && !has_auth {
        true if !policy.built_in_uv() => Err(Status::InvalidOption),
        wanted => Ok(wanted),
    }
}

/// pinUvAuthParam with pinUvAuthProtocol, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PinUvAuth<'a> {
    pub(crate) param: Option<&'a [u8]>,
    pub(crate) protocol: Option<u64>,
}

impl<'a> PinUvAuth<'a> {
    /// The platform only wants to know whether somebody is there (MC-02).
    pub(crate) fn is_probe(self) -> bool {
        self.param.is_some_and(<[u8]>::is_empty)
    }

    /// The MAC and its protocol, if there is a MAC: its protocol absent is 0x14, unsupported 0x02 (MC-04). A protocol
    /// without a MAC is ignored (MC-05).
    pub(crate) fn judge(self, config: &Config) -> Result<Option<(&'a [u8], Protocol)>, Status> {
        let Some(param) = self.param else { return Ok(None) };
        let number = required(self.protocol)?;
        let protocol = config.protocol(number).ok_or(Status::InvalidParameter)?;
        Ok(Some((param, protocol)))
    }
}

/// `PublicKeyCredentialDescriptor`: its `transports` are of no interest here (MC-63).
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    is_public_key: bool,
    id: Vec<u8>,
}

impl Descriptor {
    /// An absent or wrong-typed member makes the whole structure wrong: 0x11 (MSG-41).
    pub(crate) fn parse(item: Item<'_>) -> Result<Self, Status> {
        let (mut ty, mut id) = (None, None);
        for (name, value) in item.map()?.by_name() {
            match name {
                "type" => ty = Some(value.text()?),
                "id" => id = Some(value.bytes()?),
                _ => {}
            }
        }
        let (Some(ty), Some(id)) = (ty, id) else { return Err(Status::CborUnexpectedType) };
        Ok(Self { is_public_key: ty == "public-key", id: id.to_vec() })
    }

    /// allowList or excludeList. More entries than getInfo announces are 0x15 (MSG-63).
    pub(crate) fn parse_list(item: Item<'_>, config: &Config) -> Result<Vec<Self>, Status> {
        let elements = item.array()?;
        if elements.len() > config.max_credentials_in_list as u64 {
            elements.map(Self::parse).try_for_each(|element| element.map(|_| ()))?;
            return Err(Status::LimitExceeded);
        }
        elements.map(Self::parse).collect()
    }

    /// The credential of this key and this relying party that the descriptor names. Foreign, deleted and unknown
    /// ones are not found (MC-33, GA-35).
    pub(crate) fn find<'s>(&self, rp_id_hash: &[u8; 32], places: Places<'s>) -> Option<Found<'s>> {
        if self.is_public_key { Found::by_id(&self.id, rp_id_hash, places) } else { None }
    }

    /// The id of a public-key credential; an empty one denotes nothing.
    pub(crate) fn id(&self) -> &[u8] {
        if self.is_public_key { &self.id } else { &[] }
    }
}

/// The places of a credential of this key: the store, or its own id.
#[derive(Clone, Copy)]
pub(crate) struct Places<'s> {
    pub(crate) state: &'s State,
    pub(crate) sealing_keys: &'s SealingKeys,
}

/// A credential in the store, or opened from its id.
pub(crate) enum Found<'s> {
    Stored(&'s Credential),
    Sealed(Box<Credential>),
}

impl<'s> Found<'s> {
    /// The credential with this id, if it is of this key and this relying party.
    pub(crate) fn by_id(id: &[u8], rp_id_hash: &[u8; 32], places: Places<'s>) -> Option<Self> {
        match places.state.credential(id) {
            Some(stored) => (stored.rp_id_hash == *rp_id_hash).then_some(Self::Stored(stored)),
            None if id.len() > MAX_FOREIGN_CREDENTIAL_ID => None,
            None => {
                let opened = places.sealing_keys.open(id, rp_id_hash);
                opened.map(|credential| Self::Sealed(Box::new(credential)))
            }
        }
    }

    pub(crate) fn credential(&self) -> &Credential {
        match self {
            Self::Stored(credential) => credential,
            Self::Sealed(credential) => credential,
        }
    }

    /// It exists for a request that names it (EX-14).
    pub(crate) fn is_visible(&self, verified: bool) -> bool {
        permits(self.credential().cred_protect, Via::Id, verified)
    }
}

/// A credential that was found, kept while the store changes.
pub(crate) enum Candidate {
    /// Lives in its own id.
    Sealed(Box<Credential>),
    /// The id of one in the store.
    Stored(Vec<u8>),
}

impl Candidate {
    /// The credential; `None` if the store has it no more.
    pub(crate) fn credential<'a>(&'a self, state: &'a State) -> Option<&'a Credential> {
        match self {
            Self::Sealed(credential) => Some(credential),
            Self::Stored(id) => state.credential(id),
        }
    }
}

impl From<Found<'_>> for Candidate {
    fn from(found: Found<'_>) -> Self {
        match found {
            Found::Sealed(credential) => Self::Sealed(credential),
            Found::Stored(credential) => Self::Stored(credential.id.clone()),
        }
    }
}

/// `text` cut to at most `longest` bytes, at a character boundary (MC-78).
pub(crate) fn truncated(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(truncated("abc", 64), "abc");
        assert_eq!(truncated("aä", 2), "a");
        assert_eq!(truncated("aä", 3), "aä");
        assert_eq!(truncated("🚀", 3), "");
    }
}
