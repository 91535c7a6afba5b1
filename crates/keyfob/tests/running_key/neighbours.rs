//! What other users, crowds at the door, and whoever cleans up do to a running key.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ctap_client::{
    CredentialDescriptor, Error, RelyingParty, Status, User, get_assertion, make_credential,
};
use rustix::process::{Signal, geteuid};

use crate::host::{Platform, import_from, refusal};
use crate::program::{Home, Serving, eventually};

/// A user who has nothing to do with the key: nobody.
const STRANGER: u32 = 65534;

/// How many bytes a program of this user is answered when it asks for the list of devices.
fn bytes_for(user: u32, address: SocketAddr) -> usize {
    let port = address.port();
    let asking = format!(
        r"exec 3<>/dev/tcp/127.0.0.1/{port} && printf '\x01\x11\x80\x05\x00\x00\x00\x00' >&3; head -c 12 <&3 | wc -c"
    );
    let mut program = Command::new("bash");
    program.args(["-c", &asking]).uid(user).current_dir("/").stderr(Stdio::null());
    let answer = program.output().expect("bash is there").stdout;
    // Whoever is hung up on while it asks does not get as far as counting.
    String::from_utf8_lossy(&answer).trim().parse().unwrap_or(0)
}

/// Only root can run a program as somebody else. Everybody else sees that their own programs are let in.
fn a_user_and_strangers() -> (u32, Vec<u32>) {
    let user = geteuid().as_raw();
    (user, if user == 0 { vec![STRANGER] } else { vec![] })
}

// P-22
#[test]
fn programs_of_other_users_are_not_let_in_over_loopback_unless_everybody_is() {
    let home = Home::new();
    let (user, strangers) = a_user_and_strangers();
    for any_user in [false, true] {
        let option = if any_user { &["--any-user"][..] } else { &[] };
        let key = home.serve(&[&["--ephemeral"], option].concat());
        assert_eq!(bytes_for(user, key.address()), 12);
        for stranger in &strangers {
            let bytes = bytes_for(*stranger, key.address());
            assert_eq!(bytes, if any_user { 12 } else { 0 });
            assert_eq!(bytes_for(*stranger, key.address()), bytes, "and the next time");
        }
        let (_, warnings) = key.end(Signal::TERM);
        let told = usize::from(!any_user && !strangers.is_empty());
        assert_eq!(warnings.matches("of user 65534 was refused").count(), told, "{warnings}");
        assert_eq!(warnings.matches("--any-user").count(), told, "{warnings}");
    }
}

#[test]
fn a_crowd_of_visitors_leaves_the_key_the_files_that_it_needs() {
    let home = Home::new();
    let state = home.path().join("state");
    let options = ["serve", "--listen", "127.0.0.1:0", "--touch", "auto", "--state"];
    let mut command = home.start_of("bash");
    // Room for the key itself and some visitors; one that opens files finds none in the last of it.
    command.args(["-c", "ulimit -n 64 && exec \"$@\"", "bash", env!("CARGO_BIN_EXE_keyfob")]);
    command.args(options).arg(&state).stderr(Stdio::piped());
    let key = Serving::start(command);
    let crowd: Vec<_> = (0..200).map(|_| TcpStream::connect(key.address())).collect();
    let mut platform = import_from(key.address());
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(register(&mut platform, true).expect("it is stored"));
        drop((0..50).map(|_| TcpStream::connect(key.address())).collect::<Vec<_>>());
    }
    home.succeed(&["status"]);
    drop(crowd);
    let (_, complaints) = key.end(Signal::TERM);
    assert_eq!(complaints.matches("could not store").count(), 0, "{complaints}");
}

fn register(platform: &mut Platform, discoverable: bool) -> Result<CredentialDescriptor, Error> {
    let user = User::new(*b"1", "ada");
    let request = make_credential::Request::new([7; 32], RelyingParty::new("example.org"), user);
    let made = platform.client().make_credential(&request.with_option("rk", discoverable), None)?;
    let id = made.credential().expect("a credential").credential_id.clone();
    Ok(CredentialDescriptor::new(id))
}

// P-11, P-12
#[test]
fn a_key_whose_memory_is_removed_says_so_and_makes_no_promise_that_it_cannot_keep() {
    let home = Home::new();
    let state = home.path().join("state");
    let key = home.serve(&["--touch", "auto", "--state", state.to_str().unwrap()]);
    let mut platform = import_from(key.address());
    let credential = register(&mut platform, false).unwrap();
    let signing = get_assertion::Request::new("example.org", [7; 32]).allowing([credential]);
    platform.client().get_assertion(&signing, None).unwrap();
    fs::remove_dir_all(&state).unwrap();
    platform.client().get_assertion(&signing, None).unwrap();
    for discoverable in [false, true] {
        let outcome = register(&mut platform, discoverable).map(drop);
        assert_eq!(refusal(outcome), Some(Status::Other));
    }
    let outcome = platform.client().set_pin("correct horse").map(drop);
    assert_eq!(refusal(outcome), Some(Status::Other));
    let (_, warnings) = key.end(Signal::TERM);
    for told in ["key-1 was removed while the key runs", "key-1 could not store", "from a backup"] {
        assert!(warnings.contains(told), "{warnings}");
    }
}

/// Removes all that logind removes when a user's last session ends.
fn clear(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

#[test]
fn a_control_socket_that_was_removed_is_there_again_and_so_is_that_for_hosts() {
    let home = Home::new();
    let runtime = home.path().join("runtime");
    fs::create_dir(&runtime).unwrap();
    let unix = runtime.join("usbip");
    let mut command = home.command(&["serve", "--ephemeral", "--unix", unix.to_str().unwrap()]);
    command.env("XDG_RUNTIME_DIR", &runtime).stderr(Stdio::piped());
    let key = Serving::start(command);
    let can_be_touched = || {
        let mut status = home.command(&["status"]);
        status.env("XDG_RUNTIME_DIR", &runtime).output().expect("started").status.success()
    };
    let is_in_reach = || can_be_touched() && UnixStream::connect(&unix).is_ok();
    eventually("both are there", is_in_reach);
    // It does not get in the way of the one who cleans up.
    key.signal(Signal::STOP);
    clear(&runtime).unwrap();
    key.signal(Signal::CONT);
    eventually("both are there again", is_in_reach);
    key.signal(Signal::STOP);
    fs::remove_dir_all(&runtime).unwrap();
    key.signal(Signal::CONT);
    assert!(!is_in_reach());
    fs::create_dir(&runtime).unwrap();
    eventually("both are there when their place is", is_in_reach);
    drop(key.end(Signal::TERM));
    assert!(!unix.exists(), "it cleans up after itself");
}

#[test]
fn a_key_that_has_lost_its_socket_waits_without_looking_again_and_again() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    fs::remove_dir_all(home.path()).unwrap();
    let wakes = || {
        let status = fs::read_to_string(format!("/proc/{}/status", key.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    // It has slept, and sleeps on.
    let mut before = wakes();
    eventually("it is quiet", || {
        std::thread::sleep(Duration::from_millis(500));
        std::mem::replace(&mut before, wakes()) == before
    });
}

#[test]
fn a_key_ends_with_its_terminal_and_cleans_up_unless_it_was_started_to_outlive_it() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let (status, complaints) = key.end(Signal::HUP);
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    assert!(!home.control().exists());
    let mut command = home.start_of("nohup");
    command.arg(env!("CARGO_BIN_EXE_keyfob"));
    command.args(["serve", "--ephemeral", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    let key = Serving::start(command);
    key.signal(Signal::HUP);
    home.succeed(&["status"]);
    import_from(key.address()).client().get_info().unwrap();
    drop(key.end(Signal::TERM));
    assert!(!home.control().exists());
}
