//! The driver that the proxy stands before: a program of its own, or one that runs.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use anyhow::{Context as _, anyhow};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::limits::STARTING;
use crate::failure::{advise, failure};

/// The driver as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DriverName {
    /// A program: its name, or its path.
    Program(String),
    /// `HOST:PORT` of one that runs.
    Running(String),
}

impl FromStr for DriverName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::Program(text.to_owned()));
        }
        let uri = text.parse::<Uri>().map_err(|error| error.to_string())?;
        let is_root = uri.path() == "/" && uri.query().is_none();
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) if is_root => {
                let port = authority.port_u16().unwrap_or(80);
                Ok(Self::Running(format!("{}:{port}", authority.host())))
            }
            _ => Err("a running driver is http://HOST:PORT".to_owned()),
        }
    }
}

/// Whose driver it is, and so which browser's habits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Make {
    /// Chromium's.
    Chromedriver,
    /// Firefox's.
    Geckodriver,
}

/// What is sent on, and what comes back.
pub(super) type Passed = Either<Incoming, Full<Bytes>>;

/// A driver that takes commands. Dropping it ends it, if it was started here.
pub(super) struct Driver {
    name: String,
    /// `HOST:PORT`.
    address: String,
    make: Make,
    process: Option<Process>,
}

/// A driver that was started here, and what it still says.
struct Process {
    child: Child,
    output: Mutex<Lines<BufReader<pipe::Receiver>>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Driver {
    /// Starts it, or finds the one that runs.
    ///
    /// # Errors
    /// There is no such program, it ends at once, or nothing answers there as a driver does.
    pub(super) async fn start(name: &DriverName) -> anyhow::Result<Self> {
        match name {
            DriverName::Program(program) => Self::started(program).await,
            DriverName::Running(address) => Self::found(address).await,
        }
    }

    async fn started(program: &str) -> anyhow::Result<Self> {
        let make = make_of(program);
        let mut command = Command::new(program);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped());
        if make == Make::Geckodriver {
            // Cannot come with a session's capabilities.
            command.arg("--allow-system-access");
        }
        let mut child = command.spawn().map_err(|error| cannot_start(program, error))?;
        let output = child.stdout.take().context("a driver without output")?;
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
        let mut process = Process { child, output: Mutex::new(BufReader::new(output).lines()) };
        let port = timeout(STARTING, port_said(process.output.get_mut())).await;
        let port = port.ok().flatten().ok_or_else(|| {
            failure(
                format_args!("{program} ended, or does not say at which port it listens"),
                format_args!("run `{program} --port=0` to see what it says"),
            )
        })?;
        let address = format!("127.0.0.1:{port}");
        Ok(Self { name: program.to_owned(), address, make, process: Some(process) })
    }

    /// Which of the two it is its status tells: chromedriver's names its build.
    async fn found(address: &str) -> anyhow::Result<Self> {
        let (name, address) = (format!("http://{address}"), address.to_owned());
        let driver = Self { name, address, make: Make::Chromedriver, process: None };
        let status = driver.status().await.map_err(|error| {
            let what = format!("no driver answers at {}", driver.name);
            advise(error.context(what), "start it, or let keyfob do so: --driver chromedriver")
        })?;
        let make = match status["value"].get("build") {
            Some(_) => Make::Chromedriver,
            None => Make::Geckodriver,
        };
        Ok(Self { make, ..driver })
    }

    async fn status(&self) -> anyhow::Result<serde_json::Value> {
        let request = Request::builder().method(Method::GET).uri("/status");
        let request = request.header(HOST, &self.address);
        let answer = self.ask(request.body(Either::Right(Full::default()))?).await?;
        Ok(serde_json::from_slice(&answer.collect().await?.to_bytes())?)
    }

    pub(super) fn make(&self) -> Make {
        self.make
    }

    /// `HOST:PORT`, as a request's Host names it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request, and returns when the head of the answer is there.
    ///
    /// # Errors
    /// It does not listen, or hangs up.
    pub(super) async fn ask(&self, request: Request<Passed>) -> anyhow::Result<Response<Incoming>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        spawn_local(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::info!(%error, "a driver broke off");
            }
        });
        Ok(sender.send_request(request).await?)
    }

    /// Returns when it has ended, if it was started here; what it says until then goes to the log.
    pub(super) async fn ended(&self) -> anyhow::Error {
        let Some(process) = &self.process else { return std::future::pending().await };
        let mut output = process.output.lock().await;
        while let Ok(Some(line)) = output.next_line().await {
            tracing::info!(driver = line);
        }
        let next = format!("start it again; `keyfob -v webdriver` shows what {} says", self.name);
        failure(format_args!("{} has ended", self.name), next)
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn make_of(program: &str) -> Make {
    let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
    match name.contains("gecko") {
        true => Make::Geckodriver,
        false => Make::Chromedriver,
    }
}

/// `ChromeDriver was started successfully on port 41231.`, `… INFO Listening on 127.0.0.1:41231`.
async fn port_said(output: &mut Lines<BufReader<pipe::Receiver>>) -> Option<u16> {
    while let Ok(Some(line)) = output.next_line().await {
        tracing::info!(driver = line);
        if let Some(port) = port_in(&line) {
            return Some(port);
        }
    }
    None
}

fn port_in(line: &str) -> Option<u16> {
    let behind = |words: &str| line.split_once(words).map(|(_, rest)| rest.trim_end_matches('.'));
    let address = || behind("Listening on ")?.rsplit_once(':').map(|(_, port)| port);
    behind("successfully on port ").or_else(address)?.parse().ok()
}

fn cannot_start(program: &str, error: io::Error) -> anyhow::Error {
    let next = match error.kind() {
        io::ErrorKind::NotFound => {
            "install it (Debian: `sudo apt-get install chromium-driver`), or name its path"
        }
        _ => "name another one with --driver",
    };
    advise(anyhow!(error).context(format!("cannot start {program}")), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_a_program_or_a_url() {
        let named = |text: &str| text.parse::<DriverName>();
        assert_eq!(named("chromedriver"), Ok(DriverName::Program("chromedriver".to_owned())));
        assert_eq!(
            named("http://localhost:9515/"),
            Ok(DriverName::Running("localhost:9515".to_owned()))
        );
        for text in ["https://localhost:9515", "http://localhost:9515/wd/hub", "ftp://x"] {
            assert!(named(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_drivers_say_their_port() {
        assert_eq!(port_in("ChromeDriver was started successfully on port 41231."), Some(41231));
        let line = "1764489600000\tgeckodriver\tINFO\tListening on 127.0.0.1:4444";
        assert_eq!(port_in(line), Some(4444));
        assert_eq!(port_in("Only local connections are allowed."), None);
    }

    #[test]
    fn whose_driver_it_is_its_name_tells() {
        assert_eq!(make_of("/usr/bin/chromedriver"), Make::Chromedriver);
        assert_eq!(make_of("./geckodriver-0.37"), Make::Geckodriver);
    }
}
