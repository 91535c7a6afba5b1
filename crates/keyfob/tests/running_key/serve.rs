//! Starting, listening, remembering, ending.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Resource, Rlimit, Signal, prlimit};
use usbip_server::client::list;

use crate::host::{connect, import, import_from};
use crate::program::{Home, Serving, eventually};

#[test]
fn it_says_where_it_listens_and_what_to_type() {
    let home = Home::new();
    let mut key = home.serve(&["--ephemeral"]);
    let port = key.address().port();
    assert_eq!(key.greeting, format!("listening on 127.0.0.1:{port}, bus id 1-1"));
    let command = format!("sudo usbip --tcp-port {port} attach -r 127.0.0.1 -b 1-1");
    assert_eq!(key.line(), format!("plug it in: {command}"));
    let variable = format!("KEYFOB_DEVICE=usbip:127.0.0.1:{port}");
    assert_eq!(key.line(), format!("without root: export {variable}"));
}

#[test]
fn several_keys_are_told_apart() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--keys", "3"]);
    assert!(key.greeting.ends_with(", bus ids 1-1 to 1-3"), "{}", key.greeting);
    let listed = list(connect(key.address())).unwrap();
    let ids: Vec<_> = listed.iter().map(|device| device.bus_id.as_str()).collect();
    assert_eq!(ids, ["1-1", "1-2", "1-3"]);
    let serial = |id| import(connect(key.address()), id).1.serial.expect("a serial number");
    assert_ne!(serial("1-1"), serial("1-2"));
}

#[test]
fn a_farm_of_keys_is_announced_and_shown_in_few_lines() {
    let home = Home::new();
    let mut key = home.serve(&["--ephemeral", "--keys", "12"]);
    assert!(key.greeting.ends_with(", bus ids 1-1 to 1-12"), "{}", key.greeting);
    let told = key.line();
    assert!(told.starts_with("plug one in: sudo usbip "), "{told}");
    assert!(told.ends_with(" -b 1-1, and so on to 1-12"), "{told}");
    let _host = import(connect(key.address()), "1-7");
    let shown = home.succeed(&["status"]);
    assert!(shown.contains("1-7 ") && shown.contains("\n11 of 12 keys are idle"), "{shown}");
    assert_eq!(home.succeed(&["status", "--all"]).lines().count(), 13);
}

#[test]
fn what_this_process_may_not_open_is_said_before_it_is_missing() {
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_keyfob");
    let serve = r#"ulimit -n 128; exec "$0" serve --listen 127.0.0.1:0 --ephemeral"#;
    let mut command = home.start_of("sh");
    command.args(["-c", serve, program]).stderr(Stdio::piped());
    let (_, said) = Serving::start(command).end(Signal::TERM);
    assert!(
        said.contains("this process may open 128 files") && said.contains("\nnext: "),
        "{said}"
    );
}

#[test]
fn a_host_that_is_refused_for_want_of_a_descriptor_is_logged_although_nobody_asked() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"]);
    command.stderr(Stdio::piped());
    let key = Serving::start(command);
    let open = fs::read_dir(format!("/proc/{}/fd", key.process())).unwrap().count();
    let most = Some(u64::try_from(open).unwrap() + 1);
    prlimit(Some(key.pid()), Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let mut hosts = Vec::new();
    eventually("a host is refused", || {
        let host = TcpStream::connect(key.address()).unwrap();
        host.set_nonblocking(true).unwrap();
        hosts.push(host);
        hosts.iter().any(is_closed)
    });
    let (_, said) = key.end(Signal::TERM);
    assert!(
        said.contains(" was refused ") && said.contains("Too many open files"),
        "the reason: {said}"
    );
    assert!(said.contains("LimitNOFILE="), "the next step: {said}");
}

fn is_closed(host: &TcpStream) -> bool {
    match host.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn it_shows_itself_as_keyfob() {
    // HD-94, HD-95
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let (_, said) = import(connect(key.address()), "1-1");
    assert_eq!(said.manufacturer.as_deref(), Some("keyfob"));
    assert_eq!(said.product.as_deref(), Some("keyfob virtual security key"));
    let listed = list(connect(key.address())).unwrap();
    assert_eq!(
        (listed[0].vendor_id, listed[0].product_id, listed[0].bcd_device),
        (0x1209, 5, 0x100)
    );
}

#[test]
fn it_remembers_its_pin_and_its_serial_number_and_nobody_else_can_read_them() {
    let home = Home::new();
    let state = home.path().join("state");
    let arguments = ["--state", state.to_str().unwrap()];
    let key = home.serve(&arguments);
    let (mut platform, first) = import(connect(key.address()), "1-1");
    assert_eq!(platform.client().get_info().unwrap().option("clientPin"), Some(false));
    platform.client().set_pin("correct horse").unwrap();
    drop(key.end(Signal::TERM));
    let key = home.serve(&arguments);
    let (mut platform, second) = import(connect(key.address()), "1-1");
    assert_eq!(platform.client().get_info().unwrap().option("clientPin"), Some(true));
    assert_eq!(first.serial, second.serial);
    for entry in fs::read_dir(state.join("key-1")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.path());
    }
}

#[test]
fn a_change_that_could_not_be_saved_is_warned_of_once_and_the_key_goes_on() {
    let home = Home::new();
    let state = home.path().join("state");
    let key = home.serve(&["--state", state.to_str().unwrap()]);
    let (mut platform, _) = import(connect(key.address()), "1-1");
    // What is in the way of the file cannot be replaced by one, by root neither.
    let (file, obstacle) = (state.join("key-1/records.keyfob"), state.join("obstacle"));
    fs::create_dir(&obstacle).unwrap();
    let exchange = || {
        renameat_with(CWD, &file, CWD, &obstacle, RenameFlags::EXCHANGE).expect("one file system")
    };
    exchange();
    for _ in 0..3 {
        platform.client().set_pin("correct horse").unwrap_err();
    }
    exchange();
    platform.client().set_pin("correct horse").unwrap();
    let (_, warnings) = key.end(Signal::TERM);
    assert_eq!(warnings.matches("warning: ").count(), 1, "{warnings}");
    let told = ["key-1 could not store what it was asked to", "(os error", "then try again"];
    assert!(told.iter().all(|part| warnings.contains(part)), "{warnings}");
}

#[test]
fn without_being_told_where_it_keeps_its_state_in_the_home_directory() {
    let home = Home::new();
    let _key = home.serve(&[]);
    assert!(home.path().join(".local/state/keyfob/key-1").is_dir());
}

#[test]
fn a_second_one_on_the_same_state_is_refused_and_the_first_goes_on() {
    let home = Home::new();
    let state = home.path().join("state");
    let state = state.to_str().unwrap();
    let key = home.serve(&["--state", state]);
    let other = home.path().join("other");
    let error = home.fail(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--state",
            state,
            "--control",
            other.to_str().unwrap(),
        ],
        6,
    );
    assert!(error.contains(&format!("in use by process {}", key.process())), "{error}");
    assert!(error.contains("\nnext: stop it first, or name a directory"), "{error}");
    import_from(key.address()).client().get_info().unwrap();
}

#[test]
fn a_taken_port_is_told_with_a_way_out() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = home.fail(&["serve", "--ephemeral", "--listen", &address], 1);
    assert!(error.starts_with(&format!("keyfob: {address} is taken")), "{error}");
    assert!(error.contains("\nnext: ") && error.contains("--listen 127.0.0.1:0"), "{error}");
}

#[test]
fn a_port_that_a_keyfob_has_is_told_with_the_way_to_its_key() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let address = key.address().to_string();
    let error = Home::new().fail(&["serve", "--ephemeral", "--listen", &address], 1);
    let taken = format!("keyfob: {address} is taken by keyfob (process {})", key.process());
    assert!(error.starts_with(&taken), "{error}");
    assert!(error.contains(&format!("--device usbip:{address}")), "{error}");
}

#[test]
fn a_socket_that_cannot_be_made_is_told_with_the_next_step() {
    let home = Home::new();
    let long = home.path().join("x".repeat(120));
    let paths = [home.path().join("missing/socket"), "/dev/null/socket".into(), long];
    for path in &paths {
        for option in ["--control", "--unix"] {
            let error = home.fail(&["serve", "--ephemeral", option, path.to_str().unwrap()], 1);
            assert!(error.contains("cannot listen on") && error.contains("\nnext: "), "{error}");
        }
    }
}

#[test]
fn a_profile_says_by_what_numbers_hosts_know_the_key() {
    let home = Home::new();
    let profile = home.path().join("mine.toml");
    fs::write(&profile, "vendorId = 0x1234\nproductId = 0xABCD\n").unwrap();
    let key = home.serve(&["--ephemeral", "--profile", profile.to_str().unwrap()]);
    let listed = list(connect(key.address())).unwrap();
    assert_eq!((listed[0].vendor_id, listed[0].product_id), (0x1234, 0xABCD));
}

#[test]
fn an_address_that_others_can_reach_takes_a_second_word() {
    let home = Home::new();
    let serve = ["serve", "--ephemeral", "--listen", "0.0.0.0:0"];
    let error = home.fail(&serve, 2);
    assert!(error.contains("--expose") && error.contains("ssh -L"), "{error}");
    let error = home.fail(&[&serve[..], &["--expose", "--touch", "auto"]].concat(), 2);
    assert!(error.contains("--touch auto"), "{error}");
    let mut command = home.command(&[&serve[..], &["--expose"]].concat());
    command.stderr(Stdio::piped());
    let key = Serving::start(command);
    let (_, warnings) = key.end(Signal::TERM);
    assert!(warnings.contains("warning: everybody who can reach"), "{warnings}");
}

#[test]
fn approving_unseen_is_warned_of_at_each_start() {
    let home = Home::new();
    for touch in ["auto", "ask"] {
        let key = home.serve(&["--ephemeral", "--touch", touch]);
        let (_, warnings) = key.end(Signal::TERM);
        assert_eq!(warnings.contains("warning: --touch auto"), touch == "auto", "{warnings}");
    }
}

#[test]
fn both_signals_end_it_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let home = Home::new();
        let key = home.serve(&["--ephemeral"]);
        let mut platform = import_from(key.address());
        assert!(home.control().exists());
        let (status, complaints) = key.end(signal);
        assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
        assert!(
            !home.path().join("keyfob").exists(),
            "neither socket nor lock nor their directory"
        );
        assert!(platform.client().get_info().is_err(), "unplugged");
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_key() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "-vvv"]);
    let mut platform = import_from(key.address());
    // Each leaves hundreds of bytes in the log, and a pipe holds 64 KiB.
    for _ in 0..500 {
        platform.client().get_info().unwrap();
    }
    home.succeed(&["status"]);
    key.signal(Signal::TERM);
    let (status, _) = key.wait();
    assert!(status.success() && !home.control().exists(), "{status}");
}

#[test]
fn keys_that_a_program_started_go_when_it_lets_go_of_them() {
    let home = Home::new();
    let options = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--until-stdin-closes"];
    let mut command = home.command(&options);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut key = Serving::start(command);
    let mut stdin = key.stdin();
    stdin.write_all(b"what is said there means nothing\n").unwrap();
    let mut platform = import_from(key.address());
    platform.client().get_info().unwrap();
    drop(stdin);
    let (status, complaints) = key.wait();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    assert!(!home.control().exists());
}

#[test]
fn keys_go_likewise_when_the_program_has_a_socket_for_a_pipe() {
    let home = Home::new();
    let options = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--until-stdin-closes"];
    let mut command = home.command(&options);
    let (ours, theirs) = UnixStream::pair().unwrap();
    command.stdin(OwnedFd::from(theirs)).stderr(Stdio::piped());
    let key = Serving::start(command);
    (&ours).write_all(b"what is said there means nothing\n").unwrap();
    let mut platform = import_from(key.address());
    platform.client().get_info().unwrap();
    drop(ours);
    let (status, complaints) = key.wait();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
}

#[test]
fn only_the_end_of_a_pipe_can_be_waited_for() {
    let home = Home::new();
    let complaint = home.fail(&["serve", "--ephemeral", "--until-stdin-closes"], 2);
    assert!(complaint.contains("needs a pipe"), "{complaint}");
}

#[test]
fn a_unix_socket_serves_as_well_and_is_private() {
    let home = Home::new();
    let path = home.path().join("usbip");
    let key = home.command(&["serve", "--ephemeral", "--unix", path.to_str().unwrap()]);
    let key = Serving::start(key);
    assert_eq!(key.greeting, format!("listening on {}, bus id 1-1", path.display()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut platform = import(UnixStream::connect(&path).unwrap(), "1-1").0;
    platform.client().get_info().unwrap();
    drop(platform);
    let device = format!("usbip:{}/1-1", path.display());
    assert!(home.succeed(&["status"]).contains(&device));
    for named in [&["--device", &device][..], &["--device", &format!("usbip:{}", path.display())]] {
        let told = home.succeed(&[&["info"], named].concat());
        assert!(told.contains("FIDO_2_1"), "{told}");
    }
    assert_eq!(home.succeed(&["info", "--device", "auto"]), home.succeed(&["info"]));
    assert!(home.succeed(&["list"]).contains(&device));
    drop(key.end(Signal::TERM));
    assert!(!path.exists());
    let said = home.fail(&["info", "--device", &device], 3);
    assert!(said.contains("cannot connect") && said.contains("keyfob serve"), "{said}");
}

#[test]
fn its_memory_never_gets_into_a_core_file() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", key.process())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
}

#[test]
fn secrets_and_sites_are_not_logged_unless_asked_for() {
    let home = Home::new();
    for (flag, told) in [("-v", false), ("-vv", true)] {
        let key = home.serve(&["--ephemeral", "--touch", "auto", flag]);
        let mut platform = import_from(key.address());
        platform.client().set_pin("correct horse").unwrap();
        let (_, outcome) = crate::host::register(platform, "example.org").join().unwrap();
        drop(outcome);
        let (_, log) = key.end(Signal::TERM);
        assert!(log.contains("status=") && log.contains("command="), "{log}");
        assert!(!log.contains("correct horse"), "{log}");
        assert_eq!(log.contains("example.org"), told, "{log}");
    }
}

#[test]
fn options_out_of_range_are_a_usage_error() {
    let home = Home::new();
    for arguments in [
        ["serve", "--keys", "0"],
        ["serve", "--keys", "251"],
        ["serve", "--capacity", "0"],
        ["serve", "--capacity", "100001"],
        ["serve", "--touch", "maybe"],
    ] {
        home.fail(&arguments, 2);
    }
    home.fail(&["serve", "--ephemeral", "--state", "x"], 2);
}

#[test]
fn a_key_for_a_usb_port_whose_profile_has_no_usb_is_refused_and_a_card_of_it_is_not() {
    // GI-18
    let home = Home::new();
    let profile = home.path().join("card.toml");
    fs::write(&profile, "transports = [\"nfc\"]\n").unwrap();
    let kind = ["serve", "--ephemeral", "--profile", profile.to_str().unwrap()];
    let told = home.fail(&kind, 1);
    assert!(
        told.contains(
            "line 1: the key is reached over USB, and its transports do not say so (GI-18)"
        ),
        "{told}"
    );
    assert!(told.contains("next: add \"usb\" to `transports`; or make it a card"), "{told}");
    let _card = home.serve(&[&kind[1..], &["--nfc"]].concat());
}

#[test]
fn a_tap_of_a_card_whose_reader_no_host_has_says_how_to_get_the_reader_to_one() {
    let home = Home::new();
    let card = home.serve(&["--ephemeral", "--nfc"]);
    let told = home.fail(&["tap"], 1);
    let device = format!("--device usbip:{}/1-1", card.address());
    assert!(
        told.contains("no host has the reader of this card\nnext: attach the reader"),
        "{told}"
    );
    assert!(told.contains(&device), "{told}");
}

#[test]
fn metadata_of_models_without_a_model_is_a_usage_error() {
    let home = Home::new();
    let told = home.fail(&["serve", "--ephemeral", "--metadata", "blob.jwt"], 2);
    assert!(told.contains("no model is named\nnext: name one with --like"), "{told}");
}
