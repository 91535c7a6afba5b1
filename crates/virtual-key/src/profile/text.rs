//! A profile as text: its TOML laid over the profile that it extends, and the errors in it.

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::description::Description;
use super::lines::line_at;

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) what: String,
    /// What to do about it.
    pub(super) next: String,
}

/// Reads a profile. What it does not say, the profile that it extends says.
///
/// # Errors
/// The first [`Fault`]: its writer's.
pub(super) fn parse(text: &str) -> Result<Description, Fault> {
    let table = read(text)?;
    Description::deserialize(Deserializer::from(table)).map_err(|error| Fault::new(&error, text))
}

/// The text of a built-in profile.
pub(super) fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(built_in, _)| *built_in == name).map(|(_, text)| *text)
}

/// The names of the built-in profiles.
pub(super) fn all_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.into_iter().map(|(name, _)| name)
}

/// Those names in a sentence.
pub(super) fn names() -> String {
    all_names().collect::<Vec<_>>().join(", ")
}

/// The name among these that is much like `name`.
pub(crate) fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let likeness =
        |other: &str| strsim::normalized_damerau_levenshtein(&other.to_lowercase(), &name);
    let best = among.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    best.filter(|best| likeness(best) > MUCH_LIKE)
}

/// The text's table, laid over that of the profile it extends. Nothing is under `default`, which says everything.
fn read(text: &str) -> Result<Spanned<DeTable<'_>>, Fault> {
    let mut table = DeTable::parse(text).map_err(|error| Fault::new(&error, text))?;
    if text == DEFAULT {
        return Ok(table);
    }
    let base = match table.get_mut().remove("extends") {
        Some(name) => extended(&name).map_err(|what| Fault::at(name.span().start, &what, text))?,
        None => DEFAULT,
    };
    let mut whole = read(base)?;
    lay_over(whole.get_mut(), table.into_inner());
    Ok(whole)
}

fn extended(name: &Spanned<DeValue<'_>>) -> Result<&'static str, String> {
    let Some(name) = name.get_ref().as_str() else {
        return Err("a profile is extended by its name, as in extends = \"default\"".to_owned());
    };
    built_in(name).ok_or_else(|| {
        let names = BUILT_IN.map(|(name, _)| format!("`{name}`")).join(", ");
        format!("unknown profile `{name}`, expected one of {names}")
    })
}

/// Tables are merged; everything else is replaced, also a list as a whole.
fn lay_over<'i>(base: &mut DeTable<'i>, over: DeTable<'i>) {
    for (key, value) in over {
        let below = base.remove(&key);
        let span = value.span();
        let value = match (below.map(Spanned::into_inner), value.into_inner()) {
            (Some(DeValue::Table(mut below)), DeValue::Table(above)) => {
                lay_over(&mut below, above);
                DeValue::Table(below)
            }
            (_, above) => above,
        };
        base.insert(key, Spanned::new(span, value));
    }
}

impl Fault {
    /// Built-in profiles have no faults, so the span is one of `text`.
    fn new(error: &Error, text: &str) -> Self {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        Self::at(error.span().map_or(0, |span| span.start), &message, text)
    }

    fn at(start: usize, message: &str, text: &str) -> Self {
        let line = line_at(text, start);
        match (Unknown::parse(message), message.split_once(NEXT)) {
            (Some(unknown), _) => Self { line, next: unknown.advice(), what: unknown.what },
            (None, Some((what, next))) => {
                Self { line, next: next.to_owned(), what: what.to_owned() }
            }
            (None, None) => Self { line, next: KEYS.to_owned(), what: in_plain_words(message) },
        }
    }
}

/// A name that means nothing, and those that would.
struct Unknown<'a> {
    what: String,
    name: &'a str,
    expected: Vec<&'a str>,
}

impl<'a> Unknown<'a> {
    /// serde says "unknown field `a`, expected one of `b`, `c`", and so does [`extended`].
    fn parse(message: &'a str) -> Option<Self> {
        let (what, expected) = message.split_once(", expected ")?;
        let quoted = |text: &'a str| text.split('`').skip(1).step_by(2);
        let name = quoted(what).next().filter(|_| what.starts_with("unknown"))?;
        let what = what.replace("unknown field", "unknown key").replace("variant", "value");
        Some(Self { what, name, expected: quoted(expected).collect() })
    }

    /// The most similar name; if there is none, all names unless there are too many.
    fn advice(&self) -> String {
        match nearest(self.name, self.expected.iter().copied()) {
            Some(name) => format!("write `{name}`; {KEYS}"),
            None if self.expected.len() < 12 => {
                format!("use one of: {}; {KEYS}", self.expected.join(", "))
            }
            None => KEYS.to_owned(),
        }
    }
}

/// The names of Rust's types mean nothing to people.
pub(super) fn in_plain_words(message: &str) -> String {
    let types = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number, not negative"),
        ("expected u64", "expected a whole number, not negative"),
        ("expected usize", "expected a whole number, not negative"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("expected a boolean", "expected true or false"),
        ("expected path string", "expected the name of a file"),
        ("wanted string or table", "expected a name in quotation marks"),
    ];
    let plain = types.iter().find(|(rust, _)| message.ends_with(rust));
    plain.map_or(message.to_owned(), |(rust, words)| message.replace(rust, words))
}

/// Between what is wrong and what to do about it, in a message of ours.
pub(super) const NEXT: &str = "; next: ";

/// Between names that have nothing in common, 0, and the same one twice, 1.
const MUCH_LIKE: f64 = 0.5;

const KEYS: &str = "docs/profiles.md explains every key and value";

const BUILT_IN: [(&str, &str); 6] = [
    ("default", DEFAULT),
    ("fido2.1", include_str!("fido2.1.toml")),
    ("fido2.0", include_str!("fido2.0.toml")),
    ("u2f-only", include_str!("u2f-only.toml")),
    ("bio", include_str!("bio.toml")),
    ("everything", include_str!("everything.toml")),
];
const DEFAULT: &str = include_str!("default.toml");
