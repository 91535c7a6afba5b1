//! The checks of initialization packets, in their order: HD-20 to HD-32.
//!
//! Nothing here changes the device. The first check that fails decides the answer.

use super::{Device, Running, State};
use crate::channels::ChannelId;
use crate::codes::{Command, ErrorCode};
use crate::init::Nonce;
use crate::packet::{Initialization, Packet, Report, fitted};

/// What to do with an initialization packet.
pub(super) enum Verdict {
    /// CTAPHID_INIT in order.
    Init(Nonce),
    /// CTAPHID_CANCEL of the running request.
    Cancel,
    /// CTAPHID_CANCEL of nothing.
    Ignore,
    /// The channel starts a message inside its own message (HD-27).
    BreakOff,
    /// The channel starts a message.
    Start(Service),
}

/// What a channel may ask for in its own transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ping,
    Msg,
    Lock,
    Wink,
    Cbor,
}

impl Device {
    /// Whether this report begins a request that is refused only because of the transaction of another channel
    /// (HD-23). It is for a driver that knows that the other channel's client is gone: after
    /// [`abandon`](Device::abandon) the request is accepted.
    pub fn is_kept_out(&self, report: &Report) -> bool {
        let Packet::Initialization(packet) = Packet::parse(report) else { return false };
        let is_request =
            !matches!(Command::from_byte(packet.command), Some(Command::Cancel | Command::Init));
        let is_anothers = self.state.channel().is_some_and(|running| running != packet.channel);
        is_request && is_anothers && self.may_ask(packet.channel).is_ok()
    }

    pub(super) fn judge(&self, packet: &Initialization<'_>) -> Result<Verdict, ErrorCode> {
        if packet.channel == ChannelId::RESERVED {
            return Err(ErrorCode::InvalidChannel); // HD-20
        }
        match Command::from_byte(packet.command) {
            Some(Command::Cancel) => Ok(self.judge_cancel(packet)), // HD-21
            Some(Command::Init) => self.judge_init(packet),         // HD-22
            command => self.judge_request(packet, command),
        }
    }

    /// Only the channel whose CBOR request runs can cancel, and only that (HD-81, HD-82).
    fn judge_cancel(&self, packet: &Initialization<'_>) -> Verdict {
        match &self.state {
            State::Processing { channel, running: Running::Cbor(_), .. }
                if *channel == packet.channel && packet.length == 0 =>
            {
                Verdict::Cancel
            }
            _ => Verdict::Ignore,
        }
    }

    /// INIT is answered during another channel's transaction too, and never disturbs it (HD-39).
    fn judge_init(&self, packet: &Initialization<'_>) -> Result<Verdict, ErrorCode> {
        if packet.channel != ChannelId::BROADCAST {
            if self.is_locked_against(packet.channel) {
                return Err(ErrorCode::ChannelBusy); // HD-65: whether allocated or not
            }
            if !self.channels.contains(packet.channel) {
                return Err(ErrorCode::InvalidChannel); // HD-38
            }
        }
        let nonce: Nonce = fitted(packet.data);
        if usize::from(packet.length) != nonce.len() {
            return Err(ErrorCode::InvalidLen); // HD-32
        }
        Ok(Verdict::Init(nonce))
    }

    fn judge_request(
        &self,
        packet: &Initialization<'_>,
        command: Option<Command>,
    ) -> Result<Verdict, ErrorCode> {
        let running = self.state.channel();
        if running.is_some_and(|running| running != packet.channel) {
            return Err(ErrorCode::ChannelBusy); // HD-23: whether allocated or not
        }
        self.may_ask(packet.channel)?;
        match self.state {
            State::Idle => {}
            State::Receiving(_) => return Ok(Verdict::BreakOff), // HD-27
            State::Processing { .. } | State::Responding(_) => {
                return Err(ErrorCode::ChannelBusy); // HD-28
            }
        }
        let service = self.offered(command).ok_or(ErrorCode::InvalidCmd)?; // HD-29, HD-33
        if packet.length > self.settings.max_message {
            return Err(ErrorCode::InvalidLen); // HD-30
        }
        if !service.accepts(packet.length) {
            return Err(ErrorCode::InvalidLen); // HD-31, HD-32
        }
        Ok(Verdict::Start(service))
    }

    /// Checks the channel itself, for any request.
    pub(super) fn may_ask(&self, channel: ChannelId) -> Result<(), ErrorCode> {
        if self.is_locked_against(channel) {
            return Err(ErrorCode::ChannelBusy); // HD-24
        }
        if !self.channels.contains(channel) {
            return Err(ErrorCode::InvalidChannel); // HD-25, HD-26: broadcast is never in the table
        }
        Ok(())
    }

    fn is_locked_against(&self, channel: ChannelId) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.owner != channel)
    }

    fn offered(&self, command: Option<Command>) -> Option<Service> {
        match command? {
            Command::Ping => Some(Service::Ping),
            Command::Cbor => self.settings.cbor.then_some(Service::Cbor), // HD-42
            Command::Msg => self.settings.msg.then_some(Service::Msg),    // HD-43
            Command::Lock => self.settings.lock.then_some(Service::Lock), // HD-62
            Command::Wink => self.settings.wink.then_some(Service::Wink), // HD-61
            Command::Init | Command::Cancel | Command::Keepalive | Command::Error => None,
        }
    }
}

impl Service {
    pub(super) fn command(self) -> Command {
        match self {
            Service::Ping => Command::Ping,
            Service::Msg => Command::Msg,
            Service::Lock => Command::Lock,
            Service::Wink => Command::Wink,
            Service::Cbor => Command::Cbor,
        }
    }

    fn accepts(self, length: u16) -> bool {
        match self {
            Service::Ping => true,
            Service::Msg | Service::Cbor => length > 0, // HD-31
            Service::Lock => length == 1,               // HD-32
            Service::Wink => length == 0,               // HD-32
        }
    }
}
