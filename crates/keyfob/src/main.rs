//! The keyfob command: a virtual security key on the bus, and a settings tool for any key.
//!
//! What Windows does in its own way is in `windows/`, under the names that it has for other systems here; so is in `elsewhere/` what is the same
//! for every system but Linux. A few commands are for Linux alone.

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod bridge;
mod cli;
mod completions;
mod conform;
mod control;
#[cfg(target_os = "linux")]
mod demo;
mod device;
mod failure;
#[cfg_attr(windows, path = "windows/home.rs")]
mod home;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere/host.rs")]
mod host;
mod http;
#[cfg_attr(windows, path = "windows/journal.rs")]
mod journal;
mod log;
mod man;
mod metadata;
mod models;
mod operator;
#[cfg_attr(windows, path = "windows/process.rs")]
mod process;
mod profiles;
mod recordings;
mod run;
#[cfg_attr(windows, path = "windows/say.rs")]
mod say;
mod secret_file;
mod secret_json;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere/service.rs")]
mod service;
mod settings;
#[cfg_attr(windows, path = "windows/socket.rs")]
mod socket;
#[cfg(target_os = "linux")]
mod spawned;
mod state;
mod terminal;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere/watch.rs")]
mod watch;
#[cfg(target_os = "linux")]
mod webdriver;

use std::alloc::System;
use std::process::ExitCode;

use clap::CommandFactory as _;
use zeroizing_alloc::ZeroAlloc;

#[cfg(target_os = "linux")]
use crate::cli::OnLinux;
use crate::cli::{Cli, Command};
use crate::process::on_one_thread;

/// Wipes all memory that is given back. Libraries leave secrets there which nothing else wipes: primes while an RSA key is drawn, and
/// requests and answers while they are read and written.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

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
        #[cfg(target_os = "linux")]
        Command::OnLinux(command) => obey_on_linux(command, cli.verbose),
        Command::Serve(options) => on_one_thread(run::serve::run(options)),
        Command::Touch(options) => run::touch::touch(options),
        Command::Deny(options) => run::touch::deny(options),
        Command::Tap(options) => run::tap::run(options),
        Command::Wait(options) => run::wait::run(options),
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
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options, Cli::command()),
    }
}

#[cfg(target_os = "linux")]
fn obey_on_linux(command: OnLinux, verbosity: u8) -> anyhow::Result<()> {
    match command {
        OnLinux::Attach(options) => on_one_thread(run::attach::run(options)),
        OnLinux::Card(options) => on_one_thread(run::card::run(options)),
        OnLinux::Bridge(options) => on_one_thread(bridge::run(options)),
        OnLinux::Webdriver(options) => on_one_thread(webdriver::run(options)),
        OnLinux::Notify(options) => on_one_thread(run::notify::run(options)),
        OnLinux::Demo(options) => demo::run(&options, verbosity),
        OnLinux::Doctor(options) => host::doctor::run(&options),
        OnLinux::Bench(options) => bench::run(&options),
    }
}
