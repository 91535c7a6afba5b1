//! A channel: the client that a message comes from.

/// Where a request came from. The number has no meaning here; in practice it is a CTAPHID channel. Two requests
/// with the same number come from the same client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel(pub u32);
