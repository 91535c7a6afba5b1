//! Which running key a command is for.

use clap::Args;

use crate::control::Connection;

/// One that a keyfob of this host runs.
#[derive(Args, Debug)]
pub(super) struct WhichKey {
    #[command(flatten)]
    pub(super) connection: Connection,

    /// Only for this key, named by its bus id
    #[arg(long, value_name = "BUSID")]
    pub(super) key: Option<String>,
}
