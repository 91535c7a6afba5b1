//! `keyfob conform`: the conformance suite against a key: one in this process, at a USB/IP server, or of this host.

mod caretaker;
mod in_process;
mod reports;
mod show;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;
use std::slice;
use std::time::Duration;

use anyhow::Context as _;
use ctap_conformance::{
    Case, Expectations, HidKey, Judgement, Report, Suite, SuiteError, Transport, run as run_suite,
};

use self::caretaker::{Attendant, CareOptions};
use self::in_process::Simulated;
use self::reports::{Keeper, ReportOptions};
use self::show::Progress;
use crate::device::Address;
use crate::failure::{advise, failure, usage};
use crate::profile::Profile;

/// Test whether a key keeps to the CTAP standard, case by case
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The key to test: auto, /dev/hidrawN, or usbip:HOST:PORT[/BUSID] [default: a new keyfob within this process]
    #[arg(long, value_name = "KEY", env = "KEYFOB_DEVICE")]
    device: Option<Address>,

    /// Without --device: what kind of keyfob to test
    #[arg(long, value_name = "NAME|FILE", default_value = "default", conflicts_with = "device")]
    profile: String,

    /// Allow resets: everything on the key is lost. Without this, only cases run that leave it as it is
    #[arg(long)]
    yes_erase_this_key: bool,

    /// Only cases with this word in their id, or with this rule, or of this chapter; may be repeated
    #[arg(long, value_name = "WORD")]
    filter: Vec<String>,

    /// List the cases instead
    #[arg(long)]
    list: bool,

    /// Show one case: what it is for, which rules it proves, and its steps
    #[arg(long, value_name = "ID", conflicts_with = "list")]
    explain: Option<String>,

    /// Cases known to fail, one id a line; one that passes nevertheless fails the run
    #[arg(long, value_name = "FILE")]
    expected_failures: Option<PathBuf>,

    /// Cases of one's own, in the TOML files of this directory, instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,

    /// How long one case may wait for time to pass; cases that need longer are skipped
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    patience: u64,

    #[command(flatten)]
    reports: ReportOptions,

    #[command(flatten)]
    care: CareOptions,
}

const EXAMPLES: &str = "\
Examples:
  keyfob conform                               a new keyfob in this process
  keyfob conform --profile bio --filter MC-07  one rule, a key with a sensor
  keyfob conform --explain mc-rp-missing       learn from a case
  keyfob conform --junit report.xml            for CI
  keyfob conform --device usbip:127.0.0.1:3240 --yes-erase-this-key
  keyfob conform --device /dev/hidraw3 --yes-erase-this-key --touch-cmd ./press

A key that runs in a keyfob of this host is touched and replugged by itself. For others, say how with --touch-cmd and \
--power-cycle-cmd, or do it by hand when asked. Exit code 1 if a case fails that was not expected to. \
docs/conformance.md has more.";

/// Runs the command.
///
/// # Errors
/// When the key cannot be reached, or fails a case.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let suite = options.suite()?;
    if let Some(id) = &options.explain {
        return show::explain(&suite, id);
    }
    let cases = options.chosen(&suite)?;
    if options.list {
        return show::list(&cases);
    }
    let expectations = options.expectations(&suite)?;
    let report = options.test(&suite, &cases, &expectations)?;
    let judgement = report.judge(&expectations);
    if !options.reports.is_quiet() {
        show::summary(&suite, &report, &judgement)?;
    }
    options.verdict(&judgement)
}

fn advise_about_cases(error: SuiteError) -> anyhow::Error {
    let next = match &error {
        SuiteError::Io(..) => "--cases takes a directory that you may read, with .toml files in it",
        SuiteError::Empty(_) => "put cases into it; the crate's vectors/README.md tells how",
        SuiteError::Syntax(..) | SuiteError::Twice(_) => {
            "mend it; the crate's vectors/README.md helps"
        }
    };
    advise(error, next)
}

impl Options {
    fn suite(&self) -> anyhow::Result<Suite> {
        match &self.cases {
            None => Ok(Suite::built_in()),
            Some(directory) => Suite::in_directory(directory).map_err(advise_about_cases),
        }
    }

    fn chosen<'s>(&self, suite: &'s Suite) -> anyhow::Result<Vec<&'s Case>> {
        // A misspelt word beside a good one would leave out what somebody relies on.
        let fits_nothing = |word: &&String| suite.filtered(slice::from_ref(*word)).is_empty();
        let lost: Vec<&str> = self.filter.iter().filter(fits_nothing).map(String::as_str).collect();
        match lost.is_empty() {
            true => Ok(suite.filtered(&self.filter)),
            false => Err(usage(
                format_args!("no case fits {}", lost.join(", nor ")),
                "correct the --filter or leave it out; `keyfob conform --list` shows all cases",
            )),
        }
    }

    fn expectations(&self, suite: &Suite) -> anyhow::Result<Expectations> {
        let Some(path) = &self.expected_failures else { return Ok(Expectations::default()) };
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))
            .map_err(|error| {
                advise(error, "--expected-failures takes a file with a case's id on each line")
            })?;
        let expectations = Expectations::read(&text);
        if let Some(id) = expectations.unknown(suite).next() {
            return Err(usage(
                format_args!("{} names {id}, which is no case", path.display()),
                "take it off the list, or correct it; `keyfob conform --list` shows all ids",
            ));
        }
        Ok(expectations)
    }

    fn test(
        &self,
        suite: &Suite,
        cases: &[&Case],
        expectations: &Expectations,
    ) -> anyhow::Result<Report> {
        let progress = Progress::new(suite, cases.len(), self.reports.is_quiet(), self.rerun());
        let options = ctap_conformance::Options {
            may_erase: self.may_erase(),
            patience: Duration::from_secs(self.patience),
        };
        let mut key = self.key()?;
        let keeper = Keeper::start(&self.reports, expectations)?;
        let report = run_suite(&mut *key, cases, &options, |report| {
            keeper.keep(report);
            progress.tell(report);
        })?;
        progress.end();
        keeper.finish(&report)?;
        Ok(report)
    }

    /// # Errors
    /// When something went otherwise than it should: what, and the next step.
    fn verdict(&self, judgement: &Judgement) -> anyhow::Result<()> {
        let (what, next) = match judgement {
            Judgement { gone: Some(gone), .. } => {
                (&**gone, "set that right and run again; what was found out until then is above")
            }
            good if good.is_good() => return Ok(()),
            Judgement { nothing_tested: true, .. } if !self.may_erase() => (
                "every case was skipped",
                "most cases begin with an empty key: --yes-erase-this-key lets them erase it",
            ),
            Judgement { nothing_tested: true, .. } => (
                "every case was skipped",
                "see to what the table gives as the reason, or choose cases that apply to this key",
            ),
            Judgement { surprises, mended, .. } if surprises.is_empty() && !mended.is_empty() => (
                "a case passed that is listed as an expected failure",
                "take it off the list of --expected-failures",
            ),
            _ => (
                "the key does not keep to the standard, or not as expected",
                "`keyfob conform --explain ID` shows what a case wants",
            ),
        };
        Err(failure(what, next))
    }

    fn may_erase(&self) -> bool {
        self.yes_erase_this_key || self.device.is_none()
    }

    fn key(&self) -> anyhow::Result<Box<dyn Transport>> {
        match &self.device {
            None => Ok(Box::new(HidKey::new(Simulated::new(&Profile::load(&self.profile)?)?))),
            Some(address) => Ok(Box::new(HidKey::new(Attendant::new(address, &self.care)?))),
        }
    }

    /// How this run is asked for again, up to the case.
    fn rerun(&self) -> String {
        let key = match &self.device {
            None => format!("--profile {}", self.profile),
            Some(device) => format!("--device {device} --yes-erase-this-key"),
        };
        let cases = self.cases.as_ref().map(|path| format!(" --cases {}", path.display()));
        format!("keyfob conform {key}{} --filter", cases.unwrap_or_default())
    }
}
