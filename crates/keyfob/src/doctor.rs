//! `keyfob doctor`: what this host lacks, and the next step for each.

mod checks;
mod host;
mod port;
mod way_in;

use serde::Serialize;

use self::host::Host;
use crate::failure::failure;
use crate::terminal::{self, Paint};

/// Find out what this host lacks to have a key attached, and what to do about it
///
/// Exit code 0 if a key can be attached here, else 1.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    topic: &'static str,
    state: State,
    what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// How things stand with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Good,
    /// A key can be attached all the same.
    Note,
    /// Without it no key can be attached.
    Lacking,
}

/// Runs the command.
///
/// # Errors
/// When no key can be attached here.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let findings = checks::all(&Host::this());
    let text = match options.json {
        true => format!("{}\n", serde_json::to_string_pretty(&findings)?),
        false => report(&findings, Paint::stdout()),
    };
    terminal::print(text)?;
    match findings.iter().find(|finding| finding.state == State::Lacking) {
        None => Ok(()),
        Some(lacking) => {
            let next = lacking.next.as_deref().unwrap_or_default();
            Err(failure(
                format_args!("no key can be attached to this host yet: {}", lacking.what),
                next,
            ))
        }
    }
}

/// The first thing that keeps a key from being attached to this host, and what to do about it.
pub(crate) fn obstacle_to_attaching() -> Option<(String, String)> {
    let findings = checks::for_attaching(&Host::this());
    let lacking = findings.into_iter().find(|finding| finding.state == State::Lacking)?;
    Some((lacking.what, lacking.next.unwrap_or_default()))
}

/// How to come by a key on this host, which has none in a USB port: a sentence for `next:`.
pub(crate) fn way_to_a_key() -> String {
    way_in::to_a_key(&Host::this())
}

fn report(findings: &[Finding], paint: Paint) -> String {
    let width = findings.iter().map(|finding| finding.topic.len()).max().unwrap_or_default();
    let line = |finding: &Finding| {
        let state = match finding.state {
            State::Good => paint.green("good   "),
            State::Note => paint.yellow("note   "),
            State::Lacking => paint.red("lacking"),
        };
        let next =
            finding.next.iter().map(|next| format!("{:>9}{:width$}  next: {next}\n", "", ""));
        format!("{state}  {:width$}  {}\n{}", finding.topic, finding.what, next.collect::<String>())
    };
    findings.iter().map(line).collect()
}

impl Finding {
    fn good(topic: &'static str, what: impl Into<String>) -> Self {
        Self { topic, state: State::Good, what: what.into(), next: None }
    }

    fn note(topic: &'static str, what: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::good(topic, what) }
    }

    fn lacking(topic: &'static str, what: impl Into<String>) -> Self {
        Self { state: State::Lacking, ..Self::good(topic, what) }
    }

    fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob doctor
  keyfob doctor --json | jq '.[] | select(.state == \"lacking\")'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_line_for_each_finding_and_the_next_step_beneath_it() {
        let findings =
            [Finding::good("one", "is there"), Finding::lacking("three", "is not").next("get it")];
        let text = report(&findings, Paint::plain());
        assert_eq!(
            text,
            "good     one    is there\nlacking  three  is not\n                next: get it\n"
        );
    }

    #[test]
    fn json_leaves_out_what_needs_no_next_step() {
        let json = serde_json::to_value(Finding::good("one", "is there")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "topic": "one", "state": "good", "what": "is there" })
        );
    }
}
