//! Passwords are kept as Argon2id hashes.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::limits::MAX_HASHINGS;

/// The hash of a password, with a salt of its own, as text.
///
/// # Errors
/// When the operating system has no randomness for the salt.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether this is the password. Where there is no account there is no hash; that takes as long, so that names cannot be
/// probed with a clock.
pub fn matches(password: &str, hash: Option<&str>) -> bool {
    let is_right = PasswordHash::new(hash.unwrap_or(stand_in()))
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    is_right && hash.is_some()
}

/// Turns at hashing, [`MAX_HASHINGS`] at a time: the memory it takes does not depend on how many visitors want it.
pub(crate) struct Turns(Arc<Semaphore>);

/// The right to hash one password.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_HASHINGS)))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Never: nobody closes the semaphore.
    pub(crate) async fn next(&self) -> Result<Turn, AcquireError> {
        Ok(Turn { _permit: Arc::clone(&self.0).acquire_owned().await? })
    }
}

impl Turn {
    /// Begins work on a thread of its own. It goes on to its end, and the turn with it, even if nobody waits for it any longer:
    /// visitors who hang up do not make room for others.
    pub(crate) fn spend<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(self);
            done
        })
    }
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

    #[tokio::test]
    async fn who_hangs_up_while_a_password_is_hashed_makes_no_room_for_another() {
        let turns = Turns::new();
        let mut ends = Vec::new();
        for _ in 0..MAX_HASHINGS {
            let (end, ending) = std::sync::mpsc::channel::<()>();
            drop(turns.next().await.unwrap().spend(move || ending.recv()));
            ends.push(end);
        }
        assert_eq!(turns.0.available_permits(), 0);
        ends.clear();
        // Both come to their ends, and a third has its turn.
        turns.next().await.unwrap().spend(|| ()).await.unwrap();
    }
}
