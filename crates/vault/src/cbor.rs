//! Just enough CBOR for the state file: fields in a fixed order, lengths known, buffers wiped.

use std::convert::Infallible;

use ciborium_io::{Read, Write};
use ciborium_ll::{Decoder, Encoder, Header, simple};
use ctap_core::secret::Secret;
use zeroize::Zeroizing;

use crate::error::Fault;

/// Writes items one after the other. Each method writes one item; `map` and `list` announce how many belong to them.
#[derive(Default)]
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// The next item is this field's value.
    pub(crate) fn field(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self
    }

    pub(crate) fn map(&mut self, fields: usize) {
        self.push(Header::Map(Some(fields)));
    }

    pub(crate) fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.push(Header::Array(Some(items.len())));
        items.iter().for_each(|item| write(self, item));
    }

    pub(crate) fn optional<T: ?Sized>(&mut self, item: Option<&T>, write: impl Fn(&mut Self, &T)) {
        match item {
            Some(item) => write(self, item),
            None => self.null(),
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let Ok(()) = Encoder::from(Sink(&mut self.0)).bytes(bytes, None);
    }

    pub(crate) fn text(&mut self, text: &str) {
        let Ok(()) = Encoder::from(Sink(&mut self.0)).text(text, None);
    }

    pub(crate) fn unsigned(&mut self, number: impl Into<u64>) {
        self.push(Header::Positive(number.into()));
    }

    pub(crate) fn signed(&mut self, number: i32) {
        let number = i64::from(number);
        self.push(match u64::try_from(number) {
            Ok(positive) => Header::Positive(positive),
            Err(_) => Header::Negative((!number).unsigned_abs()),
        });
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.push(Header::Simple(if value { simple::TRUE } else { simple::FALSE }));
    }

    pub(crate) fn null(&mut self) {
        self.push(Header::Simple(simple::NULL));
    }

    fn push(&mut self, header: Header) {
        let Ok(()) = Encoder::from(Sink(&mut self.0)).push(header);
    }
}

/// Grows without leaving unwiped copies behind, which a `Vec` that grows by itself does.
struct Sink<'a>(&'a mut Zeroizing<Vec<u8>>);

impl Write for Sink<'_> {
    type Error = Infallible;

    fn write_all(&mut self, data: &[u8]) -> Result<(), Infallible> {
        let needed = self.0.len().saturating_add(data.len());
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2)));
            larger.extend_from_slice(self.0);
            *self.0 = larger;
        }
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Reads what [`Writer`] wrote, and nothing else.
pub(crate) struct Reader<'a> {
    decoder: Decoder<&'a [u8]>,
    length: usize,
    field: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { decoder: Decoder::from(bytes), length: bytes.len(), field: "(start)" }
    }

    /// Nothing is left over.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        if self.left() == 0 { Ok(()) } else { Err(self.malformed()) }
    }

    /// The next item is this field's value.
    pub(crate) fn field(&mut self, name: &'static str) -> Result<&mut Self, Fault> {
        self.field = name;
        if self.text()? == name { Ok(self) } else { Err(self.malformed()) }
    }

    pub(crate) fn map(&mut self, fields: usize) -> Result<(), Fault> {
        if self.any_map()? == fields { Ok(()) } else { Err(self.malformed()) }
    }

    /// A map, and how many fields it has.
    pub(crate) fn any_map(&mut self) -> Result<usize, Fault> {
        match self.pull()? {
            Header::Map(Some(fields)) => Ok(fields),
            _ => Err(self.malformed()),
        }
    }

    pub(crate) fn list<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        match self.pull()? {
            Header::Array(Some(count)) => (0..count).map(|_| read(self)).collect(),
            _ => Err(self.malformed()),
        }
    }

    pub(crate) fn optional<T>(
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

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        match self.pull()? {
            Header::Bytes(Some(length)) => self.take(length),
            _ => Err(self.malformed()),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    pub(crate) fn secret<const N: usize>(&mut self) -> Result<Secret<N>, Fault> {
        let mut outcome = Ok(());
        let secret = Secret::filled(|bytes| outcome = self.fill(bytes));
        outcome.map(|()| secret)
    }

    pub(crate) fn text(&mut self) -> Result<String, Fault> {
        match self.pull()? {
            Header::Text(Some(length)) => {
                String::from_utf8(self.take(length)?).map_err(|_| self.malformed())
            }
            _ => Err(self.malformed()),
        }
    }

    pub(crate) fn integer<T: TryFrom<i128>>(&mut self) -> Result<T, Fault> {
        let number = match self.pull()? {
            Header::Positive(number) => i128::from(number),
            Header::Negative(number) => !i128::from(number),
            _ => return Err(self.malformed()),
        };
        T::try_from(number).map_err(|_| self.malformed())
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.pull()? {
            Header::Simple(simple::TRUE) => Ok(true),
            Header::Simple(simple::FALSE) => Ok(false),
            _ => Err(self.malformed()),
        }
    }

    pub(crate) const fn malformed(&self) -> Fault {
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

    /// The length is judged before memory is asked for.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        if length > self.left() {
            return Err(self.malformed());
        }
        let mut bytes = vec![0; length];
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
