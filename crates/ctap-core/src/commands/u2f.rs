//! U2F, also called CTAP1: raw messages, CTAP 2.3 section 7 (UF-01 to UF-62).
//!
//! A U2F client does not wait for a touch, but sends its request again and again ([`touches`](crate::touches)).

use alloc::vec::Vec;

use super::parameters::{Candidate, Found};
use super::{Context, dummy};
use crate::algorithm::{Algorithm, PrivateKey};
use crate::consent::{Action, Evidence, Question, SilentRequest};
use crate::credential::{CredProtect, Kept};
use crate::credential_id::Contents;
use crate::limits::MAX_KEY_HANDLE;

/// Status words (UF-09).
#[derive(Clone, Copy)]
#[repr(u16)]
enum StatusWord {
    NoError = 0x9000,
    ConditionsNotSatisfied = 0x6985,
    CommandNotAllowed = 0x6986,
    WrongData = 0x6a80,
    WrongLength = 0x6700,
    ClaNotSupported = 0x6e00,
    InsNotSupported = 0x6d00,
    /// The authenticator itself failed.
    NoPreciseDiagnosis = 0x6f00,
}

/// No touch yet: ask again. A second client gets this, too, while a request waits.
pub(crate) const ASK_AGAIN: [u8; 2] = (StatusWord::ConditionsNotSatisfied as u16).to_be_bytes();

impl StatusWord {
    fn alone(self) -> Vec<u8> {
        self.after(Vec::new())
    }

    fn after(self, mut data: Vec<u8>) -> Vec<u8> {
        data.extend((self as u16).to_be_bytes());
        data
    }
}

/// A request that is right and only needs a touch.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Register { challenge: [u8; 32], application: [u8; 32] },
    Authenticate { challenge: [u8; 32], application: [u8; 32], key_handle: Vec<u8> },
}

impl Request {
    /// Such a platform only wants a touch.
    pub(crate) fn is_dummy(&self) -> bool {
        match self {
            Self::Register { challenge, application } => dummy::is_u2f(challenge, application),
            Self::Authenticate { .. } => false,
        }
    }

    /// A U2F request names its relying party only as a hash, and a dummy none at all.
    pub(crate) fn question(&self) -> Question {
        let (action, application) = match self {
            _ if self.is_dummy() => return Question::touch(Action::Select),
            Self::Register { application, .. } => (Action::Register, *application),
            Self::Authenticate { application, .. } => (Action::SignIn, *application),
        };
        Question { application: Some(application), ..Question::touch(action) }
    }
}

/// A right request, and whether it does without a touch.
pub(crate) struct Judged {
    pub(crate) request: Request,
    pub(crate) silent: Option<SilentRequest>,
}

/// Judges an APDU in the order of UF-04. `Err`: the whole response, which may be a success that needs no key.
pub(crate) fn check(apdu: &[u8], cx: &Context<'_>) -> Result<Judged, Vec<u8>> {
    if !cx.policy().u2f() {
        return Err(StatusWord::CommandNotAllowed.alone()); // UF-50
    }
    let apdu = Apdu::parse(apdu).map_err(StatusWord::alone)?;
    match apdu.instruction {
        Instruction::Register => register(apdu.data).map_err(StatusWord::alone),
        Instruction::Authenticate => authenticate(&apdu, cx).map_err(StatusWord::alone),
        Instruction::Version if apdu.data.is_empty() => {
            Err(StatusWord::NoError.after(b"U2F_V2".to_vec())) // UF-10
        }
        Instruction::Version => Err(StatusWord::WrongLength.alone()), // UF-11
    }
}

/// The command of an APDU.
enum Instruction {
    Register,
    Authenticate,
    Version,
}

impl Instruction {
    fn parse(byte: u8) -> Result<Self, StatusWord> {
        match byte {
            0x01 => Ok(Self::Register),
            0x02 => Ok(Self::Authenticate),
            0x03 => Ok(Self::Version),
            _ => Err(StatusWord::InsNotSupported), // UF-06
        }
    }
}

/// A command APDU.
struct Apdu<'a> {
    instruction: Instruction,
    p1: u8,
    data: &'a [u8],
}

impl<'a> Apdu<'a> {
    /// Class, instruction, then lengths (UF-04 to UF-07).
    fn parse(bytes: &'a [u8]) -> Result<Self, StatusWord> {
        let (&[class, instruction, p1, _], rest) =
            bytes.split_first_chunk::<4>().ok_or(StatusWord::WrongLength)?;
        if class != 0 {
            return Err(StatusWord::ClaNotSupported); // UF-05
        }
        let instruction = Instruction::parse(instruction)?;
        Ok(Self { instruction, p1, data: data(rest).ok_or(StatusWord::WrongLength)? })
    }
}

/// The data between Lc and Le, in short and extended form; absent Lc or Le is fine (UF-01 to UF-03).
fn data(body: &[u8]) -> Option<&[u8]> {
    match body {
        [] | [_] | [0, _, _] => Some(&[]), // nothing, or Le alone
        [0, high, low, rest @ ..] => split(rest, usize::from(u16::from_be_bytes([*high, *low])), 2),
        [length, rest @ ..] => split(rest, usize::from(*length), 1),
    }
}

/// `length` bytes, followed by nothing or an Le of `le` bytes.
fn split(rest: &[u8], length: usize, le: usize) -> Option<&[u8]> {
    let (data, after) = rest.split_at_checked(length)?;
    (after.is_empty() || after.len() == le).then_some(data)
}

/// UF-20, UF-21.
fn register(data: &[u8]) -> Result<Judged, StatusWord> {
    match data.as_chunks::<32>() {
        (&[challenge, application], []) => {
            Ok(Judged { request: Request::Register { challenge, application }, silent: None })
        }
        _ => Err(StatusWord::WrongLength),
    }
}

/// UF-30 to UF-34: the key handle is checked before anybody is asked for a touch. Control byte 08 asks for no
/// touch, and the presence byte says so (UF-38).
fn authenticate(apdu: &Apdu<'_>, cx: &Context<'_>) -> Result<Judged, StatusWord> {
    let parsed = parse_authenticate(apdu.data).ok_or(StatusWord::WrongLength)?;
    let (challenge, application, key_handle) = parsed;
    if !matches!(apdu.p1, 0x03 | 0x07 | 0x08) {
        return Err(StatusWord::WrongData); // UF-31
    }
    if find(key_handle, &application, cx).is_none() {
        return Err(StatusWord::WrongData); // UF-32
    }
    let key_handle = key_handle.to_vec();
    let request = Request::Authenticate { challenge, application, key_handle };
    match apdu.p1 {
        0x07 => Err(StatusWord::ConditionsNotSatisfied), // UF-33
        p1 => Ok(Judged { request, silent: SilentRequest::from_up_option(p1 != 0x08) }),
    }
}

fn parse_authenticate(data: &[u8]) -> Option<([u8; 32], [u8; 32], &[u8])> {
    let (challenge, rest) = data.split_first_chunk::<32>()?;
    let (application, rest) = rest.split_first_chunk::<32>()?;
    let (&length, key_handle) = rest.split_first()?;
    (key_handle.len() == usize::from(length)).then_some((*challenge, *application, key_handle))
}

/// An ES256 credential of this application that does not hide from a user who is not verified (UF-55, UF-56).
fn find<'s>(key_handle: &[u8], application: &[u8; 32], cx: &'s Context<'_>) -> Option<Found<'s>> {
    Found::by_id(key_handle, application, cx.places()).filter(|found| {
        found.is_visible(false) && found.credential().key.algorithm == Algorithm::Es256
    })
}

/// Does what the person agreed to, or was not asked about. The response is always a whole one.
pub(crate) fn commit(request: &Request, evidence: &Evidence, cx: &mut Context<'_>) -> Vec<u8> {
    let response = match request {
        Request::Register { challenge, application } => {
            registered(challenge, application, evidence, cx).ok_or(StatusWord::NoPreciseDiagnosis)
        }
        Request::Authenticate { challenge, application, key_handle } => {
            authenticated(challenge, application, key_handle, evidence, cx)
        }
    };
    response.map_or_else(StatusWord::alone, |data| StatusWord::NoError.after(data))
}

/// UF-23 to UF-25.
fn registered(
    challenge: &[u8; 32],
    application: &[u8; 32],
    evidence: &Evidence,
    cx: &mut Context<'_>,
) -> Option<Vec<u8>> {
    let model = cx.config.attestation_key.as_ref()?.key()?;
    let is_dummy = dummy::is_u2f(challenge, application);
    let (key, pair) = PrivateKey::generate(Algorithm::Es256, cx.rng)?;
    let public = pair.public()?.uncompressed()?;
    let contents = Contents {
        key,
        cred_protect: CredProtect::UvOptional,
        third_party_payment: false,
        backup: cx.config.credentials.backup,
        counter: cx.config.credentials.u2f_counter(),
    };
    let is_record = cx.config.keeps_non_discoverable(Algorithm::Es256);
    let length = cx.config.credential_id_length.map(|length| length.min(MAX_KEY_HANDLE));
    let credential = match is_record {
        true => contents.stored(application, length, cx.rng),
        false => cx.session.sealing_keys.seal(contents, application, length, cx.rng)?,
    };
    let key_handle = credential.id.clone();
    let signature =
        model.key.sign(&[&[0], application, challenge, &key_handle, &public], evidence)?;
    let certificate = model.x5c.first()?;
    match is_record && !is_dummy {
        true => cx.keep(Kept { credential, rp: None, user: None }).ok()?,
        false => cx.store.still_kept().ok()?,
    }
    let length = [u8::try_from(key_handle.len()).ok()?];
    Some([&[5], &public[..], &length, &key_handle, certificate, &signature].concat())
}

/// UF-35 to UF-39: the counter is advanced, durably, before the signature can leave, and only for a credential that is there.
fn authenticated(
    challenge: &[u8; 32],
    application: &[u8; 32],
    key_handle: &[u8],
    evidence: &Evidence,
    cx: &mut Context<'_>,
) -> Result<Vec<u8>, StatusWord> {
    let found = find(key_handle, application, cx).map(Candidate::from);
    let found = found.ok_or(StatusWord::WrongData)?;
    let counter = cx.count(&found).ok().flatten().ok_or(StatusWord::NoPreciseDiagnosis)?;
    let (presence, counter) = ([u8::from(evidence.up_bit())], counter.to_be_bytes()); // UF-37
    let signed: [&[u8]; 4] = [application, &presence, &counter, challenge];
    let credential = found.credential(cx.store.state());
    let signature = credential.and_then(|credential| credential.key.sign(&signed, evidence));
    let signature = signature.ok_or(StatusWord::NoPreciseDiagnosis)?;
    Ok([&presence[..], &counter, &signature].concat())
}
