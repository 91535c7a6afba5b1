//! CTAP2 canonical CBOR, CTAP 2.3 section 8: a strict reader that borrows, and a writer.

pub(crate) mod overlaid;
mod reader;
mod writer;

pub(crate) use reader::{Item, Map};
pub(crate) use writer::{Array, Bytes, Encode, Encoded, MapWriter, Sink, to_vec};

/// The first byte of a map with this many entries: up to 23 there is no second one.
pub(crate) const MAP_OF_1: u8 = 0xa1;
/// The last of these.
pub(crate) const MAP_OF_23: u8 = 0xb7;
