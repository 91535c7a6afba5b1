//! The kinds of keys that may be named on the command line.

use std::ffi::OsStr;

use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, PathCompleter, ValueCompleter as _};
use virtual_key::profile;

/// The built-in profiles, and files.
pub(crate) fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let built_in = profile::built_in().filter(|name| begins(name, typed));
        let files = PathCompleter::any().complete(typed);
        built_in.map(CompletionCandidate::new).chain(files).collect()
    })
}

fn begins(name: &str, typed: &OsStr) -> bool {
    name.as_bytes().starts_with(typed.as_encoded_bytes())
}
