//! A key with faults as a program of somebody else has it.

use std::thread;
use std::time::Duration;

use ctap_client::{Client, Error as ClientError, HidChannel, RelyingParty, Status, User};
use ctap_client::{get_assertion, make_credential};
use virtual_key::faults::{Command, Fault, Injection, RECIPES, Requests, Scope};
use virtual_key::{Connection, Error, Touch, VirtualKey};

const HASH: [u8; 32] = [1; 32];

fn client(key: &VirtualKey) -> Client<HidChannel<Connection>> {
    Client::new(HidChannel::open(key.connect().unwrap()).unwrap())
}

fn registration() -> make_credential::Request {
    make_credential::Request::new(HASH, RelyingParty::new("example.org"), User::new(*b"1", "ada"))
}

#[test]
fn a_fault_is_for_the_next_request_and_more_if_it_says_so() {
    let status = Fault::Status(Status::PinBlocked.byte());
    let key = VirtualKey::builder().touch(Touch::Auto).fault(status).start().unwrap();
    let mut client = client(&key);
    assert_eq!(client.selection().unwrap_err().status(), Some(Status::PinBlocked));
    client.selection().unwrap();
    let scope = Scope { requests: Requests::All, ..Scope::default() };
    let id = key.add_fault(Injection { fault: status, scope }).unwrap();
    assert_eq!(key.faults().unwrap()[0].id, id);
    assert!(client.selection().is_err() && client.selection().is_err());
    key.clear_faults(Some(id)).unwrap();
    client.selection().unwrap();
    assert!(matches!(key.clear_faults(Some(id)), Err(Error::Fault(_))));
}

#[test]
fn what_a_relying_party_must_notice_is_in_what_is_signed() {
    let key = VirtualKey::builder().touch(Touch::Auto).start().unwrap();
    let mut client = client(&key);
    let made = client.make_credential(&registration(), None).unwrap();
    let made = made.credential().unwrap();
    let request = get_assertion::Request::new("example.org", HASH);
    let allowed = [ctap_client::CredentialDescriptor::new(made.credential_id.clone())];
    let request = request.allowing(allowed);
    let mut assertion = || client.get_assertion(&request, None).unwrap().remove(0);
    let verified =
        |one: get_assertion::Assertion| one.verify(&made.public_key, "example.org", &HASH).is_ok();
    assert!(verified(assertion()));
    key.add_fault(Fault::BogusSignature).unwrap();
    assert!(!verified(assertion()));
    key.add_fault(Fault::BadUp).unwrap();
    let absent = assertion();
    assert!(!absent.auth_data.flags.user_present() && verified(absent));
    assert!(assertion().auth_data.flags.user_present(), "the next is right");
}

#[test]
fn a_key_that_is_pulled_out_comes_back_and_a_stuck_disk_gets_on_when_it_is_cleared() {
    let make_credential = Some(Command::Ctap2(1));
    let scope = Scope { command: make_credential, ..Scope::default() };
    let unplug = Injection { fault: Fault::Unplug { report: None }, scope };
    let key = VirtualKey::builder().fault(unplug).start().unwrap();
    let mut first = client(&key);
    first.get_info().unwrap();
    assert!(matches!(first.make_credential(&registration(), None), Err(ClientError::Transport(_))));
    let mut second = client(&key);
    let wait = Duration::from_secs(600);
    key.set_touch(Touch::Auto).unwrap();
    key.add_fault(Fault::StuckDisk { wait }).unwrap();
    let request = registration().with_option("rk", true);
    let writing = thread::spawn(move || second.make_credential(&request, None).map(drop));
    while !key.faults().unwrap().is_empty() {
        thread::yield_now(); // the request has not begun
    }
    key.clear_faults(None).unwrap();
    writing.join().unwrap().unwrap();
}

#[test]
fn a_recipe_is_known_by_its_name() {
    for recipe in RECIPES {
        let key = VirtualKey::builder().recipe(recipe.name).start().unwrap();
        let active = key.faults().unwrap();
        assert!(!active.is_empty() && active.iter().all(|one| one.recipe == Some(recipe.name)));
    }
    let key = VirtualKey::builder().start().unwrap();
    assert_eq!(key.add_recipe("busy-at-once").unwrap().len(), 1);
    let unknown = key.add_recipe("busy-at-one").unwrap_err();
    assert_eq!(unknown.advice(), "write busy-at-once");
    assert!(VirtualKey::builder().recipe("brick").start().is_err());
}
