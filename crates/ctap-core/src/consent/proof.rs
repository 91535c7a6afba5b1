//! The proofs of presence and verification, by a decision, a MAC or a fingerprint. Each kind is made in one place,
//! and the code that needs the fact uses it up.

use crate::overrides::Overrides;

/// Proof that a person touched the key for this request, or laid it on a reader for it.
#[derive(Debug)]
pub struct UserPresent(());

impl UserPresent {
    /// Only [`Authenticator::answer`](crate::Authenticator::answer) calls this, for every decision but a refusal.
    pub(crate) const fn approved() -> Self {
        Self(())
    }

    /// Only `Taps` calls this, for a tap that is still good (NF-40).
    pub(crate) const fn by_tap() -> Self {
        Self(())
    }
}

/// Proof that the user of the key was verified.
#[derive(Debug)]
pub struct UserVerified(UserVerificationMethod);

impl UserVerified {
    /// Only `PinUvAuthToken` calls this, for a MAC that verified. `method`: how the token was got.
    pub(crate) const fn by_token(method: UserVerificationMethod) -> Self {
        Self(method)
    }

    /// Only `Verification` calls this, for an enrolled finger.
    pub(crate) const fn by_finger() -> Self {
        Self(UserVerificationMethod::FingerprintInternal)
    }
}

/// How a user is verified, by its number in FIDO's registry of predefined values (EX-96).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum UserVerificationMethod {
    FingerprintInternal = 0x2,
    PasscodeExternal = 0x800,
}

/// Proof that the platform asked for a signature without a test of user presence (`up: false`, GA-07; control byte
/// 08, UF-38).
#[derive(Debug)]
pub struct SilentRequest(());

impl SilentRequest {
    /// Only getAssertion's `up` option and the control byte of a U2F authentication make one.
    pub(crate) fn from_up_option(up: bool) -> Option<Self> {
        (!up).then_some(Self(()))
    }
}

/// The proofs that allow a private key to sign. The UP and UV bits are derived from them.
#[derive(Debug)]
pub struct Evidence {
    present: bool,
    verified: Option<UserVerificationMethod>,
    overrides: Overrides,
}

impl Evidence {
    /// A person touched the key, or tapped it.
    pub(crate) fn of_presence(_: UserPresent, verified: Option<UserVerified>) -> Self {
        Self::of(true, verified)
    }

    /// Nobody did, and the platform did not ask for it.
    pub(crate) fn of_silence(_: SilentRequest, verified: Option<UserVerified>) -> Self {
        Self::of(false, verified)
    }

    fn of(present: bool, verified: Option<UserVerified>) -> Self {
        let verified = verified.map(|UserVerified(method)| method);
        Self { present, verified, overrides: Overrides::default() }
    }

    /// The same evidence, but the answer says less.
    pub(crate) const fn told_with(self, overrides: Overrides) -> Self {
        Self { overrides, ..self }
    }

    /// Whether a person touched or tapped the key.
    #[must_use]
    pub const fn present(&self) -> bool {
        self.present
    }

    /// Whether the user was verified.
    #[must_use]
    pub const fn verified(&self) -> bool {
        self.verified.is_some()
    }

    /// How it does.
    pub(crate) const fn method(&self) -> Option<UserVerificationMethod> {
        self.verified
    }

    /// The UP bit.
    #[must_use]
    pub const fn up_bit(&self) -> bool {
        self.present && !self.overrides.bad_up
    }

    /// The UV bit.
    #[must_use]
    pub const fn uv_bit(&self) -> bool {
        self.verified() && !self.overrides.bad_uv
    }

    /// Whether what is signed gets a signature that is worth nothing.
    pub(crate) const fn wants_bogus_signature(&self) -> bool {
        self.overrides.bogus_signature
    }
}
