//! A key whose process gets no processor time for a while.

use std::thread;
use std::time::Duration;

use hid_transport::host::{Handshake, HostChannel, Reply, fragment};
use hid_transport::limits::MESSAGE_TIMEOUT;
use hid_transport::{ChannelId, Command};
use rustix::process::Signal;
use usbip_server::client::Host;

use crate::host::connect;
use crate::program::Home;

// HD-51
#[test]
fn a_process_that_was_stopped_takes_the_rest_of_a_message_that_came_meanwhile() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let mut host = Host::import(connect(key.address()), "1-1").unwrap();
    let channel = open(&mut host);
    let packets: Vec<_> = fragment(channel, Command::Ping, &[7; 100]).unwrap().collect();
    host.send_and_confirm(&packets[0]).unwrap();
    key.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(MESSAGE_TIMEOUT + 100));
    host.send(&packets[1]).unwrap();
    key.signal(Signal::CONT);
    let mut listener = HostChannel::new(channel);
    let echo = loop {
        let report = host.receive(PATIENCE).unwrap().expect("an answer");
        match listener.receive(&report).unwrap() {
            Some(Reply::Message { message, .. }) => break message.to_vec(),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    };
    assert_eq!(echo, [7; 100]);
}

fn open(host: &mut Host) -> ChannelId {
    let mut handshake = Handshake::new([7; 8]);
    host.send(&handshake.request()).unwrap();
    let report = host.receive(PATIENCE).unwrap().expect("an answer");
    handshake.receive(&report).unwrap().expect("ours").channel
}

const PATIENCE: Duration = Duration::from_secs(20);
