//! While a key waits for a person: tell them, and let them give up.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ctap_client::{KeepaliveStatus, Patience};
use tokio::runtime::{Builder, Runtime};

use crate::device::Address;
use crate::process::Interrupts;
use crate::terminal::{self, Paint};

/// Hears a waiting key: says once that it wants a touch, in these words, and from then on turns Ctrl-C into
/// CTAPHID_CANCEL, so that the key stops waiting too (HD-81).
pub(crate) fn listener(words: &'static str) -> impl FnMut(KeepaliveStatus) -> Patience {
    let mut interrupted = None;
    move |status| {
        if status == KeepaliveStatus::UpNeeded && interrupted.is_none() {
            interrupted = Some(Interrupt::watch());
            terminal::note(Paint::stderr().yellow(words));
        }
        match &interrupted {
            Some(interrupt) if interrupt.has_come() => Patience::Cancel,
            _ => Patience::Wait,
        }
    }
}

/// What most commands say.
pub(crate) const TOUCH: &str = "Touch the key to go on (Ctrl-C gives up).";

/// What they say of a key behind a bridge, which may have to come first.
pub(crate) const LAY_ON: &str =
    "Lay the key on its reader, or touch it if it lies there, to go on (Ctrl-C gives up).";

/// What to say of the key at this address.
pub(crate) fn words(address: &Address) -> &'static str {
    if address.is_behind_a_bridge() { LAY_ON } else { TOUCH }
}

/// Whether somebody pressed Ctrl-C. The second time it ends the program.
struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on Ctrl-C no longer ends the program by itself. If the system does not allow that, it still does.
    fn watch() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        if let Ok((runtime, interrupts)) = listen() {
            let flag = Arc::clone(&flag);
            thread::spawn(move || runtime.block_on(raise(interrupts, &flag)));
        }
        Self(flag)
    }

    fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn listen() -> io::Result<(Runtime, Interrupts)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let interrupts = Interrupts::listen()?;
    drop(entered);
    Ok((runtime, interrupts))
}

async fn raise(mut interrupts: Interrupts, flag: &AtomicBool) {
    interrupts.next().await;
    flag.store(true, Ordering::Relaxed);
    interrupts.next().await;
    process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_works_or_waits_is_waited_for_until_somebody_interrupts() {
        let mut listener = listener(TOUCH);
        for status in
            [KeepaliveStatus::Processing, KeepaliveStatus::UpNeeded, KeepaliveStatus::Processing]
        {
            assert_eq!(listener(status), Patience::Wait);
        }
    }
}
