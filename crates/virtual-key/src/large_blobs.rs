//! The large blob of a credential, wherever the key stores it: with the credential (extension largeBlob), or in the
//! array that platforms share, encrypted with the credential's own key (LB-60 to LB-66). A [`CredentialSource`]
//! always holds it in one form: raw DEFLATE, with the length before compression.

use ctap_client::blob_array::BlobArray;
use ctap_client::make_credential::LargeBlobKey;
use ctap_core::credential::LargeBlob;
use ctap_core::credential_source::CredentialError;
use ctap_core::rand_core::CryptoRng;
use ctap_core::secret::Secret;
use ctap_core::{Authenticator, CredentialSource, Platform};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// Compresses a blob into that form.
pub fn written(plain: &[u8]) -> LargeBlob {
    LargeBlob::Written {
        blob: compress_to_vec(plain, COMPRESSION),
        original_size: plain.len() as u64,
    }
}

/// Decompresses the blob. `None`: it is not DEFLATE, its length is not the one it announces, or it is longer than
/// [`MAX_PLAIN`].
pub fn plain(blob: &LargeBlob) -> Option<Vec<u8>> {
    let LargeBlob::Written { blob, original_size } = blob else { return None };
    let size = usize::try_from(*original_size).ok().filter(|size| *size <= MAX_PLAIN)?;
    let plain = decompress_to_vec_with_limit(blob, size).ok()?;
    (plain.len() == size).then_some(plain)
}

/// The same credentials, with their blobs from the array.
pub(crate) fn filled_in(
    mut sources: Vec<CredentialSource>,
    authenticator: &Authenticator,
    platform: &Platform<'_>,
) -> Vec<CredentialSource> {
    if authenticator.config().large_blobs.is_none() {
        return sources;
    }
    let array = array(platform);
    for source in &mut sources {
        if let Some(key) = &source.large_blob_key {
            let found = array.find(&LargeBlobKey::new(*key.expose()));
            source.large_blob = found.map_or(LargeBlob::Empty, |plain| written(&plain));
        }
    }
    sources
}

/// Adds a credential, and its blob to where this key keeps such blobs: both, or none.
pub(crate) fn add(
    mut source: CredentialSource,
    authenticator: &Authenticator,
    platform: &mut Platform<'_>,
) -> Result<Option<Vec<u8>>, CredentialError> {
    let id = source.id.clone();
    let entry = match authenticator.config().large_blobs {
        Some(longest) => take_entry(&mut source, longest, platform.rng)?,
        None => {
            source.large_blob_key = None; // the blob goes along without it
            None
        }
    };
    let replaced = authenticator.add_credential(source, platform)?;
    let Some((key, plain)) = entry else { return Ok(replaced) };
    let mut array = array(platform);
    let put = array.put(&key, &plain, platform.rng).map_err(|_| too_long(&plain));
    let put = put.and_then(|()| authenticator.write_large_blobs(array.serialize(), platform));
    if let Err(error) = put {
        authenticator.remove_credential(&id, platform)?;
        return Err(error);
    }
    Ok(replaced)
}

/// Takes the blob out of a credential, which gets a key for it if it has none.
fn take_entry(
    source: &mut CredentialSource,
    longest: usize,
    rng: &mut dyn CryptoRng,
) -> Result<Option<(LargeBlobKey, Vec<u8>)>, CredentialError> {
    let blob = std::mem::take(&mut source.large_blob);
    if blob == LargeBlob::Unsupported {
        return Ok(None);
    }
    let key = source.large_blob_key.get_or_insert_with(|| Secret::random(rng));
    let key = LargeBlobKey::new(*key.expose());
    match (&blob, plain(&blob)) {
        (LargeBlob::Written { blob, .. }, None) => {
            Err(CredentialError::Blob { what: "largeBlob", length: blob.len(), longest })
        }
        (_, plain) => Ok(plain.map(|plain| (key, plain))),
    }
}

/// A damaged array counts as empty, as for platforms (LB-65).
fn array(platform: &Platform<'_>) -> BlobArray {
    BlobArray::parse(platform.store.state().large_blobs()).unwrap_or_default()
}

fn too_long(plain: &[u8]) -> CredentialError {
    CredentialError::Blob { what: "largeBlob", length: plain.len(), longest: MAX_PLAIN }
}

/// The longest blob in bytes, before it is compressed: as many as `ctap-client` reads.
pub const MAX_PLAIN: usize = ctap_client::limits::MAX_BLOB;

/// The level in common use; the space on a key is dear and blobs are short.
const COMPRESSION: u8 = 9;
