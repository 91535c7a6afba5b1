//! Answers of any shape to the host end, from a server that may be anybody.
//!
//! The host gives up with an error, never hangs, and never has more reports than it asked for.
#![no_main]

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use usbip_server::client::{Host, SetupPacket, list};

#[derive(Arbitrary, Debug)]
struct Input {
    use_as: UseAs,
    replies: Vec<Reply>,
    tail: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
enum UseAs {
    List,
    Import,
    Reports,
    ControlIn { length: u16 },
    Unlink,
}

#[derive(Arbitrary, Debug)]
struct Reply {
    is_unlink: bool,
    seqnum: u8,
    status: i32,
    length: u32,
    data: u8,
    defect: Option<(u8, u32)>,
}

fuzz_target!(|input: Input| {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    let bytes = input.bytes();
    if bytes.len() > 64 << 10 {
        return; // more than a socket holds while nobody reads
    }
    theirs.write_all(&bytes).expect("room in the socket");
    theirs.shutdown(Shutdown::Write).expect("open");
    match input.use_as {
        UseAs::List => drop(list(ours)),
        UseAs::Import => drop(Host::import(ours, "1-1")),
        UseAs::Reports => receive(Host::adopt(ours, 2).expect("a socket")),
        UseAs::ControlIn { length } => control_in(Host::adopt(ours, 2).expect("a socket"), length),
        UseAs::Unlink => {
            let mut host = Host::adopt(ours, 2).expect("a socket");
            let seqnum = host.submit_input().expect("open");
            drop(host.unlink(seqnum));
            receive(host);
        }
    }
});

fn receive(mut host: Host) {
    let most = (64 << 10) / 48;
    let reports = (0..=most).map_while(|_| host.receive(Duration::ZERO).ok()).count();
    assert!(reports < most, "the end of the stream is an error");
}

fn control_in(mut host: Host, length: u16) {
    let setup = SetupPacket { request_type: 0x80, request: 6, value: 0x100, index: 0, length };
    if let Ok(data) = host.control_in(setup) {
        assert!(data.len() <= usize::from(length), "longer than asked for");
    }
}

impl Input {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for reply in &self.replies {
            let start = bytes.len();
            let command = if reply.is_unlink { 4 } else { 3 };
            let status = reply.status.cast_unsigned();
            for field in
                [command, reply.seqnum.into(), 0, 0, 0, status, reply.length % 200, 0, 0, 0, 0, 0]
            {
                bytes.extend(u32::to_be_bytes(field));
            }
            bytes.resize(bytes.len() + usize::from(reply.data), 0x5a);
            if let Some((field, value)) = reply.defect {
                let at = start + usize::from(field % 12) * 4;
                bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
        }
        bytes.extend(&self.tail);
        bytes
    }
}
