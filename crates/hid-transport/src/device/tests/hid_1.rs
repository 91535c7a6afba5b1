//! The conformance tool's list hid-1, case by case.

use std::vec;

use super::bench::{Bench, Happened, Heard, MS, first, later, reports};
use crate::{ChannelId, Command, ErrorCode, InitAnswer, KeepaliveStatus};

fn error(channel: ChannelId, code: ErrorCode) -> [Heard; 1] {
    [Heard::Error(channel, code)]
}

fn cancelled_twice(request: &[u8]) {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Cbor, request);
    bench.wait_for_user(true);
    assert_eq!(bench.hear(), [Heard::Keepalive(channel, KeepaliveStatus::UpNeeded)]);
    let cancel = first(channel, 0x11, 0, &[]);
    assert_eq!(bench.send(&cancel), Some(Happened::Cancel(channel)));
    bench.respond(channel, &[0x2D]);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Cbor, vec![0x2D])]);
    assert_eq!(bench.send(&cancel), None);
    assert_eq!(bench.hear_for(3000 * MS), []);
}

#[test]
fn p1_the_idle_key_is_silent_for_three_seconds() {
    assert_eq!(Bench::new().hear_for(3000 * MS), []);
}

#[test]
fn p2_a_random_continuation_packet_is_not_answered() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&later(channel, 0x2A));
    assert_eq!(bench.hear_for(3000 * MS), []);
}

#[test]
fn p3_init_is_answered_in_full() {
    let mut bench = Bench::new();
    bench.send(&first(ChannelId::BROADCAST, 0x06, 8, b"a nonce!"));
    let heard = bench.hear();
    let [Heard::Message(ChannelId::BROADCAST, Command::Init, bytes)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(bytes.len(), 17);
    let answer = InitAnswer::parse(bytes).expect("17 bytes");
    assert_eq!((&answer.nonce, answer.protocol_version), (b"a nonce!", 2));
    assert!(answer.channel != ChannelId::RESERVED && answer.channel != ChannelId::BROADCAST);
    assert_eq!(bytes[16] & !0x0D, 0, "only WINK, CBOR and NMSG");
    assert!(answer.capabilities.cbor);
}

#[test]
fn p4_three_inits_give_three_channels() {
    let mut bench = Bench::new();
    let (one, two, three) = (bench.open(), bench.open(), bench.open());
    assert!(one != two && two != three && one != three);
}

#[test]
fn p5_p6_p8_ping_echoes() {
    let mut bench = Bench::new();
    let channel = bench.open();
    for message in [vec![0x5A; 50], vec![0x5A; 1024], vec![0x00, 0x5A]] {
        bench.request(channel, Command::Ping, &message);
        assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, message)]);
    }
}

#[test]
fn p7_init_in_place_of_the_last_packet_aborts_a_ping() {
    let mut bench = Bench::new();
    let channel = bench.open();
    let reports = reports(channel, Command::Ping, &[0x5A; 512]);
    for report in &reports[..reports.len() - 1] {
        bench.send(report);
    }
    bench.send(&first(channel, 0x06, 8, b"a nonce!"));
    let heard = bench.hear();
    assert!(matches!(&heard[..], [Heard::Message(on, Command::Init, _)] if *on == channel));
}

#[test]
fn p9_p10_make_credential_is_kept_alive_and_cancelled_once() {
    cancelled_twice(&[0x01, 0xA0]);
}

#[test]
fn p11_a_keepalive_comes_before_the_refusal_of_a_wrong_id() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Cbor, &[0x02, 0xA0]);
    bench.wait_for_user(true);
    bench.respond(channel, &[0x2E]);
    let heard = bench.hear();
    let keepalive = Heard::Keepalive(channel, KeepaliveStatus::UpNeeded);
    assert_eq!(heard, [keepalive, Heard::Message(channel, Command::Cbor, vec![0x2E])]);
}

#[test]
fn p12_wink_is_answered_empty() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Wink, &[]);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Wink, vec![])]);
}

#[test]
fn p13_p14_lock_keeps_init_out_until_unlocked() {
    let mut bench = Bench::new();
    let (owner, other) = (bench.open(), bench.open());
    let unlocked = [Heard::Message(owner, Command::Lock, vec![])];
    bench.request(owner, Command::Lock, &[0]);
    assert_eq!(bench.hear(), unlocked);
    bench.request(owner, Command::Lock, &[8]);
    assert_eq!(bench.hear(), unlocked);
    let init = first(other, 0x06, 8, b"a nonce!");
    bench.send(&init);
    assert_eq!(bench.hear(), error(other, ErrorCode::ChannelBusy));
    bench.request(owner, Command::Lock, &[0]);
    assert_eq!(bench.hear(), unlocked);
    bench.send(&init);
    assert!(
        matches!(&bench.hear()[..], [Heard::Message(_, Command::Init, bytes)] if bytes.len() == 17)
    );
}

#[test]
fn p15_selection_is_cancelled_once() {
    cancelled_twice(&[0x0B]);
}

#[test]
fn f1_an_unknown_command_is_invalid() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x20, 0, &[]));
    assert_eq!(bench.hear(), error(channel, ErrorCode::InvalidCmd));
}

#[test]
fn f2_init_on_channel_zero_is_invalid() {
    let mut bench = Bench::new();
    bench.send(&first(ChannelId::RESERVED, 0x06, 8, b"a nonce!"));
    assert_eq!(bench.hear(), error(ChannelId::RESERVED, ErrorCode::InvalidChannel));
}

#[test]
fn f3_ping_on_broadcast_or_channel_zero_is_invalid() {
    let mut bench = Bench::new();
    for channel in [ChannelId::BROADCAST, ChannelId::RESERVED] {
        bench.request(channel, Command::Ping, &[0x5A; 50]);
        assert_eq!(bench.hear(), error(channel, ErrorCode::InvalidChannel));
    }
}

#[test]
fn f4_a_ping_out_of_order_is_refused() {
    let mut bench = Bench::new();
    let channel = bench.open();
    let mut reports = reports(channel, Command::Ping, &[0x5A; 1024]);
    reports.swap(7, 8);
    for report in &reports {
        bench.send(report);
    }
    assert_eq!(bench.hear(), error(channel, ErrorCode::InvalidSeq));
}
