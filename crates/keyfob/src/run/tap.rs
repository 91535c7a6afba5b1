//! `keyfob tap`: lays a running card on its reader, and takes it off.

use std::time::Duration;

use clap::Args;

use super::which_key::WhichKey;
use crate::control::Request;

/// Tap the reader with a running card: lay it on, and take it off
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    which: WhichKey,

    /// How long it stays on the reader, once that has noticed it: 3s, or 500ms
    #[arg(long = "for", value_name = "TIME", default_value = "3s", value_parser = parse_time)]
    time: Duration,

    /// Tap twice, the first time for a short time
    #[arg(long)]
    twice: bool,

    /// Lay it on and leave it there
    #[arg(long, conflicts_with_all = ["time", "twice", "off"])]
    on: bool,

    /// Take it off
    #[arg(long, conflicts_with_all = ["time", "twice"])]
    off: bool,
}

/// Taps, and returns when that is done.
///
/// # Errors
/// No key is running, it is no card, or no reader has noticed it.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let Options { which: WhichKey { connection, key }, time, twice, on, off } = options;
    let request = match (on, off) {
        (true, _) => Request::LayOn { key },
        (_, true) => Request::TakeOff { key },
        _ => {
            let milliseconds = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
            Request::Tap { key, times: if twice { 2 } else { 1 }, milliseconds }
        }
    };
    connection.ask(&request).map(drop)
}

/// `3s`, `500ms`; at most an hour.
fn parse_time(text: &str) -> Result<Duration, String> {
    let parsed = match text.strip_suffix("ms") {
        Some(number) => number.parse().map(Duration::from_millis),
        None => text.trim_end_matches('s').parse().map(Duration::from_secs),
    };
    let time =
        parsed.map_err(|_| "a time is a number of seconds or milliseconds, such as 3s or 500ms")?;
    if time > LONGEST {
        Err("that is more than an hour: lay it on with --on".to_owned())
    } else {
        Ok(time)
    }
}

const LONGEST: Duration = Duration::from_secs(3600);

const EXAMPLES: &str = "\
Examples:
  keyfob tap                 on the reader for three seconds
  keyfob tap --for 500ms     shorter
  keyfob tap --off           and it is not there

If the card lies on the reader already, it is lifted and laid on again, and then stays there.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_milliseconds_and_at_most_an_hour() {
        for (text, time) in
            [("3s", 3000), ("3", 3000), ("500ms", 500), ("0s", 0), ("3600s", 3_600_000)]
        {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(time)), "{text}");
        }
        for text in ["", "s", "3m", "-1s", "3601s", "99999999999999999999ms"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
