//! The key as a card: command APDUs in, response APDUs out (CTAP section 11.3).

use std::time::Duration;

use apdu_transport::Event;
use ctap_core::Channel;
use hid_transport::Kind;

use super::Key;
use super::faulty::Plan;
use super::turns::{RequestId, Way};
use super::worker::Request;

impl Key {
    /// The reader sent a command APDU. The card must not owe a response. [`poll_apdu`](Self::poll_apdu) returns the
    /// response.
    pub fn handle_apdu(&mut self, apdu: &[u8], now: Duration) {
        let (id, kind, message) = match self.card.handle_apdu(apdu, now) {
            Some(Event::Request { id, kind, message, .. }) => (id, kind, message.to_vec()),
            Some(Event::Cancel { .. }) if self.faults.keep_card_waiting() => return,
            Some(Event::Cancel { .. }) => return self.cancel(Way::Apdus, CARD, now),
            Some(Event::Abandon { .. } | Event::End) => return self.abandon(Way::Apdus, now),
            None => return,
        };
        tracing::info!(command = message.first(), length = message.len(), "an APDU");
        let kind = match kind {
            apdu_transport::Kind::Ctap => Kind::Cbor,
            apdu_transport::Kind::U2f => Kind::Msg,
        };
        let (id, plan) = (RequestId::Apdu(id), Plan::default());
        self.begin(Request { id, channel: CARD, kind, message, now, plan }, now);
    }

    /// The response APDU to the last command, when it is ready.
    pub fn poll_apdu(&mut self) -> Option<Vec<u8>> {
        self.card.poll_response()
    }

    /// The reader resets the card, or takes its power away while the card has power from elsewhere as well. Then no
    /// applet is selected, and no reader waits for a response.
    pub fn reset_card(&mut self, now: Duration) {
        self.card.reset();
        self.abandon(Way::Apdus, now);
    }
}

/// The number of the card's one client, where the clients of CTAPHID have the numbers of their channels. None of
/// these is 0 (HD-05).
const CARD: Channel = Channel(0);
