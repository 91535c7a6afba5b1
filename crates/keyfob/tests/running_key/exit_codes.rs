//! What scripts act upon: each kind of reason has its exit code, whichever command it stops (docs/reference.md).

use std::fs;

use rustix::process::Signal;

use crate::host::import_from;
use crate::program::{Home, error_of};

/// Words of a command line, and how it ends.
type Row<'a> = (&'a [&'a str], i32);

#[track_caller]
fn end_so(home: &Home, rows: &[Row<'_>]) {
    for (words, code) in rows {
        let mut command = home.command(words);
        // Whatever cards this machine has.
        command.env("PCSCLITE_CSOCK_NAME", home.path().join("no-pcscd"));
        let output = command.output().unwrap();
        let told = error_of(&output);
        assert_eq!(output.status.code(), Some(*code), "{words:?}: {told}");
        assert!(*code == 0 || told.contains("\nnext: "), "{words:?}: {told}");
    }
}

#[test]
fn what_is_wrong_with_a_command_line_a_file_or_the_world_is_told_apart() {
    const NOBODY: &str = "usbip:127.0.0.1:1";
    let home = Home::new();
    let text = home.path().join("text");
    fs::write(&text, "remember the milk").unwrap();
    let (text, state) = (text.to_str().unwrap(), home.path().join("state"));
    let state = state.to_str().unwrap();
    end_so(
        &home,
        &[
            (&["fault", "add", "silense"], 2),
            (&["fault", "add", "busy", "--bytes", "1"], 2),
            (&["fault", "add", "slow-answer"], 2),
            (&["fault", "add", "lost-report", "--report", "129"], 2),
            (&["fault", "add", "silence"], 3),
            (&["fault", "clear"], 3),
            (&["fault", "list"], 3),
            (&["trace"], 2),
            (&["trace", "no/such/file"], 1),
            (&["trace", text], 1),
            (&["trace", "--live"], 3),
            (&["replay"], 2),
            (&["replay", "no/such/file"], 1),
            (&["replay", text], 1),
            (&["models", "show"], 2),
            (&["models", "show", "a key", "--metadata", text], 1),
            (&["credentials", "list", "--device", NOBODY], 3),
            (&["credentials", "import", text], 1),
            (&["credentials", "import", text, "--format", "paper"], 2),
            (&["credentials", "export"], 3),
            (&["credentials", "export", "--state", state], 6),
            (&["credentials", "export", "--state", state, "--key", "0"], 2),
            (&["card", "--vpcd", "192.0.2.1"], 2),
            (&["card", "--vpcd", "127.0.0.1:reader"], 2),
            (&["card", "--profile", "boi"], 2),
            (&["card", "--profile", text, "--ephemeral"], 1),
            (&["bridge", "--list"], 3),
            (&["bridge", "--reader"], 2),
            (&["webdriver", "--driver", "chromedriver", "--listen", "0.0.0.0:0"], 2),
            (&["webdriver", "--driver", "no/such/driver"], 1),
        ],
    );
}

#[test]
fn what_a_running_key_or_a_recording_does_not_have_is_told_apart() {
    let home = Home::new();
    let file = home.path().join("key.pcapng");
    let file = file.to_str().unwrap();
    let recorded = home.serve(&["--ephemeral", "--touch", "auto", "--record", file]);
    import_from(recorded.address()).client().get_info().unwrap();
    recorded.end(Signal::TERM);
    let serving = home.serve(&["--ephemeral", "--touch", "auto", "--profile", "fido2.0"]);
    let device = format!("usbip:{}", serving.address());
    end_so(
        &home,
        &[
            (&["fault", "clear", "99"], 1),
            (&["fault", "add", "busy", "--key", "9-9"], 3),
            (&["fault", "list", "--key", "9-9"], 3),
            (&["touch", "--key", "9-9"], 3),
            (&["credentials", "export", "--key", "9-9", "-"], 3),
            (&["trace", "--live"], 1),
            (&["trace", file], 0),
            (&["replay", file, "--of", "9-9", "--device", &device], 2),
            (&["replay", file, "--device", "usbip:127.0.0.1:1"], 3),
            (&["replay", file, "--device", &device], 1),
        ],
    );
}
