//! What a veil lets through.

use hid_transport::host::fragment;
use hid_transport::{ChannelId, Command};
use proptest::prelude::*;

use super::*;
use crate::cbor::{Value, encode};
use crate::commands::code;
use crate::test_support::hex;

fn reports(channel: u32, message: &[u8]) -> Vec<Report> {
    fragment(ChannelId::new(channel), Command::Cbor, message).unwrap().collect()
}

/// setPIN, with so many bytes of a new PIN.
fn set_pin(secret: u8, length: usize) -> Vec<u8> {
    let members =
        vec![(1.into(), 2.into()), (2.into(), 3.into()), (5.into(), vec![secret; length].into())];
    [&[code::CLIENT_PIN], encode(&Value::Map(members)).as_slice()].concat()
}

fn through(veil: &mut Veil<usize>, reports: &[Report]) -> Vec<Packet<usize>> {
    for (tag, report) in reports.iter().enumerate() {
        veil.report(tag, Direction::ToKey, report);
    }
    std::iter::from_fn(|| veil.next_packet()).collect()
}

fn bytes(packets: &[Packet<usize>]) -> Vec<Report> {
    packets.iter().map(|packet| packet.bytes.clone().try_into().unwrap()).collect()
}

// P-19, P-38
#[test]
fn a_secret_that_spans_reports_is_left_out_of_all_of_them() {
    let told = through(&mut Veil::new(false), &reports(1, &set_pin(7, 150)));
    assert_eq!(bytes(&told), reports(1, &set_pin(0, 150)));
    assert!(told[0].step.is_none() && told[1].step.is_none());
    let step = told[2].step.as_ref().unwrap();
    assert_eq!(step.line(), "authenticatorClientPIN subCommand setPIN");
    let told = through(&mut Veil::new(true), &reports(1, &set_pin(7, 150)));
    assert_eq!(bytes(&told), reports(1, &set_pin(7, 150)), "unless they are asked for");
}

#[test]
fn packets_leave_in_the_order_in_which_they_came() {
    let (long, short) = (reports(1, &set_pin(7, 60)), reports(2, &[code::GET_INFO]));
    let mut veil = Veil::new(false);
    veil.report(0, Direction::ToKey, &long[0]);
    veil.report(1, Direction::ToKey, &short[0]);
    assert_eq!(veil.next_packet(), None, "what is behind an unfinished message waits for it");
    veil.report(2, Direction::ToKey, &long[1]);
    let tags: Vec<_> = std::iter::from_fn(|| veil.next_packet()).map(|packet| packet.tag).collect();
    assert_eq!(tags, [0, 1, 2]);
}

#[test]
fn of_what_never_becomes_whole_only_the_head_is_told() {
    let all = reports(1, &set_pin(7, 150));
    let next = reports(1, &[code::GET_INFO])[0];
    for broken in [vec![all[0], all[1], next], vec![all[0], all[2]], vec![all[1]], vec![all[2]]] {
        let told = through(&mut Veil::new(false), &broken);
        assert_eq!(told.len(), broken.len());
        let has_pin = |packet: &Packet<usize>| packet.bytes.windows(4).any(|four| four == [7; 4]);
        assert!(!told.iter().any(has_pin), "{told:?}");
    }
    let mut veil = Veil::new(false);
    assert!(through(&mut veil, &all[..2]).is_empty() && veil.keeps_back());
    veil.give_up();
    let told = veil.next_packet().unwrap();
    assert_eq!(told.bytes[..8], all[0][..8], "channel, command, length and the first byte");
    assert!(told.bytes[8..].iter().all(|byte| *byte == 0));
}

/// A registration for a user with a name of so many letters.
fn registration(letters: usize) -> Vec<u8> {
    let user = Value::Map(vec![("name".into(), "a".repeat(letters).as_str().into())]);
    let members = Value::Map(vec![(3.into(), user)]);
    [&[code::MAKE_CREDENTIAL], encode(&members).as_slice()].concat()
}

fn tells(packets: &[Packet<usize>], byte: u8) -> bool {
    packets.iter().any(|packet| packet.bytes.contains(&byte))
}

// P-19, P-38
#[test]
fn the_rest_of_a_pin_is_told_as_part_of_nothing_whatever_was_said_before() {
    let (name, pin) = (reports(1, &registration(160)), reports(1, &set_pin(0x77, 150)));
    let mixed = [name[0], pin[1], pin[2]];
    let told = through(&mut Veil::new(false), &mixed);
    assert!(tells(&told, 0x77), "by the rules of framing it is the name, if nothing is missing");
    let mut veil = Veil::new(false);
    assert!(through(&mut veil, &mixed[..1]).is_empty());
    veil.interrupt();
    let told = through(&mut veil, &mixed[1..]);
    assert_eq!(told.len(), 3);
    assert!(!tells(&told, 0x77) && !tells(&told, b'a'), "{told:?}");
    for orphan in &pin[1..] {
        let told = through(&mut Veil::new(false), &[*orphan]);
        assert_eq!(told[0].bytes[5..], [0; 59], "not even its first byte");
    }
}

// P-38
#[test]
fn what_came_too_late_for_its_message_is_a_part_of_none() {
    let all = reports(1, &set_pin(7, 150));
    let mut veil = Veil::new(false);
    assert!(through(&mut veil, &all[..2]).is_empty());
    veil.give_up();
    let told = through(&mut veil, &all[2..]);
    assert_eq!(told[1].bytes[..5], all[1][..5]);
    assert!(!tells(&told, 7), "{told:?}");
}

// P-38
#[test]
fn an_answer_whose_end_never_came_does_not_go_on_in_the_next_one() {
    let mut veil = Veil::new(false);
    let mut said = |direction, report: &Report| {
        veil.report(0, direction, report);
        std::iter::from_fn(|| veil.next_packet()).collect::<Vec<_>>()
    };
    let ask = |code| reports(1, &[code])[0];
    let info = reports(1, &[&[0, 0xA1, 3, 0x58, 0x78][..], &[1; 120]].concat());
    let token = reports(1, &[&[0, 0xA1, 2, 0x58, 0x78][..], &[9; 120]].concat());
    said(Direction::ToKey, &ask(code::GET_INFO));
    said(Direction::FromKey, &info[0]);
    said(Direction::ToKey, &ask(code::CLIENT_PIN));
    // The first report of its answer is lost on the bus.
    let told: Vec<_> = token[1..].iter().flat_map(|one| said(Direction::FromKey, one)).collect();
    assert!(told.len() == 2 && !tells(&told, 9), "{told:?}");
}

// P-19, P-38
#[test]
fn an_answer_that_two_requests_wait_for_is_left_out() {
    let mut veil = Veil::new(false);
    let token = reports(1, &[&[0, 0xA1, 2, 0x50][..], &[9; 16]].concat())[0];
    veil.report(0, Direction::ToKey, &reports(1, &set_pin(7, 16))[0]);
    veil.report(1, Direction::ToKey, &reports(1, &[code::GET_INFO])[0]);
    veil.report(2, Direction::FromKey, &token);
    let told: Vec<_> = std::iter::from_fn(|| veil.next_packet()).collect();
    assert!(told.len() == 3 && !tells(&told, 9), "{told:?}");
}

// NF-13, P-19, P-38
#[test]
fn a_chain_that_another_command_ends_and_what_is_none_of_fidos_are_left_out() {
    let pin = [&[0x90, 0x10, 0, 0, 40], &set_pin(7, 64)[..40]].concat();
    for next in ["0003000000", "00a4040008a0000006472f000100", "80110000", "00c0000000", "0102"] {
        let mut veil = Veil::new(false);
        veil.apdu(0, Direction::ToKey, &pin);
        veil.apdu(1, Direction::FromKey, &hex("9000"));
        veil.apdu(2, Direction::ToKey, &hex(next));
        veil.give_up();
        let told: Vec<_> = std::iter::from_fn(|| veil.next_packet()).collect();
        assert!(told.len() == 3 && !tells(&told, 7), "{next}: {told:?}");
        assert_eq!(told[0].bytes[..6], pin[..6], "but for its head and its command");
    }
    let mut veil = Veil::new(false);
    veil.apdu(0, Direction::ToKey, &hex("002000800431323334"));
    veil.apdu(1, Direction::FromKey, &hex("313233349000"));
    let told: Vec<_> = std::iter::from_fn(|| veil.next_packet()).collect();
    assert_eq!(told[0].bytes, hex("002000800400000000"), "a PIN of another application");
    assert_eq!(told[1].bytes, hex("000000009000"), "an answer to none of FIDO's commands");
}

// NF-13
#[test]
fn a_card_is_veiled_like_a_key_on_the_bus() {
    let message = set_pin(7, 64);
    let (first, second) = message.split_at(40);
    let first = [&[0x90, 0x10, 0, 0, 40], first].concat();
    let second = [&[0x80, 0x10, 0x80, 0, second.len() as u8], second, &[0]].concat();
    let mut veil = Veil::new(false);
    veil.apdu(0, Direction::ToKey, &first);
    veil.apdu(1, Direction::FromKey, &hex("9000"));
    veil.apdu(2, Direction::ToKey, &second);
    veil.apdu(3, Direction::FromKey, &hex("009000"));
    let told: Vec<_> = std::iter::from_fn(|| veil.next_packet()).collect();
    let lengths: Vec<_> = told.iter().map(|packet| packet.bytes.len()).collect();
    assert_eq!(lengths, [first.len(), 2, second.len(), 3]);
    assert!(!told.iter().any(|packet| packet.bytes.windows(4).any(|four| four == [7; 4])));
    assert_eq!(told[3].step.as_ref().unwrap().line(), "CTAP2_OK");
    for (tag, (direction, apdu)) in [
        (Direction::ToKey, "80100000010400"),
        (Direction::FromKey, "00a16103"),
        (Direction::ToKey, "00c0000003"),
        (Direction::FromKey, "0500049000"),
    ]
    .into_iter()
    .enumerate()
    {
        veil.apdu(tag, direction, &hex(apdu));
    }
    assert_eq!(std::iter::from_fn(|| veil.next_packet()).count(), 4);
    assert!(!veil.keeps_back(), "an answer in parts is whole with the last");
}

proptest! {
    /// Whatever a host sends: nothing is lost, nothing is kept for ever, and only data change.
    #[test]
    fn every_packet_comes_out_in_its_turn(
        sent in prop::collection::vec((0..3_u32, any::<[u8; 60]>(), any::<bool>()), 0..60),
    ) {
        let mut veil = Veil::new(false);
        let mut came = Vec::new();
        for (tag, (channel, rest, up)) in sent.iter().enumerate() {
            let mut report = [0; 64];
            report[..4].copy_from_slice(&channel.to_be_bytes());
            report[4..].copy_from_slice(rest);
            let direction = if *up { Direction::ToKey } else { Direction::FromKey };
            veil.report(tag, direction, &report);
            came.push(report);
        }
        veil.give_up();
        let told: Vec<_> = std::iter::from_fn(|| veil.next_packet()).collect();
        prop_assert_eq!(told.len(), came.len());
        for (tag, packet) in told.iter().enumerate() {
            prop_assert_eq!(packet.tag, tag);
            prop_assert_eq!(&packet.bytes[..5], &came[tag][..5]);
        }
    }
}
