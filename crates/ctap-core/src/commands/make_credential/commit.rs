//! What happens after the touch: a key pair, its id, the record that stores it, and the response (MC-38 to MC-43).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Checked, Ready};
use crate::algorithm::{KeyPair, PrivateKey};
use crate::attestation::{Registration, Signer};
use crate::auth_data::{AttestedCredential, AuthData};
use crate::cbor::{Bytes, MapWriter};
use crate::change::Change;
use crate::commands::{Context, Reply};
use crate::config::Config;
use crate::consent::{Evidence, UserPresent};
use crate::credential::{Account, Credential, Kept};
use crate::credential_id::Contents;
use crate::crypto::random_bytes;
use crate::extensions::hmac_secret::Salts;
use crate::extensions::registration::Asked;
use crate::public_key::PublicKey;
use crate::secret::Secret;
use crate::status::Status;

impl Ready {
    /// Makes the credential. It is stored last, when only the signature of the response is missing, so a failure
    /// leaves nothing behind (MC-43, EX-08).
    pub(crate) fn commit(
        self,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Reply, Status> {
        let Self { checked, excluded, verified } = self;
        if excluded {
            return Err(Status::CredentialExcluded);
        }
        let evidence = Evidence::of_presence(present, verified).told_with(cx.overrides);
        cx.session.token.consume(); // MC-36
        if !checked.is_dummy() {
            cx.taps.spend(); // NF-41
        }
        let salts = checked.extensions.open(cx)?; // MC-38
        if checked.rk && !checked.fits(cx) {
            return Err(Status::KeyStoreFull); // MC-40
        }
        let New { credential, pair, public } = checked.generate(cx)?;
        let new = (&credential, &public);
        let unsigned = checked.unsigned(new, pair, (salts.as_ref(), &evidence), cx)?;
        let reply = match checked.saving(&credential, cx)? {
            Some(save) => {
                let signed = cx.store.commit_while(save, || unsigned.signed());
                signed.map_err(|error| error.status(Status::KeyStoreFull))? // MC-40
            }
            None => {
                cx.store.still_kept()?;
                unsigned.signed()
            }
        };
        reply.ok_or(Status::Other)
    }
}

/// A credential that was just made, with its key ready to sign.
struct New {
    credential: Credential,
    pair: KeyPair,
    public: PublicKey,
}

/// The steps of a commit.
impl Checked {
    /// There is room, or the same account's old credential makes room (MC-40).
    fn fits(&self, cx: &Context<'_>) -> bool {
        let credentials = &cx.store.state().credentials;
        credentials.len() < cx.config.capacity
            || credentials.of_account(&self.rp_id_hash, &self.user.id).is_some()
    }

    /// The change that stores a new credential (MC-40); `None`: it travels in its own id.
    fn saving(
        &self,
        credential: &Credential,
        cx: &mut Context<'_>,
    ) -> Result<Option<Change>, Status> {
        if credential.account.is_some() {
            let credential = Box::new(credential.duplicate());
            let cred_store_state = random_bytes(cx.rng);
            return Ok(Some(Change::SaveCredential { credential, cred_store_state }));
        }
        if !self.is_kept(cx.config) {
            return Ok(None);
        }
        if !cx.can_keep() {
            return Err(Status::KeyStoreFull);
        }
        let (rp, user) = (Some(self.rp.clone()), Some(self.user.clone()));
        let kept = Kept { credential: credential.duplicate(), rp, user };
        Ok(Some(Change::KeepCredential(Box::new(kept))))
    }

    /// It will not be discoverable, and this key keeps such ones too.
    fn is_kept(&self, config: &Config) -> bool {
        !self.rk && config.keeps_non_discoverable(self.algorithm) && !self.is_dummy()
    }

    /// A new key pair and its id (MC-39 to MC-41).
    fn generate(&self, cx: &mut Context<'_>) -> Result<New, Status> {
        let (key, pair) = PrivateKey::generate(self.algorithm, cx.rng).ok_or(Status::Other)?;
        let public = pair.public().ok_or(Status::Other)?;
        let contents = Contents {
            key,
            cred_protect: self.extensions.cred_protect(),
            third_party_payment: self.extensions.third_party_payment(),
            backup: cx.config.credentials.backup,
            counter: cx.config.credentials.counter(),
        };
        let length = cx.config.credential_id_length;
        let credential = match self.rk {
            true => self.discoverable(contents, public.cose(self.algorithm.cose()), cx),
            false if cx.config.keeps_non_discoverable(self.algorithm) => {
                contents.stored(&self.rp_id_hash, length, cx.rng)
            }
            false => {
                let keys = &cx.session.sealing_keys;
                let sealed = keys.seal(contents, &self.rp_id_hash, length, cx.rng);
                sealed.ok_or(Status::Other)?
            }
        };
        Ok(New { credential, pair, public })
    }

    fn discoverable(
        &self,
        contents: Contents,
        public_key: Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Credential {
        let length = cx.config.credential_id_length;
        let credential = contents.stored(&self.rp_id_hash, length, cx.rng);
        Credential { account: Some(self.account(public_key, cx)), ..credential }
    }

    fn account(&self, public_key: Vec<u8>, cx: &mut Context<'_>) -> Account {
        Account {
            public_key,
            rp: self.rp.clone(),
            user: self.user.clone(),
            cred_blob: self.extensions.cred_blob().map(<[u8]>::to_vec),
            large_blob_key: self.extensions.wants_large_blob_key().then(|| Secret::random(cx.rng)),
            large_blob: self.extensions.large_blob(),
        }
    }

    /// Authenticator data, and who vouches for them (MC-42, MC-81).
    fn unsigned<'a, 'c: 'a>(
        &'a self,
        (credential, public): (&'a Credential, &'a PublicKey),
        pair: KeyPair,
        (salts, evidence): (Option<&Salts>, &'a Evidence),
        cx: &mut Context<'c>,
    ) -> Result<Unsigned<'a>, Status> {
        let statement = self.formats.choose(self.enterprise, self.algorithm, cx.config.means());
        let aaguid = statement.aaguid(&cx.config.aaguid);
        let signing_key = self.extensions.preview_sign();
        let signing_key = signing_key
            .map(|wanted| wanted.make(credential, aaguid, evidence, cx).ok_or(Status::Other))
            .transpose()?;
        let asked = Asked { rp_id: &self.rp.id, evidence };
        let auth_data = AuthData {
            rp_id_hash: &self.rp_id_hash,
            evidence,
            backup: credential.backup,
            sign_count: cx.counter.of_new(credential.counter),
            attested: Some(AttestedCredential {
                aaguid,
                id: &credential.id,
                public_key: &public.cose(self.algorithm.cose()),
            }),
            extensions: self.extensions.outputs(credential, salts, asked, cx),
        }
        .encode();
        let signer = statement.signer(pair).ok_or(Status::Other)?;
        Ok(Unsigned { checked: self, credential, public, auth_data, signing_key, signer, evidence })
    }
}

/// A response that only needs its signature.
struct Unsigned<'a> {
    checked: &'a Checked,
    credential: &'a Credential,
    public: &'a PublicKey,
    auth_data: Vec<u8>,
    /// The authenticator data of the signing key that is made with it.
    signing_key: Option<Vec<u8>>,
    signer: Signer<'a>,
    evidence: &'a Evidence,
}

impl Unsigned<'_> {
    /// `None`: the arithmetic failed.
    fn signed(&self) -> Option<Reply> {
        let Self { checked, credential, public, auth_data, signer, evidence, .. } = self;
        let client_data_hash = &checked.client_data_hash;
        let attested = signer.attest(&Registration {
            credential,
            public,
            auth_data,
            client_data_hash,
            evidence,
        })?;
        let large_blob_key =
            credential.account.as_ref().and_then(|account| account.large_blob_key.as_ref());
        let signing_key = match &self.signing_key {
            Some(auth_data) => {
                Some(signer.attest_signing_key(auth_data, client_data_hash, evidence)?)
            }
            None => None,
        };
        let unsigned = checked.extensions.unsigned_outputs(checked.rk, signing_key.as_deref());
        let mut reply = MapWriter::new();
        reply.put(0x01_u8, attested.format).put(0x02_u8, Bytes(auth_data));
        reply.put(0x03_u8, attested.statement);
        reply.put_some(0x04_u8, checked.enterprise.then_some(true)); // MC-96
        reply.put_some(0x05_u8, large_blob_key.map(|key| Bytes(key.expose()))); // EX-60
        reply.put_some(0x06_u8, unsigned); // EX-73, PS-05
        Some(Reply::map(&reply))
    }
}
