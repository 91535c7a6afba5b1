//! `keyfob webdriver` before a driver that is a few lines of this test: what goes on to it, what does not, and what comes back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::{Value, json};
use usbip_server::client::Host;

use crate::host::import_from;
use crate::http_client::{self, answer};
use crate::program::{Home, error_of, eventually};

/// A request as it arrived.
#[derive(Debug)]
struct Heard {
    /// Its first line.
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        found.filter(|value| !value.is_empty())
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream);
        let mut next = || {
            let mut line = String::new();
            lines.read_line(&mut line).ok().map(|_| line.trim_end().to_owned())
        };
        let line = next().filter(|line| !line.is_empty())?;
        let headers = std::iter::from_fn(|| next().filter(|line| !line.is_empty())).collect();
        let mut heard = Self { line, headers, body: String::new() };
        let length = heard.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        heard.body = String::from_utf8(body).ok()?;
        Some(heard)
    }
}

/// A driver that begins every session, has every element but none of the name `nowhere`, and echoes what comes over a WebSocket.
struct FakeDriver {
    address: SocketAddr,
    heard: Receiver<Heard>,
    /// Lets it answer a request that has `hesitate` in its path, which it hears before.
    go_on: Sender<()>,
}

impl FakeDriver {
    /// One that says what chromedriver says of itself, or geckodriver.
    fn start(is_chromium: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = channel();
        let (go_on, told_to) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = Heard::read(&stream) else { continue };
                if request.line.contains("hesitate") {
                    let head =
                        Heard { line: request.line.clone(), headers: vec![], body: String::new() };
                    let _ = sender.send(head);
                    let _ = told_to.recv();
                }
                answer_as_driver(stream, &request, is_chromium);
                if !request.line.contains("/status") && sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { address, heard, go_on }
    }

    fn next(&self) -> Heard {
        self.heard.recv_timeout(Duration::from_secs(20)).expect("it is passed on")
    }
}

fn answer_as_driver(mut stream: TcpStream, request: &Heard, is_chromium: bool) {
    if request.header("upgrade").is_some() {
        let switched =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(switched.as_bytes()).unwrap();
        let mut back = stream.try_clone().unwrap();
        thread::spawn(move || std::io::copy(&mut stream, &mut back));
        return;
    }
    let (status, value) = match request.line.as_str() {
        line if line.starts_with("GET /status") => {
            let build = if is_chromium { json!({ "version": "156" }) } else { Value::Null };
            let mut status = json!({ "ready": true, "build": build });
            status.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            ("200 OK", status)
        }
        line if line.starts_with("POST /session ") => {
            let capabilities = json!({ "browserName": "fake" });
            let session = if request.body.contains("second") { "5ec0" } else { "5e55" };
            ("200 OK", json!({ "sessionId": session, "capabilities": capabilities }))
        }
        line if line.contains("endless") => {
            ("404 Not Found", json!({ "error": "no such element", "message": "a".repeat(2 << 20) }))
        }
        line if line.contains("nowhere") => {
            ("404 Not Found", json!({ "error": "no such element" }))
        }
        _ => ("200 OK", Value::Null),
    };
    let body = json!({ "value": value }).to_string();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(answer.as_bytes());
}

/// A running proxy.
struct Proxy {
    process: Child,
    address: SocketAddr,
    /// The lines that say where a key is offered.
    offers: Receiver<String>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Proxy {
    fn start(home: &Home, driver: &FakeDriver, options: &[&str]) -> Self {
        Self::run(Self::command(home, driver, options))
    }

    fn command(home: &Home, driver: &FakeDriver, options: &[&str]) -> Command {
        let driver = format!("http://{}", driver.address);
        let always = ["webdriver", "--driver", &driver, "--listen", "127.0.0.1:0", "--serve"];
        home.command(&[&always, options].concat())
    }

    fn run(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = lines.next().unwrap().unwrap();
        let address = told.strip_prefix("listening on ").unwrap().split(',').next().unwrap();
        let address = address.parse().unwrap();
        let (sender, offers) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, address, offers }
    }

    fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> TcpStream {
        http_client::send(self.address, method, path, headers, body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        answer(self.send(method, path, &["Host: localhost:4444"], &body))
    }

    /// Begins the session that the fake driver has.
    fn with_session(self) -> Self {
        assert_eq!(self.ask("POST", "/session", &json!({ "capabilities": {} })).0, 200);
        self
    }

    /// Adds an authenticator, and imports its key as a host would.
    fn add(&self, members: &Value) -> String {
        self.add_to(KEYS, members)
    }

    /// Adds it to the session whose keys are at this path.
    fn add_to(&self, keys: &str, members: &Value) -> String {
        let body = members.to_string();
        let waiting = self.send("POST", keys, &["Host: localhost:4444"], &body);
        let offer = self.offers.recv_timeout(Duration::from_secs(20)).expect("a key is offered");
        let address = offer.strip_prefix("listening on ").unwrap().split(',').next().unwrap();
        let platform = import_from(address.parse().unwrap());
        let (status, told) = answer(waiting);
        assert_eq!(status, 200, "{told}");
        // Its host is gone when this test is.
        std::mem::forget(platform);
        told["value"].as_str().unwrap().to_owned()
    }
}

const KEYS: &str = "/session/5e55/webauthn/authenticator";

#[test]
fn all_but_the_commands_for_keys_goes_on_to_the_driver_as_it_is() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]);
    let body = json!({ "url": "https://example.org" });
    assert_eq!(proxy.ask("POST", "/session/5e55/url?x=%2F", &body).0, 200);
    let heard = driver.next();
    assert_eq!(heard.line, "POST /session/5e55/url?x=%2F HTTP/1.1");
    assert_eq!(
        heard.header("host"),
        Some("localhost:4444"),
        "WebSockets' addresses are made of it"
    );
    assert_eq!(heard.body, body.to_string());
    assert_eq!(proxy.ask("PATCH", "/odd", &Value::Null).0, 200);
    assert_eq!(driver.next().line, "PATCH /odd HTTP/1.1");
}

#[test]
fn geckodriver_is_asked_by_its_own_name_and_not_for_what_it_does_not_know() {
    let (home, driver) = (Home::new(), FakeDriver::start(false));
    let proxy = Proxy::start(&home, &driver, &["--browser-name", "gecko"]);
    let wanted = json!({ "capabilities": { "alwaysMatch": { "webauthn:extension:prf": true } } });
    let (_, told) = proxy.ask("POST", "/session", &wanted);
    let heard = driver.next();
    assert_eq!(heard.header("host"), Some(driver.address.to_string().as_str()));
    assert_eq!(heard.body, json!({ "capabilities": { "alwaysMatch": {} } }).to_string());
    let capabilities = &told["value"]["capabilities"];
    assert_eq!(capabilities["webauthn:virtualAuthenticators"], true);
    assert_eq!(capabilities["browserName"], "gecko");
}

#[test]
fn a_websocket_goes_through() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]);
    let upgrade = ["Host: localhost", "Connection: Upgrade", "Upgrade: websocket"];
    let mut stream = proxy.send("GET", "/session/5e55", &upgrade, "");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
}

#[test]
fn an_authenticator_is_a_key_that_a_host_has_before_the_answer() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    let id = proxy.add(&json!({ "protocol": "ctap2_1", "transport": "usb" }));
    let one = format!("{KEYS}/{id}");
    assert_eq!(
        proxy.ask("GET", &format!("{one}/credentials"), &Value::Null).1,
        json!({ "value": [] })
    );
    let verified = json!({ "isUserVerified": true });
    assert_eq!(proxy.ask("POST", &format!("{one}/uv"), &verified), (200, json!({ "value": null })));
    assert_eq!(proxy.ask("DELETE", &one, &Value::Null), (200, json!({ "value": null })));
    let (status, told) = proxy.ask("DELETE", &one, &Value::Null);
    assert_eq!((status, &told["value"]["error"]), (400, &json!("invalid argument")));
    driver.next();
    assert!(driver.heard.try_recv().is_err(), "the driver hears of none of it");
}

#[test]
fn override_bits_of_devtools_are_for_the_key_and_all_else_of_devtools_for_the_driver() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    driver.next();
    let id = proxy.add(&json!({ "protocol": "ctap2_1", "transport": "usb" }));
    let path = "/session/5e55/goog/cdp/execute";
    let command = |id: &str| {
        let params = json!({ "authenticatorId": id, "isBogusSignature": true });
        json!({ "cmd": "WebAuthn.setResponseOverrideBits", "params": params })
    };
    assert_eq!(proxy.ask("POST", path, &command(&id)), (200, json!({ "value": {} })));
    let (status, told) = proxy.ask("POST", path, &command("another"));
    assert_eq!((status, &told["value"]["error"]), (400, &json!("invalid argument")));
    for hiding in ["WebAuthn.enable", "WebAuthn.addVirtualAuthenticator"] {
        let (status, told) = proxy.ask("POST", path, &json!({ "cmd": hiding, "params": {} }));
        assert_eq!((status, &told["value"]["error"]), (500, &json!("unsupported operation")));
    }
    assert!(driver.heard.try_recv().is_err(), "the driver hears of none of it");
    let other = json!({ "cmd": "Page.reload", "params": {} });
    assert_eq!(proxy.ask("POST", path, &other).0, 200);
    assert_eq!(driver.next().body, other.to_string());
}

#[test]
fn an_element_that_is_not_there_ends_no_session_and_its_end_does() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    let id = proxy.add(&json!({ "protocol": "ctap1/u2f", "transport": "usb" }));
    let credentials = format!("{KEYS}/{id}/credentials");
    assert_eq!(proxy.ask("POST", "/session/5e55/element/nowhere", &json!({})).0, 404);
    assert_eq!(proxy.ask("GET", &credentials, &Value::Null).0, 200);
    assert_eq!(proxy.ask("DELETE", "/session/5e55", &Value::Null).0, 200);
    let (status, told) = proxy.ask("GET", &credentials, &Value::Null);
    assert_eq!((status, &told["value"]["error"]), (404, &json!("invalid session id")));
}

#[test]
fn what_is_longer_than_anybody_tells_is_refused_on_both_sides_of_the_proxy() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    let (status, told) = proxy.ask("POST", "/session/5e55/element/endless", &json!({}));
    assert_eq!((status, &told["value"]["error"]), (500, &json!("unknown error")), "the driver");
    let long = json!({ "protocol": "a".repeat(8 << 20) });
    let (status, told) = proxy.ask("POST", KEYS, &long);
    assert_eq!((status, &told["value"]["error"]), (400, &json!("invalid argument")));
    assert_eq!(told["value"]["message"], "the body is longer than 65536 bytes");
}

#[test]
fn what_cannot_be_a_key_is_refused_as_chromedriver_refuses_it() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    // Nobody listens there.
    let proxy = Proxy::start(&home, &driver, &["--vpcd", "127.0.0.1:1"]).with_session();
    for (members, status, error) in [
        (json!({ "protocol": "ctap2", "transport": "internal" }), 500, "unsupported operation"),
        (json!({ "protocol": "ctap2", "transport": "nfc" }), 500, "unsupported operation"),
        (json!({ "protocol": "ctap9", "transport": "usb" }), 400, "invalid argument"),
        (json!({ "transport": "usb" }), 400, "invalid argument"),
        (json!([]), 400, "invalid argument"),
    ] {
        let (told_status, told) = proxy.ask("POST", KEYS, &members);
        assert_eq!((told_status, &told["value"]["error"]), (status, &json!(error)), "{members}");
    }
    let (status, told) = proxy.ask("GET", &format!("{KEYS}/x"), &Value::Null);
    assert_eq!((status, &told["value"]["error"]), (404, &json!("unknown command")));
    let elsewhere = proxy.ask("POST", "/session/0ther/webauthn/authenticator", &json!({}));
    assert_eq!((elsewhere.0, &elsewhere.1["value"]["error"]), (404, &json!("invalid session id")));
}

#[test]
fn a_key_that_is_plugged_in_when_its_session_has_ended_is_unplugged_again() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    let body = json!({ "protocol": "ctap2", "transport": "usb" }).to_string();
    let waiting = proxy.send("POST", KEYS, &["Host: localhost:4444"], &body);
    let offer = proxy.offers.recv_timeout(Duration::from_secs(20)).expect("a key is offered");
    assert_eq!(proxy.ask("DELETE", "/session/5e55", &Value::Null).0, 200);
    let address = offer.strip_prefix("listening on ").unwrap().split(',').next().unwrap();
    let mut host = Host::import(TcpStream::connect(address).unwrap(), "1-1").unwrap();
    let (status, told) = answer(waiting);
    assert_eq!((status, &told["value"]["error"]), (404, &json!("invalid session id")));
    assert!(host.enumerate().is_err(), "it is not there any more");
}

#[test]
fn a_session_ends_with_its_keys_though_its_client_hangs_up_meanwhile() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    driver.next();
    let body = json!({ "protocol": "ctap2", "transport": "usb" }).to_string();
    let waiting = proxy.send("POST", KEYS, &["Host: localhost:4444"], &body);
    let offer = proxy.offers.recv_timeout(Duration::from_secs(20)).expect("a key is offered");
    let address = offer.strip_prefix("listening on ").unwrap().split(',').next().unwrap();
    let mut host = Host::import(TcpStream::connect(address).unwrap(), "1-1").unwrap();
    assert_eq!(answer(waiting).0, 200);
    let ending = proxy.send("DELETE", "/session/5e55?hesitate", &["Host: localhost:4444"], "");
    driver.next();
    drop(ending);
    // Its client is missed meanwhile.
    assert_eq!(proxy.ask("GET", &format!("{KEYS}/none/credentials"), &Value::Null).0, 400);
    driver.go_on.send(()).unwrap();
    eventually("the key is unplugged", || host.enumerate().is_err());
}

#[test]
fn that_two_sessions_have_keys_at_once_is_said_and_only_once() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let mut command = Proxy::command(&home, &driver, &[]);
    command.stderr(Stdio::piped());
    let mut proxy = Proxy::run(command).with_session();
    let second = json!({ "capabilities": { "alwaysMatch": { "x:name": "second" } } });
    assert_eq!(proxy.ask("POST", "/session", &second).0, 200);
    let members = json!({ "protocol": "ctap2", "transport": "usb" });
    proxy.add(&members);
    proxy.add_to("/session/5ec0/webauthn/authenticator", &members);
    proxy.add(&members);
    kill_process(Pid::from_child(&proxy.process), Signal::TERM).unwrap();
    let said = std::io::read_to_string(proxy.process.stderr.take().unwrap()).unwrap();
    assert_eq!(said.matches("two sessions have keys at the same time").count(), 1, "{said}");
}

#[test]
fn a_session_ends_with_its_keys_though_its_driver_is_gone() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]).with_session();
    let id = proxy.add(&json!({ "protocol": "ctap2", "transport": "usb" }));
    // It ends once nobody hears any more what it is asked.
    drop(driver);
    proxy.ask("GET", "/session/5e55/url", &Value::Null);
    assert_eq!(proxy.ask("DELETE", "/session/5e55", &Value::Null).0, 500);
    let (status, told) = proxy.ask("GET", &format!("{KEYS}/{id}/credentials"), &Value::Null);
    assert_eq!((status, &told["value"]["error"]), (404, &json!("invalid session id")));
}

// P-22
#[test]
fn no_web_page_reaches_the_driver() {
    let (home, driver) = (Home::new(), FakeDriver::start(true));
    let proxy = Proxy::start(&home, &driver, &[]);
    for headers in [
        &["Host: evil.example"][..],
        &["Host: localhost", "Origin: https://evil.example"],
        &["Host: localhost", "Origin: null"],
        &["Host: localhost", "Sec-Fetch-Site: cross-site"],
        &["Host: localhost", "Origin: file://"],
        &["Host: localhost", "Origin: http://localhost:4444"],
    ] {
        assert_eq!(answer(proxy.send("POST", "/session", headers, "{}")).0, 403, "{headers:?}");
    }
    assert!(driver.heard.try_recv().is_err());
}

/// A driver that starts a browser, which lives on and holds its output open. They are two lines of a shell, and say who they are.
struct ShellDriver {
    proxy: Child,
    driver: Pid,
    browser: Pid,
}

impl Drop for ShellDriver {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
        let _ = kill_process(self.browser, Signal::KILL);
    }
}

impl ShellDriver {
    fn start(home: &Home, answering: &FakeDriver) -> Self {
        let path = home.path().join("chromedriver");
        let port = answering.address.port();
        let script = format!(
            "#!/bin/sh\nsleep 100 2>/dev/null &\necho $$ $! >{}\necho ChromeDriver was started successfully on port {port}.\nwait\n",
            home.path().join("pids").display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let listen = ["--listen", "127.0.0.1:0", "--serve"];
        let driver = ["webdriver", "--driver", path.to_str().unwrap()];
        let mut command = home.command(&[&driver[..], &listen].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut proxy = command.spawn().unwrap();
        let told = BufReader::new(proxy.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        assert!(told.contains(", in front of "), "{told}");
        let pids = std::fs::read_to_string(home.path().join("pids")).unwrap();
        let pids: Vec<_> = pids
            .split_whitespace()
            .map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap())
            .collect();
        Self { proxy, driver: pids[0], browser: pids[1] }
    }
}

#[test]
fn a_driver_that_ends_under_its_living_browser_ends_the_proxy() {
    let (home, answering) = (Home::new(), FakeDriver::start(true));
    let mut driver = ShellDriver::start(&home, &answering);
    kill_process(driver.driver, Signal::KILL).unwrap();
    let mut said = String::new();
    driver.proxy.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("chromedriver has ended\nnext: start it again"), "{said}");
    assert_eq!(driver.proxy.wait().unwrap().code(), Some(1));
}

#[test]
fn a_driver_does_not_outlive_the_proxy_even_if_that_is_killed() {
    let (home, answering) = (Home::new(), FakeDriver::start(true));
    let mut driver = ShellDriver::start(&home, &answering);
    let end = pidfd_open(driver.driver, PidfdFlags::empty()).unwrap();
    driver.proxy.kill().unwrap();
    let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&patience));
    assert_eq!(ended, Ok(1), "it is still there");
}

#[test]
fn a_driver_of_another_version_is_told_and_what_is_none_is_refused() {
    let home = Home::new();
    let serve = ["--listen", "127.0.0.1:0", "--serve"];
    let answering = |status: Value| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let body = status.to_string();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = Heard::read(&stream);
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        url
    };
    let status =
        |version: &str| json!({ "value": { "ready": true, "build": { "version": version } } });
    let url = answering(status("171.0.1 (5e55)"));
    let mut command = home.command(&[&["webdriver", "--driver", &url][..], &serve].concat());
    let mut proxy = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(proxy.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.next().unwrap();
    assert!(told.starts_with("warning: ") && told.contains("is 171.0.1, newer than"), "{told}");
    assert!(lines.next().unwrap().starts_with("next: you can go on"));
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    let none = answering(json!({ "value": "hello" }));
    let said = home.fail(&[&["webdriver", "--driver", &none][..], &serve].concat(), 1);
    assert!(said.contains("no driver answers at http://127.0.0.1:"), "{said}");
}

#[test]
fn what_is_no_driver_is_said() {
    let home = Home::new();
    let serve = ["--listen", "127.0.0.1:0", "--serve"];
    let fail = |driver: &str, code| {
        home.fail(&[&["webdriver", "--driver", driver][..], &serve].concat(), code)
    };
    let error = fail("./no-such-driver", 1);
    assert!(error.contains("cannot start ./no-such-driver") && error.contains("next: "), "{error}");
    assert!(fail("http://127.0.0.1:1", 1).contains("no driver answers"));
    assert!(fail("true", 1).contains("ended"));
    fail("https://localhost:9515", 2);
    let exposed = home.run(&["webdriver", "--driver", "true", "--listen", "0.0.0.0:0"]);
    assert!(error_of(&exposed).contains("other machines"), "{}", error_of(&exposed));
    let elsewhere = home.run(&["webdriver", "--driver", "true", "--serve", "--vpcd", "192.0.2.1"]);
    assert!(error_of(&elsewhere).contains("is another machine"), "{}", error_of(&elsewhere));
}
