//! `keyfob state passphrase`: what a memory is locked with.

use sealed_records::Vault;
use virtual_key::platform::system_rng;

use super::options::NewLockOptions;
use super::{Which, cured};
use crate::terminal;

/// What `keyfob state passphrase` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    new: NewLockOptions,
}

/// Runs the command.
///
/// # Errors
/// The memory cannot be opened, or there is no new passphrase; it is locked as before then.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let place = options.which.place()?;
    let opened = Vault::open(&place.directory, &place.access(), Box::new(system_rng()));
    let mut vault = opened.map_err(cured)?.vault;
    let new = options.new.unlock()?;
    vault.rewrap(&new).map_err(cured)?;
    let with = vault.info().locked_with;
    Ok(terminal::print(format_args!(
        "The memory in {} is locked with {with} from now on. Copies that were made before still open in the old way.\n",
        place.directory.display()
    ))?)
}
