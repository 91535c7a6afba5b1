//! Section E: PING, WINK, LOCK.

use std::vec;

use super::bench::{Bench, Happened, Heard, MS, first, init_answer, reports};
use crate::{ChannelId, Command, ErrorCode};

fn locked(seconds: u8) -> (Bench, ChannelId, ChannelId) {
    let mut bench = Bench::new();
    let (owner, other) = (bench.open(), bench.open());
    bench.request(owner, Command::Lock, &[seconds]);
    assert_eq!(bench.hear(), [Heard::Message(owner, Command::Lock, vec![])]);
    (bench, owner, other)
}

fn is_locked_out(bench: &mut Bench, channel: ChannelId) -> bool {
    bench.request(channel, Command::Ping, &[1]);
    match &bench.hear()[..] {
        [Heard::Error(_, ErrorCode::ChannelBusy)] => true,
        [Heard::Message(_, Command::Ping, _)] => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ping_echoes_bytes_as_they_came() {
    // HD-60
    let mut bench = Bench::new();
    let channel = bench.open();
    for message in [vec![], vec![0, 0, 1], vec![0xA5; 50], vec![0; 1024], vec![0xFF; 7609]] {
        assert_eq!(bench.request(channel, Command::Ping, &message), None);
        assert_eq!(bench.hear(), [Heard::Message(channel, Command::Ping, message)]);
    }
}

#[test]
fn wink_is_told_and_answered_with_nothing() {
    // HD-61
    let mut bench = Bench::new();
    let channel = bench.open();
    assert_eq!(bench.request(channel, Command::Wink, &[]), Some(Happened::Wink(channel)));
    assert_eq!(bench.hear(), [Heard::Message(channel, Command::Wink, vec![])]);
}

#[test]
fn a_lock_lasts_ten_seconds_at_most() {
    // HD-62
    let (mut bench, owner, other) = locked(10);
    bench.request(owner, Command::Lock, &[11]);
    assert_eq!(bench.hear(), [Heard::Error(owner, ErrorCode::InvalidPar)]);
    assert!(is_locked_out(&mut bench, other));
}

#[test]
fn a_refused_lock_leaves_the_key_free() {
    // HD-62
    let mut bench = Bench::new();
    let (one, other) = (bench.open(), bench.open());
    bench.request(one, Command::Lock, &[255]);
    assert_eq!(bench.hear(), [Heard::Error(one, ErrorCode::InvalidPar)]);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn a_lock_ends_with_its_time() {
    // HD-63
    let (mut bench, _, other) = locked(3);
    bench.wait(2999 * MS);
    assert!(is_locked_out(&mut bench, other));
    bench.wait(MS);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn a_lock_ends_with_lock_zero_of_its_owner_only() {
    // HD-62, HD-63
    let (mut bench, owner, other) = locked(10);
    bench.request(other, Command::Lock, &[0]);
    assert_eq!(bench.hear(), [Heard::Error(other, ErrorCode::ChannelBusy)]);
    bench.request(owner, Command::Lock, &[0]);
    assert_eq!(bench.hear(), [Heard::Message(owner, Command::Lock, vec![])]);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn unlocking_an_unlocked_key_is_fine() {
    // tool P-13
    let (mut bench, _, other) = locked(0);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn the_owner_works_under_its_own_lock() {
    let (mut bench, owner, other) = locked(5);
    assert!(!is_locked_out(&mut bench, owner));
    assert!(is_locked_out(&mut bench, other));
}

#[test]
fn every_message_of_the_owner_starts_the_time_anew() {
    // HD-64: the request as well as its response
    let (mut bench, owner, other) = locked(2);
    bench.wait(1500 * MS);
    bench.request(owner, Command::Cbor, &[4]);
    bench.wait(1500 * MS);
    bench.respond(owner, &[0]);
    assert!(bench.hear().contains(&Heard::Message(owner, Command::Cbor, vec![0])));
    bench.wait(1999 * MS);
    assert!(is_locked_out(&mut bench, other));
    bench.wait(MS);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn another_lock_replaces_the_first() {
    // HD-64
    let (mut bench, owner, other) = locked(10);
    bench.request(owner, Command::Lock, &[1]);
    bench.hear();
    bench.wait(1000 * MS);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn under_lock_init_is_refused_on_other_channels_and_answered_on_broadcast() {
    // HD-65
    let (mut bench, owner, other) = locked(8);
    let next = ChannelId::new(owner.as_u32() + 0x100);
    for channel in [other, next] {
        bench.send(&first(channel, 0x06, 8, &[1; 8]));
        assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::ChannelBusy)]);
    }
    let broadcast = ChannelId::BROADCAST;
    bench.send(&first(broadcast, 0x06, 8, &[1; 8]));
    assert_eq!(bench.hear(), [init_answer(broadcast, [1; 8], ChannelId::new(4))]);
    bench.send(&first(owner, 0x06, 8, &[1; 8]));
    assert_eq!(bench.hear(), [init_answer(owner, [1; 8], owner)]);
    assert!(is_locked_out(&mut bench, other), "starting over does not unlock");
}

#[test]
fn a_lock_that_ends_within_its_owners_message_does_not_disturb_it() {
    let (mut bench, owner, _) = locked(1);
    let [start, end] = reports(owner, Command::Ping, &[7; 100])[..] else { panic!("two") };
    bench.wait(900 * MS);
    bench.send(&start);
    bench.wait(200 * MS);
    bench.send(&end);
    assert_eq!(bench.hear(), [Heard::Message(owner, Command::Ping, vec![7; 100])]);
}

#[test]
fn a_lock_that_is_over_is_not_renewed_by_a_late_answer() {
    // HD-63: also when the driver is late with the timer
    let (mut bench, owner, other) = locked(1);
    bench.request(owner, Command::Cbor, &[4]);
    bench.oversleep(1000 * MS);
    bench.respond(owner, &[0]);
    assert_eq!(bench.hear(), [Heard::Message(owner, Command::Cbor, vec![0])]);
    assert!(!is_locked_out(&mut bench, other));
}

#[test]
fn the_end_of_a_lock_is_a_timer_of_its_own() {
    // HD-63
    let (mut bench, _, _) = locked(2);
    assert_eq!(bench.device.poll_timeout(), Some(bench.now + 2000 * MS));
    bench.wait(2000 * MS);
    assert_eq!(bench.device.poll_timeout(), None);
}
