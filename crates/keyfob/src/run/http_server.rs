//! `--http`: a running key steered over HTTP and JSON. What can be asked for is what the control socket takes, each request at a path
//! of its own, and a stream of events besides (docs/http.md, docs/openapi.json).
//!
//! ```text
//!   GET http://127.0.0.1:PORT/keys   ─▶ gate ─▶ token ─▶ route ─▶ control request ─▶ control_server ─▶ answer
//!
//!   token.rs     the secret that a client shows, in a file for the key's user alone
//!   routes.rs    which path is which request of the control socket
//!   answers.rs   what comes of it, as a status and JSON
//!   events.rs    what happens to the keys, as it happens
//!   metrics.rs   what was counted, for Prometheus
//! ```

mod answers;
mod events;
mod limits;
mod metrics;
mod routes;
mod token;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use clap::Args;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use virtual_key::meter::Meter;
use virtual_key::peers::{self, PeerFilter};
use virtual_key::profile::is_file_name;

use self::answers::{Fault, Reply};
use self::events::Doorbell;
use self::limits::{MAX_BODY, MAX_STREAMS, PATIENCE, bounds};
use self::metrics::Figures;
use self::routes::Wanted;
use self::token::Token;
use super::control_server::{Shared, obey};
use crate::control;
use crate::failure::{advise, usage};
use crate::http::{self, gate};
use crate::say::{say, warn};

/// Whether a key is steered over HTTP, and where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Programs that steer the key")]
pub(crate) struct HttpOptions {
    /// Let programs steer the keys over HTTP and JSON at this address of this machine, such as 127.0.0.1:0 for a free port
    #[arg(long, value_name = "ADDR", value_parser = http::parse_address)]
    http: Option<SocketAddr>,

    /// Write the token that such programs must send into this file [default: the control socket's path and `.http-token`]
    #[arg(long, value_name = "FILE", requires = "http")]
    http_token_file: Option<PathBuf>,

    /// Make no new token: programs must send the one in this file, 43 characters of base64url. The file is left there
    #[arg(long, value_name = "FILE", requires = "http", conflicts_with = "http_token_file")]
    http_use_token: Option<PathBuf>,

    /// Accept programs of other users, too, and an address that other machines can reach. All must send the token. Nothing is encrypted
    #[arg(long, requires = "http")]
    http_expose: bool,
}

impl HttpOptions {
    /// What the keys count for, if there is anybody to read it.
    pub(crate) fn meter(&self) -> Option<Arc<Meter>> {
        self.http.map(|_| Arc::default())
    }
}

/// The server, ready to be asked. Dropping it removes the token.
pub(crate) struct HttpServer {
    listener: [TcpListener; 1],
    /// `None`: it is exposed.
    filter: Option<PeerFilter>,
    token: Token,
    meter: Arc<Meter>,
}

impl HttpServer {
    /// Opens the port and writes the token, if `options` want that; `control` is the path of the control socket, and the keys count for
    /// `meter`.
    ///
    /// # Errors
    /// The address is taken or not of this machine alone; the token cannot be written, or read.
    pub(crate) fn open(
        options: &HttpOptions,
        control: &Path,
        meter: Option<Arc<Meter>>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(address) = options.http else { return Ok(None) };
        check(address, options.http_expose)?;
        let unusable = |error| {
            let context = format!("cannot listen on {address}");
            let error = anyhow::Error::new(error).context(context);
            advise(error, "choose another address with --http, such as 127.0.0.1:0")
        };
        let listener = http::listen(address).map_err(unusable)?;
        let watch = |address| PeerFilter::of(address, tell_of_stranger);
        let watched = (!options.http_expose).then(|| listener.local_addr().and_then(watch));
        let filter = watched.transpose().map_err(unusable)?;
        let token = match (&options.http_use_token, &options.http_token_file) {
            (Some(path), _) => Token::read(path)?,
            (None, Some(path)) => Token::write(path)?,
            (None, None) => Token::write(&beside(control))?,
        };
        Ok(Some(Self { listener: [listener], filter, token, meter: meter.unwrap_or_default() }))
    }

    /// Does what clients ask, until the future is dropped.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub(crate) async fn serve(self, shared: &Rc<Shared>) -> Infallible {
        let Self { listener, mut filter, token, meter } = self;
        if let [Ok(address)] = listener.each_ref().map(TcpListener::local_addr) {
            let file = token.path().display();
            say(format_args!("steered at http://{address} with the token in {file}"));
        }
        let (doorbell, teller) = events::teller();
        let server = Steering {
            shared: Rc::clone(shared),
            token,
            is_exposed: filter.is_none(),
            doorbell,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            figures: Figures::new(meter),
        };
        let welcome =
            |stream: &TcpStream| filter.as_mut().is_none_or(|filter| filter.admits(stream));
        let respond = async move |request| server.respond(request).await;
        let bounds = bounds(shared.keys.iter().len());
        tokio::select! {
            never = http::serve(&listener, bounds, welcome, respond) => never,
            never = teller.tell(shared) => never,
        }
    }
}

/// Nobody else's machine, unless that is asked for twice (P-22).
fn check(address: SocketAddr, is_exposed: bool) -> anyhow::Result<()> {
    if peers::is_loopback(address) {
        return Ok(());
    }
    if !is_exposed {
        return Err(usage(
            format_args!("other machines can reach {address}, and would steer the keys"),
            "listen on 127.0.0.1; `ssh -L` brings it to another machine. Or allow it with --http-expose",
        ));
    }
    warn(format_args!(
        "everybody who can read the traffic of {address} sees the token, and can steer the keys with it and copy \
         their private keys"
    ));
    Ok(())
}

fn tell_of_stranger(sentence: fmt::Arguments<'_>) {
    warn(format_args!("{sentence}; --http-expose lets in everybody who shows the token"));
}

fn beside(control: &Path) -> PathBuf {
    let mut path = control.as_os_str().to_owned();
    path.push(".http-token");
    path.into()
}

/// Where requests arrive.
struct Steering {
    shared: Rc<Shared>,
    token: Token,
    /// Other machines have other names for this one.
    is_exposed: bool,
    doorbell: Doorbell,
    streams: Arc<Semaphore>,
    figures: Figures,
}

impl Steering {
    async fn respond(&self, request: Request<Incoming>) -> Response<Reply> {
        match self.answer(request).await {
            Ok(response) => response,
            Err(fault) => fault.response(),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Reply>, Fault> {
        let (head, body) = request.into_parts();
        let pages = gate::Pages::Nobodys;
        match self.is_exposed {
            true => gate::check_origin(&head.headers, pages),
            false => gate::check(&head.uri, &head.headers, pages),
        }
        .map_err(Fault::forbidden)?;
        if routes::is_public(&head.method, &head.uri) {
            return Ok(answers::healthy());
        }
        if !self.token.is_shown(authorization(&head.headers)) {
            return Err(Fault::unauthorized(self.token.path()));
        }
        let body = http::read(body, MAX_BODY, PATIENCE).await?;
        match routes::wanted(&head.method, &head.uri, &body)? {
            Wanted::Order(request) if self.is_exposed && names_a_file(&request) => {
                Err(Fault::forbidden("another machine may not name a file of this one"))
            }
            Wanted::Order(request) => answers::of(obey(request, &self.shared).await),
            Wanted::Health => Ok(answers::healthy()),
            Wanted::Metrics => Ok(answers::metrics(self.figures.text(&self.shared.keys))),
            Wanted::Events => {
                let place = Arc::clone(&self.streams).try_acquire_owned();
                let place = place.map_err(|_| Fault::too_many_streams())?;
                Ok(self.doorbell.stream(place).await)
            }
        }
    }
}

/// What is wrong in a file is told with a part of it.
fn names_a_file(request: &control::Request) -> bool {
    matches!(request, control::Request::SetProfile { profile, .. } if is_file_name(profile))
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_option_nothing_listens() {
        let options = HttpOptions::default();
        assert!(options.meter().is_none(), "and nothing is counted");
        let open = HttpServer::open(&options, Path::new("/nowhere/control"), None);
        assert!(open.unwrap().is_none());
    }

    // P-22
    #[test]
    fn no_other_machine_reaches_it_unless_that_is_asked_for_twice() {
        for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:0"] {
            assert!(check(address.parse().unwrap(), false).is_ok(), "{address}");
        }
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            assert!(check(address.parse().unwrap(), false).is_err(), "{address}");
            assert!(check(address.parse().unwrap(), true).is_ok(), "{address}");
        }
    }

    #[test]
    fn the_token_lies_beside_the_control_socket() {
        let path = beside(Path::new("/run/user/7/keyfob/control"));
        assert_eq!(path, Path::new("/run/user/7/keyfob/control.http-token"));
    }
}
