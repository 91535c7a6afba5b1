//! The platform of the pure crates, which is this machine: its time and its randomness. And how the stack is left behind.

use std::time::{Duration, Instant, SystemTime};

use getrandom::SysRng;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng as _, UnwrapErr};
use sha2::{Digest as _, Sha256};
use zeroize::zeroize_stack;

/// The one clock of the process: monotonic, and counted from its start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows 0 now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// How long ago it was started.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// The kernel's random generator, asked again for every byte: nothing is buffered, so nothing can be copied or replayed.
/// A kernel that cannot give randomness ends the process.
pub fn system_rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// The seed that a text stands for, as `--seed` of the command line takes it: its SHA-256.
pub fn seed_of(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// What key `number` draws from: the system's generator, or one that always draws the same from this seed.
pub fn randomness(seed: Option<[u8; 32]>, number: u32) -> Box<dyn CryptoRng + Send> {
    let Some(seed) = seed else { return Box::new(system_rng()) };
    let mut rng = ChaCha20Rng::from_seed(seed);
    rng.set_stream(number.into());
    Box::new(rng)
}

/// What the faults of key `number` draw from: as [`randomness`], and not what the key itself draws.
pub fn randomness_of_faults(seed: Option<[u8; 32]>, number: u32) -> Box<dyn CryptoRng + Send> {
    let Some(seed) = seed else { return Box::new(system_rng()) };
    let mut rng = ChaCha20Rng::from_seed(seed);
    rng.set_stream(u64::from(number) | 1 << 32);
    Box::new(rng)
}

/// The day on which keys with a seed get their certificates: 2026-01-01, so that these repeat as well.
pub fn seeded_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// Does work with secrets, and wipes the part of the stack that it used: there compilers and libraries leave copies of what is
/// wiped everywhere else.
pub fn without_traces<T>(work: impl FnOnce() -> T) -> T {
    let outcome = apart(work);
    zeroize_stack::<USED_STACK>();
    outcome
}

/// The same for work with hashes and ciphers alone, and no curves: it goes less deep, and costs less to wipe.
pub(crate) fn without_shallow_traces<T>(work: impl FnOnce() -> T) -> T {
    let outcome = apart(work);
    zeroize_stack::<SHALLOW_STACK>();
    outcome
}

/// In a frame of its own, which begins where [`zeroize_stack`]'s will.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Bytes, as many as the deepest request takes: a signature of ML-DSA-65, which takes 136 KiB, EdDSA 120, and P-256 not 16; all of
/// them more without optimisation. Wiping it takes 2 to 3 µs, and as much memory.
const USED_STACK: usize = if cfg!(debug_assertions) { 256 * 1024 } else { 160 * 1024 };
/// Bytes, many times what hashes and ciphers take.
const SHALLOW_STACK: usize = 32 * 1024;
