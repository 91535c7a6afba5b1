//! `keyfob touch`, `deny`, `wait`, `replug` and `status`, and what `metadata` asks: the other end of the control socket.

use super::protocol::{BadSample, Choice, KeyStatus, OpenPrompt, Sample, Status, Touching};
use super::{Connection, Request, Response};
use crate::failure::failure;
use crate::terminal;
use crate::terminal::shown::{escaped, name, quoted_name, quoted_site};
use clap::Args;

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

/// The metadata statement of a running key.
///
/// # Errors
/// No key is running, or none with that bus id, or it has no U2F side.
pub(crate) fn metadata(
    connection: &Connection,
    key: String,
    u2f: bool,
) -> anyhow::Result<serde_json::Value> {
    match connection.ask(&Request::Metadata { key: Some(key), u2f })? {
        Response::Metadata { statement } => Ok(statement),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(response: &Response) -> anyhow::Error {
    let answer = escaped(&format!("{response:?}"));
    failure(format_args!("unexpected answer {answer}"), "use a keyfob of the same version")
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(terminal::print(terminal::json_line(value)?)?)
}

fn table(status: &Status) -> String {
    let heading = ["KEY", "SERIAL", "DEVICE", "HOST", "PROMPT"].map(str::to_owned);
    let rows: Vec<_> = [heading].into_iter().chain(status.keys.iter().map(row)).collect();
    terminal::columns(&rows)
}

fn row(key: &KeyStatus) -> [String; 5] {
    let device = key.device.as_deref().map_or_else(|| "-".to_owned(), name);
    let host = if key.attached { "attached" } else { "-" };
    let prompt = key.prompt.as_ref().map_or_else(|| "-".to_owned(), summary);
    [name(&key.key), name(&key.serial), device, host.to_owned(), prompt]
}

/// `register for “github.com”, “ada” (27 s left)`.
fn summary(prompt: &OpenPrompt) -> String {
    let site = prompt.rp_id.as_deref().map(quoted_site);
    let site = site.or_else(|| prompt.application.as_deref().map(nameless));
    let site = site.map(|site| format!(" for {site}"));
    let user = prompt.user.iter().map(|user| format!(", {}", quoted_name(user)));
    let who: String = site.into_iter().chain(user).collect();
    format!("{}{who} ({} s left)", name(&prompt.action), prompt.seconds_left)
}

/// As a prompt has it: by the beginning of its hash it can be known again.
fn nameless(hash: &str) -> String {
    let beginning: String = hash.chars().take(8).collect();
    format!("a U2F site without a name ({}…)", name(&beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::terminal::shown::is_plain;
    use virtual_key::key::Touch;

    const PAINT: &str = "\u{1b}[2J\u{7f}\u{9b}1m\u{202e}\u{e0041}\"\\ä";

    fn painted() -> Status {
        let paint = || PAINT.to_owned();
        let prompt = OpenPrompt {
            id: paint(),
            action: paint(),
            gesture: paint(),
            rp_id: Some(paint()),
            application: Some(paint()),
            user: Some(paint()),
            seconds_left: 1,
            key: paint(),
        };
        let (serial, device) = (paint(), Some(paint()));
        let key = KeyStatus { key: paint(), serial, device, attached: true, prompt: Some(prompt) };
        Status { touch: Touch::Ask, keys: vec![key] }
    }

    fn is_harmless(text: &str) -> bool {
        text.chars().all(|character| character == '\n' || is_plain(character))
    }

    #[test]
    fn nothing_that_a_key_tells_can_paint_on_the_terminal() {
        let table = table(&painted());
        assert!(is_harmless(&table) && table.contains("\\u{202e}"), "{table:?}");
    }

    #[test]
    fn a_u2f_site_is_named_or_known_again_by_its_hash() {
        let mut prompt = OpenPrompt {
            id: "1".to_owned(),
            action: "register".to_owned(),
            gesture: "touch".to_owned(),
            rp_id: None,
            application: Some("ab".repeat(32)),
            user: None,
            seconds_left: 9,
            key: "1-1".to_owned(),
        };
        let nameless = "register for a U2F site without a name (abababab…) (9 s left)";
        assert_eq!(summary(&prompt), nameless);
        prompt.rp_id = Some("github.com".to_owned());
        assert_eq!(summary(&prompt), "register for “github.com” (9 s left)");
    }
}
