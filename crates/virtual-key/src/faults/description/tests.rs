use super::*;

fn json(text: &str) -> FaultDescription {
    serde_json::from_str(text).expect("its members are known")
}

/// A description of this kind with all that it takes.
fn whole(kind: &Kind) -> FaultDescription {
    let has = |member: &str| kind.takes.contains(&member);
    FaultDescription {
        kind: Some(kind.name.to_owned()),
        requests: Some(Word::Text("all".to_owned())),
        command: Some(Word::Text("getInfo".to_owned())),
        channel: Some(Word::Number(7)),
        status: has("status").then_some(Word::Number(0x32)),
        error: has("error").then_some(Word::Number(11)),
        bytes: has("bytes").then_some(9),
        count: has("count").then_some(5),
        report: has("report").then_some(2),
        milliseconds: has("milliseconds").then_some(1500),
        ..FaultDescription::default()
    }
}

#[test]
fn every_kind_is_read_and_written_and_asks_for_what_it_takes() {
    for kind in KINDS {
        let described = whole(kind);
        let injections = described.injections().expect(kind.name);
        assert_eq!(FaultDescription::from(injections[0].0), described, "{}", kind.name);
        let text = serde_json::to_string(&described).unwrap();
        assert_eq!(json(&text), described);
        let bare = FaultDescription { kind: described.kind.clone(), ..FaultDescription::default() };
        let is_whole = kind.takes.is_empty() || kind.name == "unplug";
        assert_eq!(bare.injections().is_ok(), is_whole, "{}", kind.name);
    }
}

#[test]
fn a_fault_is_for_the_next_request_unless_it_says_more() {
    let described = json(r#"{"kind":"silence"}"#).injections();
    assert_eq!(described, Ok(vec![(Fault::Silence.into(), None)]));
    let all = json(
        r#"{"kind":"status","status":"CTAP2_ERR_PIN_BLOCKED","requests":"all","command":"0x41","channel":"0x1f"}"#,
    );
    let scope =
        Scope { requests: Requests::All, command: Some(Command::Ctap2(0x41)), channel: Some(31) };
    assert_eq!(all.injections(), Ok(vec![(Injection { fault: Fault::Status(0x32), scope }, None)]));
}

#[test]
fn no_recipe_has_the_name_of_a_kind_and_each_name_is_there_once() {
    let kinds = KINDS.iter().map(|kind| kind.name);
    let mut names: Vec<_> = kinds.chain(RECIPES.iter().map(|recipe| recipe.name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_recipe_is_as_it_says_unless_more_is_said() {
    for recipe in RECIPES {
        let described = FaultDescription {
            recipe: Some(recipe.name.to_owned()),
            ..FaultDescription::default()
        };
        let injections = described.injections().unwrap();
        let parts: Vec<_> = injections.iter().map(|(injection, _)| *injection).collect();
        assert_eq!(parts, recipe.injections, "{}", recipe.name);
    }
    let twice = json(r#"{"recipe":"busy-at-once","requests":2}"#).injections().unwrap();
    assert_eq!((twice[0].0.scope.requests, twice[0].1), (Requests::Next(2), Some("busy-at-once")));
}

#[test]
fn what_is_no_fault_is_told_with_the_next_step() {
    for (text, what, next) in [
        ("{}", "name either a fault or a recipe", "such as silence"),
        (r#"{"kind":"silense"}"#, "there is no fault and no recipe silense", "write silence"),
        (r#"{"recipe":"brick"}"#, "there is no fault and no recipe brick", "`keyfob fault list`"),
        (
            r#"{"kind":"slow-answer"}"#,
            "the fault slow-answer needs milliseconds",
            "give milliseconds",
        ),
        (r#"{"kind":"busy","bytes":1}"#, "busy does not use bytes", "leave out bytes"),
        (
            r#"{"recipe":"busy-at-once","error":1}"#,
            "busy-at-once does not use error",
            "leave out error",
        ),
        (
            r#"{"kind":"slow-answer","milliseconds":600001}"#,
            "milliseconds cannot be 600001",
            "600000 at most",
        ),
        (r#"{"kind":"truncated-cbor","bytes":7610}"#, "bytes cannot be 7610", "0 to 7609"),
        (r#"{"kind":"lost-report","report":129}"#, "report cannot be 129", "0 to 128"),
        (r#"{"kind":"keepalive-storm","count":2001}"#, "count cannot be 2001", "0 to 2000"),
        (
            r#"{"kind":"status","status":"CTAP2_ERR_TIRED"}"#,
            "status cannot be \"CTAP2_ERR_TIRED\"",
            "0 to 255",
        ),
        (r#"{"kind":"silence","requests":0}"#, "requests cannot be 0", "or all"),
        (r#"{"kind":"silence","command":"getinfo"}"#, "command cannot be \"getinfo\"", "getInfo"),
    ] {
        let error = json(text).injections().expect_err(text);
        assert_eq!(error.to_string(), what);
        assert!(error.advice().contains(next), "{text}: {}", error.advice());
    }
}
