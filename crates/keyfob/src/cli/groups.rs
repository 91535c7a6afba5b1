//! The commands in the help of `keyfob` itself, by what people want. clap lists them all under one heading.

use std::fmt::Write as _;

use clap::Command;

/// What people want, and the commands for it, in the order of their use.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Plug in a virtual key", &["attach", "serve", "card", "bridge", "webdriver"]),
    (
        "Steer a running key",
        &["touch", "deny", "notify", "tap", "wait", "status", "policy", "fault", "replug"],
    ),
    (
        "Look after any FIDO key",
        &[
            "list",
            "info",
            "pin",
            "credentials",
            "fingerprints",
            "blobs",
            "config",
            "reset",
            "select",
            "wink",
        ],
    ),
    (
        "Test and measure",
        &["conform", "trace", "replay", "webauthn", "bench", "demo", "models", "metadata"],
    ),
    ("This machine", &["doctor", "state", "completions", "man", "help"]),
];

/// `command` with its subcommands in groups.
pub(super) fn grouped(command: Command) -> Command {
    let list = list(&command);
    command.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{list}\nOptions:\n{{options}}{{after-help}}"
    ))
}

fn list(command: &Command) -> String {
    let mut text = String::new();
    for (wish, names) in GROUPS {
        let _ = writeln!(text, "\n{wish}:");
        // Not every system has all of them.
        let there = names.iter().filter_map(|name| Some((name, about(command, name)?)));
        for (name, about) in there {
            let _ = writeln!(text, "  {name:WIDTH$}  {about}");
        }
    }
    text
}

/// clap makes `help` when it reads a command line, and not before.
fn about(command: &Command, name: &str) -> Option<String> {
    match name {
        "help" => Some("Print this, or the help of the given command".to_owned()),
        name => command.find_subcommand(name)?.get_about().map(ToString::to_string),
    }
}

/// Columns of the longest name.
const WIDTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use crate::cli::Cli;

    #[test]
    fn every_command_is_in_one_group() {
        let all: BTreeSet<_> =
            Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter()).copied().collect();
        let once: BTreeSet<_> =
            grouped.iter().filter(|name| **name != "help").map(|name| (*name).to_owned()).collect();
        assert_eq!(once, all, "a command without a group, or a group of a command that is gone");
        assert_eq!(once.len() + 1, grouped.len(), "a command in two groups");
    }

    #[test]
    fn a_terminal_of_80_columns_shows_each_command_on_one_line() {
        let command = Cli::whole();
        for line in list(&command).lines() {
            assert!(line.chars().count() <= 80, "write less in the first line of: {line}");
        }
        let help = grouped(command).render_help().to_string();
        assert!(help.contains("\nSteer a running key:\n  touch "), "{help}");
    }
}
