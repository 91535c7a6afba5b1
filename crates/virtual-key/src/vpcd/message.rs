//! The messages of vpcd and a card (NF-61 to NF-63). Each message is a length of two bytes, big-endian, and then
//! that many bytes.

/// What the reader wants from the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The card loses power.
    PowerOff,
    /// The card gets power, or is reset if it has it: to the reader two things, to the card one.
    PowerOn,
    /// The reader asks for the answer to reset: mostly to see whether the card still lies there (NF-64).
    GetAtr,
    /// A command APDU: 1 to 65,535 bytes (NF-66). The reader passes on what programs send it, and waits for a response.
    Apdu(Vec<u8>),
}

/// A message without a byte: not even a control byte. No reader sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reader sent an empty message")]
pub(super) struct Empty;

/// From bytes to messages, however the bytes are cut. It keeps less than one message and what was read with its last byte.
#[derive(Debug, Default)]
pub(super) struct Intake(Vec<u8>);

impl Intake {
    /// The reader sent these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole message, if there is one.
    ///
    /// # Errors
    /// [`Empty`], which is the reader's fault: what follows means nothing.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Empty> {
        let Some((length, rest)) = self.0.split_first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 {
            return Err(Empty);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = Message::of(body);
        self.0.drain(..LENGTH + length);
        Ok(Some(message))
    }
}

impl Message {
    fn of(body: &[u8]) -> Self {
        match body {
            [0] => Self::PowerOff,
            [1 | 2] => Self::PowerOn,
            [4] => Self::GetAtr,
            apdu => Self::Apdu(apdu.to_vec()),
        }
    }
}

/// An answer as it goes to the reader: length and bytes in one, to be sent in one. `None`: it has more than 65,535 bytes, which no
/// card has to say.
pub(super) fn answer(body: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(body.len()).ok()?;
    Some([&length.to_be_bytes()[..], body].concat())
}

/// Bytes in front of each message.
const LENGTH: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All messages in these bytes, which come in portions of such a size.
    fn messages(bytes: &[u8], portion: usize) -> Result<Vec<Message>, Empty> {
        let (mut intake, mut found) = (Intake::default(), Vec::new());
        for portion in bytes.chunks(portion) {
            intake.take(portion);
            while let Some(message) = intake.next()? {
                found.push(message);
            }
        }
        Ok(found)
    }

    // NF-61, NF-62, NF-63
    #[test]
    fn four_bytes_are_about_power_and_the_atr_and_all_else_is_an_apdu() {
        for (bytes, meant) in [
            (&[0, 1, 0][..], Message::PowerOff),
            (&[0, 1, 1], Message::PowerOn),
            (&[0, 1, 2], Message::PowerOn),
            (&[0, 1, 3], Message::Apdu(vec![3])),
            (&[0, 1, 4], Message::GetAtr),
            (&[0, 2, 0, 4], Message::Apdu(vec![0, 4])),
        ] {
            assert_eq!(messages(bytes, 9), Ok(vec![meant]));
        }
    }

    // NF-66
    #[test]
    fn an_apdu_may_have_65535_bytes_and_no_message_is_empty() {
        let longest = [&[0xFF, 0xFF][..], &[7; 65_535]].concat();
        assert_eq!(messages(&longest, 4096), Ok(vec![Message::Apdu(vec![7; 65_535])]));
        assert_eq!(messages(&[0, 0], 9), Err(Empty));
    }

    // NF-66
    #[test]
    fn an_answer_has_at_most_65535_bytes_with_its_length_before_them() {
        assert_eq!(answer(&[0x90, 0x00]), Some(vec![0, 2, 0x90, 0x00]));
        assert_eq!(answer(&[7; 65_535]).map(|answer| answer.len()), Some(65_537));
        assert_eq!(answer(&[7; 65_536]), None);
    }

    proptest! {
        #[test]
        fn messages_arrive_whole_however_the_bytes_are_cut(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..400), 0..9),
            portion in 1..500usize,
        ) {
            let bytes: Vec<u8> = bodies.iter().filter_map(|body| answer(body)).flatten().collect();
            let meant: Vec<_> = bodies.iter().map(|body| Message::of(body)).collect();
            prop_assert_eq!(messages(&bytes, portion), Ok(meant));
        }

        #[test]
        fn no_bytes_make_it_panic_or_keep_more_than_a_message(
            portions in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..50),
        ) {
            let mut intake = Intake::default();
            for portion in portions {
                intake.take(&portion);
                while let Ok(Some(_)) = intake.next() {}
                if intake.next().is_err() {
                    break;
                }
                prop_assert!(intake.0.len() < LENGTH + 65_535);
            }
        }
    }
}
