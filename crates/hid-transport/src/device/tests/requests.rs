//! Section F: CBOR, MSG, keepalive, cancel.

use std::vec;
use std::vec::Vec;

use super::bench::{Bench, Happened, Heard, MS, first, reports};
use crate::limits::{KEEPALIVE_INTERVAL, MESSAGE_MAX};
use crate::{ChannelId, Command, ErrorCode, KeepaliveStatus, Kind};

use KeepaliveStatus::{Processing, UpNeeded};

fn running(command: Command) -> (Bench, ChannelId) {
    let mut bench = Bench::new();
    let channel = bench.open();
    assert!(bench.request(channel, command, &[4]).is_some());
    (bench, channel)
}

fn answered(channel: ChannelId, bytes: &[u8]) -> Heard {
    Heard::Message(channel, Command::Cbor, bytes.to_vec())
}

#[test]
fn a_request_reaches_the_authenticator_whole_and_its_answer_the_client() {
    // HD-70, HD-71
    for (command, kind) in [(Command::Cbor, Kind::Cbor), (Command::Msg, Kind::Msg)] {
        let mut bench = Bench::new();
        let channel = bench.open();
        let message: Vec<u8> = (0..=255).collect();
        let happened = bench.request(channel, command, &message);
        assert_eq!(happened, Some(Happened::Request(channel, kind, message)));
        bench.respond(channel, &[0x90; 300]);
        assert_eq!(bench.hear(), [Heard::Message(channel, command, vec![0x90; 300])]);
    }
}

#[test]
fn only_the_request_that_runs_is_answered_and_only_once() {
    let (mut bench, channel) = running(Command::Cbor);
    let other = bench.open();
    bench.respond(channel, &[1]);
    assert_eq!(bench.hear(), [answered(channel, &[1])]);
    bench.request(other, Command::Cbor, &[4]);
    bench.respond(channel, &[1]);
    assert_eq!(bench.hear(), []);
    bench.respond(other, &[2]);
    assert_eq!(bench.hear(), [answered(other, &[2])]);
    bench.request(channel, Command::Cbor, &[4]);
    bench.respond(channel, &[2]);
    bench.respond(channel, &[3]);
    assert_eq!(bench.hear(), [answered(channel, &[2])]);
    bench.respond(channel, &[4]);
    assert_eq!(bench.hear(), []);
}

#[test]
fn a_late_answer_to_a_request_that_init_ended_does_not_answer_the_next_one_of_the_channel() {
    // HD-37
    let (mut bench, channel) = running(Command::Cbor);
    let late = bench.request_of(channel);
    bench.send(&first(channel, 0x06, 8, &[]));
    assert_eq!(bench.hear().len(), 1, "INIT's answer");
    bench.request(channel, Command::Cbor, &[6]);
    bench.device.respond(late, &[1], bench.now);
    assert_eq!(bench.hear(), []);
    bench.respond(channel, &[2]);
    assert_eq!(bench.hear(), [answered(channel, &[2])]);
}

#[test]
fn a_request_that_is_over_does_not_make_the_next_one_ask_for_a_touch() {
    // HD-37, HD-76
    let (mut bench, channel) = running(Command::Cbor);
    let over = bench.request_of(channel);
    bench.send(&first(channel, 0x06, 8, &[]));
    bench.request(channel, Command::Cbor, &[6]);
    bench.hear();
    bench.device.set_waiting_for_user(over, true);
    assert_eq!(bench.hear(), []);
}

#[test]
fn an_answer_from_before_a_reset_answers_nothing_after_it() {
    // HD-44
    let (mut bench, channel) = running(Command::Cbor);
    let before = bench.request_of(channel);
    bench.device.reset();
    let channel = bench.open();
    bench.request(channel, Command::Cbor, &[4]);
    bench.device.respond(before, &[1], bench.now);
    assert_eq!(bench.hear(), []);
}

#[test]
fn an_answer_too_long_to_send_is_an_error_of_the_key() {
    let (mut bench, channel) = running(Command::Cbor);
    let longest = usize::from(MESSAGE_MAX);
    bench.respond(channel, &vec![0; longest + 1]);
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::Other)]);
    bench.request(channel, Command::Cbor, &[4]);
    bench.respond(channel, &vec![0; longest]);
    assert_eq!(bench.hear(), [answered(channel, &vec![0; longest])]);
}

#[test]
fn a_running_request_is_kept_alive_well_within_every_100_ms() {
    // HD-72, P-33
    let (mut bench, channel) = running(Command::Cbor);
    let heard = bench.hear_for(1000 * MS);
    let expected: Vec<_> =
        (1..=20).map(|n| (n * 50 * MS, Heard::Keepalive(channel, Processing))).collect();
    assert_eq!(heard, expected);
}

#[test]
fn a_change_of_status_is_sent_at_once_and_the_interval_starts_anew() {
    // HD-72, HD-76
    let (mut bench, channel) = running(Command::Cbor);
    bench.wait(20 * MS);
    bench.wait_for_user(true);
    assert_eq!(bench.hear(), [Heard::Keepalive(channel, UpNeeded)]);
    let heard = bench.hear_for(100 * MS);
    let expected = [50, 100].map(|at| (at * MS, Heard::Keepalive(channel, UpNeeded)));
    assert_eq!(heard, expected);
    bench.wait_for_user(false);
    assert_eq!(bench.hear(), [Heard::Keepalive(channel, Processing)]);
}

#[test]
fn a_status_that_does_not_change_is_not_sent_again() {
    let (mut bench, channel) = running(Command::Cbor);
    bench.wait_for_user(false);
    assert_eq!(bench.hear(), []);
    bench.wait_for_user(true);
    bench.wait_for_user(true);
    assert_eq!(bench.hear(), [Heard::Keepalive(channel, UpNeeded)]);
    bench.wait_for_user(true);
    assert_eq!(bench.hear(), []);
}

#[test]
fn a_touch_given_at_once_is_still_seen_to_be_asked_for() {
    // HD-76, tool P-11
    for waiting_at_the_end in [true, false] {
        let (mut bench, channel) = running(Command::Cbor);
        bench.wait_for_user(true);
        bench.wait_for_user(waiting_at_the_end);
        bench.respond(channel, &[0]);
        let expected = [Heard::Keepalive(channel, UpNeeded), answered(channel, &[0])];
        assert_eq!(bench.hear(), expected);
    }
}

#[test]
fn a_touch_that_was_asked_and_given_before_the_host_read_is_told_in_order() {
    let (mut bench, channel) = running(Command::Cbor);
    bench.wait_for_user(true);
    bench.wait_for_user(false);
    let expected = [UpNeeded, Processing].map(|status| Heard::Keepalive(channel, status));
    assert_eq!(bench.hear(), expected);
}

#[test]
fn keepalives_do_not_pile_up_when_nobody_reads() {
    // P-33
    let (mut bench, channel) = running(Command::Cbor);
    bench.wait(10_000 * MS);
    assert_eq!(bench.device.poll_timeout(), None, "and no timer runs");
    assert_eq!(bench.hear(), [Heard::Keepalive(channel, Processing)]);
    bench.wait_for_user(true);
    bench.wait(10_000 * MS);
    assert_eq!(bench.hear(), [Heard::Keepalive(channel, UpNeeded)]);
    let again = (KEEPALIVE_INTERVAL, Heard::Keepalive(channel, UpNeeded));
    assert_eq!(bench.hear_for(KEEPALIVE_INTERVAL), [again]);
}

#[test]
fn a_keepalive_has_one_of_two_statuses() {
    // HD-73
    let known = (0..=255).filter(|&byte| KeepaliveStatus::from_byte(byte).is_some());
    assert_eq!(known.collect::<Vec<u8>>(), [0x01, 0x02]);
    let (mut bench, _) = running(Command::Cbor);
    let mut statuses = Vec::new();
    for waiting in [false, true, false] {
        bench.wait_for_user(waiting);
        bench.wait(KEEPALIVE_INTERVAL);
        let reports = bench.read_all();
        assert!(reports.iter().all(|report| report[4..7] == [0xBB, 0x00, 0x01]));
        statuses.extend(reports.iter().map(|report| report[7]));
    }
    statuses.dedup();
    assert_eq!(statuses, [0x01, 0x02, 0x01]);
}

#[test]
fn a_request_that_takes_long_does_not_keep_the_key_from_listening() {
    // HD-84
    let (mut bench, channel) = running(Command::Cbor);
    for _ in 0..100 {
        bench.wait(300 * MS);
        assert_ne!(bench.open(), channel, "INIT is answered");
    }
    assert_eq!(bench.send(&first(channel, 0x11, 0, &[])), Some(Happened::Cancel(channel)));
    bench.respond(channel, &[0x2D]);
    assert_eq!(bench.hear(), [answered(channel, &[0x2D])]);
}

#[test]
fn a_quick_answer_needs_no_keepalive() {
    // HD-75
    let (mut bench, channel) = running(Command::Cbor);
    bench.wait(KEEPALIVE_INTERVAL - MS);
    bench.respond(channel, &[0]);
    assert_eq!(bench.hear(), [answered(channel, &[0])]);
    assert_eq!(bench.hear_for(200 * MS), []);
}

#[test]
fn an_unread_processing_is_not_sent_before_the_answer() {
    let (mut bench, channel) = running(Command::Cbor);
    bench.wait(KEEPALIVE_INTERVAL);
    bench.respond(channel, &[0]);
    assert_eq!(bench.hear(), [answered(channel, &[0])]);
}

#[test]
fn u2f_requests_send_no_keepalives() {
    // HD-75
    let (mut bench, channel) = running(Command::Msg);
    bench.wait_for_user(true);
    assert_eq!(bench.hear_for(1000 * MS), []);
    bench.respond(channel, &[0x69, 0x85]);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Msg, vec![0x69, 0x85])]);
}

#[test]
fn a_flood_of_errors_for_others_does_not_hold_back_keepalives() {
    // HD-72, P-30
    let (mut bench, channel) = running(Command::Cbor);
    let other = ChannelId::new(99);
    let mut heard = Vec::new();
    for _ in 0..100 {
        for _ in 0..100 {
            bench.send(&first(other, 0x01, 0, &[]));
        }
        bench.wait(MS);
        let report = bench.read().expect("something");
        heard.extend(bench.listen(&report));
    }
    let kept = heard.iter().filter(|&heard| *heard == Heard::Keepalive(channel, Processing));
    assert_eq!(kept.count(), 2);
}

#[test]
fn cancel_reaches_the_authenticator_which_then_answers() {
    // HD-80, HD-81
    let (mut bench, channel) = running(Command::Cbor);
    let cancel = first(channel, 0x11, 0, &[]);
    assert_eq!(bench.send(&cancel), Some(Happened::Cancel(channel)));
    assert_eq!(bench.hear(), [], "no reply to it");
    bench.respond(channel, &[0x2D]);
    assert_eq!(bench.send(&cancel), None);
    assert_eq!(bench.hear(), [answered(channel, &[0x2D])]);
    assert_eq!(bench.send(&cancel), None);
    assert_eq!(bench.hear_for(500 * MS), []);
}

#[test]
fn cancel_is_ignored_when_idle_and_does_not_reach_the_next_request() {
    // HD-82, P-34
    let mut bench = Bench::new();
    let channel = bench.open();
    assert_eq!(bench.send(&first(channel, 0x11, 0, &[])), None);
    bench.request(channel, Command::Cbor, &[4]);
    bench.respond(channel, &[0]);
    assert_eq!(bench.hear(), [answered(channel, &[0])]);
}

#[test]
fn cancel_is_ignored_from_others_for_u2f_and_with_data() {
    // HD-82, P-34
    let (mut bench, channel) = running(Command::Cbor);
    let other = bench.open();
    for stranger in [other, ChannelId::BROADCAST, ChannelId::new(99)] {
        assert_eq!(bench.send(&first(stranger, 0x11, 0, &[])), None);
    }
    assert_eq!(bench.send(&first(channel, 0x11, 1, &[])), None);
    let (mut bench, channel) = running(Command::Msg);
    assert_eq!(bench.send(&first(channel, 0x11, 0, &[])), None);
    assert_eq!(bench.hear(), []);
}

#[test]
fn cancel_within_a_half_message_leaves_it_whole() {
    // HD-82
    let mut bench = Bench::new();
    let channel = bench.open();
    let [start, end] = reports(channel, Command::Ping, &[7; 100])[..] else { panic!("two") };
    bench.send(&start);
    assert_eq!(bench.send(&first(channel, 0x11, 0, &[])), None);
    bench.send(&end);
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, vec![7; 100])]);
}
