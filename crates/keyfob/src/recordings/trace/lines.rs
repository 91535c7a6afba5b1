//! What was said, as lines.

use std::fmt::Write as _;
use std::time::Duration;

use ctap_client::Value;
use ctap_client::shown::shown;
use ctap_client::trace::{Direction, Outcome, Step, is_left_out};
use serde_json::{Map, json};

use crate::recordings::said::{Said, Saying};
use crate::terminal::shown::escaped;
use crate::terminal::{self, Paint, hex};

/// How steps are shown.
pub(super) struct Lines {
    is_json: bool,
    is_verbose: bool,
    paint: Paint,
    /// Of the first step.
    began: Option<Duration>,
}

impl Lines {
    /// Lines for the standard output stream: of JSON, or for a person; `is_verbose`: with all members.
    pub(super) fn new(is_json: bool, is_verbose: bool) -> Self {
        Self { is_json, is_verbose, paint: Paint::stdout(), began: None }
    }

    /// The lines of one step.
    ///
    /// # Errors
    /// None is known: all of it can be said in JSON.
    pub(super) fn of(&mut self, said: &Said) -> anyhow::Result<String> {
        if self.is_json {
            return Ok(terminal::json_line(&as_json(said))?);
        }
        let began = *self.began.get_or_insert(said.at);
        let at = said.at.saturating_sub(began);
        let when =
            format!("{:>4}.{:06} {:<4}", at.as_secs(), at.subsec_micros(), escaped(&said.key));
        let when = self.paint.dim(when);
        Ok(match &said.what {
            Saying::PluggedIn => format!("{when} {}\n", self.paint.bold("plugged in")),
            Saying::Field { is_on: true } => format!("{when} {}\n", self.paint.bold("power on")),
            Saying::Field { is_on: false } => format!("{when} {}\n", self.paint.bold("power off")),
            Saying::Message(_, step) => format!("{when} {}", self.step(step)),
        })
    }

    fn step(&self, step: &Step) -> String {
        let arrow = match step.direction {
            Direction::ToKey => ">",
            Direction::FromKey => "<",
        };
        let name = self.painted(step.outcome, &escaped(&step.name));
        let channel = self.paint.dim(format_args!("{:08x}", step.channel));
        let mut lines = match (self.is_verbose, step.main()) {
            (false, main) if !main.is_empty() => {
                format!("{channel} {arrow} {name} {}\n", escaped(&main))
            }
            _ => format!("{channel} {arrow} {name}\n"),
        };
        if self.is_verbose {
            for (member, value) in &step.members {
                write_member(&escaped(member), value, 1, &mut lines);
            }
        }
        lines
    }

    fn painted(&self, outcome: Outcome, name: &str) -> String {
        match outcome {
            Outcome::Asked => self.paint.cyan(name),
            Outcome::Done => self.paint.green(name),
            Outcome::Refused | Outcome::Broken => self.paint.red(name),
            Outcome::Waiting => self.paint.yellow(name),
        }
    }
}

/// A member on a line of its own, and what is in it on lines below.
fn write_member(name: &str, value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth + 6);
    let mut line = |text: &str| {
        let space = if text.is_empty() { "" } else { " " };
        // A string takes all there is.
        let _ = writeln!(out, "{indent}{name}:{space}{text}");
    };
    match value {
        Value::Bytes(bytes) if is_left_out(bytes) => line(&left_out(bytes)),
        Value::Map(entries) if !entries.is_empty() => {
            line("");
            for (key, value) in entries {
                let key = key.as_text().map_or_else(|| shown(key), str::to_owned);
                write_member(&escaped(&key), value, depth + 1, out);
            }
        }
        other => line(&escaped(&shown(other))),
    }
}

fn left_out(bytes: &[u8]) -> String {
    format!("{} bytes left out", bytes.len())
}

fn as_json(said: &Said) -> serde_json::Value {
    let time = said.at.as_secs_f64();
    match &said.what {
        Saying::PluggedIn => json!({ "time": time, "key": said.key, "name": "plugged in" }),
        Saying::Field { is_on } => {
            let name = if *is_on { "power on" } else { "power off" };
            json!({ "time": time, "key": said.key, "name": name })
        }
        Saying::Message(_, step) => {
            let members = step.members.iter().map(|(name, value)| (name.clone(), json_of(value)));
            json!({
                "time": time,
                "key": said.key,
                "channel": format!("{:08x}", step.channel),
                "direction": if step.direction == Direction::ToKey { "toKey" } else { "fromKey" },
                "outcome": outcome(step.outcome),
                "name": step.name,
                "members": members.collect::<Map<_, _>>(),
            })
        }
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Asked => "asked",
        Outcome::Done => "done",
        Outcome::Refused => "refused",
        Outcome::Waiting => "waiting",
        Outcome::Broken => "broken",
    }
}

/// Bytes are pairs of digits; what JSON has no word for, as the conformance suite writes it.
fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            i64::try_from(number).map_or_else(|_| number.to_string().into(), Into::into)
        }
        Value::Bytes(bytes) if is_left_out(bytes) => left_out(bytes).into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bool(truth) => (*truth).into(),
        Value::Null => serde_json::Value::Null,
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => {
            let named = entries.iter().map(|(key, value)| {
                (key.as_text().map_or_else(|| shown(key), str::to_owned), json_of(value))
            });
            serde_json::Value::Object(named.collect())
        }
        other => shown(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use ctap_client::trace::{Content, Conversation, Message};

    use super::*;

    fn said(direction: Direction, bytes: &[u8]) -> Said {
        let message = Message { channel: 1, direction, content: Content::Ctap(bytes.to_vec()) };
        let step = Conversation::default().step(&message);
        Said {
            at: Duration::from_millis(5),
            key: "1-1".to_owned(),
            what: Saying::Message(message, step),
        }
    }

    fn lines(is_json: bool, is_verbose: bool) -> Lines {
        Lines { is_json, is_verbose, paint: Paint::plain(), began: Some(Duration::ZERO) }
    }

    #[test]
    fn a_step_is_a_line_and_with_v_each_member_another() {
        let asked = said(Direction::ToKey, &[6, 0xA2, 1, 2, 2, 1]);
        let line = lines(false, false).of(&asked).unwrap();
        assert_eq!(
            line,
            "   0.005000 1-1  00000001 > authenticatorClientPIN subCommand getPINRetries\n"
        );
        let all = lines(false, true).of(&asked).unwrap();
        assert!(all.ends_with("\n              pinUvAuthProtocol: 2\n              subCommand: \"getPINRetries\"\n"), "{all}");
    }

    #[test]
    fn programs_get_an_object_for_each_step() {
        let line = lines(true, false).of(&said(Direction::FromKey, &[0x31])).unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["name"], "CTAP2_ERR_PIN_INVALID");
        assert_eq!(
            (&object["outcome"], &object["direction"]),
            (&json!("refused"), &json!("fromKey"))
        );
    }

    // P-8
    #[test]
    fn what_a_host_says_cannot_paint_on_the_terminal() {
        let rp_id = "\u{1b}[2J\u{202e}";
        let members = Value::Map(vec![(1.into(), rp_id.into())]);
        let request = [&[2], ctap_client::cbor::encode(&members).as_slice()].concat();
        for is_verbose in [false, true] {
            let line = lines(false, is_verbose).of(&said(Direction::ToKey, &request)).unwrap();
            assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}'), "{line:?}");
        }
    }
}
