//! The first page of the file: the identity of the file, and the data key, encrypted.

use std::io;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::bytes::Fields;
use crate::crypto::{KEY_LENGTH, Key, Keys, NONCE, Nonce, TAG, nonce};
use crate::error::Fault;
use crate::frame::Context;
use crate::slots::PAGE;
use crate::unlock::{Cost, Lock, Way};

/// The format version that is written, and the highest one that is read.
pub const VERSION: u16 = 1;

/// The part of the header that is not encrypted. The encryption of the keys authenticates all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Drawn when the vault was made, and never changed.
    pub(crate) store: [u8; 16],
    /// One more with each new file.
    pub(crate) generation: u64,
    /// The sequence number of the first frame. It goes on from file to file.
    pub(crate) first: u64,
    pub(crate) lock: Lock,
}

impl Header {
    pub(crate) const fn context(&self) -> Context {
        Context { store: self.store, generation: self.generation }
    }

    /// The page, with these keys in it.
    ///
    /// # Errors
    /// None with keys of 32 bytes.
    pub(crate) fn encode(&self, keys: &Keys, rng: &mut dyn CryptoRng) -> io::Result<Vec<u8>> {
        let mut page = self.clear();
        let nonce = nonce(rng);
        let mut wrapped = Zeroizing::new([0; WRAPPED]);
        let both = keys.data.expose().iter().chain(keys.witness.expose());
        wrapped.iter_mut().zip(both).for_each(|(to, from)| *to = *from);
        let tag = keys.wrapping.seal(&nonce, &page, wrapped.as_mut_slice())?;
        page.extend(nonce);
        page.extend(wrapped.iter());
        page.extend(tag);
        let digest = Sha256::digest(&page);
        page.extend(digest);
        page.resize(PAGE, 0);
        Ok(page)
    }

    fn clear(&self) -> Vec<u8> {
        let (way, cost) = match self.lock.way {
            Way::KeyFile => (KEY_FILE, NO_COST),
            Way::Passphrase(cost) => (PASSPHRASE, cost),
            Way::Credential => (CREDENTIAL, NO_COST),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(self.store);
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(self.first.to_be_bytes());
        bytes.extend([way, 0, 0, 0]);
        bytes.extend([cost.memory, cost.passes, cost.lanes].map(u32::to_be_bytes).as_flattened());
        bytes.extend(self.lock.salt);
        bytes
    }
}

/// A page that was read, its keys still wrapped.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) header: Header,
    nonce: Nonce,
    wrapped: [u8; WRAPPED],
    tag: [u8; TAG],
}

impl Sealed {
    /// Reads a page.
    ///
    /// # Errors
    /// Told apart in this order: not a vault, newer, damaged, made by somebody who wants to guess.
    pub(crate) fn read(page: &[u8]) -> Result<Self, Fault> {
        let (magic, rest) = page.split_at_checked(MAGIC.len()).unwrap_or((page, &[]));
        // A file that is empty, or cut off within the name, was a vault: no other file has this name.
        if !MAGIC.starts_with(magic) {
            return Err(Fault::Foreign);
        }
        let version = Fields(rest).u16().ok_or(Fault::Damaged { what: HEADER })?;
        if version > VERSION {
            return Err(Fault::Newer { found: version });
        }
        check_digest(page)?;
        let sealed = Self::parse(page).ok_or(Fault::Malformed)?;
        match sealed.header.lock.way {
            Way::Passphrase(cost) => cost.check().map(|_| sealed),
            _ => Ok(sealed),
        }
    }

    fn parse(page: &[u8]) -> Option<Self> {
        let mut fields = Fields(page);
        fields.slice(MAGIC.len())?;
        let _version = fields.u16()?;
        let (store, generation, first) = (fields.array()?, fields.u64()?, fields.u64()?);
        let [way, _, _, _] = fields.array()?;
        let cost = Cost { memory: fields.u32()?, passes: fields.u32()?, lanes: fields.u32()? };
        let way = match way {
            KEY_FILE => Way::KeyFile,
            PASSPHRASE => Way::Passphrase(cost),
            CREDENTIAL => Way::Credential,
            _ => return None,
        };
        let lock = Lock { way, salt: fields.array()? };
        let header = Header { store, generation, first, lock };
        // What has no meaning is as it was written: the keys are unwrapped with what is understood.
        let is_ours = first > 0 && page.starts_with(&header.clear());
        let (nonce, wrapped, tag) = (fields.array()?, fields.array()?, fields.array()?);
        is_ours.then_some(Self { header, nonce, wrapped, tag })
    }

    /// The keys; `None`: they were not wrapped by this key.
    pub(crate) fn unwrap_with(&self, wrapping: Key) -> Option<Keys> {
        let mut both = Zeroizing::new(self.wrapped);
        wrapping
            .open(&self.nonce, &self.header.clear(), both.as_mut_slice(), &self.tag)
            .then_some(())?;
        let (data, witness) = both.split_at_checked(KEY_LENGTH)?;
        Some(Keys::new(Key::of(data)?, Key::of(witness)?, wrapping))
    }
}

/// Against accidents: it tells a damaged header from a wrong passphrase. The wrapping is against people.
fn check_digest(page: &[u8]) -> Result<(), Fault> {
    let damaged = Fault::Damaged { what: HEADER };
    let (content, rest) = page.split_at_checked(CONTENT).ok_or(damaged)?;
    let digest: [u8; 32] = Sha256::digest(content).into();
    if rest.first_chunk() == Some(&digest) { Ok(()) } else { Err(damaged) }
}

const MAGIC: &[u8; 14] = b"keyfob records";
const HEADER: &str = "its header";
const KEY_FILE: u8 = 1;
const PASSPHRASE: u8 = 2;
const CREDENTIAL: u8 = 3;
const NO_COST: Cost = Cost { memory: 0, passes: 0, lanes: 0 };
/// The data key and the witness key.
const WRAPPED: usize = 2 * KEY_LENGTH;
/// Everything before the checksum: 96 bytes in clear, and the wrapped keys.
const CONTENT: usize = 96 + NONCE + WRAPPED + TAG;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::unlock::LockedWith;

    fn sample(with: LockedWith) -> (Header, Vec<u8>) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let lock = Lock::new(with, &mut rng);
        let header = Header { store: [1; 16], generation: 2, first: 3, lock };
        let page = header.encode(&keys(), &mut rng).unwrap();
        (header, page)
    }

    fn keys() -> Keys {
        let key = |byte| Key::of(&[byte; 32]).unwrap();
        Keys::new(key(1), key(2), key(3))
    }

    #[test]
    fn what_is_written_is_read_and_unwrapped_with_the_same_key() {
        for with in [LockedWith::KeyFile, LockedWith::Passphrase, LockedWith::Credential] {
            let (header, page) = sample(with);
            let sealed = Sealed::read(&page).unwrap();
            assert_eq!(sealed.header, header);
            let found = sealed.unwrap_with(keys().wrapping).unwrap();
            assert_eq!(found.data.expose(), &[1; 32]);
            assert_eq!(found.witness.expose(), &[2; 32]);
            assert!(sealed.unwrap_with(keys().data).is_none());
        }
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_the_header_is_noticed() {
        let (_, whole) = sample(LockedWith::KeyFile);
        for bit in 0..(CONTENT + 32) * 8 {
            let mut page = whole.clone();
            page[bit / 8] ^= 1 << (bit % 8);
            assert!(Sealed::read(&page).is_err(), "bit {bit}");
        }
        for length in 0..CONTENT + 32 {
            let fault = Sealed::read(&whole[..length]).unwrap_err();
            assert_eq!(fault, Fault::Damaged { what: HEADER }, "{length} bytes");
        }
    }

    /// With a checksum that fits, as whoever changes it on purpose would make it.
    fn changed(with: LockedWith, at: usize, bytes: &[u8]) -> Vec<u8> {
        let (_, mut page) = sample(with);
        page[at..at + bytes.len()].copy_from_slice(bytes);
        let digest = Sha256::digest(&page[..CONTENT]);
        page[CONTENT..CONTENT + 32].copy_from_slice(&digest);
        page
    }

    #[test]
    fn what_is_changed_on_purpose_does_not_unwrap() {
        let (_, whole) = sample(LockedWith::KeyFile);
        for at in (0..96).chain([100, 150, 190]) {
            let page = changed(LockedWith::KeyFile, at, &[whole[at] ^ 1]);
            let unwrapped = Sealed::read(&page)
                .is_ok_and(|sealed| sealed.unwrap_with(keys().wrapping).is_some());
            assert!(!unwrapped, "offset {at}");
        }
    }

    // P-15
    #[test]
    fn a_passphrase_that_would_be_cheap_to_guess_or_ruinous_to_try_is_refused_before_it_is_tried() {
        let costs =
            [(52, 19 * 1024 - 1), (52, 1024 * 1024 + 1), (56, 1), (56, 65), (60, 0), (60, 17)];
        for (at, cost) in costs {
            let page = changed(LockedWith::Passphrase, at, &u32::to_be_bytes(cost));
            assert_eq!(Sealed::read(&page).unwrap_err(), Fault::Cost, "offset {at}: {cost}");
        }
        for (at, cost) in [(52, 19 * 1024), (52, 1024 * 1024), (56, 2), (56, 64), (60, 1), (60, 16)]
        {
            let page = changed(LockedWith::Passphrase, at, &u32::to_be_bytes(cost));
            assert!(Sealed::read(&page).is_ok(), "offset {at}: {cost}");
        }
    }

    #[test]
    fn foreign_newer_and_unknown_headers_are_told_apart() {
        assert_eq!(Sealed::read(b"something else").unwrap_err(), Fault::Foreign);
        let newer = changed(LockedWith::KeyFile, 14, &[0, 2]);
        assert_eq!(Sealed::read(&newer).unwrap_err(), Fault::Newer { found: 2 });
        let unknown = changed(LockedWith::KeyFile, 48, &[4]);
        assert_eq!(Sealed::read(&unknown).unwrap_err(), Fault::Malformed);
    }
}
