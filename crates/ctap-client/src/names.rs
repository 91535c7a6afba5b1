//! The standard's names for numbers in messages: commands, and members of requests and replies. They are for people
//! who read a trace.

use crate::commands::code;

/// The members of one command's requests, or of its replies.
pub type Names = &'static [(u64, &'static str)];

/// The members of the replies to the command with this byte. The list is empty for a command without a reply, and
/// for an unknown one.
#[must_use]
pub const fn of_reply(command: u8) -> Names {
    match command {
        code::MAKE_CREDENTIAL => MAKE_CREDENTIAL,
        code::GET_ASSERTION | code::GET_NEXT_ASSERTION => GET_ASSERTION,
        code::GET_INFO => GET_INFO,
        code::CLIENT_PIN => CLIENT_PIN,
        code::BIO_ENROLLMENT | PREVIEW_BIO_ENROLLMENT => BIO_ENROLLMENT,
        code::CREDENTIAL_MANAGEMENT | PREVIEW_CREDENTIAL_MANAGEMENT => CREDENTIAL_MANAGEMENT,
        code::LARGE_BLOBS => LARGE_BLOBS,
        _ => NONE,
    }
}

/// The members of the requests with this command byte.
#[must_use]
pub const fn of_request(command: u8) -> Names {
    match command {
        code::MAKE_CREDENTIAL => REGISTRATION_REQUEST,
        code::GET_ASSERTION => ASSERTION_REQUEST,
        code::CLIENT_PIN => PIN_REQUEST,
        code::BIO_ENROLLMENT | PREVIEW_BIO_ENROLLMENT => BIO_REQUEST,
        code::CREDENTIAL_MANAGEMENT | PREVIEW_CREDENTIAL_MANAGEMENT | code::CONFIG => {
            MANAGEMENT_REQUEST
        }
        code::LARGE_BLOBS => BLOB_REQUEST,
        _ => NONE,
    }
}

/// The members of `subCommandParams` in requests with this command byte.
#[must_use]
pub const fn of_parameters(command: u8) -> Names {
    match command {
        code::BIO_ENROLLMENT | PREVIEW_BIO_ENROLLMENT => {
            &[(0x01, "templateId"), (0x02, "templateFriendlyName"), (0x03, "timeoutMilliseconds")]
        }
        code::CREDENTIAL_MANAGEMENT | PREVIEW_CREDENTIAL_MANAGEMENT => {
            &[(0x01, "rpIDHash"), (0x02, "credentialID"), (0x03, "user")]
        }
        code::CONFIG => &[
            (0x01, "newMinPINLength"),
            (0x02, "minPinLengthRPIDs"),
            (0x03, "forceChangePin"),
            (0x04, "pinComplexityPolicy"),
        ],
        _ => NONE,
    }
}

/// The subcommands of the command with this byte.
#[must_use]
pub const fn of_subcommands(command: u8) -> Names {
    match command {
        code::CLIENT_PIN => PIN_SUBCOMMANDS,
        code::BIO_ENROLLMENT | PREVIEW_BIO_ENROLLMENT => BIO_SUBCOMMANDS,
        code::CREDENTIAL_MANAGEMENT | PREVIEW_CREDENTIAL_MANAGEMENT => MANAGEMENT_SUBCOMMANDS,
        code::CONFIG => CONFIG_SUBCOMMANDS,
        _ => NONE,
    }
}

/// The command with this byte (CTAP section 6); `None`: the standard has no such command.
#[must_use]
pub const fn of_command(command: u8) -> Option<&'static str> {
    Some(match command {
        code::MAKE_CREDENTIAL => "authenticatorMakeCredential",
        code::GET_ASSERTION => "authenticatorGetAssertion",
        code::GET_INFO => "authenticatorGetInfo",
        code::CLIENT_PIN => "authenticatorClientPIN",
        code::RESET => "authenticatorReset",
        code::GET_NEXT_ASSERTION => "authenticatorGetNextAssertion",
        code::BIO_ENROLLMENT => "authenticatorBioEnrollment",
        code::CREDENTIAL_MANAGEMENT => "authenticatorCredentialManagement",
        code::SELECTION => "authenticatorSelection",
        code::LARGE_BLOBS => "authenticatorLargeBlobs",
        code::CONFIG => "authenticatorConfig",
        PREVIEW_BIO_ENROLLMENT => "authenticatorBioEnrollment (preview)",
        PREVIEW_CREDENTIAL_MANAGEMENT => "authenticatorCredentialManagement (preview)",
        _ => return None,
    })
}

/// The name of this number in this list, if it has one.
#[must_use]
pub fn name(names: Names, number: u64) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Name and number, such as `remainingDiscoverableCredentials (0x14)`. `None`: the number has no name.
#[must_use]
pub fn named(names: Names, number: u64) -> Option<String> {
    name(names, number).map(|name| format!("{name} ({number:#04x})"))
}

/// The name of a member of getInfo's reply.
#[must_use]
pub fn of_info(number: u64) -> String {
    named(GET_INFO, number).unwrap_or_else(|| format!("getInfo member {number:#04x}"))
}

/// Bytes of two commands before the standard had them (CTAP 2.1 PRE).
pub(crate) const PREVIEW_BIO_ENROLLMENT: u8 = 0x40;
pub(crate) const PREVIEW_CREDENTIAL_MANAGEMENT: u8 = 0x41;

/// No names: for maps that are not the reply of a command.
pub const NONE: Names = &[];

/// The members of the reply to getInfo (GI-10 and following).
pub const GET_INFO: Names = &[
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

/// The members of the input of the extensions hmac-secret and hmac-secret-mc.
pub const HMAC_SECRET: Names =
    &[(0x01, "keyAgreement"), (0x02, "saltEnc"), (0x03, "saltAuth"), (0x04, "pinUvAuthProtocol")];

const REGISTRATION_REQUEST: Names = &[
    (0x01, "clientDataHash"),
    (0x02, "rp"),
    (0x03, "user"),
    (0x04, "pubKeyCredParams"),
    (0x05, "excludeList"),
    (0x06, "extensions"),
    (0x07, "options"),
    (0x08, "pinUvAuthParam"),
    (0x09, "pinUvAuthProtocol"),
    (0x0A, "enterpriseAttestation"),
    (0x0B, "attestationFormatsPreference"),
];

const ASSERTION_REQUEST: Names = &[
    (0x01, "rpId"),
    (0x02, "clientDataHash"),
    (0x03, "allowList"),
    (0x04, "extensions"),
    (0x05, "options"),
    (0x06, "pinUvAuthParam"),
    (0x07, "pinUvAuthProtocol"),
    (0x08, "enterpriseAttestation"),
    (0x09, "attestationFormatsPreference"),
];

const PIN_REQUEST: Names = &[
    (0x01, "pinUvAuthProtocol"),
    (0x02, "subCommand"),
    (0x03, "keyAgreement"),
    (0x04, "pinUvAuthParam"),
    (0x05, "newPinEnc"),
    (0x06, "pinHashEnc"),
    (0x09, "permissions"),
    (0x0A, "rpId"),
];

const BIO_REQUEST: Names = &[
    (0x01, "modality"),
    (0x02, "subCommand"),
    (0x03, "subCommandParams"),
    (0x04, "pinUvAuthProtocol"),
    (0x05, "pinUvAuthParam"),
    (0x06, "getModality"),
];

const MANAGEMENT_REQUEST: Names = &[
    (0x01, "subCommand"),
    (0x02, "subCommandParams"),
    (0x03, "pinUvAuthProtocol"),
    (0x04, "pinUvAuthParam"),
];

const BLOB_REQUEST: Names = &[
    (0x01, "get"),
    (0x02, "set"),
    (0x03, "offset"),
    (0x04, "length"),
    (0x05, "pinUvAuthParam"),
    (0x06, "pinUvAuthProtocol"),
];

const PIN_SUBCOMMANDS: Names = &[
    (0x01, "getPINRetries"),
    (0x02, "getKeyAgreement"),
    (0x03, "setPIN"),
    (0x04, "changePIN"),
    (0x05, "getPinToken"),
    (0x06, "getPinUvAuthTokenUsingUvWithPermissions"),
    (0x07, "getUVRetries"),
    (0x09, "getPinUvAuthTokenUsingPinWithPermissions"),
];

const BIO_SUBCOMMANDS: Names = &[
    (0x01, "enrollBegin"),
    (0x02, "enrollCaptureNextSample"),
    (0x03, "cancelCurrentEnrollment"),
    (0x04, "enumerateEnrollments"),
    (0x05, "setFriendlyName"),
    (0x06, "removeEnrollment"),
    (0x07, "getFingerprintSensorInfo"),
];

const MANAGEMENT_SUBCOMMANDS: Names = &[
    (0x01, "getCredsMetadata"),
    (0x02, "enumerateRPsBegin"),
    (0x03, "enumerateRPsGetNextRP"),
    (0x04, "enumerateCredentialsBegin"),
    (0x05, "enumerateCredentialsGetNextCredential"),
    (0x06, "deleteCredential"),
    (0x07, "updateUserInformation"),
];

const CONFIG_SUBCOMMANDS: Names = &[
    (0x01, "enableEnterpriseAttestation"),
    (0x02, "toggleAlwaysUv"),
    (0x03, "setMinPINLength"),
    (0x04, "enableLongTouchForReset"),
    (0xFF, "vendorPrototype"),
];
