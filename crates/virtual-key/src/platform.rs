//! The platform of the pure crates, which is this machine: its time and its randomness. Also the wiping of the
//! stack, and the reading of texts that others wrote.

use std::io::{self, Read};
use std::time::{Duration, Instant, SystemTime};

use getrandom::SysRng;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng as _, UnwrapErr};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroizing, zeroize_stack};

/// The one clock of the process: monotonic, counted from the start of the process.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows 0 now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time since it was started.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// The kernel's random generator. It is asked for every byte, and nothing is buffered, so nothing can be copied or
/// replayed. If the kernel cannot give randomness, the process ends.
pub fn system_rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// What a file has, as text, which may hold secrets: no more than `longest` bytes of it are taken, so that a device that never ends
/// does no harm.
///
/// # Errors
/// It cannot be read, is not UTF-8, or is longer: the fault of whoever named it.
pub fn text_of(file: impl Read, longest: u64) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match file.take(longest.saturating_add(1)).read_to_string(&mut text)? as u64 {
        length if length <= longest => Ok(text),
        _ => Err(io::Error::other(format!("it is longer than {longest} bytes"))),
    }
}

/// The seed for a text, as `--seed` of the command line takes it: the SHA-256 of the text.
pub fn seed_of(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The generator of key `number`: the system's, or one that always draws the same from this seed.
pub fn randomness(seed: Option<[u8; 32]>, number: u32) -> Box<dyn CryptoRng + Send> {
    randomness_apart(seed, number, 0)
}

/// The generator for the faults of key `number`: as [`randomness`], but its numbers are not those of the key
/// itself.
pub fn randomness_of_faults(seed: Option<[u8; 32]>, number: u32) -> Box<dyn CryptoRng + Send> {
    randomness_apart(seed, number, 1)
}

/// What the identity of key `number` is drawn from: as [`randomness`], and not what the key itself draws, so that it is the same
/// whenever it is made.
pub fn randomness_of_identities(seed: Option<[u8; 32]>, number: u32) -> Box<dyn CryptoRng + Send> {
    randomness_apart(seed, number, 2)
}

/// Of the stream of this purpose; 0 is the key's own.
fn randomness_apart(
    seed: Option<[u8; 32]>,
    number: u32,
    purpose: u64,
) -> Box<dyn CryptoRng + Send> {
    let Some(seed) = seed else { return Box::new(system_rng()) };
    let mut rng = ChaCha20Rng::from_seed(seed);
    rng.set_stream(u64::from(number) | purpose << 32);
    Box::new(rng)
}

/// The date on the certificates of keys with a seed: 2026-01-01, so that the certificates repeat as well.
pub fn seeded_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// Runs work with secrets, and then wipes the part of the stack that it used. Compilers and libraries leave copies
/// of secrets on the stack, which nothing else wipes.
pub fn without_traces<T>(work: impl FnOnce() -> T) -> T {
    let outcome = apart(work);
    zeroize_stack::<USED_STACK>();
    outcome
}

/// The same for work with hashes and ciphers only, without curves. It uses less of the stack, and costs less to
/// wipe.
pub(crate) fn without_shallow_traces<T>(work: impl FnOnce() -> T) -> T {
    let outcome = apart(work);
    zeroize_stack::<SHALLOW_STACK>();
    outcome
}

/// Runs in its own frame, which begins where that of [`zeroize_stack`] will begin.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Bytes, as many as the deepest request takes: a signature of ML-DSA-65, which takes 136 KiB, EdDSA 120, and P-256 not 16; all of
/// them more without optimisation. Wiping it takes 2 to 3 µs, and as much memory.
const USED_STACK: usize = if cfg!(debug_assertions) { 256 * 1024 } else { 160 * 1024 };
/// Bytes, many times what hashes and ciphers take.
const SHALLOW_STACK: usize = 32 * 1024;
