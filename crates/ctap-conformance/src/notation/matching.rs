//! Compares a value with a pattern, and says where they differ.

use ctap_client::Value;
use ctap_client::names::{self, Names};
use ctap_client::shown::shown;

use super::NoValue;
use super::eval::{Scope, find};
use super::syntax::{Bounds, Expr, Kind, Pattern};

impl Scope<'_> {
    /// Compares, and names what the pattern names. `None` is a value that is not there.
    ///
    /// # Errors
    /// Where the value differs from the pattern, and how.
    pub(crate) fn compare(
        &mut self,
        pattern: &Pattern,
        value: Option<&Value>,
    ) -> Result<(), NoValue> {
        self.compare_reply(names::NONE, pattern, value)
    }

    /// Compares the answer to a command. An error in it is reported with these names of its members.
    ///
    /// # Errors
    /// The same as for [`compare`](Self::compare).
    pub(crate) fn compare_reply(
        &mut self,
        names: Names,
        pattern: &Pattern,
        value: Option<&Value>,
    ) -> Result<(), NoValue> {
        match (pattern, value) {
            (Pattern::Absent, None) => Ok(()),
            (Pattern::Absent, Some(value)) => differ("nothing", value),
            (Pattern::OneOf(choices), value) => self.any_of(names, choices, value),
            (Pattern::Named(pattern, name), Some(value)) => {
                self.compare_reply(names, pattern, Some(value))?;
                self.set(name, value.clone());
                Ok(())
            }
            (pattern, None) => Err(missing(&self.wanted(pattern))),
            (Pattern::Any, Some(_)) => Ok(()),
            (Pattern::Kind(kind, bounds), Some(value)) => {
                self.compare_kind(*kind, bounds.as_ref(), value)
            }
            (Pattern::Exactly(expr), Some(value)) => {
                let expected = self.value(expr)?;
                if canonical(&expected) == canonical(value) {
                    return Ok(());
                }
                differ(&shown(&expected), value)
            }
            (Pattern::Not(pattern), Some(value)) => match self.compare(pattern, Some(value)) {
                Ok(()) => differ(&format!("anything but {}", self.wanted(pattern)), value),
                Err(_) => Ok(()),
            },
            (Pattern::Map { members, open }, Some(value)) => {
                self.members(names, members, *open, value)
            }
            (Pattern::Array { items, open }, Some(value)) => self.items(items, *open, value),
        }
    }

    fn any_of(
        &mut self,
        names: Names,
        choices: &[Pattern],
        value: Option<&Value>,
    ) -> Result<(), NoValue> {
        let mut problems = Vec::new();
        for choice in choices {
            match self.compare_reply(names, choice, value) {
                Ok(()) => return Ok(()),
                Err(NoValue(problem)) => problems.push(problem),
            }
        }
        match value {
            Some(_) => Err(NoValue(problems.join("; or "))),
            None => Err(missing(&self.one_of(choices))),
        }
    }

    fn compare_kind(
        &mut self,
        kind: Kind,
        bounds: Option<&Bounds>,
        value: &Value,
    ) -> Result<(), NoValue> {
        let (least, most) = match bounds {
            Some(Bounds { least, most }) => {
                (self.bound(least.as_ref())?, self.bound(most.as_ref())?)
            }
            None => (None, None),
        };
        let range = least.unwrap_or(i128::MIN)..=most.unwrap_or(i128::MAX);
        match size_as(kind, value) {
            Some(size) if range.contains(&size) => Ok(()),
            _ => differ(&kind_within(kind, least, most), value),
        }
    }

    /// What a pattern asks for, in a few words. What a case computes wrongly is just a value here: comparing reports it.
    fn wanted(&mut self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Absent => "nothing".to_owned(),
            Pattern::Any => "any value".to_owned(),
            Pattern::Map { .. } => "a map".to_owned(),
            Pattern::Array { .. } => "an array".to_owned(),
            Pattern::Named(pattern, _) => self.wanted(pattern),
            Pattern::Not(pattern) => format!("anything but {}", self.wanted(pattern)),
            Pattern::Exactly(expr) => {
                self.value(expr).map_or_else(|_| "a value".to_owned(), |value| shown(&value))
            }
            Pattern::OneOf(choices) => self.one_of(choices),
            Pattern::Kind(kind, bounds) => {
                let mut bound = |expr: Option<&Expr>| self.bound(expr).ok().flatten();
                let bounds = bounds.as_ref();
                let least = bound(bounds.and_then(|bounds| bounds.least.as_ref()));
                kind_within(*kind, least, bound(bounds.and_then(|bounds| bounds.most.as_ref())))
            }
        }
    }

    fn one_of(&mut self, choices: &[Pattern]) -> String {
        choices.iter().map(|choice| self.wanted(choice)).collect::<Vec<_>>().join(" or ")
    }

    fn bound(&mut self, bound: Option<&Expr>) -> Result<Option<i128>, NoValue> {
        bound.map(|expr| self.term(expr)?.integer()).transpose()
    }

    fn members(
        &mut self,
        names: Names,
        members: &[(Expr, Pattern)],
        open: bool,
        value: &Value,
    ) -> Result<(), NoValue> {
        let Some(present) = value.as_map() else { return differ("a map", value) };
        let mut named = Vec::new();
        for (key, pattern) in members {
            let key = self.value(key)?;
            self.compare(pattern, find(value, &key))
                .map_err(|problem| in_member(names, &key, &problem))?;
            named.push(key);
        }
        match present.iter().find(|(key, _)| !open && !named.contains(key)) {
            Some((key, surplus)) => {
                differ("no such member", surplus).map_err(|problem| in_member(names, key, &problem))
            }
            None => Ok(()),
        }
    }

    fn items(&mut self, items: &[Pattern], open: bool, value: &Value) -> Result<(), NoValue> {
        let Some(present) = value.as_array() else { return differ("an array", value) };
        for (index, pattern) in items.iter().enumerate() {
            self.compare(pattern, present.get(index))
                .map_err(|problem| at(&Value::from(index as u64), &problem))?;
        }
        match present.get(items.len()) {
            Some(surplus) if !open => differ("no further item", surplus)
                .map_err(|problem| at(&Value::from(items.len() as u64), &problem)),
            _ => Ok(()),
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Uint => "uint",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Array => "array",
            Self::Map => "map",
        }
    }
}

/// The size that the bounds of this kind limit: a length, or the number itself. `None` for a value of another kind.
fn size_as(kind: Kind, value: &Value) -> Option<i128> {
    match (kind, value) {
        (Kind::Bytes, Value::Bytes(bytes)) => Some(bytes.len() as i128),
        (Kind::Text, Value::Text(text)) => Some(text.len() as i128),
        (Kind::Array, Value::Array(items)) => Some(items.len() as i128),
        (Kind::Map, Value::Map(members)) => Some(members.len() as i128),
        (Kind::Int, Value::Integer(number)) => Some((*number).into()),
        (Kind::Uint, Value::Integer(number)) => Some((*number).into()).filter(|n: &i128| *n >= 0),
        (Kind::Bool, Value::Bool(truth)) => Some(i128::from(*truth)),
        _ => None,
    }
}

/// `bytes`, `bytes[32]`, `uint[4..]`
fn kind_within(kind: Kind, least: Option<i128>, most: Option<i128>) -> String {
    let end = |bound: Option<i128>| bound.map(|number| number.to_string()).unwrap_or_default();
    match (least, most) {
        (None, None) => kind.name().to_owned(),
        (Some(least), Some(most)) if least == most => format!("{}[{least}]", kind.name()),
        (least, most) => format!("{}[{}..{}]", kind.name(), end(least), end(most)),
    }
}

/// The order of a map does not count.
fn canonical(value: &Value) -> Vec<u8> {
    ctap_client::cbor::encode(value)
}

fn differ(expected: &str, value: &Value) -> Result<(), NoValue> {
    Err(NoValue(format!("expected {expected}, got {}", shown(value))))
}

fn missing(wanted: &str) -> NoValue {
    NoValue(format!("expected {wanted}, but it is missing"))
}

fn in_member(names: Names, key: &Value, problem: &NoValue) -> NoValue {
    let number = key.as_integer().and_then(|number| u64::try_from(number).ok());
    match number.and_then(|number| names::named(names, number)) {
        Some(name) => NoValue(format!("{name}: {problem}")),
        None => at(key, problem),
    }
}

fn at(key: &Value, problem: &NoValue) -> NoValue {
    NoValue(format!("at {}: {problem}", shown(key)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;
    use crate::notation::syntax::{Parser, expression};

    fn compare(pattern: &str, value: &str) -> Result<BTreeMap<String, String>, String> {
        let mut rng = UnwrapErr(SysRng);
        let mut scope = Scope { variables: BTreeMap::new(), rng: &mut rng };
        let value = scope.value(&expression(value).unwrap()).unwrap();
        let pattern = Parser::new(pattern).unwrap().pattern().unwrap();
        scope.compare(&pattern, Some(&value)).map_err(|problem| problem.0)?;
        let named = scope.variables.into_iter();
        Ok(named.map(|(name, term)| (name, shown(&term.value().unwrap()))).collect())
    }

    #[test]
    fn a_value_is_a_pattern_for_itself() {
        for value in ["1", "-7", "\"a\"", "h'00'", "h\"00\"", "true", "[1, 2]", "{1: {2: 3}}"] {
            assert_eq!(compare(value, value), Ok(BTreeMap::new()), "{value}");
        }
    }

    #[test]
    fn what_differs_is_said_with_its_place() {
        for (pattern, value, problem) in [
            ("{1: {2: 3}}", "{1: {2: 4}}", "at 1: at 2: expected 3, got 4"),
            ("{1: 2}", "{1: 2, 3: 4}", "at 3: expected no such member, got 4"),
            ("{1: 2, ...}", "{3: 4}", "at 1: expected 2, but it is missing"),
            ("{1: absent, ...}", "{1: 4}", "at 1: expected nothing, got 4"),
            ("[1]", "[1, 2]", "at 1: expected no further item, got 2"),
            ("bytes[32]", "h'00'", "expected bytes[32], got h'00'"),
            ("uint[4..63]", "3", "expected uint[4..63], got 3"),
            ("uint", "-1", "expected uint, got -1"),
            ("uint[..63]", "64", "expected uint[..63], got 64"),
            ("bytes[32..]", "true", "expected bytes[32..], got true"),
            ("{1: bytes[32] | text}", "{}", "at 1: expected bytes[32] or text, but it is missing"),
            ("{1: !0}", "{}", "at 1: expected anything but 0, but it is missing"),
            ("1 | \"a\"", "2", "expected 1, got 2; or expected \"a\", got 2"),
            ("!0", "0", "expected anything but 0, got 0"),
        ] {
            assert_eq!(compare(pattern, value), Err(problem.to_owned()), "{pattern} {value}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_reply_is_said_with_the_standards_name_of_the_member() {
        let mut rng = UnwrapErr(SysRng);
        let mut scope = Scope { variables: BTreeMap::new(), rng: &mut rng };
        for (pattern, problem) in [
            (
                "{20: uint, ...}",
                "remainingDiscoverableCredentials (0x14): expected uint, but it is missing",
            ),
            ("{4: {1: 2}, ...}", "options (0x04): at 1: expected 2, got 3"),
            ("{}", "options (0x04): expected no such member, got {1: 3}"),
            ("{4: map, 99: _}", "at 99: expected any value, but it is missing"),
            (
                "({1: _, ...} | {3: _, ...}) -> $x",
                "versions (0x01): expected any value, but it is missing; or aaguid (0x03): expected any value, but it is missing",
            ),
        ] {
            let value = scope.value(&expression("{4: {1: 3}}").unwrap()).unwrap();
            let pattern = Parser::new(pattern).unwrap().pattern().unwrap();
            let told = scope.compare_reply(names::GET_INFO, &pattern, Some(&value));
            assert_eq!(told, Err(NoValue(problem.to_owned())));
        }
    }

    #[test]
    fn what_is_named_has_that_name_from_then_on() {
        let named =
            compare("{1: bytes[1..] -> $id, 2: (1 | 2) -> $n, ...}", "{1: h\"aa\", 2: 2, 3: 0}");
        let expected = [("id", "h'aa'"), ("n", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(named, Ok(expected.into()));
    }
}
