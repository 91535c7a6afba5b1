//! Reports of any shape into the client's end of CTAPHID.
//!
//! Whatever came before, the next answer is received whole; and no message is longer than CTAPHID can carry.
#![no_main]

use hid_transport::host::{Handshake, HostChannel, Reply, fragment};
use hid_transport::limits::MESSAGE_MAX;
use hid_transport::{ChannelId, Command, InitAnswer, Report};
use libfuzzer_sys::fuzz_target;

const CHANNEL: ChannelId = ChannelId::new(0x0101_0101);

fuzz_target!(|reports: Vec<(bool, [u8; 60])>| {
    let mut host = HostChannel::new(CHANNEL);
    let mut handshake = Handshake::new([1; 8]);
    for (is_ours, rest) in &reports {
        let mut report: Report = [if *is_ours { 1 } else { 0xff }; 64];
        report[4..].copy_from_slice(rest);
        if let Ok(Some(Reply::Message { message, .. })) = host.receive(&report) {
            assert!(message.len() <= usize::from(MESSAGE_MAX), "HD-04");
        }
        if let Ok(Some(InitAnswer { nonce, .. })) = handshake.receive(&report) {
            assert_eq!(nonce, [1; 8], "HD-35: somebody else's answer");
        }
    }
    let message = vec![0x5a; 300];
    let mut received = None;
    for report in fragment(CHANNEL, Command::Cbor, &message).expect("short") {
        if let Some(Reply::Message { message, .. }) = host.receive(&report).expect("a whole answer")
        {
            received = Some(message.to_vec());
        }
    }
    assert_eq!(received, Some(message));
});
