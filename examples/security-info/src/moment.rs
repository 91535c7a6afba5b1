//! Moments as people and programs read them.

use std::fmt;

use crate::expiring::Seconds;

/// A moment; shown as `22 November 2026, 04:31 UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Seconds);

impl Moment {
    /// As HTML's `datetime` wants it: `2026-11-22T04:31Z`.
    pub(crate) fn iso(self) -> String {
        let ((year, month, day), (hour, minute)) = self.parts();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}Z")
    }

    fn parts(self) -> ((i64, usize, i64), (i64, i64)) {
        let (day, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        (date(day), (second / 3600, second % 3600 / 60))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute)) = self.parts();
        let month = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or_default();
        write!(f, "{day} {month} {year}, {hour:02}:{minute:02} UTC")
    }
}

/// Year, month and day of a day counted from 1970. Years are counted from March, so that the leap day comes last; 400 of
/// them have 146,097 days, and 153 days make five months.
fn date(day: i64) -> (i64, usize, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, usize::try_from(month).unwrap_or_default(), day_of_month)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_read_as_calendars_have_them() {
        for (seconds, iso) in [
            (0, "1970-01-01T00:00Z"),
            (951_782_400, "2000-02-29T00:00Z"),
            (951_868_800, "2000-03-01T00:00Z"),
            (1_795_321_919, "2026-11-22T04:31Z"),
            (4_107_542_399, "2100-02-28T23:59Z"),
            (4_107_542_400, "2100-03-01T00:00Z"),
        ] {
            assert_eq!(Moment(seconds).iso(), iso);
        }
        assert_eq!(Moment(1_795_321_919).to_string(), "22 November 2026, 04:31 UTC");
    }

    #[test]
    fn days_follow_one_another() {
        let mut before = date(-1);
        for day in 0..150_000 {
            let after = date(day);
            let is_next_day = after == (before.0, before.1, before.2 + 1);
            let is_next_month = after == (before.0, before.1 + 1, 1);
            assert!(is_next_day || is_next_month || after == (before.0 + 1, 1, 1), "{day}");
            before = after;
        }
    }
}
