//! `keyfob bench`.

use serde_json::Value;

use crate::support::run;

#[test]
fn figures_are_told_beside_what_they_are_compared_with() {
    let said = run(&["bench", "--quick", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let figures = report["figures"].as_array().unwrap();
    let positive = |figure: &&Value| figure["value"].as_f64().unwrap() > 0.0;
    assert!(
        figures.iter().filter(|figure| figure["samples"].is_u64()).all(|figure| positive(&figure))
    );
    let goals: Vec<f64> =
        figures.iter().filter_map(|figure| figure["comparison"]["at_most"].as_f64()).collect();
    assert_eq!(goals, [4.0, 3.0, 3.0, 3.0, 3.0]);
    let memory = figures.iter().find(|figure| figure["unit"] == "MiB").unwrap();
    assert!(positive(&memory));
}
