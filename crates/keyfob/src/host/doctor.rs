//! `keyfob doctor`: what this host lacks, and the next step for each.

use clap::ValueEnum;

use super::finding::{Finding, State};
use super::machine::Machine;
use super::{checks, udev_rule};
use crate::failure::failure;
use crate::terminal::{self, Paint};

/// Find out what this host lacks to have a key, and what to do about it
///
/// Exit code 1 if a way is named in which no key can be had here, else 0.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Fail unless a key can be had in this way
    #[arg(value_enum)]
    way: Option<Way>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Print a udev rule instead, by which more than root may use keys, and browsers that are snaps see them
    #[arg(long, conflicts_with_all = ["way", "json"])]
    udev_rule: bool,
}

/// How a key comes to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// `keyfob attach`: on the USB bus, for all programs
    Attach,
    /// `keyfob serve`: over USB/IP, for keyfob's own commands and for other hosts
    Serve,
}

/// Runs the command.
///
/// # Errors
/// When no key can be had here in the way that was asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.udev_rule {
        return Ok(terminal::print(udev_rule::TEXT)?);
    }
    let mut findings = checks::all(&Machine::this());
    let verdicts = verdicts(&findings);
    findings.extend(verdicts.iter().map(|(_, verdict)| verdict.clone()));
    let text = match options.json {
        true => format!("{}\n", serde_json::to_string_pretty(&findings)?),
        false => report(&findings, Paint::stdout()),
    };
    terminal::print(text)?;
    match verdicts.into_iter().find(|(way, _)| options.way == Some(*way)) {
        Some((_, Finding { topic, state: State::Lacking, what, next })) => {
            Err(failure(format_args!("{topic}: {what}"), next.unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

/// For each way whether a key can be had here by it.
fn verdicts(findings: &[Finding]) -> [(Way, Finding); 2] {
    let lacking = findings.iter().find(|finding| finding.state == State::Lacking);
    let attach = match lacking {
        None => Finding::good("attach", "yes: `keyfob attach` plugs a key into this host"),
        Some(lacking) => Finding {
            topic: "attach",
            what: format!("no, because {}", lacking.what),
            ..lacking.clone()
        },
    };
    let serve =
        "yes: `keyfob serve` needs neither root nor the kernel; it prints how to use the key";
    [(Way::Attach, attach), (Way::Serve, Finding::good("serve", serve))]
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

const EXAMPLES: &str = "\
Examples:
  keyfob doctor
  keyfob doctor attach && sudo keyfob attach
  keyfob doctor --udev-rule | sudo tee /etc/udev/rules.d/70-keyfob.rules
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
    fn each_way_to_a_key_is_judged_by_itself() {
        let told = |findings: &[Finding]| {
            verdicts(findings).map(|(_, verdict)| (verdict.topic, verdict.state, verdict.next))
        };
        let lacking = Finding::lacking("vhci-hcd", "it is not loaded").next("load it");
        let serve = ("serve", State::Good, None);
        let attach = ("attach", State::Lacking, Some("load it".to_owned()));
        let noted = Finding::note("udev", "does not run");
        assert_eq!(told(&[noted.clone(), lacking.clone()]), [attach, serve.clone()]);
        assert_eq!(told(&[noted]), [("attach", State::Good, None), serve]);
        assert_eq!(verdicts(&[lacking])[0].1.what, "no, because it is not loaded");
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
