//! Reports for other programs: JUnit XML and SARIF for CI servers, Markdown for their pages, JSON for everything
//! else.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value as Json, json};

use crate::outcome::{Failure, Judgement, Outcome, Report, Standing, Verdict};

impl Report {
    /// JUnit's XML. Each case is one test case, with its chapter as the class and its rules as a property. If the
    /// run ended early, there is an error called `run`. The suite's properties say which version of the suite
    /// tested which key, and when. An expected failure counts as skipped, and a case that passed against
    /// expectation counts as failed: so the numbers agree with `judgement`, which must be the one of this report.
    ///
    /// # Errors
    /// None in practice: the error of the XML writer.
    pub fn to_junit(
        &self,
        judgement: &Judgement,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let mut suite = TestSuite::new(SUITE);
        suite.set_time(self.elapsed).set_timestamp(self.date());
        suite.add_properties(self.circumstances());
        suite.add_test_cases(
            self.outcomes.iter().map(|outcome| junit_case(outcome, judgement.standing(outcome))),
        );
        suite.add_test_cases(self.unfinished().map(junit_end));
        let mut report = quick_junit::Report::new(SUITE);
        report.set_time(self.elapsed).set_timestamp(self.date());
        report.add_test_suite(suite);
        Ok(report.to_string()?)
    }

    /// One JSON object: the key, the counts, and an array of outcomes. `unfinished` is null if the run is complete;
    /// otherwise it says why it is not. A case's `expected` is false if the case fails the run, according to
    /// `judgement`, which must be the one of this report.
    #[must_use]
    pub fn to_json(&self, judgement: &Judgement) -> Json {
        let (passed, failed, skipped) = self.counts();
        let case = |outcome| json_case(outcome, judgement.standing(outcome));
        let cases: Vec<Json> = self.outcomes.iter().map(case).collect();
        json!({
            "suite": { "name": SUITE, "version": VERSION },
            "date": self.iso_date(),
            "key": {
                "device": self.key.device,
                "versions": self.key.versions,
                "aaguid": self.key.aaguid,
            },
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "planned": self.planned,
            "seconds": self.elapsed.as_secs_f64(),
            "unfinished": self.unfinished(),
            "cases": cases,
        })
    }

    /// SARIF 2.1.0, for code scanning services. Each failure is a result, suppressed if it was expected. Each case
    /// that passed against expectation is a result, too. `judgement` must be the one of this report.
    /// `executionSuccessful` is false if the run is not complete.
    #[must_use]
    pub fn to_sarif(&self, judgement: &Judgement) -> Json {
        let told = |outcome: &&Outcome| !matches!(judgement.standing(outcome), Standing::Fine);
        let told: Vec<&Outcome> = self.outcomes.iter().filter(told).collect();
        let result = |outcome: &&Outcome| sarif_result(outcome, judgement.standing(outcome));
        let results: Vec<Json> = told.iter().map(result).collect();
        let unfinished = self.unfinished();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": SUITE,
                    "version": VERSION,
                    "rules": told.iter().map(|outcome| json!({
                        "id": outcome.id,
                        "shortDescription": { "text": outcome.says },
                    })).collect::<Vec<_>>(),
                }},
                "invocations": [{
                    "executionSuccessful": unfinished.is_none(),
                    "toolExecutionNotifications": unfinished.iter().map(|why| json!({
                        "level": "error",
                        "message": { "text": why },
                    })).collect::<Vec<_>>(),
                }],
                "results": results,
            }],
        })
    }

    /// Markdown for a short look at a run: a line of counts, then the unexpected failures, then other remarks about
    /// the run. `judgement` must be the one of this report.
    #[must_use]
    pub fn to_markdown(&self, judgement: &Judgement) -> String {
        let (passed, failed, skipped) = self.counts();
        let known = failed.saturating_sub(judgement.surprises.len());
        let mut text = format!("### {}\n\n", judgement.headline());
        for outcome in &self.outcomes {
            if let Some(line) = markdown_line(outcome, judgement.standing(outcome)) {
                text.push_str(&line);
            }
        }
        if let Some(why) = self.unfinished() {
            let _ = writeln!(text, "- **not finished**: {}", plain(&why));
        }
        let _ = write!(text, "\n{passed} passed, {failed} failed ({known} as expected), ");
        let seconds = self.elapsed.as_secs_f64();
        let _ = writeln!(text, "{skipped} skipped in {seconds:.1} s, {SUITE} {VERSION}");
        text
    }

    fn date(&self) -> DateTime<Utc> {
        self.begun.into()
    }

    fn iso_date(&self) -> String {
        self.date().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// What a reader of an old report wants to know about it.
    fn circumstances(&self) -> Vec<Property> {
        [
            ("suite-version", VERSION.to_owned()),
            ("date", self.iso_date()),
            ("device", self.key.device.clone()),
            ("versions", self.key.versions.join(" ")),
            ("aaguid", self.key.aaguid.clone().unwrap_or_default()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| Property::new(name, value))
        .collect()
    }
}

/// An item of a list, if the outcome fails the run.
fn markdown_line(outcome: &Outcome, standing: Standing) -> Option<String> {
    let what = match (&outcome.verdict, standing) {
        (Verdict::Failed(failure), Standing::Surprise) => &failure.problem,
        (_, Standing::Mended) => MENDED,
        _ => return None,
    };
    let (rules, says) = (outcome.rules.join(", "), plain(&outcome.says));
    Some(format!("- `{}` ({rules}): {says} **{}**\n", outcome.id, plain(what)))
}

/// Text on one line that Markdown shows as it is.
fn plain(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

fn junit_case(outcome: &Outcome, standing: Standing) -> TestCase {
    let status = junit_status(&outcome.verdict, standing);
    let mut case = TestCase::new(&outcome.id, status);
    case.set_classname(&outcome.chapter).set_time(outcome.elapsed);
    case.add_property(Property::new("rules", outcome.rules.join(" ")));
    case.add_property(Property::new("level", outcome.level.name()));
    case.set_system_out(&outcome.says);
    case
}

fn junit_status(verdict: &Verdict, standing: Standing) -> TestCaseStatus {
    let failure = || TestCaseStatus::non_success(NonSuccessKind::Failure);
    let (mut status, message) = match (verdict, standing) {
        (Verdict::Passed, Standing::Mended) => (failure(), MENDED.to_owned()),
        (Verdict::Passed, _) => return TestCaseStatus::success(),
        (Verdict::Skipped { reason }, _) => (TestCaseStatus::skipped(), reason.clone()),
        (Verdict::Failed(failure), Standing::Known) => {
            (TestCaseStatus::skipped(), format!("{KNOWN}: {}", failure.problem))
        }
        (Verdict::Failed(wrong), _) => (failure(), wrong.problem.clone()),
    };
    status.set_message(message);
    if let Verdict::Failed(failure) = verdict {
        status.set_description(failure.to_string());
    }
    status
}

/// Tells readers who only count that cases are missing.
fn junit_end(why: String) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(why);
    TestCase::new("run", status)
}

fn json_case(outcome: &Outcome, standing: Standing) -> Json {
    let mut case = json!({
        "id": outcome.id,
        "chapter": outcome.chapter,
        "rules": outcome.rules,
        "says": outcome.says,
        "level": outcome.level.name(),
        "milliseconds": outcome.elapsed.as_millis() as u64,
        "expected": matches!(standing, Standing::Fine | Standing::Known),
    });
    let verdict = match &outcome.verdict {
        Verdict::Passed => json!({ "verdict": "passed" }),
        Verdict::Skipped { reason } => json!({ "verdict": "skipped", "reason": reason }),
        Verdict::Failed(failure) => json!({
            "verdict": "failed",
            "step": failure.step,
            "problem": failure.problem,
            "request": failure.request,
            "response": failure.response,
        }),
    };
    if let (Some(case), Json::Object(verdict)) = (case.as_object_mut(), verdict) {
        case.extend(verdict);
    }
    case
}

fn sarif_result(outcome: &Outcome, standing: Standing) -> Json {
    let text = match &outcome.verdict {
        Verdict::Failed(failure) => format!("{}\n{failure}", outcome.says),
        _ => format!("{}\n{MENDED}", outcome.says),
    };
    let mut result = json!({
        "ruleId": outcome.id,
        "level": match outcome.level {
            crate::Level::Recommended => "warning",
            _ => "error",
        },
        "message": { "text": text },
        "properties": { "rules": outcome.rules },
    });
    if let (Standing::Known, Some(result)) = (standing, result.as_object_mut()) {
        let suppression = json!([{ "kind": "external", "justification": KNOWN }]);
        result.insert("suppressions".to_owned(), suppression);
    }
    result
}

const SUITE: &str = "ctap-conformance";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const KNOWN: &str = "expected failure";
const MENDED: &str = "passed although it is listed as an expected failure: remove it from the list";

impl std::fmt::Display for Failure {
    /// What was wrong, over a few lines.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "step      {}", self.step)?;
        if let Some(request) = &self.request {
            writeln!(f, "request   {request}")?;
        }
        if let Some(response) = &self.response {
            writeln!(f, "response  {response}")?;
        }
        write!(f, "problem   {}", self.problem)
    }
}
