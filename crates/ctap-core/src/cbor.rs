//! CTAP2 canonical CBOR, CTAP 2.3 section 8: a strict borrowed reader and a writer.

mod reader;
mod writer;

pub(crate) use reader::{Item, Map};
pub(crate) use writer::{Array, Bytes, Encode, Encoded, MapWriter, Sink, to_vec};
