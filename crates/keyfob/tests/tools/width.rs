//! What is long goes on below itself where a terminal's line ends. Programs get it whole.

use crate::pty::Pty;
use crate::support::Key;

const COLUMNS: u16 = 72;

/// What a command prints on a terminal, line by line.
fn on_a_terminal(key: &Key, arguments: &[&str]) -> Vec<String> {
    let mut command = key.command(arguments);
    let shown = Pty::of(COLUMNS).shown_by(command.env("NO_COLOR", "1"));
    shown.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// Whether there is a line that ends beyond the terminal's edge.
fn too_long(line: &&String) -> bool {
    line.chars().count() > COLUMNS.into()
}

#[test]
fn a_list_of_cases_fits_a_terminal_and_a_program_gets_a_line_for_each() {
    let key = Key::obliging();
    let list = ["conform", "--list", "--filter", "ctaphid"];
    let shown = on_a_terminal(&key, &list);
    assert_eq!(shown.iter().find(too_long), None);
    let piped = key.run(&list).out;
    assert!(piped.lines().any(|line| line.len() > COLUMNS.into()));
    assert!(shown.len() > piped.lines().count());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&shown.join(" ")), words(&piped), "nothing is left out");
}

#[test]
fn the_doctor_fits_a_terminal_but_for_commands_which_are_copied_whole() {
    let key = Key::obliging();
    let shown = on_a_terminal(&key, &["doctor"]);
    let is_command = |line: &str| {
        let next = line.trim_start().trim_start_matches("next: ");
        ["sudo ", "keyfob ", "flatpak "].iter().any(|program| next.starts_with(program))
            || line.matches('`').count() >= 2
    };
    let wide = shown.iter().filter(too_long).find(|line| !is_command(line));
    assert_eq!(wide, None);
    assert!(shown.iter().any(|line| line.starts_with("good     serve")), "{shown:?}");
}

#[test]
fn the_status_of_a_key_fits_a_terminal() {
    let key = Key::serve(&["--touch", "ask"]);
    let shown = on_a_terminal(&key, &["status"]);
    assert_eq!(shown.iter().find(too_long), None);
    assert!(shown[0].starts_with("KEY") && shown.iter().any(|line| line.starts_with("1-1")));
}
