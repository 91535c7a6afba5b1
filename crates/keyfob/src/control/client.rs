//! `keyfob touch`, `deny`, `wait`, `replug` and `status`: the other end of the control socket.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use ctap_core::consent::Shown;

use super::limits::MAX_RESPONSE;
use super::protocol::{BadSample, Choice, KeyStatus, OpenPrompt, Sample, Status, Touching};
use super::{NAME, Request, Response, default_directory};
use crate::failure::failure;
use crate::terminal;

/// Which running key is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// The control socket of the running key [default: $XDG_RUNTIME_DIR/keyfob/control]
    #[arg(long, value_name = "PATH", env = "KEYFOB_CONTROL")]
    control: Option<PathBuf>,
}

/// What `keyfob touch` takes.
#[derive(Debug, Args)]
pub(crate) struct TouchOptions {
    #[command(flatten)]
    answer: AnswerOptions,

    /// Place this finger, known by its number, on a fingerprint sensor; elsewhere it is a touch
    #[arg(long, value_name = "N")]
    finger: Option<u8>,

    /// Place a finger in a way that a fingerprint sensor cannot read
    #[arg(long, value_name = "KIND", conflicts_with = "finger")]
    bad_sample: Option<BadSample>,
}

/// Which prompt `keyfob touch` and `keyfob deny` answer.
#[derive(Debug, Args)]
pub(crate) struct AnswerOptions {
    #[command(flatten)]
    connection: Connection,

    /// Answer the prompt of this key, by its bus id
    #[arg(long, value_name = "BUSID")]
    key: Option<String>,

    /// Answer this prompt only, by the id that `keyfob wait` tells
    #[arg(long, value_name = "ID")]
    prompt: Option<String>,
}

/// What `keyfob wait` takes.
#[derive(Debug, Args)]
pub(crate) struct WaitOptions {
    #[command(flatten)]
    connection: Connection,

    /// Wait for this key, by its bus id
    #[arg(long, value_name = "BUSID")]
    key: Option<String>,

    /// Give up after so many seconds
    #[arg(long, value_name = "S")]
    timeout: Option<u32>,
}

/// What `keyfob replug` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplugOptions {
    #[command(flatten)]
    connection: Connection,

    /// Replug this key, by its bus id
    #[arg(long, value_name = "BUSID")]
    key: Option<String>,
}

/// What `keyfob status` takes.
#[derive(Debug, Args)]
pub(crate) struct StatusOptions {
    #[command(flatten)]
    connection: Connection,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Approves a prompt.
///
/// # Errors
/// No key is running, or no such prompt is open.
pub(crate) fn touch(options: TouchOptions) -> anyhow::Result<()> {
    let TouchOptions { answer, finger, bad_sample } = options;
    let sample = finger.map(Sample::Finger).or(bad_sample.map(Sample::Bad));
    let touching = Touching { key: answer.key, prompt: answer.prompt, sample };
    answer.connection.ask(&Request::Touch(touching)).map(drop)
}

/// Refuses a prompt.
///
/// # Errors
/// No key is running, or no such prompt is open.
pub(crate) fn deny(options: AnswerOptions) -> anyhow::Result<()> {
    let choice = Choice { key: options.key, prompt: options.prompt };
    options.connection.ask(&Request::Deny(choice)).map(drop)
}

/// Waits for a prompt and prints it.
///
/// # Errors
/// No key is running, or no prompt was opened in time.
pub(crate) fn wait(options: WaitOptions) -> anyhow::Result<()> {
    let request = Request::Wait { key: options.key, seconds: options.timeout };
    match options.connection.ask(&request)? {
        Response::Prompt(prompt) => print_json(&prompt),
        other => Err(unexpected(&other)),
    }
}

/// Unplugs a key and plugs it in again.
///
/// # Errors
/// No key is running, or none with that bus id.
pub(crate) fn replug(options: ReplugOptions) -> anyhow::Result<()> {
    options.connection.ask(&Request::Replug { key: options.key }).map(drop)
}

/// Prints how things stand.
///
/// # Errors
/// No key is running.
pub(crate) fn status(options: &StatusOptions) -> anyhow::Result<()> {
    match options.connection.ask(&Request::Status)? {
        Response::Status(status) if options.json => print_json(&status),
        Response::Status(status) => Ok(terminal::print(table(&status))?),
        other => Err(unexpected(&other)),
    }
}

impl Connection {
    /// One request, one response that is no error.
    ///
    /// # Errors
    /// No key is running, or it refuses.
    pub(crate) fn ask(&self, request: &Request) -> anyhow::Result<Response> {
        let path = match &self.control {
            Some(path) => path.clone(),
            None => default_directory().join(NAME),
        };
        let stream = UnixStream::connect(&path).map_err(|error| {
            failure(
                format_args!("no key is running at {}: {error}", path.display()),
                "start one with `keyfob serve` or `keyfob attach`; a key that was started with sudo is touched with sudo; \
                 another socket is named with --control",
            )
        })?;
        match exchange(stream, request).context("the running key does not answer")? {
            Response::Error(refusal) => Err(failure(refusal.what, refusal.next)),
            response => Ok(response),
        }
    }
}

fn exchange(mut stream: UnixStream, request: &Request) -> anyhow::Result<Response> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_RESPONSE)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up").into());
    }
    Ok(serde_json::from_slice(&line)?)
}

fn unexpected(response: &Response) -> anyhow::Error {
    failure(format_args!("unexpected answer {response:?}"), "use a keyfob of the same version")
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(terminal::print(format_args!("{}\n", serde_json::to_string(value)?))?)
}

fn table(status: &Status) -> String {
    let heading = ["KEY", "SERIAL", "HOST", "PROMPT"].map(str::to_owned);
    let rows: Vec<_> = [heading].into_iter().chain(status.keys.iter().map(row)).collect();
    terminal::columns(&rows)
}

fn row(key: &KeyStatus) -> [String; 4] {
    let host = if key.attached { "attached" } else { "-" };
    let prompt = key.prompt.as_ref().map_or_else(|| "-".to_owned(), summary);
    [key.key.clone(), key.serial.clone(), host.to_owned(), prompt]
}

/// `register for github.com, ada (27 s left)`.
fn summary(prompt: &OpenPrompt) -> String {
    let rp = prompt.rp_id.iter().map(|rp| format!(" for {}", Shown(rp)));
    let user = prompt.user.iter().map(|user| format!(", {}", Shown(user)));
    let who: String = rp.chain(user).collect();
    format!("{}{who} ({} s left)", prompt.action, prompt.seconds_left)
}
