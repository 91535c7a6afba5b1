//! What of a recording can be played again: requests that were answered, and power cycles.

use std::fs::File;
use std::path::Path;

use ctap_client::commands::code;
use ctap_client::trace::{Content, Direction, Message, Step, is_left_out};
use ctap_client::{Status, Value};

use super::capture::{Capture, unreadable};
use super::said::{Listener, Said, Saying};
use crate::failure::{failure, usage};
use crate::terminal::shown::escaped;

/// What is played.
pub(super) enum Act {
    PowerCycle,
    /// A request that was answered.
    Exchange(Box<Exchange>),
}

/// A request that was answered.
pub(super) struct Exchange {
    pub(super) request: Message,
    /// What it says.
    pub(super) asked: Step,
    pub(super) reply: Message,
}

impl Exchange {
    /// Whether secrets of the request were left out.
    pub(super) fn has_gap(&self) -> bool {
        self.asked.members.iter().any(|(_, value)| has_gap(value))
    }

    /// Whether CTAP2 answered it with this status.
    pub(super) fn is_answered(&self, status: Status) -> bool {
        matches!(&self.reply.content, Content::Ctap(bytes) if bytes.first() == Some(&status.byte()))
    }

    /// Whether a key that cannot decrypt it takes it for a wrong PIN (CP-29, CP-65).
    pub(super) fn costs_a_pin_try(&self) -> bool {
        self.asked.members.iter().any(|(name, _)| name == "pinHashEnc")
    }

    /// Whether the answer is the key's half of the secret that it shares with the platform.
    pub(super) fn agrees_on_a_secret(&self) -> bool {
        let subcommand = ("subCommand".to_owned(), Value::from("getKeyAgreement"));
        self.asked.members.contains(&subcommand)
    }

    /// Whether it erases the key.
    pub(super) fn is_reset(&self) -> bool {
        matches!(&self.request.content, Content::Ctap(bytes) if bytes.first() == Some(&code::RESET))
    }
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

/// The requests of one key with their answers, in the order of the answers, and its power cycles. `of`: which key, if there are several.
///
/// # Errors
/// The file is no recording, or nothing in it can be played.
pub(super) fn read(path: &Path, of: Option<&str>) -> anyhow::Result<Vec<Act>> {
    let mut file = File::open(path).map_err(|error| unreadable(path, error))?;
    let (mut capture, mut listener) = (Capture::default(), Listener::default());
    let mut said = Vec::new();
    capture.read_on((&mut file, path), |packet| {
        said.extend(listener.take(packet));
        Ok(())
    })?;
    capture.end()?;
    capture.note_cut();
    let key = chosen_key(&said, of)?;
    said.retain(|one| one.key == key);
    match acts(said) {
        none if none.is_empty() => Err(failure(
            format_args!("no request to {} was answered in it", escaped(&key)),
            "name a recording of a key that was used",
        )),
        some => Ok(some),
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
            Err(failure("there is no message in it", "name a recording of a key that was used"))
        }
        (keys, Some(name)) if keys.contains(&name) => Ok(name.to_owned()),
        (_, Some(name)) => Err(usage(
            format_args!("it has no key {}; it has {all}", escaped(name)),
            "choose one of these with --of NAME",
        )),
        ([only], None) => Ok((*only).to_owned()),
        (_, None) => {
            Err(usage(format_args!("it has several keys: {all}"), "choose one with --of NAME"))
        }
    }
}

/// Each answer belongs to the last request on its channel. A key that is opened is plugged in: that is the first power cycle. Those
/// behind the last answer change nothing.
fn acts(said: Vec<Said>) -> Vec<Act> {
    let mut open = Vec::new();
    let (mut acts, mut begins) = (Vec::new(), true);
    for one in said {
        let is_first = std::mem::take(&mut begins);
        match one.what {
            Saying::Message(message, step) => {
                let exchange = answered(message, step, &mut open);
                acts.extend(exchange.map(|exchange| Act::Exchange(Box::new(exchange))));
            }
            happened => {
                open.clear();
                let is_repeated = has_power(&happened) && !is_first;
                acts.extend(is_repeated.then_some(Act::PowerCycle));
            }
        }
    }
    let last = acts.iter().rposition(|act| matches!(act, Act::Exchange(_)));
    acts.truncate(last.map_or(0, |last| last + 1));
    acts
}

/// The request that this message answers, of those that are `open`; or it is one.
fn answered(message: Message, step: Step, open: &mut Vec<(Message, Step)>) -> Option<Exchange> {
    if !matches!(message.content, Content::Ctap(_) | Content::U2f(_)) {
        return None;
    }
    let asked = open.iter().position(|(request, _)| request.channel == message.channel);
    let asked = asked.map(|index| open.swap_remove(index));
    if message.direction == Direction::ToKey {
        open.push((message, step));
        return None;
    }
    asked.map(|(request, asked)| Exchange { request, asked, reply: message })
}

/// Whether the key has power from then on that it had not before.
const fn has_power(happened: &Saying) -> bool {
    matches!(happened, Saying::PluggedIn | Saying::Field { is_on: true })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ctap_client::trace::Conversation;

    use super::*;

    fn said(channel: u32, direction: Direction, bytes: &[u8]) -> Said {
        let message = Message { channel, direction, content: Content::Ctap(bytes.to_vec()) };
        let step = Conversation::default().step(&message);
        let what = Saying::Message(message, step);
        Said { at: Duration::ZERO, key: "1-1".to_owned(), what }
    }

    fn happened(what: Saying) -> Said {
        Said { at: Duration::ZERO, key: "1-1".to_owned(), what }
    }

    // P-38
    #[test]
    fn power_cycles_between_the_first_and_the_last_answer_are_repeated() {
        let (to, from) = (Direction::ToKey, Direction::FromKey);
        let plugged_in = || happened(Saying::PluggedIn);
        let field = |is_on| happened(Saying::Field { is_on });
        let selection = || [said(1, to, &[0x0B]), said(1, from, &[0])];
        let told = |said: Vec<Said>| {
            let sign = |act: &Act| match act {
                Act::PowerCycle => '.',
                Act::Exchange(_) => 'x',
            };
            acts(said).iter().map(sign).collect::<String>()
        };
        let [first, second] = [selection(), selection()].map(Vec::from);
        let usb = [vec![plugged_in(), plugged_in()], first, vec![plugged_in()], second];
        assert_eq!(told(usb.into_iter().flatten().collect()), ".x.x", "opening it is the first");
        let [first, second] = [selection(), selection()].map(Vec::from);
        let card = [vec![field(true)], first, vec![field(false), field(true)], second];
        let away = vec![field(false), field(true), field(false)];
        assert_eq!(told(card.into_iter().flatten().chain(away).collect()), "x.x");
        let in_the_middle = Vec::from(selection()).into_iter().chain([plugged_in()]);
        assert_eq!(told(in_the_middle.chain(selection()).collect()), "x.x", "nobody saw it begin");
        let unanswered = vec![said(1, to, &[1]), plugged_in(), said(1, from, &[0])];
        assert_eq!(told(unanswered), "");
    }

    #[test]
    fn an_answer_belongs_to_the_last_request_on_its_channel() {
        let (to, from) = (Direction::ToKey, Direction::FromKey);
        let acts = acts(vec![
            said(1, from, &[0]),
            said(1, to, &[1]),
            said(2, to, &[4]),
            said(2, from, &[0]),
            said(1, from, &[0x27]),
            said(1, to, &[7]),
        ]);
        let pair = |act: &Act| match act {
            Act::Exchange(one) => (one.request.content.clone(), one.reply.content.clone()),
            Act::PowerCycle => panic!("there was none"),
        };
        let pairs: Vec<_> = acts.iter().map(pair).collect();
        let ctap = |byte| Content::Ctap(vec![byte]);
        assert_eq!(pairs, [(ctap(4), ctap(0)), (ctap(1), ctap(0x27))]);
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
