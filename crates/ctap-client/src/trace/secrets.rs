//! What must be left out of a message so that it can be shown to others: PINs and tokens in every form, the keys
//! that encrypt them, the secrets of hmac-secret, and the data that people store.
//!
//! Each byte of a secret is replaced with a zero. Of a message that cannot be read, only the first byte stays.

use super::{Content, Direction, Message};
use crate::auth_data::AuthData;
use crate::cbor::{Value, decode, encode};
use crate::commands::code;
use crate::commands::u2f::{AUTHENTICATE, REGISTER, VERSION};
use crate::hmac_secret::{HMAC_SECRET, HMAC_SECRET_MC};
use crate::names::{self, Names, PREVIEW_BIO_ENROLLMENT, PREVIEW_CREDENTIAL_MANAGEMENT};

/// The message without its secrets, of the same length; `None`: it has none. `command`, `instruction`: its command
/// in CTAP2 or in U2F, or the one that it answers.
pub(super) fn blanked(
    message: &Message,
    command: Option<u8>,
    instruction: Option<u8>,
) -> Option<Content> {
    match &message.content {
        Content::Ctap(bytes) => blanked_ctap(message.direction, bytes, command).map(Content::Ctap),
        Content::U2f(_) if instruction.is_some_and(|instruction| U2F.contains(&instruction)) => {
            None
        }
        Content::U2f(apdu) => Some(Content::U2f(blanked_apdu(message.direction, apdu))),
        _ => None,
    }
}

fn blanked_ctap(direction: Direction, bytes: &[u8], command: Option<u8>) -> Option<Vec<u8>> {
    let (first, body) = bytes.split_first()?;
    let (secrets, names) = match (direction, command) {
        (Direction::ToKey, Some(command)) => (of_request(command), names::of_request(command)),
        (Direction::FromKey, Some(command)) => (of_reply(command), names::of_reply(command)),
        (_, None) => (Secrets::Unknown, names::NONE),
    };
    let body = match secrets {
        Secrets::None => return None,
        _ if body.is_empty() => return None,
        Secrets::Unknown => vec![0; body.len()],
        Secrets::At(members) => blanked_body(body, members, names),
    };
    Some([&[*first], body.as_slice()].concat())
}

/// Its content is not known: only its command, or the status word, is shown.
fn blanked_apdu(direction: Direction, apdu: &[u8]) -> Vec<u8> {
    let kept = match direction {
        Direction::ToKey => 0..HEADER.min(apdu.len()),
        Direction::FromKey => apdu.len().saturating_sub(STATUS_WORD)..apdu.len(),
    };
    let told = |(place, byte): (usize, &u8)| if kept.contains(&place) { *byte } else { 0 };
    apdu.iter().enumerate().map(told).collect()
}

/// The places of the secrets in a kind of message.
enum Secrets {
    /// It has none.
    None,
    /// These members.
    At(&'static [(u64, Holds)]),
    /// Nobody knows.
    Unknown,
}

/// How a member holds a secret.
#[derive(Clone, Copy)]
enum Holds {
    /// All bytes in it are one.
    Secret,
    /// It is a map of extensions.
    Extensions,
    /// It is authenticator data, with outputs of extensions.
    AuthData,
}

const fn of_request(command: u8) -> Secrets {
    use Holds::{Extensions, Secret};
    match command {
        code::MAKE_CREDENTIAL => Secrets::At(&[(0x06, Extensions), (0x08, Secret)]),
        code::GET_ASSERTION => Secrets::At(&[(0x04, Extensions), (0x06, Secret)]),
        code::CLIENT_PIN => {
            Secrets::At(&[(0x03, Secret), (0x04, Secret), (0x05, Secret), (0x06, Secret)])
        }
        code::BIO_ENROLLMENT | PREVIEW_BIO_ENROLLMENT => Secrets::At(&[(0x05, Secret)]),
        code::CREDENTIAL_MANAGEMENT | PREVIEW_CREDENTIAL_MANAGEMENT | code::CONFIG => {
            Secrets::At(&[(0x04, Secret)])
        }
        code::LARGE_BLOBS => Secrets::At(&[(0x02, Secret), (0x05, Secret)]),
        code::GET_INFO | code::RESET | code::GET_NEXT_ASSERTION | code::SELECTION => Secrets::None,
        _ => Secrets::Unknown,
    }
}

const fn of_reply(command: u8) -> Secrets {
    use Holds::{AuthData, Extensions, Secret};
    match command {
        code::MAKE_CREDENTIAL => {
            Secrets::At(&[(0x02, AuthData), (0x05, Secret), (0x06, Extensions)])
        }
        code::GET_ASSERTION | code::GET_NEXT_ASSERTION => {
            Secrets::At(&[(0x02, AuthData), (0x07, Secret), (0x08, Extensions)])
        }
        code::CLIENT_PIN => Secrets::At(&[(0x01, Secret), (0x02, Secret)]),
        code::CREDENTIAL_MANAGEMENT | PREVIEW_CREDENTIAL_MANAGEMENT => {
            Secrets::At(&[(0x0B, Secret)])
        }
        code::LARGE_BLOBS => Secrets::At(&[(0x01, Secret)]),
        code::GET_INFO | code::RESET | code::SELECTION | code::CONFIG => Secrets::None,
        code::BIO_ENROLLMENT | PREVIEW_BIO_ENROLLMENT => Secrets::None,
        _ => Secrets::Unknown,
    }
}

/// A body in another encoding than the canonical one would change its length: it is left out. So are members that the standard does
/// not name.
fn blanked_body(body: &[u8], members: &[(u64, Holds)], names: Names) -> Vec<u8> {
    let read = decode(body).ok().filter(|value| encode(value) == body);
    let Some(Value::Map(mut entries)) = read else { return vec![0; body.len()] };
    for (key, value) in &mut entries {
        let holds = members.iter().find(|(number, _)| *key == Value::from(*number));
        match holds {
            Some((_, Holds::Secret)) => blank(value),
            Some((_, Holds::Extensions)) => blank_extensions(value),
            Some((_, Holds::AuthData)) => blank_auth_data(value),
            None if names.iter().any(|(number, _)| *key == Value::from(*number)) => {}
            None => blank(value),
        }
    }
    encode(&Value::Map(entries))
}

/// Zeros for all bytes and letters in it.
fn blank(value: &mut Value) {
    match value {
        Value::Bytes(bytes) => bytes.fill(0),
        Value::Text(text) => *text = "\0".repeat(text.len()),
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| blank(value)),
        Value::Tag(_, inner) => blank(inner),
        _ => {}
    }
}

fn blank_extensions(value: &mut Value) {
    let Value::Map(entries) = value else { return blank(value) };
    for (name, value) in entries {
        if name.as_text().is_none_or(|name| SECRET_EXTENSIONS.contains(&name)) {
            blank(value);
        }
    }
}

/// Outputs of extensions are at its end. The signature over it no longer fits then.
fn blank_auth_data(value: &mut Value) {
    let Value::Bytes(bytes) = value else { return blank(value) };
    let Ok(data) = AuthData::parse(bytes.clone()) else {
        return bytes.iter_mut().skip(AUTH_DATA_HEAD).for_each(|byte| *byte = 0);
    };
    let Some(outputs) = data.extensions else { return };
    let outputs = outputs.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let mut outputs = Value::Map(outputs);
    let length = encode(&outputs).len();
    blank_extensions(&mut outputs);
    let start = bytes.len().saturating_sub(length);
    bytes.truncate(start);
    bytes.extend(encode(&outputs));
}

/// Extensions whose inputs or outputs hold secrets, or what a relying party stored.
const SECRET_EXTENSIONS: [&str; 4] = [HMAC_SECRET, HMAC_SECRET_MC, "credBlob", "largeBlob"];

/// The commands of U2F, which have no secrets.
const U2F: [u8; 3] = [REGISTER, AUTHENTICATE, VERSION];
/// Bytes of an APDU: class, instruction and parameters; and of its answer, at the end.
const HEADER: usize = 4;
const STATUS_WORD: usize = 2;

/// Hash, flags and counter, before all that varies (MC-70).
const AUTH_DATA_HEAD: usize = 37;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::hex;

    fn without_secrets(direction: Direction, command: u8, bytes: &[u8]) -> Option<Vec<u8>> {
        blanked_ctap(direction, bytes, Some(command))
    }

    // P-19
    #[test]
    fn a_pin_in_whatever_form_is_left_out_and_the_rest_stays() {
        let agreement =
            Value::Map(vec![(1.into(), 2.into()), (Value::from(-2), vec![7; 32].into())]);
        let members = [(1, 2.into()), (2, 5.into()), (3, agreement), (6, Value::from(vec![9; 16]))];
        let members = members.into_iter().map(|(key, value)| (key.into(), value)).collect();
        let asked = [&[code::CLIENT_PIN], encode(&Value::Map(members)).as_slice()].concat();
        let told = without_secrets(Direction::ToKey, code::CLIENT_PIN, &asked).unwrap();
        assert_eq!(told.len(), asked.len());
        assert!(!told.windows(4).any(|four| four == [7; 4] || four == [9; 4]), "{told:?}");
        assert_eq!(told[..6], asked[..6], "the protocol and the subcommand");
        let token = [&hex("00a1025820"), [8; 32].as_slice()].concat();
        let told = without_secrets(Direction::FromKey, code::CLIENT_PIN, &token).unwrap();
        assert_eq!(told, [&hex("00a1025820"), [0; 32].as_slice()].concat());
    }

    #[test]
    fn outputs_of_extensions_are_left_out_of_authenticator_data() {
        let outputs = |secret: u8| hex("a26863726564426c6f6244").into_iter().chain([secret; 4]);
        let outputs = |secret| outputs(secret).chain(hex("6b6372656450726f7465637402"));
        let data = |secret| [4; 32].into_iter().chain(hex("8100000005")).chain(outputs(secret));
        let reply = |secret: u8| {
            let data: Vec<u8> = data(secret).collect();
            let map = Value::Map(vec![(2.into(), data.into()), (3.into(), vec![1, 2].into())]);
            [&[0], encode(&map).as_slice()].concat()
        };
        let told = without_secrets(Direction::FromKey, code::GET_ASSERTION, &reply(0x66));
        assert_eq!(told, Some(reply(0)));
    }

    #[test]
    fn what_cannot_be_read_is_left_out_but_for_its_first_byte() {
        let told = without_secrets(Direction::ToKey, code::CLIENT_PIN, &hex("06a1050102"));
        assert_eq!(told, Some(hex("0600000000")));
        let told = without_secrets(Direction::ToKey, 0x50, &hex("500102"));
        assert_eq!(told, Some(hex("500000")), "nobody knows what a vendor's command holds");
    }

    #[test]
    fn what_has_no_secrets_is_left_alone() {
        assert_eq!(without_secrets(Direction::ToKey, code::GET_INFO, &hex("04")), None);
        assert_eq!(
            without_secrets(Direction::FromKey, code::GET_INFO, &hex("00a10181616100")),
            None
        );
        assert_eq!(without_secrets(Direction::FromKey, code::CLIENT_PIN, &hex("31")), None);
    }

    #[test]
    fn what_is_none_of_u2fs_commands_is_left_out_of_an_apdu() {
        let asked = |direction, apdu: &str, instruction| {
            let content = Content::U2f(hex(apdu));
            blanked(&Message { channel: 1, direction, content }, None, instruction)
        };
        let verify = asked(Direction::ToKey, "002000800431323334", Some(0x20));
        assert_eq!(verify, Some(Content::U2f(hex("002000800000000000"))));
        assert_eq!(asked(Direction::ToKey, "0003000000", Some(VERSION)), None);
        assert_eq!(asked(Direction::FromKey, "5532465f56329000", Some(VERSION)), None);
        let answer = asked(Direction::FromKey, "313233349000", None);
        assert_eq!(answer, Some(Content::U2f(hex("000000009000"))));
    }

    proptest! {
        #[test]
        fn whatever_is_said_keeps_its_length_and_its_first_byte(
            bytes in prop::collection::vec(any::<u8>(), 1..80),
            command in 0..20_u8,
            is_request: bool,
        ) {
            let direction = if is_request { Direction::ToKey } else { Direction::FromKey };
            if let Some(told) = without_secrets(direction, command, &bytes) {
                prop_assert_eq!((told.len(), told[0]), (bytes.len(), bytes[0]));
            }
        }
    }
}
