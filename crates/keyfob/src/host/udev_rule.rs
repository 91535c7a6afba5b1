//! The udev rule that lets more than root use keys, and browsers that are snaps see them.

/// What the file holds. snapd's own rules read the tags, so its name must sort before `70-snap.`.
pub(super) const TEXT: &str = r#"# Security keys for whoever sits at the screen, for members of the group plugdev, and for browsers that are snaps.
ACTION=="remove", GOTO="keyfob_end"
SUBSYSTEM!="hidraw", GOTO="keyfob_end"
ENV{ID_SECURITY_TOKEN}=="1", GOTO="keyfob_found"
# Where systemd's fido_id does not recognise keys: keyfob's.
ATTRS{idVendor}=="1209", ATTRS{idProduct}=="0005", GOTO="keyfob_found"
GOTO="keyfob_end"
LABEL="keyfob_found"
MODE="0660", GROUP="plugdev", TAG+="uaccess"
TAG+="snap_firefox_firefox", TAG+="snap_firefox_geckodriver"
TAG+="snap_chromium_chromium", TAG+="snap_chromium_chromedriver"
TAG+="snap_brave_brave", TAG+="snap_opera_opera"
LABEL="keyfob_end"
"#;

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
        let numbers = format!(
            "ATTRS{{idVendor}}==\"{:04x}\", ATTRS{{idProduct}}==\"{:04x}\"",
            ids.vendor, ids.product
        );
        assert!(TEXT.contains(&numbers), "{numbers}");
    }

    /// A line that udev does not understand it leaves out: nobody would notice.
    #[test]
    fn every_line_is_made_of_what_udev_knows() {
        let labels = |word: &str| {
            let begin = format!("{word}=\"");
            let parts = TEXT.split(begin.as_str()).skip(1);
            parts.map(|rest| rest.split('"').next().unwrap()).collect::<Vec<_>>()
        };
        assert!(labels("GOTO").iter().all(|label| labels("LABEL").contains(label)));
        for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
            for part in line.split(", ") {
                let known = ["ACTION==", "SUBSYSTEM!=", "ENV{ID_SECURITY_TOKEN}==", "ATTRS{"];
                let known = known.iter().chain(&["MODE=", "GROUP=", "TAG+=", "GOTO=", "LABEL="]);
                assert!(known.clone().any(|begin| part.starts_with(begin)), "{part}");
                assert!(part.ends_with('"'), "{part}");
            }
        }
    }

    #[test]
    fn the_documents_show_how_to_install_it() {
        assert!(
            tree::read("docs/troubleshooting.md").contains("keyfob doctor --udev-rule | sudo tee")
        );
    }
}
