//! Events for the authenticator.

use crate::channels::ChannelId;

/// Identifies a request. No two requests of a device have the same number. A slow authenticator may answer a
/// request that was abandoned meanwhile, while the next one runs, perhaps on the same channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub(super) u64);

/// What the authenticator must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole request has come. Answer it with [`Device::respond`](super::Device::respond), now or later.
    Request {
        /// The number to answer with.
        id: RequestId,
        /// The channel of the client.
        channel: ChannelId,
        /// Whether it is a CTAP2 command or a U2F APDU.
        kind: Kind,
        /// The request: 1 to [`MESSAGE_MAX`](crate::limits::MESSAGE_MAX) bytes.
        message: &'a [u8],
    },
    /// The client wants to end its running CBOR request. Respond soon with the one byte 2D,
    /// CTAP2_ERR_KEEPALIVE_CANCEL, unless the person has acted already (HD-81, HD-82). A client may send this
    /// several times.
    Cancel {
        /// The channel of the running request.
        channel: ChannelId,
    },
    /// The client has started its channel over while its request was running: drop the request, and do not answer
    /// it (HD-37).
    Abandon {
        /// The channel of the request.
        channel: ChannelId,
    },
    /// A client wants to see which key this is. The answer is already on its way (HD-61).
    Wink {
        /// The channel of the client.
        channel: ChannelId,
    },
}

/// The two kinds of requests that an authenticator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CTAPHID_CBOR: a CTAP2 command byte, then its CBOR (HD-70).
    Cbor,
    /// CTAPHID_MSG: a U2F APDU (HD-71).
    Msg,
}
