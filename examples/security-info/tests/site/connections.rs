//! Connections that give nothing and want everything. Time is simulated: it jumps to the next deadline while all wait.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use crate::support::Site;

/// Serves a site at a real address.
async fn served() -> SocketAddr {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    tokio::spawn(security_info::serve(door, Site::new().router()));
    address
}

/// What comes back until the other side hangs up.
async fn answer_to(stream: &mut TcpStream, request: &str) -> String {
    // The other side may hang up before it has all.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const PAGE: &str = "GET /sign-in HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_waited_for_ten_seconds() {
    let address = served().await;
    for head in ["", "GET /sign-in HTTP/1.1\r\nhost: local"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = answer_to(&mut stream, head).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        let waited = begun.elapsed();
        assert!((10..12).contains(&waited.as_secs()), "{head:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_that_does_not_end_is_waited_for_half_a_minute() {
    let address = served().await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "POST /sign-in/password HTTP/1.1\r\nhost: localhost:8080\r\n\
                   origin: http://localhost:8080\r\ncontent-length: 1000\r\n\
                   content-type: application/x-www-form-urlencoded\r\n\r\nuser_name=";
    let answer = answer_to(&mut stream, request).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!((30..45).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_head_of_many_bytes_is_refused() {
    let address = served().await;
    for (length, is_served) in [(8_000, true), (400_000, false)] {
        let cookie = "x".repeat(length);
        let request = PAGE.replace(
            "connection:",
            &format!("cookie: security-info-visitor={cookie}\r\nconnection:"),
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = answer_to(&mut stream, &request).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200 "), is_served, "{length}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_is_served_when_there_is_some() {
    let address = served().await;
    let begun = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..256 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut late = std::pin::pin!(answer_to(&mut stream, PAGE));
    assert!(timeout(Duration::from_secs(5), late.as_mut()).await.is_err(), "no room");
    drop(idle.pop());
    let answer = late.await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "the others were still there");
}
