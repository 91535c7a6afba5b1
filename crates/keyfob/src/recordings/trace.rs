//! `keyfob trace`: a recorded conversation, or one that goes on, in the standard's words.

mod lines;

use std::fs::File;
use std::path::PathBuf;

use clap::Args;

use self::lines::Lines;
use super::capture::{Capture, unreadable};
use super::said::Listener;
use crate::control::{Connection, Request, Response};
use crate::failure::failure;
use crate::process::on_one_thread;
use crate::terminal;
use crate::watch::Watch;

/// Show what a key and its hosts said, or say: a recording
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// A recording (`--record`), or what Wireshark took on the USB bus
    #[arg(required_unless_present = "live")]
    file: Option<PathBuf>,

    /// Show the recording of the key that runs here, and go on with new messages until the key ends
    #[arg(long, conflicts_with = "file")]
    live: bool,

    /// Print a JSON object for each message, on a line of its own
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

/// Runs the command; `verbose`: every member of every message.
///
/// # Errors
/// There is no such file, or it is no capture; or no key is recorded.
pub(crate) fn run(options: &Options, verbose: bool) -> anyhow::Result<()> {
    let path = match &options.file {
        Some(file) => file.clone(),
        None => recording_of_the_running_key(&options.connection)?,
    };
    let mut shown = Shown {
        file: File::open(&path).map_err(|error| unreadable(&path, error))?,
        path,
        capture: Capture::default(),
        listener: Listener::default(),
        lines: Lines::new(options.json, verbose),
    };
    match options.live {
        true => on_one_thread(follow(&mut shown)),
        false => shown.all(),
    }
}

/// A file, as far as it has been shown.
struct Shown {
    file: File,
    path: PathBuf,
    capture: Capture,
    listener: Listener,
    lines: Lines,
}

impl Shown {
    /// All of it.
    fn all(&mut self) -> anyhow::Result<()> {
        self.more()?;
        if !self.capture.end()? {
            terminal::note("There is no message from a host to a key in it.");
        }
        self.capture.note_cut();
        Ok(())
    }

    /// What has come to it.
    fn more(&mut self) -> anyhow::Result<()> {
        let Self { file, path, capture, listener, lines } = self;
        capture.read_on((file, path), |packet| match listener.take(packet) {
            Some(said) => Ok(terminal::print(lines.of(&said)?)?),
            None => Ok(()),
        })
    }

    /// Whether nobody records in it any more.
    fn is_over(&self) -> bool {
        let is_free = self.file.try_lock_shared().is_ok();
        if is_free {
            let _ = self.file.unlock();
        }
        is_free
    }
}

async fn follow(shown: &mut Shown) -> anyhow::Result<()> {
    let watch = Watch::start()?;
    watch.for_growth(&shown.path)?;
    loop {
        let is_over = shown.is_over();
        shown.more()?;
        if is_over {
            return Ok(());
        }
        watch.stirred().await;
    }
}

fn recording_of_the_running_key(connection: &Connection) -> anyhow::Result<PathBuf> {
    let status = match connection.ask(&Request::Status {})? {
        Response::Status(status) => status,
        other => return Err(other.unexpected()),
    };
    let recording = status.keys.into_iter().find_map(|key| key.recording);
    recording.map(PathBuf::from).ok_or_else(|| {
        failure("the key that runs here is not recorded", "start it with --record FILE")
    })
}

const EXAMPLES: &str = "\
Examples:
  keyfob serve --record key.pcapng      record what happens
  keyfob trace key.pcapng               each message on a line
  keyfob -v trace key.pcapng            with every member
  keyfob trace --live                   of the key that runs here, as it goes on
  keyfob trace --json key.pcapng | jq   for programs

`>` is what a host asks, `<` what the key answers. docs/recording.md explains what a recording holds, and how to \
record a hardware key.";
