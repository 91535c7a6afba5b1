//! largeBlob, CTAP 2.3 section 12.4 (EX-70 to EX-79): a blob that is stored with a discoverable credential and
//! returned outside the signed data. A key with it cannot have authenticatorLargeBlobs.

use alloc::vec::Vec;

use crate::cbor::{Bytes, Item, MapWriter};
use crate::credential::LargeBlob;
use crate::status::Status;

/// Input of makeCredential: exactly `{"support": "required" | "preferred"}`; everything else is 0x12 (EX-71).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    Required,
    Preferred,
}

impl Support {
    pub(crate) fn parse(value: Item<'_>) -> Result<Self, Status> {
        let mut map = value.map().map_err(|_| Status::InvalidCbor)?;
        let entry =
            map.next().and_then(|(key, value)| Some((key.text().ok()?, value.text().ok()?)));
        match (entry, map.next()) {
            (Some(("support", "required")), None) => Ok(Self::Required),
            (Some(("support", "preferred")), None) => Ok(Self::Preferred),
            _ => Err(Status::InvalidCbor),
        }
    }
}

/// Input of getAssertion: exactly one of the two forms; everything else is 0x12 (EX-74).
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// `{"read": true}`
    Read,
    /// `{"write": bstr, "originalSize": uint}`
    Write { blob: Vec<u8>, original_size: u64 },
}

impl Access {
    pub(crate) fn parse(value: Item<'_>) -> Result<Self, Status> {
        Self::from_item(value).ok_or(Status::InvalidCbor)
    }

    fn from_item(value: Item<'_>) -> Option<Self> {
        let (mut read, mut write, mut size) = (None, None, None);
        for (key, value) in value.map().ok()? {
            match key.text().ok()? {
                "read" => read = Some(value.boolean().ok()?),
                "write" => write = Some(value.bytes().ok()?),
                "originalSize" => size = Some(value.unsigned().ok()?),
                _ => return None,
            }
        }
        match (read, write, size) {
            (Some(true), None, None) => Some(Self::Read),
            (None, Some(blob), Some(original_size)) => {
                Some(Self::Write { blob: blob.to_vec(), original_size })
            }
            _ => None,
        }
    }
}

/// The output of a registration (EX-72, EX-73): one of its unsigned outputs.
pub(crate) fn supported(supported: bool) -> MapWriter {
    let mut output = MapWriter::new();
    output.put("supported", supported);
    output
}

/// The output of a write (EX-76).
pub(crate) fn written(written: bool) -> MapWriter {
    unsigned_output(|output| {
        output.put("written", written);
    })
}

/// The output of a read: nothing if nothing is stored (EX-75).
pub(crate) fn read(stored: &LargeBlob) -> Option<MapWriter> {
    let LargeBlob::Written { blob, original_size } = stored else { return None };
    Some(unsigned_output(|output| {
        output.put("blob", Bytes(blob)).put("originalSize", *original_size);
    }))
}

fn unsigned_output(fill: impl FnOnce(&mut MapWriter)) -> MapWriter {
    let (mut outputs, mut output) = (MapWriter::new(), MapWriter::new());
    fill(&mut output);
    outputs.put("largeBlob", output);
    outputs
}
