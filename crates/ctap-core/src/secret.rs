//! Secrets: they stay in one place until they are wiped, are never printed, and are compared only in constant time.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` bytes that cannot be printed, copied by accident or compared with `==`.
///
/// They stay in one place on the heap until they are wiped: moving a `Secret`, also inside a list that grows, moves
/// only a pointer. It has no `Clone`, `PartialEq` or serialisation on purpose. Code that needs the bytes calls
/// [`expose`](Self::expose), which a reader of the code can see.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// A copy of `bytes`. The caller must wipe the original.
    #[must_use]
    pub fn new(bytes: &[u8; N]) -> Self {
        Self::filled(|secret| *secret = *bytes)
    }

    /// Makes a secret in the place where it stays: `fill` writes it over `N` zeros.
    #[must_use]
    pub fn filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// Draws `N` random bytes.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self::filled(|secret| rng.fill_bytes(secret))
    }

    /// The bytes. Every call is a place where the secret may leak.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second copy, for a record that will replace this one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::new(&self.0)
    }

    /// LEFT(secret, `M`), as the standard writes it: its first `M` bytes. Of a shorter one all, and zeros.
    pub(crate) fn left<const M: usize>(&self) -> Secret<M> {
        Secret::filled(|left| left.iter_mut().zip(&*self.0).for_each(|(to, from)| *to = *from))
    }

    /// Compares without a timing difference that tells where the bytes differ (CP-13). It is the only comparison of
    /// secrets, and of values that are made with them. Lengths are public and may differ.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
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
    /// Takes over `bytes`. The vector must not have grown, because growing leaves copies behind.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes. Every call is a place where the secret may leak.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// A second copy, for a record that will replace this one.
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

/// Does not compile once a secret can be copied or compared with `==`: there would be two functions of this name.
const _: fn() = || {
    trait Unless<Marker> {
        fn found() {}
    }
    impl<T> Unless<()> for T {}
    impl<T: Clone> Unless<u8> for T {}
    impl<T: PartialEq> Unless<u16> for T {}
    impl<T: PartialEq<[u8]>> Unless<u32> for T {}
    <Secret<32> as Unless<_>>::found();
    <SecretBytes as Unless<_>>::found();
};

/// Does not compile unless secrets are wiped when dropped.
const _: fn() = || {
    const fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<Secret<32>>();
    is_wiped::<SecretBytes>();
};

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use alloc::format;
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn a_secret_does_not_print_its_bytes() {
        assert_eq!(format!("{:?}", Secret::new(&[0x41; 4])), "Secret<4>");
        assert_eq!(format!("{:?}", SecretBytes::new(b"1234".to_vec())), "SecretBytes");
    }

    #[test]
    fn a_secret_matches_only_the_same_bytes_of_the_same_length() {
        let secret = Secret::new(&[7; 4]);
        assert!(secret.matches(&[7; 4]));
        assert!(!secret.matches(&[7, 7, 7, 8]));
        assert!(!secret.matches(&[7; 3]));
    }

    #[test]
    fn the_left_of_a_secret_is_its_beginning() {
        let secret = Secret::new(&[1, 2, 3, 4]);
        assert_eq!(secret.left().expose(), &[1, 2]);
        assert_eq!(secret.left().expose(), &[1, 2, 3, 4, 0]);
    }

    #[test]
    fn moving_a_secret_moves_a_pointer() {
        assert_eq!(size_of::<Secret<32>>(), size_of::<usize>());
        let secret = Secret::new(&[7; 32]);
        let place = secret.expose().as_ptr();
        let moved = alloc::vec![secret];
        assert_eq!(moved[0].expose().as_ptr(), place);
    }

    #[test]
    fn a_secret_that_is_dropped_is_gone_from_memory() {
        let secret = Secret::new(&[FILL; LENGTH]);
        let place = secret.expose().as_ptr().addr();
        assert!(is_filled(place));
        drop(secret);
        assert!(!is_filled(place));

        let secret = SecretBytes::new(alloc::vec![FILL; LENGTH]);
        let place = secret.expose().as_ptr().addr();
        assert!(is_filled(place));
        drop(secret);
        assert!(!is_filled(place));
    }

    /// Whether this process has the secret there, or a part of it. The system is asked: nobody owns that memory any more.
    fn is_filled(place: usize) -> bool {
        let mut bytes = [0; LENGTH]; // not on the heap: it would come to lie in that very place
        let memory = File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut bytes, place as u64).unwrap();
        bytes.windows(16).any(|part| part == [FILL; 16])
    }

    const FILL: u8 = 0xa7;
    /// Longer than what an allocator writes into memory that it got back, shorter than what it gives back to the system.
    const LENGTH: usize = 4096;
}
