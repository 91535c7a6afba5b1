//! Rows as aligned columns.

use std::io;

use terminal_size::{Width, terminal_size_of};

use super::shown::{Kept, shortened, width};
use super::wrap::{columns_of, hanging};

/// Rows as aligned columns, two spaces apart, each row with its line end. The last column is not padded.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    lines(rows, widths(rows))
}

/// The same for standard output: on a terminal no row is longer than a line. What does not fit is cut off the widest of the
/// columns that may be cut, from the end that is not kept.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], kept: [Option<Kept>; N]) -> String {
    match columns_of_the_terminal() {
        Some(room) => within(room, rows, kept),
        None => columns(rows),
    }
}

/// The same for standard output, where nothing is cut: on a terminal the last column goes on below itself, or below the row if
/// there is no room for it behind the others.
pub(crate) fn hanging_columns<const N: usize>(rows: &[[String; N]]) -> String {
    match columns_of(terminal_size_of(io::stdout())) {
        Some(room) => hung(room, rows),
        None => columns(rows),
    }
}

fn hung<const N: usize>(room: usize, rows: &[[String; N]]) -> String {
    let widths = widths(rows);
    let [before @ .., _] = widths.as_slice() else { return String::new() };
    let behind = before.iter().sum::<usize>() + GAP.len() * before.len();
    let is_room = behind + NARROWEST <= room;
    let hang = |row: &[String; N]| -> [String; N] {
        let mut row = row.clone();
        if let Some(last) = row.last_mut() {
            *last = match is_room {
                true => hanging(last, behind, Some(room)),
                false => format!("\n{GAP}{}", hanging(last, GAP.len(), Some(room))),
            };
        }
        row
    };
    lines(&rows.iter().map(hang).collect::<Vec<_>>(), widths)
}

fn within<const N: usize>(room: usize, rows: &[[String; N]], kept: [Option<Kept>; N]) -> String {
    let widths = narrowed(widths(rows), room, kept);
    let cut = |row: &[String; N]| -> [String; N] {
        std::array::from_fn(|column| match kept[column] {
            Some(kept) => shortened(&row[column], widths[column], kept),
            None => row[column].clone(),
        })
    };
    lines(&rows.iter().map(cut).collect::<Vec<_>>(), widths)
}

/// Takes a column at a time from the widest, as long as it is wide enough to be read.
fn narrowed<const N: usize>(
    mut widths: [usize; N],
    room: usize,
    kept: [Option<Kept>; N],
) -> [usize; N] {
    let gaps = GAP.len() * N.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        let may_be_cut =
            |(column, width): &(usize, &mut usize)| kept[*column].is_some() && **width > NARROWEST;
        let columns = widths.iter_mut().enumerate().filter(may_be_cut);
        let Some((_, widest)) = columns.max_by_key(|(_, width)| **width) else { break };
        *widest -= 1;
    }
    widths
}

fn widths<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0))
}

fn lines<const N: usize>(rows: &[[String; N]], widths: [usize; N]) -> String {
    let cell = |(cell, room): (&String, usize)| {
        // Not by a width of `format!`, which ends at 65,535.
        format!("{cell}{}", " ".repeat(room.saturating_sub(width(cell))))
    };
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(cell).collect();
        let row = cells.join(GAP);
        let lines: Vec<_> = row.trim_end().lines().map(str::trim_end).collect();
        format!("{}\n", lines.join("\n"))
    };
    rows.iter().map(line).collect()
}

/// `None`: standard output is no terminal, or one that does not know its width.
fn columns_of_the_terminal() -> Option<usize> {
    terminal_size_of(io::stdout())
        .map(|(Width(columns), _)| columns.into())
        .filter(|columns| *columns > 0)
}

const GAP: &str = "  ";
/// A column that is narrower says nothing any more.
const NARROWEST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_end_without_spaces() {
        let rows = [["a", "bbb", "c"], ["äöü", "b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "a    bbb  c\näöü  b\n");
    }

    #[test]
    fn a_cell_may_be_as_wide_as_a_hostile_file_makes_it() {
        let wide = "a".repeat(70_000);
        let rows = [[wide.as_str(), "b"], ["c", "d"]].map(|row| row.map(str::to_owned));
        assert!(columns(&rows).ends_with("  d\n"));
    }

    #[test]
    fn wide_characters_and_marks_do_not_shift_a_column() {
        let rows = [["漢字", "b"], ["e\u{301}", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "漢字  b\ne\u{301}     c\n");
    }

    #[test]
    fn the_last_column_goes_on_below_itself_or_below_its_row() {
        let rows = [["KEY", "PROMPT"], ["1-1", "register for example.org"], ["1-2", "-"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(hung(20, &rows), "KEY  PROMPT\n1-1  register for\n     example.org\n1-2  -\n");
        assert_eq!(
            hung(16, &rows),
            "KEY\n  PROMPT\n1-1\n  register for\n  example.org\n1-2\n  -\n"
        );
        assert_eq!(hung(80, &rows), columns(&rows));
    }

    #[test]
    fn a_row_is_cut_to_the_line_and_a_domain_keeps_its_end() {
        let domain = format!("google.com.{}.evil.example", "a".repeat(30));
        let rows = [["0123456789", &domain, "ada", "Ada Countess of Lovelace"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let kept = [None, Some(Kept::End), Some(Kept::Beginning), Some(Kept::Beginning)];
        let text = within(60, &rows, kept);
        assert_eq!(width(text.trim_end()), 60, "{text}");
        assert!(text.starts_with("0123456789  …"), "{text}");
        assert!(text.contains("a.evil.example  ada  Ada"), "{text}");
        assert_eq!(within(200, &rows, kept), columns(&rows));
        let text = within(1, &rows, kept);
        assert!(text.starts_with("0123456789  …") && text.contains("example  ada  "), "{text}");
    }
}
