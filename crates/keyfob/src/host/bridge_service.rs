//! `keyfob bridge` as a service of this machine that is not root: a systemd unit, and the rule by which pcscd serves it. The right to open
//! /dev/uhid comes from the udev rule, by the group plugdev.

use std::path::Path;

/// The polkit rule. Debian's pcscd asks polkit from release 13 on, and that lets in who sits at the screen, where no service does.
pub(super) const POLKIT_RULE: &str = r#"// pcscd serves `keyfob bridge` as a service, too. Programs of other users may be added by their names.
polkit.addRule(function(action, subject) {
    var ofPcscd = action.id == "org.debian.pcsc-lite.access_pcsc" || action.id == "org.debian.pcsc-lite.access_card";
    if (ofPcscd && subject.user == "keyfob-bridge") {
        return polkit.Result.YES;
    }
});
"#;

/// How it gets to where it belongs.
pub(super) const INSTALL_RULE: &str =
    "keyfob doctor --polkit-rule | sudo tee /etc/polkit-1/rules.d/70-keyfob.rules";

/// The unit of a keyfob that is in this place. It may open /dev/uhid and pcscd's socket, and has no use for anything else.
pub(super) fn unit(program: &Path) -> String {
    // systemd has a meaning of its own for this sign.
    let program = program.display().to_string().replace('%', "%%");
    UNIT.replace("PROGRAM", &program)
}

const UNIT: &str = r#"[Unit]
Description=A key on an NFC or smart card reader, for programs that want USB
Wants=pcscd.socket
After=pcscd.socket

[Service]
ExecStart="PROGRAM" bridge --uhid
User=keyfob-bridge
SupplementaryGroups=plugdev
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2
CapabilityBoundingSet=
DeviceAllow=/dev/uhid rw
DevicePolicy=closed
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateNetwork=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"#;

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::{env, fs};

    use keyfob_tests::tree;

    use super::*;

    /// What a program says, if it is installed here.
    fn said(command: &mut Command) -> Option<(bool, String)> {
        let ended = command.output().ok()?;
        let said = [ended.stdout, ended.stderr].concat();
        Some((ended.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// The rule, with what polkit gives it, and what it says to four subjects.
    const ASK: &str = r#"
function asked(id, user) { return rule({ id: "org.debian.pcsc-lite." + id }, { user: user }); }
console.log(asked("access_pcsc", "keyfob-bridge"), asked("access_card", "keyfob-bridge"),
    asked("access_card", "ada"), asked("other", "keyfob-bridge"));
"#;

    #[test]
    fn polkits_rule_lets_the_service_in_and_leaves_the_others_to_other_rules() {
        let polkit = "var rule, polkit = { Result: { YES: \"yes\" }, addRule: function (it) { rule = it; } };";
        let script = format!("{polkit}\n{POLKIT_RULE}\n{ASK}");
        if let Some((_, told)) = said(Command::new("node").args(["-e", &script])) {
            assert_eq!(told, "yes yes undefined undefined\n");
        }
    }

    #[test]
    fn systemd_finds_nothing_wrong_with_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keyfob-bridge.service");
        fs::write(&file, unit(&env::current_exe().unwrap())).unwrap();
        if let Some((is_good, told)) =
            said(Command::new("systemd-analyze").arg("verify").arg(&file))
        {
            assert!(is_good, "{told}");
            assert!(!told.contains("keyfob-bridge.service:"), "{told}");
        }
    }

    #[test]
    fn the_program_is_the_one_that_wrote_the_unit() {
        let unit = unit(Path::new("/opt/50%/keyfob"));
        assert!(unit.contains("\nExecStart=\"/opt/50%%/keyfob\" bridge --uhid\n"), "{unit}");
    }

    #[test]
    fn the_document_shows_how_to_install_both() {
        let page = tree::read("docs/bridge.md");
        assert!(page.contains(&format!("{INSTALL_RULE}\n")));
        assert!(page.contains(
            "keyfob doctor --bridge-unit | sudo tee /etc/systemd/system/keyfob-bridge.service\n"
        ));
    }
}
