//! The price of a PIN try, which is on disk before the PIN is checked (CP-24 to CP-29, P-1).

use rand_core::CryptoRng;

use crate::change::Change;
use crate::limits::MAX_CONSECUTIVE_MISMATCHES;
use crate::pin::protocol::{KeyAgreement, Protocol, SharedSecret};
use crate::status::Status;
use crate::store::Store;

/// Wrong PINs in a row since power-up (CP-26). A power cycle forgets it, the tries in all it does not.
#[derive(Debug, Default)]
pub(crate) struct Mismatches(u8);

impl Mismatches {
    /// Three in a row: every PIN is refused until a power cycle.
    pub(crate) const fn blocked(&self) -> bool {
        self.0 >= MAX_CONSECUTIVE_MISMATCHES
    }
}

/// A try that is paid and not checked yet.
///
/// [`Attempt::begin`] is the only way to one and [`Attempt::judge`] the only way to the PIN hash, so a guess cannot be free.
pub(crate) struct Attempt(());

impl Attempt {
    /// Pays for one try. Refuses when no PIN is set (0x35), no try is left (0x32), or three were wrong in a row (0x34);
    /// the first of these outranks the others (CP-27). `work` is done while the price is written: it must not look at the PIN.
    pub(crate) fn begin<T>(
        mismatches: &Mismatches,
        store: &mut Store,
        work: impl FnOnce() -> T,
    ) -> Result<(Self, T), Status> {
        Self::allowed(mismatches, store)?;
        let left = store.state().pin_retries.saturating_sub(1);
        let done = store.commit_while(Change::PinRetries(left), work)?;
        Ok((Self(()), done))
    }

    /// Whether a try would be taken at all, without paying for one.
    pub(crate) fn allowed(mismatches: &Mismatches, store: &Store) -> Result<(), Status> {
        let state = store.state();
        match state.pin {
            None => Err(Status::PinNotSet),
            Some(_) if state.pin_retries == 0 => Err(Status::PinBlocked),
            Some(_) if mismatches.blocked() => Err(Status::PinAuthBlocked),
            Some(_) => Ok(()),
        }
    }

    /// Decrypts and compares. A match gives all tries back; a mismatch also changes the key agreement key, so that nothing
    /// prepared for the old one works (CP-65 to CP-67, CP-29).
    pub(crate) fn judge(
        self,
        pin_hash_enc: &[u8],
        secret: &SharedSecret,
        protocol: Protocol,
        judge: Judge<'_>,
    ) -> Result<(), Status> {
        let given = secret.decrypt(pin_hash_enc);
        let pin = judge.store.state().pin.as_ref();
        let right = match (pin, given) {
            (Some(pin), Some(given)) => pin.hash.matches(&given),
            _ => false,
        };
        if right {
            judge.store.commit(Change::PinVerified)?;
            judge.mismatches.0 = 0;
            return Ok(());
        }
        judge.key_agreement.regenerate(protocol, judge.rng);
        judge.mismatches.0 = judge.mismatches.0.saturating_add(1);
        Err(match judge.store.state().pin_retries {
            0 => Status::PinBlocked,
            _ if judge.mismatches.blocked() => Status::PinAuthBlocked,
            _ => Status::PinInvalid,
        })
    }
}

/// The things that checking a PIN may change.
pub(crate) struct Judge<'a> {
    pub(crate) mismatches: &'a mut Mismatches,
    pub(crate) key_agreement: &'a mut KeyAgreement,
    pub(crate) store: &'a mut Store,
    pub(crate) rng: &'a mut dyn CryptoRng,
}
