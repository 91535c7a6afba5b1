//! Passwords are kept as Argon2id hashes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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
    matches_in(&mut Memory::default(), password, hash)
}

/// The same, in memory that was used before.
pub(crate) fn matches_in(memory: &mut Memory, password: &str, hash: Option<&str>) -> bool {
    let kept = PasswordHash::new(hash.unwrap_or(stand_in())).ok();
    let is_right = kept.and_then(|kept| fits(password, &kept, memory)).unwrap_or(false);
    is_right && hash.is_some()
}

/// `None`: that is no hash to compare with.
fn fits(password: &str, kept: &PasswordHash, memory: &mut Memory) -> Option<bool> {
    let (salt, expected) = (kept.salt.as_ref()?, kept.hash.as_ref()?);
    let algorithm = Algorithm::try_from(kept.algorithm.as_str()).ok()?;
    let version = Version::try_from(kept.version?).ok()?;
    let params = Params::try_from(kept).ok()?;
    memory.0.resize(params.block_count(), Block::default());
    let mut output = vec![0; expected.len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut memory.0)
        .ok()?;
    // Compared in constant time.
    Some(Output::new(&output).ok()? == *expected)
}

/// What Argon2 fills: 19 MiB. Taken from the system for each password, it would not all come back.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

/// Turns at hashing, [`MAX_HASHINGS`] at a time: the memory it takes does not depend on how many visitors want it.
pub(crate) struct Turns {
    permits: Arc<Semaphore>,
    shelf: Shelf,
}

/// The right to hash one password.
pub(crate) struct Turn {
    permit: OwnedSemaphorePermit,
    shelf: Shelf,
}

/// Memory that nobody uses at present.
type Shelf = Arc<Mutex<Vec<Memory>>>;

impl Turns {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_HASHINGS)), shelf: Shelf::default() }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Never: nobody closes the semaphore.
    pub(crate) async fn next(&self) -> Result<Turn, AcquireError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await?;
        Ok(Turn { permit, shelf: Arc::clone(&self.shelf) })
    }
}

impl Turn {
    /// Begins work on a thread of its own. It goes on to its end, and the turn with it, even if nobody waits for it any longer:
    /// visitors who hang up do not make room for others.
    pub(crate) fn spend<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let Self { permit, shelf } = self;
        tokio::task::spawn_blocking(move || {
            let spare = shelf.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = spare.unwrap_or_default();
            let done = work(&mut memory);
            shelf.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop(permit);
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
            drop(turns.next().await.unwrap().spend(move |_| ending.recv()));
            ends.push(end);
        }
        assert_eq!(turns.permits.available_permits(), 0);
        ends.clear();
        // Both come to their ends, and a third has its turn.
        turns.next().await.unwrap().spend(|_| ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_password_is_hashed_in_the_memory_of_the_one_before() {
        let turns = Turns::new();
        let mut places = Vec::new();
        for password in ["one", "another", "a third"] {
            let hashing = turns.next().await.unwrap().spend(move |memory| {
                assert!(!matches_in(memory, password, None));
                (memory.0.as_ptr().addr(), memory.0.len())
            });
            places.push(hashing.await.unwrap());
        }
        assert!(places[0].1 > 0 && places.iter().all(|place| *place == places[0]), "{places:?}");
    }
}
