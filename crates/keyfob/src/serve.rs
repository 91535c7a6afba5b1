//! `keyfob serve`: offers keys over USB/IP.

use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;
use usbip_server::Server;

use crate::cli::KeyOptions;
use crate::keys::Keys;
use crate::say::say;

/// Where the keys are offered, and which.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3240")]
    listen: SocketAddr,

    #[command(flatten)]
    keys: KeyOptions,
}

/// Offers the keys until a signal ends it.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    let server = Server::new();
    let keys = Keys::plug_into(&server, &options.keys)?;
    say!("listening on {}, bus id 1-1", listener.local_addr()?);
    tokio::select! {
        never = server.serve_tcp(listener) => match never {},
        signal = crate::platform::end_signal() => signal?,
    }
    keys.unplug();
    Ok(())
}
