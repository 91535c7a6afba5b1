//! Logs, for whoever looks for a fault. Off by default, to the standard error stream, and without secrets: commands,
//! lengths, statuses and channels; what identifies a site or a person only at the level `debug` (P-20).

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// Starts logging if `KEYFOB_LOG`, `RUST_LOG` or `-v` ask for it, in this order.
///
/// # Errors
/// The variable cannot be understood.
pub(crate) fn start(verbosity: u8) -> anyhow::Result<()> {
    let Some(directives) = directives(verbosity) else { return Ok(()) };
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        crate::failure::usage(
            format_args!("the log filter {directives:?} is not understood: {error}"),
            "use one such as `debug` or `usbip_server=debug,info`",
        )
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init();
    Ok(())
}

fn directives(verbosity: u8) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let flag = match verbosity {
        0 => None,
        1 => Some("info".to_owned()),
        2 => Some("debug".to_owned()),
        _ => Some("trace".to_owned()),
    };
    variable("KEYFOB_LOG").or_else(|| variable("RUST_LOG")).or(flag)
}
