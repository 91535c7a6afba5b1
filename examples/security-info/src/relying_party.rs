//! WebAuthn sections 7.1 and 7.2, the relying party's half. webauthn-rs-core checks what keys say; this says what is asked
//! of them: a discoverable credential on a roaming key, behind its PIN.

use std::time::Duration;

use serde::Serialize;
use url::Url;
use uuid::Uuid;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::fake::{FakePasskeyDistribution, WebauthnFakeCredentialGenerator};
use webauthn_rs_core::proto::{
    AllowCredentials, AttestationConveyancePreference, AuthenticationState,
    AuthenticatorAttachment, AuthenticatorTransport, COSEAlgorithm, CredProtect, Credential,
    CredentialProtectionPolicy, PublicKeyCredential, PublicKeyCredentialHints,
    RegisterPublicKeyCredential, RegistrationState, RequestRegistrationExtensions,
    UserVerificationPolicy,
};

use crate::store::{Account, Key};

/// How long a browser waits for a key.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The relying party: its name, its id, its origin.
pub(crate) struct RelyingParty {
    core: WebauthnCore,
    origin: Url,
    /// Makes up credential ids for names that have none, so that asking does not tell who has an account.
    decoys: WebauthnFakeCredentialGenerator<FakePasskeyDistribution>,
}

/// A ceremony that has begun.
pub(crate) struct Begun<S> {
    /// For the browser: the options of `navigator.credentials.create()` or `get()`, as JSON.
    pub(crate) options: String,
    /// For later: what the answer is judged by.
    pub(crate) state: S,
}

/// A new credential, verified.
pub(crate) struct Registered {
    pub(crate) credential: Credential,
    /// The model that the key says it is. Proved only if the attestation is.
    pub(crate) aaguid: Option<Uuid>,
}

/// Why a new key's answer was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewKeyFault {
    /// Keys that know U2F alone check no PIN and keep no passkeys, and their browser should have known.
    #[error("it is from a U2F key")]
    OnlyU2f,
    /// The PIN was not checked.
    #[error("the key did not check its PIN")]
    Unverified,
    /// Anything else.
    #[error(transparent)]
    Invalid(WebauthnError),
}

impl From<WebauthnError> for NewKeyFault {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::UserNotVerified => Self::Unverified,
            other => Self::Invalid(other),
        }
    }
}

impl From<serde_json::Error> for NewKeyFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid(error.into())
    }
}

/// An origin that cannot be one of a relying party.
#[derive(Debug, thiserror::Error)]
pub enum OriginFault {
    /// Browsers give WebAuthn to https, and to http://localhost, only.
    #[error(
        "{0} cannot be an origin for security keys: it must be https://NAME or http://localhost"
    )]
    Insecure(Url),
    /// The secret that decoys are made with is unusable.
    #[error(transparent)]
    Decoys(#[from] WebauthnError),
}

impl RelyingParty {
    /// A relying party whose id is the host name of its origin.
    pub(crate) fn new(origin: Url, secret: &str) -> Result<Self, OriginFault> {
        let id = match (origin.scheme(), origin.domain()) {
            ("https", Some(name)) => name.to_owned(),
            ("http", Some(name)) if name == "localhost" || name.ends_with(".localhost") => {
                name.to_owned()
            }
            _ => return Err(OriginFault::Insecure(origin)),
        };
        let origins = vec![origin.clone()];
        let core = WebauthnCore::new_unsafe_experts_only(
            NAME,
            &id,
            origins,
            TIMEOUT,
            Some(false),
            Some(false),
        );
        Ok(Self { core, origin, decoys: WebauthnFakeCredentialGenerator::new(secret.as_bytes())? })
    }

    pub(crate) const fn origin(&self) -> &Url {
        &self.origin
    }

    /// Whether browsers on other machines find it: then a proxy stands before it, for it speaks no https itself.
    pub(crate) fn is_public(&self) -> bool {
        self.origin.scheme() == "https"
    }

    /// Asks for a new credential on a key that has none of this account yet.
    pub(crate) fn begin_registration(
        &self,
        account: &Account,
        keys: &[Key],
    ) -> Result<Begun<RegistrationState>, WebauthnError> {
        let known = keys.iter().map(|key| key.credential.cred_id.clone()).collect();
        let builder = self
            .core
            .new_challenge_register_builder(&account.handle, &account.name, &account.name)?
            .attestation(AttestationConveyancePreference::Direct)
            .user_verification_policy(UserVerificationPolicy::Required)
            .require_resident_key(true)
            .authenticator_attachment(Some(AuthenticatorAttachment::CrossPlatform))
            .credential_algorithms(ALGORITHMS.to_vec())
            .exclude_credentials(Some(known))
            .hints(Some(vec![PublicKeyCredentialHints::SecurityKey]))
            .extensions(Some(extensions()));
        let (challenge, state) = self.core.generate_challenge_register(builder)?;
        Ok(Begun { options: json(&challenge.public_key)?, state })
    }

    /// Judges the new credential.
    ///
    /// # Errors
    /// [`NewKeyFault`]: the key's fault, the browser's, or the fault of the one who altered the answer.
    pub(crate) fn finish_registration(
        &self,
        answer: &str,
        state: &RegistrationState,
    ) -> Result<Registered, NewKeyFault> {
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer)?;
        let object = answer.response.attestation_object.as_slice();
        let credential = self.core.register_credential(&answer, state, None);
        let credential = credential.map_err(|error| match error {
            WebauthnError::UserNotVerified if is_u2f(object) => NewKeyFault::OnlyU2f,
            other => other.into(),
        })?;
        Ok(Registered { credential, aaguid: claimed_model(object) })
    }

    /// Asks for any credential of this site: the key knows whose it is.
    pub(crate) fn begin_sign_in(&self) -> Result<Begun<AuthenticationState>, WebauthnError> {
        self.ask(Vec::new(), Vec::new())
    }

    /// Asks for one of these keys. Where there are none it asks for keys that do not exist, always the same for one name.
    pub(crate) fn begin_sign_in_as(
        &self,
        name: &str,
        keys: &[Key],
    ) -> Result<Begun<AuthenticationState>, WebauthnError> {
        let credentials: Vec<_> = keys.iter().map(|key| key.credential.clone()).collect();
        let decoys = match keys {
            [] => self.decoys.generate(name.to_lowercase().as_bytes())?,
            _ => Vec::new(),
        };
        let decoys = decoys.into_iter().map(|id| AllowCredentials {
            type_: "public-key".to_owned(),
            id: id.into(),
            transports: Some(vec![AuthenticatorTransport::Usb]),
        });
        self.ask(credentials, decoys.collect())
    }

    fn ask(
        &self,
        credentials: Vec<Credential>,
        decoys: Vec<AllowCredentials>,
    ) -> Result<Begun<AuthenticationState>, WebauthnError> {
        let builder = self
            .core
            .new_challenge_authenticate_builder(
                credentials,
                Some(UserVerificationPolicy::Required),
            )?
            .hints(Some(vec![PublicKeyCredentialHints::SecurityKey]));
        let (mut challenge, mut state) = self.core.generate_challenge_authenticate(builder)?;
        // `finish_sign_in` puts the key in that answers; ten of them with their certificates are no small thing to keep for
        // whoever asks.
        state.set_allowed_credentials(Vec::new());
        challenge.public_key.allow_credentials.extend(decoys);
        Ok(Begun { options: json(&challenge.public_key)?, state })
    }

    /// Judges an answer by the key it names, and returns that key's credential as it is to be kept from now on.
    ///
    /// # Errors
    /// [`WebauthnError`], [`WebauthnError::CredentialPossibleCompromise`] among them: the counter did not rise.
    pub(crate) fn finish_sign_in(
        &self,
        answer: &PublicKeyCredential,
        mut state: AuthenticationState,
        key: &Key,
    ) -> Result<Credential, WebauthnError> {
        state.set_allowed_credentials(vec![key.credential.clone()]);
        let result = self.core.authenticate_credential(answer, &state)?;
        let mut credential = key.credential.clone();
        credential.counter = result.counter();
        credential.backup_state = result.backup_state();
        Ok(credential)
    }
}

/// credProtect: the key keeps it secret who has an account here, until its PIN is typed.
fn extensions() -> RequestRegistrationExtensions {
    RequestRegistrationExtensions {
        cred_protect: Some(CredProtect {
            credential_protection_policy: CredentialProtectionPolicy::UserVerificationRequired,
            enforce_credential_protection_policy: None,
        }),
        uvm: None,
        cred_props: Some(true),
        min_pin_length: None,
        hmac_create_secret: None,
    }
}

fn json(options: &impl Serialize) -> Result<String, WebauthnError> {
    Ok(serde_json::to_string(options)?)
}

/// The AAGUID in the authenticator data of an attestation object that has been verified; keys may hide theirs behind zeros.
fn claimed_model(attestation_object: &[u8]) -> Option<Uuid> {
    let auth_data = member(attestation_object, "authData")?;
    // WebAuthn section 6.1: rpIdHash (32), flags (1), signCount (4), then the AAGUID.
    let aaguid = Uuid::from_slice(auth_data.as_bytes()?.get(37..53)?).ok()?;
    (!aaguid.is_nil()).then_some(aaguid)
}

/// Whether a key answered in U2F's form (WebAuthn section 8.6): over U2F, if it did not check a PIN either.
fn is_u2f(attestation_object: &[u8]) -> bool {
    member(attestation_object, "fmt").is_some_and(|fmt| fmt.as_text() == Some("fido-u2f"))
}

fn member(attestation_object: &[u8], wanted: &str) -> Option<ciborium::Value> {
    let object: ciborium::Value = ciborium::from_reader(attestation_object).ok()?;
    let mut members = object.into_map().ok()?.into_iter();
    members.find(|(name, _)| name.as_text() == Some(wanted)).map(|(_, value)| value)
}

/// What browsers and keys show as the site's name.
const NAME: &str = "keyfob security info";

/// What keys may sign with; a key takes the first that it knows. RS256 is for those that have nothing else.
const ALGORITHMS: [COSEAlgorithm; 4] =
    [COSEAlgorithm::ES256, COSEAlgorithm::EDDSA, COSEAlgorithm::ES384, COSEAlgorithm::RS256];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_give_keys_to_https_and_localhost_only() {
        let accepts = |origin: &str| RelyingParty::new(origin.parse().unwrap(), "secret").is_ok();
        for origin in ["http://localhost:8080", "https://login.example.org", "http://a.localhost"] {
            assert!(accepts(origin), "{origin}");
        }
        for origin in ["http://127.0.0.1:8080", "http://login.example.org", "https://127.0.0.1"] {
            assert!(!accepts(origin), "{origin}");
        }
    }

    #[test]
    fn a_name_without_keys_is_asked_for_the_same_ones_each_time() {
        let site =
            |secret| RelyingParty::new("http://localhost:1".parse().unwrap(), secret).unwrap();
        let asked = |site: &RelyingParty, name: &str| {
            let options = site.begin_sign_in_as(name, &[]).unwrap().options;
            let options: serde_json::Value = serde_json::from_str(&options).unwrap();
            options["allowCredentials"].clone()
        };
        let (site, other_site) = (site("one"), site("another"));
        let names: Vec<String> = (0..20).map(|number| format!("name {number}")).collect();
        assert!(names.iter().all(|name| asked(&site, name) == asked(&site, &name.to_uppercase())));
        assert!(names.iter().any(|name| asked(&site, name) != asked(&other_site, name)));
    }
}
