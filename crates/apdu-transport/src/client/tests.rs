use std::format;
use std::string::String;
use std::vec;

use proptest::prelude::*;

use super::*;
use crate::Version;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The next APDU, which the client wants to transmit after this response.
fn after(request: &mut Request, response: &[u8]) -> String {
    match request.receive(response) {
        Ok(Next::Transmit(apdu)) => hex(&apdu),
        other => panic!("{other:?}"),
    }
}

fn done(bytes: &[u8]) -> Result<Next, Fault> {
    Ok(Next::Done(bytes.to_vec()))
}

fn get_info() -> Request {
    let (request, apdu) = Request::ctap(&[4], Length::Short, true).expect("short");
    assert_eq!(hex(&apdu), "80108000010400");
    request
}

fn version() -> Request {
    Request::u2f(&[0, 3, 0, 0], Length::Short).expect("U2F").0
}

#[test]
fn a_client_selects_with_le_and_reads_the_version() {
    // NF-01, NF-02
    let (mut request, apdu) = Request::select();
    assert_eq!(hex(&apdu), "00A4040008A0000006472F000100");
    assert_eq!(request.receive(b"FIDO_2_0\x90\x00"), done(b"FIDO_2_0"));
    assert_eq!(Version::from_bytes(b"FIDO_2_0"), Some(Version::Fido20));
    assert_eq!(Version::from_bytes(b"FIDO_2_3"), None);
}

#[test]
fn a_card_without_fido_refuses_to_be_selected() {
    // NF-03
    let (mut request, _) = Request::select();
    let refused = request.receive(&[0x6A, 0x82]).expect_err("refused");
    assert_eq!(refused, Fault::Refused(StatusWord::FILE_NOT_FOUND));
    assert_eq!(format!("{refused}"), "the card refused with 6A82 (no such application)");
}

#[test]
fn a_client_says_that_it_is_done() {
    // NF-36
    let (mut request, apdu) = Request::end();
    assert_eq!(hex(&apdu), "8012010000");
    assert_eq!(request.receive(&[0x90, 0x00]), done(&[]));
}

#[test]
fn a_long_message_goes_in_parts_of_240_or_in_one_piece() {
    // NF-12, NF-13, NF-21
    let message: Vec<u8> = (0..=255).cycle().take(500).collect();
    let (mut request, first) = Request::ctap(&message, Length::Short, false).expect("short");
    assert_eq!(hex(&first), format!("90100000F0{}", hex(&message[..240])));
    let second = after(&mut request, &[0x90, 0x00]);
    assert_eq!(second, format!("90100000F0{}", hex(&message[240..480])));
    let last = after(&mut request, &[0x90, 0x00]);
    assert_eq!(last, format!("8010000014{}00", hex(&message[480..])));
    assert_eq!(request.receive(&[0x00, 0x90, 0x00]), done(&[0]));
    let (_, whole) = Request::ctap(&message, Length::Extended, false).expect("short");
    assert_eq!(hex(&whole), format!("801000000001F4{}0000", hex(&message)));
}

#[test]
fn a_message_of_240_bytes_is_one_apdu_and_one_of_241_two() {
    // CHUNK, NF-21
    for (length, class) in [(240, 0x80), (241, 0x90)] {
        let (_, apdu) = Request::ctap(&vec![1; length], Length::Short, true).expect("short");
        assert_eq!(apdu.first(), Some(&class));
    }
}

#[test]
fn a_message_of_7609_bytes_can_be_sent_and_one_of_7610_cannot() {
    // MESSAGE_MAX
    for length in [Length::Short, Length::Extended] {
        assert!(Request::ctap(&[1; 7609], length, true).is_ok());
        let fault = Request::ctap(&[1; 7610], length, true).err();
        assert_eq!(fault, Some(Fault::TooLong(7610)));
    }
}

#[test]
fn a_card_that_refuses_a_part_gets_no_more() {
    // NF-13
    let (mut request, _) = Request::ctap(&[1; 500], Length::Short, true).expect("short");
    let refused = request.receive(&[0x69, 0x85]);
    assert_eq!(refused, Err(Fault::Refused(StatusWord::CONDITIONS_NOT_SATISFIED)));
}

#[test]
fn the_rest_of_an_answer_is_fetched_under_class_00_and_then_under_80() {
    // NF-17
    let mut request = get_info();
    assert_eq!(after(&mut request, &[0x00, 1, 0x61, 0x00]), "00C0000000");
    assert_eq!(after(&mut request, &[0x6D, 0x00]), "80C0000000");
    assert_eq!(after(&mut request, &[2, 0x61, 0x01]), "80C0000001", "and stays there");
    assert_eq!(request.receive(&[3, 0x90, 0x00]), done(&[0, 1, 2, 3]));
}

#[test]
fn a_card_that_gives_the_rest_under_neither_class_refuses() {
    // NF-17
    let mut request = get_info();
    after(&mut request, &[0x00, 0x61, 0x05]);
    after(&mut request, &[0x6E, 0x00]);
    let refused = request.receive(&[0x6E, 0x00]);
    assert_eq!(refused, Err(Fault::Refused(StatusWord::CLA_NOT_SUPPORTED)));
}

#[test]
fn a_first_61xx_may_come_alone_as_on_t_0() {
    // NF-16
    let mut request = get_info();
    assert_eq!(after(&mut request, &[0x61, 0x02]), "00C0000002");
    assert_eq!(request.receive(&[0, 1, 0x90, 0x00]), done(&[0, 1]));
}

#[test]
fn nine_one_is_polled_for_or_cancelled() {
    // NF-30, NF-31, NF-32
    let mut request = get_info();
    let told = request.receive(&[0x02, 0x91, 0x00]);
    assert_eq!(told, Ok(Next::Poll(KeepaliveStatus::UpNeeded)));
    assert_eq!(
        (hex(&request.poll()), hex(&request.cancel())),
        ("8011000000".into(), "8011110000".into())
    );
    let told = request.receive(&[0x01, 0x91, 0x00]);
    assert_eq!(told, Ok(Next::Poll(KeepaliveStatus::Processing)));
    assert_eq!(after(&mut request, &[0x00, 0x61, 0x01]), "00C0000001");
    assert_eq!(request.receive(&[7, 0x90, 0x00]), done(&[0, 7]));
    let (request, _) = Request::ctap(&[4], Length::Extended, true).expect("short");
    assert_eq!(hex(&request.poll()), "80110000000000");
}

#[test]
fn a_card_that_breaks_the_rules_is_told_by_its_fault() {
    for (response, fault) in [
        (&[][..], Fault::Gone),
        (&[0x90], Fault::Gone),
        (&[0x90, 0x00], Fault::Empty),
        (&[0x91, 0x00], Fault::UnknownStatus(None)),
        (&[3, 0x91, 0x00], Fault::UnknownStatus(Some(3))),
        (&[1, 1, 0x91, 0x00], Fault::UnknownStatus(Some(1))),
        (&[0x63, 0xC2], Fault::Refused(StatusWord(0x63C2))),
    ] {
        assert_eq!(get_info().receive(response), Err(fault), "{response:?}");
    }
}

#[test]
fn a_card_that_never_comes_to_an_end_is_left() {
    // MESSAGE_MAX
    let mut request = get_info();
    after(&mut request, &[0x61, 0x00]);
    assert_eq!(request.receive(&[0x61, 0x00]), Err(Fault::Stuck));
    let mut request = get_info();
    let piece = [&[7; 256][..], &[0x61, 0x00]].concat();
    let pieces = (0..).take_while(|_| request.receive(&piece).is_ok()).count();
    assert_eq!(pieces, 7609 / 256);
}

#[test]
fn a_u2f_message_of_usb_is_rewritten_for_a_short_card() {
    // NF-22, UF-01, UF-02, UF-03
    for (message, short, extended) in [
        (&[0, 3, 0, 0][..], "0003000000", "00030000000000"),
        (&[0, 3, 0, 0, 0, 0, 0, 0, 0], "0003000000", "00030000000000"),
        (&[0, 1, 3, 0, 0, 0, 2, 8, 9], "0001030002080900", "0001030000000208090000"),
        (&[0, 1, 3, 0, 0, 0, 2, 8, 9, 0, 0], "0001030002080900", "0001030000000208090000"),
        (&[0, 2, 7, 0, 2, 8, 9, 0], "0002070002080900", "0002070000000208090000"),
    ] {
        let (_, apdu) = Request::u2f(message, Length::Short).expect("U2F");
        assert_eq!(hex(&apdu), short);
        let (_, apdu) = Request::u2f(message, Length::Extended).expect("U2F");
        assert_eq!(hex(&apdu), extended);
    }
}

#[test]
fn a_key_handle_that_is_longer_than_a_short_apdu_goes_in_parts() {
    // SHORT_DATA_MAX, NF-13, NF-22
    for (length, lengths) in [(255, vec![(0x00, 255)]), (256, vec![(0x10, 240), (0x00, 16)])] {
        let [high, low] = u16::try_from(length).expect("short").to_be_bytes();
        let message = [&[0, 2, 3, 0, 0, high, low][..], &vec![7; length]].concat();
        let (mut request, mut apdu) = Request::u2f(&message, Length::Short).expect("U2F");
        let mut sent = vec![(apdu[0], apdu[4])];
        while let Ok(Next::Transmit(next)) = request.receive(&[0x90, 0x00]) {
            apdu = next;
            sent.push((apdu[0], apdu[4]));
        }
        assert_eq!(sent, lengths);
    }
}

#[test]
fn the_status_word_of_u2f_is_part_of_the_answer() {
    // UF-09
    for word in [[0x90, 0x00], [0x69, 0x85], [0x6A, 0x80], [0x6D, 0x00], [0x6E, 0x00]] {
        assert_eq!(version().receive(&word), done(&word));
    }
    let mut request = version();
    assert_eq!(after(&mut request, &[1, 0x61, 0x02]), "00C0000002");
    assert_eq!(request.receive(&[2, 3, 0x90, 0x00]), done(&[1, 2, 3, 0x90, 0x00]));
}

#[test]
fn nothing_but_u2f_goes_to_the_card_as_u2f() {
    // UF-04, UF-05, UF-06, UF-07
    for (message, word) in [
        (&[][..], StatusWord::WRONG_LENGTH),
        (&[0, 3, 0], StatusWord::WRONG_LENGTH),
        (&[0x80, 0x12, 1, 0], StatusWord::CLA_NOT_SUPPORTED),
        (&[0x10, 1, 0, 0], StatusWord::CLA_NOT_SUPPORTED),
        (&[0, 0xA4, 4, 0, 9], StatusWord::INS_NOT_SUPPORTED),
        (&[0, 0xC0, 0, 0], StatusWord::INS_NOT_SUPPORTED),
        (&[0, 1, 0, 0, 9, 9], StatusWord::WRONG_LENGTH),
    ] {
        for length in [Length::Short, Length::Extended] {
            assert_eq!(Request::u2f(message, length).err(), Some(word), "{message:?}");
        }
    }
}

proptest! {
    /// NF-16, NF-30: whatever a card answers, the client comes to an end or asks on, and keeps no more than a message.
    #[test]
    fn no_answers_upset_a_client(
        responses in prop::collection::vec(
            (
                prop::collection::vec(any::<u8>(), 0..300),
                prop::sample::select(vec![0x9000, 0x6100, 0x6110, 0x9100, 0x6D00, 0x6E00, 0x6985]),
            ),
            1..60,
        ),
        kind in 0..3u8,
    ) {
        let mut request = match kind {
            0 => get_info(),
            1 => version(),
            _ => Request::ctap(&[1; 700], Length::Short, true).expect("short").0,
        };
        for (data, word) in responses {
            match request.receive(&StatusWord(word).after(&data)) {
                Ok(Next::Transmit(apdu)) => prop_assert!((5..=261).contains(&apdu.len())),
                Ok(Next::Poll(_)) => {}
                Ok(Next::Done(answer)) => {
                    prop_assert!(answer.len() <= usize::from(MESSAGE_MAX));
                    break;
                }
                Err(_) => break,
            }
            prop_assert!(request.answer.len() <= usize::from(MESSAGE_MAX));
        }
    }
}
