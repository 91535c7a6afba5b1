//! The figures as a page: docs/performance.md.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;

use super::figures::Figures;
use super::growth::Curve;
#[cfg(feature = "picture")]
use super::picture;

/// Writes the page, and the picture of what grows beside it, under the same name with the ending `.svg`.
///
/// # Errors
/// They cannot be written.
pub(super) fn write(figures: &Figures, path: &Path) -> anyhow::Result<()> {
    let picture = draw(figures.growth(), &path.with_extension("svg"))?;
    let cannot = || format!("cannot write {}", path.display());
    fs::write(path, page(figures, &picture)).with_context(cannot)
}

/// Writes the picture and returns how the page shows it.
#[cfg(feature = "picture")]
fn draw(curves: &[Curve], path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot write {}", path.display());
    fs::write(path, picture::draw(curves)?).with_context(cannot)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("\n![What operations cost, by the number of passkeys]({name})\n"))
}

/// This build has no pictures.
#[cfg(not(feature = "picture"))]
fn draw(_: &[Curve], _: &Path) -> anyhow::Result<String> {
    Ok(String::new())
}

fn page(figures: &Figures, picture: &str) -> String {
    let heading = ["", ""].map(str::to_owned);
    let machine = figures.machine().rows().map(|(name, value)| [name.to_owned(), value]);
    let machine: Vec<_> = [heading].into_iter().chain(machine).collect();
    PAGE.replace("{machine}", &table(&machine, 0..0))
        .replace("{figures}", &table(&figures.rows(), 1..4))
        .replace("{picture}\n", picture)
        .replace("{growth}", &table(&figures.growth_rows(), 1..7))
}

/// Markdown's table: the first row is the heading, and these columns hold numbers.
fn table<const N: usize>(rows: &[[String; N]], numbers: Range<usize>) -> String {
    let line = |row: &[String; N]| {
        format!("| {} |\n", row.each_ref().map(|cell| cell.replace('|', "\\|")).join(" | "))
    };
    let Some((heading, rest)) = rows.split_first() else { return String::new() };
    let rule: [&str; N] =
        std::array::from_fn(|column| if numbers.contains(&column) { "--:" } else { "---" });
    let rule = format!("|{}|\n", rule.join("|"));
    [line(heading), rule]
        .into_iter()
        .chain(rest.iter().map(line))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// The words around the tables.
const PAGE: &str = include_str!("performance.md");

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::*;

    #[test]
    fn a_table_has_a_heading_a_rule_and_its_rows() {
        let rows = [["", "median"], ["a|b", "1.0"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows, 1..2), "|  | median |\n|---|--:|\n| a\\|b | 1.0 |");
    }

    #[test]
    fn the_page_tells_the_machine_and_has_nothing_left_to_fill_in() {
        let mut figures = Figures::new(Machine::this(Path::new("/")));
        figures.time("server start to listening", vec![std::time::Duration::from_millis(2)]);
        let page = page(&figures, "");
        assert!(page.contains("| kernel | Linux "), "{page}");
        assert!(page.contains("| server start to listening | 2.0 | 2.0 |"), "{page}");
        assert!(!page.contains(['{', '}']), "{page}");
    }

    #[test]
    fn a_page_that_cannot_be_written_is_named() {
        let figures = Figures::new(Machine::this(Path::new("/")));
        let said = format!("{:#}", write(&figures, Path::new("/dev/null/page.md")).unwrap_err());
        assert!(said.contains("/dev/null/page."), "{said}");
    }
}
