//! Which drivers this was tried with. Another one may do as well: it is told, and used.

use std::cell::Cell;
use std::fmt::Display;

use super::driver::Make;
use crate::say::warn;

/// Tells of a version that is not known, once.
#[derive(Default)]
pub(super) struct Versions {
    has_told: Cell<bool>,
}

impl Versions {
    /// Warns if this was never tried with the driver of this name. `version`: what it says that it is.
    pub(super) fn judge(&self, driver: &impl Display, make: Make, version: Option<&str>) {
        let tried = Tried::with(make);
        if let Some(doubt) = tried.doubt(version)
            && !self.has_told.replace(true)
        {
            warn(format_args!("{driver} {doubt}\nnext: {}", tried.next));
        }
    }
}

/// The versions of one driver, by the number that changes with what it does.
struct Tried {
    /// How many numbers stand before that one.
    behind: usize,
    oldest: u32,
    newest: u32,
    next: &'static str,
}

impl Tried {
    const fn with(make: Make) -> Self {
        match make {
            Make::Chromedriver => Self {
                behind: 0,
                oldest: 156,
                newest: 156,
                next: "you can go on; if a dialog of Chromium stays open, or a test does not get what docs/webdriver.md says, use version 156",
            },
            Make::Geckodriver => Self {
                behind: 1,
                oldest: 36,
                newest: 37,
                next: "you can go on; if a test does not get what docs/webdriver.md says, use version 0.37",
            },
        }
    }

    /// What is doubtful about this version; `None`: nothing.
    fn doubt(&self, version: Option<&str>) -> Option<String> {
        let Some(version) = version else {
            return Some("does not say which version it is".to_owned());
        };
        let number = version.split('.').nth(self.behind);
        match number.and_then(|number| number.parse::<u32>().ok()) {
            Some(number) if number < self.oldest => {
                Some(format!("is {}, older than what keyfob was tried with", short(version)))
            }
            Some(number) if number <= self.newest => None,
            Some(_) => {
                Some(format!("is {}, newer than what keyfob was tried with", short(version)))
            }
            None => Some(format!("is {}, a version that keyfob does not know", short(version))),
        }
    }
}

/// `156.0.8078.108`, without the commit behind it, and no longer than a line has room for.
fn short(version: &str) -> String {
    let first = version.split_whitespace().next().unwrap_or_default();
    first.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// Characters that are shown of a version.
const LONGEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_this_was_not_tried_with_is_told_and_others_are_not() {
        let doubt = |make, version: Option<&str>| Tried::with(make).doubt(version);
        let chromium = |version| doubt(Make::Chromedriver, Some(version)).unwrap_or_default();
        assert_eq!(chromium("156.0.8078.108 (5e55-refs/heads/main@{#1})"), "");
        assert_eq!(chromium("171.0.1 (5e55)"), "is 171.0.1, newer than what keyfob was tried with");
        assert!(chromium("150.0.7871.0").contains("older"));
        assert!(chromium("next").contains("does not know") && chromium("").contains("not know"));
        let gecko = |version| doubt(Make::Geckodriver, Some(version));
        assert!(gecko("0.37.1").is_none() && gecko("0.36.0").is_none());
        assert!(gecko("0.38.0").is_some() && gecko("0.35.0").is_some() && gecko("1").is_some());
        assert!(doubt(Make::Geckodriver, None).unwrap().contains("does not say"));
    }
}
