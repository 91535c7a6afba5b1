//! HTTP/1.1 for programs of this machine: what the conformance hooks, a steered key and the proxy for WebDriver have in common.

pub(crate) mod gate;
mod patient;

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::rc::Rc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncWriteExt as _, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use usbip_server::Refusals;

use self::patient::Patient;

/// The bounds of one server; each of them says in its own `limits.rs` why they are what they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Clients at a time.
    pub(crate) clients: usize,
    /// Bytes of a request's head.
    pub(crate) head: usize,
    /// From connecting to the end of the head, and again to the end of the body.
    pub(crate) patience: Duration,
    /// How long a client may take nothing of what is sent to it; `None`: as long as it likes.
    pub(crate) stall: Option<Duration>,
    /// What one client too many is told, in JSON.
    pub(crate) too_many: &'static str,
}

/// An address as it is typed: `HOST:PORT`. Of a name with several, the one that programs try first which know of IPv4 only.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let wrong =
        |error| format!("an address is HOST:PORT, such as 127.0.0.1:0 or localhost:8080: {error}");
    let found = text.to_socket_addrs().map_err(wrong)?;
    found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| "the name has no address".to_owned())
}

/// Listens on both addresses of `localhost`; port 0 takes a free one. A machine without IPv6 has but one.
///
/// # Errors
/// As the system says: the port is taken on one of them, or not for this user.
pub(crate) fn listen_on_localhost(port: u16) -> io::Result<Vec<TcpListener>> {
    let first = listen((Ipv4Addr::LOCALHOST, port).into())?;
    let port = first.local_addr()?.port();
    match listen((Ipv6Addr::LOCALHOST, port).into()) {
        Ok(second) => Ok(vec![first, second]),
        // Somebody else would hear what is meant for this program.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok(vec![first]),
    }
}

/// Listens there.
///
/// # Errors
/// As the system says.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Answers every client that `welcome` lets in, each on a task of its own and one request a connection, until the future is dropped.
///
/// Must run in a [`LocalSet`](tokio::task::LocalSet).
pub(crate) async fn serve<B>(
    listeners: &[TcpListener],
    bounds: Bounds,
    mut welcome: impl FnMut(&TcpStream) -> bool,
    respond: impl AsyncFn(Request<Incoming>) -> Response<B> + 'static,
) -> Infallible
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let (mut clients, mut turned_away) = (JoinSet::new(), JoinSet::new());
    let mut refusals = Refusals::new();
    let respond = Rc::new(respond);
    loop {
        tokio::select! {
            accepted = accept(listeners) => match accepted {
                // One that is not welcome hears the end of the stream.
                Ok(stream) if !welcome(&stream) => {}
                Ok(stream) if clients.len() < bounds.clients => {
                    clients.spawn_local(serve_one(stream, bounds, Rc::clone(&respond)));
                }
                Ok(stream) if turned_away.len() < bounds.clients => {
                    turned_away.spawn_local(turn_away(stream, bounds.too_many));
                }
                Ok(stream) => turn_away_at_once(stream, bounds.too_many),
                Err(error) => {
                    refusals.tell("an HTTP client", &error);
                    sleep(ACCEPT_BACK_OFF).await;
                }
            },
            Some(_) = clients.join_next() => {}
            Some(_) = turned_away.join_next() => {}
        }
    }
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    let stream = match listeners {
        [one] => one.accept().await,
        [one, other, ..] => {
            tokio::select! { stream = one.accept() => stream, stream = other.accept() => stream }
        }
        [] => std::future::pending().await,
    };
    Ok(stream?.0)
}

/// Tells one client too many why it is not heard. What it sends is read, but not understood: to whoever is hung up on while it still sends,
/// the answer would be lost.
async fn turn_away(mut stream: TcpStream, why: &str) {
    let told = async {
        stream.write_all(refusal(why).as_bytes()).await?;
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    if let Ok(Err(error)) = timeout(FAREWELL, told).await {
        tracing::info!(%error, "an HTTP client too many");
    }
}

/// The same, where many are told already: nothing is kept for this one, which may miss it.
fn turn_away_at_once(stream: TcpStream, why: &str) {
    let told = stream.into_std().and_then(|mut stream| stream.write_all(refusal(why).as_bytes()));
    if let Err(error) = told {
        tracing::info!(%error, "an HTTP client too many");
    }
}

fn refusal(why: &str) -> String {
    let length = why.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: \
         {length}\r\n\r\n{why}"
    )
}

/// One request, one response.
async fn serve_one<B>(
    stream: TcpStream,
    bounds: Bounds,
    respond: Rc<impl AsyncFn(Request<Incoming>) -> Response<B> + 'static>,
) where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let service = service_fn(|request| {
        let respond = Rc::clone(&respond);
        async move { Ok::<_, Infallible>(respond(request).await) }
    });
    // An event is one small packet, too, and a client whose machine is gone must not keep its place.
    if let Err(error) = usbip_server::prepare(&stream) {
        return tracing::info!(%error, "an HTTP client was gone at once");
    }
    let stream = Patient::new(stream, bounds.stall);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.patience)
        .max_buf_size(bounds.head)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::info!(%error, "the connection to an HTTP client broke");
    }
}

/// The whole body of a request, of at most so many bytes. A longer one is taken to its end and thrown away, because whoever still sends
/// hears no answer; but not one of which that would take too long.
///
/// # Errors
/// The status that the client is to hear, and why.
pub(crate) async fn read(
    body: Incoming,
    most: usize,
    patience: Duration,
) -> Result<Vec<u8>, (StatusCode, String)> {
    let too_long =
        || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {most} bytes"));
    if body.size_hint().lower() > most.saturating_add(MOST_THROWN_AWAY) as u64 {
        return Err(too_long());
    }
    let mut whole = Some(Vec::new());
    let arrived = timeout(patience, take(body, most, &mut whole)).await;
    match (arrived, whole) {
        (_, None) => Err(too_long()),
        (Ok(Ok(())), Some(whole)) => Ok(whole),
        (Ok(Err(error)), _) => Err((StatusCode::BAD_REQUEST, error.to_string())),
        (Err(_), _) => {
            Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive whole in time".to_owned()))
        }
    }
}

/// `whole` becomes `None` when there is more than `most`.
async fn take(
    mut body: Incoming,
    most: usize,
    whole: &mut Option<Vec<u8>>,
) -> Result<(), hyper::Error> {
    let mut taken = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        taken = taken.saturating_add(data.len());
        match whole {
            Some(whole) if taken <= most => whole.extend_from_slice(&data),
            _ => *whole = None,
        }
        if taken > most.saturating_add(MOST_THROWN_AWAY) {
            break;
        }
    }
    Ok(())
}

/// Bytes that are taken for nothing: more than anybody sends by mistake, and read in a moment.
const MOST_THROWN_AWAY: usize = 256 * 1024 * 1024;

/// For a client too many to hear why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Pause after a failed `accept`: it mostly means that this process has no file descriptor left.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name_and_has_a_port() {
        let parsed = |text: &str| parse_address(text).map(|address| address.to_string());
        assert_eq!(parsed("localhost:0"), Ok("127.0.0.1:0".to_owned()));
        assert_eq!(parsed("[::1]:8080"), Ok("[::1]:8080".to_owned()));
        for text in ["localhost", "127.0.0.1", "8080", "localhost:http", "localhost:65536", ""] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with("an address is HOST:PORT, such as"), "{text}: {error}");
        }
    }
}
