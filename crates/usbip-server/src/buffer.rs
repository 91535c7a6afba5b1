//! Byte buffers with a bound: input that was read and is not understood yet, and answers that are not written yet.

use crate::limits;

/// Received bytes. One read fills it with as many messages as there are.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// A buffer for the requests before an import: [`limits::PENDING_INBOX`] bytes.
    pub(crate) fn of_a_pending_connection() -> Self {
        Self::with_capacity(limits::PENDING_INBOX)
    }

    /// A buffer for URBs: [`limits::INBOX`] bytes.
    pub(crate) fn new() -> Self {
        Self::with_capacity(limits::INBOX)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The inbox of an importer, with what was left before the import.
    pub(crate) fn after_the_import(&self) -> Self {
        let mut inbox = Self::new();
        let left = self.bytes();
        inbox.room().iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        inbox.filled(left.len());
        inbox
    }

    /// The content, oldest first.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.start > 0 || self.end < self.bytes.len()
    }

    /// The room for the next read. Report how much was read with [`filled`](Self::filled).
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
    }
}

/// Replies, written together with one write.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
}

impl Outbox {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the peer has to take something before it gets more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= limits::OUTBOX
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The peer took the first `count` bytes.
    pub(crate) fn written(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_keeps_every_byte_in_order_whatever_the_portions() {
        let mut inbox = Inbox::new();
        let (mut sent, mut seen) = (0u32, 0u32);
        for round in 1..5000usize {
            let portion = inbox.room().len().min(round * 7 % 977 / 4 * 4);
            for cell in inbox.room()[..portion].chunks_exact_mut(4) {
                cell.copy_from_slice(&sent.to_be_bytes());
                sent += 1;
            }
            inbox.filled(portion / 4 * 4);
            let taken = inbox.bytes().len().min(round * 13 % 991) / 4 * 4;
            for cell in inbox.bytes()[..taken].chunks_exact(4) {
                assert_eq!(cell, seen.to_be_bytes());
                seen += 1;
            }
            inbox.consume(taken);
        }
        assert!(seen > 100_000, "the buffer went round often: {seen}");
    }

    #[test]
    fn an_importer_keeps_what_was_read_behind_its_request_and_gets_room_for_urbs() {
        let mut pending = Inbox::of_a_pending_connection();
        assert_eq!(pending.room().len(), limits::PENDING_INBOX);
        pending.room().copy_from_slice(&[5; limits::PENDING_INBOX]);
        pending.filled(limits::PENDING_INBOX);
        pending.consume(40);
        let mut importer = pending.after_the_import();
        assert_eq!(importer.bytes(), [5; limits::PENDING_INBOX - 40]);
        assert_eq!(importer.room().len(), limits::INBOX - importer.bytes().len());
    }

    #[test]
    fn a_full_inbox_has_no_room_until_something_is_consumed() {
        let mut inbox = Inbox::new();
        inbox.filled(limits::INBOX - 1);
        assert!(inbox.has_room());
        inbox.filled(1);
        assert!(!inbox.has_room());
        inbox.consume(1);
        assert!(inbox.has_room());
        assert_eq!(inbox.room().len(), 1);
    }

    #[test]
    fn an_outbox_is_full_at_its_limit_and_not_a_byte_before() {
        let mut outbox = Outbox::default();
        outbox.push(&vec![0; limits::OUTBOX - 1]);
        assert!(!outbox.is_full());
        outbox.push(&[0]);
        assert!(outbox.is_full());
        outbox.written(1);
        assert!(!outbox.is_full());
    }
}
