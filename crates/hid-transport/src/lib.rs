//! CTAPHID framing for both ends, as state machines without I/O.
