//! Every bound of a key that is steered over HTTP, each with its reason.

use std::time::Duration;

use crate::control::limits::max_clients;
use crate::http::Bounds;

/// The bounds of a server for so many keys. Clients: those of the control socket, and streams beside them. Heads are a line, a token, and what
/// a client's library adds.
pub(super) const fn bounds(keys: usize) -> Bounds {
    let clients = max_clients(keys).saturating_add(MAX_STREAMS);
    let head = 16 * 1024;
    Bounds { clients, head, patience: PATIENCE, stall: Some(STALL), too_many: TOO_MANY }
}

/// What one client too many is told.
const TOO_MANY: &str = concat!(
    r#"{"error":"busy","message":"as many clients are connected as this key takes at a time","#,
    r#""next":"try again when one of them is done"}"#
);

/// From connecting to the end of the head, and again to the end of the body.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a client may take nothing, once what the system keeps for it is full. Then its place is another's: there are few for streams.
const STALL: Duration = Duration::from_secs(10);

/// Bytes of a request's body: as the control socket's requests.
pub(super) const MAX_BODY: usize = 128 * 1024;

/// Streams of events, each for as long as its client likes. The rest is for those who ask.
pub(super) const MAX_STREAMS: usize = 8;

/// Events that a client may be behind: those of a whole test. Whoever is further behind is hung up on, and asks again.
pub(super) const MAX_UNREAD: usize = 256;
