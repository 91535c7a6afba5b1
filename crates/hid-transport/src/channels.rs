//! Channel identifiers, and the table of allocated channels, which has a bound, section 11.2.3.

use core::fmt;

use alloc::vec::Vec;

use crate::limits::CHANNELS_MAX;

/// A CTAPHID channel identifier (CID). It says which client of the host a packet belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u32);

impl ChannelId {
    /// The channel on which clients ask for a channel of their own (HD-05).
    pub const BROADCAST: ChannelId = ChannelId(u32::MAX);

    /// The channel that nobody uses (HD-05).
    pub const RESERVED: ChannelId = ChannelId(0);

    /// The channel with this number.
    pub const fn new(number: u32) -> ChannelId {
        ChannelId(number)
    }

    /// The channel's number.
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The channel with these four bytes on the wire, the most significant one first.
    pub const fn from_be_bytes(bytes: [u8; 4]) -> ChannelId {
        ChannelId(u32::from_be_bytes(bytes))
    }

    /// The channel's four bytes on the wire, the most significant one first.
    pub const fn to_be_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelId({self})")
    }
}

/// The allocated channels: at most [`CHANNELS_MAX`]; the one idle longest is recycled first (HD-40).
pub(crate) struct Channels {
    /// The least recently used first.
    live: Vec<ChannelId>,
    /// The last number that was given out. It stays after [`Channels::clear`], so that a client that missed a
    /// re-attach has a channel that nobody else gets.
    last: u32,
}

impl Channels {
    pub(crate) fn new() -> Channels {
        Channels { live: Vec::with_capacity(CHANNELS_MAX), last: ChannelId::RESERVED.0 }
    }

    /// Frees every channel (HD-44).
    pub(crate) fn clear(&mut self) {
        self.live.clear();
    }

    pub(crate) fn contains(&self, channel: ChannelId) -> bool {
        self.live.contains(&channel)
    }

    /// Makes `channel`, if it is allocated, the last to be recycled.
    pub(crate) fn touch(&mut self, channel: ChannelId) {
        if let Some(position) = self.live.iter().position(|&live| live == channel)
            && let Some(used) = self.live.get_mut(position..)
        {
            used.rotate_left(1);
        }
    }

    /// A channel that is not alive yet (HD-36). If the table is full, the least recently used one
    /// that is not in use makes room (HD-40).
    pub(crate) fn allocate(&mut self, in_use: impl Fn(ChannelId) -> bool) -> ChannelId {
        if self.live.len() >= CHANNELS_MAX
            && let Some(idle) = self.live.iter().position(|&live| !in_use(live))
        {
            self.live.remove(idle);
        }
        let channel = self.unused();
        self.live.push(channel);
        channel
    }

    /// Numbers are given in turn, so none comes back before all four billion have been used.
    fn unused(&mut self) -> ChannelId {
        loop {
            self.last = self.last.wrapping_add(1);
            let channel = ChannelId(self.last);
            if !channel.is_next_to_special() && !self.contains(channel) {
                return channel;
            }
        }
    }
}

impl ChannelId {
    /// Whether this is a special channel, or one from which clients' tests would stray onto it:
    /// they make a stranger of their own by flipping the low bit (HD-23) or adding one (HD-65).
    fn is_next_to_special(self) -> bool {
        let twin = ChannelId(self.0 ^ 1);
        [self, twin].iter().any(|&id| id == ChannelId::RESERVED || id == ChannelId::BROADCAST)
    }
}

#[cfg(test)]
mod tests;
