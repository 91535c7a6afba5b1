//! CTAP sections 6.2 and 6.3: authenticatorGetAssertion and authenticatorGetNextAssertion.

use sha2::{Digest as _, Sha256};

use super::code;
use super::make_credential::LargeBlobKey;
use crate::attestation::VerifyFault;
use crate::auth_data::AuthData;
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::cose::PublicKey;
use crate::entities::{CredentialDescriptor, User, list, text_map};
use crate::error::{Error, ReplyFault};
use crate::exchange::Exchange;
use crate::fields::Fields;
use crate::limits::MAX_WALK;
use crate::pin_protocol::PinUvAuthToken;

/// A getAssertion request, member by member (MSG-12).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: the relying party.
    pub rp_id: Option<String>,
    /// 02: SHA-256 of the client data: 32 bytes.
    pub client_data_hash: Option<Vec<u8>>,
    /// 03: the credentials that are acceptable; `None`: any discoverable one.
    pub allow_list: Option<Vec<CredentialDescriptor>>,
    /// 04: inputs of extensions, by name; an empty list is left out.
    pub extensions: Vec<(String, Value)>,
    /// 05: options such as `up`; an empty list is left out.
    pub options: Vec<(String, bool)>,
    /// 06: the MAC that proves the possession of the token; [`Client::get_assertion`] fills it in if it is given a
    /// token.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// 07: the PIN/UV auth protocol of the MAC: 1 or 2; [`Client::get_assertion`] fills it in as well.
    pub pin_uv_auth_protocol: Option<u64>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// A request for any discoverable credential of a relying party.
    #[must_use]
    pub fn new(rp_id: impl Into<String>, client_data_hash: [u8; 32]) -> Self {
        Self {
            rp_id: Some(rp_id.into()),
            client_data_hash: Some(client_data_hash.to_vec()),
            ..Self::default()
        }
    }

    /// Names the credentials that are acceptable.
    #[must_use]
    pub fn allowing(mut self, credentials: impl IntoIterator<Item = CredentialDescriptor>) -> Self {
        self.allow_list = Some(credentials.into_iter().collect());
        self
    }

    /// Adds an option, such as `up`.
    #[must_use]
    pub fn with_option(mut self, name: &str, value: bool) -> Self {
        self.options.push((name.to_owned(), value));
        self
    }

    /// Adds an extension input, such as `hmac-secret`.
    #[must_use]
    pub fn with_extension(mut self, name: &str, input: impl Into<Value>) -> Self {
        self.extensions.push((name.to_owned(), input.into()));
        self
    }

    /// Fills in members 06 and 07 (GA-10).
    #[must_use]
    pub fn authorized_by(mut self, token: &PinUvAuthToken) -> Self {
        let hash = self.client_data_hash.as_deref().unwrap_or_default();
        (self.pin_uv_auth_param, self.pin_uv_auth_protocol) = token.members_over(hash);
        self
    }

    /// The message as it goes to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        MapBuilder::new()
            .optional(0x01, self.rp_id.as_deref())
            .optional(0x02, self.client_data_hash.as_deref())
            .optional(0x03, self.allow_list.as_deref().map(list))
            .optional(0x04, text_map(&self.extensions))
            .optional(0x05, text_map(&self.options))
            .optional(0x06, self.pin_uv_auth_param.as_deref())
            .optional(0x07, self.pin_uv_auth_protocol)
            .extra(&self.extra)
            .request(code::GET_ASSERTION)
    }
}

/// A getAssertion or getNextAssertion reply (MSG-13).
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// 01: the credential that signed (GA-33).
    pub credential: CredentialDescriptor,
    /// 02: the signed data: flags, counter, extension outputs.
    pub auth_data: AuthData,
    /// 03: the signature over authData and the client data hash.
    pub signature: Vec<u8>,
    /// 04: the account; names only after user verification (GA-29).
    pub user: Option<User>,
    /// 05: how many credentials are acceptable, if there is more than one.
    pub number_of_credentials: Option<u64>,
    /// 06: a person chose this credential on the key's display.
    pub user_selected: Option<bool>,
    /// 07: the key to this credential's large blob.
    pub large_blob_key: Option<LargeBlobKey>,
    /// 08: extension outputs outside the signature.
    pub unsigned_extension_outputs: Option<Vec<(String, Value)>>,
    /// All other members.
    pub unknown: Vec<(Value, Value)>,
}

impl Assertion {
    /// Reads a reply (without its status byte).
    ///
    /// # Errors
    /// [`ReplyFault`]; the key's fault.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ReplyFault> {
        Self::read(Fields::parse(body, REPLY, strict)?)
    }

    fn read(mut members: Fields) -> Result<Self, ReplyFault> {
        Ok(Self {
            credential: members.require(0x01, "credential")?,
            auth_data: members.require(0x02, "authData")?,
            signature: members.require(0x03, "signature")?,
            user: members.take(0x04, "user")?,
            number_of_credentials: members.take(0x05, "numberOfCredentials")?,
            user_selected: members.take(0x06, "userSelected")?,
            large_blob_key: members.take(0x07, "largeBlobKey")?.map(LargeBlobKey),
            unsigned_extension_outputs: members.take(0x08, "unsignedExtensionOutputs")?,
            unknown: members.unknown(),
        })
    }

    /// Checks that the assertion is for `rp_id` and signed by `key` over this client data hash (GA-30).
    ///
    /// The caller must check in `auth_data.flags` whether there was a touch or user verification, if it needs that.
    ///
    /// # Errors
    /// [`VerifyFault`]; the key's fault, or the fault of the one who altered the reply.
    pub fn verify(
        &self,
        key: &PublicKey,
        rp_id: &str,
        client_data_hash: &[u8],
    ) -> Result<(), VerifyFault> {
        if self.auth_data.rp_id_hash != <[u8; 32]>::from(Sha256::digest(rp_id)) {
            return Err(VerifyFault::OtherRelyingParty);
        }
        if self.auth_data.attested.is_some() {
            return Err(VerifyFault::UnexpectedCredential);
        }
        let signed = [self.auth_data.as_bytes(), client_data_hash].concat();
        Ok(key.verify(&signed, &self.signature)?)
    }
}

impl<E: Exchange> Client<E> {
    /// Obtains an assertion. If several credentials are acceptable, obtains the assertions of all of them, newest
    /// first (GA-26). The list has at least one.
    ///
    /// # Errors
    /// `NoCredentials`, `PuatRequired`, `OperationDenied`, others of [`Error`].
    pub fn get_assertion(
        &mut self,
        request: &Request,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<Vec<Assertion>, Error> {
        let first = self.get_first_assertion(request, auth)?;
        let total = first.number_of_credentials.unwrap_or(1);
        if !(1..=MAX_WALK).contains(&total) {
            return Err(ReplyFault::BadValue("numberOfCredentials").into());
        }
        let mut assertions = vec![first];
        for _ in 1..total {
            assertions.push(self.get_next_assertion()?);
        }
        Ok(assertions)
    }

    /// Obtains one assertion only; `number_of_credentials` tells whether there are more.
    ///
    /// # Errors
    /// As [`get_assertion`](Self::get_assertion).
    pub fn get_first_assertion(
        &mut self,
        request: &Request,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<Assertion, Error> {
        let message = match auth {
            Some(token) => request.clone().authorized_by(token).encode(),
            None => request.encode(),
        };
        let members = self.call_for_map(&message, REPLY)?;
        Ok(Assertion::read(members)?)
    }

    /// Obtains the next of several assertions.
    ///
    /// # Errors
    /// `NotAllowed` if there is no further assertion, if 30 seconds have passed, or if another command came between
    /// (GA-50 to GA-52).
    pub fn get_next_assertion(&mut self) -> Result<Assertion, Error> {
        let members = self.call_for_map(&[code::GET_NEXT_ASSERTION], REPLY)?;
        Ok(Assertion::read(members)?)
    }
}

const REPLY: &str = "the getAssertion reply";

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer as _;
    use proptest::prelude::*;

    use super::*;
    use crate::auth_data::tests::RP_ID_HASH;
    use crate::cbor::encode;
    use crate::cose::SignatureFault;
    use crate::test_support::{ScriptedKey, hex};

    fn reply(counter: u8) -> MapBuilder {
        let auth_data = hex(&format!("{RP_ID_HASH}05000000{counter:02x}"));
        let signer = p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
        let signature: p256::ecdsa::Signature =
            signer.sign(&[auth_data.as_slice(), &[0xCD; 32]].concat());
        MapBuilder::new()
            .member(1, &CredentialDescriptor::new([counter; 16]))
            .member(2, auth_data)
            .member(3, signature.to_der().as_bytes())
    }

    fn message(reply: MapBuilder) -> Vec<u8> {
        [vec![0], encode(&reply.build())].concat()
    }

    fn key() -> PublicKey {
        PublicKey::Es256(*p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap().verifying_key())
    }

    #[test]
    fn the_request_has_rp_id_hash_and_list() {
        let request = Request::new("example.com", [0xCD; 32])
            .allowing([CredentialDescriptor::new([0xAA])])
            .with_option("up", false);
        let expected = [
            "02a4016b6578616d706c652e636f6d025820",
            &"cd".repeat(32),
            "0381a262696441aa64747970656a7075626c69632d6b6579",
            "05a1627570f4",
        ];
        assert_eq!(request.encode(), hex(&expected.concat()));
    }

    #[test]
    fn all_assertions_are_collected_in_the_order_of_the_key() {
        let request = Request::new("example.com", [0xCD; 32]);
        let script = ScriptedKey::default()
            .expect(request.encode(), message(reply(3).member(5, 3)))
            .expect([8], message(reply(2)))
            .expect([8], message(reply(1)));
        let mut client = Client::new(script);
        let assertions = client.get_assertion(&request, None).unwrap();
        let counters: Vec<u32> =
            assertions.iter().map(|assertion| assertion.auth_data.sign_count).collect();
        assert_eq!(counters, [3, 2, 1]);
        for assertion in &assertions {
            assert_eq!(assertion.verify(&key(), "example.com", &[0xCD; 32]), Ok(()));
        }
    }

    #[test]
    fn the_longest_walk_is_followed_to_its_end() {
        let request = Request::new("example.com", [0xCD; 32]);
        let first =
            ScriptedKey::default().expect(request.encode(), message(reply(1).member(5, MAX_WALK)));
        let next = message(reply(1));
        let script = (1..MAX_WALK).fold(first, |script, _| script.expect([8], &next));
        let assertions = Client::new(script).get_assertion(&request, None).unwrap();
        assert_eq!(assertions.len() as u64, MAX_WALK);
    }

    #[test]
    fn a_key_that_announces_absurdly_many_is_not_followed() {
        let request = Request::new("example.com", [0xCD; 32]);
        for announced in [0, MAX_WALK + 1, u64::MAX] {
            let script = ScriptedKey::default()
                .expect(request.encode(), message(reply(1).member(5, announced)));
            let error = Client::new(script).get_assertion(&request, None).unwrap_err();
            assert!(matches!(error, Error::Reply(ReplyFault::BadValue("numberOfCredentials"))));
        }
    }

    #[test]
    fn an_assertion_for_others_or_over_other_data_is_refused() {
        let assertion = Assertion::parse(&encode(&reply(1).build()), true).unwrap();
        let other_rp = assertion.verify(&key(), "example.org", &[0xCD; 32]);
        assert_eq!(other_rp, Err(VerifyFault::OtherRelyingParty));
        let other_data = assertion.verify(&key(), "example.com", &[0xCE; 32]);
        assert_eq!(other_data, Err(VerifyFault::Signature(SignatureFault::Mismatch)));
    }

    #[test]
    fn a_reply_without_its_credential_is_refused() {
        let without =
            MapBuilder::new().member(2, hex(&format!("{RP_ID_HASH}0500000001"))).member(3, vec![0]);
        let fault = Assertion::parse(&encode(&without.build()), true).unwrap_err();
        assert_eq!(fault, ReplyFault::Missing("credential"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), strict: bool) {
            let _ = Assertion::parse(&bytes, strict);
        }

        #[test]
        fn no_damage_to_a_good_reply_makes_the_parser_panic(at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = encode(&reply(1).build());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = Assertion::parse(&bytes, false);
        }
    }
}
