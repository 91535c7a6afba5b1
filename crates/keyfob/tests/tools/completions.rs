//! `keyfob completions`, read by a real shell.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::support::{Key, run};

/// What bash completes after the words `typed`, the last of which is not finished.
fn completed_by_bash(typed: &[&str]) -> Vec<String> {
    completed(Command::new("bash"), typed)
}

fn completed(mut bash: Command, typed: &[&str]) -> Vec<String> {
    let script = run(&["completions", "bash"]).out;
    let last = typed.len() - 1;
    let complete = format!(
        "{script}\nCOMP_WORDS=({words}); COMP_CWORD={last}; _clap_complete_keyfob keyfob \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{before}]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words = typed.join(" "),
        before = last - 1,
    );
    let program = Path::new(env!("CARGO_BIN_EXE_keyfob")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
    let output = bash.args(["--norc", "-c", &complete]).env("PATH", path).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(completed_by_bash(&["keyfob", "cred"]), ["credentials"]);
    assert_eq!(completed_by_bash(&["keyfob", "serve", "--eph"]), ["--ephemeral"]);
    assert_eq!(completed_by_bash(&["keyfob", "serve", "--touch", "a"]), ["ask", "auto"]);
    assert_eq!(completed_by_bash(&["keyfob", "pin", "ch"]), ["change"]);
}

#[test]
fn bash_completes_profiles_files_and_cases() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("fido-mine.toml"), "").unwrap();
    let mut bash = Command::new("bash");
    bash.current_dir(&directory);
    let profiles = completed(bash, &["keyfob", "serve", "--profile", "fido"]);
    assert_eq!(profiles, ["fido2.1", "fido2.0", "fido-mine.toml"]);
    let cases = completed_by_bash(&["keyfob", "conform", "--explain", "mc-rp-m"]);
    assert!(cases.iter().any(|case| case == "mc-rp-missing"), "{cases:?}");
}

#[test]
fn bash_completes_the_keys_that_run_now() {
    let key = Key::obliging();
    let mut bash = Command::new("bash");
    bash.env("XDG_RUNTIME_DIR", key.home()).env_remove("KEYFOB_CONTROL");
    let devices = completed(bash, &["keyfob", "info", "--device", "u"]);
    assert_eq!(devices, [format!("usbip:{}/1-1", key.server)]);
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(&["completions", shell]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.contains("KEYFOB_COMPLETE"), "{shell}");
    }
}
