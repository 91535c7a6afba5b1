//! The session between two power-ups: everything that a power cycle clears.

use core::time::Duration;

use rand_core::CryptoRng;

use crate::channel::Channel;
use crate::commands::bio_enrollment::Enrollment;
use crate::commands::credential_management::{Credentials, Rps};
use crate::commands::get_assertion::Assertions;
use crate::commands::large_blobs::Write;
use crate::credential_id::SealingKeys;
use crate::limits::STATEFUL_COMMAND;
use crate::pin::protocol::KeyAgreement;
use crate::pin::retries::Mismatches;
use crate::pin::token::PinUvAuthToken;
use crate::secret::Secret;
use crate::touches::Touches;
use crate::transport::Transport;

/// The volatile state of an authenticator (CP-18, HD-44).
pub(crate) struct Session {
    pub(crate) powered_up: Duration,
    /// The way that the power came.
    pub(crate) transport: Transport,
    /// Derived from the wrapping key that the store has now.
    pub(crate) sealing_keys: SealingKeys,
    pub(crate) key_agreement: KeyAgreement,
    pub(crate) token: PinUvAuthToken,
    pub(crate) mismatches: Mismatches,
    /// The requests of U2F clients that wait, and the touches that were given for them (UF-34).
    pub(crate) touches: Touches,
    /// A finger that is being learned (BE-30).
    pub(crate) enrollment: Option<Enrollment>,
    continuation: Option<Continuation>,
}

/// A stateful command that can go on (section 6, MSG-80 to MSG-86).
struct Continuation {
    channel: Channel,
    last: Duration,
    /// The token that authorised the beginning, if one did.
    token: Option<u64>,
    walk: Walk,
}

/// A walk through a list.
pub(crate) enum Walk {
    /// getNextAssertion.
    Assertions(Assertions),
    /// enumerateRPsGetNextRP.
    Rps(Rps),
    /// enumerateCredentialsGetNextCredential.
    Credentials(Credentials),
    /// The next fragment of a large-blob write.
    LargeBlobs(Write),
}

impl Session {
    /// Power-up (CP-18).
    pub(crate) fn new(
        (transport, now): (Transport, Duration),
        wrapping_key: &Secret<32>,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        Self {
            powered_up: now,
            transport,
            sealing_keys: SealingKeys::derive(wrapping_key),
            key_agreement: KeyAgreement::generate(rng),
            token: PinUvAuthToken::new(rng),
            mismatches: Mismatches::default(),
            touches: Touches::default(),
            enrollment: None,
            continuation: None,
        }
    }

    /// authenticatorReset: tokens, keys and walks are new, the mismatches in a row are forgotten with the PIN, and so are
    /// touches that were given before (RS-10). The wrapping key is new, and so is what follows from it (RS-09). The reset window
    /// is not reopened.
    pub(crate) fn reset(&mut self, wrapping_key: &Secret<32>, rng: &mut dyn CryptoRng) {
        *self = Self::new((self.transport, self.powered_up), wrapping_key, rng);
    }

    /// Remembers how to go on. `authorized`: a pinUvAuthToken allowed the beginning, and its end ends this (MSG-83).
    pub(crate) fn continue_with(
        &mut self,
        walk: Walk,
        channel: Channel,
        authorized: bool,
        now: Duration,
    ) {
        let token = if authorized { self.token.in_use() } else { None };
        self.continuation = Some(Continuation { channel, last: now, token, walk });
    }

    /// Takes what was remembered, if it may still go on: same channel, in time, token still in use (MSG-81 to MSG-86).
    pub(crate) fn take_walk(&mut self, channel: Channel, now: Duration) -> Option<(Walk, bool)> {
        let Continuation { channel: owner, last, token, walk } = self.continuation.take()?;
        let alive = now.saturating_sub(last) <= STATEFUL_COMMAND
            && owner == channel
            && (token.is_none() || token == self.token.in_use());
        alive.then_some((walk, token.is_some()))
    }

    /// Every other request ends it, refused ones too (MSG-82).
    pub(crate) fn drop_walk(&mut self) {
        self.continuation = None;
    }
}
