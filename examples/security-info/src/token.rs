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

/// Whether a text has the shape of [`random_token`]'s. What has another was not made here, and is not worth keeping.
pub(crate) fn is_token(text: &str) -> bool {
    Base64UrlUnpadded::decode(text, &mut [0; 32]).is_ok_and(|bytes| bytes.len() == 32)
}

/// Bytes from the operating system's generator.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_shape() {
        assert!(is_token(&random_token()));
        for length in [0, 1, 42, 44, 100_000] {
            assert!(!is_token(&"A".repeat(length)), "{length}");
        }
        assert!(!is_token(&"=".repeat(43)) && !is_token(&"ü".repeat(43)));
    }
}
