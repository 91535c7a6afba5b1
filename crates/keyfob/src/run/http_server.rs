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
//! ```

mod answers;
mod events;
mod limits;
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
use virtual_key::peers::{self, PeerFilter};

use self::answers::{Fault, Reply};
use self::limits::{BOUNDS, MAX_BODY, MAX_STREAMS};
use self::routes::Wanted;
use self::token::Token;
use super::control_server::{Shared, obey};
use crate::failure::{advise, usage};
use crate::http::{self, gate};
use crate::say::{say, warn};

/// Whether a key is steered over HTTP, and where.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HttpOptions {
    /// Let programs steer the keys over HTTP and JSON at this address of this machine, such as 127.0.0.1:0 for a free port
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,

    /// Where the token is written that such programs have to show [default: the control socket's path and `.http-token`]
    #[arg(long, value_name = "FILE", requires = "http")]
    http_token_file: Option<PathBuf>,
}

/// The server, ready to be asked. Dropping it removes the token.
pub(crate) struct HttpServer {
    listener: [TcpListener; 1],
    filter: PeerFilter,
    token: Token,
}

impl HttpServer {
    /// Opens the port and writes the token, if `options` want that; `control` is the path of the control socket.
    ///
    /// # Errors
    /// The address is taken or not of this machine alone; the token cannot be written.
    pub(crate) fn open(options: &HttpOptions, control: &Path) -> anyhow::Result<Option<Self>> {
        let Some(address) = options.http else { return Ok(None) };
        check(address)?;
        let unusable = |error| {
            let context = format!("cannot listen on {address}");
            let error = anyhow::Error::new(error).context(context);
            advise(error, "choose another address with --http, such as 127.0.0.1:0")
        };
        let listener = http::listen(address).map_err(unusable)?;
        let filter = PeerFilter::of(listener.local_addr()?, |sentence: fmt::Arguments<'_>| {
            warn(sentence);
        });
        let filter = filter.map_err(unusable)?;
        let path = options.http_token_file.clone().unwrap_or_else(|| beside(control));
        Ok(Some(Self { listener: [listener], filter, token: Token::write(&path)? }))
    }

    /// Does what clients ask, until the future is dropped.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub(crate) async fn serve(self, shared: &Rc<Shared>) -> Infallible {
        let Self { listener, mut filter, token } = self;
        if let [Ok(address)] = listener.each_ref().map(TcpListener::local_addr) {
            let file = token.path().display();
            say(format_args!("steered at http://{address} with the token in {file}"));
        }
        let streams = Semaphore::new(MAX_STREAMS);
        let server = Steering { shared: Rc::clone(shared), token, streams: Arc::new(streams) };
        let welcome = |stream: &TcpStream| filter.admits(stream);
        let respond = async move |request| server.respond(request).await;
        http::serve(&listener, BOUNDS, welcome, respond).await
    }
}

/// Nobody else's machine (P-22).
fn check(address: SocketAddr) -> anyhow::Result<()> {
    match peers::is_loopback(address) {
        true => Ok(()),
        false => Err(usage(
            format_args!("other machines can reach {address}, and would steer the keys"),
            "listen on 127.0.0.1; `ssh -L` brings it to another machine",
        )),
    }
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
    streams: Arc<Semaphore>,
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
        gate::check(&head.uri, &head.headers, gate::Pages::Nobodys).map_err(Fault::forbidden)?;
        if !self.token.is_shown(authorization(&head.headers)) {
            return Err(Fault::unauthorized(self.token.path()));
        }
        let body = http::read(body, MAX_BODY, BOUNDS.patience).await?;
        match routes::wanted(&head.method, &head.uri, &body)? {
            Wanted::Order(request) => answers::of(obey(request, &self.shared).await),
            Wanted::Events => {
                let place = Arc::clone(&self.streams).try_acquire_owned();
                let place = place.map_err(|_| Fault::too_many_streams())?;
                Ok(events::stream(Rc::clone(&self.shared), place))
            }
        }
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_option_nothing_listens() {
        let open = HttpServer::open(&HttpOptions::default(), Path::new("/nowhere/control"));
        assert!(open.unwrap().is_none());
    }

    // P-22
    #[test]
    fn no_other_machine_reaches_it() {
        for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:0"] {
            assert!(check(address.parse().unwrap()).is_ok(), "{address}");
        }
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            assert!(check(address.parse().unwrap()).is_err(), "{address}");
        }
    }

    #[test]
    fn the_token_lies_beside_the_control_socket() {
        let path = beside(Path::new("/run/user/7/keyfob/control"));
        assert_eq!(path, Path::new("/run/user/7/keyfob/control.http-token"));
    }
}
