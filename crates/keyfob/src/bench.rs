//! `keyfob bench`: what the key costs, beside what it cannot cost less than.
//!
//! Everything is measured in one run, in turns, so that a machine which is busy with other things is as unkind to all.

mod cores;
mod durable;
mod echo;
mod farm;
mod figures;
mod growth;
mod in_process;
mod machine;
mod markdown;
mod name;
#[cfg(feature = "picture")]
mod picture;
mod platform;
mod process;
mod progress;
mod spread;
mod subjects;
mod turns;
mod wire;

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::value_parser;
use ctap_core::limits::MAX_CAPACITY;
use serde::Serialize;
use tempfile::TempDir;

use self::figures::Figures;
use self::machine::Machine;
use self::subjects::{Parts, Subjects};
use crate::device::Address;
use crate::spawned::SpawnedKey;
use crate::terminal;

/// Measure how fast a key is, and compare it with another one
///
/// Bare work is a TCP echo that does nothing, and a signature alone.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Measure fewer rounds, and keys with at most 1,000 passkeys
    #[arg(long)]
    quick: bool,
    /// Another key to measure beside ours, as for --device; it is left with passkeys, and with a PIN if it has none
    #[arg(long, value_name = "KEY")]
    peer: Option<Address>,
    /// The PIN of that key, if it has one
    #[arg(long, value_name = "PIN", requires = "peer")]
    peer_pin: Option<String>,
    /// How many passkeys each key has while exchanges are measured
    #[arg(long, value_name = "N", default_value_t = platform::FEWEST as u32, value_parser = value_parser!(u32).range(platform::FEWEST as i64..=MAX_CAPACITY as i64))]
    passkeys: u32,
    /// Where durable keys are kept during the measurement [default: where temporary files are]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Write a page too, and a picture beside it if this build can draw one
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Measure a farm instead: many keys in one server, and clients that use it at once
    #[arg(long, conflicts_with_all = ["quick", "peer", "passkeys", "markdown"])]
    farm: bool,
    #[command(flatten)]
    size: farm::Size,
    /// Be the echo that the key is compared with: requests and replies of so many bytes
    #[arg(long, hide = true, value_names = ["REQUEST", "REPLY"], num_args = 2)]
    echo: Vec<usize>,
}

/// Runs the command.
///
/// # Errors
/// When the key does not do what is measured.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if let [request, reply] = options.echo[..] {
        return echo::run(request, reply);
    }
    if options.farm {
        let directory = directory_of_keys(options)?;
        return tell(&farm::measure(options.size, directory.path())?, options.json);
    }
    let effort = if options.quick { QUICK } else { THOROUGH };
    let figures = measure(&effort, options)?;
    if let Some(path) = &options.markdown {
        markdown::write(&figures, path)?;
    }
    tell(&figures, options.json)
}

fn tell(figures: &(impl Serialize + Display), as_json: bool) -> anyhow::Result<()> {
    let text = match as_json {
        true => format!("{}\n", serde_json::to_string_pretty(figures)?),
        false => figures.to_string(),
    };
    Ok(terminal::print(text)?)
}

/// Where durable keys are, until it is dropped.
fn directory_of_keys(options: &Options) -> anyhow::Result<TempDir> {
    let above = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    let cannot = || format!("cannot keep keys in {}", above.display());
    TempDir::with_prefix_in("keyfob-", &above).with_context(cannot)
}

fn measure(effort: &Effort, options: &Options) -> anyhow::Result<Figures> {
    let directory = directory_of_keys(options)?;
    let mut figures = Figures::new(Machine::this(directory.path()));
    let starts = (0..effort.starts).map(|_| Ok(SpawnedKey::serve("auto")?.ready_after()));
    figures.time("server start to listening", starts.collect::<anyhow::Result<_>>()?);
    measure_exchanges(&mut figures, effort, options, &directory)?;
    let rate = |case| Ok((case, cores::rate(case, effort.rates)?));
    figures.rates(&cores::CASES.into_iter().map(rate).collect::<anyhow::Result<Vec<_>>>()?);
    figures.grow(growth::measure(effort.growth, directory.path())?);
    Ok(figures)
}

fn measure_exchanges(
    figures: &mut Figures,
    effort: &Effort,
    options: &Options,
    directory: &TempDir,
) -> anyhow::Result<()> {
    let (capacity, state) = (options.passkeys.to_string(), directory.path().join("served"));
    let serve = |memory: &[&str]| {
        SpawnedKey::serve_as(&[memory, &["--touch", "auto", "--capacity", &capacity]].concat())
    };
    let state = state.to_str().context("the directory's name is not UTF-8 text")?;
    let (ephemeral, durable) = (serve(&["--ephemeral"])?, serve(&["--state", state])?);
    let subjects = Subjects::prepare(&Parts {
        keys: [&ephemeral, &durable],
        directory: directory.path(),
        passkeys: options.passkeys as usize,
        peer: options.peer.as_ref(),
        peer_pin: options.peer_pin.as_deref(),
    })?;
    figures.compare(turns::take(&mut subjects.all(), effort.turns)?);
    figures.count(subjects.syncs(effort.counted)?, effort.counted);
    figures.process(&process::idle(ephemeral.pid(), effort.idle)?);
    subjects.end()
}

/// How much to measure.
struct Effort {
    /// Starts of the server.
    starts: usize,
    /// Turns of each subject.
    turns: usize,
    /// Calls whose syncs are counted.
    counted: u64,
    /// How long to watch the idle key.
    idle: Duration,
    /// How long keys sign on so many cores.
    rates: Duration,
    /// How large keys grow.
    growth: growth::Effort<'static>,
}

const THOROUGH: Effort = Effort {
    starts: 11,
    turns: 40,
    counted: 128,
    idle: Duration::from_secs(3),
    rates: Duration::from_secs(2),
    growth: growth::Effort { sizes: &growth::SIZES, turns: 20, openings: 5 },
};
const QUICK: Effort = Effort {
    starts: 3,
    turns: 5,
    counted: 64,
    idle: Duration::from_secs(1),
    rates: Duration::from_millis(300),
    growth: growth::Effort { sizes: &growth::FEW_SIZES, turns: 3, openings: 3 },
};

const EXAMPLES: &str = "\
Examples:
  keyfob bench --quick
  keyfob bench --json > figures.json
  keyfob bench --peer usbip:127.0.0.1:3241    another key, for comparison
  keyfob bench --peer /dev/hidraw0 --peer-pin 2468
  keyfob bench --markdown performance.md      a page
  keyfob bench --farm                         200 keys, 100 clients

A peer gets passkeys, and a PIN if it has none, so name a key that you can reset. docs/performance.md has figures and \
explains each row.";
