//! CTAP section 6.1: authenticatorMakeCredential.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::code;
use crate::attestation::{self, Attestation, VerifyFault};
use crate::auth_data::{AttestedCredential, AuthData};
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::cose::{EDDSA, ES256};
use crate::entities::{
    CredentialDescriptor, CredentialParameters, RelyingParty, User, list, text_map, texts,
};
use crate::error::{Error, ReplyFault};
use crate::exchange::Exchange;
use crate::fields::Fields;
use crate::pin_protocol::PinUvAuthToken;

/// A makeCredential request, member by member (MSG-10).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: SHA-256 of the client data: 32 bytes.
    pub client_data_hash: Option<Vec<u8>>,
    /// 02: the relying party.
    pub rp: Option<RelyingParty>,
    /// 03: the account of the credential.
    pub user: Option<User>,
    /// 04: the acceptable algorithms, preferred ones first.
    pub pub_key_cred_params: Option<Vec<CredentialParameters>>,
    /// 05: the key makes no credential if it has one of these.
    pub exclude_list: Option<Vec<CredentialDescriptor>>,
    /// 06: inputs of extensions, by name; an empty list is left out.
    pub extensions: Vec<(String, Value)>,
    /// 07: options such as `rk`; an empty list is left out.
    pub options: Vec<(String, bool)>,
    /// 08: the MAC that proves the possession of the token; [`Client::make_credential`] fills it in if it is given
    /// a token.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// 09: the PIN/UV auth protocol of the MAC: 1 or 2; [`Client::make_credential`] fills it in as well.
    pub pin_uv_auth_protocol: Option<u64>,
    /// 0A: asks for enterprise attestation: 1 vendor-facilitated, 2 platform-managed.
    pub enterprise_attestation: Option<u64>,
    /// 0B: attestation formats, preferred ones first.
    pub attestation_formats_preference: Option<Vec<String>>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// A request with the four required members, for an ES256 credential or, if the key cannot make one, an Ed25519
    /// credential.
    #[must_use]
    pub fn new(client_data_hash: [u8; 32], rp: RelyingParty, user: User) -> Self {
        Self {
            client_data_hash: Some(client_data_hash.to_vec()),
            rp: Some(rp),
            user: Some(user),
            pub_key_cred_params: Some([ES256, EDDSA].map(CredentialParameters::new).to_vec()),
            ..Self::default()
        }
    }

    /// Adds an option, such as `rk`.
    #[must_use]
    pub fn with_option(mut self, name: &str, value: bool) -> Self {
        self.options.push((name.to_owned(), value));
        self
    }

    /// Adds an extension input, such as `credProtect`.
    #[must_use]
    pub fn with_extension(mut self, name: &str, input: impl Into<Value>) -> Self {
        self.extensions.push((name.to_owned(), input.into()));
        self
    }

    /// Fills in members 08 and 09 (MC-25).
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
            .optional(0x01, self.client_data_hash.as_deref())
            .optional(0x02, self.rp.as_ref())
            .optional(0x03, self.user.as_ref())
            .optional(0x04, self.pub_key_cred_params.as_deref().map(list))
            .optional(0x05, self.exclude_list.as_deref().map(list))
            .optional(0x06, text_map(&self.extensions))
            .optional(0x07, text_map(&self.options))
            .optional(0x08, self.pin_uv_auth_param.as_deref())
            .optional(0x09, self.pin_uv_auth_protocol)
            .optional(0x0A, self.enterprise_attestation)
            .optional(0x0B, self.attestation_formats_preference.as_deref().map(texts))
            .extra(&self.extra)
            .request(code::MAKE_CREDENTIAL)
    }
}

/// A makeCredential reply (MSG-11).
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// 01: the attestation format.
    pub fmt: String,
    /// 02: the signed data: flags, counter, the new credential, extension outputs.
    pub auth_data: AuthData,
    /// 03: the attestation statement, a map.
    pub att_stmt: Vec<(String, Value)>,
    /// 04: whether this is an enterprise attestation.
    pub ep_att: Option<bool>,
    /// 05: the key to this credential's large blob.
    pub large_blob_key: Option<LargeBlobKey>,
    /// 06: extension outputs outside the signature.
    pub unsigned_extension_outputs: Option<Vec<(String, Value)>>,
    /// All other members.
    pub unknown: Vec<(Value, Value)>,
}

impl Reply {
    /// Reads a makeCredential reply (without its status byte).
    ///
    /// # Errors
    /// [`ReplyFault`]; the key's fault.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ReplyFault> {
        Self::read(Fields::parse(body, REPLY, strict)?)
    }

    fn read(mut members: Fields) -> Result<Self, ReplyFault> {
        let reply = Self {
            fmt: members.require(0x01, "fmt")?,
            auth_data: members.require(0x02, "authData")?,
            att_stmt: members.require(0x03, "attStmt")?,
            ep_att: members.take(0x04, "epAtt")?,
            large_blob_key: members.take(0x05, "largeBlobKey")?.map(LargeBlobKey),
            unsigned_extension_outputs: members.take(0x06, "unsignedExtensionOutputs")?,
            unknown: members.unknown(),
        };
        if reply.auth_data.attested.is_none() {
            return Err(ReplyFault::Missing("the credential in authData"));
        }
        Ok(reply)
    }

    /// The credential that was made. It is `None` only in a reply that was put together by hand.
    #[must_use]
    pub const fn credential(&self) -> Option<&AttestedCredential> {
        self.auth_data.attested.as_ref()
    }

    /// Checks that the reply is for `rp_id`, that somebody touched the key, and that the attestation's signature is
    /// right.
    ///
    /// The caller decides whether to trust the certificates.
    ///
    /// # Errors
    /// [`VerifyFault`]; the key's fault, or the fault of the one who altered the reply.
    pub fn verify(&self, rp_id: &str, client_data_hash: &[u8]) -> Result<Attestation, VerifyFault> {
        if self.auth_data.rp_id_hash != <[u8; 32]>::from(Sha256::digest(rp_id)) {
            return Err(VerifyFault::OtherRelyingParty);
        }
        if !self.auth_data.flags.user_present() {
            return Err(VerifyFault::NobodyPresent);
        }
        attestation::verify(&self.fmt, &self.att_stmt, &self.auth_data, client_data_hash)
    }
}

/// The key to a credential's large blob. It is wiped when it is dropped, never shown, and compared in constant
/// time.
#[derive(Clone)]
pub struct LargeBlobKey(pub(crate) Zeroizing<[u8; 32]>);

impl LargeBlobKey {
    /// A key that was stored from an earlier reply.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for LargeBlobKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl core::fmt::Debug for LargeBlobKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LargeBlobKey(..)")
    }
}

impl<E: Exchange> Client<E> {
    /// Makes a credential. A token authorises the request; after that the key withdraws the token's permission
    /// (MC-36).
    ///
    /// # Errors
    /// `PuatRequired` if a token is needed; `CredentialExcluded`, `OperationDenied`, `KeyStoreFull`, others of
    /// [`Error`], which tells whose fault it is.
    pub fn make_credential(
        &mut self,
        request: &Request,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<Reply, Error> {
        let message = match auth {
            Some(token) => request.clone().authorized_by(token).encode(),
            None => request.encode(),
        };
        let members = self.call_for_map(&message, REPLY)?;
        Ok(Reply::read(members)?)
    }
}

const REPLY: &str = "the makeCredential reply";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cbor::encode;
    use crate::test_support::{ScriptedKey, hex, token_of_v_06};

    fn request() -> Request {
        Request::new([0xCD; 32], RelyingParty::new("example.com"), User::new([1], "a"))
    }

    fn auth_data(flags: &str) -> Vec<u8> {
        hex(&[
            "a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce1947",
            flags,
            CREDENTIAL,
        ]
        .concat())
    }

    const CREDENTIAL: &str = "00000001eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0010aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa501020326200121\
                              5820591ab771ebbcfd6d9cb9094d106528add1a69d44c2c1f627f089ec58b9c61adf2258209f4e6abf0d045c0c69\
                              3a3c68ad7c97ca72be64def4a26fecd263dd98a92780f0";

    fn reply(flags: &str) -> MapBuilder {
        MapBuilder::new()
            .member(1, "none")
            .member(2, auth_data(flags))
            .member(3, Value::Map(Vec::new()))
    }

    #[test]
    fn the_plain_request_has_the_four_obligatory_members() {
        let expected = [
            "01a4015820",
            &"cd".repeat(32),
            "02a16269646b6578616d706c652e636f6d",
            "03a2626964410164",
            "6e616d656161",
            "0482a263616c672664747970656a7075626c69632d6b6579a263616c672764747970656a7075626c69632d6b6579",
        ];
        assert_eq!(request().encode(), hex(&expected.concat()));
    }

    #[test]
    fn members_may_be_left_out_added_and_replaced() {
        let odd = Request {
            extra: vec![(1, Value::from("text")), (0x55, Value::Null)],
            ..Request::default()
        };
        assert_eq!(odd.encode(), hex("01a20164746578741855f6"));
    }

    #[test]
    fn options_and_extensions_are_written_in_canonical_order() {
        let request = Request::default()
            .with_option("uv", false)
            .with_option("rk", true)
            .with_extension("hmac-secret", true)
            .with_extension("credProtect", 2);
        let expected =
            "01a206a26b6372656450726f74656374026b686d61632d736563726574f507a262726bf5627576f4";
        assert_eq!(request.encode(), hex(expected));
    }

    #[test]
    fn a_token_authorises_the_client_data_hash_as_in_v_06() {
        let token = token_of_v_06();
        let authorized = request().authorized_by(&token);
        let mac = hex("8c6f9324521a31d15d1b1c21a84d883df994edbc8570af9c68c5c39380886285");
        assert_eq!(authorized.pin_uv_auth_param, Some(mac));
        let key = ScriptedKey::default().expect(authorized.encode(), [0x27]);
        let error = Client::new(key).make_credential(&request(), Some(&token)).unwrap_err();
        assert_eq!(error.status(), Some(crate::Status::OperationDenied));
    }

    #[test]
    fn a_reply_is_read_and_checked_against_its_relying_party() {
        let reply = Reply::parse(&encode(&reply("45").build()), true).unwrap();
        assert_eq!(reply.credential().unwrap().credential_id, [0xAA; 16]);
        assert_eq!(reply.verify("example.com", &[0xCD; 32]), Ok(Attestation::None));
        assert_eq!(reply.verify("example.org", &[0xCD; 32]), Err(VerifyFault::OtherRelyingParty));
    }

    #[test]
    fn a_reply_without_touch_or_without_credential_is_refused() {
        let untouched = Reply::parse(&encode(&reply("44").build()), true).unwrap();
        assert_eq!(untouched.verify("example.com", &[0xCD; 32]), Err(VerifyFault::NobodyPresent));
        let assertion = auth_data("05")[..37].to_vec();
        let without = MapBuilder::new()
            .member(1, "none")
            .member(2, assertion)
            .member(3, Value::Map(Vec::new()));
        let fault = Reply::parse(&encode(&without.build()), true).unwrap_err();
        assert_eq!(fault, ReplyFault::Missing("the credential in authData"));
    }

    #[test]
    fn the_large_blob_key_has_32_bytes_and_is_not_shown() {
        let with_key = reply("45").member(5, vec![0x5A; 32]);
        let parsed = Reply::parse(&encode(&with_key.build()), true).unwrap();
        assert_eq!(parsed.large_blob_key.as_ref().unwrap().as_bytes(), &[0x5A; 32]);
        assert!(format!("{parsed:?}").contains("LargeBlobKey(..)"));
        let short = reply("45").member(5, vec![0x5A; 31]);
        let fault = Reply::parse(&encode(&short.build()), true).unwrap_err();
        assert_eq!(fault, ReplyFault::BadValue("largeBlobKey"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), strict: bool) {
            let _ = Reply::parse(&bytes, strict);
        }

        #[test]
        fn no_damage_to_a_good_reply_makes_the_parser_panic(at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = encode(&reply("45").build());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = Reply::parse(&bytes, false);
        }
    }
}
