//! While a key waits for a person: tell them, and let them give up.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ctap_client::{KeepaliveStatus, Patience};

use crate::terminal::{self, Paint};

/// Hears a waiting key: says once that it wants a touch, and from then on turns Ctrl-C into CTAPHID_CANCEL, so that
/// the key stops waiting too (HD-81).
pub(super) fn listener() -> impl FnMut(KeepaliveStatus) -> Patience {
    let mut interrupted = None;
    move |status| {
        if status == KeepaliveStatus::UpNeeded && interrupted.is_none() {
            terminal::note(Paint::stderr().yellow("Touch the key to go on (Ctrl-C gives up)."));
            interrupted = Some(watch_for_interrupt());
        }
        match &interrupted {
            Some(flag) if flag.load(Ordering::Relaxed) => Patience::Cancel,
            _ => Patience::Wait,
        }
    }
}

/// A flag that the first Ctrl-C raises; the second one ends the program.
fn watch_for_interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    thread::spawn(move || {
        // Without a runtime Ctrl-C ends the program, as it does by itself.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            raised.store(true, Ordering::Relaxed);
            let _ = runtime.block_on(tokio::signal::ctrl_c());
            process::exit(1);
        }
    });
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_works_or_waits_is_waited_for_until_somebody_interrupts() {
        let mut listener = listener();
        for status in
            [KeepaliveStatus::Processing, KeepaliveStatus::UpNeeded, KeepaliveStatus::Processing]
        {
            assert_eq!(listener(status), Patience::Wait);
        }
    }
}
