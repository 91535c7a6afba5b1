//! Every bound of the conformance hooks, each with its reason.

use std::time::Duration;

use crate::http::Bounds;

/// The tool is one client, and asks one thing after the other. Heads are a line and a browser's worth of headers.
pub(super) const BOUNDS: Bounds = Bounds {
    clients: 8,
    head: 16 * 1024,
    patience: Duration::from_secs(5),
    stall: Some(Duration::from_secs(10)),
    too_many: "{}",
};

/// Bytes of a request's body: the names of all the tool's cases, with a page about each.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// How long a touch counts that came before its prompt. The tool asks for it at about the time at which it sends its
/// command; after ten seconds it means something else.
pub(super) const TOUCH_COUNTS: Duration = Duration::from_secs(10);

/// Failed tests that are told by name; the file has them all.
pub(super) const MAX_TOLD: usize = 50;

/// Characters of a failed test's description.
pub(super) const MAX_DESCRIPTION: usize = 300;
