//! The terminal that a person types on. It cannot be read without blocking here, so a thread reads it.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use terminal_size::{Width, terminal_size_of};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What is typed, while a prompt is open.
pub(super) struct Tty {
    lines: Arc<Mutex<Option<UnboundedReceiver<String>>>>,
    /// Given back at the end, for the next prompt.
    open: Option<UnboundedReceiver<String>>,
}

impl Tty {
    /// Opens it if it and the standard error stream are a terminal. What was typed before is thrown away: it was no answer to a
    /// question that nobody had seen.
    pub(super) fn open() -> Option<Self> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return None;
        }
        let lines = Arc::clone(&TYPED);
        let mut open = lines.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        while open.try_recv().is_ok() {}
        Some(Self { lines, open: Some(open) })
    }

    /// Characters to a line.
    pub(super) fn width(&self) -> usize {
        terminal_size_of(io::stderr()).map_or(USUAL_WIDTH, |(Width(columns), _)| columns.into())
    }

    /// The next line, without its end; `None` when there will be no more. Cancelling it loses nothing.
    pub(super) async fn line(&mut self) -> Option<String> {
        Some(self.open.as_mut()?.recv().await?.trim().to_owned())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        *self.lines.lock().unwrap_or_else(PoisonError::into_inner) = self.open.take();
    }
}

/// The one thread that reads, from the first prompt on.
static TYPED: LazyLock<Arc<Mutex<Option<UnboundedReceiver<String>>>>> = LazyLock::new(|| {
    let (tell, lines) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    Arc::new(Mutex::new(Some(lines)))
});

const USUAL_WIDTH: usize = 80;
