//! Makes messages of transfers. A host may split a message into transfers of whole packets. Its length is checked
//! as soon as the head is there, before memory is allocated.

use super::message::{HEAD, Head};
use crate::limits::{BULK_PACKET, MAX_CCID_MESSAGE};

/// The part of a message that has come.
#[derive(Debug, Default)]
pub(super) struct Intake {
    state: State,
}

#[derive(Debug)]
enum State {
    /// These bytes, fewer than the head announces.
    Collecting(Vec<u8>),
    /// The rest of a message that was refused: this many bytes, or up to a short packet.
    Skipping(u64),
}

impl Default for State {
    fn default() -> Self {
        Self::Collecting(Vec::new())
    }
}

/// The end of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Its head, and as many bytes of data as that announces.
    Whole(Head, Vec<u8>),
    /// It has more or fewer than it announces, or announces more than may be.
    BadLength(Head),
}

impl Intake {
    /// Takes a transfer. A packet that is not full ends a message, and so does the last byte that was announced. One without a
    /// whole head is dropped: nobody could be answered.
    pub(super) fn take(&mut self, transfer: &[u8]) -> Option<Message> {
        let is_end = transfer.is_empty() || !transfer.len().is_multiple_of(BULK_PACKET);
        match std::mem::take(&mut self.state) {
            State::Skipping(left) => {
                self.skip(left.saturating_sub(transfer.len() as u64), is_end);
                None
            }
            State::Collecting(bytes) => self.collect(bytes, transfer, is_end),
        }
    }

    fn collect(&mut self, mut bytes: Vec<u8>, transfer: &[u8], is_end: bool) -> Option<Message> {
        let missing = HEAD.saturating_sub(bytes.len());
        let (front, rest) = transfer.split_at_checked(missing).unwrap_or((transfer, &[]));
        bytes.extend_from_slice(front);
        let Some(head) = Head::parse(&bytes) else {
            if !is_end {
                self.state = State::Collecting(bytes);
            }
            return None;
        };
        let announced = u64::from(head.length).saturating_add(HEAD as u64);
        let come = bytes.len().saturating_add(rest.len()) as u64;
        if announced > MAX_CCID_MESSAGE as u64 {
            self.skip(announced.saturating_sub(come), is_end);
            return Some(Message::BadLength(head));
        }
        if come < announced && !is_end {
            bytes.extend_from_slice(rest);
            self.state = State::Collecting(bytes);
            return None;
        }
        if come != announced {
            return Some(Message::BadLength(head));
        }
        bytes.extend_from_slice(rest);
        Some(Message::Whole(head, bytes.split_off(HEAD)))
    }

    fn skip(&mut self, left: u64, is_end: bool) {
        if left > 0 && !is_end {
            self.state = State::Skipping(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: u32, data: usize) -> Vec<u8> {
        let mut bytes = vec![0x6F];
        bytes.extend(length.to_le_bytes());
        bytes.extend([0, 7, 0, 0, 0]);
        bytes.resize(HEAD + data, 0xAB);
        bytes
    }

    /// What comes of these transfers.
    fn taken(intake: &mut Intake, bytes: &[u8], portion: usize) -> Vec<Message> {
        bytes.chunks(portion).filter_map(|transfer| intake.take(transfer)).collect()
    }

    #[test]
    fn a_message_may_have_7700_bytes_and_no_more() {
        let most = MAX_CCID_MESSAGE - HEAD;
        let mut intake = Intake::default();
        for portion in [64, 4096, 8192] {
            let whole = taken(&mut intake, &message(most as u32, most), portion);
            assert!(matches!(&whole[..], [Message::Whole(_, data)] if data.len() == most));
            let over = taken(&mut intake, &message(most as u32 + 1, most + 1), portion);
            assert!(matches!(&over[..], [Message::BadLength(head)] if head.seq == 7), "{over:?}");
        }
    }

    #[test]
    fn a_length_that_lies_is_told_once_and_costs_no_memory() {
        let mut intake = Intake::default();
        for (length, data) in
            [(u32::MAX, 54), (5, 4), (5, 6), (0, 1), (u32::MAX, 0), (1 << 20, 118)]
        {
            let found = taken(&mut intake, &message(length, data), 64);
            assert!(matches!(&found[..], [Message::BadLength(_)]), "{length} {data}: {found:?}");
            intake.take(&[]);
            let next = taken(&mut intake, &message(2, 2), 64);
            assert!(matches!(&next[..], [Message::Whole(..)]), "the next one is whole: {next:?}");
        }
    }

    #[test]
    fn what_has_no_head_is_dropped() {
        let mut intake = Intake::default();
        assert_eq!(intake.take(&[]), None);
        assert_eq!(intake.take(&[0x65, 0, 0]), None);
        assert!(matches!(intake.take(&message(0, 0)), Some(Message::Whole(..))));
    }

    proptest! {
        #[test]
        fn whatever_the_portions_a_message_arrives_whole_and_the_next_one_too(
            lengths in proptest::collection::vec(0..MAX_CCID_MESSAGE - HEAD, 1..5),
            packets in 1..128usize,
        ) {
            let mut intake = Intake::default();
            for length in lengths {
                let found = taken(&mut intake, &message(length as u32, length), packets * BULK_PACKET);
                let is_whole = matches!(&found[..], [Message::Whole(head, data)]
                    if head.length as usize == length && data.len() == length);
                prop_assert!(is_whole, "{found:?}");
            }
        }

        #[test]
        fn no_transfers_make_it_keep_more_than_a_message(
            transfers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..50),
        ) {
            let mut intake = Intake::default();
            for transfer in transfers {
                if let Some(Message::Whole(head, data)) = intake.take(&transfer) {
                    prop_assert_eq!(head.length as usize, data.len());
                }
                if let State::Collecting(bytes) = &intake.state {
                    prop_assert!(bytes.len() < MAX_CCID_MESSAGE);
                }
            }
        }
    }
}
