//! A client's way to the running key: one request, one answer, from nobody but a process that the client may trust.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;
use virtual_key::keys::NOTICING;
use virtual_key::power_cycle::PLUGGING;

use super::limits::{ANSWERING, MAX_RESPONSE};
use super::protocol::{Kind, Refusal};
use super::{Request, Response, default_path, peer};
use crate::failure::{Cause, because, no_key};
use crate::process::on_one_thread;
use crate::socket::Caller;
use crate::terminal::shown::escaped;

/// Which running key is meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Connection {
    /// The control socket of the running key [default: $XDG_RUNTIME_DIR/keyfob/control]
    #[arg(long, value_name = "PATH", env = "KEYFOB_CONTROL")]
    control: Option<PathBuf>,
}

impl Connection {
    /// The one that commands without options have.
    pub(crate) fn of_environment() -> Self {
        let named = std::env::var_os("KEYFOB_CONTROL").filter(|path| !path.is_empty());
        Self { control: named.map(PathBuf::from) }
    }

    /// The one with this socket.
    #[cfg(test)]
    pub(crate) fn at(control: PathBuf) -> Self {
        Self { control: Some(control) }
    }

    /// Where its socket is, or would be.
    pub(crate) fn path(&self) -> PathBuf {
        self.control.clone().unwrap_or_else(default_path)
    }

    /// Whether a command line names one, and not only the environment.
    pub(crate) fn is_typed(&self) -> bool {
        self.control != Self::of_environment().control
    }

    /// One request, one response that is no error. What it says is verbatim: escape it before showing it.
    ///
    /// Must not be called by a task of a runtime.
    ///
    /// # Errors
    /// No key is running, it does not answer in time, it refuses, or it is another user's.
    pub(crate) fn ask(&self, request: &Request) -> anyhow::Result<Response> {
        on_one_thread(self.ask_here(request))
    }

    /// The same, for tasks of a runtime. What was asked may be done or not when this is dropped.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) async fn ask_here(&self, request: &Request) -> anyhow::Result<Response> {
        ask_at(&self.path(), request, patience(request)).await
    }
}

/// How long a running key may take for its answer; `None` if a person may take all the time in the world.
fn patience(request: &Request) -> Option<Duration> {
    let work = match request {
        Request::Touch(_)
        | Request::Deny(_)
        | Request::LayOn { .. }
        | Request::TakeOff { .. }
        | Request::Status {}
        | Request::Credentials { .. }
        | Request::AddCredential { .. }
        | Request::RemoveCredential { .. }
        | Request::RemoveCredentials { .. }
        | Request::ChangeCredential(_)
        | Request::EnrollFinger { .. }
        | Request::RemoveFinger { .. }
        | Request::SetPolicy { .. }
        | Request::AddFault { .. }
        | Request::Faults { .. }
        | Request::ClearFaults { .. }
        | Request::Metadata { .. }
        | Request::Profile { .. } => Duration::ZERO,
        Request::Tap { times, milliseconds, .. } => {
            u32::from(*times) * (NOTICING + Duration::from_millis((*milliseconds).into()))
        }
        Request::Replug { .. } | Request::SetProfile { .. } => PLUGGING,
        Request::Prompts { .. } => return None,
        Request::Wait { seconds, .. } => Duration::from_secs((*seconds)?.into()),
    };
    Some(work + ANSWERING)
}

async fn ask_at(
    path: &Path,
    request: &Request,
    patience: Option<Duration>,
) -> anyhow::Result<Response> {
    let (stream, peer) = peer::connect(path).await.map_err(|error| nobody(path, &error))?;
    peer.trust(path)?;
    let answer = exchange(stream, request);
    let answer = match patience {
        Some(time) => timeout(time, answer).await.map_err(|_| silent(path, peer.process()))?,
        None => answer.await,
    };
    match answer.map_err(|error| senseless(path, &error))?.ok_or_else(|| ended(path))? {
        Response::Error(refusal) => Err(refused(&refusal)),
        response => Ok(response),
    }
}

fn refused(refusal: &Refusal) -> anyhow::Error {
    let cause = match refusal.kind {
        Kind::NoKey => Cause::NoKey,
        _ => Cause::Other,
    };
    because(cause, escaped(&refusal.what), escaped(&refusal.next))
}

/// `None`: there is no answer, for the other end has hung up.
async fn exchange(mut stream: Caller, request: &Request) -> anyhow::Result<Option<Response>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    // Whoever is turned away is not listened to, but is told why.
    let _ = stream.write_all(&line).await;
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_RESPONSE)).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(|error| anyhow!(escaped(&error.to_string())))
}

fn nobody(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let shown = path.display();
    match error.kind() {
        // Its queue is full of clients that it does not hear.
        ErrorKind::WouldBlock => silent(path, None),
        ErrorKind::PermissionDenied => no_key(
            format_args!("this user has no permission to look for a running key at {shown}"),
            "if you started the key with sudo, use sudo for this command, too",
        ),
        ErrorKind::InvalidInput => no_key(
            format_args!("no socket can be at {shown}: {error}"),
            "name a socket with a shorter path with --control",
        ),
        _ => no_key(
            format_args!("no key is running at {shown}: {error}"),
            "start one with `keyfob serve` or `keyfob attach`, or with `keyfob card` as a card; if you started the \
             key with sudo, use sudo for this command, too; if it has another socket, name that with --control",
        ),
    }
}

fn silent(path: &Path, process: Option<i32>) -> anyhow::Error {
    let path = path.display();
    // A process of another container has no number here.
    match process.filter(|number| *number > 0) {
        Some(number) => no_key(
            format_args!("process {number}, which listens at {path}, does not answer"),
            format_args!(
                "if it is paused, `kill -CONT {number}` resumes it; otherwise end it and start the key again"
            ),
        ),
        None => no_key(
            format_args!("the process that listens at {path} does not answer"),
            "if it is paused, resume it; otherwise end it and start the key again",
        ),
    }
}

fn ended(path: &Path) -> anyhow::Error {
    no_key(
        format_args!("the key at {} has ended without an answer", path.display()),
        "start it again",
    )
}

fn senseless(path: &Path, error: &anyhow::Error) -> anyhow::Error {
    no_key(
        format_args!(
            "the program that listens at {} does not answer as a key does: {error:#}",
            path.display()
        ),
        "use the keyfob that the key was started with; `ss -xlp` shows which program listens there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use tempfile::{TempDir, tempdir};

    use crate::failure::describe;

    /// Asks something that gives this answer, whatever it hears.
    fn ask(answer: &'static [u8]) -> anyhow::Result<Response> {
        let (directory, listener) = listen();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).unwrap();
            stream.write_all(answer).unwrap();
        });
        Connection { control: Some(directory.path().join("control")) }.ask(&Request::Status {})
    }

    fn listen() -> (TempDir, UnixListener) {
        let directory = tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("control")).unwrap();
        (directory, listener)
    }

    #[test]
    fn a_process_that_is_stopped_keeps_nobody_waiting() {
        let (directory, _listener) = listen();
        let path = directory.path().join("control");
        let asked = ask_at(&path, &Request::Status {}, Some(Duration::from_millis(50)));
        let error = describe(&on_one_thread(asked).unwrap_err());
        let process = format!("process {}", std::process::id());
        assert!(error.contains(&process) && error.contains("does not answer"), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
    }

    #[test]
    fn only_those_who_wait_for_a_person_wait_for_ever() {
        let wait = |seconds| patience(&Request::Wait { key: None, seconds });
        assert_eq!(wait(None), None);
        assert_eq!(patience(&Request::Prompts { known: [].into() }), None);
        assert_eq!(wait(Some(60)), Some(Duration::from_secs(60) + ANSWERING));
        assert_eq!(patience(&Request::Status {}), Some(ANSWERING));
        assert!(patience(&Request::Replug { key: None }).unwrap() > PLUGGING);
    }

    #[test]
    fn what_listens_there_cannot_paint_on_the_terminal() {
        for answer in [
            r#"{"answer":"error","what":"\u001b[2J\u009b\u202e","next":"\u001b]0;x\u0007"}"#,
            r#"{"answer":"\u001b[2J\u009b\u202e"}"#,
            "\u{1b}[2J\u{9b}\u{202e}",
        ] {
            let error = describe(&ask(answer.as_bytes()).unwrap_err());
            let is_raw = |character: char| {
                character != '\n' && (character.is_control() || character == '\u{202e}')
            };
            assert!(!error.contains(is_raw), "{error:?}");
        }
    }

    #[test]
    fn a_key_that_ends_instead_of_answering_is_told_as_such() {
        let error = describe(&ask(b"").unwrap_err());
        assert!(error.contains("has ended") && error.contains("\nnext: start it"), "{error}");
    }

    #[test]
    fn a_refusal_is_heard_by_a_client_that_nobody_listens_to() {
        let (directory, listener) = listen();
        let path = directory.path().join("control");
        let client = thread::spawn(move || {
            let connection = Connection { control: Some(path) };
            describe(&connection.ask(&Request::Status {}).unwrap_err())
        });
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"{\"answer\":\"error\",\"what\":\"full\",\"next\":\"later\"}\n").unwrap();
        drop(stream);
        assert_eq!(client.join().unwrap(), "keyfob: full\nnext: later");
    }
}
