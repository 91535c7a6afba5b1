//! Events, which the authenticator hears of.

use crate::channels::ChannelId;

/// Which request is answered: no two of a device have the same. An authenticator that takes its time may answer one that was
/// abandoned meanwhile, while the next one runs, perhaps on the same channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub(super) u64);

/// What the authenticator has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole request has come. Answer it with [`Device::respond`](super::Device::respond), now or later.
    Request {
        /// What to answer.
        id: RequestId,
        /// Who asked.
        channel: ChannelId,
        /// Whether it is a CTAP2 command or a U2F APDU.
        kind: Kind,
        /// The request: 1 to [`MESSAGE_MAX`](crate::limits::MESSAGE_MAX) bytes.
        message: &'a [u8],
    },
    /// The client wants its running CBOR request to end: respond soon with the one byte 2D,
    /// CTAP2_ERR_KEEPALIVE_CANCEL, unless the person has already acted (HD-81, HD-82). A client may
    /// repeat itself until then.
    Cancel {
        /// The channel whose request runs.
        channel: ChannelId,
    },
    /// The client has started its channel over while its request was running: forget the request,
    /// and do not answer it (HD-37).
    Abandon {
        /// The channel whose request ran.
        channel: ChannelId,
    },
    /// Somebody wants to see which key this is. The answer is already on its way (HD-61).
    Wink {
        /// The channel that asked.
        channel: ChannelId,
    },
}

/// The two kinds of request an authenticator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CTAPHID_CBOR: a CTAP2 command byte, then its CBOR (HD-70).
    Cbor,
    /// CTAPHID_MSG: a U2F APDU (HD-71).
    Msg,
}
