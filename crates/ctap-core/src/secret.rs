//! Secrets: wiped when dropped, never printed, compared in constant time only.

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` bytes that nobody may print, copy by accident or compare with `==`.
///
/// It has no `Clone`, `PartialEq` or serialisation on purpose: whoever needs the bytes says [`expose`](Self::expose)
/// where a reader can see it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes over `bytes`. The caller's own copy stays the caller's to wipe.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Draws `N` random bytes.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Self([0; N]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The bytes. Every call is a place where the secret may leak.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second copy, for a record that is about to replace this one.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }

    /// Compares without telling by its timing where the difference is (CP-13).
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        ct_eq(&self.0, other)
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>")
    }
}

/// A secret whose length is known only at run time, such as the scalar of a private key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over `bytes`.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes. Every call is a place where the secret may leak.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// A second copy, for a record that is about to replace this one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes")
    }
}

/// Constant-time equality. Lengths are public and may differ.
pub(crate) fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_secret_does_not_print_its_bytes() {
        assert_eq!(format!("{:?}", Secret::new([0x41; 4])), "Secret<4>");
        assert_eq!(format!("{:?}", SecretBytes::new(b"1234".to_vec())), "SecretBytes");
    }

    #[test]
    fn a_secret_matches_only_the_same_bytes_of_the_same_length() {
        let secret = Secret::new([7; 4]);
        assert!(secret.matches(&[7; 4]));
        assert!(!secret.matches(&[7, 7, 7, 8]));
        assert!(!secret.matches(&[7; 3]));
    }
}
