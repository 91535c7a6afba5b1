//! Remembers which command was sent on which channel. Without that, the members of a reply have no names.

use std::collections::BTreeMap;

use hid_transport::{Command, InitAnswer};

use super::secrets::blanked;
use super::steps::{self, Step};
use super::u2f;
use super::{Content, Direction, Message};
use crate::limits::MAX_OVERHEARD;

/// Makes steps of the messages of one key.
#[derive(Default)]
pub struct Conversation {
    channels: BTreeMap<u32, Asked>,
}

/// The request on a channel.
#[derive(Clone, Copy)]
enum Asked {
    /// This, and the answer is still to come.
    Open(Request),
    /// It was answered: whatever comes now answers nothing.
    Answered,
    /// More was asked before there was an answer: nobody knows any more which request one belongs to.
    InDoubt,
}

/// The kind of a request.
#[derive(Clone, Copy)]
enum Request {
    /// CTAP2, by its first byte.
    Ctap(u8),
    /// U2F, by its instruction.
    U2f(u8),
}

impl Conversation {
    /// The next message in the standard's words.
    pub fn step(&mut self, message: &Message) -> Step {
        let request = self.hear(message);
        told(message, request)
    }

    /// The same, and the message with zeros in place of its secrets: of the same length, and in the same form.
    /// `None`: it has no secrets.
    pub(super) fn step_without_secrets(&mut self, message: &Message) -> (Step, Option<Content>) {
        let request = self.hear(message);
        let command = request.and_then(Request::command);
        let instruction = request.and_then(Request::instruction);
        let blanked = blanked(message, command, instruction);
        let step = match &blanked {
            Some(content) => told(&Message { content: content.clone(), ..*message }, request),
            None => told(message, request),
        };
        (step, blanked)
    }

    /// The request that this is, or the one that it answers.
    fn hear(&mut self, message: &Message) -> Option<Request> {
        let channel = message.channel;
        match (&message.content, message.direction) {
            (Content::Ctap(bytes), Direction::ToKey) => {
                let request = Request::Ctap(bytes.first().copied()?);
                self.asked(channel, request)
            }
            (Content::U2f(apdu), Direction::ToKey) => {
                let request = Request::U2f(apdu.get(1).copied().unwrap_or_default());
                self.asked(channel, request)
            }
            (Content::Hid(Command::Init, _) | Content::Select(_), Direction::ToKey) => {
                self.channels.remove(&channel);
                None
            }
            (Content::Hid(Command::Init, data), Direction::FromKey) => {
                if let Some(answer) = InitAnswer::parse(data) {
                    self.channels.remove(&answer.channel.as_u32());
                }
                None
            }
            (Content::Keepalive(_) | Content::Hid(..), _) | (_, Direction::ToKey) => None,
            (_, Direction::FromKey) => self.answered(channel),
        }
    }

    fn asked(&mut self, channel: u32, request: Request) -> Option<Request> {
        if self.channels.len() >= MAX_OVERHEARD {
            self.channels.clear();
        }
        let asked = match self.channels.get(&channel) {
            None | Some(Asked::Answered) => Asked::Open(request),
            Some(Asked::Open(_) | Asked::InDoubt) => Asked::InDoubt,
        };
        self.channels.insert(channel, asked);
        Some(request)
    }

    fn answered(&mut self, channel: u32) -> Option<Request> {
        let asked = self.channels.get_mut(&channel)?;
        let Asked::Open(request) = *asked else { return None };
        *asked = Asked::Answered;
        Some(request)
    }
}

impl Request {
    const fn command(self) -> Option<u8> {
        match self {
            Self::Ctap(command) => Some(command),
            Self::U2f(_) => None,
        }
    }

    const fn instruction(self) -> Option<u8> {
        match self {
            Self::Ctap(_) => None,
            Self::U2f(instruction) => Some(instruction),
        }
    }
}

fn told(Message { channel, direction, content }: &Message, request: Option<Request>) -> Step {
    let command = request.and_then(Request::command);
    let instruction = request.and_then(Request::instruction);
    let told = match (content, direction) {
        (Content::Ctap(bytes), Direction::ToKey) => steps::request(bytes),
        (Content::Ctap(bytes), Direction::FromKey) => steps::reply(bytes, command),
        (Content::U2f(apdu), Direction::ToKey) => u2f::request(apdu),
        (Content::U2f(apdu), Direction::FromKey) => u2f::reply(apdu, instruction),
        (other, _) => steps::of_transport(other, *direction),
    };
    told.on(*channel, *direction)
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

    // P-38
    #[test]
    fn an_answer_is_read_as_none_where_several_requests_wait_for_one() {
        let mut conversation = Conversation::default();
        let members = |step: Step| step.members.first().map(|(name, _)| name.clone());
        let reply = ctap(1, Direction::FromKey, "00a10308");
        let unnamed = Conversation::default().step(&reply);
        conversation.step(&ctap(1, Direction::ToKey, "06a201020201"));
        conversation.step(&ctap(1, Direction::ToKey, "04"));
        assert_eq!(conversation.step(&reply), unnamed, "the first one's, or the second one's?");
        conversation.step(&ctap(1, Direction::ToKey, "06a201020201"));
        assert_eq!(conversation.step(&reply), unnamed, "nobody can tell for the rest of it");
        let init = Content::Hid(Command::Init, vec![7; 8]);
        let resynchronised = Message { channel: 1, direction: Direction::ToKey, content: init };
        conversation.step(&resynchronised);
        conversation.step(&ctap(1, Direction::ToKey, "06a201020201"));
        assert_eq!(members(conversation.step(&reply)).as_deref(), Some("pinRetries"));
        assert_eq!(conversation.step(&reply), unnamed, "it was answered");
    }
}
