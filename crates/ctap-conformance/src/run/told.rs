//! Describes a failure: the step, the last messages, and what is wrong.

use ctap_client::cbor::decode;
use ctap_client::shown::{hex, shown};

use crate::outcome::{Failure, Verdict};
use crate::play::Stop;
use crate::play::reports::short;
use crate::play::requests::named;
use crate::watch::Said;

/// The verdict of a case that stopped, with the last messages.
pub(super) fn verdict_of(
    stop: Stop,
    last: Option<(Said, Option<Vec<u8>>)>,
    step: &str,
    id: Option<&str>,
) -> Verdict {
    match stop {
        Stop::Unable(reason) => Verdict::Skipped { reason },
        Stop::Wrong(problem) | Stop::Unanswered(problem) => {
            let (request, response) = match last {
                Some((said, answer)) => {
                    let response = answer.map(|answer| show_answer(&answer, &said));
                    (Some(show_said(&said)), response)
                }
                None => (None, None),
            };
            let rerun = id.map(str::to_owned);
            Verdict::Failed(Failure { step: step.to_owned(), problem, request, response, rerun })
        }
    }
}

fn show_said(said: &Said) -> String {
    match said {
        Said::Ctap(message) => {
            let (command, body) = message.split_first().unwrap_or((&0, &[]));
            let name = crate::script::COMMANDS.iter().find(|(_, code)| code == command);
            let name = name
                .map_or_else(|| format!("command {command:#04x}"), |(name, _)| (*name).to_owned());
            format!("{name} {}", show_body(body)).trim_end().to_owned()
        }
        Said::U2f(apdu) => format!("apdu {}", hex(apdu)),
        Said::Apdu(apdu) => format!("transmit {}", hex(apdu)),
        Said::Hid(report) => format!("> {}", short(report)),
    }
}

fn show_answer(answer: &[u8], said: &Said) -> String {
    match (said, answer.split_first()) {
        (Said::Ctap(_), Some((status, body))) => {
            let status = named(ctap_client::Status::from_byte(*status));
            format!("{status} {}", show_body(body)).trim_end().to_owned()
        }
        (Said::Hid(_), _) => format!("< {}", short(answer)),
        (Said::Ctap(_) | Said::U2f(_) | Said::Apdu(_), _) => hex(answer),
    }
}

fn show_body(body: &[u8]) -> String {
    match decode(body) {
        _ if body.is_empty() => String::new(),
        Ok(value) => shown(&value),
        Err(_) => format!("raw(h'{}')", hex(body)),
    }
}
