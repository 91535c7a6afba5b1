//! `--conformance-hooks`: FIDO's conformance tool asks over HTTP for what a person would do to the key, and it is done.
//!
//! ```text
//!   POST http://localhost:3000/conformance/userpresence   a touch: for the open prompt, or the next within ten seconds
//!        http://localhost:3000/conformance/powercycle     unplugged and plugged in again; answered once a host has it
//!        http://localhost:3000/conformance/results        what came of the run: told in a few lines, and kept
//!
//!   hand.rs      what is done to the key
//!   results.rs   what the tool tells at the end
//! ```
//!
//! `crate::http` serves it, and its gate keeps web pages out.

mod hand;
mod limits;
mod results;

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;
use clap::Args;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use virtual_key::key::Touch;
use virtual_key::keys::Keys;

use self::hand::Hand;
use self::limits::{BOUNDS, MAX_BODY};
use super::key_options::KeyOptions;
use crate::failure::{advise, failure, usage};
use crate::http::{self, gate};
use crate::say::{say, warn};

/// Whether the conformance tool is obeyed, and where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "FIDO's conformance tool")]
pub(crate) struct HookOptions {
    /// Let FIDO's conformance tool touch and power-cycle the key over HTTP; for tests only
    #[arg(long)]
    conformance_hooks: bool,

    /// Where the conformance tool finds the hooks: a port of localhost; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = TOOLS_PORT, requires = "conformance_hooks")]
    conformance_port: u16,

    /// Write the results that the conformance tool sends at the end of its run into this file
    #[arg(long, value_name = "FILE", requires = "conformance_hooks")]
    conformance_results: Option<PathBuf>,
}

/// The hooks, ready to be asked.
pub(crate) struct Hooks {
    listeners: Vec<TcpListener>,
    results: Option<PathBuf>,
}

impl Hooks {
    /// Opens the port, if `options` want that, and warns of it.
    ///
    /// # Errors
    /// The port is taken, or the options ask for what cannot go together.
    pub(crate) fn open(options: &KeyOptions) -> anyhow::Result<Option<Self>> {
        let wanted = &options.hooks;
        if !wanted.conformance_hooks {
            return Ok(None);
        }
        check(options)?;
        let listeners = listeners(wanted.conformance_port)?;
        warn(
            "--conformance-hooks lets every program of this machine touch and unplug this key; use it for tests only",
        );
        Ok(Some(Self { listeners, results: wanted.conformance_results.clone() }))
    }

    /// Does what the tool asks, until the future is dropped.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub(crate) async fn serve(&self, keys: &Rc<Keys>) -> Infallible {
        if let Some(address) =
            self.listeners.first().and_then(|listener| listener.local_addr().ok())
        {
            say(format_args!(
                "the conformance tool can control this key at http://localhost:{}/conformance/",
                address.port()
            ));
        }
        let shared = Rc::new(Shared { hand: Hand::new(keys), results: self.results.clone() });
        let hand = Rc::clone(&shared);
        let respond = async move |request| shared.respond(request).await;
        tokio::select! {
            never = http::serve(&self.listeners, BOUNDS, |_| true, respond) => never,
            never = hand.hand.touch_what_opens() => never,
        }
    }
}

/// The tool knows neither several keys nor keys that answer for themselves.
fn check(options: &KeyOptions) -> anyhow::Result<()> {
    if options.keys != 1 {
        return Err(usage(
            "the conformance tool tests one key at a time",
            "leave out --keys, or --conformance-hooks",
        ));
    }
    if options.touch != Touch::Ask {
        return Err(usage(
            "a key that does not ask for touches has no use for --conformance-hooks",
            "leave out --touch, or --conformance-hooks",
        ));
    }
    Ok(())
}

fn listeners(port: u16) -> anyhow::Result<Vec<TcpListener>> {
    http::listen_on_localhost(port).map_err(|error| refused(port, error))
}

fn refused(port: u16, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => failure(
            format_args!("port {port} of localhost is taken by another program"),
            "stop it (`ss -ltnp` names it): the conformance tool always asks at port 3000",
        ),
        _ => advise(
            anyhow::Error::new(error).context(format!("cannot listen on port {port}")),
            "choose another one with --conformance-port",
        ),
    }
}

/// Where requests arrive.
struct Shared {
    hand: Hand,
    results: Option<PathBuf>,
}

/// A status, and a sentence for whoever looks into the tool's log.
type Reply = (StatusCode, String);

impl Shared {
    async fn respond(&self, request: Request<Incoming>) -> Response<String> {
        let (status, sentence) = self.reply(request).await;
        if !status.is_success() {
            warn(format_args!("the conformance tool's request was refused: {sentence}"));
        }
        let mut response = Response::new(format!("{sentence}\n"));
        *response.status_mut() = status;
        response
    }

    async fn reply(&self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        if let Err(why) = gate::check(&head.uri, &head.headers, gate::Pages::OfThisMachine) {
            return (StatusCode::FORBIDDEN, why.to_owned());
        }
        // A picture or a link in a page asks in another way.
        if head.method != Method::POST {
            return (StatusCode::METHOD_NOT_ALLOWED, "the hooks need the method POST".to_owned());
        }
        // What the tool sends with the other two says nothing; but it is heard out before it is answered.
        let body = match http::read(body, MAX_BODY, BOUNDS.patience).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        match head.uri.path() {
            "/conformance/userpresence" => self.hand.touch().await,
            "/conformance/powercycle" => self.hand.power_cycle().await,
            "/conformance/results" => self.keep(&body),
            _ => (StatusCode::NOT_FOUND, "there is no such hook".to_owned()),
        }
    }

    fn keep(&self, body: &[u8]) -> Reply {
        let Ok(lines) = results::lines(body) else {
            return (StatusCode::BAD_REQUEST, "the results are not JSON".to_owned());
        };
        lines.iter().for_each(say);
        match self.results.as_deref().map(|path| write(path, body)).transpose() {
            Ok(_) => (StatusCode::OK, "heard".to_owned()),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
        }
    }
}

fn write(path: &Path, body: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, body).with_context(|| format!("cannot write {}", path.display()))?;
    say(format_args!("the conformance tool's results are in {}", path.display()));
    Ok(())
}

/// Where the tool's automation always asks.
const TOOLS_PORT: u16 = 3000;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(keys: u8, touch: Touch) -> KeyOptions {
        KeyOptions { keys, touch, ..KeyOptions::for_tests() }
    }

    #[test]
    fn it_is_for_one_key_that_asks() {
        assert!(check(&options(1, Touch::Ask)).is_ok());
        assert!(check(&options(2, Touch::Ask)).is_err());
        assert!(check(&options(1, Touch::Auto)).is_err());
        assert!(check(&options(1, Touch::Deny)).is_err());
    }

    #[test]
    fn without_the_option_nothing_listens() {
        assert!(Hooks::open(&options(1, Touch::Ask)).unwrap().is_none());
    }
}
