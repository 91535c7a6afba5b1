//! The driver that the proxy stands before: a program of its own, or one that runs.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use anyhow::{Context as _, anyhow, ensure};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, pidfd_open, set_parent_process_death_signal,
};
use serde_json::Value;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt as _, BufReader, Interest, Lines};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::limits::{MAX_STATUS, STARTING};
use super::version::Versions;
use crate::failure::{advise, failure, usage};
use crate::say::say;
use crate::watch::registered;

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
        if text.trim().is_empty() {
            let what =
                "a driver is a program, such as chromedriver, or http://HOST:PORT of one that runs";
            return Err(what.to_owned());
        }
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
    versions: Versions,
}

/// A driver that was started here, and what it still says.
struct Process {
    child: Child,
    /// Readable when it has ended. What it has started, such as a browser, may live on and hold its output open.
    end: AsyncFd<OwnedFd>,
    output: Mutex<Lines<BufReader<pipe::Receiver>>>,
}

impl Process {
    /// Starts it by way of this program, which [becomes](become_it) it: so it ends with this process, however that ends.
    fn start(program: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let parent = std::process::id().to_string();
        command.args(["webdriver", "--driver", program, "--become-driver-of", &parent]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let end = pidfd_open(Pid::from_child(&child), PidfdFlags::NONBLOCK)?;
        let output = child.stdout.take().context("a driver without output")?;
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
        let output = Mutex::new(BufReader::new(output).lines());
        Ok(Self { child, end: registered(end, Interest::READABLE)?, output })
    }

    /// Returns when it has ended; what it says until then goes to the log.
    async fn ended(&self) {
        let mut output = self.output.lock().await;
        let says = async {
            while let Ok(Some(line)) = output.next_line().await {
                tracing::info!(driver = line);
            }
            std::future::pending().await
        };
        tokio::select! {
            // It cannot fail while the runtime lives.
            _ = self.end.readable() => {}
            () = says => {}
        }
    }
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
        let mut process = Process::start(program)?;
        let said = timeout(STARTING, first_said(process.output.get_mut())).await;
        let port = match said.ok().flatten() {
            Some(Said::Port(port)) => port,
            Some(Said::Cannot(error)) => return Err(cannot_start(program, error)),
            None => {
                return Err(failure(
                    format_args!("{program} ended, or does not say at which port it listens"),
                    format_args!("run `{program} --port=0` to see what it says"),
                ));
            }
        };
        let (name, address) = (program.to_owned(), format!("127.0.0.1:{port}"));
        let (make, process, versions) = (make_of(program), Some(process), Versions::default());
        let driver = Self { name, address, make, process, versions };
        driver.judge(&driver.status().await?);
        Ok(driver)
    }

    /// Which of the two it is its status tells: chromedriver's names its build.
    async fn found(address: &str) -> anyhow::Result<Self> {
        let (name, address) = (format!("http://{address}"), address.to_owned());
        let (make, process, versions) = (Make::Chromedriver, None, Versions::default());
        let driver = Self { name, address, make, process, versions };
        let status = driver.status().await?;
        let make = match status.get("build") {
            Some(_) => Make::Chromedriver,
            None => Make::Geckodriver,
        };
        let driver = Self { make, ..driver };
        driver.judge(&status);
        Ok(driver)
    }

    /// What it says of itself (WebDriver section 8.3).
    async fn status(&self) -> anyhow::Result<Value> {
        let unusable = |error: anyhow::Error| {
            let what = format!("no driver answers at {}", self.name);
            advise(error.context(what), "start it, or let keyfob do so: --driver chromedriver")
        };
        let told = timeout(STARTING, self.told_status()).await.context("it says nothing");
        let mut told = told.flatten().map_err(unusable)?;
        match told.get_mut("value").map(Value::take) {
            Some(value) if value["ready"].is_boolean() => Ok(value),
            _ => Err(unusable(anyhow!(
                "the program there does not answer the status request as a WebDriver server does"
            ))),
        }
    }

    async fn told_status(&self) -> anyhow::Result<Value> {
        let request = Request::builder().method(Method::GET).uri("/status");
        let request = request.header(HOST, &self.address);
        let answer = self.ask(request.body(Either::Right(Full::default()))?).await?;
        let answer = Limited::new(answer.into_body(), MAX_STATUS).collect().await;
        Ok(serde_json::from_slice(&answer.map_err(|error| anyhow!(error))?.to_bytes())?)
    }

    /// Tells if this was never tried with such a driver. geckodriver says which it is with a session alone.
    fn judge(&self, status: &Value) {
        if self.make == Make::Chromedriver {
            self.versions.judge(self, self.make, status["build"]["version"].as_str());
        }
    }

    /// A session has begun, with these capabilities.
    pub(super) fn has_begun(&self, capabilities: &Value) {
        if self.make == Make::Geckodriver {
            let version = capabilities["moz:geckodriverVersion"].as_str();
            self.versions.judge(self, self.make, version);
        }
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
                tracing::info!(%error, "the connection to a driver broke");
            }
        });
        Ok(sender.send_request(request).await?)
    }

    /// Returns when it has ended, if it was started here.
    pub(super) async fn ended(&self) -> anyhow::Error {
        let Some(process) = &self.process else { return std::future::pending().await };
        process.ended().await;
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

/// Becomes the driver that the process `parent` starts, and ends with that. Returns when it cannot be run, which it has said.
///
/// # Errors
/// It is no program, or whoever starts it is gone.
pub(super) fn become_it(name: &DriverName, parent: u32) -> anyhow::Result<()> {
    let DriverName::Program(program) = name else {
        return Err(usage("a driver that runs already cannot be started", "name a program"));
    };
    let mut command = Command::new(program);
    command.arg("--port=0");
    if make_of(program) == Make::Geckodriver {
        // Cannot come with a session's capabilities.
        command.arg("--allow-system-access");
    }
    end_with(parent)?;
    let error = command.exec();
    say(format_args!("{CANNOT}{}", error.raw_os_error().unwrap_or_default()));
    Ok(())
}

/// The kernel ends this process, and what it becomes, when its parent is gone. It may be gone before that is arranged.
fn end_with(parent: u32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let parent_now = getppid().map(|pid| pid.as_raw_pid().unsigned_abs());
    ensure!(parent_now == Some(parent), "the keyfob that starts the driver has ended");
    Ok(())
}

/// What a driver says first.
enum Said {
    Port(u16),
    /// It is none: it could not be run.
    Cannot(io::Error),
}

/// `ChromeDriver was started successfully on port 41231.`, `… INFO Listening on 127.0.0.1:41231`.
async fn first_said(output: &mut Lines<BufReader<pipe::Receiver>>) -> Option<Said> {
    while let Ok(Some(line)) = output.next_line().await {
        tracing::info!(driver = line);
        if let Some(port) = port_in(&line) {
            return Some(Said::Port(port));
        }
        if let Some(code) = line.strip_prefix(CANNOT).and_then(|code| code.parse().ok()) {
            return Some(Said::Cannot(io::Error::from_raw_os_error(code)));
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

/// What is said in the place of a driver that cannot be run, before the number that the system gave for it.
const CANNOT: &str = "cannot run the driver: os error ";

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
        for text in ["", " ", "https://localhost:9515", "http://localhost:9515/wd/hub", "ftp://x"] {
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
