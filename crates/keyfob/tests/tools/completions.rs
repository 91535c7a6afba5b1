//! `keyfob completions`, read by a real shell.

use std::process::Command;

use crate::support::run;

/// What bash completes after the words `typed`, the last of which is not finished.
fn completed_by_bash(typed: &[&str]) -> Vec<String> {
    let script = run(&["completions", "bash"]).out;
    let last = typed.len() - 1;
    let complete = format!(
        "{script}\nCOMP_WORDS=({words}); COMP_CWORD={last}; _keyfob keyfob \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{before}]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words = typed.join(" "),
        before = last - 1,
    );
    let output = Command::new("bash").args(["--norc", "-c", &complete]).output().unwrap();
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
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(&["completions", shell]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.contains("yes-erase-this-key"), "{shell}");
    }
}
