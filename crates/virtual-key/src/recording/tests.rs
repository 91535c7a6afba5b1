//! Recordings of keys that nobody drives but the test.

use std::cell::RefCell;
use std::io::Cursor;
use std::rc::Rc;

use hid_transport::host::fragment;
use hid_transport::{ChannelId, Command};
use usbip_server::{Echo, HidFunction, Interface};

use super::writer::{Event, What};
use super::*;
use crate::error::log;

fn reports(message: &[u8]) -> Vec<Report> {
    fragment(ChannelId::new(1), Command::Cbor, message).unwrap().collect()
}

/// A key that hears this and says nothing, recorded; returns what is in the file when it is gone.
fn recording(path: &Path, messages: &[&[u8]]) -> Vec<u8> {
    let recorder = Recorder::open(path, false, log).unwrap();
    let tap = recorder.tap(1);
    tap.introduce("1-1", vec![([0x80, 6, 0, 1, 0, 0, 18, 0], vec![0xDD; 18])]);
    let echo: Rc<RefCell<dyn HidFunction>> = Rc::new(RefCell::new(Echo::default()));
    let mut function = Recorded::new(echo, tap);
    function.attached();
    for report in messages.iter().flat_map(|message| reports(message)) {
        function.output(&report);
    }
    drop((function, recorder));
    std::fs::read(path).unwrap()
}

fn has(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}

// P-19, P-21, P-38
#[test]
fn what_was_said_is_in_a_private_file_without_secrets_and_with_its_names() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.pcapng");
    let pin = [&[6, 0xA2, 2, 3, 5, 0x58, 0x40][..], &[0x77; 64]].concat();
    let file = recording(&path, &[&[4], &pin]);
    assert_eq!(pcapng::whole(&mut Cursor::new(&file)).unwrap(), Some(file.len() as u64));
    assert!(has(&file, b"authenticatorGetInfo") && has(&file, b"subCommand setPIN"));
    assert!(has(&file, &[0xDD; 18]), "what the key is, for programs that ask");
    assert!(!has(&file, &[0x77; 8]), "the PIN");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_recording_goes_on_behind_the_last_whole_block() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.pcapng");
    let first = recording(&path, &[&[4]]);
    let killed = [&first[..], &first[..37]].concat();
    std::fs::write(&path, killed).unwrap();
    let both = recording(&path, &[&[0x0B]]);
    assert!(both.starts_with(&first) && has(&both[first.len()..], b"authenticatorSelection"));
    assert_eq!(pcapng::whole(&mut Cursor::new(&both)).unwrap(), Some(both.len() as u64));
}

// NF-13, P-19
#[test]
fn a_card_is_recorded_from_power_to_power_without_secrets() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.pcapng");
    let recorder = Recorder::open(&path, false, log).unwrap();
    let tap = recorder.tap(1);
    tap.introduce("1-1", Vec::new());
    let pin =
        [&[0x80, 0x10, 0, 0, 71, 6, 0xA2, 2, 3, 5, 0x58, 0x40][..], &[0x77; 64], &[0]].concat();
    for is_on in [false, true, false, false] {
        tap.field(is_on);
    }
    tap.apdu(Direction::ToKey, &pin);
    tap.apdu(Direction::FromKey, &[0x31, 0x90, 0x00]);
    drop((tap, recorder));
    let file = std::fs::read(&path).unwrap();
    assert!(has(&file, b"subCommand setPIN") && has(&file, b"CTAP2_ERR_PIN_INVALID"));
    assert!(!has(&file, &[0x77; 8]), "the PIN");
    let events = |event: u8| file.windows(4).filter(|part| *part == [0, event, 0, 0]).count();
    assert_eq!((events(0xFC), events(0xFD)), (1, 1), "power that was not there does not go");
}

// P-21
#[test]
fn a_file_that_is_something_else_or_somebody_elses_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notes");
    let refused = |path: &Path| Recorder::open(path, false, log).err().unwrap().to_string();
    std::fs::write(&path, "remember the milk").unwrap();
    assert!(refused(&path).contains("open to other users"));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(refused(&path).contains("it is not a recording"));
    assert_eq!(std::fs::read(&path).unwrap(), b"remember the milk");
    let path = home.path().join("a.pcapng");
    let _first = Recorder::open(&path, false, log).unwrap();
    assert!(refused(&path).contains("another process records into this file"));
}

// P-19, P-38
#[test]
fn behind_packets_that_the_disk_was_too_slow_for_nothing_is_a_part_of_what_was_before() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.pcapng");
    let file = RecordingFile::open(&path).unwrap();
    let mut writer = Writer::new(file, false, log, Arc::default());
    let pin = [&[6, 0xA2, 2, 3, 5, 0x58, 0x78][..], &[0x77; 120]].concat();
    // A name is no secret: the rest of a PIN must not become one.
    let named = [&[1, 0xA1, 2, 0xA1, 0x62, b'i', b'd', 0x78, 0x78][..], &[b'a'; 120]].concat();
    let [head, ..] = reports(&named)[..] else { panic!("three reports") };
    let mut take = |what, follows_gap| {
        writer.take(Event { key: 1, at: SystemTime::UNIX_EPOCH, what, follows_gap });
    };
    take(What::Key { bus_id: "1-1".to_owned(), transfers: Vec::new() }, false);
    take(What::Report(Direction::ToKey, head), false);
    for (place, report) in reports(&pin)[1..].iter().enumerate() {
        take(What::Report(Direction::ToKey, *report), place == 0);
    }
    drop(writer);
    let file = std::fs::read(&path).unwrap();
    assert!(!has(&file, &[0x77; 2]), "the rest of a PIN");
    assert!(!has(&file, b"aa"), "nor the beginning of what never was whole");
}

// P-38
#[test]
fn a_tap_says_behind_which_packets_others_are_missing() {
    let (events, inbox) = sync_channel(1);
    let (path, lost, thread) = (PathBuf::new(), Arc::default(), Mutex::default());
    let shared = Shared { path, events: Mutex::new(Some(events)), lost, thread };
    let tap = Tap { key: 1, has_gap: Arc::default(), shared: Arc::new(shared) };
    let next = || inbox.try_recv().map(|event| event.follows_gap);
    tap.powered_up();
    tap.powered_up();
    assert_eq!(next(), Ok(false));
    tap.powered_up();
    assert_eq!(next(), Ok(true));
    tap.powered_up();
    assert_eq!(next(), Ok(false), "once");
    assert_eq!(tap.shared.lost.load(Ordering::Relaxed), 1);
}

#[test]
fn a_recorded_key_is_an_interface_like_any_other() {
    let recorder =
        Recorder::open(&tempfile::tempdir().unwrap().path().join("a"), true, log).unwrap();
    let echo = Rc::new(RefCell::new(Echo::default()));
    let _interface = Interface::Hid(Rc::new(RefCell::new(Recorded::new(echo, recorder.tap(1)))));
}
