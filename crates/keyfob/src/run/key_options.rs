//! The options that `attach` and `serve` have in common: which keys there are to be.

use std::path::PathBuf;

use clap::builder::{EnumValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use virtual_key::key::Touch;
use virtual_key::keys::{Form, KeySettings};
use virtual_key::platform::seed_of;
use virtual_key::profile::MAX_CAPACITY;

use super::{conformance_hooks, http_server};
use crate::profiles::{KIND, KindOptions, warn_of_imitation};
use crate::recordings::options::RecordOptions;
use crate::say::warn;
use crate::state::{self, MEMORY};

/// What a key is made of, and how it treats touches: the same for `serve` and `attach`.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    #[command(flatten)]
    pub(crate) kind: KindOptions,

    /// How many keys, on bus ids 1-1, 1-2 and so on; each has a memory of its own
    #[arg(long, value_name = "N", help_heading = KIND, default_value_t = 1, value_parser = state::key_numbers())]
    pub(crate) keys: u8,

    /// How many passkeys (discoverable credentials) fit on a key [default: as the profile says]
    #[arg(long, value_name = "N", help_heading = KIND, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CAPACITY)))]
    pub(crate) capacity: Option<u32>,

    /// Enrol this finger, known by its number, on a key with a fingerprint sensor, without a PIN; more than once for several
    #[arg(long, value_name = "N", help_heading = KIND)]
    pub(crate) finger: Vec<u8>,

    /// Make the same key from this text at each start, with the same serial number, attestation and, for the same requests,
    /// credentials. The text is as secret as the key
    #[arg(long, value_name = "TEXT", help_heading = KIND, requires = "ephemeral", value_parser = a_seed)]
    pub(crate) seed: Option<String>,

    /// Where the keys' memory is kept; it is made if it does not exist [default: $XDG_STATE_HOME/keyfob or ~/.local/state/keyfob]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral", help_heading = MEMORY)]
    pub(crate) state: Option<PathBuf>,

    /// Remember nothing: a new key at each start
    #[arg(long, help_heading = MEMORY, conflicts_with_all = ["passphrase_file", "credential", "witness", "accept_rollback"])]
    pub(crate) ephemeral: bool,

    #[command(flatten)]
    pub(crate) unlock: state::UnlockOptions,

    /// Who answers when the key asks for a touch
    #[arg(long, help_heading = CONTROL, default_value = "ask", value_parser = EnumValueParser::<TouchWord>::new().map(Touch::from))]
    pub(crate) touch: Touch,

    /// Where `keyfob touch` and similar commands find these keys [default: $XDG_RUNTIME_DIR/keyfob/control or /tmp/keyfob-UID/control]
    #[arg(long, value_name = "PATH", help_heading = CONTROL, env = "KEYFOB_CONTROL")]
    pub(crate) control: Option<PathBuf>,

    /// Stop when standard input, a pipe, is closed: so keys that a program started end with it, however it ends
    #[arg(long, help_heading = CONTROL)]
    pub(crate) until_stdin_closes: bool,

    #[command(flatten)]
    pub(crate) record: RecordOptions,

    #[command(flatten)]
    pub(crate) http: http_server::HttpOptions,

    #[command(flatten)]
    pub(crate) hooks: conformance_hooks::HookOptions,
}

/// The heading, in the help, of who touches the key, and how long it is there.
const CONTROL: &str = "Touches and control";

/// Nothing, such as a variable that is not set, is no secret that anybody meant.
fn a_seed(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        Err("the seed is empty; give a text of at least one character")
    } else {
        Ok(text.to_owned())
    }
}

/// [`Touch`] as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum TouchWord {
    /// A person is asked: on the terminal, or with `keyfob touch` and `keyfob deny`
    Ask,
    /// Everything is approved at once; for tests only
    Auto,
    /// Everything is refused at once
    Deny,
}

impl From<TouchWord> for Touch {
    fn from(word: TouchWord) -> Self {
        match word {
            TouchWord::Ask => Self::Ask,
            TouchWord::Auto => Self::Auto,
            TouchWord::Deny => Self::Deny,
        }
    }
}

impl KeyOptions {
    /// What the keys are made as, in this form.
    ///
    /// # Errors
    /// No such profile or model, or nothing tells where memories are kept.
    pub(crate) fn settings(&self, form: Form) -> anyhow::Result<KeySettings> {
        let memory = |number| match self.ephemeral {
            true => Ok(None),
            false => self.unlock.place(self.state.as_deref(), number).map(Some),
        };
        let profile = self.kind.load()?.profile.with_capacity(self.capacity);
        warn_of_imitation(&profile)?;
        Ok(KeySettings {
            profile,
            form,
            memories: (1..=self.keys).map(memory).collect::<anyhow::Result<_>>()?,
            touch: self.touch,
            fingers: self.finger.clone(),
            seed: self.seed.as_deref().map(seed_of),
            faults: Vec::new(),
            warn: |sentence| warn(sentence),
            recorder: self.record.recorder()?,
            meter: self.http.meter(),
        })
    }
}

#[cfg(test)]
impl KeyOptions {
    /// One key that remembers nothing.
    pub(crate) fn for_tests() -> Self {
        let kind = KindOptions::default();
        let (state, ephemeral, touch, control) = (None, true, Touch::Ask, None);
        let (keys, capacity, until_stdin_closes) = (1, None, false);
        let http = http_server::HttpOptions::default();
        let hooks = conformance_hooks::HookOptions::default();
        let unlock = state::UnlockOptions::default();
        Self {
            state,
            ephemeral,
            unlock,
            touch,
            finger: Vec::new(),
            seed: None,
            keys,
            kind,
            capacity,
            control,
            until_stdin_closes,
            record: RecordOptions::default(),
            http,
            hooks,
        }
    }
}
