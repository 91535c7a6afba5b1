//! A case: what a key must do, why, and how this is tested.

use ctap_client::Value;
use ctap_client::commands::code;
use serde::Deserialize;

use crate::needs::Need;
use crate::notation::SyntaxError;
use crate::notation::syntax::{Expr, expression};
use crate::script::{self, Line, Step};

/// One case of the suite.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its id, unique in the suite, in kebab case. It is `id[protocol=2]` for one of several variants.
    pub id: String,
    /// The name of its chapter.
    pub chapter: String,
    /// The ids of the rules that it tests.
    pub rules: Vec<String>,
    /// One sentence: what is tested and why it matters.
    pub says: String,
    /// How binding it is.
    pub level: Level,
    /// The text of the case, for people to read.
    pub script: String,
    pub(crate) needs: Vec<Need>,
    pub(crate) start: Start,
    pub(crate) values: Vec<(String, Expr)>,
    pub(crate) steps: Vec<Line>,
}

/// How binding a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every key has to pass it.
    Required,
    /// The standard leaves a choice, or its readers disagree. This is the better reading.
    Recommended,
    /// Every key that announces the feature in getInfo has to pass it.
    Extension,
}

impl Level {
    /// Its name in case files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Recommended => "recommended",
            Self::Extension => "extension",
        }
    }
}

/// The key's state when the first step runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    Any,
    #[default]
    Empty,
    Pin,
    Finger,
}

/// A case as it stands in its file, before `with` has made one or several of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    rules: Vec<String>,
    says: String,
    #[serde(default = "required")]
    level: Level,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    start: Start,
    #[serde(default)]
    with: toml::Table,
    steps: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    case: Vec<Written>,
}

/// A file of cases.
pub struct Chapter {
    /// The file's name without its extension.
    pub name: String,
    /// What its cases are about.
    pub about: String,
    /// How many cases the file has. A case with several values counts once here, and becomes several cases.
    pub written: usize,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
}

impl Chapter {
    /// Reads the text of the file of that name.
    ///
    /// # Errors
    /// Names the case, and what is wrong with it.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, SyntaxError> {
        let file: File = toml::from_str(text).map_err(|error| in_a_sentence(&error, text))?;
        let written = file.case.len();
        let mut cases = Vec::new();
        for written in file.case {
            let id = written.id.clone();
            let made =
                written.cases(name).map_err(|error| SyntaxError(format!("{id}: {error}")))?;
            cases.extend(made);
        }
        Ok(Self { name: name.to_owned(), about: file.about, written, cases })
    }
}

/// Its line and what is wrong, without the picture that a terminal would get.
fn in_a_sentence(error: &toml::de::Error, text: &str) -> SyntaxError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    SyntaxError(format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join(", ")))
}

impl Written {
    fn cases(self, chapter: &str) -> Result<Vec<Case>, SyntaxError> {
        let steps = script::read(&self.steps)?;
        let needs: Result<Vec<Need>, SyntaxError> =
            self.needs.iter().map(|text| Need::read(text)).collect();
        let mut needs = needs?;
        needs.extend(Need::of(&steps, self.start));
        let case = Case {
            id: self.id,
            chapter: chapter.to_owned(),
            rules: self.rules,
            says: self.says,
            level: self.level,
            script: self.steps.trim().to_owned(),
            needs,
            start: self.start,
            values: Vec::new(),
            steps,
        };
        let mut cases = vec![case];
        for (name, values) in &self.with {
            let values =
                values.as_array().filter(|values| !values.is_empty()).ok_or_else(|| {
                    SyntaxError(format!("the values of {name} in `with` must be a list"))
                })?;
            cases = multiplied(&cases, name, values)?;
        }
        Ok(cases)
    }
}

/// Each case once for each value.
fn multiplied(
    cases: &[Case],
    name: &str,
    values: &[toml::Value],
) -> Result<Vec<Case>, SyntaxError> {
    let mut made = Vec::new();
    for case in cases {
        for value in values {
            made.push(case.with(name, value)?);
        }
    }
    Ok(made)
}

impl Case {
    /// Whether one of its steps goes around the channel that requests take: by single reports, or single APDUs.
    pub(crate) fn bypasses_channel(&self) -> bool {
        let is_single = |step: &Step| is_hid(step) || matches!(step, Step::Transmit { .. });
        self.steps.iter().any(|line| is_single(line.step.once()))
    }

    /// Whether it judges nothing but what getInfo says.
    pub(crate) fn is_about_words(&self) -> bool {
        let is_of_words = |step: &Step| match step {
            Step::Ctap { command, .. } => *command == code::GET_INFO,
            Step::Let(..) | Step::Check(..) | Step::Assume { .. } => true,
            _ => false,
        };
        self.steps.iter().all(|line| is_of_words(line.step.once()))
    }

    fn with(&self, name: &str, value: &toml::Value) -> Result<Self, SyntaxError> {
        let (expr, word) = match value {
            toml::Value::Integer(number) => {
                (Expr::Literal(Value::from(*number)), number.to_string())
            }
            toml::Value::Boolean(truth) => (Expr::Literal(Value::from(*truth)), truth.to_string()),
            toml::Value::String(text) => (expression(text)?, text.clone()),
            other => return Err(SyntaxError(format!("{other:?} cannot be a value of `with`"))),
        };
        let mut case = self.clone();
        if let (true, toml::Value::Integer(number)) = (name == "protocol", value) {
            case.needs.push(Need::read(&format!("protocol {number}"))?);
        }
        case.values.push((name.to_owned(), expr));
        case.id = match case.id.strip_suffix(']') {
            Some(before) => format!("{before},{name}={word}]"),
            None => format!("{}[{name}={word}]", case.id),
        };
        Ok(case)
    }
}

pub(crate) const fn is_hid(step: &Step) -> bool {
    matches!(
        step,
        Step::Channel(_)
            | Step::SendPacket(_)
            | Step::HearPacket(_)
            | Step::SendMessage { .. }
            | Step::HearMessage { .. }
            | Step::Silence(_)
    )
}

const fn required() -> Level {
    Level::Required
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"
        about = "a test"
        [[case]]
        id = "cp-a"
        rules = ["CP-01"]
        says = "It is said."
        with = { protocol = [1, 2], bad = ['"text"', '[]'] }
        steps = 'clientPIN {1: $protocol, 2: $bad} => error'
    "#;

    #[test]
    fn with_makes_a_case_for_each_combination_of_values() {
        let chapter = Chapter::read("a-test", CASE).unwrap();
        let ids: Vec<&str> = chapter.cases.iter().map(|case| &*case.id).collect();
        let expected = [
            "cp-a[bad=\"text\",protocol=1]",
            "cp-a[bad=\"text\",protocol=2]",
            "cp-a[bad=[],protocol=1]",
            "cp-a[bad=[],protocol=2]",
        ];
        assert_eq!(ids, expected);
        assert_eq!(chapter.written, 1);
    }

    #[test]
    fn what_is_wrong_with_a_case_is_said_with_its_id() {
        for (right, wrong, words) in [
            ("=> error", "=> oops", "cp-a: “clientPIN"),
            ("rules =", "rule =", "unknown field `rule`"),
            ("[1, 2]", "[]", "must be a list"),
            ("'[]'", "'['", "cp-a: "),
        ] {
            let error = Chapter::read("a-test", &CASE.replace(right, wrong)).err().unwrap().0;
            assert!(error.contains(words), "{error}");
        }
    }
}
