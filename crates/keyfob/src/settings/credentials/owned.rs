//! The credentials of a key of this user's own, past CTAP: of one that runs, over its control socket, or of a memory whose key does not run.

use std::path::PathBuf;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::CredentialSource;
use virtual_key::credential_formats::{from_json, to_json};
use virtual_key::profile::Profile;
use virtual_key::{Properties, VirtualKey};

use crate::control::protocol::ChangedCredential;
use crate::control::{Connection, Request, Response};
use crate::failure::{Cause, because, usage};
use crate::say::warn;
use crate::state::{MAX_KEYS, UnlockOptions, with_cure};

/// Whose credentials are meant.
#[derive(clap::Args, Debug)]
pub(super) struct Whose {
    #[command(flatten)]
    connection: Connection,

    /// Which of the running keys, by its bus id; with --state, which of the keys there, counted from 1
    #[arg(long, value_name = "BUSID|N")]
    key: Option<String>,

    /// The memory of a key that does not run, instead of a running key
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// What kind of key that memory is of [default: default]
    #[arg(long, value_name = "NAME|FILE", requires = "state")]
    profile: Option<String>,

    #[command(flatten)]
    unlock: UnlockOptions,
}

impl Whose {
    /// Opens it. A memory that is not there is made.
    ///
    /// # Errors
    /// The memory is in use, or cannot be unlocked; a running key is named as well. Whether one runs shows when it is asked.
    pub(super) fn open_or_make(&self) -> anyhow::Result<Owned<'_>> {
        let Some(state) = &self.state else { return Ok(Owned::Running(self)) };
        self.check()?;
        let place = self.unlock.place(Some(state), self.number()?)?;
        let profile = Profile::load(self.profile.as_deref().unwrap_or("default"))?;
        let key = VirtualKey::builder().of_profile(profile).memory_in(place);
        let key = key.warn(|sentence| warn(sentence)).start().map_err(with_cure)?;
        Ok(Owned::Stored(key))
    }

    /// The same, but of a memory that is there.
    ///
    /// # Errors
    /// As [`open_or_make`](Self::open_or_make); there is none.
    pub(super) fn open(&self) -> anyhow::Result<Owned<'_>> {
        self.check()?;
        if let Some(state) = &self.state {
            let directory = crate::state::directory(Some(state), self.number()?)?;
            if !directory.is_dir() {
                let next = "name the directory that `keyfob serve` was given with --state";
                return Err(because(
                    Cause::Memory,
                    format_args!("there is no memory in {}", directory.display()),
                    next,
                ));
            }
        }
        self.open_or_make()
    }

    /// The environment may name a running key; who types both means two.
    fn check(&self) -> anyhow::Result<()> {
        match self.state.is_some() && self.connection.is_typed() {
            false => Ok(()),
            true => Err(usage(
                "--control names a running key, and --state the stored memory of one that does not run",
                "leave out one of them",
            )),
        }
    }

    fn number(&self) -> anyhow::Result<u8> {
        let number = self.key.as_deref().map_or(Ok(1), str::parse);
        number.ok().filter(|number| (1..=MAX_KEYS).contains(number)).ok_or_else(|| {
            let what = format!("with --state a key is named by its number, from 1 to {MAX_KEYS}");
            usage(what, "such as --key 2")
        })
    }
}

/// An open key, or memory.
pub(super) enum Owned<'a> {
    Running(&'a Whose),
    Stored(VirtualKey),
}

impl Owned<'_> {
    /// All credentials that it keeps.
    ///
    /// # Errors
    /// No key runs there, or it refuses.
    pub(super) fn credentials(&self) -> anyhow::Result<Vec<CredentialSource>> {
        let whose = match self {
            Self::Stored(key) => return Ok(key.credentials()?),
            Self::Running(whose) => whose,
        };
        let mut all = Vec::new();
        loop {
            let request = Request::Credentials { key: whose.key.clone(), from: all.len() };
            let (page, total) = match whose.connection.ask(&request)? {
                Response::Credentials { credentials, total } => (credentials, total),
                other => return Err(other.unexpected()),
            };
            for credential in &page {
                all.push(from_json(credential)?);
            }
            if page.is_empty() || all.len() >= total {
                return Ok(all);
            }
        }
    }

    /// Adds one; whether it replaced another.
    ///
    /// # Errors
    /// The key does not take it.
    pub(super) fn add(&self, source: CredentialSource) -> anyhow::Result<bool> {
        match self {
            Self::Stored(key) => Ok(key.add_credential(source)?.is_some()),
            Self::Running(whose) => {
                let credential = to_json(&source).unwrap_or_default().into();
                let key = whose.key.clone();
                match whose.connection.ask(&Request::AddCredential { key, credential })? {
                    Response::Added { replaced } => Ok(replaced.is_some()),
                    other => Err(other.unexpected()),
                }
            }
        }
    }

    /// Changes one.
    ///
    /// # Errors
    /// There is none with this id.
    pub(super) fn change(&self, id: &[u8], properties: Properties) -> anyhow::Result<()> {
        match self {
            Self::Stored(key) => Ok(key.change_credential(id, properties)?),
            Self::Running(whose) => {
                let Properties { backup_eligibility, backup_state, sign_count } = properties;
                let (key, id) = (whose.key.clone(), Base64UrlUnpadded::encode_string(id));
                let changed =
                    ChangedCredential { key, id, backup_eligibility, backup_state, sign_count };
                whose.connection.ask(&Request::ChangeCredential(changed)).map(drop)
            }
        }
    }

    /// Removes one.
    ///
    /// # Errors
    /// There is none with this id.
    pub(super) fn remove(&self, id: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stored(key) => Ok(key.remove_credential(id)?),
            Self::Running(whose) => {
                let (key, id) = (whose.key.clone(), Base64UrlUnpadded::encode_string(id));
                whose.connection.ask(&Request::RemoveCredential { key, id }).map(drop)
            }
        }
    }
}
