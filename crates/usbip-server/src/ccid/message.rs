//! The messages of the bulk endpoints: a head of ten bytes, and data.

use super::codes::{Failure, IccStatus, answer};

/// Bytes before the data, both ways.
pub(super) const HEAD: usize = 10;

/// The head of a command (section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// bMessageType.
    pub(super) kind: u8,
    /// dwLength: bytes of data.
    pub(super) length: u32,
    pub(super) slot: u8,
    pub(super) seq: u8,
    /// The three bytes whose meaning depends on the type.
    pub(super) specific: [u8; 3],
}

impl Head {
    /// `None` while fewer than [`HEAD`] bytes are there.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [kind, l0, l1, l2, l3, slot, seq, a, b, c] = *bytes.first_chunk::<HEAD>()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        Some(Self { kind, length, slot, seq, specific: [a, b, c] })
    }
}

/// How a command ended, or that it has not (bmCommandStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed(Failure),
    /// The card needs more time.
    MoreTime,
}

/// An answer to the command with `head` (section 6.2). `specific`: the byte that the type says the meaning of.
pub(super) fn answer(
    head: &Head,
    icc: IccStatus,
    outcome: Outcome,
    specific: u8,
    data: &[u8],
) -> Vec<u8> {
    let (status, error) = match outcome {
        Outcome::Done => (0x00, 0),
        Outcome::Failed(failure) => (0x40, failure as u8),
        // As long again as a card may take anyway.
        Outcome::MoreTime => (0x80, 1),
    };
    let [l0, l1, l2, l3] = u32::try_from(data.len()).unwrap_or_default().to_le_bytes();
    let kind = answer::to(head.kind);
    let head = [kind, l0, l1, l2, l3, head.slot, head.seq, icc as u8 | status, error, specific];
    [&head[..], data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_the_class_lays_it_out() {
        let bytes = [0x6F, 1, 2, 0, 0, 3, 4, 5, 6, 7];
        let head = Head { kind: 0x6F, length: 0x0201, slot: 3, seq: 4, specific: [5, 6, 7] };
        assert_eq!(Head::parse(&bytes), Some(head));
        assert_eq!(Head::parse(&bytes[..9]), None);
    }

    #[test]
    fn an_answer_names_slot_number_status_and_length() {
        let head = Head::parse(&[0x6F, 0, 0, 0, 0, 0, 9, 0, 0, 0]).expect("ten bytes");
        let done = answer(&head, IccStatus::Active, Outcome::Done, 0x10, &[1, 2]);
        assert_eq!(done, [0x80, 2, 0, 0, 0, 0, 9, 0x00, 0, 0x10, 1, 2]);
        let mute = Outcome::Failed(Failure::IccMute);
        let failed = answer(&head, IccStatus::Absent, mute, 0, &[]);
        assert_eq!(failed, [0x80, 0, 0, 0, 0, 0, 9, 0x42, 0xFE, 0]);
        let waiting = answer(&head, IccStatus::Active, Outcome::MoreTime, 0, &[]);
        assert_eq!(waiting, [0x80, 0, 0, 0, 0, 0, 9, 0x80, 1, 0], "NF-53");
    }
}
