//! CTAP section 6.10.3: the large-blob array, which platforms share on a key that never looks inside (LB-60 to LB-66).

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

use crate::cbor::{self, CborFault, MapBuilder, Value};
use crate::commands::make_credential::LargeBlobKey;
use crate::error::RequestFault;
use crate::fields::{Fields, FromCbor as _};
use crate::limits::MAX_BLOB;

/// The blobs of all credentials. Each can be opened with its own credential's key only; the rest is kept as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlobArray(Vec<Value>);

/// Why bytes are not a large-blob array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrayFault {
    /// Shorter than its hash, or the hash at the end is wrong.
    #[error("the large-blob array is damaged: its hash is wrong")]
    Hash,
    /// The hash is right, but the content is not a CBOR array.
    #[error("the large-blob array cannot be read")]
    Cbor(#[from] CborFault),
}

impl BlobArray {
    /// Reads a serialized array: CBOR, then the first half of its SHA-256.
    ///
    /// # Errors
    /// [`ArrayFault`]: of the platform that wrote it, or of the key that stored it.
    pub fn parse(serialized: &[u8]) -> Result<Self, ArrayFault> {
        let (content, hash) = serialized.split_last_chunk::<16>().ok_or(ArrayFault::Hash)?;
        if half_hash(content) != *hash {
            return Err(ArrayFault::Hash);
        }
        let entries = cbor::decode(content)?.into_array().map_err(|_| CborFault::Malformed)?;
        Ok(Self(entries))
    }

    /// The array as keys store it.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let content = cbor::encode(&Value::Array(self.0.clone()));
        let hash = half_hash(&content);
        [content.as_slice(), &hash].concat()
    }

    /// The blob of the credential that has this key, if there is one.
    #[must_use]
    pub fn find(&self, key: &LargeBlobKey) -> Option<Vec<u8>> {
        self.0.iter().find_map(|entry| open(entry, key))
    }

    /// Stores a blob for the credential that has this key, instead of the one it had.
    ///
    /// # Errors
    /// [`RequestFault::TooLong`] above [`MAX_BLOB`]; the caller's fault.
    pub fn put(
        &mut self,
        key: &LargeBlobKey,
        blob: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(), RequestFault> {
        let mut nonce = [0; 12];
        rng.fill_bytes(&mut nonce);
        let entry = seal(key, blob, nonce)?;
        self.remove(key);
        self.0.push(entry);
        Ok(())
    }

    /// Removes the blob of the credential that has this key; returns whether there was one.
    pub fn remove(&mut self, key: &LargeBlobKey) -> bool {
        let before = self.0.len();
        self.0.retain(|entry| open(entry, key).is_none());
        self.0.len() < before
    }

    /// How many entries there are, including those of other credentials.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Opens one entry: AES-256-GCM, then raw DEFLATE (LB-61, LB-62). `None` for every other credential's entry.
fn open(entry: &Value, key: &LargeBlobKey) -> Option<Vec<u8>> {
    const NAME: &str = "a large-blob entry";
    let mut fields = Fields::from_cbor(entry.clone(), NAME).ok()?;
    let ciphertext: Vec<u8> = fields.require(CIPHERTEXT, NAME).ok()?;
    let nonce: [u8; 12] = fields.require(NONCE, NAME).ok()?;
    let size: u64 = fields.require(ORIG_SIZE, NAME).ok()?;
    let payload = Payload { msg: &ciphertext, aad: &additional_data(size) };
    let compressed = Aes256Gcm::new(key.as_bytes().into()).decrypt(&nonce.into(), payload).ok()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_BLOB)?;
    let blob = decompress_to_vec_with_limit(&compressed, size).ok()?;
    (blob.len() == size).then_some(blob)
}

fn seal(key: &LargeBlobKey, blob: &[u8], nonce: [u8; 12]) -> Result<Value, RequestFault> {
    const TOO_LONG: RequestFault = RequestFault::TooLong("The blob");
    if blob.len() > MAX_BLOB {
        return Err(TOO_LONG);
    }
    let size = blob.len() as u64;
    let payload = Payload { msg: &compress_to_vec(blob, COMPRESSION), aad: &additional_data(size) };
    let ciphertext = Aes256Gcm::new(key.as_bytes().into())
        .encrypt(&nonce.into(), payload)
        .map_err(|_| TOO_LONG)?;
    Ok(MapBuilder::new()
        .member(CIPHERTEXT, ciphertext)
        .member(NONCE, nonce.as_slice())
        .member(ORIG_SIZE, size)
        .build())
}

fn additional_data(size: u64) -> Vec<u8> {
    [b"blob".as_slice(), &size.to_le_bytes()].concat()
}

fn half_hash(content: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(content).into();
    core::array::from_fn(|i| digest.get(i).copied().unwrap_or_default())
}

const CIPHERTEXT: i64 = 1;
const NONCE: i64 = 2;
const ORIG_SIZE: i64 = 3;

/// The level in common use; the space on a key is dear and blobs are short.
const COMPRESSION: u8 = 9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::{FixedRng, hex};

    const FACTORY: &str = "8076be8b528d0075f7aae98d6fa57a6d3c";
    const ONE_ENTRY: &str = "81a30158220050b511710bdf235bc7cbf25235c2adacd32bbd110e68e0e1572d5c72058df4d8e0024c\
                             000102030405060708090a0b0310abaa25e1fce6a9b7a9e26abbe3c033b3";

    fn key(byte: u8) -> LargeBlobKey {
        LargeBlobKey::new([byte; 32])
    }

    #[test]
    fn the_empty_array_is_the_factory_content_of_v_08() {
        assert_eq!(BlobArray::default().serialize(), hex(FACTORY));
        assert!(BlobArray::parse(&hex(FACTORY)).unwrap().is_empty());
    }

    #[test]
    fn the_entry_of_v_08_opens_with_its_key_only() {
        let array = BlobArray::parse(&hex(ONE_ENTRY)).unwrap();
        assert_eq!(array.find(&key(0x44)).unwrap(), b"hello large blob");
        assert_eq!(array.find(&key(0x45)), None);
        assert_eq!(array.serialize(), hex(ONE_ENTRY));
    }

    #[test]
    fn an_entry_sealed_here_is_that_of_v_08() {
        let mut array = BlobArray::default();
        array.put(&key(0x44), b"hello large blob", &mut FixedRng::new(0..12)).unwrap();
        assert_eq!(array.serialize(), hex(ONE_ENTRY));
    }

    #[test]
    fn other_credentials_entries_survive_a_change() {
        let mut array = BlobArray::parse(&hex(ONE_ENTRY)).unwrap();
        let mut rng = FixedRng::new((0..12).chain(12..24));
        array.put(&key(1), b"first", &mut rng).unwrap();
        array.put(&key(1), b"second", &mut rng).unwrap();
        assert_eq!(
            (array.len(), array.find(&key(1)).unwrap().as_slice()),
            (2, b"second".as_slice())
        );
        assert!(array.remove(&key(1)) && !array.remove(&key(1)));
        assert_eq!(array.serialize(), hex(ONE_ENTRY));
    }

    #[test]
    fn damaged_arrays_are_refused() {
        let mut damaged = hex(ONE_ENTRY);
        damaged[3] ^= 1;
        assert_eq!(BlobArray::parse(&damaged), Err(ArrayFault::Hash));
        assert_eq!(BlobArray::parse(&[0; 15]), Err(ArrayFault::Hash));
        let no_array = [hex("a0"), half_hash(&hex("a0")).to_vec()].concat();
        assert_eq!(BlobArray::parse(&no_array), Err(ArrayFault::Cbor(CborFault::Malformed)));
    }

    #[test]
    fn a_blob_is_stored_at_the_limit_and_not_beyond_it() {
        let mut array = BlobArray::default();
        let mut rng = FixedRng::new(0..24);
        let blob = vec![0; MAX_BLOB];
        array.put(&key(1), &blob, &mut rng).unwrap();
        assert_eq!(array.find(&key(1)).unwrap(), blob);
        let refused = array.put(&key(1), &vec![0; MAX_BLOB + 1], &mut rng);
        assert_eq!(refused, Err(RequestFault::TooLong("The blob")));
    }

    proptest! {
        #[test]
        fn what_is_put_is_found(blob in proptest::collection::vec(any::<u8>(), 0..500)) {
            let mut array = BlobArray::default();
            array.put(&key(7), &blob, &mut FixedRng::new(0..12)).unwrap();
            let read = BlobArray::parse(&array.serialize()).unwrap();
            prop_assert_eq!(read.find(&key(7)), Some(blob));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(content in proptest::collection::vec(any::<u8>(), 0..100)) {
            let serialized = [content.as_slice(), &half_hash(&content)].concat();
            if let Ok(array) = BlobArray::parse(&serialized) {
                prop_assert_eq!(array.find(&key(1)), None);
            }
        }
    }
}
