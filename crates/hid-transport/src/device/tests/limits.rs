//! Each limit at N and at N + 1, where its section's file does not show both.

use std::vec;

use super::bench::{Bench, Heard, MS, first};
use crate::limits::*;
use crate::{ChannelId, Command, ErrorCode, Settings};

#[test]
fn the_sizes_fit_together() {
    assert_eq!(REPORT_SIZE, 4 + 1 + 2 + INITIALIZATION_DATA);
    assert_eq!(REPORT_SIZE, 4 + 1 + CONTINUATION_DATA);
    let packets = usize::from(SEQUENCE_MAX) + 1;
    let longest = INITIALIZATION_DATA + packets * CONTINUATION_DATA;
    assert_eq!(longest, usize::from(MESSAGE_MAX));
}

#[test]
fn a_message_may_have_7609_bytes_and_not_7610() {
    // MESSAGE_MAX, HD-30
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &vec![7; usize::from(MESSAGE_MAX)]);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, vec![7; 7609])]);
    bench.send(&first(channel, 0x01, MESSAGE_MAX + 1, &[]));
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidLen)]);
}

#[test]
fn no_setting_makes_room_for_7610_bytes() {
    // MESSAGE_MAX, HD-04
    let mut bench = Bench::with(Settings { max_message: u16::MAX, ..Settings::default() });
    let channel = bench.open();
    bench.send(&first(channel, 0x10, MESSAGE_MAX + 1, &[]));
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidLen)]);
}

#[test]
fn sixty_four_reports_wait_and_the_next_is_dropped() {
    // OUTBOX_MAX
    let mut bench = Bench::new();
    for number in 1..=65 {
        bench.send(&first(ChannelId::new(number), 0x01, 0, &[]));
    }
    let waiting = (1..=64).map(ChannelId::new);
    let expected: vec::Vec<_> =
        waiting.map(|channel| Heard::Error(channel, ErrorCode::InvalidChannel)).collect();
    assert_eq!(expected.len(), OUTBOX_MAX);
    assert_eq!(bench.hear(), expected);
}

#[test]
fn a_message_lives_499_ms_after_its_last_packet_and_not_500() {
    // MESSAGE_TIMEOUT, HD-51
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 99, &[]));
    bench.wait(MESSAGE_TIMEOUT - MS);
    assert_eq!(bench.hear(), []);
    bench.wait(MS);
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::MsgTimeout)]);
}

#[test]
fn a_keepalive_comes_after_50_ms_and_not_after_49() {
    // KEEPALIVE_INTERVAL, HD-72
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Cbor, &[4]);
    bench.wait(KEEPALIVE_INTERVAL - MS);
    assert_eq!(bench.hear().len(), 0);
    bench.wait(MS);
    assert_eq!(bench.hear().len(), 1);
}

#[test]
fn a_response_waits_2999_ms_to_be_read_and_not_3000() {
    // READ_TIMEOUT, HD-53
    for (wait, reports) in [(READ_TIMEOUT - MS, 1), (READ_TIMEOUT, 0)] {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.request(channel, Command::Ping, &[]);
        bench.wait(wait);
        assert_eq!(bench.read_all().len(), reports);
    }
}

#[test]
fn a_lock_may_have_ten_seconds_and_not_eleven() {
    // LOCK_SECONDS_MAX, HD-62
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Lock, &[LOCK_SECONDS_MAX]);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Lock, vec![])]);
    bench.request(channel, Command::Lock, &[LOCK_SECONDS_MAX + 1]);
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidPar)]);
}

#[test]
fn fifty_five_reports_of_a_response_go_at_once_and_the_56th_after_a_pause() {
    // BURST and PACE, HD-54; a ring of 64 that is full at 63
    assert_eq!(BURST + GROUP, 63);
    let of_reports = |n: usize| vec![7; INITIALIZATION_DATA + (n - 1) * CONTINUATION_DATA];
    for (message, at_once) in [(of_reports(BURST), 55), (of_reports(BURST + 1), 55)] {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.request(channel, Command::Ping, &message);
        assert_eq!(core::iter::from_fn(|| bench.read()).count(), at_once);
        let rest = message.len() > of_reports(BURST).len();
        bench.wait(PACE);
        assert_eq!(bench.read().is_some(), rest);
    }
}
