//! Who asked what on which channel: without it, the members of a reply have no names.

use std::collections::BTreeMap;

use super::secrets::blanked;
use super::steps::{self, Step};
use super::u2f;
use super::{Content, Direction, Message};
use crate::limits::MAX_OVERHEARD;

/// Makes steps of the messages of one key.
#[derive(Default)]
pub struct Conversation {
    /// The first byte of the last CTAP request of each channel.
    commands: BTreeMap<u32, u8>,
    /// The instruction of the last U2F request of each channel.
    instructions: BTreeMap<u32, u8>,
}

impl Conversation {
    /// What the next message says, in the standard's words.
    pub fn step(&mut self, message: &Message) -> Step {
        let command = self.command(message);
        let Message { channel, direction, content } = message;
        let told = match (content, direction) {
            (Content::Ctap(bytes), Direction::ToKey) => steps::request(bytes),
            (Content::Ctap(bytes), Direction::FromKey) => steps::reply(bytes, command),
            (Content::U2f(apdu), Direction::ToKey) => {
                let instruction = apdu.get(1).copied().unwrap_or_default();
                remember(&mut self.instructions, *channel, instruction);
                u2f::request(apdu)
            }
            (Content::U2f(apdu), Direction::FromKey) => {
                u2f::reply(apdu, self.instructions.get(channel).copied())
            }
            (other, _) => steps::of_transport(other, *direction),
        };
        told.on(*channel, *direction)
    }

    /// The same message with zeros in the places of its secrets: as long as it was, and in the same form. `None`: it has none.
    pub(super) fn blanked(&mut self, message: &Message) -> Option<Vec<u8>> {
        let command = self.command(message);
        blanked(message, command)
    }

    /// The command that this is, or is answered by it.
    fn command(&mut self, message: &Message) -> Option<u8> {
        match (&message.content, message.direction) {
            (Content::Ctap(bytes), Direction::ToKey) => {
                let command = bytes.first().copied();
                remember(&mut self.commands, message.channel, command.unwrap_or_default());
                command
            }
            _ => self.commands.get(&message.channel).copied(),
        }
    }
}

fn remember(known: &mut BTreeMap<u32, u8>, channel: u32, byte: u8) {
    if known.len() >= MAX_OVERHEARD {
        known.clear();
    }
    known.insert(channel, byte);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::hex;

    fn ctap(channel: u32, direction: Direction, bytes: &str) -> Message {
        Message { channel, direction, content: Content::Ctap(hex(bytes)) }
    }

    #[test]
    fn a_reply_is_read_as_that_to_the_request_on_its_channel() {
        let mut conversation = Conversation::default();
        conversation.step(&ctap(1, Direction::ToKey, "06a201020201"));
        conversation.step(&ctap(2, Direction::ToKey, "04"));
        let told = conversation.step(&ctap(1, Direction::FromKey, "00a10308"));
        assert_eq!((told.name.as_str(), told.main().as_str()), ("CTAP2_OK", "pinRetries 8"));
        let told = conversation.step(&ctap(2, Direction::FromKey, "00a103424142"));
        assert_eq!(told.members.first().unwrap().0, "aaguid");
    }
}
