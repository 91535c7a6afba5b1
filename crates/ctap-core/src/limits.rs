//! Every bound of the authenticator in one place, each with its reason. Lengths are in bytes.

use core::time::Duration;

/// Bytes of the longest CTAP message, request or response, that CTAPHID can carry (HD-04, MSG-61).
pub const MAX_MESSAGE: usize = 7609;

/// Bytes that every platform may send: the smallest maxMsgSize (MSG-60).
pub const MIN_MESSAGE: usize = 1024;

/// Bytes of the longest message that the smallest real models take, CTAP 2.0 keys on cards: two APDUs' worth.
pub const MIN_ANY_MESSAGE: usize = 510;

/// Bytes of the longest message unless configured: its answers fit the 64 reports that Linux keeps for a slow reader (MSG-65).
pub const DEFAULT_MESSAGE: usize = 3072;

/// Maps and arrays inside each other, the outermost counted (MSG-34).
pub const MAX_CBOR_DEPTH: usize = 4;

/// Wrong PINs until the PIN is blocked permanently (CP-24).
pub const MAX_PIN_RETRIES: u8 = 8;

/// Wrong PINs in a row until a power cycle is asked for (CP-26).
pub const MAX_CONSECUTIVE_MISMATCHES: u8 = 3;

/// Bytes of a new PIN on the wire, padded (CP-22).
pub const PADDED_PIN: usize = 64;

/// The longest PIN in bytes of UTF-8, and so also in code points (CP-21).
pub const MAX_PIN_BYTES: usize = 63;

/// The same in Unicode code points.
pub const MAX_PIN_CODE_POINTS: u8 = 63;

/// The least that a longest PIN may have in Unicode code points, as the shortest of real models.
pub const MIN_LONGEST_PIN: u8 = 8;

/// The shortest PIN in Unicode code points, unless a longer minimum is set (CP-20).
pub const MIN_PIN_CODE_POINTS: u8 = 4;

/// Failed built-in user verifications until only the PIN helps (CP-144 allows 1 to 25).
pub const MAX_UV_RETRIES: u8 = 5;

/// Gestures tried inside one command when the platform does not count attempts itself (CP-144 allows 1 to 5).
pub const MAX_UV_ATTEMPTS_FOR_INTERNAL_RETRIES: u8 = 3;

/// How long a person has to touch the key (HD-77: 30 s is customary, at least 10 s).
pub const USER_ACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Time after power-up in which a reset is accepted (RS-03).
pub const RESET_WINDOW: Duration = Duration::from_secs(10);

/// A pinUvAuthToken not used for so long after it was issued is dead, and a presence test inside it stands no longer (section
/// 6.5.2.1: USB and smart cards).
pub const TOKEN_INITIAL_USAGE: Duration = Duration::from_secs(30);

/// The same over NFC (section 6.5.2.1, NF-42).
pub const TOKEN_INITIAL_USAGE_NFC: Duration = Duration::from_millis(19_800);

/// How long after power-up a tap is presence: the NFC user presence maximum time limit (NF-40).
pub const TAP_PRESENCE: Duration = Duration::from_secs(120);

/// No pinUvAuthToken lives longer (section 6.5.2.1).
pub const TOKEN_MAX_USAGE: Duration = Duration::from_secs(600);

/// Time within which getNextAssertion and its kin must follow (GA-52, MSG-83).
pub const STATEFUL_COMMAND: Duration = Duration::from_secs(30);

/// Bytes of the longest user.id (WebAuthn section 5.4.3; MSG-47).
pub const MAX_USER_ID: usize = 64;

/// Names of people and relying parties are cut to this many bytes at a character boundary; at least 64 (MC-78).
pub const MAX_NAME: usize = 128;

/// Bytes of the longest rp.id kept: a DNS name has at most 253 bytes, some platforms use URLs. Longer ones are refused.
pub const MAX_RP_ID: usize = 512;

/// Entries of an allowList or excludeList (getInfo 0x07, MSG-63) unless configured. That many of this key's ids fit a message of the
/// default size.
pub const USUAL_CREDENTIALS_IN_LIST: usize = 16;

/// Entries of such a list that a key can be made to take: as many as any real model tells.
pub const MAX_CREDENTIALS_IN_LIST: usize = 512;

/// Bytes of the longest credential id this authenticator issues (getInfo 0x08, GI-17) unless configured: a sealed one of ES384. What
/// cannot be sealed in so few, keys of ES512 and RSA, is a record.
pub const MAX_CREDENTIAL_ID: usize = 113;

/// Bytes of the longest credential id that fits a U2F answer, which has one byte for its length (UF-24).
pub const MAX_KEY_HANDLE: usize = 255;

/// Bytes of the shortest credential id that a key can be made to issue: with fewer it could be guessed (MC-75).
pub const MIN_CREDENTIAL_ID: usize = 16;

/// Bytes of the longest credential id that any authenticator issues, and so of one that was brought here (MC-72).
pub const MAX_FOREIGN_CREDENTIAL_ID: usize = 1023;

/// Signature counters are reserved in blocks of this size ahead of use, so an assertion needs no disk write of its own.
pub const SIGN_COUNT_BLOCK: u32 = 64;

/// Fingers that a sensor may know: their names, all of the longest, must fit one answer of [`MAX_MESSAGE`] bytes.
pub const MAX_FINGERPRINTS: u8 = 88;

/// Bytes that the blobs of one credential may take of an answer of [`MAX_MESSAGE`] bytes, beside the longest signature.
pub const MAX_BLOBS: usize = 3072;

/// Bytes that the certificates of an attestation key may take of an answer of [`MAX_MESSAGE`] bytes, beside the longest public key.
pub const MAX_CERTIFICATES: usize = 4096;

/// The longest name of a finger, in bytes (BE-10).
pub const MAX_FRIENDLY_NAME: usize = 64;

/// How long an enrolment sample is awaited at the most, whatever the platform asks for (BE-20).
pub const MAX_SAMPLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Time within which a U2F request is answered even if nobody touched: U2F clients poll (UF-34, UF-41).
pub const U2F_PATIENCE: Duration = Duration::from_millis(200);

/// How long a touch is good that came between two polls of a U2F client, and a prompt stays open that its client
/// does not ask for again (UF-34).
pub const U2F_TOUCH: Duration = Duration::from_secs(10);

/// Time without a poll after which a U2F client has probably gone: they ask each 100 to 500 ms, and later only where
/// another client was served first.
pub const U2F_SILENCE: Duration = Duration::from_secs(2);

/// Touches that are wanted by U2F clients, or kept for them, at the same time: many more than people have clients.
pub const MAX_TOUCHES: usize = 16;

/// Bytes that a largeBlobs fragment leaves of a message for their other members (LB-01).
pub const FRAGMENT_OVERHEAD: usize = 64;

/// Assertions of which it is remembered whose they were: more than come between two looks of whoever wants to know.
pub const MAX_USES: usize = 16;

/// Discoverable credentials that a key can be made for, and others that it can keep: with that many its memory is opened within a
/// second (GI-29).
pub const MAX_CAPACITY: usize = 100_000;

/// Bytes of the longest large-blob array that a key can be made for: many more than one client ever wrote (LB-02).
pub const MAX_LARGE_BLOBS: usize = 1 << 20;

/// Bytes of the large-blob array in one record: whoever changes one blob writes little more than that blob.
pub const LARGE_BLOB_CHUNK: usize = 1024;

/// Bytes of what getInfo may be made to tell, beside which its own members have room in every message.
pub const MAX_ANNOUNCED: usize = 4096;

/// Bytes of the longest record's name: that of a credential with the longest id.
pub const MAX_RECORD_NAME: usize = 1040;

/// Bytes of the longest record's value: a credential with the longest names, public key and blobs, or settings with the RP
/// ids of one message.
pub const MAX_RECORD_VALUE: usize = 8192;
