//! A key whose process gets no processor time for a while.

use std::time::Duration;

use hid_transport::host::{Handshake, HostChannel, Reply, fragment};
use hid_transport::{ChannelId, Command, ErrorCode, Report};
use rustix::process::Signal;
use usbip_server::client::Host;

use crate::host::connect;
use crate::program::{Home, Serving};

// HD-51
#[test]
fn a_process_that_was_stopped_takes_the_rest_of_a_message_that_came_meanwhile() {
    let (home, other_home) = (Home::new(), Home::new());
    let (key, witness) = (home.serve(&["--ephemeral"]), other_home.serve(&["--ephemeral"]));
    let mut line = Line::to(&key);
    let rest = line.begin_ping();
    key.signal(Signal::STOP);
    // A key that runs gives up a message that began later: now the first one is older than any may be.
    let mut witness = Line::to(&witness);
    witness.begin_ping();
    assert_eq!(witness.answer(), Err(ErrorCode::MsgTimeout));
    line.host.send(&rest).unwrap();
    key.signal(Signal::CONT);
    assert_eq!(line.answer(), Ok([7; 100].to_vec()));
}

/// A channel to a key.
struct Line {
    host: Host,
    channel: ChannelId,
}

impl Line {
    fn to(key: &Serving) -> Self {
        let mut host = Host::import(connect(key.address()), "1-1").unwrap();
        let mut handshake = Handshake::new([7; 8]);
        host.send(&handshake.request()).unwrap();
        let report = host.receive(PATIENCE).unwrap().expect("an answer");
        let channel = handshake.receive(&report).unwrap().expect("ours").channel;
        Self { host, channel }
    }

    /// The first half of a message has arrived. Returns the other.
    fn begin_ping(&mut self) -> Report {
        let packets: Vec<_> = fragment(self.channel, Command::Ping, &[7; 100]).unwrap().collect();
        let [first, rest] = packets[..] else { panic!("{} packets", packets.len()) };
        self.host.send_and_confirm(&first).unwrap();
        rest
    }

    fn answer(&mut self) -> Result<Vec<u8>, ErrorCode> {
        let mut listener = HostChannel::new(self.channel);
        loop {
            let report = self.host.receive(PATIENCE).unwrap().expect("an answer");
            match listener.receive(&report).unwrap() {
                Some(Reply::Message { message, .. }) => return Ok(message.to_vec()),
                Some(Reply::Error(code)) => return Err(code),
                Some(Reply::Keepalive(_)) | None => {}
            }
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
