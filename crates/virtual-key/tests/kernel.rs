//! A key on this machine's own bus. Where the kernel has no virtual host controller, or this user may not use it, the tests say so
//! and do nothing.

use std::thread;
use std::time::{Duration, Instant};

use ctap_client::hidraw::Hidraw;
use ctap_client::{Client, HidChannel};
use virtual_key::{Error, VirtualKey};

const SOON: Duration = Duration::from_secs(20);

/// An attached key, where there can be one.
#[expect(clippy::print_stderr, reason = "a test that did nothing says why")]
fn attached() -> Option<VirtualKey> {
    match VirtualKey::builder().attach() {
        Ok(key) => Some(key),
        Err(error @ Error::Kernel(_)) => {
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

#[test]
fn a_key_on_the_bus_is_touched_replugged_and_gone_when_it_is_dropped() {
    let Some(key) = attached() else { return };
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

#[test]
fn two_keys_are_on_the_bus_at_once() {
    let (Some(one), Some(other)) = (attached(), attached()) else { return };
    assert_ne!(one.device_node().unwrap(), other.device_node().unwrap());
    for key in [&one, &other] {
        client(key).get_info().unwrap();
    }
}
