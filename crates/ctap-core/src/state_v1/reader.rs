//! The small part of CBOR that the state file needs: fields in a fixed order, lengths that are checked before
//! memory is allocated.

use alloc::{string::String, vec::Vec};

use ciborium_io::Read;
use ciborium_ll::{Decoder, Header, simple};

use super::Fault;
use crate::secret::Secret;

/// Reads fields in their one order.
pub(super) struct Reader<'a> {
    decoder: Decoder<&'a [u8]>,
    length: usize,
    field: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { decoder: Decoder::from(bytes), length: bytes.len(), field: "(start)" }
    }

    /// Nothing is left over.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        if self.left() == 0 { Ok(()) } else { Err(self.malformed()) }
    }

    /// The next item is this field's value.
    pub(super) fn field(&mut self, name: &'static str) -> Result<&mut Self, Fault> {
        self.field = name;
        if self.text()? == name { Ok(self) } else { Err(self.malformed()) }
    }

    pub(super) fn map(&mut self, fields: usize) -> Result<(), Fault> {
        if self.any_map()? == fields { Ok(()) } else { Err(self.malformed()) }
    }

    /// A map, and how many fields it has.
    pub(super) fn any_map(&mut self) -> Result<usize, Fault> {
        match self.pull()? {
            Header::Map(Some(fields)) => Ok(fields),
            _ => Err(self.malformed()),
        }
    }

    pub(super) fn list<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        match self.pull()? {
            Header::Array(Some(count)) => (0..count).map(|_| read(self)).collect(),
            _ => Err(self.malformed()),
        }
    }

    pub(super) fn optional<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match self.pull()? {
            Header::Simple(simple::NULL) => Ok(None),
            header => {
                self.decoder.push(header);
                read(self).map(Some)
            }
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        match self.pull()? {
            Header::Bytes(Some(length)) => self.take(length),
            _ => Err(self.malformed()),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    pub(super) fn secret<const N: usize>(&mut self) -> Result<Secret<N>, Fault> {
        let mut outcome = Ok(());
        let secret = Secret::filled(|bytes| outcome = self.fill(bytes));
        outcome.map(|()| secret)
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        match self.pull()? {
            Header::Text(Some(length)) => {
                String::from_utf8(self.take(length)?).map_err(|_| self.malformed())
            }
            _ => Err(self.malformed()),
        }
    }

    pub(super) fn integer<T: TryFrom<i128>>(&mut self) -> Result<T, Fault> {
        let number = match self.pull()? {
            Header::Positive(number) => i128::from(number),
            Header::Negative(number) => !i128::from(number),
            _ => return Err(self.malformed()),
        };
        T::try_from(number).map_err(|_| self.malformed())
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.pull()? {
            Header::Simple(simple::TRUE) => Ok(true),
            Header::Simple(simple::FALSE) => Ok(false),
            _ => Err(self.malformed()),
        }
    }

    pub(super) const fn malformed(&self) -> Fault {
        Fault::Malformed { field: self.field }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        match self.pull()? {
            Header::Bytes(Some(length)) if length == buffer.len() => {
                self.decoder.read_exact(buffer).map_err(|_| self.malformed())
            }
            _ => Err(self.malformed()),
        }
    }

    /// The length is checked before memory is allocated.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        if length > self.left() {
            return Err(self.malformed());
        }
        let mut bytes = alloc::vec![0; length];
        self.decoder.read_exact(&mut bytes).map_err(|_| self.malformed())?;
        Ok(bytes)
    }

    fn pull(&mut self) -> Result<Header, Fault> {
        self.decoder.pull().map_err(|_| self.malformed())
    }

    fn left(&mut self) -> usize {
        self.length.saturating_sub(self.decoder.offset())
    }
}
