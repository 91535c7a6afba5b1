//! Text from outside as it may stand on a terminal: what could move the cursor, reorder, hide or fake is escaped, and all
//! of it is bounded in columns (P-8).
//!
//! What is cut differs. A name keeps its beginning. A domain keeps its end, for that says whose it is: `google.com.evil.example`
//! is evil.example's (as CM-41 does it).

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, HirKind};
use unicode_width::UnicodeWidthChar as _;

/// A name, which keeps its beginning.
pub(crate) fn name(text: &str) -> String {
    join(cut(cells(text, is_hidden), LONGEST, Kept::Beginning))
}

/// A relying party's id, which keeps its end.
pub(crate) fn site(text: &str) -> String {
    join(cut(cells(text, is_hidden), LONGEST, Kept::End))
}

/// A name within a sentence, in quotation marks that it cannot contain: it cannot go on with a sentence of its own.
pub(crate) fn quoted_name(text: &str) -> String {
    quoted(text, Kept::Beginning)
}

/// A relying party's id within a sentence, likewise.
pub(crate) fn quoted_site(text: &str) -> String {
    quoted(text, Kept::End)
}

/// All of it: for sentences of others.
pub(crate) fn escaped(text: &str) -> String {
    join(cells(text, is_hidden))
}

/// Whether it stands for itself wherever it is.
pub(crate) fn is_plain(character: char) -> bool {
    !is_hidden(character) && character.width().is_some_and(|width| width > 0)
}

/// Columns that a text takes on a terminal. Terminals go by the character.
pub(crate) fn width(text: &str) -> usize {
    text.chars().filter_map(|character| character.width()).sum()
}

/// What is left of a text that was shown already and has to be shorter still.
pub(crate) fn shortened(text: &str, columns: usize, kept: Kept) -> String {
    join(cut(cells(text, |_| false), columns, kept))
}

/// Which end of a text is not cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// That of a name.
    Beginning,
    /// That of a domain.
    End,
}

/// A character and its marks, or an escape.
struct Cell {
    text: String,
    width: usize,
    marks_to_come: usize,
}

fn quoted(text: &str, kept: Kept) -> String {
    let is_hidden = |character| is_hidden(character) || QUOTATION_MARKS.contains(&character);
    format!("“{}”", join(cut(cells(text, is_hidden), LONGEST, kept)))
}

/// A character without width is a mark of the one before, or is escaped if there is none, or if that has enough.
fn cells(text: &str, is_hidden: impl Fn(char) -> bool) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for character in text.chars() {
        let width = character.width().filter(|_| !is_hidden(character));
        match (width, cells.last_mut().filter(|cell| cell.marks_to_come > 0)) {
            (Some(0), Some(cell)) => {
                cell.text.push(character);
                cell.marks_to_come -= 1;
            }
            (Some(width @ 1..), _) => {
                cells.push(Cell { text: character.into(), width, marks_to_come: MOST_MARKS });
            }
            _ => cells.push(Cell::escape(character)),
        }
    }
    cells
}

/// As much as fits, with an ellipsis instead of the rest.
fn cut(mut cells: Vec<Cell>, columns: usize, kept: Kept) -> Vec<Cell> {
    if cells.iter().map(|cell| cell.width).sum::<usize>() <= columns {
        return cells;
    }
    if kept == Kept::End {
        cells.reverse();
    }
    let mut left = columns.saturating_sub(ELLIPSIS);
    let fits = |cell: &Cell| {
        let is_room = cell.width <= left;
        left = left.saturating_sub(cell.width);
        is_room
    };
    let mut cells: Vec<Cell> = cells.into_iter().take_while(fits).collect();
    cells.push(Cell::ellipsis());
    if kept == Kept::End {
        cells.reverse();
    }
    cells
}

fn join(cells: Vec<Cell>) -> String {
    cells.into_iter().map(|cell| cell.text).collect()
}

impl Cell {
    fn ellipsis() -> Self {
        Self { text: "…".to_owned(), width: ELLIPSIS, marks_to_come: 0 }
    }

    fn escape(character: char) -> Self {
        let text = character.escape_unicode().to_string();
        Self { width: text.len(), text, marks_to_come: 0 }
    }
}

/// Neither a letter nor a mark nor a sign that a person sees: it controls, reorders, joins, is nothing yet, is nobody's, takes
/// no room, or is a space that pretends to be another.
fn is_hidden(character: char) -> bool {
    let ranges = HIDDEN.ranges();
    let at = ranges.partition_point(|range| range.end() < character);
    ranges.get(at).is_some_and(|range| range.start() <= character)
}

/// By Unicode's tables: control, format, private and unassigned characters (C), separators (Z) but the two spaces that
/// people type, those that are to be ignored (DI), and two blanks that Unicode counts as symbols.
static HIDDEN: LazyLock<ClassUnicode> = LazyLock::new(|| {
    let class = r"[[\p{C}\p{Z}\p{DI}\x{2800}\x{1D159}]--[ \x{3000}]]";
    match regex_syntax::parse(class).expect("it is well formed").into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        other => unreachable!("a class of characters is no {other:?}"),
    }
});

/// Columns of a name.
const LONGEST: usize = 64;
/// Marks on one character: the most that a living script puts there. A tower of them would grow into other lines.
const MOST_MARKS: usize = 4;
/// Columns of an ellipsis.
const ELLIPSIS: usize = 1;
/// Those that are put around names, and those that look like them.
const QUOTATION_MARKS: [char; 9] = ['“', '”', '„', '‟', '〝', '〞', '〟', '❝', '❞'];

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn names_cannot_move_the_cursor_or_turn_the_text_around() {
        assert_eq!(name("a\u{1b}[2J\u{202e}moc.elgoog\n"), r"a\u{1b}[2J\u{202e}moc.elgoog\u{a}");
    }

    #[test]
    fn what_takes_no_room_or_looks_empty_is_escaped() {
        assert_eq!(name("a\u{115f}\u{3164}\u{34f}\u{2800}b"), r"a\u{115f}\u{3164}\u{34f}\u{2800}b");
        for character in
            "\u{ad}\u{61c}\u{1160}\u{17b4}\u{180b}\u{200b}\u{200d}\u{2065}\u{378}\u{fe0f}\u{feff}\u{ffa0}\u{1d159}\u{1d173}\u{e0041}\u{e0100}\u{e000}\u{a0}\u{2003}\u{2028}".chars()
        {
            assert!(!is_plain(character), "{}", character.escape_unicode());
            assert_eq!(name(&format!("a{character}")), format!("a{}", character.escape_unicode()));
        }
    }

    #[test]
    fn what_people_are_called_stays_as_it_is() {
        for text in [
            "Ada Lovelace",
            "O’Brien",
            "山田　太郎",
            "Nguyễn Thị",
            "e\u{301}",
            "สมชาย",
            "נָתָן",
            "अनिता",
            "👩 ada@example.org",
        ] {
            assert_eq!(name(text), text);
        }
    }

    #[test]
    fn a_tower_of_marks_is_no_higher_than_a_script_needs() {
        let tower = name(&format!("a{}", "\u{301}".repeat(60)));
        assert_eq!(tower.matches('\u{301}').count(), MOST_MARKS);
        assert!(tower.starts_with("a\u{301}\u{301}\u{301}\u{301}\\u{301}"), "{tower}");
        assert!(width(&tower) <= LONGEST);
        assert_eq!(name("\u{301}a"), r"\u{301}a", "it would stand on what is before the name");
    }

    #[test]
    fn a_name_keeps_its_beginning_and_a_domain_its_end() {
        let domain = format!("accounts.google.com.{}.evil.example", "a".repeat(44));
        let shown = site(&domain);
        assert!(shown.starts_with('…') && shown.ends_with("aaa.evil.example"), "{shown}");
        assert_eq!(width(&shown), 64);
        let shown = name(&"ä".repeat(4000));
        assert_eq!((shown.chars().count(), shown.chars().last()), (64, Some('…')));
        assert_eq!(
            [name(&"ä".repeat(64)), site(&"a".repeat(64))],
            ["ä".repeat(64), "a".repeat(64)]
        );
    }

    #[test]
    fn a_name_cannot_leave_its_quotation_marks() {
        assert_eq!(quoted_name("nobody. github.com"), "“nobody. github.com”");
        assert_eq!(quoted_name("ada” wants “x"), r"“ada\u{201d} wants \u{201c}x”");
        let site = quoted_site(&format!("a”{}.example", "a".repeat(80)));
        assert!(site.starts_with("“…a") && site.ends_with("a.example”"), "{site}");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!([width("漢字"), width("e\u{301}"), width("ab")], [4, 1, 2]);
        assert_eq!(width(&name(&"漢".repeat(40))), 63, "31 of them and an ellipsis");
    }

    #[test]
    fn what_is_shortened_once_more_ends_where_it_should() {
        assert_eq!(shortened("example.org", 5, Kept::Beginning), "exam…");
        assert_eq!(shortened("example.org", 5, Kept::End), "….org");
        assert_eq!(shortened("漢字", 2, Kept::Beginning), "…");
        assert_eq!(shortened("short", 5, Kept::End), "short");
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_is_bounded_and_harmless(characters in proptest::collection::vec(any::<char>(), 0..200)) {
            let text = String::from_iter(characters);
            for shown in [name(&text), site(&text)] {
                prop_assert!(width(&shown) <= LONGEST);
                prop_assert!(shown.chars().count() <= LONGEST * (1 + MOST_MARKS));
                prop_assert!(!shown.chars().any(is_hidden));
                prop_assert!(shown.chars().next().is_none_or(is_plain));
            }
            let quoted = quoted_name(&text);
            prop_assert_eq!(quoted.chars().filter(|mark| QUOTATION_MARKS.contains(mark)).count(), 2);
        }
    }
}
