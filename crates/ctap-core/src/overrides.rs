//! Answers that are wrong on purpose, for tests of programs that read them.

/// The response overrides of Chromium's DevTools (`WebAuthn.setResponseOverrideBits`). A key only ever says less
/// than the truth, never more: it clears a bit, or spoils a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Signatures of assertions and of attestation are a single zero byte.
    pub bogus_signature: bool,
    /// In the signed data the UP bit is clear; in U2F the presence byte is 0.
    pub bad_up: bool,
    /// In the signed data the UV bit is clear.
    pub bad_uv: bool,
}
