//! CTAP section 7 and FIDO U2F Raw Message Formats: VERSION, REGISTER, AUTHENTICATE.

use p256::ecdsa::VerifyingKey;
use x509_cert::der::{AnyRef, Decode as _, Encode as _, Reader as _, SliceReader};

use crate::attestation::{Leaf, VerifyFault};
use crate::client::Client;
use crate::cose::{ES256, PublicKey};
use crate::error::{Error, ReplyFault, RequestFault};
use crate::exchange::Exchange;

/// The two bytes at the end of each U2F reply (UF-09). Each of the 65536 values has a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusWord {
    /// 9000
    #[error("Done. [SW_NO_ERROR 9000]")]
    NoError,
    /// 6985: a touch is needed; ask again after it.
    #[error("The key waits for you. Touch it. [SW_CONDITIONS_NOT_SATISFIED 6985]")]
    ConditionsNotSatisfied,
    /// 6A80: the key handle is not of this key, or it is of another application.
    #[error("The key has no such registration. Try another key. [SW_WRONG_DATA 6A80]")]
    WrongData,
    /// 6700
    #[error(
        "The request has the wrong length. This is a fault of the program. [SW_WRONG_LENGTH 6700]"
    )]
    WrongLength,
    /// 6E00
    #[error(
        "The key does not know the command class. This is a fault of the program. [SW_CLA_NOT_SUPPORTED 6E00]"
    )]
    ClassNotSupported,
    /// 6D00
    #[error("The key does not know the command. [SW_INS_NOT_SUPPORTED 6D00]")]
    InstructionNotSupported,
    /// 6986: U2F is switched off, because every use needs user verification (UF-50).
    #[error(
        "U2F is switched off on this key. Use its CTAP2 commands. [SW_COMMAND_NOT_ALLOWED 6986]"
    )]
    CommandNotAllowed,
    /// Anything else.
    #[error("The key refused with a status that U2F does not have. [{0:04X}]")]
    Unlisted(u16),
}

impl StatusWord {
    /// The status with this number.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0x9000 => Self::NoError,
            0x6985 => Self::ConditionsNotSatisfied,
            0x6A80 => Self::WrongData,
            0x6700 => Self::WrongLength,
            0x6E00 => Self::ClassNotSupported,
            0x6D00 => Self::InstructionNotSupported,
            0x6986 => Self::CommandNotAllowed,
            other => Self::Unlisted(other),
        }
    }
}

/// What an authentication should do (UF-31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// 03: sign, but only after a touch.
    EnforceUserPresence,
    /// 07: only tell whether the key has the handle; 6985 means that it has (UF-33).
    CheckOnly,
    /// 08: sign, touched or not.
    DontEnforceUserPresence,
}

impl Control {
    /// P1 of the request.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::EnforceUserPresence => 0x03,
            Self::CheckOnly => 0x07,
            Self::DontEnforceUserPresence => 0x08,
        }
    }
}

/// A new registration (UF-23).
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The registration's public key.
    pub public_key: VerifyingKey,
    /// The handle that authentications name the registration by: 1 to 255 bytes.
    pub key_handle: Vec<u8>,
    /// The attestation certificate, DER.
    pub certificate: Vec<u8>,
    /// The attestation signature, DER.
    pub signature: Vec<u8>,
}

impl Registration {
    /// Reads a REGISTER reply (without its status word).
    ///
    /// # Errors
    /// [`ReplyFault::BadValue`]; the key's fault.
    pub fn parse(reply: &[u8]) -> Result<Self, ReplyFault> {
        const FAULT: ReplyFault = ReplyFault::BadValue("the registration");
        let (&[reserved], rest) = reply.split_first_chunk::<1>().ok_or(FAULT)?;
        let (point, rest) = rest.split_first_chunk::<65>().ok_or(FAULT)?;
        let (&[length], rest) = rest.split_first_chunk::<1>().ok_or(FAULT)?;
        let (key_handle, rest) = rest.split_at_checked(usize::from(length)).ok_or(FAULT)?;
        let (certificate, signature) = split_der(rest).ok_or(FAULT)?;
        if reserved != 0x05 || key_handle.is_empty() {
            return Err(FAULT);
        }
        Ok(Self {
            public_key: VerifyingKey::from_sec1_bytes(point).map_err(|_| FAULT)?,
            key_handle: key_handle.to_vec(),
            certificate,
            signature: signature.to_vec(),
        })
    }

    /// Checks the attestation signature (UF-24).
    ///
    /// # Errors
    /// [`VerifyFault`]; the key's fault, or the fault of the one who altered the reply.
    pub fn verify(&self, challenge: &[u8; 32], application: &[u8; 32]) -> Result<(), VerifyFault> {
        let leaf = Leaf::parse(&self.certificate)?;
        if leaf.key.algorithm() != ES256 {
            return Err(VerifyFault::Certificate);
        }
        Ok(leaf.key.verify(&self.signed_bytes(challenge, application), &self.signature)?)
    }

    fn signed_bytes(&self, challenge: &[u8; 32], application: &[u8; 32]) -> Vec<u8> {
        let point = self.public_key.to_sec1_point(false);
        [&[0], application.as_slice(), challenge, &self.key_handle, point.as_bytes()].concat()
    }
}

/// Splits a DER element off the front. Its head has its length (UF-23).
fn split_der(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let element = AnyRef::decode(&mut reader).ok()?.to_der().ok()?;
    let rest = bytes.get(element.len()..)?;
    (usize::try_from(reader.remaining_len()).ok()? == rest.len()).then_some((element, rest))
}

/// A signature over a challenge (UF-35).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// Bit 0: somebody touched the key. The others are zero.
    pub user_presence: u8,
    /// The signature counter.
    pub counter: u32,
    /// The signature, DER.
    pub signature: Vec<u8>,
}

impl Authentication {
    /// Reads an AUTHENTICATE reply (without its status word).
    ///
    /// # Errors
    /// [`ReplyFault::BadValue`]; the key's fault.
    pub fn parse(reply: &[u8]) -> Result<Self, ReplyFault> {
        const FAULT: ReplyFault = ReplyFault::BadValue("the authentication");
        let (&[user_presence], rest) = reply.split_first_chunk::<1>().ok_or(FAULT)?;
        let (counter, signature) = rest.split_first_chunk::<4>().ok_or(FAULT)?;
        if user_presence > 1 {
            return Err(FAULT);
        }
        Ok(Self {
            user_presence,
            counter: u32::from_be_bytes(*counter),
            signature: signature.to_vec(),
        })
    }

    /// Checks the signature with the public key of the registration (UF-36).
    ///
    /// # Errors
    /// [`VerifyFault`]; the key's fault, or the fault of the one who altered the reply.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        challenge: &[u8; 32],
        application: &[u8; 32],
    ) -> Result<(), VerifyFault> {
        Ok(PublicKey::Es256(*key)
            .verify(&self.signed_bytes(challenge, application), &self.signature)?)
    }

    fn signed_bytes(&self, challenge: &[u8; 32], application: &[u8; 32]) -> Vec<u8> {
        let counter = self.counter.to_be_bytes();
        [application.as_slice(), &[self.user_presence], &counter, challenge].concat()
    }
}

/// A command in extended length, as HID clients send it (UF-01). `data` has up to 65535 bytes; more is cut off.
#[must_use]
pub fn apdu(instruction: u8, control: u8, data: &[u8]) -> Vec<u8> {
    let data = data.get(..usize::from(u16::MAX)).unwrap_or(data);
    let mut apdu = vec![0, instruction, control, 0];
    if !data.is_empty() {
        let [high, low] = (data.len() as u16).to_be_bytes();
        apdu.extend([0, high, low]);
        apdu.extend_from_slice(data);
        apdu.extend([0, 0]);
    } else {
        apdu.extend([0, 0, 0]);
    }
    apdu
}

/// Each answers at once; [`StatusWord::ConditionsNotSatisfied`] means: ask again after a touch (UF-34).
impl<E: Exchange> Client<E> {
    /// Sends any APDU and returns data and status word.
    ///
    /// # Errors
    /// [`Error::Transport`]; [`Error::Reply`] for a reply without a status word.
    pub fn u2f_raw(&mut self, apdu: &[u8]) -> Result<(Vec<u8>, StatusWord), Error> {
        let reply = self.exchange_mut().exchange_u2f(apdu)?;
        let (data, word) = reply.split_last_chunk::<2>().ok_or(ReplyFault::Empty)?;
        Ok((data.to_vec(), StatusWord::from_number(u16::from_be_bytes(*word))))
    }

    /// Asks for the protocol version: `U2F_V2`.
    ///
    /// # Errors
    /// [`Error::U2f`] if U2F is switched off, others of [`Error`].
    pub fn u2f_version(&mut self) -> Result<String, Error> {
        let version = self.u2f(VERSION, 0, &[])?;
        Ok(String::from_utf8(version).map_err(|_| ReplyFault::BadValue("the U2F version"))?)
    }

    /// Registers the key for an application (SHA-256 of the AppID).
    ///
    /// # Errors
    /// [`Error::U2f`], others of [`Error`].
    pub fn u2f_register(
        &mut self,
        challenge: &[u8; 32],
        application: &[u8; 32],
    ) -> Result<Registration, Error> {
        let reply = self.u2f(REGISTER, 0, &[challenge.as_slice(), application].concat())?;
        Ok(Registration::parse(&reply)?)
    }

    /// Signs a challenge with a registration, or (check-only) tells whether the key has it.
    ///
    /// # Errors
    /// [`Error::U2f`], others of [`Error`]; [`RequestFault::TooLong`] for a handle above 255 bytes.
    pub fn u2f_authenticate(
        &mut self,
        control: Control,
        challenge: &[u8; 32],
        application: &[u8; 32],
        key_handle: &[u8],
    ) -> Result<Authentication, Error> {
        let length =
            u8::try_from(key_handle.len()).map_err(|_| RequestFault::TooLong("The key handle"))?;
        let data = [challenge.as_slice(), application, &[length], key_handle].concat();
        let reply = self.u2f(AUTHENTICATE, control.byte(), &data)?;
        Ok(Authentication::parse(&reply)?)
    }

    fn u2f(&mut self, instruction: u8, control: u8, data: &[u8]) -> Result<Vec<u8>, Error> {
        match self.u2f_raw(&apdu(instruction, control, data))? {
            (reply, StatusWord::NoError) => Ok(reply),
            (_, word) => Err(Error::U2f(word)),
        }
    }
}

/// INS of U2F_REGISTER (UF-20).
pub const REGISTER: u8 = 0x01;
/// INS of U2F_AUTHENTICATE (UF-30).
pub const AUTHENTICATE: u8 = 0x02;
pub(crate) const VERSION: u8 = 0x03;

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer as _;
    use p256::ecdsa::{Signature, SigningKey};
    use proptest::prelude::*;

    use super::*;
    use crate::attestation::tests::certificate;
    use crate::cose::SignatureFault;
    use crate::test_support::{ScriptedKey, hex};

    const APPLICATION: &str = "100680ad546ce6a577f42f52df33b4cfdca756859e664b8d7de329b150d09ce9";

    fn application() -> [u8; 32] {
        hex(APPLICATION).try_into().unwrap()
    }

    fn credential_key() -> SigningKey {
        SigningKey::from_slice(&[3; 32]).unwrap()
    }

    fn attestation_key() -> SigningKey {
        SigningKey::from_slice(&[4; 32]).unwrap()
    }

    fn registration_reply() -> Vec<u8> {
        let certificate = certificate(attestation_key().verifying_key(), None);
        let unsigned = Registration {
            public_key: *credential_key().verifying_key(),
            key_handle: vec![0xAA; 16],
            certificate: certificate.clone(),
            signature: Vec::new(),
        };
        let signature: Signature =
            attestation_key().sign(&unsigned.signed_bytes(&[0x42; 32], &application()));
        let point = credential_key().verifying_key().to_sec1_point(false);
        [
            &[5],
            point.as_bytes(),
            &[16],
            &[0xAA; 16],
            certificate.as_slice(),
            signature.to_der().as_bytes(),
            &[0x90, 0],
        ]
        .concat()
    }

    #[test]
    fn the_signed_bytes_are_those_of_v_11() {
        let point = "04591ab771ebbcfd6d9cb9094d106528add1a69d44c2c1f627f089ec58b9c61adf\
                     9f4e6abf0d045c0c693a3c68ad7c97ca72be64def4a26fecd263dd98a92780f0";
        let registration = Registration {
            public_key: *credential_key().verifying_key(),
            key_handle: vec![0xAA; 16],
            certificate: Vec::new(),
            signature: Vec::new(),
        };
        let expected = ["00", APPLICATION, &"42".repeat(32), &"aa".repeat(16), point].concat();
        assert_eq!(registration.signed_bytes(&[0x42; 32], &application()), hex(&expected));
        let authentication = Authentication { user_presence: 1, counter: 7, signature: Vec::new() };
        let expected = [APPLICATION, "0100000007", &"42".repeat(32)].concat();
        assert_eq!(authentication.signed_bytes(&[0x42; 32], &application()), hex(&expected));
    }

    #[test]
    fn the_version_is_asked_for_without_data() {
        let mut client =
            Client::new(ScriptedKey::default().expect_hex("00030000000000", "5532465f56329000"));
        assert_eq!(client.u2f_version().unwrap(), "U2F_V2");
    }

    #[test]
    fn a_registration_is_read_and_verified() {
        let request = ["00010000000040", &"42".repeat(32), APPLICATION, "0000"].concat();
        let mut client =
            Client::new(ScriptedKey::default().expect(hex(&request), registration_reply()));
        let registration = client.u2f_register(&[0x42; 32], &application()).unwrap();
        assert_eq!(registration.key_handle, [0xAA; 16]);
        assert_eq!(registration.verify(&[0x42; 32], &application()), Ok(()));
        let other = registration.verify(&[0x43; 32], &application());
        assert_eq!(other, Err(VerifyFault::Signature(SignatureFault::Mismatch)));
    }

    #[test]
    fn an_authentication_is_read_and_verified() {
        let signed = hex(&[APPLICATION, "0100000007", &"42".repeat(32)].concat());
        let signature: Signature = credential_key().sign(&signed);
        let reply =
            [hex("0100000007").as_slice(), signature.to_der().as_bytes(), &[0x90, 0]].concat();
        let request = ["00020300000043", &"42".repeat(32), APPLICATION, "02aabb0000"].concat();
        let mut client = Client::new(ScriptedKey::default().expect(hex(&request), reply));
        let control = Control::EnforceUserPresence;
        let answer =
            client.u2f_authenticate(control, &[0x42; 32], &application(), &[0xAA, 0xBB]).unwrap();
        assert_eq!((answer.user_presence, answer.counter), (1, 7));
        let key = *credential_key().verifying_key();
        assert_eq!(answer.verify(&key, &[0x42; 32], &application()), Ok(()));
        assert!(answer.verify(&key, &[0x42; 32], &[0; 32]).is_err());
    }

    #[test]
    fn a_known_handle_without_touch_is_told_by_its_status_word() {
        let request = ["00020700000042", &"42".repeat(32), APPLICATION, "01aa0000"].concat();
        let mut client = Client::new(ScriptedKey::default().expect(hex(&request), hex("6985")));
        let error = client
            .u2f_authenticate(Control::CheckOnly, &[0x42; 32], &application(), &[0xAA])
            .unwrap_err();
        assert!(matches!(error, Error::U2f(StatusWord::ConditionsNotSatisfied)));
    }

    #[test]
    fn a_key_handle_has_255_bytes_at_most() {
        let mut client = Client::new(ScriptedKey::default());
        let error =
            client.u2f_authenticate(Control::CheckOnly, &[0; 32], &[0; 32], &[0; 256]).unwrap_err();
        assert!(matches!(error, Error::Request(RequestFault::TooLong(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Registration::parse(&bytes);
            let _ = Authentication::parse(&bytes);
        }

        #[test]
        fn no_damage_to_a_good_reply_makes_the_parser_panic(at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = registration_reply();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(registration) = Registration::parse(&bytes) {
                let _ = registration.verify(&[0x42; 32], &application());
            }
        }
    }
}
