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
    /// Reports of a message that sets a PIN. If its beginning is not among them, packets were lost, and the recorder knows that.
    Pin {
        channel: u8,
        from: u8,
        reports: u8,
    },
    /// The same to a card, as a chain.
    PinToCard {
        from: u8,
        parts: u8,
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
        Step::Pin { channel, from, reports } => {
            let message = set_pin();
            let all = fragment(ChannelId::new((channel % 4).into()), Command::Cbor, &message);
            let all: Vec<_> = all.expect("it is short").collect();
            for report in some(veil, &all, *from, *reports) {
                veil.report(sent.len(), Direction::ToKey, report);
                sent.push(64);
            }
        }
        Step::PinToCard { from, parts } => {
            let message = set_pin();
            let select = [0, 0xA4, 4, 0, 8, 0xA0, 0, 0, 6, 0x47, 0x2F, 0, 1, 0].to_vec();
            // Whoever begins selects: else it would be the rest of what somebody else has begun.
            let all: Vec<_> = [select].into_iter().chain(message.chunks(50).map(chained)).collect();
            for apdu in some(veil, &all, *from, *parts) {
                veil.apdu(sent.len(), Direction::ToKey, apdu);
                sent.push(apdu.len());
            }
        }
        Step::GiveUp => veil.give_up(),
    }
}

fn set_pin() -> Vec<u8> {
    [&[6, 0xA2, 2, 3, 5, 0x58, 0x80][..], &PIN.repeat(8)].concat()
}

/// The last part is never sent alone as such: it is one of a chain, too, which goes on.
fn chained(part: &[u8]) -> Vec<u8> {
    [&[0x90, 0x10, 0, 0, part.len() as u8], part].concat()
}

/// So many packets of a message, from this one on.
fn some<'a, P>(veil: &mut Veil<usize>, all: &'a [P], from: u8, count: u8) -> &'a [P] {
    let from = usize::from(from) % all.len();
    let to = all.len().min(from + usize::from(count) % (all.len() + 1));
    if from > 0 && to > from {
        veil.interrupt();
    }
    &all[from..to]
}

fn of_nobodys_pin(byte: u8) -> u8 {
    if PIN.contains(&byte) { 0 } else { byte }
}

fn is_of_a_pin(part: &[u8]) -> bool {
    PIN.repeat(2).windows(part.len()).any(|of_pin| of_pin == part)
}

fn take(veil: &mut Veil<usize>, sent: &[usize], told: &mut usize) {
    while let Some(packet) = veil.next_packet() {
        assert_eq!((packet.tag, packet.bytes.len()), (*told, sent[*told]));
        *told += 1;
        assert!(!packet.bytes.windows(8).any(is_of_a_pin), "a PIN");
    }
}
