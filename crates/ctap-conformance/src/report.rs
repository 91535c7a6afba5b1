//! A report for other programs: JUnit XML for CI servers, JSON for everything else.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value as Json, json};

use crate::outcome::{Failure, Outcome, Report, Verdict};

impl Report {
    /// JUnit's XML, one test case for each case; an error called `run` if there should be more of them.
    ///
    /// # Errors
    /// None in practice: what the XML writer says.
    pub fn to_junit(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let mut suite = TestSuite::new("ctap-conformance");
        suite.set_time(self.elapsed);
        suite.add_test_cases(self.outcomes.iter().map(junit_case));
        suite.add_test_cases(self.unfinished().map(junit_end));
        let mut report = quick_junit::Report::new("ctap-conformance");
        report.set_time(self.elapsed);
        report.add_test_suite(suite);
        Ok(report.to_string()?)
    }

    /// One JSON object: the key, the counts, and an array of outcomes. `unfinished` is null if the run came to its end, and
    /// else says why it did not.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let (passed, failed, skipped) = self.counts();
        json!({
            "key": { "versions": self.key.versions, "aaguid": self.key.aaguid },
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "planned": self.planned,
            "seconds": self.elapsed.as_secs_f64(),
            "unfinished": self.unfinished(),
            "cases": self.outcomes.iter().map(json_case).collect::<Vec<_>>(),
        })
    }

    /// SARIF 2.1.0: one result for each failure, for code scanning services. `executionSuccessful` is false if the run did
    /// not come to its end.
    #[must_use]
    pub fn to_sarif(&self) -> Json {
        let results: Vec<Json> = self.failures().map(sarif_result).collect();
        let unfinished = self.unfinished();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "ctap-conformance",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": self.failures().map(|outcome| json!({
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
}

fn junit_case(outcome: &Outcome) -> TestCase {
    let status = match &outcome.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Skipped { reason } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        Verdict::Failed(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(&failure.problem).set_description(failure.to_string());
            status
        }
    };
    let mut case = TestCase::new(&outcome.id, status);
    case.set_classname(outcome.rules.join(" ")).set_time(outcome.elapsed);
    case.set_system_out(&outcome.says);
    case
}

/// What tells readers who only count that cases are missing.
fn junit_end(why: String) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(why);
    TestCase::new("run", status)
}

fn json_case(outcome: &Outcome) -> Json {
    let mut case = json!({
        "id": outcome.id,
        "rules": outcome.rules,
        "says": outcome.says,
        "level": outcome.level.name(),
        "milliseconds": outcome.elapsed.as_millis() as u64,
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

fn sarif_result(outcome: &Outcome) -> Json {
    let text = match &outcome.verdict {
        Verdict::Failed(failure) => format!("{}\n{failure}", outcome.says),
        _ => outcome.says.clone(),
    };
    json!({
        "ruleId": outcome.id,
        "level": match outcome.level {
            crate::Level::Recommended => "warning",
            _ => "error",
        },
        "message": { "text": text },
        "properties": { "rules": outcome.rules },
    })
}

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
