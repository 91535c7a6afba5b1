//! Keys, and the four operations with them: derive, encrypt, decrypt, authenticate.

use std::io;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes that stay where they are made and are wiped when dropped.
pub(crate) struct Key(Box<[u8; KEY_LENGTH]>);

impl Key {
    pub(crate) fn random(rng: &mut dyn CryptoRng) -> Self {
        Self::filled(|bytes| rng.fill_bytes(bytes))
    }

    pub(crate) fn filled(fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self(Box::new([0; KEY_LENGTH]));
        fill(key.0.as_mut_slice());
        key
    }

    /// `None`: these are not 32 bytes.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; KEY_LENGTH] = bytes.try_into().ok()?;
        Some(Self::filled(|key| key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from)))
    }

    /// HKDF-SHA-256 (RFC 5869): a key for one purpose out of a secret.
    pub(crate) fn derived(salt: &[u8], secret: &[u8], purpose: &[u8]) -> Self {
        Self::filled(|bytes| {
            // It refuses only outputs of more than 8160 bytes.
            let _ = Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose, bytes);
        })
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self::filled(|key| key.iter_mut().zip(*self.0).for_each(|(to, from)| *to = from))
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }

    /// Seals the text where it is, and returns the tag that belongs to it (XChaCha20-Poly1305).
    ///
    /// # Errors
    /// The text has more than 256 GiB.
    pub(crate) fn seal(
        &self,
        nonce: &Nonce,
        associated: &[u8],
        text: &mut [u8],
    ) -> io::Result<[u8; TAG]> {
        self.cipher()
            .encrypt_inout_detached(nonce.into(), associated, text.into())
            .map(Into::into)
            .map_err(io::Error::other)
    }

    /// Opens the text where it is; `false`: something of it was changed, or the key is another.
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        associated: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> bool {
        self.cipher()
            .decrypt_inout_detached(nonce.into(), associated, text.into(), tag.into())
            .is_ok()
    }

    /// HMAC-SHA-256 of the parts, which have fixed lengths.
    pub(crate) fn vouch(&self, parts: &[&[u8]]) -> [u8; MAC] {
        self.mac(parts).map_or([0; MAC], |mac| mac.finalize().into_bytes().into())
    }

    /// Compares in constant time.
    pub(crate) fn has_vouched(&self, parts: &[&[u8]], mac: &[u8; MAC]) -> bool {
        self.mac(parts).is_some_and(|own| own.verify(mac.into()).is_ok())
    }

    /// A key of 32 bytes is never refused.
    fn mac(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_slice()).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_ref().into())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl ZeroizeOnDrop for Key {}

/// The keys of an open vault.
pub(crate) struct Keys {
    /// Drawn for this file; all but the next two come from it.
    pub(crate) data: Key,
    /// The key of the witness. It stays the same when the data key changes, so that an older file can be told from
    /// a foreign one.
    pub(crate) witness: Key,
    /// Wraps both. It comes from a key file, a passphrase or a credential.
    pub(crate) wrapping: Key,
    pub(crate) frames: Key,
    pub(crate) heads: Key,
}

impl Keys {
    pub(crate) fn new(data: Key, witness: Key, wrapping: Key) -> Self {
        let frames = Key::derived(&[], data.expose(), b"keyfob records: frames");
        let heads = Key::derived(&[], data.expose(), b"keyfob records: heads");
        Self { data, witness, wrapping, frames, heads }
    }

    /// A new data key: what the old one sealed is lost with it.
    pub(crate) fn renewed(&self, rng: &mut dyn CryptoRng) -> Self {
        Self::new(Key::random(rng), self.witness.duplicate(), self.wrapping.duplicate())
    }

    pub(crate) fn wrapped_by(&self, wrapping: Key) -> Self {
        Self::new(self.data.duplicate(), self.witness.duplicate(), wrapping)
    }
}

/// Random: 192 bits never come twice.
pub(crate) type Nonce = [u8; NONCE];

pub(crate) fn nonce(rng: &mut dyn CryptoRng) -> Nonce {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    nonce
}

pub(crate) const KEY_LENGTH: usize = 32;
pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;
pub(crate) const MAC: usize = 32;
