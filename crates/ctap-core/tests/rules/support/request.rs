//! Requests as values: right ones, from which tests make wrong ones.

use ctap_client::cbor::encode;

use super::{HASH, PinUvAuthToken, Value, bytes, map, numbered};

/// A command byte and its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    command: u8,
    members: Vec<(Value, Value)>,
}

impl Request {
    pub(crate) const fn new(command: u8) -> Self {
        Self { command, members: Vec::new() }
    }

    /// With this member, in place of one of the same key.
    pub(crate) fn with(mut self, key: i64, value: impl Into<Value>) -> Self {
        self = self.without(key);
        self.members.push((key.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, key: i64) -> Self {
        self.members.retain(|(present, _)| *present != key.into());
        self
    }

    pub(crate) fn get(&self, key: i64) -> Option<&Value> {
        self.members.iter().find(|(present, _)| *present == key.into()).map(|(_, value)| value)
    }

    /// The canonical encoding; a bare byte for a command without parameters (MSG-04).
    pub(crate) fn encode(&self) -> Vec<u8> {
        if matches!(self.command, 0x04 | 0x07 | 0x08 | 0x0b) {
            return vec![self.command];
        }
        [vec![self.command], encode(&Value::Map(self.members.clone()))].concat()
    }

    /// With `name` in the map under `key`.
    fn nested(self, key: i64, name: &str, value: Value) -> Self {
        let mut entries =
            self.get(key).map_or(Vec::new(), |present| present.as_map().unwrap().clone());
        entries.retain(|(present, _)| present.as_text() != Some(name));
        entries.push((name.into(), value));
        self.with(key, Value::Map(entries))
    }

    fn is_registration(&self) -> bool {
        self.command == 1
    }

    /// An option of makeCredential or getAssertion.
    pub(crate) fn option(self, name: &str, value: impl Into<Value>) -> Self {
        let key = if self.is_registration() { 7 } else { 5 };
        self.nested(key, name, value.into())
    }

    /// An extension input of makeCredential or getAssertion.
    pub(crate) fn extension(self, name: &str, value: impl Into<Value>) -> Self {
        let key = if self.is_registration() { 6 } else { 4 };
        self.nested(key, name, value.into())
    }

    /// A discoverable credential.
    pub(crate) fn rk(self) -> Self {
        self.option("rk", true)
    }

    /// Without a touch.
    pub(crate) fn silent(self) -> Self {
        self.option("up", false)
    }

    /// excludeList or allowList.
    pub(crate) fn list(self, ids: &[&[u8]]) -> Self {
        let key = if self.is_registration() { 5 } else { 3 };
        let list = ids.iter().map(|id| descriptor(id)).collect::<Vec<_>>();
        self.with(key, list)
    }

    /// Another user.
    pub(crate) fn user(self, id: &[u8], name: &str) -> Self {
        self.with(3, map([("id", bytes(id)), ("name", name.into()), ("displayName", name.into())]))
    }

    /// Only this algorithm.
    pub(crate) fn algorithm(self, number: i64) -> Self {
        self.with(4, vec![parameter(number)])
    }

    /// pinUvAuthParam and pinUvAuthProtocol as they stand.
    pub(crate) fn param(self, param: Vec<u8>, protocol: u64) -> Self {
        let (param_key, protocol_key) = match self.command {
            0x01 => (0x08, 0x09),
            0x02 => (0x06, 0x07),
            0x09 => (0x05, 0x04),
            0x0c => (0x05, 0x06),
            _ => (0x04, 0x03),
        };
        self.with(param_key, bytes(param)).with(protocol_key, protocol)
    }

    /// With the MAC that the command prescribes.
    pub(crate) fn auth(self, token: &PinUvAuthToken) -> Self {
        let mac = token.authenticate(&self.authenticated());
        self.param(mac, token.protocol().number())
    }

    /// The bytes that the MAC covers (MC-25, CM-07, BE-11, LB-39, CF-08).
    pub(crate) fn authenticated(&self) -> Vec<u8> {
        let number = |key| u64::try_from(self.get(key).unwrap().as_integer().unwrap()).unwrap();
        let params = |key| self.get(key).map_or(Vec::new(), encode);
        match self.command {
            0x01 => self.get(1).unwrap().as_bytes().unwrap().clone(),
            0x02 => self.get(2).unwrap().as_bytes().unwrap().clone(),
            0x09 => [vec![1, number(2) as u8], params(3)].concat(),
            0x0a => [vec![number(1) as u8], params(2)].concat(),
            0x0c => {
                let offset = (number(3) as u32).to_le_bytes();
                let hash = super::sha256(self.get(2).unwrap().as_bytes().unwrap());
                [&[0xff; 32][..], &[0x0c, 0x00], &offset, &hash].concat()
            }
            _ => [vec![0xff; 32], vec![0x0d, number(1) as u8], params(2)].concat(),
        }
    }
}

/// A registration that a fresh key accepts.
pub(crate) fn make_credential(rp_id: &str) -> Request {
    Request::new(0x01)
        .with(1, bytes(HASH))
        .with(2, map([("id", rp_id.into()), ("name", "Example".into())]))
        .user(b"ada", "Ada")
        .with(4, vec![parameter(-7)])
}

/// A sign-in.
pub(crate) fn get_assertion(rp_id: &str) -> Request {
    Request::new(0x02).with(1, rp_id).with(2, bytes(HASH))
}

/// getNextAssertion.
pub(crate) const fn get_next_assertion() -> Request {
    Request::new(0x08)
}

/// A subcommand of clientPIN.
pub(crate) fn client_pin(sub_command: u64) -> Request {
    Request::new(0x06).with(2, sub_command)
}

/// A subcommand of bioEnrollment.
pub(crate) fn bio_enrollment(sub_command: u64) -> Request {
    Request::new(0x09).with(1, 1).with(2, sub_command)
}

/// A subcommand of credentialManagement.
pub(crate) fn credential_management(sub_command: u64) -> Request {
    Request::new(0x0a).with(1, sub_command)
}

/// A subcommand of authenticatorConfig.
pub(crate) fn config(sub_command: u64) -> Request {
    Request::new(0x0d).with(1, sub_command)
}

/// largeBlobs: read.
pub(crate) fn read_blobs(offset: u64, count: u64) -> Request {
    Request::new(0x0c).with(1, count).with(3, offset)
}

/// largeBlobs: the first fragment of a write if `length` is given, else a further one.
pub(crate) fn write_blobs(offset: u64, fragment: &[u8], length: Option<u64>) -> Request {
    let request = Request::new(0x0c).with(2, bytes(fragment)).with(3, offset);
    match length {
        Some(length) => request.with(4, length),
        None => request,
    }
}

/// `PublicKeyCredentialDescriptor`.
pub(crate) fn descriptor(id: &[u8]) -> Value {
    map([("id", bytes(id)), ("type", "public-key".into())])
}

/// `PublicKeyCredentialParameters`.
pub(crate) fn parameter(algorithm: i64) -> Value {
    map([("alg", algorithm.into()), ("type", "public-key".into())])
}

/// subCommandParams with integer keys.
pub(crate) fn params<const N: usize>(entries: [(i64, Value); N]) -> Value {
    numbered(entries)
}
