//! `--device`, `keyfob list`, `keyfob select` and `keyfob wink`.

use std::net::{TcpListener, TcpStream};

use serde_json::Value;
use usbip_server::client::Host;

use crate::support::{Key, Said, program, run};

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
fn one_of_several_keys_has_to_be_chosen() {
    let key = Key::serve(&["--touch", "auto", "--keys", "2"]);
    key.run(&["info"]).failed(1, &["several devices", "/1-1", "/1-2", "--device"]);
    let second = format!("usbip:{}/1-2", key.server);
    key.run(&["info", "--device", &second]).did("Not set");
    let third = format!("usbip:{}/1-3", key.server);
    key.run(&["info", "--device", &third]).failed(1, &["no device 1-3", "keyfob list"]);
}

#[test]
fn a_key_that_is_plugged_in_elsewhere_is_left_there() {
    let key = Key::obliging();
    let _elsewhere = Host::import(TcpStream::connect(&key.server).unwrap(), "1-1").unwrap();
    key.run(&["info"]).failed(1, &["plugged in elsewhere", "next: detach it there"]);
}

#[test]
fn addresses_without_a_key_say_what_to_start() {
    let vacant = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    run(&["info", "--device", &format!("usbip:{vacant}")])
        .failed(1, &["cannot connect", "keyfob serve"]);
    run(&["info", "--device", "/dev/hidraw-nonsense"])
        .failed(1, &["cannot be opened", "keyfob list"]);
    run(&["info", "--device", "nonsense"]).failed(2, &["usbip:HOST:PORT"]);
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
    assert_eq!(key.run(&["wink"]).code, 0);
    let unwilling = Key::serve(&["--touch", "deny"]);
    let refusal = ["touch was refused [CTAP2_ERR_OPERATION_DENIED 0x27]\nnext: "];
    unwilling.run(&["select"]).failed(1, &refusal);
}
