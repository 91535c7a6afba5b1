//! The writer: ciborium's encoder, and a map that keeps its keys canonical (MSG-32, MSG-51).

use alloc::vec::Vec;
use core::convert::Infallible;

use ciborium_ll::{Encoder, Header, simple};
use zeroize::Zeroize;

/// A value in a response.
pub(crate) trait Encode {
    fn encode(&self, out: &mut Sink);
}

/// A buffer for encoded items. It leaves no copies behind where it grows, which a `Vec` that grows by itself does.
#[derive(Default)]
pub(crate) struct Sink(Vec<u8>);

impl Sink {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn into_vec(self) -> Vec<u8> {
        self.0
    }

    fn header(&mut self, header: Header) {
        let Ok(()) = Encoder::from(Pen(self)).push(header);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.saturating_mul(2));
            larger.extend_from_slice(&self.0);
            self.0.zeroize();
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }
}

/// Writing into memory cannot fail.
struct Pen<'a>(&'a mut Sink);

impl ciborium_io::Write for Pen<'_> {
    type Error = Infallible;

    fn write_all(&mut self, data: &[u8]) -> Result<(), Infallible> {
        self.0.raw(data);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// One item as bytes.
pub(crate) fn to_vec(item: &impl Encode) -> Vec<u8> {
    let mut sink = Sink::default();
    item.encode(&mut sink);
    sink.0
}

/// A map under construction. Entries are put in canonical order of their keys; tests and debug builds check it.
#[derive(Default)]
pub(crate) struct MapWriter {
    entries: usize,
    body: Sink,
    #[cfg(debug_assertions)]
    last_key: Vec<u8>,
}

impl MapWriter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends an entry.
    pub(crate) fn put(&mut self, key: impl Encode, value: impl Encode) -> &mut Self {
        #[cfg(debug_assertions)]
        self.check_order(&key);
        key.encode(&mut self.body);
        value.encode(&mut self.body);
        self.entries = self.entries.saturating_add(1);
        self
    }

    /// Appends an entry if there is a value: what does not apply is absent, never null (GI-04).
    pub(crate) fn put_some(&mut self, key: impl Encode, value: Option<impl Encode>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    #[cfg(debug_assertions)]
    #[expect(
        clippy::disallowed_macros,
        reason = "the keys are constants of this crate, and its tests write them all"
    )]
    fn check_order(&mut self, key: &impl Encode) {
        let key = to_vec(key);
        debug_assert!(key > self.last_key, "keys out of canonical order");
        self.last_key = key;
    }
}

impl Encode for MapWriter {
    fn encode(&self, out: &mut Sink) {
        out.header(Header::Map(Some(self.entries)));
        out.raw(&self.body.0);
    }
}

/// A byte string. (A plain slice is an array.)
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Encode for Bytes<'_> {
    fn encode(&self, out: &mut Sink) {
        out.header(Header::Bytes(Some(self.0.len())));
        out.raw(self.0);
    }
}

/// An item that is already encoded.
pub(crate) struct Encoded<'a>(pub(crate) &'a [u8]);

impl Encode for Encoded<'_> {
    fn encode(&self, out: &mut Sink) {
        out.raw(self.0);
    }
}

/// An array of what an iterator yields.
pub(crate) struct Array<I>(pub(crate) I);

impl<I> Encode for Array<I>
where
    I: Iterator<Item: Encode> + Clone,
{
    fn encode(&self, out: &mut Sink) {
        out.header(Header::Array(Some(self.0.clone().count())));
        for item in self.0.clone() {
            item.encode(out);
        }
    }
}

impl Encode for &str {
    fn encode(&self, out: &mut Sink) {
        out.header(Header::Text(Some(self.len())));
        out.raw(self.as_bytes());
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Sink) {
        out.header(Header::Simple(if *self { simple::TRUE } else { simple::FALSE }));
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut Sink) {
        out.header(Header::Positive(*self));
    }
}

impl Encode for u32 {
    fn encode(&self, out: &mut Sink) {
        u64::from(*self).encode(out);
    }
}

impl Encode for u8 {
    fn encode(&self, out: &mut Sink) {
        u64::from(*self).encode(out);
    }
}

impl Encode for usize {
    fn encode(&self, out: &mut Sink) {
        (*self as u64).encode(out);
    }
}

impl Encode for i32 {
    fn encode(&self, out: &mut Sink) {
        out.header(match u64::try_from(*self) {
            Ok(positive) => Header::Positive(positive),
            Err(_) => Header::Negative((!*self).unsigned_abs().into()),
        });
    }
}

impl<T: Encode> Encode for &T {
    fn encode(&self, out: &mut Sink) {
        (*self).encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_outputs_are_written_as_published() {
        let mut map = MapWriter::new();
        map.put("credBlob", true).put("credProtect", 2_u8).put("hmac-secret", true);
        map.put("minPinLength", 4_u8).put("thirdPartyPayment", true);
        let mut expected = alloc::vec![0xa5, 0x68];
        expected.extend(b"credBlob\xf5\x6bcredProtect\x02\x6bhmac-secret\xf5\x6cminPinLength\x04");
        expected.extend(b"\x71thirdPartyPayment\xf5");
        assert_eq!(to_vec(&map), expected); // V-12
    }

    #[test]
    #[should_panic(expected = "canonical order")]
    fn a_map_out_of_order_is_noticed() {
        MapWriter::new().put(2_u8, true).put(1_u8, true);
    }

    #[test]
    fn integers_are_written_in_their_shortest_form() {
        assert_eq!(to_vec(&-7_i32), [0x26]);
        assert_eq!(to_vec(&-25_i32), [0x38, 0x18]);
        assert_eq!(to_vec(&-257_i32), [0x39, 0x01, 0x00]);
        assert_eq!(to_vec(&23_u64), [0x17]);
        assert_eq!(to_vec(&24_u64), [0x18, 0x18]);
    }

    #[test]
    fn arrays_count_their_elements() {
        assert_eq!(to_vec(&Array([1_u8, 2].iter())), [0x82, 1, 2]);
        assert_eq!(to_vec(&Bytes(&[9])), [0x41, 9]);
    }
}
