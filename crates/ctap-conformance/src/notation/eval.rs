//! The values of expressions.

use std::collections::BTreeMap;
use std::rc::Rc;

use ctap_client::names;
use ctap_client::shown::shown;
use ctap_client::{PinUvAuthToken, SharedSecret, Value};
use rand_core::CryptoRng;

use super::syntax::{Expr, Part};
use super::{NoValue, functions};
use crate::limits::LARGEST_VALUE;

/// The meaning of a name.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    Value(Value),
    /// Bytes that are sent as they are: no encoding of anything.
    Raw(Vec<u8>),
    /// A member that is to be left out.
    Absent,
    Token(Rc<PinUvAuthToken>),
    Secret(Rc<SharedSecret>),
}

impl From<Value> for Term {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Term {
    /// The CBOR value that this is.
    pub(crate) fn value(self) -> Result<Value, NoValue> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Raw(_) => Err(NoValue("raw bytes are no value".to_owned())),
            Self::Absent => Err(NoValue("there is nothing there".to_owned())),
            Self::Token(_) | Self::Secret(_) => Err(NoValue("a secret is no value".to_owned())),
        }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, NoValue> {
        match self.value()? {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(NoValue(format!("expected bytes, got {}", shown(&other)))),
        }
    }

    pub(crate) fn text(self) -> Result<String, NoValue> {
        match self.value()? {
            Value::Text(text) => Ok(text),
            other => Err(NoValue(format!("expected text, got {}", shown(&other)))),
        }
    }

    pub(crate) fn integer(self) -> Result<i128, NoValue> {
        match self.value()? {
            Value::Integer(number) => Ok(number.into()),
            other => Err(NoValue(format!("expected a number, got {}", shown(&other)))),
        }
    }

    /// A number of bytes: bounded, so that no mistake in a case asks for all memory.
    pub(crate) fn size(self) -> Result<usize, NoValue> {
        let number = self.integer()?;
        usize::try_from(number)
            .ok()
            .filter(|size| *size <= LARGEST_VALUE)
            .ok_or_else(|| NoValue(format!("expected a size up to {LARGEST_VALUE}, got {number}")))
    }
}

/// The variables of a case, and where its random numbers come from.
pub(crate) struct Scope<'a> {
    pub(crate) variables: BTreeMap<String, Term>,
    pub(crate) rng: &'a mut dyn CryptoRng,
}

impl Scope<'_> {
    pub(crate) fn set(&mut self, name: &str, term: impl Into<Term>) {
        self.variables.insert(name.to_owned(), term.into());
    }

    pub(crate) fn get(&self, name: &str) -> Result<Term, NoValue> {
        let found = self.variables.get(name).cloned();
        found.ok_or_else(|| NoValue(format!("${name} has no value here")))
    }

    /// Whether there is a token, or a secret shared with the key, which a key without power forgets.
    pub(crate) fn holds_what_power_takes(&self) -> bool {
        self.variables.values().any(|term| matches!(term, Term::Token(_) | Term::Secret(_)))
    }

    pub(crate) fn term(&mut self, expr: &Expr) -> Result<Term, NoValue> {
        match expr {
            Expr::Literal(value) => Ok(value.clone().into()),
            Expr::Absent => Ok(Term::Absent),
            Expr::Variable(name) => self.get(name),
            Expr::Array(parts) => self.array(parts),
            Expr::Map(parts) => self.map(parts),
            Expr::Member(of, key) => {
                let (all, key) = (self.value(of)?, self.value(key)?);
                let found = member(&all, &key).map(Term::Value);
                match **of == Expr::Variable("info".to_owned()) {
                    true => found.map_err(|_| missing_from_info(&key)),
                    false => found,
                }
            }
            Expr::Call(function, arguments) => {
                let terms: Result<Vec<Term>, NoValue> =
                    arguments.iter().map(|argument| self.term(argument)).collect();
                functions::call(function, terms?, self)
            }
            Expr::Sum(a, b) => sum(self.value(a)?, self.value(b)?),
            Expr::Difference(a, b) => {
                number(self.term(a)?.integer()?.saturating_sub(self.term(b)?.integer()?))
            }
        }
    }

    pub(crate) fn value(&mut self, expr: &Expr) -> Result<Value, NoValue> {
        self.term(expr)?.value()
    }

    fn array(&mut self, parts: &[Part]) -> Result<Term, NoValue> {
        let mut items = Vec::new();
        for part in parts {
            match part {
                Part::Item(item) => items.push(self.value(item)?),
                Part::Spread(expr) => match self.value(expr)? {
                    Value::Array(more) => items.extend(more),
                    other => {
                        return Err(NoValue(format!("expected an array, got {}", shown(&other))));
                    }
                },
                Part::Pair(..) => return Err(NoValue("an array has no members".to_owned())),
            }
        }
        Ok(Value::Array(items).into())
    }

    fn map(&mut self, parts: &[Part]) -> Result<Term, NoValue> {
        let mut entries: Vec<(Value, Value)> = Vec::new();
        for part in parts {
            match part {
                Part::Pair(key, value) => {
                    let (key, value) = (self.value(key)?, self.term(value)?);
                    put(&mut entries, key, value)?;
                }
                Part::Spread(expr) => match self.value(expr)? {
                    Value::Map(more) => {
                        for (key, value) in more {
                            put(&mut entries, key, value.into())?;
                        }
                    }
                    other => return Err(NoValue(format!("expected a map, got {}", shown(&other)))),
                },
                Part::Item(_) => return Err(NoValue("a map has members".to_owned())),
            }
        }
        Ok(Value::Map(entries).into())
    }
}

fn put(entries: &mut Vec<(Value, Value)>, key: Value, value: Term) -> Result<(), NoValue> {
    entries.retain(|(present, _)| *present != key);
    match value {
        Term::Absent => {}
        value => entries.push((key, value.value()?)),
    }
    Ok(())
}

/// The member of a map, or the element of an array.
pub(crate) fn member(of: &Value, key: &Value) -> Result<Value, NoValue> {
    let found = match (of, key) {
        (Value::Array(items), Value::Integer(index)) => {
            usize::try_from(i128::from(*index)).ok().and_then(|index| items.get(index))
        }
        _ => find(of, key),
    };
    let missing =
        || NoValue(format!("expected {} in {}, but it is missing", shown(key), shown(of)));
    found.cloned().ok_or_else(missing)
}

fn missing_from_info(key: &Value) -> NoValue {
    let number = key.as_integer().and_then(|number| u64::try_from(number).ok());
    let name = number.map_or_else(|| shown(key), names::of_info);
    NoValue(format!("expected {name} in getInfo, but it is missing"))
}

/// The member of a map, if it is a map and has it.
pub(crate) fn find<'v>(of: &'v Value, key: &Value) -> Option<&'v Value> {
    of.as_map()?.iter().find(|(present, _)| present == key).map(|(_, value)| value)
}

fn sum(a: Value, b: Value) -> Result<Term, NoValue> {
    match (a, b) {
        (Value::Bytes(a), Value::Bytes(b)) => Ok(Value::Bytes([a, b].concat()).into()),
        (Value::Text(a), Value::Text(b)) => Ok(Value::Text(a + &b).into()),
        (Value::Array(a), Value::Array(b)) => Ok(Value::Array([a, b].concat()).into()),
        (Value::Integer(a), Value::Integer(b)) => {
            number(i128::from(a).saturating_add(i128::from(b)))
        }
        (a, b) => Err(NoValue(format!("{} and {} cannot be joined", shown(&a), shown(&b)))),
    }
}

/// A number as CBOR has it.
pub(crate) fn number(number: i128) -> Result<Term, NoValue> {
    let integer = number.try_into().map_err(|_| NoValue(format!("{number} is out of range")))?;
    Ok(Value::Integer(integer).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_bound_and_is_not_negative() {
        let size = |number: i128| super::number(number).unwrap().size();
        assert_eq!(size(LARGEST_VALUE as i128), Ok(LARGEST_VALUE));
        for number in [LARGEST_VALUE as i128 + 1, -1] {
            assert_eq!(
                size(number),
                Err(NoValue(format!("expected a size up to {LARGEST_VALUE}, got {number}")))
            );
        }
    }
}
