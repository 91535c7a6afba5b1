//! The kinds of keys that may be named on the command line: profiles, and models of FIDO's metadata service.

use std::ffi::OsStr;

use clap::Args;
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, PathCompleter, ValueCompleter as _};
use serde_json::Value;
use virtual_key::profile::{self, Profile};

use crate::models::{self, BlobOptions};
use crate::say::warn;
use crate::terminal::shown::quoted_name;

/// What kind of key it is to be.
#[derive(Args, Clone, Debug)]
pub(crate) struct KindOptions {
    /// What kind of key: default, fido2.1, fido2.0, u2f-only, bio, everything, or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT, add = completer())]
    profile: String,

    /// A key like this model of FIDO's metadata service, named by its name, words of it, or its AAGUID: `keyfob models list`
    #[arg(long, value_name = "MODEL", conflicts_with = "profile")]
    like: Option<String>,

    /// With --like: have that model's own AAGUID, which is a claim to be one. Without, keyfob has one of its own for each model
    #[arg(long, requires = "like")]
    with_its_aaguid: bool,

    #[command(flatten)]
    blob: BlobOptions,
}

/// A kind of key, and the model that it is like.
pub(crate) struct Kind {
    /// What it is made as.
    pub(crate) profile: Profile,
    /// The model's whole entry in the metadata service.
    pub(crate) entry: Option<Value>,
}

impl KindOptions {
    /// The kind that is meant.
    ///
    /// # Errors
    /// No such profile or model, or one that no key can be made as.
    pub(crate) fn load(&self) -> anyhow::Result<Kind> {
        let Some(like) = &self.like else {
            return Ok(Kind { profile: Profile::load(&self.profile)?, entry: None });
        };
        let text = self.blob.read()?;
        let model = models::find(&text, like)?;
        let profile =
            Profile::from_toml(model.description(), &model.profile(self.with_its_aaguid)?)?;
        Ok(Kind { profile, entry: Some(model.entry()?) })
    }

    /// What reports call it.
    pub(crate) fn name(&self) -> String {
        match &self.like {
            Some(like) => format!("like {}", quoted_name(like)),
            None => format!("profile {}", self.profile),
        }
    }

    /// The options, as typed.
    pub(crate) fn typed(&self) -> impl Iterator<Item = String> {
        let (option, kind) = match &self.like {
            Some(like) => ("--like", like),
            None => ("--profile", &self.profile),
        };
        let claim = self.with_its_aaguid.then(|| "--with-its-aaguid".to_owned());
        [option.to_owned(), kind.clone()].into_iter().chain(claim).chain(self.blob.typed())
    }
}

impl Default for KindOptions {
    fn default() -> Self {
        let (profile, like, blob) = (DEFAULT.to_owned(), None, BlobOptions::default());
        Self { profile, like, with_its_aaguid: false, blob }
    }
}

#[cfg(test)]
impl KindOptions {
    /// That of a profile.
    pub(crate) fn of_profile(profile: &str) -> Self {
        Self { profile: profile.to_owned(), ..Self::default() }
    }
}

/// The built-in profiles, and files.
fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let built_in = profile::built_in().filter(|name| begins(name, typed));
        let files = PathCompleter::any().complete(typed);
        built_in.map(CompletionCandidate::new).chain(files).collect()
    })
}

/// Warns of what an imitation of a real model does not do although it tells so, and of its contradictions.
///
/// # Errors
/// What such a key tells cannot be found out: a fault of the program.
pub(crate) fn warn_of_imitation(profile: &Profile) -> anyhow::Result<()> {
    let model = profile.imitates().unwrap_or(profile.title());
    for contradiction in profile.contradictions() {
        warn(format_args!("like {model}, this key contradicts the standard: {contradiction}"));
    }
    let announced = profile.only_announced()?;
    if !announced.is_empty() {
        warn(format_args!("the key tells this and does not do it: {}", announced.join("; ")));
    }
    Ok(())
}

fn begins(name: &str, typed: &OsStr) -> bool {
    name.as_bytes().starts_with(typed.as_encoded_bytes())
}

const DEFAULT: &str = "default";
