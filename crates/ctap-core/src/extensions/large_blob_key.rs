//! largeBlobKey, CTAP 2.3 section 12.3 (EX-60 to EX-65): the key of a credential's entry in the large-blob array.

use crate::cbor::Item;
use crate::status::Status;

/// The only input is `true` (EX-60, EX-61).
pub(crate) fn parse(value: Item<'_>) -> Result<bool, Status> {
    if value.boolean()? { Ok(true) } else { Err(Status::InvalidOption) }
}
