//! Messages of any shape into the client's end, which a card answers with anything.
//!
//! What goes to the card is an APDU in order and, for U2F, nothing but U2F; no answer is longer than a message; a card that
//! never comes to an end is left.
#![no_main]

use apdu_transport::client::{Fault, Next, Request};
use apdu_transport::limits::MESSAGE_MAX;
use apdu_transport::{Length, StatusWord};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Sent {
    Select,
    End,
    Ctap { message: Vec<u8>, can_poll: bool, extended: bool },
    U2f { message: Vec<u8>, extended: bool },
}

#[derive(Arbitrary, Debug)]
enum Response {
    Noise(Vec<u8>),
    Done(Vec<u8>),
    More(Vec<u8>, u8),
    AtWork(u8),
    Unknown(bool),
}

fuzz_target!(|input: (Sent, Vec<Response>)| {
    let (sent, responses) = input;
    let is_u2f = matches!(sent, Sent::U2f { .. });
    let Some((mut request, mut apdu)) = begin(sent) else { return };
    for response in responses.iter().cycle().take(400) {
        check(&apdu, is_u2f);
        match request.receive(&bytes(response)) {
            Ok(Next::Transmit(next)) => apdu = next,
            Ok(Next::Poll(_)) => apdu = request.poll(),
            Ok(Next::Done(answer)) => {
                assert!(answer.len() <= usize::from(MESSAGE_MAX));
                return;
            }
            Err(Fault::TooLong(_)) => panic!("the caller's fault, after it began"),
            Err(_) => return,
        }
    }
});

fn begin(sent: Sent) -> Option<(Request, Vec<u8>)> {
    let length = |extended| if extended { Length::Extended } else { Length::Short };
    match sent {
        Sent::Select => Some(Request::select()),
        Sent::End => Some(Request::end()),
        Sent::Ctap { message, can_poll, extended } => {
            Request::ctap(&message, length(extended), can_poll).ok()
        }
        Sent::U2f { message, extended } => {
            let request = Request::u2f(&message, length(extended));
            if let Err(word) = &request {
                assert!(matches!(word.0, 0x6700 | 0x6D00 | 0x6E00), "{word}");
            }
            request.ok()
        }
    }
}

fn check(apdu: &[u8], is_u2f: bool) {
    assert!(matches!(apdu[0], 0x00 | 0x10 | 0x80 | 0x90) && apdu.len() >= 5, "{apdu:02x?}");
    let is_message = apdu[0] & 0x80 == 0 && matches!(apdu[1], 0x01..=0x03);
    let is_of_u2f = is_message || apdu[1] == 0xC0;
    assert!(!is_u2f || is_of_u2f, "{apdu:02x?}");
    match apdu {
        [_, _, _, _, _] | [_, _, _, _, 0, _, _] => {}
        [_, _, _, _, 0, high, low, rest @ ..] => {
            let lc = usize::from(u16::from_be_bytes([*high, *low]));
            assert!(lc > 0 && (rest.len() == lc || rest.len() == lc + 2), "{apdu:02x?}");
        }
        [_, _, _, _, lc, rest @ ..] => {
            let lc = usize::from(*lc);
            assert!(lc > 0 && (rest.len() == lc || rest.len() == lc + 1), "{apdu:02x?}");
        }
        _ => panic!("{apdu:02x?}"),
    }
}

fn bytes(response: &Response) -> Vec<u8> {
    let after = |data: &[u8], word: StatusWord| [data, &word.0.to_be_bytes()].concat();
    match response {
        Response::Noise(bytes) => bytes.clone(),
        Response::Done(data) => after(data, StatusWord::NO_ERROR),
        Response::More(data, left) => after(data, StatusWord(0x6100 | u16::from(*left))),
        Response::AtWork(status) => after(&[*status], StatusWord::STATUS_UPDATE),
        Response::Unknown(true) => after(&[], StatusWord::INS_NOT_SUPPORTED),
        Response::Unknown(false) => after(&[], StatusWord::CLA_NOT_SUPPORTED),
    }
}
