use clap::ValueEnum as _;
use ctap_core::consent::SampleFault;
use proptest::prelude::*;
use virtual_key::faults::Word;

use super::*;

fn touch(sample: Option<Sample>) -> Request {
    Request::Touch(Touching { sample, ..Touching::default() })
}

#[test]
fn requests_look_like_this_on_the_wire() {
    let deny = Choice { prompt: Some("5eed.1-1.1".into()), ..Choice::default() };
    let wait = Request::Wait { key: None, seconds: Some(9) };
    for (request, text) in [
        (touch(None), r#"{"do":"touch"}"#),
        (touch(Some(Sample::Finger(2))), r#"{"do":"touch","sample":{"finger":2}}"#),
        (
            touch(Some(Sample::Bad(BadSample(SampleFault::TooHigh)))),
            r#"{"do":"touch","sample":{"bad":"too_high"}}"#,
        ),
        (Request::Deny(deny), r#"{"do":"deny","prompt":"5eed.1-1.1"}"#),
        (wait, r#"{"do":"wait","seconds":9}"#),
        (
            Request::Prompts { known: ["5eed.1-1.1".into()].into() },
            r#"{"do":"prompts","known":["5eed.1-1.1"]}"#,
        ),
        (Request::Replug { key: Some("1-2".into()) }, r#"{"do":"replug","key":"1-2"}"#),
        (
            Request::Tap { key: None, times: 2, milliseconds: 500 },
            r#"{"do":"tap","times":2,"milliseconds":500}"#,
        ),
        (Request::LayOn { key: Some("1-1".into()) }, r#"{"do":"lay_on","key":"1-1"}"#),
        (Request::TakeOff { key: None }, r#"{"do":"take_off"}"#),
        (Request::Status {}, r#"{"do":"status"}"#),
        (
            Request::Metadata { key: Some("1-1".into()), u2f: true },
            r#"{"do":"metadata","key":"1-1","u2f":true}"#,
        ),
        (Request::Profile { key: Some("1-1".into()) }, r#"{"do":"profile","key":"1-1"}"#),
        (Request::Credentials { key: None, from: 7 }, r#"{"do":"credentials","from":7}"#),
        (
            Request::AddCredential { key: None, credential: serde_json::json!({}).into() },
            r#"{"do":"add_credential","credential":{}}"#,
        ),
        (
            Request::RemoveCredential { key: None, id: "aWQ".into() },
            r#"{"do":"remove_credential","id":"aWQ"}"#,
        ),
        (
            Request::ChangeCredential(ChangedCredential {
                id: "aWQ".into(),
                sign_count: Some(None),
                ..ChangedCredential::default()
            }),
            r#"{"do":"change_credential","id":"aWQ","signCount":null}"#,
        ),
        (Request::EnrollFinger { key: None, finger: 1 }, r#"{"do":"enroll_finger","finger":1}"#),
        (
            Request::SetPolicy {
                key: None,
                touch: Some(Touch::Auto),
                verification: Some(Verification::Deny),
            },
            r#"{"do":"set_policy","touch":"auto","verification":"deny"}"#,
        ),
        (
            Request::AddFault {
                key: None,
                fault: Box::new(FaultDescription {
                    kind: Some("silence".into()),
                    requests: Some(Word::Text("all".into())),
                    ..FaultDescription::default()
                }),
            },
            r#"{"do":"add_fault","fault":{"kind":"silence","requests":"all"}}"#,
        ),
        (Request::Faults { key: None }, r#"{"do":"faults"}"#),
        (Request::ClearFaults { key: None, fault: Some(2) }, r#"{"do":"clear_faults","fault":2}"#),
    ] {
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
        assert_eq!(Request::read(text.as_bytes()), Ok(request));
    }
}

#[test]
fn a_tap_is_one_of_three_seconds_unless_it_says_more() {
    let tap = serde_json::from_str::<Request>(r#"{"do":"tap"}"#).unwrap();
    assert_eq!(tap, Request::Tap { key: None, times: 1, milliseconds: 3000 });
}

#[test]
fn what_is_not_understood_is_refused_and_not_guessed() {
    for text in [
        "",
        "{}",
        "touch",
        r#"{"do":"approve"}"#,
        r#"{"do":"touch","promt":"a typo must not approve whatever is open"}"#,
        r#"{"do":"touch","sample":{"finger":2,"bad":"too_high"}}"#,
        r#"{"do":"touch","sample":{"bad":"good"}}"#,
        r#"{"do":"deny","sample":{"finger":2}}"#,
        r#"{"do":"wait","seconds":-1}"#,
        r#"{"do":"status"} {"do":"touch"}"#,
        r#"{"do":"status","x":1}"#,
        r#"{"do":"status","do":"status"}"#,
        r#"{"do":"take_off","key":"1-1","key":"1-2"}"#,
        r#"["status"]"#,
        r#"["touch",null,null]"#,
        r#""status""#,
    ] {
        assert!(Request::read(text.as_bytes()).is_err(), "{text}");
    }
}

fn name() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(".{0,40}")
}

fn sample() -> impl Strategy<Value = Option<Sample>> {
    let bad = prop::sample::select(BadSample::value_variants()).prop_map(Sample::Bad);
    proptest::option::of(prop_oneof![any::<u8>().prop_map(Sample::Finger), bad])
}

fn request() -> impl Strategy<Value = Request> {
    let choice = || (name(), name()).prop_map(|(key, prompt)| Choice { key, prompt });
    prop_oneof![
        (name(), name(), sample())
            .prop_map(|(key, prompt, sample)| { Request::Touch(Touching { key, prompt, sample }) }),
        choice().prop_map(Request::Deny),
        (name(), any::<Option<u32>>()).prop_map(|(key, seconds)| Request::Wait { key, seconds }),
        name().prop_map(|key| Request::Replug { key }),
        (name(), any::<u8>(), any::<u32>()).prop_map(|(key, times, milliseconds)| Request::Tap {
            key,
            times,
            milliseconds
        }),
        name().prop_map(|key| Request::LayOn { key }),
        name().prop_map(|key| Request::TakeOff { key }),
        Just(Request::Status {}),
        (name(), any::<bool>()).prop_map(|(key, u2f)| Request::Metadata { key, u2f }),
        name().prop_map(|key| Request::Profile { key }),
    ]
}

proptest! {
    #[test]
    fn every_request_is_one_line_and_comes_back_as_it_was(request in request()) {
        let line = serde_json::to_string(&request).unwrap();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }

    #[test]
    fn a_changed_byte_panics_nothing_and_what_is_accepted_means_what_it_says(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut line = serde_json::to_vec(&request).unwrap();
        let at = at.index(line.len());
        line[at] = byte;
        if let Ok(request) = serde_json::from_slice::<Request>(&line) {
            let line = serde_json::to_vec(&request).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Request>(&line).unwrap(), request);
        }
    }

    #[test]
    fn mutated_requests_never_turn_into_a_touch(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        prop_assume!(!matches!(request, Request::Touch(_)));
        let mut line = serde_json::to_vec(&request).unwrap();
        let at = at.index(line.len());
        line[at] = byte;
        prop_assert!(!matches!(serde_json::from_slice(&line), Ok(Request::Touch(_))));
    }
}
