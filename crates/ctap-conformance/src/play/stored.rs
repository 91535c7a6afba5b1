//! The credentials that a case has had a key make: so many places are taken.

use ctap_client::Value;
use ctap_client::cbor::{decode, encode};
use ctap_client::commands::code;
use ctap_client::commands::credential_management::sub_command::DELETE_CREDENTIAL;

use crate::notation::eval::find;
use crate::watch::{CREDENTIAL_MANAGEMENT_PREVIEW, is_discoverable};

/// Credentials that were made and not deleted since, or replaced.
#[derive(Default)]
pub(super) struct Stored(Vec<Credential>);

struct Credential {
    id: Vec<u8>,
    /// Whose passkey it is; `None`: it is none. Only some keys keep those.
    account: Option<Vec<u8>>,
}

impl Stored {
    /// Takes note of what a request changed that was answered with OK.
    pub(super) fn follow(&mut self, message: &[u8], answer: &[u8]) {
        let (Some((&command, request)), Some((0, reply))) =
            (message.split_first(), answer.split_first())
        else {
            return;
        };
        let (request, reply) = (read(request), read(reply));
        match command {
            code::MAKE_CREDENTIAL => {
                if let Some(id) = made(&reply) {
                    let account = account(&request);
                    self.0.retain(|one| account.is_none() || one.account != account);
                    self.0.push(Credential { id, account });
                }
            }
            code::CREDENTIAL_MANAGEMENT | CREDENTIAL_MANAGEMENT_PREVIEW => {
                if let Some(id) = deleted(&request) {
                    self.0.retain(|one| one.id != id);
                }
            }
            code::RESET => self.0.clear(),
            _ => {}
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether this request makes a passkey in the place of another one, which takes no room (MC-40).
    pub(super) fn is_replaced_by(&self, request: &Value) -> bool {
        let account = account(request);
        account.is_some() && self.0.iter().any(|one| one.account == account)
    }
}

fn read(body: &[u8]) -> Value {
    decode(body).unwrap_or(Value::Null)
}

/// The id in the answer to makeCredential.
fn made(reply: &Value) -> Option<Vec<u8>> {
    let data = find(reply, &2.into())?.as_bytes()?;
    let (length, rest) = data.get(BEFORE_THE_ID..)?.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length))).map(<[u8]>::to_vec)
}

/// Whom a passkey is for: relying party and user.
fn account(request: &Value) -> Option<Vec<u8>> {
    let id = |member: u64| Some(find(find(request, &member.into())?, &"id".into())?.clone());
    is_discoverable(request).then(|| Some(encode(&vec![id(2)?, id(3)?].into())))?
}

/// The id in deleteCredential (CM-35).
fn deleted(request: &Value) -> Option<Vec<u8>> {
    let is_delete = find(request, &1.into()) == Some(&DELETE_CREDENTIAL.into());
    let descriptor = find(find(request, &2.into())?, &2.into())?;
    find(descriptor, &"id".into())?.as_bytes().filter(|_| is_delete).cloned()
}

/// Bytes of authenticator data before the id's length: a hash, flags, a counter, the AAGUID.
const BEFORE_THE_ID: usize = 32 + 1 + 4 + 16;

#[cfg(test)]
mod tests {
    use ctap_client::cbor::MapBuilder;

    use super::*;

    /// makeCredential for this user.
    fn making(user: &str, rk: bool) -> Value {
        let named = |id: &str| MapBuilder::new().member("id", id).build();
        let options = MapBuilder::new().member("rk", rk).build();
        MapBuilder::new()
            .member(2, named("a.example"))
            .member(3, named(user))
            .member(7, options)
            .build()
    }

    fn message(command: u8, request: &Value) -> Vec<u8> {
        [&[command][..], &encode(request)].concat()
    }

    /// OK, and a credential with this id.
    fn made_as(id: u8) -> Vec<u8> {
        let head = [&[0; 32][..], &[0x41], &[0; 4 + 16], &[0, 1, id]].concat();
        [&[0][..], &encode(&MapBuilder::new().member(2, head).build())].concat()
    }

    #[test]
    fn passkeys_count_until_they_are_replaced_deleted_or_reset() {
        let mut stored = Stored::default();
        let make = |stored: &mut Stored, user, rk, id| {
            stored.follow(&message(code::MAKE_CREDENTIAL, &making(user, rk)), &made_as(id));
            stored.count()
        };
        assert_eq!(make(&mut stored, "alice", true, 1), 1);
        assert_eq!(make(&mut stored, "alice", true, 2), 1, "in the place of the first");
        assert_eq!(make(&mut stored, "alice", false, 3), 2, "some keys keep it, too");
        assert!(stored.is_replaced_by(&making("alice", true)));
        assert!(!stored.is_replaced_by(&making("alice", false)));
        assert!(!stored.is_replaced_by(&making("bob", true)));
        stored.follow(&message(code::MAKE_CREDENTIAL, &making("bob", true)), &[0x28]);
        assert_eq!(stored.count(), 2, "what was refused");
        let id = MapBuilder::new().member("id", &[2][..]).build();
        let parameters = MapBuilder::new().member(2, id).build();
        let delete = MapBuilder::new().member(1, DELETE_CREDENTIAL).member(2, parameters).build();
        stored.follow(&message(code::CREDENTIAL_MANAGEMENT, &delete), &[0]);
        assert_eq!(stored.count(), 1);
        stored.follow(&[code::RESET], &[0]);
        assert_eq!(stored.count(), 0);
    }
}
