//! Frames in both directions (UM0801-03 section 7.1): a preamble, a length, data, and a checksum of each of the
//! two.

use crate::limits::MAX_PN533_FRAME;

/// A transfer of the host.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// The command under way is to end.
    Ack,
    /// The last answer has not arrived whole, and is to be sent again.
    Nack,
    Command {
        code: u8,
        parameters: &'a [u8],
    },
    /// Whole, but no command.
    Other,
}

impl<'a> Frame<'a> {
    /// The frame of a transfer; `None` if there is none, or if a checksum is wrong. The bytes before and after it
    /// are padding.
    pub(super) fn parse(transfer: &'a [u8]) -> Option<Self> {
        let start = transfer.windows(START.len()).position(|bytes| bytes == START)?;
        let frame = transfer.get(start.saturating_add(START.len())..)?;
        let (length, rest) = match *frame {
            [0x00, 0xFF, ..] => return Some(Self::Ack),
            [0xFF, 0x00, ..] => return Some(Self::Nack),
            [0xFF, 0xFF, high, low, check, ref rest @ ..] if sum(&[high, low, check]) == 0 => {
                (u16::from_be_bytes([high, low]), rest)
            }
            [length, check, ref rest @ ..] if sum(&[length, check]) == 0 => (length.into(), rest),
            _ => return None,
        };
        let length = usize::from(length);
        if length > MAX_PN533_FRAME {
            return None;
        }
        let (data, check) = (rest.get(..length)?, rest.get(length)?);
        (sum(data).wrapping_add(*check) == 0).then_some(match *data {
            [TO_CHIP, code, ref parameters @ ..] => Self::Command { code, parameters },
            _ => Self::Other,
        })
    }
}

/// The answer to a command, of at most [`MAX_PN533_DATA`](crate::limits::MAX_PN533_DATA) bytes behind its status.
pub(super) fn answer(code: u8, content: &[u8]) -> Vec<u8> {
    information(&[&[TO_HOST, code.wrapping_add(1)], content].concat())
}

/// Says that a command has come.
pub(super) const ACK: [u8; 6] = [0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00];

/// The answer to a command that the chip does not know, or whose parameters are not as they should be.
pub(super) const ERROR: [u8; 8] = [0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00];

/// Data that is longer than a byte can say goes in an extended frame.
fn information(data: &[u8]) -> Vec<u8> {
    let checked = |bytes: &[u8]| [bytes, &[sum(bytes).wrapping_neg()]].concat();
    let [high, low] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length = match high {
        0 => checked(&[low]),
        _ => [vec![0xFF, 0xFF], checked(&[high, low])].concat(),
    };
    [&[PREAMBLE][..], &START, &length, &checked(data), &[POSTAMBLE]].concat()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

const PREAMBLE: u8 = 0x00;
const START: [u8; 2] = [0x00, 0xFF];
const POSTAMBLE: u8 = 0x00;
/// The first byte of data (TFI): its direction.
const TO_CHIP: u8 = 0xD4;
const TO_HOST: u8 = 0xD5;

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::codes::command;
    use super::*;
    use crate::limits::MAX_PN533_DATA;

    /// A command as a host sends it.
    pub(crate) fn command_frame(code: u8, parameters: &[u8]) -> Vec<u8> {
        information(&[&[TO_CHIP, code], parameters].concat())
    }

    /// Code and content of an answer, whose frame must be right. It is checked by code that follows the manual
    /// independently of `parse`.
    pub(crate) fn answered(frame: &[u8]) -> (u8, Vec<u8>) {
        assert_eq!(frame[..3], [0, 0, 0xFF]);
        let is_extended = frame[3..5] == [0xFF, 0xFF];
        let (head, length) = match is_extended {
            true => (&frame[5..8], usize::from(frame[5]) << 8 | usize::from(frame[6])),
            false => (&frame[3..5], usize::from(frame[3])),
        };
        assert_eq!(is_extended, length > 255);
        assert_eq!(head.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 256, 0);
        let data = &frame[if is_extended { 8 } else { 5 }..][..length + 1];
        assert_eq!(data.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 256, 0);
        assert_eq!(frame.len(), 3 + if is_extended { 5 } else { 2 } + length + 2);
        assert_eq!(data[0], TO_HOST);
        (data[1] - 1, data[2..length].to_vec())
    }

    // The frames that Linux's driver logs.
    #[test]
    fn frames_are_as_the_manual_lays_them_out() {
        let firmware = [0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00];
        let command = Frame::Command { code: command::GET_FIRMWARE_VERSION, parameters: &[] };
        assert_eq!(Frame::parse(&firmware), Some(command));
        let answer = answer(command::GET_FIRMWARE_VERSION, &[0x33, 2, 7, 7]);
        assert_eq!(answer[..], [0, 0, 0xFF, 6, 0xFA, 0xD5, 3, 0x33, 2, 7, 7, 0xE5, 0]);
        assert_eq!(Frame::parse(&ACK), Some(Frame::Ack));
        assert_eq!(Frame::parse(&[0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00]), Some(Frame::Nack));
        assert_eq!(Frame::parse(&ERROR), Some(Frame::Other));
    }

    #[test]
    fn more_than_255_bytes_take_an_extended_frame() {
        for (parameters, head) in [
            (253, vec![0, 0, 0xFF, 0xFF, 0x01]),
            (254, vec![0, 0, 0xFF, 0xFF, 0xFF, 0x01, 0x00, 0xFF]),
            (263, vec![0, 0, 0xFF, 0xFF, 0xFF, 0x01, 0x09, 0xF6]),
        ] {
            let frame = command_frame(0x40, &vec![7; parameters]);
            assert_eq!(frame[..head.len()], head);
            let command = Frame::Command { code: 0x40, parameters: &vec![7; parameters][..] };
            assert_eq!(Frame::parse(&frame), Some(command));
        }
    }

    #[test]
    fn a_frame_has_265_bytes_of_data_at_most() {
        assert!(Frame::parse(&command_frame(0x40, &[0; MAX_PN533_DATA + 1])).is_some());
        assert_eq!(Frame::parse(&command_frame(0x40, &[0; MAX_PN533_DATA + 2])), None);
    }

    #[test]
    fn padding_around_a_frame_is_no_part_of_it() {
        let frame = [&[0; 9][..], &command_frame(0x02, &[]), &[0; 9]].concat();
        assert_eq!(Frame::parse(&frame), Some(Frame::Command { code: 0x02, parameters: &[] }));
    }

    #[test]
    fn what_is_whole_but_no_command_is_told_from_what_is_broken() {
        for data in [&[][..], &[TO_CHIP], &[TO_HOST, 0x02], &[0x7F]] {
            assert_eq!(Frame::parse(&information(data)), Some(Frame::Other), "{data:x?}");
        }
        for broken in [&[][..], &[0x00], &[0x00, 0xFF], &[0x00, 0xFF, 0x02], &[0xFF; 20]] {
            assert_eq!(Frame::parse(broken), None, "{broken:x?}");
        }
    }

    proptest! {
        #[test]
        fn every_command_is_read_as_it_was_written(
            code: u8,
            parameters in proptest::collection::vec(any::<u8>(), 0..=MAX_PN533_DATA + 1),
            padding in 0..5usize,
        ) {
            let frame = [vec![0; padding], command_frame(code, &parameters), vec![0; padding]].concat();
            let command = Frame::Command { code, parameters: &parameters };
            prop_assert_eq!(Frame::parse(&frame), Some(command));
        }

        #[test]
        fn one_wrong_byte_is_noticed(
            code: u8,
            parameters in proptest::collection::vec(any::<u8>(), 0..=MAX_PN533_DATA + 1),
            at: prop::sample::Index,
            by in 1..=255u8,
        ) {
            let mut frame = command_frame(code, &parameters);
            // Neither the padding nor what makes another kind of frame of it.
            let checked = 5..frame.len() - 1;
            let at = checked.start + at.index(checked.len());
            frame[at] = frame[at].wrapping_add(by);
            prop_assert_eq!(Frame::parse(&frame), None);
        }

        #[test]
        fn whatever_comes_a_frame_is_a_part_of_it(
            bytes in proptest::collection::vec(prop_oneof![Just(0), Just(0xFF), any::<u8>()], 0..400),
        ) {
            if let Some(Frame::Command { code, parameters }) = Frame::parse(&bytes) {
                prop_assert!(parameters.len() <= MAX_PN533_DATA + 1);
                let data = [&[TO_CHIP, code], parameters].concat();
                prop_assert!(bytes.windows(data.len()).any(|part| part == data));
            }
        }
    }
}
