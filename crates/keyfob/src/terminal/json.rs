//! JSON that may stand on a terminal: what could disguise text there is escaped as JSON does, so that programs read it as it
//! was.

use serde::Serialize;

use super::shown::is_plain;

/// On lines of its own, as people read it.
///
/// # Errors
/// When the value is none of JSON's.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| format!("{}\n", harmless(&text)))
}

/// On one line, as programs read it.
///
/// # Errors
/// As [`json`].
pub(crate) fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|text| format!("{}\n", harmless(&text)))
}

/// Characters that are not plain are found within strings only, but for the ends of lines, which are not found there.
fn harmless(text: &str) -> String {
    let shown = |character| match is_plain(character) || character == '\n' {
        true => character.to_string(),
        false => escape(character),
    };
    text.chars().map(shown).collect()
}

fn escape(character: char) -> String {
    let mut units = [0; 2];
    character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_all_of_it_in_letters_that_a_terminal_can_bear() {
        let text = "\u{1b}[2J\u{7f}\u{9b}1m\u{202e}\u{115f}\u{301}\u{e0041}\"\\\nä";
        for told in [json(&[text]).unwrap(), json_line(&[text]).unwrap()] {
            let is_harmless = |character| character == '\n' || is_plain(character);
            assert!(told.chars().all(is_harmless) && told.contains('ä'), "{told:?}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&told).unwrap(), [text]);
        }
    }
}
