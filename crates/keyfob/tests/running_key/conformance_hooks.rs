//! `--conformance-hooks`, asked over HTTP as FIDO's conformance tool asks, and as web pages might.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ctap_client::Status;
use rustix::process::Signal;

use crate::host::{Asking, import_from, refusal, select};
use crate::program::{Home, Serving};

/// A running key that obeys, and the port at which it does.
struct Obedient {
    key: Serving,
    port: u16,
}

impl Obedient {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let always = ["--ephemeral", "--conformance-hooks", "--conformance-port", "0"];
        let mut key = home.serve(&[&always, arguments].concat());
        key.skip_ways_in();
        let told = key.line();
        let port = told.rsplit_once("http://localhost:").expect("an address").1;
        let port = port.strip_suffix("/conformance/").expect("a path").parse().expect("a port");
        Self { key, port }
    }

    fn connect(&self) -> TcpStream {
        // By its number: not every system knows the name.
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(40))).expect("possible");
        stream
    }

    /// Begins a request as Node.js writes it.
    fn begin(&self, hook: &str, body: &str) -> TcpStream {
        let host = format!("Host: localhost:{}", self.port);
        self.begin_with("POST", hook, &[&host], body)
    }

    fn begin_with(&self, method: &str, hook: &str, headers: &[&str], body: &str) -> TcpStream {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!("{method} /conformance/{hook} HTTP/1.1\r\nContent-Length: {length}\r\n");
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        // It may refuse the rest while this is being written.
        let _ = stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes());
        stream
    }

    fn post(&self, hook: &str) -> u16 {
        status(self.begin(hook, ""))
    }
}

/// What the request is answered with.
fn status(mut stream: TcpStream) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).expect("an answer");
    let line = String::from_utf8(line.into()).expect("text");
    line.strip_prefix("HTTP/1.1 ").expect("HTTP").parse().expect("a number")
}

/// A request that the key has asked somebody about.
fn asked(home: &Home, key: &Obedient) -> Asking {
    let asking = select(import_from(key.key.address()));
    home.succeed(&["wait", "--timeout", "20"]);
    asking
}

#[test]
fn the_open_prompt_is_touched() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    let asking = asked(&home, &key);
    assert_eq!(key.post("userpresence"), 200);
    asking.join().unwrap().1.unwrap();
}

#[test]
fn a_touch_that_comes_early_counts_for_one_prompt() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    assert_eq!(key.post("userpresence"), 202);
    assert_eq!(key.post("userpresence"), 202);
    let (platform, outcome) = select(import_from(key.key.address())).join().unwrap();
    outcome.unwrap();
    let asking = select(platform);
    home.succeed(&["wait", "--timeout", "20"]);
    home.succeed(&["deny"]);
    assert_eq!(refusal(asking.join().unwrap().1), Some(Status::OperationDenied));
}

#[test]
fn a_power_cycle_is_over_when_a_host_has_the_key_again() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    let mut platform = import_from(key.key.address());
    let request = key.begin("powercycle", "");
    while platform.client().get_info().is_ok() {}
    request.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let early = request.peek(&mut [0]).unwrap_err();
    assert_eq!(early.kind(), io::ErrorKind::WouldBlock);
    let mut platform = import_from(key.key.address());
    request.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    assert_eq!(status(request), 200);
    platform.client().get_info().unwrap();
}

#[test]
fn results_are_told_and_kept() {
    let home = Home::new();
    let file = home.path().join("results.json");
    let mut key = Obedient::start(&home, &["--conformance-results", file.to_str().unwrap()]);
    let body = r#"{"allTestsSelected":true,"passedTestsCount":7,"failedTestsCount":1,"failedTests":["HID-1 F-1"]}"#;
    assert_eq!(status(key.begin("results", body)), 200);
    assert_eq!(key.key.line(), "the conformance tool says: 7 passed, 1 failed");
    assert_eq!(key.key.line(), "  failed: HID-1 F-1");
    assert!(key.key.line().contains("results.json"));
    assert_eq!(fs::read_to_string(file).unwrap(), body);
    assert_eq!(status(key.begin("results", "seven passed")), 400);
}

#[test]
fn web_pages_cannot_touch_the_key() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    let asking = asked(&home, &key);
    let refused = |headers: &[&str]| status(key.begin_with("POST", "userpresence", headers, ""));
    for headers in [
        &["Host: evil.example:3000"][..],
        &["Host: localhost:3000", "Origin: https://evil.example"],
        &["Host: localhost:3000", "Origin: null"],
        &[],
    ] {
        assert!([400, 403].contains(&refused(headers)), "{headers:?}");
    }
    assert_eq!(status(key.begin_with("GET", "userpresence", &["Host: localhost"], "")), 405);
    assert_eq!(key.post("touch"), 404);
    home.succeed(&["deny"]);
    assert_eq!(refusal(asking.join().unwrap().1), Some(Status::OperationDenied));
    let (_, complaints) = key.key.end(Signal::TERM);
    assert!(complaints.contains("every program of this machine"), "{complaints}");
    assert!(complaints.contains("a web page sent it"), "{complaints}");
}

#[test]
fn a_request_has_a_largest_size() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    let results = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    assert_eq!(status(key.begin("results", &results(1 << 20))), 200);
    assert_eq!(status(key.begin("results", &results((1 << 20) + 1))), 413);
    let header = |length| format!("X: {}", "x".repeat(length));
    let with =
        |length| key.begin_with("POST", "userpresence", &["Host: localhost", &header(length)], "");
    assert_eq!(status(with(14 * 1024)), 202);
    assert_eq!(status(with(16 * 1024)), 431);
}

#[test]
fn idle_tools_keep_nobody_from_the_key() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    let idle: Vec<_> = (0..8).map(|_| key.connect()).collect();
    import_from(key.key.address()).client().get_info().unwrap();
    // The one that is too many is told so at once, and turned away.
    let mut rest = Vec::new();
    let _ = key.connect().read_to_end(&mut rest);
    assert!(rest.starts_with(b"HTTP/1.1 503 "), "{}", rest.escape_ascii());
    drop(idle);
    crate::program::eventually("there is room again", || {
        let mut answer = [0; 12];
        key.begin("userpresence", "").read_exact(&mut answer).is_ok()
    });
}

#[test]
fn what_cannot_be_is_said() {
    let home = Home::new();
    let key = Obedient::start(&home, &[]);
    let (port, control) = (key.port.to_string(), home.path().join("other"));
    let fail = |rest: &[&str], code| {
        let hooks = ["serve", "--ephemeral", "--listen", "127.0.0.1:0", "--conformance-hooks"];
        let elsewhere = ["--control", control.to_str().unwrap()];
        home.fail(&[&hooks[..], &elsewhere, rest].concat(), code)
    };
    let error = fail(&["--conformance-port", &port], 1);
    assert!(error.contains(&format!("port {port} of localhost is taken")), "{error}");
    assert!(fail(&["--keys", "2"], 2).contains("one key"));
    assert!(fail(&["--touch", "auto"], 2).contains("does not ask for touches"));
    home.fail(&["serve", "--conformance-port", "3000"], 2);
}
