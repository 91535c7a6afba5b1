//! `keyfob replay`: the requests of a recording, to any key.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use ctap_client::trace::{Content, Conversation, Direction, Message, Step, is_left_out};
use ctap_client::{Exchange as _, Status, Value};

use super::capture::{Capture, unreadable};
use super::difference;
use super::said::{Listener, Said, Saying};
use crate::device::{Channel, DeviceOption};
use crate::failure::failure;
use crate::settings::touch;
use crate::terminal::shown::escaped;
use crate::terminal::{self, Paint, count};

/// Play a recording to a key: where do its answers differ?
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// A recording (`--record`), or what Wireshark took on the USB bus
    file: PathBuf,

    /// Of which key, if the recording has several: the first column of `keyfob trace`
    #[arg(long, value_name = "NAME")]
    of: Option<String>,

    /// Every byte of an answer must be the same: for a key with the same --seed, and a recording with its secrets
    #[arg(long)]
    exactly: bool,

    #[command(flatten)]
    device: DeviceOption,
}

/// A request that was answered.
struct Exchange {
    request: Message,
    asked: Step,
    reply: Message,
}

/// How a request went.
enum Outcome {
    Same,
    Different(Vec<String>),
    /// It was not sent, and why.
    Skipped(&'static str),
}

/// Runs the command.
///
/// # Errors
/// An answer differs; or the file is no recording, or there is no key.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let exchanges = options.exchanges()?;
    let mut channel = options.device.device.open()?;
    let mut tally = Tally::default();
    for exchange in &exchanges {
        let outcome = play(exchange, &mut channel, options.exactly)?;
        terminal::print(line(exchange, &outcome))?;
        tally.add(&outcome);
    }
    terminal::note(tally.told());
    match tally.different {
        0 => Ok(()),
        different => Err(failure(
            format_args!("{} differently", answered(different)),
            "`keyfob -v trace FILE` shows what the recorded key said",
        )),
    }
}

impl Options {
    /// The requests of one key with their answers, in the order of the answers.
    fn exchanges(&self) -> anyhow::Result<Vec<Exchange>> {
        let path = &self.file;
        let bytes = fs::read(path).map_err(|error| unreadable(path, error))?;
        let (mut capture, mut listener) = (Capture::default(), Listener::default());
        capture.feed(&bytes);
        let mut said = Vec::new();
        while let Some(packet) = capture.next()? {
            said.extend(listener.take(packet));
        }
        let key = chosen_key(&said, self.of.as_deref())?;
        said.retain(|one| one.key == key);
        match answered_requests(said) {
            none if none.is_empty() => Err(failure(
                format_args!("no request to {} was answered in it", escaped(&key)),
                "name a recording of a key that was used",
            )),
            some => Ok(some),
        }
    }
}

/// The recorded key that is meant: the one of that name, or the only one.
fn chosen_key(said: &[Said], name: Option<&str>) -> anyhow::Result<String> {
    let mut keys: Vec<&str> = said.iter().map(|one| one.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let all = escaped(&keys.join(", "));
    match (&keys[..], name) {
        ([], _) => {
            Err(failure("nothing was said in it", "name a recording of a key that was used"))
        }
        (keys, Some(name)) if keys.contains(&name) => Ok(name.to_owned()),
        (_, Some(name)) => Err(failure(
            format_args!("it has no key {}; it has {all}", escaped(name)),
            "choose one of these with --of NAME",
        )),
        ([only], None) => Ok((*only).to_owned()),
        (_, None) => {
            Err(failure(format_args!("it has several keys: {all}"), "choose one with --of NAME"))
        }
    }
}

/// Each answer belongs to the last request on its channel.
fn answered_requests(said: Vec<Said>) -> Vec<Exchange> {
    let mut open: Vec<(Message, Step)> = Vec::new();
    let mut exchanges = Vec::new();
    for one in said {
        let Saying::Message(message, step) = one.what else {
            open.clear();
            continue;
        };
        if !matches!(message.content, Content::Ctap(_) | Content::U2f(_)) {
            continue;
        }
        let asked = open.iter().position(|(request, _)| request.channel == message.channel);
        let asked = asked.map(|index| open.swap_remove(index));
        match (message.direction, asked) {
            (Direction::ToKey, _) => open.push((message, step)),
            (Direction::FromKey, Some((request, asked))) => {
                exchanges.push(Exchange { request, asked, reply: message });
            }
            (Direction::FromKey, None) => {}
        }
    }
    exchanges
}

fn play(exchange: &Exchange, channel: &mut Channel, exactly: bool) -> anyhow::Result<Outcome> {
    let Exchange { request, asked, reply } = exchange;
    if asked.members.iter().any(|(_, value)| has_gap(value)) {
        return Ok(Outcome::Skipped("secrets of it were left out"));
    }
    if matches!(&reply.content, Content::Ctap(bytes) if bytes.first() == Some(&CANCELLED)) {
        return Ok(Outcome::Skipped("it was cancelled"));
    }
    let mut wait = touch::listener(touch::TOUCH);
    let content = match &request.content {
        Content::Ctap(message) => Content::Ctap(channel.exchange(message, &mut wait)?),
        Content::U2f(apdu) => Content::U2f(channel.exchange_u2f(apdu)?),
        _ => return Ok(Outcome::Skipped("it is no request")),
    };
    let differences = match exactly {
        true if content != reply.content => vec!["its bytes differ".to_owned()],
        true => Vec::new(),
        false => differences(exchange, content),
    };
    Ok(if differences.is_empty() { Outcome::Same } else { Outcome::Different(differences) })
}

/// In kind, between the answer that was recorded and this one.
fn differences(Exchange { request, reply, .. }: &Exchange, now: Content) -> Vec<String> {
    let told = |content: Content| {
        let mut conversation = Conversation::default();
        conversation.step(request);
        conversation.step(&Message { content, ..reply.clone() })
    };
    difference::between(&told(reply.content.clone()), &told(now))
}

/// Whether something was left out of it.
fn has_gap(value: &Value) -> bool {
    match value {
        Value::Bytes(bytes) => is_left_out(bytes),
        Value::Array(items) => items.iter().any(has_gap),
        Value::Map(entries) => entries.iter().any(|(_, value)| has_gap(value)),
        _ => false,
    }
}

fn line(exchange: &Exchange, outcome: &Outcome) -> String {
    let (paint, asked) = (Paint::stdout(), escaped(&exchange.asked.line()));
    match outcome {
        Outcome::Same => format!("{} {asked}\n", paint.green("same     ")),
        Outcome::Skipped(why) => format!("{} {asked}: {why}\n", paint.dim("not sent ")),
        Outcome::Different(differences) => {
            let each = differences.iter().map(|one| format!("          {}\n", escaped(one)));
            format!("{} {asked}\n{}", paint.red("different"), each.collect::<String>())
        }
    }
}

#[derive(Default)]
struct Tally {
    same: u64,
    different: u64,
    skipped: u64,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Same => self.same += 1,
            Outcome::Different(_) => self.different += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
    }

    fn told(&self) -> String {
        let Self { same, different, skipped } = self;
        format!("{same} the same, {different} different, {skipped} not sent")
    }
}

fn answered(number: u64) -> String {
    match number {
        1 => "1 request was answered".to_owned(),
        several => format!("{} were answered", count(several, "request")),
    }
}

/// Nobody cancels it again at the same moment.
const CANCELLED: u8 = Status::KeepaliveCancel.byte();

const EXAMPLES: &str = "\
Examples:
  keyfob replay key.pcapng                      to the key of this host
  keyfob replay key.pcapng --device /dev/hidraw2
  keyfob replay --exactly key.pcapng            to a key with the same --seed

The exit code is 0 if all answers are of the recorded kind, and 1 if not. What needs a PIN is sent only if the \
recording has its secrets, and then only a key with the same --seed understands it. docs/recording.md has more.";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(channel: u32, direction: Direction, bytes: &[u8]) -> Said {
        let message = Message { channel, direction, content: Content::Ctap(bytes.to_vec()) };
        let step = Conversation::default().step(&message);
        let what = Saying::Message(message, step);
        Said { at: Duration::ZERO, key: "1-1".to_owned(), what }
    }

    #[test]
    fn an_answer_belongs_to_the_last_request_on_its_channel() {
        let (to, from) = (Direction::ToKey, Direction::FromKey);
        let exchanges = answered_requests(vec![
            said(1, from, &[0]),
            said(1, to, &[1]),
            said(2, to, &[4]),
            said(2, from, &[0]),
            said(1, from, &[0x27]),
            said(1, to, &[7]),
        ]);
        let pairs: Vec<_> =
            exchanges.iter().map(|one| (&one.request.content, &one.reply.content)).collect();
        let ctap = |byte| Content::Ctap(vec![byte]);
        assert_eq!(pairs, [(&ctap(4), &ctap(0)), (&ctap(1), &ctap(0x27))]);
    }

    #[test]
    fn of_several_keys_one_must_be_chosen() {
        let other = Said { key: "1-2".to_owned(), ..said(1, Direction::ToKey, &[4]) };
        let both = [said(1, Direction::ToKey, &[4]), other];
        assert!(chosen_key(&both, None).is_err() && chosen_key(&[], None).is_err());
        assert_eq!(chosen_key(&both[..1], None).unwrap(), "1-1");
        assert_eq!(chosen_key(&both, Some("1-2")).unwrap(), "1-2");
        let stranger = chosen_key(&both, Some("9-9")).unwrap_err();
        assert_eq!(stranger.to_string(), "it has no key 9-9; it has 1-1, 1-2");
    }
}
