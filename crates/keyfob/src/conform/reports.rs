//! Reports for other programs. They are kept while the run goes on: whatever ends it, what was found out so far is there.

use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use ctap_conformance::{Expectations, Report};
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time;

use crate::failure::{advise, usage};
use crate::process::{EndSignal, publish};
use crate::terminal;

/// Where reports go.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ReportOptions {
    /// Write JUnit XML into this file; - is the standard output
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write JSON into this file; - or nothing is the standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,

    /// Write SARIF into this file; - is the standard output
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,

    /// Write Markdown into this file, failures first; - is the standard output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl ReportOptions {
    /// The standard output is for a program.
    pub(super) fn is_quiet(&self) -> bool {
        self.paths().any(is_stdout)
    }

    /// Two reports in one file, or one behind the other on the standard output, are no report that a program can read.
    ///
    /// # Errors
    /// When two go to the same place.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let mut taken: Vec<(PathBuf, &str)> = Vec::new();
        for (option, path) in self.named() {
            let place = path::absolute(path).unwrap_or_else(|_| path.to_owned());
            if let Some((_, other)) = taken.iter().find(|(known, _)| *known == place) {
                return Err(usage(
                    format_args!("{other} and {option} both write to {}", path.display()),
                    "give each report its own file; only one can go to standard output",
                ));
            }
            taken.push((place, option));
        }
        Ok(())
    }

    /// A list for programs, if one is wanted, instead of one for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write_list(
        &self,
        list: impl FnOnce() -> Json,
        otherwise: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.json {
            Some(path) => write(path, &format!("{:#}\n", list())),
            None => otherwise(),
        }
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [
            ("--junit", &self.junit),
            ("--json", &self.json),
            ("--sarif", &self.sarif),
            ("--markdown", &self.markdown),
        ];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.named().map(|(_, path)| path)
    }

    /// Those that can be written again and again.
    fn files_alone(&self) -> Self {
        let file = |path: &Option<PathBuf>| path.clone().filter(|path| is_file(path));
        Self {
            junit: file(&self.junit),
            json: file(&self.json),
            sarif: file(&self.sarif),
            markdown: file(&self.markdown),
        }
    }

    fn write(&self, report: &Report, expectations: &Expectations) -> anyhow::Result<()> {
        let judgement = report.judge(expectations);
        if let Some(path) = &self.junit {
            write(path, &report.to_junit(&judgement).map_err(|error| anyhow::anyhow!(error))?)?;
        }
        if let Some(path) = &self.json {
            write(path, &format!("{:#}\n", report.to_json(&judgement)))?;
        }
        if let Some(path) = &self.sarif {
            write(path, &format!("{:#}\n", report.to_sarif(&judgement)))?;
        }
        if let Some(path) = &self.markdown {
            write(path, &report.to_markdown(&judgement))?;
        }
        Ok(())
    }
}

/// Writes down how far a run has come: every few seconds, and when a signal ends it.
pub(super) struct ReportWriter {
    orders: Orders,
    so_far: SoFar,
    finished: oneshot::Sender<()>,
    writer: JoinHandle<()>,
}

/// What is written, and by what it is judged.
#[derive(Clone)]
struct Orders {
    options: ReportOptions,
    expectations: Expectations,
}

impl Orders {
    fn write(&self, report: &Report) -> anyhow::Result<()> {
        self.options.write(report, &self.expectations)
    }
}

type SoFar = Arc<Mutex<Option<Report>>>;

impl ReportWriter {
    /// From here on it is this that ends the program when a signal comes.
    ///
    /// # Errors
    /// When the system does not let signals be listened to.
    pub(super) fn start(
        options: &ReportOptions,
        expectations: &Expectations,
    ) -> anyhow::Result<Self> {
        let orders = Orders { options: options.clone(), expectations: expectations.clone() };
        let so_far = SoFar::default();
        let (finished, is_finished) = oneshot::channel();
        let (runtime, signal) = listen().context("cannot listen for signals")?;
        let (ordered, shared) = (orders.clone(), Arc::clone(&so_far));
        let writer =
            thread::spawn(move || runtime.block_on(write_on(ordered, shared, signal, is_finished)));
        Ok(Self { orders, so_far, finished, writer })
    }

    /// Takes over what is new in the report.
    pub(super) fn keep(&self, report: &Report) {
        match &mut *kept(&self.so_far) {
            Some(kept) => {
                let known = kept.outcomes.len();
                kept.outcomes.extend(report.outcomes.iter().skip(known).cloned());
                kept.elapsed = report.elapsed;
                kept.gone.clone_from(&report.gone);
            }
            none => *none = Some(report.clone()),
        }
    }

    /// Writes the whole report.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn finish(self, report: &Report) -> anyhow::Result<()> {
        let Self { orders, finished, writer, .. } = self;
        // The writer must not come after us with something older.
        let _ = finished.send(());
        let _ = writer.join();
        orders.write(report)
    }
}

fn kept(so_far: &SoFar) -> MutexGuard<'_, Option<Report>> {
    so_far.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen() -> io::Result<(Runtime, EndSignal)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let signal = EndSignal::listen()?;
    drop(entered);
    Ok((runtime, signal))
}

async fn write_on(
    orders: Orders,
    so_far: SoFar,
    mut signal: EndSignal,
    mut finished: oneshot::Receiver<()>,
) {
    let mut written = None;
    let files = Orders { options: orders.options.files_alone(), ..orders.clone() };
    let mut pauses = time::interval(PAUSE);
    loop {
        tokio::select! {
            _ = &mut finished => return,
            () = signal.received() => end(&orders, &so_far),
            _ = pauses.tick() => {
                let is_new = |report: &&Report| written != Some(report.outcomes.len());
                let news = kept(&so_far).as_ref().filter(is_new).cloned();
                if let Some(report) = news {
                    written = Some(report.outcomes.len());
                    // At the end it is tried again, and then a failure is told.
                    let _ = files.write(&report);
                }
            }
        }
    }
}

/// Writes what there is and ends the program.
fn end(orders: &Orders, so_far: &SoFar) -> ! {
    if let Some(report) = &*kept(so_far) {
        let (passed, failed, skipped) = report.counts();
        terminal::note(format_args!(
            "\n{}: {passed} passed, {failed} failed, {skipped} skipped",
            report.unfinished().unwrap_or_else(|| "every case was run".to_owned()),
        ));
        if let Err(error) = orders.write(report) {
            terminal::note(format_args!("{error:#}"));
        }
    }
    process::exit(1)
}

/// Nobody finds half a report: the file is replaced as a whole.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        return Ok(terminal::print(text)?);
    }
    let written = match is_file(path) {
        true => {
            let mut draft = path.as_os_str().to_owned();
            draft.push(".part");
            fs::write(&draft, text)
                .and_then(|()| publish(Path::new(&draft)))
                .and_then(|()| fs::rename(&draft, path))
        }
        false => fs::write(path, text),
    };
    written.with_context(|| format!("cannot write {}", path.display())).map_err(|error| {
        advise(error, "name a file in a directory that exists and that you may write to")
    })
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file, or nothing yet: neither a pipe nor a link, which must not be replaced.
fn is_file(path: &Path) -> bool {
    !is_stdout(path) && fs::symlink_metadata(path).map_or(true, |found| found.is_file())
}

/// Often enough for who looks on, seldom enough to cost nothing.
const PAUSE: Duration = Duration::from_secs(2);
