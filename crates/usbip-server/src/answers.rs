//! The answers of a reader on its bulk endpoint that its host has not taken yet.

use std::collections::VecDeque;

use crate::limits::{BULK_PACKET, MAX_ANSWERS};
use crate::wire::Status;

/// Whole answers, oldest first. Each is a transfer of its own.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    waiting: VecDeque<Vec<u8>>,
    /// Bytes of the oldest that the host has already.
    taken: usize,
}

impl Answers {
    /// Puts an answer behind the others.
    pub(crate) fn push(&mut self, answer: Vec<u8>) {
        self.waiting.push_back(answer);
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the host must take some before it is listened to again.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_ANSWERS
    }

    /// Sends the part that fits into one URB with this much room. Returns whether there was anything. A host may
    /// read an answer in several transfers if each has room for whole packets; otherwise the bytes that do not fit
    /// are lost (HD-97).
    pub(crate) fn send(&mut self, room: usize, send: impl FnOnce(Status, &[u8])) -> bool {
        let left = self.waiting.front().and_then(|answer| answer.get(self.taken..));
        let Some(left) = left else { return false };
        match left.get(..room).filter(|part| part.len() < left.len()) {
            None => {
                send(Status::Success, left);
                self.drop_oldest();
            }
            Some(part) if room.is_multiple_of(BULK_PACKET) => {
                send(Status::Success, part);
                self.taken = self.taken.saturating_add(room);
            }
            Some(part) => {
                send(Status::Overflow, part);
                self.drop_oldest();
            }
        }
        true
    }

    fn drop_oldest(&mut self) {
        self.waiting.pop_front();
        self.taken = 0;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Answers {
        /// The next answer for a host that has room for all of it.
        pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
            let mut taken = None;
            self.send(usize::MAX, |_, answer| taken = Some(answer.to_vec()));
            taken
        }
    }

    /// How a transfer with so much room ends, and with how many bytes.
    fn transfer(answers: &mut Answers, room: usize) -> Option<(Status, usize)> {
        let mut sent = None;
        answers.send(room, |status, bytes| sent = Some((status, bytes.len())));
        sent
    }

    #[test]
    fn an_answer_goes_in_as_many_transfers_as_it_takes_if_these_have_room_for_whole_packets() {
        let mut answers = Answers::default();
        answers.push(vec![1; 150]);
        answers.push(vec![2; 3]);
        let rooms = [64, 64, 64, 64, 64].map(|room| transfer(&mut answers, room));
        let success = |length| Some((Status::Success, length));
        assert_eq!(rooms, [success(64), success(64), success(22), success(3), None]);
    }

    #[test]
    fn what_does_not_fit_is_lost_and_the_next_answer_is_whole() {
        let mut answers = Answers::default();
        answers.push(vec![1; 150]);
        answers.push(vec![2; 3]);
        assert_eq!(transfer(&mut answers, 100), Some((Status::Overflow, 100)));
        assert_eq!(answers.next(), Some(vec![2; 3]));
    }
}
