//! libccid, the driver by which pcscd has readers on USB: it takes those whose ids its Info.plist lists, whatever their class says.

use virtual_key::profile::{Profile, UsbIds};

use super::finding::Finding;
use super::machine::Machine;

/// Whether the driver takes the readers of most keys of keyfob's.
pub(super) fn usual(host: &Machine) -> Option<Finding> {
    finding(host, Profile::load("default").ok()?.usb_ids())
}

/// Whether the driver takes readers with these ids; nothing where it is not installed.
pub(super) fn finding(host: &Machine, ids: UsbIds) -> Option<Finding> {
    let place = PLACES.into_iter().find(|place| host.has(place))?;
    let UsbIds { vendor, product } = ids;
    Some(match is_listed(&host.read(place), ids) {
        true => {
            Finding::good(TOPIC, format!("{place} lists {vendor:04x}:{product:04x}, keyfob's readers"))
        }
        false => Finding::note(
            TOPIC,
            format!(
                "{place} does not list {vendor:04x}:{product:04x}: pcscd does not use keyfob's readers (--nfc)"
            ),
        )
        .next(edit(place, ids)),
    })
}

/// The three lists belong together, line by line: each gets its first line.
fn edit(place: &str, ids: UsbIds) -> String {
    let values =
        [format!("0x{:04X}", ids.vendor), format!("0x{:04X}", ids.product), "keyfob".to_owned()];
    let insert = |(list, value): (&str, String)| {
        format!(" -e '/>{list}</,/<array>/ s|<array>|&\\n<string>{value}</string>|'")
    };
    let edits: String = LISTS.into_iter().zip(values).map(insert).collect();
    format!("sudo sed -i{edits} {place} && sudo systemctl try-restart pcscd")
}

fn is_listed(text: &str, ids: UsbIds) -> bool {
    let [vendors, products, _] = LISTS.map(|list| numbers(text, list));
    vendors.into_iter().zip(products).any(|pair| pair == (Some(ids.vendor), Some(ids.product)))
}

/// The strings of a list, as far as they are numbers.
fn numbers(text: &str, list: &str) -> Vec<Option<u16>> {
    let behind = text.split_once(&format!("<key>{list}</key>")).map(|(_, behind)| behind);
    let array = behind.and_then(|behind| behind.split_once("</array>")).map(|(array, _)| array);
    let strings = array.unwrap_or_default().split("<string>").skip(1);
    strings.map(number).collect()
}

/// `0x1209</string>` and what follows.
fn number(text: &str) -> Option<u16> {
    let digits = text.split('<').next()?.trim().to_lowercase();
    u16::from_str_radix(digits.strip_prefix("0x")?, 16).ok()
}

/// Where Debian and Ubuntu have it, and where the others.
const PLACES: [&str; 3] = [
    "/etc/libccid_Info.plist",
    "/usr/lib64/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
    "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
];

/// The lists of vendors, products and names.
const LISTS: [&str; 3] = ["ifdVendorID", "ifdProductID", "ifdFriendlyName"];

const TOPIC: &str = "libccid";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use keyfob_tests::tree;

    use super::super::finding::State;
    use super::*;

    const PLIST: &str = "\
<plist version=\"1.0\">
<dict>
\t<key>ifdVendorID</key>
\t<array>
\t\t<string>0x072F</string>
\t\t<string>0x1209</string>
\t</array>

\t<key>ifdProductID</key>
\t<array>
\t\t<string>0x0005</string>
\t\t<string>0x2702</string>
\t</array>

\t<key>ifdFriendlyName</key>
\t<array>
\t\t<string>Maker's Reader</string>
\t\t<string>Another One</string>
\t</array>
</dict>
</plist>
";

    #[test]
    fn nothing_is_said_where_the_driver_is_not_installed() {
        assert_eq!(usual(&Machine::of(&[]).1), None);
    }

    #[test]
    fn ids_are_listed_where_both_stand_in_one_line() {
        for place in PLACES {
            let (_root, host) = Machine::of(&[(place, PLIST)]);
            assert_eq!(usual(&host).map(|finding| finding.state), Some(State::Note), "{place}");
            let listed = PLIST.replace("0x2702", "0x0005");
            let (_root, host) = Machine::of(&[(place, &listed)]);
            assert_eq!(usual(&host).map(|finding| finding.state), Some(State::Good));
        }
    }

    /// What the next step says is typed here, but for what needs root.
    #[test]
    fn the_edit_that_it_offers_lists_the_ids_and_leaves_the_others() {
        let (_root, host) = Machine::of(&[(PLACES[0], PLIST)]);
        let next = usual(&host).and_then(|finding| finding.next).unwrap();
        let place = host.path(PLACES[0]);
        let edit = next.split(" && ").next().unwrap().replace("sudo ", "");
        let edit = edit.replace(PLACES[0], &place.display().to_string());
        assert!(Command::new("sh").args(["-c", &edit]).status().unwrap().success(), "{edit}");
        assert_eq!(usual(&host).map(|finding| finding.state), Some(State::Good));
        let edited = fs::read_to_string(place).unwrap();
        assert_eq!(edited.lines().count(), PLIST.lines().count() + 3);
        let ours = |line: &&str| !line.starts_with("<string>");
        assert!(edited.lines().filter(ours).eq(PLIST.lines()));
        assert!(edited.contains("<array>\n<string>keyfob</string>\n"));
    }

    #[test]
    fn the_document_tells_of_the_same_edit() {
        let ids = Profile::load("default").unwrap().usb_ids();
        assert!(tree::read("docs/nfc.md").contains(&edit(PLACES[0], ids)));
    }

    #[test]
    fn a_list_that_is_none_lists_nothing() {
        for text in ["", "<key>ifdVendorID</key>", "<key>ifdVendorID</key><array><string>0x1209"] {
            assert!(!is_listed(text, UsbIds { vendor: 0x1209, product: 5 }), "{text}");
        }
    }
}
