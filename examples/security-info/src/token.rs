//! Names that nobody can guess: for sessions, visitors and ceremonies.

use base64ct::{Base64UrlUnpadded, Encoding as _};

/// 256 random bits in base64url.
///
/// # Panics
/// When the operating system has no randomness to give: nothing here is safe without.
#[expect(clippy::expect_used, reason = "there is no safe way to go on")]
pub(crate) fn random_token() -> String {
    Base64UrlUnpadded::encode_string(&random_bytes::<32>().expect("the system gives randomness"))
}

/// Bytes from the operating system's generator.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
