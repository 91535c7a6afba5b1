//! `keyfob completions`: what a shell has to know to complete this command line. It asks this program at each try, which
//! knows what keys there are at that moment.

use clap::{Args, Command};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use crate::failure::failure;

use crate::terminal;

/// Print the script with which a shell completes commands
///
/// Options and their values too.
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
    let name = options.shell.to_string();
    let Some(shell) = Shells::builtins().completer(&name).map(|shell| {
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut script).map(|()| script)
    }) else {
        return Err(failure(
            format_args!("keyfob has no completions for {name}"),
            "use another shell",
        ));
    };
    Ok(terminal::print(String::from_utf8(shell?)?)?)
}

/// Answers the script, if it was that which started this process. `command` makes the command line.
///
/// # Errors
/// The standard output cannot be written to, or the script is not ours.
pub(crate) fn answer(command: impl Fn() -> Command) -> anyhow::Result<bool> {
    let here = std::env::current_dir().ok();
    let completion = CompleteEnv::with_factory(command).var(VARIABLE);
    Ok(completion.try_complete(std::env::args_os(), here.as_deref())?)
}

/// By which the script tells this program that it is asked, and by which shell.
const VARIABLE: &str = "KEYFOB_COMPLETE";
const NAME: &str = "keyfob";
