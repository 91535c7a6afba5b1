//! `keyfob bench`: what the key costs, beside what it cannot cost less than.
//!
//! Everything is measured in one run, in turns, so that a machine which is busy with other things is as unkind to all.

mod echo;
mod figures;
mod in_process;
mod process;
mod subjects;
mod turns;

use std::time::Duration;

use self::figures::Figures;
use self::subjects::Subjects;
use crate::spawned::SpawnedKey;
use crate::terminal;

/// Measure the key beside a bare TCP echo and a bare signature
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Measure fewer rounds
    #[arg(long)]
    quick: bool,
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
    let effort = if options.quick { QUICK } else { THOROUGH };
    let figures = measure(&effort)?;
    let text = match options.json {
        true => format!("{}\n", serde_json::to_string_pretty(&figures)?),
        false => figures.to_string(),
    };
    Ok(terminal::print(text)?)
}

fn measure(effort: &Effort) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let starts = (0..effort.starts).map(|_| Ok(SpawnedKey::serve("auto")?.ready_after()));
    figures.time("server start to listening", starts.collect::<anyhow::Result<_>>()?);
    let key = SpawnedKey::serve("auto")?;
    let subjects = Subjects::prepare(&key)?;
    let times = turns::take(&mut subjects.all(), effort.turns)?;
    figures.compare(times);
    figures.process(&process::idle(key.pid(), effort.idle)?);
    Ok(figures)
}

/// How much to measure.
struct Effort {
    /// Starts of the server.
    starts: usize,
    /// Turns of each subject.
    turns: usize,
    /// How long to watch the idle key.
    idle: Duration,
}

const THOROUGH: Effort = Effort { starts: 11, turns: 40, idle: Duration::from_secs(3) };
const QUICK: Effort = Effort { starts: 3, turns: 5, idle: Duration::from_secs(1) };

const EXAMPLES: &str = "\
Examples:
  keyfob bench --quick
  keyfob bench --json > figures.json";
