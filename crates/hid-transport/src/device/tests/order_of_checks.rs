//! Section B: the order of checks for an initialization packet.

use std::vec::Vec;

use super::bench::{Bench, Happened, Heard, MS, first, init_answer, later, reports};
use crate::{ChannelId, Command, ErrorCode, Settings};

const NOBODY: ChannelId = ChannelId::new(0xDEAD_BEEF);

/// Every command byte, known or not, but INIT and CANCEL, which have sections of their own.
fn ordinary_commands() -> impl Iterator<Item = u8> {
    (0..0x80).filter(|&command| command != 0x06 && command != 0x11)
}

/// A bench with three channels: one whose half-sent PING, running request or unread response keeps
/// the key busy, and two others.
fn busy_benches() -> Vec<(Bench, ChannelId, ChannelId)> {
    let mut benches = Vec::new();
    for stage in 0..3 {
        let mut bench = Bench::new();
        let (busy, other) = (bench.open(), bench.open());
        match stage {
            0 => drop(bench.send(&first(busy, 0x01, 100, &[]))),
            1 => drop(bench.request(busy, Command::Cbor, &[4])),
            _ => drop(bench.request(busy, Command::Ping, &[4; 100])),
        }
        benches.push((bench, busy, other));
    }
    benches
}

fn refusal(bench: &mut Bench, report: &crate::Report) -> Vec<Heard> {
    assert_eq!(bench.send(report), None);
    let errors = |heard: &Heard| matches!(heard, Heard::Error(..));
    bench.hear().into_iter().filter(errors).collect()
}

#[test]
fn channel_zero_is_invalid_for_every_command_in_every_state() {
    // HD-20
    let zero = ChannelId::RESERVED;
    for command in 0..0x80 {
        let mut bench = Bench::new();
        let expected = [Heard::Error(zero, ErrorCode::InvalidChannel)];
        assert_eq!(refusal(&mut bench, &first(zero, command, 8, &[])), expected);
    }
    for (mut bench, _, _) in busy_benches() {
        let expected = [Heard::Error(zero, ErrorCode::InvalidChannel)];
        assert_eq!(refusal(&mut bench, &first(zero, 0x06, 8, &[])), expected);
    }
}

#[test]
fn cancel_is_never_answered_in_any_state_on_any_channel() {
    // HD-21, HD-80
    for (mut bench, busy, other) in busy_benches() {
        for channel in [busy, other, NOBODY, ChannelId::BROADCAST] {
            for length in [0, 1, 7610] {
                bench.send(&first(channel, 0x11, length, &[]));
            }
        }
        assert!(!bench.hear().iter().any(|heard| matches!(heard, Heard::Error(..))));
    }
}

#[test]
fn init_is_looked_at_before_busy_and_lock() {
    // HD-22: no stage of another's transaction, and no lock, stands before it
    let init = first(ChannelId::BROADCAST, 0x06, 8, &[9; 8]);
    let is_answer = |heard: &Heard| matches!(heard, Heard::Message(ChannelId::BROADCAST, Command::Init, bytes) if bytes[..8] == [9; 8]);
    for (mut bench, _, _) in busy_benches() {
        assert_eq!(bench.send(&init), None);
        assert_eq!(bench.hear().iter().filter(|heard| is_answer(heard)).count(), 1);
    }
    let mut bench = Bench::new();
    let owner = bench.open();
    bench.request(owner, Command::Lock, &[5]);
    bench.hear();
    assert_eq!(bench.send(&init), None);
    assert_eq!(bench.hear().iter().filter(|heard| is_answer(heard)).count(), 1);
}

#[test]
fn while_busy_everybody_else_is_told_so_at_once() {
    // HD-23: known, unknown and broadcast channels alike
    for (mut bench, _, other) in busy_benches() {
        for channel in [other, NOBODY, ChannelId::BROADCAST] {
            bench.send(&first(channel, 0x01, 0, &[]));
        }
        let heard = bench.hear();
        for channel in [other, NOBODY, ChannelId::BROADCAST] {
            assert!(heard.contains(&Heard::Error(channel, ErrorCode::ChannelBusy)), "{heard:?}");
        }
    }
}

#[test]
fn busy_comes_before_what_is_wrong_with_the_packet() {
    // HD-23 before HD-29 to HD-32
    for (mut bench, _, other) in busy_benches() {
        for (command, length) in [(0x20, 0), (0x01, 7610), (0x10, 0), (0x08, 1)] {
            bench.send(&first(other, command, length, &[]));
        }
        let errors = bench.hear().into_iter().filter(|heard| matches!(heard, Heard::Error(..)));
        let busy = Heard::Error(other, ErrorCode::ChannelBusy);
        assert_eq!(errors.collect::<Vec<_>>(), [busy.clone(), busy.clone(), busy.clone(), busy]);
    }
}

#[test]
fn a_lock_comes_before_the_channel_and_the_command() {
    // HD-24
    let mut bench = Bench::new();
    let owner = bench.open();
    bench.request(owner, Command::Lock, &[5]);
    bench.hear();
    for channel in [NOBODY, ChannelId::BROADCAST] {
        for command in ordinary_commands() {
            let expected = [Heard::Error(channel, ErrorCode::ChannelBusy)];
            assert_eq!(refusal(&mut bench, &first(channel, command, 0, &[])), expected);
        }
    }
}

#[test]
fn broadcast_is_for_init_only_and_unallocated_channels_are_for_nothing() {
    // HD-25, HD-26: the channel is judged before the command
    let mut bench = Bench::new();
    bench.open();
    for channel in [ChannelId::BROADCAST, NOBODY] {
        for command in ordinary_commands() {
            let expected = [Heard::Error(channel, ErrorCode::InvalidChannel)];
            assert_eq!(refusal(&mut bench, &first(channel, command, 9999, &[])), expected);
        }
    }
}

#[test]
fn a_message_within_ones_own_half_message_breaks_both_off() {
    // HD-27
    for command in ordinary_commands() {
        let mut bench = Bench::new();
        let channel = bench.open();
        bench.send(&first(channel, 0x01, 100, &[]));
        let expected = [Heard::Error(channel, ErrorCode::InvalidSeq)];
        assert_eq!(refusal(&mut bench, &first(channel, command, 1, &[])), expected);
        assert_eq!(bench.hear_for(600 * MS), []);
    }
}

#[test]
fn a_request_during_ones_own_request_is_refused_and_the_first_goes_on() {
    // HD-28
    let mut bench = Bench::new();
    let channel = bench.open();
    bench.request(channel, Command::Cbor, &[4]);
    assert_eq!(bench.request(channel, Command::Cbor, &[4]), None);
    assert_eq!(bench.hear(), [Heard::Error(channel, ErrorCode::ChannelBusy)]);
    bench.respond(channel, &[0; 100]);
    assert!(bench.read().is_some());
    assert_eq!(bench.request(channel, Command::Ping, &[]), None);
    let rest = bench.read_all();
    assert_eq!(rest[0][4], 0x00, "the response goes on with its next packet");
    assert_eq!(rest[1][4..8], [0xBF, 0, 1, 6]);
}

#[test]
fn unknown_commands_are_invalid() {
    // HD-29, and HD-33: at the first packet, so that the rest is stray
    let mut bench = Bench::new();
    let channel = bench.open();
    let known = [0x01, 0x03, 0x04, 0x08, 0x10];
    for command in ordinary_commands().filter(|command| !known.contains(command)) {
        let expected = [Heard::Error(channel, ErrorCode::InvalidCmd)];
        assert_eq!(refusal(&mut bench, &first(channel, command, 100, &[])), expected);
        assert_eq!(bench.send(&super::bench::later(channel, 0)), None);
        assert_eq!(bench.hear(), []);
    }
}

#[test]
fn an_unknown_command_is_unknown_however_long_it_is() {
    // HD-29 before HD-30
    let mut bench = Bench::new();
    let channel = bench.open();
    let expected = [Heard::Error(channel, ErrorCode::InvalidCmd)];
    assert_eq!(refusal(&mut bench, &first(channel, 0x20, 7610, &[])), expected);
}

#[test]
fn commands_that_are_not_offered_are_unknown() {
    // HD-29, HD-42, HD-43, HD-61, HD-62
    let nothing =
        Settings { wink: false, lock: false, cbor: false, msg: false, ..Settings::default() };
    assert_eq!(nothing.capabilities().as_byte(), 0x08);
    let mut bench = Bench::with(nothing);
    let channel = bench.open();
    for (command, length) in [(0x03, 8), (0x04, 1), (0x08, 0), (0x10, 1)] {
        let expected = [Heard::Error(channel, ErrorCode::InvalidCmd)];
        assert_eq!(refusal(&mut bench, &first(channel, command, length, &[])), expected);
    }
}

#[test]
fn each_command_has_its_lengths() {
    // HD-30, HD-31, HD-32
    let mut bench = Bench::new();
    let channel = bench.open();
    for (command, lengths) in [
        (0x01, &[7610, u16::MAX][..]),
        (0x03, &[0, 7610]),
        (0x04, &[0, 2, 7610]),
        (0x06, &[0, 7, 9, 7610]),
        (0x08, &[1, 7610]),
        (0x10, &[0, 7610]),
    ] {
        for &length in lengths {
            let expected = [Heard::Error(channel, ErrorCode::InvalidLen)];
            assert_eq!(refusal(&mut bench, &first(channel, command, length, &[])), expected);
        }
    }
}

#[test]
fn the_devices_own_smaller_limit_counts() {
    // HD-30
    let mut bench = Bench::with(Settings { max_message: 1200, ..Settings::default() });
    let channel = bench.open();
    let expected = [Heard::Error(channel, ErrorCode::InvalidLen)];
    assert_eq!(refusal(&mut bench, &first(channel, 0x10, 1201, &[])), expected);
    let happened = bench.request(channel, Command::Cbor, &[4; 1200]);
    assert!(matches!(happened, Some(Happened::Request(_, _, message)) if message.len() == 1200));
}

#[test]
fn a_malformed_init_disturbs_nothing() {
    // HD-32: it is refused for what it is, not as INIT and not as a message
    let mut bench = Bench::new();
    let channel = bench.open();
    let [start, end] = reports(channel, Command::Ping, &[7; 100])[..] else { panic!("two") };
    bench.send(&start);
    let expected = [Heard::Error(channel, ErrorCode::InvalidLen)];
    assert_eq!(refusal(&mut bench, &first(channel, 0x06, 7, &[])), expected);
    bench.send(&end);
    assert_eq!(bench.hear().len(), 1);
    bench.send(&first(channel, 0x06, 8, &[9; 8]));
    assert_eq!(bench.hear(), [init_answer(channel, [9; 8], channel)]);
}

#[test]
fn a_request_that_only_anothers_transaction_keeps_out_is_told_apart_and_can_be_let_in() {
    // HD-08, HD-23, HD-24, HD-26
    for (mut bench, busy, other) in busy_benches() {
        assert_eq!(bench.device.transaction(), Some(busy));
        for command in ordinary_commands() {
            let kept_out = |channel| bench.device.is_kept_out(&first(channel, command, 1, &[4]));
            assert!(kept_out(other), "{command:02x}");
            let never = [busy, NOBODY, ChannelId::BROADCAST, ChannelId::RESERVED];
            assert!(!never.into_iter().any(kept_out), "{command:02x}");
        }
        for command in [0x06, 0x11] {
            assert!(!bench.device.is_kept_out(&first(other, command, 8, &[])), "it is let in");
        }
        assert!(!bench.device.is_kept_out(&later(other, 0)));
        bench.device.abandon();
        assert_eq!(bench.device.transaction(), None);
        assert!(bench.request(other, Command::Cbor, &[4]).is_some());
    }
    let mut bench = Bench::new();
    let (owner, other) = (bench.open(), bench.open());
    bench.request(owner, Command::Lock, &[5]);
    bench.hear();
    bench.request(owner, Command::Cbor, &[4]);
    assert!(!bench.device.is_kept_out(&first(other, 0x10, 1, &[4])), "the lock keeps it out too");
}
