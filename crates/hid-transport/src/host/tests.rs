use alloc::string::ToString as _;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::packet::fitted;

const OURS: ChannelId = ChannelId::new(7);
const THEIRS: ChannelId = ChannelId::new(8);

fn frame(channel: ChannelId, command: u8, length: u16, bytes: &[u8]) -> Report {
    Initialization { channel, command, length, data: &fitted(bytes) }.encode()
}

fn reports(message: &[u8]) -> Vec<Report> {
    fragment(OURS, Command::Cbor, message).expect("not too long").collect()
}

#[test]
fn what_is_fragmented_is_received() {
    let mut channel = HostChannel::new(OURS);
    let message = vec![0x5A; 500];
    let reports = reports(&message);
    let (last, earlier) = reports.split_last().expect("some");
    for report in earlier {
        assert_eq!(channel.receive(report), Ok(None));
    }
    let whole = Reply::Message { command: Command::Cbor, message: &message };
    assert_eq!(channel.receive(last), Ok(Some(whole)));
}

#[test]
fn messages_of_7609_bytes_are_sent_and_of_7610_are_not() {
    // HD-04
    let message = vec![0; usize::from(MESSAGE_MAX) + 1];
    assert_eq!(reports(&message[1..]).len(), 129);
    let refused = fragment(OURS, Command::Ping, &message).err();
    assert_eq!(refused, Some(MessageTooLong { length: 7610 }));
}

#[test]
fn other_channels_frames_are_skipped_even_within_a_message() {
    // HD-55
    let mut channel = HostChannel::new(OURS);
    let [first, second] = reports(&[1; 100])[..] else { panic!("two reports") };
    assert_eq!(channel.receive(&first), Ok(None));
    assert_eq!(channel.receive(&frame(THEIRS, 0x3F, 1, &[6])), Ok(None));
    let message = &[1; 100][..];
    let whole = Reply::Message { command: Command::Cbor, message };
    assert_eq!(channel.receive(&second), Ok(Some(whole)));
}

#[test]
fn keepalives_and_errors_are_told_apart_from_answers() {
    let mut channel = HostChannel::new(OURS);
    let waiting = channel.receive(&frame(OURS, 0x3B, 1, &[2]));
    assert_eq!(waiting, Ok(Some(Reply::Keepalive(KeepaliveStatus::UpNeeded))));
    let busy = channel.receive(&frame(OURS, 0x3F, 1, &[6]));
    assert_eq!(busy, Ok(Some(Reply::Error(ErrorCode::ChannelBusy))));
}

#[test]
fn a_keepalive_does_not_end_a_message_and_an_error_does() {
    let [first, second] = reports(&[1; 100])[..] else { panic!("two reports") };
    let mut channel = HostChannel::new(OURS);
    assert_eq!(channel.receive(&first), Ok(None));
    assert!(channel.receive(&frame(OURS, 0x3B, 1, &[1])).is_ok());
    assert!(matches!(channel.receive(&second), Ok(Some(Reply::Message { .. }))));
    assert_eq!(channel.receive(&first), Ok(None));
    assert!(channel.receive(&frame(OURS, 0x3F, 1, &[5])).is_ok());
    assert_eq!(channel.receive(&second), Ok(None));
}

#[test]
fn each_misbehaviour_has_its_name() {
    let mut channel = HostChannel::new(OURS);
    let cases = [
        (frame(OURS, 0x10, 7610, &[]), Misbehaviour::TooLong(7610)),
        (frame(OURS, 0x40, 0, &[]), Misbehaviour::UnknownCommand(0x40)),
        (frame(OURS, 0x3F, 1, &[0]), Misbehaviour::UnknownError(Some(0))),
        (frame(OURS, 0x3F, 0, &[6]), Misbehaviour::UnknownError(None)),
        (frame(OURS, 0x3B, 1, &[3]), Misbehaviour::UnknownStatus(Some(3))),
        (frame(OURS, 0x3B, 0, &[1]), Misbehaviour::UnknownStatus(None)),
    ];
    for (report, expected) in cases {
        assert_eq!(channel.receive(&report), Err(expected));
    }
    let told = [Some(0), None].map(|code| Misbehaviour::UnknownError(code).to_string());
    assert_eq!(
        told,
        [
            "the key reports an error with the unknown code 0x00",
            "the key reports an error without a code"
        ]
    );
}

#[test]
fn a_lost_packet_is_noticed_and_the_rest_skipped() {
    let mut channel = HostChannel::new(OURS);
    let reports = reports(&[1; 200]);
    assert_eq!(channel.receive(&reports[0]), Ok(None));
    let lost = Misbehaviour::OutOfOrder { wanted: 0, got: 1 };
    assert_eq!(channel.receive(&reports[2]), Err(lost));
    assert_eq!(channel.receive(&reports[3]), Ok(None));
}

#[test]
fn memory_follows_what_has_come_and_not_what_was_announced() {
    let mut channel = HostChannel::new(OURS);
    assert_eq!(channel.receive(&frame(OURS, 0x10, MESSAGE_MAX, &[1])), Ok(None));
    assert!(channel.message.capacity() < 128);
}

#[test]
fn the_handshake_of_the_vector() {
    // V-13
    let request = Handshake::new([1, 2, 3, 4, 5, 6, 7, 8]).request();
    let head = [0xFF, 0xFF, 0xFF, 0xFF, 0x86, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(request, fitted(&head));
}

#[test]
fn another_clients_init_answer_is_not_ours() {
    let mut handshake = Handshake::new(*b"our own!");
    let theirs = frame(ChannelId::BROADCAST, 0x06, 17, b"not ours\0\0\0\x01\x02\0\0\0\x05");
    assert_eq!(handshake.receive(&theirs), Ok(None));
    let ours = frame(ChannelId::BROADCAST, 0x06, 17, b"our own!\0\0\0\x02\x02\0\0\0\x05");
    let answer = handshake.receive(&ours).expect("not refused").expect("the answer");
    assert_eq!(answer.channel, ChannelId::new(2));
}

#[test]
fn a_handshake_can_be_refused_or_answered_too_short() {
    let mut handshake = Handshake::resynchronise(OURS, [0; 8]);
    let refusal = handshake.receive(&frame(OURS, 0x3F, 1, &[6]));
    assert_eq!(refusal, Err(HandshakeError::Refused(ErrorCode::ChannelBusy)));
    let short = handshake.receive(&frame(OURS, 0x06, 16, &[0; 16]));
    assert_eq!(short, Err(HandshakeError::Misbehaved(Misbehaviour::ShortInit(16))));
}

proptest! {
    /// HD-04, HD-35, HD-50: whatever a key sent before, its next answer is received whole.
    #[test]
    fn no_reports_upset_a_client(
        noise in prop::collection::vec((any::<bool>(), any::<[[u8; 20]; 3]>()), 0..40),
        message in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut channel = HostChannel::new(OURS);
        let mut handshake = Handshake::new(*b"a nonce!");
        for (is_ours, rest) in noise {
            let cid = if is_ours { OURS } else { ChannelId::BROADCAST };
            let report = fitted(&[&cid.to_be_bytes()[..], &rest.concat()].concat());
            if let Ok(Some(Reply::Message { message, .. })) = channel.receive(&report) {
                prop_assert!(message.len() <= usize::from(MESSAGE_MAX));
            }
            if let Ok(Some(answer)) = handshake.receive(&report) {
                prop_assert_eq!(answer.nonce, *b"a nonce!");
            }
        }
        let reports = reports(&message);
        let (last, earlier) = reports.split_last().expect("some");
        for report in earlier {
            prop_assert_eq!(channel.receive(report), Ok(None));
        }
        let whole = Reply::Message { command: Command::Cbor, message: &message };
        prop_assert_eq!(channel.receive(last), Ok(Some(whole)));
    }
}
