//! A key as a service, and its prompts on a desktop: the systemd units of the packages, for a keyfob that came without one.

use std::path::Path;

use clap::ValueEnum;

use super::bridge_service::in_unit;

/// For whom the key is plugged in, or what it asks shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Whose {
    /// For the machine, from its start on; as root
    System,
    /// For this user, while they are logged in
    User,
    /// What this user's key asks, as notifications of their desktop (docs/desktop.md)
    Desktop,
}

impl Whose {
    /// The unit of a keyfob that is in this place.
    pub(super) fn unit(self, program: &Path) -> String {
        let packaged = match self {
            Self::System => include_str!("../../packaging/keyfob.service"),
            Self::User => include_str!("../../packaging/user/keyfob.service"),
            Self::Desktop => include_str!("../../packaging/user/keyfob-notify.service"),
        };
        packaged.replace(PACKAGED, &in_unit(program))
    }
}

/// Where packages have it.
const PACKAGED: &str = "/usr/bin/keyfob";

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::{env, fs};

    use keyfob_tests::tree;

    use super::super::bridge_service::tests::said;
    use super::*;

    const ALL: [(Whose, &str); 3] =
        [(Whose::System, "attach "), (Whose::User, "attach "), (Whose::Desktop, "notify\n")];

    #[test]
    fn the_program_is_the_one_that_wrote_the_unit() {
        for (whose, command) in ALL {
            let unit = whose.unit(Path::new("/opt/50%/keyfob"));
            let line = format!("\nExecStart=\"/opt/50%%/keyfob\" {command}");
            assert!(unit.contains(&line), "{unit}");
            assert!(!unit.contains(PACKAGED), "{unit}");
        }
    }

    #[test]
    fn systemd_finds_nothing_wrong_with_the_units() {
        for (whose, _) in ALL {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("keyfob.service");
            fs::write(&file, whose.unit(&env::current_exe().unwrap())).unwrap();
            let manager = if whose == Whose::System { "--system" } else { "--user" };
            let mut analysis = Command::new("systemd-analyze");
            // Without a runtime directory there is no manager of a user that could judge.
            analysis.env("XDG_RUNTIME_DIR", folder.path());
            analysis.args(["verify", "--man=no", manager]).arg(&file);
            if let Some((is_good, told)) = said(&mut analysis) {
                assert!(is_good && !told.contains("keyfob.service:"), "{told}");
            }
        }
    }

    /// Below 2.0 systemd calls it OK; a whole number is a share of what a service could be let do.
    #[test]
    fn systemd_finds_the_service_of_the_machine_well_locked_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keyfob.service");
        fs::write(&file, Whose::System.unit(&env::current_exe().unwrap())).unwrap();
        let mut analysis = Command::new("systemd-analyze");
        analysis.args(["security", "--offline=yes", "--threshold=20"]).arg(&file);
        if let Some((is_good, told)) = said(&mut analysis) {
            assert!(is_good, "{told}");
        }
    }

    #[test]
    fn the_documents_show_how_to_install_them() {
        for (page, command) in [
            ("service", "system | sudo tee /etc/systemd/system/keyfob.service\n"),
            ("service", "user > ~/.config/systemd/user/keyfob.service\n"),
            ("desktop", "desktop > ~/.config/systemd/user/keyfob-notify.service\n"),
        ] {
            let command = format!("keyfob doctor --key-unit {command}");
            assert!(tree::read(&format!("docs/{page}.md")).contains(&command), "{command}");
        }
    }
}
