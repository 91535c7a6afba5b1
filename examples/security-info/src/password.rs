//! Passwords are kept as Argon2id hashes.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// The hash of a password, with a salt of its own, as text.
///
/// # Errors
/// When the operating system has no randomness for the salt.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether this is the password. Where there is no account there is no hash; that takes as long, so that names cannot be
/// probed with a clock.
pub(crate) fn matches(password: &str, hash: Option<&str>) -> bool {
    let is_right = PasswordHash::new(hash.unwrap_or(stand_in()))
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    is_right && hash.is_some()
}

/// The hash of a password that nobody has.
fn stand_in() -> &'static str {
    static STAND_IN: OnceLock<String> = OnceLock::new();
    STAND_IN.get_or_init(|| hash(&crate::token::random_token()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits_its_hash() {
        let kept = hash("correct-horse").unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert!(matches("correct-horse", Some(&kept)));
        for wrong in ["correct-hors", "Correct-horse", ""] {
            assert!(!matches(wrong, Some(&kept)), "{wrong}");
        }
    }

    #[test]
    fn nobody_signs_in_without_a_hash() {
        assert!(!matches("", None));
        assert!(!matches("", Some("")));
    }

    #[test]
    fn the_same_password_is_never_kept_the_same_way() {
        assert_ne!(hash("correct-horse").unwrap(), hash("correct-horse").unwrap());
    }
}
