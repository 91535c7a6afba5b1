//! What answers tell that is not so, for tests of programs that read them.

/// The response overrides of Chromium's DevTools (`WebAuthn.setResponseOverrideBits`). A key tells less than what is so, and never
/// more: a bit is taken away, a signature is worth nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Signatures are a single zero byte: of assertions, and of attestation.
    pub bogus_signature: bool,
    /// The UP bit is clear, and in U2F the presence byte 0, in what is signed.
    pub bad_up: bool,
    /// The UV bit is clear, likewise.
    pub bad_uv: bool,
}
