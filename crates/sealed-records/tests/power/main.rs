//! Power cuts and failing disks, exhaustively, on a simulated disk (P-11, P-12).

mod cuts;
mod everywhere;
mod failures;
#[path = "../support/mod.rs"]
mod support;
