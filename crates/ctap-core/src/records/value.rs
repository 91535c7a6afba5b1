//! The value of a record: a canonical CBOR map with ascending numbers as keys, of which 0 is the version.

use alloc::{string::String, vec::Vec};
use core::iter::Peekable;

use super::error::LoadError;
use crate::cbor::{Encode, Item, Map, Sink};
use crate::secret::{Secret, SecretBytes};
use crate::status::Status;

/// A value being written. What it holds is secret: it leaves no copies behind.
pub(super) struct ValueWriter {
    value: Sink,
    entries: u8,
}

impl ValueWriter {
    /// A value of this version.
    pub(super) fn new(version: u8) -> Self {
        let mut writer = Self { value: Sink::with_capacity(USUAL_LENGTH), entries: 0 };
        writer.value.raw(&[EMPTY_MAP]);
        writer.put(0, version);
        writer
    }

    /// Appends an entry. Keys ascend, and there are at most 23 of them.
    pub(super) fn put(&mut self, key: u8, value: impl Encode) -> &mut Self {
        key.encode(&mut self.value);
        value.encode(&mut self.value);
        self.entries = self.entries.saturating_add(1);
        self
    }

    /// Appends an entry if there is a value.
    pub(super) fn put_some(&mut self, key: u8, value: Option<impl Encode>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    pub(super) fn finish(self) -> SecretBytes {
        let mut value = self.value.into_vec();
        if let Some(head) = value.first_mut() {
            *head = EMPTY_MAP.saturating_add(self.entries);
        }
        SecretBytes::new(value)
    }
}

/// The head of a map, to which the number of entries is added, up to 23.
const EMPTY_MAP: u8 = 0xa0;
/// Room for most values, so that few of them grow.
const USUAL_LENGTH: usize = 512;

/// Why a value was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Newer(u64),
    Malformed,
}

impl Fault {
    /// The same fault in a record of this kind.
    pub(super) const fn of(self, kind: &'static str) -> LoadError {
        match self {
            Self::Newer(found) => LoadError::Newer { kind, found },
            Self::Malformed => LoadError::Malformed { kind },
        }
    }
}

/// Whatever the reader has against a value.
impl From<Status> for Fault {
    fn from(_: Status) -> Self {
        Self::Malformed
    }
}

/// A value being read, entry by entry, in the order in which they were written. Each method takes the entry with its key;
/// those that are called `optional_` do without.
pub(super) struct Fields<'a> {
    entries: Peekable<Map<'a>>,
    version: u64,
}

impl<'a> Fields<'a> {
    /// Judges the form of the whole value, and its version.
    pub(super) fn parse(value: &'a [u8], version: u8) -> Result<Self, Fault> {
        let mut fields = Self { entries: Map::parse(value)?.peekable(), version: 0 };
        match fields.required(0)?.unsigned()? {
            0 => Err(Fault::Malformed),
            found if found > u64::from(version) => Err(Fault::Newer(found)),
            found => Ok(Self { version: found, ..fields }),
        }
    }

    /// The version that the value has: from 1 up to the one that it was parsed for.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Nothing is left over.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        if self.entries.next().is_none() { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn optional(&mut self, key: u8) -> Option<Item<'a>> {
        let is_it = |entry: &(Item<'_>, Item<'_>)| entry.0.unsigned() == Ok(u64::from(key));
        self.entries.next_if(is_it).map(|(_, value)| value)
    }

    fn required(&mut self, key: u8) -> Result<Item<'a>, Fault> {
        self.optional(key).ok_or(Fault::Malformed)
    }

    pub(super) fn bytes(&mut self, key: u8) -> Result<&'a [u8], Fault> {
        Ok(self.required(key)?.bytes()?)
    }

    pub(super) fn optional_bytes(&mut self, key: u8) -> Result<Option<&'a [u8]>, Fault> {
        Ok(self.optional(key).map(Item::bytes).transpose()?)
    }

    pub(super) fn array<const N: usize>(&mut self, key: u8) -> Result<[u8; N], Fault> {
        self.bytes(key)?.try_into().map_err(|_| Fault::Malformed)
    }

    pub(super) fn secret<const N: usize>(&mut self, key: u8) -> Result<Secret<N>, Fault> {
        self.optional_secret(key)?.ok_or(Fault::Malformed)
    }

    pub(super) fn optional_secret<const N: usize>(
        &mut self,
        key: u8,
    ) -> Result<Option<Secret<N>>, Fault> {
        let bytes = self.optional_bytes(key)?;
        let secret = |bytes: &[u8]| bytes.try_into().map(Secret::new).map_err(|_| Fault::Malformed);
        bytes.map(secret).transpose()
    }

    pub(super) fn text(&mut self, key: u8) -> Result<String, Fault> {
        Ok(self.required(key)?.text()?.into())
    }

    pub(super) fn optional_text(&mut self, key: u8) -> Result<Option<String>, Fault> {
        let text = self.optional(key).map(Item::text).transpose()?;
        Ok(text.map(String::from))
    }

    pub(super) fn texts(&mut self, key: u8) -> Result<Vec<String>, Fault> {
        let elements = self.required(key)?.array()?;
        elements.map(|element| Ok(element.text()?.into())).collect()
    }

    pub(super) fn boolean(&mut self, key: u8) -> Result<bool, Fault> {
        Ok(self.required(key)?.boolean()?)
    }

    pub(super) fn optional_boolean(&mut self, key: u8) -> Result<Option<bool>, Fault> {
        Ok(self.optional(key).map(Item::boolean).transpose()?)
    }

    pub(super) fn number<T: TryFrom<i128>>(&mut self, key: u8) -> Result<T, Fault> {
        self.optional_number(key)?.ok_or(Fault::Malformed)
    }

    pub(super) fn optional_number<T: TryFrom<i128>>(
        &mut self,
        key: u8,
    ) -> Result<Option<T>, Fault> {
        let number = self.optional(key).map(Item::integer).transpose()?;
        number.map(|number| T::try_from(number).map_err(|_| Fault::Malformed)).transpose()
    }

    pub(super) fn number_up_to(&mut self, key: u8, most: u8) -> Result<u8, Fault> {
        let number = self.number(key)?;
        if number <= most { Ok(number) } else { Err(Fault::Malformed) }
    }
}
