//! Accounts, their keys and the administrator's settings, in SQLite.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use uuid::Uuid;
use webauthn_rs_core::proto::Credential;

use crate::expiring::Seconds;
use crate::policy::Settings;
use crate::token::random_bytes;

/// The most keys an account may have.
pub const MAX_KEYS: usize = 10;

/// The longest name of a key, in characters.
pub const MAX_KEY_NAME: usize = 64;

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number here.
    pub id: i64,
    /// What its owner types; upper and lower case are the same.
    pub name: String,
    /// What keys know it by: 32 random bytes.
    pub handle: Vec<u8>,
    /// The password's Argon2id hash.
    pub password: String,
    /// What it may do.
    pub role: Role,
}

/// What an account may do beside looking after its own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Person,
    /// Change the settings.
    Administrator,
}

/// A registered key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its number here; never used again.
    pub id: i64,
    /// The account it belongs to.
    pub account: i64,
    /// What its owner calls it; at most [`MAX_KEY_NAME`] characters.
    pub name: String,
    /// The model it says it is, if it says.
    pub aaguid: Option<Uuid>,
    /// Public key, counter and attestation.
    pub credential: Credential,
    /// When it was registered.
    pub added: Seconds,
    /// When it last signed in.
    pub last_used: Option<Seconds>,
}

/// Why a key could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddFault {
    /// The account has [`MAX_KEYS`] already.
    #[error("the account has {MAX_KEYS} keys already")]
    Full,
    /// Somebody, perhaps this account, has it already.
    #[error("this credential is registered already")]
    Known,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<rusqlite::Error> for AddFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The database failed, or something in it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// SQLite says so.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file cannot be made or opened.
    #[error("database file: {0}")]
    File(#[from] std::io::Error),
    /// A stored credential or setting is damaged.
    #[error("database content: {0}")]
    Content(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("the database has version {0}, and this program knows up to {VERSION}")]
    Newer(i64),
    /// No randomness.
    #[error("cannot get random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
}

type Result<T, E = StoreFault> = std::result::Result<T, E>;

/// The database.
pub struct Store(Mutex<Connection>);

impl Store {
    /// A database that is gone when it is dropped.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn in_memory() -> Result<Self> {
        Self::prepared(Connection::open_in_memory()?)
    }

    /// The database in a file, which is it is made if it does not exist, for its owner's eyes only.
    ///
    /// # Errors
    /// A file that cannot be used, or that a later version wrote.
    pub fn open(path: &Path) -> Result<Self> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Self::prepared(Connection::open(path)?)
    }

    fn prepared(mut connection: Connection) -> Result<Self> {
        connection.pragma_update(None, "foreign_keys", true)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match tx.pragma_query_value(None, "user_version", |row| row.get(0))? {
            0 => {
                tx.execute_batch(include_str!("schema.sql"))?;
                tx.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            newer => return Err(StoreFault::Newer(newer)),
        }
        tx.commit()?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Adds an account, unless one of this name is there: that one stays as it is. `password` is a hash. Whether it was added.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_account(&self, name: &str, password: &str, role: Role) -> Result<bool> {
        let added = self.lock().execute(
            "INSERT INTO account (name, handle, password, administrator) VALUES (?, ?, ?, ?)
             ON CONFLICT (name) DO NOTHING",
            params![name, random_bytes::<32>()?, password, role == Role::Administrator],
        )?;
        Ok(added == 1)
    }

    /// Whoever can sign in, in the order in which they were added.
    ///
    /// # Errors
    /// When the database fails.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        let connection = self.lock();
        let mut statement = connection.prepare(&format!("{SELECT_ACCOUNT} ORDER BY id"))?;
        Ok(statement.query_map([], account)?.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn account(&self, id: i64) -> Result<Option<Account>> {
        let query = format!("{SELECT_ACCOUNT} WHERE id = ?");
        Ok(self.lock().query_row(&query, [id], account).optional()?)
    }

    pub(crate) fn account_named(&self, name: &str) -> Result<Option<Account>> {
        let query = format!("{SELECT_ACCOUNT} WHERE name = ?");
        Ok(self.lock().query_row(&query, [name], account).optional()?)
    }

    /// An account's keys, the oldest first.
    pub(crate) fn keys(&self, account: i64) -> Result<Vec<Key>> {
        let connection = self.lock();
        let query = format!("{SELECT_KEY} WHERE account = ? ORDER BY id");
        let mut statement = connection.prepare(&query)?;
        statement.query_map([account], row_of_key)?.map(|row| row?.read()).collect()
    }

    /// A key of this account.
    pub(crate) fn key(&self, account: i64, id: i64) -> Result<Option<Key>> {
        let query = format!("{SELECT_KEY} WHERE account = ? AND id = ?");
        let row = self.lock().query_row(&query, [account, id], row_of_key).optional()?;
        row.map(KeyRow::read).transpose()
    }

    /// Anybody's key.
    pub(crate) fn key_with_credential(&self, credential_id: &[u8]) -> Result<Option<Key>> {
        let query = format!("{SELECT_KEY} WHERE credential_id = ?");
        let row = self.lock().query_row(&query, [credential_id], row_of_key).optional()?;
        row.map(KeyRow::read).transpose()
    }

    /// Adds a key; its number.
    pub(crate) fn add_key(
        &self,
        account: i64,
        name: &str,
        aaguid: Option<Uuid>,
        credential: &Credential,
        now: Seconds,
    ) -> Result<i64, AddFault> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        if count_keys(&tx, account)? >= MAX_KEYS {
            return Err(AddFault::Full);
        }
        let added = tx.execute(
            "INSERT INTO security_key (account, name, aaguid, credential_id, credential, added)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (credential_id) DO NOTHING",
            params![
                account,
                name,
                aaguid.map(|aaguid| aaguid.to_string()),
                credential.cred_id.as_slice(),
                serde_json::to_string(credential).map_err(StoreFault::from)?,
                now
            ],
        )?;
        if added == 0 {
            return Err(AddFault::Known);
        }
        let id = tx.last_insert_rowid();
        tx.commit()?;
        Ok(id)
    }

    /// Whether there was such a key to rename.
    pub(crate) fn rename_key(&self, account: i64, id: i64, name: &str) -> Result<bool> {
        let update = "UPDATE security_key SET name = ? WHERE account = ? AND id = ?";
        Ok(self.lock().execute(update, params![name, account, id])? == 1)
    }

    /// Whether there was such a key to delete.
    pub(crate) fn delete_key(&self, account: i64, id: i64) -> Result<bool> {
        let delete = "DELETE FROM security_key WHERE account = ? AND id = ?";
        Ok(self.lock().execute(delete, [account, id])? == 1)
    }

    /// Notes that a key signed in, unless it is gone or its counter was moved since `before` was read: two sign-ins with
    /// one count cannot both be right. Whether it was noted.
    pub(crate) fn key_was_used(
        &self,
        before: &Key,
        after: &Credential,
        now: Seconds,
    ) -> Result<bool> {
        let update =
            "UPDATE security_key SET credential = ?, last_used = ? WHERE id = ? AND credential = ?";
        let (before_text, after) =
            (serde_json::to_string(&before.credential)?, serde_json::to_string(after)?);
        Ok(self.lock().execute(update, params![after, now, before.id, before_text])? == 1)
    }

    /// The administrator's settings.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settings(&self) -> Result<Settings> {
        let text = read_setting(&self.lock(), SETTINGS)?;
        text.map_or(Ok(Settings::default()), |text| Ok(serde_json::from_str(&text)?))
    }

    /// Puts settings instead of those before.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_settings(&self, settings: &Settings) -> Result<()> {
        let upsert = "INSERT INTO setting (name, value) VALUES (?, ?)
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.lock().execute(upsert, params![SETTINGS, serde_json::to_string(settings)?])?;
        Ok(())
    }

    /// A secret of this site, drawn when it is first asked for.
    pub(crate) fn secret(&self) -> Result<String> {
        let connection = self.lock();
        let insert = "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
        connection.execute(insert, params![SECRET, crate::token::random_token()])?;
        Ok(read_setting(&connection, SECRET)?.unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count_keys(connection: &Connection, account: i64) -> rusqlite::Result<usize> {
    let count = "SELECT count(*) FROM security_key WHERE account = ?";
    let keys: i64 = connection.query_row(count, [account], |row| row.get(0))?;
    Ok(usize::try_from(keys).unwrap_or(usize::MAX))
}

fn read_setting(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let select = "SELECT value FROM setting WHERE name = ?";
    connection.query_row(select, [name], |row| row.get(0)).optional()
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let role = if row.get(4)? { Role::Administrator } else { Role::Person };
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        handle: row.get(2)?,
        password: row.get(3)?,
        role,
    })
}

/// A key as SQLite has it.
struct KeyRow {
    id: i64,
    account: i64,
    name: String,
    aaguid: Option<String>,
    credential: String,
    added: Seconds,
    last_used: Option<Seconds>,
}

fn row_of_key(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        id: row.get(0)?,
        account: row.get(1)?,
        name: row.get(2)?,
        aaguid: row.get(3)?,
        credential: row.get(4)?,
        added: row.get(5)?,
        last_used: row.get(6)?,
    })
}

impl KeyRow {
    fn read(self) -> Result<Key> {
        Ok(Key {
            id: self.id,
            account: self.account,
            name: self.name,
            aaguid: self.aaguid.and_then(|text| Uuid::try_parse(&text).ok()),
            credential: serde_json::from_str(&self.credential)?,
            added: self.added,
            last_used: self.last_used,
        })
    }
}

/// `user_version` of the schema.
const VERSION: i64 = 1;
const SETTINGS: &str = "settings";
const SECRET: &str = "secret";
const SELECT_ACCOUNT: &str = "SELECT id, name, handle, password, administrator FROM account";
const SELECT_KEY: &str =
    "SELECT id, account, name, aaguid, credential, added, last_used FROM security_key";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Accepted;

    /// A credential as the database has it, with a number in place of its id.
    pub(crate) fn credential(number: u8) -> Credential {
        let text = serde_json::json!({
            "cred_id": [number],
            "cred": { "type_": "ES256", "key": { "EC_EC2": {
                "curve": "SECP256R1", "x": vec![1; 32], "y": vec![2; 32] } } },
            "counter": 1, "transports": null, "user_verified": true, "backup_eligible": false,
            "backup_state": false, "registration_policy": "required",
            "extensions": {}, "attestation": { "data": "None", "metadata": "None" },
            "attestation_format": "none",
        });
        serde_json::from_value(text).unwrap()
    }

    fn store_with_alice() -> (Store, i64) {
        let store = Store::in_memory().unwrap();
        assert!(store.add_account("alice", "hash", Role::Person).unwrap());
        let id = store.account_named("Alice").unwrap().unwrap().id;
        (store, id)
    }

    #[test]
    fn an_account_is_added_once_and_keeps_its_password() {
        let (store, alice) = store_with_alice();
        assert!(!store.add_account("ALICE", "other", Role::Administrator).unwrap());
        let account = store.account(alice).unwrap().unwrap();
        assert_eq!((account.password.as_str(), account.role), ("hash", Role::Person));
        assert_eq!(account.handle.len(), 32);
    }

    #[test]
    fn the_eleventh_key_is_refused_and_there_is_room_again_after_a_deletion() {
        let (store, alice) = store_with_alice();
        for number in 0..10 {
            store.add_key(alice, "key", None, &credential(number), 5).unwrap();
        }
        let eleventh = store.add_key(alice, "key", None, &credential(10), 5);
        assert!(matches!(eleventh, Err(AddFault::Full)));
        let first = store.keys(alice).unwrap()[0].id;
        assert!(store.delete_key(alice, first).unwrap());
        store.add_key(alice, "key", None, &credential(10), 5).unwrap();
    }

    #[test]
    fn one_credential_has_one_owner() {
        let (store, alice) = store_with_alice();
        store.add_account("bob", "hash", Role::Person).unwrap();
        let bob = store.account_named("bob").unwrap().unwrap().id;
        store.add_key(alice, "key", None, &credential(1), 5).unwrap();
        for account in [alice, bob] {
            let again = store.add_key(account, "key", None, &credential(1), 5);
            assert!(matches!(again, Err(AddFault::Known)));
        }
    }

    #[test]
    fn nobody_touches_the_keys_of_others() {
        let (store, alice) = store_with_alice();
        let id = store.add_key(alice, "mine", None, &credential(1), 5).unwrap();
        let somebody_else = alice + 1;
        assert!(!store.rename_key(somebody_else, id, "stolen").unwrap());
        assert!(!store.delete_key(somebody_else, id).unwrap());
        assert!(store.key(somebody_else, id).unwrap().is_none());
        assert_eq!(store.key(alice, id).unwrap().unwrap().name, "mine");
    }

    #[test]
    fn the_number_of_a_deleted_key_is_never_used_again() {
        let (store, alice) = store_with_alice();
        let first = store.add_key(alice, "key", None, &credential(1), 5).unwrap();
        store.delete_key(alice, first).unwrap();
        assert_ne!(store.add_key(alice, "key", None, &credential(2), 5).unwrap(), first);
    }

    #[test]
    fn two_sign_ins_with_one_count_are_not_both_right() {
        let (store, alice) = store_with_alice();
        let id = store.add_key(alice, "key", None, &credential(1), 5).unwrap();
        let before = store.key(alice, id).unwrap().unwrap();
        let after = Credential { counter: 2, ..before.credential.clone() };
        assert!(store.key_was_used(&before, &after, 9).unwrap());
        assert!(!store.key_was_used(&before, &after, 9).unwrap());
        let key = store.key_with_credential(&[1]).unwrap().unwrap();
        assert_eq!((key.last_used, key.credential.counter), (Some(9), 2));
    }

    #[test]
    fn settings_and_secret_stay() {
        let (store, _) = store_with_alice();
        assert_eq!(store.settings().unwrap(), Settings::default());
        let off =
            Settings { enabled: false, accepted: Accepted::ListedModels, ..Settings::default() };
        store.set_settings(&off).unwrap();
        store.set_settings(&off).unwrap();
        assert_eq!(store.settings().unwrap(), off);
        assert_eq!(store.secret().unwrap(), store.secret().unwrap());
    }

    #[test]
    fn a_file_is_private_outlives_the_program_and_tells_its_version() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accounts.sqlite");
        Store::open(&path).unwrap().add_account("alice", "hash", Role::Person).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.accounts().unwrap().len(), 1);
        store.lock().pragma_update(None, "user_version", 2).unwrap();
        drop(store);
        assert!(matches!(Store::open(&path), Err(StoreFault::Newer(2))));
    }
}
