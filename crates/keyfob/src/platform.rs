//! What the pure crates are given by this machine: time and randomness.

use std::time::{Duration, Instant as SystemInstant};

use ctap_core::Instant;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::signal::unix::{SignalKind, signal};

/// The one clock of the process: monotonic, and counted from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: SystemInstant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: SystemInstant::now() }
    }

    /// Whole milliseconds since the start, rounded down.
    pub(crate) fn now(&self) -> Instant {
        let elapsed = self.origin.elapsed().as_millis();
        Instant::from_millis(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// When the system's clock shows `instant`; `None` only for times that no machine lives to see.
    pub(crate) fn system(&self, instant: Instant) -> Option<SystemInstant> {
        self.origin.checked_add(Duration::from_millis(instant.as_millis()))
    }
}

/// The kernel's random generator, asked anew for every byte: nothing is buffered, so nothing can be copied or replayed.
/// A kernel that cannot give randomness ends the process.
pub(crate) fn system_rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Returns when somebody wants the process to end: Ctrl-C, or a service manager.
///
/// # Errors
/// If the handlers cannot be installed.
pub(crate) async fn end_signal() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
