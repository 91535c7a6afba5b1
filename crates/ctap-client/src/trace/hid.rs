//! Makes messages of reports, for every channel and in both directions (CTAP section 11.2.4).

use std::collections::BTreeMap;

use hid_transport::host::{HostChannel, Misbehaviour, Reply};
use hid_transport::limits::MESSAGE_MAX;
use hid_transport::{ChannelId, Command, Packet, Report};

use super::{Content, Direction, Heard, Message};
use crate::limits::MAX_OVERHEARD;

/// Makes messages of the reports that a key and its host exchange.
#[derive(Default)]
pub struct Reports {
    streams: BTreeMap<(Direction, ChannelId), Stream>,
}

/// A stream of packets in one direction on one channel.
struct Stream {
    /// Framing is the same in both directions (HD-02, HD-03).
    reader: HostChannel,
    is_inside: bool,
}

impl Reports {
    /// Takes the next report. Returns a message if this report completes one.
    pub fn take(&mut self, direction: Direction, report: &Report) -> Option<Message> {
        match self.hear(direction, report) {
            Heard::Part => None,
            Heard::Whole(message) => Some(message),
        }
    }

    /// The packets of a message that have come do not belong to one any more.
    pub(super) fn forget(&mut self, direction: Direction, channel: ChannelId) {
        self.streams.remove(&(direction, channel));
    }

    pub(super) fn hear(&mut self, direction: Direction, report: &Report) -> Heard {
        let packet = Packet::parse(report);
        let (channel, begins) = (packet.channel(), matches!(packet, Packet::Initialization(_)));
        if self.streams.len() >= MAX_OVERHEARD.saturating_mul(2) {
            self.streams.clear();
        }
        let new = || Stream { reader: HostChannel::new(channel), is_inside: false };
        let stream = self.streams.entry((direction, channel)).or_insert_with(new);
        let was_inside = std::mem::replace(&mut stream.is_inside, false);
        let content = match stream.reader.receive(report) {
            Ok(None) if begins || was_inside => {
                stream.is_inside = true;
                return Heard::Part;
            }
            Ok(None) => Content::Broken("a packet that continues no message".to_owned()),
            Ok(Some(reply)) => content(reply),
            Err(fault) => Content::Broken(in_words(direction, fault)),
        };
        Heard::Whole(Message { channel: channel.as_u32(), direction, content })
    }
}

/// The words of [`Misbehaviour`] are about keys; a host breaks the same rules of framing.
fn in_words(direction: Direction, fault: Misbehaviour) -> String {
    match (direction, fault) {
        (Direction::FromKey, fault) => fault.to_string(),
        (Direction::ToKey, Misbehaviour::OutOfOrder { wanted, got }) => {
            format!("the host sent packet {got} instead of packet {wanted}")
        }
        (Direction::ToKey, Misbehaviour::TooLong(length)) => {
            format!("the host announces a message of {length} bytes, and the most is {MESSAGE_MAX}")
        }
        (Direction::ToKey, Misbehaviour::UnknownCommand(command)) => {
            format!("the host sends the unknown command {command:#04x}")
        }
        (Direction::ToKey, _) => "the host sends what only a key may send".to_owned(),
    }
}

fn content(reply: Reply<'_>) -> Content {
    match reply {
        Reply::Keepalive(status) => Content::Keepalive(status.as_byte()),
        Reply::Error(code) => Content::Error(code.as_byte()),
        Reply::Message { command: Command::Cbor, message } => Content::Ctap(message.to_vec()),
        Reply::Message { command: Command::Msg, message } => Content::U2f(message.to_vec()),
        Reply::Message { command, message } => Content::Hid(command, message.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use hid_transport::host::fragment;

    use super::*;

    const CHANNEL: ChannelId = ChannelId::new(7);

    fn reports(message: &[u8]) -> Vec<Report> {
        fragment(CHANNEL, Command::Cbor, message).unwrap().collect()
    }

    // HD-02, HD-03
    #[test]
    fn a_message_is_whole_with_its_last_report_whatever_others_say_meanwhile() {
        let mut overheard = Reports::default();
        let [first, second, third] = reports(&[5; 150])[..] else { panic!("three reports") };
        assert_eq!(overheard.take(Direction::ToKey, &first), None);
        assert_eq!(overheard.take(Direction::FromKey, &first), None);
        assert_eq!(overheard.take(Direction::ToKey, &second), None);
        let whole = overheard.take(Direction::ToKey, &third).unwrap();
        assert_eq!((whole.channel, whole.direction), (7, Direction::ToKey));
        assert_eq!(whole.content, Content::Ctap(vec![5; 150]));
    }

    #[test]
    fn what_belongs_to_no_message_is_told() {
        let mut overheard = Reports::default();
        let [first, second, third] = reports(&[5; 150])[..] else { panic!("three reports") };
        for reports in [vec![second], vec![first, third], vec![first, second, third, third]] {
            let last =
                reports.iter().filter_map(|one| overheard.take(Direction::ToKey, one)).last();
            assert!(matches!(last.unwrap().content, Content::Broken(_)));
        }
    }

    #[test]
    fn what_a_host_does_wrong_is_not_told_of_the_key() {
        let told = |direction: Direction, report: &Report| match Reports::default()
            .take(direction, report)
            .unwrap()
            .content
        {
            Content::Broken(why) => why,
            other => panic!("{other:?}"),
        };
        let mut unknown = reports(b"x")[0];
        unknown[4] = 0xC0;
        let why = "the host sends the unknown command 0x40";
        assert_eq!(told(Direction::ToKey, &unknown), why);
        let why = "the key answers with the unknown command 0x40";
        assert_eq!(told(Direction::FromKey, &unknown), why);
    }

    // HD-05
    #[test]
    fn whoever_invents_channels_costs_no_more_memory_than_a_key_has_channels() {
        let mut overheard = Reports::default();
        for channel in 0..2000 {
            let report =
                fragment(ChannelId::new(channel), Command::Cbor, &[1; 100]).unwrap().next();
            overheard.take(Direction::ToKey, &report.unwrap());
            assert!(overheard.streams.len() <= 2 * MAX_OVERHEARD);
        }
    }
}
