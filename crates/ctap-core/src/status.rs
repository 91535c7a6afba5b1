//! Status codes, CTAP 2.3 section 8.2.

/// Why a command was refused: the first byte of its response. `Ok` is not a variant; a success has a body instead.
///
/// The names are those of the standard, without `CTAP1_ERR_`/`CTAP2_ERR_`. Only codes that the standard lists are
/// ever sent (MSG-71).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
#[non_exhaustive]
pub enum Status {
    /// The command byte is unknown, or the authenticator does not have the feature (MSG-05).
    #[error("invalid command")]
    InvalidCommand = 0x01,
    /// A parameter has a value that is never right.
    #[error("invalid parameter")]
    InvalidParameter = 0x02,
    /// A parameter is too long or too short.
    #[error("invalid length")]
    InvalidLength = 0x03,
    /// A fragment came out of order (LB-36).
    #[error("invalid sequence")]
    InvalidSeq = 0x04,
    /// Another request is still being processed.
    #[error("channel busy")]
    ChannelBusy = 0x06,
    /// A member has the wrong CBOR type, or a structure is incomplete (MSG-39, MSG-41).
    #[error("unexpected CBOR type")]
    CborUnexpectedType = 0x11,
    /// The message is not canonical CBOR (MSG-35).
    #[error("invalid CBOR")]
    InvalidCbor = 0x12,
    /// A required member is absent (MSG-40).
    #[error("missing parameter")]
    MissingParameter = 0x14,
    /// A list is longer than the authenticator takes (MSG-63).
    #[error("limit exceeded")]
    LimitExceeded = 0x15,
    /// No room for another fingerprint (BE-20).
    #[error("fingerprint database full")]
    FpDatabaseFull = 0x17,
    /// There is no room for the large blob (LB-32).
    #[error("large blob storage full")]
    LargeBlobStorageFull = 0x18,
    /// The key has a credential of the exclude list (MC-32).
    #[error("credential excluded")]
    CredentialExcluded = 0x19,
    /// The handle of a signing key, or the data that should derive its key, is not right (PS-17, PS-18).
    #[error("invalid credential")]
    InvalidCredential = 0x22,
    /// The authenticator supports none of the algorithms in the request (MC-06).
    #[error("unsupported algorithm")]
    UnsupportedAlgorithm = 0x26,
    /// The user refused or did not act, or the policy forbids it.
    #[error("operation denied")]
    OperationDenied = 0x27,
    /// No room for another discoverable credential (MC-40).
    #[error("key store full")]
    KeyStoreFull = 0x28,
    /// This command or authenticator does not have the option (MC-11, GA-06).
    #[error("unsupported option")]
    UnsupportedOption = 0x2B,
    /// An option has a value that it may not have (MC-10, MC-12).
    #[error("invalid option")]
    InvalidOption = 0x2C,
    /// The platform cancelled the request (HD-81).
    #[error("keepalive cancel")]
    KeepaliveCancel = 0x2D,
    /// There is no matching credential (GA-17).
    #[error("no credentials")]
    NoCredentials = 0x2E,
    /// The user did not act in time (SL-02, RS-07).
    #[error("user action timeout")]
    UserActionTimeout = 0x2F,
    /// It is not possible now: a command that continues another one came without it, or a reset came too late
    /// (GA-50, RS-03).
    #[error("not allowed")]
    NotAllowed = 0x30,
    /// The PIN is wrong (CP-66).
    #[error("PIN invalid")]
    PinInvalid = 0x31,
    /// No PIN tries are left: only a reset helps (CP-27).
    #[error("PIN blocked")]
    PinBlocked = 0x32,
    /// A MAC, a permission, an RP id or the state of a token is wrong.
    #[error("PIN auth invalid")]
    PinAuthInvalid = 0x33,
    /// Three wrong PINs in a row: a power cycle is needed (CP-26).
    #[error("PIN auth blocked")]
    PinAuthBlocked = 0x34,
    /// No PIN is set (CP-61).
    #[error("PIN not set")]
    PinNotSet = 0x35,
    /// A pinUvAuthToken is required (MC-19).
    #[error("PIN/UV auth token required")]
    PuatRequired = 0x36,
    /// The new PIN is too short, too long or too simple (CP-57).
    #[error("PIN policy violation")]
    PinPolicyViolation = 0x37,
    /// The message is longer than maxMsgSize (MSG-62).
    #[error("request too large")]
    RequestTooLarge = 0x39,
    /// Over NFC: the key must first be taken off the reader and laid on again (MC-37).
    #[error("user presence required")]
    UpRequired = 0x3B,
    /// Built-in user verification is blocked (CP-97).
    #[error("user verification blocked")]
    UvBlocked = 0x3C,
    /// The large-blob array does not match its hash (LB-45).
    #[error("integrity failure")]
    IntegrityFailure = 0x3D,
    /// The subcommand is unknown (MSG-07).
    #[error("invalid subcommand")]
    InvalidSubcommand = 0x3E,
    /// Built-in user verification failed (CP-99).
    #[error("user verification invalid")]
    UvInvalid = 0x3F,
    /// A permission that this authenticator cannot grant (CP-87).
    #[error("unauthorized permission")]
    UnauthorizedPermission = 0x40,
    /// The authenticator itself failed, for example its memory.
    #[error("other error")]
    Other = 0x7F,
}

impl Status {
    /// The byte on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}
