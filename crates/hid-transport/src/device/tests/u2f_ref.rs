//! The U2F reference HID test's list, where earlier files do not have it yet.
//!
//! Left out on purpose: a LOCK bit in the capabilities (HD-42), INIT that allocates the unallocated
//! channel it came on (HD-38), and INIT on another channel under lock (HD-65).

use std::vec;
use std::vec::Vec;

use super::bench::{Bench, Heard, MS, first, later, reports};
use crate::{ChannelId, Command, ErrorCode};

fn flipped(channel: ChannelId) -> ChannelId {
    ChannelId::new(channel.as_u32() ^ 1)
}

fn echo(channel: ChannelId, message: &[u8]) -> Heard {
    Heard::Message(channel, Command::Ping, message.to_vec())
}

#[test]
fn an_unfinished_message_times_out_between_400_and_1000_ms() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 99, &[]));
    let heard = bench.hear_for(3000 * MS);
    let [(after, Heard::Error(on, ErrorCode::MsgTimeout))] = heard[..] else { panic!("{heard:?}") };
    assert!(on == channel && (400 * MS..=1000 * MS).contains(&after));
}

#[test]
fn a_lock_of_three_seconds_ends_after_more_than_two_and_a_half() {
    let mut bench = Bench::new();
    let (owner, other) = (bench.open(), bench.open());
    bench.request(owner, Command::Lock, &[3]);
    bench.hear();
    let start = bench.now;
    loop {
        bench.request(other, Command::Ping, &[1]);
        if bench.hear() == [echo(other, &[1])] {
            break;
        }
        bench.wait(100 * MS);
    }
    assert!((2500 * MS..=3100 * MS).contains(&(bench.now - start)));
}

#[test]
fn a_second_first_packet_is_refused_once_and_then_there_is_silence() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 99, &[]));
    bench.send(&first(channel, 0x01, 99, &[]));
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidSeq)]);
    assert_eq!(bench.hear_for(600 * MS), []);
}

#[test]
fn a_stray_continuation_after_a_message_meets_silence() {
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[7; 100]);
    bench.hear();
    bench.send(&later(channel, 1));
    assert_eq!(bench.hear_for(1000 * MS), []);
}

#[test]
fn a_stranger_is_told_busy_while_a_message_comes_in_which_still_times_out() {
    // HD-23, HD-51
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 99, &[]));
    bench.wait(20 * MS);
    bench.send(&first(flipped(channel), 0x01, 99, &[]));
    assert_eq!(bench.hear(), [Heard::Error(flipped(channel), ErrorCode::ChannelBusy)]);
    let timed_out = Heard::Error(channel, ErrorCode::MsgTimeout);
    assert_eq!(bench.hear_for(1000 * MS), [(480 * MS, timed_out)]);
}

#[test]
fn of_two_interleaved_messages_the_first_is_echoed_whole() {
    let mut bench = Bench::new();
    let (one, two) = (bench.open(), bench.open());
    let [one_start, one_end] = reports(one, Command::Ping, &[1; 99])[..] else { panic!("two") };
    let [two_start, two_end] = reports(two, Command::Ping, &[2; 99])[..] else { panic!("two") };
    let heard: Vec<_> = [one_start, two_start, one_end, two_end]
        .iter()
        .flat_map(|report| {
            bench.send(report);
            bench.hear()
        })
        .collect();
    assert_eq!(heard, [Heard::Error(two, ErrorCode::ChannelBusy), echo(one, &[1; 99])]);
}

#[test]
fn init_on_broadcast_is_answered_while_a_message_comes_in_which_still_times_out() {
    // HD-39
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 99, &[]));
    assert_ne!(bench.open(), channel);
    let timed_out = Heard::Error(channel, ErrorCode::MsgTimeout);
    assert_eq!(bench.hear_for(1000 * MS), [(500 * MS, timed_out)]);
}

#[test]
fn draft_and_zero_commands_are_invalid() {
    let mut bench = Bench::new();
    let channel = bench.open();
    for command in [0x3C, 0x00] {
        bench.send(&first(channel, command, 0, &[]));
        assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidCmd)]);
    }
}

#[test]
fn a_ping_round_trip_of_a_kilobyte_takes_no_time() {
    let mut bench = Bench::new();
    let channel = bench.open();
    let start = bench.now;
    bench.request(channel, Command::Ping, &vec![7; 1024]);
    assert_eq!(bench.hear(), [echo(channel, &vec![7; 1024])]);
    assert_eq!(bench.now, start);
}
