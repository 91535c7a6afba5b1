//! `keyfob status`: the keys that run, and what they ask.

use clap::Args;

use super::fault_words::{told, which};
use super::prompts::sentence::nameless;
use crate::control::protocol::{KeyStatus, OpenPrompt, Status};
use crate::control::{Connection, Request, Response};
use crate::device::{FreeReaders, cards};
use crate::terminal;
use crate::terminal::shown::{name, quoted_name, quoted_site};

/// Show the keys that run, and what they ask
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,

    /// Show idle keys, too, where there are many: those that no host has
    #[arg(long)]
    all: bool,

    /// Print one JSON object, with all keys
    #[arg(long)]
    json: bool,
}

/// Prints how things stand.
///
/// # Errors
/// No key is running.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match options.connection.ask(&Request::Status {})? {
        Response::Status(status) => {
            let status = with_reader(status, cards::reader_of_the_only_card);
            let told = match options.json {
                true => terminal::json_line(&status)?,
                false => table(&status, options.all),
            };
            Ok(terminal::print(told)?)
        }
        other => Err(other.unexpected()),
    }
}

/// What a reader is called only PC/SC knows, and not the key that lies on it.
fn with_reader(mut status: Status, reader: impl FnOnce() -> Option<String>) -> Status {
    let has_reader = |key: &&mut KeyStatus| key.attached && key.on_reader == Some(true);
    let mut there = status.keys.iter_mut().filter(has_reader);
    if let (Some(only), None) = (there.next(), there.next())
        && only.device.is_none()
    {
        only.device = reader().map(|reader| format!("pcsc:{reader}"));
    }
    status
}

/// Of many keys, those with which something is going on.
fn table(status: &Status, all: bool) -> String {
    let is_long = status.keys.len() > FEW && !all;
    let is_shown = |key: &&KeyStatus| !is_long || !is_idle(key);
    let heading = ["KEY", "SERIAL", "DEVICE", "HOST", "PROMPT"].map(str::to_owned);
    let shown = status.keys.iter().filter(is_shown);
    let rows: Vec<_> = [heading].into_iter().chain(shown.map(row)).collect();
    let faulty = status.keys.iter().filter(|key| !key.faults.is_empty()).map(faults);
    let table = faulty.fold(terminal::hanging_columns(&rows), |table, line| table + &line);
    let table = table + &free_readers(&status.keys);
    let left_out = status.keys.len() + 1 - rows.len();
    if left_out == 0 { table } else { table + &left_out_line(left_out, status.keys.len()) }
}

/// Keys that are always shown.
const FEW: usize = 8;

fn is_idle(key: &KeyStatus) -> bool {
    !key.attached && key.prompt.is_none() && key.faults.is_empty()
}

fn left_out_line(left_out: usize, all: usize) -> String {
    format!("{left_out} of {all} keys are idle, and no host has them; --all shows them\n")
}

/// A key that does something wrong is not to be taken for a broken one.
fn faults(key: &KeyStatus) -> String {
    let each: Vec<_> = key
        .faults
        .iter()
        .map(|one| format!("{}, {}", told(&one.fault), which(&one.fault)))
        .collect();
    let (key, each) = (name(&key.key), each.join("; "));
    format!("{key} has faults on purpose: {each}. `keyfob fault clear` removes them\n")
}

/// Cards of which no program can know yet.
fn free_readers(keys: &[KeyStatus]) -> String {
    let is_free = keys.iter().filter(|key| !key.attached);
    let readers = is_free.filter_map(|key| key.reader_at.as_ref()?.parse().ok());
    let told = FreeReaders(&readers.collect::<Vec<_>>()).to_string();
    if told.is_empty() { told } else { told + "\n" }
}

fn row(key: &KeyStatus) -> [String; 5] {
    let device = key.device.as_deref().map_or_else(|| "-".to_owned(), name);
    let host = match (key.way.as_deref(), key.on_reader) {
        (Some(way), _) => name(way),
        (None, _) if key.reader_at.is_some() => "-".to_owned(),
        (None, Some(true)) => "no reader".to_owned(),
        (None, Some(false)) => "off the reader".to_owned(),
        (None, None) => "-".to_owned(),
    };
    let prompt = key.prompt.as_ref().map_or_else(|| "-".to_owned(), summary);
    [name(&key.key), name(&key.serial), device, host, prompt]
}

/// `register for “github.com”, “ada” (27 s left)`, and what it takes if that is more than a touch: `reset, touch twice (9 s left)`.
fn summary(prompt: &OpenPrompt) -> String {
    let site = prompt.rp_id.as_deref().map(quoted_site);
    let site = site.or_else(|| prompt.application.as_deref().map(nameless));
    let site = site.map(|site| format!(" for {site}"));
    let user = prompt.user.iter().map(|user| format!(", {}", quoted_name(user)));
    let gesture = Some(prompt.gesture.replace('_', " ")).filter(|gesture| gesture != "touch");
    let gesture = gesture.map(|gesture| format!(", {}", name(&gesture)));
    let more: String = site.into_iter().chain(user).chain(gesture).collect();
    format!("{}{more} ({} s left)", name(&prompt.action), prompt.seconds_left)
}

const EXAMPLES: &str = "\
Examples:
  keyfob status
  keyfob status --json | jq '.keys[].attached'";

#[cfg(test)]
mod tests {
    use super::*;

    use crate::control::protocol::ActiveFault;
    use crate::terminal::shown::is_plain;
    use virtual_key::faults::{FaultDescription, Word};
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
        let (way, on_reader, prompt) = (Some(paint()), None, Some(prompt));
        let fault = FaultDescription {
            kind: Some(paint()),
            command: Some(Word::Text(paint())),
            ..FaultDescription::default()
        };
        let faults = vec![ActiveFault { id: 1, fault }];
        let key = KeyStatus {
            key: paint(),
            serial,
            device,
            attached: true,
            way,
            on_reader,
            reader_at: Some(paint()),
            recording: Some(paint()),
            prompt,
            faults,
        };
        Status { touch: Touch::Ask, keys: vec![key] }
    }

    #[test]
    fn the_only_card_is_told_with_its_reader() {
        let told = |keys: Vec<KeyStatus>| {
            let status = with_reader(Status { touch: Touch::Ask, keys }, || Some("PCD".to_owned()));
            status.keys.into_iter().map(|key| key.device).collect::<Vec<_>>()
        };
        let card = |on_reader| {
            let key = painted().keys.remove(0);
            KeyStatus { device: None, on_reader: Some(on_reader), attached: on_reader, ..key }
        };
        assert_eq!(told(vec![card(false), card(true)]), [None, Some("pcsc:PCD".to_owned())]);
        assert_eq!(told(vec![card(true), card(true)]), [None, None], "which is on which?");
        assert_eq!(told(painted().keys), [Some(PAINT.to_owned())], "it is no card");
    }

    #[test]
    fn a_card_whose_reader_no_host_has_says_how_to_plug_that_in() {
        let shown = |attached| {
            let reader_at = Some("usbip:127.0.0.1:3240/1-1".to_owned());
            let (device, way, on_reader) = (None, None, Some(true));
            let key = KeyStatus {
                device,
                way,
                attached,
                on_reader,
                reader_at,
                ..painted().keys.remove(0)
            };
            table(&Status { touch: Touch::Ask, keys: vec![key] }, false)
        };
        assert!(shown(false).contains("`sudo usbip attach -r 127.0.0.1 -b 1-1`"));
        assert!(!shown(true).contains("usbip attach"));
    }

    fn is_harmless(text: &str) -> bool {
        text.chars().all(|character| character == '\n' || is_plain(character))
    }

    #[test]
    fn nothing_that_a_key_tells_can_paint_on_the_terminal() {
        let table = table(&painted(), false);
        assert!(is_harmless(&table) && table.contains("\\u{202e}"), "{table:?}");
    }

    #[test]
    fn of_many_keys_those_are_shown_with_which_something_is_going_on() {
        let idle = |number| KeyStatus {
            key: format!("1-{number}"),
            attached: false,
            prompt: None,
            faults: Vec::new(),
            ..painted().keys.remove(0)
        };
        let status = |count| {
            let busy = KeyStatus { attached: true, ..idle(1) };
            Status {
                touch: Touch::Ask,
                keys: [busy].into_iter().chain((2..=count).map(idle)).collect(),
            }
        };
        assert_eq!(table(&status(FEW), false).lines().count(), 1 + FEW);
        let told = table(&status(200), false);
        let told: Vec<_> = told.lines().collect();
        assert!(told[1].starts_with("1-1 "), "{told:?}");
        assert_eq!(told[2..], ["199 of 200 keys are idle, and no host has them; --all shows them"]);
        assert_eq!(table(&status(200), true).lines().count(), 201);
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

    #[test]
    fn what_takes_more_than_a_touch_says_what() {
        let prompt = OpenPrompt {
            id: "1".to_owned(),
            action: "reset".to_owned(),
            gesture: "touch_twice".to_owned(),
            rp_id: None,
            application: None,
            user: None,
            seconds_left: 9,
            key: "1-1".to_owned(),
        };
        assert_eq!(summary(&prompt), "reset, touch twice (9 s left)");
    }
}
