//! Credentials: the key pairs of accounts, discoverable or not (WebAuthn section 4, CTAP 2.3 section 6.1).

use alloc::{string::String, vec::Vec};

use crate::algorithm::PrivateKey;
use crate::secret::Secret;

/// One credential, wherever it lives.
///
/// A discoverable credential has an [`Account`] and is a record of the store. All others carry their own secrets, sealed,
/// in their id (see `credential_id.rs`), or are records too ([`Kept`]).
#[derive(Debug)]
pub struct Credential {
    /// The credential id: 1 to [`MAX_CREDENTIAL_ID`](crate::limits::MAX_CREDENTIAL_ID) bytes, never issued twice (MC-75). Of one that
    /// another key made, up to [`MAX_FOREIGN_CREDENTIAL_ID`](crate::limits::MAX_FOREIGN_CREDENTIAL_ID).
    pub id: Vec<u8>,
    /// SHA-256 of the RP id, or a U2F application parameter (GA-70).
    pub rp_id_hash: [u8; 32],
    /// The private key that signs assertions.
    pub key: PrivateKey,
    /// When it shows itself (EX-10).
    pub cred_protect: CredProtect,
    /// The secrets behind hmac-secret (EX-21).
    pub cred_random: CredRandom,
    /// Made with the thirdPartyPayment extension (EX-90).
    pub third_party_payment: bool,
    /// What is told of copies (MC-76).
    pub backup: Backup,
    /// What counts its signatures (MC-77).
    pub counter: Counter,
    /// Whose credential it is; `None` when it is not discoverable.
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

/// What only a discoverable credential has (MC-79).
#[derive(Debug)]
pub struct Account {
    /// The public half of the credential's key as a COSE_Key, so that whoever lists credentials need not derive it (CM-26).
    pub public_key: Vec<u8>,
    /// The relying party.
    pub rp: Rp,
    /// The user at that relying party.
    pub user: User,
    /// Stored by the credBlob extension (EX-51).
    pub cred_blob: Option<Vec<u8>>,
    /// Made by the largeBlobKey extension (EX-60).
    pub large_blob_key: Option<Secret<32>>,
    /// State of the largeBlob extension (EX-71).
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

/// A credential that is not discoverable, and a record of the store all the same: one that another key made, whose id holds
/// nothing, or one of a key that is made to tell all its credentials
/// ([`keep_non_discoverable`](crate::config::NewCredentials::keep_non_discoverable)).
#[derive(Debug)]
pub struct Kept {
    /// The credential, without an account: no request finds it without its id.
    pub credential: Credential,
    /// The relying party, where its name is known: U2F tells but a hash.
    pub rp: Option<Rp>,
    /// The user, where one was told. Assertions do not name them.
    pub user: Option<User>,
}

impl Kept {
    /// A second copy, for a record that is about to replace this one.
    pub(crate) fn duplicate(&self) -> Self {
        let Self { credential, rp, user } = self;
        Self { credential: credential.duplicate(), rp: rp.clone(), user: user.clone() }
    }
}

/// The two flags of authenticator data that tell of copies (MC-76). A key of its own has neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// BE, backup eligibility: the credential may be on several devices. It never changes in the life of a real one.
    pub eligible: bool,
    /// BS, backup state: it is, at this time. Without eligibility no relying party takes it.
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
    /// The one counter of the key.
    #[default]
    OfKey,
    /// A counter of its own, by the last value that was sent. Only of a credential that is a record.
    Own(u32),
    /// Nothing: it is 0 in every answer, as that of a passkey that is on several devices.
    Zero,
}

/// `PublicKeyCredentialRpEntity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rp {
    /// The RP id, whole: it is never shortened (CM-43).
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
    /// A second copy, for a record that is about to replace this one.
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
    /// Level 1: always usable.
    #[default]
    UvOptional = 1,
    /// Level 2: without user verification only when named in an allowList (EX-13).
    UvOptionalWithList = 2,
    /// Level 3: without user verification as if it were not there (EX-14).
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

/// The largeBlob extension's state of one credential (EX-71 to EX-78).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LargeBlob {
    /// Made without the extension.
    #[default]
    Unsupported,
    /// Ready, nothing written yet.
    Empty,
    /// Opaque bytes and the length they had before the client compressed them.
    Written {
        /// The client's bytes.
        blob: Vec<u8>,
        /// Their length before compression.
        original_size: u64,
    },
}
