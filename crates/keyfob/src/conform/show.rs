//! A run as a person sees it: progress, failures, and a table.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use ctap_conformance::{Judgement, Outcome, Report, Suite, Verdict};
use terminal_size::terminal_size_of;

use super::quoted;
use crate::terminal::wrap::{columns_of, hanging};
use crate::terminal::{self, Paint, columns, count};

/// Tells failures as they come, and on a terminal how far it is.
pub(super) struct Progress {
    quiet: bool,
    live: bool,
    rerun: String,
}

impl Progress {
    pub(super) fn new(suite: &Suite, total: usize, quiet: bool, rerun: String) -> Self {
        if !quiet {
            let written: usize = suite.chapters.iter().map(|chapter| chapter.written).sum();
            let all = suite.cases().count();
            terminal::note(format_args!(
                "{} to run, of {all} ({written} as written, some with several values)",
                count(total as u64, "case")
            ));
        }
        Self { quiet, live: !quiet && stderr().is_terminal(), rerun }
    }

    /// Tells about the last outcome of a report.
    pub(super) fn tell(&self, report: &Report) {
        let Some(outcome) = report.outcomes.last() else { return };
        if let (Verdict::Failed(failure), false) = (&outcome.verdict, self.quiet) {
            self.clear();
            let paint = Paint::stderr();
            // The last line is to be typed again, and stays whole.
            terminal::note(format_args!(
                "\n{} {} ({}, {})\n{}\nagain     {} {}",
                paint.red("FAILED"),
                paint.bold(&outcome.id),
                outcome.level.name(),
                outcome.rules.join(" "),
                wrapped(
                    &format!("{}\n{failure}", outcome.says),
                    columns_of(terminal_size_of(stderr()))
                ),
                self.rerun,
                quoted(&outcome.id),
            ));
        }
        if self.live {
            self.clear();
            let line = so_far(report, outcome);
            let room =
                columns_of(terminal_size_of(stderr())).map_or(usize::MAX, |columns| columns - 1);
            terminal::note_part(&line.chars().take(room).collect::<String>());
        }
    }

    pub(super) fn end(&self) {
        self.clear();
    }

    fn clear(&self) {
        if self.live {
            terminal::clear_line();
        }
    }
}

/// ` 120/2582, 3 failed, 40 s left: mc-rp-missing`
fn so_far(report: &Report, last: &Outcome) -> String {
    let (done, total) = (report.outcomes.len(), report.planned);
    let failed = match report.failures().count() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let left = time_left(report).map(|left| format!(", {left} left")).unwrap_or_default();
    format!("{done:>4}/{total}{failed}{left}: {}", last.id)
}

/// How long the rest will take if it goes on like this. A run that has just begun does not know.
fn time_left(report: &Report) -> Option<String> {
    let (done, all) =
        (u32::try_from(report.outcomes.len()).ok()?, u32::try_from(report.planned).ok()?);
    let per_case =
        report.elapsed.checked_div(done).filter(|_| report.elapsed > TOO_EARLY_TO_TELL)?;
    let seconds = per_case.checked_mul(all.checked_sub(done)?)?.as_secs();
    Some(match seconds {
        0..=99 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    })
}

/// Breaks lines that are too long, and sets what follows below what is said: behind the words that each line begins with.
fn wrapped(text: &str, columns: Option<usize>) -> String {
    let lines = text.lines().map(|line| {
        let has_label = line.get(..LABEL).is_some_and(|label| label.ends_with("  "));
        let (label, said) = line.split_at(if has_label { LABEL } else { 0 });
        format!("{label}{}", hanging(said, label.len(), columns))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The table at the end; with the reason of every skip, if they are wanted.
pub(super) fn summary(
    suite: &Suite,
    report: &Report,
    judgement: &Judgement,
    all_reasons: bool,
) -> anyhow::Result<()> {
    let mut text = String::from("\n");
    text += &columns(&chapter_rows(suite, report));
    text += &skipped(report, all_reasons);
    text += &surprises(report, judgement);
    let (passed, failed, skipped) = report.counts();
    let seconds = report.elapsed.as_secs_f64();
    let verdict = verdict(report, judgement);
    writeln!(
        text,
        "\n{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s: the key {verdict}"
    )?;
    if let Some(gone) = &judgement.gone {
        writeln!(text, "{}: {gone}", Paint::stdout().red("not finished"))?;
    }
    for id in &judgement.mended {
        writeln!(
            text,
            "{id} passed although it is listed as an expected failure: remove it from the list"
        )?;
    }
    Ok(terminal::print(text)?)
}

fn verdict(report: &Report, judgement: &Judgement) -> String {
    let paint = Paint::stdout();
    let (_, failed, _) = report.counts();
    match (judgement.is_good(), failed) {
        _ if judgement.nothing_tested => paint.red("was not tested"),
        (true, 0) if report.withheld() > 0 => format!(
            "conforms as far as it was tested: {} {} --yes-erase-this-key",
            count(report.withheld() as u64, "case"),
            if report.withheld() == 1 { "needs" } else { "need" },
        ),
        (true, 0) if report.unattended() > 0 => format!(
            "conforms as far as it was tested: it approves every request without asking, and {} {} one that asks",
            count(report.unattended() as u64, "case"),
            if report.unattended() == 1 { "needs" } else { "need" },
        ),
        (true, 0) => paint.green("conforms"),
        (true, _) => paint.green("fails only what it was expected to fail"),
        (false, _) => paint.red("does not conform"),
    }
}

/// What failed though nobody expected it, once more: the failures themselves have scrolled away.
fn surprises(report: &Report, judgement: &Judgement) -> String {
    let is_surprise = |outcome: &&Outcome| judgement.surprises.contains(&outcome.id);
    let row = |outcome: &Outcome| [format!("  {}", outcome.id), outcome.rules.join(" ")];
    let rows: Vec<_> = report.outcomes.iter().filter(is_surprise).map(row).collect();
    let shown = &rows[..rows.len().min(MOST_FAILURES)];
    let hidden = rows.len().saturating_sub(shown.len());
    let more = format!("  and {hidden} more\n");
    match rows.is_empty() {
        true => String::new(),
        false => format!("\nfailed\n{}{}", columns(shown), if hidden > 0 { &more } else { "" }),
    }
}

fn chapter_rows(suite: &Suite, report: &Report) -> Vec<[String; 5]> {
    let mut rows = vec![["CHAPTER", "PASSED", "FAILED", "SKIPPED", "ABOUT"].map(str::to_owned)];
    for chapter in &suite.chapters {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for outcome in report.outcomes.iter().filter(|outcome| outcome.chapter == chapter.name) {
            match outcome.verdict {
                Verdict::Passed => passed += 1,
                Verdict::Failed(_) => failed += 1,
                Verdict::Skipped { .. } => skipped += 1,
            }
        }
        if passed + failed + skipped > 0 {
            let [passed, failed, skipped] = [passed, failed, skipped].map(|n: u32| n.to_string());
            rows.push([chapter.name.clone(), passed, failed, skipped, chapter.about.clone()]);
        }
    }
    rows
}

/// Why cases were skipped, the most frequent reason first: a few of them, or all.
fn skipped(report: &Report, all: bool) -> String {
    let reasons = report.reasons();
    let shown = if all { reasons.len() } else { reasons.len().min(MOST_REASONS) };
    let (shown, hidden) = reasons.split_at(shown);
    let mut text = String::new();
    for (reason, times) in shown {
        let _ = writeln!(text, "  {times:>4}  {reason}");
    }
    if !hidden.is_empty() {
        let times: usize = hidden.iter().map(|(_, times)| times).sum();
        let reasons = count(hidden.len() as u64, "other reason");
        let _ = writeln!(text, "  {times:>4}  for {reasons}, which -v shows");
    }
    match text.is_empty() {
        true => text,
        false => format!("\nskipped, because\n{text}"),
    }
}

/// Reasons for skips that everybody is shown.
const MOST_REASONS: usize = 5;
/// Failures that are named once more at the end.
const MOST_FAILURES: usize = 20;
/// Cases take different times; before this nobody can say how long the rest will take.
const TOO_EARLY_TO_TELL: Duration = Duration::from_secs(2);
/// What stands before a step, a request and so on: a word, filled up with blanks.
const LABEL: usize = 10;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ctap_conformance::{Failure, KeyDescription};

    use super::*;

    #[test]
    fn a_long_line_goes_on_below_what_it_says() {
        let text = "problem   expected one, got another thing\nstep      x\nsays it plainly";
        let expected = "problem   expected\n          one, got\n          another\n          thing\n\
                        step      x\nsays it plainly";
        assert_eq!(wrapped(text, Some(20)), expected);
        assert_eq!(wrapped(text, None), text);
    }

    #[test]
    fn who_looks_on_sees_what_failed_so_far_and_how_long_it_will_take() {
        let suite = Suite::built_in();
        let cases: Vec<_> = suite.cases().take(4).collect();
        let outcome = |index: usize, verdict| Outcome {
            id: cases[index].id.clone(),
            chapter: cases[index].chapter.clone(),
            rules: cases[index].rules.clone(),
            says: cases[index].says.clone(),
            level: cases[index].level,
            verdict,
            elapsed: Duration::ZERO,
        };
        let skipped = || Verdict::Skipped { reason: String::new() };
        let mut report = Report {
            key: KeyDescription::default(),
            begun: SystemTime::UNIX_EPOCH,
            outcomes: vec![outcome(0, Verdict::Passed)],
            planned: 4,
            elapsed: Duration::from_secs(1),
            gone: None,
        };
        let told = |report: &Report| so_far(report, &report.outcomes[0]);
        assert_eq!(told(&report), format!("   1/4: {}", cases[0].id));
        report.outcomes.extend([outcome(1, failed()), outcome(2, skipped())]);
        report.elapsed = Duration::from_secs(30);
        assert_eq!(told(&report), format!("   3/4, 1 failed, 10 s left: {}", cases[0].id));
        report.elapsed = Duration::from_secs(400);
        assert!(told(&report).contains(", 3 min left"), "{}", told(&report));
    }

    fn failed() -> Verdict {
        let (step, problem) = ("getInfo".to_owned(), "it is wrong".to_owned());
        Verdict::Failed(Failure { step, problem, request: None, response: None, rerun: None })
    }
}
