//! The picture of the crates, drawn from their manifests: who uses whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::tree;

/// Where the picture is, from the top.
pub const PLACE: &str = "docs/architecture.svg";

const BOX: (usize, usize) = (168, 114);
const GAP: (usize, usize) = (20, 56);
const MARGIN: usize = 16;
/// Letters of a description on one line of its box.
const LINE: usize = 25;

/// A crate, as its manifest has it.
struct Crate {
    description: String,
    uses: BTreeSet<String>,
}

type Crates = BTreeMap<String, Crate>;

/// The picture, as SVG.
///
/// # Panics
/// When a manifest cannot be read.
#[must_use]
pub fn of_crates() -> String {
    let crates = read();
    let places = places(&crates);
    let (width, height) = (
        places.values().map(|(x, _)| x + BOX.0 + MARGIN).max().unwrap_or_default(),
        places.values().map(|(_, y)| y + BOX.1 + MARGIN).max().unwrap_or_default(),
    );
    let mut svg = head(width, height);
    for (name, one) in &crates {
        for used in direct(one, &crates) {
            svg.push_str(&line(places[name], places[&used]));
        }
    }
    for (name, one) in &crates {
        svg.push_str(&labelled_box(name, &one.description, places[name]));
    }
    svg + "</svg>\n"
}

/// The library crates and the command, by name.
fn read() -> Crates {
    let manifests = tree::files("crates", &["/Cargo.toml"]);
    let name = |file: &String| file.split('/').nth(1).unwrap_or_default().to_owned();
    let names: BTreeSet<String> = manifests.iter().map(name).collect();
    manifests.iter().map(|file| (name(file), parsed(&tree::read(file), &names))).collect()
}

fn parsed(manifest: &str, names: &BTreeSet<String>) -> Crate {
    let (mut description, mut uses, mut section) = (String::new(), BTreeSet::new(), "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let Some(text) = line.strip_prefix("description = ") {
            description = text.trim_matches('"').to_owned();
        } else if section == "[dependencies]" || section.ends_with(".dependencies]") {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            uses.extend(names.get(name).cloned());
        }
    }
    Crate { description, uses }
}

/// The left upper corner of each box: those that use none stand side by side at the bottom, each other one stands in the middle
/// above those that it uses.
fn places(crates: &Crates) -> BTreeMap<String, (usize, usize)> {
    let depths: BTreeMap<usize, Vec<&String>> =
        crates.keys().fold(BTreeMap::new(), |mut all, name| {
            all.entry(depth(name, crates)).or_insert_with(Vec::new).push(name);
            all
        });
    let lowest = depths.len().saturating_sub(1);
    let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (depth, mut row) in depths {
        row.sort_by_key(|name| users(name, crates));
        for (number, name) in row.into_iter().enumerate() {
            let below: Vec<usize> =
                direct(&crates[name], crates).iter().map(|used| places[used].0).collect();
            let x = match below.len() {
                0 => MARGIN + number * (BOX.0 + GAP.0),
                count => below.iter().sum::<usize>() / count,
            };
            places.insert(name.clone(), (x, MARGIN + (lowest - depth) * (BOX.1 + GAP.1)));
        }
    }
    places
}

fn users<'a>(name: &str, crates: &'a Crates) -> Vec<&'a String> {
    let uses = |one: &Crate| direct(one, crates).iter().any(|used| used == name);
    crates.iter().filter(|(_, one)| uses(one)).map(|(user, _)| user).collect()
}

fn depth(name: &str, crates: &Crates) -> usize {
    crates[name].uses.iter().map(|used| depth(used, crates) + 1).max().unwrap_or_default()
}

/// What a crate uses, without what it reaches through another one, too.
fn direct(one: &Crate, crates: &Crates) -> Vec<String> {
    let is_reached = |name: &String| one.uses.iter().any(|used| reaches(used, name, crates));
    one.uses.iter().filter(|name| !is_reached(name)).cloned().collect()
}

fn reaches(from: &str, to: &str, crates: &Crates) -> bool {
    crates[from].uses.iter().any(|used| used == to || reaches(used, to, crates))
}

/// Light and dark, as the reader's browser is.
fn head(width: usize, height: usize) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<title>The crates: each uses those below it that a line leads to</title>
<style>
text {{ font: 12px system-ui, sans-serif; fill: #333; text-anchor: middle }}
.name {{ font-weight: bold; font-size: 14px; fill: #111 }}
rect {{ fill: #f4f7fb; stroke: #4a6fa5 }}
path {{ fill: none; stroke: #7d8da3; stroke-width: 1.5 }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #c9d1d9 }} .name {{ fill: #fff }} rect {{ fill: #1b2430; stroke: #7aa2d6 }} path {{ stroke: #6e7b8d }}
}}
</style>
"#
    )
}

/// From the middle of a box's lower side to the middle of the other's upper side.
fn line(from: (usize, usize), to: (usize, usize)) -> String {
    let (x1, y1) = (from.0 + BOX.0 / 2, from.1 + BOX.1);
    let (x2, y2) = (to.0 + BOX.0 / 2, to.1);
    format!("<path d=\"M{x1} {y1} C{x1} {} {x2} {} {x2} {y2}\"/>\n", y1 + GAP.1, y2 - GAP.1)
}

fn labelled_box(name: &str, description: &str, (x, y): (usize, usize)) -> String {
    let (width, height) = BOX;
    let middle = x + width / 2;
    let mut svg =
        format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n");
    let mut text = |class: &str, y: usize, words: &str| {
        let _ = writeln!(svg, "<text{class} x=\"{middle}\" y=\"{y}\">{words}</text>");
    };
    text(" class=\"name\"", y + 22, name);
    for (number, words) in broken(description).iter().enumerate() {
        text("", y + 41 + 15 * number, words);
    }
    svg
}

/// A description in lines that fit into its box.
fn broken(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= LINE => {
                let _ = write!(line, " {word}");
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
