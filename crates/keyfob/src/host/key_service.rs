//! A key as a service: the systemd units of the packages, for a keyfob that came without one.

use std::path::Path;

use clap::ValueEnum;

use super::bridge_service::in_unit;

/// For whom the key is plugged in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Whose {
    /// For the machine, from its start on; as root
    System,
    /// For this user, while they are logged in
    User,
}

impl Whose {
    /// The unit of a keyfob that is in this place.
    pub(super) fn unit(self, program: &Path) -> String {
        let packaged = match self {
            Self::System => include_str!("../../packaging/keyfob.service"),
            Self::User => include_str!("../../packaging/user/keyfob.service"),
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

    const BOTH: [Whose; 2] = [Whose::System, Whose::User];

    #[test]
    fn the_program_is_the_one_that_wrote_the_unit() {
        for whose in BOTH {
            let unit = whose.unit(Path::new("/opt/50%/keyfob"));
            assert!(unit.contains("\nExecStart=\"/opt/50%%/keyfob\" attach "), "{unit}");
            assert!(!unit.contains(PACKAGED), "{unit}");
        }
    }

    #[test]
    fn systemd_finds_nothing_wrong_with_the_units() {
        for whose in BOTH {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("keyfob.service");
            fs::write(&file, whose.unit(&env::current_exe().unwrap())).unwrap();
            let manager = if whose == Whose::User { "--user" } else { "--system" };
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
    fn the_document_shows_how_to_install_both() {
        let page = tree::read("docs/service.md");
        for command in [
            "keyfob doctor --key-unit system | sudo tee /etc/systemd/system/keyfob.service\n",
            "keyfob doctor --key-unit user > ~/.config/systemd/user/keyfob.service\n",
        ] {
            assert!(page.contains(command), "{command}");
        }
    }
}
