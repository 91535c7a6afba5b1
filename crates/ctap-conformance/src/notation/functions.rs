//! The functions of the notation, each a few lines that use `ctap-client`.

use std::rc::Rc;
use std::time::SystemTime;

use ctap_client::arkg::PublicSeed;
use ctap_client::attestation::{self, Attestation};
use ctap_client::auth_data::{AttestedCredential, AuthData};
use ctap_client::cbor::{MapBuilder, decode, encode};
use ctap_client::commands::client_pin;
use ctap_client::cose::PublicKey;
use ctap_client::fields::FromCbor as _;
use ctap_client::shown::shown;
use ctap_client::{PinUvAuthToken, SharedSecret, Value, get_assertion, make_credential};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::eval::{Scope, Term, find, member, number};
use super::{NoValue, certificate};

/// A function: its name and how many arguments it takes.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: usize,
    body: fn(Arguments, &mut Scope<'_>) -> Result<Term, NoValue>,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The function of that name.
pub(crate) fn by_name(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

pub(crate) fn call(
    function: &Function,
    arguments: Vec<Term>,
    scope: &mut Scope<'_>,
) -> Result<Term, NoValue> {
    (function.body)(Arguments(arguments.into_iter()), scope)
        .map_err(|NoValue(why)| NoValue(format!("{}: {why}", function.name)))
}

const FUNCTIONS: &[Function] = &[
    // Bytes
    function("sha256", 1, |mut a, _| bytes(Sha256::digest(a.bytes()?))),
    function("hmac", 2, |mut a, _| hmac(&a.bytes()?, &a.bytes()?)),
    function("random", 1, |mut a, scope| {
        let mut drawn = vec![0; a.size()?];
        scope.rng.fill_bytes(&mut drawn);
        bytes(drawn)
    }),
    function("zeros", 1, |mut a, _| bytes(vec![0; a.size()?])),
    function("fill", 2, |mut a, _| {
        let size = a.size()?;
        bytes(vec![a.size()? as u8; size])
    }),
    // A PIN of one letter over and over is too simple for some keys.
    function("text", 1, |mut a, _| text("xo".chars().cycle().take(a.size()?).collect::<String>())),
    function("names", 1, |mut a, _| {
        let names = (0..a.size()?).map(|index| Value::Text(name(index)));
        Ok(Value::Array(names.collect()).into())
    }),
    function("left", 2, |mut a, _| {
        let (all, count) = (a.bytes()?, a.size()?);
        part(&all, 0, count)
    }),
    function("slice", 3, |mut a, _| {
        let (all, from, count) = (a.bytes()?, a.size()?, a.size()?);
        part(&all, from, count)
    }),
    function("rest", 2, |mut a, _| {
        let (all, from) = (a.bytes()?, a.size()?);
        part(&all, from, all.len().saturating_sub(from))
    }),
    function("flip", 1, |mut a, _| {
        let mut flipped = a.bytes()?;
        *flipped.last_mut().ok_or_else(|| NoValue("there is no bit".to_owned()))? ^= 1;
        bytes(flipped)
    }),
    function("bit", 2, |mut a, _| {
        let (all, index) = (a.bytes()?, a.size()?);
        let byte = all.get(index / 8).copied().unwrap_or_default();
        truth(byte & (0x80 >> (index % 8)) != 0)
    }),
    function("utf8", 1, |mut a, _| bytes(a.text()?)),
    function("u16", 1, |mut a, _| bytes((a.size()? as u16).to_be_bytes())),
    function("u32", 1, |mut a, _| bytes((a.size()? as u32).to_be_bytes())),
    function("u32le", 1, |mut a, _| bytes((a.size()? as u32).to_le_bytes())),
    function("raw", 1, |mut a, _| Ok(Term::Raw(a.bytes()?))),
    // Any value
    function("cbor", 1, |mut a, _| bytes(encode(&a.value()?))),
    function("decode", 1, |mut a, _| {
        Ok(decode(&a.bytes()?).map_err(|fault| NoValue(fault.to_string()))?.into())
    }),
    function("len", 1, |mut a, _| length(&a.value()?)),
    function("has", 2, |mut a, _| {
        let (map, key) = (a.value()?, a.value()?);
        truth(find(&map, &key).is_some())
    }),
    function("contains", 2, |mut a, _| {
        let (array, item) = (a.value()?, a.value()?);
        truth(array.as_array().is_some_and(|items| items.contains(&item)))
    }),
    function("not", 1, |mut a, _| truth(a.value()? != Value::Bool(true))),
    function("less", 2, |mut a, _| truth(a.integer()? < a.integer()?)),
    function("min", 2, |mut a, _| number(a.integer()?.min(a.integer()?))),
    function("max", 2, |mut a, _| number(a.integer()?.max(a.integer()?))),
    function("now", 0, |_, _| {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed();
        number(since_1970.map_err(|error| NoValue(error.to_string()))?.as_secs().into())
    }),
    function("tag", 2, |mut a, _| {
        let tag = a.size()? as u64;
        Ok(Value::Tag(tag, Box::new(a.value()?)).into())
    }),
    // PINs and tokens
    function("auth", 2, authenticate),
    function("encrypt", 2, |mut a, scope| {
        let secret = a.secret()?;
        bytes(secret.encrypt(&a.bytes()?, scope.rng))
    }),
    function("decrypt", 2, |mut a, _| {
        let plain = a.secret()?.decrypt(&a.bytes()?, "the ciphertext");
        bytes(plain.map_err(fault)?.as_slice())
    }),
    function("platform_key", 1, |mut a, _| Ok(a.secret()?.platform_key().into())),
    function("pad64", 1, |mut a, _| {
        let mut padded = a.text()?.into_bytes();
        padded.resize(padded.len().max(64), 0);
        bytes(padded)
    }),
    function("pin_hash", 1, |mut a, _| bytes(client_pin::pin_hash(&a.text()?))),
    function("identifier", 2, |mut a, _| opened(a.token()?.open_identifier(&a.bytes()?))),
    function("store_state", 2, |mut a, _| opened(a.token()?.open_cred_store_state(&a.bytes()?))),
    // What a key answers
    function("auth_data", 1, |mut a, _| auth_data(a.bytes()?)),
    function("credential", 1, |mut a, _| {
        let id = attested(&a.value()?)?.credential_id;
        Ok(MapBuilder::new().member("id", id).member("type", "public-key").build().into())
    }),
    function("public_key", 1, |mut a, _| Ok(attested(&a.value()?)?.cose_key.into())),
    function("attestation", 2, attestation_kind),
    function("certificate", 1, |mut a, _| Ok(certificate::described(&a.bytes()?)?.into())),
    function("verified", 3, |mut a, _| {
        let (key, reply, hash) = (a.value()?, a.value()?, a.bytes()?);
        let reply = get_assertion::Assertion::parse(&encode(&reply), true).map_err(fault)?;
        let message = [reply.auth_data.as_bytes(), &hash].concat();
        truth(public_key(&key)?.verify(&message, &reply.signature).is_ok())
    }),
    function("verify", 3, |mut a, _| {
        let (key, message, signature) = (a.value()?, a.bytes()?, a.bytes()?);
        truth(public_key(&key)?.verify(&message, &signature).is_ok())
    }),
    function("derived", 2, |mut a, scope| {
        let seed = PublicSeed::from_cbor(a.value()?, "the ARKG seed").map_err(fault)?;
        derived(&seed, &a.bytes()?, scope)
    }),
    // U2F
    function("apdu", 4, |mut a, _| {
        let head = [0, a.size()? as u8, a.size()? as u8, a.size()? as u8];
        let data = a.bytes()?;
        let length = (data.len() as u16).to_be_bytes();
        bytes([&head[..], &[0], &length, &data, &[0, 0]].concat())
    }),
    // Cards
    function("chain", 3, |mut a, _| {
        let (head, sizes) = (a.bytes()?, a.value()?);
        chain(&head, &sizes, &a.bytes()?)
    }),
    function("u2f_public_key", 1, |mut a, _| u2f_public_key(&a.bytes()?)),
];

const fn function(
    name: &'static str,
    arguments: usize,
    body: fn(Arguments, &mut Scope<'_>) -> Result<Term, NoValue>,
) -> Function {
    Function { name, arguments, body }
}

/// Arguments, taken one after the other.
struct Arguments(std::vec::IntoIter<Term>);

impl Arguments {
    fn term(&mut self) -> Result<Term, NoValue> {
        self.0.next().ok_or_else(|| NoValue("an argument is missing".to_owned()))
    }

    fn value(&mut self) -> Result<Value, NoValue> {
        self.term()?.value()
    }

    fn bytes(&mut self) -> Result<Vec<u8>, NoValue> {
        self.term()?.bytes()
    }

    fn text(&mut self) -> Result<String, NoValue> {
        self.term()?.text()
    }

    fn integer(&mut self) -> Result<i128, NoValue> {
        self.term()?.integer()
    }

    fn size(&mut self) -> Result<usize, NoValue> {
        self.term()?.size()
    }

    fn secret(&mut self) -> Result<Rc<SharedSecret>, NoValue> {
        match self.term()? {
            Term::Secret(secret) => Ok(secret),
            _ => Err(NoValue("that takes what `agree` has named".to_owned())),
        }
    }

    fn token(&mut self) -> Result<Rc<PinUvAuthToken>, NoValue> {
        match self.term()? {
            Term::Token(token) => Ok(token),
            _ => Err(NoValue("that takes what `token` has named".to_owned())),
        }
    }
}

/// a, b, … z, ba, bb …: each another one, and short.
fn name(index: usize) -> String {
    let last = char::from(b'a'.wrapping_add((index % 26) as u8));
    match index / 26 {
        0 => last.to_string(),
        before => name(before) + &last.to_string(),
    }
}

fn authenticate(mut arguments: Arguments, _: &mut Scope<'_>) -> Result<Term, NoValue> {
    let key = arguments.term()?;
    let message = arguments.bytes()?;
    match key {
        Term::Token(token) => bytes(token.authenticate(&message)),
        Term::Secret(secret) => bytes(secret.authenticate(&message)),
        _ => Err(NoValue("that takes a token or a secret".to_owned())),
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Result<Term, NoValue> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| NoValue(error.to_string()))?;
    bytes(mac.chain_update(message).finalize().into_bytes())
}

fn part(all: &[u8], from: usize, count: usize) -> Result<Term, NoValue> {
    let end = from.saturating_add(count);
    let found = all.get(from..end);
    bytes(found.ok_or_else(|| NoValue(format!("expected {end} bytes or more, got {}", all.len())))?)
}

/// Short APDUs with parts of these sizes, in turn, that carry one message (NF-13): class, instruction, P1 and P2,
/// and the data of all.
fn chain(head: &[u8], sizes: &Value, data: &[u8]) -> Result<Term, NoValue> {
    let &[class, instruction, p1, p2] = head else {
        return Err(NoValue("an APDU's head has four bytes".to_owned()));
    };
    let sizes = sizes.as_array().map(Vec::as_slice).unwrap_or_default();
    let sizes: Result<Vec<usize>, NoValue> =
        sizes.iter().map(|size| Term::from(size.clone()).size()).collect();
    let sizes: Vec<u8> = sizes?.iter().filter_map(|size| u8::try_from(*size).ok()).collect();
    let (mut parts, mut left) = (Vec::new(), data);
    for size in sizes.iter().filter(|size| **size > 0).cycle() {
        let apdu =
            |class, data: &[u8]| [&[class, instruction, p1, p2, data.len() as u8], data].concat();
        match left.split_at_checked(usize::from(*size)) {
            Some((part, after)) if !after.is_empty() => {
                parts.push(Value::from(apdu(class | CHAINED, part)));
                left = after;
            }
            _ => {
                parts.push(Value::from([apdu(class, left), vec![0]].concat()));
                return Ok(Value::Array(parts).into());
            }
        }
    }
    Err(NoValue("no part of a chain is longer than 255 bytes, nor empty".to_owned()))
}

/// The bit of the class that says that more parts follow (NF-13).
const CHAINED: u8 = 0x10;

fn length(value: &Value) -> Result<Term, NoValue> {
    let length = match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Map(members) => members.len(),
        other => {
            return Err(NoValue(format!(
                "expected bytes, text, an array or a map, got {}",
                shown(other)
            )));
        }
    };
    number(length as i128)
}

fn opened(found: Result<[u8; 16], ctap_client::ReplyFault>) -> Result<Term, NoValue> {
    bytes(found.map_err(fault)?)
}

fn auth_data(raw: Vec<u8>) -> Result<Term, NoValue> {
    let data = AuthData::parse(raw).map_err(fault)?;
    let flags = data.flags.byte();
    let is = |bit: u8| flags & bit != 0;
    let mut map = MapBuilder::new()
        .member("rp_id_hash", &data.rp_id_hash[..])
        .member("flags", flags)
        .member("up", is(0x01))
        .member("uv", is(0x04))
        .member("be", is(0x08))
        .member("bs", is(0x10))
        .member("at", is(0x40))
        .member("ed", is(0x80))
        .member("counter", data.sign_count);
    if let Some(credential) = &data.attested {
        map = map
            .member("aaguid", &credential.aaguid[..])
            .member("id", credential.credential_id.clone())
            .member("key", credential.cose_key.clone());
    }
    if let Some(extensions) = &data.extensions {
        let outputs = extensions.iter().map(|(id, output)| (id.as_str().into(), output.clone()));
        map = map.member("extensions", Value::Map(outputs.collect()));
    }
    Ok(map.build().into())
}

fn auth_data_of(reply: &Value) -> Result<Vec<u8>, NoValue> {
    Term::Value(member(reply, &2.into())?).bytes()
}

fn attested(made: &Value) -> Result<AttestedCredential, NoValue> {
    let data = AuthData::parse(auth_data_of(made)?).map_err(fault)?;
    data.attested
        .ok_or_else(|| NoValue("expected a credential in authData, but it has none".to_owned()))
}

fn attestation_kind(mut arguments: Arguments, _: &mut Scope<'_>) -> Result<Term, NoValue> {
    let (made, hash) = (arguments.value()?, arguments.bytes()?);
    let made = make_credential::Reply::parse(&encode(&made), true).map_err(fault)?;
    let judged = attestation::verify(&made.fmt, &made.att_stmt, &made.auth_data, &hash);
    text(match judged.map_err(|fault| NoValue(fault.to_string()))? {
        Attestation::None => "none",
        Attestation::PackedSelf => "self",
        Attestation::Packed { .. } => "basic",
        Attestation::FidoU2f { .. } => "fido-u2f",
    })
}

fn public_key(cose: &Value) -> Result<PublicKey, NoValue> {
    PublicKey::from_cbor(cose.clone(), "the public key").map_err(fault)
}

/// A public key that ARKG-P256 derives from a seed, and what the private key is asked for with (PS-22).
fn derived(seed: &PublicSeed, context: &[u8], scope: &mut Scope<'_>) -> Result<Term, NoValue> {
    let mut ikm = [0; 32];
    scope.rng.fill_bytes(&mut ikm);
    let derived = seed.derive_public_key(&ikm, context);
    let derived = derived.ok_or_else(|| NoValue("a context has 64 bytes at most".to_owned()))?;
    let map = MapBuilder::new().member("key", derived.cose_key);
    Ok(map.member("arguments", derived.arguments).build().into())
}

fn u2f_public_key(point: &[u8]) -> Result<Term, NoValue> {
    let (Some(x), Some(y), 65) = (point.get(1..33), point.get(33..65), point.len()) else {
        return Err(NoValue(format!("expected a public key of 65 bytes, got {}", point.len())));
    };
    let key = MapBuilder::new().member(1, 2).member(3, -7).member(-1, 1);
    Ok(key.member(-2, x).member(-3, y).build().into())
}

fn fault(fault: ctap_client::ReplyFault) -> NoValue {
    NoValue(fault.to_string())
}

fn bytes(bytes: impl AsRef<[u8]>) -> Result<Term, NoValue> {
    Ok(Value::Bytes(bytes.as_ref().to_vec()).into())
}

fn text(text: impl Into<String>) -> Result<Term, NoValue> {
    Ok(Value::Text(text.into()).into())
}

fn truth(truth: bool) -> Result<Term, NoValue> {
    Ok(Value::Bool(truth).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_as_many_as_one_wants_and_no_two_are_the_same() {
        let names: BTreeSet<String> = (0..2000).map(name).collect();
        assert_eq!(names.len(), 2000);
        assert_eq!([0, 25, 26, 27].map(name), ["a", "z", "ba", "bb"]);
    }
}
