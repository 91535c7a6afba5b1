//! CTAP section 6.5: authenticatorClientPIN.

#[cfg(test)]
mod tests;

use core::ops::BitOr;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::code;
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::cose;
use crate::error::{Error, ReplyFault, RequestFault};
use crate::exchange::Exchange;
use crate::fields::Fields;
use crate::limits::MAX_PIN_BYTES;
use crate::pin_protocol::{PinProtocol, PinUvAuthToken, SharedSecret};

/// Subcommand numbers (CP-40).
pub mod sub_command {
    /// getPINRetries
    pub const GET_PIN_RETRIES: u64 = 0x01;
    /// getKeyAgreement
    pub const GET_KEY_AGREEMENT: u64 = 0x02;
    /// setPIN
    pub const SET_PIN: u64 = 0x03;
    /// changePIN
    pub const CHANGE_PIN: u64 = 0x04;
    /// getPinToken
    pub const GET_PIN_TOKEN: u64 = 0x05;
    /// getPinUvAuthTokenUsingUvWithPermissions
    pub const GET_TOKEN_USING_UV: u64 = 0x06;
    /// getUVRetries
    pub const GET_UV_RETRIES: u64 = 0x07;
    /// getPinUvAuthTokenUsingPinWithPermissions
    pub const GET_TOKEN_USING_PIN: u64 = 0x09;
}

/// A clientPIN request, member by member (MSG-15).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: the PIN/UV auth protocol: 1 or 2.
    pub pin_uv_auth_protocol: Option<u64>,
    /// 02: the subcommand; see [`sub_command`].
    pub sub_command: Option<u64>,
    /// 03: the platform's public key, a COSE_Key.
    pub key_agreement: Option<Value>,
    /// 04: the MAC over the encrypted members, made with the shared secret.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// 05: the new PIN, padded to 64 bytes and encrypted.
    pub new_pin_enc: Option<Vec<u8>>,
    /// 06: LEFT(SHA-256(PIN), 16) of the present PIN, encrypted.
    pub pin_hash_enc: Option<Vec<u8>>,
    /// 09: the permissions of the token, as bits; see [`Permissions`].
    pub permissions: Option<u64>,
    /// 0A: the only relying party that the token is valid for.
    pub rp_id: Option<String>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// A request with nothing but its subcommand.
    #[must_use]
    pub fn new(sub_command: u64) -> Self {
        Self { sub_command: Some(sub_command), ..Self::default() }
    }

    /// The message as it goes to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        MapBuilder::new()
            .optional(0x01, self.pin_uv_auth_protocol)
            .optional(0x02, self.sub_command)
            .optional(0x03, self.key_agreement.clone())
            .optional(0x04, self.pin_uv_auth_param.as_deref())
            .optional(0x05, self.new_pin_enc.as_deref())
            .optional(0x06, self.pin_hash_enc.as_deref())
            .optional(0x09, self.permissions)
            .optional(0x0A, self.rp_id.as_deref())
            .extra(&self.extra)
            .request(code::CLIENT_PIN)
    }

    fn under(secret: &SharedSecret, sub_command: u64) -> Self {
        Self {
            pin_uv_auth_protocol: Some(secret.protocol().number()),
            key_agreement: Some(secret.platform_key()),
            ..Self::new(sub_command)
        }
    }
}

/// A clientPIN reply, member by member (MSG-16).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// 01: the key's public key, a COSE_Key.
    pub key_agreement: Option<Value>,
    /// 02: the token, encrypted.
    pub pin_uv_auth_token: Option<Vec<u8>>,
    /// 03: how many wrong PINs are left before the PIN is blocked.
    pub pin_retries: Option<u64>,
    /// 04: the key must be unplugged and plugged in again before it takes another PIN.
    pub power_cycle_state: Option<bool>,
    /// 05: how many tries of built-in user verification are left.
    pub uv_retries: Option<u64>,
}

impl Reply {
    /// Reads a clientPIN reply (without its status byte).
    ///
    /// # Errors
    /// [`ReplyFault`]; the key's fault.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ReplyFault> {
        Self::read(Fields::parse(body, REPLY, strict)?)
    }

    fn read(mut members: Fields) -> Result<Self, ReplyFault> {
        Ok(Self {
            key_agreement: members.take(0x01, "keyAgreement")?,
            pin_uv_auth_token: members.take(0x02, TOKEN)?,
            pin_retries: members.take(0x03, "pinRetries")?,
            power_cycle_state: members.take(0x04, "powerCycleState")?,
            uv_retries: members.take(0x05, "uvRetries")?,
        })
    }
}

/// How many wrong PINs the key still accepts before it blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRetries {
    /// 0 to 8; at 0 only a reset helps (CP-27).
    pub left: u64,
    /// Three wrong PINs in a row: unplug the key before the next try (CP-26).
    pub power_cycle_needed: bool,
}

/// What a token may be used for (section 6.5.5.7, table of CP-110).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// `mc`: make credentials. Needs an rp id.
    pub const MAKE_CREDENTIAL: Self = Self(0x01);
    /// `ga`: get assertions. Needs an rp id.
    pub const GET_ASSERTION: Self = Self(0x02);
    /// `cm`: manage credentials.
    pub const CREDENTIAL_MANAGEMENT: Self = Self(0x04);
    /// `be`: enrol fingerprints.
    pub const BIO_ENROLLMENT: Self = Self(0x08);
    /// `lbw`: write large blobs.
    pub const LARGE_BLOB_WRITE: Self = Self(0x10);
    /// `acfg`: configure the key.
    pub const AUTHENTICATOR_CONFIG: Self = Self(0x20);
    /// `pcmr`: read credential management, without an end. It can only be asked for alone.
    pub const PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY: Self = Self(0x40);

    /// Any bits at all, also ones the standard has not defined.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The number in a request.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl<E: Exchange> Client<E> {
    /// Sends a request as it is, and reads the reply if the subcommand has one.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn client_pin(&mut self, request: &Request) -> Result<Reply, Error> {
        let members = self.call_for_map(&request.encode(), REPLY)?;
        Ok(Reply::read(members)?)
    }

    /// Asks how many wrong PINs are left before the PIN is blocked (getPINRetries).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn pin_retries(&mut self) -> Result<PinRetries, Error> {
        let reply = self.client_pin(&Request::new(sub_command::GET_PIN_RETRIES))?;
        let left = reply.pin_retries.ok_or(ReplyFault::Missing("pinRetries"))?;
        Ok(PinRetries { left, power_cycle_needed: reply.power_cycle_state == Some(true) })
    }

    /// Asks how many tries of built-in user verification are left (getUVRetries).
    ///
    /// # Errors
    /// [`Error`]; `InvalidSubcommand` on keys without built-in user verification.
    pub fn uv_retries(&mut self) -> Result<u64, Error> {
        let reply = self.client_pin(&Request::new(sub_command::GET_UV_RETRIES))?;
        Ok(reply.uv_retries.ok_or(ReplyFault::Missing("uvRetries"))?)
    }

    /// Agrees on a secret under this `protocol` (getKeyAgreement and `encapsulate`).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn agree(&mut self, protocol: PinProtocol) -> Result<SharedSecret, Error> {
        let request = Request {
            pin_uv_auth_protocol: Some(protocol.number()),
            ..Request::new(sub_command::GET_KEY_AGREEMENT)
        };
        let reply = self.client_pin(&request)?;
        let key = reply.key_agreement.ok_or(ReplyFault::Missing("keyAgreement"))?;
        let peer = cose::read_key_agreement(key)?;
        Ok(SharedSecret::agree(protocol, &peer, self.rng()))
    }

    /// Sets the first PIN of a key that has none, under the protocol that the key prefers.
    ///
    /// # Errors
    /// [`RequestFault`] for a PIN that no key can take. `PinAuthInvalid` if a PIN is set already.
    /// `PinPolicyViolation` if this one is too short or too simple.
    pub fn set_pin(&mut self, pin: &str) -> Result<(), Error> {
        let protocol = self.preferred_protocol()?;
        self.set_pin_under(protocol, pin)
    }

    /// [`set_pin`](Self::set_pin) under a given protocol.
    ///
    /// # Errors
    /// As there.
    pub fn set_pin_under(&mut self, protocol: PinProtocol, pin: &str) -> Result<(), Error> {
        let padded = pad(pin)?;
        let secret = self.agree(protocol)?;
        let new_pin_enc = secret.encrypt(padded.as_slice(), self.rng());
        let request = Request {
            pin_uv_auth_param: Some(secret.authenticate(&new_pin_enc)),
            new_pin_enc: Some(new_pin_enc),
            ..Request::under(&secret, sub_command::SET_PIN)
        };
        self.call_for_nothing(&request.encode())
    }

    /// Replaces the PIN, under the protocol that the key prefers.
    ///
    /// # Errors
    /// [`RequestFault`] for a PIN that no key can take; `PinInvalid`, `PinAuthBlocked`, `PinBlocked`,
    /// `PinPolicyViolation`.
    pub fn change_pin(&mut self, old: &str, new: &str) -> Result<(), Error> {
        let protocol = self.preferred_protocol()?;
        self.change_pin_under(protocol, old, new)
    }

    /// [`change_pin`](Self::change_pin) under a given protocol.
    ///
    /// # Errors
    /// As there.
    pub fn change_pin_under(
        &mut self,
        protocol: PinProtocol,
        old: &str,
        new: &str,
    ) -> Result<(), Error> {
        let padded = pad(new)?;
        let secret = self.agree(protocol)?;
        let new_pin_enc = secret.encrypt(padded.as_slice(), self.rng());
        let pin_hash_enc = secret.encrypt(pin_hash(old).as_slice(), self.rng());
        let request = Request {
            pin_uv_auth_param: Some(
                secret.authenticate(&[new_pin_enc.as_slice(), &pin_hash_enc].concat()),
            ),
            new_pin_enc: Some(new_pin_enc),
            pin_hash_enc: Some(pin_hash_enc),
            ..Request::under(&secret, sub_command::CHANGE_PIN)
        };
        self.call_for_nothing(&request.encode())
    }

    /// Obtains a token for the PIN. If the key can give permissions, this uses subcommand 09. Otherwise it uses
    /// getPinToken (05), whose tokens are valid for every command (CL-22).
    ///
    /// `rp_id` is needed with `MAKE_CREDENTIAL` and `GET_ASSERTION`.
    ///
    /// # Errors
    /// `PinInvalid` (ask [`pin_retries`](Self::pin_retries) how many tries are left), `PinAuthBlocked`, `PinBlocked`,
    /// `PinNotSet`, `UnauthorizedPermission`, `PinPolicyViolation` when the PIN must be changed first.
    pub fn pin_uv_auth_token(
        &mut self,
        pin: &str,
        permissions: Permissions,
        rp_id: Option<&str>,
    ) -> Result<PinUvAuthToken, Error> {
        let info = self.get_info()?;
        let protocol = info.preferred_pin_protocol().ok_or(RequestFault::NoPinProtocol)?;
        if info.is_on("pinUvAuthToken") {
            self.token_with_permissions(protocol, pin, permissions, rp_id)
        } else {
            self.pin_token(protocol, pin)
        }
    }

    /// getPinUvAuthTokenUsingPinWithPermissions (09) under a given protocol.
    ///
    /// # Errors
    /// As [`pin_uv_auth_token`](Self::pin_uv_auth_token).
    pub fn token_with_permissions(
        &mut self,
        protocol: PinProtocol,
        pin: &str,
        permissions: Permissions,
        rp_id: Option<&str>,
    ) -> Result<PinUvAuthToken, Error> {
        let secret = self.agree(protocol)?;
        let request = Request {
            pin_hash_enc: Some(secret.encrypt(pin_hash(pin).as_slice(), self.rng())),
            permissions: Some(permissions.bits()),
            rp_id: rp_id.map(str::to_owned),
            ..Request::under(&secret, sub_command::GET_TOKEN_USING_PIN)
        };
        self.token(&secret, &request)
    }

    /// getPinToken (05) under a given protocol: a token without named permissions.
    ///
    /// # Errors
    /// As [`pin_uv_auth_token`](Self::pin_uv_auth_token).
    pub fn pin_token(&mut self, protocol: PinProtocol, pin: &str) -> Result<PinUvAuthToken, Error> {
        let secret = self.agree(protocol)?;
        let request = Request {
            pin_hash_enc: Some(secret.encrypt(pin_hash(pin).as_slice(), self.rng())),
            ..Request::under(&secret, sub_command::GET_PIN_TOKEN)
        };
        self.token(&secret, &request)
    }

    /// Obtains a token for a finger, or for another gesture that the key itself verifies (06).
    ///
    /// # Errors
    /// `NotAllowed` when nothing is enrolled, `UvInvalid`, `UvBlocked`, `UserActionTimeout`.
    pub fn token_using_uv(
        &mut self,
        permissions: Permissions,
        rp_id: Option<&str>,
    ) -> Result<PinUvAuthToken, Error> {
        let protocol = self.preferred_protocol()?;
        self.token_using_uv_under(protocol, permissions, rp_id)
    }

    /// [`token_using_uv`](Self::token_using_uv) under a given protocol.
    ///
    /// # Errors
    /// As there.
    pub fn token_using_uv_under(
        &mut self,
        protocol: PinProtocol,
        permissions: Permissions,
        rp_id: Option<&str>,
    ) -> Result<PinUvAuthToken, Error> {
        let secret = self.agree(protocol)?;
        let request = Request {
            permissions: Some(permissions.bits()),
            rp_id: rp_id.map(str::to_owned),
            ..Request::under(&secret, sub_command::GET_TOKEN_USING_UV)
        };
        self.token(&secret, &request)
    }

    fn token(&mut self, secret: &SharedSecret, request: &Request) -> Result<PinUvAuthToken, Error> {
        let encrypted =
            self.client_pin(request)?.pin_uv_auth_token.ok_or(ReplyFault::Missing(TOKEN))?;
        let bytes = secret.decrypt(&encrypted, TOKEN)?;
        Ok(PinUvAuthToken::new(secret.protocol(), bytes)?)
    }

    fn preferred_protocol(&mut self) -> Result<PinProtocol, Error> {
        Ok(self.get_info()?.preferred_pin_protocol().ok_or(RequestFault::NoPinProtocol)?)
    }
}

/// The first half of the PIN's hash, which stands for it (CP-22).
///
/// Callers must convert the PIN to Unicode normal form C first (CL-66).
#[must_use]
pub fn pin_hash(pin: &str) -> Zeroizing<[u8; 16]> {
    let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(pin.as_bytes())));
    let mut half = Zeroizing::new([0; 16]);
    half.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    half
}

/// A new PIN with zeros up to 64 bytes (CP-22).
fn pad(pin: &str) -> Result<Zeroizing<[u8; 64]>, RequestFault> {
    if pin.len() > MAX_PIN_BYTES {
        return Err(RequestFault::PinTooLong);
    }
    if pin.ends_with('\0') {
        return Err(RequestFault::PinEndsInZero);
    }
    let mut padded = Zeroizing::new([0; 64]);
    padded.iter_mut().zip(pin.bytes()).for_each(|(to, from)| *to = from);
    Ok(padded)
}

const REPLY: &str = "the clientPIN reply";
const TOKEN: &str = "pinUvAuthToken";
