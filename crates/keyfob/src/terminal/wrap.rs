//! Text in lines that are no longer than those of a terminal.

use terminal_size::{Height, Width};
use unicode_width::UnicodeWidthChar as _;

/// Columns of a terminal of this size, as `terminal_size_of` tells it; `None`: it is none, or one that does not know, or so narrow that
/// breaking lines would not help.
pub(crate) fn columns_of(size: Option<(Width, Height)>) -> Option<usize> {
    let (Width(columns), _) = size?;
    (columns >= NARROWEST).then(|| columns.into())
}

/// A text that begins behind `indent` columns, and goes on below its beginning where a line of so many `columns` ends. It is
/// broken at blanks; a word that is longer than a line, at the line's end.
pub(crate) fn hanging(text: &str, indent: usize, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let room = columns.saturating_sub(indent).max(1);
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(end) = end_of_line(rest, room) {
        let blank = rest[..end].rfind(' ').filter(|at| *at > 0);
        let blank = if rest[end..].starts_with(' ') { Some(end) } else { blank };
        let (line, after) = rest.split_at(blank.unwrap_or(end));
        lines.push(line.trim_end_matches(' '));
        rest = after.trim_start_matches(' ');
    }
    lines.push(rest);
    lines.join(&format!("\n{:indent$}", ""))
}

/// Where the first character begins for which there is no room; `None`: there is room for all.
fn end_of_line(text: &str, room: usize) -> Option<usize> {
    let mut width = 0;
    let is_beyond = |(at, character): (usize, char)| {
        width += character.width().unwrap_or(0);
        (width > room && at > 0).then_some(at)
    };
    text.char_indices().find_map(is_beyond)
}

/// Columns below which nothing is broken to fit.
const NARROWEST: u16 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_on_below_its_beginning() {
        let text = "expected one, got another thing";
        let expected = "expected\n          one, got\n          another\n          thing";
        assert_eq!(hanging(text, 10, Some(20)), expected);
        assert_eq!(hanging(text, 0, Some(31)), text);
        assert_eq!(hanging(text, 0, Some(30)), "expected one, got another\nthing");
        assert_eq!(hanging(text, 10, None), text);
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken_where_the_line_ends() {
        assert_eq!(hanging("00112233445566", 10, Some(18)), "00112233\n          445566");
        assert_eq!(
            hanging("漢字漢字", 1, Some(4)),
            "漢\n 字\n 漢\n 字",
            "by what it takes on the screen"
        );
        assert_eq!(hanging("ab", 9, Some(3)), "a\n         b", "it ends all the same");
    }
}
