//! The members of a request. Their types are checked before the key's state is looked at (MSG-10).

use alloc::string::String;
use alloc::vec::Vec;

use crate::algorithm::Algorithm;
use crate::attestation::Preference;
use crate::cbor::{Item, Map};
use crate::commands::parameters::{
    Descriptor, Options, PinUvAuth, client_data_hash, required, truncated,
};
use crate::config::Config;
use crate::credential::{Rp, User};
use crate::extensions::registration::Extensions;
use crate::limits::{MAX_NAME, MAX_RP_ID, MAX_USER_ID};
use crate::status::Status;

/// The request as it came, each member of its right type (MSG-10).
pub(super) struct Request<'a> {
    pub(super) client_data_hash: [u8; 32],
    pub(super) rp: Rp,
    pub(super) user: User,
    pub(super) pub_key_cred_params: Item<'a>,
    pub(super) exclude_list: Vec<Descriptor>,
    pub(super) extensions: Extensions,
    pub(super) options: Options,
    pub(super) auth: PinUvAuth<'a>,
    pub(super) enterprise_attestation: Option<u64>,
    pub(super) formats: Preference,
}

impl<'a> Request<'a> {
    /// Wrong types outrank absent members (MSG-44).
    pub(super) fn parse(parameters: &'a [u8], config: &Config) -> Result<Self, Status> {
        let (mut hash, mut rp, mut user, mut params) = (None, None, None, None);
        let (mut exclude_list, mut extensions) = (Vec::new(), Extensions::default());
        let (mut options, mut auth) = (Options::default(), PinUvAuth::default());
        let (mut enterprise_attestation, mut formats) = (None, Preference::Default);
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => hash = Some(value.bytes()?),
                0x02 => rp = Some(parse_rp(value.map()?)?),
                0x03 => user = Some(parse_user(value.map()?)?),
                0x04 => params = Some(typed_params(value)?),
                0x05 => exclude_list = Descriptor::parse_list(value, config)?,
                0x06 => extensions = Extensions::parse(value.map()?, config)?,
                0x07 => options = Options::parse(value.map()?)?,
                0x08 => auth.param = Some(value.bytes()?),
                0x09 => auth.protocol = Some(value.unsigned()?),
                0x0a => enterprise_attestation = Some(value.unsigned()?),
                0x0b => formats = Preference::parse(value)?,
                _ => {}
            }
        }
        Ok(Self {
            client_data_hash: client_data_hash(required(hash)?)?,
            rp: required(rp)?,
            user: required(user)?,
            pub_key_cred_params: required(params)?,
            exclude_list,
            extensions,
            options,
            auth,
            enterprise_attestation,
            formats,
        })
    }
}

/// The name of a relying party must be text although nobody needs it (MC-80); so must the icon of CTAP 2.0, which is dropped
/// (MSG-48).
fn parse_rp(map: Map<'_>) -> Result<Rp, Status> {
    let (mut id, mut name) = (None, None);
    for (key, value) in map.by_name() {
        match key {
            "id" => id = Some(value.text()?),
            "name" => name = Some(value.text()?),
            "icon" => _ = value.text()?,
            _ => {}
        }
    }
    let id = id.ok_or(Status::CborUnexpectedType)?; // MSG-41
    if id.is_empty() || id.len() > MAX_RP_ID {
        return Err(Status::InvalidLength); // MSG-47
    }
    Ok(Rp { id: id.into(), name: stored_name(name) })
}

pub(crate) fn parse_user(map: Map<'_>) -> Result<User, Status> {
    let (mut id, mut name, mut display_name) = (None, None, None);
    for (key, value) in map.by_name() {
        match key {
            "id" => id = Some(value.bytes()?),
            "name" => name = Some(value.text()?),
            "displayName" => display_name = Some(value.text()?),
            "icon" => _ = value.text()?,
            _ => {}
        }
    }
    let id = id.ok_or(Status::CborUnexpectedType)?; // MSG-41
    if id.len() > MAX_USER_ID {
        return Err(Status::InvalidLength); // MSG-47
    }
    Ok(User { id: id.to_vec(), name: stored_name(name), display_name: stored_name(display_name) })
}

/// A name as it is stored: cut, not refused (MC-78). An empty one counts as none.
fn stored_name(name: Option<&str>) -> Option<String> {
    name.filter(|name| !name.is_empty()).map(|name| truncated(name, MAX_NAME).into())
}

/// pubKeyCredParams with every member of its right type, present or not (MC-08, MSG-42).
fn typed_params(item: Item<'_>) -> Result<Item<'_>, Status> {
    item.array()?.try_for_each(|element| param(element).map(|_| ()))?;
    Ok(item)
}

/// One element's `type` and `alg`.
fn param(element: Item<'_>) -> Result<(Option<&str>, Option<i128>), Status> {
    let (mut ty, mut alg) = (None, None);
    for (key, value) in element.map()?.by_name() {
        match key {
            "type" => ty = Some(value.text()?),
            "alg" => alg = Some(value.integer()?),
            _ => {}
        }
    }
    Ok((ty, alg))
}

/// The first supported algorithm in the platform's order. Every element is checked, also after a match (MC-06 to
/// MC-08).
pub(super) fn choose_algorithm(
    params: Item<'_>,
    supported: &[Algorithm],
) -> Result<Algorithm, Status> {
    let mut chosen = None;
    for element in params.array()? {
        let (Some(ty), Some(alg)) = param(element)? else { return Err(Status::InvalidCbor) };
        let usable = Algorithm::from_cose(alg).filter(|alg| supported.contains(alg));
        if ty == "public-key" {
            chosen = chosen.or(usable);
        }
    }
    chosen.ok_or(Status::UnsupportedAlgorithm)
}
