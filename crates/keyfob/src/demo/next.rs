//! The next steps after the demonstration: commands that can be typed as they stand, on this machine and by this user.

use std::env;
use std::path::Path;

use rustix::process::geteuid;
use usbip_server::vhci::{PLATFORM, Vhci};

use super::stage::Way;

/// A command to a line, and what it is for.
pub(super) fn commands(way: Way) -> String {
    let program = Program::this();
    let attach = match way {
        Way::Kernel => Some(program.typed.clone()),
        Way::Usbip if is_attached_by_root_only() => Some(format!("sudo {}", program.path)),
        Way::Usbip => None,
    };
    told(&program.typed, attach.as_deref())
}

/// `attach`: how this program is started to attach a key, if one can be attached here.
fn told(program: &str, attach: Option<&str>) -> String {
    let attach = attach.map(|program| {
        [
            format!("{program} attach"),
            "plugs one into this machine; browsers see a USB security key".to_owned(),
        ]
    });
    let others = [
        [format!("{program} serve"), "offers one over USB/IP, and says how to use it".to_owned()],
        [
            format!("{program} doctor"),
            "says what this machine lacks to have one plugged in".to_owned(),
        ],
    ];
    let rows: Vec<_> = attach.into_iter().chain(others).collect();
    let width = rows.iter().map(|[command, _]| command.chars().count()).max().unwrap_or_default();
    let line = |[command, purpose]: &[String; 2]| format!("  {command:width$}  # {purpose}\n");
    format!("A key of your own:\n{}", rows.iter().map(line).collect::<String>())
}

/// The controller is loaded, and this user may not use it.
fn is_attached_by_root_only() -> bool {
    !geteuid().is_root() && Vhci::open(Path::new(PLATFORM)).is_ok()
}

/// This program, as a shell finds it.
struct Program {
    /// As it was typed.
    typed: String,
    /// For `sudo`, which does not look where the shell looks.
    path: String,
}

impl Program {
    fn this() -> Self {
        let typed = env::args_os().next().unwrap_or_else(|| "keyfob".into());
        let typed = typed.to_string_lossy().into_owned();
        let path = match typed.contains('/') {
            true => typed.clone(),
            false => env::current_exe().map_or(typed.clone(), |path| path.display().to_string()),
        };
        Self { typed: quoted(&typed), path: quoted(&path) }
    }
}

/// A word of the shell's.
fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+".contains(character);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_in_a_column_and_attaching_is_named_where_it_works() {
        let text = told("target/release/keyfob", Some("sudo target/release/keyfob"));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("  sudo target/release/keyfob attach  # plugs"), "{text}");
        assert!(lines[2].starts_with("  target/release/keyfob serve        # offers"), "{text}");
        assert!(!told("keyfob", None).contains("attach"));
    }

    #[test]
    fn a_path_with_spaces_is_one_word() {
        assert_eq!(quoted("target/release/keyfob"), "target/release/keyfob");
        assert_eq!(quoted("/home/ada's own/keyfob"), r"'/home/ada'\''s own/keyfob'");
    }
}
