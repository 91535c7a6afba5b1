//! Two keys of one process, each with a host; the memory of one is slow.

use std::os::unix::net::UnixStream as Socket;
use std::thread;

use ctap_client::{Client, HidChannel, RelyingParty, User, make_credential};
use ctap_core::{Store, Transport};
use tokio::net::UnixStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use super::*;
use crate::connection::Connection;
use crate::error::log;
use crate::gated::{GatedMemory, store_on};
use crate::memory::Memory;

/// Keys of this kind that ask a person, in memories of the caller's.
fn settings(profile: Profile, form: Form) -> KeySettings {
    KeySettings {
        profile,
        form,
        memories: Vec::new(),
        touch: Touch::Ask,
        fingers: Vec::new(),
        seed: None,
        faults: Vec::new(),
        warn: log,
        recorder: None,
        meter: None,
    }
}

/// A key whose memory is this store, and who hears when it asks.
fn plugged(number: u32, store: Store) -> (Rc<PluggedKey>, Listener) {
    let settings = settings(Profile::load("default").expect("it is built in"), Form::Usb);
    let (clock, bell) = (Clock::start(), Bell::new());
    let listener = bell.listen();
    let (server, powered) = (&Server::new(), Powered::default());
    let maker = KeyMaker { server, settings: &settings, clock, bell, powered, run: 1 };
    let memory =
        Memory { store, serial: "0123456789ABCDEF".to_owned(), directory: None, is_new: true };
    (Rc::new(maker.plug(number, memory, Box::new(system_rng())).expect("a key")), listener)
}

/// Attaches a host that does this on a thread of its own.
fn host<T: Send + 'static>(
    key: &Rc<PluggedKey>,
    act: impl FnOnce(Client<HidChannel<Connection>>) -> T + Send + 'static,
) -> tokio::sync::oneshot::Receiver<T> {
    let (ours, theirs) = Socket::pair().expect("two ends");
    ours.set_nonblocking(true).expect("an ordinary socket");
    let ours = UnixStream::from_std(ours).expect("in a runtime");
    let (served, devid) = (Rc::clone(key), key.port().devid());
    spawn_local(async move { served.port().serve(ours).await });
    let (done, outcome) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let connection = Connection::adopt(theirs, devid).expect("a host");
        let channel = HidChannel::open(connection).expect("a channel");
        done.send(act(Client::new(channel)))
    });
    outcome
}

/// Class, subclass and protocol of each interface of a key of this kind, as a server lists it.
fn interfaces(profile: Profile, form: Form) -> Vec<[u8; 3]> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let (memories, seed) = (vec![None], Some([7; 32]));
        let settings = KeySettings { memories, seed, ..settings(profile, form) };
        let server = Server::new();
        let _keys = Keys::plug_into(&server, &settings).expect("a key");
        let (ours, theirs) = Socket::pair().expect("two ends");
        ours.set_nonblocking(true).expect("an ordinary socket");
        let ours = UnixStream::from_std(ours).expect("in a runtime");
        let listed = thread::spawn(move || usbip_server::client::list(theirs).expect("a list"));
        server.serve_stream(ours).await.expect("an orderly end");
        listed.join().expect("no panic")[0].interfaces.clone()
    })
}

#[test]
fn a_tap_that_no_reader_notices_is_none_and_leaves_nothing_behind() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let profile = Profile::load("default").expect("it is built in");
        let memories = vec![None];
        let settings = KeySettings { memories, ..settings(profile, Form::Card(CardReader::Ccid)) };
        let keys = Keys::plug_into(&Server::new(), &settings).expect("a key");
        let key = keys.iter().next().expect("one");
        assert!(matches!(key.tap(1, Duration::ZERO).await, Err(Error::NoReader)));
        assert!(!key.is_laid_on());
        key.lay_on();
        assert!(matches!(key.tap(2, Duration::ZERO).await, Err(Error::NoReader)));
        assert!(key.is_laid_on(), "it waits for a reader as before");
    });
}

// HD-91, NF-50, NF-54
#[test]
fn a_key_has_a_reader_only_if_its_profile_or_its_form_says_so() {
    const HID: [u8; 3] = [3, 0, 0];
    const CCID: [u8; 3] = [0x0B, 0, 0];
    let default = || Profile::load("default").expect("it is built in");
    assert_eq!(interfaces(default(), Form::Usb), [HID]);
    let composite = default().with_transport(Transport::SmartCard);
    assert_eq!(interfaces(composite.clone(), Form::Usb), [HID, CCID]);
    assert_eq!(interfaces(default(), Form::Card(CardReader::Ccid)), [CCID]);
    assert_eq!(interfaces(composite, Form::Card(CardReader::Ccid)), [CCID]);
    assert_eq!(interfaces(default(), Form::Card(CardReader::Pn533)), [[0xFF, 0, 0]]);
}

/// authenticatorClientPIN, `{1: 1, 2: 1}`.
const GET_PIN_RETRIES: [u8; 6] = [0x06, 0xA2, 0x01, 0x01, 0x02, 0x01];

#[test]
fn while_a_key_writes_it_tells_its_state_and_others_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let (begin, mut begins) = unbounded_channel();
        let (gated, gate) = GatedMemory::new(move || {
            let _ = begin.send(());
        });
        let (slow, mut bell) = plugged(1, store_on(gated));
        let gate = gate; // opens before the key goes, which waits for what it writes: also when this test fails
        let (other, _) = plugged(2, Store::in_memory(&mut system_rng()));
        let registered = host(&slow, |mut client| {
            let (rp, user) = (RelyingParty::new("example.org"), User::new([1], "ada"));
            let request = make_credential::Request::new([7; 32], rp, user).with_option("rk", true);
            client.make_credential(&request, None).is_ok()
        });
        let prompt = loop {
            match slow.prompt() {
                Some(prompt) => break prompt.id,
                None => tokio::select! {
                    rung = bell.changed() => rung.expect("the key has the bell"),
                    _ = begins.recv() => panic!("it writes before it has asked"),
                },
            }
        };
        let answer = slow.answer(prompt, Decision::Approve);
        tokio::pin!(answer);
        tokio::select! {
            _ = &mut answer => panic!("told before it was written"),
            begun = begins.recv() => begun.expect("it writes"),
        }
        let retries = host(&other, |mut client| client.raw(&GET_PIN_RETRIES).is_ok());
        assert!(retries.await.expect("an answer"), "the other key is not disturbed");
        assert!(timeout(Duration::ZERO, &mut answer).await.is_err(), "it is not written yet");
        assert!(slow.prompt().is_none() && slow.port().is_attached(), "what `status` tells");
        drop(gate);
        assert!(answer.await && registered.await.expect("an answer"));
    });
}
