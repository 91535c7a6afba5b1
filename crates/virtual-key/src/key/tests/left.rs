//! A client that was killed while it waited, and those that come after it (HD-53).

use super::super::READER_GONE;
use super::*;

#[test]
fn a_request_whose_client_was_killed_asks_nobody_for_long() {
    // HD-53
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    bench.key.unread(bench.now);
    let gone = bench.key.poll_timeout().expect("its patience ends");
    assert!(gone.saturating_sub(bench.now) <= READER_GONE);
    bench.now = bench.now.saturating_add(READER_GONE);
    bench.key.handle_timeout(bench.now);
    assert_eq!(bench.prompt(), None);
    let mut next = bench.connect();
    assert_eq!(bench.call(&mut next, SELECTION), [Heard::UpNeeded], "the next client is served");
}

#[test]
fn a_client_that_reads_again_is_still_waited_for() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    bench.key.unread(bench.now);
    bench.pass(&mut channel, READER_GONE * 2);
    assert!(bench.prompt().is_some());
}

#[test]
fn a_request_whose_client_was_killed_makes_way_for_the_next_client_at_once() {
    // HD-53
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    let prompt = bench.prompt().expect("a prompt");
    bench.key.unread(bench.now);
    bench.now = bench.now.saturating_add(Duration::from_millis(20));
    let mut next = bench.connect();
    assert_eq!(bench.prompt(), Some(prompt), "a new channel asks for nothing yet");
    let heard = bench.call(&mut next, GET_INFO);
    assert!(matches!(&heard[..], [Heard::Answer(message)] if message[0] == OK), "{heard:?}");
    assert!(!bench.answer(prompt, Decision::Approve), "nobody waits for it any more");
}

#[test]
fn half_a_message_whose_client_was_killed_does_too() {
    // HD-51, HD-53
    let mut bench = Bench::new(Touch::Ask);
    let (channel, mut next) = (bench.connect(), bench.connect());
    let packets = fragment(channel.channel(), Command::Cbor, &[0; 100]).expect("short enough");
    packets.take(1).for_each(|packet| bench.send(&packet));
    assert_eq!(bench.call(&mut next, GET_INFO), [Heard::Error(ErrorCode::ChannelBusy)]);
    bench.key.unread(bench.now);
    let heard = bench.call(&mut next, GET_INFO);
    assert!(matches!(&heard[..], [Heard::Answer(message)] if message[0] == OK), "{heard:?}");
}

#[test]
fn what_is_no_request_of_another_client_ends_nothing() {
    // HD-23, HD-39, HD-82
    let mut bench = Bench::new(Touch::Ask);
    let (mut channel, other) = (bench.connect(), bench.connect());
    bench.call(&mut channel, SELECTION);
    let prompt = bench.prompt();
    bench.key.unread(bench.now);
    bench.request(other.channel(), Command::Cancel, &[]);
    bench.send(&Handshake::resynchronise(other.channel(), *b"again...").request());
    bench.request(ChannelId::new(99), Command::Cbor, &[GET_INFO]);
    assert_eq!(bench.prompt(), prompt);
}

#[test]
fn a_client_that_is_heard_of_again_keeps_its_place() {
    // HD-23, HD-28
    let mut bench = Bench::new(Touch::Ask);
    let (mut mine, mut theirs) = (bench.connect(), bench.connect());
    bench.call(&mut mine, SELECTION);
    bench.key.unread(bench.now);
    assert_eq!(bench.call(&mut mine, GET_INFO), [Heard::Error(ErrorCode::ChannelBusy)]);
    assert_eq!(bench.call(&mut theirs, GET_INFO), [Heard::Error(ErrorCode::ChannelBusy)]);
    assert!(bench.prompt().is_some());
}

#[test]
fn the_next_request_is_not_taken_for_one_that_was_left() {
    // HD-23
    let mut bench = Bench::new(Touch::Ask);
    let (mut left, mut mine, mut theirs) = (bench.connect(), bench.connect(), bench.connect());
    bench.call(&mut left, SELECTION);
    bench.key.unread(bench.now);
    assert_eq!(bench.call(&mut mine, SELECTION), [Heard::UpNeeded]);
    assert_eq!(bench.call(&mut theirs, SELECTION), [Heard::Error(ErrorCode::ChannelBusy)]);
    assert!(bench.prompt().is_some());
}

#[test]
fn an_idle_key_does_not_mind_that_nobody_reads() {
    let mut bench = Bench::new(Touch::Ask);
    bench.connect();
    bench.key.unread(bench.now);
    assert_eq!(bench.key.poll_timeout(), None);
}
