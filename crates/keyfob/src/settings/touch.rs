//! While a key waits for a person: tell them, and let them give up.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ctap_client::{KeepaliveStatus, Patience};
use tokio::runtime::{Builder, Runtime};

use crate::device::End;
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

/// What to say of a key with this at its other end.
pub(crate) const fn words(end: End) -> &'static str {
    match end {
        End::Key => TOUCH,
        End::Bridge => LAY_ON,
    }
}

const TOUCH: &str = "Touch the key to go on (Ctrl-C gives up).";

/// The key behind a bridge may have to come first, or may want another tap.
const LAY_ON: &str =
    "Lay the key on its reader; if it lies there, touch it or lay it on again (Ctrl-C gives up).";

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
        let mut listener = listener(words(End::Key));
        for status in
            [KeepaliveStatus::Processing, KeepaliveStatus::UpNeeded, KeepaliveStatus::Processing]
        {
            assert_eq!(listener(status), Patience::Wait);
        }
    }

    #[test]
    fn a_key_behind_a_bridge_is_laid_on_its_reader_and_another_is_only_touched() {
        assert!(words(End::Bridge).starts_with("Lay the key on its reader"));
        assert!(!words(End::Key).contains("reader"));
    }
}
