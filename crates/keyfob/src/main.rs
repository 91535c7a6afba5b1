//! The keyfob command: a virtual security key on the bus, and a settings tool for any key.

mod bell;
mod cli;
mod failure;
mod key;
mod keys;
mod platform;
mod say;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&failure::describe(&error));
            failure::exit_code(&error)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(options) => on_one_thread(serve::run(options)),
    }
}

/// Everything that waits runs on this thread, and nothing else does.
fn on_one_thread(task: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, task)
}

/// To the standard error stream; nobody is left to tell if that fails.
fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
