//! Every bound of the control socket, each with its reason.

use std::time::Duration;

/// Bytes of a request, its newline included. The longest one brings a credential with a large blob.
pub(crate) const MAX_REQUEST: u64 = 128 * 1024;

/// Bytes of a response, its newline included: a credential with a large blob, and more than the state of eight keys, each with a prompt whose
/// names are all escapes.
pub(crate) const MAX_RESPONSE: u64 = 192 * 1024;

/// Bytes of credentials after which an answer takes no further one.
pub(crate) const CREDENTIALS: usize = 48 * 1024;

/// Clients at a time.
pub(crate) const MAX_CLIENTS: usize = 16;

/// Those of them that wait for a prompt, each for as long as it likes. The rest is for those who answer.
pub(crate) const MAX_WAITING: usize = 12;

/// For what a running key does at once; a touch may wait for a slow disk. A client gives up then.
pub(crate) const ANSWERING: Duration = Duration::from_secs(10);

/// From connecting to the end of the request, and for taking the response.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Pause after a failed `accept`: it mostly means that this process has no file descriptor left.
pub(crate) const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
