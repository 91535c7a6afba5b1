//! The control socket itself: private, bounded, and no way to hurt the key.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::process::Signal;

use crate::host::{import_from, select};
use crate::program::{Home, error_of, eventually};

fn client(home: &Home) -> UnixStream {
    let stream = UnixStream::connect(home.control()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("possible");
    stream
}

/// Everything the other end says until it hangs up.
fn rest(mut stream: UnixStream) -> String {
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        Ok(_) => text,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => text,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn only_its_owner_can_reach_it() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral"]);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.control()), 0o600);
    assert_eq!(mode(home.path().join("keyfob")), 0o700);
}

#[test]
fn without_a_running_key_the_commands_say_what_to_start() {
    let home = Home::new();
    for command in ["touch", "deny", "wait", "replug", "status"] {
        let error = home.fail(&[command], 3);
        assert!(error.contains("no key is running") && error.contains("keyfob serve"), "{error}");
    }
}

/// `sudo -E` and `su` leave the variable as it was; logind removes the directory at the last logout.
#[test]
fn a_runtime_directory_that_is_not_ours_or_not_there_is_not_used() {
    let (home, user) = (Home::new(), rustix::process::geteuid());
    let gone = home.path().join("gone");
    let mut places = vec![gone];
    if user.is_root() {
        let ada = home.path().join("ada");
        fs::create_dir(&ada).unwrap();
        std::os::unix::fs::chown(&ada, Some(1000), None).unwrap();
        places.push(ada);
    } else {
        places.push("/".into());
    }
    for place in places {
        let mut status = home.command(&["status"]);
        let output = status.env("XDG_RUNTIME_DIR", &place).output().unwrap();
        let (error, shared) = (error_of(&output), format!("/tmp/keyfob-{}/", user.as_raw()));
        assert!(output.status.success() || error.contains(&shared), "{error}");
    }
}

#[test]
fn a_second_key_needs_a_socket_of_its_own() {
    let home = Home::new();
    let _first = home.serve(&["--ephemeral"]);
    let error = home.fail(&["serve", "--ephemeral", "--listen", "127.0.0.1:0"], 1);
    assert!(
        error.contains("another keyfob listens there") && error.contains("--control"),
        "{error}"
    );
    let path = home.path().join("second");
    let _second = home.serve(&["--ephemeral", "--keys", "2", "--control", path.to_str().unwrap()]);
    let lines = |output: String| output.lines().count();
    assert_eq!(lines(home.succeed(&["status"])), 2);
    assert_eq!(lines(home.succeed(&["status", "--control", path.to_str().unwrap()])), 3);
}

#[test]
fn what_a_killed_key_left_behind_is_replaced() {
    let home = Home::new();
    drop(home.serve(&["--ephemeral"]).end(Signal::KILL));
    assert!(home.control().exists());
    let _key = home.serve(&["--ephemeral"]);
    home.succeed(&["status"]);
}

#[test]
fn the_socket_of_another_program_is_left_to_it() {
    let home = Home::new();
    let path = home.path().join("agent");
    let _agent = UnixListener::bind(&path).unwrap();
    for option in ["--control", "--unix"] {
        let serve = ["serve", "--ephemeral", "--listen", "127.0.0.1:0"];
        let error = home.fail(&[&serve[..], &[option, path.to_str().unwrap()]].concat(), 1);
        assert!(error.contains("another program has that socket"), "{error}");
        UnixStream::connect(&path).unwrap();
    }
}

#[test]
fn a_request_is_answered_though_its_client_says_no_more() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral"]);
    let mut stream = client(&home);
    stream.write_all(b"{\"do\":\"status\"}\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(stream).starts_with(r#"{"answer":"status","touch":"ask","keys":[{"key":"1-1""#));
}

#[test]
fn the_state_of_a_key_tells_how_to_come_by_it() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let device = format!("\"device\":\"usbip:{}/1-1\"", key.address());
    assert!(home.succeed(&["status", "--json"]).contains(&device));
    drop(key);
    let path = home.path().join("usbip");
    let key = home.command(&["serve", "--ephemeral", "--unix", path.to_str().unwrap()]);
    let _key = crate::program::Serving::start(key);
    let device = format!("\"device\":\"usbip:{}/1-1\"", path.display());
    assert!(home.succeed(&["status", "--json"]).contains(&device));
}

#[test]
fn a_program_is_told_which_part_of_its_request_is_wrong() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral"]);
    let faults = [
        (r#"{"do":"fly"}"#, "unknown word `fly`"),
        (r#"{"do":"wait","seconds":-1}"#, "invalid value: integer `-1`"),
        (r#"{"do":"touch","where":1}"#, "unknown field `where`"),
        ("{}", "missing field `do`"),
    ];
    for (request, what) in faults {
        let mut stream = client(&home);
        writeln!(stream, "{request}").unwrap();
        let said = rest(stream);
        assert!(said.contains(what) && said.contains("docs/reference.md"), "{request}: {said}");
    }
}

#[test]
fn garbage_is_refused_and_a_line_without_end_is_cut_off() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral"]);
    let mut stream = client(&home);
    stream.write_all(b"\xff\xfe\0\n").unwrap();
    assert!(rest(stream).contains("not understood"));
    let mut stream = client(&home);
    // It may hang up while this is being written.
    let _ = stream.write_all(&[b'x'; 1 << 16]);
    assert_eq!(rest(stream), "");
    home.succeed(&["status"]);
}

#[test]
fn idle_clients_keep_nobody_from_the_key() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let idle: Vec<_> = (0..40).map(|_| client(&home)).collect();
    import_from(key.address()).client().get_info().unwrap();
    // The sixteen that were first are heard; the others are turned away at once, and told why.
    let turned_away = rest(client(&home));
    assert!(
        turned_away.contains("16 clients are connected to the control socket already"),
        "{turned_away}"
    );
    drop(idle);
    eventually("there is room again", || home.run(&["status"]).status.success());
}

#[test]
fn a_client_that_stops_waiting_makes_room() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral"]);
    for _ in 0..40 {
        // Whoever comes before those who are gone were missed is turned away, perhaps before it has said anything.
        let _ = client(&home).write_all(b"{\"do\":\"wait\"}\n");
    }
    eventually("there is room again", || home.run(&["status"]).status.success());
}

#[test]
fn however_many_wait_there_is_room_for_those_who_answer() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let mut waiting: Vec<_> = (0..40).map(|_| client(&home)).collect();
    for stream in &mut waiting {
        // Those who were turned away need not be heard.
        let _ = stream.write_all(b"{\"do\":\"wait\"}\n");
    }
    eventually("there is room", || home.run(&["status"]).status.success());
    let error = home.fail(&["wait"], 1);
    assert!(error.contains("12 clients wait for a prompt already"), "{error}");
    let error = home.fail(&["touch"], 1);
    assert!(error.contains("no prompt is open"), "{error}");
    let asking = select(import_from(key.address()));
    eventually("it is denied", || home.run(&["deny"]).status.success());
    drop(asking.join());
}

#[test]
fn everybody_who_waits_hears_of_a_prompt() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = client(&home);
            stream.write_all(b"{\"do\":\"wait\"}\n").unwrap();
            BufReader::new(stream)
        })
        .collect();
    let asking = select(import_from(key.address()));
    for mut stream in waiting {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with(r#"{"answer":"prompt","id":""#), "{line}");
    }
    home.succeed(&["deny"]);
    drop(asking.join());
}

#[test]
fn a_socket_that_cannot_be_there_is_told_as_that() {
    let home = Home::new();
    let long = format!("/tmp/{}", "x".repeat(200));
    let error = home.fail(&["status", "--control", &long], 3);
    assert!(error.contains("no socket can be at"), "{error}");
    assert!(error.contains("next: name a socket with a shorter path with --control"), "{error}");
}
