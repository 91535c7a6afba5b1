//! authenticatorCredentialManagement (0x0A), CTAP 2.3 section 6.8 (CM-01 to CM-39).

use alloc::vec::Vec;

use super::get_assertion::{descriptor_map, user_map};
use super::make_credential::parse_user;
use super::parameters::{Descriptor, required};
use super::{Context, Reply};
use crate::cbor::{Bytes, Encoded, Item, MAP_OF_1, MAP_OF_23, Map, MapWriter};
use crate::change::Change;
use crate::credential::{Credential, User};
use crate::crypto::{self, random_bytes};
use crate::pin::{Permissions, Protocol};
use crate::session::Walk;
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x0a;

/// Runs a subcommand. Only the two that go on with a walk leave it alone (MSG-82, CM-33).
pub(crate) fn run(parameters: &[u8], cx: &mut Context<'_>) -> Result<Reply, Status> {
    let walk = cx.session.take_walk(cx.channel, cx.now);
    let request = Request::parse(parameters)?;
    match (required(request.sub_command)?, walk) {
        (0x01, _) => get_creds_metadata(&request, cx),
        (0x02, _) => enumerate_rps_begin(&request, cx),
        (0x03, Some((Walk::Rps(rps), by_token))) => rps.next(None, by_token, cx),
        (0x04, _) => enumerate_credentials_begin(&request, cx),
        (0x05, Some((Walk::Credentials(credentials), by_token))) => {
            credentials.next(None, by_token, cx)
        }
        (0x03 | 0x05, _) => Err(Status::NotAllowed), // CM-33
        (0x06, _) => delete_credential(&request, cx),
        (0x07, _) => update_user_information(&request, cx),
        _ => Err(Status::InvalidSubcommand), // CM-01
    }
}

/// Whether a subcommand may write: any but those that count and list. In canonical CBOR its number comes first.
pub(crate) const fn may_write(parameters: &[u8]) -> bool {
    !matches!(parameters, [MAP_OF_1..=MAP_OF_23, 0x01, 0x01..=0x05, ..])
}

/// The request as it came, each member of its right type (MSG-19).
#[derive(Default)]
struct Request<'a> {
    sub_command: Option<u64>,
    params: Option<Params<'a>>,
    protocol: Option<u64>,
    param: Option<&'a [u8]>,
}

/// subCommandParams, and their bytes as received for the MAC (MSG-52).
struct Params<'a> {
    raw: &'a [u8],
    rp_id_hash: Option<&'a [u8]>,
    credential_id: Option<Descriptor>,
    user: Option<User>,
}

impl<'a> Request<'a> {
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let mut request = Self::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => request.sub_command = Some(value.unsigned()?),
                0x02 => request.params = Some(Params::parse(value)?),
                0x03 => request.protocol = Some(value.unsigned()?),
                0x04 => request.param = Some(value.bytes()?),
                _ => {}
            }
        }
        Ok(request)
    }

    /// Checks that pinUvAuthParam is there (CM-02), before anything else is checked.
    fn has_auth(&self) -> Result<&'a [u8], Status> {
        self.param.ok_or(Status::PuatRequired)
    }

    fn params(&self) -> Result<&Params<'a>, Status> {
        self.params.as_ref().ok_or(Status::MissingParameter) // CM-03
    }
}

impl<'a> Params<'a> {
    fn parse(item: Item<'a>) -> Result<Self, Status> {
        let (mut rp_id_hash, mut credential_id, mut user) = (None, None, None);
        for (key, value) in item.map()?.by_number() {
            match key {
                0x01 => rp_id_hash = Some(value.bytes()?),
                0x02 => credential_id = Some(Descriptor::parse(value)?),
                0x03 => user = Some(parse_user(value.map()?)?),
                _ => {}
            }
        }
        Ok(Self { raw: item.raw(), rp_id_hash, credential_id, user })
    }
}

/// The proof that authorised a subcommand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Authorized {
    /// The pinUvAuthToken with `cm`.
    ByToken,
    /// The persistent token: reading only (CM-05).
    ByPersistentToken,
}

/// Checks the MAC over the subcommand byte and its parameters (CM-04 to CM-07).
fn authorize(
    request: &Request<'_>,
    sub_command: u8,
    params: &[u8],
    cx: &mut Context<'_>,
) -> Result<Authorized, Status> {
    let mac = request.has_auth()?;
    let number = required(request.protocol)?;
    let protocol = cx.config.protocol(number).ok_or(Status::InvalidParameter)?;
    let message: [&[u8]; 2] = [&[sub_command], params];
    let reads = matches!(sub_command, 0x01 | 0x02 | 0x04);
    if reads && cx.config.per_cred_mgmt_ro && is_persistent(protocol, &message, mac, cx) {
        return Ok(Authorized::ByPersistentToken);
    }
    let permission = Permissions::CREDENTIAL_MANAGEMENT;
    cx.session.token.authorize(protocol, &message, mac, permission)?;
    Ok(Authorized::ByToken)
}

fn is_persistent(protocol: Protocol, message: &[&[u8]], mac: &[u8], cx: &Context<'_>) -> bool {
    protocol.verify(cx.store.state().persistent_token.expose(), message, mac)
}

/// A token bound to one relying party does not see all of them (CM-08).
fn sees_all(authorized: Authorized, cx: &Context<'_>) -> Result<(), Status> {
    match authorized {
        Authorized::ByToken if cx.session.token.rp_id().is_some() => Err(Status::PinAuthInvalid),
        _ => Ok(()),
    }
}

/// A bound token sees only its own relying party (CM-08).
fn sees(authorized: Authorized, rp_id_hash: &[u8], cx: &Context<'_>) -> Result<(), Status> {
    let bound = match authorized {
        Authorized::ByToken => cx.session.token.rp_id(),
        Authorized::ByPersistentToken => None,
    };
    match bound {
        Some(rp_id) if crypto::sha256(&[rp_id.as_bytes()]) != *rp_id_hash => {
            Err(Status::PinAuthInvalid)
        }
        _ => Ok(()),
    }
}

/// CM-20.
fn get_creds_metadata(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    let authorized = authorize(request, 0x01, &[], cx)?;
    sees_all(authorized, cx)?;
    let existing = cx.store.state().credentials.len();
    let mut reply = MapWriter::new();
    reply.put(0x01_u8, existing);
    reply.put(0x02_u8, cx.config.capacity.saturating_sub(existing));
    Ok(Reply::map(&reply))
}

/// CM-21.
fn enumerate_rps_begin(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    let authorized = authorize(request, 0x02, &[], cx)?;
    sees_all(authorized, cx)?;
    let hashes = cx.store.state().credentials.rps();
    let total = hashes.len();
    if total == 0 {
        return Err(Status::NoCredentials);
    }
    Rps(hashes).next(Some(total), authorized == Authorized::ByToken, cx)
}

/// The relying parties that are still to be sent, the next one last.
pub(crate) struct Rps(Vec<[u8; 32]>);

impl Rps {
    /// CM-22, CM-23. `total`: totalRPs, in the first answer only.
    fn next(
        mut self,
        total: Option<usize>,
        by_token: bool,
        cx: &mut Context<'_>,
    ) -> Result<Reply, Status> {
        let hash = self.0.pop().ok_or(Status::NotAllowed)?;
        let mut credentials = cx.store.state().credentials.of_rp(&hash);
        let account = credentials
            .next()
            .and_then(|credential| credential.account.as_ref())
            .ok_or(Status::NotAllowed)?;
        let mut rp = MapWriter::new();
        rp.put("id", account.rp.id.as_str()).put_some("name", account.rp.name.as_deref());
        let mut reply = MapWriter::new();
        reply.put(0x03_u8, rp).put(0x04_u8, Bytes(&hash)).put_some(0x05_u8, total);
        if !self.0.is_empty() {
            cx.session.continue_with(Walk::Rps(self), cx.channel, by_token, cx.now);
        }
        Ok(Reply::map(&reply))
    }
}

/// CM-24.
fn enumerate_credentials_begin(
    request: &Request<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Status> {
    request.has_auth()?;
    let params = request.params()?;
    let hash = required(params.rp_id_hash)?;
    let authorized = authorize(request, 0x04, params.raw, cx)?;
    let hash: &[u8; 32] = hash.try_into().map_err(|_| Status::InvalidLength)?; // CM-32
    sees(authorized, hash, cx)?;
    let of_rp = cx.store.state().credentials.of_rp(hash);
    let ids: Vec<_> = of_rp.map(|credential| credential.id.clone()).collect();
    let total = ids.len();
    if total == 0 {
        return Err(Status::NoCredentials);
    }
    Credentials(ids).next(Some(total), authorized == Authorized::ByToken, cx)
}

/// The ids of credentials that are still to be sent, the next one last.
pub(crate) struct Credentials(Vec<Vec<u8>>);

impl Credentials {
    /// CM-25. `total`: totalCredentials, in the first answer only.
    fn next(
        mut self,
        total: Option<usize>,
        by_token: bool,
        cx: &mut Context<'_>,
    ) -> Result<Reply, Status> {
        let id = self.0.pop().ok_or(Status::NotAllowed)?;
        let credential = cx.store.state().credential(&id).ok_or(Status::NotAllowed)?;
        let reply = describe(credential, total, cx.config.extensions.third_party_payment)?;
        if !self.0.is_empty() {
            cx.session.continue_with(Walk::Credentials(self), cx.channel, by_token, cx.now);
        }
        Ok(Reply::map(&reply))
    }
}

/// One credential (CM-26 to CM-31).
fn describe(
    credential: &Credential,
    total: Option<usize>,
    shows_payment: bool,
) -> Result<MapWriter, Status> {
    let account = credential.account.as_ref().ok_or(Status::Other)?;
    let large_blob_key = account.large_blob_key.as_ref();
    let mut reply = MapWriter::new();
    reply.put(0x06_u8, user_map(&account.user, true));
    reply.put(0x07_u8, descriptor_map(&credential.id));
    reply.put(0x08_u8, Encoded(&account.public_key));
    reply.put_some(0x09_u8, total);
    reply.put(0x0a_u8, credential.cred_protect.level());
    reply.put_some(0x0b_u8, large_blob_key.map(|key| Bytes(key.expose())));
    reply.put_some(0x0c_u8, shows_payment.then_some(credential.third_party_payment));
    Ok(reply)
}

/// CM-35.
fn delete_credential(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    request.has_auth()?;
    let params = request.params()?;
    let descriptor = params.credential_id.as_ref().ok_or(Status::MissingParameter)?;
    let authorized = authorize(request, 0x06, params.raw, cx)?;
    let id = find_managed(descriptor, authorized, cx)?.id.clone();
    let cred_store_state = random_bytes(cx.rng);
    cx.store.commit(Change::DeleteCredential { id, cred_store_state })?;
    Ok(Reply::EMPTY)
}

/// CM-38, CM-39.
fn update_user_information(request: &Request<'_>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    request.has_auth()?;
    let params = request.params()?;
    let descriptor = params.credential_id.as_ref().ok_or(Status::MissingParameter)?;
    let user = params.user.as_ref().ok_or(Status::MissingParameter)?;
    let authorized = authorize(request, 0x07, params.raw, cx)?;
    let credential = find_managed(descriptor, authorized, cx)?;
    if credential.account.as_ref().is_none_or(|account| account.user.id != user.id) {
        return Err(Status::InvalidParameter);
    }
    let (id, user) = (credential.id.clone(), user.clone());
    let cred_store_state = random_bytes(cx.rng);
    let stored = cx.store.commit(Change::UpdateUser { id, user, cred_store_state });
    stored.map_err(|error| error.status(Status::KeyStoreFull))?;
    Ok(Reply::EMPTY)
}

/// The discoverable credential with this id. A bound token learns nothing about ids of others (CM-08, CM-09).
fn find_managed<'c>(
    descriptor: &Descriptor,
    authorized: Authorized,
    cx: &'c Context<'_>,
) -> Result<&'c Credential, Status> {
    let is_bound = cx.session.token.rp_id().is_some();
    let unknown = if is_bound { Status::PinAuthInvalid } else { Status::NoCredentials };
    let credential = cx.store.state().credentials.get(descriptor.id()).ok_or(unknown)?;
    sees(authorized, &credential.rp_id_hash, cx)?;
    Ok(credential)
}
