//! What a person sees of a run: progress, failures, a table, and the cases themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};

use ctap_conformance::{Case, Judgement, Report, Suite, Verdict};

use crate::failure::usage;
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
            terminal::note(format_args!(
                "\n{} {} ({}, {})\n{}\n{failure}\nagain     {} '{}'",
                paint.red("FAILED"),
                paint.bold(&outcome.id),
                outcome.level.name(),
                outcome.rules.join(" "),
                outcome.says,
                self.rerun,
                outcome.id,
            ));
        }
        if self.live {
            self.clear();
            let (done, total) = (report.outcomes.len(), report.planned);
            eprint_part(&format!("{done:>4}/{total} {}", outcome.id));
        }
    }

    pub(super) fn end(&self) {
        self.clear();
    }

    fn clear(&self) {
        if self.live {
            eprint_part("\r\x1b[K");
        }
    }
}

/// A part of a line, on the standard error stream. Nothing depends on its being seen.
fn eprint_part(text: &str) {
    use std::io::Write as _;
    let mut stream = stderr().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// The table at the end.
pub(super) fn summary(suite: &Suite, report: &Report, judgement: &Judgement) -> anyhow::Result<()> {
    let mut text = String::from("\n");
    text += &columns(&chapter_rows(suite, report));
    text += &skipped(report);
    let (passed, failed, skipped) = report.counts();
    let paint = Paint::stdout();
    let verdict = match (judgement.is_good(), failed) {
        _ if judgement.nothing_tested => paint.red("was not tested"),
        (true, 0) if report.withheld() > 0 => format!(
            "conforms as far as it was tested: {} {} --yes-erase-this-key",
            count(report.withheld() as u64, "case"),
            if report.withheld() == 1 { "needs" } else { "need" },
        ),
        (true, 0) => paint.green("conforms"),
        (true, _) => paint.green("fails what it was expected to, and nothing else"),
        (false, _) => paint.red("does not conform"),
    };
    let seconds = report.elapsed.as_secs_f64();
    writeln!(
        text,
        "\n{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s: the key {verdict}"
    )?;
    if let Some(gone) = &judgement.gone {
        writeln!(text, "{}: {gone}", paint.red("not finished"))?;
    }
    for id in &judgement.mended {
        writeln!(
            text,
            "{id} passed though it is listed as an expected failure: take it off the list"
        )?;
    }
    Ok(terminal::print(text)?)
}

fn chapter_rows(suite: &Suite, report: &Report) -> Vec<[String; 5]> {
    let outcomes: BTreeMap<&str, &Verdict> =
        report.outcomes.iter().map(|outcome| (&*outcome.id, &outcome.verdict)).collect();
    let mut rows = vec![["CHAPTER", "PASSED", "FAILED", "SKIPPED", "ABOUT"].map(str::to_owned)];
    for chapter in &suite.chapters {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for case in &chapter.cases {
            match outcomes.get(&*case.id) {
                Some(Verdict::Passed) => passed += 1,
                Some(Verdict::Failed(_)) => failed += 1,
                Some(Verdict::Skipped { .. }) => skipped += 1,
                None => {}
            }
        }
        if passed + failed + skipped > 0 {
            let [passed, failed, skipped] = [passed, failed, skipped].map(|n: u32| n.to_string());
            rows.push([chapter.name.clone(), passed, failed, skipped, chapter.about.clone()]);
        }
    }
    rows
}

/// Why cases were skipped, the most frequent reason first.
fn skipped(report: &Report) -> String {
    let reasons = report.reasons();
    let lines = reasons.iter().map(|(reason, times)| format!("  {times:>4}  {reason}\n"));
    match reasons.is_empty() {
        true => String::new(),
        false => format!("\nskipped, because\n{}", lines.collect::<String>()),
    }
}

/// Every case on a line.
pub(super) fn list(cases: &[&Case]) -> anyhow::Result<()> {
    let row = |case: &&Case| [case.id.clone(), case.level.name().to_owned(), case.says.clone()];
    let rows: Vec<_> = cases.iter().map(row).collect();
    Ok(terminal::print(columns(&rows))?)
}

/// All about one case.
pub(super) fn explain(suite: &Suite, id: &str) -> anyhow::Result<()> {
    let case = suite.cases().find(|case| case.id == id);
    let case = case.or_else(|| suite.cases().find(|case| case.id.split('[').next() == Some(id)));
    let Some(case) = case else {
        return Err(usage(
            format_args!("there is no case {id}"),
            "`keyfob conform --list` shows them all",
        ));
    };
    let paint = Paint::stdout();
    let steps: String =
        case.script.lines().map(|line| format!("  {}\n", paint.cyan(line))).collect();
    Ok(terminal::print(format_args!(
        "{}\n{}\n\nlevel  {}\nrules  {} (docs/rules says each in full)\n\n{steps}",
        paint.bold(&case.id),
        case.says,
        case.level.name(),
        case.rules.join(", "),
    ))?)
}
