//! Connections: no more than there is room for, and none for longer than it is of use.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::limits::{
    ACCEPT_BACK_OFF, CONNECTION_PATIENCE, HEAD_PATIENCE, MAX_CONNECTIONS, MAX_HEAD,
    REQUEST_PATIENCE,
};

/// Serves the site to all who knock, until the future is dropped.
///
/// Must run in a tokio runtime that has time and network.
pub async fn serve(door: TcpListener, site: Router) -> Infallible {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // Who finds no room waits in the kernel's queue. The semaphore is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { continue };
        match door.accept().await {
            Ok((stream, peer)) => {
                let site = site.clone();
                tokio::spawn(async move {
                    serve_one(stream, peer, site).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_BACK_OFF).await;
            }
        }
    }
}

async fn serve_one(stream: TcpStream, peer: SocketAddr, site: Router) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        site.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut end = timeout(CONNECTION_PATIENCE, connection.as_mut()).await;
    if end.is_err() {
        connection.as_mut().graceful_shutdown();
        end = timeout(REQUEST_PATIENCE, connection).await;
    }
    if let Ok(Err(error)) = end {
        tracing::debug!("{peer} broke off: {error}");
    }
}
