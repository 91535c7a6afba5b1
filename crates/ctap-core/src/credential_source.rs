//! Public key credential sources (WebAuthn section 4): credentials that are put into a key, or read from it,
//! without CTAP.
//!
//! The owner of a key may read its credentials and add others
//! ([`Authenticator::add_credential`](crate::Authenticator::add_credential)). Nobody is asked, and private keys
//! leave the key.

use alloc::{boxed::Box, string::String, vec::Vec};

use rand_core::CryptoRng;

use crate::algorithm::{Algorithm, PrivateKey};
use crate::commands::parameters::truncated;
use crate::config::{Config, longest_answer_about};
use crate::credential::{
    Account, Backup, Counter, CredProtect, CredRandom, Credential, Kept, LargeBlob, Rp, User,
};
use crate::crypto;
use crate::limits::{
    MAX_CAPACITY, MAX_CREDENTIAL_ID, MAX_FOREIGN_CREDENTIAL_ID, MAX_NAME, MAX_RP_ID, MAX_USER_ID,
};
use crate::memory::MemoryError;
use crate::secret::Secret;
use crate::state::State;

/// A credential with its private key. Its values are checked when a key takes it.
#[derive(Debug)]
pub struct CredentialSource {
    /// Its id: 1 to [`MAX_FOREIGN_CREDENTIAL_ID`] bytes, of any form.
    pub id: Vec<u8>,
    /// The relying party.
    pub scope: Scope,
    /// The name of the relying party; it is cut to [`MAX_NAME`] bytes.
    pub rp_name: Option<String>,
    /// The user: a `user.id` of at most [`MAX_USER_ID`] bytes, and names that are cut to [`MAX_NAME`] bytes. A
    /// discoverable credential must have a user.
    pub user: Option<User>,
    /// The private key. The key that takes the credential must know its algorithm.
    pub key: PrivateKey,
    /// Whether it is discoverable: a request finds it without its id.
    pub discoverable: bool,
    /// The last signature counter that was sent; the next one is one more. `None`: it is always 0 (MC-77).
    pub sign_count: Option<u32>,
    /// The flags BE and BS. BS needs BE (MC-76).
    pub backup: Backup,
    /// Its credProtect level.
    pub cred_protect: CredProtect,
    /// The secrets behind hmac-secret, which browsers offer as `prf`. `None`: they are drawn when a key takes it.
    pub cred_random: Option<CredRandom>,
    /// Whether it was made with thirdPartyPayment.
    pub third_party_payment: bool,
    /// The blob of the extension credBlob. Only a discoverable credential can have one.
    pub cred_blob: Option<Vec<u8>>,
    /// The key of its entry in the large-blob array. Only a discoverable credential can have one.
    pub large_blob_key: Option<Secret<32>>,
    /// The blob of the extension largeBlob. Only a discoverable credential can have one.
    pub large_blob: LargeBlob,
}

/// The relying party of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Its RP id: 1 to [`MAX_RP_ID`] bytes of any content.
    RpId(String),
    /// The SHA-256 of its id, if only that is known, because the credential was made over U2F. Such a credential
    /// cannot be discoverable.
    Hash([u8; 32]),
}

impl Scope {
    /// The RP id, if it is known.
    #[must_use]
    pub fn rp_id(&self) -> Option<&str> {
        match self {
            Self::RpId(id) => Some(id),
            Self::Hash(_) => None,
        }
    }

    /// The SHA-256 of the RP id, as authenticator data and U2F have it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Self::RpId(id) => crypto::sha256(&[id.as_bytes()]),
            Self::Hash(hash) => *hash,
        }
    }
}

/// Changes to a credential. `None`: this property stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Flag BE (MC-76).
    pub backup_eligibility: Option<bool>,
    /// Flag BS (MC-76).
    pub backup_state: Option<bool>,
    /// As [`CredentialSource::sign_count`].
    pub sign_count: Option<Option<u32>>,
}

/// Why a key does not take a credential, or cannot change one. The fault is with the one who gives the credential
/// or the id, unless a variant says otherwise. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// No authenticator makes an id of this length.
    #[error(
        "a credential id has 1 to {MAX_FOREIGN_CREDENTIAL_ID} bytes, and this one has {length}"
    )]
    IdLength {
        /// Its length in bytes.
        length: usize,
    },
    /// The key stores a credential with this id already.
    #[error("the key has a credential with this id already")]
    Duplicate,
    /// The key stores no credential with this id. A credential that it made may be only in its own id, if it is not
    /// discoverable.
    #[error("the key has no credential with this id")]
    NoSuchCredential,
    /// The key has as many credentials as it can hold.
    #[error("the key is full: it has room for {capacity} such credentials")]
    Full {
        /// How many it can hold.
        capacity: usize,
    },
    /// The key cannot sign with this algorithm.
    #[error("the key does not sign with {}", .algorithm.name())]
    Algorithm {
        /// The algorithm of the credential.
        algorithm: Algorithm,
    },
    /// The private key has another length than its algorithm wants, or is out of range.
    #[error("the private key is not a key of {}", .algorithm.name())]
    NotAKey {
        /// The algorithm of the credential.
        algorithm: Algorithm,
    },
    /// The key was made without discoverable credentials (option `rk`).
    #[error("the key has no discoverable credentials")]
    NoDiscoverable,
    /// A discoverable credential has no user, or only the hash of its relying party is known.
    #[error("a discoverable credential needs a user handle and an RP id")]
    NoAccount,
    /// No relying party may choose a user handle of this length.
    #[error("a user handle has at most {MAX_USER_ID} bytes, and this one has {length}")]
    UserId {
        /// Its length in bytes.
        length: usize,
    },
    /// The key does not store an RP id of this length.
    #[error("an RP id has 1 to {MAX_RP_ID} bytes, and this one has {length}")]
    RpId {
        /// Its length in bytes.
        length: usize,
    },
    /// The flag BS is set without BE. Relying parties do not accept that (WebAuthn section 6.1.3).
    #[error(
        "a credential that is backed up (flag BS) must be one that may be backed up (flag BE), and this one is not"
    )]
    NotEligible,
    /// A blob or a key is longer than this key can store with such a credential; it may store none.
    #[error(
        "the key keeps {longest} bytes of {what} with such a credential, and this one has {length}"
    )]
    Blob {
        /// `credBlob`, `largeBlob` or `largeBlobKey`.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The longest that is stored, in bytes.
        longest: usize,
    },
    /// With an id of this length an answer would be longer than the key announces (MSG-60).
    #[error(
        "answers about it would have {length} bytes, but the key announces at most {max_msg_size} (maxMsgSize)"
    )]
    TooLongAnswer {
        /// The longest answer, in bytes.
        length: usize,
        /// The key's maxMsgSize, in bytes.
        max_msg_size: usize,
    },
    /// The memory could not store it: the medium's fault.
    #[error("the memory could not store it: {0}")]
    Memory(#[from] MemoryError),
}

impl CredentialError {
    /// What a person can do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::IdLength { .. } | Self::UserId { .. } | Self::RpId { .. } | Self::NoAccount => {
                "correct the credential: no authenticator makes one like that"
            }
            Self::Duplicate => "remove the one that the key has, or give this one another id",
            Self::NoSuchCredential => "list the credentials: only listed ones can be changed",
            Self::Full { .. } => "remove a credential, or start a key with more capacity",
            Self::Algorithm { .. } => "start a key whose profile has this algorithm",
            Self::NotAKey { .. } => {
                "export the private key from the program that made the credential, as PKCS#8"
            }
            Self::NoDiscoverable => {
                "mark it as not discoverable, or start a key with the option rk"
            }
            Self::NotEligible => "set both flags, or neither",
            Self::Blob { .. } => "leave it out, or start a key whose profile has room for it",
            Self::TooLongAnswer { .. } => "start a key with a larger maxMsgSize",
            Self::Memory(MemoryError::Full) => "free some space on its disk, then try again",
            Self::Memory(MemoryError::Failed) => "check its disk, then try again",
        }
    }
}

/// The form of a credential in a key.
pub(crate) enum Place {
    Discoverable(Box<Credential>),
    Kept(Box<Kept>),
}

impl CredentialSource {
    /// A credential that is not discoverable and has not signed yet (its counter is 0), with only the required
    /// properties.
    #[must_use]
    pub fn new(id: Vec<u8>, rp_id: &str, key: PrivateKey) -> Self {
        Self {
            id,
            scope: Scope::RpId(rp_id.into()),
            rp_name: None,
            user: None,
            key,
            discoverable: false,
            sign_count: Some(0),
            backup: Backup::default(),
            cred_protect: CredProtect::default(),
            cred_random: None,
            third_party_payment: false,
            cred_blob: None,
            large_blob_key: None,
            large_blob: LargeBlob::Unsupported,
        }
    }

    /// A second copy, with the private key.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            id: self.id.clone(),
            scope: self.scope.clone(),
            rp_name: self.rp_name.clone(),
            user: self.user.clone(),
            key: self.key.duplicate(),
            cred_random: self.cred_random.as_ref().map(CredRandom::duplicate),
            cred_blob: self.cred_blob.clone(),
            large_blob_key: self.large_blob_key.as_ref().map(Secret::duplicate),
            large_blob: self.large_blob.clone(),
            ..*self
        }
    }

    /// A copy of a credential of a key whose own counter is at `of_key`.
    pub(crate) fn of(credential: &Credential, of_key: u32) -> Self {
        let account = credential.account.as_ref();
        let scope = match account {
            Some(account) => Scope::RpId(account.rp.id.clone()),
            None => Scope::Hash(credential.rp_id_hash),
        };
        let sign_count = match credential.counter {
            Counter::OfKey => Some(of_key),
            Counter::Own(last) => Some(last),
            Counter::Zero => None,
        };
        Self {
            id: credential.id.clone(),
            scope,
            rp_name: account.and_then(|account| account.rp.name.clone()),
            user: account.map(|account| account.user.clone()),
            key: credential.key.duplicate(),
            discoverable: account.is_some(),
            sign_count,
            backup: credential.backup,
            cred_protect: credential.cred_protect,
            cred_random: Some(credential.cred_random.duplicate()),
            third_party_payment: credential.third_party_payment,
            cred_blob: account.and_then(|account| account.cred_blob.clone()),
            large_blob_key: account.and_then(Account::large_blob_key_duplicate),
            large_blob: account.map(|account| account.large_blob.clone()).unwrap_or_default(),
        }
    }

    /// The same for one that is not discoverable.
    pub(crate) fn of_kept(kept: &Kept, of_key: u32) -> Self {
        let Kept { credential, rp, user } = kept;
        let source = Self::of(credential, of_key);
        let scope = rp.as_ref().map_or(source.scope, |rp| Scope::RpId(rp.id.clone()));
        let rp_name = rp.as_ref().and_then(|rp| rp.name.clone());
        Self { scope, rp_name, user: user.clone(), ..source }
    }

    /// The form that it gets in a key with this configuration and this state.
    pub(crate) fn placed(
        self,
        config: &Config,
        state: &State,
        rng: &mut dyn CryptoRng,
    ) -> Result<Place, CredentialError> {
        self.check_lengths()?;
        self.check_fits(config)?;
        self.check_room(config, state)?;
        if !self.backup.is_possible() {
            return Err(CredentialError::NotEligible);
        }
        let algorithm = self.key.algorithm;
        let public_key = self.key.public_key();
        let public_key = public_key.ok_or(CredentialError::NotAKey { algorithm })?;
        let (discoverable, rp, user) = (self.discoverable, self.rp(), self.user());
        let credential = Credential {
            rp_id_hash: self.scope.hash(),
            counter: self.sign_count.map_or(Counter::Zero, Counter::Own),
            cred_random: self.cred_random.unwrap_or_else(|| CredRandom::random(rng)),
            id: self.id,
            key: self.key,
            cred_protect: self.cred_protect,
            third_party_payment: self.third_party_payment,
            backup: self.backup,
            account: None,
        };
        match (discoverable, rp, user) {
            (false, rp, user) => Ok(Place::Kept(Box::new(Kept { credential, rp, user }))),
            (true, Some(rp), Some(user)) => {
                let account = Account {
                    public_key,
                    rp,
                    user,
                    cred_blob: self.cred_blob,
                    large_blob_key: self.large_blob_key,
                    large_blob: self.large_blob,
                };
                let credential = Credential { account: Some(account), ..credential };
                Ok(Place::Discoverable(Box::new(credential)))
            }
            (true, ..) => Err(CredentialError::NoAccount),
        }
    }

    fn rp(&self) -> Option<Rp> {
        let name = self.rp_name.as_deref().map(cut);
        self.scope.rp_id().map(|id| Rp { id: id.into(), name })
    }

    fn user(&self) -> Option<User> {
        self.user.as_ref().map(|user| User {
            id: user.id.clone(),
            name: user.name.as_deref().map(cut),
            display_name: user.display_name.as_deref().map(cut),
        })
    }

    /// The lengths that no key accepts.
    fn check_lengths(&self) -> Result<(), CredentialError> {
        let length = self.id.len();
        if !(1..=MAX_FOREIGN_CREDENTIAL_ID).contains(&length) {
            return Err(CredentialError::IdLength { length });
        }
        let length = self.scope.rp_id().map_or(1, str::len);
        if !(1..=MAX_RP_ID).contains(&length) {
            return Err(CredentialError::RpId { length });
        }
        let length = self.user.as_ref().map_or(0, |user| user.id.len());
        if length > MAX_USER_ID {
            return Err(CredentialError::UserId { length });
        }
        let PrivateKey { algorithm, secret } = &self.key;
        let length = secret.expose().len();
        if length != algorithm.secret_length() {
            return Err(CredentialError::NotAKey { algorithm: *algorithm });
        }
        Ok(())
    }

    /// Whether a key of this kind has a place for it, which is the one of this number that it would have.
    pub(crate) fn check_stays(
        &self,
        config: &Config,
        number: usize,
    ) -> Result<(), CredentialError> {
        self.check_fits(config)?;
        let capacity = config.capacity;
        match self.discoverable && number > capacity {
            true => Err(CredentialError::Full { capacity }),
            false => Ok(()),
        }
    }

    /// The reasons of this kind of key.
    fn check_fits(&self, config: &Config) -> Result<(), CredentialError> {
        let algorithm = self.key.algorithm;
        if !config.algorithms.contains(&algorithm) {
            return Err(CredentialError::Algorithm { algorithm });
        }
        if self.discoverable && !config.rk() {
            return Err(CredentialError::NoDiscoverable);
        }
        let has_place = |longest: Option<usize>| longest.filter(|_| self.discoverable).unwrap_or(0);
        let written = match &self.large_blob {
            LargeBlob::Written { blob, .. } => blob.len(),
            LargeBlob::Unsupported | LargeBlob::Empty => 0,
        };
        let key_length = config.large_blobs.map(|_| LARGE_BLOB_KEY);
        for (what, length, longest) in [
            ("credBlob", self.cred_blob.as_ref().map_or(0, Vec::len), config.extensions.cred_blob),
            ("largeBlob", written, config.extensions.large_blob),
            (
                "largeBlobKey",
                self.large_blob_key.as_ref().map_or(0, |_| LARGE_BLOB_KEY),
                key_length,
            ),
        ] {
            let longest = has_place(longest);
            if length > longest {
                return Err(CredentialError::Blob { what, length, longest });
            }
        }
        let (length, max_msg_size) = (self.longest_answer(config), config.max_msg_size);
        if length > max_msg_size {
            return Err(CredentialError::TooLongAnswer { length, max_msg_size });
        }
        Ok(())
    }

    /// For the key's own ids, its configuration was checked.
    fn longest_answer(&self, config: &Config) -> usize {
        match self.id.len() {
            ..=MAX_CREDENTIAL_ID => 0,
            length => longest_answer_about(self.key.algorithm, length, self.discoverable, config),
        }
    }

    /// The room and the ids that are taken already.
    fn check_room(&self, config: &Config, state: &State) -> Result<(), CredentialError> {
        if state.credential(&self.id).is_some() {
            return Err(CredentialError::Duplicate);
        }
        let (there, capacity) = match self.discoverable {
            true => (state.credentials.len(), config.capacity),
            false => (state.kept().len(), MAX_CAPACITY),
        };
        if there < capacity || self.replaces(state).is_some() {
            return Ok(());
        }
        Err(CredentialError::Full { capacity })
    }

    /// The id of the credential of the same account, in whose place this one comes (MC-40).
    pub(crate) fn replaces(&self, state: &State) -> Option<Vec<u8>> {
        let user = self.user.as_ref().filter(|_| self.discoverable)?;
        let old = state.credentials.of_account(&self.scope.hash(), &user.id)?;
        Some(old.id.clone())
    }
}

impl Account {
    fn large_blob_key_duplicate(&self) -> Option<Secret<32>> {
        self.large_blob_key.as_ref().map(Secret::duplicate)
    }
}

/// Bytes of a largeBlobKey (EX-60).
const LARGE_BLOB_KEY: usize = 32;

fn cut(name: &str) -> String {
    truncated(name, MAX_NAME).into()
}
