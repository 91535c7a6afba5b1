//! `--device`, `keyfob list`, `keyfob select` and `keyfob wink`.

use std::net::{TcpListener, TcpStream};

use ctap_client::hidraw;
use serde_json::Value;
use usbip_server::client::Host;

use crate::support::{Key, Said, program, run};

/// Those of the machine that runs the tests.
fn local_keys() -> Vec<hidraw::Key> {
    hidraw::list().unwrap_or_default()
}

#[test]
fn a_server_lists_its_keys() {
    let key = Key::serve(&["--touch", "auto", "--keys", "2"]);
    key.run(&["list"]).did("1209:");
    let list: Value = serde_json::from_str(&key.run(&["list", "--json"]).out).unwrap();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|key| key["device"].as_str().unwrap()).collect();
    assert_eq!(names, [format!("usbip:{}/1-1", key.server), format!("usbip:{}/1-2", key.server)]);
}

#[test]
fn a_key_at_a_server_is_listed_by_its_name_unless_somebody_else_has_it() {
    let key = Key::serve(&["--touch", "auto", "--keys", "2"]);
    let _elsewhere = Host::import(TcpStream::connect(&key.server).unwrap(), "1-2").unwrap();
    let list: Value = serde_json::from_str(&key.run(&["list", "--json"]).out).unwrap();
    assert_eq!(list[0]["product"], "keyfob virtual security key");
    assert_eq!(list[0]["serial"].as_str().map(str::len), Some(16));
    assert!(list[1]["product"].is_null() && list[1]["serial"].is_null(), "{list}");
}

#[test]
fn the_only_running_keyfob_needs_no_address() {
    if !local_keys().is_empty() {
        return; // They come first.
    }
    let key = Key::obliging();
    let info = key.run_for_auto(&["info"]);
    info.did("Not set");
    let told = format!("Using the key of the keyfob that runs here: usbip:{}/1-1\n", key.server);
    assert_eq!(info.err, told);
    key.run_for_auto(&["list"]).did(&format!("usbip:{}/1-1", key.server));
    let two = Key::serve(&["--touch", "auto", "--keys", "2"]);
    two.run_for_auto(&["info"]).failed(3, &["several keys", "/1-2", "--device"]);
    run(&["info"]).failed(3, &["no FIDO key on this host", "keyfob serve"]);
}

#[test]
fn a_served_reader_is_no_key_and_every_command_says_how_to_come_to_its_card() {
    let key = Key::serve(&["--nfc", "--touch", "auto"]);
    let port = key.server.rsplit_once(':').unwrap().1;
    let attach = format!("sudo usbip --tcp-port {port} attach -r 127.0.0.1 -b 1-1");
    for command in [&["info"][..], &["conform"], &["pin", "set"], &["credentials", "list"]] {
        key.run(command).failed(3, &["1-1", "is a smart card reader", &attach, "--device pcsc:"]);
    }
    let list = key.run(&["list"]);
    list.did("smart card reader");
    assert!(list.err.contains(&attach), "{}", list.err);
    key.run_for_auto(&["status"]).did(&attach);
    if local_keys().is_empty() {
        key.run_for_auto(&["info"])
            .failed(3, &["a reader that is not plugged into any host", &attach]);
        let list = key.run_for_auto(&["list", "--json"]);
        assert!(
            !list.out.contains("1-1") && list.err.contains(&attach),
            "{}{}",
            list.out,
            list.err
        );
    }
}

#[test]
fn the_device_may_be_named_before_the_command() {
    let key = Key::obliging();
    let device = format!("usbip:{}", key.server);
    run(&["--device", &device, "info"]).did("Not set");
    run(&["--device", &device, "serve"]).failed(2, &["unexpected argument '--device'"]);
}

#[test]
fn one_of_several_keys_has_to_be_chosen() {
    let key = Key::serve(&["--touch", "auto", "--keys", "2"]);
    key.run(&["info"]).failed(3, &["several devices", "/1-1", "/1-2", "--device"]);
    let second = format!("usbip:{}/1-2", key.server);
    key.run(&["info", "--device", &second]).did("Not set");
    let third = format!("usbip:{}/1-3", key.server);
    key.run(&["info", "--device", &third]).failed(3, &["no device 1-3", "keyfob list"]);
}

#[test]
fn a_key_that_is_plugged_in_elsewhere_is_left_there() {
    let key = Key::obliging();
    let _elsewhere = Host::import(TcpStream::connect(&key.server).unwrap(), "1-1").unwrap();
    key.run(&["info"]).failed(3, &["plugged in elsewhere", "next: detach it there"]);
}

#[test]
fn addresses_without_a_key_say_what_to_start() {
    let vacant = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    run(&["info", "--device", &format!("usbip:{vacant}")])
        .failed(3, &["cannot connect", "keyfob serve"]);
    run(&["info", "--device", "/dev/hidraw-nonsense"])
        .failed(3, &["cannot be opened", "keyfob list"]);
    run(&["info", "--device", "/dev/null"])
        .failed(3, &["/dev/null is not a FIDO key", "keyfob list"]);
    run(&["info", "--device", "nonsense"]).failed(2, &["usbip:HOST[:PORT]"]);
}

#[test]
fn a_variable_that_is_set_to_nothing_names_no_key() {
    let home = tempfile::tempdir().unwrap();
    let list = program(&home).arg("list").env("KEYFOB_DEVICE", "").output().unwrap();
    assert_eq!(Said::by(list).code, 0);
}

#[test]
fn a_key_is_pointed_at_by_a_touch_and_shows_itself_by_a_wink() {
    let key = Key::obliging();
    key.run(&["select"]).did("This is the key that was touched.");
    key.run(&["wink"]).did("This key was asked to show which one it is");
    let unwilling = Key::serve(&["--touch", "deny"]);
    let refusal = ["touch was refused [CTAP2_ERR_OPERATION_DENIED 0x27]\nnext: "];
    unwilling.run(&["select"]).failed(5, &refusal);
}
