//! How much of this machine visitors can take, each with its reason.

use std::time::Duration;

/// Connections at a time. A browser opens six; more wait until others end.
pub(crate) const MAX_CONNECTIONS: usize = 256;

/// Bytes of a request's head: a line, and a browser's worth of headers and cookies.
pub(crate) const MAX_HEAD: usize = 16 * 1024;

/// The longest form: an attestation with its certificates, or the administrator's lists.
pub(crate) const MAX_FORM: usize = 64 * 1024;

/// From connecting, or from the answer before, to the end of a request's head.
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// From there to the answer: a form over a slow line, and passwords of others that are hashed first.
pub(crate) const REQUEST_PATIENCE: Duration = Duration::from_secs(30);

/// How long a connection is of use, however it is used: one that does not read its answers must end as well.
pub(crate) const CONNECTION_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Pause after a failed `accept`: it mostly means that this process has no file descriptor left.
pub(crate) const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// Passwords hashed at a time: each takes 19 MiB.
pub(crate) const MAX_HASHINGS: usize = 2;
