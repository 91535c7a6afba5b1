//! How this process stands towards others on Windows: what it keeps from them, and how they ask it to end.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, Stdin};
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};
use tokio::task::LocalSet;

/// How others ask this process to end: Ctrl-C, a console that closes, or the program that started it by being gone.
pub(crate) struct EndSignal {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    starter: Option<Stdin>,
}

impl EndSignal {
    /// Listens from now on; without this they kill.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, stop: ctrl_break()?, close: ctrl_close()?, starter: None })
    }

    /// Listens for the end of the standard input stream too: the system closes it for a process that was killed.
    ///
    /// # Errors
    /// None here.
    pub(crate) fn or_end_of_input(self) -> io::Result<Self> {
        Ok(Self { starter: Some(tokio::io::stdin()), ..self })
    }

    /// Returns when one of them came.
    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
            _ = self.close.recv() => {}
            () = end_of(self.starter.as_mut()) => {}
        }
    }
}

/// What is written there means nothing. Never, if there is no stream.
async fn end_of(stream: Option<&mut Stdin>) {
    let Some(stream) = stream else { return std::future::pending().await };
    while let Ok(1..) = stream.read(&mut [0; 64]).await {}
}

/// Ctrl-C, heard instead of ending the process.
pub(crate) struct Interrupts(CtrlC);

impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the handler cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        ctrl_c().map(Self)
    }

    /// Returns at the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// What it makes is for whom its folder is for, and Windows dumps no memory of it unless it is told to.
pub(crate) fn harden() {}

/// Makes files for whom their folder is for.
pub(crate) fn for_this_user_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// A file for other people's programs is one like any other.
pub(crate) fn publish(_: &Path) -> io::Result<()> {
    Ok(())
}

/// How much processor time this process has taken: nobody is asked.
pub(crate) fn processor_time() -> Option<Duration> {
    None
}

/// How many files this process may open: any number.
pub(crate) fn most_open_files() -> Option<u64> {
    None
}

/// What helps where `told` has the system's words for too many open files: none that keys would come near.
pub(crate) fn advice_on_open_files(_: &str) -> Option<&'static str> {
    None
}

/// A number in the text of `/proc/PID/status`, which there is none of.
pub(crate) fn status_field(_: &str, _: &str) -> Option<u64> {
    None
}

/// Runs `task` on this thread; everything that waits runs there, and nothing else does.
///
/// # Errors
/// What `task` failed with.
pub(crate) fn on_one_thread<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, task)
}
