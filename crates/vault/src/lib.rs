//! The durable store of a keyfob: one sealed state file and a counter file.
