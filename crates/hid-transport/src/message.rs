//! Messages and the reports that carry them: taken apart and put together, for both ends.

use alloc::vec::Vec;

use crate::channels::ChannelId;
use crate::codes::Command;
use crate::limits::{CONTINUATION_DATA, INITIALIZATION_DATA, SEQUENCE_MAX};
use crate::packet::{Continuation, Initialization, Report, fitted};

/// Report number `index` of a message, counted from 0, or `None` after the last.
///
/// A message that the reports cannot carry (more than [`MESSAGE_MAX`](crate::limits::MESSAGE_MAX)
/// bytes) is the caller's fault; its end is missing.
pub(crate) fn report(
    channel: ChannelId,
    command: Command,
    message: &[u8],
    index: usize,
) -> Option<Report> {
    let Some(before) = index.checked_sub(1) else {
        return Some(first_report(channel, command, message));
    };
    let sequence = u8::try_from(before).ok().filter(|&sequence| sequence <= SEQUENCE_MAX)?;
    let offset = INITIALIZATION_DATA.checked_add(before.checked_mul(CONTINUATION_DATA)?)?;
    let rest = message.get(offset..).filter(|rest| !rest.is_empty())?;
    Some(Continuation { channel, sequence, data: &fitted(rest) }.encode())
}

/// The report that opens a message, and the only one of a message up to 57 bytes.
pub(crate) fn first_report(channel: ChannelId, command: Command, message: &[u8]) -> Report {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let data = &fitted(message);
    Initialization { channel, command: command.as_byte(), length, data }.encode()
}

/// How far a message has come in. Its bytes are in a buffer that the two ends each keep and lend.
pub(crate) struct Assembly {
    length: usize,
    next_sequence: u8,
}

impl Assembly {
    /// Starts over with an initialization packet. The caller has checked `packet.length`.
    pub(crate) fn begin(packet: &Initialization<'_>, buffer: &mut Vec<u8>) -> Assembly {
        let assembly = Assembly { length: usize::from(packet.length), next_sequence: 0 };
        buffer.clear();
        assembly.fill(buffer, packet.data);
        assembly
    }

    /// The sequence number that is due.
    pub(crate) fn next_sequence(&self) -> u8 {
        self.next_sequence
    }

    /// Adds a continuation packet, or refuses one that is out of order (HD-50).
    pub(crate) fn add(
        &mut self,
        packet: &Continuation<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), OutOfOrder> {
        if packet.sequence != self.next_sequence {
            return Err(OutOfOrder);
        }
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.fill(buffer, packet.data);
        Ok(())
    }

    /// Whether all of BCNT's bytes are there (HD-52).
    pub(crate) fn is_complete(&self, buffer: &[u8]) -> bool {
        buffer.len() >= self.length
    }

    /// Takes what is missing; the rest of the packet is padding (HD-52).
    fn fill(&self, buffer: &mut Vec<u8>, data: &[u8]) {
        let missing = self.length.saturating_sub(buffer.len());
        buffer.extend(data.iter().take(missing));
    }
}

/// The packet does not carry the expected sequence number.
#[derive(Debug)]
pub(crate) struct OutOfOrder;

#[cfg(test)]
mod tests;
