//! Every bound of the control socket, each with its reason.

use std::time::Duration;

/// Bytes of a request, its newline included. The longest one brings a credential with a large blob.
pub(crate) const MAX_REQUEST: u64 = 128 * 1024;

/// Bytes of a response, its newline included: more than the state of as many keys as a process has, each with a prompt whose names are all
/// escapes.
pub(crate) const MAX_RESPONSE: u64 = 2 * 1024 * 1024;

/// Bytes of credentials after which an answer takes no further one.
pub(crate) const CREDENTIALS: usize = 48 * 1024;

/// Credentials that are looked at for one answer: as many as have room in it, for a short one takes more than 200 bytes.
pub(crate) const MOST_CREDENTIALS: usize = 256;

/// Clients that wait for a prompt of so many keys, each for as long as it likes: one for each key, and a few more.
pub(crate) const fn max_waiting(keys: usize) -> usize {
    keys.saturating_add(11)
}

/// Clients at a time. Those who do not wait are the ones who answer.
pub(crate) const fn max_clients(keys: usize) -> usize {
    max_waiting(keys).saturating_add(4)
}

/// For what a running key does at once; a touch may wait for a slow disk. A client gives up then.
pub(crate) const ANSWERING: Duration = Duration::from_secs(10);

/// From connecting to the end of the request, and for taking the response.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Pause after a failed `accept`: it mostly means that this process has no file descriptor left.
pub(crate) const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
