//! Section C: INIT and channels.

use std::vec;
use std::vec::Vec;

use super::bench::{Bench, Happened, Heard, MS, first, init_answer, later, reports};
use crate::limits::CHANNELS_MAX;
use crate::{ChannelId, Command, ErrorCode, Settings};

const NONCE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const NOBODY: ChannelId = ChannelId::new(0xDEAD_BEEF);

fn init(channel: ChannelId) -> crate::Report {
    first(channel, 0x06, 8, &NONCE)
}

#[test]
fn broadcast_init_gives_each_client_a_channel_of_its_own() {
    // HD-35, HD-36
    let mut bench = Bench::new();
    for number in 2..=300 {
        bench.send(&init(ChannelId::BROADCAST));
        let channel = ChannelId::new(number);
        assert_eq!(bench.hear(), [init_answer(ChannelId::BROADCAST, NONCE, channel)]);
    }
}

#[test]
fn zero_and_broadcast_belong_to_nobody() {
    // HD-05
    let mut bench = Bench::new();
    for special in [ChannelId::RESERVED, ChannelId::BROADCAST] {
        assert!([[0; 4], [0xFF; 4]].contains(&special.to_be_bytes()));
        bench.request(special, Command::Ping, &[7]);
        assert_eq!(bench.hear(), [Heard::Error(special, ErrorCode::InvalidChannel)]);
    }
    for _ in 0..3 * CHANNELS_MAX {
        assert!(![ChannelId::RESERVED, ChannelId::BROADCAST].contains(&bench.open()));
    }
}

#[test]
fn init_on_ones_own_channel_keeps_it() {
    // HD-37
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&init(channel));
    assert_eq!(bench.hear(), [init_answer(channel, NONCE, channel)]);
}

#[test]
fn init_drops_ones_own_half_message() {
    // HD-37
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.send(&first(channel, 0x01, 100, &[]));
    assert_eq!(bench.send(&init(channel)), None);
    assert_eq!(bench.hear(), [init_answer(channel, NONCE, channel)]);
    bench.send(&later(channel, 0));
    assert_eq!(bench.hear_for(1000 * MS), [], "neither the rest nor a time-out is answered");
}

#[test]
fn init_abandons_ones_own_request_and_its_late_answer_is_swallowed() {
    // HD-37
    for command in [Command::Cbor, Command::Msg] {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.request(channel, command, &[4]);
        assert_eq!(bench.send(&init(channel)), Some(Happened::Abandon(channel)));
        bench.respond(channel, &[0]);
        bench.wait_for_user(true);
        assert_eq!(bench.hear(), [init_answer(channel, NONCE, channel)]);
        assert_eq!(bench.hear_for(200 * MS), []);
    }
}

#[test]
fn init_drops_the_rest_of_ones_own_response() {
    // HD-37
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Ping, &[4; 500]);
    assert!(bench.read().is_some());
    assert_eq!(bench.send(&init(channel)), None, "no request is running any more");
    assert_eq!(bench.hear(), [init_answer(channel, NONCE, channel)]);
}

#[test]
fn init_on_an_unallocated_channel_is_refused() {
    // HD-38: of the two readings, the one that hands out channels on broadcast only
    let mut bench = Bench::new();
    bench.send(&init(NOBODY));
    assert_eq!(bench.hear(), [Heard::Error(NOBODY, ErrorCode::InvalidChannel)]);
}

#[test]
fn init_of_others_is_answered_while_a_message_comes_in_and_does_not_disturb_it() {
    // HD-39
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    let [start, end] = reports(busy, Command::Ping, &[7; 100])[..] else { panic!("two") };
    bench.send(&start);
    bench.send(&init(ChannelId::BROADCAST));
    bench.send(&init(other));
    let new = ChannelId::new(4);
    let answers = [init_answer(ChannelId::BROADCAST, NONCE, new), init_answer(other, NONCE, other)];
    assert_eq!(bench.hear(), answers);
    bench.send(&end);
    assert_eq!(bench.hear(), [Heard::Message(busy, Command::Ping, vec![7; 100])]);
}

#[test]
fn init_of_others_is_answered_during_a_touch_wait_and_does_not_end_it() {
    // HD-39: a second browser may look at the key meanwhile
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    bench.request(busy, Command::Cbor, &[1]);
    assert_eq!(bench.send(&init(ChannelId::BROADCAST)), None);
    assert_eq!(bench.send(&init(other)), None);
    assert_eq!(bench.hear().len(), 2);
    bench.respond(busy, &[0]);
    assert_eq!(bench.hear(), [Heard::Message(busy, Command::Cbor, vec![0])]);
}

#[test]
fn init_of_others_during_a_response_is_answered_after_it() {
    // HD-39, HD-55
    let mut bench = Bench::new();
    let busy = bench.open();
    bench.request(busy, Command::Ping, &[7; 200]);
    assert!(bench.read().is_some());
    bench.send(&init(ChannelId::BROADCAST));
    let order: Vec<u8> = bench.read_all().iter().map(|report| report[4]).collect();
    assert_eq!(order, [0, 1, 2, 0x86]);
}

#[test]
fn the_key_serves_256_channels_and_recycles_the_one_idle_longest() {
    // HD-40
    let mut bench = Bench::new();
    let channels: Vec<_> = (0..CHANNELS_MAX).map(|_| bench.open()).collect();
    bench.request(channels[0], Command::Ping, &[]);
    assert_eq!(bench.hear(), [Heard::Message(channels[0], Command::Ping, vec![])]);
    bench.open();
    bench.request(channels[0], Command::Ping, &[]);
    assert_eq!(bench.hear(), [Heard::Message(channels[0], Command::Ping, vec![])]);
    bench.request(channels[1], Command::Ping, &[]);
    assert_eq!(bench.hear(), [Heard::Error(channels[1], ErrorCode::InvalidChannel)]);
}

#[test]
fn starting_a_channel_over_counts_as_using_it() {
    // HD-37, HD-40
    let mut bench = Bench::new();
    let channels: Vec<_> = (0..CHANNELS_MAX).map(|_| bench.open()).collect();
    bench.send(&init(channels[0]));
    bench.hear();
    bench.open();
    bench.request(channels[0], Command::Ping, &[]);
    assert_eq!(bench.hear(), [Heard::Message(channels[0], Command::Ping, vec![])]);
}

#[test]
fn no_storm_of_inits_takes_the_channel_of_a_running_request_or_a_lock() {
    // HD-40, P-31
    let mut bench = Bench::new();
    let owner = bench.open();
    bench.request(owner, Command::Lock, &[10]);
    bench.hear();
    for _ in 0..3 * CHANNELS_MAX {
        bench.open();
    }
    assert!(bench.request(owner, Command::Cbor, &[1]).is_some());
    bench.wait(10_000 * MS);
    for _ in 0..3 * CHANNELS_MAX {
        bench.open();
    }
    bench.respond(owner, &[0]);
    assert!(bench.hear().contains(&Heard::Message(owner, Command::Cbor, vec![0])));
    bench.request(owner, Command::Ping, &[]);
    assert_eq!(bench.hear(), [Heard::Message(owner, Command::Ping, vec![])]);
}

#[test]
fn stray_continuations_are_dropped_without_a_word() {
    // HD-41
    let mut bench = Bench::new();
    let channel = bench.open();
    for channel in [channel, NOBODY, ChannelId::BROADCAST, ChannelId::RESERVED] {
        for sequence in 0..=127 {
            assert_eq!(bench.send(&later(channel, sequence)), None);
        }
    }
    assert_eq!(bench.hear_for(1000 * MS), []);
}

#[test]
fn foreign_continuations_do_not_disturb_a_message() {
    // HD-41, P-30: whatever their sequence numbers
    let mut bench = Bench::new();
    let (busy, other) = (bench.open(), bench.open());
    for report in reports(busy, Command::Ping, &[7; 300]) {
        bench.send(&report);
        for channel in [other, NOBODY, ChannelId::BROADCAST, ChannelId::RESERVED] {
            for sequence in 0..=8 {
                bench.send(&later(channel, sequence));
            }
        }
    }
    assert_eq!(bench.hear(), [Heard::Message(busy, Command::Ping, vec![7; 300])]);
}

#[test]
fn capabilities_tell_what_is_offered_and_nothing_of_lock() {
    // HD-42, HD-43
    for (wink, lock, msg, byte) in [
        (true, true, true, 0x05),
        (false, true, true, 0x04),
        (true, false, false, 0x0D),
        (false, true, false, 0x0C),
    ] {
        let mut bench = Bench::with(Settings { wink, lock, msg, ..Settings::default() });
        bench.send(&init(ChannelId::BROADCAST));
        assert_eq!(bench.read().expect("an answer")[23], byte);
    }
}

#[test]
fn a_reset_frees_channels_lock_transaction_and_what_was_unread() {
    // HD-44
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Lock, &[10]);
    bench.hear();
    bench.request(channel, Command::Cbor, &[4]);
    bench.send(&first(NOBODY, 0x01, 0, &[]));
    bench.device.reset();
    bench.respond(channel, &[0]);
    assert_eq!(bench.device.poll_timeout(), None);
    assert_eq!(bench.hear(), []);
    bench.request(channel, Command::Ping, &[]);
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::InvalidChannel)]);
    assert_ne!(bench.open(), channel, "an old client cannot meet a new one on its channel");
}
