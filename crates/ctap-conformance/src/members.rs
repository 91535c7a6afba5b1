//! The standard's names for the members of replies, which travel as numbers: for people who read what was wrong.

use ctap_client::commands::code;

/// The members of one command's replies.
pub(crate) type Names = &'static [(u64, &'static str)];

/// Those of the command with this byte. Of a command that answers nothing, or is unknown, there are none.
pub(crate) const fn of_command(command: u8) -> Names {
    match command {
        code::MAKE_CREDENTIAL => MAKE_CREDENTIAL,
        code::GET_ASSERTION | code::GET_NEXT_ASSERTION => GET_ASSERTION,
        code::GET_INFO => GET_INFO,
        code::CLIENT_PIN => CLIENT_PIN,
        code::BIO_ENROLLMENT | 0x40 => BIO_ENROLLMENT,
        code::CREDENTIAL_MANAGEMENT | 0x41 => CREDENTIAL_MANAGEMENT,
        code::LARGE_BLOBS => LARGE_BLOBS,
        _ => NONE,
    }
}

/// `remainingDiscoverableCredentials (0x14)`; a number that has no name is all that there is of it.
pub(crate) fn named(names: Names, number: u64) -> Option<String> {
    let name = names.iter().find(|(known, _)| *known == number).map(|(_, name)| *name);
    name.map(|name| format!("{name} ({number:#04x})"))
}

/// A member of getInfo's reply.
pub(crate) fn of_info(number: u64) -> String {
    named(GET_INFO, number).unwrap_or_else(|| format!("getInfo member {number:#04x}"))
}

/// Of maps that are no reply of a command.
pub(crate) const NONE: Names = &[];

/// GI-10 and following.
pub(crate) const GET_INFO: Names = &[
    (0x01, "versions"),
    (0x02, "extensions"),
    (0x03, "aaguid"),
    (0x04, "options"),
    (0x05, "maxMsgSize"),
    (0x06, "pinUvAuthProtocols"),
    (0x07, "maxCredentialCountInList"),
    (0x08, "maxCredentialIdLength"),
    (0x09, "transports"),
    (0x0A, "algorithms"),
    (0x0B, "maxSerializedLargeBlobArray"),
    (0x0C, "forcePINChange"),
    (0x0D, "minPINLength"),
    (0x0E, "firmwareVersion"),
    (0x0F, "maxCredBlobLength"),
    (0x10, "maxRPIDsForSetMinPINLength"),
    (0x11, "preferredPlatformUvAttempts"),
    (0x12, "uvModality"),
    (0x13, "certifications"),
    (0x14, "remainingDiscoverableCredentials"),
    (0x15, "vendorPrototypeConfigCommands"),
    (0x16, "attestationFormats"),
    (0x17, "uvCountSinceLastPinEntry"),
    (0x18, "longTouchForReset"),
    (0x19, "encIdentifier"),
    (0x1A, "transportsForReset"),
    (0x1B, "pinComplexityPolicy"),
    (0x1C, "pinComplexityPolicyURL"),
    (0x1D, "maxPINLength"),
    (0x1E, "encCredStoreState"),
    (0x1F, "authenticatorConfigCommands"),
];

const MAKE_CREDENTIAL: Names = &[
    (0x01, "fmt"),
    (0x02, "authData"),
    (0x03, "attStmt"),
    (0x04, "epAtt"),
    (0x05, "largeBlobKey"),
    (0x06, "unsignedExtensionOutputs"),
];

const GET_ASSERTION: Names = &[
    (0x01, "credential"),
    (0x02, "authData"),
    (0x03, "signature"),
    (0x04, "user"),
    (0x05, "numberOfCredentials"),
    (0x06, "userSelected"),
    (0x07, "largeBlobKey"),
    (0x08, "unsignedExtensionOutputs"),
];

const CLIENT_PIN: Names = &[
    (0x01, "keyAgreement"),
    (0x02, "pinUvAuthToken"),
    (0x03, "pinRetries"),
    (0x04, "powerCycleState"),
    (0x05, "uvRetries"),
];

const BIO_ENROLLMENT: Names = &[
    (0x01, "modality"),
    (0x02, "fingerprintKind"),
    (0x03, "maxCaptureSamplesRequiredForEnroll"),
    (0x04, "templateId"),
    (0x05, "lastEnrollSampleStatus"),
    (0x06, "remainingSamples"),
    (0x07, "templateInfos"),
    (0x08, "maxTemplateFriendlyName"),
];

const CREDENTIAL_MANAGEMENT: Names = &[
    (0x01, "existingResidentCredentialsCount"),
    (0x02, "maxPossibleRemainingResidentCredentialsCount"),
    (0x03, "rp"),
    (0x04, "rpIDHash"),
    (0x05, "totalRPs"),
    (0x06, "user"),
    (0x07, "credentialID"),
    (0x08, "publicKey"),
    (0x09, "totalCredentials"),
    (0x0A, "credProtect"),
    (0x0B, "largeBlobKey"),
    (0x0C, "thirdPartyPayment"),
];

const LARGE_BLOBS: Names = &[(0x01, "config")];
