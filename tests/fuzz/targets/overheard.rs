//! Packets of any shape, of hosts and keys that break every rule, into what reads along.
//!
//! Each comes out once, in its turn, as long as it was; nothing is kept for ever; and the bytes of a PIN are in none of them, however
//! much of its message came.
#![no_main]

use arbitrary::Arbitrary;
use ctap_client::trace::{Direction, Veil};
use hid_transport::host::fragment;
use hid_transport::{ChannelId, Command};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Step {
    Report {
        up: bool,
        channel: u8,
        rest: Box<[u8; 60]>,
    },
    Apdu {
        up: bool,
        bytes: Vec<u8>,
    },
    /// The beginning of a message that sets a PIN, or all of it. What comes without its beginning is, by the rules of framing, a part
    /// of whatever is on its way there.
    Pin {
        channel: u8,
        reports: u8,
    },
    GiveUp,
}

/// Bytes that mean nothing in CBOR, and that nobody else says.
const PIN: [u8; 16] = *b"\xF1\xF2\xF3\xF2\xF1\xF1\xF2\xF2\xF3\xF3\xF1\xF2\xF3\xF1\xF3\xF2";

fuzz_target!(|steps: Vec<Step>| {
    let mut veil = Veil::new(false);
    let (mut sent, mut told) = (Vec::new(), 0);
    for step in &steps {
        happen(&mut veil, step, &mut sent);
        take(&mut veil, &sent, &mut told);
    }
    veil.give_up();
    take(&mut veil, &sent, &mut told);
    assert_eq!(told, sent.len(), "kept for ever");
});

fn happen(veil: &mut Veil<usize>, step: &Step, sent: &mut Vec<usize>) {
    let direction = |up: bool| if up { Direction::ToKey } else { Direction::FromKey };
    match step {
        Step::Report { up, channel, rest } => {
            let mut report = [0; 64];
            report[3] = channel % 4;
            report[4..].copy_from_slice(&rest.map(of_nobodys_pin));
            veil.report(sent.len(), direction(*up), &report);
            sent.push(64);
        }
        Step::Apdu { up, bytes } => {
            let bytes: Vec<u8> = bytes.iter().copied().map(of_nobodys_pin).collect();
            veil.apdu(sent.len(), direction(*up), &bytes);
            sent.push(bytes.len());
        }
        Step::Pin { channel, reports } => {
            let message = [&[6, 0xA2, 2, 3, 5, 0x58, 0x80][..], &PIN.repeat(8)].concat();
            let all = fragment(ChannelId::new((channel % 4).into()), Command::Cbor, &message);
            for report in all.expect("it is short").take((reports % 4).into()) {
                veil.report(sent.len(), Direction::ToKey, &report);
                sent.push(64);
            }
        }
        Step::GiveUp => veil.give_up(),
    }
}

fn of_nobodys_pin(byte: u8) -> u8 {
    if PIN.contains(&byte) { 0 } else { byte }
}

fn take(veil: &mut Veil<usize>, sent: &[usize], told: &mut usize) {
    while let Some(packet) = veil.next_packet() {
        assert_eq!((packet.tag, packet.bytes.len()), (*told, sent[*told]));
        *told += 1;
        if packet.bytes.len() == 64 {
            assert!(!packet.bytes.windows(8).any(|part| part == &PIN[..8]), "a PIN");
        }
    }
}
