//! The kinds of keys that may be named on the command line: profiles, and models of FIDO's metadata service.

use std::ffi::OsStr;

use clap::Args;
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, PathCompleter, ValueCompleter as _};
use serde_json::Value;
use virtual_key::profile::{self, Profile};

use crate::failure::usage;
use crate::models::{self, BlobOptions};
use crate::say::warn;
use crate::terminal::shown::{escaped, quoted_name};

/// What kind of key it is to be.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = KIND)]
pub(crate) struct KindOptions {
    /// What kind of key: default, fido2.1, fido2.0, u2f-only, bio, everything, or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT, add = completer())]
    profile: String,

    /// Make a key like this model of FIDO's metadata service: its name, words of its name, or its AAGUID. See `keyfob models list`
    #[arg(long, value_name = "MODEL", conflicts_with = "profile")]
    like: Option<String>,

    /// With --like: use that model's own AAGUID, so that the key claims to be one. Otherwise keyfob uses an AAGUID of its own
    /// for each model
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
            if self.blob.is_typed() {
                return Err(usage(
                    "--metadata and --metadata-root are about models, and no model is named",
                    "name one with --like, or leave them out",
                ));
            }
            return Ok(Kind { profile: Profile::load(&self.profile)?, entry: None });
        };
        let text = self.blob.read()?;
        let model = models::find(&text, like)?;
        let profile =
            Profile::from_toml(model.description(), &model.profile(self.with_its_aaguid)?)?;
        Ok(Kind { profile, entry: Some(model.entry()?) })
    }

    /// Whether any kind was named.
    pub(crate) fn is_named(&self) -> bool {
        self.like.is_some() || self.profile != DEFAULT
    }

    /// Whether it claims to be a model.
    pub(crate) const fn claims_a_model(&self) -> bool {
        self.with_its_aaguid
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

/// The heading of options that say what kind of key it is.
pub(crate) const KIND: &str = "What kind of key";

/// The built-in profiles, and files.
pub(crate) fn completer() -> ArgValueCompleter {
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
    warnings_of_imitation(profile)?.iter().for_each(warn);
    Ok(())
}

/// Those warnings: one of each kind, as somebody else's words may stand on a terminal (P-8).
fn warnings_of_imitation(profile: &Profile) -> anyhow::Result<Vec<String>> {
    let of_contradictions = |found: &str| {
        let model = quoted_name(profile.imitates().unwrap_or(profile.title()));
        format!(
            "this key imitates {model} and breaks the standard as that model does: {found}\nnext: see how programs handle \
             that, or choose another profile; docs/profiles.md says what `imitates` allows"
        )
    };
    let of_announced = |found: &str| {
        format!(
            "this key says in getInfo that it can do what it cannot do: {}\nnext: use another key to test programs that \
             need it; docs/profiles.md explains the table [getInfo]",
            escaped(found)
        )
    };
    // What is not found is not put into words: every start comes by here.
    let told = |found: Vec<String>, words: &dyn Fn(&str) -> String| {
        (!found.is_empty()).then(|| words(&found.join("; ")))
    };
    let contradictions = profile.contradictions().iter().map(ToString::to_string).collect();
    let contradictions = told(contradictions, &of_contradictions);
    let announced = profile.only_announced()?.iter().map(ToString::to_string).collect();
    let announced = told(announced, &of_announced);
    Ok(contradictions.into_iter().chain(announced).collect())
}

fn begins(name: &str, typed: &OsStr) -> bool {
    name.as_bytes().starts_with(typed.as_encoded_bytes())
}

const DEFAULT: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(text: &str) -> Vec<String> {
        warnings_of_imitation(&Profile::from_toml("test", text).unwrap()).unwrap()
    }

    // P-8
    #[test]
    fn an_imitation_is_warned_of_for_what_it_breaks_and_for_what_it_only_tells() {
        let said = warnings(
            "imitates = \"Some\\u001bKey\"\nextensions = []\n\
             [getInfo]\nmaxCredentialIdLength = 300\npinComplexityPolicyURL = \"https://\\u001b\"\n",
        );
        let [contradicts, tells] = &said[..] else { panic!("{said:?}") };
        let (what, next) = contradicts.split_once("\nnext: ").unwrap();
        assert!(what.starts_with("this key imitates “Some"), "{what}");
        assert!(what.contains("later need the extension hmac-secret (GI-110)"), "{what}");
        assert!(next.contains("choose another profile"), "{next}");
        let (what, next) = tells.split_once("\nnext: ").unwrap();
        assert!(
            what.contains("what it cannot do: ") && what.contains("maxCredentialIdLength: 300"),
            "{what}"
        );
        assert!(next.contains("another key"), "{next}");
        assert!(!said.concat().contains('\u{1b}'), "{said:?}");
    }

    #[test]
    fn a_key_that_is_what_it_tells_is_not_warned_of() {
        for name in profile::built_in() {
            let warnings = warnings_of_imitation(&Profile::load(name).unwrap()).unwrap();
            assert_eq!(warnings, [""; 0], "{name}");
        }
    }
}
