//! credProtect, CTAP 2.3 section 12.1 (EX-10 to EX-19): when requests can find a credential.

use crate::cbor::Item;
use crate::credential::CredProtect;
use crate::status::Status;

/// The level that is asked for. A number that is not a level is an invalid parameter (EX-11).
pub(crate) fn parse(value: Item<'_>) -> Result<CredProtect, Status> {
    CredProtect::from_level(value.unsigned()?).ok_or(Status::InvalidParameter)
}

/// How a request came upon a credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// Its id was in an allowList, an excludeList or a U2F key handle.
    Id,
    /// It was discovered by its relying party.
    Discovery,
}

/// Whether a credential of this level exists for such a request (EX-13 to EX-16).
pub(crate) fn permits(level: CredProtect, via: Via, verified: bool) -> bool {
    verified
        || match level {
            CredProtect::UvOptional => true,
            CredProtect::UvOptionalWithList => via == Via::Id,
            CredProtect::UvRequired => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_shows_itself_as_the_standard_says() {
        use CredProtect::{UvOptional, UvOptionalWithList, UvRequired};
        for (level, by_id, by_discovery) in [
            (UvOptional, true, true),
            (UvOptionalWithList, true, false),
            (UvRequired, false, false),
        ] {
            assert_eq!(permits(level, Via::Id, false), by_id); // EX-13, EX-14
            assert_eq!(permits(level, Via::Discovery, false), by_discovery);
            assert!(permits(level, Via::Id, true) && permits(level, Via::Discovery, true));
        }
    }
}
