//! The server as a peer sees it, in simulated time, over streams in memory.

mod card;
mod ccid;
mod crowds;
mod hostile;
mod imports;
mod late;
mod peer;
mod pn533;
mod urbs;
