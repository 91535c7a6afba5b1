//! `keyfob completions`: what a shell has to know to complete this command line. It asks this program at each try, which
//! knows what keys there are at that moment.

use std::ffi::OsStr;

use clap::{Args, CommandFactory as _};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, PathCompleter, ValueCompleter};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, CompletionCandidate, Shell};
use ctap_conformance::Suite;
use virtual_key::profile;

use crate::cli::Cli;
use crate::device::{Address, local_keys, served_keys};
use crate::failure::failure;

use crate::terminal;

/// Print a script that lets a shell complete keyfob's commands, options and their values
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
        return Err(failure(format_args!("nobody completes for {name}"), "use another shell"));
    };
    Ok(terminal::print(String::from_utf8(shell?)?)?)
}

/// Answers the script, if it was that which started this process.
///
/// # Errors
/// The standard output cannot be written to, or the script is not ours.
pub(crate) fn answer() -> anyhow::Result<bool> {
    let here = std::env::current_dir().ok();
    let completion = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    Ok(completion.try_complete(std::env::args_os(), here.as_deref())?)
}

/// The built-in profiles, and files.
pub(crate) fn profiles() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let built_in = profile::built_in().filter(|name| begins(name, typed));
        let files = PathCompleter::any().complete(typed);
        built_in.map(CompletionCandidate::new).chain(files).collect()
    })
}

/// The keys that can be had now.
pub(crate) fn devices() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let local = local_keys()
            .unwrap_or_default()
            .into_iter()
            .map(|key| CompletionCandidate::new(key.path).help(Some(key.name.into())));
        let served = served_keys().into_iter().filter(|key| matches!(key, Address::Usbip { .. }));
        let served = served.map(|key| CompletionCandidate::new(key.to_string()));
        local.chain(served).chain([CompletionCandidate::new("auto")]).collect()
    })
}

/// The built-in cases of the conformance suite.
pub(crate) fn cases() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let suite = Suite::built_in();
        let chapters = suite.chapters.iter().map(|chapter| chapter.name.clone());
        let cases = suite.chapters.iter().flat_map(|chapter| &chapter.cases);
        chapters.chain(cases.map(|case| case.id.clone())).map(CompletionCandidate::new).collect()
    })
}

fn begins(name: &str, typed: &OsStr) -> bool {
    name.as_bytes().starts_with(typed.as_encoded_bytes())
}

/// By which the script tells this program that it is asked, and by which shell.
const VARIABLE: &str = "KEYFOB_COMPLETE";
const NAME: &str = "keyfob";
