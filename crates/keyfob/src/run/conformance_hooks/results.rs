//! The results that the conformance tool tells at the end of a run: `allTestsSelected`, `passedTestsCount`, `failedTestsCount`, and
//! `failedTests`, an array of descriptions.

use serde_json::Value;

use super::limits::{MAX_DESCRIPTION, MAX_TOLD};

/// The results as lines for a person. What is not there is told as `?`.
///
/// # Errors
/// It is no JSON.
pub(super) fn lines(body: &[u8]) -> serde_json::Result<Vec<String>> {
    let results: Value = serde_json::from_slice(body)?;
    let member = |name| results.get(name).map_or_else(|| "?".to_owned(), text);
    let (passed, failed) = (member("passedTestsCount"), member("failedTestsCount"));
    let selected = match results.get("allTestsSelected") {
        Some(Value::Bool(false)) => ", but not all tests were selected",
        _ => "",
    };
    let mut lines =
        vec![format!("the conformance tool says: {passed} passed, {failed} failed{selected}")];
    let names = results.get("failedTests").and_then(Value::as_array);
    let names = names.map(Vec::as_slice).unwrap_or_default();
    lines.extend(names.iter().take(MAX_TOLD).map(|name| format!("  failed: {}", text(name))));
    if names.len() > MAX_TOLD {
        lines.push(format!("  and {} more", names.len() - MAX_TOLD));
    }
    Ok(lines)
}

/// Fit for a terminal: what could move its cursor or turn its letters round is escaped.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let escaped = |character: char| match character {
        '"' | '\'' | '\\' => character.to_string(),
        other => other.escape_debug().to_string(),
    };
    text.chars().take(MAX_DESCRIPTION).map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(results: &Value) -> Vec<String> {
        lines(results.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn it_tells_the_counts_and_what_failed() {
        let results = json!({
            "allTestsSelected": false, "passedTestsCount": 293, "failedTestsCount": 2,
            "failedTests": ["HID-1 P-3 \"INIT\"", {"id": "F-1"}],
        });
        assert_eq!(
            told(&results),
            [
                "the conformance tool says: 293 passed, 2 failed, but not all tests were selected",
                "  failed: HID-1 P-3 \"INIT\"",
                "  failed: {\"id\":\"F-1\"}",
            ]
        );
    }

    #[test]
    fn it_does_not_insist_on_a_shape() {
        assert_eq!(told(&json!([1])), ["the conformance tool says: ? passed, ? failed"]);
        assert!(lines(b"passed").is_err());
    }

    #[test]
    fn it_is_short_and_does_nothing_to_a_terminal() {
        let names = vec!["\u{1b}[2J\u{202e}".repeat(200); MAX_TOLD + 2];
        let lines = told(&json!({ "failedTests": names }));
        assert_eq!(lines.len(), MAX_TOLD + 2);
        assert_eq!(lines.last().unwrap(), "  and 2 more");
        assert!(lines[1].starts_with("  failed: \\u{1b}[2J\\u{202e}"), "{}", lines[1]);
        assert!(
            lines.iter().all(|line| line.len() < 4096 && line.chars().all(|c| !c.is_control()))
        );
    }
}
