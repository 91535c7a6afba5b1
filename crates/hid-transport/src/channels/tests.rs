use std::format;
use std::vec::Vec;

use super::*;

fn nobody(_: ChannelId) -> bool {
    false
}

#[test]
fn a_channel_is_written_as_eight_hex_digits() {
    assert_eq!(format!("{}", ChannelId::new(0xBEEF)), "0000beef");
    assert_eq!(ChannelId::BROADCAST.to_be_bytes(), [0xFF; 4]);
}

#[test]
fn all_256_channels_live_and_the_257th_recycles_the_oldest() {
    // HD-40
    let mut channels = Channels::new();
    let given: Vec<_> = (0..CHANNELS_MAX).map(|_| channels.allocate(nobody)).collect();
    assert!(given.iter().all(|&channel| channels.contains(channel)));
    let extra = channels.allocate(nobody);
    assert!(!channels.contains(given[0]));
    assert!(given[1..].iter().all(|&channel| channels.contains(channel)));
    assert!(channels.contains(extra));
}

#[test]
fn a_channel_that_was_used_lately_outlives_an_idle_one() {
    let mut channels = Channels::new();
    let given: Vec<_> = (0..CHANNELS_MAX).map(|_| channels.allocate(nobody)).collect();
    channels.touch(given[0]);
    channels.allocate(nobody);
    assert!(channels.contains(given[0]));
    assert!(!channels.contains(given[1]));
}

#[test]
fn a_channel_in_use_is_never_recycled() {
    let mut channels = Channels::new();
    let kept = channels.allocate(nobody);
    for _ in 0..3 * CHANNELS_MAX {
        channels.allocate(|channel| channel == kept);
    }
    assert!(channels.contains(kept));
}

#[test]
fn the_table_never_grows() {
    let mut channels = Channels::new();
    let before = channels.live.capacity();
    for _ in 0..10 * CHANNELS_MAX {
        channels.allocate(nobody);
    }
    assert_eq!((channels.live.len(), channels.live.capacity()), (CHANNELS_MAX, before));
}

#[test]
fn a_freed_number_is_not_given_again() {
    let mut channels = Channels::new();
    let old = channels.allocate(nobody);
    channels.clear();
    assert!(!channels.contains(old));
    assert_ne!(channels.allocate(nobody), old);
}

#[test]
fn numbers_wrap_around_past_special_channels_and_the_living() {
    // HD-36
    let mut channels = Channels::new();
    let first = channels.allocate(nobody);
    channels.last = u32::MAX - 3;
    let given = [channels.allocate(nobody), channels.allocate(nobody)];
    assert_eq!(first, ChannelId::new(2));
    assert_eq!(given, [ChannelId::new(u32::MAX - 2), ChannelId::new(3)]);
}

#[test]
fn a_channel_with_its_low_bit_flipped_or_plus_one_is_never_special() {
    // HD-23, HD-65: so strangers' channels are made in clients' tests
    let special = [ChannelId::RESERVED, ChannelId::BROADCAST];
    let mut channels = Channels::new();
    channels.last = u32::MAX - 10;
    for _ in 0..20 {
        let number = channels.allocate(nobody).as_u32();
        for neighbour in [number, number ^ 1, number + 1] {
            assert!(!special.contains(&ChannelId::new(neighbour)), "{number:08x}");
        }
    }
}

#[test]
fn touching_a_stranger_changes_nothing() {
    let mut channels = Channels::new();
    channels.allocate(nobody);
    channels.touch(ChannelId::new(0xDEAD_BEEF));
    assert!(!channels.contains(ChannelId::new(0xDEAD_BEEF)));
    assert_eq!(channels.live.len(), 1);
}
