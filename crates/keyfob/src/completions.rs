//! `keyfob completions`: what a shell has to know to complete this command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::terminal;

/// Print a script that lets a shell complete keyfob's commands and options
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(keyfob completions bash)    in ~/.bashrc
  source <(keyfob completions zsh)     in ~/.zshrc, after compinit
  keyfob completions fish > ~/.config/fish/completions/keyfob.fish";

/// Runs the command.
///
/// # Errors
/// The standard output cannot be written to.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "keyfob", &mut script);
    Ok(terminal::print(String::from_utf8(script)?)?)
}
