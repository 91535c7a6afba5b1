//! `keyfob bridge` as a service of this machine that is not root: a systemd unit, and the rule by which pcscd serves it. The right to open
//! /dev/uhid comes from the udev rule, by the group plugdev.

use std::path::Path;

use super::finding::Finding;
use super::machine::Machine;
use super::udev_rule;

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
    UNIT.replace("PROGRAM", &in_unit(program))
}

/// A path as it stands in a unit: systemd has a meaning of its own for one sign.
pub(super) fn in_unit(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// What the service lacks, where its unit is installed; nothing where it is not.
pub(super) fn findings(host: &Machine) -> Vec<Finding> {
    if !host.has(UNIT_PLACE) {
        return Vec::new();
    }
    let lacks = [
        has_no_user(host),
        may_not_make_devices(host),
        is_refused_by_polkit(host),
        is_unknown_to_polkit(host),
    ];
    let mut findings: Vec<_> = lacks.into_iter().flatten().collect();
    if findings.is_empty() {
        findings.push(Finding::good(
            TOPIC,
            "has all that it needs; `systemctl status keyfob-bridge` shows whether it runs",
        ));
    }
    findings
}

fn has_no_user(host: &Machine) -> Option<Finding> {
    let is_there = host.read("/etc/passwd").lines().any(|line| line.starts_with("keyfob-bridge:"));
    let lack = || Finding::note(TOPIC, "its user, keyfob-bridge, does not exist").next(ADD_USER);
    (!is_there).then(lack)
}

fn may_not_make_devices(host: &Machine) -> Option<Finding> {
    let lack = |what| Finding::note(TOPIC, what);
    match (udev_rule::opens_uhid(&host.read(udev_rule::PLACE)), host.has("/dev/uhid")) {
        (false, _) => Some(lack("no udev rule lets it open /dev/uhid").next(INSTALL_UDEV_RULE)),
        (true, false) => Some(
            lack("there is no /dev/uhid for it")
                .next("sudo modprobe uhid; sudo udevadm trigger --name-match=uhid"),
        ),
        (true, true) => None,
    }
}

/// pcscd asks polkit where it has told it of its actions.
fn asks_polkit(host: &Machine) -> bool {
    host.has("/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy")
}

fn is_refused_by_polkit(host: &Machine) -> Option<Finding> {
    let lack = || Finding::note(TOPIC, "pcscd asks polkit, and no polkit rule allows the service");
    (asks_polkit(host) && !host.has(RULE_PLACE)).then(|| lack().next(INSTALL_RULE))
}

/// Users of a namespace of its own are nobody's that polkit knows.
fn is_unknown_to_polkit(host: &Machine) -> Option<Finding> {
    let line = |text: String| text.lines().any(|line| line.trim() == "PrivateUsers=identity");
    let is_apart = ["/usr/lib/systemd/system/pcscd.service", "/etc/systemd/system/pcscd.service"]
        .iter()
        .any(|unit| line(host.read(unit)));
    let is_undone = host.names(DROP_INS).iter().any(|name| {
        host.read(&format!("{DROP_INS}/{name}"))
            .lines()
            .any(|line| line.trim() == "PrivateUsers=no")
    });
    let lack = || {
        Finding::note(
            TOPIC,
            "PrivateUsers= in pcscd's unit keeps polkit from knowing which user asks",
        )
    };
    (asks_polkit(host) && is_apart && !is_undone).then(|| lack().next(TELL_POLKIT))
}

const TOPIC: &str = "bridge service";
const UNIT_PLACE: &str = "/etc/systemd/system/keyfob-bridge.service";
const RULE_PLACE: &str = "/etc/polkit-1/rules.d/70-keyfob.rules";
const DROP_INS: &str = "/etc/systemd/system/pcscd.service.d";
const ADD_USER: &str = "sudo adduser --system --ingroup plugdev keyfob-bridge";
const INSTALL_UDEV_RULE: &str =
    "keyfob doctor --udev-rule --uhid | sudo tee /etc/udev/rules.d/70-keyfob.rules";
const TELL_POLKIT: &str = "sudo mkdir -p /etc/systemd/system/pcscd.service.d && printf '[Service]\\nPrivateUsers=no\\n' | sudo tee \
    /etc/systemd/system/pcscd.service.d/keyfob.conf && sudo systemctl daemon-reload && sudo systemctl stop pcscd.socket pcscd.service && \
    sudo systemctl start pcscd.socket";

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
pub(super) mod tests {
    use std::process::Command;
    use std::{env, fs};

    use keyfob_tests::tree;

    use super::*;

    /// What a program says, if it is installed here.
    pub(in crate::host) fn said(command: &mut Command) -> Option<(bool, String)> {
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

    const UNIT_FILE: (&str, &str) = (UNIT_PLACE, "");

    fn next_steps(files: &[(&str, &str)]) -> Vec<Option<String>> {
        findings(&Machine::of(files).1).into_iter().map(|found| found.next).collect()
    }

    #[test]
    fn the_service_is_judged_where_its_unit_is_and_each_lack_has_its_next_step() {
        assert!(next_steps(&[]).is_empty());
        assert_eq!(
            next_steps(&[UNIT_FILE]),
            [ADD_USER, INSTALL_UDEV_RULE].map(|next| Some(next.to_owned()))
        );
        let rule = udev_rule::text(true);
        let ready = [
            UNIT_FILE,
            ("/etc/passwd", "root:x:0:0::/root:/bin/sh\nkeyfob-bridge:x:101:46::/:/bin/false\n"),
            (udev_rule::PLACE, &rule),
            ("/dev/uhid", ""),
        ];
        assert_eq!(next_steps(&ready), [None]);
        assert!(next_steps(&ready[..3])[0].as_ref().unwrap().starts_with("sudo modprobe uhid"));
    }

    #[test]
    fn polkit_is_told_who_may_ask_and_must_see_who_asks() {
        let actions = ("/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy", "");
        let apart = ("/usr/lib/systemd/system/pcscd.service", "[Service]\nPrivateUsers=identity\n");
        let (rule, undone) = ((RULE_PLACE, ""), "[Service]\nPrivateUsers=no\n");
        let undone = ("/etc/systemd/system/pcscd.service.d/keyfob.conf", undone);
        let lacks = |files: &[(&str, &str)]| {
            let (_root, host) = Machine::of(files);
            [is_refused_by_polkit(&host).is_some(), is_unknown_to_polkit(&host).is_some()]
        };
        assert_eq!(lacks(&[apart]), [false, false], "pcscd does not ask");
        assert_eq!(lacks(&[actions, apart]), [true, true]);
        assert_eq!(lacks(&[actions, apart, rule]), [false, true]);
        assert_eq!(lacks(&[actions, apart, rule, undone]), [false, false]);
    }

    #[test]
    fn the_program_is_the_one_that_wrote_the_unit() {
        let unit = unit(Path::new("/opt/50%/keyfob"));
        assert!(unit.contains("\nExecStart=\"/opt/50%%/keyfob\" bridge --uhid\n"), "{unit}");
    }

    #[test]
    fn the_document_shows_how_to_install_both() {
        let page = tree::read("docs/bridge.md");
        for step in [INSTALL_RULE, INSTALL_UDEV_RULE, ADD_USER] {
            assert!(page.contains(&format!("{step}\n")), "{step}");
        }
        assert!(page.contains(
            "keyfob doctor --bridge-unit | sudo tee /etc/systemd/system/keyfob-bridge.service\n"
        ));
    }
}
