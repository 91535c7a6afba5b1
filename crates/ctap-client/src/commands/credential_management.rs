//! CTAP section 6.8: authenticatorCredentialManagement.

use super::make_credential::LargeBlobKey;
use super::{code, mac_message};
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::cose::PublicKey;
use crate::entities::{CredentialDescriptor, RelyingParty, User};
use crate::error::{Error, ReplyFault};
use crate::exchange::Exchange;
use crate::fields::Fields;
use crate::limits::MAX_WALK;
use crate::pin_protocol::PinUvAuthToken;
use crate::status::Status;

/// Subcommand numbers.
pub mod sub_command {
    /// getCredsMetadata
    pub const GET_CREDS_METADATA: u64 = 0x01;
    /// enumerateRPsBegin
    pub const ENUMERATE_RPS_BEGIN: u64 = 0x02;
    /// enumerateRPsGetNextRP
    pub const ENUMERATE_RPS_GET_NEXT_RP: u64 = 0x03;
    /// enumerateCredentialsBegin
    pub const ENUMERATE_CREDENTIALS_BEGIN: u64 = 0x04;
    /// enumerateCredentialsGetNextCredential
    pub const ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL: u64 = 0x05;
    /// deleteCredential
    pub const DELETE_CREDENTIAL: u64 = 0x06;
    /// updateUserInformation
    pub const UPDATE_USER_INFORMATION: u64 = 0x07;
}

/// A credentialManagement request, member by member (MSG-19).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: the subcommand; see [`sub_command`].
    pub sub_command: Option<u64>,
    /// 02: its parameters, a map.
    pub sub_command_params: Option<Value>,
    /// 03: which PIN/UV auth protocol `pin_uv_auth_param` is made with: 1 or 2.
    pub pin_uv_auth_protocol: Option<u64>,
    /// 04: the MAC that proves the possession of the token; [`authorized_by`](Self::authorized_by) makes it.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// A request with nothing but its subcommand.
    #[must_use]
    pub fn new(sub_command: u64) -> Self {
        Self { sub_command: Some(sub_command), ..Self::default() }
    }

    /// Adds the parameters of the subcommand.
    #[must_use]
    pub fn with_params(mut self, params: MapBuilder) -> Self {
        self.sub_command_params = Some(params.build());
        self
    }

    /// Fills in members 03 and 04: the MAC is over the subcommand byte and its encoded parameters (CM-07).
    #[must_use]
    pub fn authorized_by(mut self, token: &PinUvAuthToken) -> Self {
        let head = [self.sub_command.unwrap_or_default() as u8];
        let message = mac_message(&head, self.sub_command_params.as_ref());
        (self.pin_uv_auth_param, self.pin_uv_auth_protocol) = token.members_over(&message);
        self
    }

    /// The message as it goes to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        MapBuilder::new()
            .optional(0x01, self.sub_command)
            .optional(0x02, self.sub_command_params.clone())
            .optional(0x03, self.pin_uv_auth_protocol)
            .optional(0x04, self.pin_uv_auth_param.as_deref())
            .extra(&self.extra)
            .request(code::CREDENTIAL_MANAGEMENT)
    }
}

/// A credentialManagement reply, member by member (MSG-20).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// 01: how many discoverable credentials are on the key.
    pub existing_resident_credentials_count: Option<u64>,
    /// 02: how many more fit at least; an estimate.
    pub max_possible_remaining_resident_credentials_count: Option<u64>,
    /// 03: a relying party that has credentials there.
    pub rp: Option<RelyingParty>,
    /// 04: SHA-256 of its RP id.
    pub rp_id_hash: Option<[u8; 32]>,
    /// 05: how many relying parties there are; only in the first reply.
    pub total_rps: Option<u64>,
    /// 06: the account of the credential.
    pub user: Option<User>,
    /// 07: the credential.
    pub credential_id: Option<CredentialDescriptor>,
    /// 08: its public key.
    pub public_key: Option<PublicKey>,
    /// 09: how many credentials that relying party has; only in the first reply.
    pub total_credentials: Option<u64>,
    /// 0A: its credProtect level: 1, 2 or 3.
    pub cred_protect: Option<u64>,
    /// 0B: the key to its large blob.
    pub large_blob_key: Option<LargeBlobKey>,
    /// 0C: whether it was made with the thirdPartyPayment extension.
    pub third_party_payment: Option<bool>,
    /// All other members.
    pub unknown: Vec<(Value, Value)>,
}

impl Reply {
    /// Reads a reply (without its status byte).
    ///
    /// # Errors
    /// [`ReplyFault`]; the key's fault.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ReplyFault> {
        Self::read(Fields::parse(body, REPLY, strict)?)
    }

    fn read(mut members: Fields) -> Result<Self, ReplyFault> {
        Ok(Self {
            existing_resident_credentials_count: members.take(0x01, EXISTING)?,
            max_possible_remaining_resident_credentials_count: members.take(0x02, REMAINING)?,
            rp: members.take(0x03, "rp")?,
            rp_id_hash: members.take(0x04, "rpIDHash")?,
            total_rps: members.take(0x05, "totalRPs")?,
            user: members.take(0x06, "user")?,
            credential_id: members.take(0x07, "credentialID")?,
            public_key: members.take(0x08, "publicKey")?,
            total_credentials: members.take(0x09, "totalCredentials")?,
            cred_protect: members.take(0x0A, "credProtect")?,
            large_blob_key: members.take(0x0B, "largeBlobKey")?.map(LargeBlobKey),
            third_party_payment: members.take(0x0C, "thirdPartyPayment")?,
            unknown: members.unknown(),
        })
    }
}

/// How full the key is (CM-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// How many discoverable credentials are on the key.
    pub existing: u64,
    /// How many more fit; an estimate.
    pub remaining: u64,
}

/// A relying party with discoverable credentials on the key (CM-21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRelyingParty {
    /// Its id, which may be shortened (CM-40), and its name.
    pub rp: RelyingParty,
    /// SHA-256 of its whole id; [`Client::enumerate_credentials`] takes it.
    pub rp_id_hash: [u8; 32],
}

/// A discoverable credential on the key (CM-24).
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCredential {
    /// The account.
    pub user: User,
    /// The credential.
    pub credential: CredentialDescriptor,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its credProtect level, 1 to 3.
    pub cred_protect: u64,
    /// The key to its large blob.
    pub large_blob_key: Option<LargeBlobKey>,
    /// Whether it may be used for payments at third parties; `None` on keys without that extension.
    pub third_party_payment: Option<bool>,
}

impl StoredRelyingParty {
    fn from_reply(reply: Reply) -> Result<Self, ReplyFault> {
        Ok(Self {
            rp: reply.rp.ok_or(ReplyFault::Missing("rp"))?,
            rp_id_hash: reply.rp_id_hash.ok_or(ReplyFault::Missing("rpIDHash"))?,
        })
    }
}

impl StoredCredential {
    fn from_reply(reply: Reply) -> Result<Self, ReplyFault> {
        let cred_protect = reply.cred_protect.ok_or(ReplyFault::Missing("credProtect"))?;
        if !(1..=3).contains(&cred_protect) {
            return Err(ReplyFault::BadValue("credProtect"));
        }
        Ok(Self {
            user: reply.user.ok_or(ReplyFault::Missing("user"))?,
            credential: reply.credential_id.ok_or(ReplyFault::Missing("credentialID"))?,
            public_key: reply.public_key.ok_or(ReplyFault::Missing("publicKey"))?,
            cred_protect,
            large_blob_key: reply.large_blob_key,
            third_party_payment: reply.third_party_payment,
        })
    }
}

/// All need a token with `CREDENTIAL_MANAGEMENT`; the first three also take a persistent read-only one (CM-05).
impl<E: Exchange> Client<E> {
    /// Sends a request as it is, and reads the reply of a subcommand that has one.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn credential_management(&mut self, request: &Request) -> Result<Reply, Error> {
        let members = self.call_for_map(&request.encode(), REPLY)?;
        Ok(Reply::read(members)?)
    }

    /// Asks how full the key is.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn creds_metadata(&mut self, token: &PinUvAuthToken) -> Result<Metadata, Error> {
        let request = Request::new(sub_command::GET_CREDS_METADATA).authorized_by(token);
        let reply = self.credential_management(&request)?;
        Ok(Metadata {
            existing: reply
                .existing_resident_credentials_count
                .ok_or(ReplyFault::Missing(EXISTING))?,
            remaining: reply
                .max_possible_remaining_resident_credentials_count
                .ok_or(ReplyFault::Missing(REMAINING))?,
        })
    }

    /// Lists the relying parties with discoverable credentials. An empty list is not an error (CL-23).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn enumerate_rps(
        &mut self,
        token: &PinUvAuthToken,
    ) -> Result<Vec<StoredRelyingParty>, Error> {
        let begin = Request::new(sub_command::ENUMERATE_RPS_BEGIN).authorized_by(token);
        let next = sub_command::ENUMERATE_RPS_GET_NEXT_RP;
        let replies = self
            .walk(&begin, next, |first| first.total_rps.ok_or(ReplyFault::Missing("totalRPs")))?;
        Ok(replies.into_iter().map(StoredRelyingParty::from_reply).collect::<Result<_, _>>()?)
    }

    /// Lists the discoverable credentials of one relying party. An empty list is not an error.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn enumerate_credentials(
        &mut self,
        token: &PinUvAuthToken,
        rp_id_hash: &[u8; 32],
    ) -> Result<Vec<StoredCredential>, Error> {
        let params = MapBuilder::new().member(0x01, rp_id_hash.as_slice());
        let begin = Request::new(sub_command::ENUMERATE_CREDENTIALS_BEGIN)
            .with_params(params)
            .authorized_by(token);
        let next = sub_command::ENUMERATE_CREDENTIALS_GET_NEXT_CREDENTIAL;
        let total =
            |first: &Reply| first.total_credentials.ok_or(ReplyFault::Missing("totalCredentials"));
        let replies = self.walk(&begin, next, total)?;
        Ok(replies.into_iter().map(StoredCredential::from_reply).collect::<Result<_, _>>()?)
    }

    /// Deletes a discoverable credential.
    ///
    /// # Errors
    /// `NoCredentials` if the key does not have the credential.
    pub fn delete_credential(
        &mut self,
        token: &PinUvAuthToken,
        credential: &CredentialDescriptor,
    ) -> Result<(), Error> {
        let params = MapBuilder::new().member(0x02, credential);
        let request =
            Request::new(sub_command::DELETE_CREDENTIAL).with_params(params).authorized_by(token);
        self.call_for_nothing(&request.encode())
    }

    /// Replaces the names of the account. The account's id must be the stored one (CM-38).
    ///
    /// # Errors
    /// `NoCredentials` if the key does not have the credential; `InvalidParameter` if the account has another id.
    pub fn update_user_information(
        &mut self,
        token: &PinUvAuthToken,
        credential: &CredentialDescriptor,
        user: &User,
    ) -> Result<(), Error> {
        let params = MapBuilder::new().member(0x02, credential).member(0x03, user);
        let request = Request::new(sub_command::UPDATE_USER_INFORMATION)
            .with_params(params)
            .authorized_by(token);
        self.call_for_nothing(&request.encode())
    }

    fn walk(
        &mut self,
        begin: &Request,
        next: u64,
        total: impl Fn(&Reply) -> Result<u64, ReplyFault>,
    ) -> Result<Vec<Reply>, Error> {
        let first = match self.credential_management(begin) {
            Err(Error::Status(Status::NoCredentials)) => return Ok(Vec::new()),
            outcome => outcome?,
        };
        let total = total(&first)?;
        if total > MAX_WALK {
            return Err(ReplyFault::BadValue("the number of entries").into());
        }
        let mut replies = vec![first];
        for _ in 1..total {
            replies.push(self.credential_management(&Request::new(next))?);
        }
        // Some keys answer an empty walk with a total of 0 instead of NO_CREDENTIALS (CM-21).
        replies.truncate(total.try_into().unwrap_or_default());
        Ok(replies)
    }
}

const REPLY: &str = "the credentialManagement reply";
const EXISTING: &str = "existingResidentCredentialsCount";
const REMAINING: &str = "maxPossibleRemainingResidentCredentialsCount";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cbor::encode;
    use crate::test_support::{ScriptedKey, hex, token_of_v_06};

    const RP_ID_HASH: &str = "a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce1947";

    fn message(reply: MapBuilder) -> Vec<u8> {
        [vec![0], encode(&reply.build())].concat()
    }

    fn rp(id: &str) -> MapBuilder {
        MapBuilder::new().member(3, &RelyingParty::new(id)).member(4, hex(RP_ID_HASH))
    }

    fn credential(id: u8) -> MapBuilder {
        let key = "a5010203262001215820591ab771ebbcfd6d9cb9094d106528add1a69d44c2c1f627f089ec58b9c61adf\
                   2258209f4e6abf0d045c0c693a3c68ad7c97ca72be64def4a26fecd263dd98a92780f0";
        MapBuilder::new()
            .member(6, &User::new([id], "a"))
            .member(7, &CredentialDescriptor::new([id; 16]))
            .member(8, crate::cbor::decode(&hex(key)).unwrap())
            .member(10, 2)
    }

    #[test]
    fn the_macs_are_those_of_v_07() {
        let token = token_of_v_06();
        let hash = MapBuilder::new().member(1, hex(RP_ID_HASH));
        let id = MapBuilder::new().member(2, &CredentialDescriptor::new([0xAA; 16]));
        let requests = [
            (Request::new(1), "9b4c8120a4823a95f47cde17a244f4507244ee6e3957d1fab9fa29b44d3829b7"),
            (Request::new(2), "4304c22c84a53755ab08ead8d97a8d429be5efa480682d7ad1da27f73e1fbe1d"),
            (
                Request::new(4).with_params(hash),
                "297e215b5ce8e700cdfed6d105d18a5b2494ae4688d772d60bba4060b247aed8",
            ),
            (
                Request::new(6).with_params(id),
                "1150f22a2a03be307a21e4e2e2d36bfd70b8d939905481acfccf310de1ae2d1f",
            ),
        ];
        for (request, mac) in requests {
            let authorized = request.authorized_by(&token);
            assert_eq!(authorized.pin_uv_auth_param, Some(hex(mac)));
            assert_eq!(authorized.pin_uv_auth_protocol, Some(2));
        }
    }

    #[test]
    fn metadata_is_two_numbers() {
        let request = Request::new(1).authorized_by(&token_of_v_06()).encode();
        let key = ScriptedKey::default().expect(request, hex("00a201030207"));
        let metadata = Client::new(key).creds_metadata(&token_of_v_06()).unwrap();
        assert_eq!(metadata, Metadata { existing: 3, remaining: 7 });
    }

    #[test]
    fn relying_parties_are_walked_to_the_announced_total() {
        let begin = Request::new(2).authorized_by(&token_of_v_06()).encode();
        let key = ScriptedKey::default()
            .expect(begin, message(rp("a").member(5, 2)))
            .expect(hex("0aa10103"), message(rp("b")));
        let mut client = Client::new(key);
        let rps = client.enumerate_rps(&token_of_v_06()).unwrap();
        assert_eq!(rps.iter().map(|stored| stored.rp.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(client.exchange_mut().is_finished());
    }

    #[test]
    fn an_empty_key_is_no_error_in_either_dialect() {
        let begin = Request::new(2).authorized_by(&token_of_v_06()).encode();
        let key = ScriptedKey::default()
            .expect(&begin, [0x2E])
            .expect(&begin, hex("00a10500"))
            .expect(&begin, [0x33]);
        let mut client = Client::new(key);
        assert_eq!(client.enumerate_rps(&token_of_v_06()).unwrap(), []);
        assert_eq!(client.enumerate_rps(&token_of_v_06()).unwrap(), []);
        let error = client.enumerate_rps(&token_of_v_06()).unwrap_err();
        assert_eq!(error.status(), Some(Status::PinAuthInvalid));
    }

    #[test]
    fn credentials_are_walked_and_must_tell_their_protection() {
        let hash: [u8; 32] = hex(RP_ID_HASH).try_into().unwrap();
        let params = MapBuilder::new().member(1, hash.as_slice());
        let begin = Request::new(4).with_params(params).authorized_by(&token_of_v_06()).encode();
        let unprotected = credential(3).member(10, 0).member(9, 1);
        let key = ScriptedKey::default()
            .expect(&begin, message(credential(1).member(9, 2)))
            .expect(hex("0aa10105"), message(credential(2).member(12, true)))
            .expect(&begin, message(unprotected));
        let mut client = Client::new(key);
        let stored = client.enumerate_credentials(&token_of_v_06(), &hash).unwrap();
        assert_eq!((stored[0].credential.id.clone(), stored[0].cred_protect), (vec![1; 16], 2));
        assert_eq!(stored[1].third_party_payment, Some(true));
        let error = client.enumerate_credentials(&token_of_v_06(), &hash).unwrap_err();
        assert!(matches!(error, Error::Reply(ReplyFault::BadValue("credProtect"))));
    }

    #[test]
    fn a_walk_of_absurd_length_is_not_followed() {
        let begin = Request::new(2).authorized_by(&token_of_v_06()).encode();
        let key = ScriptedKey::default().expect(begin, message(rp("a").member(5, MAX_WALK + 1)));
        let error = Client::new(key).enumerate_rps(&token_of_v_06()).unwrap_err();
        assert!(matches!(error, Error::Reply(ReplyFault::BadValue("the number of entries"))));
    }

    #[test]
    fn deletion_and_update_have_no_body() {
        let (id, user) = (CredentialDescriptor::new([0xAA; 16]), User::new([1], "b"));
        let delete = Request::new(6).with_params(MapBuilder::new().member(2, &id));
        let update = Request::new(7).with_params(MapBuilder::new().member(2, &id).member(3, &user));
        let key = ScriptedKey::default()
            .expect(delete.authorized_by(&token_of_v_06()).encode(), [0])
            .expect(update.authorized_by(&token_of_v_06()).encode(), [0, 0xA0]);
        let mut client = Client::new(key);
        client.delete_credential(&token_of_v_06(), &id).unwrap();
        let error = client.update_user_information(&token_of_v_06(), &id, &user).unwrap_err();
        assert!(matches!(error, Error::Reply(ReplyFault::UnexpectedBody(1))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), strict: bool) {
            let _ = Reply::parse(&bytes, strict);
        }
    }
}
