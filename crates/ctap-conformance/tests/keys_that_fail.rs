//! Keys that die, hang, or cannot be reset: a run tells, goes on if it can, and ends.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ctap_client::{Report as HidReport, ReportPipe, TransportError};
use ctap_conformance::{
    Answer, Expectations, Hand, HidKey, Operator, Options, Report, Suite, Transport,
    TransportFailure, Verdict, run,
};

/// A key that knows getInfo, and reset if it says so; all else is INVALID_COMMAND.
#[derive(Clone, Copy)]
struct Script {
    resets: bool,
    /// There is another way than a reset.
    renews: bool,
    /// The command that it does not survive.
    fatal: Option<u8>,
    /// Whether plugging it in again brings it back.
    revives: bool,
}

const SOUND: Script = Script { resets: true, renews: false, fatal: None, revives: true };

struct ScriptedKey {
    script: Script,
    is_dead: bool,
    /// The commands it was sent.
    heard: Vec<u8>,
}

impl Transport for ScriptedKey {
    fn exchange(&mut self, message: &[u8], _: Hand) -> Result<Answer, TransportFailure> {
        self.heard.extend(message.first());
        self.is_dead |= message.first().copied() == self.script.fatal;
        let answer = match message.first() {
            _ if self.is_dead => return Err(TransportError::Silent.into()),
            Some(&GET_INFO) => INFO,
            Some(&RESET) if self.script.resets => &[0x00],
            _ => &[0x01],
        };
        Ok(Answer { message: answer.to_vec(), asked: false })
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        self.is_dead &= !self.script.revives;
        Ok(())
    }

    fn renew(&mut self) -> Result<bool, TransportFailure> {
        Ok(self.script.renews)
    }

    fn pass_time(&mut self, _: Duration) -> Result<(), TransportFailure> {
        Ok(())
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

/// Runs the chapters about makeCredential.
fn report_of(script: Script) -> (Report, Vec<u8>) {
    let suite = Suite::built_in();
    let mut key = ScriptedKey { script, is_dead: false, heard: Vec::new() };
    let options = Options { may_erase: true, ..Options::default() };
    let chapters = ["make_credential", "make_credential_request"].map(str::to_owned);
    let cases = suite.filtered(&chapters);
    let report = run(&mut key, &cases, &options, |_| {}).expect("it answers at first");
    assert_eq!(report.outcomes.len(), cases.len(), "every case has its outcome");
    (report, key.heard)
}

fn reasons(report: &Report) -> impl Iterator<Item = &str> {
    report.outcomes.iter().filter_map(|outcome| match &outcome.verdict {
        Verdict::Skipped { reason } => Some(&**reason),
        _ => None,
    })
}

#[test]
fn a_key_that_is_gone_for_good_ends_the_run_at_the_case_that_it_did_not_survive() {
    let (report, heard) =
        report_of(Script { fatal: Some(MAKE_CREDENTIAL), revives: false, ..SOUND });
    let failed: Vec<&str> = report.failures().map(|outcome| &*outcome.id).collect();
    let [victim] = failed[..] else { panic!("{failed:?}") };
    let gone = report.gone.as_deref().expect("it is gone");
    assert!(gone.contains(victim), "{gone}");
    let after = report.outcomes.iter().skip_while(|outcome| outcome.id != victim).skip(1);
    let is_skipped = |verdict: &Verdict| *verdict == Verdict::Skipped { reason: gone.to_owned() };
    assert!(after.clone().count() > 20);
    assert!(after.into_iter().all(|outcome| is_skipped(&outcome.verdict)));
    assert!(heard.len() < 20, "nobody talks to the dead: {heard:?}");
}

#[test]
fn nobody_can_expect_a_key_to_die() {
    let (report, _) = report_of(Script { fatal: Some(MAKE_CREDENTIAL), revives: false, ..SOUND });
    let failed: Vec<&str> = report.failures().map(|outcome| &*outcome.id).collect();
    let judgement = report.judge(&Expectations::read(&failed.join("\n")));
    assert!(judgement.surprises.is_empty() && !judgement.is_good());
    assert_eq!(report.to_json(&judgement)["unfinished"].as_str(), report.gone.as_deref());
}

#[test]
fn a_run_that_skips_every_case_has_shown_nothing() {
    let mut key = ScriptedKey { script: SOUND, is_dead: false, heard: Vec::new() };
    let suite = Suite::built_in();
    let cases = suite.filtered(&["mc-touch".to_owned()]);
    let options = Options { may_erase: false, ..Options::default() };
    let report = run(&mut key, &cases, &options, |_| {}).expect("it answers at first");
    assert_eq!(reasons(&report).count(), cases.len());
    assert!(reasons(&report).any(|reason| reason.contains("would erase the key")));
    let judgement = report.judge(&Expectations::default());
    assert!(judgement.nothing_tested && !judgement.is_good());
}

/// A transport that somebody has just begun to write.
struct Unwritten;

impl Transport for Unwritten {
    fn exchange(&mut self, message: &[u8], _: Hand) -> Result<Answer, TransportFailure> {
        match message {
            [GET_INFO, ..] => Ok(Answer { message: INFO.to_vec(), asked: false }),
            _ => Err(TransportFailure::Unable("not written yet".to_owned())),
        }
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        Err(TransportFailure::Unable("not written yet".to_owned()))
    }

    fn pass_time(&mut self, _: Duration) -> Result<(), TransportFailure> {
        Err(TransportFailure::Unable("not written yet".to_owned()))
    }
}

#[test]
#[should_panic = "nothing was tested; 1 of 1 cases because: not written yet"]
fn a_transport_that_can_do_nothing_yet_does_not_conform() {
    let suite = Suite::built_in();
    let cases = suite.filtered(&["mc-rp-missing".to_owned()]);
    let options = Options { may_erase: true, ..Options::default() };
    let report = run(&mut Unwritten, &cases, &options, |_| {}).expect("it knows getInfo");
    assert_eq!(report.counts(), (0, 0, 1));
    report.assert_conforms();
}

#[test]
#[should_panic = "mc-rp-missing (required, MSG-40): A request without rp"]
fn a_test_that_fails_names_the_rules() {
    let suite = Suite::built_in();
    let mut key = ScriptedKey { script: SOUND, is_dead: false, heard: Vec::new() };
    let options = Options { may_erase: true, ..Options::default() };
    let cases = suite.filtered(&["mc-rp-missing".to_owned()]);
    run(&mut key, &cases, &options, |_| {}).expect("it answers").assert_conforms();
}

#[test]
#[should_panic = "problem"]
fn a_test_that_fails_says_what_was_wrong() {
    report_of(Script { resets: false, ..SOUND }).0.assert_conforms();
}

#[test]
#[should_panic = "not finished: the key has not answered since"]
fn a_test_fails_if_the_key_was_gone_before_the_end() {
    let script = Script { fatal: Some(MAKE_CREDENTIAL), revives: false, ..SOUND };
    let mut report = report_of(script).0;
    report.outcomes.retain(|outcome| !matches!(outcome.verdict, Verdict::Failed(_)));
    report.assert_conforms();
}

#[test]
fn a_report_that_is_read_before_the_end_says_so_in_every_form() {
    let suite = Suite::built_in();
    let mut key = ScriptedKey { script: SOUND, is_dead: false, heard: Vec::new() };
    let mut stages: Vec<Report> = Vec::new();
    let cases = suite.filtered(&["gi-answers".to_owned(), "gi-types".to_owned()]);
    let report = run(&mut key, &cases, &Options::default(), |report| stages.push(report.clone()));
    let report = report.expect("it answers");
    let seen: Vec<usize> = stages.iter().map(|stage| stage.outcomes.len()).collect();
    assert_eq!(seen, (0..=cases.len()).collect::<Vec<_>>());
    for (stage, is_unfinished) in stages.iter().zip([true, true, false]) {
        let judgement = stage.judge(&Expectations::default());
        let junit = stage.to_junit(&judgement).expect("it can be written");
        assert_eq!(junit.contains("<error"), is_unfinished, "{junit}");
        assert_eq!(stage.to_json(&judgement)["unfinished"].is_string(), is_unfinished);
        let invocation = &stage.to_sarif(&judgement)["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], !is_unfinished);
    }
    assert_eq!(stages[1].unfinished().as_deref(), Some("the run ended after 1 of 2 cases"));
    assert_eq!(report.unfinished(), None);
}

#[test]
fn reports_tell_known_failures_from_new_ones_and_what_passes_against_expectation() {
    let suite = Suite::built_in();
    let mut key = ScriptedKey { script: SOUND, is_dead: false, heard: Vec::new() };
    let words = ["gi-answers", "mc-rp-missing", "mc-user-missing"].map(str::to_owned);
    let options = Options { may_erase: true, ..Options::default() };
    let report = run(&mut key, &suite.filtered(&words), &options, |_| {}).expect("it answers");
    assert_eq!(report.counts(), (1, 2, 0), "{:?}", report.outcomes);
    let judgement = report.judge(&Expectations::read("gi-answers\nmc-rp-missing"));

    let markdown = report.to_markdown(&judgement);
    assert!(markdown.starts_with("### 1 case failed\n\n- `gi-answers` ("), "{markdown}");
    assert!(markdown.contains("\n- `mc-user-missing` ("), "{markdown}");
    assert!(!markdown.contains("`mc-rp-missing`"), "{markdown}");

    let junit = report.to_junit(&judgement).expect("it can be written");
    assert!(junit.contains(r#"tests="3" skipped="1" failures="2""#), "{junit}");
    assert!(junit.contains(r#"<skipped message="expected failure: "#), "{junit}");
    assert!(junit.contains("remove it from the list"), "{junit}");

    let json = report.to_json(&judgement);
    let expected = |id: &str| {
        let mut cases = json["cases"].as_array().expect("an array").iter();
        cases.find(|case| case["id"] == id).map(|case| case["expected"].clone())
    };
    assert_eq!(expected("gi-answers"), Some(false.into()));
    assert_eq!(expected("mc-rp-missing"), Some(true.into()));
    assert_eq!(expected("mc-user-missing"), Some(false.into()));

    let sarif = report.to_sarif(&judgement);
    let results = sarif["runs"][0]["results"].as_array().expect("an array");
    assert_eq!(results.len(), 3, "{results:?}");
    for result in results {
        let is_known = result["ruleId"] == "mc-rp-missing";
        assert_eq!(result.get("suppressions").is_some(), is_known, "{result}");
    }
}

#[test]
fn a_report_says_what_was_tested_with_what_and_when() {
    let suite = Suite::built_in();
    let mut key = ScriptedKey { script: SOUND, is_dead: false, heard: Vec::new() };
    let options = Options { device: "on my desk".to_owned(), ..Options::default() };
    let cases = suite.filtered(&["gi-answers".to_owned()]);
    let report = run(&mut key, &cases, &options, |_| {}).expect("it answers");
    let judgement = report.judge(&Expectations::default());
    let junit = report.to_junit(&judgement).expect("it can be written");
    let rules = cases[0].rules.join(" ");
    for part in [
        r#"<testcase name="gi-answers" classname="get_info""#.to_owned(),
        format!(r#"<property name="rules" value="{rules}"/>"#),
        r#"<property name="device" value="on my desk"/>"#.to_owned(),
        format!(r#"<property name="suite-version" value="{}"/>"#, env!("CARGO_PKG_VERSION")),
        r#"<property name="date" value="20"#.to_owned(),
        r#"<property name="versions" value="FIDO_2_0"/>"#.to_owned(),
    ] {
        assert!(junit.contains(&part), "{part}: {junit}");
    }
    let json = report.to_json(&judgement);
    assert_eq!(json["key"]["device"], "on my desk");
    assert_eq!(json["cases"][0]["chapter"], "get_info");
    assert!(json["date"].as_str().is_some_and(|date| date.ends_with('Z')), "{json}");
}

#[test]
fn a_run_ends_at_the_first_failure_that_is_not_known_if_it_is_to() {
    let suite = Suite::built_in();
    let words = ["mc-rp-missing", "mc-user-missing", "gi-answers"].map(str::to_owned);
    let cases = suite.filtered(&words);
    let ends_after = |known: &str| {
        let mut key = ScriptedKey { script: SOUND, is_dead: false, heard: Vec::new() };
        let fail_fast = Some(Expectations::read(known));
        let options = Options { may_erase: true, fail_fast, ..Options::default() };
        let report = run(&mut key, &cases, &options, |_| {}).expect("it answers");
        report.outcomes.last().map(|outcome| outcome.id.clone())
    };
    assert_eq!(ends_after("").as_deref(), Some("mc-rp-missing"));
    assert_eq!(ends_after("mc-rp-missing").as_deref(), Some("mc-user-missing"));
}

#[test]
fn a_key_that_comes_back_after_a_power_cycle_is_tested_to_the_end() {
    let (report, _) = report_of(Script { fatal: Some(MAKE_CREDENTIAL), ..SOUND });
    assert_eq!(report.gone, None);
    let problems: Vec<_> = report
        .failures()
        .map(|outcome| match &outcome.verdict {
            Verdict::Failed(failure) => failure.problem.as_str(),
            _ => "",
        })
        .collect();
    assert!(problems.len() > 20);
    assert!(problems.iter().all(|problem| problem.contains("does not answer")), "{problems:?}");
}

/// The cases that failed before their own first step.
fn unprepared(report: &Report) -> Vec<&str> {
    let is_unprepared = |verdict: &Verdict| match verdict {
        Verdict::Failed(failure) => failure.rerun.is_none(),
        _ => false,
    };
    let failed = report.failures().filter(|outcome| is_unprepared(&outcome.verdict));
    failed.map(|outcome| &*outcome.id).collect()
}

#[test]
fn a_key_that_cannot_be_reset_fails_once_and_the_cases_that_need_it_empty_are_skipped() {
    let (report, heard) = report_of(Script { resets: false, ..SOUND });
    let [first] = unprepared(&report)[..] else { panic!("{:?}", unprepared(&report)) };
    let because: Vec<_> = reasons(&report).filter(|why| why.contains("be emptied")).collect();
    assert!(because.len() > 10, "{because:?}");
    assert!(because.iter().all(|why| why.contains(first)));
    assert_eq!(report.gone, None, "it is alive and well");
    let resets = heard.iter().filter(|command| **command == RESET).count();
    assert!(resets < 6, "what cannot be done is not tried for ever: {resets}");
    assert!(report.failures().count() > 20, "cases that do not mind are run");
}

#[test]
fn a_key_that_dies_at_each_reset_is_not_reset_for_ever() {
    let (report, heard) = report_of(Script { fatal: Some(RESET), ..SOUND });
    assert_eq!(unprepared(&report).len(), 3, "it may only have been slow");
    assert!(heard.iter().filter(|command| **command == RESET).count() < 18);
}

#[test]
fn a_key_without_reset_is_tested_if_it_can_be_made_new_in_another_way() {
    let (report, _) = report_of(Script { resets: false, renews: true, ..SOUND });
    assert!(reasons(&report).all(|why| !why.contains("cannot be emptied")));
    assert!(report.failures().count() > 20, "each for itself: it has no makeCredential");
}

/// A key on CTAPHID that asks for a touch for ever; a cancel ends it if it is polite.
struct Beggar {
    is_polite: bool,
    channels: Rc<Cell<u32>>,
}

struct BeggarPipe {
    is_polite: bool,
    channels: Rc<Cell<u32>>,
    last: HidReport,
}

impl Operator for Beggar {
    type Pipe = BeggarPipe;

    fn open(&mut self) -> Result<BeggarPipe, TransportError> {
        let channels = Rc::clone(&self.channels);
        Ok(BeggarPipe { is_polite: self.is_polite, channels, last: [0; 64] })
    }

    fn act(&mut self, _: Hand) -> Result<(), TransportFailure> {
        Ok(())
    }

    fn reaction_time(&self) -> Duration {
        Duration::ZERO
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        Ok(())
    }

    fn pass_time(&mut self, _: Duration) -> Result<(), TransportFailure> {
        Ok(())
    }
}

impl ReportPipe for BeggarPipe {
    fn send(&mut self, report: &HidReport) -> io::Result<()> {
        self.last = *report;
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> io::Result<Option<HidReport>> {
        let mut report = self.last;
        match self.last[4] {
            INIT => {
                self.channels.set(self.channels.get() + 1);
                report[6] = 17;
                report[15..24].copy_from_slice(&[0, 0, 0, 1, 2, 1, 0, 0, 4]);
            }
            CANCEL if self.is_polite => report[4..8].copy_from_slice(&[CBOR, 0, 1, 0x2D]),
            _ => report[4..8].copy_from_slice(&[KEEPALIVE, 0, 1, UP_NEEDED]),
        }
        Ok(Some(report))
    }
}

fn beg(is_polite: bool, hand: Hand) -> (Result<Answer, TransportFailure>, u32) {
    let channels = Rc::new(Cell::new(0));
    let mut key = HidKey::new(Beggar { is_polite, channels: Rc::clone(&channels) });
    let outcome = key.exchange(&[MAKE_CREDENTIAL], hand);
    key.capabilities().expect("it has not forgotten how to say hello");
    (outcome, channels.get())
}

#[test]
fn a_key_that_asks_on_though_it_was_touched_is_cancelled_and_named() {
    let (outcome, channels) = beg(true, Hand::Touch);
    let failure = outcome.expect_err("it never answered").to_string();
    assert!(failure.contains("goes on asking for a touch"), "{failure}");
    assert_eq!(channels, 1, "it ended the request, so the channel is good");
}

#[test]
fn a_cancelled_key_answers_and_that_is_no_trouble() {
    let (outcome, channels) = beg(true, Hand::Cancel);
    let answer = outcome.expect("it ended the request");
    assert_eq!((answer.message, answer.asked, channels), (vec![0x2D], true, 1));
}

#[test]
fn a_key_that_does_not_even_heed_a_cancel_is_left_for_another_channel() {
    let (outcome, channels) = beg(false, Hand::Cancel);
    let failure = outcome.expect_err("it never answered").to_string();
    assert!(failure.contains("though it was cancelled"), "{failure}");
    assert_eq!(channels, 2, "what it still sends must not meet the next request");
}

const MAKE_CREDENTIAL: u8 = 0x01;
const GET_INFO: u8 = 0x04;
const RESET: u8 = 0x07;
/// {1: ["FIDO_2_0"], 3: 16 zeros}
const INFO: &[u8] = b"\x00\xA2\x01\x81\x68FIDO_2_0\x03\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const INIT: u8 = 0x86;
const CBOR: u8 = 0x90;
const CANCEL: u8 = 0x91;
const KEEPALIVE: u8 = 0xBB;
const UP_NEEDED: u8 = 2;
