//! Logs, for whoever looks for a fault. By default only of hosts and clients that are refused for want of file descriptors. To the
//! standard error stream or, where that is the journal, to it with all fields; and without secrets: commands, lengths, statuses and
//! channels; what identifies a site or a person only at the level `debug` (P-20).
//!
//! Lines that nobody takes are lost, as those of [`say`](crate::say) are; the next one that is taken comes after their
//! number, for a log with unmarked gaps misleads.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry};

use crate::journal::{self, Journal};
use crate::say::{Stream, tell};
use crate::terminal::{Paint, count};

/// Starts logging what `KEYFOB_LOG`, `RUST_LOG` or `-v` ask for, in this order; else what everybody must know.
///
/// # Errors
/// The variable cannot be understood.
pub(crate) fn start(verbosity: u8) -> anyhow::Result<()> {
    let Some(directives) = directives(verbosity) else {
        start_with(needed());
        return Ok(());
    };
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        crate::failure::usage(
            format_args!("the log filter {directives:?} is not understood: {error}"),
            "use one such as `debug` or `usbip_server=debug,info`",
        )
    })?;
    start_with(filter);
    Ok(())
}

/// What nobody asked for: that connections are refused, because this process has no file descriptor left for them.
fn needed() -> Targets {
    Targets::new().with_target("usbip_server", Level::WARN)
}

fn start_with(filter: impl Layer<Registry> + Send + Sync) {
    let filtered = registry().with(filter);
    if let Some(journal) = journal::takes(io::stderr()).then(Journal::open).and_then(Result::ok) {
        return filtered.with(journal).init();
    }
    let lines = || Lines { stream: io::stderr(), lost: &LOST };
    let log = fmt::layer().with_ansi(Paint::stderr().is_coloured()).with_writer(lines);
    filtered.with(log).init();
}

/// Writes whole lines to `stream`, and never waits for it.
struct Lines<'a, S> {
    stream: S,
    /// How many were lost since the last one that was not.
    lost: &'a AtomicU64,
}

static LOST: AtomicU64 = AtomicU64::new(0);

/// Each call is one line with its end: `tracing_subscriber` puts it together first.
impl<S: Stream> Write for Lines<'_, S> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && tell(&mut self.stream, gap(lost)) {
            lost = 0;
        }
        if lost > 0 || !tell(&mut self.stream, bounded(line)) {
            lost += 1;
        }
        self.lost.fetch_add(lost, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gap(lost: u64) -> String {
    format!("(lost: {} of this log, because they were not read in time)\n", count(lost, "line"))
}

/// As much of a line as [`tell`] takes.
fn bounded(line: &[u8]) -> String {
    match line.get(..LONGEST) {
        Some(head) => format!("{}…\n", String::from_utf8_lossy(head)),
        None => String::from_utf8_lossy(line).into_owned(),
    }
}

/// Bytes of a line; what is put behind it fits in as well.
const LONGEST: usize = 4000;

fn directives(verbosity: u8) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let flag = match verbosity {
        0 => None,
        1 => Some("info".to_owned()),
        2 => Some("debug".to_owned()),
        _ => Some("trace".to_owned()),
    };
    variable("KEYFOB_LOG").or_else(|| variable("RUST_LOG")).or(flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::File;
    use std::io::Read as _;

    /// Writes 3000 lines to a pipe before anybody reads, and one more afterwards. Returns what was read.
    fn log_of_a_late_reader() -> String {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let (mut read, write) = (File::from(read), File::from(write));
        let lost = AtomicU64::new(0);
        let mut lines = Lines { stream: &write, lost: &lost };
        // A pipe holds 64 KiB: without the check this would block for ever.
        for number in 0..3000 {
            lines.write_all(format!("{number:063}\n").as_bytes()).unwrap();
        }
        let mut taken = vec![0; 64 << 10];
        let length = read.read(&mut taken).unwrap();
        lines.write_all(b"the last\n").unwrap();
        drop(write);
        let mut text = String::from_utf8(taken[..length].to_vec()).unwrap();
        read.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_log_that_nobody_reads_stops_nobody_and_says_what_is_missing() {
        let text = log_of_a_late_reader();
        let taken = text.lines().filter(|line| line.len() == 63).count();
        assert!((1..3000).contains(&taken), "{taken}");
        let end = format!(
            "(lost: {} lines of this log, because they were not read in time)\nthe last\n",
            3000 - taken
        );
        assert!(text.ends_with(&end), "{taken}: {}", &text[text.len() - 200..]);
    }

    #[test]
    fn a_line_that_could_block_although_there_is_room_is_cut() {
        let line = format!("{}\n", "ä".repeat(5000));
        let bounded = bounded(line.as_bytes());
        assert!(bounded.len() < 4096 && bounded.ends_with("…\n"), "{}", bounded.len());
        assert_eq!(super::bounded(b"short\n"), "short\n");
    }
}
