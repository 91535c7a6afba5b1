//! The server as a peer sees it, in simulated time, over streams in memory.

mod ccid;
mod crowds;
mod hostile;
mod imports;
mod late;
mod peer;
mod urbs;
