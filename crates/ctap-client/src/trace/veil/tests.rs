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
