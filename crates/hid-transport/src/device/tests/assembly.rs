//! Section D: assembly, and the way out.

use core::time::Duration;
use std::vec;
use std::vec::Vec;

use super::bench::{Bench, Happened, Heard, MS, first, later, reports};
use crate::limits::{BURST, GROUP, MESSAGE_TIMEOUT, OUTBOX_MAX, PACE, READ_TIMEOUT, UNSEEN_PACE};
use crate::{ChannelId, Command, ErrorCode, Kind};

#[test]
fn a_wrong_sequence_number_ends_the_message_with_one_error() {
    // HD-50
    for wrong in (0..=127).filter(|&sequence| sequence != 1) {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.send(&first(channel, 0x01, 1024, &[]));
        bench.send(&later(channel, 0));
        bench.send(&later(channel, wrong));
        assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidSeq)]);
        for sequence in 2..18 {
            bench.send(&later(channel, sequence));
        }
        assert_eq!(bench.hear_for(1000 * MS), []);
    }
}

#[test]
fn a_message_that_stops_coming_ends_in_a_time_out() {
    // HD-51
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 1024, &[]));
    let timed_out = Heard::Error(channel, ErrorCode::MsgTimeout);
    assert_eq!(bench.hear_for(2000 * MS), [(MESSAGE_TIMEOUT, timed_out)]);
}

#[test]
fn each_packet_grants_the_next_its_full_time() {
    // HD-51
    let mut bench = Bench::new();
    let channel = bench.open();
    for report in reports(channel, Command::Ping, &[7; 400]) {
        bench.send(&report);
        bench.wait(MESSAGE_TIMEOUT - MS);
    }
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, vec![7; 400])]);
}

#[test]
fn packets_of_others_do_not_prolong_a_message() {
    // HD-51, P-30
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    bench.send(&first(busy, 0x01, 1024, &[]));
    for _ in 0..5 {
        bench.wait(MESSAGE_TIMEOUT / 5);
        bench.send(&later(other, 0));
    }
    assert_eq!(bench.hear(), [Heard::Error(busy, ErrorCode::MsgTimeout)]);
}

#[test]
fn a_late_scheduler_cannot_time_out_a_message_whose_packets_have_arrived() {
    // HD-51: nobody knows how long a packet has been waiting to be looked at
    for late in [MESSAGE_TIMEOUT, MESSAGE_TIMEOUT + MS, 100 * MESSAGE_TIMEOUT] {
        let mut bench = Bench::new();
        let (channel, other) = (bench.open(), bench.open());
        for report in reports(channel, Command::Ping, &[7; 400]) {
            bench.oversleep(late);
            bench.send(&later(other, 0));
            bench.send(&report);
            bench.wait(Duration::ZERO);
        }
        assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, vec![7; 400])]);
    }
}

#[test]
fn a_packet_that_was_looked_at_late_grants_the_next_its_full_time() {
    // HD-51
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 1024, &[]));
    bench.oversleep(5 * MESSAGE_TIMEOUT);
    bench.send(&later(channel, 0));
    let timed_out = Heard::Error(channel, ErrorCode::MsgTimeout);
    assert_eq!(bench.hear_for(2000 * MS), [(MESSAGE_TIMEOUT, timed_out)]);
}

#[test]
fn the_message_of_a_dead_client_blocks_others_no_longer_than_until_time_is_let_pass() {
    // HD-51, P-30: late or not, the first call of handle_timeout ends it
    let mut bench = Bench::new();
    let (dead, other) = (bench.open(), bench.open());
    bench.send(&first(dead, 0x01, 1024, &[]));
    bench.oversleep(5 * MESSAGE_TIMEOUT);
    bench.request(other, Command::Ping, &[1]);
    assert_eq!(bench.hear(), [Heard::Error(other, ErrorCode::ChannelBusy)]);
    bench.wait(Duration::ZERO);
    bench.request(other, Command::Ping, &[2]);
    let timed_out = Heard::Error(dead, ErrorCode::MsgTimeout);
    assert_eq!(bench.hear(), [timed_out, Heard::Message(other, Command::Ping, vec![2])]);
}

#[test]
fn a_late_scheduler_does_not_take_a_host_that_reads_for_one_that_has_stopped() {
    // HD-53
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 100]);
    bench.oversleep(READ_TIMEOUT);
    bench.send(&later(channel, 0));
    let report = bench.read().expect("the host was ready to read all the time");
    bench.listen(&report);
    bench.wait(Duration::ZERO);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, vec![7; 100])]);
}

#[test]
fn a_message_is_complete_with_its_last_byte_and_excess_is_ignored() {
    // HD-52
    for length in [58, 100, 115, 116] {
        let mut bench = Bench::new();
        let channel = bench.open();
        assert_eq!(bench.send(&first(channel, 0x10, length, &[0xC0; 57])), None);
        let whole = Happened::Request(channel, Kind::Cbor, vec![0xC0; usize::from(length)]);
        assert_eq!(bench.send(&later(channel, 0)), Some(whole));
    }
}

#[test]
fn the_key_is_busy_until_the_last_packet_has_been_read() {
    // HD-53: not only until it was queued
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    bench.request(busy, Command::Ping, &[7; 100]);
    assert!(bench.read().is_some());
    bench.request(other, Command::Ping, &[]);
    assert!(bench.read().is_some());
    bench.request(other, Command::Ping, &[]);
    let answers =
        [Heard::Error(other, ErrorCode::ChannelBusy), Heard::Message(other, Command::Ping, vec![])];
    assert_eq!(bench.hear(), answers);
}

#[test]
fn a_response_that_nobody_reads_is_dropped_after_a_while() {
    // HD-53
    for read in [0, 1, 5] {
        let mut bench = Bench::new();
        let (gone, other) = (bench.open(), bench.open());
        bench.request(gone, Command::Ping, &[7; 1000]);
        bench.wait(READ_TIMEOUT - MS);
        assert!((0..read).all(|_| bench.read().is_some()));
        bench.wait(READ_TIMEOUT);
        bench.request(other, Command::Ping, &[1]);
        assert_eq!(bench.hear(), [Heard::Message(other, Command::Ping, vec![1])]);
        assert_eq!(bench.device.poll_timeout(), None);
    }
}

#[test]
fn a_host_that_reads_slowly_gets_the_whole_response() {
    // HD-53
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 1000]);
    let mut heard = Vec::new();
    for _ in 0..17 {
        bench.wait(READ_TIMEOUT - MS);
        let report = bench.read().expect("the next");
        heard.extend(bench.listen(&report));
    }
    assert_eq!(heard, [Heard::Message(channel, Command::Ping, vec![7; 1000])]);
}

#[test]
fn a_host_that_reads_what_comes_before_the_response_has_not_stopped_reading() {
    // HD-53
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    bench.request(busy, Command::Cbor, &[4]);
    bench.send(&first(other, 0x01, 0, &[]));
    bench.respond(busy, &[0]);
    bench.wait(READ_TIMEOUT - MS);
    assert!(bench.read().is_some());
    bench.wait(READ_TIMEOUT - MS);
    assert_eq!(bench.hear(), [Heard::Message(busy, Command::Cbor, vec![0])]);
}

#[test]
fn errors_and_init_answers_that_nobody_reads_go_stale() {
    // HD-53: the next program to open the key does not find them
    let mut bench = Bench::new();
    bench.send(&first(ChannelId::BROADCAST, 0x06, 8, &[]));
    bench.wait(READ_TIMEOUT - MS);
    bench.send(&first(ChannelId::BROADCAST, 0x01, 0, &[]));
    bench.wait(MS);
    let error = Heard::Error(ChannelId::BROADCAST, ErrorCode::InvalidChannel);
    assert_eq!(bench.hear(), [error]);
    assert_eq!(bench.device.poll_timeout(), None);
}

#[test]
fn long_responses_are_paced_and_short_ones_are_not() {
    // HD-54
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 7609]);
    let at_once = core::iter::from_fn(|| bench.read()).count();
    assert_eq!(at_once, BURST);
    let mut left = 129 - BURST;
    while left > 0 {
        let next = bench.device.poll_timeout().expect("the pace");
        assert_eq!(next, bench.now + PACE);
        bench.wait(PACE - MS);
        assert_eq!(bench.read(), None);
        bench.wait(MS);
        let group = core::iter::from_fn(|| bench.read()).count();
        assert_eq!(group, left.min(GROUP));
        left -= group;
    }
    assert_eq!(bench.device.poll_timeout(), None);
}

#[test]
fn a_host_with_two_reads_waiting_gets_a_long_response_without_a_pause_and_one_with_one_does_not() {
    // HD-54: it has a place for each report
    for (reads, at_once) in [(1, BURST), (2, 129), (32, 129)] {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.request(channel, Command::Ping, &[7; 7609]);
        assert_eq!(core::iter::from_fn(|| bench.read_one_of(reads)).count(), at_once, "{reads}");
    }
}

#[test]
fn a_host_of_which_nobody_sees_what_it_has_read_has_time_for_each_group() {
    // HD-54: on uhid
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 7609]);
    assert_eq!(core::iter::from_fn(|| bench.read_one_of(0)).count(), BURST);
    bench.wait(UNSEEN_PACE - MS);
    assert_eq!(bench.read_one_of(0), None);
    bench.wait(MS);
    assert_eq!(core::iter::from_fn(|| bench.read_one_of(0)).count(), GROUP);
}

#[test]
fn a_pause_ends_when_a_second_read_comes() {
    // HD-54
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 7609]);
    while bench.read().is_some() {}
    assert!(bench.read_one_of(2).is_some());
    bench.wait(PACE);
    let next = bench.device.poll_timeout().expect("the end of patience");
    assert_eq!(next, bench.now - PACE + READ_TIMEOUT);
}

#[test]
fn timers_that_are_late_do_not_add_up_over_a_long_response() {
    // HD-54
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 7609]);
    let (begun, mut reports) = (bench.now, 0);
    loop {
        reports += core::iter::from_fn(|| bench.read()).count();
        if reports == 129 {
            break;
        }
        let due = bench.device.poll_timeout().expect("the pace");
        bench.wait(due + MS - bench.now);
    }
    let pauses = (129 - BURST).div_ceil(GROUP) as u32;
    assert_eq!(bench.now - begun, pauses * PACE + MS, "one late timer, and not {pauses}");
}

#[test]
fn a_host_that_was_away_for_a_pause_or_longer_is_not_flooded_when_it_is_back() {
    // HD-54: at most one group is caught up with, for which the ring has room
    for (away, next) in [(PACE - MS, MS), (PACE, PACE), (10 * PACE, PACE)] {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.request(channel, Command::Ping, &[7; 7609]);
        while bench.read().is_some() {}
        bench.wait(PACE + away);
        assert_eq!(core::iter::from_fn(|| bench.read()).count(), GROUP);
        let due = bench.device.poll_timeout().expect("the pace");
        assert_eq!(due - bench.now, next, "away for {away:?}");
    }
}

#[test]
fn the_pace_sets_no_timer_for_a_host_that_does_not_read() {
    // HD-54
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 7609]);
    while bench.read().is_some() {}
    bench.wait(PACE);
    let next = bench.device.poll_timeout().expect("the end of patience");
    assert_eq!(next, bench.now - PACE + READ_TIMEOUT);
}

#[test]
fn no_frame_of_another_channel_comes_between_the_packets_of_a_response() {
    // HD-55
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    bench.request(busy, Command::Cbor, &[4]);
    bench.send(&first(other, 0x01, 0, &[]));
    bench.respond(busy, &[0; 200]);
    bench.send(&first(other, 0x01, 0, &[]));
    let mut order = vec![];
    for _ in 0..7 {
        let report = bench.read().expect("more");
        order.push(report[3..5].to_vec());
        bench.send(&first(ChannelId::BROADCAST, 0x06, 8, &[]));
    }
    let expected = [[3, 0xBF], [2, 0x90], [2, 0], [2, 1], [2, 2], [3, 0xBF], [0xFF, 0x86]];
    assert_eq!(order, expected, "earlier frames, the response whole, later frames");
}

#[test]
fn a_flood_from_others_cannot_keep_a_response_from_being_read() {
    // P-30
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    bench.request(busy, Command::Cbor, &[4]);
    let flood = |bench: &mut Bench| {
        for _ in 0..100 {
            bench.send(&first(other, 0x01, 0, &[]));
        }
    };
    flood(&mut bench);
    bench.respond(busy, &[0; 100]);
    let mut heard = Vec::new();
    for _ in 0..OUTBOX_MAX + 2 {
        flood(&mut bench);
        let report = bench.read().expect("there is always something to read");
        heard.extend(bench.listen(&report));
    }
    assert_eq!(heard.last(), Some(&Heard::Message(busy, Command::Cbor, vec![0; 100])));
}
