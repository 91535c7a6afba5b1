//! Every bound of the conformance hooks, each with its reason.

use std::time::Duration;

/// Clients at a time. The tool is one, and asks one thing after the other.
pub(super) const MAX_CLIENTS: usize = 8;

/// Bytes of a request's head: a line and a browser's worth of headers.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// Bytes of a request's body: the names of all the tool's cases, with a page about each.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// From connecting to the end of the head, and again to the end of the body.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a touch counts that came before its prompt. The tool asks for it at about the time at which it sends its
/// command; after ten seconds it means something else.
pub(super) const TOUCH_COUNTS: Duration = Duration::from_secs(10);

/// Failed tests that are told by name; the file has them all.
pub(super) const MAX_TOLD: usize = 50;

/// Characters of a failed test's description.
pub(super) const MAX_DESCRIPTION: usize = 300;

/// Pause after a failed `accept`: it mostly means that this process has no file descriptor left.
pub(super) const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
