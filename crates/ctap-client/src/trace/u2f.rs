//! The messages of U2F in the standard's words (CTAP section 7, FIDO U2F Raw Message Formats).

use apdu_transport::{Overheard, StatusWord};

use super::steps::{Outcome, Step};
use crate::commands::u2f::{AUTHENTICATE, Authentication, REGISTER, Registration, VERSION};

/// A command APDU.
pub(super) fn request(apdu: &[u8]) -> Step {
    let data = Overheard::parse(apdu).and_then(|heard| apdu.get(heard.data)).unwrap_or_default();
    let (challenge, rest) = data.split_at_checked(32).unwrap_or((data, &[]));
    let (application, handle) = rest.split_at_checked(32).unwrap_or((rest, &[]));
    match apdu {
        [_, REGISTER, ..] => Step::new("U2F_REGISTER", Outcome::Asked)
            .with("challengeParameter", challenge)
            .with("applicationParameter", application),
        [_, AUTHENTICATE, control, ..] => Step::new("U2F_AUTHENTICATE", Outcome::Asked)
            .with("control", told(*control))
            .with("challengeParameter", challenge)
            .with("applicationParameter", application)
            .with("keyHandle", handle.get(1..).unwrap_or_default()),
        [_, VERSION, ..] => Step::new("U2F_VERSION", Outcome::Asked),
        _ => Step::new("a U2F command", Outcome::Asked).with("apdu", apdu),
    }
}

/// The response APDU to a command with this instruction.
pub(super) fn reply(apdu: &[u8], instruction: Option<u8>) -> Step {
    let Some((data, word)) = apdu.split_last_chunk::<2>() else {
        return Step::new("not a response APDU", Outcome::Broken);
    };
    let word = StatusWord(u16::from_be_bytes(*word));
    let outcome = match word {
        StatusWord::NO_ERROR => Outcome::Done,
        StatusWord::CONDITIONS_NOT_SATISFIED => Outcome::Waiting,
        _ => Outcome::Refused,
    };
    let step = Step::new(word.to_string(), outcome);
    match instruction {
        _ if data.is_empty() => step,
        Some(REGISTER) => registration(step, data),
        Some(AUTHENTICATE) => authentication(step, data),
        Some(VERSION) => step.with("version", String::from_utf8_lossy(data).into_owned()),
        _ => step.with("data", data),
    }
}

fn registration(step: Step, data: &[u8]) -> Step {
    match Registration::parse(data) {
        Ok(made) => step
            .with("keyHandle", made.key_handle)
            .with("attestationCertificate", made.certificate)
            .with("signature", made.signature),
        Err(_) => step.with("data", data),
    }
}

fn authentication(step: Step, data: &[u8]) -> Step {
    match Authentication::parse(data) {
        Ok(made) => step
            .with("userPresence", made.user_presence)
            .with("counter", made.counter)
            .with("signature", made.signature),
        Err(_) => step.with("data", data),
    }
}

fn told(control: u8) -> String {
    match control {
        0x03 => "enforce-user-presence-and-sign".to_owned(),
        0x07 => "check-only".to_owned(),
        0x08 => "dont-enforce-user-presence-and-sign".to_owned(),
        other => format!("{other:#04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::u2f::apdu;

    #[test]
    fn a_sign_in_that_waits_for_a_touch_is_told_so() {
        let asked = request(&apdu(AUTHENTICATE, 3, &[[1; 64].as_slice(), &[2, 8, 9]].concat()));
        assert_eq!(asked.name, "U2F_AUTHENTICATE");
        let handle = asked.members.iter().find(|(name, _)| name == "keyHandle").unwrap();
        assert_eq!(handle.1.as_bytes(), Some(&vec![8, 9]));
        assert_eq!(reply(&[0x69, 0x85], Some(AUTHENTICATE)).outcome, Outcome::Waiting);
        assert_eq!(
            reply(b"U2F_V2\x90\x00", Some(VERSION)).line(),
            "9000 (no error) version \"U2F_V2\""
        );
    }
}
