//! The keyfob command: a virtual security key on the bus, and a settings tool for any key.

mod bench;
mod bridge;
mod cli;
mod completions;
mod conform;
mod control;
mod demo;
mod device;
mod failure;
mod home;
mod host;
mod http;
mod journal;
mod log;
mod man;
mod metadata;
mod models;
mod operator;
mod process;
mod profiles;
mod recordings;
mod run;
mod say;
mod secret_file;
mod secret_json;
mod service;
mod settings;
mod socket;
mod spawned;
mod state;
mod strict_json;
mod terminal;
mod watch;
mod webdriver;

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::process::on_one_thread;

fn main() -> ExitCode {
    process::harden();
    let outcome = match completions::answer(Cli::command) {
        Ok(true) => Ok(()),
        Ok(false) => obey(Cli::read()),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::note(match cli::asked_for_json() {
                true => failure::describe_as_json(&error),
                false => failure::describe(&error),
            });
            failure::exit_code(&error)
        }
    }
}

fn obey(cli: Cli) -> anyhow::Result<()> {
    log::start(cli.verbose)?;
    match cli.command {
        Command::Attach(options) => on_one_thread(run::attach::run(options)),
        Command::Serve(options) => on_one_thread(run::serve::run(options)),
        Command::Card(options) => on_one_thread(run::card::run(options)),
        Command::Bridge(options) => on_one_thread(bridge::run(options)),
        Command::Webdriver(options) => on_one_thread(webdriver::run(options)),
        Command::Touch(options) => run::touch::touch(options),
        Command::Deny(options) => run::touch::deny(options),
        Command::Tap(options) => run::tap::run(options),
        Command::Wait(options) => run::wait::run(options),
        Command::Notify(options) => on_one_thread(run::notify::run(options)),
        Command::Replug(options) => run::replug::run(options),
        Command::Policy(options) => run::policy::run(options),
        Command::Fault(command) => run::fault::run(command),
        Command::Status(options) => run::status::run(&options),
        Command::Trace(options) => recordings::trace::run(&options, cli.verbose > 0),
        Command::Replay(options) => recordings::replay::run(&options),
        Command::List(options) => settings::list::run(&options),
        Command::Info(options) => settings::info::run(&options),
        Command::Pin(command) => settings::pin::run(&command),
        Command::Credentials(command) => settings::credentials::run(&command),
        Command::Fingerprints(command) => settings::fingerprints::run(&command),
        Command::Blobs(command) => settings::blobs::run(&command),
        Command::Config(command) => settings::config::run(&command),
        Command::Reset(options) => settings::reset::run(&options),
        Command::Select(options) => settings::select::run_select(&options),
        Command::Wink(options) => settings::select::run_wink(&options),
        Command::Webauthn(command) => settings::webauthn::run(&command),
        Command::State(command) => state::run(&command),
        Command::Models(command) => models::run(&command),
        Command::Metadata(options) => metadata::run(&options),
        Command::Conform(options) => conform::run(&options, cli.verbose > 0),
        Command::Demo(options) => demo::run(&options, cli.verbose),
        Command::Doctor(options) => host::doctor::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options, Cli::command()),
    }
}
