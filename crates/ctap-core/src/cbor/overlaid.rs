//! A map, and another map laid over it that replaces, removes and adds entries.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::writer::{Encode, Encoded, MapWriter, to_vec};

/// Entries that are laid over a map, by their encoded keys, in canonical order: an encoded value, or nothing in
/// this place.
pub(crate) type Over = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A map under construction, like [`MapWriter`], whose entries come in canonical order.
pub(crate) struct Overlaid {
    map: MapWriter,
    /// The entries that are still to come.
    over: Over,
}

impl Overlaid {
    pub(crate) fn new(over: Over) -> Self {
        Self { map: MapWriter::new(), over }
    }

    /// Appends an entry, or the one that replaces it.
    pub(crate) fn put(&mut self, key: impl Encode, value: impl Encode) -> &mut Self {
        if self.over.is_empty() {
            self.map.put(key, value);
            return self;
        }
        let key = to_vec(&key);
        self.put_before(Some(&key));
        if let Some(told) = self.over.remove(&key) {
            self.put_told(&key, told);
        } else {
            self.map.put(Encoded(&key), value);
        }
        self
    }

    /// Appends an entry if there is a value: what does not apply is absent, never null (GI-04).
    pub(crate) fn put_some(&mut self, key: impl Encode, value: Option<impl Encode>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    /// The whole map.
    pub(crate) fn finish(mut self) -> MapWriter {
        self.put_before(None);
        self.map
    }

    /// Appends the additional entries before this key.
    fn put_before(&mut self, next: Option<&[u8]>) {
        while let Some(entry) = self.over.first_entry()
            && next.is_none_or(|next| entry.key().as_slice() < next)
        {
            let (key, told) = entry.remove_entry();
            self.put_told(&key, told);
        }
    }

    fn put_told(&mut self, key: &[u8], told: Option<Vec<u8>>) {
        self.map.put_some(Encoded(key), told.as_deref().map(Encoded));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_replaced_left_out_and_added_in_canonical_order() {
        let over = [(2_u8, Some(9_u8)), (3, None), (4, None), (5, Some(5)), (24, Some(1))];
        let over = over.map(|(key, told)| (to_vec(&key), told.as_ref().map(to_vec)));
        let mut map = Overlaid::new(over.into_iter().collect());
        map.put(1_u8, 1_u8).put(2_u8, 2_u8).put(3_u8, 3_u8).put(6_u8, 6_u8);
        let expected = [0xa5, 1, 1, 2, 9, 5, 5, 6, 6, 0x18, 24, 1];
        assert_eq!(to_vec(&map.finish()), expected);
    }
}
