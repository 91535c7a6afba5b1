//! Every bound of the vault in one place, each with its reason.

/// The longest state file in bytes that is written or read. Ten credentials take about 8 KiB; this has room for
/// thousands and keeps a file that is not ours from being read into memory.
pub const MAX_STATE_FILE: usize = 4 * 1024 * 1024;
