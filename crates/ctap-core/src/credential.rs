//! Credentials: the key pairs of accounts, discoverable or not (WebAuthn section 4, CTAP 2.3 section 6.1).

use alloc::{string::String, vec::Vec};

use crate::algorithm::PrivateKey;
use crate::secret::Secret;

/// One credential, wherever it is stored.
///
/// A discoverable credential has an [`Account`] and is a record of the store. Any other credential carries its own
/// secrets, encrypted, in its id (see `credential_id.rs`), or it is a record, too ([`Kept`]).
#[derive(Debug)]
pub struct Credential {
    /// The credential id: 1 to [`MAX_CREDENTIAL_ID`](crate::limits::MAX_CREDENTIAL_ID) bytes, never issued twice
    /// (MC-75). An id that another key made has up to
    /// [`MAX_FOREIGN_CREDENTIAL_ID`](crate::limits::MAX_FOREIGN_CREDENTIAL_ID) bytes.
    pub id: Vec<u8>,
    /// SHA-256 of the RP id, or a U2F application parameter (GA-70).
    pub rp_id_hash: [u8; 32],
    /// The private key that signs assertions.
    pub key: PrivateKey,
    /// When requests can find it (EX-10).
    pub cred_protect: CredProtect,
    /// The secrets behind hmac-secret (EX-21).
    pub cred_random: CredRandom,
    /// Whether it was made with the thirdPartyPayment extension (EX-90).
    pub third_party_payment: bool,
    /// The flags about copies (MC-76).
    pub backup: Backup,
    /// What counts its signatures (MC-77).
    pub counter: Counter,
    /// The account; `None` if the credential is not discoverable.
    pub account: Option<Account>,
}

impl Credential {
    /// A second copy, for a record that is about to replace this one.
    pub(crate) fn duplicate(&self) -> Self {
        let Self {
            id,
            rp_id_hash,
            key,
            cred_protect,
            cred_random,
            third_party_payment,
            backup,
            counter,
            account,
        } = self;
        Self {
            id: id.clone(),
            rp_id_hash: *rp_id_hash,
            key: key.duplicate(),
            cred_protect: *cred_protect,
            cred_random: cred_random.duplicate(),
            third_party_payment: *third_party_payment,
            backup: *backup,
            counter: *counter,
            account: account.as_ref().map(Account::duplicate),
        }
    }
}

/// The part that only a discoverable credential has (MC-79).
#[derive(Debug)]
pub struct Account {
    /// The public key as a COSE_Key, so that a list of credentials need not derive it (CM-26).
    pub public_key: Vec<u8>,
    /// The relying party.
    pub rp: Rp,
    /// The user at that relying party.
    pub user: User,
    /// The blob of the credBlob extension (EX-51).
    pub cred_blob: Option<Vec<u8>>,
    /// The key that the largeBlobKey extension made (EX-60).
    pub large_blob_key: Option<Secret<32>>,
    /// The state of the largeBlob extension (EX-71).
    pub large_blob: LargeBlob,
}

impl Account {
    fn duplicate(&self) -> Self {
        let Self { public_key, rp, user, cred_blob, large_blob_key, large_blob } = self;
        Self {
            public_key: public_key.clone(),
            rp: rp.clone(),
            user: user.clone(),
            cred_blob: cred_blob.clone(),
            large_blob_key: large_blob_key.as_ref().map(Secret::duplicate),
            large_blob: large_blob.clone(),
        }
    }
}

/// A credential that is not discoverable, but is a record of the store. Either another key made it, so that its id
/// holds nothing; or this key stores all its credentials
/// ([`keep_non_discoverable`](crate::config::NewCredentials::keep_non_discoverable)).
#[derive(Debug)]
pub struct Kept {
    /// The credential, without an account: a request finds it only by its id.
    pub credential: Credential,
    /// The relying party, if its name is known: U2F tells only a hash.
    pub rp: Option<Rp>,
    /// The user, if one was given. Assertions do not name this user.
    pub user: Option<User>,
}

impl Kept {
    /// A second copy, for a record that is about to replace this one.
    pub(crate) fn duplicate(&self) -> Self {
        let Self { credential, rp, user } = self;
        Self { credential: credential.duplicate(), rp: rp.clone(), user: user.clone() }
    }
}

/// The two flags of authenticator data about copies (MC-76). A credential that never leaves its key has neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// BE, backup eligibility: the credential may be on several devices. For a real credential it never changes.
    pub eligible: bool,
    /// BS, backup state: the credential is on several devices now. Relying parties do not accept it without
    /// eligibility.
    pub state: bool,
}

impl Backup {
    /// Whether there can be such a credential: what is backed up is what may be.
    pub(crate) const fn is_possible(self) -> bool {
        self.eligible || !self.state
    }
}

/// What counts the signatures of a credential (MC-77).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counter {
    /// The key's one counter.
    #[default]
    OfKey,
    /// A counter for this credential alone, with the last value that was sent. The credential must be a record.
    Own(u32),
    /// No counter: it is 0 in every answer, as for a passkey that is on several devices.
    Zero,
}

/// `PublicKeyCredentialRpEntity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rp {
    /// The RP id. It is never shortened (CM-43).
    pub id: String,
    /// Cut to [`MAX_NAME`](crate::limits::MAX_NAME) bytes.
    pub name: Option<String>,
}

/// `PublicKeyCredentialUserEntity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// At most [`MAX_USER_ID`](crate::limits::MAX_USER_ID) bytes.
    pub id: Vec<u8>,
    /// Cut to [`MAX_NAME`](crate::limits::MAX_NAME) bytes.
    pub name: Option<String>,
    /// Cut to [`MAX_NAME`](crate::limits::MAX_NAME) bytes.
    pub display_name: Option<String>,
}

/// The two secrets that salts are hashed with (EX-21, EX-29).
#[derive(Debug)]
pub struct CredRandom {
    /// Used when the user was verified.
    pub with_uv: Secret<32>,
    /// Used when not.
    pub without_uv: Secret<32>,
}

impl CredRandom {
    /// A second copy, for a record that will replace this one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { with_uv: self.with_uv.duplicate(), without_uv: self.without_uv.duplicate() }
    }
}

/// credProtect levels (EX-10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum CredProtect {
    /// Level 1: requests always find it.
    #[default]
    UvOptional = 1,
    /// Level 2: without user verification, requests find it only by an allowList (EX-13).
    UvOptionalWithList = 2,
    /// Level 3: without user verification, requests do not find it (EX-14).
    UvRequired = 3,
}

impl CredProtect {
    /// The level with this number; `None` for any number but 1, 2 and 3.
    #[must_use]
    pub const fn from_level(level: u64) -> Option<Self> {
        match level {
            1 => Some(Self::UvOptional),
            2 => Some(Self::UvOptionalWithList),
            3 => Some(Self::UvRequired),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }
}

/// The state of the largeBlob extension for one credential (EX-71 to EX-78).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LargeBlob {
    /// The credential was made without the extension.
    #[default]
    Unsupported,
    /// The extension is ready, and nothing is written yet.
    Empty,
    /// A blob is written.
    Written {
        /// The client's bytes, whose meaning only the client knows.
        blob: Vec<u8>,
        /// The length in bytes before the client compressed them.
        original_size: u64,
    },
}
