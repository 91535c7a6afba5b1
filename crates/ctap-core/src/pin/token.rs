//! The pinUvAuthToken and its state, CTAP 2.3 section 6.5.2.1 (CP-120 to CP-129).

use alloc::string::String;
use core::time::Duration;

use rand_core::CryptoRng;

use crate::consent::{UserPresent, UserVerificationMethod, UserVerified};
use crate::limits::TOKEN_MAX_USAGE;
use crate::pin::protocol::Protocol;
use crate::secret::Secret;
use crate::status::Status;

/// The permissions of a token (section 6.5.5.7; table D of the clientPIN rules).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// `mc`: makeCredential.
    pub const MAKE_CREDENTIAL: Self = Self(0x01);
    /// `ga`: getAssertion.
    pub const GET_ASSERTION: Self = Self(0x02);
    /// `cm`: credential management.
    pub const CREDENTIAL_MANAGEMENT: Self = Self(0x04);
    /// `be`: bio enrolment.
    pub const BIO_ENROLLMENT: Self = Self(0x08);
    /// `lbw`: large-blob write.
    pub const LARGE_BLOB_WRITE: Self = Self(0x10);
    /// `acfg`: authenticator configuration.
    pub const AUTHENTICATOR_CONFIGURATION: Self = Self(0x20);
    /// `pcmr`: persistent, read-only credential management.
    pub const PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY: Self = Self(0x40);

    /// The permissions with these bits of a request; bits that are not defined are ignored (CP-110).
    #[must_use]
    pub const fn from_request(bits: u64) -> Self {
        Self((bits & 0x7f) as u8)
    }

    /// Whether it has all permissions of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it has at least one permission of `other`.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The permissions of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The permissions of both, if `condition` holds; otherwise only its own.
    #[must_use]
    pub const fn or(self, other: Self, condition: bool) -> Self {
        if condition { self.union(other) } else { self }
    }

    /// The permissions that both have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// The one pinUvAuthToken that can be in use, whichever protocol it was issued under (CP-122).
pub(crate) struct PinUvAuthToken {
    value: Secret<32>,
    serial: u64,
    usage: Usage,
}

/// ```text
///           begin_using              consume: flags and permissions gone, still in use
///  Stopped ────────────▶ InUse ─┐◀──────────┐
///     ▲                    │    └───────────┘
///     └────────────────────┘
///   30 s unused (over NFC 19.8 s), 600 s in all, a new token, changePIN, reset, power cycle; of CTAP 2.0 only the last three
/// ```
enum Usage {
    Stopped,
    InUse(InUse),
}

struct InUse {
    life: Life,
    protocol: Protocol,
    since: Duration,
    initial_usage: Duration,
    used: bool,
    permissions: Permissions,
    rp_id: Option<String>,
    user_verified: Option<UserVerificationMethod>,
    user_present: Option<UserPresent>,
}

/// How long a token lives, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// CTAP 2.0: one token until a power cycle or another PIN, for every relying party and any number of touches.
    Ctap20,
    /// CTAP 2.1 and later: for one relying party and one touch, and no longer than its timers say (CP-123, CP-125, MC-27).
    Modern,
}

/// The properties of a new token.
pub(crate) struct Grant {
    pub(crate) life: Life,
    pub(crate) protocol: Protocol,
    pub(crate) permissions: Permissions,
    pub(crate) rp_id: Option<String>,
    pub(crate) user_verified: UserVerificationMethod,
    pub(crate) user_present: Option<UserPresent>,
    /// Time within which it must be used first, and for which the presence stands.
    pub(crate) initial_usage: Duration,
}

impl PinUvAuthToken {
    pub(crate) fn new(rng: &mut dyn CryptoRng) -> Self {
        Self { value: Secret::random(rng), serial: 0, usage: Usage::Stopped }
    }

    /// resetPinUvAuthToken and beginUsingPinUvAuthToken: a new value, in use from now on (CP-16, CP-120). CTAP 2.0 had the one
    /// value.
    pub(crate) fn begin_using(&mut self, grant: Grant, now: Duration, rng: &mut dyn CryptoRng) {
        if self.is_kept_for(&grant) {
            return;
        }
        self.reset(rng);
        self.usage = Usage::InUse(InUse {
            life: grant.life,
            protocol: grant.protocol,
            since: now,
            initial_usage: grant.initial_usage,
            used: false,
            permissions: grant.permissions,
            rp_id: grant.rp_id,
            user_verified: Some(grant.user_verified),
            user_present: grant.user_present,
        });
    }

    /// A token of CTAP 2.0 is given again to everybody who asks for it under its protocol.
    fn is_kept_for(&self, grant: &Grant) -> bool {
        match &self.usage {
            Usage::InUse(token) => grant.life == Life::Ctap20 && token.protocol == grant.protocol,
            Usage::Stopped => false,
        }
    }

    /// resetPinUvAuthToken: the old value becomes worthless (CP-16).
    pub(crate) fn reset(&mut self, rng: &mut dyn CryptoRng) {
        self.value = Secret::random(rng);
        self.serial = self.serial.saturating_add(1);
        self.usage = Usage::Stopped;
    }

    /// The value, to be sent encrypted to the platform that it was issued to.
    pub(crate) const fn value(&self) -> &Secret<32> {
        &self.value
    }

    /// Lets time do its work: the usage timers (CP-123, CP-129).
    pub(crate) fn expire(&mut self, now: Duration) {
        let Usage::InUse(token) = &mut self.usage else { return };
        if token.life == Life::Ctap20 {
            return;
        }
        let age = now.saturating_sub(token.since);
        if age >= token.initial_usage {
            token.user_present = None;
        }
        if age >= TOKEN_MAX_USAGE || (age >= token.initial_usage && !token.used) {
            self.usage = Usage::Stopped;
        }
    }

    /// The number of the token in use, so that what it authorised can end with it (MSG-83).
    pub(crate) const fn in_use(&self) -> Option<u64> {
        match self.usage {
            Usage::InUse(_) => Some(self.serial),
            Usage::Stopped => None,
        }
    }

    /// Checks the MAC and that the token has `permission`. Every fault is the same 0x33 (CP-12).
    pub(crate) fn authorize(
        &mut self,
        protocol: Protocol,
        message: &[&[u8]],
        mac: &[u8],
        permission: Permissions,
    ) -> Result<(), Status> {
        self.verified(protocol, message, mac, permission).map(|_| ())
    }

    /// [`authorize`](Self::authorize) for a command about one relying party: the token must not be bound to another one,
    /// and is bound to this one from now on (MC-25 to MC-27, GA-10).
    pub(crate) fn authorize_for_rp(
        &mut self,
        protocol: Protocol,
        client_data_hash: &[u8],
        mac: &[u8],
        permission: Permissions,
        rp_id: &str,
    ) -> Result<UserVerified, Status> {
        let token = self.verified(protocol, &[client_data_hash], mac, permission)?;
        let is_of_another = token.rp_id.as_deref().is_some_and(|bound| bound != rp_id);
        let method = token.user_verified.filter(|_| !is_of_another);
        let method = method.ok_or(Status::PinAuthInvalid)?;
        if token.life == Life::Modern {
            token.rp_id.get_or_insert_with(|| rp_id.into());
        }
        Ok(UserVerified::by_token(method))
    }

    fn verified(
        &mut self,
        protocol: Protocol,
        message: &[&[u8]],
        mac: &[u8],
        permission: Permissions,
    ) -> Result<&mut InUse, Status> {
        let genuine = protocol.verify(self.value.expose(), message, mac);
        match &mut self.usage {
            Usage::InUse(token) if genuine && token.protocol == protocol => {
                token.used = true;
                let permitted = token.permissions.contains(permission);
                permitted.then_some(token).ok_or(Status::PinAuthInvalid)
            }
            _ => Err(Status::PinAuthInvalid),
        }
    }

    /// The relying party that the token is bound to, if it is (CM-08).
    pub(crate) fn rp_id(&self) -> Option<&str> {
        match &self.usage {
            Usage::InUse(token) => token.rp_id.as_deref(),
            Usage::Stopped => None,
        }
    }

    /// A presence test that came with the token and still stands, once (getUserPresentFlagValue, CP-124).
    pub(crate) const fn take_presence(&mut self) -> Option<UserPresent> {
        match &mut self.usage {
            Usage::InUse(token) => token.user_present.take(),
            Usage::Stopped => None,
        }
    }

    /// After a presence test: clear the flags and all permissions but `lbw` (MC-36, GA-20, CP-125).
    pub(crate) fn consume(&mut self) {
        if let Usage::InUse(token @ InUse { life: Life::Modern, .. }) = &mut self.usage {
            token.user_present = None;
            token.user_verified = None;
            token.permissions = token.permissions.intersection(Permissions::LARGE_BLOB_WRITE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hmac_sha256;
    use crate::testing::seeded;

    const HASH: [u8; 32] = [0xcd; 32];

    fn token_at(now: u64) -> PinUvAuthToken {
        let mut rng = seeded(1);
        let mut token = PinUvAuthToken::new(&mut rng);
        let grant = Grant {
            life: Life::Modern,
            protocol: Protocol::Two,
            permissions: Permissions::MAKE_CREDENTIAL.union(Permissions::LARGE_BLOB_WRITE),
            rp_id: None,
            user_verified: UserVerificationMethod::PasscodeExternal,
            user_present: None,
            initial_usage: Duration::from_secs(30),
        };
        token.begin_using(grant, Duration::from_millis(now), &mut rng);
        token
    }

    fn use_at(token: &mut PinUvAuthToken, rp_id: &str, now: u64) -> Result<(), Status> {
        token.expire(Duration::from_millis(now));
        let mac = hmac_sha256(token.value.expose(), &[&HASH]);
        let permission = Permissions::MAKE_CREDENTIAL;
        token.authorize_for_rp(Protocol::Two, &HASH, mac.expose(), permission, rp_id).map(|_| ())
    }

    #[test]
    fn an_unused_token_dies_after_thirty_seconds() {
        assert_eq!(use_at(&mut token_at(5), "a", 30_004), Ok(()));
        assert_eq!(use_at(&mut token_at(5), "a", 30_005), Err(Status::PinAuthInvalid)); // CP-A10
    }

    #[test]
    fn a_used_token_lives_until_ten_minutes() {
        let mut token = token_at(0);
        assert_eq!(use_at(&mut token, "a", 10_000), Ok(()));
        assert_eq!(use_at(&mut token, "a", 599_999), Ok(()));
        assert_eq!(use_at(&mut token, "a", 600_000), Err(Status::PinAuthInvalid));
    }

    #[test]
    fn the_first_relying_party_binds_the_token() {
        let mut token = token_at(0);
        assert_eq!(use_at(&mut token, "a", 1), Ok(())); // MC-27
        assert_eq!(use_at(&mut token, "b", 2), Err(Status::PinAuthInvalid)); // MC-26
        assert_eq!(use_at(&mut token, "a", 3), Ok(()));
    }

    #[test]
    fn a_consumed_token_keeps_only_large_blob_write() {
        let mut token = token_at(0);
        token.consume();
        assert_eq!(use_at(&mut token, "a", 1), Err(Status::PinAuthInvalid)); // MC-A4
        let mac = hmac_sha256(token.value.expose(), &[b"x"]);
        let permission = Permissions::LARGE_BLOB_WRITE;
        assert_eq!(token.authorize(Protocol::Two, &[b"x"], mac.expose(), permission), Ok(()));
    }

    #[test]
    fn a_mac_of_the_other_protocol_or_length_is_refused() {
        let mut token = token_at(0);
        let mac = *hmac_sha256(token.value.expose(), &[b"x"]).expose();
        let permission = Permissions::MAKE_CREDENTIAL;
        for (protocol, mac) in
            [(Protocol::One, &mac[..16]), (Protocol::One, &mac[..]), (Protocol::Two, &mac[..16])]
        {
            assert_eq!(
                token.authorize(protocol, &[b"x"], mac, permission),
                Err(Status::PinAuthInvalid)
            );
        }
    }

    #[test]
    fn a_new_token_ends_the_old_one() {
        let mut token = token_at(0);
        let old = hmac_sha256(token.value.expose(), &[b"x"]);
        token.reset(&mut seeded(2));
        let permission = Permissions::NONE;
        assert_eq!(
            token.authorize(Protocol::Two, &[b"x"], old.expose(), permission),
            Err(Status::PinAuthInvalid)
        );
    }
}
