//! The kinds of keys that may be named on the command line.

use std::ffi::OsStr;

use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, PathCompleter, ValueCompleter as _};
use virtual_key::profile::{self, Profile};

use crate::say::warn;

/// The built-in profiles, and files.
pub(crate) fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let built_in = profile::built_in().filter(|name| begins(name, typed));
        let files = PathCompleter::any().complete(typed);
        built_in.map(CompletionCandidate::new).chain(files).collect()
    })
}

/// Warns of what an imitation of a real model does not do although it tells so, and of its contradictions.
///
/// # Errors
/// What such a key tells cannot be found out: a fault of the program.
pub(crate) fn warn_of_imitation(profile: &Profile) -> anyhow::Result<()> {
    let model = profile.imitates().unwrap_or(profile.title());
    for contradiction in profile.contradictions() {
        warn(format_args!("like {model}, this key contradicts the standard: {contradiction}"));
    }
    let announced = profile.only_announced()?;
    if !announced.is_empty() {
        warn(format_args!("the key tells this and does not do it: {}", announced.join("; ")));
    }
    Ok(())
}

fn begins(name: &str, typed: &OsStr) -> bool {
    name.as_bytes().starts_with(typed.as_encoded_bytes())
}
