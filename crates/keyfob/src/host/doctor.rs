//! `keyfob doctor`: what this host lacks, and the next step for each.

use std::env;
use std::io::{self, stdout};

use terminal_size::terminal_size_of;

use super::finding::{Finding, State};
use super::machine::Machine;
use super::ways::{Drivers, Verdict, Way};
use super::{bridge_service, checks, key_service, udev_rule};
use crate::failure::failure;
use crate::terminal::wrap::{columns_of, hanging};
use crate::terminal::{self, Paint};

/// Find out what this host needs to have a key, and what to do
///
/// The exit code is 1 if you name a way that does not work here, else 0.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Fail unless this way to a key works here
    #[arg(value_enum)]
    way: Option<Way>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Print a udev rule instead: with it users other than root may use keys, and browsers that are snaps see them
    #[arg(long, conflicts_with_all = ["way", "json"])]
    udev_rule: bool,

    /// Add a second rule, with which `keyfob attach --uhid` needs no root. Everybody whom that rule allows to make keys can also make keyboards
    #[arg(long, requires = "udev_rule")]
    uhid: bool,

    /// Print a polkit rule instead, with which `keyfob bridge` as a service may use pcscd
    #[arg(long, conflicts_with_all = ["way", "json", "udev_rule"])]
    polkit_rule: bool,

    /// Print a systemd unit instead, which runs `keyfob bridge` as a service, not as root
    #[arg(long, conflicts_with_all = ["way", "json", "udev_rule", "polkit_rule"])]
    bridge_unit: bool,

    /// Print a systemd unit instead: for a key of this machine, for a key of this user, or for notifications on the desktop
    #[arg(long, value_name = "WHOSE", conflicts_with_all = ["way", "json", "udev_rule", "polkit_rule", "bridge_unit"])]
    key_unit: Option<key_service::Whose>,
}

/// Runs the command.
///
/// # Errors
/// When no key can be had here in the way that was asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(file) = options.file()? {
        return Ok(terminal::print(file)?);
    }
    let host = Machine::this();
    let mut findings = checks::all(&host);
    let verdicts = Drivers::of(&host).verdicts(&host);
    findings.extend(verdicts.iter().map(|verdict| verdict.finding.clone()));
    let text = match options.json {
        true => format!("{}\n", serde_json::to_string_pretty(&findings)?),
        false => report(&findings, Paint::stdout(), columns_of(terminal_size_of(stdout()))),
    };
    terminal::print(text)?;
    let is_shut = |verdict: &Verdict| options.way == Some(verdict.way) && !verdict.is_open;
    match verdicts.into_iter().find(is_shut) {
        Some(Verdict { finding: Finding { topic, what, next, .. }, .. }) => {
            Err(failure(format_args!("{topic}: {what}"), next.unwrap_or_default()))
        }
        None => Ok(()),
    }
}

impl Options {
    /// What is to be printed in place of findings, to be installed.
    fn file(&self) -> io::Result<Option<String>> {
        Ok(match self {
            Self { udev_rule: true, uhid, .. } => Some(udev_rule::text(*uhid)),
            Self { polkit_rule: true, .. } => Some(bridge_service::POLKIT_RULE.to_owned()),
            Self { bridge_unit: true, .. } => Some(bridge_service::unit(&env::current_exe()?)),
            Self { key_unit: Some(whose), .. } => Some(whose.unit(&env::current_exe()?)),
            _ => None,
        })
    }
}

fn report(findings: &[Finding], paint: Paint, columns: Option<usize>) -> String {
    let width = findings.iter().map(|finding| finding.topic.len()).max().unwrap_or_default();
    let line = |finding: &Finding| {
        let state = match finding.state {
            State::Good => paint.green("good   "),
            State::Note => paint.yellow("note   "),
            State::Lacking => paint.red("lacking"),
        };
        let behind = STATE + width + 2;
        let what = hanging(&finding.what, behind, columns);
        let next = finding.next.as_deref().map(|next| {
            let next = next_step(next, behind + NEXT.len(), columns);
            format!("{:behind$}{NEXT}{next}\n", "")
        });
        format!("{state}  {:width$}  {what}\n{}", finding.topic, next.unwrap_or_default())
    };
    findings.iter().map(line).collect()
}

/// Broken where that does no harm: commands are copied, and half of one might do something else.
fn next_step(next: &str, indent: usize, columns: Option<usize>) -> String {
    if COMMANDS.iter().any(|command| next.starts_with(command)) {
        return next.to_owned();
    }
    let kept = |(number, part): (usize, &str)| match number % 2 {
        0 => part.to_owned(),
        _ => part.replace(' ', UNBROKEN),
    };
    let parts: Vec<_> = next.split('`').enumerate().map(kept).collect();
    hanging(&parts.join("`"), indent, columns).replace(UNBROKEN, " ")
}

/// Columns of a state, with the gap behind it.
const STATE: usize = 9;
const NEXT: &str = "next: ";
/// How a next step begins that is a command.
const COMMANDS: [&str; 3] = ["sudo ", "keyfob ", "flatpak "];
/// A blank at which no line is broken.
const UNBROKEN: &str = "\u{a0}";

const EXAMPLES: &str = "\
Examples:
  keyfob doctor
  keyfob doctor attach && sudo keyfob attach
  keyfob doctor --udev-rule | sudo tee /etc/udev/rules.d/70-keyfob.rules
  keyfob doctor uhid && keyfob attach --uhid
  keyfob doctor --polkit-rule | sudo tee /etc/polkit-1/rules.d/70-keyfob.rules
  keyfob doctor --key-unit user > ~/.config/systemd/user/keyfob.service
  keyfob doctor --json | jq '.[] | select(.state == \"lacking\")'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_line_for_each_finding_and_the_next_step_beneath_it() {
        let findings =
            [Finding::good("one", "is there"), Finding::lacking("three", "is not").next("get it")];
        let text = report(&findings, Paint::plain(), None);
        assert_eq!(
            text,
            "good     one    is there\nlacking  three  is not\n                next: get it\n"
        );
    }

    #[test]
    fn on_a_terminal_all_but_commands_goes_on_below_its_beginning() {
        let findings = [
            Finding::note("one", "is there, and not as it should be").next("see `man one` for it"),
            Finding::lacking("two", "is not").next("sudo apt install two-with-a-long-name"),
        ];
        assert_eq!(
            report(&findings, Paint::plain(), Some(36)),
            "note     one  is there, and not as\n              it should be\n\
             \x20             next: see `man one`\n                    for it\n\
             lacking  two  is not\n              next: sudo apt install two-with-a-long-name\n"
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
