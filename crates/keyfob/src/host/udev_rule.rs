//! The udev rule that lets more than root use keys, and browsers that are snaps see them; and the one that lets more than root make
//! them.

/// What the file holds. snapd's own rules read the tags, so its name must sort before `70-snap.`.
const KEYS: &str = r#"# Security keys for whoever sits at the screen, for members of the group plugdev, and for browsers that are snaps.
ACTION=="remove", GOTO="keyfob_end"
SUBSYSTEM!="hidraw", GOTO="keyfob_end"
ENV{ID_SECURITY_TOKEN}=="1", GOTO="keyfob_found"
# Where systemd's fido_id does not recognise keys: keyfob's, on the USB bus or through uhid.
KERNELS=="0003:1209:0005.*", GOTO="keyfob_found"
GOTO="keyfob_end"
LABEL="keyfob_found"
MODE="0660", GROUP="plugdev", TAG+="uaccess"
TAG+="snap_firefox_firefox", TAG+="snap_firefox_geckodriver"
TAG+="snap_chromium_chromium", TAG+="snap_chromium_chromedriver"
TAG+="snap_brave_brave", TAG+="snap_opera_opera"
LABEL="keyfob_end"
"#;

/// What follows in it where `keyfob attach --uhid` is to need no root.
const UHID: &str = r#"
# Who may make keys with `keyfob attach --uhid`. Whoever may open this file can make keyboards, too, and type on them.
KERNEL=="uhid", SUBSYSTEM=="misc", MODE="0660", GROUP="plugdev", TAG+="uaccess", OPTIONS+="static_node=uhid"
"#;

/// The whole file; with the right to make keys, or without.
pub(super) fn text(with_uhid: bool) -> String {
    let uhid = if with_uhid { UHID } else { "" };
    format!("{KEYS}{uhid}")
}

/// Whether a rule gives that right.
pub(super) fn opens_uhid(rule: &str) -> bool {
    rule.lines().any(|line| line.starts_with("KERNEL==\"uhid\""))
}

/// Where it belongs.
pub(super) const PLACE: &str = "/etc/udev/rules.d/70-keyfob.rules";

/// How it gets there.
pub(super) const INSTALL: &str = "keyfob doctor --udev-rule | sudo tee /etc/udev/rules.d/70-keyfob.rules; \
    sudo udevadm control --reload; then plug the key in again";

/// The tag of a snap, if it is a browser of which the rule knows.
pub(super) fn has_tag_of(rule: &str, snap: &str) -> bool {
    rule.contains(&format!("snap_{snap}_{snap}\""))
}

#[cfg(test)]
mod tests {
    use keyfob_tests::tree;

    use super::*;
    use virtual_key::profile::Profile;

    #[test]
    fn its_file_is_read_before_the_rules_that_read_its_tags() {
        assert!(PLACE.rsplit('/').next().unwrap() < "70-snap.firefox.rules");
        assert!(INSTALL.contains(PLACE));
    }

    #[test]
    fn it_knows_keyfobs_own_keys_by_their_numbers() {
        let ids = Profile::load("default").unwrap().usb_ids();
        let numbers = format!("KERNELS==\"0003:{:04X}:{:04X}.*\"", ids.vendor, ids.product);
        assert!(KEYS.contains(&numbers), "{numbers}");
    }

    /// A line that udev does not understand it leaves out: nobody would notice.
    #[test]
    fn every_line_is_made_of_what_udev_knows() {
        let text = text(true);
        let labels = |word: &str| {
            let begin = format!("{word}=\"");
            let parts = text.split(begin.as_str()).skip(1);
            parts.map(|rest| rest.split('"').next().unwrap()).collect::<Vec<_>>()
        };
        assert!(labels("GOTO").iter().all(|label| labels("LABEL").contains(label)));
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            for part in line.split(", ") {
                let known = ["ACTION==", "SUBSYSTEM!=", "SUBSYSTEM==", "KERNEL==", "KERNELS=="];
                let known = known.iter().chain(&["ENV{ID_SECURITY_TOKEN}==", "OPTIONS+="]);
                let known = known.chain(&["MODE=", "GROUP=", "TAG+=", "GOTO=", "LABEL="]);
                assert!(known.clone().any(|begin| part.starts_with(begin)), "{part}");
                assert!(part.ends_with('"'), "{part}");
            }
        }
    }

    #[test]
    fn the_right_to_make_keys_is_given_to_who_asks_for_it_only() {
        assert!(opens_uhid(&text(true)) && !opens_uhid(&text(false)));
    }

    #[test]
    fn the_documents_show_how_to_install_it() {
        let page = tree::read("docs/troubleshooting.md");
        assert!(page.contains("keyfob doctor --udev-rule | sudo tee"));
        assert!(page.contains("keyfob doctor --udev-rule --uhid | sudo tee"));
    }
}
