//! `keyfob conform`: the conformance suite against a key: one in this process, at a USB/IP server, or of this host.

mod choice;
mod explain;
mod in_process;
mod reports;
mod rules;
mod show;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use ctap_client::{Client, Status};
use ctap_conformance::{
    CardKey, Case, Expectations, HidKey, Imitated, Judgement, KnownPin, Report, Suite, Transport,
    run as run_suite,
};
use virtual_key::key::Touch;
use virtual_key::profile::{OnlyAnnounced, Profile};

use self::choice::ChoiceOptions;
use self::in_process::Simulated;
use self::reports::{ReportOptions, ReportWriter};
use self::show::Progress;
use crate::device::{self, Address};
use crate::failure::{advise, failure, usage};
use crate::operator::{CardOperator, ExternalOperator, OperatorOptions};
use crate::profiles::KindOptions;
use crate::say::warn;
use crate::settings::{CurrentPinOptions, pin};
use crate::terminal;

/// Test whether a key follows the CTAP standard, case by case
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The key to test: auto, /dev/hidrawN, usbip:HOST:PORT/BUSID or pcsc:READER, shorter where that is clear [default: a new keyfob within this process]
    #[arg(long, value_name = "KEY", env = "KEYFOB_DEVICE", add = device::completer())]
    device: Option<Address>,

    /// Without --device: what kind of keyfob to test. With it: the model that the key imitates
    #[command(flatten)]
    kind: KindOptions,

    /// Allow resets: everything on the key is lost. Without this, only cases run that leave it as it is
    #[arg(long)]
    yes_erase_this_key: bool,

    #[command(flatten)]
    pin: CurrentPinOptions,

    #[command(flatten)]
    choice: ChoiceOptions,

    /// List the cases instead; with --json for programs
    #[arg(long, conflicts_with_all = ["junit", "sarif", "markdown"])]
    list: bool,

    /// List the chapters instead; with --json for programs
    #[arg(long, conflicts_with_all = ["list", "junit", "sarif", "markdown"])]
    chapters: bool,

    /// Show one case: what it is for, which rules it tests, and its steps. Or one rule, or one chapter
    #[arg(
        long, value_name = "ID|RULE|CHAPTER", conflicts_with_all = ["list", "chapters"],
        add = choice::completer()
    )]
    explain: Option<String>,

    /// Stop at the first failure that is not expected
    #[arg(long)]
    fail_fast: bool,

    /// A file with the cases that are known to fail, one id on each line; if one of them passes, the run fails
    #[arg(long, value_name = "FILE")]
    expected_failures: Option<PathBuf>,

    /// How long one case may wait for time to pass; cases that need longer are skipped
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    patience: u64,

    #[command(flatten)]
    reports: ReportOptions,

    #[command(flatten)]
    operator: OperatorOptions,
}

const EXAMPLES: &str = "\
Examples:
  keyfob conform                               a new keyfob in this process
  keyfob conform --profile bio --filter MC-07  one rule, a key with a sensor
  keyfob conform --chapters                    what can be chosen?
  keyfob conform --explain mc-rp-missing       explain a case, or a rule
  keyfob conform --junit report.xml            for CI
  keyfob conform --failed-in report.json       what failed, once more
  keyfob conform --device usbip:127.0.0.1:3240 --yes-erase-this-key
  keyfob conform --device /dev/hidraw3 --yes-erase-this-key --touch-cmd ./press
  keyfob conform --device usbip:10.0.0.7:3240 --like titan  a keyfob elsewhere

If the key belongs to a keyfob that runs on this host, keyfob touches and replugs it, and asks it which model it imitates. For other keys, give \
--touch-cmd and --power-cycle-cmd, or do it by hand when asked. The exit code is 1 if a case fails that was not \
expected to fail. docs/conformance.md has more.";

/// Runs the command; `verbose` leaves out nothing of the table.
///
/// # Errors
/// When the key cannot be reached, or fails a case.
pub(crate) fn run(options: &Options, verbose: bool) -> anyhow::Result<()> {
    options.reports.check()?;
    if options.device.is_none() && options.pin.typed().next().is_some() {
        let what = "a keyfob within this process is new, so it has no PIN";
        return Err(usage(what, "leave out the PIN, or name a key with --device"));
    }
    let suite = options.choice.suite()?;
    if let Some(name) = &options.explain {
        return explain::explain(&suite, name);
    }
    let cases = options.choice.chosen(&suite)?;
    if options.list {
        let list = || explain::json_list(&cases);
        return options.reports.write_list(list, || explain::list(&cases));
    }
    if options.chapters {
        let list = || explain::json_chapters(&suite, &cases);
        return options.reports.write_list(list, || explain::chapters(&suite, &cases));
    }
    if let (true, Some(path)) = (cases.is_empty(), options.choice.report()) {
        let path = path.display();
        terminal::note(format_args!("none of the chosen cases failed in {path}: nothing to do"));
        return Ok(());
    }
    let expectations = options.expectations(&suite)?;
    let report = options.test(&suite, &cases, &expectations)?;
    let judgement = report.judge(&expectations);
    if !options.reports.is_quiet() {
        show::summary(&suite, &report, &judgement, verbose)?;
    }
    options.verdict(&judgement)
}

impl Options {
    fn expectations(&self, suite: &Suite) -> anyhow::Result<Expectations> {
        let Some(path) = &self.expected_failures else { return Ok(Expectations::default()) };
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))
            .map_err(|error| {
                advise(
                    error,
                    "--expected-failures needs a file with the id of one case on each line",
                )
            })?;
        let expectations = Expectations::read(&text);
        if let Some(id) = expectations.unknown(suite).next() {
            return Err(usage(
                format_args!("{} names {id}, which is not a case", path.display()),
                "remove it from the list, or correct it; `keyfob conform --list` shows all ids",
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
        let pin = self.pin.given()?;
        if let (Some(address), Some(pin)) = (&self.device, &pin) {
            refuse_a_wrong_pin(&address.clone().found()?, pin.expose())?;
        }
        let Subject { mut key, imitates } = self.subject()?;
        let progress = Progress::new(suite, cases.len(), self.reports.is_quiet(), self.rerun());
        let options = ctap_conformance::Options {
            may_erase: self.may_erase(),
            pin: pin.map(|pin| KnownPin(pin.expose().to_owned())),
            imitates,
            patience: Duration::from_secs(self.patience),
            fail_fast: self.fail_fast.then(|| expectations.clone()),
            device: self.device_name(),
        };
        let writer = ReportWriter::start(&self.reports, expectations)?;
        let report = run_suite(&mut *key, cases, &options, |report| {
            writer.keep(report);
            progress.tell(report);
        })?;
        progress.end();
        writer.finish(&report)?;
        Ok(report)
    }

    /// # Errors
    /// When something went otherwise than it should: what, and the next step.
    fn verdict(&self, judgement: &Judgement) -> anyhow::Result<()> {
        let (what, next) = match judgement {
            Judgement { gone: Some(gone), .. } => {
                (&**gone, "correct that and run again; the results until then are above")
            }
            good if good.is_good() => return Ok(()),
            Judgement { nothing_tested: true, .. } if !self.may_erase() => (
                "every case was skipped",
                "most cases begin with an empty key: --yes-erase-this-key lets them erase it",
            ),
            Judgement { nothing_tested: true, .. } => (
                "every case was skipped",
                "remove the cause that the table gives, or choose cases that apply to this key",
            ),
            Judgement { surprises, mended, .. } if surprises.is_empty() && !mended.is_empty() => (
                "a case passed that is listed as an expected failure",
                "remove it from the list of --expected-failures",
            ),
            _ => (
                "the key breaks the standard, or not in the expected way",
                "`keyfob conform --explain ID` shows what a case needs, or what a rule says; --failed-in runs the \
                 failed cases again",
            ),
        };
        Err(failure(what, next))
    }

    fn may_erase(&self) -> bool {
        self.yes_erase_this_key || self.device.is_none()
    }

    /// The key that is named, or else a new one of this kind.
    fn subject(&self) -> anyhow::Result<Subject> {
        let Some(address) = &self.device else {
            let profile = self.kind.load()?.profile;
            let key = Box::new(HidKey::new(Simulated::new(&profile, Touch::Ask)?));
            return Ok(Subject { key, imitates: imitated(&profile)? });
        };
        let said = self.said_of_the_key()?;
        let address = address.clone().found()?;
        if let Address::Pcsc { reader } = address {
            let operator = CardOperator::new(reader.unwrap_or_default(), &self.operator);
            refuse_a_key_that_refuses(operator.touch())?;
            let imitates = said_or_told(said, || operator.profile())?;
            return Ok(Subject { key: Box::new(CardKey::new(operator)), imitates });
        }
        let operator = ExternalOperator::new(&address, &self.operator)?;
        refuse_a_key_that_refuses(operator.touch())?;
        warn_of_a_key_without_a_person(operator.touch());
        let imitates = said_or_told(said, || operator.profile())?;
        Ok(Subject { key: Box::new(HidKey::new(operator)), imitates })
    }

    /// What kind of key is there, if the command line says so. Of one that imitates nothing there is nothing to say.
    fn said_of_the_key(&self) -> anyhow::Result<Option<Profile>> {
        if !self.kind.is_named() {
            return Ok(None);
        }
        let profile = self.kind.load()?.profile;
        match profile.imitates() {
            Some(_) => Ok(Some(profile)),
            None => Err(usage(
                format_args!(
                    "--device names the key that is tested, and {} imitates no model",
                    self.kind.name()
                ),
                "leave out --device to test a new key of that kind, or leave out --profile",
            )),
        }
    }

    /// What reports call the key.
    fn device_name(&self) -> String {
        match &self.device {
            None => format!("keyfob in process, {}", self.kind.name()),
            Some(device) if self.kind.is_named() => format!("{device}, {}", self.kind.name()),
            Some(device) => device.to_string(),
        }
    }

    /// How this run is asked for again, up to the case.
    fn rerun(&self) -> String {
        let mut words = "keyfob conform".to_owned();
        if let Some(device) = &self.device {
            words += &format!(" --device {device}");
        }
        if self.device.is_none() || self.kind.is_named() {
            words += &format!(" {}", typed(self.kind.typed()));
        }
        if self.device.is_some() && self.yes_erase_this_key {
            words += " --yes-erase-this-key";
        }
        words += &self.pin.typed().map(|word| format!(" {word}")).collect::<String>();
        for (option, command) in self.operator.commands() {
            words += &format!(" {option} {}", quoted(command));
        }
        if let Some(path) = &self.choice.cases {
            words += &format!(" --cases {}", quoted(&path.display().to_string()));
        }
        words + " --filter"
    }
}

/// Nearly every case needs a touch.
fn refuse_a_key_that_refuses(touch: Option<Touch>) -> anyhow::Result<()> {
    match touch {
        Some(Touch::Deny) => Err(failure(
            "the running key refuses every request without asking, and nearly every case needs a touch",
            START_IT_ANEW,
        )),
        _ => Ok(()),
    }
}

/// Tries the PIN once: cases would try a wrong one until the key is blocked. A right one that must be changed first looks wrong to
/// getPinToken alone (CP-90).
fn refuse_a_wrong_pin(address: &Address, given: &str) -> anyhow::Result<()> {
    let mut key = Client::new(address.open()?);
    let info = key.get_info()?;
    let is_judged = info.is_on("pinUvAuthToken") || info.force_pin_change != Some(true);
    if !info.is_on("clientPin") || !is_judged {
        return Ok(());
    }
    match pin::judged(&mut key, &info, given) {
        Err(error) if is_wrong(error.status()) => Err(pin::explain(&mut key, error)),
        _ => Ok(()),
    }
}

fn is_wrong(status: Option<Status>) -> bool {
    matches!(status, Some(Status::PinInvalid | Status::PinAuthBlocked | Status::PinBlocked))
}

/// Many cases prove that a key waits for a person.
fn warn_of_a_key_without_a_person(touch: Option<Touch>) {
    if touch == Some(Touch::Auto) {
        warn(format_args!(
            "the running key approves every request without asking, so cases about touches are skipped; {START_IT_ANEW}"
        ));
    }
}

const START_IT_ANEW: &str = "start it with --touch ask";

/// What is tested.
struct Subject {
    key: Box<dyn Transport>,
    /// The model that it imitates; `None`: it imitates none, or nobody here knows.
    imitates: Option<Imitated>,
}

/// The model that a key imitates: as it was said, or as the keyfob tells that it runs in, if that is one of this host.
fn said_or_told(
    said: Option<Profile>,
    told: impl FnOnce() -> Option<anyhow::Result<Profile>>,
) -> anyhow::Result<Option<Imitated>> {
    let profile = match said {
        Some(profile) => Some(profile),
        None => told().transpose()?,
    };
    profile.map_or(Ok(None), |profile| imitated(&profile))
}

/// The model that keys of this kind imitate, if they do.
fn imitated(profile: &Profile) -> anyhow::Result<Option<Imitated>> {
    if profile.imitates().is_none() {
        return Ok(None);
    }
    let contradictions = profile.contradictions().iter().map(|one| one.rule.to_owned()).collect();
    let lacks = profile.only_announced()?.iter().flat_map(needs).collect();
    Ok(Some(Imitated { contradictions, lacks }))
}

/// What cases need of what is only announced, such as `extension exts`.
fn needs(announced: &OnlyAnnounced) -> Vec<String> {
    let feature = match announced.member.as_str() {
        "extensions" => "extension",
        "algorithms" => "algorithm",
        _ => return Vec::new(),
    };
    announced.items.iter().map(|item| format!("{feature} {item}")).collect()
}

/// Words as one types them; quoted where a shell would take them for something else.
fn typed(words: impl Iterator<Item = String>) -> String {
    let is_plain = |word: &String| word.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c));
    let word = |word: String| if is_plain(&word) { word } else { quoted(&word) };
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
