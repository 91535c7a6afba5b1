//! A key on this very machine, through each of the kernel's two drivers. Where there is none, or this user may not use it, the tests
//! say so and do nothing.

use std::thread;
use std::time::{Duration, Instant};

use ctap_client::hidraw::Hidraw;
use ctap_client::{Client, HidChannel};
use virtual_key::{Builder, Error, VirtualKey};

const SOON: Duration = Duration::from_secs(20);

/// How a key is plugged in.
type Attach = fn(Builder) -> Result<VirtualKey, Error>;

/// An attached key, where there can be one.
#[expect(clippy::print_stderr, reason = "a test that did nothing says why")]
fn attached(attach: Attach) -> Option<VirtualKey> {
    match attach(VirtualKey::builder()) {
        Ok(key) => Some(key),
        Err(error @ (Error::Kernel(_) | Error::Uhid(_))) => {
            eprintln!("skipped: {error}; {}", error.advice());
            None
        }
        Err(error) => panic!("{error}; {}", error.advice()),
    }
}

fn client(key: &VirtualKey) -> Client<HidChannel<Hidraw>> {
    let node = key.device_node().expect("it is attached");
    Client::new(HidChannel::open(Hidraw::open(&node).unwrap()).unwrap())
}

/// Touches it, replugs it, and drops it.
fn lives(attach: Attach) {
    let Some(key) = attached(attach) else { return };
    let mut on_the_bus = client(&key);
    let selecting = thread::spawn(move || on_the_bus.selection());
    key.wait_prompt(SOON).unwrap();
    key.touch().unwrap();
    selecting.join().unwrap().unwrap();

    key.replug().unwrap();
    let node = key.device_node().expect("it is back");
    client(&key).get_info().unwrap();
    assert!(matches!(key.connect(), Err(Error::InUse)), "the kernel has it");

    drop(key);
    let dropped = Instant::now();
    while node.exists() {
        assert!(dropped.elapsed() < SOON, "{} is still there", node.display());
        thread::yield_now();
    }
}

fn are_two_at_once(one: Attach, other: Attach) {
    let (Some(one), Some(other)) = (attached(one), attached(other)) else { return };
    assert_ne!(one.device_node().unwrap(), other.device_node().unwrap());
    for key in [&one, &other] {
        client(key).get_info().unwrap();
    }
}

#[test]
fn a_key_on_the_bus_is_touched_replugged_and_gone_when_it_is_dropped() {
    lives(Builder::attach);
}

#[test]
fn a_key_through_uhid_is_touched_replugged_and_gone_when_it_is_dropped() {
    lives(Builder::attach_uhid);
}

#[test]
fn two_keys_are_on_the_bus_at_once() {
    are_two_at_once(Builder::attach, Builder::attach);
}

#[test]
fn a_key_through_uhid_stands_beside_others() {
    are_two_at_once(Builder::attach_uhid, Builder::attach);
    are_two_at_once(Builder::attach_uhid, Builder::attach_uhid);
}
