//! `keyfob state export` and `keyfob state import`: a whole key in one file.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::{Which, exported};
use crate::failure::failure;
use crate::secret_file;
use crate::terminal::{self, count};

/// What `keyfob state export` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ExportOptions {
    /// The file to make, mode 0600; it must not exist yet [default: standard output]
    file: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// What `keyfob state import` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ImportOptions {
    /// The file that `keyfob state export` made; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Replace a memory that is already there: everything in that is lost
    #[arg(long)]
    replace: bool,
}

/// Runs `keyfob state export`.
///
/// # Errors
/// The memory cannot be opened, or the file not be made.
pub(super) fn export(options: &ExportOptions) -> anyhow::Result<()> {
    if options.file.is_none() && io::stdout().is_terminal() {
        let next = "name a file, or pipe it into a program that encrypts it";
        return Err(failure("this would print private keys on the terminal", next));
    }
    let place = options.which.place()?;
    match &options.file {
        None => terminal::print(exported::export(&place)?.as_str())?,
        Some(path) => {
            exported::export_into(path, &place)?;
            terminal::note(format_args!(
                "{} holds the whole key, with its private keys, unencrypted: keep it where nobody else can read it",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Runs `keyfob state import`.
///
/// # Errors
/// The file is not what `export` makes, or there is a memory already. Nothing is changed then.
pub(super) fn import(options: &ImportOptions) -> anyhow::Result<()> {
    let next = "name the file that `keyfob state export` made";
    let text = secret_file::read(&options.file, next)?;
    let place = options.which.place()?;
    let records = exported::import(&place, &text, options.replace)?;
    Ok(terminal::print(format_args!(
        "{} in {}.\n",
        count(records as u64, "record"),
        place.directory.display()
    ))?)
}
