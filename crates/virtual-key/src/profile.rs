//! Profiles: descriptions of kinds of keys. Six are built in, and anybody can write others (docs/profiles.md).
//!
//! ```text
//!   text.rs          TOML, laid over the profile it extends; what is wrong with it, and where
//!   description.rs   what a profile says, in the words of getInfo, whether it fits together, and the Config that follows from it
//!   aaguid.rs        the number of a model
//!   announced.rs     what of it is told and not done
//!   get_info.rs      what a key tells other than it is
//!   lines.rs         which line a sentence is about
//!   like.rs          the profile of a model, from its metadata statement
//!   *.toml           the built-in ones
//! ```

mod aaguid;
mod announced;
mod description;
mod get_info;
mod like;
mod lines;
mod text;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ctap_core::attestation::Attester;
pub use ctap_core::config::Contradiction;
use ctap_core::config::NewCredentials;
use ctap_core::{CheckedConfig, Config, Transport};
use serde::Deserialize as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub use self::aaguid::Aaguid;
pub use self::announced::OnlyAnnounced;
use self::announced::hidden;
pub use self::description::MAX_CAPACITY;
use self::description::{Description, Files};
pub use self::like::like;
pub(crate) use self::text::nearest;
use crate::attestation::{AttestationKind, Identity, LazyIdentity};
use crate::error::Error;
use crate::faults::FaultDescription;
use crate::metadata::{Difference, differences, live_info, members};
use crate::platform::{text_of, without_traces};

/// A kind of key. It is checked: its settings fit together.
#[derive(Clone, PartialEq)]
pub struct Profile {
    /// The name as on the command line.
    name: String,
    /// The directory that file names in the profile are relative to.
    directory: PathBuf,
    /// The text of the file.
    text: String,
    description: Description,
    /// Bytes of the longest message for which the way to its host certainly has room; `None`: of any that it takes.
    longest_message: Option<usize>,
}

/// The PIN that a key ships with is not printed, and neither is the text that it is in.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// The USB numbers by which hosts know the make and the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsbIds {
    /// idVendor: the maker.
    pub vendor: u16,
    /// idProduct: the model.
    pub product: u16,
}

/// The attestation identities of a key, as far as its profile needs any.
#[derive(Clone, Debug)]
pub struct Identities {
    /// The identity of the model; for a key that speaks U2F alone, that of its U2F side.
    pub model: Option<Arc<LazyIdentity>>,
    /// The identity of the one device, for enterprise attestation.
    pub device: Option<Arc<LazyIdentity>>,
}

impl Profile {
    /// Reads a profile. A name with a `/`, or one that ends in `.toml`, is the path of a file; every other name is
    /// that of a built-in profile.
    ///
    /// # Errors
    /// [`Error::NoSuchProfile`], [`Error::UnreadableProfile`]. [`Error::Profile`]: the text is not a profile; it
    /// has the line. [`Error::Contradiction`]: two settings contradict each other; it has the rule.
    pub fn load(name: &str) -> Result<Self, Error> {
        if let Some(text) = text::built_in(name) {
            let profile = Self::parse(name, Path::new(""), text)?;
            return Ok(Self { text: String::new(), ..profile });
        }
        if !is_file_name(name) {
            let nearest = text::nearest(name, built_in());
            return Err(Error::NoSuchProfile { name: name.to_owned(), nearest });
        }
        let text = read(Path::new(name))
            .map_err(|error| Error::UnreadableProfile { name: name.to_owned(), error })?;
        Self::parse(name, Path::new(name).parent().unwrap_or(Path::new("")), &text)
    }

    /// Reads a profile from this TOML text. Errors call it `name`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Error> {
        Self::parse(name, Path::new(""), text)
    }

    /// Reads a profile from the JSON that [`to_json`](Self::to_json) made of one, perhaps in another process.
    ///
    /// # Errors
    /// [`Error::Profile`]: it is not a profile, or not one of this version. [`Error::Contradiction`]: two settings
    /// contradict each other.
    pub fn from_json(name: &str, told: &Value) -> Result<Self, Error> {
        let description = Description::deserialize(told).map_err(|error| Error::Profile {
            name: name.to_owned(),
            line: None,
            what: error.to_string(),
            next: "use a keyfob of the same version on both sides".to_owned(),
        })?;
        Self::checked(name, Path::new(""), "", description)
    }

    fn parse(name: &str, directory: &Path, text: &str) -> Result<Self, Error> {
        let description = text::parse(text).map_err(|fault| Error::Profile {
            name: name.to_owned(),
            line: Some(fault.line),
            what: fault.what,
            next: fault.next,
        })?;
        Self::checked(name, directory, text, description)
    }

    /// With a text for the lines in it, if there is one.
    fn checked(
        name: &str,
        directory: &Path,
        text: &str,
        description: Description,
    ) -> Result<Self, Error> {
        let (name, directory, text) = (name.to_owned(), directory.to_owned(), text.to_owned());
        let profile = Self { name, directory, text, description, longest_message: None };
        let fits = profile.description.check();
        fits.map_err(|error| profile.contradiction(&error))?;
        profile.check_what_it_tells()?;
        Ok(profile)
    }

    /// A profile that imitates no model must not announce what its key does not do.
    fn check_what_it_tells(&self) -> Result<(), Error> {
        if self.imitates().is_some() {
            return Ok(());
        }
        let differing = self.told_and_done()?;
        let announced: Vec<_> = differing.iter().filter_map(OnlyAnnounced::of).collect();
        let hidden: Vec<_> = differing.iter().filter_map(hidden).collect();
        let what = match (&announced[..], &hidden[..]) {
            ([], []) => return Ok(()),
            ([], hidden) => {
                format!("[getInfo] leaves out what the key does: {}", hidden.join(", "))
            }
            (lines, _) => format!(
                "[getInfo] says that the key can do what it cannot do: {}",
                lines.iter().map(OnlyAnnounced::to_string).collect::<Vec<_>>().join("; ")
            ),
        };
        Err(Error::Profile {
            name: self.name.clone(),
            line: lines::line_about(&self.text, &what),
            what,
            next: TELL_LESS.to_owned(),
        })
    }

    /// A key in a USB port says so, unless it imitates a model that does not (GI-18).
    ///
    /// # Errors
    /// [`Error::Profile`]: it tells no such transport: the fault of the profile's writer.
    pub fn check_usb(&self) -> Result<(), Error> {
        let told = self.description.told_transports();
        if self.imitates().is_some() || told.iter().any(|way| way == Transport::Usb.name()) {
            return Ok(());
        }
        let what =
            "the key is reached over USB, and its transports do not say so (GI-18)".to_owned();
        Err(Error::Profile {
            name: self.name.clone(),
            line: lines::line_about(&self.text, &what),
            what,
            next: "add \"usb\" to `transports`; or make it a card, with `keyfob card`".to_owned(),
        })
    }

    /// The error for settings that do not fit together, for the one who wrote them.
    fn contradiction(&self, error: &Contradiction) -> Error {
        let what = error.to_string();
        Error::Contradiction {
            name: self.name.clone(),
            line: lines::line_about(&self.text, &what),
            what,
        }
    }

    /// The same profile with room for this many discoverable credentials, if the key can have any.
    pub fn with_capacity(mut self, capacity: Option<u32>) -> Self {
        self.description.capacity = capacity.unwrap_or(self.description.capacity);
        self
    }

    /// The same profile, with new credentials of this kind.
    ///
    /// # Errors
    /// [`Error::Contradiction`]: the caller's fault.
    pub fn with_credentials(mut self, new: NewCredentials) -> Result<Self, Error> {
        self.description.credentials.set(new);
        match self.description.check() {
            Ok(()) => Ok(self),
            Err(error) => {
                let (name, what) = (self.name, error.to_string());
                Err(Error::Contradiction { name, line: None, what })
            }
        }
    }

    /// The same profile, with a `maxMsgSize` of at most this many bytes, unless its own answers are longer (MSG-60,
    /// MSG-65).
    pub fn with_longest_message(self, bytes: usize) -> Self {
        Self { longest_message: Some(bytes), ..self }
    }

    /// The same profile, with this transport as well.
    pub fn with_transport(mut self, transport: Transport) -> Self {
        self.description.add_transport(transport);
        self
    }

    /// The name by which it was loaded: that of a built-in profile, or the path of a file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that it says, with the members and values that a file has (docs/profiles.md). No member is left
    /// out. Files are given by their names.
    pub fn to_json(&self) -> Value {
        // Its members have names, and none has a value that JSON lacks.
        serde_json::to_value(&self.description).unwrap_or_default()
    }

    /// Its transports, each once (`transports`).
    pub fn transports(&self) -> Vec<Transport> {
        self.description.transports()
    }

    /// Whether it speaks CTAP2.
    pub fn speaks_ctap2(&self) -> bool {
        self.description.speaks_ctap2()
    }

    /// Whether it speaks U2F, alone or beside CTAP2.
    pub fn speaks_u2f(&self) -> bool {
        self.description.speaks_u2f()
    }

    /// idVendor and idProduct.
    pub const fn usb_ids(&self) -> UsbIds {
        UsbIds { vendor: self.description.vendor_id, product: self.description.product_id }
    }

    /// The model's name for people.
    pub fn title(&self) -> &str {
        &self.description.description
    }

    /// Its `multiDeviceCredentialSupport`, as metadata statements say it.
    pub(crate) fn multi_device_credential_support(&self) -> impl serde::Serialize + use<> {
        self.description.credentials.multi_device_credential_support
    }

    /// How its private keys are protected, in the words of metadata statements (AT-61).
    pub(crate) fn key_protection(&self) -> &impl serde::Serialize {
        self.description.key_protection()
    }

    /// How its comparison of fingers is protected (AT-62).
    pub(crate) fn matcher_protection(&self) -> &impl serde::Serialize {
        self.description.matcher_protection()
    }

    /// Whether its private keys sign nothing but what CTAP has them sign (PS-32).
    pub(crate) fn restricts_keys(&self) -> bool {
        self.description.restricts_keys()
    }

    /// The fingers that a new key knows, by the sensor's numbers.
    pub(crate) fn shipped_fingers(&self) -> &[u8] {
        self.description.shipped_fingers()
    }

    /// The faults on purpose that such a key has (`faults`).
    pub fn faults(&self) -> &[FaultDescription] {
        &self.description.faults
    }

    /// Its `firmwareVersion`.
    pub fn firmware_version(&self) -> u32 {
        self.description.firmware_version
    }

    /// The attestation identities of a key of this kind. They come from the files that the profile names; otherwise
    /// `own` finds those of the key.
    ///
    /// # Errors
    /// An identity cannot be used.
    pub fn identities(
        &self,
        mut own: impl FnMut(AttestationKind) -> Result<Arc<LazyIdentity>, Error>,
    ) -> Result<Identities, Error> {
        let mut find = |wanted: bool, files: &Option<Files>, kind| match (wanted, files) {
            (false, _) => Ok(None),
            (true, Some(files)) => without_traces(|| self.brought(files)).map(Some),
            (true, None) => own(kind).map(Some),
        };
        let Description { aaguid: Aaguid(aaguid), attestation, enterprise_attestation, .. } =
            &self.description;
        let wants_model = self.description.needs_attestation_key();
        let wants_device = self.description.has_enterprise_attestation();
        let model = match self.speaks_ctap2() {
            true => AttestationKind::Model { aaguid: *aaguid },
            false => AttestationKind::U2f { transports: self.description.u2f_transports() },
        };
        Ok(Identities {
            model: find(wants_model, &attestation.files, model)?,
            device: find(
                wants_device,
                &enterprise_attestation.files,
                AttestationKind::Device { aaguid: *aaguid },
            )?,
        })
    }

    /// The configuration of a key of this kind, with these attestation [`identities`](Self::identities).
    ///
    /// # Errors
    /// A certificate is so long that answers become longer than the profile announces.
    pub fn config(&self, identities: &Identities) -> Result<CheckedConfig, Error> {
        if let Some(longest) = self.longest_message {
            let announced = self.unchecked_config(identities);
            let max_msg_size = announced.max_msg_size.min(longest);
            if let Ok(shorter) = (Config { max_msg_size, ..announced }).checked() {
                return Ok(shorter);
            }
        }
        let config = self.unchecked_config(identities);
        let checked = match self.description.imitates {
            Some(_) => config.checked_as_imitation(),
            None => config.checked(),
        };
        checked.map_err(|error| self.contradiction(&error))
    }

    /// The model that it imitates, with its contradictions.
    pub fn imitates(&self) -> Option<&str> {
        self.description.imitates.as_deref()
    }

    /// The contradictions of the profile with the standard. There are none, unless it imitates a model.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        self.imitates().map(|_| self.description.contradictions()).unwrap_or_default()
    }

    /// What the key announces and does not do, member by member of getInfo. There is nothing, unless the profile
    /// announces other things than the key is. A key that speaks U2F alone announces its transports, in its
    /// certificate.
    ///
    /// # Errors
    /// [`Error::Statement`]: a fault of this crate.
    pub fn only_announced(&self) -> Result<Vec<OnlyAnnounced>, Error> {
        Ok(self.told_and_done()?.iter().filter_map(OnlyAnnounced::of).collect())
    }

    /// How what it announces (first) differs from what it does (second).
    fn told_and_done(&self) -> Result<Vec<Difference>, Error> {
        if !self.description.tells_otherwise() {
            return Ok(Vec::new());
        }
        if !self.speaks_ctap2() {
            let [told, done] =
                [self.description.told_transports(), self.description.done_transports()];
            return Ok(differences(&json!({ "transports": told }), &json!({ "transports": done })));
        }
        let told = live_info(self.imitation()?)?;
        let plain = Self { description: self.description.telling_all(), ..self.clone() };
        let done = live_info(plain.imitation()?)?;
        Ok(differences(&members(&told, None), &members(&done, None)))
    }

    /// The configuration of a key like this before there is one, for finding out what it announces.
    fn imitation(&self) -> Result<CheckedConfig, Error> {
        let checked = self.description.vouched_by_stand_ins().checked_as_imitation();
        checked.map_err(|error| self.contradiction(&error))
    }

    fn unchecked_config(&self, identities: &Identities) -> Config {
        let Identities { model, device } = identities.clone();
        let attester = |identity: Arc<LazyIdentity>| identity as Arc<dyn Attester>;
        self.description.config(model.map(attester), device.map(attester))
    }

    /// The user's own key and certificates. A certificate that names a model must name this one (AT-08).
    fn brought(&self, files: &Files) -> Result<Arc<LazyIdentity>, Error> {
        let wrong = |what: String, next: &str| {
            let (name, line) = (self.name.clone(), lines::line_about(&self.text, &what));
            Error::Profile { name, line, what, next: next.to_owned() }
        };
        let read = |file: &Path| {
            let path = self.directory.join(file);
            read(&path).map_err(|error| {
                let next =
                    "correct the name in the profile: it is relative to the profile's directory";
                wrong(format!("cannot read {}: {error}", path.display()), next)
            })
        };
        let wrong = |what: String, next: &str| {
            let (key, certificates) = (files.key.display(), files.certificates.display());
            wrong(format!("{key}, {certificates}: {what}"), next)
        };
        let identity = Identity::from_pem(&read(&files.key)?, &read(&files.certificates)?)
            .map_err(|error| wrong(error.to_string(), "docs/profiles.md says what they hold"))?;
        match identity.model()? {
            Some(model) if model != self.description.aaguid.0 => Err(wrong(
                format!("the certificate is for the model {} (AT-08)", Aaguid(model)),
                "give the profile that aaguid, or use another certificate",
            )),
            _ => LazyIdentity::made(&identity),
        }
    }
}

/// Whether a profile with this name is a file: the name has a `/`, or ends in `.toml`.
pub fn is_file_name(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

/// The text in a file that somebody has named, maybe to a running key. It must not wait for a pipe, nor read a device that never ends.
fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    text_of(File::open(path)?, LONGEST_FILE)
}

/// Bytes of a profile, and of keys and certificates: twenty times a profile that says all that there is.
const LONGEST_FILE: u64 = 256 * 1024;

/// The advice if a key announces more than it does.
const TELL_LESS: &str =
    "remove that, or name the model that says so with `imitates`; docs/profiles.md has more";

/// The names of the built-in profiles.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    text::all_names()
}

/// Those names in a sentence.
pub(crate) fn names() -> String {
    text::names()
}

#[cfg(test)]
mod tests;
