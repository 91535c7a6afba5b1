//! Things remembered for a while, and no more of them than fit.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A moment, in seconds since 1970 UTC.
pub type Seconds = i64;

/// A map whose entries vanish after `lifetime` seconds. When it is full, the entry that would vanish first makes room.
pub(crate) struct Expiring<K, V> {
    entries: HashMap<K, Entry<V>>,
    lifetime: Seconds,
    capacity: usize,
}

struct Entry<V> {
    value: V,
    until: Seconds,
}

impl<K: Clone + Eq + Hash, V> Expiring<K, V> {
    pub(crate) fn new(lifetime: Seconds, capacity: usize) -> Self {
        Self { entries: HashMap::new(), lifetime, capacity }
    }

    pub(crate) fn put(&mut self, name: K, value: V, now: Seconds) {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&name) {
            self.make_room(now);
        }
        self.entries.insert(name, Entry { value, until: now.saturating_add(self.lifetime) });
    }

    pub(crate) fn get_mut<Q>(&mut self, name: &Q, now: Seconds) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get_mut(name).filter(|entry| now < entry.until).map(|entry| &mut entry.value)
    }

    /// Forgets the entry and hands it out: nobody gets it twice.
    pub(crate) fn take<Q>(&mut self, name: &Q, now: Seconds) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.remove(name).filter(|entry| now < entry.until).map(|entry| entry.value)
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.entries.retain(|_, entry| keep(&entry.value));
    }

    fn make_room(&mut self, now: Seconds) {
        self.entries.retain(|_, entry| now < entry.until);
        if self.entries.len() >= self.capacity {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.until);
            if let Some(name) = first.map(|(name, _)| name.clone()) {
                self.entries.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lasts_to_its_last_second_and_not_beyond() {
        let mut map = Expiring::new(10, 4);
        map.put("a".to_owned(), 1, 100);
        assert_eq!(map.get_mut("a", 109), Some(&mut 1));
        assert_eq!(map.get_mut("a", 110), None);
        assert_eq!(map.take("a", 110), None);
    }

    #[test]
    fn what_was_taken_is_gone() {
        let mut map = Expiring::new(10, 4);
        map.put("a".to_owned(), 1, 0);
        assert_eq!(map.take("a", 0), Some(1));
        assert_eq!(map.take("a", 0), None);
    }

    #[test]
    fn the_oldest_makes_room_and_never_more_than_one() {
        let mut map = Expiring::new(10, 2);
        for (name, now) in [("a", 0), ("b", 1), ("c", 2)] {
            map.put(name.to_owned(), now, now);
        }
        assert_eq!(map.get_mut("a", 2), None);
        assert!(map.get_mut("b", 2).is_some() && map.get_mut("c", 2).is_some());
    }
}
