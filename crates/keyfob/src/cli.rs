//! The command line: every command and its options. Each command's own file says what its options mean.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::key::Touch;
use crate::serve;

/// A virtual FIDO2 security key for Linux hosts, and a settings tool for any key.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Log to the standard error stream; twice for more. KEYFOB_LOG or RUST_LOG choose precisely.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Offer a security key over USB/IP, to this machine or another
    Serve(serve::Options),
}

/// What a key is made of, and how it treats touches: the same for `serve` and `attach`.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    /// Where the keys' memory is kept; made if it does not exist [default: ~/.local/state/keyfob]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub(crate) state: Option<PathBuf>,

    /// Remember nothing: a new key at each start
    #[arg(long)]
    pub(crate) ephemeral: bool,

    /// Who decides when the key is to be touched
    #[arg(long, value_enum, default_value_t = Touch::Ask)]
    pub(crate) touch: Touch,

    /// How many keys, on bus ids 1-1, 1-2 and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) keys: u8,

    /// How many discoverable credentials fit on a key
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) capacity: u16,
}
