//! `keyfob state info`: what a memory tells about itself.

use std::path::Path;

use sealed_records::{Info, Vault, WitnessState};
use serde::Serialize;
use virtual_key::memory::Place;
use virtual_key::platform::system_rng;

use super::{Which, cured};
use crate::terminal;

/// What `keyfob state info` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    directory: &'a Path,
    locked_with: String,
    /// `kept`, `new` or null.
    witness: Option<&'static str>,
    witness_file: Option<&'a Path>,
    store_id: String,
    records: usize,
    live_bytes: u64,
    file_bytes: u64,
    last_commit: u64,
    written_anew: u64,
    format_version: u16,
}

/// Runs the command.
///
/// # Errors
/// There is no such memory, or it is not fit to be used.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let place = options.which.place()?;
    let opened = Vault::open(&place.directory, &place.access(), Box::new(system_rng()));
    let told = Told::of(&place, opened.map_err(cured)?.vault.info());
    let text = match options.json {
        true => terminal::json(&told)?,
        false => terminal::columns(&told.rows()),
    };
    Ok(terminal::print(text)?)
}

impl<'a> Told<'a> {
    fn of(place: &'a Place, info: Info) -> Self {
        Self {
            directory: &place.directory,
            locked_with: info.locked_with.to_string(),
            witness: match info.witness {
                WitnessState::New => Some("new"),
                WitnessState::Kept => Some("kept"),
                _ => None,
            },
            witness_file: place.witness.as_deref(),
            store_id: terminal::hex(&info.store),
            records: info.records,
            live_bytes: info.live_bytes,
            file_bytes: info.file_bytes,
            last_commit: info.sequence,
            written_anew: info.generation.saturating_sub(1),
            format_version: info.version,
        }
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let witness = match (self.witness, self.witness_file) {
            (Some("new"), Some(path)) => {
                format!(
                    "{}, made just now: it cannot tell whether this copy is the latest",
                    path.display()
                )
            }
            (Some(_), Some(path)) => format!("{}, which agrees", path.display()),
            _ => "none: an older copy would not be noticed".to_owned(),
        };
        let size = format!(
            "{} in {} bytes; the file has {}",
            self.records, self.live_bytes, self.file_bytes
        );
        [
            ("Directory", self.directory.display().to_string()),
            ("Locked with", self.locked_with.clone()),
            ("Witness", witness),
            ("Records", size),
            ("Last commit", self.last_commit.to_string()),
            ("Compacted", terminal::count(self.written_anew, "time")),
            ("Store id", self.store_id.clone()),
            ("Format version", self.format_version.to_string()),
        ]
        .map(|(name, value)| [name.to_owned(), value])
        .to_vec()
    }
}
