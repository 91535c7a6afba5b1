//! Typed reading of reply maps. Each member is taken out by its key; the members that are left are kept as unknown.

use crate::cbor::{self, Value};
use crate::error::ReplyFault;

/// A type that a member of a reply can have.
pub trait FromCbor: Sized {
    /// Reads `value`, the content of the member called `name`.
    ///
    /// # Errors
    /// [`ReplyFault::WrongType`] and similar ones, with the name of the member; the key's fault.
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault>;
}

/// The members of one reply map that have not been taken yet.
#[derive(Debug)]
pub struct Fields(Vec<(Value, Value)>);

impl Fields {
    /// Reads a reply body, which must be one CBOR map; `strict` asks for the canonical encoding too (MSG-51).
    ///
    /// # Errors
    /// [`ReplyFault::Missing`] if there is no body at all, [`ReplyFault::Cbor`], [`ReplyFault::WrongType`].
    pub fn parse(body: &[u8], name: &'static str, strict: bool) -> Result<Self, ReplyFault> {
        if body.is_empty() {
            return Err(ReplyFault::Missing(name));
        }
        let value = cbor::decode(body).map_err(|fault| ReplyFault::Cbor(name, fault))?;
        if strict {
            cbor::check_canonical(body, &value).map_err(|fault| ReplyFault::Cbor(name, fault))?;
        }
        Self::from_cbor(value, name)
    }

    /// The members of a map with text keys, which was read before.
    #[must_use]
    pub fn from_text_map(entries: &[(String, Value)]) -> Self {
        Self(
            entries.iter().map(|(key, value)| (Value::from(key.as_str()), value.clone())).collect(),
        )
    }

    /// Takes an optional member.
    ///
    /// # Errors
    /// [`ReplyFault`] if the member is there with another type.
    pub fn take<T: FromCbor>(
        &mut self,
        key: impl Into<Value>,
        name: &'static str,
    ) -> Result<Option<T>, ReplyFault> {
        let key = key.into();
        match self.0.iter().position(|(present, _)| *present == key) {
            Some(index) => T::from_cbor(self.0.remove(index).1, name).map(Some),
            None => Ok(None),
        }
    }

    /// Takes an obligatory member.
    ///
    /// # Errors
    /// [`ReplyFault`] if the member is missing or has another type.
    pub fn require<T: FromCbor>(
        &mut self,
        key: impl Into<Value>,
        name: &'static str,
    ) -> Result<T, ReplyFault> {
        self.take(key, name)?.ok_or(ReplyFault::Missing(name))
    }

    /// The members that are left: those that this crate does not know.
    #[must_use]
    pub fn unknown(self) -> Vec<(Value, Value)> {
        self.0
    }
}

impl FromCbor for Fields {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        value.into_map().map(Self).map_err(|_| ReplyFault::WrongType(name))
    }
}

impl FromCbor for Value {
    fn from_cbor(value: Value, _: &'static str) -> Result<Self, ReplyFault> {
        Ok(value)
    }
}

impl FromCbor for bool {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        value.into_bool().map_err(|_| ReplyFault::WrongType(name))
    }
}

impl FromCbor for u64 {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let integer = value.into_integer().map_err(|_| ReplyFault::WrongType(name))?;
        Self::try_from(integer).map_err(|_| ReplyFault::WrongType(name))
    }
}

impl FromCbor for i64 {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let integer = value.into_integer().map_err(|_| ReplyFault::WrongType(name))?;
        Self::try_from(integer).map_err(|_| ReplyFault::BadValue(name))
    }
}

impl FromCbor for String {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        value.into_text().map_err(|_| ReplyFault::WrongType(name))
    }
}

impl FromCbor for Vec<u8> {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        value.into_bytes().map_err(|_| ReplyFault::WrongType(name))
    }
}

impl<const N: usize> FromCbor for [u8; N] {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        Vec::<u8>::from_cbor(value, name)?.try_into().map_err(|_| ReplyFault::BadValue(name))
    }
}

impl<const N: usize> FromCbor for zeroize::Zeroizing<[u8; N]> {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let bytes = zeroize::Zeroizing::new(Vec::<u8>::from_cbor(value, name)?);
        let array =
            <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| ReplyFault::BadValue(name))?;
        Ok(Self::new(array))
    }
}

impl<T: FromCbor> FromCbor for Vec<T> {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let items = value.into_array().map_err(|_| ReplyFault::WrongType(name))?;
        items.into_iter().map(|item| T::from_cbor(item, name)).collect()
    }
}

/// A map with text keys: options, certifications, extension outputs. In the order of the wire.
impl<T: FromCbor> FromCbor for Vec<(String, T)> {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let entries = value.into_map().map_err(|_| ReplyFault::WrongType(name))?;
        let read = |(key, item)| Ok((String::from_cbor(key, name)?, T::from_cbor(item, name)?));
        entries.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::CborFault;
    use crate::test_support::hex;

    #[test]
    fn members_are_taken_by_key_and_the_rest_is_kept() {
        let mut fields = Fields::parse(&hex("a301f5024101186300"), "reply", true).unwrap();
        assert_eq!(fields.take(1, "one"), Ok(Some(true)));
        assert_eq!(fields.require(2, "two"), Ok(vec![1_u8]));
        assert_eq!(fields.take::<bool>(3, "three"), Ok(None));
        assert_eq!(fields.unknown(), [(Value::from(99), Value::from(0))]);
    }

    #[test]
    fn absent_and_mistyped_members_are_named() {
        let mut fields = Fields::parse(&hex("a101f6"), "reply", true).unwrap();
        assert_eq!(fields.require::<bool>(2, "two"), Err(ReplyFault::Missing("two")));
        assert_eq!(fields.take::<bool>(1, "one"), Err(ReplyFault::WrongType("one")));
    }

    #[test]
    fn a_non_canonical_reply_is_refused_only_when_strict() {
        let reply = hex("a203000100");
        let fault = Fields::parse(&reply, "reply", true).unwrap_err();
        assert_eq!(fault, ReplyFault::Cbor("reply", CborFault::NotCanonical));
        assert!(Fields::parse(&reply, "reply", false).is_ok());
    }

    #[test]
    fn a_byte_string_of_another_length_is_a_bad_value() {
        assert_eq!(
            <[u8; 2]>::from_cbor(Value::from(vec![1]), "two"),
            Err(ReplyFault::BadValue("two"))
        );
        assert_eq!(
            <[u8; 2]>::from_cbor(Value::from("ab"), "two"),
            Err(ReplyFault::WrongType("two"))
        );
    }
}
