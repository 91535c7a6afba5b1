//! Markdown, as far as the checks of the documents need it.

/// The blocks of code in this language, without their fences.
#[must_use]
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.trim_start().strip_prefix(FENCE) {
            let inside = lines.by_ref().take_while(|line| !line.trim_start().starts_with(FENCE));
            let block: String = inside.map(|line| format!("{line}\n")).collect();
            if info == language {
                found.push(block);
            }
        }
    }
    found
}

/// What stands as code: the lines of blocks, fenced or indented, and what stands between backquotes.
#[must_use]
pub fn code_lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with(FENCE) {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") {
            found.push(line.trim().to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// Where links lead, in the order of the text. Code has none.
#[must_use]
pub fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for prose in prose_lines(text) {
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| target.to_owned()));
    }
    found
}

/// What links can name after `#`: the headings, as GitHub names them.
#[must_use]
pub fn anchors(text: &str) -> Vec<String> {
    let headings = prose_lines(text).filter_map(|line| {
        Some(line.trim_start_matches('#').strip_prefix(' ')?.to_lowercase())
            .filter(|_| line.starts_with('#'))
    });
    headings
        .map(|heading| {
            let kept =
                heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The lines outside of fenced blocks.
fn prose_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with(FENCE);
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

const FENCE: &str = "```";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A title, `code` and more
See [a](one.md#x) and [b](two.md), `keyfob list`.

```console
$ keyfob info   [c](no.md)
```

    keyfob pin set
";

    #[test]
    fn code_is_what_stands_in_blocks_and_between_backquotes() {
        let expected = ["code", "keyfob list", "$ keyfob info   [c](no.md)", "keyfob pin set"];
        assert_eq!(code_lines(TEXT), expected);
        assert_eq!(blocks(TEXT, "console"), ["$ keyfob info   [c](no.md)\n"]);
        assert_eq!(blocks(TEXT, "rust"), [""; 0]);
    }

    #[test]
    fn links_and_what_they_name_are_found() {
        assert_eq!(links(TEXT), ["one.md#x", "two.md"]);
        assert_eq!(anchors(TEXT), ["a-title-code-and-more"]);
    }
}
