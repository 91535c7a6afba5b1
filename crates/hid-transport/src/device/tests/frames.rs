//! Section A: frames.

use std::vec;
use std::vec::Vec;

use super::bench::{Bench, Happened, Heard, MS, first, hex, later};
use crate::{ChannelId, Command, ErrorCode, Kind};

#[test]
fn unused_bytes_are_sent_as_zero() {
    // HD-01, HD-02, HD-74
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[0xFF; 120]);
    bench.read_all();
    bench.request(channel, Command::Cbor, &[0xFF; 3]);
    bench.wait(50 * MS);
    assert_eq!(bench.read_all(), [hex("00000002 bb 0001 01")]);
}

#[test]
fn unused_bytes_are_ignored_on_receipt() {
    // HD-01
    let mut bench = Bench::new();
    let channel = bench.open();
    let happened = bench.send(&first(channel, 0x10, 1, &[0x04; 57]));
    assert_eq!(happened, Some(Happened::Request(channel, Kind::Cbor, vec![0x04])));
}

#[test]
fn the_vectors_are_said_and_understood() {
    // V-13, on the first channel this key gives
    let mut bench = Bench::new();
    let channel = ChannelId::new(2);
    bench.send(&hex("ffffffff 86 0008 0102030405060708"));
    let answer = hex("ffffffff 86 0011 0102030405060708 00000002 02 05 04 03 05");
    assert_eq!(bench.read_all(), [answer]);
    let request = bench.send(&hex("00000002 90 0001 04"));
    assert_eq!(request, Some(Happened::Request(channel, Kind::Cbor, vec![0x04])));
    bench.wait_for_user(true);
    assert_eq!(bench.read_all(), [hex("00000002 bb 0001 02")]);
    bench.send(&hex("00000002 81 0000"));
    assert_eq!(bench.read_all(), [hex("00000002 bf 0001 06")]);
    assert_eq!(bench.send(&hex("00000002 91 0000")), Some(Happened::Cancel(channel)));
    bench.respond(channel, &[0x2D]);
    assert_eq!(bench.read_all(), [hex("00000002 90 0001 2d")]);
    bench.send(&hex("00000002 81 1dba"));
    assert_eq!(bench.read_all(), [hex("00000002 bf 0001 03")]);
}

#[test]
fn an_answer_carries_the_channel_and_command_of_its_request() {
    // HD-06
    let mut bench = Bench::new();
    let channel = bench.open();
    for (command, request, answer) in [
        (Command::Ping, &[1, 2][..], &[1, 2][..]),
        (Command::Wink, &[], &[]),
        (Command::Lock, &[0], &[]),
        (Command::Cbor, &[4], &[9]),
        (Command::Msg, &[4], &[9]),
    ] {
        bench.request(channel, command, request);
        bench.respond(channel, &[9]);
        assert_eq!(bench.hear(), [Heard::Message(channel, command, answer.to_vec())]);
    }
}

#[test]
fn an_idle_key_is_silent_and_sets_no_timer() {
    // HD-07
    let mut bench = Bench::new();
    assert_eq!(bench.device.poll_timeout(), None);
    let channel = bench.open();
    bench.request(channel, Command::Cbor, &[4]);
    bench.respond(channel, &[0]);
    bench.read_all();
    assert_eq!(bench.device.poll_timeout(), None);
    assert_eq!(bench.hear_for(3000 * MS), []);
}

#[test]
fn there_is_one_transaction_at_a_time() {
    // HD-08, P-30
    let mut bench = Bench::new();
    let (one, other) = (bench.open(), bench.open());
    assert!(bench.request(one, Command::Cbor, &[4]).is_some());
    assert_eq!(bench.request(other, Command::Cbor, &[4]), None);
    assert_eq!(bench.hear(), [Heard::Error(other, ErrorCode::ChannelBusy)]);
    bench.respond(one, &[0]);
    assert_eq!(bench.hear(), [Heard::Message(one, Command::Cbor, vec![0])]);
    assert!(bench.request(other, Command::Cbor, &[4]).is_some());
}

#[test]
fn sequence_numbers_run_from_0_to_127() {
    // HD-03, HD-04
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 7609, &[0xC0; 57]));
    for sequence in 0..=127 {
        assert_eq!(bench.read(), None);
        bench.send(&later(channel, sequence));
    }
    let sequences: Vec<u8> = bench.read_all()[1..].iter().map(|report| report[4]).collect();
    assert_eq!(sequences, (0..=127).collect::<Vec<u8>>());
}
