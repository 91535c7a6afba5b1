//! The packets of a capture as messages, key by key.

use std::collections::BTreeMap;
use std::time::Duration;

use ctap_client::trace::{Apdus, Conversation, Message, Reports, Step};

use super::capture::{Packet, What};

/// Something that was said, or that happened.
pub(super) struct Said {
    /// Since 1970.
    pub(super) at: Duration,
    pub(super) key: String,
    pub(super) what: Saying,
}

/// What it was.
pub(super) enum Saying {
    /// A power cycle.
    PluggedIn,
    /// A reader gave it power, or took it.
    Field { is_on: bool },
    /// A message, and what it says.
    Message(Message, Step),
}

/// Makes messages of packets.
#[derive(Default)]
pub(super) struct Listener {
    keys: BTreeMap<String, Key>,
}

#[derive(Default)]
struct Key {
    reports: Reports,
    apdus: Apdus,
    conversation: Conversation,
}

impl Listener {
    /// Takes the next packet; returns what is whole with it.
    pub(super) fn take(&mut self, Packet { at, key: name, what }: Packet) -> Option<Said> {
        let key = self.keys.entry(name.clone()).or_default();
        let message = match what {
            What::PluggedIn => {
                *key = Key::default();
                return Some(Said { at, key: name, what: Saying::PluggedIn });
            }
            What::Field { is_on } => {
                *key = Key::default();
                return Some(Said { at, key: name, what: Saying::Field { is_on } });
            }
            What::Report(direction, report) => key.reports.take(direction, &report)?,
            What::Apdu(direction, apdu) => key.apdus.take(direction, &apdu)?,
        };
        let step = key.conversation.step(&message);
        Some(Said { at, key: name, what: Saying::Message(message, step) })
    }
}
