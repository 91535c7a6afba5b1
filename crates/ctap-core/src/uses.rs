//! Which credentials signed last. Signature counters cannot tell this, because some never count, and some count for
//! several credentials.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::limits::MAX_USES;

/// The last assertions, CTAP2's and U2F's, numbered from the first that this authenticator made.
#[derive(Default)]
pub(crate) struct Uses {
    count: u64,
    /// Ids, the latest last.
    last: VecDeque<Vec<u8>>,
}

impl Uses {
    /// The credential with this id signs.
    pub(crate) fn add(&mut self, id: Vec<u8>) {
        if self.last.len() >= MAX_USES {
            self.last.pop_front();
        }
        self.last.push_back(id);
        self.count = self.count.saturating_add(1);
    }

    /// How many assertions there were, and the credentials of those after `number`: at most the last [`MAX_USES`].
    pub(crate) fn since(&self, number: u64) -> (u64, Vec<Vec<u8>>) {
        let wanted = usize::try_from(self.count.saturating_sub(number)).unwrap_or(usize::MAX);
        let passed_over = self.last.len().saturating_sub(wanted);
        (self.count, self.last.iter().skip(passed_over).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The bound at N and N+1.
    #[test]
    fn the_last_uses_are_known_and_all_are_counted() {
        let mut uses = Uses::default();
        assert_eq!(uses.since(0), (0, Vec::new()));
        for number in 0..MAX_USES {
            uses.add([number as u8].to_vec());
        }
        let (count, all) = uses.since(0);
        assert_eq!((count, all.len(), &all[0]), (MAX_USES as u64, MAX_USES, &[0].to_vec()));
        uses.add([0xFF].to_vec());
        let (count, all) = uses.since(0);
        assert_eq!((count, all.len(), &all[0]), (MAX_USES as u64 + 1, MAX_USES, &[1].to_vec()));
        assert_eq!(uses.since(MAX_USES as u64).1, [[0xFF].to_vec()]);
        assert_eq!(uses.since(u64::MAX).1, Vec::<Vec<u8>>::new());
    }
}
