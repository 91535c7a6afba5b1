//! Every bound of the authenticator in one place, each with its reason. Lengths are in bytes.

use core::time::Duration;

/// The longest CTAP message, request or response, that CTAPHID can carry (HD-04, MSG-61).
pub const MAX_MESSAGE: usize = 7609;

/// A message of this length, in bytes, may always be sent: the smallest maxMsgSize (MSG-60).
pub const MIN_MESSAGE: usize = 1024;

/// The longest message of the smallest real models, in bytes. They are CTAP 2.0 keys on cards, and it is two APDUs.
pub const MIN_ANY_MESSAGE: usize = 510;

/// The longest message unless it is configured. Its answers fit the 64 reports that Linux stores for a slow reader
/// (MSG-65).
pub const DEFAULT_MESSAGE: usize = 3072;

/// Levels of nested maps and arrays, with the outermost one (MSG-34).
pub const MAX_CBOR_DEPTH: usize = 4;

/// Wrong PINs until the PIN is blocked permanently (CP-24).
pub const MAX_PIN_RETRIES: u8 = 8;

/// Wrong PINs in a row until a power cycle is needed (CP-26).
pub const MAX_CONSECUTIVE_MISMATCHES: u8 = 3;

/// The length of a new PIN on the wire, in bytes, padded (CP-22).
pub const PADDED_PIN: usize = 64;

/// The longest PIN in bytes of UTF-8, and so also in code points (CP-21).
pub const MAX_PIN_BYTES: usize = 63;

/// The same in Unicode code points.
pub const MAX_PIN_CODE_POINTS: u8 = 63;

/// The smallest value for the longest PIN, in Unicode code points: the smallest one of real models.
pub const MIN_LONGEST_PIN: u8 = 8;

/// The shortest PIN in Unicode code points, unless a longer minimum is set (CP-20).
pub const MIN_PIN_CODE_POINTS: u8 = 4;

/// Failed built-in user verifications until only the PIN works (CP-144 allows 1 to 25).
pub const MAX_UV_RETRIES: u8 = 5;

/// Gestures that one command tries if the platform does not count attempts itself (CP-144 allows 1 to 5).
pub const MAX_UV_ATTEMPTS_FOR_INTERNAL_RETRIES: u8 = 3;

/// How long a person has to touch the key (HD-77: usually 30 s, at least 10 s).
pub const USER_ACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The time after power-up in which a reset is accepted (RS-03).
pub const RESET_WINDOW: Duration = Duration::from_secs(10);

/// A pinUvAuthToken that is not used for this long after it was issued expires. A presence test inside it expires
/// as well (section 6.5.2.1: USB and smart cards).
pub const TOKEN_INITIAL_USAGE: Duration = Duration::from_secs(30);

/// The same over NFC (section 6.5.2.1, NF-42).
pub const TOKEN_INITIAL_USAGE_NFC: Duration = Duration::from_millis(19_800);

/// How long after power-up a tap counts as presence: the NFC user presence maximum time limit (NF-40).
pub const TAP_PRESENCE: Duration = Duration::from_secs(120);

/// The longest life of a pinUvAuthToken (section 6.5.2.1).
pub const TOKEN_MAX_USAGE: Duration = Duration::from_secs(600);

/// The time within which getNextAssertion and similar commands must follow (GA-52, MSG-83).
pub const STATEFUL_COMMAND: Duration = Duration::from_secs(30);

/// The longest user.id (WebAuthn section 5.4.3; MSG-47).
pub const MAX_USER_ID: usize = 64;

/// Names of people and relying parties are cut to this length at a character boundary; it must be at least 64
/// (MC-78).
pub const MAX_NAME: usize = 128;

/// The longest rp.id that is stored. A DNS name has at most 253 bytes, but some platforms use URLs. A longer one is
/// refused.
pub const MAX_RP_ID: usize = 512;

/// The most entries in an allowList or excludeList (getInfo 0x07, MSG-63) unless it is configured. This many of the
/// key's ids fit into a message of the default size.
pub const USUAL_CREDENTIALS_IN_LIST: usize = 16;

/// The most entries in such a list that can be configured: as many as any real model announces.
pub const MAX_CREDENTIALS_IN_LIST: usize = 512;

/// The longest credential id that this authenticator makes (getInfo 0x08, GI-17) unless it is configured: an
/// encrypted credential of ES384. A credential that does not fit, with a key of ES512 or RSA, is stored as a
/// record.
pub const MAX_CREDENTIAL_ID: usize = 113;

/// The longest credential id that fits into a U2F answer, which has one byte for its length (UF-24).
pub const MAX_KEY_HANDLE: usize = 255;

/// The shortest credential id that can be configured: a shorter one could be guessed (MC-75).
pub const MIN_CREDENTIAL_ID: usize = 16;

/// The longest credential id that any authenticator makes, and so the longest one that can be imported (MC-72).
pub const MAX_FOREIGN_CREDENTIAL_ID: usize = 1023;

/// Signature counters are reserved in blocks of this size before they are used, so an assertion needs no disk
/// write.
pub const SIGN_COUNT_BLOCK: u32 = 64;

/// The most fingers of a sensor. Their names, all of the greatest length, must fit into one answer of
/// [`MAX_MESSAGE`] bytes.
pub const MAX_FINGERPRINTS: u8 = 88;

/// The most good samples that one enrolment takes: four times as many as real sensors want. An owner gives each by hand.
pub const MAX_SAMPLES: u8 = 64;

/// The most bytes that the blobs of one credential may take in an answer of [`MAX_MESSAGE`] bytes, beside the
/// longest signature.
pub const MAX_BLOBS: usize = 3072;

/// The most bytes that the certificates of an attestation key may take in an answer of [`MAX_MESSAGE`] bytes,
/// beside the longest public key.
pub const MAX_CERTIFICATES: usize = 4096;

/// The longest name of a finger, in bytes of UTF-8 (BE-10).
pub const MAX_FRIENDLY_NAME: usize = 64;

/// The longest wait for an enrolment sample, even if the platform asks for more (BE-20).
pub const MAX_SAMPLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The time within which a U2F request is answered even if nobody touched the key: U2F clients ask again (UF-34,
/// UF-41).
pub const U2F_PATIENCE: Duration = Duration::from_millis(200);

/// How long a touch between two requests of a U2F client stays valid. Also how long a prompt stays open when its
/// client does not ask again (UF-34).
pub const U2F_TOUCH: Duration = Duration::from_secs(10);

/// After this long without a request, a U2F client has probably gone. Clients ask every 100 to 500 ms, and later
/// only if another client was served first.
pub const U2F_SILENCE: Duration = Duration::from_secs(2);

/// The most touches that are wanted by U2F clients, or kept for them, at the same time: far more than a person has
/// clients.
pub const MAX_TOUCHES: usize = 16;

/// How many bytes of a message a largeBlobs fragment leaves for the other members (LB-01).
pub const FRAGMENT_OVERHEAD: usize = 64;

/// For how many of the last assertions the key remembers the credential: more than happen between two looks of a
/// program that asks.
pub const MAX_USES: usize = 16;

/// The most discoverable credentials that can be configured, and the most other credentials that are stored. With
/// that many, the memory opens within a second (GI-29).
pub const MAX_CAPACITY: usize = 100_000;

/// The longest large-blob array that can be configured, in bytes: much longer than any client has written (LB-02).
pub const MAX_LARGE_BLOBS: usize = 1 << 20;

/// The bytes of the large-blob array in one record, so that a change to one blob writes little more than that blob.
pub const LARGE_BLOB_CHUNK: usize = 1024;

/// The most bytes that getInfo may announce in addition. With them, its own members still fit into every message.
pub const MAX_ANNOUNCED: usize = 4096;

/// The longest name of a record, in bytes: that of a credential with the longest id.
pub const MAX_RECORD_NAME: usize = 1040;

/// The longest value of a record, in bytes: a credential with the longest names, public key and blobs, or settings with as
/// many RP ids as fit into one message.
pub const MAX_RECORD_VALUE: usize = 8192;
