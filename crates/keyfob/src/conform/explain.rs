//! The suite explained: its chapters, its cases, and what each of them, or a rule, is about.

use ctap_conformance::{Case, Chapter, Suite};
use serde_json::{Value as Json, json};

use super::choice::{names, nearest};
use super::rules::{self, Rule};
use crate::failure::usage;
use crate::terminal::{self, Paint, hanging_columns};

/// Every case on a line.
pub(super) fn list(cases: &[&Case]) -> anyhow::Result<()> {
    let row = |case: &&Case| [case.id.clone(), case.level.name().to_owned(), case.says.clone()];
    let rows: Vec<_> = cases.iter().map(row).collect();
    Ok(terminal::print(hanging_columns(&rows))?)
}

/// The same for programs.
pub(super) fn json_list(cases: &[&Case]) -> Json {
    let case = |case: &&Case| {
        json!({
            "id": case.id,
            "chapter": case.chapter,
            "level": case.level.name(),
            "rules": case.rules,
            "says": case.says,
        })
    };
    cases.iter().map(case).collect()
}

/// Every chapter that has one of the cases, on a line.
pub(super) fn chapters(suite: &Suite, cases: &[&Case]) -> anyhow::Result<()> {
    let mut rows = vec![["CHAPTER", "CASES", "ABOUT"].map(str::to_owned)];
    rows.extend(
        counted(suite, cases).map(|(chapter, count)| {
            [chapter.name.clone(), count.to_string(), chapter.about.clone()]
        }),
    );
    Ok(terminal::print(hanging_columns(&rows))?)
}

/// The same for programs.
pub(super) fn json_chapters(suite: &Suite, cases: &[&Case]) -> Json {
    counted(suite, cases)
        .map(|(chapter, count)| json!({ "name": chapter.name, "about": chapter.about, "cases": count }))
        .collect()
}

fn counted<'s>(
    suite: &'s Suite,
    cases: &'s [&Case],
) -> impl Iterator<Item = (&'s Chapter, usize)> + 's {
    let of = |chapter: &Chapter| cases.iter().filter(|case| case.chapter == chapter.name).count();
    let counted = suite.chapters.iter().map(move |chapter| (chapter, of(chapter)));
    counted.filter(|(_, count)| *count > 0)
}

/// All about one case, one rule, or one chapter.
///
/// # Errors
/// When there is none of that name: with the one that may have been meant.
pub(super) fn explain(suite: &Suite, name: &str) -> anyhow::Result<()> {
    let mut cases = suite.cases();
    let case = cases.find(|case| case.id == name);
    if let Some(case) = case.or_else(|| suite.cases().find(|case| bare_id(case) == name)) {
        return Ok(terminal::print(about_case(case))?);
    }
    let rules = rules::all();
    let rule = rules.iter().find(|rule| rule.id == name);
    let proved = suite.cases().filter(|case| case.rules.iter().any(|rule| rule == name));
    let proved: Vec<&Case> = proved.collect();
    if rule.is_some() || !proved.is_empty() {
        return Ok(terminal::print(about_rule(name, rule, &proved))?);
    }
    match suite.chapters.iter().find(|chapter| chapter.name == name) {
        Some(chapter) => {
            terminal::print(format_args!("{}\n\n", chapter.about))?;
            list(&chapter.cases.iter().collect::<Vec<_>>())
        }
        None => Err(unknown(suite, &rules, name)),
    }
}

fn unknown(suite: &Suite, rules: &[Rule], name: &str) -> anyhow::Error {
    let known = names(suite).into_iter().chain(rules.iter().map(|rule| &*rule.id));
    let next = match nearest(name, known) {
        Some(meant) => format!("try `keyfob conform --explain {meant}`; --list shows all cases"),
        None => "`keyfob conform --list` shows all cases, --chapters the chapters".to_owned(),
    };
    usage(format_args!("there is no case, rule or chapter {name}"), next)
}

/// The id as it was written, without the values of one of several.
fn bare_id(case: &Case) -> &str {
    case.id.split('[').next().unwrap_or_default()
}

fn about_case(case: &Case) -> String {
    let paint = Paint::stdout();
    let steps: String =
        case.script.lines().map(|line| format!("  {}\n", paint.cyan(line))).collect();
    format!(
        "{}\n{}\n\nlevel    {}\nchapter  {}\nrules    {} (`--explain RULE` says each in full)\n\n{steps}",
        paint.bold(&case.id),
        case.says,
        case.level.name(),
        case.chapter,
        case.rules.join(", "),
    )
}

/// What the documents say of it, if it is one of theirs, and the cases that prove it.
fn about_rule(id: &str, rule: Option<&Rule>, proved: &[&Case]) -> String {
    let mut text = format!("{}\n", Paint::stdout().bold(id));
    if let Some(Rule { text: says, source, .. }) = rule {
        text += &format!("{says}\n\nsource  docs/rules/{source}\n");
    }
    let row = |case: &&Case| [format!("  {}", bare_id(case)), case.says.clone()];
    let mut rows: Vec<_> = proved.iter().map(row).collect();
    rows.dedup();
    match rows.is_empty() {
        true => text + "\nno case tests it\n",
        false => text + "\ntested by\n" + &hanging_columns(&rows),
    }
}
