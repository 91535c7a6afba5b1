//! A client of keyfob's HTTP servers: one request a connection, written as a test has it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Sends a request; its answer is still to be read.
pub(crate) fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("possible");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    // It may refuse the rest while this is being written.
    let _ = stream.write_all(request.as_bytes());
    stream
}

/// The answer, head and all.
pub(crate) fn text(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

/// The status of the answer, and its JSON.
pub(crate) fn answer(stream: TcpStream) -> (u16, Value) {
    let text = text(stream);
    let status = text.get(9..12).expect("HTTP").parse().expect("a number");
    let body = text.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).unwrap_or_default())
}
